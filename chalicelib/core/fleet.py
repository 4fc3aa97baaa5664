"""Reading many devices: pages of an application's fleet, and a gateway with its children.

Which devices there are comes from an index, which may lag: a device that vanished since is
skipped. A registration that ended but is not swept yet is skipped too, so that a page may have to
look further, and a total may count it for as long.

Source: Huawei 1.6.2, 1.6.5
"""

from collections.abc import Iterable, Iterator
from functools import reduce
from operator import and_
from typing import Any

import msgspec
from pynamodb.expressions.condition import Condition

from ..store import counters
from ..store.devices import AFTER_SHADOWS, DEVICE, NOTHING, SHADOW, DeviceItem, DeviceRecord, ShadowRecord
from ..store.walks import HIGHEST, LOWEST, Key, Walk
from . import devices, ids, paging, products, registration
from .applications import Caller
from .devices import Device, ServiceState, Status
from .errors import DeviceNotFound, ListTooLong
from .paging import Page, Source
from .products import NodeType

MOST_MEMBERS = 1000
ROUNDS = 4  # reads to fill a page whose devices turn out hidden; then it stays short

Listed = tuple[Device, list[ServiceState]]


class Selection(msgspec.Struct, frozen=True):
    """Which devices, in which order of registration. None does not select.

    Registered at `after` ms or later, and before `before` ms. `gateway` selects the gateway
    itself as well as its children.
    """

    gateway: str | None = None
    node_type: NodeType | None = None
    device_type: str | None = None
    location: str | None = None
    name: str | None = None
    status: Status | None = None
    after: int | None = None
    before: int | None = None
    ascending: bool = False

    def facts(self) -> dict[str, str]:
        """What no index serves: attribute to value."""
        named = ("node_type", "device_type", "location", "name", "status")
        given = {name: getattr(self, name) for name in named}
        return {k: getattr(v, "value", v) for k, v in given.items() if v is not None}


def page(caller: Caller, selection: Selection, number: int, size: int) -> Page[Listed]:
    """A page of devices with what their services last reported. Raises ListTooLong.

    AWS calls: a query, a batch read per hundred items (a device and each of its model's services),
    one per device without a model, and those of `paging`.
    """
    if selection.before is not None and selection.before <= (selection.after or 0):
        return Page([], 0, number, size)
    name = paging.name(caller.tenant, caller.owner, "devices", selection, size)
    walk = _walk(caller, selection)
    if not selection.facts():
        return paging.page(name, number, size, _source(caller, selection, walk))

    def collect() -> Iterator[str]:
        for records, _ in walk.batches(None):
            yield from map(_entry, records)

    def fetch(entries: list[str]) -> list[Listed]:
        # the list was right when it was made; what no longer matches is left out
        return [each for each in _read(caller, entries) if _matches(each[0], selection)]

    return paging.listed(name, number, size, collect, fetch)


def members(caller: Caller, gateway: str) -> list[Device]:
    """A gateway, first, and its children. Three AWS calls for up to a hundred children.

    Raises DeviceNotFound, and ListTooLong beyond MOST_MEMBERS.
    """
    first = devices.get(caller, gateway)
    walk = _walk(caller, Selection(gateway=gateway, ascending=True))
    records, _ = walk.read(None, MOST_MEMBERS + 2)
    children = [record.device for record in records if record.device != gateway]
    if len(children) > MOST_MEMBERS:
        raise ListTooLong(f"more than {MOST_MEMBERS}")
    found = _items((child, DEVICE) for child in children)
    read = (_visible(caller, found.get((child, DEVICE))) for child in children)
    return [first, *(devices.device_of(record) for record in read if record and record.gateway == gateway)]


def member(caller: Caller, device: str, gateway: str | None) -> Device:
    """A device, where `gateway` is given one of that gateway's. Raises DeviceNotFound. One AWS call."""
    found = devices.get(caller, device)
    if gateway is not None and found.gateway != gateway:
        raise DeviceNotFound(device)
    return found


def _walk(caller: Caller, selection: Selection) -> Walk[DeviceRecord]:
    conditions: list[Condition] = [
        getattr(DeviceRecord, name) == value for name, value in selection.facts().items()
    ]
    if selection.gateway is not None:
        conditions.append(DeviceRecord.owner == caller.owner)
    return Walk(
        DeviceRecord,
        caller.owner if selection.gateway is None else selection.gateway,
        DeviceRecord.listing,
        index="by_owner" if selection.gateway is None else "by_gateway",
        low=LOWEST if selection.after is None else ids.listing_bound(selection.after),
        high=HIGHEST if selection.before is None else ids.listing_bound(selection.before),
        forward=selection.ascending,
        holds=reduce(and_, conditions) if conditions else None,
        attributes=("device", "product"),
    )


def _source(caller: Caller, selection: Selection, walk: Walk[DeviceRecord]) -> Source[Listed]:
    def fetch(start: Key | None, limit: int) -> tuple[list[Listed], Key | None]:
        found: list[Listed] = []
        key = start
        for _ in range(ROUNDS):
            records, key = walk.read(key, limit - len(found))
            found += [each for each in _read(caller, map(_entry, records)) if _matches(each[0], selection)]
            if key is None or len(found) == limit:
                break
        return found, key

    def count() -> int:
        if selection == Selection(ascending=selection.ascending):
            return counters.total(registration.total_name(caller.owner))
        return walk.count()

    return Source(fetch, walk.skip, count)


def _entry(record: DeviceRecord) -> str:
    """What is needed to read a device with its services at one go."""
    return f"{record.device} {record.product}"


def _read(caller: Caller, entries: Iterable[str]) -> list[Listed]:
    """The devices that can still be seen, with their services, in the order of the entries."""
    pairs: list[tuple[str, list[str] | None]] = []
    for entry in entries:
        device, product = entry.split(" ", 1)
        pairs.append((device, _services(product)))
    modelled = [(device, services) for device, services in pairs if services is not None]
    found = _items(
        (device, item)
        for device, services in modelled
        for item in (DEVICE, *(SHADOW + service for service in services))
    )
    for device, services in pairs:
        if services is None:
            found |= _collection(device)
    states: dict[str, list[ServiceState]] = {}
    for (device, _), record in sorted(found.items()):
        if isinstance(record, ShadowRecord) and record.reported != NOTHING:
            states.setdefault(device, []).append(devices.state_of(record))
    seen = ((device, _visible(caller, found.get((device, DEVICE)))) for device, _ in pairs)
    return [(devices.device_of(record), states.get(device, [])) for device, record in seen if record]


def _services(product: str) -> list[str] | None:
    """Ids of the product's services; None where its model does not say."""
    known = products.load(product)
    model = products.model_of(known) if known else None
    return None if model is None or model.schemaless else [service.id for service in model.services]


def _items(keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], DeviceItem]:
    return {(item.device, item.item): item for item in DeviceItem.batch_get(list(keys), consistent_read=True)}


def _collection(device: str) -> dict[tuple[str, str], DeviceItem]:
    wanted = DeviceItem.item.between(DEVICE, AFTER_SHADOWS)
    return {(device, item.item): item for item in DeviceItem.query(device, wanted, consistent_read=True)}


def _visible(caller: Caller, item: DeviceItem | None) -> DeviceRecord | None:
    return item if isinstance(item, DeviceRecord) and devices.visible(caller, item) else None


def _matches(device: Device, selection: Selection) -> bool:
    facts: dict[str, Any] = selection.facts()
    now = {name: getattr(device, name) for name in facts}
    same = {k: getattr(v, "value", v) for k, v in now.items()} == facts
    return same and selection.gateway in (None, device.gateway)
