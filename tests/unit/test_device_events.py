"""Events of devices: what is kept and told, in which order it is read, what it costs, whom it is refused."""

import json
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.core import clock as core_clock
from chalicelib.core import device_events, devices, history, modification, products, registration, removal
from chalicelib.core.device_events import Told
from chalicelib.core.devices import Device
from chalicelib.core.modification import Changes
from chalicelib.core.telemetry import Report
from chalicelib.core.things import DataType, Event, Parameter, Service, ThingModel
from chalicelib.store.devices import DEVICE, DeviceRecord
from chalicelib.store.history import HistoryRecord, OccurredRecord
from chalicelib.store.outbox import EventRecord
from tests.conftest import Calls
from tests.support.clock import FakeClock
from tests.support.fleet import Fleet, make_fleet
from tests.support.queues import WorkQueue

FAULT = Event("Fault", "error", parameters=(Parameter("code", DataType.INT, min="0", max="99"),))
MODEL = ThingModel(
    (
        Service("", events=(FAULT, Event("Note", parameters=()))),
        Service("Engine", events=(Event("Fault", "alert"), Event("Stall"))),
    )
)


@pytest.fixture
def fleet(aws: None) -> Fleet:
    made = make_fleet()
    return replace(made, product=products.create(made.tenant, "Boiler", MODEL))


@pytest.fixture
def device(fleet: Fleet) -> str:
    return register(fleet, "boiler-1")


def register(fleet: Fleet, node: str, **more: Any) -> str:
    new = registration.NewDevice(node, registration.BY_SECRET, product=fleet.product.id, **more)
    return registration.register(fleet.caller, new).device.device


def tell(
    device: str,
    values: dict[str, Any] | None = None,
    at: int | None = None,
    *,
    event: str = "Fault",
    service: str = "",
    message: str | None = None,
    speaker: str | None = None,
) -> device_events.Outcome:
    name = message or f"m-{len(list(EventRecord.query(device)))}"
    said = Report(device, speaker or device, (), name, core_clock.now())
    return device_events.note(Told(said, service, event, {} if values is None else values, at))


def found(fleet: Fleet, device: str) -> Device:
    return devices.get(fleet.caller, device)


def told(device: str) -> list[dict[str, Any]]:
    return [json.loads(each.data) for each in EventRecord.query(device) if each.type == "event.reported"]


def codes(fleet: Fleet, device: str, *, start: int = 0, end: int = 2**41, **more: Any) -> list[int]:
    asked = {"newest_first": False, "limit": 200} | more
    entries, _ = device_events.timeline(found(fleet, device), "", "Fault", start, end, **asked)
    return [each.data["code"] for each in entries]


def test_an_event_is_kept_told_and_contact(fleet: Fleet, device: str, clock: FakeClock) -> None:
    assert tell(device, {"code": 7}) == device_events.Outcome()
    assert [(each["event"], each["type"], each["data"], each["at"]) for each in told(device)] == [
        ("Fault", "error", {"code": 7}, clock.at)
    ]
    assert told(device)[0]["device"]["device"] == device
    entries, place = device_events.timeline(
        found(fleet, device), "", "Fault", clock.at, clock.at, newest_first=True, limit=10
    )
    assert [(e.service, e.event, e.type, e.data, e.at) for e in entries] == [
        ("", "Fault", "error", {"code": 7}, clock.at)
    ]
    assert place is None
    assert found(fleet, device).activated
    assert found(fleet, device).status is devices.Status.ONLINE


def test_an_event_costs_one_read_and_one_transaction(device: str, calls: Calls) -> None:
    tell(device, {"code": 1})
    calls.clear()
    tell(device, {"code": 2}, message="second")
    assert calls.made == ["dynamodb.BatchGetItem", "dynamodb.TransactWriteItems"]


def test_a_repeat_of_the_message_changes_nothing(fleet: Fleet, device: str, clock: FakeClock) -> None:
    tell(device, {"code": 1}, message="m")
    tell(device, {"code": 1}, message="m")
    assert codes(fleet, device) == [1]
    assert len(told(device)) == 1


def test_reports_and_events_do_not_show_in_each_other(fleet: Fleet, device: str) -> None:
    tell(device, {"code": 1})
    _, page = history.page(fleet.caller, device, None, 0, 10)
    assert page.items == []


def test_a_timeline_is_of_one_event_between_two_times(fleet: Fleet, device: str, clock: FakeClock) -> None:
    base = clock.at - 10_000
    for number in range(6):
        tell(device, {"code": number}, base + number * 1000)
    tell(device, event="Note", at=base + 1500)
    tell(device, event="Fault", service="Engine", at=base + 1500)
    assert codes(fleet, device) == [0, 1, 2, 3, 4, 5]
    assert codes(fleet, device, start=base + 1000, end=base + 3000) == [1, 2, 3]
    assert codes(fleet, device, start=base + 1001, end=base + 2999) == [2]
    assert codes(fleet, device, newest_first=True, limit=2) == [5, 4]
    assert codes(fleet, device, start=5, end=4) == []


@pytest.mark.parametrize("newest_first", [True, False])
def test_a_timeline_goes_on_where_it_stopped(
    fleet: Fleet, device: str, clock: FakeClock, *, newest_first: bool
) -> None:
    for number in range(7):
        tell(device, {"code": number}, clock.at - 7000 + number * 1000)
    seen: list[int] = []
    place: str | None = None
    for _ in range(10):
        entries, place = device_events.timeline(
            found(fleet, device), "", "Fault", 0, clock.at, newest_first=newest_first, limit=3, place=place
        )
        seen += [each.data["code"] for each in entries]
        if place is None:
            break
    assert seen == sorted(range(7), reverse=newest_first)


def test_two_events_in_one_millisecond_are_both_kept(fleet: Fleet, device: str, clock: FakeClock) -> None:
    tell(device, {"code": 1}, clock.at)
    tell(device, {"code": 2}, clock.at)
    assert sorted(codes(fleet, device)) == [1, 2]


def test_the_latest_is_by_the_events_time_not_by_its_arrival(
    fleet: Fleet, device: str, clock: FakeClock, calls: Calls
) -> None:
    tell(device, {"code": 2}, clock.at)
    tell(device, {"code": 1}, clock.at - 1000)
    tell(device, event="Stall", service="Engine")
    known = found(fleet, device)
    calls.clear()
    wanted = [("", "Fault"), ("Engine", "Fault"), ("Engine", "Stall")]
    newest = device_events.latest(known, wanted)
    assert calls.made == ["dynamodb.BatchGetItem"]
    assert {name: each.data for name, each in newest.items()} == {
        ("", "Fault"): {"code": 2},
        ("Engine", "Stall"): {},
    }
    assert newest["Engine", "Stall"].type == "info"


def test_what_is_too_old_is_neither_kept_nor_read(fleet: Fleet, device: str, clock: FakeClock) -> None:
    tell(device, {"code": 1}, clock.at - 8 * core_clock.DAY)
    assert list(OccurredRecord.query(device)) == []
    tell(device, {"code": 2})
    clock.advance(7 * core_clock.DAY // 1000)
    assert codes(fleet, device) == []
    assert device_events.latest(found(fleet, device), [("", "Fault")]) == {}


def test_a_shorter_ageing_hides_at_once(fleet: Fleet, device: str, clock: FakeClock) -> None:
    tell(device, {"code": 1}, clock.at - 2 * core_clock.DAY)
    modification.modify(fleet.caller, device, Changes(ageing=1))
    assert codes(fleet, device) == []
    assert device_events.latest(found(fleet, device), [("", "Fault")]) == {}


def test_values_are_judged_one_by_one(fleet: Fleet, device: str) -> None:
    outcome = tell(device, {"code": 100, "more": 1})
    assert outcome.known
    assert len(outcome.problems) == 2
    assert told(device)[0]["data"] == {}


def test_an_unknown_event_leaves_nothing(device: str) -> None:
    before = len(list(EventRecord.query(device)))
    assert tell(device, event="Nothing").known is False
    assert tell(device, event="Stall").known is False, "of another service"
    assert len(list(EventRecord.query(device))) == before
    assert list(OccurredRecord.query(device)) == []


def test_a_schemaless_product_takes_any_event(fleet: Fleet) -> None:
    bare = products.create(fleet.tenant, "Anything", ThingModel())
    device = register(replace(fleet, product=bare), "any-1")
    assert tell(device, {"x": [1]}, event="Whatever") == device_events.Outcome()
    assert told(device)[0]["type"] == "info"


def test_only_the_device_or_its_present_gateway_tells(fleet: Fleet, device: str) -> None:
    other = register(fleet, "boiler-2")
    assert tell(device, {"code": 1}, speaker=other).refused
    record = DeviceRecord.get(device, DEVICE)
    record.update([DeviceRecord.gateway.set(other)])
    assert not tell(device, {"code": 1}, speaker=other).refused
    record.update([DeviceRecord.gateway.set(device)])
    assert tell(device, {"code": 2}, speaker=other).refused
    assert codes(fleet, device) == [1]


def test_a_deleted_device_tells_nothing_and_leaves_nothing(
    fleet: Fleet, device: str, work: WorkQueue, clock: FakeClock
) -> None:
    tell(device, {"code": 1})
    removal.delete(fleet.caller, device)
    assert tell(device, {"code": 2}).refused
    removal.purge(device)
    assert list(HistoryRecord.query(device)) == []


def test_another_event_that_comes_between_is_not_lost(
    fleet: Fleet, device: str, monkeypatch: pytest.MonkeyPatch, clock: FakeClock
) -> None:
    store, between = device_events._store, [True]

    def slow(*given: Any) -> device_events.Outcome:
        if between and between.pop():
            tell(device, {"code": 2}, clock.at, message="quick")
        return store(*given)

    monkeypatch.setattr(device_events, "_store", slow)
    tell(device, {"code": 1}, clock.at - 1, message="slow")
    assert codes(fleet, device) == [1, 2]
    assert device_events.latest(found(fleet, device), [("", "Fault")])["", "Fault"].data == {"code": 2}
