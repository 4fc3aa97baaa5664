"""Who is bound to which device: reading it, and what a person has noted down about a binding.

A binding is two items, one in the person's collection and one in the device's, written in one
transaction. `core/bindings.py` makes and ends them.

Source: Feiyan 6.6
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import TypeVar

import msgspec

from ..store.devices import AFTER_HOLDERS, DEVICE, HOLDER, DeviceItem, DeviceRecord, HolderRecord
from ..store.reading import find_all
from ..store.transactions import ConditionFailed, Transaction, pause
from ..store.users import AFTER_BINDINGS, BINDING, ORDER, BindingRecord, OrderRecord, UserItem
from . import clock, devices, ids
from .applications import Caller
from .devices import Device
from .errors import Busy, InvalidInput, NotBound
from .users import Person

MOST_NICKNAME = 256  # characters
MOST_KEYS = 100  # items of one read
TRIES = 5


class Role(Enum):
    """Each device that anybody is bound to has one manager."""

    MANAGER = "manager"
    MEMBER = "member"


class Binding(msgspec.Struct, frozen=True, kw_only=True):
    """Seen from the person. Times in ms; `order` is the device's place in the person's list, from 0, where
    the list was read, `nickname` what the person calls the device.
    """

    user: str
    device: str
    role: Role
    bound: int
    modified: int
    nickname: str | None = None
    order: int = 0


class Holder(msgspec.Struct, frozen=True):
    """Seen from the device. `bound` in ms."""

    user: str
    role: Role
    bound: int
    tenant: str
    application: str


T = TypeVar("T", bound=DeviceItem)


class Reach:
    """A device that a person is bound to, as they were read together, with items of the device."""

    def __init__(self, binding: Binding, record: DeviceRecord, found: Mapping[str, DeviceItem]) -> None:
        self.binding = binding
        self.record = record
        self._found = found

    @property
    def device(self) -> Device:
        return devices.device_of(self.record)

    def get(self, item: str, kind: type[T]) -> T | None:
        """An item of those that were asked for."""
        found = self._found.get(item)
        return found if isinstance(found, kind) else None


def of_user(user: str) -> list[Binding]:
    """In the order of the person; where that does not name a device, newest first and before the others.

    One AWS call, one more a megabyte. A device that is just being deleted may still be among them.
    """
    return _listed(*_read_list(user))


def of_device(device: str) -> list[Holder]:
    """The manager first, then by time. One AWS call."""
    reach = DeviceItem.item.between(HOLDER, AFTER_HOLDERS)
    records = DeviceItem.query(device, reach, consistent_read=True)
    found = [_holder(record) for record in records if isinstance(record, HolderRecord)]
    return sorted(found, key=lambda each: (each.role is not Role.MANAGER, each.bound, each.user))


def get(user: str, device: str) -> Binding:
    """One AWS call. Raises NotBound."""
    record = BindingRecord.find(user, BINDING + device) if ids.is_random_id(device) else None
    if record is None:
        raise NotBound(device)
    return binding_of(record)


def need(person: Person, device: str, *items: str) -> Reach:
    """The device, which the person has to be bound to, with these items of it. One AWS call.

    Raises NotBound, also where the device is being deleted.
    """
    return need_all(person, [device], *items)[device]


def need_all(person: Person, wanted: Sequence[str], *items: str) -> dict[str, Reach]:
    """As `need`, of several devices; an AWS call a hundred items, which are two a device and the given
    ones. Raises NotBound where the person is not bound to one of them.
    """
    found = reach_all(person, person.user, wanted, *items)
    for device in wanted:
        if device not in found:
            raise NotBound(device)
    return found


def reach_all(caller: Caller, user: str, wanted: Iterable[str], *items: str) -> dict[str, Reach]:
    """As `need_all`, of any person of the caller's application; what is not bound is left out."""
    known = [each for each in dict.fromkeys(wanted) if ids.is_random_id(each)]
    beside = [DEVICE, *dict.fromkeys(items)]
    at_once = MOST_KEYS // (len(beside) + 1)
    reached: dict[str, Reach] = {}
    for at in range(0, len(known), at_once):
        some = known[at : at + at_once]
        found = find_all(
            [(UserItem, user, BINDING + each) for each in some]
            + [(DeviceItem, each, item) for each in some for item in beside]
        )
        for each in some:
            binding = found.get((UserItem, user, BINDING + each))
            parts = {item: found.get((DeviceItem, each, item)) for item in beside}
            record = parts[DEVICE]
            if not isinstance(binding, BindingRecord) or not isinstance(record, DeviceRecord):
                continue
            if devices.visible(caller, record):
                given = {item: part for item, part in parts.items() if isinstance(part, DeviceItem)}
                reached[each] = Reach(binding_of(binding), record, given)
    return reached


def check(change: Transaction, user: str, device: str, role: Role | None = None) -> None:
    """Add to the change that the person is bound to the device, in this role where one is given, as it
    is written; else it fails with NotBound.
    """
    bound = BindingRecord.user.exists()
    if role is not None:
        bound &= BindingRecord.role == role.value
    change.check(BindingRecord(user, BINDING + device), bound, NotBound(device))


def set_nickname(user: str, device: str, nickname: str | None) -> None:
    """What the person calls the device, for himself only. One AWS call. Raises NotBound, InvalidInput.

    Source: Feiyan 6.6.11
    """
    if nickname and len(nickname) > MOST_NICKNAME:
        raise InvalidInput("nickName", f"must have at most {MOST_NICKNAME} characters")
    value = BindingRecord.nickname.set(nickname) if nickname else BindingRecord.nickname.remove()
    change = Transaction()
    change.update(
        BindingRecord(user, BINDING + device),
        [value, BindingRecord.modified.set(clock.now())],
        BindingRecord.user.exists(),
        NotBound(device),
    )
    change.commit()


class Move(msgspec.Struct, frozen=True):
    """A device and its new place in a list. `start` is what the mover takes for its present place."""

    device: str
    to: int
    start: int | None = None


def place(user: str, places: Mapping[str, int], role: Role | None = None) -> None:
    """Put devices at these places of the person's list, counted from 0, or of that part of it in which
    the person has this role; the others keep their order. Two AWS calls. Raises NotBound, Busy.

    Source: Feiyan 6.6.27
    """
    move(user, [Move(device, at, None) for device, at in places.items()], role)


def move(user: str, moves: Sequence[Move], role: Role | None = None) -> None:
    """As `place`, for one who may count from 1. Source: Feiyan 6.6.3"""
    for tried in range(TRIES):
        order, records = _read_list(user)
        found = _listed(order, records)
        part = [each.device for each in found if role is None or each.role is role]
        for each in moves:
            if each.device not in part:
                raise NotBound(each.device)
        moved = iter(moved_to(part, moves))
        line = [next(moved) if role is None or each.role is role else each.device for each in found]
        if _keep_order(user, order, line):
            return
        pause(tried)
    raise Busy(user)


def moved_to(line: Sequence[str], moves: Sequence[Move]) -> list[str]:
    """The line with the moved ones at their new places. These count from 0, but from 1 where that is what
    the first start says that is right either way.
    """
    low = 0
    for each in moves:
        if each.start is not None and 0 <= each.start - line.index(each.device) <= 1:
            low = each.start - line.index(each.device)
            break
    moved = {each.device for each in moves}
    left = [device for device in line if device not in moved]
    for each in sorted({each.device: each for each in moves}.values(), key=lambda each: each.to):
        left.insert(max(each.to - low, 0), each.device)
    return left


def binding_of(record: BindingRecord) -> Binding:
    return Binding(
        user=record.user,
        device=record.item.removeprefix(BINDING),
        role=Role(record.role),
        bound=int(record.bound),
        modified=int(record.modified),
        nickname=record.nickname,
    )


def _holder(record: HolderRecord) -> Holder:
    return Holder(
        user=record.item.removeprefix(HOLDER),
        role=Role(record.role),
        bound=int(record.bound),
        tenant=record.tenant,
        application=record.application,
    )


def _read_list(user: str) -> tuple[OrderRecord | None, list[BindingRecord]]:
    order: OrderRecord | None = None
    records: list[BindingRecord] = []
    reach = UserItem.item.between(ORDER, AFTER_BINDINGS)
    for record in UserItem.query(user, reach, consistent_read=True):
        if isinstance(record, OrderRecord):
            order = record
        elif isinstance(record, BindingRecord):
            records.append(record)
    return order, records


def _listed(order: OrderRecord | None, records: Iterable[BindingRecord]) -> list[Binding]:
    named = msgspec.json.decode(order.devices, type=list[str]) if order else []
    rank = {device: at for at, device in enumerate(named)}
    until = int(order.at) if order else 0  # what was bound again since is new

    def rank_of(each: Binding) -> tuple[int, int, str]:
        known = each.bound <= until
        return rank.get(each.device, -1) if known else -1, -each.bound, each.device

    found = sorted((binding_of(record) for record in records), key=rank_of)
    return [msgspec.structs.replace(each, order=at) for at, each in enumerate(found)]


def _keep_order(user: str, order: OrderRecord | None, line: Sequence[str]) -> bool:
    """False where it was changed meanwhile."""
    record = OrderRecord(user, ORDER, devices=msgspec.json.encode(line).decode())
    record.at = max(clock.now(), int(order.at) if order else 0)
    record.version = int(order.version) + 1 if order else 1
    same = OrderRecord.version == int(order.version) if order else OrderRecord.user.does_not_exist()
    change = Transaction()
    change.put(record, same)
    try:
        change.commit()
    except ConditionFailed:
        return False
    return True
