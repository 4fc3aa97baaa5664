"""Upgrades over MQTT: messages of ours, for the vendor's document has none.

Down, on the device's command topic for JSON: `cloudUpgrade` says what to install and where to download
it. Up, on its data topic for JSON: `deviceUpgrade` tells steps and result, and asks for another URL. A
device that knows only the vendor's messages ignores the msgType, and its upgrade times out.
"""

from enum import Enum
from typing import Annotated

import msgspec
from msgspec import Meta

from ...core import upgrade_reports
from ...core.downlink import Message, UpgradeDownlink
from ...core.upgrade_reports import Said
from ...core.upgrade_states import Step
from . import schema


class Work(Enum):
    DOWNLOADING = "downloading"
    DOWNLOADED = "downloaded"
    UPDATING = "updating"


class Result(Enum):
    SUCCESS = "success"
    FAIL = "fail"


STEPS = {Work.DOWNLOADING: Step.DOWNLOADING, Work.DOWNLOADED: Step.DOWNLOADED, Work.UPDATING: Step.UPDATING}


class DeviceUpgrade(schema.Wire, frozen=True, rename="camel", tag_field="msgType", tag="deviceUpgrade"):
    """`operationId` and `attempt` as the device was told them; the rest where there is something to say."""

    operation_id: schema.Id64
    attempt: Annotated[int, Meta(ge=1, le=2147483647)]
    step: Work | None = None
    progress: Annotated[int, Meta(ge=0, le=100)] | None = None
    result: Result | None = None
    version: schema.Text256 | None = None
    error_code: Annotated[int, Meta(ge=-2147483648, le=2147483647)] | schema.Text256 | None = None
    description: schema.Text256 | None = None
    new_url: bool = False


def take(device: str, read: DeviceUpgrade) -> None:
    """Two AWS calls."""
    upgrade_reports.report(
        Said(
            device,
            read.operation_id,
            read.attempt,
            step=STEPS[read.step] if read.step else None,
            progress=read.progress,
            succeeded=None if read.result is None else read.result is Result.SUCCESS,
            version=read.version,
            error=None if read.error_code is None else str(read.error_code),
            description=read.description,
            new_url=read.new_url,
        )
    )


def encode(downlink: UpgradeDownlink) -> Message:
    topic = f"/huawei/v1/devices/{downlink.topic_id}/command/json"
    body = {
        "msgType": "cloudUpgrade",
        "operationId": downlink.upgrade,
        "attempt": downlink.attempt,
        "type": downlink.type,
        "name": downlink.name,
        "version": downlink.version,
        "size": downlink.size,
        "sha256": downlink.sha256,
        "url": downlink.url,
        "urlExpires": schema.required_time(downlink.expires),
    }
    return Message(topic, msgspec.json.encode(body))
