"""Connections: what the broker's events mean, in whatever order they come."""

from typing import Any

import pytest

from chalicelib.core import devices, links, registration, removal, renewal
from chalicelib.store.devices import DEVICE, LINK, DeviceRecord, LinkRecord, QueueRecord
from chalicelib.store.outbox import EventRecord
from tests.conftest import Calls
from tests.support.clock import FakeClock
from tests.support.faults import Faults
from tests.support.fleet import Fleet, make_fleet
from tests.support.iot import FakeIot
from tests.support.mqtt import Mqtt, presence, stamp
from tests.support.queues import WorkQueue


@pytest.fixture
def fleet(aws: None) -> Fleet:
    return make_fleet()


@pytest.fixture
def made(fleet: Fleet, iot: FakeIot) -> registration.Registered:
    new = registration.NewDevice("meter-1", registration.BY_SECRET, product=fleet.product.id)
    return registration.register(fleet.caller, new)


@pytest.fixture
def mqtt(made: registration.Registered) -> Mqtt:
    return Mqtt(made.device.device, made.secret)


def status(mqtt: Mqtt) -> str:
    return str(DeviceRecord.get(mqtt.name, DEVICE).status)


def told(mqtt: Mqtt) -> list[str]:
    return [event.type for event in EventRecord.query(mqtt.name)]


def run(work: WorkQueue, clock: FakeClock, seconds: float = 6) -> None:
    work.waiting()  # what was sent until now
    clock.advance(seconds)
    work.run()
    assert work.failures == []


def test_the_first_connection_activates_binds_and_tells(mqtt: Mqtt, fleet: Fleet, calls: Calls) -> None:
    mqtt.authorize()
    calls.clear()
    presence(mqtt.client, "s1", "connected")
    assert calls.made == ["dynamodb.GetItem", "dynamodb.BatchGetItem", "dynamodb.TransactWriteItems"]
    device = devices.get(fleet.caller, mqtt.name)
    assert (device.status.value, device.status_detail, device.activated) == ("ONLINE", "NONE", True)
    assert sorted(told(mqtt)) == ["device.added", "device.bound", "device.changed"]


def test_a_disconnection_takes_it_offline_after_a_delay(
    mqtt: Mqtt, work: WorkQueue, clock: FakeClock
) -> None:
    mqtt.connect()
    mqtt.disconnect()
    run(work, clock, 4.9)
    assert status(mqtt) == "ONLINE"
    run(work, clock, 0.2)
    assert status(mqtt) == "OFFLINE"
    assert DeviceRecord.get(mqtt.name, DEVICE).activated is True
    assert told(mqtt).count("device.changed") == 2


def test_a_reconnection_within_the_delay_is_no_absence(
    mqtt: Mqtt, made: registration.Registered, work: WorkQueue, clock: FakeClock
) -> None:
    """Under the same client id, and under a new one."""
    mqtt.connect()
    clock.advance(60)
    mqtt.disconnect()
    clock.advance(1)
    mqtt.connect()
    run(work, clock)
    assert status(mqtt) == "ONLINE"
    mqtt.disconnect()
    Mqtt(made.device.device, made.secret, stamp=stamp(1)).connect()
    run(work, clock)
    assert status(mqtt) == "ONLINE"
    assert told(mqtt).count("device.changed") == 1


def test_the_old_connection_ends_when_the_new_one_is_there(
    mqtt: Mqtt, made: registration.Registered, iot: FakeIot
) -> None:
    mqtt.connect()
    newer = Mqtt(made.device.device, made.secret, stamp=stamp(1))
    newer.authorize()
    assert iot.ended == []
    presence(newer.client, "s2", "connected")
    assert iot.ended == [mqtt.client]


def test_a_takeover_whose_announcement_is_late_waits_for_it(
    mqtt: Mqtt, work: WorkQueue, clock: FakeClock
) -> None:
    mqtt.connect()
    clock.advance(60)
    mqtt.authorize()
    at = clock.at
    mqtt.disconnect()  # the broker ends the connection before it
    run(work, clock)
    assert status(mqtt) == "ONLINE"
    presence(mqtt.client, "s2", "connected", at)
    run(work, clock, 60)
    assert status(mqtt) == "ONLINE"


def test_a_login_that_led_to_no_connection_does_not_keep_it_online(
    mqtt: Mqtt, work: WorkQueue, clock: FakeClock
) -> None:
    mqtt.connect()
    clock.advance(60)
    mqtt.disconnect()
    mqtt.authorize()
    run(work, clock)
    assert status(mqtt) == "ONLINE"
    run(work, clock, 61)
    assert status(mqtt) == "OFFLINE"


def test_an_end_announced_before_its_beginning(mqtt: Mqtt, work: WorkQueue, clock: FakeClock) -> None:
    mqtt.authorize()
    at = clock.at
    presence(mqtt.client, "s1", "disconnected", at + 50)
    run(work, clock, 66)
    run(work, clock, 66)
    presence(mqtt.client, "s1", "connected", at)
    assert status(mqtt) == "OFFLINE"
    assert told(mqtt).count("device.bound") == 1


def test_events_twice_change_nothing(mqtt: Mqtt, work: WorkQueue, clock: FakeClock) -> None:
    session = mqtt.connect()
    before = told(mqtt)
    presence(mqtt.client, session, "connected")
    mqtt.disconnect()
    mqtt.disconnect()
    run(work, clock)
    presence(mqtt.client, session, "connected")
    assert status(mqtt) == "OFFLINE"
    assert len(told(mqtt)) == len(before) + 1


def test_another_clients_events_mean_nothing(aws: None, work: WorkQueue) -> None:
    presence("iotconsole-1", "s", "connected")
    presence("iotconsole-1", "s", "disconnected")
    presence("iotconsole-1", "s", "connect_failed")
    assert work.waiting() == []


def test_a_deleted_devices_connection_ends_also_where_it_is_announced_late(
    mqtt: Mqtt, fleet: Fleet, iot: FakeIot, work: WorkQueue, clock: FakeClock
) -> None:
    mqtt.connect()
    removal.delete(fleet.caller, mqtt.name)
    work.run()
    assert iot.ended == [mqtt.client]
    presence(mqtt.client, "s2", "connected")
    assert iot.ended == [mqtt.client] * 2


def test_a_new_secret_ends_a_stale_connection(
    mqtt: Mqtt, fleet: Fleet, iot: FakeIot, work: WorkQueue, clock: FakeClock
) -> None:
    mqtt.connect()
    mqtt.disconnect()
    run(work, clock)
    renewal.refresh(fleet.caller, mqtt.name, None, None, 180)
    assert iot.ended == [mqtt.client]


def test_only_a_connection_with_the_new_code_binds_again(
    mqtt: Mqtt, fleet: Fleet, work: WorkQueue, clock: FakeClock
) -> None:
    session = mqtt.connect()
    mqtt.disconnect()
    run(work, clock)
    old = clock.at - 6000
    code, _ = renewal.refresh(fleet.caller, mqtt.name, None, None, 180)
    presence(mqtt.client, session, "connected", old)
    mqtt.report("Meter", {"level": 1})
    assert told(mqtt).count("device.bound") == 1
    assert DeviceRecord.get(mqtt.name, DEVICE).deadline is not None
    clock.advance(1)
    Mqtt(mqtt.name, code, stamp=stamp(1)).connect()
    assert told(mqtt).count("device.bound") == 2
    assert DeviceRecord.get(mqtt.name, DEVICE).deadline is None


def test_coming_online_wakes_the_commands_that_wait(
    mqtt: Mqtt, work: WorkQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chalicelib.store.devices import QUEUE

    QueueRecord(mqtt.name, QUEUE, waiting=["c1"]).save()
    mqtt.connect()
    assert {"job": "drain", "device": mqtt.name} in work.waiting()


def test_a_change_of_the_device_in_between_does_not_lose_the_connection(
    mqtt: Mqtt, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A first report races with the announcement: both end in one activation."""
    mqtt.authorize()
    faults = Faults.installed(monkeypatch)
    faults.before("TransactWriteItems", lambda: mqtt.report("Meter", {"level": 1}))
    presence(mqtt.client, "s1", "connected")
    link = LinkRecord.get(mqtt.name, LINK)
    assert (link.session, link.online, status(mqtt)) == ("s1", True, "ONLINE")
    assert told(mqtt).count("device.bound") == 1


def test_a_session_is_read_once_in_a_few_seconds(mqtt: Mqtt, calls: Calls, clock: FakeClock) -> None:
    mqtt.authorize()
    calls.clear()
    for _ in range(3):
        session: Any = links.session_of(mqtt.client)
        assert session.device == mqtt.name
    assert calls.made == ["dynamodb.GetItem"]
    clock.advance(5)
    links.session_of(mqtt.client)
    assert len(calls.made) == 2


def test_an_older_connection_that_is_announced_late_is_ended(
    mqtt: Mqtt, made: registration.Registered, iot: FakeIot, clock: FakeClock
) -> None:
    mqtt.authorize()
    at = clock.at
    clock.advance(1)
    newer = Mqtt(made.device.device, made.secret, stamp=stamp(1))
    newer.connect()
    presence(mqtt.client, "old", "connected", at)
    assert iot.ended[-1] == mqtt.client
    link = LinkRecord.get(mqtt.name, LINK)
    assert (link.client, link.online) == (newer.client, True)


def test_a_connection_counts_though_a_newer_login_led_to_none(
    mqtt: Mqtt, made: registration.Registered, clock: FakeClock
) -> None:
    mqtt.authorize()
    at = clock.at
    clock.advance(1)
    Mqtt(made.device.device, made.secret, stamp=stamp(1)).authorize()
    presence(mqtt.client, "s1", "connected", at)
    link = LinkRecord.get(mqtt.name, LINK)
    assert (link.client, link.online, status(mqtt)) == (mqtt.client, True, "ONLINE")
