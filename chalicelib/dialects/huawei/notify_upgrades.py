"""What Huawei's platform pushes of upgrades. Source: Huawei 1.8.15 to 1.8.18

Every field is a string, and required: one without a value is empty.
"""

from typing import Any

import msgspec

from ...core.callbacks import Notification
from ...core.events import Event
from ...core.packages import Type
from ...core.upgrade_states import Part, Status, Step, public_id
from .api import api
from .schema import Wire

SECOND = 1000  # ms
SUCCESS, FAIL = "SUCCESS", "FAIL"
OUTCOMES = {
    Status.SUCCESS: "The device was upgraded.",
    Status.FAILED: "The upgrade of the device failed.",
    Status.STOPPED: "The upgrade was stopped.",
}


class SoftwareStep(Wire, frozen=True, rename="camel"):
    """`swUpgradeState` is downloading, downloaded, updating or idle."""

    notify_type: str
    device_id: str
    app_id: str
    operation_id: str
    sub_operation_id: str
    sw_upgrade_state: str


class SoftwareResult(Wire, frozen=True, rename="camel"):
    """`swUpgradeResult` is SUCCESS or FAIL; `upgradeTime` in s; `errorCode` is the device's own."""

    notify_type: str
    device_id: str
    app_id: str
    operation_id: str
    sub_operation_id: str
    cur_version: str
    target_version: str
    source_version: str
    sw_upgrade_result: str
    upgrade_time: str
    result_desc: str
    error_code: str
    description: str


class FirmwareStep(Wire, frozen=True, rename="camel"):
    """`step` is 1 downloading, 2 downloaded, 3 updating or 0 idle; `stepDesc` says it in a word."""

    notify_type: str
    device_id: str
    app_id: str
    operation_id: str
    sub_operation_id: str
    step: str
    step_desc: str


class FirmwareResult(Wire, frozen=True, rename="camel"):
    """`status` is SUCCESS or FAIL; `upgradeTime` in s."""

    notify_type: str
    device_id: str
    app_id: str
    operation_id: str
    sub_operation_id: str
    cur_version: str
    target_version: str
    source_version: str
    status: str
    status_desc: str
    upgrade_time: str


for name, body, number, summary in (
    ("swUpgradeStateChangeNotify", SoftwareStep, 15, "A device came a step further in a software upgrade."),
    ("swUpgradeResultNotify", SoftwareResult, 16, "A software upgrade of a device has ended."),
    ("fwUpgradeStateChangeNotify", FirmwareStep, 17, "A device came a step further in a firmware upgrade."),
    ("fwUpgradeResultNotify", FirmwareResult, 18, "A firmware upgrade of a device has ended."),
):
    api.webhook(name, body, source=f"Huawei 1.8.{number}", summary=summary)


def _part(event: Event) -> Part:
    return msgspec.convert(event.data["upgrade"], Part)


def _push(push: Any) -> list[Notification]:
    return [Notification(push.notify_type, msgspec.json.encode(push))]


def render_step(event: Event) -> list[Notification]:
    part = _part(event)
    step = Step(part.step or 0)
    ids = (part.device, event.owner, part.upgrade, public_id(part))
    if part.type is Type.SOFTWARE:
        return _push(SoftwareStep("swUpgradeStateChangeNotify", *ids, step.name.lower()))
    return _push(FirmwareStep("fwUpgradeStateChangeNotify", *ids, str(step.value), step.name.lower()))


def render_result(event: Event) -> list[Notification]:
    part = _part(event)
    ids = (part.device, event.owner, part.upgrade, public_id(part))
    versions = (part.current_version or "", part.target_version, part.source_version or "")
    result = SUCCESS if part.status is Status.SUCCESS else FAIL
    lasted = str(((part.stopped or 0) - part.started) // SECOND) if part.started else "0"
    said = OUTCOMES[part.status]
    if part.type is Type.FIRMWARE:
        return _push(FirmwareResult("fwUpgradeResultNotify", *ids, *versions, result, said, lasted))
    errors = (part.error or "", part.detail or "")
    return _push(SoftwareResult("swUpgradeResultNotify", *ids, *versions, result, lasted, said, *errors))
