"""Imports: a list is accepted as a whole, and each of its devices registered once, whatever dies."""

from typing import Any

import pytest

from chalicelib.core import applications, imports, product_devices, products, registration
from chalicelib.core.applications import Caller
from chalicelib.core.errors import InvalidInput, ProductNotFound
from chalicelib.core.registration import BY_SECRET, NewDevice
from chalicelib.handlers import queues as handler
from chalicelib.store import counters
from chalicelib.store.devices import CREDENTIALS, DEVICE, DeviceItem, DeviceRecord
from chalicelib.store.imports import ImportRecord
from chalicelib.store.outbox import EventRecord
from chalicelib.store.products import AliasRecord, ProductRecord
from tests.conftest import Calls
from tests.support.clock import FakeClock
from tests.support.faults import Crash, Faults
from tests.support.fleet import Fleet, make_fleet
from tests.support.mqtt import Mqtt
from tests.support.queues import WorkQueue


@pytest.fixture
def fleet(aws: None) -> Fleet:
    return make_fleet()


def macs(amount: int, start: int = 0) -> list[str]:
    return [f"{number:012X}" for number in range(start, start + amount)]


def accept(fleet: Fleet, names: list[str], caller: Caller | None = None) -> str:
    return imports.accept(caller or fleet.caller, fleet.product.id, names)


def device_of(fleet: Fleet, mac: str) -> str | None:
    alias = registration.mac_alias(mac, fleet.product.id, "")
    held = AliasRecord.find(alias.name, alias.scope)
    return held.target if held else None


def devices_of(fleet: Fleet) -> list[DeviceRecord]:
    return list(DeviceRecord.by_product.query(fleet.product.id))


def totals(fleet: Fleet, owner: str | None = None) -> tuple[int, int]:
    owner = owner or fleet.application
    return (
        counters.total(registration.total_name(owner)),
        counters.total(registration.total_name(owner, fleet.product.id)),
    )


def parts() -> list[ImportRecord]:
    return [part for number in range(4) for part in ImportRecord.by_deadline.query(f"import#{number}")]


def exactly(fleet: Fleet, amount: int) -> None:
    """Each of the first so many MAC addresses has one device, complete and counted and told once."""
    found = devices_of(fleet)
    assert sorted(record.mac_key for record in found) == macs(amount)
    assert {device_of(fleet, record.mac_key) for record in found} == {record.device for record in found}
    assert totals(fleet) == (amount, amount)
    for record in found:
        assert DeviceItem.get(record.device, CREDENTIALS)
        assert [event.type for event in EventRecord.query(record.device)] == ["device.added"]
    assert parts() == []


def test_a_list_is_stored_at_one_go_and_worked_later(fleet: Fleet, work: WorkQueue, calls: Calls) -> None:
    products.load(fleet.product.id)
    calls.clear()
    accept(fleet, macs(101))
    assert calls.made == ["dynamodb.TransactWriteItems", "sqs.SendMessageBatch"]
    assert devices_of(fleet) == []
    assert len(parts()) == 2
    assert work.run() == ["import"] * 2
    exactly(fleet, 101)


def test_ten_thousand_are_one_transaction_and_ten_messages_of_ten(
    fleet: Fleet, work: WorkQueue, calls: Calls
) -> None:
    products.load(fleet.product.id)
    calls.clear()
    accept(fleet, macs(imports.MOST))
    assert calls.made == ["dynamodb.TransactWriteItems", *["sqs.SendMessageBatch"] * 10]
    assert len(work.waiting()) == len(parts()) == 100


def test_a_part_costs_a_transaction_for_sixteen_devices(fleet: Fleet, work: WorkQueue, calls: Calls) -> None:
    accept(fleet, macs(100))
    work.waiting()
    calls.clear()
    work.run()
    assert calls.made == [
        *("dynamodb.GetItem", "dynamodb.BatchGetItem"),
        *["dynamodb.TransactWriteItems"] * 7,
        "dynamodb.DeleteItem",
    ]
    accept(fleet, macs(100))
    work.waiting()
    calls.clear()
    work.run()
    assert calls.made == ["dynamodb.GetItem", "dynamodb.BatchGetItem", "dynamodb.DeleteItem"]


def test_what_exists_is_left_as_it_is(fleet: Fleet, work: WorkQueue) -> None:
    sibling, _ = applications.create_application(fleet.tenant, "sibling")
    theirs = Caller(fleet.tenant, sibling.id, sibling.id)
    for caller, mac in ((fleet.caller, macs(1)[0]), (theirs, macs(1, 1)[0])):
        new = NewDevice(None, BY_SECRET, product=fleet.product.id, mac_key=mac, name="mine")
        registration.register(caller, new)
    before = {mac: device_of(fleet, mac) for mac in macs(2)}
    accept(fleet, macs(20))
    work.run()
    assert {mac: device_of(fleet, mac) for mac in macs(2)} == before
    assert [record.name for record in devices_of(fleet) if record.mac_key in macs(2)] == ["mine", "mine"]
    assert totals(fleet) == (19, 19)
    assert totals(fleet, sibling.id) == (1, 1)


def test_the_same_list_again_and_names_that_come_twice_add_nothing(fleet: Fleet, work: WorkQueue) -> None:
    accept(fleet, macs(20) * 2)
    accept(fleet, macs(20))
    work.run()
    exactly(fleet, 20)


def test_one_that_is_no_mac_address_refuses_all(fleet: Fleet, work: WorkQueue) -> None:
    for bad in ("", "0123456789A", "0123456789ABC", "0123456789aB", "0123456789AG", "01:23:45:67:8"):
        with pytest.raises(InvalidInput, match=r"\[2\]"):
            accept(fleet, [*macs(2), bad])
    for names in ([], macs(imports.MOST + 1)):
        with pytest.raises(InvalidInput):
            accept(fleet, names)
    assert (parts(), work.waiting()) == ([], [])


def test_into_another_tenants_product_nothing_is_imported(fleet: Fleet, work: WorkQueue) -> None:
    with pytest.raises(ProductNotFound):
        accept(fleet, macs(2), make_fleet("other").caller)
    assert (parts(), work.waiting()) == ([], [])


def test_a_list_whose_messages_were_lost_is_taken_up(
    fleet: Fleet, work: WorkQueue, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    Faults.installed(monkeypatch).crash("SendMessageBatch")
    with pytest.raises(Crash):
        accept(fleet, macs(101))
    assert imports.sweep() == 0
    clock.advance(imports.TAKEN_UP_AFTER / 1000)
    assert imports.sweep() == 2
    assert imports.sweep() == 0  # they are on their way
    work.run()
    exactly(fleet, 101)
    clock.advance(imports.TAKEN_UP_AFTER / 1000)
    assert imports.sweep() == 0


CRASHES = [
    *(("GetItem", 0), ("BatchGetItem", 0), ("DeleteItem", 0)),
    *(("TransactWriteItems", skip) for skip in range(3)),
]


@pytest.mark.parametrize(("operation", "skip"), CRASHES)
@pytest.mark.parametrize("kind", ["crash", "cut"])
def test_a_worker_that_dies_leaves_nothing_half_done(
    fleet: Fleet,
    work: WorkQueue,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
    operation: str,
    skip: int,
    kind: str,
) -> None:
    """Before the call, and after it."""
    accept(fleet, macs(40))
    work.waiting()
    faults = Faults.installed(monkeypatch)
    getattr(faults, kind)(operation, skip=skip)
    work.run()
    assert (faults.met, len(work.failures)) == (1, 1)
    assert {record.mac_key for record in devices_of(fleet)} in [set(macs(n)) for n in (0, 16, 32, 40)]
    clock.advance(120)
    work.run()
    exactly(fleet, 40)


def test_a_message_that_comes_twice_and_two_lists_with_the_same_names(fleet: Fleet, work: WorkQueue) -> None:
    accept(fleet, macs(30))
    accept(fleet, macs(40)[10:])
    for job in work.waiting():
        for _ in range(2):
            imports.perform(job["part"])
    work.run()
    exactly(fleet, 40)


def test_one_that_is_added_meanwhile_does_not_keep_the_others(
    fleet: Fleet, work: WorkQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept(fleet, macs(40))
    work.waiting()

    def add() -> None:
        new = NewDevice(None, BY_SECRET, product=fleet.product.id, mac_key=macs(1, 20)[0])
        registration.register(fleet.caller, new)

    faults = Faults.installed(monkeypatch)
    faults.before("TransactWriteItems", add, skip=1)
    work.run()
    assert (faults.met, work.failures) == (1, [])
    exactly(fleet, 40)


def test_two_workers_of_one_part_at_a_time(
    fleet: Fleet, work: WorkQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept(fleet, macs(40))
    part = work.waiting()[0]["part"]
    faults = Faults.installed(monkeypatch)
    faults.before("TransactWriteItems", lambda: imports.perform(part), skip=1)
    work.run()
    assert (faults.met, work.failures) == (1, [])
    exactly(fleet, 40)


def test_a_random_number_that_is_taken_is_drawn_again(
    fleet: Fleet, work: WorkQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chalicelib.core import ids

    drawn = iter([7, 7, 8, 9, *range(100, 200)])
    monkeypatch.setattr(ids, "number", lambda: next(drawn))
    new = NewDevice(None, BY_SECRET, product=fleet.product.id, mac_key=macs(1)[0])
    registration.register(fleet.caller, new)
    accept(fleet, macs(3))
    work.run()
    exactly(fleet, 3)


def test_an_import_into_a_product_that_is_gone_ends(fleet: Fleet, work: WorkQueue, clock: FakeClock) -> None:
    accept(fleet, macs(3))
    ProductRecord(fleet.product.id).delete()
    clock.advance(60)
    work.run()
    assert (work.failures, parts(), devices_of(fleet)) == ([], [], [])


def test_progress_is_logged_without_the_names(
    fleet: Fleet, work: WorkQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[dict[str, Any]] = []

    class Log:
        def info(self, text: str, extra: dict[str, Any]) -> None:
            said.append({"text": text, **extra})

    monkeypatch.setattr(imports, "logger", Log)
    ident = accept(fleet, macs(120))
    accept(fleet, macs(1))
    work.run()
    assert said[0] == {"text": "devices to import", "import": ident, "count": 120}
    assert [(line["part"], line["parts"], line["added"], line["known"]) for line in said[2:]] == [
        (0, 2, 100, 0),
        (1, 2, 20, 0),
        (0, 1, 0, 1),
    ]


def test_the_job_is_known_to_the_queue() -> None:
    assert handler.JOBS[imports.IMPORT] == ("imports", "perform")


def test_the_device_is_ready_to_log_in(fleet: Fleet, work: WorkQueue) -> None:
    accept(fleet, macs(1))
    work.run()
    device = device_of(fleet, macs(1)[0])
    record = DeviceRecord.get(device, DEVICE)
    shown = product_devices.get(fleet.caller, fleet.product.id, int(record.number))
    assert (len(shown.secret), len(shown.psk)) == (32, 32)
    Mqtt(record.device, shown.secret).connect()
    assert DeviceRecord.get(device, DEVICE).status == "ONLINE"
