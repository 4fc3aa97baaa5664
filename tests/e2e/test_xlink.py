"""An XLink console watches the devices of a Huawei app: real HTTP, real MQTT, a rule's token, the queue."""

import json
import secrets
import urllib.error
import urllib.request
from typing import Any

import boto3
import pytest

from infra.local import running
from tests.e2e.conftest import SERVICE, World
from tests.e2e.test_operator import admin

ORIGIN = {"Origin": "https://console.example", "Access-Control-Request-Method": "PUT"}


class Console:
    def __init__(self, world: World) -> None:
        self.url = world.cloud.http
        self.token = ""
        key = admin(world.cloud, "key", "create", "--application", world.app.app_id)
        answer = self.call("POST", "/v2/accesskey_auth", {"id": key["id"], "secret": key["secret"]})
        self.token = answer["access_token"]

    def call(self, method: str, path: str, body: Any = None) -> Any:
        with self.open(method, path, body) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def open(self, method: str, path: str, body: Any = None, **more: str) -> Any:
        headers = {"Content-Type": "application/json", "Access-Token": self.token, **more}
        sent = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}{path}", sent, headers, method=method)
        return urllib.request.urlopen(request, timeout=10)


def forwarded(world: World, rule: str) -> list[Any]:
    env = running.find(world.cloud.state)
    assert env is not None
    client: Any = boto3.client("sqs", endpoint_url=env["AWS_ENDPOINT_URL_SQS"])
    url = f"{env['POLYTHING_QUEUE_BASE']}/{env['POLYTHING_PREFIX']}-forwarded.fifo"
    answer = client.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
    bodies = [json.loads(message["Body"]) for message in answer.get("Messages", [])]
    return [body for body in bodies if body["rule_id"] == rule]


def test_a_console_is_told_by_its_rules(world: World) -> None:
    console = Console(world)
    product = world.cloud.huawei["productId"]
    assert product in {each["id"] for each in console.call("GET", "/v2/products")}
    [level] = [
        each for each in console.call("GET", f"/v2/product/{product}/datapoints") if each["name"] == "level"
    ]
    path = f"/v2/product/{product}/dds"
    outside = {"type": 1, "url": world.receiver.url("rule"), "token": "s3cret"}
    rule = console.call("POST", path, {"data_type": ["1", "5"], "destination": outside})["id"]
    inside = console.call("POST", path, {"data_type": ["5"], "destination": {"type": 2}})["id"]
    device = world.online()
    device.report(SERVICE, {"level": 42})
    pushes = world.receiver.pushes
    told = pushes.wait(lambda push: push.body.get("type") == 5, "data points").body
    assert told["product_id"] == product
    assert {"name": "level", "value": 42, "index": level["index"]} in told["datapoints"]
    online = pushes.wait(lambda push: push.body.get("type") == 1, "its coming").body
    assert online["device_id"] == told["device_id"]
    world.cloud.wait_idle()
    [queued] = forwarded(world, inside)
    assert {name: queued[name] for name in told} == told
    for ident in (rule, inside):
        console.call("DELETE", f"{path}/{ident}")
    before = len(pushes.all(lambda push: "product_id" in push.body))
    device.report(SERVICE, {"level": 43})
    world.cloud.wait_idle()
    assert len(pushes.all(lambda push: "product_id" in push.body)) == before
    assert "s3cret" not in world.cloud.log


def test_a_browser_may_call(world: World) -> None:
    console = Console(world)
    with console.open("OPTIONS", "/v2/product/any/where", **ORIGIN) as answer:
        assert answer.status == 204
        assert "Access-Token" in answer.headers["Access-Control-Allow-Headers"]
    with pytest.raises(urllib.error.HTTPError) as refused:
        console.open("GET", "/v2/product/" + "0" * 32, **ORIGIN)
    with refused.value as answer:
        assert answer.code == 404
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert json.load(answer)["error"]["code"] == 4041005


def test_a_console_imports_devices_that_log_in_as_huaweis_do(world: World) -> None:
    console = Console(world)
    made = console.call("POST", "/v2/product", {"name": "lamps", "description": "", "link_type": 1})
    path = f"/v2/product/{made['id']}"
    names = [f"{secrets.token_hex(6)}".upper() for _ in range(120)]
    for _ in range(2):
        assert console.call("POST", f"{path}/device_batch", names) is None
    world.cloud.wait_idle()
    page = console.call("POST", f"{path}/devices", {"limit": 1000, "order": {"mac": "asc"}})
    assert (page["count"], [each["mac"] for each in page["list"]]) == (120, sorted(names))
    one = page["list"][7]
    console.call("POST", f"{path}/device/{one['id']}/property", {"room": "kitchen", "floor": 1.0})
    filtered = {"query": {"id": one["id"]}, "filter": ["mac", "room", "floor"]}
    [shown] = console.call("POST", f"{path}/devices", filtered)["list"]
    assert shown == {"mac": one["mac"], "room": "kitchen", "floor": 1.0}
    console.call("DELETE", f"{path}/device/{one['id']}")
    assert console.call("POST", f"{path}/devices", {"limit": 1})["count"] == 119


def test_a_device_shows_when_and_whence_it_has_logged_in(world: World) -> None:
    console = Console(world)
    path = f"/v2/product/{world.cloud.huawei['productId']}"
    ident, secret = world.register()
    world.device(ident, secret).connect()
    world.until(lambda: world.status(ident) == "ONLINE", "the device to be ONLINE")
    query = {"query": {"is_online": True}, "order": {"create_time": "desc"}, "limit": 1}
    [shown] = console.call("POST", f"{path}/devices", query)["list"]
    assert (shown["is_active"], shown["is_online"], shown["last_login_ip"]) == (True, True, "127.0.0.1")
    assert shown["create_time"] <= shown["active_date"] <= shown["last_login"]
    assert shown["authorize_code"] == secret
    with pytest.raises(urllib.error.HTTPError, match="400") as refused:
        console.call("DELETE", f"{path}/device/{shown['id']}")
    assert json.loads(refused.value.read())["error"]["code"] == 4001022
