"""One device through four systems: made in XLink, logged in as Huawei's, desired by the shadow API,
commanded by CTWing, and all of it seen by Huawei's queries and callbacks. Nothing but demo.json is known.
"""

import json
import secrets
import time
import urllib.request
from typing import Any
from urllib.parse import urlencode

from tests.e2e.conftest import COMMANDS, DEVICES, World
from tests.e2e.test_operator import admin
from tests.support.ctwing import PATH, signature

SHADOW = "/iot-platform/device-shadow-server/v1"


class Caller:
    """JSON over HTTP with a fixed set of headers."""

    def __init__(self, url: str) -> None:
        self.url, self.headers = url, {"Content-Type": "application/json"}

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        text = body if body is None or isinstance(body, str) else json.dumps(body)
        request = urllib.request.Request(
            self.url + path, text.encode() if text else None, {**self.headers, **headers}, method=method
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            read = answer.read()
        return json.loads(read) if read else None


def xlink(world: World) -> Caller:
    demo = world.cloud.demo["xlink"]
    caller = Caller(world.cloud.http)
    made = caller.call("POST", "/v2/corp_auth", {"account": demo["account"], "password": demo["password"]})
    caller.headers["Access-Token"] = made["access_token"]
    return caller


def shadow(world: World) -> Caller:
    demo = world.cloud.demo["shadow"]
    caller = Caller(world.cloud.http)
    made = caller.call("POST", "/iot-platform/auth/v1/token", {"key": demo["key"], "secret": demo["secret"]})
    caller.headers["Authorization"] = f"Bearer {made['result']['token']}"
    return caller


def command(world: World, master: str, body: dict[str, Any]) -> Any:
    demo, text, at = world.cloud.demo["ctwing"], json.dumps(body), str(time.time_ns() // 1_000_000)
    signed = signature(demo["appSecret"], demo["appKey"], at, {"MasterKey": master}, text)
    headers = {"application": demo["appKey"], "timestamp": at, "MasterKey": master, "signature": signed}
    return Caller(world.cloud.http).call("POST", PATH, text, **headers)


def test_one_device_through_four_systems(world: World) -> None:
    for kind in ("deviceAdded", "deviceDataChanged", "deviceDesiredPropertiesModifyStatusChanged"):
        world.subscribe(kind)
    console, name = xlink(world), f"lamp-{secrets.token_hex(4)}"
    product = console.call("POST", "/v2/product", {"name": name, "description": "a lamp", "link_type": 1})
    base = f"/v2/product/{product['id']}"
    point = {"name": "level", "type": 4, "index": 3, "description": "", "symbol": "%"}
    console.call("POST", f"{base}/datapoint", point)
    assert console.call("POST", f"{base}/device", {"mac": "a0b1c2d3e4f5"}) is None
    [listed] = console.call("POST", f"{base}/devices", {"query": {"mac": {"$in": ["A0B1C2D3E4F5"]}}})["list"]

    # Huawei's app finds it, and it logs in by Huawei's scheme with what XLink calls its authorize_code
    [found] = [
        each
        for each in world.app.get(DEVICES, pageNo="0", pageSize="50")["devices"]
        if each["deviceInfo"]["nodeId"] == each["deviceId"] and each["deviceInfo"]["mac"] == "A0B1C2D3E4F5"
    ]
    ident = found["deviceId"]
    world.pushed("deviceAdded", ident)
    device = world.device(ident, listed["authorize_code"])
    device.connect()
    world.until(
        lambda: console.call("GET", f"{base}/device/{listed['id']}")["is_online"], "it online in XLink"
    )
    device.report("", {"level": 5})
    pushed = world.pushed("deviceDataChanged", ident)
    assert pushed.body["service"]["data"] == {"level": 5}

    # the shadow API desires a value, the device takes it over, Huawei's app is told
    operator = admin(world.cloud, "product", "show", product["id"])
    names = {"productId": operator["shortId"], "deviceId": ident}
    shadows = shadow(world)
    read = shadows.call("GET", f"{SHADOW}/get?{urlencode(names)}")["result"]
    assert read["state"]["reported"] == {"level": 5}
    wanted = {**names, "timestamp": read["timestamp"], "stateDesired": {"level": 70}}
    assert shadows.call("POST", f"{SHADOW}/desired", wanted)["code"] == 0
    assert device.desired.wait(lambda _: True, "desired value")["desired"] == {"level": 70}
    device.report("", {"level": 70})
    settled = world.pushed("deviceDesiredPropertiesModifyStatusChanged", ident)
    assert (settled.body["status"], settled.body["properties"]) == ("DELIVERED", {"level": 70})

    # CTWing commands it; Huawei's app reads the command and what became of it
    order = {"serviceId": "Lamp", "method": "blink", "paras": {"times": 3}}
    body = {"command": order, "deviceId": ident, "operator": "me", "productId": operator["number"]}
    master = console.call("GET", f"{base}/key")["key"]
    made = command(world, master, body)
    assert (made["code"], made["result"]["productId"]) == (0, operator["number"])
    got = device.commands.wait(lambda _: True, "command")
    assert (got["cmd"], got["paras"]) == ("blink", {"times": 3})
    device.answer(got["mid"], {"done": True})
    world.until(
        lambda: world.command_read(ident, made["result"]["commandId"])["status"] == "SUCCESSFUL",
        "the command to be SUCCESSFUL",
    )

    # the same state and history in each spelling
    shown = world.app.get(f"{DEVICES}/{ident}")
    assert [service["data"] for service in shown["services"]] == [{"level": 70}]
    history = world.app.get(
        "/iocm/app/data/v1.2.0/deviceDataHistory", deviceId=ident, gatewayId=ident, pageNo="0", pageSize="10"
    )
    assert [each["data"] for each in history["deviceDataHistoryDTOs"]] == [{"level": 70}, {"level": 5}]
    assert shadows.call("GET", f"{SHADOW}/get?{urlencode(names)}")["result"]["state"] == {
        "desired": {"level": 70},
        "reported": {"level": 70},
    }
    assert len(world.app.get(COMMANDS, deviceId=ident)["data"]) == 1

    # deleted by one, it is gone for all
    world.app.delete(f"{DEVICES}/{ident}")
    device.wait_ended()
    assert console.call("POST", f"{base}/devices", {})["count"] == 0
    gone = shadows.call("GET", f"{SHADOW}/get?{urlencode(names)}")
    assert gone["code"] != 0
    assert console.call("DELETE", base) is None


def test_a_device_of_the_demo_product_is_seen_by_all(world: World) -> None:
    """Made by Huawei's app, it has a number and a MAC address in XLink and a shadow."""
    ident, _ = world.register()
    demo = world.cloud.demo
    console, shadows = xlink(world), shadow(world)
    devices = f"/v2/product/{demo['xlink']['productId']}/devices"
    listed = console.call("POST", devices, {"limit": 1000})["list"]
    mine = [each for each in listed if each["mac"] == "02" + ident[:10].upper()]
    assert len(mine) == 1
    names = {"productId": demo["shadow"]["productId"], "deviceId": ident}
    assert shadows.call("GET", f"{SHADOW}/get?{urlencode(names)}")["code"] == 0
    body = {
        "command": {"serviceId": "Meter", "method": "SET_LEVEL", "paras": {"value": 7}},
        "deviceId": ident,
        "operator": "me",
        "productId": demo["ctwing"]["productId"],
    }
    assert command(world, demo["ctwing"]["masterKey"], body)["code"] == 0
    [waiting] = world.app.get(COMMANDS, deviceId=ident)["data"]
    assert waiting["status"] == "PENDING"
