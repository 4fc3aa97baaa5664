"""Devices of the stage, made and used for the check, over MQTT and the app's API."""

import time
from collections.abc import Callable
from typing import Any

from infra.local.clients import App, Device, Late, Refused
from infra.local.demo import COMMANDS, DEVICES, SERVICE
from infra.verify.checks import Check, Skipped, require
from infra.verify.stage import Stage

WITHIN = 30.0  # s
ROUNDED = 1_000  # ms


def _app(stage: Stage) -> App:
    if not stage.key:
        raise Skipped("needs POLYTHING_OPERATOR_KEY: a key with the scopes read, write, secrets and destroy")
    return stage.furnish()


def _until(holds: Callable[[], Any], what: str) -> None:
    """Raises Unproven."""
    deadline = time.monotonic() + WITHIN
    while not holds():
        require(time.monotonic() < deadline, f"{what} not within {WITHIN:g} s")
        time.sleep(0.5)


def _status(app: App, device: str) -> str:
    return str(app.get(f"{DEVICES}/{device}")["deviceInfo"]["status"])


def data_key(stage: Stage) -> str:
    _app(stage)
    return f"registered {stage.device().device}: its secrets are encrypted"


def mqtt_login(stage: Stage) -> str:
    _app(stage)
    right = stage.device()
    wrong = stage.client_of(right.device, "0" * 20)
    try:
        wrong.connect()
    except (Refused, Late, OSError):
        pass
    else:
        wrong.close()
        require(False, "a wrong password was let in")
    right.connect()
    right.close()
    return f"{stage.endpoint()} lets the right password in and refuses a wrong one"


def mqtt_tls(stage: Stage) -> str:
    _app(stage)
    if stage.mqtt:
        raise Skipped("the broker given by --mqtt speaks no TLS")
    device = stage.device()
    device.connect()
    device.close()
    return f"TLS with the server's certificate checked: {stage.endpoint()}"


def _command(app: App, device: str) -> str:
    body = {
        "deviceId": device,
        "command": {"serviceId": SERVICE, "method": "SET_LEVEL", "paras": {"value": 70}},
        "expireTime": 600,
    }
    return str(app.post(COMMANDS, body)["commandId"])


def _command_status(app: App, device: str, command: str) -> str:
    [found] = [each for each in app.get(COMMANDS, deviceId=device)["data"] if each["commandId"] == command]
    return str(found["status"])


def _answered(app: App, device: Device, command: str) -> None:
    got = device.commands.wait(lambda each: each["cmd"] == "SET_LEVEL", "command at the device")
    device.answer(got["mid"], {"result": 1})
    _until(lambda: _command_status(app, device.device, command) == "SUCCESSFUL", "the answer was")


def direct_message(stage: Stage) -> str:
    app, device = _app(stage), stage.device()
    waiting = _command(app, device.device)
    require(_command_status(app, device.device, waiting) == "PENDING", "an offline device was sent to")
    device.connect()
    try:
        _answered(app, device, waiting)
    finally:
        device.close()
    return "waits for an offline client, reaches an online one, and is answered"


def presence(stage: Stage) -> str:
    app, device = _app(stage), stage.device()
    device.connect()
    _until(lambda: _status(app, device.device) == "ONLINE", "ONLINE")
    device.close()
    _until(lambda: _status(app, device.device) == "OFFLINE", "OFFLINE")
    return "ONLINE and OFFLINE follow the connection"


def delete_connection(stage: Stage) -> str:
    app, device = _app(stage), stage.device()
    device.connect()
    app.delete(f"{DEVICES}/{device.device}")
    stage.made.remove(device.device)
    device.wait_ended()
    return "deleting a device ends its connection"


def binary_rule(stage: Stage) -> str:
    app, device = _app(stage), stage.device()
    device.connect()
    try:
        device._client.publish(f"/huawei/v1/devices/{device.device}/data/binary", b"\x00\xff\xfe", qos=1)
        device.report(SERVICE, {"level": 41})
        _until(lambda: _level(app, device.device) == 41, "a report after a binary one arrived")
    finally:
        device.close()
    return "a JSON report arrives after a binary one"


def _level(app: App, device: str) -> Any:
    services = app.get(f"{DEVICES}/{device}").get("services") or []
    return next((each["data"].get("level") for each in services if each["serviceId"] == SERVICE), None)


def policies(stage: Stage) -> str:
    """Last: it reads what the functions logged meanwhile."""
    logs = stage.client("logs")
    pages = logs.get_paginator("describe_log_groups").paginate(
        logGroupNamePrefix=f"/aws/lambda/{stage.prefix}"
    )
    groups = [each["logGroupName"] for page in pages for each in page["logGroups"]]
    if not groups:
        raise Skipped("the functions have no log groups here")
    for group in groups:
        found = logs.filter_log_events(
            logGroupName=group, startTime=stage.since - ROUNDED, filterPattern='"AccessDenied"'
        )
        require(not found["events"], f"{group}: {found['events'][:1]}")
    return f"no AccessDenied in {len(groups)} log groups"


DEVICE = (
    Check("data-key", "That the first secret of a stage makes the data key", "a key", data_key),
    Check("mqtt-login", "The custom authorizer: the event's shape for MQTT", "a key", mqtt_login),
    Check("mqtt-tls", "A domain configuration with user name and password", "a key", mqtt_tls),
    Check("direct-message", "`SendDirectMessage`: its error codes", "a key", direct_message),
    Check("presence", "Presence events: order, repeats and delay", "a key", presence),
    Check("delete-connection", "`DeleteConnection` ends the session", "a key", delete_connection),
    Check("binary-rule", "The rule `SELECT encode(*, 'base64') …`", "a key", binary_rule),
    Check("policies", "The policies in `.chalice/` suffice", "the functions' logs", policies),
)
