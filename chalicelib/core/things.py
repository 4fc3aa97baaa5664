"""The thing model: what a product's devices report, accept and can be told to do.

One structure for all systems: services hold properties, commands and events. A system without
services has one service with the id "". A model without any service is schemaless: its devices
may report and be sent anything.

    ThingModel
    └── Service                id, type, option
        ├── Property           a reported or settable value, with its access method
        ├── Command            parameters and the responses it can get
        └── Event              parameters

How a value is judged against a model is in `thing_values`.
"""

import re
from collections.abc import Callable, Iterable
from decimal import Decimal
from enum import Enum
from functools import cached_property
from typing import Annotated, TypeVar

from msgspec import DecodeError, Meta, Struct, json

from .errors import InvalidInput

MAX_SIZE = 300 * 1024  # bytes of UTF-8: must fit a DynamoDB item beside the product's other fields
MAX_NESTING = 8  # structs and arrays within each other
MAX_INT_BITS = 1024  # a longer number is no measurement, and turning it into decimals costs

T = TypeVar("T")

_NUMBER = re.compile(r"-?[0-9]{1,400}(?:\.[0-9]{1,400})?(?:[eE][+-]?[0-9]{1,4})?", re.ASCII)


class DataType(Enum):
    """Types of all systems; where one lacks a type, its converter names the nearest."""

    INT = "int"
    INT16 = "int16"
    INT32 = "int32"
    UINT16 = "uint16"
    UINT32 = "uint32"
    BYTE = "byte"
    DECIMAL = "decimal"
    FLOAT = "float"
    DOUBLE = "double"
    STRING = "string"
    BYTES = "bytes"
    DATETIME = "datetime"  # ISO 8601 text, basic or extended
    DATE = "date"  # milliseconds since 1970
    BOOL = "bool"
    ENUM = "enum"
    OBJECT = "object"  # free JSON, never looked into
    STRUCT = "struct"  # members are in `fields`
    ARRAY = "array"  # items are like `element`


INTEGERS: dict[DataType, tuple[int, int]] = {
    DataType.INT: (-(2**63), 2**63 - 1),
    DataType.INT16: (-(2**15), 2**15 - 1),
    DataType.INT32: (-(2**31), 2**31 - 1),
    DataType.UINT16: (0, 2**16 - 1),
    DataType.UINT32: (0, 2**32 - 1),
    DataType.BYTE: (0, 2**8 - 1),
}
FRACTIONS = frozenset({DataType.DECIMAL, DataType.FLOAT, DataType.DOUBLE})


class Option(Enum):
    OPTIONAL = "Optional"
    MANDATORY = "Mandatory"
    MASTER = "Master"


Name = Annotated[str, Meta(min_length=1, max_length=256)]
ServiceId = Annotated[str, Meta(max_length=256)]
Text = Annotated[str, Meta(max_length=10_240)]
NumberText = Annotated[str, Meta(max_length=64)]
Count = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Method = Annotated[str, Meta(pattern="^[RWE]{0,3}$")]


class Field(Struct, frozen=True, omit_defaults=True):
    """A named, typed value.

    `min` and `max` keep the text they were given, so that "65535.0" is answered as such; compare
    with `bounds`. `max_length` counts characters, of an array its items; None or 0 is no limit.
    `labels` are what people call the members of `enum_list`, or false and true, in their order.
    `type_text` is how the source wrote the type, where its converter would write it otherwise.
    """

    name: Name
    data_type: DataType
    required: bool = False
    min: NumberText | None = None
    max: NumberText | None = None
    step: int | float | None = None
    max_length: Count | None = None
    unit: Text | None = None
    enum_list: tuple[Text, ...] | None = None
    labels: tuple[Text, ...] | None = None
    description: Text | None = None
    type_text: Name | None = None
    fields: "tuple[Parameter, ...]" = ()
    element: "Parameter | None" = None

    @property
    def bounds(self) -> tuple[Decimal | None, Decimal | None]:
        """Lowest and highest number allowed. A range of 0 to 0 is how tools write "no range"."""
        low = number(self.min) if self.min else None
        high = number(self.max) if self.max else None
        return (None, None) if low == 0 == high else (low, high)


class Parameter(Field, frozen=True, omit_defaults=True):
    """What a command takes, a response or an event carries, a struct or an array holds."""


class Property(Field, frozen=True, omit_defaults=True):
    """`method`: R an app may read it, W write it, E observe it. `index` and `ref` are its number and id
    as a data point (`points`), `collect` whether its product's maker wants its values collected.
    """

    method: Method | None = None
    index: Annotated[int, Meta(ge=0, le=65_535)] | None = None
    ref: Annotated[str, Meta(min_length=1, max_length=32)] | None = None
    collect: bool = False

    @property
    def writable(self) -> bool:
        return "W" in (self.method or "")


class Response(Struct, frozen=True, omit_defaults=True):
    name: Name
    parameters: tuple[Parameter, ...] = ()


class Command(Struct, frozen=True, omit_defaults=True):
    """`synchronous`: who calls it waits for the device's answer, in systems that know such calls."""

    name: Name
    parameters: tuple[Parameter, ...] = ()
    responses: tuple[Response, ...] = ()
    description: Text | None = None
    synchronous: bool = False


class Event(Struct, frozen=True, omit_defaults=True):
    name: Name
    type: Name | None = None
    description: Text | None = None
    parameters: tuple[Parameter, ...] = ()


class Service(Struct, frozen=True, omit_defaults=True, dict=True):
    id: ServiceId
    type: ServiceId = ""
    description: Text | None = None
    option: Option | None = None
    properties: tuple[Property, ...] = ()
    commands: tuple[Command, ...] = ()
    events: tuple[Event, ...] = ()

    @cached_property
    def _properties(self) -> dict[str, Property]:
        return {each.name: each for each in self.properties}

    @cached_property
    def _commands(self) -> dict[str, Command]:
        return {each.name: each for each in self.commands}

    def property(self, name: str) -> Property | None:
        return self._properties.get(name)

    def command(self, name: str) -> Command | None:
        return self._commands.get(name)


class ThingModel(Struct, frozen=True, omit_defaults=True, dict=True):
    services: tuple[Service, ...] = ()

    @cached_property
    def _services(self) -> dict[str, Service]:
        return {each.id: each for each in self.services}

    def service(self, ident: str) -> Service | None:
        return self._services.get(ident)

    @property
    def schemaless(self) -> bool:
        """No service is described, so anything goes."""
        return not self.services

    @property
    def commandless(self) -> bool:
        """It comes from a system that describes data points alone: nothing is known of commands."""
        return all(not service.id and not service.commands for service in self.services)


def encode(model: ThingModel) -> str:
    """The model as JSON text for the store.

    Raises InvalidInput where a name is taken twice, a bound is no number, or the model is larger
    than MAX_SIZE or nested deeper than MAX_NESTING.
    """
    text = json.encode(model).decode()
    decode(text)
    return text


def decode(text: str) -> ThingModel:
    """The model of `encode`'s text. Raises InvalidInput as `encode` does, or where text is no model."""
    if len(text.encode()) > MAX_SIZE:
        raise InvalidInput("model", f"is larger than {MAX_SIZE} bytes")
    try:
        model = _DECODER.decode(text)
    except RecursionError as error:
        raise InvalidInput("model", "is nested too deep") from error
    except DecodeError as error:
        raise InvalidInput("model", f"is not a thing model: {error}") from error
    _check_unique("services", model.services, lambda each: each.id)
    for service in model.services:
        _check_service(service)
    return model


def number(value: object) -> Decimal | None:
    """The exact number of a JSON number or of text that spells one; None for all else.

    True and False are no numbers, and neither are infinities and NaN.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return Decimal(value) if value.bit_length() <= MAX_INT_BITS else None
    if isinstance(value, float):
        exact = Decimal(repr(value))
        return exact if exact.is_finite() else None
    return Decimal(value) if isinstance(value, str) and _NUMBER.fullmatch(value) else None


def _check_service(service: Service) -> None:
    at = service.id
    _check_unique(at, service.properties, lambda each: each.name)
    _check_unique(at, service.commands, lambda each: each.name)
    _check_unique(at, service.events, lambda each: each.name)
    _check_fields(at, service.properties)
    for command in service.commands:
        _check_fields(f"{at}.{command.name}", command.parameters)
        _check_unique(f"{at}.{command.name}", command.responses, lambda each: each.name)
        for response in command.responses:
            _check_fields(f"{at}.{command.name}.{response.name}", response.parameters)
    for event in service.events:
        _check_fields(f"{at}.{event.name}", event.parameters)


def _check_fields(at: str, fields: Iterable[Field], depth: int = 1) -> None:
    if depth > MAX_NESTING:
        raise InvalidInput(at, f"is nested deeper than {MAX_NESTING}")
    fields = tuple(fields)
    _check_unique(at, fields, lambda each: each.name)
    for field in fields:
        if field.data_type in INTEGERS or field.data_type in FRACTIONS:
            _check_bounds(f"{at}.{field.name}", field)
        inner = (*field.fields, field.element) if field.element else field.fields
        if inner:
            _check_fields(f"{at}.{field.name}", inner, depth + 1)


def _check_bounds(at: str, field: Field) -> None:
    for name, text in (("min", field.min), ("max", field.max)):
        if text and number(text) is None:
            raise InvalidInput(f"{at}.{name}", f"is not a number: {text}")
    low, high = field.bounds
    if low is not None and high is not None and low > high:
        raise InvalidInput(f"{at}.min", "is above max")


def _check_unique(at: str, items: Iterable[T], key: Callable[[T], str]) -> None:
    seen: set[str] = set()
    for item in items:
        if key(item) in seen:
            raise InvalidInput(f"{at}.{key(item)}", "is defined twice")
        seen.add(key(item))


_DECODER = json.Decoder(ThingModel)
