"""Data points: the properties of a thing model in one flat list, for systems that know no services.

A point has a `key`, which no other point of the model has: the property's name where it belongs to the
service without a name, or where no other service has a property of that name; else
`<service>.<property>`. It has a number, its index, and an id, which stay its own as long as the property
keeps its service and name, whatever becomes of the rest of the model.

Source: XLink, data points; device shadow 2.2
"""

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from itertools import count

import msgspec

from .errors import InvalidInput
from .things import Property, Service, ThingModel

HIGHEST = 2**16 - 1  # index of a point
NAMELESS = ""  # the id of the service of a system without services


class Point(msgspec.Struct, frozen=True):
    service: str
    key: str
    property: Property


def points(model: ThingModel) -> list[Point]:
    """In the order of the model."""
    holders = Counter(each.name for _, each in _all(model))
    return [
        Point(service.id, _key(service.id, each.name, alone=holders[each.name] == 1), each)
        for service, each in _all(model)
    ]


def key_of(model: ThingModel, service: str, name: str) -> str:
    """The key of a property, also of one that the model does not know."""
    holders = [each.id for each in model.services if each.property(name) is not None]
    return _key(service, name, alone=holders == [service])


def place(model: ThingModel, key: str, services: Collection[str] = ()) -> tuple[str, str]:
    """The service and the name that a key stands for; `services` are those that are known beside the
    model's. What the model does not know belongs to the service without a name.
    """
    for point in points(model):
        if point.key == key:
            return point.service, point.property.name
    service, dot, name = key.partition(".")
    while dot:
        known = model.service(service) is not None or (service != NAMELESS and service in services)
        if known and name:
            return service, name
        more, dot, name = name.partition(".")
        service = f"{service}.{more}"
    return NAMELESS, key


def numbered(model: ThingModel, before: ThingModel | None = None) -> ThingModel:
    """The model with an index and an id for each property: those it has, else those that the property had
    `before`, else the lowest that are free.

    Raises InvalidInput where two have one index or id, or there are too many.
    """
    held = {(service.id, each.name): each for service, each in _all(before or ThingModel())}
    given = [(service.id, each) for service, each in _all(model)]
    taken = _unique("index", (each.index for _, each in given if each.index is not None))
    refs = _unique("id", (each.ref for _, each in given if each.ref is not None))
    kept: dict[tuple[str, str], Property] = {}
    for service, each in given:
        old = held.get((service, each.name))
        index, ref = each.index, each.ref
        if index is None and old is not None and old.index not in taken:
            index = old.index
        if ref is None and old is not None and old.ref not in refs:
            ref = old.ref
        kept[service, each.name] = msgspec.structs.replace(each, index=index, ref=ref)
        taken.add(index)
        refs.add(ref)
    free = (number for number in count() if number not in taken)
    for (service, name), each in kept.items():
        index = next(free) if each.index is None else each.index
        if index > HIGHEST:
            raise InvalidInput("index", f"is above {HIGHEST}: the model has too many properties")
        ref = each.ref or _new_ref(service, name, refs)
        kept[service, name] = msgspec.structs.replace(each, index=index, ref=ref)
        refs.add(ref)
    return ThingModel(
        tuple(
            msgspec.structs.replace(
                service, properties=tuple(kept[service.id, each.name] for each in service.properties)
            )
            for service in model.services
        )
    )


def _all(model: ThingModel) -> Iterator[tuple[Service, Property]]:
    for service in model.services:
        for each in service.properties:
            yield service, each


def _key(service: str, name: str, *, alone: bool) -> str:
    """`alone`: no other service has a property of that name."""
    return name if service == NAMELESS or alone else f"{service}.{name}"


def _unique(what: str, values: Iterable[object]) -> set[object]:
    counted = Counter(values)
    twice = next((value for value, times in counted.items() if times > 1), None)
    if twice is not None:
        raise InvalidInput(what, f"{twice} is another property's too")
    return set(counted)


def _new_ref(service: str, name: str, taken: Collection[object]) -> str:
    """16 hex digits that follow from service and name, so that a repeat makes the same."""
    for turn in count():
        ref = hashlib.sha256(f"{service}\x00{name}\x00{turn}".encode()).hexdigest()[:16]
        if ref not in taken:
            return ref
    raise AssertionError("count() does not end")
