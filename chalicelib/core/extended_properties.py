"""What apps write down about a device under names of their own.

All of a device's are one item, so that a call changes all it names or nothing, and what others write
at the same time stays. Values are kept as the JSON text that came: 1.0 stays 1.0. To a person who is not
bound to the device each answers NotBound.

Source: XLink 26 to 30; Feiyan 6.4.13 to 6.4.15
"""

from collections.abc import Callable, Mapping

import msgspec

from ..store.devices import DEVICE, PROPERTIES, DeviceRecord, PropertiesRecord
from ..store.transactions import ConditionFailed, Transaction, pause
from . import devices, thing_access, thing_values
from .applications import Caller
from .errors import (
    Busy,
    DeviceNotFound,
    ExtendedPropertyExists,
    ExtendedPropertyNotFound,
    InvalidInput,
    TooManyProperties,
)

MOST = 10  # of a device
LONGEST_NAME = 64  # characters
MOST_BYTES = 32 * 1024  # of a device's, names and values
TRIES = 8

Properties = Mapping[str, msgspec.Raw]


def decode(record: PropertiesRecord) -> dict[str, msgspec.Raw]:
    return msgspec.json.decode(record.document, type=dict[str, msgspec.Raw])


def read(caller: Caller, device: str) -> dict[str, msgspec.Raw]:
    """By name. One AWS call. Raises DeviceNotFound."""
    held = _read(caller, device)
    return decode(held) if held is not None else {}


def get(caller: Caller, device: str, name: str) -> msgspec.Raw:
    """One AWS call. Raises DeviceNotFound, ExtendedPropertyNotFound."""
    held = read(caller, device)
    if name not in held:
        raise ExtendedPropertyNotFound(name)
    return held[name]


def add(caller: Caller, device: str, given: Properties) -> None:
    """Two AWS calls. Raises DeviceNotFound, ExtendedPropertyExists, TooManyProperties, InvalidInput, Busy."""
    _check(given)

    def added(held: dict[str, msgspec.Raw]) -> dict[str, msgspec.Raw]:
        for name in given:
            if name in held:
                raise ExtendedPropertyExists(name)
        if len(held) + len(given) > MOST:
            raise TooManyProperties(device)
        return {**held, **given}

    _edit(caller, device, added)


def put(caller: Caller, device: str, given: Properties) -> None:
    """Add or change. Two AWS calls. Raises DeviceNotFound, NotBound to a person, TooManyProperties,
    InvalidInput, Busy. Source: Feiyan 6.4.13
    """
    _check(given)

    def put_in(held: dict[str, msgspec.Raw]) -> dict[str, msgspec.Raw]:
        after = {**held, **given}
        if len(after) > max(MOST, len(held)):
            raise TooManyProperties(device)
        return after

    _edit(caller, device, put_in)


def change(caller: Caller, device: str, given: Properties) -> None:
    """Two AWS calls. Raises DeviceNotFound, ExtendedPropertyNotFound, InvalidInput, Busy."""
    _check(given)

    def changed(held: dict[str, msgspec.Raw]) -> dict[str, msgspec.Raw]:
        for name in given:
            if name not in held:
                raise ExtendedPropertyNotFound(name)
        return {**held, **given}

    _edit(caller, device, changed)


def remove(caller: Caller, device: str, name: str) -> None:
    """Two AWS calls. Raises DeviceNotFound, ExtendedPropertyNotFound, Busy."""

    def without(held: dict[str, msgspec.Raw]) -> dict[str, msgspec.Raw]:
        if name not in held:
            raise ExtendedPropertyNotFound(name)
        return {key: value for key, value in held.items() if key != name}

    _edit(caller, device, without)


def of_text(text: str) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(text))


def to_text(raw: msgspec.Raw) -> str:
    """Of a value that is no text its JSON."""
    value = msgspec.json.decode(raw)
    return value if isinstance(value, str) else bytes(raw).decode()


def _check(given: Properties) -> None:
    if not given:
        raise InvalidInput("", "no property is given", missing=True)
    for name, raw in given.items():
        if not 0 < len(name) <= LONGEST_NAME:
            raise InvalidInput(name[:LONGEST_NAME], f"is no name of 1 to {LONGEST_NAME} characters")
        try:
            value = msgspec.json.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise InvalidInput(name, f"is no valid JSON: {error}") from None
        problem = thing_values.free_problem(value, name)
        if problem:
            raise InvalidInput(problem.field, problem.reason)


def _read(caller: Caller, device: str) -> PropertiesRecord | None:
    _, parts = thing_access.read(caller, device, PROPERTIES)
    return parts.get(PROPERTIES, PropertiesRecord)


def _edit(
    caller: Caller, device: str, edit: Callable[[dict[str, msgspec.Raw]], dict[str, msgspec.Raw]]
) -> None:
    """Put what `edit` makes of the properties in their place; asked again where another came between."""
    for attempt in range(TRIES):
        held = _read(caller, device)
        text = msgspec.json.encode(edit(decode(held) if held is not None else {}))
        if len(text) > MOST_BYTES:
            raise InvalidInput("", f"the properties take more than {MOST_BYTES // 1024} KB in all")
        same = (
            PropertiesRecord.version == held.version
            if held is not None
            else PropertiesRecord.device.does_not_exist()
        )
        written = PropertiesRecord(
            device, PROPERTIES, document=text.decode(), version=int(held.version) + 1 if held else 1
        )
        change = Transaction()
        change.check(DeviceRecord(device, DEVICE), devices.alive(), DeviceNotFound(device))
        change.put(written, same)
        try:
            change.commit()
        except ConditionFailed:
            pause(attempt)
        else:
            return
    raise Busy(device)
