"""Silence: when a device turns ABNORMAL and OFFLINE, what is told, and what races cannot lose."""

import json

import pytest

from chalicelib.core import ageing, devices, registration, removal, telemetry
from chalicelib.core.telemetry import Report, Reported
from chalicelib.store.devices import DEVICE, DeviceRecord
from chalicelib.store.outbox import EventRecord
from tests.conftest import Calls
from tests.support.clock import FakeClock
from tests.support.fleet import Fleet, make_fleet
from tests.support.queues import WorkQueue

HOUR = 3600


@pytest.fixture
def fleet(aws: None) -> Fleet:
    return make_fleet()


@pytest.fixture
def device(fleet: Fleet, clock: FakeClock) -> str:
    """It has just reported for the first time."""
    new = registration.NewDevice("meter-1", registration.BY_SECRET, product=fleet.product.id)
    made = registration.register(fleet.caller, new).device.device
    report(made, clock)
    return made


def report(device: str, clock: FakeClock) -> None:
    telemetry.report(Report(device, device, (Reported("Meter", {"level": 1}),), f"m-{clock.at}", clock.at))


def record(device: str) -> DeviceRecord:
    return DeviceRecord.get(device, DEVICE)


def told(device: str) -> list[str]:
    """The statuses pushed, oldest first."""
    found = [event for event in EventRecord.query(device) if event.type == "device.changed"]
    return [json.loads(event.data)["device"]["status"] for event in found]


def sweep(work: WorkQueue, clock: FakeClock) -> None:
    ageing.sweep()
    clock.advance(0.001)  # events sort by the millisecond
    work.run()
    assert work.failures == []


def test_silence_makes_abnormal_after_25_hours_and_offline_after_49(
    device: str, work: WorkQueue, clock: FakeClock
) -> None:
    for hours, status in ((24.99, "ONLINE"), (0.02, "ABNORMAL"), (23.97, "ABNORMAL"), (0.03, "OFFLINE")):
        clock.advance(hours * HOUR)
        sweep(work, clock)
        assert record(device).status == status
    assert told(device) == ["ONLINE", "ABNORMAL", "OFFLINE"]
    assert record(device).status_detail == "TIME_OUT"
    assert record(device).silence is None
    clock.advance(1000 * HOUR)
    assert ageing.sweep() == 0


def test_a_report_does_not_move_the_look_the_look_does(
    device: str, work: WorkQueue, clock: FakeClock, calls: Calls
) -> None:
    first = record(device).silence
    clock.advance(20 * HOUR)
    report(device, clock)
    assert record(device).silence == first
    clock.advance(5 * HOUR)
    sweep(work, clock)
    assert record(device).silence == first + 20 * HOUR * 1000
    assert told(device) == ["ONLINE"]
    clock.advance(19 * HOUR)
    calls.clear()
    assert ageing.sweep() == 0
    assert calls.made == ["dynamodb.Query"] * ageing.SHARDS


def test_what_is_read_is_right_before_any_sweep(fleet: Fleet, device: str, clock: FakeClock) -> None:
    clock.advance(26 * HOUR)
    assert devices.get(fleet.caller, device).status is devices.Status.ABNORMAL
    clock.advance(24 * HOUR)
    found = devices.get_with_services(fleet.caller, device)[0]
    assert (found.status, found.status_detail) == (devices.Status.OFFLINE, "TIME_OUT")
    assert record(device).status == "ONLINE"


def test_a_report_brings_it_back_and_is_told(device: str, work: WorkQueue, clock: FakeClock) -> None:
    clock.advance(26 * HOUR)
    sweep(work, clock)
    clock.advance(1)
    report(device, clock)
    assert told(device) == ["ONLINE", "ABNORMAL", "ONLINE"]
    assert record(device).silence == clock.at + 25 * HOUR * 1000


def test_a_report_that_comes_before_a_late_sweep_is_told_too(
    device: str, work: WorkQueue, clock: FakeClock
) -> None:
    """An app may have read ABNORMAL meanwhile."""
    clock.advance(26 * HOUR)
    report(device, clock)
    sweep(work, clock)
    assert told(device) == ["ONLINE", "ONLINE"]
    assert record(device).status == "ONLINE"


def test_a_report_between_reading_and_writing_of_the_look_wins(
    device: str, work: WorkQueue, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock.advance(26 * HOUR)
    look = ageing._look

    def overtaken(found: DeviceRecord) -> None:
        monkeypatch.setattr(ageing, "_look", look)
        report(device, clock)
        look(found)

    monkeypatch.setattr(ageing, "_look", overtaken)
    sweep(work, clock)
    assert record(device).status == "ONLINE"


def test_a_look_between_reading_and_writing_of_a_report_is_brought_back(
    device: str, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The report was read when the device was not yet overdue, and is written after the look."""
    clock.advance(25 * HOUR - 0.001)
    store = telemetry._store

    def overtaken(*given: object) -> object:
        monkeypatch.setattr(telemetry, "_store", store)
        clock.advance(0.001)
        ageing.look([device])
        assert record(device).status == "ABNORMAL"
        clock.advance(-0.001)
        return store(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(telemetry, "_store", overtaken)
    report(device, clock)
    assert record(device).status == "ONLINE"
    assert record(device).last_seen == clock.at


def test_looking_twice_tells_once(device: str, clock: FakeClock) -> None:
    clock.advance(26 * HOUR)
    for _ in range(3):
        ageing.look([device])
    assert told(device) == ["ONLINE", "ABNORMAL"]


def test_a_sweep_that_was_away_for_days_tells_the_last_state_only(
    device: str, work: WorkQueue, clock: FakeClock
) -> None:
    clock.advance(200 * HOUR)
    sweep(work, clock)
    assert told(device) == ["ONLINE", "OFFLINE"]


def test_devices_that_never_came_or_are_deleted_are_left_alone(
    fleet: Fleet, device: str, work: WorkQueue, clock: FakeClock
) -> None:
    new = registration.NewDevice("meter-2", registration.BY_SECRET, product=fleet.product.id)
    never = registration.register(fleet.caller, new).device.device
    removal.delete(fleet.caller, device)
    work.lose()  # the purge
    clock.advance(26 * HOUR)
    assert ageing.sweep() == 1
    work.run()
    assert record(device).status == "ONLINE"
    assert record(device).silence is None
    assert devices.get(fleet.caller, never).status is devices.Status.INACTIVE


def test_many_devices_take_few_jobs_and_one_that_fails_keeps_no_other(
    fleet: Fleet, work: WorkQueue, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    for number in range(6):
        new = registration.NewDevice(f"m-{number}", registration.BY_SECRET, product=fleet.product.id)
        made.append(registration.register(fleet.caller, new).device.device)
        report(made[-1], clock)
    clock.advance(26 * HOUR)
    assert ageing.sweep() == 6
    assert sum(len(job["names"]) for job in work.waiting()) == 6
    look, bad = ageing._look, made[0]

    def failing(found: DeviceRecord) -> None:
        if found.device == bad:
            raise RuntimeError("no")
        look(found)

    monkeypatch.setattr(ageing, "_look", failing)
    work.run()
    assert [str(each) for each in work.failures] == ["no"]
    assert sorted(record(each).status for each in made) == ["ABNORMAL"] * 5 + ["ONLINE"]
