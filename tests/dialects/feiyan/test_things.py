"""What an app's people see of their things and have them do. Source: Feiyan 6.4"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from chalicelib.core import extended_properties, modification, removal
from chalicelib.core.modification import Changes
from tests.conftest import Calls
from tests.support.alink import Alink
from tests.support.clock import FakeClock
from tests.support.feiyan import Program, Someone, app_of, cloud_of, someone
from tests.support.fleet import Fleet, make_fleet
from tests.support.iot import FakeIot, Reaction
from tests.support.queues import WorkQueue
from tests.support.things import TSL, alink_lamp, bind

POST = "thing/event/property/post"
ERROR = "thing/event/Error/post"
CLIENT = {
    "info": ("/thing/info/get", "1.0.4", {}),
    "status": ("/thing/status/get", "1.0.5", {}),
    "tsl": ("/thing/tsl/get", "1.0.4", {}),
    "properties": ("/thing/properties/get", "1.0.4", {}),
    "set": ("/thing/properties/set", "1.0.5", {"items": {"power": 1}}),
    "events": ("/thing/events/get", "1.0.4", {}),
    "invoke": ("/thing/service/invoke", "1.0.5", {"identifier": "Toggle", "args": {}}),
    "reset": ("/living/device/reset", "1.0.1", {"offlineReset": "true"}),
    "note": ("/thing/extended/property/set", "1.0.4", {"dataKey": "colour", "dataValue": "blue"}),
    "noted": ("/thing/extended/property/get", "1.0.4", {"dataKey": "colour"}),
    "forget": ("/thing/extended/property/delete", "1.0.0", {"dataKey": "colour"}),
    "property timeline": (
        "/living/device/property/timeline/get",
        "1.0.0",
        {"identifier": "power", "start": 0, "end": 2_000_000_000_000, "limit": 10, "order": "asc"},
    ),
    "event timeline": (
        "/living/device/event/timeline/get",
        "1.0.0",
        {
            "identifier": "Error",
            "eventType": "error",
            "start": 0,
            "end": 2_000_000_000_000,
            "limit": 10,
            "order": "asc",
        },
    ),
}


@dataclass
class Home:
    """A lamp that alice manages, bob is a member of, and eve has nothing to do with."""

    fleet: Fleet
    app: Program
    lamp: Alink
    alice: Someone
    bob: Someone
    eve: Someone
    work: WorkQueue
    clock: FakeClock

    def ask(self, what: str, who: Someone | None = None, **more: Any) -> Any:
        path, version, params = CLIENT[what]
        given = {"iotId": self.lamp.device, **params, **more}
        return self.app.ok(path, version, given, user=(who or self.alice).token)

    def code(self, what: str, who: Someone | None = None, **more: Any) -> int:
        path, version, params = CLIENT[what]
        given = {"iotId": self.lamp.device, **params, **more}
        given = {name: value for name, value in given.items() if value is not None}
        return self.app.code(path, version, given, user=(who or self.alice).token)


@pytest.fixture
def home(fleet: Fleet, app: Program, iot: FakeIot, clock: FakeClock) -> Home:
    lamp = alink_lamp(fleet, iot)
    alice, bob, eve = (someone(fleet, name) for name in ("alice", "bob", "eve"))
    bind(fleet, alice.id, lamp.device)
    bind(fleet, bob.id, lamp.device)
    made = Home(fleet, app, lamp, alice, bob, eve, WorkQueue(clock), clock)
    for who in (alice, bob):  # the process has served them before
        made.ask("tsl", who)
    return made


def test_the_info_of_a_thing(home: Home, calls: Calls) -> None:
    home.ask("info")
    calls.clear()
    data = home.ask("info")
    assert calls.made == ["dynamodb.BatchGetItem"]
    at = home.clock.at
    assert data == {
        "gmtModified": at,
        "activeTime": None,
        "gmtCreate": at,
        "productKey": home.lamp.product,
        "statusLast": None,
        "mac": None,
        "netAddress": None,
        "deviceSecret": home.lamp.secret,
        "iotId": home.lamp.device,
        "name": "lamp-1",
        "nickname": None,
        "sdkVersion": None,
        "sn": None,
        "thingType": "DEVICE",
        "firmwareVersion": None,
        "rbacTenantId": home.fleet.tenant,
        "status": 0,
    }


def test_a_member_is_not_shown_the_secret(home: Home) -> None:
    assert home.ask("info", home.bob)["deviceSecret"] is None
    assert home.ask("info", home.bob)["iotId"] == home.lamp.device


def test_the_status_and_since_when(home: Home, calls: Calls) -> None:
    registered = home.clock.at
    assert home.ask("status") == {"status": 0, "time": registered}
    home.clock.advance(10)
    home.lamp.connect()
    came = home.clock.at
    home.clock.advance(10)
    calls.clear()
    assert home.ask("status", home.bob) == {"status": 1, "time": came}
    assert calls.made == ["dynamodb.BatchGetItem"]
    home.lamp.disconnect()
    went = home.clock.at
    home.work.waiting()
    home.clock.advance(60)
    home.work.run()
    assert home.ask("status") == {"status": 3, "time": went}


def test_the_status_without_a_person(home: Home) -> None:
    path, version, _ = CLIENT["status"]
    params = {"iotId": home.lamp.device}
    assert home.app.ok(path, version, params)["status"] == 0
    assert cloud_of(home.fleet).ok(path, version, params)["status"] == 0
    assert app_of(make_fleet("other", manufacturer_id="o")).code(path, version, params) == 2063
    assert home.app.code(path, version, {"iotId": "nothing"}) == 2063


def test_the_thing_model(home: Home) -> None:
    data = home.ask("tsl")
    assert data["profile"] == {"productKey": home.lamp.product, "deviceName": "lamp-1"}
    assert data["link"] == f"/sys/{home.lamp.product}/lamp-1/thing/"
    assert [each["identifier"] for each in data["properties"]] == ["power", "brightness", "watts", "scene"]
    assert data["properties"][0]["dataType"] == {"type": "bool", "specs": {"0": "off", "1": "on"}}
    assert {"Error", "Tick"} < {each["identifier"] for each in data["events"]}
    kinds = {each["identifier"]: each["callType"] for each in data["services"]}
    assert (kinds["Toggle"], kinds["Measure"]) == ("async", "sync")
    path, version = "/thing/tsl/getByProdcyKey", "1.0.4"
    params = {"productKey": home.lamp.product, "deviceName": "lamp-1"}
    assert home.app.ok(path, version, params, user=home.eve.token) == data
    alone = home.app.ok(path, version, {"productKey": home.lamp.product}, user=home.eve.token)
    assert alone["profile"] == {"productKey": home.lamp.product}
    assert home.app.code(path, version, {"productKey": "a" * 10}, user=home.alice.token) == 5005
    other = make_fleet("other", manufacturer_id="o")
    stranger = someone(other, "mallory")
    assert app_of(other).code(path, version, params, user=stranger.token) == 5005


def test_properties(home: Home, calls: Calls) -> None:
    home.lamp.connect()
    assert home.ask("properties") == {}
    home.lamp.say(POST, {"power": 1, "watts": {"value": 3.5, "time": home.clock.at - 7}})
    calls.clear()
    data = home.ask("properties", home.bob)
    assert calls.made == ["dynamodb.Query"]
    assert data == {
        "power": {"identifier": "power", "time": home.clock.at, "value": 1},
        "watts": {"identifier": "watts", "time": home.clock.at - 7, "value": 3.5},
    }


def test_setting_properties(home: Home, calls: Calls) -> None:
    home.lamp.connect()
    calls.clear()
    assert home.ask("set", home.bob, items={"power": 0, "brightness": 70}) is None
    assert calls.made == ["dynamodb.Query", "dynamodb.TransactWriteItems", "sqs.SendMessageBatch"]
    home.work.run()
    [sent] = home.lamp.got(f"{home.lamp.own}/thing/service/property/set")
    assert sent["params"] == {"power": 0, "brightness": 70}
    home.lamp.say(POST, {"power": 0, "brightness": 70})
    assert home.ask("properties")["brightness"]["value"] == 70


def test_setting_by_product_and_name(home: Home) -> None:
    home.lamp.connect()
    named = {"productKey": home.lamp.product, "deviceName": "lamp-1"}
    assert home.ask("set", iotId=None, **named) is None
    home.work.run()
    assert home.lamp.got(f"{home.lamp.own}/thing/service/property/set")
    assert home.code("set", iotId=None) == 20050
    assert home.code("set", iotId=None, productKey=home.lamp.product) == 20050
    assert home.code("set", iotId=None, **{**named, "deviceName": "lamp-9"}) == 401
    assert home.code("set", home.eve, iotId=None, **named) == 401


@pytest.mark.parametrize("items", [{"watts": 1}, {"brightness": 101}, {"nothing": 1}, {}])
def test_wrong_values(home: Home, items: Any) -> None:
    assert home.code("set", items=items) == 460


def test_a_missing_parameter_and_json_as_text(home: Home) -> None:
    assert home.code("set", items=None) == 20050
    assert home.code("set", items='{"power": 1}') == 20004
    assert home.code("properties", iotId=None) == 20050


def test_events(home: Home, calls: Calls) -> None:
    home.lamp.connect()
    assert home.ask("events") == []
    home.lamp.say(ERROR, {"value": {"errorCode": 1}, "time": home.clock.at - 5})
    home.lamp.say(ERROR, {"value": {"errorCode": 3}, "time": home.clock.at - 1})
    home.lamp.say(ERROR, {"value": {"errorCode": 2}, "time": home.clock.at - 3})
    calls.clear()
    data = home.ask("events", home.bob)
    assert calls.made == ["dynamodb.BatchGetItem"] * 2
    assert data == [
        {"identifier": "Error", "time": home.clock.at - 1, "type": "error", "value": {"errorCode": 3}}
    ]


def test_an_asynchronous_service(home: Home, calls: Calls) -> None:
    home.lamp.connect()
    calls.clear()
    data = home.ask("invoke", home.bob)
    assert calls.made == ["dynamodb.BatchGetItem", "dynamodb.TransactWriteItems", "sqs.SendMessageBatch"]
    assert data["data"] is None
    assert isinstance(data["messageId"], str)
    home.work.run()
    [sent] = home.lamp.got(f"{home.lamp.own}/thing/service/Toggle")
    assert (sent["method"], sent["params"]) == ("thing.service.Toggle", {})


def answering(home: Home, code: int, data: Any) -> Callable[[], None]:
    """The lamp answers as soon as somebody waits."""

    def answer() -> None:
        home.clock.meanwhile = None
        [sent] = home.lamp.got(f"{home.lamp.own}/thing/service/Measure")
        home.lamp.say("thing/service/Measure_reply", None, sent["id"], code=code, data=data)

    return answer


def test_a_synchronous_service_is_a_round_trip(home: Home) -> None:
    home.lamp.connect()
    home.clock.meanwhile = answering(home, 200, {"watts": 4.5})
    data = home.ask("invoke", home.bob, identifier="Measure", args={"times": 2})
    assert data["data"] == {"watts": 4.5}
    [sent] = home.lamp.got(f"{home.lamp.own}/thing/service/Measure")
    assert sent["params"] == {"times": 2}


def test_a_silent_thing_is_given_up_within_its_time(home: Home) -> None:
    home.lamp.connect()
    began = home.clock.at
    assert home.code("invoke", identifier="Measure", args={"times": 2}) == 503
    assert home.clock.at - began == 6_000


def test_a_thing_that_refuses_or_is_offline(home: Home) -> None:
    measure = {"identifier": "Measure", "args": {"times": 2}}
    assert home.code("invoke", **measure) == 28504
    home.lamp.connect()
    home.clock.meanwhile = answering(home, 5103, {})
    assert home.code("invoke", **measure) == 400
    assert home.code("invoke", identifier="Nothing") == 460
    assert home.code("invoke", identifier="Measure", args={"times": 0}) == 460


def test_what_was_written_down(home: Home) -> None:
    assert home.ask("noted") is None
    assert home.ask("note") is None
    assert home.ask("noted", home.bob) == "blue"
    home.ask("note", home.bob, dataValue="red")
    assert home.ask("noted") == "red"
    assert home.ask("forget") is None
    assert home.ask("noted") is None
    assert home.code("forget") == 460
    for number in range(10):
        home.ask("note", dataKey=f"key-{number}")
    assert home.code("note", dataKey="one-more") == 400
    home.ask("note", dataKey="key-3", dataValue="again")
    assert home.code("note", dataKey="") == 20050
    assert home.code("note", dataKey="k" * 65) == 460
    assert home.code("note", dataValue=None) == 20050


def test_notes_are_those_of_every_system(home: Home) -> None:
    extended_properties.add(home.fleet.caller, home.lamp.device, {"floor": msgspec.Raw(b"3")})
    assert home.ask("noted", dataKey="floor") == "3"


def test_a_reset(home: Home) -> None:
    home.lamp.connect()
    home.lamp.say(POST, {"power": 1})
    home.lamp.say(ERROR, {"errorCode": 1})
    task = home.ask("reset", offlineReset=False)
    state = ("/living/device/reset/task/state/get", "1.0.0", {"taskId": task})
    assert home.app.ok(*state, user=home.alice.token) == "RUNNING"
    for _ in range(10):
        home.clock.advance(1)
        home.work.run()
    assert home.app.ok(*state, user=home.bob.token) == "SUCCESS"
    [told] = home.lamp.got(f"{home.lamp.own}/_thing/event/notify")
    assert told["method"] == "_thing.event.notify"
    assert told["params"] == {"identifier": "awss.BindNotify", "value": {"Operation": "Reset"}}
    home.lamp.raw(f"{home.lamp.own}/_thing/event/notify_reply", {"id": told["id"], "code": 200, "data": {}})
    assert (home.ask("properties"), home.ask("events")) == ({}, [])
    assert home.ask("property timeline")["items"] == []
    assert home.ask("event timeline")["items"] == []
    assert home.app.code(*state, user=home.eve.token) == 404
    assert home.app.code(*state[:2], {"taskId": "nothing"}, user=home.alice.token) == 404


def test_a_reset_that_fails(home: Home) -> None:
    assert home.code("reset", offlineReset="false") == 28504
    assert home.code("reset", offlineReset=None) == 28504
    home.lamp.connect(Reaction.SILENT)
    task = home.ask("reset", offlineReset=False)
    home.clock.advance(200)
    home.work.run()
    state = ("/living/device/reset/task/state/get", "1.0.0", {"taskId": task})
    assert home.app.ok(*state, user=home.alice.token) == "TIMEOUT"


@pytest.mark.parametrize("what", CLIENT)
def test_who_is_not_bound_learns_nothing(home: Home, what: str, calls: Calls) -> None:
    other = make_fleet("other", manufacturer_id="o")
    stranger, theirs = someone(other, "mallory"), app_of(other)
    path, version, params = CLIENT[what]
    for device in (home.lamp.device, "0" * 32, "nothing", "x" * 64):
        asked = {**params, "iotId": device}
        refused = home.app.call(path, version, asked, user=home.eve.token).json
        assert (refused["code"], refused["message"]) == (401, "request auth error")
        foreign = theirs.call(path, version, asked, user=stranger.token).json
        assert foreign == refused


@pytest.mark.parametrize("what", CLIENT)
def test_a_person_is_needed(home: Home, what: str) -> None:
    path, version, params = CLIENT[what]
    if what != "status":
        assert home.app.code(path, version, {**params, "iotId": home.lamp.device}) == 401


@pytest.mark.parametrize("what", CLIENT)
def test_a_deleted_thing_is_not_bound(home: Home, what: str) -> None:
    removal.delete(home.fleet.caller, home.lamp.device)
    assert home.code(what) == 401


class TestTimelines:
    def test_of_a_property(self, home: Home, calls: Calls) -> None:
        home.lamp.connect()
        at = home.clock.at
        for number in (1, 2, 3):
            home.clock.advance(1)
            home.lamp.say(POST, {"brightness": number})
        asked = {"identifier": "brightness", "start": at, "end": home.clock.at, "limit": 2}
        calls.clear()
        first = home.ask("property timeline", home.bob, **asked, order="asc")
        assert calls.made == ["dynamodb.BatchGetItem", "dynamodb.Query"]
        assert first["timestamp"] == at + 3000
        assert [each["data"] for each in first["items"]] == ["1", "2"]
        item = first["items"][0]
        assert item == {
            "iotid": home.lamp.device,
            "data": "1",
            "modifytime": at + 1000,
            "property": "brightness",
            "batchId": item["batchId"],
            "group": None,
            "timestamp": at + 1000,
        }
        rest = home.ask("property timeline", **{**asked, "start": first["timestamp"]}, order="asc")
        assert [each["data"] for each in rest["items"]] == ["3"]
        end = home.ask("property timeline", **{**asked, "start": rest["timestamp"]}, order="asc")
        assert end["items"] == []
        back = home.ask("property timeline", **asked, order="desc")
        assert [each["data"] for each in back["items"]] == ["3", "2"]
        last = home.ask("property timeline", **{**asked, "end": back["timestamp"]}, order="desc")
        assert [each["data"] for each in last["items"]] == ["1"]
        assert (
            home.ask("property timeline", **{**asked, "end": last["timestamp"]}, order="desc")["items"] == []
        )

    def test_of_an_event(self, home: Home, calls: Calls) -> None:
        home.lamp.connect()
        at = home.clock.at
        for number in (1, 2, 3):
            home.lamp.say(ERROR, {"value": {"errorCode": number}, "time": at - 10 + number})
        calls.clear()
        first = home.ask("event timeline", limit=2)
        assert calls.made == ["dynamodb.BatchGetItem", "dynamodb.Query"]
        item = first["items"][0]
        assert item == {
            "eventCode": "Error",
            "iotId": home.lamp.device,
            "eventName": "Fault",
            "eventType": "error",
            "eventBody": {"errorCode": 1},
            "batchId": item["batchId"],
            "timestamp": at - 9,
        }
        assert first["timestamp"] == at - 7
        assert home.ask("event timeline", eventType="info")["items"] == []
        back = home.ask("event timeline", order="desc", limit="500")
        assert [each["eventBody"]["errorCode"] for each in back["items"]] == [3, 2, 1]

    @pytest.mark.parametrize("what", ["property timeline", "event timeline"])
    @pytest.mark.parametrize(
        ("wrong", "code"),
        [
            ({"limit": 0}, 460),
            ({"limit": -1}, 460),
            ({"order": "up"}, 460),
            ({"start": 5, "end": 3}, 460),
            ({"start": None}, 20050),
            ({"identifier": None}, 20050),
        ],
    )
    def test_wrong_questions(self, home: Home, what: str, wrong: dict[str, Any], code: int) -> None:
        assert home.code(what, **wrong) == code


def test_truth_values_are_numbers(home: Home) -> None:
    home.lamp.connect()
    home.lamp.say(POST, {"power": True})
    assert home.ask("properties")["power"]["value"] == 1
    assert home.ask("property timeline")["items"][0]["data"] == "1"
    assert modification.modify(home.fleet.caller, home.lamp.device, Changes(name="x")).name == "x"
    assert len(TSL["services"]) == 2
