"""Which group a device is in.

A device is in at most one group, and its own item says in which (`W#group`). A change of many
members writes its operation's id into their items first and becomes true at one moment, when the
operation is committed; until the ids are cleared away, that operation's state says what each
item means. A deleted group's items mean nothing. A group counts its members with every change.

Source: Huawei 1.11
"""

from collections.abc import Iterable, Iterator
from enum import Enum
from itertools import islice
from typing import TypeVar

from pynamodb.expressions.condition import Condition

from ..store.base import Record
from ..store.devices import MEMBER, DeviceItem, MemberRecord
from ..store.groups import GroupRecord, OperationRecord
from ..store.reading import Key, find_all
from ..store.transactions import ConditionFailed, Transaction
from ..store.walks import Key as Place
from ..store.walks import Walk
from . import clock
from .errors import GroupFull, GroupNotFound

OPEN, COMMITTED, ABORTED = "open", "committed", "aborted"
MOST_KEYS = 100  # of one batch read
READ_AT_ONCE = 250  # items of a group, for a page of its members


T = TypeVar("T")


class Standing(Enum):
    IN = "in"
    OUT = "out"
    UNDECIDED = "undecided"  # an operation that is under way decides


class Standings:
    """How the members given stand; `live` are the groups that exist, by id.

    One AWS call where any is under an operation, or in a group other than `known`.
    """

    def __init__(self, members: Iterable[MemberRecord], known: GroupRecord | None = None) -> None:
        members = list(members)
        keys: list[Key] = [(OperationRecord, m.operation, None) for m in members if m.operation]
        keys += [(GroupRecord, m.group, None) for m in members if known is None or m.group != known.id]
        found: dict[Key, Record] = {}
        for batch in batched(dict.fromkeys(keys), MOST_KEYS):
            found |= find_all(batch)
        self._operations = {o.id: o for o in found.values() if isinstance(o, OperationRecord)}
        groups = [g for g in found.values() if isinstance(g, GroupRecord)]
        self.live = {g.id: g for g in [*groups, *([known] if known else [])] if not g.deleted}

    def of(self, member: MemberRecord | None) -> Standing:
        if member is None or member.group not in self.live:
            return Standing.OUT
        if not member.operation:
            return Standing.IN
        operation = self._operations.get(member.operation)
        if operation is None or operation.state == OPEN:
            return Standing.UNDECIDED  # one that is cleared away has changed the item since it was read
        joined = not member.leaving
        return Standing.IN if (operation.state == COMMITTED) is joined else Standing.OUT

    def overdue(self, member: MemberRecord) -> bool:
        """Whether the operation that decides should have been decided."""
        operation = self._operations.get(member.operation)
        return operation is not None and (operation.deadline or 0) <= clock.now()


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """In lists of up to `size`, in order."""
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch


def unchanged(member: MemberRecord | None) -> Condition:
    """Condition: the device's item is as it was read."""
    if member is None:
        absent: Condition = MemberRecord.group.does_not_exist()
        return absent
    same = MemberRecord.group == member.group
    decided = (
        MemberRecord.operation == member.operation
        if member.operation
        else MemberRecord.operation.does_not_exist()
    )
    both: Condition = same & decided
    return both


def group_of(device: str) -> str | None:
    """Id of the device's group. One AWS call, and one where the device is in a group."""
    member = DeviceItem.find(device, MEMBER)
    if not isinstance(member, MemberRecord):
        return None
    standing = Standings([member]).of(member)
    joined = standing is Standing.IN or (standing is Standing.UNDECIDED and bool(member.leaving))
    return member.group if joined else None


def count(change: Transaction, group: str, amount: int) -> None:
    """Add to the change that the group has so many more or fewer members.

    One AWS call for more. Raises GroupNotFound, GroupFull. Fails with ConditionFailed where the group
    has been changed meanwhile.
    """
    alive = GroupRecord.id.exists() & GroupRecord.deleted.does_not_exist()
    if amount > 0:
        record = GroupRecord.find(group)
        if record is None or record.deleted:
            raise GroupNotFound(group)
        most = int(record.most)
        if most and int(record.members) + amount > most:
            raise GroupFull(group)
        alive &= GroupRecord.most == most
        if most:
            alive &= GroupRecord.members <= most - amount
    change.update(GroupRecord(group), [GroupRecord.members.add(amount)], alive)


def release(change: Transaction, device: str, member: MemberRecord | None) -> None:
    """Add to the change that deletes a device that its group has one member less.

    Whoever is just adding or removing the device is refused: it exists no more. One AWS call where
    the device is in a group. Fails with ConditionFailed where it has joined or left meanwhile.
    """
    if member is None:
        change.check(MemberRecord(device, MEMBER), unchanged(None))
        return
    standing = Standings([member]).of(member)
    if standing is Standing.UNDECIDED:
        abort(member.operation)
        standing = Standings([member]).of(member)
    if standing is Standing.UNDECIDED:
        raise ConditionFailed(device)  # cleared away this moment: to be read again
    if standing is Standing.IN:
        count(change, member.group, -1)
    change.delete(MemberRecord(device, MEMBER), unchanged(member))


def abort(operation: str) -> bool:
    """Refuse an operation that is under way; False where it has been decided."""
    change = Transaction()
    undecided = OperationRecord.state == OPEN
    change.update(OperationRecord(operation), [OperationRecord.state.set(ABORTED)], undecided)
    try:
        change.commit()
    except ConditionFailed:
        return False
    return True


def walk(group: str) -> Walk[MemberRecord]:
    """The items that name the group, by device id; from an index that may lag."""
    return Walk(MemberRecord, group, MemberRecord.device, index="by_group")


def members(group: GroupRecord, start: Place | None, limit: int) -> tuple[list[str], Place | None]:
    """Up to `limit` device ids after `start`, and where to go on; None there is the end.

    One AWS call, one more where members are just joining or leaving.
    """
    found: list[str] = []
    place = start
    while True:
        records, place = walk(group.id).read(place, max(limit, READ_AT_ONCE))
        standings = Standings(records, group)
        for record in records:
            standing = standings.of(record)
            if standing is Standing.IN or (standing is Standing.UNDECIDED and record.leaving):
                found.append(record.device)
            if len(found) == limit:
                last = place is None and record is records[-1]
                return found, None if last else _after(record)
        if place is None:
            return found, None


def _after(record: MemberRecord) -> Place:
    return {"group": {"S": record.group}, "device": {"S": record.device}, "item": {"S": MEMBER}}
