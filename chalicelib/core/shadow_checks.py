"""What a change of a device's shadow has to keep to: the caller's time, bounds, the thing model.

Source: device shadow 2.3 to 2.13
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from . import shadow_documents, shadow_paths, thing_values
from .errors import InvalidInput, PropertyNotWritable, ServiceNotFound, VersionConflict
from .shadow_documents import Part
from .shadow_fields import Held
from .shadow_writes import Edit

MOST_DOCUMENT = 64 * 1024  # bytes of the fields that one call writes
MOST_LEVELS = 16  # of them, the document itself included
MOST_SHADOW = 300 * 1024  # bytes of all services, with their times
LONGEST_KEY = 256


def check_time(held: Held, part: Part, keys: Iterable[str], timestamp: int | None) -> None:
    """Raises VersionConflict where the caller does not know what it writes over."""
    if timestamp is None or timestamp == held.stamp:
        return
    for key in keys:
        at = held.written(part, key)
        if timestamp < at:
            raise VersionConflict(f"{key} was written at {at}, the shadow's time is {held.stamp}")


def check_document(values: Mapping[str, Any]) -> None:
    if not values:
        raise InvalidInput("", "no field is named")
    for key in values:
        if not 1 <= len(key) <= LONGEST_KEY:
            raise InvalidInput(key[:LONGEST_KEY], f"is no key of 1 to {LONGEST_KEY} characters")
    if shadow_paths.depth(values) > MOST_LEVELS:
        raise InvalidInput("", f"the document nests deeper than {MOST_LEVELS} levels")
    if len(msgspec.json.encode(values)) > MOST_DOCUMENT:
        raise InvalidInput("", f"the document is larger than {MOST_DOCUMENT // 1024} KB")


def check_reported(held: Held, values: Mapping[str, Any]) -> None:
    if held.device.mute:
        raise InvalidInput("deviceId", "is muted: nothing is kept of what it reports")
    for key, value in values.items():
        service, name = held.keys.place(key)
        checked = thing_values.check_report(held.model, service, {name: value})
        if not checked.service_known:
            raise InvalidInput(key, "is not in the model")
        for problem in checked.problems:
            raise InvalidInput(key + problem.field.removeprefix(name), problem.reason)


def check_desired(held: Held, values: Mapping[str, Any]) -> None:
    for key, value in values.items():
        service, name = held.keys.place(key)
        if value is None:
            raise InvalidInput(key, "is null: to a device that is a field deleted")
        try:
            thing_values.check_desired(held.model, service, {name: value})
        except ServiceNotFound:
            raise InvalidInput(key, "is not in the model") from None
        except PropertyNotWritable:
            raise InvalidInput(key, "is not writable") from None
        except InvalidInput as error:
            raise InvalidInput(key + error.field.removeprefix(f"desired.{name}"), error.reason) from None


def check_room(held: Held, edits: Sequence[Edit]) -> None:
    after = {**held.shadows, **{edit.service: edit.shadow for edit in edits}}
    if sum(map(shadow_documents.size, after.values())) > MOST_SHADOW:
        raise InvalidInput("", f"the shadow would be larger than {MOST_SHADOW // 1024} KB")
