"""Cursors: places in a listing by ordered ids, as text that says nothing."""

import base64
import binascii

from .errors import InvalidInput

SIZE = 16  # bytes of an id


def text_of(ident: str) -> str:
    return base64.urlsafe_b64encode(bytes.fromhex(ident)).decode().rstrip("=")


def read(cursor: str) -> str:
    """The id. Raises InvalidInput."""
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != SIZE:
        raise InvalidInput("cursor", "is none that was given out")
    return raw.hex()
