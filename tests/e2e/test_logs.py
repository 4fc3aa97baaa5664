"""What the cloud writes down of a whole story: who did what, and no secret of anybody's."""

import json
import re
import secrets
from collections.abc import Iterator
from typing import Any

import pytest

from infra.local.clients import App, CallFailed, Device, Refused, password
from tests.e2e.conftest import SERVICE, World
from tests.support.metrics import read

REFRESH = "/iocm/app/sec/v1.1.0/refreshToken"
SUBSCRIPTIONS = "/iocm/app/sub/v1.2.0/subscriptions"
SECRET_NAME = re.compile(r"secret|password|token|masterKey", re.IGNORECASE)


def secrets_in(value: Any, name: str = "") -> Iterator[str]:
    """Every text under a name that says it is secret."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield from secrets_in(part, f"{name}.{key}")
    elif isinstance(value, str) and SECRET_NAME.search(name.rpartition(".")[2]):
        yield value


def test_no_secret_of_a_story_is_written_and_every_line_says_what_it_is_of(world: World) -> None:
    hidden = set(secrets_in(world.cloud.demo))
    assert world.cloud.huawei["secret"] in hidden
    app = App(world.cloud.http, world.app.app_id, world.cloud.huawei["secret"])
    tokens = app.login()
    again = {
        "appId": app.app_id,
        "secret": world.cloud.huawei["secret"],
        "refreshToken": tokens["refreshToken"],
    }
    renewed = app.post(REFRESH, again)
    hidden |= {tokens["accessToken"], tokens["refreshToken"], renewed["accessToken"], renewed["refreshToken"]}
    app.token = world.app.token = renewed["accessToken"]
    wrong = secrets.token_hex(16)
    with pytest.raises(CallFailed):
        App(world.cloud.http, app.app_id, wrong).login()
    # an app's callback URL may carry a secret of its own
    hook = secrets.token_hex(16)
    made = app.post(
        SUBSCRIPTIONS,
        {"notifyType": "deviceDatasChanged", "callbackUrl": world.receiver.url(f"hooks/{hook}?key={hook}")},
    )
    world.subscriptions.append(made["subscriptionId"])
    ident, secret = world.register()
    device = world.device(ident, secret)
    with pytest.raises(Refused):
        Device(world.cloud.mqtt, ident, wrong).connect()
    device.connect()
    world.receiver.failing.append(503)
    device.report(SERVICE, {"level": 40, "flow": 1.5, "unknown": 1})
    world.receiver.pushes.wait(lambda push: push.attempt == 2 and push.device == ident, "the second try")
    command = world.command(ident, 70)
    got = device.commands.wait(lambda _: True, "command")
    device.answer(got["mid"], {"result": 1})
    world.told(command, "SUCCESSFUL")
    world.cloud.sweep()
    world.cloud.wait_idle()
    hidden |= {wrong, hook, secret, password(secret, device.stamp)}

    log = world.cloud.log + (world.cloud.state / "stderr.log").read_text(encoding="utf-8")
    assert [one for one in sorted(hidden) if one in log] == []
    of_device = [line.fields for line in read(log) if line.fields.get("device") == ident]
    assert {"connect", "device_message", "drain"} <= {each["operation"] for each in of_device}
    assert all(each["tenant"] for each in of_device if each["operation"] in ("connect", "device_message"))
    requests = [line.fields for line in read(log) if "Requests" in line.units and "status" in line.fields]
    assert all({"request", "dialect", "operation"} <= each.keys() for each in requests)
    ended = [line.fields for line in read(log) if "CommandEnded" in line.units]
    assert any(each["status"] == "SUCCESSFUL" for each in ended)
    outcomes = {
        each["outcome"] for line in read(log) if "CallbackAttempts" in line.units for each in [line.fields]
    }
    assert {"again", "delivered"} <= outcomes
    assert any(line.fields["ConnectedDevices"] >= 1 for line in read(log) if "ConnectedDevices" in line.units)
    callbacks = [json.loads(line) for line in log.splitlines() if '"message":"callback"' in line]
    assert callbacks
    assert all(each["service"] == "polything" for each in callbacks)
