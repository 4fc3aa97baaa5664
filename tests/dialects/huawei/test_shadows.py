"""Huawei 1.5.8, 1.5.9, 1.6.4 and 1.8.14: desired values as apps set, read and are told them."""

from typing import Any

import pytest

from chalicelib.core import shadow_sending
from chalicelib.handlers import iot as handler
from tests.conftest import Calls
from tests.support.clock import FakeClock
from tests.support.fleet import Fleet, make_fleet
from tests.support.gateway import Gateway, Reply
from tests.support.iot import FakeIot
from tests.support.queues import WorkQueue
from tests.support.shadows import ShadowDevice, add_shadow_device
from tests.support.triggers import stream

from .conftest import log_in

SHADOW = "/iocm/app/shadow/v1.5.0/devices"
HISTORY = "/iocm/app/shadow/v1.5.0/deviceDesiredHistory"
KIND = "deviceDesiredPropertiesModifyStatusChanged"
ABSENT = "0" * 32
TIME = "20231114T221320Z"  # what the clock shows


@pytest.fixture
def device(fleet: Fleet, iot: FakeIot) -> ShadowDevice:
    return add_shadow_device(fleet, iot)


def body(service: str = "Meter", **desired: Any) -> dict[str, Any]:
    return {"serviceDesireds": [{"serviceId": service, "desired": desired}]}


def code(reply: Reply) -> tuple[int, str]:
    return reply.status, reply.json["error_code"]


class TestSetting:
    """1.5.8"""

    def test_answers_200_without_a_body(self, app: Gateway, device: ShadowDevice) -> None:
        reply = app.put(f"{SHADOW}/{device.id}", body(level=35))
        assert (reply.status, reply.body) == (200, "")
        assert device.shadow().desired == {"level": 35}

    def test_as_the_example_spells_the_path(self, app: Gateway, device: ShadowDevice) -> None:
        assert app.put(f"{SHADOW}/devices/{device.id}", body(level=35)).status == 200
        assert app.get(f"{SHADOW}/devices/{device.id}").json["deviceId"] == device.id

    def test_for_the_application_itself_by_app_id(
        self, app: Gateway, device: ShadowDevice, fleet: Fleet
    ) -> None:
        assert app.put(f"{SHADOW}/{device.id}?appId={fleet.application}", body(level=35)).status == 200
        assert code(app.put(f"{SHADOW}/{device.id}?appId=other", body(level=35))) == (403, "100203")
        stranger = make_fleet("other").application
        assert code(app.put(f"{SHADOW}/{device.id}?appId={stranger}", body(level=35)))[0] == 403

    def test_of_several_services(self, app: Gateway, device: ShadowDevice) -> None:
        both = [*body(level=35)["serviceDesireds"], *body("Light", on=True)["serviceDesireds"]]
        assert app.put(f"{SHADOW}/{device.id}", {"serviceDesireds": both}).status == 200
        assert device.shadow("Light").desired == {"on": True}

    def test_calls(self, app: Gateway, device: ShadowDevice, calls: Calls) -> None:
        app.put(f"{SHADOW}/{device.id}", body(level=35))
        calls.clear()
        app.put(f"{SHADOW}/{device.id}", body(level=36))
        assert len(calls.made) == 2, calls.made
        calls.clear()
        app.get(f"{SHADOW}/{device.id}")
        assert len(calls.made) == 1, calls.made

    @pytest.mark.parametrize(
        ("given", "error"),
        [
            (body(flow=1), (403, "100443")),
            (body("Nope", level=1), (200, "100431")),
            (body(nope=1), (400, "107002")),
            (body(level=101), (400, "50400")),
            (body(level="high"), (400, "50400")),
            (body(), (400, "50400")),
            (body("", level=1), (400, "50400")),
            (body("x" * 257, level=1), (400, "50400")),
            ({"serviceDesireds": []}, (400, "50400")),
            ({"serviceDesireds": None}, (400, "50400")),
            ({"serviceDesireds": [{"serviceId": "Meter"}]}, (400, "50400")),
            ({"serviceDesireds": [{"serviceId": "Meter", "desired": "35"}]}, (400, "50400")),
            ({}, (400, "50400")),
            ("{", (400, "50400")),
        ],
    )
    def test_errors(self, app: Gateway, device: ShadowDevice, given: Any, error: tuple[int, str]) -> None:
        assert code(app.put(f"{SHADOW}/{device.id}", given)) == error
        assert device.states == []

    def test_a_product_that_is_gone(self, app: Gateway, device: ShadowDevice) -> None:
        from chalicelib.core import products
        from chalicelib.store.devices import DEVICE, DeviceRecord

        DeviceRecord(device.id, DEVICE).update([DeviceRecord.product.set(ABSENT)])
        products.forget()
        assert code(app.put(f"{SHADOW}/{device.id}", body(level=1))) == (200, "100425")

    def test_of_no_device_of_ones_own(self, app: Gateway, device: ShadowDevice) -> None:
        assert code(app.put(f"{SHADOW}/{ABSENT}", body(level=1))) == (404, "100403")
        stranger = log_in(make_fleet("other"))
        assert code(stranger.put(f"{SHADOW}/{device.id}", body(level=1))) == (404, "100403")

    def test_without_a_login(self, device: ShadowDevice) -> None:
        headers = {"app_key": "x", "Authorization": "Bearer nonsense"}
        assert code(Gateway(headers).put(f"{SHADOW}/{device.id}", body(level=1))) == (403, "1010005")


class TestReading:
    """1.5.9"""

    def test_says_what_is_reported_and_desired(
        self, app: Gateway, device: ShadowDevice, clock: FakeClock
    ) -> None:
        device.report(level=20, flow=1.5)
        clock.advance(60)
        app.put(f"{SHADOW}/{device.id}", body(level=35))
        app.put(f"{SHADOW}/{device.id}", body("Light", on=True))
        reply = app.get(f"{SHADOW}/{device.id}")
        assert reply.status == 200
        read = reply.json
        assert list(read) == [
            "deviceId",
            "gatewayId",
            "nodeType",
            "createTime",
            "lastModifiedTime",
            "deviceInfo",
            "services",
        ]
        assert (read["deviceId"], read["gatewayId"], read["nodeType"]) == (device.id, device.id, "ENDPOINT")
        assert read["createTime"] == TIME
        assert read["deviceInfo"]["nodeId"] == "device-1"
        light, meter = read["services"]
        assert meter == {
            "serviceId": "Meter",
            "reportedProps": {"level": 20, "flow": 1.5},
            "desiredProps": {"level": 35},
            "eventTime": TIME,
            "serviceType": "Meter",
        }
        assert light == {
            "serviceId": "Light",
            "reportedProps": {},
            "desiredProps": {"on": True},
            "eventTime": "20231114T221420Z",
            "serviceType": "Lamp",
        }

    def test_of_a_device_without_any(self, app: Gateway, device: ShadowDevice) -> None:
        assert app.get(f"{SHADOW}/{device.id}").json["services"] == []

    def test_errors(self, app: Gateway, device: ShadowDevice) -> None:
        assert code(app.get(f"{SHADOW}/{ABSENT}")) == (404, "100403")
        assert code(log_in(make_fleet("other")).get(f"{SHADOW}/{device.id}")) == (404, "100403")
        assert code(app.get(f"{SHADOW}/{device.id}?appId=other")) == (403, "100203")

    def test_desired_values_are_no_data_of_the_device(self, app: Gateway, device: ShadowDevice) -> None:
        app.put(f"{SHADOW}/{device.id}", body(level=35))
        assert app.get(f"/iocm/app/dm/v1.4.0/devices/{device.id}").json["services"] == []


class TestHistory:
    """1.6.4"""

    def test_newest_first(self, app: Gateway, device: ShadowDevice, fleet: Fleet, clock: FakeClock) -> None:
        app.put(f"{SHADOW}/{device.id}", body(level=35))
        clock.advance(60)
        app.put(f"{SHADOW}/{device.id}", body("Light", on=True))
        reply = app.get(f"{HISTORY}?deviceId={device.id}&gatewayId={device.id}")
        assert reply.status == 200
        ids = {"deviceId": device.id, "gatewayId": device.id, "appId": fleet.application}
        assert reply.json == {
            "totalCount": 2,
            "pageNo": 0,
            "pageSize": 25,
            "DeviceDesiredHistoryDTO": [
                {"serviceId": "Light", **ids, "desired": {"on": True}, "timestamp": "20231114T221420Z"},
                {"serviceId": "Meter", **ids, "desired": {"level": 35}, "timestamp": TIME},
            ],
        }

    def test_filters_and_pages(self, app: Gateway, device: ShadowDevice, clock: FakeClock) -> None:
        for number in range(5):
            app.put(f"{SHADOW}/{device.id}", body(level=number))
            app.put(f"{SHADOW}/{device.id}", body("Light", on=True))
            app.put(f"{SHADOW}/{device.id}", body(period=60 + number))
            clock.advance(1)

        def levels(query: str) -> list[Any]:
            read = app.get(f"{HISTORY}?deviceId={device.id}&{query}").json
            return [each["desired"].get("level") for each in read["DeviceDesiredHistoryDTO"]]

        assert levels("property=level") == [4, 3, 2, 1, 0]
        assert levels("serviceId=Meter&property=on") == []
        assert len(levels("serviceId=Light")) == 5
        assert levels("property=level&startTime=20231114T221321Z&endTime=20231114T221323Z") == [3, 2, 1]
        assert levels("property=level&pageNo=1&pageSize=2") == [2, 1]
        assert len(levels("pageSize=250")) == 15

    def test_a_gateway_alone_means_itself(self, app: Gateway, device: ShadowDevice) -> None:
        app.put(f"{SHADOW}/{device.id}", body(level=35))
        assert app.get(f"{HISTORY}?gatewayId={device.id}").json["totalCount"] == 1

    @pytest.mark.parametrize(
        ("query", "error"),
        [
            ("", (400, "100419")),
            (f"deviceId={ABSENT}&gatewayId={ABSENT}", (200, "100418")),
            ("deviceId={device}&gatewayId=" + ABSENT, (200, "100418")),
            ("deviceId={device}&pageSize=251", (400, "100216")),
            ("deviceId={device}&pageSize=0", (400, "100216")),
            ("deviceId={device}&pageNo=-1", (400, "100216")),
            ("deviceId={device}&startTime=yesterday", (400, "100216")),
            ("deviceId={device}&startTime=20231115T000000Z&endTime=20231114T000000Z", (400, "100216")),
            ("deviceId={device}&appId=other", (403, "100203")),
        ],
    )
    def test_errors(self, app: Gateway, device: ShadowDevice, query: str, error: tuple[int, str]) -> None:
        assert code(app.get(f"{HISTORY}?{query.format(device=device.id)}")) == error


class TestTelling:
    """1.8.14"""

    def pushes(self) -> list[Any]:
        from chalicelib.core import events
        from chalicelib.dialects.huawei import notify
        from chalicelib.store.outbox import EventRecord

        happened = [
            events.read(EventRecord.from_raw_data(each["dynamodb"]["NewImage"]))
            for each in stream()["Records"]
        ]
        told = [push for event in happened for push in notify.render(event)]
        return [push.body for push in told if push.notify_type == KIND]

    def test_delivered(self, app: Gateway, device: ShadowDevice, work: WorkQueue) -> None:
        app.put(f"{SHADOW}/{device.id}", body(level=35))
        device.connect()
        work.run()
        assert self.pushes() == []
        device.report(level=35)
        [push] = self.pushes()
        assert push == (
            b'{"notifyType":"%s","deviceId":"%s","serviceId":"Meter","properties":{"level":35},'
            b'"status":"DELIVERED"}' % (KIND.encode(), device.id.encode())
        )

    def test_failed(self, app: Gateway, device: ShadowDevice, work: WorkQueue, clock: FakeClock) -> None:
        device.connect()
        app.put(f"{SHADOW}/{device.id}", body(level=35))
        work.run()
        clock.advance(180)
        shadow_sending.sweep()
        work.run()
        [push] = self.pushes()
        assert push.endswith(b'"properties":{"level":35},"status":"FAILED"}')

    def test_one_for_each_service(self, app: Gateway, device: ShadowDevice) -> None:
        app.put(f"{SHADOW}/{device.id}", body(level=35))
        app.put(f"{SHADOW}/{device.id}", body("Light", on=True))
        device.report("Light", on=True)
        device.report(level=35)
        light, meter = self.pushes()
        assert b'"serviceId":"Light"' in light
        assert b'"serviceId":"Meter"' in meter

    def test_nothing_of_what_a_newer_value_replaced(self, app: Gateway, device: ShadowDevice) -> None:
        for level in (34, 35):
            app.put(f"{SHADOW}/{device.id}", body(level=level))
        device.report(level=34)
        device.report(level=35)
        [push] = self.pushes()
        assert b'"level":35' in push


def test_a_device_over_mqtt_takes_a_value_and_reports_it(
    app: Gateway, device: ShadowDevice, work: WorkQueue
) -> None:
    """From the message to the topic rule's event of the device's report."""
    import base64
    import json

    from chalicelib.core import clock
    from chalicelib.store.devices import SessionRecord

    device.connect()
    app.put(f"{SHADOW}/{device.id}", body(level=35))
    work.run()
    [message] = device.iot.arrived
    SessionRecord(
        device.client,
        device=device.id,
        tenant=device.fleet.tenant if device.fleet else "",
        dialect="huawei",
        topic_id=device.id,
        since=clock.now(),
        ttl=clock.now(),
    ).save()
    data = [{"serviceId": message.json["serviceId"], "serviceData": message.json["desired"]}]
    said = json.dumps({"msgType": "deviceReq", "data": data}).encode()
    handler.ingest(
        {
            "payload": base64.b64encode(said).decode(),
            "topic": f"/huawei/v1/devices/{device.id}/data/json",
            "client": device.client,
            "at": clock.now(),
            "id": "m-1",
        }
    )
    assert device.told == [("Meter", {"level": 35}, "DELIVERED")]
