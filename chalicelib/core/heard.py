"""A device that says something which is no report, an answer to a command say, was heard of as well.

Counted once in `telemetry.SEEN_EVERY`, which is how exact "last seen" is, for it costs a read.
"""

from threading import Lock

from . import clock, telemetry
from .telemetry import Report

CACHED = 10_000

_noted: dict[str, int] = {}  # by device, when; ms
_lock = Lock()


def note(given: Report) -> None:
    """Contact without values. No AWS call where it was noted a moment ago; else one, and one where the
    device's status or "last seen" changes. Raises Contention.
    """
    now = clock.now()
    if 0 <= now - _noted.get(given.device, -telemetry.SEEN_EVERY) < telemetry.SEEN_EVERY:
        return
    telemetry.report(given)
    with _lock:
        if len(_noted) >= CACHED:
            _noted.clear()
        _noted[given.device] = now


def forget() -> None:
    """Empty this process's memory of who was heard."""
    with _lock:
        _noted.clear()
