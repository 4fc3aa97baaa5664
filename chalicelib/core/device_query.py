"""What the devices of a product are selected and sorted by.

A field's value is what an app is shown of it, so that texts that are no number count as version 0, and
a device that has been silent for a day is not online.
"""

from collections.abc import Iterable, Sequence
from enum import Enum
from functools import reduce
from operator import and_
from typing import Any

import msgspec
from pynamodb.expressions.condition import Condition as Filter

from ..store.devices import DeviceRecord
from ..store.walks import Facts
from . import devices
from .devices import Status

MOST_VERSION = 2**31 - 1


class Field(Enum):
    NUMBER = "number"
    MAC = "mac_key"
    NAME = "name"
    ACTIVE = "activated"
    ACTIVATED_AT = "activated_at"
    ONLINE = "online"
    LAST_LOGIN = "last_login"
    LAST_LOGIN_IP = "last_login_ip"
    FIRMWARE = "fw_version"
    SOFTWARE = "sw_version"
    HARDWARE = "hw_version"
    REGION = "region"
    CREATED = "created"


class Operator(Enum):
    EQUAL = "equal"
    IN = "in"
    LESS = "less"
    AT_MOST = "at most"
    MORE = "more"
    AT_LEAST = "at least"
    LIKE = "like"  # holds this text somewhere


class Condition(msgspec.Struct, frozen=True):
    """`value` is of the field's type: 12 upper-case hex digits for a MAC address, a tuple for IN, a text
    for LIKE.
    """

    field: Field
    operator: Operator
    value: Any


class Order(msgspec.Struct, frozen=True):
    field: Field
    descending: bool = False


class Selection(msgspec.Struct, frozen=True):
    """Devices that meet every condition, by the first order, among equals by the next; then as registered."""

    conditions: tuple[Condition, ...] = ()
    orders: tuple[Order, ...] = ()


NUMBERS = frozenset({Field.NUMBER, Field.ACTIVATED_AT, Field.LAST_LOGIN, Field.CREATED})
VERSIONS = frozenset({Field.FIRMWARE, Field.SOFTWARE})


def version_number(text: str | None) -> int:
    """A version as a 32-bit integer: the text where it is one, else 0."""
    if text is None or not text.isascii() or not text.isdigit() or len(text) > len(str(MOST_VERSION)):
        return 0
    number = int(text)
    return number if number <= MOST_VERSION else 0


def value(record: DeviceRecord | Facts, field: Field) -> Any:
    """Facts come from the index `by_product`."""
    if field is Field.ONLINE:
        return devices.aged(record)[0] is Status.ONLINE
    held = getattr(record, field.value)
    if field in VERSIONS:
        return version_number(held)
    if field in NUMBERS:
        return int(held or 0)
    return bool(held) if field is Field.ACTIVE else held or ""


def attributes(selection: Selection) -> set[str]:
    """Names of those that `value` asks for where devices are selected or sorted so."""
    fields = {each.field for each in selection.conditions} | {each.field for each in selection.orders}
    online = ("status", "last_seen") if Field.ONLINE in fields else ()
    return {*(field.value for field in fields - {Field.ONLINE}), *online}


def narrowed(conditions: Iterable[Condition]) -> Filter | None:
    """What DynamoDB can judge of the conditions; never false where they hold."""
    filters = [found for each in conditions if (found := _filter(each)) is not None]
    return reduce(and_, filters) if filters else None


def _filter(condition: Condition) -> Filter | None:
    if condition.field is Field.ONLINE:
        only = condition.operator is Operator.EQUAL and condition.value
        return DeviceRecord.status == Status.ONLINE.value if only else None
    if condition.field not in (Field.NUMBER, Field.MAC):
        return None
    held = getattr(DeviceRecord, condition.field.value)
    found: Filter | None = None
    match condition.operator:
        case Operator.LESS:
            found = held < condition.value
        case Operator.AT_MOST:
            found = held <= condition.value
        case Operator.MORE:
            found = held > condition.value
        case Operator.AT_LEAST:
            found = held >= condition.value
        case Operator.LIKE if condition.field is Field.MAC and condition.value:
            found = held.contains(condition.value)
    return found


def matches(record: DeviceRecord | Facts, conditions: Iterable[Condition]) -> bool:
    return all(_holds(value(record, each.field), each.operator, each.value) for each in conditions)


def _holds(held: Any, operator: Operator, wanted: Any) -> bool:
    match operator:
        case Operator.EQUAL:
            return bool(held == wanted)
        case Operator.IN:
            return held in wanted
        case Operator.LESS:
            return bool(held < wanted)
        case Operator.AT_MOST:
            return bool(held <= wanted)
        case Operator.MORE:
            return bool(held > wanted)
        case Operator.AT_LEAST:
            return bool(held >= wanted)
        case Operator.LIKE:
            return wanted in str(held)


class Sorter:
    """Takes the devices one by one, as registered, and keeps of each only what sorting needs."""

    def __init__(self, orders: Sequence[Order]) -> None:
        self._orders = orders
        self._found: list[tuple[str, tuple[Any, ...]]] = []

    def __len__(self) -> int:
        return len(self._found)

    def add(self, record: DeviceRecord | Facts) -> None:
        self._found.append((record.device, tuple(value(record, each.field) for each in self._orders)))

    def sorted(self) -> list[str]:
        """Ids of the devices."""
        for at, order in reversed(list(enumerate(self._orders))):
            self._found.sort(key=lambda found: found[1][at], reverse=order.descending)
        return [device for device, _ in self._found]
