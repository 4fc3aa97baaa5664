"""Judges values against a thing model: reports, desired values, command parameters.

A report keeps what is right and lists what is wrong; what an app sends is taken whole or refused.
Accepted values stay exactly as they came: devices send numbers as text ("flow": "565656"), and an
app reads back what its device said.
"""

import math
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from msgspec import Struct

from .errors import CommandTypeNotFound, InvalidInput, PropertyNotFound, PropertyNotWritable, ServiceNotFound
from .things import FRACTIONS, INTEGERS, DataType, Field, Service, ThingModel, number

MAX_DEPTH = 32  # of free JSON
SHOWN = 10  # enum members named in a reason
MISSING = "is missing"
_NUMERIC = {*INTEGERS, *FRACTIONS, DataType.DATE}


class Problem(Struct, frozen=True):
    """`field` is a dotted path, such as position.lat or levels[3]."""

    field: str
    reason: str


class Checked(Struct, frozen=True):
    """A judged report: the values to keep and what was dropped."""

    values: dict[str, Any]
    problems: tuple[Problem, ...] = ()
    service_known: bool = True


def check_report(model: ThingModel, service_id: str, values: Mapping[str, Any]) -> Checked:
    """Sort a device's report into values to keep and problems. Never raises.

    An unknown service keeps nothing and says so by `service_known`. A property that is marked
    required may be absent: devices report what changed.
    Source: Huawei 2.3
    """
    service = model.service(service_id)
    if service is None and not model.schemaless:
        return Checked({}, (), service_known=False)
    kept: dict[str, Any] = {}
    problems: list[Problem] = []
    for name, value in values.items():
        problem = _property_problem(service, name, value)
        if problem:
            problems.append(problem)
        else:
            kept[name] = value
    return Checked(kept, tuple(problems))


def check_desired(model: ThingModel, service_id: str, values: Mapping[str, Any]) -> None:
    """Refuse desired values that the model does not take.

    Raises ServiceNotFound, PropertyNotWritable, PropertyNotFound, or InvalidInput naming
    `desired.<property>`.
    Source: Huawei 1.5.8
    """
    service = _service(model, service_id)
    for name, value in values.items():
        prop = service.property(name) if service else None
        if service and not prop:
            raise PropertyNotFound(f"desired.{name}", "is not in the model")
        if prop and not prop.writable:
            raise PropertyNotWritable(f"{service_id}.{name}")
        problem = _property_problem(service, name, value)
        if problem:
            raise InvalidInput(f"desired.{problem.field}", problem.reason)


def check_command(model: ThingModel, service_id: str, method: str, paras: Mapping[str, Any]) -> None:
    """Refuse a command that the model does not describe, where it describes any.

    Raises ServiceNotFound, CommandTypeNotFound, or InvalidInput naming `paras.<parameter>`.
    Source: Huawei 1.9.1, 1.9.7
    """
    service = None if model.commandless else _service(model, service_id)
    if service is None:
        problem = next(filter(None, (free_problem(paras[name], name) for name in paras)), None)
    else:
        command = service.command(method)
        if command is None:
            raise CommandTypeNotFound(f"{service_id}.{method}")
        problem = _members_problem(command.parameters, paras, "")
    if problem:
        missing = problem.reason == MISSING
        raise InvalidInput(f"paras.{problem.field}", problem.reason, missing=missing)


def same_value(model: ThingModel, service_id: str, name: str, one: object, other: object) -> bool:
    """Whether two values of a property mean the same: devices write 35 as 35.0 or as "35"."""
    service = model.service(service_id)
    prop = service.property(name) if service else None
    if prop is None or prop.data_type in _NUMERIC:
        exact = number(one)
        if exact is not None and exact == number(other):
            return True
    if prop is not None and prop.data_type is DataType.ENUM:
        return str(one) == str(other)
    return one == other


def value_problem(field: Field, value: object, path: str) -> Problem | None:
    """What keeps `value` from being a value of `field`; None when nothing does."""
    return _CHECKS[field.data_type](field, value, path)


def free_problem(value: object, path: str, depth: int = 0) -> Problem | None:
    """What keeps `value` from being JSON that every system can carry; None when nothing does."""
    if depth > MAX_DEPTH:
        return Problem(path, f"is nested deeper than {MAX_DEPTH}")
    if isinstance(value, dict):
        inner = (free_problem(each, f"{path}.{key}", depth + 1) for key, each in value.items())
        return next(filter(None, inner), None)
    if isinstance(value, list):
        inner = (free_problem(each, f"{path}[{at}]", depth + 1) for at, each in enumerate(value))
        return next(filter(None, inner), None)
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return Problem(path, "is not a finite number") if number(value) is None else None
    if isinstance(value, str):
        return _text_problem(value, path)
    return Problem(path, "is not a JSON value")


def _service(model: ThingModel, service_id: str) -> Service | None:
    """The service; None where the model is schemaless."""
    service = model.service(service_id)
    if service is None and not model.schemaless:
        raise ServiceNotFound(service_id)
    return service


def _property_problem(service: Service | None, name: str, value: object) -> Problem | None:
    if service is None:
        return free_problem(value, name)
    prop = service.property(name)
    return value_problem(prop, value, name) if prop else Problem(name, "is not in the model")


def _members_problem(fields: tuple[Field, ...], values: Mapping[str, Any], prefix: str) -> Problem | None:
    known = {field.name: field for field in fields}
    for name, value in values.items():
        problem = (
            value_problem(known[name], value, prefix + name)
            if name in known
            else Problem(prefix + name, "is not in the model")
        )
        if problem:
            return problem
    absent = (field.name for field in fields if field.required and field.name not in values)
    return next((Problem(prefix + name, MISSING) for name in absent), None)


def _check_integer(field: Field, value: object, path: str) -> Problem | None:
    exact = number(value)
    if exact is None or exact != exact.to_integral_value():
        return Problem(path, "is not an integer")
    low, high = INTEGERS[field.data_type]
    if not low <= exact <= high:
        return Problem(path, f"is outside {low} to {high}")
    return _range_problem(field, exact, path)


def _check_fraction(field: Field, value: object, path: str) -> Problem | None:
    exact = number(value)
    # text like "1e999" is a number, but no system's double can hold it
    if exact is None or not math.isfinite(float(exact)):
        return Problem(path, "is not a finite number")
    return _range_problem(field, exact, path)


def _range_problem(field: Field, exact: Decimal, path: str) -> Problem | None:
    low, high = field.bounds
    if low is not None and exact < low:
        return Problem(path, f"is below {field.min}")
    if high is not None and exact > high:
        return Problem(path, f"is above {field.max}")
    if field.enum_list and exact not in {number(each) for each in field.enum_list}:
        return _not_listed(field, path)
    return None


def _check_text(field: Field, value: object, path: str) -> Problem | None:
    if not isinstance(value, str):
        return Problem(path, "is not a string")
    if field.max_length and len(value) > field.max_length:
        return Problem(path, f"is longer than {field.max_length}")
    if field.enum_list and value not in field.enum_list:
        return _not_listed(field, path)
    return _text_problem(value, path)


def _text_problem(value: str, path: str) -> Problem | None:
    # half a surrogate pair passes JSON's escapes and fails at the next UTF-8 encoder
    try:
        value.encode()
    except UnicodeEncodeError:
        return Problem(path, "is not valid Unicode")
    return None


def _check_datetime(field: Field, value: object, path: str) -> Problem | None:
    problem = _check_text(field, value, path)
    if problem:
        return problem
    try:
        datetime.fromisoformat(str(value))
    except ValueError:
        return Problem(path, "is not an ISO 8601 time")
    return None


def _check_date(field: Field, value: object, path: str) -> Problem | None:
    exact = number(value)
    if exact is None or exact != exact.to_integral_value() or not abs(exact) < 2**63:
        return Problem(path, "is not a time in milliseconds")
    return None


def _check_bool(field: Field, value: object, path: str) -> Problem | None:
    # devices of some systems write 0 and 1
    if isinstance(value, int) and value in (0, 1):
        return None
    return Problem(path, "is not a boolean")


def _check_enum(field: Field, value: object, path: str) -> Problem | None:
    if isinstance(value, int) and number(value) is not None:
        value = str(value)
    return _check_text(field, value, path)


def _check_object(field: Field, value: object, path: str) -> Problem | None:
    if not isinstance(value, dict | list):
        return Problem(path, "is not a JSON object")
    return free_problem(value, path)


def _check_struct(field: Field, value: object, path: str) -> Problem | None:
    if not isinstance(value, dict):
        return Problem(path, "is not a JSON object")
    return _members_problem(field.fields, value, f"{path}.") if field.fields else free_problem(value, path)


def _check_array(field: Field, value: object, path: str) -> Problem | None:
    if not isinstance(value, list):
        return Problem(path, "is not an array")
    if field.max_length and len(value) > field.max_length:
        return Problem(path, f"has more than {field.max_length} items")
    if field.element is None:
        return free_problem(value, path)
    for at, item in enumerate(value):
        problem = value_problem(field.element, item, f"{path}[{at}]")
        if problem:
            return problem
    return None


def _not_listed(field: Field, path: str) -> Problem:
    members = field.enum_list or ()
    more = ", …" if len(members) > SHOWN else ""
    return Problem(path, f"is not one of {', '.join(members[:SHOWN])}{more}")


_CHECKS: dict[DataType, Callable[[Field, object, str], Problem | None]] = {
    **dict.fromkeys(INTEGERS, _check_integer),
    **dict.fromkeys(FRACTIONS, _check_fraction),
    DataType.STRING: _check_text,
    DataType.BYTES: _check_text,
    DataType.DATETIME: _check_datetime,
    DataType.DATE: _check_date,
    DataType.BOOL: _check_bool,
    DataType.ENUM: _check_enum,
    DataType.OBJECT: _check_object,
    DataType.STRUCT: _check_struct,
    DataType.ARRAY: _check_array,
}
