"""Upgrades over Alink.

    /ota/device/inform/{productKey}/{deviceName}      {params: {version, module}}: what the device runs
    /ota/device/upgrade/{productKey}/{deviceName}     {code, data: {version, url, size, signMethod, sign, …}}
    /ota/device/progress/{productKey}/{deviceName}    {params: {step, desc, module}}
    /ota/device/request/{productKey}/{deviceName}     asks for another URL

A device says of what it is told, and names no attempt: it speaks of the one upgrade it was told of last. A
`step` from 0 to 100 is the progress, of the download by itself; below 0 it is a failure: -1 of the upgrade,
-2 of the download, -3 of the check, -4 of the writing. The upgrade has succeeded when the device informs of
the version it was to get.

Source: Alibaba Living IoT, OTA
"""

from typing import Any

import msgspec
from msgspec.structs import replace

from ...core import upgrade_reports
from ...core.downlink import Message, UpgradeDownlink
from ...core.telemetry import Report
from ...core.upgrade_states import Step
from . import alink
from .alink import Refused, Request

FAILURES = {-1: "upgrade failed", -2: "download failed", -3: "check failed", -4: "writing failed"}
LONGEST = 256  # characters of a version or a description
DONE = 100
MODULE = "default"  # the device's own firmware; others are not served


def take(said: Report, kind: str, read: Request) -> None:
    """At most four AWS calls. Raises Refused, DeviceNotFound."""
    params = alink.params_of(read)
    if kind == "inform":
        version = params.get("version")
        if not isinstance(version, str) or not 1 <= len(version) <= LONGEST:
            raise Refused(alink.BAD_REQUEST)
        if params.get("module") in (None, "", MODULE):
            upgrade_reports.inform(said.speaker, said.device, version)
    elif kind == "progress":
        _progress(said, _step(params.get("step")), params.get("desc"))
    elif kind == "request":
        told = upgrade_reports.present(said.speaker, said.device)
        if told is not None:
            upgrade_reports.report(replace(told, new_url=True))
    else:
        raise Refused(alink.NO_METHOD)


def _progress(said: Report, step: int, described: Any) -> None:
    told = upgrade_reports.present(said.speaker, said.device)
    if told is None:
        return
    if step < 0:
        reason = str(described)[:LONGEST] if isinstance(described, str) and described else FAILURES[step]
        told = replace(told, succeeded=False, error=str(step), description=reason)
    elif step >= DONE:
        told = replace(told, step=Step.DOWNLOADED)
    else:
        told = replace(told, step=Step.DOWNLOADING, progress=step)
    upgrade_reports.report(told)


def _step(told: Any) -> int:
    """Numbers come as text. Raises Refused."""
    try:
        step = int(str(told)[:8])
    except ValueError as error:
        raise Refused(alink.BAD_REQUEST) from error
    if not min(FAILURES) <= step <= DONE:
        raise Refused(alink.BAD_REQUEST)
    return step


def encode_upgrade(downlink: UpgradeDownlink) -> Message:
    name = downlink.topic_id
    if downlink.product is not None:  # a child's: its own id
        name = f"{downlink.product.short_id}/{downlink.node}"
    body = {
        "id": f"{downlink.upgrade}-{downlink.attempt}",
        "code": "1000",
        "message": "success",
        "data": {
            "size": downlink.size,
            "version": downlink.version,
            "url": downlink.url,
            "signMethod": "SHA256",
            "sign": downlink.sha256,
            "isDiff": 0,
            "module": MODULE,
        },
    }
    return Message(f"/ota/device/upgrade/{name}", msgspec.json.encode(body))
