"""The end of bindings: a member leaves alone, with the manager everybody goes.

All that ends at once is one transaction with one event, on condition that nobody has come to the device
or left it since it was read; so no binding is left on one side only, whenever a worker dies.

Source: Feiyan 6.6.12, 6.6.14, 6.9.10, 7.4.3, 7.4.4
"""

from collections.abc import Sequence
from enum import Enum
from typing import Any

from ..aws import queues
from ..store.devices import HOLDER, MANAGER, HolderRecord, ManagerRecord
from ..store.transactions import ConditionFailed, Transaction, pause
from ..store.users import BINDING, USER, BindingRecord, UserRecord
from . import children, events
from .binding_reads import Holder, Role, of_device, of_user
from .errors import Busy, NotBound, NotManager
from .events import EventType

CHILDREN_AT_ONCE = 20  # of a gateway, unbound before the call answers; more in the background
UNBIND_CHILDREN = "unbind-children"
TRIES = 8


class Reason(Enum):
    """Why a binding ended."""

    UNBOUND = "unbound"  # by the person
    BY_MANAGER = "by_manager"  # or with the manager's own
    BY_APPLICATION = "by_application"
    SEIZED = "seized"
    USER_REMOVED = "user_removed"
    DEVICE_DELETED = "device_deleted"


def unbind(user: str, device: str, reason: Reason = Reason.UNBOUND) -> list[Holder]:
    """End a person's binding, or with the manager's everybody's; answers whose. Two AWS calls.

    Raises NotBound, Busy. Source: Feiyan 6.6.12
    """
    for tried in range(TRIES):
        holders = of_device(device)
        own = next((each for each in holders if each.user == user), None)
        if own is None:
            raise NotBound(device)
        ended = holders if own.role is Role.MANAGER else [own]
        if _ended(device, ended, holders, reason):
            return ended
        pause(tried)
    raise Busy(device)


def unbind_by_manager(manager: str, user: str, device: str) -> None:
    """The manager ends a member's binding. Two AWS calls. Raises NotBound where either has none,
    NotManager, Busy.

    Source: Feiyan 6.6.14
    """
    if user == manager:
        unbind(user, device)
        return
    for tried in range(TRIES):
        holders = {each.user: each for each in of_device(device)}
        if manager not in holders:
            raise NotBound(device)
        if holders[manager].role is not Role.MANAGER:
            raise NotManager(device)
        if user not in holders:
            raise NotBound(device)
        if _ended(device, [holders[user]], list(holders.values()), Reason.BY_MANAGER):
            return
        pause(tried)
    raise Busy(device)


def end_all(device: str, reason: Reason) -> list[Holder]:
    """End whatever bindings a device has; answers whose. One AWS call without any, else two.

    Harmless to repeat. Raises Busy. Source: Feiyan 7.4.4
    """
    for tried in range(TRIES):
        holders = of_device(device)
        if not holders or _ended(device, holders, holders, reason):
            return holders
        pause(tried)
    raise Busy(device)


def unbind_children(user: str, gateway: str, before: int, most: int = CHILDREN_AT_ONCE) -> None:
    """End the bindings, no younger than `before` (ms), of a person to the devices behind a gateway; more
    than `most` in the background. Harmless to repeat.

    Two AWS calls and two a device. Source: Feiyan 6.6.12 (unbindSubdevice)
    """
    bound = {each.device for each in of_user(user) if each.bound <= before}
    behind = [each for each in children.children_of(gateway) if each in bound]
    for device in behind[:most]:
        try:
            unbind(user, device)
        except NotBound:
            continue  # a repetition, or ended meanwhile
    if len(behind) > most:
        queues.work(UNBIND_CHILDREN, user=user, gateway=gateway, before=before)


def _ended(device: str, ended: Sequence[Holder], holders: Sequence[Holder], reason: Reason) -> bool:
    """End some of the bindings of a device, or all; False where they have changed since they were read."""
    change = Transaction()
    if len(ended) == len(holders):
        change.delete(ManagerRecord(device, MANAGER), as_read(holders))
    else:
        left = [ManagerRecord.holders.add(-len(ended))]
        change.update(ManagerRecord(device, MANAGER), left, ManagerRecord.device.exists())
    drop(change, device, ended, reason)
    try:
        change.commit()
    except ConditionFailed:
        return False
    return True


def as_read(holders: Sequence[Holder]) -> Any:
    """Nobody has come since; who has left, is found out by the missing binding."""
    return (ManagerRecord.user == holders[0].user) & (ManagerRecord.holders == len(holders))


def drop(change: Transaction, device: str, holders: Sequence[Holder], reason: Reason) -> None:
    """Add the end of both sides of bindings to the change, and one event of them."""
    for each in holders:
        change.delete(HolderRecord(device, HOLDER + each.user), HolderRecord.role == each.role.value)
        change.delete(BindingRecord(each.user, BINDING + device), BindingRecord.user.exists())
        count(change, each.user, -1, UserRecord.user.exists(), None)
    some = holders[0]
    told = [{"user": each.user, "role": each.role} for each in holders]
    events.emit(
        change,
        EventType.USER_UNBOUND,
        device,
        some.tenant,
        some.application,
        users=told,
        reason=reason,
    )


def count(change: Transaction, user: str, by: int, condition: Any, error: Exception | None) -> None:
    change.update(UserRecord(user, USER), [UserRecord.bindings.add(by)], condition, error)
