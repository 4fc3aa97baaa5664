"""Push channels: the phones that a person's messages are to reach, by ids that the app gives them.

A phone is one person's at a time: who binds it takes it from whoever had it.

Source: Feiyan 6.6.18, 6.6.19
"""

import msgspec

from ..store.products import AliasRecord
from ..store.transactions import ConditionFailed, Transaction, pause
from ..store.users import AFTER_CHANNELS, CHANNEL, USER, ChannelRecord, UserItem, UserRecord
from . import clock, users
from .errors import Busy, UserNotFound
from .users import Person

KIND = "push"  # alias: a phone to the person it is bound to; scope: the application
MOST = 20  # phones of a person; a new one takes the place of the oldest
TRIES = 5


class Channel(msgspec.Struct, frozen=True):
    """`phone` is its id, `system` what runs on it; `bound` in ms."""

    phone: str
    system: str
    bound: int


def bind(person: Person, phone: str, system: str) -> None:
    """Three AWS calls. Raises UserNotFound, Busy."""
    for tried in range(TRIES):
        alias = alias_of(person.owner, phone, person.user)
        held = AliasRecord.find(alias.name, alias.scope)
        change = Transaction()
        change.check(UserRecord(person.user, USER), users.alive(), UserNotFound(person.user))
        change.put(alias, AliasRecord.target == held.target if held else AliasRecord.name.does_not_exist())
        if held is not None and held.target != person.user:
            change.delete(ChannelRecord(held.target, CHANNEL + phone))
        others = [each for each in of_user(person.user) if each.phone != phone]
        for each in sorted(others, key=lambda other: other.bound)[: max(0, len(others) + 1 - MOST)]:
            _drop(change, person, each.phone)
        change.put(ChannelRecord(person.user, CHANNEL + phone, system=system, bound=clock.now()))
        try:
            change.commit()
        except ConditionFailed:
            pause(tried)
        else:
            return
    raise Busy(phone)


def unbind(person: Person, phone: str) -> None:
    """Harmless where the phone is not the person's. One AWS call."""
    change = Transaction()
    _drop(change, person, phone)
    try:
        change.commit()
    except ConditionFailed:
        return


def of_user(user: str) -> list[Channel]:
    """One AWS call."""
    reach = UserItem.item.between(CHANNEL, AFTER_CHANNELS)
    records = UserItem.query(user, reach, consistent_read=True)
    return [
        Channel(record.item.removeprefix(CHANNEL), record.system, int(record.bound))
        for record in records
        if isinstance(record, ChannelRecord)
    ]


def alias_of(application: str, phone: str, user: str) -> AliasRecord:
    return AliasRecord(f"{KIND}#{phone}", application, target=user)


def _drop(change: Transaction, person: Person, phone: str) -> None:
    change.delete(alias_of(person.owner, phone, person.user), AliasRecord.target == person.user)
    change.delete(ChannelRecord(person.user, CHANNEL + phone))
