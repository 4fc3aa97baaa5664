"""The JSON of a device profile, and the loose ways in which published ones write numbers.

Source: Huawei 1.6.5 (names and types of all fields)
"""

import math
from typing import TypeVar

from msgspec import DecodeError, Struct, ValidationError, json

from ..core import things
from ..core.errors import InvalidInput
from ..core.things import Name
from ..web.validation import explain

S = TypeVar("S", bound=Struct)

Number = int | float | str

_BOM = b"\xef\xbb\xbf"


class Value(Struct, frozen=True, kw_only=True, rename="camel"):
    data_type: str
    required: bool | str | None = None
    min: Number | None = None
    max: Number | None = None
    step: Number | None = None
    max_length: int | str | None = None
    unit: str | None = None
    enum_list: list[str | int | float | bool] | None = None


class Para(Value, frozen=True, kw_only=True, rename="camel"):
    para_name: Name


class Property(Value, frozen=True, kw_only=True, rename="camel"):
    property_name: Name
    method: str | None = None


class Response(Struct, frozen=True, rename="camel"):
    response_name: Name
    paras: list[Para] | None = None


class Command(Struct, frozen=True, rename="camel"):
    command_name: Name
    paras: list[Para] | None = None
    responses: list[Response] | None = None


class ServiceType(Struct, frozen=True, rename="camel"):
    service_type: Name
    description: str | None = None
    commands: list[Command] | None = None
    properties: list[Property] | None = None


class Capability(Struct, frozen=True, rename="camel"):
    service_id: Name
    service_type: str | None = None
    option: str | None = None


class Device(Struct, frozen=True, rename="camel"):
    manufacturer_id: Name
    manufacturer_name: Name
    protocol_type: Name
    device_type: Name
    model: Name
    service_type_capabilities: list[Capability] | None = None


class DeviceFile(Struct, frozen=True):
    devices: list[Device]


class ServiceFile(Struct, frozen=True):
    services: list[ServiceType]


class Document(Struct, frozen=True):
    """One file with both."""

    devices: list[Device]
    services: list[ServiceType] | None = None


def decode(kind: type[S], file: str, data: bytes) -> S:
    """The struct in `data`. Raises InvalidInput naming `file` and, where known, the field."""
    try:
        return json.decode(data.removeprefix(_BOM), type=kind)
    except ValidationError as error:
        found = explain(error)
        at = f"{file}: {found.field}" if found.field else file
        raise InvalidInput(at, found.reason, missing=found.missing) from error
    except (DecodeError, RecursionError) as error:
        raise InvalidInput(file, f"is not JSON: {error}") from error


def number_text(raw: Number | None) -> str | None:
    """The number as it was written; a JSON number in its shortest form."""
    return raw if raw is None or isinstance(raw, str) else repr(raw)


def number(at: str, raw: Number | None) -> int | float | None:
    """The number, also of text; None of null and empty text. Raises InvalidInput naming `at`."""
    if raw is None or raw == "":
        return None
    exact = things.number(raw)
    if exact is None or not math.isfinite(float(exact)):
        raise InvalidInput(at, f"is not a number: {raw}")
    if not isinstance(raw, str):
        return raw
    return int(raw) if raw.lstrip("-").isdecimal() else float(raw)


def whole(at: str, raw: int | str | None) -> int | None:
    """The count, also of text; None of null and empty text. Raises InvalidInput naming `at`."""
    value = number(at, raw)
    if isinstance(value, float) or (value is not None and value < 0):
        raise InvalidInput(at, f"is not a count: {raw}")
    return value


def member_text(raw: str | float | bool) -> str:
    """An enum member as text, which is how it is answered."""
    if isinstance(raw, bool):
        return "true" if raw else "false"
    return raw if isinstance(raw, str) else repr(raw)
