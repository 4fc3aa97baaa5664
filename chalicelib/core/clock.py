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


_source: Callable[[], int] = _wall


def now() -> int:
    """Milliseconds since 1970, UTC."""
    return _source()


def use(source: Callable[[], int] | None) -> None:
    """Take the time from `source`; None goes back to the wall clock."""
    global _source
    _source = source or _wall
