"""Huawei 2.2 to 2.5: devices over MQTT, from the authorizer to what an app can read."""

import base64
import json
from typing import Any

import pytest

from chalicelib.core import children, devices, products, registration, removal
from chalicelib.core.products import NodeType, Product
from chalicelib.core.things import DataType, Property, Service, ThingModel
from chalicelib.store.devices import DEVICE, LINK, DeviceRecord, LinkRecord, ShadowRecord
from chalicelib.store.outbox import EventRecord
from tests.conftest import Calls
from tests.support.clock import FakeClock
from tests.support.fleet import Fleet, make_product
from tests.support.gateway import Gateway
from tests.support.mqtt import Mqtt, publish

READ, WRITE = "dynamodb.BatchGetItem", "dynamodb.TransactWriteItems"
LAYOUT = {
    "reports": [{"id": 0, "service": "Meter", "fields": [{"name": "level", "type": "uint8"}]}],
    "responses": [{"id": 2, "mid": True, "errcode": True, "fields": [{"name": "result", "type": "uint8"}]}],
}


def register(fleet: Fleet, node_id: str = "meter-1", product: Product | None = None) -> Mqtt:
    new = registration.NewDevice(node_id, registration.BY_SECRET, product=(product or fleet.product).id)
    made = registration.register(fleet.caller, new)
    return Mqtt(made.device.device, made.secret)


@pytest.fixture
def meter(fleet: Fleet) -> Mqtt:
    mqtt = register(fleet)
    mqtt.connect()
    return mqtt


def shadow(device: str, service: str = "Meter") -> Any:
    record = ShadowRecord.find(device, f"S#{service}")
    return json.loads(record.reported) if record else None


def metrics(capsys: pytest.CaptureFixture[str]) -> list[tuple[str, str]]:
    """Name and reason of what was counted since the last look, beside the messages themselves."""
    found = []
    for line in capsys.readouterr().out.splitlines():
        if line.startswith("{") and "_aws" in line:
            read = json.loads(line)
            name = read["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Name"]
            if name == "Requests":  # of every message
                continue
            found.append((name, read.get("reason", "")))
    return found


def test_the_documented_report_reaches_the_app(meter: Mqtt, app: Gateway) -> None:
    meter.publish(
        {
            "msgType": "deviceReq",
            "data": [
                {
                    "serviceId": "Meter",
                    "serviceData": {"level": 7, "flow": "565656"},
                    "eventTime": "20160503T121540Z",
                },
                {"serviceId": "Meter", "serviceData": {"flow": 1.50}, "eventTime": "20160503T121541Z"},
            ],
        }
    )
    body = app.get(f"/iocm/app/dm/v1.4.0/devices/{meter.name}").json
    assert body["deviceInfo"]["status"] == "ONLINE"
    service = body["services"][0]
    assert (service["serviceId"], service["data"]) == ("Meter", {"level": 7, "flow": 1.5})
    assert service["eventTime"] == "20160503T121541Z"


@pytest.mark.parametrize(
    "time", [None, "", "2016", 5, "20160503121540", "20161319T114920Z", "99991231T235959Z", {}, True]
)
def test_a_bad_event_time_means_platform_time(meter: Mqtt, clock: FakeClock, time: Any) -> None:
    clock.advance(10)
    meter.report("Meter", {"level": 7}, time, at=clock.at - 3)
    assert ShadowRecord.get(meter.name, "S#Meter").at == clock.at - 3


def test_what_a_report_costs(meter: Mqtt, calls: Calls, clock: FakeClock) -> None:
    meter.report("Meter", {"level": 1})
    clock.advance(6)
    calls.clear()
    meter.report("Meter", {"level": 2})
    assert calls.made == ["dynamodb.GetItem", READ, WRITE]
    calls.clear()
    meter.report("Meter", {"level": 3})
    assert calls.made == [READ, WRITE]


BAD: list[tuple[Any, str]] = [
    (b"", "no valid message"),
    (b"\xff\xfe", "no valid message"),
    (b"not json", "no valid message"),
    (b"[1]", "no valid message"),
    (
        b'{"msgType":"deviceReq","data":[{"serviceId":"Meter","serviceData":{"level":NaN}}]}',
        "no valid message",
    ),
    (
        b'{"msgType":"deviceReq","data":[{"serviceId":"Meter","serviceData":{"level":1e999}}]}',
        "no valid message",
    ),
    ({"data": []}, "no valid message"),
    ({"msgType": "cloudReq", "data": []}, "no valid message"),
    ({"msgType": "deviceReq"}, "no valid message"),
    ({"msgType": "deviceReq", "data": {}}, "no valid message"),
    ({"msgType": "deviceReq", "data": [{"serviceId": "Meter"}]}, "no valid message"),
    ({"msgType": "deviceReq", "data": [{"serviceId": 5, "serviceData": {}}]}, "no valid message"),
    ({"msgType": "deviceReq", "data": [{"serviceId": "Meter", "serviceData": [1]}]}, "no valid message"),
    ({"msgType": "deviceRsp", "mid": 0, "errcode": 0}, "no valid message"),
    ({"msgType": "deviceRsp", "mid": 65536, "errcode": 0}, "no valid message"),
    ({"msgType": "deviceRsp", "mid": "1", "errcode": 0}, "no valid message"),
    (b'{"msgType":"deviceReq","data":' + b"[" * 5000 + b"]" * 5000 + b"}", "nested too deep"),
    (b'{"msgType":"deviceReq","data":[]' + b" " * 128 * 1024 + b"}", "too large"),
]


@pytest.mark.parametrize(("payload", "reason"), BAD)
def test_what_cannot_be_read_is_counted_and_dropped(
    meter: Mqtt, payload: Any, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    meter.publish(payload)
    assert metrics(capsys) == [("DeviceMessageRefused", reason)]
    assert shadow(meter.name) is None


def test_an_unknown_service_and_wrong_values_are_counted(
    meter: Mqtt, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    meter.report("Nothing", {"level": 1})
    assert metrics(capsys) == [("UnknownServiceDropped", "unknown service")]
    meter.report("Meter", {"level": 101, "flow": 10**40, "x": {"y": [1]}})
    assert metrics(capsys) == [("ValueRefused", "not as the thing model says")]
    meter.report("Meter", {"level": 3, "x": 1})
    assert shadow(meter.name) == {"level": 3}


def test_an_answer_nobody_waits_for_changes_nothing(meter: Mqtt) -> None:
    meter.publish({"msgType": "deviceRsp", "mid": 7, "errcode": 0, "body": {"result": 0}})


def test_a_stranger_to_the_broker_is_counted(aws: None, capsys: pytest.CaptureFixture[str]) -> None:
    publish("unknown", "/huawei/v1/devices/x/data/json", {"msgType": "deviceReq", "data": []})
    assert metrics(capsys) == [("DeviceMessageRefused", "no session")]


def test_a_device_known_by_its_node_id_writes_that_into_topics(fleet: Fleet) -> None:
    made = register(fleet)
    mqtt = Mqtt("meter-1", made.secret, kind=2)
    mqtt.connect()
    mqtt.report("Meter", {"level": 4})
    assert shadow(made.name) == {"level": 4}


def test_the_topic_does_not_say_who_the_device_is(
    fleet: Fleet, meter: Mqtt, capsys: pytest.CaptureFixture[str]
) -> None:
    other = register(fleet, "meter-2")
    capsys.readouterr()
    for codec in ("json", "binary"):
        meter.report("Meter", {"level": 4}, topic_id=other.name, codec=codec)
    assert metrics(capsys) == [("DeviceMessageRefused", "not the device's own")] * 2
    assert shadow(other.name) is None
    meter.report("Meter", {"level": 4}, codec="cbor")
    assert metrics(capsys) == [("DeviceMessageRefused", "unknown codec")]


def test_a_gateway_reports_for_its_present_children_only(
    fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    hub = make_product(fleet.tenant, NodeType.GATEWAY, model="G1")
    gateway, child = register(fleet, "gateway", hub), register(fleet, "child")
    gateway.connect()
    capsys.readouterr()
    gateway.report("Meter", {"level": 1}, topic_id=child.name)
    assert len(metrics(capsys)) == 1
    children.attach(fleet.caller, gateway.name, child.name)
    gateway.report("Meter", {"level": 2}, topic_id=child.name)
    assert shadow(child.name) == {"level": 2}
    record = DeviceRecord.get(child.name, DEVICE)
    assert (record.status, record.activated) == ("ONLINE", True)
    gateway.publish({"msgType": "deviceRsp", "mid": 7, "errcode": 0}, topic_id=child.name)
    assert metrics(capsys) == []
    children.detach(fleet.caller, child.name)
    gateway.report("Meter", {"level": 3}, topic_id=child.name)
    gateway.publish({"msgType": "deviceRsp", "mid": 7, "errcode": 0}, topic_id=child.name)
    assert [reason for _, reason in metrics(capsys)] == ["not the device's own"] * 2
    assert shadow(child.name) == {"level": 2}


def test_a_device_registered_anew_under_its_old_client_id_is_heard_at_once(fleet: Fleet) -> None:
    old = Mqtt("meter-1", register(fleet).secret, kind=2)
    old.connect()
    old.report("Meter", {"level": 1})
    removal.delete(fleet.caller, registration_of("meter-1"))
    made = register(fleet)
    anew = Mqtt("meter-1", made.secret, kind=2)
    assert anew.authorize()["isAuthenticated"]
    anew.report("Meter", {"level": 2})
    assert shadow(made.name) == {"level": 2}


def registration_of(node_id: str) -> str:
    return next(str(each.device) for each in DeviceRecord.scan() if getattr(each, "node_id", "") == node_id)


@pytest.fixture
def binary(fleet: Fleet) -> Product:
    model = ThingModel(
        (Service("Meter", properties=(Property(name="level", data_type=DataType.INT, min="0", max="100"),)),)
    )
    return products.create(fleet.tenant, "Binary", model, layout=json.dumps(LAYOUT))


def test_binary_payloads_are_read_by_the_products_layout(
    fleet: Fleet, binary: Product, calls: Calls, capsys: pytest.CaptureFixture[str]
) -> None:
    mqtt = register(fleet, "b", binary)
    mqtt.connect()
    mqtt.publish(bytes([0, 42]), codec="binary")
    assert shadow(mqtt.name) == {"level": 42}
    assert LinkRecord.get(mqtt.name, LINK).codec == "binary"
    calls.clear()
    mqtt.publish(bytes([0, 43]), codec="binary")
    assert calls.made == [READ, WRITE]
    mqtt.publish(bytes([2, 0, 7, 0, 1]), codec="binary")
    capsys.readouterr()
    for wrong in (b"", bytes([0]), bytes([0, 1, 2]), bytes([9, 1])):
        mqtt.publish(wrong, codec="binary")
    assert metrics(capsys) == [("DeviceMessageRefused", "payload does not fit the layout")] * 4
    mqtt.publish(bytes([2, 0, 0, 0, 1]), codec="binary")
    assert metrics(capsys) == [("DeviceMessageRefused", "answer without mid")]
    mqtt.publish(bytes([0, 200]), codec="binary")
    assert shadow(mqtt.name) == {"level": 43}


def test_binary_payloads_without_a_layout_are_kept_as_they_are(fleet: Fleet, meter: Mqtt) -> None:
    meter.publish(b"\x00\xff\x10", codec="binary")
    assert shadow(meter.name, "RawData") == {"rawData": base64.b64encode(b"\x00\xff\x10").decode()}
    told = [json.loads(event.data) for event in EventRecord.query(meter.name) if "reported" in event.type]
    assert told[0]["services"][0]["service"] == "RawData"
    meter.report("RawData", {"rawData": "x"})
    assert shadow(meter.name, "RawData")["rawData"] != "x"


def test_activation_is_seen_by_the_app(fleet: Fleet, app: Gateway) -> None:
    mqtt = register(fleet)
    path = f"/iocm/app/reg/v1.1.0/deviceCredentials/{mqtt.name}"
    assert app.get(path).json["activated"] is False
    mqtt.connect()
    assert app.get(path).json["activated"] is True
    assert devices.get(fleet.caller, mqtt.name).status.value == "ONLINE"
