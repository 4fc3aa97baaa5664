"""Reports: what is kept, what is told, what it costs, and what races cannot lose."""

import json
from typing import Any

import pytest

from chalicelib.core import clock as core_clock
from chalicelib.core import history, modification, registration, telemetry
from chalicelib.core.modification import Changes
from chalicelib.core.telemetry import Report, Reported
from chalicelib.core.things import DataType, Property, Service, ThingModel
from chalicelib.store.devices import DEVICE, LINK, QUEUE, DeviceRecord, LinkRecord, QueueRecord, ShadowRecord
from chalicelib.store.history import HistoryRecord
from chalicelib.store.outbox import EventRecord
from chalicelib.store.transactions import Contention
from tests.conftest import Calls
from tests.support.clock import FakeClock
from tests.support.faults import Faults
from tests.support.fleet import Fleet, make_fleet
from tests.support.queues import WorkQueue


@pytest.fixture
def fleet(aws: None) -> Fleet:
    return make_fleet()


@pytest.fixture
def device(fleet: Fleet) -> str:
    new = registration.NewDevice("meter-1", registration.BY_SECRET, product=fleet.product.id)
    return registration.register(fleet.caller, new).device.device


def send(
    device: str,
    values: dict[str, Any],
    at: int | None = None,
    *,
    message: str | None = None,
    service: str = "Meter",
    **more: Any,
) -> telemetry.Outcome:
    given = (Reported(service, values, at),)
    name = message or f"m-{len(list(EventRecord.query(device)))}"
    return telemetry.report(
        Report(device, more.pop("speaker", device), given, name, core_clock.now(), **more)
    )


def shadow(device: str, service: str = "Meter") -> dict[str, Any]:
    return dict(json.loads(ShadowRecord.get(device, f"S#{service}").reported))


def events(device: str, kind: str = "data.reported") -> list[dict[str, Any]]:
    return [json.loads(event.data) for event in EventRecord.query(device) if event.type == kind]


def kept(device: str) -> list[dict[str, Any]]:
    return [json.loads(entry.data) for entry in HistoryRecord.query(device)]


def test_a_report_is_shadow_history_and_event(device: str, clock: FakeClock) -> None:
    outcome = send(device, {"level": 7, "flow": 1.0})
    assert (outcome.stored, outcome.dropped, outcome.problems) == (1, (), ())
    assert shadow(device) == {"level": 7, "flow": 1.0}
    assert '"flow":1.0' in ShadowRecord.get(device, "S#Meter").reported
    assert kept(device) == [{"level": 7, "flow": 1.0}]
    told = events(device)[0]
    assert told["device"]["device"] == device
    assert told["services"] == [
        {"service": "Meter", "type": "Meter", "data": {"level": 7, "flow": 1.0}, "at": clock.at}
    ]


def test_a_report_of_one_service_costs_one_read_and_one_transaction(device: str, calls: Calls) -> None:
    send(device, {"level": 1})
    calls.clear()
    send(device, {"level": 2}, message="second")
    assert [each for each in calls.made if each != "dynamodb.Query"] == [
        "dynamodb.BatchGetItem",
        "dynamodb.TransactWriteItems",
    ]


def test_the_first_report_activates_and_binds_once(device: str, clock: FakeClock) -> None:
    send(device, {"level": 1})
    send(device, {"level": 2})
    record = DeviceRecord.get(device, DEVICE)
    assert (record.activated, record.status, record.last_seen) == (True, "ONLINE", clock.at)
    assert [event["result"] for event in events(device, "device.bound")] == ["succeeded"]
    assert len(events(device, "device.changed")) == 1


def test_last_seen_moves_now_and_then(device: str, clock: FakeClock) -> None:
    send(device, {"level": 1})
    first = clock.at
    clock.advance(299)
    send(device, {"level": 2})
    assert DeviceRecord.get(device, DEVICE).last_seen == first
    clock.advance(1)
    send(device, {"level": 3})
    assert DeviceRecord.get(device, DEVICE).last_seen == clock.at


def test_a_late_report_changes_only_fields_that_are_older_and_history_keeps_it(
    device: str, clock: FakeClock
) -> None:
    now = clock.at
    send(device, {"level": 2}, now)
    send(device, {"level": 1, "flow": 5}, now - 1000)
    assert shadow(device) == {"level": 2, "flow": 5}
    assert ShadowRecord.get(device, "S#Meter").at == now
    send(device, {"flow": 6}, now - 500)
    assert shadow(device) == {"level": 2, "flow": 6}
    assert len(kept(device)) == 3


def test_history_keeps_two_reports_of_one_moment(device: str, clock: FakeClock) -> None:
    send(device, {"level": 1}, clock.at)
    send(device, {"level": 2}, clock.at)
    assert sorted(each["level"] for each in kept(device)) == [1, 2]


@pytest.mark.parametrize("ageing", [None, 0])
def test_a_repeated_message_changes_nothing(device: str, fleet: Fleet, ageing: int | None) -> None:
    if ageing is not None:
        modification.modify(fleet.caller, device, Changes(ageing=ageing))
    send(device, {"level": 1}, message="one")
    send(device, {"level": 2}, message="two")
    before = len(list(EventRecord.query(device)))
    assert send(device, {"level": 1}, message="one").stored == 0
    assert shadow(device) == {"level": 2}
    assert len(list(EventRecord.query(device))) == before
    assert len(kept(device)) == (2 if ageing is None else 0)


def test_values_are_judged_by_the_model(device: str) -> None:
    outcome = send(device, {"level": 101, "flow": "565656", "more": 1})
    assert outcome.problems == ("Meter.level is above 100", "Meter.more is not in the model")
    assert shadow(device) == {"flow": "565656"}
    assert send(device, {"x": 1}, service="Unknown").dropped == ("Unknown",)
    assert ShadowRecord.find(device, "S#Unknown") is None
    assert len(events(device)) == 1


def test_one_message_may_name_a_service_twice_and_many_services(device: str, clock: FakeClock) -> None:
    services = tuple(Reported("Meter", {"level": n}, clock.at + n) for n in range(70))
    outcome = telemetry.report(Report(device, device, services, "many", clock.at))
    assert outcome.stored == 70
    assert shadow(device) == {"level": 69}
    assert sorted(each["level"] for each in kept(device)) == list(range(70))
    assert sum(len(event["services"]) for event in events(device)) == 70
    before = len(list(EventRecord.query(device)))
    telemetry.report(Report(device, device, services, "many", clock.at))
    assert len(list(EventRecord.query(device))) == before


def test_nothing_is_kept_of_a_muted_device(device: str, fleet: Fleet) -> None:
    modification.modify(fleet.caller, device, Changes(mute=True))
    assert send(device, {"level": 1}).stored == 0
    assert (ShadowRecord.find(device, "S#Meter"), kept(device), events(device)) == (None, [], [])
    modification.modify(fleet.caller, device, Changes(mute=False))
    assert send(device, {"level": 1}).stored == 1


def test_only_itself_and_its_present_gateway_speak_for_a_device(device: str) -> None:
    assert send(device, {"level": 1}, speaker="f" * 32).refused
    DeviceRecord(device, DEVICE).update([DeviceRecord.gateway.set("f" * 32)])
    assert send(device, {"level": 1}, speaker="f" * 32).stored == 1
    assert send(device, {"level": 1}, speaker="e" * 32).refused


def test_a_registration_that_is_over_reports_nothing(fleet: Fleet, clock: FakeClock) -> None:
    new = registration.NewDevice("m2", registration.BY_SECRET, product=fleet.product.id, timeout=60)
    brief = registration.register(fleet.caller, new).device.device
    clock.advance(60)
    assert send(brief, {"level": 1}).refused
    assert send("f" * 32, {"level": 1}).refused


def test_two_racing_reports_lose_nothing(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    send(device, {"level": 0})
    faults = Faults.installed(monkeypatch)
    faults.before("TransactWriteItems", lambda: send(device, {"flow": 9}, message="other"))
    send(device, {"level": 8}, message="mine")
    assert shadow(device) == {"level": 8, "flow": 9}
    assert len(kept(device)) == 3
    assert len(events(device)) == 3


def test_a_conflict_is_tried_again_and_a_lasting_one_is_told(
    device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chalicelib.store.transactions.pause", lambda attempt: None)
    faults = Faults.installed(monkeypatch)
    faults.conflict(3)
    assert send(device, {"level": 1}).stored == 1
    faults.conflict(8)
    with pytest.raises(Contention):
        send(device, {"level": 2})
    assert shadow(device) == {"level": 1}


def test_a_device_deleted_in_between_gets_nothing(
    device: str, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chalicelib.core import removal

    faults = Faults.installed(monkeypatch)
    faults.before("TransactWriteItems", lambda: removal.delete(fleet.caller, device))
    assert send(device, {"level": 1}).refused
    assert ShadowRecord.find(device, "S#Meter") is None


def test_a_full_shadow_takes_no_more_but_others_do(
    device: str, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chalicelib.core import products

    text = Property(name="text", data_type=DataType.STRING)
    products.set_model(fleet.tenant, fleet.product.id, ThingModel((Service("A", properties=(text,)),)))
    monkeypatch.setattr("chalicelib.core.shadow_documents.MOST_BYTES", 1000)
    assert send(device, {"text": "x" * 900}, service="A").stored == 1
    outcome = send(device, {"text": "x" * 1000}, service="A")
    assert (outcome.stored, outcome.problems) == (0, ("A has no room for more",))
    assert len(events(device)) == 1


def test_commands_that_wait_are_woken_also_by_a_repeat(device: str, clock: FakeClock) -> None:
    work = WorkQueue(clock)
    QueueRecord(device, QUEUE, waiting=["c1"]).save()
    send(device, {"level": 1}, message="one")
    send(device, {"level": 1}, message="one")
    assert [job["job"] for job in work.waiting()] == ["drain", "drain"]
    QueueRecord(device, QUEUE, waiting=["c1"], flying="c0").save()
    send(device, {"level": 2})
    assert len(work.waiting()) == 2


def test_a_report_sent_before_the_last_disconnection_brings_nobody_online(
    device: str, clock: FakeClock
) -> None:
    send(device, {"level": 1})
    link = {"client": "c", "dialect": "huawei", "topic_id": device, "session": "s", "ended": ["s"]}
    LinkRecord(device, LINK, since=clock.at + 100, online=False, **link).save()
    DeviceRecord(device, DEVICE).update([DeviceRecord.status.set("OFFLINE")])
    send(device, {"level": 2}, client="c")
    assert DeviceRecord.get(device, DEVICE).status == "OFFLINE"
    assert shadow(device) == {"level": 2}
    clock.advance(1)
    send(device, {"level": 3}, client="c", codec="json")
    assert DeviceRecord.get(device, DEVICE).status == "ONLINE"
    stored = LinkRecord.get(device, LINK)
    assert (stored.online, stored.codec) == (True, "json")


def test_history_is_read_newest_first(device: str, fleet: Fleet, clock: FakeClock) -> None:
    for level in range(3):
        clock.advance(1)
        send(device, {"level": level})
    _, page = history.page(fleet.caller, device, None, 0, 2)
    assert [entry.data["level"] for entry in page.items] == [2, 1]
