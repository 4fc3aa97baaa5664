"""Devices between XLink's spelling and the core's."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from ...core.device_query import Condition, Field, Operator, Order, Selection, version_number
from ...core.devices import Status
from ...core.errors import InvalidInput
from ...core.product_devices import Shown
from ...core.registration import MAC_KEY
from .device_schema import MOST_VALUES, DeviceInfo
from .errors import IllegalName, ReservedName
from .schema import format_time

MEMBER = 1  # creator type: by the company's own console, not by a user
LONGEST_MODEL = 20  # characters
OLDER = {"firmware": "firmware_version"}  # the name in one of the published examples
CODES = ("active_code", "authorize_code")
QUERYABLE = {
    "id": Field.NUMBER,
    "mac": Field.MAC,
    "is_online": Field.ONLINE,
    "firmware_version": Field.FIRMWARE,
}
SORTABLE = QUERYABLE | {
    "name": Field.NAME,
    "is_active": Field.ACTIVE,
    "active_date": Field.ACTIVATED_AT,
    "last_login": Field.LAST_LOGIN,
    "last_login_ip": Field.LAST_LOGIN_IP,
    "mcu_mod": Field.HARDWARE,
    "mcu_version": Field.SOFTWARE,
    "region_id": Field.REGION,
    "create_time": Field.CREATED,
}
ALIKE = frozenset({"firmware_mod", "corp_id", "product_id", "creator_id", "creator_type"})  # in all of a list
OPERATORS = {
    "$in": Operator.IN,
    "$lt": Operator.LESS,
    "$lte": Operator.AT_MOST,
    "$gt": Operator.MORE,
    "$gte": Operator.AT_LEAST,
    "$like": Operator.LIKE,
}
BASE = frozenset(DeviceInfo.__struct_fields__)
LISTED = BASE - {"corp_id"}


def mac_key(text: str, field: str) -> str:
    """12 upper-case hex digits. Raises InvalidInput."""
    if not text:
        raise InvalidInput(field, "is empty", missing=True)
    key = _digits(text)
    if not MAC_KEY.fullmatch(key):
        raise InvalidInput(field, "is no MAC address of 12 hex digits")
    return key


def _digits(text: str) -> str:
    return text.replace(":", "").replace("-", "").upper()


def device(shown: Shown) -> DeviceInfo:
    found = shown.device
    return DeviceInfo(
        id=found.number or 0,
        mac=found.mac_key or "",
        name=found.name,
        is_active=found.activated,
        active_date=_time(found.activated_at),
        is_online=found.status is Status.ONLINE,
        last_login=_time(found.last_login),
        last_login_ip=found.last_login_ip or "",
        active_code=shown.psk,
        authorize_code=shown.secret,
        mcu_mod=(found.hw_version or "")[:LONGEST_MODEL],
        mcu_version=version_number(found.sw_version),
        firmware_mod="",
        firmware_version=version_number(found.fw_version),
        corp_id=found.tenant,
        product_id=found.product,
        region_id=found.region or "",
        create_time=_time(found.created),
        creator_id=found.owner,
        creator_type=MEMBER,
    )


def _time(at: int | None) -> str:
    return format_time(at) if at else ""


def listed(shown: Shown, chosen: Sequence[str] | None) -> dict[str, Any]:
    """The chosen fields that the device has, by default all base fields."""
    fields = {
        name: value for name, value in msgspec.structs.asdict(device(shown)).items() if value is not None
    }
    if not chosen:
        return {name: value for name, value in fields.items() if name in LISTED}
    found: dict[str, Any] = {}
    for name in chosen:
        if _base(name) in fields:
            found[_base(name)] = fields[_base(name)]
        elif name in shown.properties:
            found[name] = shown.properties[name]
    return found


def wants_codes(chosen: Sequence[str] | None) -> bool:
    return not chosen or any(name in CODES for name in chosen)


def wants_properties(chosen: Sequence[str] | None) -> bool:
    return any(_base(name) not in BASE for name in chosen or ())


def _base(name: str) -> str:
    return OLDER.get(name, name)


def check_names(given: Mapping[str, Any]) -> None:
    """Of extended properties. Raises IllegalName, ReservedName."""
    for name in given:
        if not name or "." in name or "\0" in name or name.startswith("$"):
            raise IllegalName(name, "holds a dot or NUL, begins with $ or is empty")
        if _base(name) in BASE:
            raise ReservedName(name, "is a field of every device")


def selection(query: Mapping[str, Any] | None, order: Mapping[str, str] | None) -> Selection:
    """Raises InvalidInput, which names the field."""
    conditions = [each for name, given in (query or {}).items() for each in _conditions(name, given)]
    orders = [_order(name, way) for name, way in (order or {}).items() if _base(name) not in ALIKE]
    return Selection(tuple(conditions), tuple(orders))


def _order(name: str, way: str) -> Order:
    place = f"order.{name}"
    field = SORTABLE.get(_base(name))
    if field is None:
        raise InvalidInput(place, "is no field to sort by")
    if way.lower() not in ("asc", "desc"):
        raise InvalidInput(place, "must be asc or desc")
    return Order(field, way.lower() == "desc")


def _conditions(name: str, given: Any) -> list[Condition]:
    place = f"query.{name}"
    field = QUERYABLE.get(_base(name))
    if field is None:
        raise InvalidInput(place, "is no field to query by")
    if not isinstance(given, dict):
        return [Condition(field, Operator.EQUAL, _value(field, given, place))]
    found = []
    for command, wanted in given.items():
        if command not in OPERATORS:
            raise InvalidInput(place, f"takes {', '.join(OPERATORS)} only")
        found.append(_condition(field, OPERATORS[command], wanted, f"{place}.{command}"))
    return found


def _condition(field: Field, operator: Operator, wanted: Any, place: str) -> Condition:
    if operator is Operator.IN:
        if not isinstance(wanted, list) or len(wanted) > MOST_VALUES:
            raise InvalidInput(place, f"must be a list of at most {MOST_VALUES} values")
        return Condition(field, operator, tuple(_value(field, each, place) for each in wanted))
    if field is Field.ONLINE:
        raise InvalidInput(place, "does not apply to true and false")
    if operator is Operator.LIKE or field is Field.MAC:
        return Condition(field, operator, _text(field, wanted, place))
    return Condition(field, operator, _number(wanted, place))


def _text(field: Field, given: Any, place: str) -> str:
    """For `$like`, and for what a MAC address comes before or after: a part of one will do."""
    if isinstance(given, bool) or not isinstance(given, str | int):
        raise InvalidInput(place, "must be a text")
    return _digits(str(given)) if field is Field.MAC else str(given)


def _value(field: Field, given: Any, place: str) -> Any:
    if field is Field.ONLINE:
        return _truth(given, place)
    if field is not Field.MAC:
        return _number(given, place)
    if not isinstance(given, str):
        raise InvalidInput(place, "must be a text")
    return mac_key(given, place)


def _truth(given: Any, place: str) -> bool:
    value = {"true": True, "false": False}.get(given.lower()) if isinstance(given, str) else given
    if not isinstance(value, bool):
        raise InvalidInput(place, "must be true or false")
    return value


def _number(given: Any, place: str) -> int:
    text = str(given).strip()
    if isinstance(given, bool) or not isinstance(given, int | str) or not _is_integer(text):
        raise InvalidInput(place, "must be an integer")
    return int(text)


def _is_integer(text: str) -> bool:
    digits = text.removeprefix("-")
    return digits.isascii() and digits.isdigit() and len(digits) <= 18
