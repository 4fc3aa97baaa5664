"""Failed logins are limited per account and address, in every dialect.

Ten failures within the five minutes that begin with the first, from one address for one account,
and further tries are refused until the five minutes are over, the right secret's too. Costs one AWS
call, two for a failure.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

from pynamodb.exceptions import UpdateError
from pynamodb.expressions.update import Action

from ..store.counters import ThrottleRecord
from ..store.transactions import code_of
from . import clock
from .errors import TooManyFailures, WrongSecret

MOST = 10
WINDOW = 5 * clock.MINUTE


@contextmanager
def limited(kind: str, account: str, address: str) -> Iterator[None]:
    """Wrap the check of a secret. Raises TooManyFailures; passes WrongSecret on after counting it."""
    name = f"{kind}#" + hashlib.sha256(f"{account}\x00{address}".encode()).hexdigest()
    record = ThrottleRecord.find(name)
    # TTL deletes some time after the window's end, so the end itself is looked at
    open_window = record is not None and int(record.ttl) > clock.now() // clock.SECOND
    if record is not None and open_window and int(record.attempts) >= MOST:
        raise TooManyFailures(account)
    try:
        yield
    except WrongSecret:
        _count(name, anew=not open_window)
        raise


def _count(name: str, *, anew: bool) -> None:
    now, record = clock.now() // clock.SECOND, ThrottleRecord(name)
    if anew:
        begun: list[Action] = [
            ThrottleRecord.attempts.set(1),
            ThrottleRecord.ttl.set(now + WINDOW // clock.SECOND),
        ]
        try:
            record.update(begun, ThrottleRecord.ttl.does_not_exist() | (ThrottleRecord.ttl <= now))
        except UpdateError as error:
            if code_of(error) != "ConditionalCheckFailedException":
                raise
        else:
            return
    record.update([ThrottleRecord.attempts.add(1)])
