"""Crashes, lost answers, conflicts and throttling around devices: nothing is half done, nothing twice."""

from typing import Any

import pytest
from pynamodb.exceptions import GetError, TransactWriteError

from chalicelib.core import devices, registration, removal
from chalicelib.core.errors import DeviceNotFound, NodeIdTaken
from chalicelib.store import counters
from chalicelib.store.devices import DEVICE, DeviceItem, DeviceRecord, ShadowRecord
from chalicelib.store.history import HistoryRecord
from chalicelib.store.outbox import EventRecord
from chalicelib.store.products import AliasRecord
from chalicelib.store.transactions import Contention
from tests.support.clock import FakeClock
from tests.support.faults import TRANSACTION, Crash, Faults
from tests.support.fleet import Fleet, make_fleet
from tests.support.gateway import Gateway
from tests.support.iot import FakeIot
from tests.support.mqtt import Mqtt, presence
from tests.support.queues import WorkQueue


@pytest.fixture
def fleet(iot: FakeIot) -> Fleet:
    return make_fleet()


@pytest.fixture
def faults(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> Faults:
    monkeypatch.setattr("chalicelib.store.transactions.pause", lambda attempt: None)
    return Faults.installed(monkeypatch)


def register(fleet: Fleet, node_id: str = "meter-1", **more: Any) -> registration.Registered:
    new = registration.NewDevice(node_id, registration.BY_SECRET, product=fleet.product.id, **more)
    return registration.register(fleet.caller, new)


def told(device: str, kind: str) -> int:
    return [event.type for event in EventRecord.query(device)].count(kind)


def total(fleet: Fleet) -> int:
    return counters.total(registration.total_name(fleet.application))


def test_conflicts_delay_a_registration_and_do_not_fail_it(fleet: Fleet, faults: Faults) -> None:
    faults.conflict(3)
    register(fleet)
    assert (total(fleet), faults.met) == (1, 3)


def test_a_conflict_without_end_leaves_nothing(fleet: Fleet, faults: Faults) -> None:
    faults.conflict(8)
    with pytest.raises(Contention):
        register(fleet)
    assert (total(fleet), list(DeviceItem.scan()), AliasRecord.find("node#meter-1", fleet.tenant)) == (
        0,
        [],
        None,
    )
    register(fleet)


def test_a_registration_whose_answer_is_lost_for_good_is_whole(fleet: Fleet, faults: Faults) -> None:
    faults.cut(TRANSACTION)
    with pytest.raises(TransactWriteError):
        register(fleet)
    with pytest.raises(NodeIdTaken):
        register(fleet)
    assert total(fleet) == 1


def test_an_app_never_sees_the_frameworks_error(fleet: Fleet, faults: Faults) -> None:
    faults.throttle("GetItem")
    reply = Gateway().post("/iocm/app/sec/v1.1.0/login", {"appId": "a", "secret": "b"})
    assert (reply.status, reply.json["error_code"]) == (500, "50252")


def test_a_report_whose_answer_was_lost_is_kept_once(fleet: Fleet, faults: Faults) -> None:
    """Lambda brings the same event again."""
    made = register(fleet)
    mqtt = Mqtt(made.device.device, made.secret)
    mqtt.connect()
    faults.cut(TRANSACTION)
    with pytest.raises(TransactWriteError):
        mqtt.report("Meter", {"level": 1}, message="one")
    mqtt.report("Meter", {"level": 1}, message="one")
    assert (told(mqtt.name, "data.reported"), len(list(HistoryRecord.query(mqtt.name)))) == (1, 1)
    assert ShadowRecord.get(mqtt.name, "S#Meter").version == 1


@pytest.mark.parametrize("operation", ["GetItem", "BatchGetItem", TRANSACTION])
def test_a_report_that_could_not_be_kept_raises_so_that_it_comes_again(
    fleet: Fleet, faults: Faults, operation: str, clock: FakeClock
) -> None:
    made = register(fleet)
    mqtt = Mqtt(made.device.device, made.secret)
    mqtt.connect()
    clock.advance(6)
    faults.crash(operation)
    with pytest.raises(Crash):
        mqtt.report("Meter", {"level": 1}, message="one")
    mqtt.report("Meter", {"level": 1}, message="one")
    assert told(mqtt.name, "data.reported") == 1


def test_a_crash_between_report_and_wake_up_is_made_good_by_the_repeat(
    fleet: Fleet, faults: Faults, clock: FakeClock
) -> None:
    from chalicelib.store.devices import QUEUE, QueueRecord

    made = register(fleet)
    mqtt, work = Mqtt(made.device.device, made.secret), WorkQueue(clock)
    mqtt.connect()
    QueueRecord(mqtt.name, QUEUE, waiting=["c1"]).save()
    faults.crash("SendMessageBatch")
    with pytest.raises(Crash):
        mqtt.report("Meter", {"level": 1}, message="one")
    mqtt.report("Meter", {"level": 1}, message="one")
    assert work.waiting() == [{"job": "drain", "device": mqtt.name}]


def test_a_connection_announced_again_after_a_crash_counts_once(fleet: Fleet, faults: Faults) -> None:
    made = register(fleet)
    mqtt = Mqtt(made.device.device, made.secret)
    mqtt.authorize()
    faults.crash(TRANSACTION)
    with pytest.raises(Crash):
        presence(mqtt.client, "s1", "connected")
    presence(mqtt.client, "s1", "connected")
    presence(mqtt.client, "s1", "connected")
    assert (told(mqtt.name, "device.bound"), told(mqtt.name, "device.changed")) == (1, 1)


def test_a_crash_before_the_old_connection_was_ended_is_made_good(
    fleet: Fleet, iot: FakeIot, faults: Faults
) -> None:
    made = register(fleet)
    first = Mqtt(made.device.device, made.secret, mode=0, stamp="2023010100")
    second = Mqtt(made.device.device, made.secret, mode=0, stamp="2023010101")
    first.connect()
    second.authorize()
    faults.crash("DeleteConnection")
    with pytest.raises(Crash):
        presence(second.client, "s2", "connected")
    presence(second.client, "s2", "connected")
    assert iot.ended == [first.client]


def test_a_deletion_whose_answer_was_lost_is_whole(fleet: Fleet, faults: Faults, clock: FakeClock) -> None:
    device = register(fleet).device.device
    faults.cut(TRANSACTION)
    with pytest.raises(TransactWriteError):
        removal.delete(fleet.caller, device)
    with pytest.raises(DeviceNotFound):
        removal.delete(fleet.caller, device)
    assert (total(fleet), told(device, "device.deleted")) == (0, 1)
    clock.advance(600)
    registration.sweep()
    work = WorkQueue(clock)
    work.run()
    assert list(DeviceItem.query(device)) == []


def test_throttled_reads_rise_and_change_nothing(fleet: Fleet, faults: Faults) -> None:
    device = register(fleet).device.device
    faults.throttle("GetItem")
    with pytest.raises(GetError):
        devices.get(fleet.caller, device)
    assert DeviceRecord.get(device, DEVICE).status == "INACTIVE"
