"""Huawei 1.5.4, 1.5.5: changing and deleting a device."""

import json
from typing import Any

import pytest

from chalicelib.core import children, devices, registration
from chalicelib.core.products import NodeType
from chalicelib.store.devices import CREDENTIALS, CredentialsRecord
from chalicelib.store.outbox import EventRecord
from tests.conftest import Calls
from tests.support.fleet import Fleet, make_fleet, make_product
from tests.support.gateway import Gateway
from tests.support.mqtt import Mqtt

from .conftest import log_in

DEVICES = "/iocm/app/dm/v1.4.0/devices"
FULL = {
    "name": "hall",
    "endUser": "somebody",
    "mute": "TRUE",
    "deviceConfig": {"dataConfig": {"dataAgingTime": 30}},
    "deviceType": "MultiSensor",
    "location": "Shenzhen",
    "manufacturerId": "other",
    "manufacturerName": "Other",
    "model": "M9",
    "organization": "org",
    "protocolType": "CoAP",
    "region": "south",
    "timezone": "Asia/Shanghai",
    "imsi": "460001234567890",
    "ip": "192.0.2.1",
    "isSecure": True,
    "psk": "abcdefABCDEF0123",
    "tags": [{"tagName": "floor", "tagValue": "2", "tagType": 1}, {"tagName": "a", "tagValue": "b"}],
    "customFields": [{"fieldName": "f", "fieldType": "Object", "fieldValue": {"deep": [1, None, 1.5]}}],
}


def register(fleet: Fleet, node_id: str = "meter-1", product: str | None = None) -> registration.Registered:
    new = registration.NewDevice(node_id, registration.BY_SECRET, product=product or fleet.product.id)
    return registration.register(fleet.caller, new)


@pytest.fixture
def device(fleet: Fleet) -> str:
    return register(fleet).device.device


def told(device: str, kind: str) -> list[dict[str, Any]]:
    return [json.loads(event.data)["device"] for event in EventRecord.query(device) if event.type == kind]


def code(reply: Any) -> tuple[int, str]:
    return reply.status, reply.json["error_code"]


def test_every_field_is_taken_and_told(app: Gateway, fleet: Fleet, device: str) -> None:
    before = CredentialsRecord.get(device, CREDENTIALS).psk
    reply = app.put(f"{DEVICES}/{device}", FULL)
    assert (reply.status, reply.body) == (204, "")
    changed = devices.get(fleet.caller, device)
    assert (changed.name, changed.end_user, changed.mute, changed.ageing) == ("hall", "somebody", True, 30)
    assert (changed.device_type, changed.location, changed.model) == ("MultiSensor", "Shenzhen", "M9")
    assert (changed.manufacturer_id, changed.manufacturer_name) == ("other", "Other")
    assert (changed.organization, changed.region, changed.timezone) == ("org", "south", "Asia/Shanghai")
    assert (changed.imsi, changed.ip, changed.is_secure) == ("460001234567890", "192.0.2.1", True)
    assert changed.protocol_type == "CoAP"
    assert changed.tags is not None
    assert changed.tags[0] == {"tagName": "floor", "tagValue": "2", "tagType": 1}
    assert changed.custom_fields == FULL["customFields"]
    assert CredentialsRecord.get(device, CREDENTIALS).psk != before
    assert told(device, "device.changed")[0]["name"] == "hall"


def test_what_is_not_named_stays(app: Gateway, fleet: Fleet, device: str) -> None:
    app.put(f"{DEVICES}/{device}", FULL)
    for body in ({"mute": "false"}, {"mute": None, "name": None}, {}, {"unknown": 1}):
        assert app.put(f"{DEVICES}/{device}", body).status == 204
    changed = devices.get(fleet.caller, device)
    assert (changed.name, changed.mute, changed.location) == ("hall", False, "Shenzhen")


def test_another_product_brings_its_facts_and_its_rights(app: Gateway, fleet: Fleet, device: str) -> None:
    hub = make_product(fleet.tenant, NodeType.GATEWAY, model="G1")
    assert app.put(f"{DEVICES}/{device}", {"productId": hub.id, "psk": "ab" * 8}).status == 204
    changed = devices.get(fleet.caller, device)
    assert (changed.product, changed.model, changed.node_type) == (hub.id, "G1", NodeType.GATEWAY)
    assert CredentialsRecord.get(device, CREDENTIALS).for_children is True
    other = make_fleet("other").product.id
    for wrong in ("nothing", other):
        assert code(app.put(f"{DEVICES}/{device}", {"productId": wrong})) == (403, "600002")


WRONG = [
    {"name": ""},
    {"name": "x" * 257},
    {"name": 5},
    {"location": "x" * 1025},
    {"mute": "MAYBE"},
    {"mute": True},
    {"psk": "abc"},
    {"psk": "g" * 16},
    {"isSecure": "true"},
    {"deviceConfig": {"dataConfig": {"dataAgingTime": 91}}},
    {"deviceConfig": {"dataConfig": {"dataAgingTime": -1}}},
    {"tags": [{"tagName": "x"}]},
    {"tags": [{"tagName": "x", "tagValue": "y", "tagType": 2**40}]},
    {"tags": [{"tagName": f"{n}", "tagValue": "y" * 1000} for n in range(100)]},
    {"customFields": [{"fieldValue": "y" * 70000}]},
    {"customFields": [{"fieldValue": 10**400}]},
    {"imsi": "x" * 65},
    {"ip": "x" * 129},
]


@pytest.mark.parametrize("body", WRONG)
def test_what_is_refused_changes_nothing(app: Gateway, fleet: Fleet, device: str, body: Any) -> None:
    before = devices.get(fleet.caller, device)
    assert code(app.put(f"{DEVICES}/{device}", body)) == (400, "50400")
    assert devices.get(fleet.caller, device) == before


def test_what_changing_and_deleting_cost(app: Gateway, device: str, calls: Calls) -> None:
    calls.clear()
    app.put(f"{DEVICES}/{device}", {"name": "x"})
    assert calls.made == ["dynamodb.GetItem", "dynamodb.TransactWriteItems"]
    calls.clear()
    app.delete(f"{DEVICES}/{device}")
    assert calls.made == ["dynamodb.BatchGetItem", "dynamodb.TransactWriteItems", "sqs.SendMessageBatch"]


@pytest.mark.parametrize("version", ["v1.1.0", "v1.3.0", "v1.4.0"])
def test_deleting_is_empty_and_final(app: Gateway, device: str, version: str) -> None:
    path = f"/iocm/app/dm/{version}/devices/{device}"
    reply = app.delete(path)
    assert (reply.status, reply.body) == (204, "")
    for again in (app.delete(path), app.put(path, {"name": "x"})):
        assert code(again) == (404, "100403")
    assert told(device, "device.deleted")[0]["device"] == device


def test_a_strangers_device_is_absent(app: Gateway, device: str, fleet: Fleet) -> None:
    stranger = log_in(make_fleet("other"))
    for reply in (
        stranger.delete(f"{DEVICES}/{device}"),
        stranger.put(f"{DEVICES}/{device}", {"name": "x"}),
        app.delete(f"{DEVICES}/{'f' * 32}"),
    ):
        assert code(reply) == (404, "100403")
    devices.get(fleet.caller, device)


@pytest.mark.parametrize(
    ("query", "stays"),
    [("", False), ("?cascade=true", False), ("?cascade=false", True), ("?cascade=", False)],
)
def test_children_go_with_their_gateway_unless_told_otherwise(
    app: Gateway, fleet: Fleet, query: str, stays: bool
) -> None:
    hub = make_product(fleet.tenant, NodeType.GATEWAY, model="G1")
    gateway, child = register(fleet, "g", hub.id), register(fleet, "c")
    children.attach(fleet.caller, gateway.device.device, child.device.device)
    assert app.delete(f"{DEVICES}/{gateway.device.device}{query}").status == 204
    reply = app.get(f"{DEVICES}/{child.device.device}")
    assert reply.status == (200 if stays else 404)
    if stays:
        assert reply.json["gatewayId"] == child.device.device
        mqtt = Mqtt(child.device.device, child.secret)
        mqtt.connect()


def test_cascade_is_a_boolean(app: Gateway, device: str) -> None:
    assert code(app.delete(f"{DEVICES}/{device}?cascade=maybe")) == (400, "50400")
