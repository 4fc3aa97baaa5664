"""The whole shadow and its fields. Source: device shadow 2.2 to 2.5"""

from collections.abc import Mapping
from typing import Any

from ....core import errors as core
from ....core import shadow_edits, shadow_fields
from ....core.shadow_documents import Part
from ....core.shadow_edits import Target
from ....web.operations import Call
from ..api import api
from ..schema import Answer, Change, Changed, Fields, Named, Stamp, Wire

SERVICE = "/iot-platform/device-shadow-server/v1"
WRITING = (core.DeviceNotFound, core.VersionConflict, core.Busy)


class ReportedFields(Change, frozen=True, rename="camel", kw_only=True):
    state_reported: Fields


class DesiredFields(Change, frozen=True, rename="camel", kw_only=True):
    state_desired: Fields


class State(Wire, frozen=True):
    desired: dict[str, Any]
    reported: dict[str, Any]


class Metadata(Wire, frozen=True):
    """When each field was written."""

    desired: dict[str, Stamp]
    reported: dict[str, Stamp]


class Shadow(Wire, frozen=True):
    state: State
    metadata: Metadata
    timestamp: int


class ShadowAnswer(Answer, frozen=True, kw_only=True):
    result: Shadow


def target(change: Change) -> Target:
    return Target(change.product_id, change.device_id, change.message_id or None)


def changed(stamp: int) -> Changed:
    return Changed(result=Stamp(stamp))


@api.get(f"{SERVICE}/get", source="device shadow 2.2", raises=(core.DeviceNotFound, core.Busy))
def get_shadow(call: Call[None, Named, None]) -> ShadowAnswer:
    """What is reported and desired of a device, when each field was written, and the shadow's time.

    A shadow that nobody has written to has the time 0.
    """
    found = shadow_fields.read(call.caller, call.query.product_id, call.query.device_id)
    state = State(found.desired, found.reported)
    metadata = Metadata(_stamps(found.desired_stamps), _stamps(found.reported_stamps))
    return ShadowAnswer(result=Shadow(state, metadata, found.stamp))


def _stamps(stamps: Mapping[str, int]) -> dict[str, Stamp]:
    return {key: Stamp(at) for key, at in stamps.items()}


@api.post(f"{SERVICE}/reported", source="device shadow 2.3", raises=WRITING)
def report_fields(call: Call[None, None, ReportedFields]) -> Changed:
    """Report fields for a device; what is not named stays.

    A report like the device's own: judged by the thing model, kept in history, told to subscribers.
    """
    body = call.body
    values = body.state_reported
    return changed(shadow_edits.put_fields(call.caller, target(body), Part.REPORTED, values, body.timestamp))


@api.post(f"{SERVICE}/desired", source="device shadow 2.4", raises=WRITING)
def desire_fields(call: Call[None, None, DesiredFields]) -> Changed:
    """Set what writable fields are to be; what is not named stays.

    They are sent at once to a device that is online, else when it connects or reports next.
    """
    body = call.body
    return changed(
        shadow_edits.put_fields(call.caller, target(body), Part.DESIRED, body.state_desired, body.timestamp)
    )


@api.delete(f"{SERVICE}/clean", source="device shadow 2.5", raises=(core.DeviceNotFound, core.Busy))
def clean_shadow(call: Call[None, Named, None]) -> Changed:
    """Delete all fields, reported and desired. The shadow's time goes on."""
    return changed(shadow_edits.clean(call.caller, Target(call.query.product_id, call.query.device_id)))
