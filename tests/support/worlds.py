"""A tenant with one of everything, and calls of every operation that name such things.

`Names` holds ids by what they are of. A call's `{kind}` is filled in from three sets of names: the
caller's own, another tenant's, and ones that nobody has.
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.dialects.huawei.conftest import log_in as huawei_caller
from tests.support.clock import FakeClock
from tests.support.ctwing import signature
from tests.support.fleet import Fleet, make_fleet, make_product
from tests.support.gateway import Gateway, Reply
from tests.support.iot import FakeIot
from tests.support.lora import EUI, KEY, lora_product, make_site
from tests.support.shadow_api import log_in as shadow_caller
from tests.support.upgrades import make_package
from tests.support.xlink import key_caller

Names = Mapping[str, str]

# Of a product, as each dialect knows it, and of what hangs on it.
NUMBERS = {"number", "group_number", "product_number"}


@dataclass
class World:
    fleet: Fleet
    names: dict[str, str]
    callers: dict[str, Gateway]
    key: tuple[str, str]  # CTWing's
    clock: FakeClock

    def call(self, dialect: str, method: str, path: str, body: Any) -> Reply:
        gateway = self.callers[dialect]
        if dialect != "ctwing":
            return gateway.call(method, path, body)
        text, timestamp = json.dumps(body), str(self.clock())
        signed = signature(self.key[1], self.key[0], timestamp, {}, text)
        headers = {"application": self.key[0], "timestamp": timestamp, "signature": signed}
        return gateway.call(method, path, text, headers=headers)


def make_world(name: str, clock: FakeClock, iot: FakeIot) -> World:
    from chalicelib.core import applications, keys

    fleet = make_fleet(name)
    applications.set_rate(fleet.application, 100_000)  # a test of all operations is not to be slowed down
    key, secret = keys.create(fleet.application)
    callers = {
        "huawei": huawei_caller(fleet),
        "xlink": key_caller(fleet),
        "shadow": shadow_caller(fleet),
        "ctwing": Gateway(),
    }
    world = World(fleet, {}, callers, (key.id, secret), clock)
    world.names.update(_make(world, iot))
    return world


def _make(world: World, iot: FakeIot) -> dict[str, str]:
    """Ids of one of everything."""
    fleet, huawei, xlink = world.fleet, world.callers["huawei"], world.callers["xlink"]
    product = fleet.product.id
    device = _register(huawei, product, "meter")
    gateway = _register(huawei, make_product(fleet.tenant, _gateway(), model="G1").id, "gateway")
    loose = _register(huawei, product, "loose")
    _report(fleet, device)
    group = _made(huawei.post("/iocm/app/devgroup/v1.3.0/devGroups", {"name": "g", "deviceIds": [device]}))
    command = _made(huawei.post("/iocm/app/cmd/v1.4.0/deviceCommands", command_body(device)))
    batch = _made(huawei.post("/iocm/app/batchtask/v1.1.0/tasks", batch_body("own", [loose])))
    task = _made(huawei.post("/iocm/app/cmd/v1.4.0/deviceCommandCancelTasks", {"deviceId": loose}))
    subscription = _made(huawei.post("/iocm/app/sub/v1.2.0/subscriptions", SUBSCRIPTION))
    package = make_package(fleet)
    upgrade = _made(
        huawei.post(
            "/iodm/northbound/v1.5.0/operations/softwareUpgrade",
            {"fileId": package.id, "targets": {"devices": [device]}, "policy": {"executeType": "now"}},
        )
    )
    made = _made(xlink.post("/v2/product", PRODUCT))
    base = f"/v2/product/{made['id']}"
    named = {**POINT, "name": f"level-{fleet.tenant[:8]}"}  # an id follows from its name
    point = _made(xlink.post(f"{base}/datapoint", named))
    rule = _made(xlink.post(f"{base}/dds", RULE))
    firmware = _made(xlink.post(f"{base}/firmware", FIRMWARE))
    assert xlink.post(f"{base}/device", {"mac": "A0B1C2D3E4F5"}).status == 200
    [listed] = _made(xlink.post(f"{base}/devices", {}))["list"]
    assert xlink.post(f"{base}/device/{listed['id']}/property", {"colour": "red"}).status == 200
    lora_gateway, lora_node, server = _lora(fleet, iot)
    from chalicelib.core import devices, groups

    seen = devices.get(fleet.caller, device)
    return {
        "device": device,
        "gateway": gateway,
        "product": product,
        "group": group["id"],
        "command": command["commandId"],
        "batch": batch["taskID"],
        "task": task["taskId"],
        "subscription": subscription["subscriptionId"],
        "package": package.id,
        "upgrade": upgrade["operationId"],
        "lora_server": server,
        "lora_gateway": lora_gateway,
        "lora_node": lora_node,
        "lora_product": lora_product(fleet.tenant, "Other").id,
        "xlink_product": made["id"],
        "point": point["id"],
        "rule": rule["id"],
        "firmware": firmware["id"],
        "xlink_device": str(listed["id"]),
        "short_id": str(fleet.product.short_id),
        "product_number": str(fleet.product.number),
        "number": str(seen.number),
        "group_number": str(groups.get(fleet.caller, group["id"]).number),
        "application": fleet.application,
    }


def nobodys(names: Names) -> dict[str, str]:
    """Names of the same form that nobody has."""
    return {kind: _like(kind, text) for kind, text in names.items()}


def _like(kind: str, text: str) -> str:
    if kind in NUMBERS or text.isdigit():
        return "7"
    if kind == "short_id":
        return "Zz9Zz9Zz9Z"
    return secrets.token_hex(len(text) // 2)


def _gateway() -> Any:
    from chalicelib.core.products import NodeType

    return NodeType.GATEWAY


def _register(app: Gateway, product: str, node: str) -> str:
    body = {"deviceInfo": {"nodeId": node}, "productId": product, "mqttConnect": True}
    return str(_made(app.post("/iocm/app/reg/v2.0.0/deviceCredentials", body))["deviceId"])


def _report(fleet: Fleet, device: str) -> None:
    from chalicelib.core import clock, telemetry
    from chalicelib.core.telemetry import Report, Reported

    now = clock.now()
    telemetry.report(Report(device, device, (Reported("Meter", {"level": 7}),), "m" + device, now))


def _lora(fleet: Fleet, iot: FakeIot) -> tuple[str, str, str]:
    site = make_site(fleet, iot)
    return site.gateway(EUI).device.device, site.node("FF112233AABBCCDD").device.device, site.server.id


def _made(reply: Reply) -> Any:
    assert 200 <= reply.status < 300, reply.body
    return reply.json


def command_body(device: str) -> dict[str, Any]:
    command = {"serviceId": "Meter", "method": "SET_LEVEL", "paras": {"value": 7}}
    return {"deviceId": device, "command": command, "expireTime": 3600}


def batch_body(name: str, devices: list[str]) -> dict[str, Any]:
    command = {"serviceId": "Meter", "method": "SET_LEVEL", "paras": {"value": 7}}
    param = {"type": "DeviceList", "deviceList": devices, "command": command}
    return {"taskName": name, "taskType": "DeviceCmd", "timeout": 10, "param": param}


SUBSCRIPTION = {"notifyType": "deviceAdded", "callbackUrl": "https://8.8.8.8:443/x"}
PRODUCT = {"name": "lamp", "description": "a lamp", "link_type": 1}
POINT = {"name": "level", "type": 4, "index": 3, "description": "", "symbol": "%"}
RULE = {
    "data_type": [1, 5],
    "destination": {"type": 1, "url": "https://8.8.8.8:443/x", "token": "hush"},
}
FIRMWARE = {
    "mod": "m",
    "version": 1,
    "file_url": "https://8.8.8.8/f",
    "file_md5": "d41d8cd98f00b204e9800998ecf8427e",
    "file_size": 1,
    "description": "",
    "release_date": "2015-10-09T08:15:40.843Z",
    "is_release": False,
}
LORA_GATEWAY = {
    "loraServerId": "{lora_server}",
    "productId": "{lora_product}",
    "gatewayEUI": "AA" * 8,
    "name": "g",
}
LORA_NODE = {
    "loraServerId": "{lora_server}",
    "productId": "{lora_product}",
    "devEUI": "BB" * 8,
    "appEUI": EUI,
    "appKey": KEY,
    "name": "n",
}
