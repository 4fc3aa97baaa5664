"""An automation over the command line, real MQTT and a real callback receiver."""

import json
from pathlib import Path
from typing import Any

from tests.e2e.conftest import SERVICE, World
from tests.e2e.test_operator import admin
from tests.support.automations import level, notify, set_level, status


def automate(world: World, path: Path, **rule: Any) -> str:
    path.write_text(json.dumps({"name": "too full", **rule}), encoding="utf-8")
    line = ("automation", "create", "--application", world.cloud.huawei["appId"], "--file", path)
    return str(admin(world.cloud, *line)["id"])


def told(world: World, automation: str, count: int = 1) -> Any:
    return world.receiver.pushes.wait(
        lambda push: push.kind == "ruleEvent" and push.body["ruleId"] == automation,
        f"ruleEvent of {automation}",
        count,
    ).body


def test_a_report_commands_another_device_and_tells_the_app(world: World, tmp_path: Path) -> None:
    world.subscribe("ruleEvent")
    meter, valve = world.online(), world.online()
    made = automate(
        world,
        tmp_path / "rule.json",
        conditions=[level(meter.device, note={"floor": 3})],
        actions=[set_level(valve.device, 7), notify("look at it")],
    )
    meter.report(SERVICE, {"level": 85})
    got = valve.commands.wait(lambda _: True, "the automation's command")
    assert (got["serviceId"], got["paras"]) == (SERVICE, {"value": 7})
    valve.answer(got["mid"], {"result": 1})
    push = told(world, made)
    [reason] = push["reasons"]
    assert (reason["info"]["value"], reason["transInfo"]) == (85, {"floor": 3})
    command, text = push["actionsResults"]
    assert text["info"] == {"text": "look at it"}
    ident = command["result"]["body"]["commandId"]
    world.until(
        lambda: world.command_read(valve.device, ident)["status"] == "SUCCESSFUL", "the command's success"
    )
    meter.report(SERVICE, {"level": 95})  # it stays so
    world.cloud.wait_idle()
    assert len(valve.commands.all()) == 1
    meter.report(SERVICE, {"level": 10})
    world.cloud.wait_idle()  # nothing keeps the cloud from taking two messages in the other order
    meter.report(SERVICE, {"level": 90})
    assert told(world, made, 2)["reasons"][0]["info"]["value"] == 90
    [newest, oldest] = admin(world.cloud, "automation", "runs", made)["runs"]
    assert [newest["status"], oldest["status"]] == ["DONE", "DONE"]
    admin(world.cloud, "automation", "delete", made)
    meter.report(SERVICE, {"level": 10})
    world.cloud.wait_idle()  # nothing keeps the cloud from taking two messages in the other order
    meter.report(SERVICE, {"level": 90})
    world.cloud.wait_idle()
    assert len(valve.commands.all()) == 2


def test_a_device_that_comes_online_starts_one(world: World, tmp_path: Path) -> None:
    world.subscribe("ruleEvent")
    ident, secret = world.register()
    made = automate(world, tmp_path / "rule.json", conditions=[status(ident)], actions=[set_level(ident, 3)])
    device = world.device(ident, secret)
    device.connect()
    assert device.commands.wait(lambda _: True, "the automation's command")["paras"] == {"value": 3}
    [reason] = told(world, made)["reasons"]
    assert reason["type"] == "DEVICE_STATUS"
    admin(world.cloud, "automation", "delete", made)
