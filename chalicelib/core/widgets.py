"""Widgets: devices that a person has on the phone's home screen, with some of their properties.

The list is one item and replaced as a whole: the last one who writes it wins. Of devices that the person is
no longer bound to nothing is shown.

Source: Feiyan 6.5
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from ..store.transactions import Transaction
from ..store.users import USER, UserRecord
from ..store.widgets import WIDGETS, WidgetsRecord
from . import bindings, devices, points, products, thing_calls, users
from .bindings import Reach
from .errors import InvalidInput, NotBound, UserNotFound
from .points import Point
from .products import Product
from .users import Person

MOST = 100  # devices of a person's list
MOST_PROPERTIES = 50  # of a device


class Widget(msgspec.Struct, frozen=True):
    """`properties` are keys of the product's data points."""

    device: str
    properties: tuple[str, ...] = ()


class Value(msgspec.Struct, frozen=True):
    """A property; `value` is None where it was never reported."""

    point: Point
    value: Any
    chosen: bool = True


class Shown(msgspec.Struct, frozen=True):
    reach: Reach
    product: Product | None
    values: list[Value]


def put(person: Person, wanted: Sequence[Widget]) -> int:
    """Replace the list; answers how many devices are in it. One AWS call, and one for fifty devices.

    Raises NotBound where the person is not bound to one of them, InvalidInput, UserNotFound.
    Source: Feiyan 6.5.2
    """
    if len(wanted) > MOST:
        raise InvalidInput("componentProductList", f"has more than {MOST} entries")
    ids = [each.device for each in wanted]
    if len(set(ids)) != len(ids):
        raise InvalidInput("componentProductList", "has a device twice")
    if any(len(each.properties) > MOST_PROPERTIES for each in wanted):
        raise InvalidInput("properties", f"has more than {MOST_PROPERTIES} entries")
    reached = bindings.reach_all(person, person.user, ids)
    for device in ids:
        if device not in reached:
            raise NotBound(device)
    change = Transaction()
    change.check(UserRecord(person.user, USER), users.alive(), UserNotFound(person.user))
    change.put(WidgetsRecord(person.user, WIDGETS, document=msgspec.json.encode(wanted).decode()))
    change.commit()
    return len(ids)


def shown(person: Person) -> list[Shown]:
    """The list with what its devices have reported, in its order.

    One AWS call, one for fifty devices, and one for a hundred services of them. Source: Feiyan 6.5.1
    """
    held = _read(person)
    reached = bindings.reach_all(person, person.user, [each.device for each in held])
    found: dict[str, tuple[Product | None, list[Point]]] = {}
    for each in held:
        if each.device in reached:
            product = products.load(reached[each.device].record.product)
            found[each.device] = (product, _points(product, each.properties))
    pairs = {(device, point.service): None for device, (_, chosen) in found.items() for point in chosen}
    states = devices.states(pairs) if pairs else {}
    answer = []
    for device, (product, chosen) in found.items():
        data = {each.service: each.data for each in states.get(device, ())}
        values = [Value(each, data.get(each.service, {}).get(each.property.name)) for each in chosen]
        answer.append(Shown(reached[device], product, values))
    return answer


def properties(person: Person, device: str) -> tuple[Product, list[Value]]:
    """All properties of the device's product, and whether they are on the home screen.

    Three AWS calls where the product was read seconds ago. Raises NotBound. Source: Feiyan 6.5.3
    """
    record = bindings.need(person, device).record
    product = products.get(person.tenant, record.product)
    reported = {each.identifier: each.value for each in thing_calls.get_properties(person, device)}
    chosen = {key for each in _read(person) if each.device == device for key in each.properties}
    known = points.points(products.model_of(product))
    return product, [Value(each, reported.get(each.key), each.key in chosen) for each in known]


def _points(product: Product | None, wanted: Sequence[str]) -> list[Point]:
    """What the model no longer knows is left out."""
    known = {each.key: each for each in points.points(products.model_of(product))} if product else {}
    return [known[key] for key in wanted if key in known]


def _read(person: Person) -> list[Widget]:
    record = WidgetsRecord.find(person.user, WIDGETS)
    return msgspec.json.decode(record.document, type=list[Widget]) if record is not None else []
