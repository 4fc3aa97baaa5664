"""The AWS calls that docs/huawei.md tells of each operation are those that a warm process makes."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from chalicelib.core import callbacks
from chalicelib.core.packages import Type
from tests.conftest import Calls
from tests.docs.markdown import doc, rows, section
from tests.support.clock import FakeClock
from tests.support.fleet import Fleet, make_fleet
from tests.support.gateway import Gateway, Reply
from tests.support.iot import FakeIot
from tests.support.lora import EUI, KEY, Site, make_site
from tests.support.upgrades import make_package

LOGIN = "/iocm/app/sec/v1.1.0/login"
REGISTER = "/iocm/app/reg/v2.0.0/deviceCredentials"
BY_CODE = "/iocm/app/reg/v1.1.0/deviceCredentials"
DEVICES = "/iocm/app/dm/v1.4.0/devices"
COMMANDS = "/iocm/app/cmd/v1.4.0/deviceCommands"
TASKS = "/iocm/app/cmd/v1.4.0/deviceCommandCancelTasks"
BATCHES = "/iocm/app/batchtask/v1.1.0/tasks"
DETAILS = "/iocm/app/batchtask/v1.1.0/taskDetails"
GROUPS = "/iocm/app/devgroup/v1.3.0/devGroups"
MEMBERS = "/iocm/app/dm/v1.2.0/devices/ids"
JOIN = "/iocm/app/dm/v1.1.0/devices/addDevGroupTagToDevices"
LEAVE = "/iocm/app/dm/v1.1.0/devices/deleteDevGroupTagFromDevices"
LORA = "/api/v3.0/devices/lora"
SHADOW = "/iocm/app/shadow/v1.5.0/devices/{deviceId}"
SUBSCRIPTIONS = "/iocm/app/sub/v1.2.0/subscriptions"
PACKAGES = "/iodm/northbound/v1.5.0/category"
OPERATIONS = "/iodm/northbound/v1.5.0/operations"
URL = "http://203.0.113.10:9000/"


@dataclass
class World:
    """An application that has logged in, with two devices."""

    fleet: Fleet
    app: Gateway
    device: str = ""

    def register(self, node: str) -> str:
        body = {"deviceInfo": {"nodeId": node}, "productId": self.fleet.product.id}
        return str(self.app.post(REGISTER, body).json["deviceId"])

    def command(self) -> Reply:
        command = {"serviceId": "Meter", "method": "SET_LEVEL", "paras": {"value": 1}}
        return self.app.post(COMMANDS, {"deviceId": self.device, "command": command})

    def subscribe(self, kind: str = "deviceAdded") -> Reply:
        return self.app.post(SUBSCRIPTIONS, {"notifyType": kind, "callbackUrl": URL})


@pytest.fixture
def world(aws: None, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(callbacks, "check_url", lambda url: None)  # no name is resolved here
    fleet = make_fleet()
    app = Gateway()
    made = World(fleet, app)
    tokens = log_in(made).json
    app.headers = {"app_key": fleet.application, "Authorization": f"Bearer {tokens['accessToken']}"}
    made.device = made.register("first")
    made.register("second")
    return made


def log_in(world: World) -> Reply:
    return world.app.post(LOGIN, {"appId": world.fleet.application, "secret": world.fleet.secret})


def refresh(world: World) -> Callable[[], Reply]:
    token = log_in(world).json["refreshToken"]
    body = {"appId": world.fleet.application, "secret": world.fleet.secret, "refreshToken": token}
    return lambda: world.app.post("/iocm/app/sec/v1.1.0/refreshToken", body)


def log_out(world: World) -> Callable[[], Reply]:
    token = log_in(world).json["accessToken"]
    return lambda: world.app.post("/iocm/app/sec/v1.1.0/logout", {"accessToken": token})


def cancel(world: World) -> Callable[[], Reply]:
    command = world.command().json["commandId"]
    return lambda: world.app.put(f"{COMMANDS}/{command}", {"status": "CANCELED"})


def task(world: World) -> Callable[[], Reply]:
    return lambda: world.app.post(TASKS, {"deviceId": world.device})


def of_subscription(world: World, call: str) -> Callable[[], Reply]:
    made = world.subscribe().json["subscriptionId"]
    return lambda: world.app.call(call, f"{SUBSCRIPTIONS}/{made}")


def query_tasks(world: World) -> Callable[[], Reply]:
    task(world)()
    task(world)()
    return lambda: world.app.get(f"{TASKS}?pageSize=1")


def commands_by_page(world: World) -> Callable[[], Reply]:
    world.command()
    world.command()
    return lambda: world.app.get(f"{COMMANDS}?deviceId={world.device}&pageSize=1")


def of_group(world: World, act: Callable[[str], Reply]) -> Callable[[], Reply]:
    made = world.app.post(GROUPS, {"name": "hall"}).json["id"]
    return lambda: act(made)


def leave(world: World) -> Callable[[], Reply]:
    made = world.app.post(GROUPS, {"name": "hall", "deviceIds": [world.device]}).json["id"]
    return lambda: world.app.post(LEAVE, {"devGroupId": made, "deviceIds": [world.device]})


def batch(world: World) -> Reply:
    command = {"serviceId": "Meter", "method": "SET_LEVEL", "paras": {"value": 1}}
    param = {"type": "Broadcast", "command": command}
    body = {"taskName": "night", "taskType": "DeviceCmd", "timeout": 10, "param": param}
    return world.app.post(BATCHES, body)


def of_batch(world: World, act: Callable[[str], Reply]) -> Callable[[], Reply]:
    made = batch(world).json["taskID"]
    return lambda: act(made)


def with_lora(world: World, act: Callable[[Site], Callable[[], Reply]]) -> Callable[[], Reply]:
    iot = FakeIot()
    iot.install()
    site = make_site(world.fleet, iot)
    site.node("f" * 16)  # its product is read
    site.gateway("e" * 16)
    return act(site)


def add_lora(world: World, site: Site, role: str) -> Reply:
    body: dict[str, Any] = {"loraServerId": site.server.id, "name": "n"}
    if role == "gateway":
        body |= {"productId": site.gateways.id, "gatewayEUI": EUI}
    else:
        body |= {"productId": site.nodes.id, "devEUI": EUI, "appEUI": EUI, "appKey": KEY}
    return world.app.post(f"{LORA}/{role}", body)


def of_lora(world: World, role: str, verb: str) -> Callable[[], Reply]:
    def act(site: Site) -> Callable[[], Reply]:
        made = add_lora(world, site, role).json["deviceId"]
        return lambda: world.app.call(verb, f"{LORA}/{role}/{made}")

    return with_lora(world, act)


def package(world: World, kind: Type = Type.SOFTWARE) -> str:
    return make_package(world.fleet, kind).id


def upgrade(world: World, kind: Type = Type.SOFTWARE) -> Callable[[], Reply]:
    body = {"fileId": package(world, kind), "targets": {"devices": [world.device]}}
    return lambda: world.app.post(f"{OPERATIONS}/{kind.value}Upgrade", body)


def of_package(world: World, call: str) -> Callable[[], Reply]:
    made = package(world)
    return lambda: world.app.call(call, f"{PACKAGES}/{made}")


def of_upgrade(world: World, more: str = "") -> Callable[[], Reply]:
    made = upgrade(world)().json["operationId"]
    return lambda: world.app.get(f"{OPERATIONS}/{made}{more}")


def upgrades_by_page(world: World, query: str) -> Callable[[], Reply]:
    upgrade(world)()
    upgrade(world)()
    return lambda: world.app.get(f"{OPERATIONS}{query}")


def packages_by_page(world: World) -> Callable[[], Reply]:
    package(world)
    package(world)
    return lambda: world.app.get(f"{PACKAGES}?pageSize=1")


SCENES: dict[str, Callable[[World], Callable[[], Reply]]] = {
    f"POST {LOGIN}": lambda w: lambda: log_in(w),
    "POST /iocm/app/sec/v1.1.0/refreshToken": refresh,
    "POST /iocm/app/sec/v1.1.0/logout": log_out,
    f"POST {BY_CODE}": lambda w: (
        lambda: w.app.post(BY_CODE, {"nodeId": "third", "productId": w.fleet.product.id})
    ),
    f"POST {REGISTER}": lambda w: (
        lambda: w.app.post(REGISTER, {"deviceInfo": {"nodeId": "third"}, "productId": w.fleet.product.id})
    ),
    f"PUT {DEVICES}/{{deviceId}}": lambda w: lambda: w.app.put(f"{DEVICES}/{w.device}", {"name": "n"}),
    f"DELETE {DEVICES}/{{deviceId}}": lambda w: lambda: w.app.delete(f"{DEVICES}/{w.device}"),
    f"GET {BY_CODE}/{{deviceId}}": lambda w: lambda: w.app.get(f"{BY_CODE}/{w.device}"),
    f"GET {DEVICES}/{{deviceId}}": lambda w: lambda: w.app.get(f"{DEVICES}/{w.device}"),
    f"GET {SHADOW}": lambda w: lambda: w.app.get(SHADOW.format(deviceId=w.device)),
    f"PUT {SHADOW}": lambda w: (
        lambda: w.app.put(
            SHADOW.format(deviceId=w.device),
            {"serviceDesireds": [{"serviceId": "Meter", "desired": {"level": 5}}]},
        )
    ),
    f"POST {LORA}/gateway": lambda w: with_lora(w, lambda site: lambda: add_lora(w, site, "gateway")),
    f"POST {LORA}/node": lambda w: with_lora(w, lambda site: lambda: add_lora(w, site, "node")),
    f"GET {LORA}/gateway/{{deviceId}}": lambda w: of_lora(w, "gateway", "GET"),
    f"GET {LORA}/node/{{deviceId}}": lambda w: of_lora(w, "node", "GET"),
    f"DELETE {LORA}/gateway/{{deviceId}}": lambda w: of_lora(w, "gateway", "DELETE"),
    f"DELETE {LORA}/node/{{deviceId}}": lambda w: of_lora(w, "node", "DELETE"),
    f"GET {DEVICES}": lambda w: lambda: w.app.get(f"{DEVICES}?pageNo=0&pageSize=1"),
    "GET /iocm/app/data/v1.1.0/deviceCapabilities": lambda w: (
        lambda: w.app.get(f"/iocm/app/data/v1.1.0/deviceCapabilities?deviceId={w.device}")
    ),
    f"POST {SUBSCRIPTIONS}": lambda w: w.subscribe,
    "POST /iodm/app/sub/v1.1.0/subscribe": lambda w: (
        lambda: w.app.post(
            "/iodm/app/sub/v1.1.0/subscribe", {"notifyType": "fwUpgradeResultNotify", "callbackUrl": URL}
        )
    ),
    f"GET {SUBSCRIPTIONS}/{{subscriptionId}}": lambda w: of_subscription(w, "GET"),
    f"DELETE {SUBSCRIPTIONS}/{{subscriptionId}}": lambda w: of_subscription(w, "DELETE"),
    f"GET {SUBSCRIPTIONS}": lambda w: lambda: w.app.get(SUBSCRIPTIONS),
    f"POST {COMMANDS}": lambda w: w.command,
    f"GET {COMMANDS}": commands_by_page,
    f"PUT {COMMANDS}/{{deviceCommandId}}": cancel,
    f"POST {BATCHES}": lambda w: lambda: batch(w),
    f"GET {BATCHES}/{{taskId}}": lambda w: of_batch(w, lambda made: w.app.get(f"{BATCHES}/{made}")),
    f"GET {DETAILS}": lambda w: of_batch(w, lambda made: w.app.get(f"{DETAILS}?taskId={made}")),
    f"POST {GROUPS}": lambda w: lambda: w.app.post(GROUPS, {"name": "hall", "deviceIds": [w.device]}),
    f"GET {GROUPS}": lambda w: lambda: w.app.get(f"{GROUPS}?pageSize=10"),
    f"GET {GROUPS}/{{devGroupId}}": lambda w: of_group(w, lambda made: w.app.get(f"{GROUPS}/{made}")),
    f"PUT {GROUPS}/{{devGroupId}}": lambda w: of_group(
        w, lambda made: w.app.put(f"{GROUPS}/{made}", {"name": "roof"})
    ),
    f"DELETE {GROUPS}/{{devGroupId}}": lambda w: of_group(w, lambda made: w.app.delete(f"{GROUPS}/{made}")),
    f"GET {MEMBERS}": lambda w: of_group(w, lambda made: w.app.get(f"{MEMBERS}?devGroupId={made}")),
    f"POST {JOIN}": lambda w: of_group(
        w, lambda made: w.app.post(JOIN, {"devGroupId": made, "deviceIds": [w.device]})
    ),
    f"POST {LEAVE}": leave,
    f"GET {PACKAGES}": packages_by_page,
    f"GET {PACKAGES}/{{fileId}}": lambda w: of_package(w, "GET"),
    f"DELETE {PACKAGES}/{{fileId}}": lambda w: of_package(w, "DELETE"),
    f"POST {OPERATIONS}/softwareUpgrade": upgrade,
    f"POST {OPERATIONS}/firmwareUpgrade": lambda w: upgrade(w, Type.FIRMWARE),
    f"GET {OPERATIONS}/{{operationId}}": of_upgrade,
    f"GET {OPERATIONS}/{{operationId}}/subOperations": lambda w: of_upgrade(w, "/subOperations"),
    f"GET {OPERATIONS}": lambda w: upgrades_by_page(w, "?pageSize=1"),
    f"POST {TASKS}": task,
    f"GET {TASKS}": query_tasks,
}


def told() -> dict[str, tuple[int, int]]:
    """The fewest and the most calls that the page's first number or range allows, by operation."""
    found = {}
    for row in rows(section(doc("huawei.md"), "## Operations")):
        call = re.search(r"`([A-Z]+ /\S+)`", row[1])
        numbers = re.match(r"(\d+)(?: to (\d+))?", row[2]) if call else None
        if call and numbers:
            found[call[1]] = int(numbers[1]), int(numbers[2] or numbers[1])
    return found


@pytest.mark.parametrize("operation", sorted(SCENES))
def test_calls_are_as_told(operation: str, world: World, calls: Calls) -> None:
    act = SCENES[operation](world)
    calls.clear()
    reply = act()
    assert reply.status < 300, reply.body
    assert "error_code" not in (json.loads(reply.body) if reply.body else {})
    fewest, most = told()[operation]
    assert fewest <= len(calls.made) <= most, calls.made


def test_token_product_and_flow_control_cost_one_call_each(
    world: World, calls: Calls, clock: FakeClock
) -> None:
    body: dict[str, Any] = {"deviceInfo": {"nodeId": "third"}, "productId": world.fleet.product.id}
    clock.advance(seconds=61)
    calls.clear()
    assert world.app.post(REGISTER, body).status == 200
    assert len(calls.made) == told()[f"POST {REGISTER}"][0] + 3, calls.made


def test_only_what_needs_a_device_on_the_air_is_not_measured_here() -> None:
    apart = {
        "PUT /iocm/app/reg/v1.1.0/deviceCredentials/{deviceId}",
        "GET /iocm/app/data/v1.2.0/deviceDataHistory",
        "GET /iocm/app/shadow/v1.5.0/deviceDesiredHistory",
        "DELETE /iocm/app/sub/v1.2.0/subscriptions",
        "POST /iocm/app/signaltrans/v1.1.0/devices/{deviceId}/services/{serviceId}/sendCommand",
    }
    assert told().keys() - SCENES.keys() == apart
