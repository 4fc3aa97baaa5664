"""Binding people to devices, and the end of it.

The first person bound to a device is its manager; the device's item `W#manager` says who, and how many
are bound. It is put on condition that there is none, so of several who come at once one wins. A member
leaves alone; with the manager everybody goes, in one transaction, which is what bounds the number of
people a device takes.

A person's count of bindings and the device's count of people are kept in the same transactions, so the
limits hold in races too. A device that is being deleted takes nobody; the purge ends its bindings by
`end_all`.

Source: Feiyan 6.6.12, 6.6.14, 6.9, 7.4
"""

from collections.abc import Callable
from enum import Enum
from typing import Any

import msgspec

from ..store.devices import DEVICE, HOLDER, MANAGER, DeviceRecord, HolderRecord, ManagerRecord
from ..store.homes import HOME, HomeRecord
from ..store.transactions import ConditionFailed, Transaction, pause
from ..store.users import BINDING, BindingRecord, UserRecord
from . import clock, devices, events, ids, users
from .applications import Caller
from .binding_ends import (
    CHILDREN_AT_ONCE,
    Reason,
    as_read,
    count,
    drop,
    end_all,
    unbind,
    unbind_by_manager,
    unbind_children,
)
from .binding_reads import (
    Binding,
    Holder,
    Move,
    Reach,
    Role,
    binding_of,
    check,
    get,
    move,
    moved_to,
    need,
    need_all,
    of_device,
    of_user,
    place,
    reach_all,
    set_nickname,
)
from .errors import (
    BindRefused,
    BoundAlready,
    BoundByOther,
    Busy,
    DeviceNotFound,
    HomeNotFound,
    NotManager,
    TooManyBindings,
    TooManyHolders,
    UserNotFound,
)
from .events import EventType

MOST = 1000  # devices that a person is bound to
MOST_HOLDERS = 25  # people bound to a device: the end of all of them is one transaction, with room for more
TRIES = 8

Beside = Callable[[Transaction], None]


class Mode(Enum):
    """What becomes of who binds a device that has a manager."""

    AUTHORIZED = "authorized"  # refused: the manager has to share it
    SHARED = "shared"  # is a member
    SEIZED = "seized"  # is the manager, and all others are unbound


class Taken(msgspec.Struct, frozen=True):
    """A new binding, and who lost theirs by it."""

    binding: Binding
    ended: list[str] = []


class _Refused(Exception):
    """A condition that stands for several; what did not hold has to be read."""


def bind(
    caller: Caller,
    user: str,
    device: str,
    role: Role | None = None,
    *,
    by: str | None = None,
    home: str | None = None,
    beside: Beside | None = None,
) -> Binding:
    """Bind a person of the caller's application to one of its devices. One AWS call.

    As the manager, or (`role`) as a member of a device that has a manager; `by` is who has to be that.
    The device stands in the home `home` of the person, else in the current one. `beside` adds to the
    change what is written with it. Raises DeviceNotFound, UserNotFound, HomeNotFound, BoundAlready,
    BoundByOther, NotManager, BindRefused where there is no manager to be a member beside,
    TooManyBindings, TooManyHolders, Busy, and what `beside` names.
    """
    if not ids.is_random_id(device):
        raise DeviceNotFound(device)
    if not ids.is_random_id(user):
        raise UserNotFound(user)
    for tried in range(TRIES):
        try:
            return _bind(caller, user, device, role or Role.MANAGER, by, home, beside)
        except _Refused:
            why = _why(caller, user, device, role or Role.MANAGER, by)
        if why is not None:
            raise why
        pause(tried)
    raise Busy(device)


def _bind(
    caller: Caller,
    user: str,
    device: str,
    role: Role,
    by: str | None,
    home: str | None,
    beside: Beside | None,
) -> Binding:
    change = Transaction()
    _check_device(change, caller, device, first=role is not Role.MEMBER)
    binding = _add(change, caller, user, device, role, home)
    if role is Role.MANAGER:
        record = ManagerRecord(device, MANAGER, user=user, holders=1)
        change.put(record, ManagerRecord.device.does_not_exist(), BoundByOther(device))
    else:
        room = ManagerRecord.device.exists() & (ManagerRecord.holders < MOST_HOLDERS)
        if by is not None:
            room &= ManagerRecord.user == by
        change.update(ManagerRecord(device, MANAGER), [ManagerRecord.holders.add(1)], room, _Refused())
    count(change, user, 1, _has_room(caller), _Refused())
    if beside is not None:
        beside(change)
    change.commit()
    return binding


def take(
    caller: Caller,
    user: str,
    device: str,
    mode: Mode = Mode.AUTHORIZED,
    home: str | None = None,
    *,
    beside: Beside | None = None,
) -> Taken:
    """Bind a person who has the device at hand. What happens where it has a manager already says
    `mode`. One to three AWS calls.

    Raises as `bind`, and Busy.
    """
    for tried in range(TRIES):
        try:
            return Taken(bind(caller, user, device, home=home, beside=beside))
        except BoundByOther:
            if mode is Mode.AUTHORIZED:
                raise
        if mode is Mode.SEIZED:
            taken = _seize(caller, user, device, home, beside)
            if taken is not None:
                return taken
        else:
            try:
                return Taken(bind(caller, user, device, Role.MEMBER, home=home, beside=beside))
            except BindRefused as refused:
                if type(refused) is not BindRefused:  # of what goes along
                    raise
                # the manager has just gone
        pause(tried)
    raise Busy(device)


def _seize(caller: Caller, user: str, device: str, home: str | None, beside: Beside | None) -> Taken | None:
    """In place of all who are bound to it; None where they have changed meanwhile."""
    holders = of_device(device)
    if not holders:
        return None
    if any(each.user == user for each in holders):
        raise BoundAlready(device)
    change = Transaction()
    _check_device(change, caller, device, first=True)
    drop(change, device, holders, Reason.SEIZED)
    binding = _add(change, caller, user, device, Role.MANAGER, home)
    change.put(ManagerRecord(device, MANAGER, user=user, holders=1), as_read(holders))
    count(change, user, 1, _has_room(caller), _Refused())
    if beside is not None:
        beside(change)
    try:
        change.commit()
    except ConditionFailed:
        return None
    except _Refused:
        why = _why(caller, user, device, Role.MANAGER, None)
        if why is not None:
            raise why from None
        return None
    return Taken(binding, [each.user for each in holders])


def _check_device(change: Transaction, caller: Caller, device: str, *, first: bool) -> None:
    """Add that the device is there for the caller; with a manager its events are the concern of people."""
    present = devices.alive() & (DeviceRecord.tenant == caller.tenant) & (DeviceRecord.owner == caller.owner)
    present &= DeviceRecord.deadline.does_not_exist() | (DeviceRecord.deadline > clock.now())
    key, absent = DeviceRecord(device, DEVICE), DeviceNotFound(device)
    if first:
        change.update(key, [DeviceRecord.people.set(True)], present, absent)
    else:
        change.check(key, present, absent)


def _add(
    change: Transaction, caller: Caller, user: str, device: str, role: Role, home: str | None
) -> Binding:
    """Add both sides of a binding to the change, and its event."""
    now = clock.now()
    holder = HolderRecord(
        device,
        HOLDER + user,
        tenant=caller.tenant,
        application=caller.owner,
        role=role.value,
        bound=now,
    )
    record = BindingRecord(user, BINDING + device, role=role.value, bound=now, modified=now, home=home)
    if home is not None:
        change.check(HomeRecord(user, HOME + home), HomeRecord.user.exists(), HomeNotFound(home))
    change.put(holder, HolderRecord.device.does_not_exist(), BoundAlready(device))
    change.put(record, BindingRecord.user.does_not_exist(), BoundAlready(device))
    events.emit(change, EventType.USER_BOUND, device, caller.tenant, caller.owner, user=user, role=role)
    return binding_of(record)


def _has_room(caller: Caller) -> Any:
    return (
        users.alive()
        & (UserRecord.tenant == caller.tenant)
        & (UserRecord.owner == caller.owner)
        & (UserRecord.bindings < MOST)
    )


def _why(caller: Caller, user: str, device: str, role: Role, by: str | None) -> Exception | None:
    """Which of the conditions of a binding does not hold now; None where all do. Two AWS calls at most."""
    if users.get(caller, user).bindings >= MOST:
        return TooManyBindings(user)
    if role is Role.MANAGER:
        return None
    manager = ManagerRecord.find(device, MANAGER)
    if manager is None:
        return BindRefused(device)
    if by is not None and manager.user != by:
        return NotManager(device)
    return TooManyHolders(device) if int(manager.holders) >= MOST_HOLDERS else None


__all__ = [
    "CHILDREN_AT_ONCE",
    "MOST",
    "MOST_HOLDERS",
    "Binding",
    "Holder",
    "Mode",
    "Move",
    "Reach",
    "Reason",
    "Role",
    "Taken",
    "bind",
    "check",
    "end_all",
    "get",
    "move",
    "moved_to",
    "need",
    "need_all",
    "of_device",
    "of_user",
    "place",
    "reach_all",
    "set_nickname",
    "take",
    "unbind",
    "unbind_by_manager",
    "unbind_children",
]
