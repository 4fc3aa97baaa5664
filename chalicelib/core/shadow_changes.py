"""Changes of desired values: what becomes of each, as values without any AWS.

    PENDING -> SENT -> DELIVERED | FAILED        SENT -> PENDING where no connection was found
    PENDING | SENT -> SUPERSEDED                 PENDING -> DELIVERED where the device says so itself

A change is what one call sets on one service. It is DELIVERED once the device has reported each of its
values, FAILED where it has not in time after it was sent. While it waits to be sent no time runs. A
newer change takes over the properties it names again; one that has lost all of them is SUPERSEDED, and
one that keeps some is judged by these. A settled change never moves again, and a deadline that has
passed counts, swept or not.

Source: Huawei 1.5.8, 1.8.14
"""

from collections.abc import Callable, Collection, Iterable
from enum import Enum

import msgspec

from .command_machine import ATTEMPT_LASTS, LOOK_AGAIN
from .command_states import RESPONSE_WITHIN

SEND = "shadow"  # the background job: a device's desired values
MOST_REPEATS = 3  # while no acknowledgement has come


class Status(Enum):
    PENDING = "PENDING"
    SENT = "SENT"
    DELIVERED = "DELIVERED"
    FAILED = "FAILED"
    SUPERSEDED = "SUPERSEDED"

    @property
    def settled(self) -> bool:
        return self not in (Status.PENDING, Status.SENT)


class Change(msgspec.Struct, frozen=True, omit_defaults=True):
    """Times in ms. `names` are the properties that no newer change has taken over, `left` those of
    them that the device has yet to report. `due` is when the change is looked at next. `stamp` is that
    of the change, `after` that of the device's change of desired values before it.
    """

    id: str
    at: int
    names: tuple[str, ...]
    left: tuple[str, ...]
    due: int
    sent: int = 0  # the latest attempt
    tries: int = 0
    taken: int = 0  # when the device acknowledged the message
    refused: bool = False  # the device's messages have no form for it
    stamp: int = 0
    after: int = 0


Changes = tuple[Change, ...]


def status_of(change: Change, now: int) -> Status:
    if not change.names:
        return Status.SUPERSEDED
    if change.refused:
        return Status.FAILED
    if not change.left:
        return Status.DELIVERED
    if not change.sent:
        return Status.PENDING
    return Status.SENT if may_repeat(change) or now < answer_until(change) else Status.FAILED


def waits(change: Change, now: int) -> bool:
    """Whether it is to be sent: for the first time, or once more."""
    status = status_of(change, now)
    if status is Status.SENT:
        return may_repeat(change) and change.due <= now
    return status is Status.PENDING


def unsent(changes: Changes, now: int) -> bool:
    return any(status_of(each, now) is Status.PENDING for each in changes)


def may_repeat(change: Change) -> bool:
    return not change.taken and change.tries <= MOST_REPEATS


def answer_until(change: Change) -> int:
    return (change.taken or change.sent) + RESPONSE_WITHIN


def look_again(at: int, now: int) -> int:
    """When, ms, a change of `at` ms that waits is looked at next, for what was to send it may have been
    lost. The older it is the less often.
    """
    return now + max(LOOK_AGAIN, now - at)


def taken_over(changes: Changes, names: Collection[str]) -> Changes:
    """A newer change takes these properties over."""
    return tuple(_without(each, set(names)) for each in changes)


def _without(change: Change, names: set[str]) -> Change:
    if names.isdisjoint(change.names):
        return change
    return msgspec.structs.replace(
        change,
        names=tuple(name for name in change.names if name not in names),
        left=tuple(name for name in change.left if name not in names),
    )


def crossed_off(changes: Changes, reported: Callable[[str], bool], now: int) -> Changes:
    """The device has `reported` some desired values; this is too late for what is over."""

    def cross(change: Change) -> Change:
        if status_of(change, now).settled:
            return change
        left = tuple(name for name in change.left if not reported(name))
        return change if left == change.left else msgspec.structs.replace(change, left=left)

    return tuple(map(cross, changes))


def tried(change: Change, now: int) -> Change:
    """One more attempt is made now."""
    tries = change.tries + 1
    after = msgspec.structs.replace(change, sent=now, tries=tries)
    due = now + ATTEMPT_LASTS if may_repeat(after) else answer_until(after)
    return msgspec.structs.replace(after, due=due)


def acknowledged(change: Change, now: int) -> Change:
    return msgspec.structs.replace(change, taken=now, due=now + RESPONSE_WITHIN)


def put_back(change: Change, now: int) -> Change:
    """The device was not reached: it waits as if it had never been sent."""
    return msgspec.structs.replace(change, sent=0, tries=0, taken=0, due=look_again(change.at, now))


def refused(change: Change, now: int) -> Change:
    return msgspec.structs.replace(change, refused=True, due=now)


def earliest(changes: Iterable[Change]) -> int | None:
    """When the first of them is due, ms."""
    return min((each.due for each in changes), default=None)
