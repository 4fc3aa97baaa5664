"""Alink devices: what they say and are told, with which answers, at which cost."""

import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from chalicelib import settings
from chalicelib.aws import encryption
from chalicelib.core import (
    children,
    commands,
    device_events,
    devices,
    history,
    modification,
    removal,
    shadows,
)
from chalicelib.core.command_states import NewCommand, Status
from chalicelib.core.devices import Device
from chalicelib.core.modification import Changes
from chalicelib.core.products import NodeType
from chalicelib.core.shadows import Desired
from chalicelib.store.commands import CommandRecord
from chalicelib.store.devices import DEVICE, DeviceRecord, ShadowRecord
from chalicelib.store.outbox import EventRecord
from tests.conftest import Calls
from tests.support.alink import Alink, sign
from tests.support.boilers import boiler, with_product
from tests.support.clock import FakeClock
from tests.support.fleet import Fleet, make_fleet
from tests.support.iot import FakeIot
from tests.support.mqtt import Mqtt
from tests.support.queues import WorkQueue

POST, EVENT = "thing/event/property/post", "thing/event/Fault/post"
SET, DESIRED = "thing/service/property/set", "thing/property/desired/get"


@pytest.fixture
def fleet(aws: None) -> Fleet:
    return with_product(make_fleet())


@pytest.fixture
def device(fleet: Fleet, iot: FakeIot) -> Alink:
    made = boiler(fleet, iot)
    made.connect()
    return made


@pytest.fixture
def gateway(fleet: Fleet, iot: FakeIot) -> Alink:
    made = boiler(with_product(fleet, NodeType.GATEWAY), iot, "gateway-1")
    made.connect()
    return made


def found(fleet: Fleet, device: Alink) -> Device:
    return devices.get(fleet.caller, device.device)


def reported(device: Alink) -> dict[str, Any]:
    return {
        record.item.removeprefix("S#"): json.loads(record.reported)
        for record in ShadowRecord.query(device.device)
        if record.reported != "{}"
    }


def told(device: Alink, kind: str) -> list[dict[str, Any]]:
    return [json.loads(each.data) for each in EventRecord.query(device.device) if each.type == kind]


class TestProperties:
    def test_a_post_is_stored_and_answered(self, device: Alink, fleet: Fleet) -> None:
        answer = device.ask(POST, {"power": 1, "heat": 20}, "123")
        assert answer == {
            "id": "123",
            "code": 200,
            "data": {},
            "message": "success",
            "version": "1.0",
            "method": "thing.event.property.post",
        }
        assert reported(device) == {"": {"power": 1, "heat": 20}}
        assert found(fleet, device).status is devices.Status.ONLINE

    def test_it_costs_a_read_a_transaction_and_the_answer(self, device: Alink, calls: Calls) -> None:
        device.ask(POST, {"heat": 20})
        calls.clear()
        device.ask(POST, {"heat": 21})
        assert calls.made == [
            "dynamodb.BatchGetItem",
            "dynamodb.TransactWriteItems",
            "iot-data.SendDirectMessage",
        ]

    def test_a_value_may_stand_beside_its_time(self, device: Alink, fleet: Fleet, clock: FakeClock) -> None:
        device.ask(POST, {"heat": {"value": 5, "time": clock.at - 5000}, "power": {"value": True}})
        states = {each.service: each for each in devices.get_with_services(fleet.caller, device.device)[1]}
        assert states[""].data == {"heat": 5, "power": True}
        _, page = history.page(fleet.caller, device.device, None, 0, 10)
        assert [(each.data, each.at) for each in page.items] == [
            ({"power": True}, clock.at),
            ({"heat": 5}, clock.at - 5000),
        ]

    def test_a_time_that_is_none_means_now(self, device: Alink, fleet: Fleet, clock: FakeClock) -> None:
        for bad in (clock.at + 2 * 86_400_000, -1, True, "yesterday"):
            assert device.ask(POST, {"heat": {"value": 5, "time": bad}})["code"] == 200
        _, page = history.page(fleet.caller, device.device, None, 0, 10)
        assert {each.at for each in page.items} == {clock.at}

    def test_a_struct_of_its_own_value_stays_whole(self, device: Alink) -> None:
        device.ask(POST, {"place": {"value": 1, "unit": "m"}})
        assert reported(device)[""]["place"] == {"value": 1, "unit": "m"}
        device.ask(POST, {"place": {"value": {"value": 2, "unit": "m"}, "time": 1}})
        device.ask(POST, {"place": {"value": 3}})
        assert reported(device)[""]["place"] == {"value": 3}

    @pytest.mark.parametrize("key", ["Pump.heat", "Pump:heat"])
    def test_a_name_of_two_services_is_told_apart(self, device: Alink, key: str) -> None:
        assert device.ask(POST, {key: 7, "heat": 8, "speed": 9})["code"] == 200
        assert reported(device) == {"": {"heat": 8}, "Pump": {"heat": 7, "speed": 9}}

    def test_looks_like_a_report_of_any_other_device(
        self, fleet: Fleet, iot: FakeIot, clock: FakeClock
    ) -> None:
        """The events differ by device, message and time alone."""
        alink, other = boiler(fleet, iot, "boiler-2"), boiler(fleet, iot, "boiler-3")
        alink.connect()
        alink.ask(POST, {"heat": 5})
        huawei = Mqtt(other.device, other.secret)
        huawei.connect()
        huawei.report("", {"heat": 5})
        kept = []
        for each in (alink, other):
            [data] = told(each, "data.reported")
            kept.append(data["services"])
            assert set(data) == {"device", "services", "request"}
        assert kept[0] == kept[1]
        assert reported(alink) == reported(other)

    def test_a_repeat_changes_nothing(self, device: Alink) -> None:
        for _ in range(2):
            device.say(POST, {"heat": 5}, message="m-1")
        assert len(told(device, "data.reported")) == 1
        assert [each["code"] for each in device.got(f"{device.own}/{POST}_reply")] == [200, 200]

    def test_what_is_wrong_is_named_and_the_rest_kept(self, device: Alink) -> None:
        answer = device.ask(POST, {"heat": 500, "nothing": 1, "power": True, "place": {"value": "x"}})
        assert answer["code"] == 200
        assert set(answer["data"]) == {"heat", "nothing", "place"}
        assert reported(device) == {"": {"power": True}}

    @pytest.mark.parametrize(
        ("params", "code"),
        [
            ({"nothing": 1}, 6320),
            ({"heat": 500}, 460),
            ([], 460),
            ("x", 460),
            (5, 460),
            ({f"p{number}": 1 for number in range(201)}, 6106),
        ],
    )
    def test_refused(self, device: Alink, params: Any, code: int) -> None:
        body = {"id": "9", "params": params}
        device.raw(f"{device.own}/{POST}", body)
        [answer] = device.got(f"{device.own}/{POST}_reply")
        assert (answer["id"], answer["code"]) == ("9", code)
        assert reported(device) == {}

    @pytest.mark.parametrize(
        ("payload", "code"),
        [
            (b"", 6207),
            (b"{", 6207),
            (b"[]", 6207),
            (b"\xff\xfe", 6207),
            (b'{"params": {"heat": NaN}}', 6207),
            (b'{"id": {}}', 6207),
            (b'{"params":{"heat":' + b"[" * 40 + b"]" * 40 + b"}}", 460),
            (b'{"params":{"x":"' + b"x" * 131_072 + b'"}}', 460),
        ],
    )
    def test_unreadable(self, device: Alink, payload: bytes, code: int) -> None:
        device.raw(f"{device.own}/{POST}", payload)
        [answer] = device.got(f"{device.own}/{POST}_reply")
        assert answer["code"] == code

    def test_two_hundred_are_not_too_many(self, device: Alink) -> None:
        params = {f"p{number}": 1 for number in range(199)} | {"heat": 5}
        assert device.ask(POST, params)["code"] == 200

    def test_no_answer_where_none_is_wanted(self, device: Alink) -> None:
        device.say(POST, {"heat": 5}, sys={"ack": 0})
        assert device.got(f"{device.own}/{POST}_reply") == []
        assert reported(device) == {"": {"heat": 5}}

    def test_an_empty_post_is_contact(self, device: Alink) -> None:
        assert device.ask(POST, {})["code"] == 200

    def test_of_a_muted_device_nothing_is_kept(self, device: Alink, fleet: Fleet) -> None:
        modification.modify(fleet.caller, device.device, Changes(mute=True))
        assert device.ask(POST, {"heat": 5})["code"] == 200
        assert reported(device) == {}

    def test_ids_come_back_as_text(self, device: Alink) -> None:
        assert device.ask(POST, {"heat": 5}, 77)["id"] == "77"

    def test_another_method_is_not_there(self, device: Alink) -> None:
        assert device.ask("thing/deviceinfo/update")["code"] == 6450
        assert device.ask("thing/event/post")["code"] == 6450


class TestEvents:
    def test_an_event_is_kept_and_told(self, device: Alink, fleet: Fleet, clock: FakeClock) -> None:
        answer = device.ask(EVENT, {"value": {"code": 5}, "time": clock.at - 9}, "4")
        assert (answer["code"], answer["id"], answer["method"]) == (200, "4", "thing.event.Fault.post")
        [event] = told(device, "event.reported")
        assert (event["service"], event["event"], event["type"]) == ("", "Fault", "error")
        assert (event["data"], event["at"]) == ({"code": 5}, clock.at - 9)
        newest = device_events.latest(found(fleet, device), [("", "Fault")])
        assert newest["", "Fault"].data == {"code": 5}

    def test_older_devices_send_the_values_alone(self, device: Alink) -> None:
        device.ask(EVENT, {"code": 5})
        assert told(device, "event.reported")[0]["data"] == {"code": 5}

    @pytest.mark.parametrize("key", ["Pump.Fault", "Pump:Fault"])
    def test_of_a_function_block(self, device: Alink, key: str) -> None:
        assert device.ask(f"thing/event/{key}/post", {"value": {}})["code"] == 200
        assert told(device, "event.reported")[0]["service"] == "Pump"

    def test_cost(self, device: Alink, calls: Calls) -> None:
        device.ask(EVENT, {"value": {}})
        calls.clear()
        device.ask(EVENT, {"value": {}})
        assert calls.made == [
            "dynamodb.BatchGetItem",
            "dynamodb.TransactWriteItems",
            "iot-data.SendDirectMessage",
        ]

    def test_unknown_and_wrong(self, device: Alink) -> None:
        assert device.ask("thing/event/Nothing/post", {"value": {}})["code"] == 6320
        answer = device.ask(EVENT, {"value": {"code": 100, "more": 1}})
        assert (answer["code"], set(answer["data"])) == (200, {"code", "more"})


class TestDownwards:
    def test_a_desired_value_reaches_the_device_and_its_report_settles_it(
        self, device: Alink, fleet: Fleet, work: WorkQueue
    ) -> None:
        wanted = [Desired("", {"heat": 30}), Desired("Pump", {"speed": 2})]
        shadows.set_desired(fleet.caller, device.device, wanted)
        work.run()
        sent = device.got(f"{device.own}/{SET}")
        assert [each["params"] for each in sent] == [{"heat": 30}, {"speed": 2}]
        assert {each["method"] for each in sent} == {"thing.service.property.set"}
        for each in sent:
            device.say(f"{SET}_reply", None, each["id"], code=200, data={})
            device.say(POST, each["params"], sys={"ack": 0})
        assert [each["changes"][0]["status"] for each in told(device, "desired.settled")] == [
            "DELIVERED",
            "DELIVERED",
        ]
        assert device.messages()[len(sent) :] == [], "answers are not answered"

    def test_an_offline_device_gets_it_when_it_connects(
        self, fleet: Fleet, iot: FakeIot, work: WorkQueue
    ) -> None:
        device = boiler(fleet, iot)
        device.connect()
        device.disconnect()
        shadows.set_desired(fleet.caller, device.device, [Desired("", {"heat": 30})])
        work.run()
        device.connect()
        work.run()
        assert [each["params"] for each in device.got(f"{device.own}/{SET}")] == [{"heat": 30}]

    def test_a_device_asks_for_desired_values(self, device: Alink, fleet: Fleet) -> None:
        wanted = [Desired("", {"heat": 30, "power": True}), Desired("Pump", {"speed": 2})]
        shadows.set_desired(fleet.caller, device.device, wanted)
        device.raw(f"{device.own}/{DESIRED}", {"id": "7", "params": ["heat", "speed", "nothing"]})
        [answer] = device.got(f"{device.own}/{DESIRED}_reply")
        assert {key: each["value"] for key, each in answer["data"].items()} == {"heat": 30, "speed": 2}
        assert len({each["version"] for each in answer["data"].values()}) == 1
        device.raw(f"{device.own}/{DESIRED}", {"id": "8"})
        everything = device.got(f"{device.own}/{DESIRED}_reply")[1]
        assert set(everything["data"]) == {"heat", "power", "speed"}
        assert device.ask(DESIRED, {"heat": 1})["code"] == 460

    @pytest.mark.parametrize(
        ("service", "method", "key"), [("", "reboot", "reboot"), ("Pump", "prime", "prime")]
    )
    @pytest.mark.parametrize(
        ("code", "status"), [(200, Status.SUCCESSFUL), (500, Status.FAILED), (0, Status.FAILED)]
    )
    def test_a_command_and_its_answer(
        self,
        device: Alink,
        fleet: Fleet,
        work: WorkQueue,
        service: str,
        method: str,
        key: str,
        code: int,
        status: Status,
    ) -> None:
        made = commands.create(
            fleet.caller, NewCommand(device.device, service, method, {}, "feiyan", expire=0)
        )
        work.run()
        topic = f"{device.own}/thing/service/{key}"
        [sent] = device.got(topic)
        assert (sent["params"], sent["method"]) == ({}, f"thing.service.{key}")
        device.say(f"thing/service/{key}_reply", None, sent["id"], code=code, data={"done": True})
        record = CommandRecord.get(device.device, made.command)
        assert record.status == status.value
        assert json.loads(record.result)["body"] == {"done": True}
        assert device.messages()[1:] == []

    @pytest.mark.parametrize("body", [{"id": "x", "code": 200}, {"id": "1"}, {"id": "٣", "code": 200}])
    def test_an_answer_to_nothing_is_dropped(self, device: Alink, body: dict[str, Any]) -> None:
        device.raw(f"{device.own}/thing/service/reboot_reply", body)
        assert device.messages() == []

    def test_a_command_whose_name_fits_no_topic_fails(
        self, device: Alink, fleet: Fleet, work: WorkQueue, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from chalicelib.core import thing_values

        monkeypatch.setattr(thing_values, "check_command", lambda *_: None)
        made = commands.create(fleet.caller, NewCommand(device.device, "", "a/b", {}, "feiyan", expire=0))
        work.run()
        assert CommandRecord.get(device.device, made.command).status == Status.FAILED.value


class TestSpeaker:
    def test_another_devices_topic_is_refused(self, device: Alink, fleet: Fleet, iot: FakeIot) -> None:
        other = boiler(fleet, iot, "boiler-2")
        for path in (POST, EVENT, DESIRED, "thing/nothing", f"{SET}_reply", "thing/service/reboot_reply"):
            device.raw(f"{other.own}/{path}", {"id": "1", "params": {"heat": 1}, "code": 200})
        device.raw(f"{other.own}/{POST}", b"{")
        device.raw(f"/ota/device/inform/{other.product}/{other.name}", {"params": {"version": "9"}})
        device.raw(f"/ext/session/{other.product}/{other.name}/combine/login", {"params": {}})
        assert device.messages() == []
        assert reported(other) == {}
        assert told(other, "event.reported") == []
        assert not found(fleet, other).activated

    def test_another_tenants_namesake_is_not_touched(self, device: Alink, iot: FakeIot) -> None:
        theirs = with_product(make_fleet("theirs"))
        twin = boiler(theirs, iot, "boiler-1")
        device.raw(f"{twin.own}/{POST}", {"id": "1", "params": {"heat": 1}})
        assert (reported(twin), reported(device), device.messages()) == ({}, {}, [])

    def test_a_topic_of_another_product_is_not_its_own(self, device: Alink, fleet: Fleet) -> None:
        other = with_product(fleet).product
        device.raw(f"/sys/{other.short_id}/{device.name}/{POST}", {"id": "1", "params": {"heat": 1}})
        assert (reported(device), device.messages()) == ({}, [])

    @pytest.mark.parametrize(
        "topic",
        ["/sys", "/sys/a/b", "/sys/a/b/app/up/account/bind", "/ota/device/inform/a", "sys/a/b/thing/x"],
    )
    def test_odd_topics(self, device: Alink, topic: str) -> None:
        device.raw(topic, {"id": "1"})
        assert device.messages() == []

    def test_a_huawei_session_cannot_speak_alink(self, fleet: Fleet, iot: FakeIot, device: Alink) -> None:
        other = Mqtt(device.device, device.secret)
        other.connect()
        from tests.support.mqtt import publish

        publish(other.client, f"{device.own}/{POST}", {"id": "1", "params": {"heat": 1}})
        assert reported(device) == {}

    def test_a_deleted_device_is_not_answered(self, device: Alink, fleet: Fleet) -> None:
        removal.delete(fleet.caller, device.device)
        device.say(POST, {"heat": 5})
        assert device.messages() == []


def add(gateway: Alink, *some: Alink, **changed: Any) -> dict[str, Any]:
    return gateway.ask("thing/topo/add", [certificate(each) | changed for each in some])


def certificate(child: Alink) -> dict[str, Any]:
    return {
        "productKey": child.product,
        "deviceName": child.name,
        "clientId": "c-1",
        "timestamp": "1524448722000",
        "signmethod": "hmacSha1",
        "sign": sign(child.secret, "c-1", child.name, child.product, "1524448722000", "hmacsha1"),
    }


def named(child: Alink) -> dict[str, str]:
    return {"productKey": child.product, "deviceName": child.name}


def combine(gateway: Alink, kind: str, params: Any) -> dict[str, Any]:
    return gateway.ask_at(f"/ext/session/{gateway.product}/{gateway.name}/combine/{kind}", params)


class TestTopology:
    @pytest.fixture
    def child(self, fleet: Fleet, iot: FakeIot) -> Alink:
        return boiler(fleet, iot, "child-1")

    def test_a_gateway_brings_lists_and_gives_up_a_device(
        self, gateway: Alink, child: Alink, fleet: Fleet
    ) -> None:
        assert add(gateway, child)["code"] == 200
        assert found(fleet, child).gateway == gateway.device
        assert gateway.ask("thing/topo/get")["data"] == [named(child)]
        assert gateway.ask("thing/topo/delete", [named(child)])["code"] == 200
        assert found(fleet, child).gateway == child.device
        assert gateway.ask("thing/topo/get")["data"] == []

    def test_costs(self, gateway: Alink, child: Alink, calls: Calls) -> None:
        add(gateway, child)
        gateway.ask("thing/topo/delete", [named(child)])
        calls.clear()
        add(gateway, child)
        assert calls.made == [
            "dynamodb.GetItem",
            "dynamodb.BatchGetItem",
            "dynamodb.Query",
            "dynamodb.TransactWriteItems",
            "iot-data.SendDirectMessage",
        ]
        calls.clear()
        add(gateway, child)
        assert calls.made == ["dynamodb.GetItem", "dynamodb.BatchGetItem", "iot-data.SendDirectMessage"]
        calls.clear()
        gateway.ask("thing/topo/get")
        assert calls.made == ["dynamodb.Query", "dynamodb.BatchGetItem", "iot-data.SendDirectMessage"]

    def test_under_a_data_key_that_kms_wraps(
        self, fleet: Fleet, iot: FakeIot, monkeypatch: pytest.MonkeyPatch, calls: Calls
    ) -> None:
        """A fresh process has to unwrap it to judge a child's signature."""
        monkeypatch.setenv("POLYTHING_KMS_KEY", boto3.client("kms").create_key()["KeyMetadata"]["Arn"])
        monkeypatch.delenv("POLYTHING_DATA_KEY")
        settings.settings.cache_clear()
        encryption.forget()
        gateway = boiler(with_product(fleet, NodeType.GATEWAY), iot, "gateway-2")
        child = boiler(fleet, iot, "child-2")
        gateway.connect()
        encryption.forget()
        calls.clear()
        assert add(gateway, child)["code"] == 200
        assert calls.made.count("kms.Decrypt") == 1
        monkeypatch.undo()
        settings.settings.cache_clear()
        encryption.forget()

    @pytest.mark.parametrize(
        ("changed", "code"),
        [
            ({"sign": "0" * 40}, 6287),
            ({"sign": ""}, 6287),
            ({"signmethod": "hmacmd5"}, 6287),
            ({"timestamp": "1"}, 6287),
            ({"deviceName": "nobody"}, 6100),
            ({"productKey": "0000000000"}, 6100),
            ({"deviceName": 5}, 460),
        ],
    )
    def test_a_device_is_not_brought(
        self, gateway: Alink, child: Alink, fleet: Fleet, changed: dict[str, Any], code: int
    ) -> None:
        assert add(gateway, child, **changed)["code"] == code
        assert found(fleet, child).gateway == child.device

    def test_nobody_brings_himself_nor_a_gateway_nor_a_strangers(
        self, gateway: Alink, child: Alink, fleet: Fleet, iot: FakeIot
    ) -> None:
        assert add(gateway, gateway)["code"] == 6402
        second = boiler(with_product(fleet, NodeType.GATEWAY), iot, "gateway-2")
        assert add(gateway, second)["code"] == 460
        theirs = boiler(with_product(make_fleet("theirs")), iot, "their-1")
        assert add(gateway, theirs)["code"] == 6100
        plain = boiler(fleet, iot, "plain-1")
        plain.connect()
        assert add(plain, child)["code"] == 460
        for params in ([], {}, [certificate(child)] * 31):
            assert gateway.ask("thing/topo/add", params or [])["code"] == 460

    def test_a_child_speaks_through_its_gateway_at_one_call_more(
        self, gateway: Alink, child: Alink, fleet: Fleet, calls: Calls
    ) -> None:
        add(gateway, child)
        topic = f"{child.own}/{POST}"
        assert gateway.ask_at(topic, {"heat": 4})["code"] == 200
        calls.clear()
        assert gateway.ask_at(topic, {"heat": 5})["code"] == 200
        assert calls.made == [
            "dynamodb.GetItem",
            "dynamodb.BatchGetItem",
            "dynamodb.TransactWriteItems",
            "iot-data.SendDirectMessage",
        ]
        assert reported(child) == {"": {"heat": 5}}
        assert gateway.ask_at(f"{child.own}/{EVENT}", {"value": {"code": 1}})["code"] == 200
        assert len(told(child, "event.reported")) == 1
        assert found(fleet, child).status is devices.Status.ONLINE

    def test_settings_and_commands_reach_the_child(
        self, gateway: Alink, child: Alink, fleet: Fleet, work: WorkQueue
    ) -> None:
        add(gateway, child)
        gateway.ask_at(f"{child.own}/{POST}", {"heat": 4})
        shadows.set_desired(fleet.caller, child.device, [Desired("", {"heat": 30})])
        made = commands.create(fleet.caller, NewCommand(child.device, "", "reboot", {}, "feiyan", expire=0))
        work.run()
        assert [each["params"] for each in gateway.got(f"{child.own}/{SET}")] == [{"heat": 30}]
        [sent] = gateway.got(f"{child.own}/thing/service/reboot")
        gateway.raw(f"{child.own}/thing/service/reboot_reply", {"id": sent["id"], "code": 200, "data": {}})
        assert CommandRecord.get(child.device, made.command).status == Status.SUCCESSFUL.value

    @pytest.mark.parametrize("how", ["deleted by itself", "detached by an app", "brought by another"])
    def test_right_after_it_lost_a_child_a_gateway_has_no_say(
        self, gateway: Alink, child: Alink, fleet: Fleet, iot: FakeIot, work: WorkQueue, how: str
    ) -> None:
        add(gateway, child)
        gateway.ask_at(f"{child.own}/{POST}", {"heat": 4})
        made = commands.create(fleet.caller, NewCommand(child.device, "", "reboot", {}, "feiyan", expire=0))
        work.run()
        [sent] = gateway.got(f"{child.own}/thing/service/reboot")
        if how == "deleted by itself":
            gateway.ask("thing/topo/delete", [named(child)])
        elif how == "detached by an app":
            children.detach(fleet.caller, child.device)
        else:
            second = boiler(with_product(fleet, NodeType.GATEWAY), iot, "gateway-2")
            second.connect()
            assert add(second, child)["code"] == 200
        before = len(gateway.messages())
        for path in (POST, EVENT, DESIRED, "thing/nothing"):
            gateway.raw(f"{child.own}/{path}", {"id": "1", "params": {"heat": 5}})
        gateway.raw(f"{child.own}/{POST}", b"{")
        gateway.raw(f"{child.own}/thing/service/reboot_reply", {"id": sent["id"], "code": 200})
        gateway.raw(f"/ota/device/inform/{child.product}/{child.name}", {"params": {"version": "2"}})
        assert len(gateway.messages()) == before
        assert reported(child) == {"": {"heat": 4}}
        assert told(child, "event.reported") == []
        assert CommandRecord.get(child.device, made.command).status != Status.SUCCESSFUL.value
        assert DeviceRecord.get(child.device, DEVICE).fw_version is None
        assert combine(gateway, "login", certificate(child))["code"] == 6401
        assert combine(gateway, "logout", named(child))["code"] == 520
        assert gateway.ask("thing/topo/delete", [named(child)])["code"] == 6401

    def test_a_child_that_moves_while_its_report_is_stored(
        self, gateway: Alink, child: Alink, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Between the look and the write; the report counts as said before."""
        from chalicelib.core import telemetry

        add(gateway, child)
        store: Callable[..., Any] = telemetry._store
        once = [True]

        def slow(*given: Any) -> Any:
            if once and once.pop():
                children.detach(fleet.caller, child.device)
            return store(*given)

        monkeypatch.setattr(telemetry, "_store", slow)
        gateway.raw(f"{child.own}/{POST}", {"id": "1", "params": {"heat": 5}})
        monkeypatch.undo()
        gateway.raw(f"{child.own}/{POST}", {"id": "2", "params": {"heat": 6}})
        assert reported(child).get("", {}).get("heat") != 6

    def test_a_child_signs_on_and_off(self, gateway: Alink, child: Alink, fleet: Fleet) -> None:
        assert combine(gateway, "login", certificate(child))["code"] == 6401
        add(gateway, child)
        answer = combine(gateway, "login", certificate(child))
        assert (answer["code"], answer["data"]) == (200, named(child))
        assert "method" not in answer
        assert found(fleet, child).status is devices.Status.ONLINE
        assert combine(gateway, "login", certificate(child) | {"sign": "0" * 40})["code"] == 6287
        assert combine(gateway, "logout", named(child))["code"] == 200
        assert found(fleet, child).status is devices.Status.OFFLINE
        assert combine(gateway, "logout", named(child))["code"] == 200
        assert combine(gateway, "nothing", named(child))["code"] == 6450
        assert combine(gateway, "login", [1])["code"] == 460

    def test_a_secret_is_told_of_new_devices_of_open_products(
        self, gateway: Alink, child: Alink, fleet: Fleet, iot: FakeIot
    ) -> None:
        assert gateway.ask("thing/sub/register", [named(child)])["code"] == 6100, "the product is not open"
        open_fleet = with_product(fleet, registerable=True)
        fresh = boiler(open_fleet, iot, "fresh-1")
        answer = gateway.ask("thing/sub/register", [named(fresh)])
        assert answer["data"] == [{"iotId": fresh.device, **named(fresh), "deviceSecret": fresh.secret}]
        fresh.connect()
        assert gateway.ask("thing/sub/register", [named(fresh)])["code"] == 6100, "it has been active"
        add(gateway, fresh)
        assert gateway.ask("thing/sub/register", [named(fresh)])["code"] == 200
        theirs = boiler(with_product(make_fleet("theirs"), registerable=True), iot, "their-1")
        assert gateway.ask("thing/sub/register", [named(theirs)])["code"] == 6100
