"""Lists of a person's devices as they stand in homes, with what they reported last.

A list is three AWS calls: the household, the devices of the page with the members of its control groups,
and what they reported. It is one more for each further hundred devices that a filter has to look at, for
each hundred shadows, and for the sub-devices of gateways. A device that is just being deleted is left out
of a page, though still counted until its bindings have ended.

Source: Feiyan 6.8.7, 6.8.15, 6.8.16, 6.8.27
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec

from ..store.devices import SHADOW, DeviceItem, ShadowRecord
from ..store.reading import Key, find_all
from . import home_documents, homes, households, points, products
from .devices import Device
from .errors import RoomNotFound
from .home_documents import ControlGroup, Home, Room
from .households import Holding, Household
from .points import Point
from .products import NodeType, Product
from .thing_calls import PropertyState
from .things import ThingModel
from .users import Person

AT_ONCE = 100  # items of one read

Identifiers = Collection[str] | None  # of the properties to show; None for all


class HomeDevice(msgspec.Struct, frozen=True):
    """A device with where it is. `children` are those of a gateway that the person is bound to."""

    holding: Holding
    device: Device
    product: Product | None
    home: Home | None
    room: Room | None
    properties: list[PropertyState] = []
    children: list[str] | None = None


class HomeGroup(msgspec.Struct, frozen=True):
    """A control group with how many of its devices are there, and connected. `master` is the first of them;
    `properties` are its own.
    """

    group: ControlGroup
    product: Product | None
    devices: int
    online: int
    master: str | None
    properties: list[PropertyState] = []

    @property
    def valid(self) -> bool:
        """Source: Feiyan 6.8.7 (controlGroupStatus)"""
        return self.devices > 1 and self.online > 0


Element = HomeDevice | HomeGroup


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """None asks for nothing. `product` is a short id; `grouped` whether a control group has the device."""

    home: str | None = None
    room: str | None = None
    other_home: str | None = None  # not in this one
    other_room: str | None = None
    node_type: NodeType | None = None
    product: str | None = None
    category: str | None = None
    grouped: bool | None = None

    @property
    def looks_inside(self) -> bool:
        """Whether it asks what only the device itself says."""
        return any(each is not None for each in (self.node_type, self.product, self.category))


class Listing(msgspec.Struct, frozen=True):
    items: list[HomeDevice]
    total: int


def query(person: Person, wanted: Filter, number: int, size: int, shown: Identifiers = None) -> Listing:
    """The person's devices that `wanted` describes, home by home in the order of each; a page, counted
    from 0. Raises HomeNotFound, RoomNotFound.
    """
    household = households.read(person)
    ids = list(_candidates(household, wanted))
    found: dict[str, Device] = {}
    if wanted.looks_inside:
        found = homes.read_devices(person, ids)
        products.load_all(each.product for each in found.values())
        ids = [each for each in ids if each in found and _fits(found[each], wanted)]
    return _page(person, household, ids, found, number, size, shown)


def of_room(
    person: Person, home: str, room: str, number: int, size: int, shown: Identifiers = None
) -> Listing:
    """The devices of a room in its order. Raises HomeNotFound, RoomNotFound."""
    household = households.read(person)
    ids = home_documents.room(household.home(home), room).devices
    return _page(person, household, ids, {}, number, size, shown)


def of_group(
    person: Person, home: str, group: str, number: int, size: int, shown: Identifiers = None
) -> Listing:
    """The devices of a control group in its order. Raises HomeNotFound, ControlGroupNotFound."""
    household = households.read(person)
    ids = home_documents.group(household.home(home), group).devices
    return _page(person, household, ids, {}, number, size, shown)


def elements(
    person: Person,
    home: str,
    kinds: Collection[type],
    number: int,
    size: int,
    shown: Identifiers = None,
) -> tuple[list[Element], int]:
    """A page of a home's devices and control groups, those of these `kinds`, in their order, and how many
    there are. Raises HomeNotFound.
    """
    household = households.read(person)
    found = household.home(home)
    groups = {each.id: each for each in found.groups}
    ids = [each for each in found.order if (HomeGroup if each in groups else HomeDevice) in kinds]
    page = ids[number * size : (number + 1) * size]
    members = [each for ident in page if ident in groups for each in groups[ident].devices]
    alive = homes.read_devices(
        person, list(dict.fromkeys([*(each for each in page if each in found.bound), *members]))
    )
    makes = [each.product for each in alive.values()]
    products.load_all([*makes, *(groups[each].product for each in page if each in groups)])
    masters = {ident: _first(groups[ident].devices, alive) for ident in page if ident in groups}
    speaking = {each: alive[each] for each in (*page, *masters.values()) if each in alive}
    states = read_states(speaking, shown)
    listed: list[Element] = []
    for each in page:
        if each in groups:
            listed.append(_group(groups[each], alive, masters[each], states))
        elif each in alive:
            listed.append(_device(household, alive[each], states))
    return listed, len(ids)


def read_states(found: Mapping[str, Device], shown: Identifiers = None) -> dict[str, list[PropertyState]]:
    """What each device reported last, by device; what it never reported is left out. One AWS call for a
    hundred services of devices, none where no property is asked for.
    """
    asked = {each: _points(device, shown) for each, device in found.items()}
    keys: list[Key] = [
        (DeviceItem, each, SHADOW + service)
        for each, wanted in asked.items()
        for service in dict.fromkeys(point.service for point in wanted)
    ]
    records: dict[tuple[str, str], ShadowRecord] = {}
    for at in range(0, len(keys), AT_ONCE):
        for record in find_all(keys[at : at + AT_ONCE]).values():
            if isinstance(record, ShadowRecord):
                records[record.device, record.item.removeprefix(SHADOW)] = record
    return {each: list(_states(each, wanted, records)) for each, wanted in asked.items()}


def _points(device: Device, shown: Identifiers) -> list[Point]:
    product = products.load(device.product)
    model = products.model_of(product) if product is not None else ThingModel()
    return [each for each in points.points(model) if shown is None or each.key in shown]


def _states(
    device: str, wanted: Sequence[Point], records: Mapping[tuple[str, str], ShadowRecord]
) -> Iterable[PropertyState]:
    read: dict[str, tuple[dict[str, object], dict[str, int]]] = {}
    for point in wanted:
        record = records.get((device, point.service))
        if record is None:
            continue
        if point.service not in read:
            read[point.service] = msgspec.json.decode(record.reported), msgspec.json.decode(record.times)
        values, times = read[point.service]
        name = point.property.name
        if name in values:
            yield PropertyState(point.key, values[name], times.get(name, int(record.at)), point.property)


def _candidates(household: Household, wanted: Filter) -> Iterable[str]:
    """Devices that are where they are asked for. Raises HomeNotFound, RoomNotFound."""
    if wanted.home is not None:
        household.home(wanted.home)
    if wanted.room is not None:
        _home_of_room(household, wanted.room, wanted.home)
    homeless = [each for each in household.holdings if household.home_of(each) is None]
    places: list[tuple[Home | None, list[str]]] = [
        *((home, home_documents.devices(home)) for home in household.homes),
        (None, homeless),
    ]
    for home, ids in places:
        ident = home.id if home is not None else None
        if wanted.home not in (None, ident) or (ident is not None and ident == wanted.other_home):
            continue
        rooms = {each: room.id for room in home.rooms for each in room.devices} if home is not None else {}
        grouped = {each for group in home.groups for each in group.devices} if home is not None else set()
        for each in ids:
            room = rooms.get(each)
            if wanted.room is not None and room != wanted.room:
                continue
            if room is not None and room == wanted.other_room:
                continue
            if wanted.grouped is not None and (each in grouped) != wanted.grouped:
                continue
            yield each


def _home_of_room(household: Household, room: str, home: str | None) -> Home:
    for each in household.homes:
        if home in (None, each.id) and any(room == known.id for known in each.rooms):
            return each
    raise RoomNotFound(room)


def _fits(device: Device, wanted: Filter) -> bool:
    if wanted.node_type is not None and device.node_type is not wanted.node_type:
        return False
    if wanted.product is None and wanted.category is None:
        return True
    product = products.load(device.product)
    return product is not None and (
        wanted.product in (None, product.short_id) and wanted.category in (None, product.category_key)
    )


def _page(
    person: Person,
    household: Household,
    ids: Sequence[str],
    found: Mapping[str, Device],
    number: int,
    size: int,
    shown: Identifiers,
) -> Listing:
    """`found` are devices that were read already."""
    page = ids[number * size : (number + 1) * size]
    alive = {**found, **homes.read_devices(person, [each for each in page if each not in found])}
    there = {each: alive[each] for each in page if each in alive}
    products.load_all(each.product for each in there.values())
    states = read_states(there, shown)
    if any(each.node_type is NodeType.GATEWAY for each in there.values()):
        alive |= homes.read_devices(person, [each for each in household.holdings if each not in alive])
    items = [_device(household, each, states, alive) for each in there.values()]
    return Listing(items, len(ids))


def _device(
    household: Household,
    device: Device,
    states: Mapping[str, list[PropertyState]],
    others: Mapping[str, Device] | None = None,
) -> HomeDevice:
    ident = device.device
    home = household.home_of(ident)
    children = None
    if device.node_type is NodeType.GATEWAY and others is not None:
        children = [each for each, one in others.items() if one.gateway == ident and each != ident]
    return HomeDevice(
        holding=household.holdings[ident],
        device=device,
        product=products.load(device.product),
        home=home,
        room=home_documents.room_of(home, ident) if home is not None else None,
        properties=states.get(ident, []),
        children=children,
    )


def _group(
    group: ControlGroup,
    alive: Mapping[str, Device],
    master: str | None,
    states: Mapping[str, list[PropertyState]],
) -> HomeGroup:
    return HomeGroup(
        group=group,
        product=products.load(group.product),
        devices=sum(each in alive for each in group.devices),
        online=homes.online(alive, group.devices),
        master=master,
        properties=states.get(master, []) if master is not None else [],
    )


def _first(members: Sequence[str], alive: Mapping[str, Device]) -> str | None:
    return next((each for each in members if each in alive), None)
