"""Failed logins are limited per account and address, in every dialect.

Ten failures within the five minutes that begin with the first, from one address for one account,
and further tries are refused until the five minutes are over, the right secret's too. Costs one AWS
call, two for a failure. `spend` counts uses of whatever is dear instead, in the same way.
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


def spend(kind: str, who: str, most: int, window: int) -> None:
    """Count a use. At most `most` in the `window` (ms) that begins with the first; then TooManyFailures.

    One AWS call, two for a window's first use, three for a refusal.
    """
    name = f"{kind}#" + hashlib.sha256(who.encode()).hexdigest()
    now, record = clock.now() // clock.SECOND, ThrottleRecord(name)
    begun: list[Action] = [
        ThrottleRecord.attempts.set(1),
        ThrottleRecord.ttl.set(now + window // clock.SECOND),
    ]
    over = ThrottleRecord.ttl.does_not_exist() | (ThrottleRecord.ttl <= now)
    further: list[Action] = [ThrottleRecord.attempts.add(1)]
    left = (ThrottleRecord.ttl > now) & (ThrottleRecord.attempts < most)
    # who loses the race to begin a window joins it
    for actions, condition in ((further, left), (begun, over), (further, left)):
        try:
            record.update(actions, condition)
        except UpdateError as error:
            if code_of(error) != "ConditionalCheckFailedException":
                raise
        else:
            return
    raise TooManyFailures(who)


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
