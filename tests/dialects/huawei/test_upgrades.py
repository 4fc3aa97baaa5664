"""Huawei 1.12.4 to 1.12.8 and 1.8.15 to 1.8.18: upgrades, their pushes, and what the device says."""

import json
from typing import Any

import pytest

from chalicelib.core import groups
from chalicelib.core.callbacks import read
from chalicelib.core.packages import Type
from chalicelib.handlers import outbox
from tests.support.clock import FakeClock
from tests.support.fleet import Fleet, make_fleet, make_product
from tests.support.gateway import Gateway, Reply
from tests.support.iot import FakeIot
from tests.support.mqtt import Mqtt
from tests.support.queues import WorkQueue
from tests.support.triggers import received, stream
from tests.support.upgrades import make_package

from .conftest import log_in

BASE = "/iodm/northbound/v1.5.0/operations"
CATEGORY = "/iodm/northbound/v1.5.0/category"
REGISTER = "/iocm/app/reg/v2.0.0/deviceCredentials"
SUBSCRIBE = "/iodm/app/sub/v1.1.0/subscribe"
NOBODY = "0" * 32
MAKE = {"deviceType": "Meter", "model": "M1", "manufacturerName": "Acme"}
KINDS = ["softwareUpgrade", "firmwareUpgrade"]


class Rig:
    """An application with a package of each type, devices of real messages, and the queue."""

    def __init__(self, app: Gateway, fleet: Fleet, iot: FakeIot, work: WorkQueue, clock: FakeClock) -> None:
        self.app, self.fleet, self.iot, self.work, self.clock = app, fleet, iot, work, clock
        self.packages = {
            "softwareUpgrade": make_package(fleet),
            "firmwareUpgrade": make_package(fleet, Type.FIRMWARE),
        }

    def device(self, node: str = "meter", *, online: bool = True) -> Mqtt:
        body = {"deviceInfo": {"nodeId": node}, "productId": self.fleet.product.id, "mqttConnect": True}
        made = self.app.post(REGISTER, body).json
        device = Mqtt(made["deviceId"], made["secret"])
        if online:
            self.connect(device)
        return device

    def connect(self, device: Mqtt) -> None:
        self.iot.connect(device.client)
        device.connect()

    def body(self, *devices: Mqtt | str, kind: str = "softwareUpgrade", **more: Any) -> dict[str, Any]:
        listed = [device if isinstance(device, str) else device.name for device in devices]
        return {"fileId": self.packages[kind].id, "targets": {"devices": listed}} | more

    def create(self, *devices: Mqtt, kind: str = "softwareUpgrade", **more: Any) -> str:
        reply = self.app.post(f"{BASE}/{kind}", self.body(*devices, kind=kind, **more))
        assert (reply.status, set(reply.json)) == (200, {"operationId"}), reply.body
        self.work.run()
        return str(reply.json["operationId"])

    def told(self, device: Mqtt) -> list[Any]:
        return [sent.json for sent in self.iot.to(device.client)]

    def say(self, device: Mqtt, **said: Any) -> None:
        told = self.told(device)[-1]
        ids = {"operationId": told["operationId"], "attempt": told["attempt"]}
        device.publish({"msgType": "deviceUpgrade", **ids, **said})

    def get(self, operation: str) -> Any:
        reply = self.app.get(f"{BASE}/{operation}")
        assert reply.status == 200, reply.body
        return reply.json

    def subs(self, operation: str, query: str = "") -> Any:
        reply = self.app.get(f"{BASE}/{operation}/subOperations{query}")
        assert reply.status == 200, reply.body
        return reply.json

    def pushes(self) -> list[Any]:
        """Bodies that the app is sent, those of a kind oldest first."""
        outbox.dispatch(stream())
        found = []
        while records := received("callbacks.fifo")["Records"]:
            found += [json.loads(bytes(read(record["body"]).body)) for record in records]
        return sorted(found, key=lambda body: str(body["notifyType"]), reverse=True)

    def time(self, minutes: float) -> str:
        from datetime import UTC, datetime

        at = self.clock.at / 1000 + minutes * 60
        return datetime.fromtimestamp(at, UTC).strftime("%Y%m%dT%H%M%SZ")


@pytest.fixture
def rig(app: Gateway, fleet: Fleet, iot: FakeIot, work: WorkQueue, clock: FakeClock) -> Rig:
    return Rig(app, fleet, iot, work, clock)


def refused(reply: Reply) -> tuple[int, str]:
    assert set(reply.json) == {"error_code", "error_desc"}
    return reply.status, reply.json["error_code"]


def subscribe(rig: Rig, monkeypatch: pytest.MonkeyPatch, *kinds: str) -> None:
    from chalicelib.core import callbacks

    monkeypatch.setattr(callbacks, "check_url", lambda url: None)  # no name is resolved here
    for kind in kinds:
        body = {"notifyType": kind, "callbackUrl": "http://203.0.113.10:9000/"}
        assert rig.app.post(SUBSCRIBE, body).status == 200


def test_a_software_upgrade_from_creation_to_success(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    subscribe(rig, monkeypatch, "swUpgradeStateChangeNotify", "swUpgradeResultNotify")
    device = rig.device()
    operation = rig.create(device, policy={"executeType": "now", "retryType": True, "retryTimes": 2})
    package = rig.packages["softwareUpgrade"]
    created = "20231114T221320Z"
    assert rig.get(operation) == {
        "operationId": operation,
        "createTime": created,
        "startTime": created,
        "stopTime": None,
        "operateType": "software_upgrade",
        "targets": {
            "deviceGroups": None,
            "deviceType": None,
            "model": None,
            "manufacturerName": None,
            "devices": [device.name],
        },
        "policy": {
            "executeType": "now",
            "startTime": None,
            "endTime": None,
            "retryType": True,
            "retryTimes": 2,
        },
        "status": "processing",
        "staResult": {
            "total": 1,
            "wait": 0,
            "processing": 1,
            "success": 0,
            "fail": 0,
            "stop": 0,
            "timeout": 0,
        },
        "extendPara": {"fileId": package.id, "fileName": package.name, "targetVersion": "2.0"},
    }
    rig.say(device, step="downloading", progress=10)
    rig.clock.advance(4)
    rig.say(device, step="downloaded")
    rig.say(device, step="updating")
    rig.clock.advance(6)
    rig.say(device, result="success", version="2.0")
    found = rig.get(operation)
    assert (found["status"], found["stopTime"]) == ("success", rig.time(0))
    assert found["staResult"]["success"] == 1
    assert rig.subs(operation) == {
        "data": [
            {
                "subOperationId": operation + device.name,
                "createTime": created,
                "startTime": created,
                "stopTime": rig.time(0),
                "operateType": "software_upgrade",
                "deviceId": device.name,
                "status": "success",
                "detailInfo": None,
                "extendPara": {
                    "upgradeTime": "10",
                    "downloadTime": "4",
                    "sourceVersion": "",
                    "curVersion": "2.0",
                    "targetVersion": "2.0",
                },
            }
        ],
        "pageNo": 0,
        "pageSize": 10,
        "totalCount": 1,
    }
    ids = {
        "deviceId": device.name,
        "appId": rig.fleet.application,
        "operationId": operation,
        "subOperationId": operation + device.name,
    }
    states = ("downloading", "downloaded", "updating", "idle")
    assert rig.pushes() == [
        *({"notifyType": "swUpgradeStateChangeNotify", **ids, "swUpgradeState": state} for state in states),
        {
            "notifyType": "swUpgradeResultNotify",
            **ids,
            "curVersion": "2.0",
            "targetVersion": "2.0",
            "sourceVersion": "",
            "swUpgradeResult": "SUCCESS",
            "upgradeTime": "10",
            "resultDesc": "The device was upgraded.",
            "errorCode": "",
            "description": "",
        },
    ]
    assert rig.app.get(f"/iocm/app/dm/v1.4.0/devices/{device.name}").json["deviceInfo"]["swVersion"] == "2.0"


def test_a_firmware_upgrade_that_fails(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    subscribe(rig, monkeypatch, "fwUpgradeStateChangeNotify", "fwUpgradeResultNotify")
    device = rig.device()
    operation = rig.create(device, kind="firmwareUpgrade")
    rig.say(device, step="downloading")
    rig.say(device, result="fail", errorCode=12, description="checksum")
    [sub] = rig.subs(operation)["data"]
    assert (sub["status"], sub["detailInfo"], sub["operateType"]) == ("fail", "checksum", "firmware_upgrade")
    assert rig.get(operation)["status"] == "failed"
    ids = {
        "deviceId": device.name,
        "appId": rig.fleet.application,
        "operationId": operation,
        "subOperationId": operation + device.name,
    }
    assert rig.pushes() == [
        {"notifyType": "fwUpgradeStateChangeNotify", **ids, "step": "1", "stepDesc": "downloading"},
        {"notifyType": "fwUpgradeStateChangeNotify", **ids, "step": "0", "stepDesc": "idle"},
        {
            "notifyType": "fwUpgradeResultNotify",
            **ids,
            "curVersion": "",
            "targetVersion": "2.0",
            "sourceVersion": "",
            "status": "FAIL",
            "statusDesc": "The upgrade of the device failed.",
            "upgradeTime": "0",
        },
    ]


def test_a_failed_software_upgrade_tells_the_devices_own_reason(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscribe(rig, monkeypatch, "swUpgradeResultNotify")
    device = rig.device()
    rig.create(device)
    rig.say(device, result="fail", errorCode="E7", description="no memory")
    [push] = rig.pushes()
    assert {type(value) for value in push.values()} == {str}
    told = [push[name] for name in ("swUpgradeResult", "resultDesc", "errorCode", "description")]
    assert told == ["FAIL", "The upgrade of the device failed.", "E7", "no memory"]


def test_a_device_of_a_custom_upgrade(rig: Rig) -> None:
    device, absent = rig.device(), rig.device("absent", online=False)
    policy = {"executeType": "custom", "startTime": rig.time(10), "endTime": rig.time(20)}
    operation = rig.create(device, absent, policy=policy)
    found = rig.get(operation)
    assert found["policy"] == {**policy, "retryType": False, "retryTimes": None}
    assert (found["status"], found["startTime"], found["stopTime"]) == ("wait", None, None)
    assert [each["status"] for each in rig.subs(operation)["data"]] == ["wait", "wait"]
    rig.clock.advance(10 * 60)
    from chalicelib.core import upgrade_ends

    upgrade_ends.sweep()
    rig.work.run()
    assert rig.get(operation)["status"] == "processing"
    rig.say(device, result="success")
    rig.clock.advance(10 * 60)
    found = rig.get(operation)
    assert (found["status"], found["stopTime"]) == ("stop", policy["endTime"])
    assert [each["status"] for each in rig.subs(operation)["data"]] == ["success", "stop"]


def test_a_silent_device_counts_as_timeout_and_reads_as_fail(rig: Rig) -> None:
    operation = rig.create(rig.device())
    rig.clock.advance(24 * 3600)
    rig.app = log_in(rig.fleet)
    found = rig.get(operation)
    assert (found["status"], found["staResult"]["timeout"], found["staResult"]["fail"]) == ("failed", 1, 0)
    assert rig.subs(operation, "?subOperationStatus=fail")["totalCount"] == 1


@pytest.mark.parametrize("there", [True, False])
def test_a_child_is_told_through_its_gateway(rig: Rig, there: bool) -> None:
    """At once, or when the gateway comes."""
    from chalicelib.core import children
    from chalicelib.core.products import NodeType

    gateways = make_product(rig.fleet.tenant, NodeType.GATEWAY, model="G1")
    info = {"deviceInfo": {"nodeId": "gateway"}, "productId": gateways.id, "mqttConnect": True}
    made = rig.app.post(REGISTER, info).json
    gateway, child = Mqtt(made["deviceId"], made["secret"]), rig.device("child", online=False)
    children.attach(rig.fleet.caller, gateway.name, child.name)
    if there:
        rig.connect(gateway)
    operation = rig.create(child, policy={"executeType": "device_online"})
    if not there:
        rig.connect(gateway)
        rig.work.run()
    [sent] = rig.iot.to(gateway.client)
    assert sent.topic == f"/huawei/v1/devices/{child.name}/command/json"
    said = {"msgType": "deviceUpgrade", "operationId": operation, "attempt": 1, "result": "success"}
    gateway.publish(said, topic_id=child.name)
    assert rig.get(operation)["status"] == "success"


@pytest.mark.parametrize("how", ["connects", "reports"])
def test_a_device_that_is_waited_for_is_told_when_it_is_heard(rig: Rig, how: str) -> None:
    device = rig.device(online=False)
    rig.create(device, policy={"executeType": "device_online"})
    assert rig.told(device) == []
    if how == "connects":
        rig.connect(device)
    else:  # the broker's word of its coming is late
        rig.iot.connect(device.client)
        assert device.authorize()["isAuthenticated"]
        device.report("Meter", {"level": 1})
    rig.work.run()
    assert [told["msgType"] for told in rig.told(device)] == ["cloudUpgrade"]


def test_nobody_speaks_for_another_device(rig: Rig) -> None:
    device, other = rig.device(), rig.device("other")
    operation = rig.create(device)
    said = {"msgType": "deviceUpgrade", "operationId": operation, "attempt": 1, "result": "success"}
    other.publish(said, topic_id=device.name)
    other.publish(said)
    assert rig.get(operation)["status"] == "processing"


@pytest.mark.parametrize(
    "bad",
    [
        {"attempt": "1"},
        {"attempt": 0},
        {"step": "thinking"},
        {"progress": 101},
        {"result": "maybe"},
        {"operationId": ""},
        {"version": "9" * 257},
    ],
)
def test_unreadable_words_of_a_device_are_dropped(rig: Rig, bad: dict[str, Any]) -> None:
    device = rig.device()
    operation = rig.create(device)
    said = {"msgType": "deviceUpgrade", "operationId": operation, "attempt": 1, "result": "success"}
    device.publish({**said, **bad})
    assert rig.get(operation)["status"] == "processing"


def test_a_device_may_ask_for_another_url(rig: Rig) -> None:
    device = rig.device()
    rig.create(device)
    rig.clock.advance(3000)
    rig.say(device, step="downloading", newUrl=True)
    rig.work.run()
    first, second = rig.told(device)
    assert first["urlExpires"] < second["urlExpires"] == rig.time(60)


def test_of_groups_the_make_that_is_named(rig: Rig) -> None:
    device = rig.device()
    groups.create(rig.fleet.caller, "hall", members=[device.name])
    body = {"fileId": rig.packages["softwareUpgrade"].id, "targets": {"deviceGroups": ["hall"], **MAKE}}
    reply = rig.app.post(f"{BASE}/softwareUpgrade", body)
    rig.work.run()
    found = rig.get(reply.json["operationId"])
    assert found["targets"] == {"deviceGroups": ["hall"], "devices": None, **MAKE}
    assert found["staResult"]["total"] == 1
    assert len(rig.told(device)) == 1


# what is refused


def test_policies_that_are_refused(rig: Rig) -> None:
    device = rig.device()
    custom = {"executeType": "custom", "startTime": rig.time(10), "endTime": rig.time(20)}
    cases: list[tuple[dict[str, Any], str]] = [
        ({}, "123025"),
        ({"executeType": "later"}, "123025"),
        ({"executeType": "custom"}, "123026"),
        ({**custom, "endTime": None}, "123026"),
        ({**custom, "startTime": "tomorrow"}, "123026"),
        ({"executeType": "now", "retryType": True}, "123028"),
        ({"executeType": "now", "retryType": True, "retryTimes": 0}, "123028"),
        ({"executeType": "now", "retryType": True, "retryTimes": 6}, "123028"),
        ({**custom, "endTime": rig.time(9)}, "123032"),
        ({**custom, "startTime": rig.time(-1)}, "123033"),
        ({**custom, "endTime": rig.time(14)}, "123034"),
        ({"executeType": 3}, "120015"),
    ]
    for kind in KINDS:
        for policy, code in cases:
            reply = rig.app.post(f"{BASE}/{kind}", rig.body(device, kind=kind, policy=policy))
            assert refused(reply) == (400, code), (kind, policy)
    least = {**custom, "startTime": rig.time(0), "endTime": rig.time(5)}
    rig.create(device, policy=least)
    rig.create(device, policy={"executeType": "device_online", "retryType": False, "retryTimes": 9})


def test_targets_that_are_refused(rig: Rig) -> None:
    device = rig.device()
    groups.create(rig.fleet.caller, "hall")
    group = {"deviceGroups": ["hall"], **MAKE}
    listed = {"devices": [device.name]}
    cases: list[tuple[dict[str, Any], tuple[int, str]]] = [
        ({}, (400, "123022")),
        ({"devices": [], "deviceGroups": []}, (400, "123022")),
        ({**listed, **group}, (400, "123023")),
        ({"devices": [device.name] * 257}, (400, "123024")),
        ({**group, "deviceGroups": ["hall"] * 257}, (400, "123024")),
        ({**group, "manufacturerName": None}, (400, "123019")),
        ({**group, "deviceType": ""}, (400, "123020")),
        ({**group, "model": None}, (400, "123021")),
        ({**group, "model": "M2"}, (400, "123016")),
        ({**listed, "manufacturerName": "Other"}, (400, "123016")),
        ({"devices": [device.name, NOBODY]}, (404, "123002")),
        ({**group, "deviceGroups": ["nowhere"]}, (400, "120015")),
        ({"devices": [7]}, (400, "120015")),
    ]
    for kind in KINDS:
        for targets, code in cases:
            reply = rig.app.post(f"{BASE}/{kind}", {"fileId": rig.packages[kind].id, "targets": targets})
            assert refused(reply) == code, (kind, targets)
    assert rig.app.get(BASE).json["totalCount"] == 0


def test_packages_that_are_refused(rig: Rig) -> None:
    device = rig.device()
    foreign = make_package(make_fleet("other"))
    other_make = make_package(rig.fleet, model="M2")
    for kind, other in (KINDS, KINDS[::-1]):
        codes = {
            NOBODY: (404, "123002"),
            foreign.id: (404, "123002"),
            rig.packages[other].id: (400, "120015"),
            "": (400, "120015"),
        }
        for package, code in codes.items():
            reply = rig.app.post(f"{BASE}/{kind}", rig.body(device, kind=kind, fileId=package))
            assert refused(reply) == code
        assert refused(rig.app.post(f"{BASE}/{kind}", {"targets": {}})) == (400, "120015")
        assert refused(rig.app.post(f"{BASE}/{kind}", "[")) == (400, "120015")
    reply = rig.app.post(f"{BASE}/softwareUpgrade", rig.body(device, fileId=other_make.id))
    assert refused(reply) == (400, "123016")


def test_a_device_of_another_application_is_absent(rig: Rig) -> None:
    other = make_fleet("other")
    theirs = (
        log_in(other)
        .post(REGISTER, {"deviceInfo": {"nodeId": "theirs"}, "productId": other.product.id})
        .json["deviceId"]
    )
    reply = rig.app.post(f"{BASE}/softwareUpgrade", rig.body(theirs))
    assert refused(reply) == (404, "123002")


def test_operations_of_others_are_absent(rig: Rig) -> None:
    operation = rig.create(rig.device())
    other = log_in(make_fleet("other"))
    for asked in (f"{BASE}/{operation}", f"{BASE}/{operation}/subOperations", f"{BASE}/{NOBODY}"):
        assert refused(other.get(asked)) == (404, "123009")
    assert refused(rig.app.get(f"{BASE}/{NOBODY}/subOperations")) == (404, "123009")
    assert other.get(BASE).json == {"data": [], "pageNo": 0, "pageSize": 10, "totalCount": 0}


@pytest.mark.parametrize("query", ["pageNo=-1", "pageSize=0", "pageSize=101"])
def test_pages_out_of_range(rig: Rig, query: str) -> None:
    operation = rig.create(rig.device())
    for path in (BASE, f"{BASE}/{operation}/subOperations"):
        assert refused(rig.app.get(f"{path}?{query}")) == (400, "123029")


def test_bad_queries(rig: Rig) -> None:
    operation = rig.create(rig.device())
    bad = [
        f"{BASE}?operationType=music",
        f"{BASE}?operationStatus=fail",
        f"{BASE}?pageNo=x",
        f"{BASE}/{operation}/subOperations?subOperationStatus=failed",
        f"{BASE}/{'x' * 257}",
        f"{BASE}/{'x' * 257}/subOperations",
    ]
    for url in bad:
        assert refused(rig.app.get(url)) == (400, "120015"), url


def test_operations_by_page_and_filter(rig: Rig) -> None:
    device, other = rig.device(), rig.device("other")
    first = rig.create(device)
    rig.say(device, result="success")
    rig.clock.advance(1)
    second = rig.create(other, kind="firmwareUpgrade")

    def found(query: str = "") -> list[str]:
        page = rig.app.get(f"{BASE}{query}").json
        assert set(page) == {"data", "pageNo", "pageSize", "totalCount"}
        return [each["operationId"] for each in page["data"]]

    assert found() == [second, first]
    assert found("?pageNo=1&pageSize=1") == [first]
    assert found("?operationType=software_upgrade") == [first]
    assert found("?operationStatus=success") == [first]
    assert found("?operationStatus=processing&deviceType=Meter") == [second]
    assert found(f"?deviceId={device.name}") == [first]
    assert found(f"?deviceId={other.name}&operationStatus=success") == []
    assert found("?model=M1&manufacturerName=Acme&deviceId=") == [second, first]
    assert found("?model=M2") == []


def test_sub_operations_by_page_and_status(rig: Rig) -> None:
    made = [rig.device(f"meter-{number}") for number in range(3)]
    operation = rig.create(*made)
    rig.say(made[1], result="success")
    page = rig.subs(operation, "?pageNo=1&pageSize=2")
    assert [each["deviceId"] for each in page["data"]] == [made[2].name]
    assert (page["pageNo"], page["pageSize"], page["totalCount"]) == (1, 2, 3)
    page = rig.subs(operation, "?subOperationStatus=success")
    assert [each["deviceId"] for each in page["data"]] == [made[1].name]
    assert rig.subs(operation, "?subOperationStatus=stop")["data"] == []


def test_without_a_good_token(rig: Rig) -> None:
    rig.app.headers["Authorization"] = "Bearer nobody"
    calls = [rig.app.post(f"{BASE}/{kind}", rig.body(NOBODY, kind=kind)) for kind in KINDS]
    calls += [rig.app.get(path) for path in (BASE, f"{BASE}/1", f"{BASE}/1/subOperations")]
    assert [refused(reply) for reply in calls] == [(403, "1010005")] * 5
