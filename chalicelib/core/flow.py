"""Flow control: how many calls an application makes in a minute of the wall clock.

All processes count in one item. The operator's limit stands on it too, so that each lease brings
the limit of that moment along. A process admits calls on a lease and reports them with its next
one. So no call is refused before the limit was reached, and each process may admit up to nine
beyond it. A busy process pays one AWS call in ten, and one more in a minute that another process
began; a refused application costs none until the minute is over.

Source: Huawei 1.5.1 (error 1010009)
"""

from dataclasses import dataclass
from threading import Lock

from pynamodb.exceptions import UpdateError
from pynamodb.expressions.update import Action

from ..store.counters import RateRecord
from ..store.transactions import Contention, code_of, pause
from . import clock
from .errors import Throttled

DEFAULT_LIMIT = 100
WINDOW = clock.MINUTE
LEASE = 10  # calls for one AWS call
CACHED = 10_000
TRIES = 8


@dataclass
class _Lease:
    """Of one application in one window; windows are numbered since 1970."""

    window: int
    limit: int = DEFAULT_LIMIT
    left: int = 0  # calls that need no AWS call
    used: int = 0  # calls that were admitted on it and are not reported yet
    refused: bool = False


_leases: dict[str, _Lease] = {}
_lock = Lock()


def admit(application: str) -> None:
    """Count a call. No AWS call while a lease lasts, else one. Raises Throttled."""
    window = clock.now() // WINDOW
    with _lock:
        lease = _lease(application, window)
        if lease.refused:
            raise _throttled(lease)
        if lease.left:
            lease.left -= 1
            lease.used += 1
            return
        calls, lease.used = lease.used + 1, 0
    total, limit = _report(application, window, calls)
    with _lock:
        lease.limit = limit
        lease.left = max(0, min(LEASE - 1, limit - total))
        lease.refused = total > limit
        if lease.refused:
            raise _throttled(lease)


def forget() -> None:
    """Empty this process's memory of leases."""
    with _lock:
        _leases.clear()


def rate_name(application: str) -> str:
    """Key of an application's count and limit."""
    return f"rate#{application}"


def _lease(application: str, window: int) -> _Lease:
    """The one of this window. What was not reported of an older window is not counted any more."""
    held = _leases.get(application)
    if held is None or held.window != window:
        if len(_leases) >= CACHED:
            _leases.clear()
        held = _leases[application] = _Lease(window)
    return held


def _throttled(lease: _Lease) -> Throttled:
    left = (lease.window + 1) * WINDOW - clock.now()
    return Throttled(lease.limit, max(1, -(-left // clock.SECOND)))


def _report(application: str, window: int, calls: int) -> tuple[int, int]:
    """Add to the count of the window; answers what it is then, and the limit.

    The window's first report begins it, later ones join it; who guesses wrong takes the other way.
    """
    begins = calls == 1
    for attempt in range(2 * TRIES):
        if attempt > 1:
            pause(attempt // 2)
        record = RateRecord(rate_name(application))
        # a clock that runs ahead began a later window: by one it is joined, by more not believed
        running = RateRecord.window.between(window, window + 1)
        try:
            if begins:
                actions: list[Action] = [RateRecord.window.set(window), RateRecord.calls.set(calls)]
                record.update(actions, RateRecord.window.does_not_exist() | ~running)
            else:
                record.update([RateRecord.calls.add(calls)], running)
        except UpdateError as error:
            if code_of(error) == "ConditionalCheckFailedException":
                begins = not begins
            elif code_of(error) != "TransactionConflictException":
                raise
            continue
        return int(record.calls), DEFAULT_LIMIT if record.limit is None else int(record.limit)
    raise Contention(application)
