"""Device groups: making, changing, listing and deleting them, and who is in them.

A group belongs to the application it was made for, and its name is unique there. Deleting one frees
its members at once; their items are cleared in the background.

Source: Huawei 1.11
"""

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from ..aws import queues
from ..store.groups import GroupCountRecord, GroupRecord, counted
from ..store.products import AliasRecord
from ..store.reading import find_all
from ..store.transactions import ConditionFailed, Transaction, pause
from ..store.walks import Key, Walk
from . import clock, disbanding, ids, memberships, paging, regrouping
from .applications import Caller
from .claims import Kind
from .errors import Busy, GroupFull, GroupNotFound, InvalidInput
from .paging import Page, Source
from .regrouping import Founding, NumberTaken

NAME = re.compile(r"[A-Za-z0-9]{1,50}")
MOST_AT_ONCE = 1000  # devices of one call
TRIES = 8


class Group(msgspec.Struct, frozen=True):
    """`most` members at most, 0 is no limit; `created` in ms.

    `number` is its id in systems that know it by an integer, unique over all tenants.
    """

    id: str
    number: int
    tenant: str
    owner: str
    creator: str
    name: str
    most: int
    members: int
    created: int
    description: str | None = None


def _group(record: GroupRecord) -> Group:
    return msgspec.convert(record.values(), Group)


def create(
    caller: Caller,
    name: str,
    description: str | None = None,
    most: int = 0,
    members: Sequence[str] = (),
) -> Group:
    """Make a group with its first members, or nothing at all.

    One AWS call without members, two with up to regrouping.AT_ONCE. Raises InvalidInput, GroupFull,
    GroupNameTaken, TooManyGroups, DeviceNotFound, MembershipRefused, Busy.

    Source: Huawei 1.11.1
    """
    _check_name(name)
    _check_number(members)
    if most and len(set(members)) > most:
        raise GroupFull(name)
    for _ in range(TRIES):
        new = Founding(
            id=ids.random_id(),
            number=ids.number(),
            tenant=caller.tenant,
            owner=caller.owner,
            creator=caller.application,
            name=name,
            most=most,
            created=clock.now(),
            description=description,
        )
        try:
            regrouping.change(caller, Kind.JOIN, new.id, members, new)
        except NumberTaken:
            continue  # a random number has come up before: another will not
        return Group(**msgspec.structs.asdict(new), members=len(set(members)))
    raise Busy(name)


def _check_name(name: str) -> None:
    if not NAME.fullmatch(name):
        raise InvalidInput("name", "must be 1 to 50 of A-Z a-z 0-9")


def _check_number(members: Sequence[str]) -> None:
    if len(members) > MOST_AT_ONCE:
        raise GroupFull(f"more than {MOST_AT_ONCE} in a call")


def record_of(caller: Caller, group: str) -> GroupRecord:
    """Raises GroupNotFound. One AWS call."""
    record = GroupRecord.find(group)
    if record is None or not _visible(caller, record):
        raise GroupNotFound(group)
    return record


def _visible(caller: Caller, record: GroupRecord) -> bool:
    return bool(not record.deleted and record.tenant == caller.tenant and record.owner == caller.owner)


def get(caller: Caller, group: str) -> Group:
    """Raises GroupNotFound. One AWS call. Source: Huawei 1.11.5"""
    return _group(record_of(caller, group))


def find_by_number(caller: Caller, number: int) -> Group:
    """Raises GroupNotFound. At most two AWS calls."""
    alias = regrouping.number_alias(number)
    found = AliasRecord.find(alias.name, alias.scope)
    if found is None:
        raise GroupNotFound(str(number))
    return get(caller, found.target)


def named(caller: Caller, names: Sequence[str]) -> list[Group]:
    """The application's groups of these names, in their order. Two AWS calls a hundred.

    Raises GroupNotFound where one does not exist.
    """
    found: dict[str, str] = {}
    for some in memberships.batched(dict.fromkeys(names), memberships.MOST_KEYS):
        aliases = find_all((AliasRecord, *_alias_key(caller, name)) for name in some).values()
        found |= {
            each.name.partition("#")[2]: each.target for each in aliases if isinstance(each, AliasRecord)
        }
    missing = [name for name in names if name not in found]
    if missing:
        raise GroupNotFound(missing[0])
    return all_of(caller, [found[name] for name in names])


def _alias_key(caller: Caller, name: str) -> tuple[str, str]:
    alias = regrouping.alias(caller.owner, name)
    return alias.name, alias.scope


def all_of(caller: Caller, groups: Sequence[str]) -> list[Group]:
    """The groups, in the order given. One AWS call a hundred. Raises GroupNotFound where one is missing."""
    found = _read(caller, groups)
    missing = [each for each in groups if each not in found]
    if missing:
        raise GroupNotFound(missing[0])
    return [found[each] for each in groups]


def _read(caller: Caller, groups: Sequence[str]) -> dict[str, Group]:
    found: dict[str, Group] = {}
    for some in memberships.batched(dict.fromkeys(groups), memberships.MOST_KEYS):
        for record in find_all((GroupRecord, each, None) for each in some).values():
            if isinstance(record, GroupRecord) and _visible(caller, record):
                found[record.id] = _group(record)
    return found


def modify(caller: Caller, group: str, name: str, description: str | None, most: int) -> Group:
    """Rename a group, or change its limit; a description of None stays as it is. Two AWS calls.

    Raises InvalidInput, GroupNotFound, GroupNameTaken, GroupFull where it has more members, Busy.

    Source: Huawei 1.11.3
    """
    _check_name(name)
    for tried in range(TRIES):
        record = record_of(caller, group)
        if most and int(record.members) > most:
            raise GroupFull(group)
        change = Transaction()
        actions: list[Any] = [GroupRecord.name.set(name), GroupRecord.most.set(most)]
        if description is not None:
            actions.append(GroupRecord.description.set(description))
            record.description = description
        same = GroupRecord.deleted.does_not_exist() & (GroupRecord.name == record.name)
        if most:
            same &= GroupRecord.members <= most
        change.update(GroupRecord(group), actions, same)
        if name != record.name:
            change.delete(regrouping.alias(caller.owner, record.name), AliasRecord.target == group)
            regrouping.name_it(change, caller.owner, name, group)
        try:
            change.commit()
        except ConditionFailed:
            pause(tried)
        else:
            record.name, record.most = name, most
            return _group(record)
    raise Busy(group)


def delete(caller: Caller, group: str) -> None:
    """Three AWS calls. Raises GroupNotFound, Busy. Source: Huawei 1.11.2"""
    for tried in range(TRIES):
        record = record_of(caller, group)
        change = Transaction()
        change.update(
            GroupRecord(group),
            [
                GroupRecord.deleted.set(True),
                GroupRecord.shard.set(regrouping.shard(group)),
                GroupRecord.deadline.set(clock.now() + disbanding.AGAIN),
                GroupRecord.listing.remove(),
            ],
            GroupRecord.id.exists()
            & GroupRecord.deleted.does_not_exist()
            & (GroupRecord.name == record.name),
        )
        change.delete(regrouping.alias(caller.owner, record.name), AliasRecord.target == group)
        change.delete(regrouping.number_alias(int(record.number)), AliasRecord.target == group)
        change.update(GroupCountRecord(counted(caller.owner)), [GroupCountRecord.count_.add(-1)])
        try:
            change.commit()
        except ConditionFailed:  # renamed or deleted meanwhile
            pause(tried)
        else:
            queues.work(disbanding.DISBAND, group=group)
            return
    raise Busy(group)


def page(caller: Caller, name: str | None, number: int, size: int) -> Page[Group]:
    """Newest first, or the one of this name. AWS calls: a query, one a hundred groups, and those of
    `paging`. Source: Huawei 1.11.4
    """
    if name is not None:
        alias = AliasRecord.find(*_alias_key(caller, name))
        found = list(_read(caller, [alias.target]).values()) if alias else []
        return Page(found if number == 0 else [], len(found), number, size)
    walk = Walk(GroupRecord, caller.owner, GroupRecord.listing, index="by_owner", forward=False)

    def fetch(start: Key | None, limit: int) -> tuple[list[Group], Key | None]:
        records, following = walk.read(start, limit)
        found = _read(caller, [record.id for record in records])
        return [found[record.id] for record in records if record.id in found], following

    def count() -> int:
        record = GroupCountRecord.find(counted(caller.owner))
        return int(record.count_) if record is not None else 0

    walk_name = paging.name(caller.tenant, caller.owner, "groups", size)
    return paging.page(walk_name, number, size, Source(fetch, walk.skip, count))


def members(caller: Caller, group: str, number: int, size: int) -> Page[str]:
    """Device ids by page. Two AWS calls and those of `paging`, one more where members are just joining
    or leaving. Raises GroupNotFound. Source: Huawei 1.11.6
    """
    record = record_of(caller, group)
    source = Source(
        lambda start, limit: memberships.members(record, start, limit),
        lambda count: _skip(record, count),
        lambda: int(record.members),
    )
    name = paging.name(caller.tenant, caller.owner, "members", group, size)
    return paging.page(name, number, size, source)


def _skip(record: GroupRecord, count: int) -> tuple[int, Key | None]:
    found, place = memberships.members(record, None, count)
    return len(found), place


def add(caller: Caller, group: str, devices: Sequence[str]) -> None:
    """Make all of the devices members, or none; members already stay so. Four AWS calls for up to
    regrouping.AT_ONCE devices.

    Raises GroupNotFound, GroupFull, DeviceNotFound, MembershipRefused, Busy. Source: Huawei 1.11.7
    """
    _change(caller, Kind.JOIN, group, devices)


def remove(caller: Caller, group: str, devices: Sequence[str]) -> None:
    """All of the devices leave the group, or none. Three AWS calls for up to regrouping.AT_ONCE.

    Raises GroupNotFound, GroupFull, MembershipRefused, Busy. Source: Huawei 1.11.8
    """
    _change(caller, Kind.LEAVE, group, devices)


def _change(caller: Caller, kind: Kind, group: str, devices: Sequence[str]) -> None:
    _check_number(devices)
    record_of(caller, group)
    regrouping.change(caller, kind, group, devices)
