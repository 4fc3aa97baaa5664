"""Inside of fields that are JSON objects. Source: device shadow 2.6 to 2.9, 2.12, 2.13"""

from collections.abc import Iterable
from typing import Annotated, Any

from msgspec import Meta

from ....core import errors as core
from ....core import shadow_edits
from ....core.shadow_documents import Part
from ....core.shadow_edits import PathValue
from ....web.operations import Call
from ..api import api
from ..schema import Change, Changed, Key, Path, Paths, Wire
from .fields import SERVICE, WRITING, changed, target

PUTTING = (*WRITING, core.NotAnObject)
CUTTING = (*PUTTING, core.FieldNotFound)


class DesiredPath(Change, frozen=True, rename="camel", kw_only=True):
    desired_filed_key: Key
    json_path: Path
    value: Any


class ReportedPath(Change, frozen=True, rename="camel", kw_only=True):
    reported_filed_key: Key
    json_path: Path
    value: Any


class DesiredPaths(Change, frozen=True, rename="camel", kw_only=True):
    desired_filed_key: Key
    json_paths: Paths


class ReportedPaths(Change, frozen=True, rename="camel", kw_only=True):
    reported_filed_key: Key
    json_paths: Paths


class DesiredUpdate(Wire, frozen=True, rename="camel"):
    desired_filed_key: Key
    json_path: Path
    value: Any


class ReportedUpdate(Wire, frozen=True, rename="camel"):
    reported_filed_key: Key
    json_path: Path
    value: Any


class DesiredUpdates(Change, frozen=True, rename="camel", kw_only=True):
    update_infos: Annotated[list[DesiredUpdate], Meta(min_length=1, max_length=100)]


class ReportedUpdates(Change, frozen=True, rename="camel", kw_only=True):
    update_infos: Annotated[list[ReportedUpdate], Meta(min_length=1, max_length=100)]


def _put(call: Call[None, None, Any], part: Part, puts: Iterable[PathValue]) -> Changed:
    body = call.body
    return changed(shadow_edits.put_paths(call.caller, target(body), part, list(puts), body.timestamp))


def _cut(call: Call[None, None, Any], part: Part, key: str) -> Changed:
    body = call.body
    stamp = shadow_edits.cut_paths(call.caller, target(body), part, key, body.json_paths, body.timestamp)
    return changed(stamp)


@api.put(f"{SERVICE}/desired/json/filed/update", source="device shadow 2.6", raises=PUTTING)
def update_desired(call: Call[None, None, DesiredPath]) -> Changed:
    """Set a value inside of a desired field; a field that is not there is made.

    The whole field goes down to the device.
    """
    body = call.body
    return _put(call, Part.DESIRED, [PathValue(body.desired_filed_key, body.json_path, body.value)])


@api.put(f"{SERVICE}/desired/json/filed/delete", source="device shadow 2.7", raises=CUTTING)
def cut_desired(call: Call[None, None, DesiredPaths]) -> Changed:
    """Delete values inside of a desired field, all or none.

    The whole field goes down to the device.
    """
    return _cut(call, Part.DESIRED, call.body.desired_filed_key)


@api.put(f"{SERVICE}/reported/json/filed/update", source="device shadow 2.8", raises=PUTTING)
def update_reported(call: Call[None, None, ReportedPath]) -> Changed:
    """Set a value inside of a reported field; a field that is not there is made.

    The whole field is a report, and goes down to a device that speaks of its shadow over MQTT.
    """
    body = call.body
    return _put(call, Part.REPORTED, [PathValue(body.reported_filed_key, body.json_path, body.value)])


@api.put(f"{SERVICE}/reported/json/filed/delete", source="device shadow 2.9", raises=CUTTING)
def cut_reported(call: Call[None, None, ReportedPaths]) -> Changed:
    """Delete values inside of a reported field, all or none.

    The whole field is a report, and goes down to a device that speaks of its shadow over MQTT.
    """
    return _cut(call, Part.REPORTED, call.body.reported_filed_key)


@api.put(f"{SERVICE}/desired/json/filed/update/batch", source="device shadow 2.12", raises=PUTTING)
def update_all_desired(call: Call[None, None, DesiredUpdates]) -> Changed:
    """Set values inside of desired fields, in this order, all or none.

    The whole fields go down to the device.
    """
    infos = call.body.update_infos
    return _put(
        call,
        Part.DESIRED,
        (PathValue(each.desired_filed_key, each.json_path, each.value) for each in infos),
    )


@api.put(f"{SERVICE}/reported/json/filed/update/batch", source="device shadow 2.13", raises=PUTTING)
def update_all_reported(call: Call[None, None, ReportedUpdates]) -> Changed:
    """Set values inside of reported fields, in this order, all or none.

    The whole fields are a report, and go down to a device that speaks of its shadow over MQTT.
    """
    infos = call.body.update_infos
    return _put(
        call,
        Part.REPORTED,
        (PathValue(each.reported_filed_key, each.json_path, each.value) for each in infos),
    )
