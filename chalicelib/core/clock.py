"""The one place that knows what time it is.

Times are integers: milliseconds since 1970, UTC. Tests put a source of their own in place.
"""

import time
from collections.abc import Callable

SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def _wall() -> int:
    return time.time_ns() // 1_000_000


def _pause(ms: int) -> None:
    time.sleep(ms / SECOND)


_source: Callable[[], int] = _wall
_wait: Callable[[int], None] = _pause


def now() -> int:
    """Milliseconds since 1970, UTC."""
    return _source()


def wait(ms: int) -> None:
    """Let so much time pass."""
    _wait(ms)


def use(source: Callable[[], int] | None, wait: Callable[[int], None] | None = None) -> None:
    """Take the time from `source`, and let it pass by `wait`; None goes back to the wall clock."""
    global _source, _wait
    _source, _wait = source or _wall, wait or _pause
