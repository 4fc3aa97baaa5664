"""Times of day in a time zone, and when they come next. Times are ms, UTC.

Where the clocks change: a time that is skipped comes as much later as the clocks jump (02:30 is 03:30
then), one that is repeated counts the first time only.
"""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Struct

from .errors import InvalidInput

NAMES = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
ZONE = re.compile(r"[A-Z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*")  # not localtime, posix/… of a machine
AHEAD = 9  # days that hold each weekday, whatever the zone does


class Moment(Struct, frozen=True):
    """One time, ms."""

    at: int


class Daily(Struct, frozen=True):
    """`at` is HH:MM in the zone, on these days of the week."""

    at: str
    days: Sequence[str]
    zone: str


def zone_of(name: str, field: str = "zone") -> ZoneInfo:
    """Raises InvalidInput naming `field` where there is no such zone."""
    try:
        if not ZONE.fullmatch(name):
            raise ValueError(name)
        return _zone(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InvalidInput(field, f"{name!r} is no time zone such as Europe/Berlin") from error


@cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def following(when: Daily | Moment, after: int) -> int | None:
    """The first time of it later than `after`; None where there is none."""
    if isinstance(when, Moment):
        return when.at if when.at > after else None
    zone = zone_of(when.zone)
    day = _local(after, zone).date() - timedelta(days=1)  # a skipped time may lie on the next day
    for _ in range(AHEAD + 1):
        found = _on(day, when.at, zone)
        if NAMES[day.weekday()] in when.days and found > after:
            return found
        day += timedelta(days=1)
    return None


def within(start: str, end: str, days: Sequence[str], zone_name: str, at: int) -> bool:
    """Whether `at` lies in the window that starts on one of these days."""
    zone = zone_of(zone_name)
    today = _local(at, zone).date()
    for day in (today - timedelta(days=1), today):
        ends = day if start < end else day + timedelta(days=1)
        if NAMES[day.weekday()] in days and _on(day, start, zone) <= at < _on(ends, end, zone):
            return True
    return False


def _local(at: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(at / 1000, UTC).astimezone(zone)


def _on(day: date, clock_time: str, zone: ZoneInfo) -> int:
    """`fold` 0: before the jump for a time that is skipped, the first one where it is repeated."""
    at = datetime.combine(day, time.fromisoformat(clock_time), zone)
    return int(at.timestamp() * 1000)
