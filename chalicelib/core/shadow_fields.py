"""A device's shadow as one document: the fields of all its services in a flat list, under one time.

A field's key is that of the data point (`points`): the property's name where it is the only one of that
name, else `<service>.<property>`. Nothing is stored twice: these are the same shadows that systems with
services see.

Source: device shadow 2.2
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import msgspec

from ..store.devices import (
    DEVICE,
    HOLDER,
    LINK,
    QUEUE,
    STAMP,
    DeviceItem,
    DeviceRecord,
    LinkRecord,
    QueueRecord,
    ShadowRecord,
    StampRecord,
)
from ..store.transactions import pause
from . import devices, points, products, shadow_documents, shadow_stamps, thing_access
from .applications import Caller
from .errors import Busy, DeviceNotFound
from .shadow_documents import Part, Shadow
from .shadow_writes import service_of
from .things import ThingModel

TRIES = 8


class Document(msgspec.Struct, frozen=True):
    """Values and their stamps, by key; `stamp` is the newest of all, 0 before the first."""

    reported: dict[str, Any]
    desired: dict[str, Any]
    reported_stamps: dict[str, int]
    desired_stamps: dict[str, int]
    stamp: int


class Keys:
    """Which field a key stands for, and the other way round. `services` are known beside the model's."""

    def __init__(self, model: ThingModel, services: Collection[str]) -> None:
        self._model, self._services = model, services
        self._places = {each.key: (each.service, each.property.name) for each in points.points(model)}
        self._keys = {place: key for key, place in self._places.items()}

    def place(self, key: str) -> tuple[str, str]:
        """Service and name."""
        return self._places.get(key) or points.place(self._model, key, self._services)

    def key(self, service: str, name: str) -> str:
        return self._keys.get((service, name)) or points.key_of(self._model, service, name)


class Held(msgspec.Struct, frozen=True):
    """A device with its shadows as they were read; `records` and `shadows` by service."""

    device: DeviceRecord
    model: ThingModel
    keys: Keys
    records: dict[str, ShadowRecord]
    shadows: dict[str, Shadow]
    mark: StampRecord | None = None
    link: LinkRecord | None = None
    queue: QueueRecord | None = None
    people: frozenset[str] = frozenset()  # who are bound to it

    @property
    def stamp(self) -> int:
        if self.mark is not None:
            return int(self.mark.stamp)
        return max((each.stamp for each in self.shadows.values()), default=0)

    def shadow(self, service: str) -> Shadow:
        return self.shadows.get(service) or Shadow()

    def value(self, part: Part, key: str, absent: Any = None) -> Any:
        service, name = self.keys.place(key)
        return self.shadow(service).values(part).get(name, absent)

    def written(self, part: Part, key: str) -> int:
        """The stamp under which a field was written; 0 where it is not there."""
        service, name = self.keys.place(key)
        shadow = self.shadow(service)
        return shadow.written(part).get(name, 0) if name in shadow.values(part) else 0


def read(caller: Caller, product: str, device: str) -> Document:
    """`product` is the short id of the device's. One AWS call for a megabyte. Raises DeviceNotFound, Busy."""
    held = whole(device)
    if held is None:
        raise DeviceNotFound(device)
    check(held, caller, product)
    return document(held)


def whole(device: str) -> Held | None:
    """All of it as it was at one time. One AWS call, another where it was changed meanwhile. Raises Busy."""
    for attempt in range(TRIES):
        if attempt:
            pause(attempt)
        held = load(device)
        if held is None or not shadow_stamps.torn(held.mark, held.records.values()):
            return held
    raise Busy(device)


def load(device: str) -> Held | None:
    """None where there is no such device. One AWS call for a megabyte."""
    found: dict[str, Any] = {}
    records: dict[str, ShadowRecord] = {}
    for record in DeviceItem.query(device, DeviceItem.item.between(DEVICE, QUEUE), consistent_read=True):
        if isinstance(record, ShadowRecord):
            records[service_of(record)] = record
        else:
            found[record.item] = record
    known = found.get(DEVICE)
    product = products.load(known.product) if known is not None else None
    if known is None or product is None:
        return None
    shadows = {service: shadow_documents.read(record) for service, record in records.items()}
    model = products.model_of(product)
    return Held(
        known,
        model,
        Keys(model, shadows),
        records,
        shadows,
        mark=found.get(STAMP),
        link=found.get(LINK),
        queue=found.get(QUEUE),
        people=frozenset(item.removeprefix(HOLDER) for item in found if item.startswith(HOLDER)),
    )


def check(held: Held, caller: Caller, product: str | None = None) -> None:
    """Raises DeviceNotFound where the device is not the caller's, or not of the product whose short id is
    given; NotBound to a person for these, and where the person is not bound to it.
    """
    found, user = products.load(held.device.product), thing_access.user_of(caller)
    other = product is not None and (found is None or found.short_id != product)
    if other or not devices.visible(caller, held.device) or not (user is None or user in held.people):
        raise thing_access.absent(caller, held.device.device)


def document(held: Held) -> Document:
    fields = {
        part: list(_fields(held, {service: each.values(part) for service, each in held.shadows.items()}))
        for part in Part
    }
    return Document(
        reported={key: value for key, _, _, value in fields[Part.REPORTED]},
        desired={key: value for key, _, _, value in fields[Part.DESIRED]},
        reported_stamps=_stamps(held, Part.REPORTED, fields[Part.REPORTED]),
        desired_stamps=_stamps(held, Part.DESIRED, fields[Part.DESIRED]),
        stamp=held.stamp,
    )


def changed_since(held: Held, part: Part, stamp: int) -> dict[str, Any] | None:
    """By key what was written after `stamp`, None standing for what was deleted; None where it is not
    known any more.
    """
    changed: dict[str, dict[str, Any]] = {}
    for service, shadow in held.shadows.items():
        found = shadow_documents.changed_since(shadow, part, stamp)
        if found is None:
            return None
        changed[service] = found
    return {key: value for key, _, _, value in _fields(held, changed)}


Found = tuple[str, str, str, Any]  # key, service, name, value


def _fields(held: Held, values: Mapping[str, Mapping[str, Any]]) -> Iterable[Found]:
    """Of two fields with one key, which a service that came later has made so, the one that it stands for."""
    for service, fields in sorted(values.items()):
        for name, value in fields.items():
            key = held.keys.key(service, name)
            if held.keys.place(key) == (service, name):
                yield key, service, name, value


def _stamps(held: Held, part: Part, fields: Iterable[Found]) -> dict[str, int]:
    return {key: held.shadows[service].written(part).get(name, 0) for key, service, name, _ in fields}
