"""Failed logins are limited per account and address, in every dialect.

Ten failures within five minutes from one address for one account, and further tries are refused
until the five minutes are over, the right secret's too. Costs one AWS call, two for a failure.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

from ..store.counters import ThrottleRecord
from . import clock
from .errors import TooManyFailures, WrongSecret

MOST = 10
WINDOW = 5 * clock.MINUTE


@contextmanager
def limited(kind: str, account: str, address: str) -> Iterator[None]:
    """Wrap the check of a secret. Raises TooManyFailures; passes WrongSecret on after counting it."""
    name = _name(kind, account, address)
    record = ThrottleRecord.find(name)
    if record is not None and int(record.attempts) >= MOST:
        raise TooManyFailures(account)
    try:
        yield
    except WrongSecret:
        _count(name)
        raise


def _name(kind: str, account: str, address: str) -> str:
    """The window is part of the name, so that a new one starts at zero."""
    window = clock.now() // WINDOW
    digest = hashlib.sha256(f"{account}\x00{address}".encode()).hexdigest()
    return f"{kind}#{digest}#{window}"


def _count(name: str) -> None:
    ends = (clock.now() + 2 * WINDOW) // clock.SECOND
    ThrottleRecord(name).update([ThrottleRecord.attempts.add(1), ThrottleRecord.ttl.set(ends)])
