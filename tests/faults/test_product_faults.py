"""Crashes, lost answers, conflicts and throttling around products, data points, firmware and rules."""

import msgspec
import pytest

from chalicelib.core import (
    applications,
    data_points,
    devices,
    firmwares,
    product_changes,
    products,
    registration,
    removal,
    rules,
)
from chalicelib.core.data_points import Changes as PointChanges
from chalicelib.core.errors import DeviceNotFound, ProductNotFound, ProductReleased, TooManyRules
from chalicelib.core.product_changes import Changes
from chalicelib.core.rules import Channel, Destination
from chalicelib.core.things import DataType, ThingModel
from chalicelib.store.counters import CounterRecord
from chalicelib.store.firmwares import FirmwareRecord
from chalicelib.store.outbox import EventRecord
from chalicelib.store.products import AliasRecord
from chalicelib.store.subscriptions import RuleRecord, SubscriptionCountRecord, counted
from tests.support.clock import FakeClock
from tests.support.faults import TRANSACTION, Crash, Faults
from tests.support.fleet import Fleet, make_fleet
from tests.support.queues import WorkQueue

ENQUEUE = "SendMessageBatch"
QUEUE = Destination(Channel.QUEUE)
FACTS = firmwares.Facts("m", 1, "http://files.example/1", "0" * 32, 1, "", 0, False)


@pytest.fixture
def fleet(aws: None) -> Fleet:
    return make_fleet()


@pytest.fixture
def faults(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> Faults:
    monkeypatch.setattr("chalicelib.store.transactions.pause", lambda attempt: None)
    return Faults.installed(monkeypatch)


def deleted(fleet: Fleet) -> bool:
    products.forget()
    return products.load(fleet.product.id) is None


@pytest.mark.parametrize("at", [ENQUEUE, TRANSACTION])
def test_a_deletion_that_dies_leaves_the_product_whole(
    fleet: Fleet, faults: Faults, work: WorkQueue, clock: FakeClock, at: str
) -> None:
    firmwares.create(fleet.product.id, FACTS)
    aliases = {each.name for each in AliasRecord.scan()}
    faults.crash(at)
    with pytest.raises(Crash):
        product_changes.delete(fleet.tenant, fleet.product.id)
    work.waiting()
    clock.advance(120)
    work.run()
    assert not work.failures
    assert not deleted(fleet)
    assert {each.name for each in AliasRecord.scan()} == aliases
    assert len(list(FirmwareRecord.scan())) == 1


@pytest.mark.parametrize("fault", ["lost answer", "conflict"])
def test_a_deletion_happens_once(fleet: Fleet, faults: Faults, fault: str) -> None:
    faults.lose_answer(TRANSACTION) if fault == "lost answer" else faults.conflict(3)
    for event in EventRecord.scan():
        event.delete()
    product_changes.delete(fleet.tenant, fleet.product.id)
    assert faults.met
    assert deleted(fleet)
    assert len(list(EventRecord.scan())) == 1


def test_a_device_that_was_registered_just_before_the_deletion_is_not_left(
    fleet: Fleet, faults: Faults, work: WorkQueue, clock: FakeClock
) -> None:
    """Its item is written once the deletion has looked for devices."""
    new = registration.NewDevice("late", registration.BY_SECRET, product=fleet.product.id)
    made = []
    faults.before(ENQUEUE, lambda: made.append(registration.register(fleet.caller, new).device.device))
    product_changes.delete(fleet.tenant, fleet.product.id)
    work.waiting()
    clock.advance(120)
    work.run()
    with pytest.raises(DeviceNotFound):
        devices.get(fleet.caller, made[0])
    assert not work.failures
    assert not [each.name for each in AliasRecord.scan() if each.target == made[0]]


def test_a_clearing_that_dies_is_finished_by_its_repetition(
    fleet: Fleet, faults: Faults, work: WorkQueue, clock: FakeClock
) -> None:
    for version in (1, 2, 3):
        firmwares.create(fleet.product.id, msgspec.structs.replace(FACTS, version=version))
    applications.create_application(fleet.tenant, "other")
    rules.create(fleet.caller, "xlink", fleet.product.id, {"1"}, QUEUE)
    product_changes.delete(fleet.tenant, fleet.product.id)
    work.waiting()
    clock.advance(120)
    faults.crash(TRANSACTION, skip=2)
    work.run()
    assert len(work.failures) == 1
    clock.advance(120)
    work.run()
    assert not list(FirmwareRecord.scan())
    assert not [each for each in RuleRecord.scan() if each.item.startswith("R#")]
    assert not [each for each in CounterRecord.scan() if each.name.startswith("firmwares#")]
    count = SubscriptionCountRecord.find(fleet.application, counted("xlink"))
    assert count is not None
    assert int(count.count_) == 0


def test_more_devices_than_one_look_takes(
    fleet: Fleet, work: WorkQueue, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(product_changes, "DEVICES_AT_ONCE", 2)
    held = products.load(fleet.product.id)
    assert held is not None
    product_changes.delete(fleet.tenant, fleet.product.id)
    products._loaded[held.id] = (clock.at, held)
    made = [
        registration.register(
            fleet.caller, registration.NewDevice(f"n{number}", registration.BY_SECRET, product=held.id)
        ).device.device
        for number in range(5)
    ]
    work.waiting()
    for _ in range(20):
        clock.advance(60)
        work.run()
    for device in made:
        with pytest.raises(DeviceNotFound):
            devices.get(fleet.caller, device)
    assert not work.failures
    assert not work.waiting()


def test_a_release_whose_answer_was_lost_is_one_release(fleet: Fleet, faults: Faults) -> None:
    faults.lose_answer(TRANSACTION)
    assert product_changes.change(fleet.tenant, fleet.product.id, Changes(released=True)).released
    with pytest.raises(ProductReleased):
        product_changes.change(fleet.tenant, fleet.product.id, Changes(name="x"))


def test_a_point_whose_answer_was_lost_is_one_point(fleet: Fleet, faults: Faults) -> None:
    faults.lose_answer(TRANSACTION)
    product = products.create(fleet.tenant, "p", ThingModel()).id
    faults.lose_answer(TRANSACTION)
    made = data_points.create(fleet.tenant, product, "level", DataType.BOOL, PointChanges(index=3))
    assert data_points.list_points(products.fresh(fleet.tenant, product)) == [made]


def test_a_rule_counts_once_whatever_happens_to_its_answer(
    fleet: Fleet, faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "MOST", 1)
    faults.lose_answer(TRANSACTION)
    made = rules.create(fleet.caller, "xlink", fleet.product.id, {"1"}, QUEUE)
    with pytest.raises(TooManyRules):
        rules.create(fleet.caller, "xlink", fleet.product.id, {"1"}, QUEUE)
    faults.lose_answer("UpdateItem")
    rules.replace(fleet.caller, "xlink", fleet.product.id, made.id, {"2"}, QUEUE)
    faults.lose_answer(TRANSACTION)
    rules.delete(fleet.caller, "xlink", fleet.product.id, made.id)
    rules.create(fleet.caller, "xlink", fleet.product.id, {"1"}, QUEUE)


def test_deleting_a_product_and_its_last_device_at_once(fleet: Fleet, faults: Faults) -> None:
    """The device goes between the look and the deletion: nothing is in the way."""
    new = registration.NewDevice("n", registration.BY_SECRET, product=fleet.product.id)
    device = registration.register(fleet.caller, new).device.device
    faults.before("Query", lambda: removal.delete(fleet.caller, device))
    product_changes.delete(fleet.tenant, fleet.product.id)
    with pytest.raises(ProductNotFound):
        products.fresh(fleet.tenant, fleet.product.id)
