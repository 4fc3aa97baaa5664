"""Lists of bindings with their devices: what is a person's, who is bound to a device, what is behind a
gateway.

Source: Feiyan 6.6.1, 6.6.2, 6.6.15, 6.6.20, 7.4.2, 7.4.6
"""

from collections.abc import Collection, Sequence

import msgspec

from ..store.base import Record
from ..store.devices import DEVICE, DeviceRecord
from ..store.reading import Key, find_all
from ..store.users import BINDING, USER, BindingRecord, UserRecord
from . import bindings, children, devices, home_documents, households, ids, products, users
from .applications import Caller
from .binding_reads import Binding, Role, binding_of
from .devices import Device, Status
from .errors import DeviceNotFound, HomeNotFound, NotBound, NotManager
from .home_documents import Home
from .paging import Part
from .products import NodeType, Product
from .users import Person, User

AT_ONCE = 100  # items of one read


class Seen(msgspec.Struct, frozen=True):
    """A device and how the person is bound to it, if at all; `product` is None of one that is gone."""

    device: Device
    product: Product | None
    binding: Binding | None


class Bound(msgspec.Struct, frozen=True):
    """A device that the person is bound to."""

    device: Device
    product: Product | None
    binding: Binding


class Held(msgspec.Struct, frozen=True):
    """A person who is bound to a device."""

    user: User
    binding: Binding


class Holding(msgspec.Struct, frozen=True):
    """A device and who is bound to it."""

    device: Device
    product: Product | None
    held: list[Held]


class Wanted(msgspec.Struct, frozen=True):
    """None asks for nothing. `space` is a home of the person's or a room in one, `child` whether the device
    is behind a gateway.
    """

    role: Role | None = None
    node_type: NodeType | None = None
    child: bool | None = None
    space: str | None = None

    @property
    def looks_inside(self) -> bool:
        """Whether it asks what only the device itself says."""
        return self.node_type is not None or self.child is not None


def of_person(caller: Caller, user: str, wanted: Wanted, offset: int, size: int) -> Part[Bound]:
    """The devices a person of the caller's application is bound to, in the order of the person or of the
    space, from the `offset`th on.

    Two AWS calls, whatever their number, and one where products were not read seconds ago; with a space one
    more, and where `wanted` looks inside the devices one a hundred bindings. Raises HomeNotFound.
    """
    found = bindings.of_user(user)
    if wanted.space is not None:
        found = _in_space(caller, user, wanted.space, found)
    if wanted.role is not None:
        found = [each for each in found if each.role is wanted.role]
    if wanted.looks_inside:
        alive = _read(caller, [each.device for each in found])
        found = [each for each in found if each.device in alive and _fits(alive[each.device], wanted)]
        page = found[offset : offset + size]
    else:
        page = found[offset : offset + size]
        alive = _read(caller, [each.device for each in page])
    of = products.load_all({each.product for each in alive.values()})
    there = [
        Bound(alive[each.device], of.get(alive[each.device].product), each)
        for each in page
        if each.device in alive
    ]
    return Part(there, len(found) - (len(page) - len(there)))


def of_device(caller: Caller, device: str) -> Holding:
    """The manager first. Two AWS calls, one more where the product was not read seconds ago.

    Raises DeviceNotFound.
    """
    holders = bindings.of_device(device) if ids.is_random_id(device) else []
    keys: list[Key] = [(DeviceRecord, device, DEVICE)]
    for each in holders:
        keys += [(UserRecord, each.user, USER), (BindingRecord, each.user, BINDING + device)]
    found = find_all(keys)
    record = found.get((DeviceRecord, device, DEVICE))
    if not isinstance(record, DeviceRecord) or not devices.visible(caller, record):
        raise DeviceNotFound(device)
    held: list[Held] = []
    for each in holders:
        user = found.get((UserRecord, each.user, USER))
        binding = found.get((BindingRecord, each.user, BINDING + device))
        if isinstance(user, UserRecord) and isinstance(binding, BindingRecord) and not user.deleted:
            held.append(Held(users.user_of(user), binding_of(binding)))
    return Holding(devices.device_of(record), products.load(record.product), held)


def behind(person: Person, gateway: str, offset: int, size: int) -> Part[Seen]:
    """The devices behind a gateway that the person is bound to, bound or not, oldest first.

    Three AWS calls, one more a hundred of a page. Raises NotBound.
    """
    bindings.need(person, gateway)
    below = list(children.children_of(gateway))
    page = below[offset : offset + size]
    keys: list[Key] = []
    for each in page:
        keys += [(DeviceRecord, each, DEVICE), (BindingRecord, person.user, BINDING + each)]
    found: dict[Key, Record] = {}
    for at in range(0, len(keys), AT_ONCE):
        found |= find_all(keys[at : at + AT_ONCE])
    there: list[tuple[Device, Binding | None]] = []
    for each in page:
        record = found.get((DeviceRecord, each, DEVICE))
        binding = found.get((BindingRecord, person.user, BINDING + each))
        if isinstance(record, DeviceRecord) and devices.visible(person, record) and record.gateway == gateway:
            held = binding_of(binding) if isinstance(binding, BindingRecord) else None
            there.append((devices.device_of(record), held))
    return Part(_with_products(there), len(below) - (len(page) - len(there)))


def relation(person: Person, device: str) -> Seen:
    """The device, and how the person is bound to it, if at all. One AWS call. Raises DeviceNotFound."""
    if not ids.is_random_id(device):
        raise DeviceNotFound(device)
    binding_key: Key = (BindingRecord, person.user, BINDING + device)
    found = find_all([(DeviceRecord, device, DEVICE), binding_key])
    record, binding = found.get((DeviceRecord, device, DEVICE)), found.get(binding_key)
    if not isinstance(record, DeviceRecord) or not devices.visible(person, record):
        raise DeviceNotFound(device)
    held = binding_of(binding) if isinstance(binding, BindingRecord) else None
    return _with_products([(devices.device_of(record), held)])[0]


def shared_with(person: Person) -> tuple[int, int]:
    """How many devices others share with the person, and how many of them are online. An AWS call, and one
    a hundred devices. Source: Feiyan 6.6.28
    """
    found = [each.device for each in bindings.of_user(person.user) if each.role is Role.MEMBER]
    alive = _read(person, found)
    return len(alive), sum(each.status is Status.ONLINE for each in alive.values())


def unbind_by_manager(person: Person, user: str, wanted: Sequence[str] | None, home: str | None) -> None:
    """The manager ends another's bindings to the `wanted` devices, or to those of the manager's `home` that
    are shared with the other. Nothing ends where one of the wanted cannot.

    One AWS call and two a device, with a home two more. Raises NotBound, NotManager, HomeNotFound, Busy.
    """
    if wanted is None and home is not None:
        inside = home_documents.devices(households.read(person).home(home))
        theirs = {each.device for each in bindings.of_user(user)} if ids.is_random_id(user) else set()
        reached = bindings.reach_all(person, person.user, [each for each in inside if each in theirs])
        wanted = [each for each, reach in reached.items() if reach.binding.role is Role.MANAGER]
    wanted = list(dict.fromkeys(wanted or ()))
    for device in wanted:
        if not ids.is_random_id(device):
            raise NotBound(device)
    if len(wanted) > 1:
        _check_all(person, user, wanted)
    for device in wanted:
        bindings.unbind_by_manager(person.user, user, device)


def _check_all(person: Person, user: str, wanted: Sequence[str]) -> None:
    managers: list[Key] = [(BindingRecord, person.user, BINDING + each) for each in wanted]
    members: list[Key] = [(BindingRecord, user, BINDING + each) for each in wanted]
    found = find_all([*managers, *members])
    for manager, member in zip(managers, members, strict=True):
        held = found.get(manager)
        if not isinstance(held, BindingRecord) or member not in found:
            raise NotBound(str(member))
        if held.role != Role.MANAGER.value:
            raise NotManager(held.item)


def sort(person: Person, moves: Sequence[bindings.Move], home: str | None = None) -> None:
    """Move devices in the person's list or, with `home`, in that home's. Two AWS calls.

    Raises NotBound, HomeNotFound, Busy. Source: Feiyan 6.6.3
    """
    if home is None:
        bindings.move(person.user, moves)
        return

    def sorted_(found: Home) -> Home:
        line = [each for each in found.order if each in found.bound]
        for each in moves:
            if each.device not in found.bound:
                raise NotBound(each.device)
        for at, device in enumerate(bindings.moved_to(line, moves)):
            found = home_documents.reorder_device(found, device, at)
        return found

    households.change_home(person, home, sorted_)


def _in_space(caller: Caller, user: str, space: str, found: Sequence[Binding]) -> list[Binding]:
    held = {each.device: each for each in found}
    person = Person(tenant=caller.tenant, application=caller.application, owner=caller.owner, user=user)
    return [held[each] for each in _devices_of(person, space) if each in held]


def _devices_of(person: Person, space: str) -> Collection[str]:
    for home in households.read(person).homes:
        if home.id == space:
            return home_documents.devices(home)
        for room in home.rooms:
            if room.id == space:
                return room.devices
    raise HomeNotFound(space)


def _fits(device: Device, wanted: Wanted) -> bool:
    if wanted.node_type is not None and device.node_type is not wanted.node_type:
        return False
    return wanted.child is None or wanted.child is (device.gateway != device.device)


def _read(caller: Caller, wanted: Sequence[str]) -> dict[str, Device]:
    found: dict[str, Device] = {}
    for at in range(0, len(wanted), AT_ONCE):
        keys: list[Key] = [(DeviceRecord, each, DEVICE) for each in wanted[at : at + AT_ONCE]]
        for record in find_all(keys).values():
            if isinstance(record, DeviceRecord) and devices.visible(caller, record):
                found[record.device] = devices.device_of(record)
    return found


def _with_products(found: Sequence[tuple[Device, Binding | None]]) -> list[Seen]:
    known = products.load_all({device.product for device, _ in found})
    return [Seen(device, known.get(device.product), binding) for device, binding in found]
