"""Apps' long connections: who gets in, who is told what, who is not, and what it costs."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib import settings
from chalicelib.core import (
    app_channels,
    app_pushes,
    bindings,
    devices,
    user_sessions,
    users,
)
from chalicelib.core import fleet as fleets
from chalicelib.core.app_channels import Online
from chalicelib.core.bindings import Role
from chalicelib.core.errors import InvalidInput
from chalicelib.core.events import Event, EventType, read
from chalicelib.core.products import NodeType
from chalicelib.core.upgrade_states import Status as Upgrade
from chalicelib.dialects.feiyan import app_pushes as pushes
from chalicelib.handlers import outbox
from chalicelib.store.app_channels import CHANNELS, AppChannelsRecord
from chalicelib.store.devices import DeviceItem, SessionRecord
from chalicelib.store.outbox import EventRecord
from infra.local.broker.policy import read_policy
from tests.conftest import Calls
from tests.dialects.feiyan.test_devices import EVENT, POST, add
from tests.support.alink import Alink
from tests.support.boilers import boiler, with_product
from tests.support.clock import FakeClock
from tests.support.feiyan import Someone, someone
from tests.support.fleet import Fleet, make_fleet
from tests.support.iot import FakeIot, Reaction
from tests.support.mqtt import presence
from tests.support.queues import WorkQueue

BIND, UNBIND = "app/up/account/bind", "app/up/account/unbind"


@pytest.fixture
def fleet(aws: None) -> Fleet:
    return with_product(make_fleet())


@pytest.fixture
def device(fleet: Fleet, iot: FakeIot) -> Alink:
    made = boiler(fleet, iot)
    made.connect()
    return made


def phone(fleet: Fleet, iot: FakeIot, app: str = "phone-1") -> Alink:
    """An app's connection, with nobody bound to it."""
    made = app_channels.issue(fleet.caller, app)
    channel = Alink(made.product_key, made.device_name, made.secret, iot, ident=f"app-{app}")
    channel.connect()
    return channel


def bind(channel: Alink, token: str | None, ident: str = "b1") -> int:
    """The code of the answer."""
    channel.say(BIND, {"iotToken": token}, ident, request={"clientId": "any"})
    answer = channel.got(f"{channel.own}/app/down/account/bind_reply")[-1]
    assert answer["id"] == ident
    return int(answer["code"])


@pytest.fixture
def channel(fleet: Fleet, iot: FakeIot, alice: Someone, device: Alink) -> Alink:
    """Alice's, who manages the device."""
    bindings.bind(fleet.caller, alice.id, device.device)
    made = phone(fleet, iot)
    assert bind(made, alice.token) == 200
    return made


def dispatch(device: str, *kinds: str) -> None:
    """The device's events of these kinds, as the stream brings them."""
    wanted = [each for each in EventRecord.query(device) if each.type in kinds]
    images = [{"eventName": "INSERT", "dynamodb": {"NewImage": each.to_dynamodb_dict()}} for each in wanted]
    outbox.dispatch({"Records": images})


def report(device: Alink, **values: Any) -> None:
    """Reported, and dispatched."""
    known = {each.event for each in EventRecord.query(device.device)}
    device.say(POST, values, sys={"ack": 0})
    for each in EventRecord.query(device.device):
        if each.event not in known and each.type == "data.reported":
            image = {"eventName": "INSERT", "dynamodb": {"NewImage": each.to_dynamodb_dict()}}
            outbox.dispatch({"Records": [image]})


def values(channel: Alink) -> list[dict[str, Any]]:
    """What it was told of reported values."""
    return [
        {key: each["value"] for key, each in message["params"]["items"].items()}
        for message in channel.got(f"{channel.own}/app/down/thing/properties")
    ]


class TestCertificate:
    def test_the_same_app_has_the_same(self, fleet: Fleet, calls: Calls) -> None:
        first = app_channels.issue(fleet.caller, "phone")
        calls.clear()
        assert app_channels.issue(fleet.caller, "phone") == first
        assert calls.made == ["dynamodb.GetItem"]
        assert len(first.product_key) == 11
        assert len(first.device_name) == 32
        assert first.secret not in repr(list(DeviceItem.scan()))

    def test_others_have_others(self, fleet: Fleet) -> None:
        other = make_fleet("other")
        first = app_channels.issue(fleet.caller, "phone")
        second, theirs = (
            app_channels.issue(fleet.caller, "phone-2"),
            app_channels.issue(other.caller, "phone"),
        )
        assert first.product_key == second.product_key != theirs.product_key
        assert len({first.device_name, second.device_name, theirs.device_name}) == 3
        assert len({first.secret, second.secret, theirs.secret}) == 3

    @pytest.mark.parametrize("app", ["", "x" * 1025])
    def test_bad_names(self, fleet: Fleet, app: str) -> None:
        with pytest.raises(InvalidInput):
            app_channels.issue(fleet.caller, app)

    def test_two_at_once_get_one(self, fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
        create = app_channels._create
        other: list[app_channels.Certificate] = []

        def late(*given: Any) -> Any:
            monkeypatch.setattr(app_channels, "_create", create)
            other.append(app_channels.issue(fleet.caller, "phone"))
            return create(*given)

        monkeypatch.setattr(app_channels, "_create", late)
        assert app_channels.issue(fleet.caller, "phone") == other[0]


class TestLogin:
    def test_costs_two_calls_and_is_no_device(self, fleet: Fleet, iot: FakeIot, calls: Calls) -> None:
        made = app_channels.issue(fleet.caller, "phone")
        channel = Alink(made.product_key, made.device_name, made.secret, iot)
        calls.clear()
        assert channel.admitted()
        assert calls.made == ["dynamodb.GetItem", "dynamodb.PutItem"]
        session = SessionRecord.get(channel.client)
        assert (session.channel, session.device) == (True, made.device_name)
        channel.connect()
        calls.clear()
        presence(channel.client, "s", "connected")
        presence(channel.client, "s", "disconnected")
        assert "dynamodb.TransactWriteItems" not in calls.made
        assert list(DeviceItem.query(made.device_name)) == []
        assert list(EventRecord.query(made.device_name)) == []

    def test_wrong_ones_do_not_get_in(self, fleet: Fleet, iot: FakeIot) -> None:
        one, other = (app_channels.issue(fleet.caller, app) for app in ("phone", "phone-2"))
        theirs = app_channels.issue(make_fleet("other").caller, "phone")
        for product, name, secret in (
            (one.product_key, one.device_name, other.secret),
            (theirs.product_key, one.device_name, one.secret),
            (one.product_key, "0" * 32, one.secret),
            (one.product_key, "not-hex", one.secret),
            (fleet.product.short_id or "", one.device_name, one.secret),
        ):
            assert not Alink(product, name, secret, iot).admitted()

    def test_a_devices_client_id_is_not_given_away(self, fleet: Fleet, iot: FakeIot, device: Alink) -> None:
        made = app_channels.issue(fleet.caller, "phone")
        channel = Alink(made.product_key, made.device_name, made.secret, iot, ident=device.ident)
        assert channel.client == device.client
        assert not channel.admitted()
        theirs = app_channels.issue(make_fleet("other").caller, "phone")
        mine = Alink(made.product_key, made.device_name, made.secret, iot)
        assert mine.admitted()
        assert not Alink(theirs.product_key, theirs.device_name, theirs.secret, iot).admitted()
        again = app_channels.issue(fleet.caller, "phone-2")
        assert Alink(again.product_key, again.device_name, again.secret, iot).admitted()

    def test_rights(self, fleet: Fleet, iot: FakeIot) -> None:
        channel = phone(fleet, iot)
        answer = channel.authorize()
        may = read_policy(
            answer["policyDocuments"],
            client_id=channel.client,
            prefix="arn:aws:iot:us-east-1:000000000000:",
        )
        assert may.may_publish(f"{channel.own}/{BIND}", retain=False)
        assert may.may_subscribe(f"{channel.own}/app/down/#")
        assert may.may_receive(f"{channel.own}/app/down/thing/properties")
        for topic in (f"{channel.own}/{POST}", f"{channel.own}/app/down/thing/status", f"/sys/x/y/{BIND}"):
            assert not may.may_publish(topic, retain=False)
        for wide in ("#", f"/sys/{channel.product}/#", f"/sys/{channel.product}/+/app/down/#"):
            assert not may.may_subscribe(wide)

    def test_what_a_channel_says_as_a_device_is_dropped(self, channel: Alink, device: Alink) -> None:
        before = len(channel.messages())
        for own in (channel.own, device.own):
            channel.raw(f"{own}/{POST}", {"id": "1", "params": {"heat": 5}})
            channel.raw(f"{own}/thing/topo/get", {"id": "1"})
        channel.raw(f"/ota/device/inform/{device.product}/{device.name}", {"params": {"version": "1"}})
        channel.raw("/huawei/v1/devices/x/data/json", {})
        channel.raw(f"{channel.own}/app/up/account/other", {})
        channel.raw(f"{channel.own[:-1]}/{BIND}", {})
        assert len(channel.messages()) == before

    def test_a_device_cannot_bind_a_person(self, device: Alink, alice: Someone) -> None:
        device.say(BIND, {"iotToken": alice.token})
        assert device.messages() == []


class TestBinding:
    @pytest.mark.parametrize("token", [None, "", "x", "user-x.y", 5])
    def test_a_bad_token(self, fleet: Fleet, iot: FakeIot, token: Any) -> None:
        assert bind(phone(fleet, iot), token) == 2043

    def test_another_applications_person(self, fleet: Fleet, iot: FakeIot) -> None:
        eve = someone(make_fleet("other"), "eve")
        assert bind(phone(fleet, iot), eve.token) == 2043

    def test_unreadable(self, fleet: Fleet, iot: FakeIot) -> None:
        channel = phone(fleet, iot)
        channel.raw(f"{channel.own}/{BIND}", b"{")
        assert channel.got(f"{channel.own}/app/down/account/bind_reply")[-1]["code"] == 460

    def test_cost(self, fleet: Fleet, iot: FakeIot, alice: Someone, calls: Calls) -> None:
        channel = phone(fleet, iot)
        bind(channel, alice.token)
        calls.clear()
        bind(channel, alice.token)
        assert calls.made == [
            "dynamodb.BatchGetItem",
            "dynamodb.TransactWriteItems",
            "iot-data.SendDirectMessage",
        ]

    def test_unbinding(self, channel: Alink, device: Alink) -> None:
        report(device, heat=1)
        for number in range(2):
            channel.say(UNBIND, {}, f"u{number}")
            answer = channel.got(f"{channel.own}/app/down/account/unbind_reply")[-1]
            assert answer == {"id": f"u{number}", "code": 200, "message": "success"}
        report(device, heat=2)
        assert values(channel) == [{"heat": 1}]

    def test_a_connection_is_one_persons(
        self, channel: Alink, device: Alink, fleet: Fleet, bob: Someone, alice: Someone
    ) -> None:
        """Who binds it takes it over: the one before is told nothing on it any more."""
        assert bind(channel, bob.token) == 200
        report(device, heat=1)
        assert values(channel) == []
        bindings.bind(fleet.caller, bob.id, device.device, Role.MEMBER)
        report(device, heat=2)
        assert values(channel) == [{"heat": 2}]
        assert app_channels.online([alice.id]) == []

    def test_the_twenty_newest_of_a_person(
        self, fleet: Fleet, iot: FakeIot, alice: Someone, clock: FakeClock
    ) -> None:
        for number in range(app_channels.MOST + 2):
            bind(phone(fleet, iot, f"phone-{number}"), alice.token)
        assert len(app_channels.online([alice.id])) == app_channels.MOST

    def test_another_channel_that_is_bound_meanwhile_is_not_lost(
        self, fleet: Fleet, iot: FakeIot, alice: Someone, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first, second = phone(fleet, iot), phone(fleet, iot, "phone-2")
        put: Callable[..., None] = app_channels._put
        once = [True]

        def slow(*given: Any) -> None:
            if once and once.pop():
                assert bind(second, alice.token) == 200
            put(*given)

        monkeypatch.setattr(app_channels, "_put", slow)
        assert bind(first, alice.token) == 200
        assert {each.client for each in app_channels.online([alice.id])} == {first.client, second.client}


class TestPresence:
    def test_an_app_that_left_is_not_tried(
        self, channel: Alink, device: Alink, iot: FakeIot, calls: Calls
    ) -> None:
        channel.disconnect()
        before = len(iot.tried)
        report(device, heat=1)
        assert iot.tried[before:] == []

    def test_it_is_told_again_when_it_is_back(self, channel: Alink, device: Alink) -> None:
        channel.disconnect()
        report(device, heat=1)
        channel.stamp = "1600000000000"
        channel.connect()
        report(device, heat=2)
        assert values(channel) == [{"heat": 2}], "nothing was kept for it"

    def test_an_older_connection_of_the_channel_ends(
        self, channel: Alink, iot: FakeIot, clock: FakeClock
    ) -> None:
        old = channel.client
        clock.advance(1)
        channel.stamp = "1600000000000"
        channel.connect()
        assert old in iot.ended
        presence(old, "late", "disconnected")
        assert len(SessionRecord.get(channel.client).client) > 0

    def test_the_end_of_an_older_session_changes_nothing(
        self, channel: Alink, device: Alink, iot: FakeIot, clock: FakeClock
    ) -> None:
        """The same client id came again, and the word of its first connection's end came after that."""
        old = channel.session
        clock.advance(1)
        channel.connect()
        presence(channel.client, old, "disconnected")
        report(device, heat=1)
        assert values(channel) == [{"heat": 1}]

    def test_a_bind_before_the_brokers_word(
        self, fleet: Fleet, iot: FakeIot, alice: Someone, device: Alink
    ) -> None:
        bindings.bind(fleet.caller, alice.id, device.device)
        made = app_channels.issue(fleet.caller, "phone")
        channel = Alink(made.product_key, made.device_name, made.secret, iot)
        assert channel.admitted()
        iot.connect(channel.client)
        assert bind(channel, alice.token) == 200
        report(device, heat=1)
        assert values(channel) == [{"heat": 1}]

    def test_an_end_that_nobody_told_is_found_by_sending(
        self, channel: Alink, device: Alink, iot: FakeIot
    ) -> None:
        iot.drop(channel.client)
        before = len(iot.tried)
        report(device, heat=1)
        report(device, heat=2)
        assert iot.tried[before:] == [channel.client]

    def test_an_end_found_too_late_changes_nothing(self, channel: Alink, alice: Someone) -> None:
        [there] = app_channels.online([alice.id])
        app_channels.lost(Online(there.user, there.channel, "an older client", there.topic_id))
        assert app_channels.online([alice.id]) == [there]


class TestWho:
    def test_exactly_those_who_are_bound_to_the_device(
        self, fleet: Fleet, iot: FakeIot, channel: Alink, device: Alink, bob: Someone
    ) -> None:
        second = phone(fleet, iot, "phone-2")
        assert bind(second, bob.token) == 200
        report(device, heat=1)
        assert (values(channel), values(second)) == ([{"heat": 1}], [])
        bindings.bind(fleet.caller, bob.id, device.device, Role.MEMBER)
        report(device, heat=2)
        bindings.unbind(bob.id, device.device)
        report(device, heat=3)
        assert values(second) == [{"heat": 2}]
        assert values(channel) == [{"heat": 1}, {"heat": 2}, {"heat": 3}]

    def test_on_all_of_their_connections(
        self, fleet: Fleet, iot: FakeIot, channel: Alink, device: Alink, alice: Someone
    ) -> None:
        second = phone(fleet, iot, "phone-2")
        assert bind(second, user_sessions.open(alice.id).access) == 200
        report(device, heat=1)
        assert values(channel) == values(second) == [{"heat": 1}]

    def test_not_after_logging_out(self, fleet: Fleet, channel: Alink, device: Alink, alice: Someone) -> None:
        user_sessions.close(alice.token, fleet.application)
        report(device, heat=1)
        assert values(channel) == []

    def test_not_after_the_token_is_over_until_it_is_refreshed(
        self, channel: Alink, device: Alink, fleet: Fleet, alice: Someone, clock: FakeClock
    ) -> None:
        tokens = user_sessions.open(alice.id)
        assert bind(channel, tokens.access) == 200
        clock.advance(tokens.expires_in)
        report(device, heat=1)
        assert values(channel) == []
        user_sessions.refresh(tokens.refresh, alice.id, fleet.application)
        report(device, heat=2)
        assert values(channel) == [{"heat": 2}], "it is the session that is bound"

    def test_not_after_a_new_password(
        self, channel: Alink, device: Alink, fleet: Fleet, alice: Someone
    ) -> None:
        users.set_password(alice.id, "another-Pass-1")
        report(device, heat=1)
        assert values(channel) == []

    def test_not_after_unregistering(
        self, channel: Alink, device: Alink, fleet: Fleet, alice: Someone, work: WorkQueue
    ) -> None:
        users.remove(alice.id)
        report(device, heat=1)
        work.run()
        report(device, heat=2)
        assert values(channel) == []
        assert AppChannelsRecord.find(alice.id, CHANNELS) is None
        channel.disconnect()  # the word of it finds nobody
        channel.connect()


class TestCost:
    def test_of_a_device_nobody_is_bound_to_nothing(
        self, fleet: Fleet, iot: FakeIot, device: Alink, calls: Calls
    ) -> None:
        device.say(POST, {"heat": 5})
        device.say(EVENT, {"value": {}})
        happened = [read(each) for each in EventRecord.query(device.device)]
        calls.clear()
        assert [push for each in happened for push in pushes.render(each)] == []
        app_pushes.tell([])
        assert calls.made == []

    def test_of_a_device_that_people_have_left_one_query(
        self, channel: Alink, device: Alink, alice: Someone, calls: Calls
    ) -> None:
        bindings.unbind(alice.id, device.device)
        calls.clear()
        app_pushes.tell([app_pushes.Push(device.device, "t", b"") for _ in range(8)])
        assert calls.made == ["dynamodb.Query"]

    def test_of_a_bound_device(self, channel: Alink, device: Alink, calls: Calls) -> None:
        topic = "/sys/{channel}/app/down/thing/properties"
        calls.clear()
        app_pushes.tell([app_pushes.Push(device.device, topic, b"{}") for _ in range(3)])
        assert calls.made == [
            "dynamodb.Query",  # who is bound
            "dynamodb.BatchGetItem",  # where they are
            "dynamodb.BatchGetItem",  # whether their sessions stand
            *["iot-data.SendDirectMessage"] * 3,
        ]

    def test_of_a_bound_device_whose_people_are_away(
        self, channel: Alink, device: Alink, calls: Calls
    ) -> None:
        channel.disconnect()
        calls.clear()
        app_pushes.tell([app_pushes.Push(device.device, "t", b"{}")])
        assert calls.made == ["dynamodb.Query", "dynamodb.BatchGetItem"]

    @pytest.mark.parametrize("reaction", [Reaction.THROTTLED, Reaction.FORBIDDEN, Reaction.CUT])
    def test_one_that_cannot_be_sent_keeps_no_other(
        self,
        fleet: Fleet,
        iot: FakeIot,
        channel: Alink,
        device: Alink,
        alice: Someone,
        reaction: Reaction,
    ) -> None:
        second = phone(fleet, iot, "phone-2")
        assert bind(second, alice.token) == 200
        iot.connect(channel.client, reaction)
        report(device, heat=1)
        assert values(second) == [{"heat": 1}]


class TestWhat:
    def test_values(self, channel: Alink, device: Alink, clock: FakeClock) -> None:
        device.say(POST, {"heat": 5, "Pump.heat": {"value": 6, "time": clock.at - 9}})
        dispatch(device.device, "data.reported")
        [message] = channel.got(f"{channel.own}/app/down/thing/properties")
        assert set(message) == {"id", "version", "params", "method"}
        assert (message["method"], message["version"]) == ("thing.properties", "1.0")
        assert message["params"] == {
            "iotId": device.device,
            "productKey": device.product,
            "deviceName": device.name,
            "items": {
                "heat": {"time": clock.at, "value": 5},
                "Pump.heat": {"time": clock.at - 9, "value": 6},
            },
        }

    def test_an_event(self, channel: Alink, device: Alink, clock: FakeClock) -> None:
        device.say(EVENT, {"value": {"code": 5}, "time": clock.at - 9})
        dispatch(device.device, "event.reported")
        [message] = channel.got(f"{channel.own}/app/down/thing/events")
        assert message["method"] == "thing.events"
        assert message["params"] == {
            "identifier": "Fault",
            "name": "Fault",
            "type": "error",
            "iotId": device.device,
            "productKey": device.product,
            "deviceName": device.name,
            "value": {"code": 5},
            "time": clock.at - 9,
        }

    def test_going_and_coming(self, channel: Alink, device: Alink, work: WorkQueue, clock: FakeClock) -> None:
        device.disconnect()
        work.run()
        clock.advance(6)
        work.run()
        gone = clock.at
        clock.advance(1)
        device.connect()
        dispatch(device.device, "device.changed")
        told = channel.got(f"{channel.own}/app/down/thing/status")
        assert [each["method"] for each in told] == ["thing.status"] * 2
        assert [each["params"] for each in told] == [
            {
                "iotId": device.device,
                "productKey": device.product,
                "deviceName": device.name,
                "status": {"time": at, "value": value},
            }
            for at, value in ((gone, 3), (clock.at, 1))
        ]

    @pytest.mark.parametrize("deep", [False, True])
    def test_a_device_behind_a_gateway(
        self,
        fleet: Fleet,
        iot: FakeIot,
        channel: Alink,
        alice: Someone,
        monkeypatch: pytest.MonkeyPatch,
        *,
        deep: bool,
    ) -> None:
        monkeypatch.setenv("POLYTHING_DEEP_TOPICS", "yes" if deep else "no")
        settings.settings.cache_clear()
        gateways = with_product(fleet, NodeType.GATEWAY)
        old, new = boiler(gateways, iot, "gateway-1"), boiler(gateways, iot, "gateway-2")
        child = boiler(fleet, iot, "child-1")
        for each in (old, new):
            each.connect()
        bindings.bind(fleet.caller, alice.id, new.device)
        add(old, child)
        add(new, child)
        dispatch(child.device, "device.changed")
        path = "thing/topo/add/status" if deep else "topo/status"
        [message] = channel.got(f"{channel.own}/app/down/{path}")
        assert message["method"] == "thing.topo.add.status"
        assert message["param"] == {
            "status": 0,
            "subIotId": child.device,
            "subProductKey": child.product,
            "subDeviceName": "child-1",
            "oldGwIotId": old.device,
            "oldGwProductKey": old.product,
            "oldGwDeviceName": "gateway-1",
            "newGwIotId": new.device,
            "newGwProductKey": new.product,
            "newGwDeviceName": "gateway-2",
        }
        settings.settings.cache_clear()

    @pytest.mark.parametrize(
        ("status", "progress", "error", "step", "number"),
        [
            (Upgrade.WAIT, None, None, 1, 0),
            (Upgrade.PROCESSING, 50, None, 50, 1),
            (Upgrade.STOPPED, None, None, -1, 2),
            (Upgrade.FAILED, 30, "-2", -2, 3),
            (Upgrade.FAILED, None, "E17", -1, 3),
            (Upgrade.SUCCESS, 40, None, 100, 4),
        ],
    )
    def test_an_upgrade(
        self,
        fleet: Fleet,
        status: Upgrade,
        progress: int | None,
        error: str | None,
        step: int,
        number: int,
    ) -> None:
        part = {
            "upgrade": "u",
            "device": "d",
            "type": "firmware",
            "status": status.value,
            "target_version": "2.0",
            "created": 1,
            "progress": progress,
            "source_version": "1.0",
            "error": error,
            "detail": "so",
        }
        [push] = pushes.render(
            Event("e", EventType.UPGRADE_STEPPED, "d", fleet.tenant, fleet.application, 1, {"upgrade": part})
        )
        assert push.topic == "/sys/{channel}/app/down/ota/forward"
        assert json.loads(push.payload)["params"] == {
            "iotId": "d",
            "srcVersion": "1.0",
            "destVersion": "2.0",
            "step": step,
            "desc": "so",
            "upgradeStatus": number,
        }

    def test_no_topic_is_too_deep_for_iot_core(self, fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
        for path in pushes.SHORTER.values():
            assert f"/sys/k/n/app/down/{path}".count("/") <= 7
        for path in pushes.SHORTER:
            assert f"/sys/k/n/app/down/{path}".count("/") > 7

    def test_a_push_that_cannot_be_rendered_keeps_nothing_else(
        self, channel: Alink, device: Alink, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(event: Event) -> Any:
            if event.type is EventType.EVENT_REPORTED:
                raise KeyError("x")
            return pushes.render(event)

        monkeypatch.setattr(outbox, "pusher", lambda _: broken)
        device.say(EVENT, {"value": {}})
        device.say(POST, {"heat": 5})
        dispatch(device.device, "event.reported", "data.reported")
        assert values(channel) == [{"heat": 5}]


def test_channels_show_in_no_list(fleet: Fleet, iot: FakeIot, channel: Alink, device: Alink) -> None:
    listed = fleets.page(fleet.caller, fleets.Selection(), 0, 100)
    assert [each.device for each, _ in listed.items] == [device.device]
    assert devices.read_some([channel.name]) == {}
