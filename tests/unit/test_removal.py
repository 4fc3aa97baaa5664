"""Deletion: gone at once for apps, cleaned up by jobs that may crash and come again."""

import json

import pytest

from chalicelib.core import children, devices, registration, removal
from chalicelib.core.errors import DeviceNotFound
from chalicelib.core.products import NodeType
from chalicelib.store import counters
from chalicelib.store.devices import DEVICE, DeviceItem, DeviceRecord
from chalicelib.store.history import HistoryRecord
from chalicelib.store.outbox import EventRecord
from tests.conftest import Calls
from tests.support.clock import FakeClock
from tests.support.faults import Crash, Faults
from tests.support.fleet import Fleet, make_fleet, make_product
from tests.support.iot import FakeIot
from tests.support.mqtt import Mqtt
from tests.support.queues import WorkQueue


@pytest.fixture
def fleet(aws: None) -> Fleet:
    return make_fleet()


@pytest.fixture
def work(iot: FakeIot, clock: FakeClock) -> WorkQueue:
    return WorkQueue(clock)


def register(fleet: Fleet, node_id: str, product: str | None = None) -> registration.Registered:
    new = registration.NewDevice(node_id, registration.BY_SECRET, product=product or fleet.product.id)
    return registration.register(fleet.caller, new)


def gateway_with(fleet: Fleet, count: int) -> tuple[str, list[str]]:
    product = make_product(fleet.tenant, NodeType.GATEWAY, model="G1")
    gateway = register(fleet, "gateway", product.id).device.device
    below = [register(fleet, f"child-{number}").device.device for number in range(count)]
    for child in below:
        DeviceRecord(child, DEVICE).update([DeviceRecord.gateway.set(gateway)])
    return gateway, below


def total(fleet: Fleet) -> int:
    return counters.total(registration.total_name(fleet.application))


def told(device: str) -> list[str]:
    return [event.type for event in EventRecord.query(device)]


def exists(fleet: Fleet, device: str) -> bool:
    try:
        devices.get(fleet.caller, device)
    except DeviceNotFound:
        return False
    return True


def test_a_deleted_device_is_gone_at_once_and_its_name_is_free(
    fleet: Fleet, work: WorkQueue, calls: Calls
) -> None:
    device = register(fleet, "a").device.device
    calls.clear()
    removal.delete(fleet.caller, device)
    assert calls.made == ["dynamodb.BatchGetItem", "dynamodb.TransactWriteItems", "sqs.SendMessageBatch"]
    assert not exists(fleet, device)
    assert total(fleet) == 0
    assert sorted(told(device)) == ["device.added", "device.deleted"]
    with pytest.raises(DeviceNotFound):
        removal.delete(fleet.caller, device)
    register(fleet, "a")


def test_the_purge_leaves_nothing_and_may_come_twice(fleet: Fleet, work: WorkQueue, iot: FakeIot) -> None:
    made = register(fleet, "a")
    mqtt = Mqtt(made.device.device, made.secret)
    iot.connect(mqtt.client)
    mqtt.connect()
    mqtt.report("Meter", {"level": 1})
    removal.delete(fleet.caller, mqtt.name)
    assert "purge" in work.run()
    assert list(DeviceItem.query(mqtt.name)) == []
    assert list(HistoryRecord.query(mqtt.name)) == []
    assert (iot.ended, iot.clients) == ([mqtt.client], {})
    removal.purge(mqtt.name)
    alive = register(fleet, "b").device.device
    removal.purge(alive)
    assert exists(fleet, alive)


def test_a_purge_lost_by_a_crash_is_sent_again_by_the_sweep(
    fleet: Fleet, work: WorkQueue, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = register(fleet, "a").device.device
    Faults.installed(monkeypatch).crash("SendMessageBatch")
    with pytest.raises(Crash):
        removal.delete(fleet.caller, device)
    assert not exists(fleet, device)
    clock.advance(599)
    registration.sweep()
    assert work.waiting() == []
    clock.advance(1)
    registration.sweep()
    registration.sweep()
    assert work.waiting() == [{"job": "purge", "device": device}]
    work.run()
    assert list(DeviceItem.query(device)) == []


@pytest.mark.parametrize("call", ["BatchWriteItem", "DeleteItem"])
def test_a_purge_that_crashes_goes_on(
    fleet: Fleet, work: WorkQueue, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    made = register(fleet, "a")
    mqtt = Mqtt(made.device.device, made.secret)
    mqtt.connect()
    mqtt.report("Meter", {"level": 1})
    removal.delete(fleet.caller, mqtt.name)
    Faults.installed(monkeypatch).crash(call)
    work.run()
    assert len(work.failures) == 1
    clock.advance(121)
    work.run()
    assert list(DeviceItem.query(mqtt.name)) == []


def test_a_long_history_is_purged_in_several_jobs(
    fleet: Fleet, work: WorkQueue, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(removal, "ERASED_AT_ONCE", 4)
    made = register(fleet, "a")
    mqtt = Mqtt(made.device.device, made.secret)
    mqtt.connect()
    for level in range(9):
        mqtt.report("Meter", {"level": level})
    removal.delete(fleet.caller, mqtt.name)
    assert work.run().count("purge") >= 3
    assert list(HistoryRecord.query(mqtt.name)) == []
    assert list(DeviceItem.query(mqtt.name)) == []


def test_children_go_with_their_gateway(fleet: Fleet, work: WorkQueue, clock: FakeClock) -> None:
    gateway, below = gateway_with(fleet, 3)
    removal.delete(fleet.caller, gateway)
    assert not any(exists(fleet, each) for each in [gateway, *below])
    assert "device.deleted" in told(below[0])
    assert total(fleet) == 0
    work.run()
    clock.advance(11)
    work.run()
    assert list(DeviceRecord.scan()) == []


def test_or_they_become_direct_devices(fleet: Fleet, work: WorkQueue) -> None:
    gateway, below = gateway_with(fleet, 3)
    removal.delete(fleet.caller, gateway, cascade=False)
    for each in below:
        assert devices.get(fleet.caller, each).gateway == each
        assert sorted(told(each)) == ["device.added", "device.changed"]
    assert total(fleet) == 3


@pytest.mark.parametrize("cascade", [True, False])
def test_more_children_than_one_call_takes_are_left_to_the_purge(
    fleet: Fleet, work: WorkQueue, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, cascade: bool
) -> None:
    monkeypatch.setattr(removal, "CHILDREN_AT_ONCE", 4)
    gateway, below = gateway_with(fleet, 11)
    removal.delete(fleet.caller, gateway, cascade=cascade)
    for _ in range(4):
        work.run()
        clock.advance(11)
    work.run()
    assert work.failures == []
    assert [exists(fleet, each) for each in below] == [not cascade] * 11
    assert all(cascade or devices.get(fleet.caller, each).gateway == each for each in below)
    assert list(DeviceItem.query(gateway)) == []


def test_a_child_the_index_showed_late_is_found_by_the_purge(
    fleet: Fleet, work: WorkQueue, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway, below = gateway_with(fleet, 1)
    with monkeypatch.context() as lagging:
        lagging.setattr(children, "children_of", lambda *_: iter(()))
        removal.delete(fleet.caller, gateway)
        work.run()
    assert exists(fleet, below[0])
    clock.advance(11)
    work.run()
    assert not exists(fleet, below[0])


def test_a_child_that_moved_meanwhile_is_left_alone(fleet: Fleet, work: WorkQueue) -> None:
    gateway, below = gateway_with(fleet, 1)
    DeviceRecord(below[0], DEVICE).update([DeviceRecord.gateway.set("f" * 32)])
    removal.settle_child(below[0], gateway, cascade=True)
    assert exists(fleet, below[0])


def test_a_device_renamed_while_it_is_deleted_is_deleted_with_its_new_name(
    fleet: Fleet, work: WorkQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chalicelib.core import renewal

    made = register(fleet, "a")
    Mqtt(made.device.device, made.secret).connect()
    device = made.device.device
    DeviceRecord(device, DEVICE).update([DeviceRecord.status.set("OFFLINE")])
    Faults.installed(monkeypatch).before(
        "TransactWriteItems", lambda: renewal.refresh(fleet.caller, device, "b", None, 0)
    )
    removal.delete(fleet.caller, device)
    register(fleet, "b")
    register(fleet, "a")


def test_of_two_who_delete_at_once_one_finds_nothing(
    fleet: Fleet, work: WorkQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = register(fleet, "a").device.device
    Faults.installed(monkeypatch).before("TransactWriteItems", lambda: removal.delete(fleet.caller, device))
    with pytest.raises(DeviceNotFound):
        removal.delete(fleet.caller, device)
    assert total(fleet) == 0
    assert told(device).count("device.deleted") == 1
    assert json.loads(next(iter(EventRecord.query(device))).data)["device"]["device"] == device
