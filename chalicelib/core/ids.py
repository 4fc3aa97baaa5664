"""Identifiers: random ones, and ones that sort by creation."""

import re
import secrets

from . import clock

STAMP = 13  # digits of a millisecond time until the year 2286
RANDOM = re.compile(r"[0-9a-f]{32}")


def random_id() -> str:
    """32 lowercase hex characters: fits an id field of all five systems."""
    return secrets.token_hex(16)


def is_random_id(text: str) -> bool:
    return RANDOM.fullmatch(text) is not None


def ordered_id(at: int | None = None) -> str:
    """32 lowercase hex characters that sort by `at` (milliseconds, default now)."""
    return f"{clock.now() if at is None else at:012x}{secrets.token_hex(10)}"


def ordered_bound(at: int) -> str:
    """The smallest ordered id of the millisecond `at`."""
    return f"{max(at, 0):012x}"


def listing_key(at: int, ident: str) -> str:
    """Sort key of a listing index: creation time, then id."""
    return f"{at:0{STAMP}d}#{ident}"


def listing_bound(at: int) -> str:
    return f"{max(at, 0):0{STAMP}d}"


def secret() -> str:
    """A high-entropy secret of 32 characters."""
    return secrets.token_hex(16)
