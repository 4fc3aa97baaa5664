"""The things of a project, for its cloud. Source: Feiyan 7.3"""

from dataclasses import dataclass
from typing import Any

import pytest

from chalicelib.core import children, registration
from chalicelib.core.products import NodeType
from chalicelib.core.registration import NewDevice
from tests.conftest import Calls
from tests.support.alink import Alink
from tests.support.clock import FakeClock
from tests.support.feiyan import Program, cloud_of
from tests.support.fleet import Fleet, make_application, make_fleet, make_product
from tests.support.iot import FakeIot
from tests.support.queues import WorkQueue
from tests.support.things import add_lamp, alink_lamp

POST = "thing/event/property/post"
ERROR = "thing/event/Error/post"
SPAN = {"start": 0, "end": 2_000_000_000_000, "pageSize": 10, "ordered": True}
CLOUD: dict[str, tuple[str, str, dict[str, Any]]] = {
    "properties": ("/cloud/thing/properties/get", "1.0.2", {}),
    "tsl": ("/cloud/thing/tsl/get", "1.0.2", {}),
    "invoke": ("/cloud/thing/service/invoke", "1.0.3", {"identifier": "Toggle", "args": {}}),
    "set": ("/cloud/thing/properties/set", "1.0.2", {"items": {"power": 1}}),
    "status": ("/cloud/thing/status/get", "1.0.2", {}),
    "info": ("/cloud/thing/info/get", "1.0.2", {}),
    "events": (
        "/cloud/thing/event/timeline/get",
        "1.0.2",
        {"identifier": "Error", "eventType": "error", **SPAN},
    ),
    "values": ("/cloud/thing/property/timeline/get", "1.0.2", {"identifier": "power", **SPAN}),
    "children": ("/living/cloud/device/subdevice/query", "1.0.0", {}),
    "region": ("/living/cloud/device/region/get", "1.0.1", {}),
    "notify": (
        "/living/cloud/device/customizedmessage/notify",
        "1.0.0",
        {"messageContent": {"title": "hello"}},
    ),
}


@dataclass
class Site:
    fleet: Fleet
    cloud: Program
    lamp: Alink
    clock: FakeClock
    work: WorkQueue

    def ask(self, what: str, **more: Any) -> Any:
        path, version, params = CLOUD[what]
        return self.cloud.ok(path, version, {"iotId": self.lamp.device, **params, **more})

    def code(self, what: str, **more: Any) -> int:
        path, version, params = CLOUD[what]
        given = {"iotId": self.lamp.device, **params, **more}
        return self.cloud.code(path, version, {k: v for k, v in given.items() if v is not None})


@pytest.fixture
def site(fleet: Fleet, cloud: Program, iot: FakeIot, clock: FakeClock) -> Site:
    made = Site(fleet, cloud, alink_lamp(fleet, iot), clock, WorkQueue(clock))
    made.lamp.connect()
    made.ask("tsl")  # the process has served it before
    return made


def test_properties(site: Site, calls: Calls) -> None:
    assert site.ask("properties") == []
    site.lamp.say(POST, {"power": True, "watts": 3.5})
    calls.clear()
    data = site.ask("properties")
    assert calls.made == ["dynamodb.Query"]
    batch = data[0]["batchId"]
    assert data == [
        {
            "attribute": name,
            "batchId": batch,
            "gmtModified": site.clock.at,
            "iotId": site.lamp.device,
            "value": value,
        }
        for name, value in (("power", 1), ("watts", 3.5))
    ]
    assert isinstance(batch, str)
    (reading,) = site.ask("values")["items"]
    assert reading["batchId"] == batch


def test_by_product_and_name(site: Site, calls: Calls) -> None:
    named = {"iotId": None, "productKey": site.lamp.product, "deviceName": site.lamp.name}
    site.lamp.say(POST, {"power": 1})
    for what, (path, version, params) in CLOUD.items():
        if what == "children":
            continue
        data = site.cloud.ok(path, version, {**params, **named})
        assert what not in ("info",) or data["iotId"] == site.lamp.device
        for wrong, code in (
            ({"iotId": None, "deviceName": "lamp-1"}, 20050),
            ({"iotId": None, "productKey": site.lamp.product}, 20050),
            ({}, 20050),
            ({**named, "deviceName": "nobody"}, 2063),
            ({**named, "productKey": "a" * 10}, 2063),
        ):
            assert site.cloud.code(path, version, {**params, **wrong}) == code
    calls.clear()
    site.cloud.ok(*CLOUD["properties"][:2], named)
    assert calls.made == ["dynamodb.GetItem", "dynamodb.Query"]
    both = {**named, "iotId": site.lamp.device, "deviceName": "nobody"}
    assert site.cloud.ok(*CLOUD["info"][:2], both)["name"] == "lamp-1"  # the id counts


def test_the_info(site: Site, calls: Calls) -> None:
    calls.clear()
    data = site.ask("info")
    assert calls.made == ["dynamodb.BatchGetItem"]
    at = site.clock.at
    assert data == {
        "gmtModified": at,
        "activeTime": at,
        "gmtCreate": at,
        "productKey": site.lamp.product,
        "statusLast": None,
        "mac": None,
        "deviceSecret": site.lamp.secret,
        "iotId": site.lamp.device,
        "name": "lamp-1",
        "nickname": None,
        "sdkVersion": None,
        "sn": None,
        "thingType": "DEVICE",
        "firmwareVersion": None,
        "rbacTenantId": site.fleet.tenant,
        "status": 1,
        "netAddress": data["netAddress"],
        "region": "us-east-1",
        "deviceKey": "lamp-1",
        "ownerDomain": site.lamp.product,
        "tenantId": None,
    }


def test_the_rest_of_one_thing(site: Site, calls: Calls) -> None:
    assert site.ask("status") == {"status": 1, "time": site.clock.at}
    assert site.ask("tsl")["link"] == f"/sys/{site.lamp.product}/lamp-1/thing/"
    assert site.ask("region") == "us-east-1"
    calls.clear()
    assert site.ask("set", items={"power": 0}) is None
    assert calls.made == ["dynamodb.Query", "dynamodb.TransactWriteItems", "sqs.SendMessageBatch"]
    site.work.run()
    [sent] = site.lamp.got(f"{site.lamp.own}/thing/service/property/set")
    assert sent["params"] == {"power": 0}


def test_services(site: Site) -> None:
    assert site.ask("invoke")["data"] is None

    def answer() -> None:
        site.clock.meanwhile = None
        [sent] = site.lamp.got(f"{site.lamp.own}/thing/service/Measure")
        site.lamp.say("thing/service/Measure_reply", None, sent["id"], code=200, data={"watts": 1.5})

    site.clock.meanwhile = answer
    assert site.ask("invoke", identifier="Measure", args={"times": 1})["data"] == {"watts": 1.5}
    began = site.clock.at
    assert site.code("invoke", identifier="Measure", args={"times": 1}) == 503
    assert site.clock.at - began == 13_000
    assert site.code("invoke", identifier="Nothing") == 460


def test_a_message_of_the_makers(site: Site, calls: Calls) -> None:
    calls.clear()
    data = site.ask("notify")
    assert calls.made == ["dynamodb.BatchGetItem", "dynamodb.TransactWriteItems", "sqs.SendMessageBatch"]
    assert data == {"messageId": data["messageId"], "data": {"timestamp": str(site.clock.at)}}
    assert data["messageId"].startswith(site.lamp.device)
    site.work.run()
    [told] = site.lamp.got(f"{site.lamp.own}/_thing/event/notify")
    assert told["params"] == {"identifier": "CustomizedMessage", "value": {"title": "hello"}}
    site.lamp.raw(f"{site.lamp.own}/_thing/event/notify_reply", {"id": told["id"], "code": 200, "data": {}})
    assert site.code("notify", messageContent=["hello"]) == 460
    assert site.code("notify", messageContent='{"title": "hello"}') == 20004
    assert site.code("notify", messageContent=None) == 20050


def test_timelines(site: Site) -> None:
    at = site.clock.at
    for number in (1, 2, 3):
        site.lamp.say(POST, {"brightness": {"value": number, "time": at - 10 + number}})
        site.lamp.say(ERROR, {"value": {"errorCode": number}, "time": at - 10 + number})
    first = site.ask("values", identifier="brightness", pageSize=2)
    assert [each["data"] for each in first["items"]] == [1, 2]
    assert first["timestamp"] == at - 7
    back = site.ask("values", identifier="brightness", ordered=False)
    assert [each["data"] for each in back["items"]] == [3, 2, 1]
    told = site.ask("events", ordered="false", pageSize=2)
    assert [each["eventBody"]["errorCode"] for each in told["items"]] == [3, 2]
    assert told["timestamp"] == at - 9
    assert site.code("values", pageSize=0) == 460
    assert site.code("values", ordered="perhaps") == 460


@pytest.mark.parametrize("what", CLOUD)
def test_things_of_others_are_absent(site: Site, what: str) -> None:
    other = make_fleet("other", manufacturer_id="other")
    same = Fleet(site.fleet.tenant, make_application(site.fleet), "", site.fleet.product)
    path, version, params = CLOUD[what]
    for stranger in (cloud_of(other), cloud_of(same)):
        for asked in (
            {"iotId": site.lamp.device},
            {"iotId": "0" * 32},
            {"productKey": site.lamp.product, "deviceName": "lamp-1"},
        ):
            reply = stranger.call(path, version, {**params, **asked}).json
            assert (reply["code"], reply["message"]) == (2063, "iotId not exist")


@pytest.mark.parametrize("what", CLOUD)
def test_a_cloud_token_is_needed(site: Site, what: str) -> None:
    path, version, params = CLOUD[what]
    site.cloud.cloud_token = None
    assert site.cloud.code(path, version, {"iotId": site.lamp.device, **params}) == 20017


class TestLists:
    PATH = ("/cloud/things/get", "1.0.2")

    def test_things_of_a_product_by_state(self, site: Site, iot: FakeIot) -> None:
        lamp = add_lamp(site.fleet, iot, "idle-0")
        assert lamp.product is not None
        for number in range(1, 5):
            site.clock.advance(1)
            add_lamp(site.fleet, iot, f"idle-{number}", lamp.product)
        live = alink_lamp(site.fleet, iot, "live", lamp.product)
        live.connect()
        gone = alink_lamp(site.fleet, iot, "gone", lamp.product)
        gone.connect()
        gone.disconnect()
        site.work.waiting()
        site.clock.advance(60)
        site.work.run()
        short = str(lamp.product.short_id)

        def page(status: int, number: int = 1, size: int = 2) -> tuple[int, list[str]]:
            asked = {"productKey": short, "status": status, "currentPage": number, "pageSize": size}
            data = site.cloud.ok(*self.PATH, asked)
            assert all(each["status"] == status for each in data["items"])
            return data["totalNum"], [each["name"] for each in data["items"]]

        assert page(0) == (5, ["idle-0", "idle-1"])
        assert page(0, 3) == (5, ["idle-4"])
        assert page(0, 9) == (5, [])
        assert page(1) == (1, ["live"])
        assert page(3) == (1, ["gone"])
        assert page(8) == (0, [])

    @pytest.mark.parametrize(
        ("wrong", "code"),
        [
            ({"pageSize": 201}, 460),
            ({"pageSize": 0}, 460),
            ({"currentPage": 0}, 460),
            ({"status": 2}, 460),
            ({"status": None}, 20050),
            ({"productKey": "a" * 10}, 5005),
        ],
    )
    def test_wrong_questions(self, site: Site, wrong: dict[str, Any], code: int) -> None:
        asked = {"productKey": site.lamp.product, "status": 1, "currentPage": 1, "pageSize": 20, **wrong}
        asked = {name: value for name, value in asked.items() if value is not None}
        assert site.cloud.code(*self.PATH, asked) == code

    def test_another_tenants_product(self, site: Site) -> None:
        asked = {"productKey": site.lamp.product, "status": 1, "currentPage": 1, "pageSize": 20}
        assert cloud_of(make_fleet("other", manufacturer_id="o")).code(*self.PATH, asked) == 5005

    def test_what_is_behind_a_gateway(self, site: Site, iot: FakeIot, calls: Calls) -> None:
        kind = make_product(site.fleet.tenant, NodeType.GATEWAY, model="G1")
        new = NewDevice("gateway", registration.BY_SECRET, product=kind.id)
        gateway = registration.register(site.fleet.caller, new).device.device
        lamp = add_lamp(site.fleet, iot, "below-0")
        below = [lamp]
        for number in (1, 2):
            site.clock.advance(1)
            below.append(add_lamp(site.fleet, iot, f"below-{number}", lamp.product))
        for each in below:
            children.attach(site.fleet.caller, gateway, each.id)
        site.ask("children", iotId=gateway)
        calls.clear()
        data = site.ask("children", iotId=gateway, pageSize=2)
        assert len(calls.made) == 3
        assert (data["total"], data["pageNo"], data["pageSize"]) == (3, 1, 2)
        assert lamp.product is not None
        assert data["items"][0] == {
            "iotId": lamp.id,
            "deviceName": "below-0",
            "productKey": lamp.product.short_id,
            "thingType": "DEVICE",
            "firmwareVersion": None,
            "status": 0,
            "nodeType": "DEVICE",
            "region": "us-east-1",
            "rbacTenantId": site.fleet.tenant,
            "gmtCreate": site.clock.at - 2000,
            "gmtModified": site.clock.at,
            "sdkVersion": None,
        }
        rest = site.ask("children", iotId=gateway, pageSize=2, pageNo=2)
        assert [each["deviceName"] for each in rest["items"]] == ["below-2"]
        assert site.ask("children", iotId=gateway, pageNo=9)["items"] == []
        assert site.ask("children") == {"total": 0, "pageNo": 1, "pageSize": 20, "items": []}
        assert site.code("children", pageSize=21) == 460
