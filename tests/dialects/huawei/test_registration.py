"""Huawei 1.5.1 to 1.5.7: registering, changing and deleting devices."""

import re

import pytest

from chalicelib.core import devices
from chalicelib.store.devices import DEVICE, DeviceRecord
from tests.conftest import Calls
from tests.support.clock import FakeClock
from tests.support.fleet import Fleet, make_fleet
from tests.support.gateway import Gateway, Reply
from tests.support.iot import FakeIot
from tests.support.mqtt import Mqtt

from .conftest import log_in

BY_SECRET = "/iocm/app/reg/v2.0.0/deviceCredentials"
BY_CODE = "/iocm/app/reg/v1.1.0/deviceCredentials"


def register(app: Gateway, fleet: Fleet, node_id: str = "meter-1", **more: object) -> str:
    body = {"deviceInfo": {"nodeId": node_id, "name": "hall"}, "productId": fleet.product.id, **more}
    return str(app.post(BY_SECRET, body).json["deviceId"])


def test_register_by_secret_answers_as_documented(app: Gateway, fleet: Fleet) -> None:
    body = {
        "deviceInfo": {"nodeId": "meter-1", "name": "hall", "model": "M1"},
        "productId": fleet.product.id,
        "mqttConnect": True,
        "imsi": None,
    }
    reply = app.post(BY_SECRET, body)
    assert reply.status == 200
    assert set(reply.json) == {"deviceId", "psk", "secret"}
    assert re.fullmatch("[0-9a-f]{32}", reply.json["deviceId"])
    assert re.fullmatch("[0-9a-f]{20}", reply.json["secret"])


def test_registering_costs_two_calls_at_most(app: Gateway, fleet: Fleet, calls: Calls) -> None:
    register(app, fleet)
    assert calls.made == ["dynamodb.GetItem", "dynamodb.TransactWriteItems"]
    calls.clear()
    register(app, fleet, "meter-2")
    assert calls.made == ["dynamodb.TransactWriteItems"]


def test_a_node_id_is_taken_once_in_a_tenant_but_free_in_another(app: Gateway, fleet: Fleet) -> None:
    register(app, fleet)
    body = {"deviceInfo": {"nodeId": "meter-1"}, "productId": fleet.product.id}
    reply = app.post(BY_SECRET, body)
    assert (reply.status, reply.json["error_code"]) == (400, "100426")
    other = make_fleet("other")
    assert log_in(other).post(BY_SECRET, {**body, "productId": other.product.id}).status == 200


def test_activation_of_a_strangers_device_is_answered_as_absent(app: Gateway, fleet: Fleet) -> None:
    device = register(app, fleet)
    assert app.get(f"{BY_CODE}/{device}").json == {"deviceId": device, "activated": False, "name": "hall"}
    stranger = log_in(make_fleet("other"))
    reply = stranger.get(f"{BY_CODE}/{device}")
    assert (reply.status, reply.json) == (
        404,
        {"error_code": "100403", "error_desc": "The device is not existed."},
    )


def test_an_unused_code_ends_with_its_timeout(app: Gateway, fleet: Fleet, clock: FakeClock) -> None:
    reply = app.post(
        BY_CODE, {"nodeId": "m", "verifyCode": "m", "timeout": 60, "productId": fleet.product.id}
    )
    assert reply.json["verifyCode"] == "m"
    assert reply.json["timeout"] == 60
    device = reply.json["deviceId"]
    clock.advance(59.9)
    assert app.get(f"{BY_CODE}/{device}").status == 200
    clock.advance(0.2)
    assert app.get(f"{BY_CODE}/{device}").status == 404


def code(reply: Reply) -> tuple[int, str]:
    return reply.status, reply.json["error_code"]


def test_register_by_code_with_every_parameter(app: Gateway, fleet: Fleet) -> None:
    body = {
        "deviceInfo": {
            "manufacturerId": "acme",
            "manufacturerName": "Acme",
            "deviceType": "Meter",
            "model": "M1",
            "protocolType": "CoAP",
        },
        "endUserId": "460001234567890",
        "imsi": "460001234567890",
        "isSecure": True,
        "nodeId": "urn:imei:863703030000000",
        "psk": "abcdefABCDEF0123",
        "timeout": 0,
        "verifyCode": "urn:imei:863703030000000",
        "productId": fleet.product.id,
        "deviceName": "hall",
    }
    reply = app.post(f"{BY_CODE}?appId={fleet.application}", body)
    assert reply.status == 200
    assert reply.json == {
        "deviceId": reply.json["deviceId"],
        "verifyCode": body["verifyCode"],
        "psk": body["psk"],
        "timeout": 0,
    }
    made = devices.get(fleet.caller, reply.json["deviceId"])
    assert (made.node_id, made.name, made.imsi) == (body["nodeId"], "hall", body["imsi"])
    assert (made.end_user, made.is_secure, made.protocol_type) == (body["endUserId"], True, "CoAP")
    assert (made.status.value, made.status_detail, made.activated) == ("INACTIVE", "NOT_ACTIVE", False)


def test_what_is_not_given_is_generated(app: Gateway, fleet: Fleet) -> None:
    reply = app.post(BY_CODE, {"nodeId": "m", "deviceInfo": {"model": "M1", "manufacturerId": "acme"}})
    assert code(reply) == (403, "600002")  # a product without a device type is another one
    facts = {"model": "M1", "manufacturerId": "acme", "deviceType": "Meter"}
    made = app.post(BY_CODE, {"nodeId": "m", "deviceInfo": facts}).json
    assert re.fullmatch("[0-9a-f]{32}", made["psk"])
    assert made["verifyCode"]
    assert made["timeout"] == 0


def test_register_by_secret_with_every_parameter(app: Gateway, fleet: Fleet) -> None:
    secret = "0123456789abcdefABCD"
    body = {
        "deviceInfo": {
            "nodeId": "meter-1",
            "manufacturerId": "acme",
            "manufacturerName": "Acme",
            "deviceType": "Meter",
            "model": "M1",
            "protocolType": "MQTT",
            "name": "hall",
        },
        "endUserId": "somebody",
        "organization": "org",
        "region": "south",
        "timezone": "Asia/Shanghai",
        "mqttConnect": True,
        "productId": fleet.product.id,
        "secret": secret,
    }
    reply = app.post(BY_SECRET, body)
    assert (reply.status, reply.json["secret"]) == (200, secret)
    made = devices.get(fleet.caller, reply.json["deviceId"])
    assert (made.organization, made.region, made.timezone) == ("org", "south", "Asia/Shanghai")
    assert Mqtt(made.device, secret).authorize()["isAuthenticated"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"deviceInfo": {}},
        {"deviceInfo": {"nodeId": ""}},
        {"deviceInfo": {"nodeId": "a/b"}},
        {"deviceInfo": {"nodeId": "m"}, "secret": "short"},
        {"deviceInfo": {"nodeId": "m"}, "secret": "g" * 20},
        {"deviceInfo": {"nodeId": "m"}, "mqttConnect": "yes"},
        {"deviceInfo": {"nodeId": "m"}, "region": "x" * 257},
    ],
)
def test_a_bad_registration_by_secret(app: Gateway, fleet: Fleet, body: dict[str, object]) -> None:
    assert code(app.post(BY_SECRET, {"productId": fleet.product.id, **body})) == (400, "50400")


@pytest.mark.parametrize(
    "more",
    [
        {"timeout": -1},
        {"timeout": 2147483648},
        {"timeout": "soon"},
        {"psk": "xyz"},
        {"imsi": ""},
        {"isSecure": 1},
        {"nodeId": "x" * 257},
        {"verifyCode": "x" * 257},
    ],
)
def test_a_bad_registration_by_code(app: Gateway, fleet: Fleet, more: dict[str, object]) -> None:
    body = {"nodeId": "m", "productId": fleet.product.id, **more}
    assert code(app.post(BY_CODE, body)) == (400, "50400")


def test_a_verify_code_is_taken_once(app: Gateway, fleet: Fleet) -> None:
    body = {"nodeId": "m1", "verifyCode": "same", "productId": fleet.product.id}
    assert app.post(BY_CODE, body).status == 200
    assert code(app.post(BY_CODE, {**body, "nodeId": "m2"})) == (400, "100003")
    assert code(app.post(BY_CODE, body)) == (400, "100426")


def test_an_unknown_product(app: Gateway, fleet: Fleet) -> None:
    body = {"deviceInfo": {"nodeId": "m"}, "productId": "nothing"}
    assert code(app.post(BY_SECRET, body)) == (403, "600002")


def go_offline(device: str, secret: str) -> None:
    Mqtt(device, secret).connect()
    DeviceRecord(device, DEVICE).update([DeviceRecord.status.set("OFFLINE")])


def test_refreshing_credentials(app: Gateway, fleet: Fleet) -> None:
    FakeIot().install()
    made = app.post(BY_SECRET, {"deviceInfo": {"nodeId": "m"}, "productId": fleet.product.id}).json
    path = f"{BY_CODE}/{made['deviceId']}"
    assert code(app.put(path, {"nodeId": "m2"})) == (400, "100610")
    mqtt = Mqtt(made["deviceId"], made["secret"])
    mqtt.connect()
    assert code(app.put(path, {"nodeId": "m2"})) == (400, "100611")
    DeviceRecord(mqtt.name, DEVICE).update([DeviceRecord.status.set("OFFLINE")])
    reply = app.put(path, {"verifyCode": "AE10-12424-12414", "nodeId": "m2", "timeout": 300})
    assert (reply.status, reply.json) == (200, {"verifyCode": "AE10-12424-12414", "timeout": 300})
    reply = app.put(path, {})
    assert set(reply.json) == {"verifyCode", "timeout"}
    assert reply.json["timeout"] == 180
    assert app.get(path).json["activated"] is True
    assert app.put(path, {"timeout": 0}).json["timeout"] == 0


def test_what_refreshing_refuses(app: Gateway, fleet: Fleet) -> None:
    FakeIot().install()
    made = app.post(BY_SECRET, {"deviceInfo": {"nodeId": "m"}, "productId": fleet.product.id}).json
    app.post(BY_CODE, {"nodeId": "taken", "verifyCode": "taken", "productId": fleet.product.id})
    go_offline(made["deviceId"], made["secret"])
    path = f"{BY_CODE}/{made['deviceId']}"
    assert code(app.put(path, {"nodeId": "taken"})) == (400, "100426")
    assert code(app.put(path, {"verifyCode": "taken"})) == (400, "100003")
    assert code(app.put(path, {"nodeId": "a/b"})) == (400, "50400")
    assert code(app.put(path, {"timeout": -1})) == (400, "50400")
    assert code(app.put(f"{BY_CODE}/unknown", {})) == (404, "100403")
    assert code(log_in(make_fleet("other")).put(path, {})) == (404, "100403")
    assert Mqtt(made["deviceId"], made["secret"]).authorize()["isAuthenticated"]
