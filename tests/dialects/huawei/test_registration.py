"""Huawei 1.5.1 to 1.5.7: registering, changing and deleting devices."""

import re

from tests.conftest import Calls
from tests.support.clock import FakeClock
from tests.support.fleet import Fleet, make_fleet
from tests.support.gateway import Gateway

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
    reply = app.post(BY_CODE, {"nodeId": "m", "verifyCode": "m", "timeout": 60, "productId": fleet.product.id})
    assert reply.json["verifyCode"] == "m"
    assert reply.json["timeout"] == 60
    device = reply.json["deviceId"]
    clock.advance(59.9)
    assert app.get(f"{BY_CODE}/{device}").status == 200
    clock.advance(0.2)
    assert app.get(f"{BY_CODE}/{device}").status == 404
