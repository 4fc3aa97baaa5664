"""Identifiers: random ones, and ones that sort by creation."""

import re
import secrets
import string
from threading import Lock

from . import clock

_last = (0, 0)  # the millisecond of the last ordered id, and how many it has had
_lock = Lock()

STAMP = 13  # digits of a millisecond time until the year 2286
LETTERS = string.ascii_letters + string.digits
RANDOM = re.compile(r"[0-9a-f]{32}")


def random_id() -> str:
    """32 lowercase hex characters: fits an id field of all five systems."""
    return secrets.token_hex(16)


def is_random_id(text: str) -> bool:
    return RANDOM.fullmatch(text) is not None


def ordered_id(at: int | None = None) -> str:
    """32 lowercase hex characters that sort by `at` (milliseconds, default now).

    Those that one process makes for one millisecond sort in the order they were made.
    """
    moment = clock.now() if at is None else at
    return f"{moment:012x}{_turn(moment):04x}{secrets.token_hex(8)}"


def _turn(moment: int) -> int:
    global _last
    with _lock:
        _last = (moment, _last[1] + 1 if _last[0] == moment else 0)
        return _last[1] & 0xFFFF


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


def short_id() -> str:
    """10 letters and digits, the longest id of a product that the device shadow API takes."""
    return _letters(10)


def product_key() -> str:
    """A secret of 16 letters and digits, as long as XLink's product key is."""
    return _letters(16)


def number() -> int:
    """A positive integer of 31 bits: fits what a system takes for a 32-bit integer, signed or not."""
    return secrets.randbelow(2**31 - 1) + 1


def _letters(length: int) -> str:
    return "".join(secrets.choice(LETTERS) for _ in range(length))
