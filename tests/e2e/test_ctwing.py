"""A CTWing client commands a device of a Huawei app: real HTTP, real MQTT, the operator's own key."""

import json
import urllib.request
from typing import Any

from tests.e2e.conftest import SERVICE, World
from tests.e2e.test_operator import admin
from tests.support.ctwing import PATH, signature


def server_time(world: World) -> str:
    with urllib.request.urlopen(f"{world.cloud.http}/echo", timeout=10) as answer:
        return str(answer.headers["x-ag-timestamp"])


def command(world: World, key: dict[str, Any], master: str, body: dict[str, Any]) -> Any:
    text, at = json.dumps(body, ensure_ascii=False), server_time(world)
    headers = {
        "application": key["id"],
        "timestamp": at,
        "version": "20191231141545",
        "MasterKey": master,
        "signature": signature(key["secret"], key["id"], at, {"MasterKey": master}, text),
        "Content-Type": "application/json; charset=UTF-8",
    }
    request = urllib.request.Request(f"{world.cloud.http}{PATH}", text.encode(), headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def test_an_online_device_is_commanded_and_answers(world: World) -> None:
    key = admin(world.cloud, "key", "create", "--application", world.app.app_id)
    product = admin(world.cloud, "product", "show", world.cloud.huawei["productId"])
    master = admin(world.cloud, "product", "show-key", product["id"])["key"]
    device = world.online()
    body = {
        "command": {"serviceId": SERVICE, "method": "SET_LEVEL", "paras": {"value": 8}},
        "deviceId": device.device,
        "operator": "安",
        "productId": product["number"],
    }
    made = command(world, key, master, body)
    assert (made["code"], made["msg"], made["result"]["createBy"]) == (0, "ok", "安")
    got = device.commands.wait(lambda _: True, "command")
    assert got["paras"] == {"value": 8}
    device.answer(got["mid"], {"result": 1})
    ident = made["result"]["commandId"]
    world.until(
        lambda: world.command_read(device.device, ident)["status"] == "SUCCESSFUL",
        "the command to be SUCCESSFUL",
    )
    admin(world.cloud, "key", "revoke", key["id"])
