"""Devices of the stage, made and used for the check, over MQTT and the app's API."""

import base64
import time
from collections.abc import Callable
from typing import Any

from infra.local.clients import App, CallFailed, Device, Refused
from infra.local.demo import COMMANDS, DEVICES, SERVICE
from infra.verify.checks import Check, Skipped, Unproven, require
from infra.verify.stage import Stage

WITHIN = 30.0  # s
ROUNDED = 1_000  # ms
CREDENTIALS = "/iocm/app/reg/v1.1.0/deviceCredentials"
ONLINE = "100611"  # the code of a call that needs the device to be offline
PAYLOAD = bytes(range(256))
RAW, RAW_DATA = "RawData", "rawData"  # what becomes of a binary payload of a product without a layout


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
    """The right password first: a refusal after it is none of an authorizer that started too slowly."""
    _app(stage)
    device, secret = stage.register()
    _let_in(stage.client_of(device, secret))
    _refused(stage.client_of(device, "0" * 20), "a wrong password")
    _let_in(stage.client_of(device, secret))
    return f"{stage.endpoint()} lets the right password in and refuses a wrong one"


def _let_in(device: Device) -> None:
    """Raises Refused, Late."""
    device.connect()
    device.close()


def _refused(device: Device, what: str) -> None:
    """Raises Unproven; Late where there is no answer at all."""
    try:
        device.connect()
    except Refused:
        return
    device.close()
    raise Unproven(f"{what} was let in")


def changed_secret(stage: Stage) -> str:
    """A secret can be changed only while its device is offline, so no connection is left to end."""
    app = _app(stage)
    ident, secret = stage.register()
    device = stage.client_of(ident, secret)
    device.connect()
    _until(lambda: _status(app, ident) == "ONLINE", "ONLINE")
    try:
        app.put(f"{CREDENTIALS}/{ident}", {"timeout": 0})
    except CallFailed as error:
        require(error.code == ONLINE, f"the secret of a connected device: {error}")
    else:
        raise Unproven("the secret of a connected device was changed")
    require(device.connected, "the connection ended though nothing was changed")
    device.close()
    _until(lambda: _status(app, ident) == "OFFLINE", "OFFLINE")
    code = app.put(f"{CREDENTIALS}/{ident}", {"timeout": 0})["verifyCode"]
    _refused(stage.client_of(ident, secret), "the password from before a change")
    _let_in(stage.client_of(ident, code))
    return "after a change the new password is let in at once, and the old one is not"


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
        device.send_binary(PAYLOAD)
        _until(lambda: _value(app, device.device, RAW, RAW_DATA), "a binary report arrived")
        found = _value(app, device.device, RAW, RAW_DATA)
        require(found == base64.b64encode(PAYLOAD).decode(), f"a binary report arrived as {found}")
        device.report(SERVICE, {"level": 41})
        _until(lambda: _value(app, device.device, SERVICE, "level") == 41, "a JSON report arrived")
    finally:
        device.close()
    return f"{len(PAYLOAD)} bytes arrive as they were sent, and a JSON report after them"


def _value(app: App, device: str, service: str, name: str) -> Any:
    services = app.get(f"{DEVICES}/{device}").get("services") or []
    return next((each["data"].get(name) for each in services if each["serviceId"] == service), None)


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
    Check("changed-secret", "A password from before a change of the secret", "a key", changed_secret),
    Check("delete-connection", "`DeleteConnection` ends the session", "a key", delete_connection),
    Check("binary-rule", "The rule `SELECT encode(*, 'base64') …`", "a key", binary_rule),
    Check("policies", "The policies in `.chalice/` suffice", "the functions' logs", policies),
)
