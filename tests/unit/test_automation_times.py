"""Times of day in time zones: when they come next, also where the clocks change."""

from datetime import datetime

import pytest

from chalicelib.core import automation_times
from chalicelib.core.automation_times import NAMES, Daily, Moment, following, within
from chalicelib.core.errors import InvalidInput


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def walk(when: Daily, start: str, count: int) -> list[int]:
    found, after = [], at(start)
    for _ in range(count):
        following_one = following(when, after)
        assert following_one is not None
        found.append(following_one)
        after = following_one
    return found


def test_a_moment_comes_once() -> None:
    assert following(Moment(5), 4) == 5
    assert following(Moment(5), 5) is None


def test_a_time_comes_each_day_and_never_twice() -> None:
    assert walk(Daily("07:30", NAMES, "UTC"), "2026-03-01T07:29:59+00:00", 2) == [
        at("2026-03-01T07:30:00+00:00"),
        at("2026-03-02T07:30:00+00:00"),
    ]


def test_days_are_those_of_the_zone() -> None:
    """Monday in Auckland begins on Sunday in UTC."""
    when = Daily("00:15", ("MON",), "Pacific/Auckland")
    assert walk(when, "2026-05-31T00:00:00+00:00", 2) == [
        at("2026-05-31T12:15:00+00:00"),
        at("2026-06-07T12:15:00+00:00"),
    ]


def test_a_skipped_time_comes_as_much_later_and_once() -> None:
    """In Berlin 02:30 is skipped on 29 March 2026: it is 03:30 of summer time."""
    when = Daily("02:30", NAMES, "Europe/Berlin")
    assert walk(when, "2026-03-28T00:00:00+00:00", 3) == [
        at("2026-03-28T02:30:00+01:00"),
        at("2026-03-29T03:30:00+02:00"),
        at("2026-03-30T02:30:00+02:00"),
    ]


def test_a_repeated_time_counts_the_first_time_only() -> None:
    """In New York 01:30 comes twice on 1 November 2026."""
    when = Daily("01:30", NAMES, "America/New_York")
    assert walk(when, "2026-10-31T12:00:00+00:00", 2) == [
        at("2026-11-01T01:30:00-04:00"),
        at("2026-11-02T01:30:00-05:00"),
    ]


def test_a_time_near_midnight_that_a_jump_moves_to_the_next_day_is_found() -> None:
    """In Beirut 00:15 is skipped on 29 March 2026: it is 01:15."""
    when = Daily("00:15", ("SUN",), "Asia/Beirut")
    assert following(when, at("2026-03-28T21:59:00+00:00")) == at("2026-03-29T01:15:00+03:00")


@pytest.mark.parametrize(
    ("moment", "open_"),
    [
        ("2026-06-05T21:59:59+02:00", False),  # Friday
        ("2026-06-05T22:00:00+02:00", True),
        ("2026-06-06T05:59:59+02:00", True),
        ("2026-06-06T06:00:00+02:00", False),
        ("2026-06-06T23:00:00+02:00", False),  # Saturday is not among its days
    ],
)
def test_a_window_past_midnight_belongs_to_the_day_it_starts_on(moment: str, open_: bool) -> None:
    assert within("22:00", "06:00", ("FRI",), "Europe/Berlin", at(moment)) is open_


def test_a_window_of_one_day_ends_before_its_end() -> None:
    assert within("08:00", "17:00", NAMES, "UTC", at("2026-06-05T08:00:00+00:00"))
    assert not within("08:00", "17:00", NAMES, "UTC", at("2026-06-05T17:00:00+00:00"))


@pytest.mark.parametrize(
    "name", ["Nowhere/Here", "Europe", "../etc/passwd", "/etc/passwd", "A\0b", "localtime", "posix/UTC", ""]
)
def test_what_is_no_zone_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="time zone"):
        automation_times.zone_of(name, "when")
