"""Alink devices and an app's long connection over real MQTT."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import paho.mqtt.client as mqtt
import pytest

from infra.local import running
from infra.local.aws import ROOT
from infra.local.clients import ANSWER_WITHIN, Inbox
from tests.e2e.conftest import World
from tests.support.alink import sign

POST, SET = "thing/event/property/post", "thing/service/property/set"

MAKE = """
import json, sys
from chalicelib.core import app_channels, applications, bindings, registration, user_sessions, users
from chalicelib.core.applications import Caller
from chalicelib.core.products import NodeType
from tests.support.boilers import with_product
from tests.support.fleet import Fleet

application, suffix = sys.argv[1:]
tenant = applications.find(application).tenant
fleet = Fleet(tenant, application, "", None)

def device(name, kind):
    product = with_product(fleet, kind).product
    new = registration.NewDevice(f"{name}-{suffix}", "secret", product=product.id)
    made = registration.register(fleet.caller, new)
    return [product.short_id, made.device.node_id, made.secret, made.device.device]

person = users.create(fleet.caller, users.NewUser(login=f"p{suffix}@example.com", nickname="p"))
boiler = device("boiler", NodeType.ENDPOINT)
bindings.bind(fleet.caller, person.id, boiler[3])
app = app_channels.issue(fleet.caller, suffix)
print(json.dumps({
    "boiler": boiler,
    "child": device("child", NodeType.ENDPOINT),
    "gateway": device("gateway", NodeType.GATEWAY),
    "app": [app.product_key, app.device_name, app.secret, ""],
    "token": user_sessions.open(person.id).access,
}))
"""


class Client:
    """`got` holds topic and body of what arrived."""

    def __init__(self, world: World, product: str, name: str, secret: str, device: str) -> None:
        self.product, self.name, self.secret, self.device = product, name, secret, device
        self.own = f"/sys/{product}/{name}"
        self.got: Inbox[tuple[str, Any]] = Inbox()
        self._said: Inbox[str] = Inbox()
        stamp = "2524608000000"
        self._client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2,
            client_id=f"{name}|securemode=3,signmethod=hmacsha1,timestamp={stamp}|",
            reconnect_on_failure=False,
        )
        self._client.username_pw_set(
            f"{name}&{product}", sign(secret, name, name, product, stamp, "hmacsha1")
        )
        self._client.on_connect = lambda _c, _u, _f, reason, _p: self._said.put(str(reason))
        self._client.on_subscribe = lambda _c, _u, _m, reasons, _p: self._said.put(f"suback {reasons[0]}")
        self._client.on_message = lambda _c, _u, message: self.got.put(
            (message.topic, json.loads(message.payload))
        )
        self._client.connect(*world.cloud.mqtt)
        self._client.loop_start()
        assert self._said.wait(lambda _: True, "answer to CONNECT") == "Success"

    def subscribe(self, path: str) -> None:
        self._client.subscribe(f"{self.own}/{path}", 1)
        said = self._said.wait(lambda text: text.startswith("suback"), "answer to SUBSCRIBE")
        assert said == "suback Granted QoS 1"

    def say(self, topic: str, body: Any) -> None:
        self._client.publish(topic, json.dumps(body), qos=1).wait_for_publish(ANSWER_WITHIN)

    def wait(self, topic: str, count: int = 1) -> Any:
        return self.got.wait(lambda found: found[0] == topic, topic, count)[1]

    def ask(self, topic: str, params: Any, count: int = 1) -> Any:
        self.say(topic, {"id": "1", "version": "1.0", "params": params})
        return self.wait(f"{topic}_reply", count)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


class Rig:
    def __init__(self, world: World, suffix: str) -> None:
        self.world, self._open = world, list[Client]()
        env = running.find(world.cloud.state)
        assert env is not None
        done = subprocess.run(
            [sys.executable, "-c", MAKE, world.cloud.huawei["appId"], suffix],
            cwd=ROOT,
            env={**os.environ, **env},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        self.made = json.loads(done.stdout.splitlines()[-1])

    def connect(self, who: str) -> Client:
        self._open.append(Client(self.world, *self.made[who]))
        return self._open[-1]

    def close(self) -> None:
        for each in self._open:
            each.close()


@pytest.fixture
def rig(world: World, request: pytest.FixtureRequest) -> Iterator[Rig]:
    made = Rig(world, str(abs(hash((os.getpid(), request.node.name)))))
    yield made
    made.close()


def test_a_device_reports_is_set_and_called(rig: Rig) -> None:
    device = rig.connect("boiler")
    device.subscribe("thing/#")
    assert device.ask(f"{device.own}/{POST}", {"heat": 20, "speed": 1})["code"] == 200
    assert device.ask(f"{device.own}/thing/event/Fault/post", {"value": {"code": 1}})["code"] == 200

    world = rig.world
    shadow = {"serviceDesireds": [{"serviceId": "Pump", "desired": {"speed": 2}}]}
    assert world.app.put(f"/iocm/app/shadow/v1.5.0/devices/{device.device}", shadow) is None
    wanted = device.wait(f"{device.own}/{SET}")
    assert wanted["params"] == {"speed": 2}
    device.say(f"{device.own}/{SET}_reply", {"id": wanted["id"], "code": 200, "data": {}})
    device.ask(f"{device.own}/{POST}", wanted["params"], 2)

    command = {"serviceId": "Pump", "method": "prime", "paras": {}}
    body = {"deviceId": device.device, "command": command, "callbackUrl": world.receiver.url("command")}
    ident = str(world.app.post("/iocm/app/cmd/v1.4.0/deviceCommands", body)["commandId"])
    called = device.wait(f"{device.own}/thing/service/prime")
    assert (called["params"], called["method"]) == ({}, "thing.service.prime")
    answer = {"id": called["id"], "code": 200, "data": {"done": True}}
    device.say(f"{device.own}/thing/service/prime_reply", answer)
    assert world.told(ident, "SUCCESSFUL").body["result"]["resultDetail"] == {"done": True}


def test_a_gateway_with_a_child(rig: Rig) -> None:
    gateway = rig.connect("gateway")
    product, name, secret, device = rig.made["child"]
    child = {"productKey": product, "deviceName": name}
    signed = {
        **child,
        "clientId": "c",
        "signmethod": "hmacSha256",
        "sign": sign(secret, "c", name, product, None),
    }
    assert gateway.ask(f"{gateway.own}/thing/topo/add", [signed])["code"] == 200
    assert gateway.ask(f"{gateway.own}/thing/topo/get", {})["data"] == [child]
    login = gateway.ask(
        f"/ext/session/{gateway.product}/{gateway.name}/combine/login",
        {**child, "clientId": "c", "signMethod": "hmacSha256", "sign": signed["sign"]},
    )
    assert login["code"] == 200
    assert rig.world.status(device) == "ONLINE"
    topic = f"/sys/{product}/{name}/{POST}"
    assert gateway.ask(topic, {"speed": 7})["code"] == 200
    shadow = {"serviceDesireds": [{"serviceId": "Pump", "desired": {"speed": 8}}]}
    rig.world.app.put(f"/iocm/app/shadow/v1.5.0/devices/{device}", shadow)
    assert gateway.wait(f"/sys/{product}/{name}/{SET}")["params"] == {"speed": 8}
    assert gateway.ask(f"{gateway.own}/thing/topo/delete", [child])["code"] == 200
    gateway.say(topic, {"id": "2", "params": {"speed": 9}})
    assert gateway.ask(f"{gateway.own}/thing/topo/get", {}, 2)["data"] == []
    [state] = rig.world.app.get(f"/iocm/app/shadow/v1.5.0/devices/{device}")["services"]
    assert state["reportedProps"] == {"speed": 7}


def test_an_app_is_told_over_its_long_connection(rig: Rig) -> None:
    app, device = rig.connect("app"), rig.connect("boiler")
    app.subscribe("app/down/#")
    bind = {"id": "b", "version": "1.0", "request": {"clientId": "x"}, "params": {"iotToken": "wrong"}}
    app.say(f"{app.own}/app/up/account/bind", bind)
    reply = f"{app.own}/app/down/account/bind_reply"
    assert app.wait(reply)["code"] == 2043
    bind["params"] = {"iotToken": rig.made["token"]}
    app.say(f"{app.own}/app/up/account/bind", bind)
    assert app.wait(reply, 2) == {"id": "b", "code": 200, "message": "success"}
    device.say(f"{device.own}/{POST}", {"id": "1", "params": {"heat": 20}})
    told = app.wait(f"{app.own}/app/down/thing/properties")
    assert told["params"]["iotId"] == device.device
    assert told["params"]["items"]["heat"]["value"] == 20
    device.say(f"{device.own}/thing/event/Fault/post", {"id": "2", "params": {"value": {"code": 4}}})
    assert app.wait(f"{app.own}/app/down/thing/events")["params"]["value"] == {"code": 4}
    device.close()
    status = app.got.wait(
        lambda found: found[0].endswith("thing/status") and found[1]["params"]["status"]["value"] == 3,
        "word of the device's leaving",
    )
    assert status[1]["params"]["deviceName"] == device.name
    app.say(f"{app.own}/app/up/account/unbind", {"id": "u", "params": {}})
    assert app.wait(f"{app.own}/app/down/account/unbind_reply")["code"] == 200
