"""The device shadow over real HTTP and real MQTT, beside an app that knows Huawei's services."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import boto3
import paho.mqtt.client as mqtt
import pytest

from infra.local import running
from infra.local.clients import ANSWER_WITHIN, App, Inbox
from tests.e2e.conftest import SERVICE, World

API = "/iot-platform/device-shadow-server/v1"
HUAWEI = "/iocm/app/shadow/v1.5.0/devices"


class ShadowApp(App):
    """The world's application, with a token of this interface."""

    def exchange(self, method: str, path: str, body: Any = None) -> Any:
        text = None if body is None else json.dumps(body)
        headers = {"auth-token": self.token, "Content-Type": "application/json"}
        return self._exchange(method, path, text, headers)


class ShadowDevice:
    """`got` holds what arrived, with the last level of its topic."""

    def __init__(self, world: World, device: str, secret: str) -> None:
        self.device = device
        self.got: Inbox[tuple[str, Any]] = Inbox()
        self._said: Inbox[str] = Inbox()
        self._client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, client_id=f"shadow_{device}", reconnect_on_failure=False
        )
        self._client.username_pw_set(device, secret)
        self._client.on_connect = lambda _c, _u, _f, reason, _p: self._said.put(str(reason))
        self._client.on_subscribe = lambda *_: self._said.put("suback")
        self._client.on_message = lambda _c, _u, message: self.got.put(
            (message.topic.rpartition("/")[2], json.loads(message.payload))
        )
        self._client.connect(*world.cloud.mqtt)
        self._client.loop_start()
        assert self._said.wait(lambda _: True, "answer to CONNECT") == "Success"
        kinds = ("state", "desired", "reported", "answer", "command")
        self._client.subscribe([(f"shadow/v1/{device}/down/{kind}", 1) for kind in kinds])
        self._said.wait(lambda text: text == "suback", "answer to SUBSCRIBE")

    def publish(self, kind: str, body: Any) -> None:
        sent = self._client.publish(f"shadow/v1/{self.device}/up/{kind}", json.dumps(body), qos=1)
        sent.wait_for_publish(ANSWER_WITHIN)

    def wait(self, kind: str, count: int = 1) -> Any:
        return self.got.wait(lambda found: found[0] == kind, kind, count)[1]

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def app(world: World) -> ShadowApp:
    huawei = world.cloud.huawei
    made = ShadowApp(world.cloud.http, huawei["appId"], huawei["secret"])
    found = made.exchange(
        "POST", "/iot-platform/auth/v1/token", {"key": huawei["appId"], "secret": huawei["secret"]}
    )
    made.token = found["result"]["token"]
    return made


@pytest.fixture
def thing(world: World) -> Iterator[ShadowDevice]:
    made = ShadowDevice(world, *world.register())
    yield made
    made.close()


def named(world: World, device: str) -> dict[str, str]:
    """The product's short id, as the table has it."""
    env = running.find(world.cloud.state)
    assert env is not None
    tables: Any = boto3.client("dynamodb", endpoint_url=env["AWS_ENDPOINT_URL_DYNAMODB"])
    key = {"id": {"S": world.cloud.huawei["productId"]}}
    item = tables.get_item(TableName=f"{env['POLYTHING_PREFIX']}-products", Key=key)["Item"]
    return {"productId": item["short_id"]["S"], "deviceId": device}


def test_a_device_reports_is_told_and_catches_up(world: World, app: ShadowApp, thing: ShadowDevice) -> None:
    ids = named(world, thing.device)
    world.until(lambda: world.status(thing.device) == "ONLINE", "the device to be ONLINE")
    thing.publish("report", {"id": "r1", "reported": {"level": 20}})
    version = thing.wait("answer")["version"]
    read = app.exchange("GET", f"{API}/get?{urlencode(ids)}")
    assert (read["code"], read["result"]["timestamp"]) == (0, version)
    assert read["result"]["state"] == {"desired": {}, "reported": {"level": 20}}

    wanted = app.exchange(
        "POST", f"{API}/desired", {**ids, "timestamp": version, "stateDesired": {"level": 35}}
    )
    desired = thing.wait("desired")
    assert desired["desired"] == {"level": 35}
    assert desired["version"] == wanted["result"]["timestamp"]
    thing.publish("report", {"id": "r2", "reported": desired["desired"]})
    thing.wait("answer", 2)
    [service] = world.app.get(f"{HUAWEI}/{thing.device}")["services"]
    assert (service["serviceId"], service["reportedProps"]) == (SERVICE, {"level": 35})

    late = app.exchange("POST", f"{API}/desired", {**ids, "timestamp": version, "stateDesired": {"level": 1}})
    assert (late["code"], late["err_code"]) == (900010, 900010)
    thing.publish("get", {"version": desired["version"]})
    assert thing.wait("state")["desired"] == {}


def test_what_another_system_wants_and_commands_arrives_too(world: World, thing: ShadowDevice) -> None:
    world.until(lambda: world.status(thing.device) == "ONLINE", "the device to be ONLINE")
    body = {"serviceDesireds": [{"serviceId": SERVICE, "desired": {"level": 36}}]}
    world.app.put(f"{HUAWEI}/{thing.device}", body)
    assert thing.wait("desired")["desired"] == {"level": 36}
    command = world.command(thing.device, 70)
    got = thing.wait("command")
    assert (got["service"], got["command"], got["paras"]) == (SERVICE, "SET_LEVEL", {"value": 70})
    thing.publish("response", {"mid": got["mid"], "errcode": 0, "body": {"result": 1}})
    world.told(command, "SUCCESSFUL")
