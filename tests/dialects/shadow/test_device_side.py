"""Devices over MQTT: reading the shadow, reporting, learning what is desired."""

from typing import Any

import msgspec
import pytest

from chalicelib.core import devices, history, shadow_documents, shadows
from chalicelib.core.products import NodeType
from chalicelib.dialects.shadow import device as dialect
from chalicelib.dialects.shadow import login
from tests.conftest import Calls
from tests.support.clock import FakeClock
from tests.support.fleet import Fleet
from tests.support.gateway import Gateway
from tests.support.iot import FakeIot
from tests.support.queues import WorkQueue
from tests.support.shadow_api import FREE, Client, Thing, add_thing, code
from tests.support.shadows import MODEL

NOW = 1_700_000_000_000


def status(thing: Thing, fleet: Fleet) -> str:
    return devices.get(fleet.caller, thing.id).status.value


class TestLogin:
    def test_by_the_secret_itself(self, lamp: Thing, iot: FakeIot) -> None:
        answer = Client(lamp, iot).authorize()
        assert answer["isAuthenticated"]
        allowed = [statement for policy in answer["policyDocuments"] for statement in policy["Statement"]]
        topics = [each for one in allowed[1:] for each in one["Resource"]]
        assert all(f"shadow/v1/{lamp.id}/" in each for each in topics)
        assert not any("*" in each for each in topics)
        assert allowed[0]["Resource"].endswith(f"client/shadow_{lamp.id}")
        assert all(len(msgspec.json.encode(policy)) <= 2048 for policy in answer["policyDocuments"])

    @pytest.mark.parametrize(
        "changed",
        [
            {"password": "wrong"},
            {"password": ""},
            {"password": "x" * 257},
            {"password": "é"},
            {"username": "0" * 32},
            {"username": ""},
            {"clientId": "shadow_" + "0" * 32, "username": "0" * 32},
            {"clientId": "shadow_x"},
        ],
    )
    def test_refused(self, lamp: Thing, iot: FakeIot, changed: dict[str, str]) -> None:
        assert Client(lamp, iot).authorize(**changed) == {"isAuthenticated": False}

    def test_of_another_device(self, lamp: Thing, free: Thing, iot: FakeIot) -> None:
        assert Client(lamp, iot).authorize(password=free.secret) == {"isAuthenticated": False}

    def test_a_malformed_one_costs_no_call(self, lamp: Thing, iot: FakeIot, calls: Calls) -> None:
        calls.clear()
        assert login.claim("shadow_" + lamp.id, "other", lamp.secret) is None
        Client(lamp, iot).authorize(clientId=f"shadow_{lamp.id}x")
        assert calls.made == []

    def test_brings_the_device_online(self, client: Client, fleet: Fleet) -> None:
        assert status(client.thing, fleet) == "ONLINE"


class TestReading:
    def test_all_of_it(self, client: Client) -> None:
        client.thing.desire({"power": "on"})
        client.thing.report({"level": 5})
        client.publish("get", {"id": "g1"})
        assert client.got("state") == [
            {
                "id": "g1",
                "version": NOW + 1,
                "part": 1,
                "parts": 1,
                "reported": {"level": 5},
                "desired": {"power": "on"},
            }
        ]

    def test_without_a_body(self, client: Client) -> None:
        client.publish("get")
        [answer] = client.got("state")
        assert answer == {"version": 0, "part": 1, "parts": 1, "reported": {}, "desired": {}}

    def test_costs_two_calls(self, client: Client, calls: Calls) -> None:
        client.publish("get")
        calls.clear()
        client.publish("get")
        assert calls.made == ["dynamodb.Query", "iot-data.SendDirectMessage"]

    def test_only_what_was_changed_since(self, client: Client) -> None:
        lamp = client.thing
        lamp.desire({"power": "on", "level": 5})
        version = client.ask()["version"]
        assert client.ask(version=version) == {
            "version": version,
            "since": version,
            "part": 1,
            "parts": 1,
            "reported": {},
            "desired": {},
        }
        lamp.desire({"level": 6})
        lamp.report({"power": "on"})
        lamp.delete("desired", "power")
        changed = client.ask(version=version)
        assert changed["desired"] == {"level": 6, "power": None}
        assert changed["reported"] == {"power": "on"}
        assert changed["version"] == lamp.time
        assert client.ask(version=changed["version"])["desired"] == {}

    def test_a_deleted_field_that_is_set_again_is_there(self, client: Client) -> None:
        client.thing.desire({"power": "on"})
        version = client.ask()["version"]
        client.thing.delete("desired", "power")
        client.thing.desire({"power": "off"})
        assert client.ask(version=version)["desired"] == {"power": "off"}

    def test_all_of_it_where_the_version_is_none_of_this_shadow(self, client: Client) -> None:
        client.thing.desire({"power": "on"})
        answer = client.ask(version=NOW + 1)
        assert "since" not in answer
        assert answer["desired"] == {"power": "on"}

    def test_all_of_it_where_deletions_are_forgotten(
        self, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(shadow_documents, "MOST_DELETED", 1)
        lamp = client.thing
        lamp.desire({"power": "on", "level": 5, "setting": {}})
        version = client.ask()["version"]
        lamp.delete("desired", "power")
        between = client.ask(version=version)["version"]
        assert client.ask(version=version)["desired"] == {"power": None}
        lamp.delete("desired", "level")
        answer = client.ask(version=version)
        assert "since" not in answer
        assert answer["desired"] == {"setting": {}}
        assert client.ask(version=between)["desired"] == {"level": None}

    def test_after_a_cleaning(self, client: Client) -> None:
        client.thing.desire({"power": "on"})
        client.thing.report({"level": 5})
        version = client.ask()["version"]
        client.thing.clean()
        answer = client.ask(version=version)
        assert (answer["desired"], answer["reported"]) == ({"power": None}, {"level": None})

    def test_a_large_one_in_parts(self, fleet: Fleet, app: Gateway, iot: FakeIot) -> None:
        free = add_thing(fleet, app, FREE)
        for number in range(5):
            free.desire({f"f{number}": "x" * 50_000})
        client = Client(free, iot)
        client.connect()
        client.publish("get", {"id": "g"})
        parts = client.got("state")
        assert [(each["part"], each["parts"], each["id"]) for each in parts] == [
            (number, 3, "g") for number in (1, 2, 3)
        ]
        assert len({each["version"] for each in parts}) == 1
        assert {key for each in parts for key in each["desired"]} == {f"f{number}" for number in range(5)}
        assert all(len(sent.body) <= 128 * 1024 for sent in iot.arrived)

    def test_a_field_that_fits_no_message_is_left_out(self, client: Client) -> None:
        from chalicelib.core.shadow_sync import State

        found = dialect._packed(State(1, {"a": "x" * 130_000, "b": 1}, {}))
        assert found == [{"reported": {"b": 1}, "desired": {}}]


class TestReporting:
    def test_is_stored_and_answered(self, client: Client, fleet: Fleet, clock: FakeClock) -> None:
        clock.advance(1)
        client.publish("report", {"id": "r1", "reported": {"power": "on", "level": 5}})
        assert client.got("answer") == [{"id": "r1", "version": clock.at}]
        assert client.thing.state["reported"] == {"power": "on", "level": 5}
        _, found = history.page(fleet.caller, client.thing.id, None, 0, 10)
        assert [each.data for each in found.items] == [{"power": "on", "level": 5}]

    def test_a_repeat_changes_nothing(self, client: Client, fleet: Fleet, clock: FakeClock) -> None:
        client.publish("report", {"id": "r1", "reported": {"level": 5}})
        client.publish("report", {"id": "r2", "reported": {"level": 6}})
        clock.advance(60)
        client.publish("report", {"id": "r1", "reported": {"level": 5}})
        assert client.thing.state["reported"] == {"level": 6}
        first, _, again = client.got("answer")
        assert again == first
        assert history.page(fleet.caller, client.thing.id, None, 0, 10)[1].total == 2

    def test_an_apps_message_of_that_id_is_another(self, client: Client) -> None:
        client.thing.report({"level": 5}, messageId="r1")
        client.publish("report", {"id": "r1", "reported": {"level": 6}})
        assert client.thing.state["reported"] == {"level": 6}

    def test_without_an_id_nothing_is_answered(self, client: Client) -> None:
        client.publish("report", {"reported": {"level": 5}})
        assert client.got("answer") == []
        assert client.thing.state["reported"] == {"level": 5}

    def test_costs_two_calls_and_the_answer(self, client: Client, calls: Calls) -> None:
        client.publish("report", {"reported": {"level": 5}})
        calls.clear()
        client.publish("report", {"reported": {"level": 6}})
        assert calls.made == ["dynamodb.BatchGetItem", "dynamodb.TransactWriteItems"]

    def test_of_an_earlier_time_overwrites_nothing(self, client: Client) -> None:
        client.publish("report", {"reported": {"level": 5}})
        client.publish("report", {"reported": {"level": 6, "power": "on"}, "at": NOW - 1})
        assert client.thing.state["reported"] == {"level": 5, "power": "on"}

    def test_what_the_model_does_not_take_is_said(self, client: Client) -> None:
        values = {"level": 500, "power": "on", "nothing": 1}
        client.publish("report", {"id": "r1", "reported": values})
        [answer] = client.got("answer")
        assert answer["refused"] == ["level is above 100", "nothing is not in the model"]
        assert client.thing.state["reported"] == {"power": "on"}

    def test_by_keys_of_several_services(self, fleet: Fleet, app: Gateway, iot: FakeIot) -> None:
        meter = add_thing(fleet, app, MODEL)
        client = Client(meter, iot)
        client.connect()
        client.publish("report", {"id": "r", "reported": {"flow": 1.5, "on": True}})
        _, found = shadows.read(fleet.caller, meter.id)
        assert {each.service: each.reported for each in found} == {
            "Light": {"on": True},
            "Meter": {"flow": 1.5},
        }
        assert client.got("answer") == [{"id": "r", "version": meter.time}]

    def test_a_key_with_a_dot_without_a_model(self, fleet: Fleet, app: Gateway, iot: FakeIot) -> None:
        """Of a service that is known, else a name like any other."""
        free = add_thing(fleet, app, FREE)
        shadows.set_desired(fleet.caller, free.id, [shadows.Desired("Meter", {"level": 5})])
        client = Client(free, iot)
        client.connect()
        client.publish("report", {"reported": {"Meter.level": 5, "a.b": 1}})
        _, found = shadows.read(fleet.caller, free.id)
        assert {each.service: each.reported for each in found} == {"Meter": {"level": 5}, "": {"a.b": 1}}
        assert free.state["reported"] == {"Meter.level": 5, "a.b": 1}

    @pytest.mark.parametrize(
        "payload",
        [
            b"{",
            b"[]",
            b"{}",
            b'{"reported": 5}',
            b'{"reported": {"level": 5}, "id": ""}',
            b'{"reported": {"level": 5}, "id": "' + b"x" * 33 + b'"}',
            b'{"reported": {"level": ' + b"[" * 40 + b"]" * 40 + b"}}",
            b'{"reported": {"a": "' + b"x" * 70_000 + b'"}}',
            b"\xff",
        ],
    )
    def test_what_cannot_be_read_is_dropped(self, client: Client, payload: bytes) -> None:
        client.publish("report", payload)
        assert client.thing.time == 0
        assert client.got("answer") == []

    def test_on_another_devices_topic(self, client: Client, free: Thing) -> None:
        client.publish("report", {"reported": {"level": 5}}, to=free.id)
        client.publish("get", {}, to=free.id)
        client.publish("nothing", {})
        assert free.time == client.thing.time == 0
        assert client.iot.arrived == []

    def test_of_a_device_that_is_gone(self, client: Client, fleet: Fleet) -> None:
        from chalicelib.core import removal

        removal.delete(fleet.caller, client.thing.id)
        client.publish("report", {"id": "r", "reported": {"level": 5}})
        client.publish("get", {})
        assert client.got("answer") == client.got("state") == []


class TestDesired:
    def test_is_sent_at_once_with_its_version(self, client: Client, work: WorkQueue, calls: Calls) -> None:
        client.thing.read()
        calls.clear()
        client.thing.desire({"power": "on", "level": 5})
        assert calls.made == ["dynamodb.Query", "dynamodb.TransactWriteItems", "sqs.SendMessageBatch"]
        work.run()
        assert client.got("desired") == [{"version": NOW, "since": 0, "desired": {"power": "on", "level": 5}}]
        client.publish("report", {"reported": {"power": "on", "level": 5}})
        assert [each.status for each in changes(client.thing)] == ["DELIVERED"]

    def test_is_sent_when_the_device_connects(self, lamp: Thing, iot: FakeIot, work: WorkQueue) -> None:
        lamp.desire({"power": "on"})
        client = Client(lamp, iot)
        client.connect()
        work.run()
        assert client.got("desired") == [{"version": NOW, "since": 0, "desired": {"power": "on"}}]

    def test_of_another_system_arrives_by_its_key(
        self, fleet: Fleet, app: Gateway, iot: FakeIot, work: WorkQueue
    ) -> None:
        free = add_thing(fleet, app, FREE)
        client = Client(free, iot)
        client.connect()
        shadows.set_desired(fleet.caller, free.id, [shadows.Desired("Meter", {"level": 5})])
        work.run()
        [message] = client.got("desired")
        assert message["desired"] == {"Meter.level": 5}

    def test_the_whole_object_goes_down(self, client: Client, work: WorkQueue) -> None:
        lamp = client.thing
        lamp.desire({"setting": {"battery": {"open": True}, "name": "a"}})
        lamp.put("desired", "setting", "battery.open", False)
        work.run()
        lamp.cut("desired", "setting", "name")
        work.run()
        assert [each["desired"] for each in client.got("desired")] == [
            {"setting": {"battery": {"open": False}, "name": "a"}},
            {"setting": {"battery": {"open": False}}},
        ]

    def test_a_reported_object_too(self, client: Client, calls: Calls) -> None:
        lamp = client.thing
        lamp.report({"setting": {"a": 1, "b": 2}})
        assert client.got("reported") == []
        calls.clear()
        assert code(lamp.cut("reported", "setting", "b")) == 0
        assert calls.made == [
            "dynamodb.Query",
            "dynamodb.TransactWriteItems",
            "iot-data.SendDirectMessage",
        ]
        assert client.got("reported") == [{"version": NOW + 1, "reported": {"setting": {"a": 1}}}]
        lamp.put_all("reported", [("setting", "c", 3), ("setting", "d", 4)])
        assert client.got("reported")[1]["reported"] == {"setting": {"a": 1, "c": 3, "d": 4}}

    def test_what_reported_fields_become_no_other_device_is_told(
        self, lamp: Thing, iot: FakeIot, fleet: Fleet
    ) -> None:
        from tests.support.iot import FakeDevice

        huawei = FakeDevice(lamp.id, iot)
        huawei.connect()
        assert code(lamp.put("reported", "setting", "a", 1)) == 0
        assert iot.arrived == []


class TestVersions:
    """A device that follows the rule of `since` never holds a version without all that is in it."""

    def test_follow_each_other(self, client: Client, work: WorkQueue) -> None:
        for values in ({"level": 1}, {"power": "on"}):
            client.thing.desire(values)
            work.run()
        first, second = client.got("desired")
        assert (first["since"], second["since"]) == (0, first["version"])

    def test_a_deletion_leaves_a_gap(self, client: Client, work: WorkQueue) -> None:
        client.thing.desire({"level": 1, "power": "on"})
        work.run()
        client.thing.delete("desired", "power")
        client.thing.desire({"level": 2})
        work.run()
        first, second = client.got("desired")
        assert second["since"] == first["version"] + 1
        assert client.ask(version=first["version"])["desired"] == {"power": None, "level": 2}

    def test_several_in_one_message(self, lamp: Thing, iot: FakeIot, work: WorkQueue) -> None:
        lamp.desire({"level": 1})
        lamp.desire({"power": "on"})
        client = Client(lamp, iot)
        client.connect()
        work.run()
        [message] = client.got("desired")
        assert message == {"version": NOW + 1, "since": 0, "desired": {"level": 1, "power": "on"}}

    def test_several_with_a_deletion_between(self, lamp: Thing, iot: FakeIot, work: WorkQueue) -> None:
        lamp.desire({"level": 1})
        lamp.desire({"power": "on"})
        gone = lamp.delete("desired", "power").json["result"]["timestamp"]
        lamp.desire({"setting": {}})
        client = Client(lamp, iot)
        client.connect()
        work.run()
        [message] = client.got("desired")
        assert message == {"version": gone + 1, "since": gone, "desired": {"level": 1, "setting": {}}}

    def test_what_was_replaced_leaves_no_gap(self, lamp: Thing, iot: FakeIot, work: WorkQueue) -> None:
        for level in (1, 2, 3):
            lamp.desire({"level": level})
        client = Client(lamp, iot)
        client.connect()
        work.run()
        assert client.got("desired") == [{"version": NOW + 2, "since": 0, "desired": {"level": 3}}]

    def test_what_was_replaced_in_part_does(self, lamp: Thing, iot: FakeIot, work: WorkQueue) -> None:
        client = Client(lamp, iot)
        client.connect()
        lamp.desire({"level": 1, "power": "on"})
        work.run()
        lamp.desire({"level": 2})
        work.run()
        first, second = client.got("desired")
        assert (first["since"], second["since"]) == (0, first["version"])

    def test_of_several_services(self, fleet: Fleet, app: Gateway, iot: FakeIot, work: WorkQueue) -> None:
        """A message for each: none of them is all of the change."""
        meter = add_thing(fleet, app, MODEL)
        client = Client(meter, iot)
        client.connect()
        client.publish("get", {})
        held, wanted = client.got("state")[-1]["version"], dict[str, Any]()

        def take() -> None:
            nonlocal held
            work.run()
            for message in client.got("desired"):
                wanted.update(message["desired"])
                if held >= message["since"]:
                    held = max(held, message["version"])
            client.iot.arrived.clear()

        meter.desire({"level": 1})
        take()
        assert held == meter.time
        meter.desire({"level": 2, "on": True})
        client.iot.drop(client.name)  # both are lost
        work.run()
        iot.connect(client.name)
        client.thing.desire({"period": 60})
        take()
        assert held < meter.time
        state = client.ask(version=held)
        assert state["desired"] == {"level": 2, "on": True, "period": 60}
        held = state["version"]
        meter.desire({"on": False})
        take()
        assert held == meter.time


def changes(thing: Thing) -> list[Any]:
    from chalicelib.store.history import DesiredRecord

    return list(DesiredRecord.query(thing.id, DesiredRecord.entry.startswith("D#")))


class TestCommands:
    def test_of_any_system_reach_the_device_and_are_answered(
        self, fleet: Fleet, app: Gateway, iot: FakeIot, work: WorkQueue
    ) -> None:
        from chalicelib.core import commands, registration
        from chalicelib.core.command_states import command_of
        from chalicelib.core.registration import NewDevice
        from chalicelib.store.commands import CommandRecord

        made = registration.register(
            fleet.caller, NewDevice("meter", registration.BY_SECRET, product=fleet.product.id)
        )
        assert made.secret is not None
        thing = Thing(app, fleet.product, made.device.device, made.secret)
        client = Client(thing, iot)
        client.connect()
        new = commands.NewCommand(thing.id, "Meter", "SET_LEVEL", {"value": 7}, "huawei")
        ident = commands.create(fleet.caller, new).command
        work.run()
        [message] = client.got("command")
        assert message == {
            "mid": message["mid"],
            "service": "Meter",
            "command": "SET_LEVEL",
            "paras": {"value": 7},
        }
        client.publish("response", {"mid": message["mid"], "errcode": 0, "body": {"result": 1}})
        record = CommandRecord.find(thing.id, ident)
        assert record is not None
        assert command_of(record).status.value == "SUCCESSFUL"


def test_a_gateway_speaks_for_its_present_children(fleet: Fleet, app: Gateway, iot: FakeIot) -> None:
    from chalicelib.core import children, products, registration
    from chalicelib.core.registration import NewDevice

    child, stranger = add_thing(fleet, app), add_thing(fleet, app)
    product = products.create(fleet.tenant, "gateway", FREE, node_type=NodeType.GATEWAY)
    made = registration.register(
        fleet.caller, NewDevice("gateway", registration.BY_SECRET, product=product.id)
    )
    assert made.secret is not None
    gateway = Client(Thing(app, product, made.device.device, made.secret), iot)
    children.attach(fleet.caller, gateway.thing.id, child.id)
    gateway.connect()
    for thing in (child, stranger):
        gateway.publish("report", {"id": "r", "reported": {"level": 5}}, to=thing.id)
        gateway.publish("get", {}, to=thing.id)
    assert (child.state["reported"], stranger.time) == ({"level": 5}, 0)
    assert {sent.topic for sent in iot.to(gateway.name)} == {
        f"shadow/v1/{child.id}/down/{kind}" for kind in ("answer", "state")
    }
