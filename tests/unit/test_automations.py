"""Automations: when they start, once a cause; what they do, also where a worker dies; whom they reach."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib.core import (
    applications,
    automation_checks,
    automation_runs,
    automation_watch,
    automations,
    removal,
    shadows,
)
from chalicelib.core.applications import Caller
from chalicelib.core.automation_runs import DONE, HELD_BACK, LATEST, MISSED, MOST_A_MINUTE, OPEN, Result
from chalicelib.core.devices import Status
from chalicelib.core.errors import AutomationNotFound, DeviceNotFound, InvalidInput, TooManyAutomations
from chalicelib.handlers import outbox
from chalicelib.store.automations import RULE, STATE, AutomationItem, RuleRecord, StateRecord, watched
from chalicelib.store.devices import DEVICE, DeviceRecord
from tests.conftest import Calls
from tests.support.automations import (
    House,
    daily,
    level,
    notify,
    set_level,
    status,
    want_level,
)
from tests.support.clock import FakeClock
from tests.support.faults import TRANSACTION, Crash, Faults
from tests.support.fleet import make_fleet
from tests.support.iot import FakeIot
from tests.support.queues import WorkQueue
from tests.support.triggers import stream

READ, QUERY, WRITE = "dynamodb.BatchGetItem", "dynamodb.Query", "dynamodb.TransactWriteItems"
GET, QUEUE_UP = "dynamodb.GetItem", "sqs.SendMessageBatch"
OF_SUBSCRIPTIONS = 2  # queries that the dispatch of a report makes for its two notify types


@pytest.fixture
def house(aws: None, clock: FakeClock) -> House:
    FakeIot().install()
    return House(make_fleet(), clock, WorkQueue(clock))


@pytest.fixture
def meter(house: House) -> str:
    return house.add("meter")


@pytest.fixture
def valve(house: House) -> str:
    return house.add("valve")


def reported(house: House, device: str, *levels: int) -> None:
    for each in levels:
        house.report(device, level=each)
    house.settle()


# --- edges


def test_it_starts_when_its_condition_turns_true_and_not_while_it_stays_so(
    house: House, meter: str, valve: str
) -> None:
    made = house.create(conditions=[level(meter)], actions=[set_level(valve)])
    reported(house, meter, 79)
    assert house.runs(made) == []
    reported(house, meter, 80)
    reported(house, meter, 90, 95)
    assert house.commands(valve) == [{"value": 10}]
    reported(house, meter, 10, 85)
    assert len(house.commands(valve)) == 2
    newest, oldest = house.runs(made)
    assert newest.at > oldest.at
    assert [newest.status, oldest.status] == [DONE, DONE]
    assert [(reason.value, reason.condition.id) for reason in oldest.reasons] == [(80, "1")]


def test_each_turn_within_one_batch_counts(house: House, meter: str, valve: str) -> None:
    made = house.create(conditions=[level(meter)], actions=[notify()])
    reported(house, meter, 90, 10, 90, 10)
    assert len(house.runs(made)) == 2


def test_what_is_true_at_the_beginning_starts_nothing(house: House, meter: str) -> None:
    reported(house, meter, 90)
    made = house.create(conditions=[level(meter)], actions=[notify()])
    reported(house, meter, 95)
    assert house.runs(made) == []
    reported(house, meter, 10, 95)
    assert len(house.runs(made)) == 1


def test_a_report_of_other_properties_changes_nothing(house: House, meter: str, calls: Calls) -> None:
    house.create(conditions=[level(meter)], actions=[notify()])
    house.report(meter, flow=90)
    calls.clear()
    house.dispatch()
    assert READ not in calls.made


def test_all_conditions_must_hold_at_once(house: House, meter: str, valve: str) -> None:
    made = house.create(
        conditions=[level(meter, id="full"), level(valve, "lt", 10, id="shut")],
        actions=[notify()],
    )
    reported(house, meter, 90)
    reported(house, meter, 10)
    reported(house, valve, 5)
    assert house.runs(made) == []
    reported(house, meter, 91)
    [run] = house.runs(made)
    assert [(reason.condition.id, reason.value) for reason in run.reasons] == [("full", 91), ("shut", 5)]
    assert run.reasons[0].at > run.reasons[1].at


def test_two_conditions_that_turn_true_at_the_same_time_are_not_lost(
    house: House, meter: str, valve: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The two dispatchers read the same state; the second to write reads again."""
    made = house.create(conditions=[level(meter), level(valve)], actions=[notify()])
    house.report(meter, level=90)
    first = stream()
    house.report(valve, level=90)
    second = stream()
    faults = Faults.installed(monkeypatch)
    faults.before(TRANSACTION, lambda: outbox.dispatch(second))
    outbox.dispatch(first)
    assert faults.met == 1
    house.settle()
    assert len(house.runs(made)) == 1


def test_any_condition_starts_it_by_itself(house: House, meter: str, valve: str) -> None:
    made = house.create(
        logic="any", conditions=[level(meter, id="a"), status(valve, "ONLINE", id="b")], actions=[notify()]
    )
    reported(house, meter, 90)
    house.turn(valve, Status.ONLINE)
    house.settle()
    assert [[reason.condition.id for reason in run.reasons] for run in house.runs(made)] == [["b"], ["a"]]


def test_a_status_starts_it_when_it_comes_and_not_with_a_new_name(house: House, meter: str) -> None:
    made = house.create(conditions=[status(meter, "OFFLINE")], actions=[notify()])
    for each in (Status.ONLINE, Status.OFFLINE, Status.OFFLINE, Status.ONLINE, Status.OFFLINE):
        house.turn(meter, each)
    house.settle()
    assert len(house.runs(made)) == 2


@pytest.mark.parametrize(
    ("operator", "operand", "yes", "no"),
    [
        ("eq", 5, 5, 6),
        ("ne", 5, 6, 5),
        ("lt", 5, 4, 5),
        ("le", 5, 5, 6),
        ("gt", 5, 6, 5),
        ("ge", 5, 5, 4),
        ("between", [5, 7], 7, 8),
        ("between", [5, 7], 5, 4),
        ("in", [5, 7], 7, 6),
        ("eq", 5, "5.0", "4"),
    ],
)
def test_operators(house: House, meter: str, operator: str, operand: Any, yes: Any, no: Any) -> None:
    made = house.create(conditions=[level(meter, operator, operand)], actions=[notify()])
    house.report(meter, level=no)
    house.settle()
    assert house.runs(made) == []
    house.report(meter, level=yes)
    house.settle()
    assert [run.reasons[0].value for run in house.runs(made)] == [yes]


def test_texts_and_truths(house: House) -> None:
    lamp = house.add_lamp()
    texts = house.create(
        conditions=[{**level(lamp, "in", ["kitchen", "007"]), "property": "label"}], actions=[notify()]
    )
    truths = house.create(
        conditions=[{**level(lamp, "eq", True), "service": "Light", "property": "on"}], actions=[notify()]
    )
    house.report(lamp, label="7")
    house.report(lamp, "Light", on=False)
    house.settle()
    assert (house.runs(texts), house.runs(truths)) == ([], [])
    house.report(lamp, label="007")
    house.report(lamp, "Light", on=True)
    house.settle()
    assert len(house.runs(texts)) == len(house.runs(truths)) == 1


# --- late and repeated events


def test_a_late_report_neither_starts_nor_resets(house: House, meter: str) -> None:
    made = house.create(conditions=[level(meter)], actions=[notify()])
    reported(house, meter, 10)
    past = house.clock.at - 500_000
    house.report(meter, level=90, at=past)
    house.settle()
    assert house.runs(made) == []
    reported(house, meter, 90)
    reported(house, meter, 91)
    house.report(meter, level=10, at=house.clock.at - 500)  # after 90 turned it, before 91
    house.settle()
    reported(house, meter, 92)
    assert len(house.runs(made)) == 1


def test_a_batch_that_comes_twice_starts_once(house: House, meter: str, valve: str) -> None:
    made = house.create(conditions=[level(meter)], actions=[set_level(valve)])
    for each in (90, 10, 91):
        house.report(meter, level=each)
    batch = house.dispatch()
    house.work.run()
    before = AutomationItem.get(made.id, STATE, consistent_read=True).conditions
    outbox.dispatch(batch)
    house.settle()
    assert len(house.runs(made)) == len(house.commands(valve)) == 2
    assert AutomationItem.get(made.id, STATE, consistent_read=True).conditions == before


def test_an_old_event_of_a_repeated_batch_starts_nothing_new(house: House, meter: str, valve: str) -> None:
    """It was true then, when the other condition was not; now it is not, and the other one is."""
    made = house.create(conditions=[level(meter), level(valve)], actions=[notify()])
    house.report(meter, level=90)
    house.report(meter, level=10)
    batch = house.dispatch()
    reported(house, valve, 90)
    outbox.dispatch(batch)
    house.settle()
    assert house.runs(made) == []


def test_an_event_that_waited_too_long_is_noted_and_does_nothing(
    house: House, meter: str, valve: str
) -> None:
    made = house.create(conditions=[level(meter)], actions=[set_level(valve)])
    house.report(meter, level=90)
    house.clock.advance(LATEST / 1000 + 1)
    house.settle()
    assert [run.status for run in house.runs(made)] == [MISSED]
    assert house.commands(valve) == []
    reported(house, meter, 95)
    assert len(house.runs(made)) == 1


# --- what dies on the way


STEPS: dict[str, Callable[[Faults], None]] = {
    "before the run is stored": lambda faults: faults.crash(TRANSACTION),
    "before its job is sent": lambda faults: faults.crash("SendMessageBatch"),
}


@pytest.mark.parametrize("step", STEPS)
def test_a_dispatcher_that_dies(
    house: House, meter: str, valve: str, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    made = house.create(conditions=[level(meter)], actions=[set_level(valve)])
    house.report(meter, level=90)
    batch = stream()
    STEPS[step](Faults.installed(monkeypatch))
    with pytest.raises(Crash):
        outbox.dispatch(batch)
    outbox.dispatch(batch)  # the stream comes again
    house.pass_time(61)
    assert house.commands(valve) == [{"value": 10}]
    assert [run.status for run in house.runs(made)] == [DONE]


@pytest.mark.parametrize("transaction", [0, 1, 2])
def test_a_worker_that_dies_before_a_step_goes_on_there(
    house: House, meter: str, valve: str, monkeypatch: pytest.MonkeyPatch, transaction: int
) -> None:
    made = house.create(conditions=[level(meter)], actions=[set_level(valve), want_level(valve)])
    house.report(meter, level=90)
    house.dispatch()
    Faults.installed(monkeypatch).crash(TRANSACTION, skip=transaction)
    house.work.run()
    assert [type(each) for each in house.work.failures] == [Crash]
    house.work.failures.clear()
    assert [run.status for run in house.runs(made)] == [OPEN]
    house.pass_time(61)
    house.work.run()
    once_done(house, made, valve)


def test_two_workers_at_a_time_do_everything_once(
    house: House, meter: str, valve: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = house.create(conditions=[level(meter)], actions=[set_level(valve), want_level(valve)])
    house.report(meter, level=90)
    house.dispatch()
    [job] = house.work.waiting()
    faults = Faults.installed(monkeypatch)
    faults.before(TRANSACTION, lambda: automation_runs.perform(job["automation"], job["run"]))
    house.work.run()
    assert faults.met == 1
    once_done(house, made, valve)


def test_a_finished_run_is_not_worked_again(house: House, meter: str, valve: str) -> None:
    made = house.create(conditions=[level(meter)], actions=[set_level(valve), want_level(valve)])
    house.report(meter, level=90)
    house.dispatch()
    [job] = house.work.waiting()
    house.work.run()
    automation_runs.perform(job["automation"], job["run"])
    once_done(house, made, valve)


def once_done(house: House, made: automations.Automation, valve: str) -> None:
    [run] = house.runs(made)
    assert run.status == DONE
    assert run.finished == house.clock.at
    first, second = run.results
    assert first is not None
    assert second == Result()
    assert first.command is not None
    assert first.command.startswith(valve)
    assert house.commands(valve) == [{"value": 10}]
    _, [shadow] = shadows.read(house.fleet.caller, valve)
    assert shadow.desired == {"level": 20}
    told = [record for record in stream()["Records"] if "automation.ran" in json.dumps(record)]
    assert len(told) == 1


def test_aws_failing_in_one_action_does_not_keep_the_others(
    house: House, meter: str, valve: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = house.create(conditions=[level(meter)], actions=[set_level(valve, 1), set_level(valve, 2)])
    house.report(meter, level=90)
    house.dispatch()
    Faults.installed(monkeypatch).throttle(TRANSACTION)
    house.work.run()
    assert house.commands(valve) == [{"value": 2}]
    assert len(house.work.failures) == 1
    house.work.failures.clear()
    house.pass_time(121)
    assert house.commands(valve) == [{"value": 2}, {"value": 1}]
    assert [run.status for run in house.runs(made)] == [DONE]


def test_actions_that_are_too_late_are_left_out(house: House, meter: str, valve: str) -> None:
    made = house.create(conditions=[level(meter)], actions=[set_level(valve)])
    house.report(meter, level=90)
    house.dispatch()
    house.work.lose()
    house.pass_time(LATEST / 1000 + 1)
    [run] = house.runs(made)
    assert (run.status, run.results) == (DONE, [Result(error="TooLate")])
    assert house.commands(valve) == []


# --- what actions come to


def test_what_refuses_an_action_is_its_result(house: House, meter: str, valve: str) -> None:
    made = house.create(
        conditions=[level(meter)], actions=[set_level(valve), want_level(valve), notify(), set_level(meter)]
    )
    removal.delete(house.fleet.caller, valve)
    reported(house, meter, 90)
    [run] = house.runs(made)
    assert [each.error if each else "?" for each in run.results] == [
        "DeviceNotFound",
        "DeviceNotFound",
        None,
        None,
    ]
    assert len(house.commands(meter)) == 1


def test_a_silent_device_refuses(house: House, meter: str, valve: str) -> None:
    made = house.create(conditions=[level(meter)], actions=[set_level(valve)])
    seen = [DeviceRecord.status.set("OFFLINE"), DeviceRecord.last_seen.set(house.clock.at)]
    DeviceRecord(valve, DEVICE).update(seen)
    house.clock.advance(8 * 86_400)
    reported(house, meter, 90)
    assert [run.results for run in house.runs(made)] == [[Result(error="DeviceZombie", detail=valve)]]


def test_a_device_that_is_deleted_no_longer_satisfies(house: House, meter: str, valve: str) -> None:
    made = house.create(conditions=[level(meter), level(valve)], actions=[notify()])
    reported(house, meter, 90)
    removal.delete(house.fleet.caller, meter)
    house.settle()
    reported(house, valve, 90)
    assert house.runs(made) == []
    automations.disable(house.fleet.caller, made.id)
    with pytest.raises(DeviceNotFound):
        automations.enable(house.fleet.caller, made.id)
    automations.delete(house.fleet.caller, made.id)
    assert DeviceRecord.find(meter, DEVICE) is None  # purged, and not brought back


# --- loops


def test_a_loop_is_held_back(
    house: House, meter: str, valve: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two automations whose devices answer each other, as fast as they can."""
    up = house.create(conditions=[level(meter)], actions=[set_level(valve, 90)])
    house.create(conditions=[level(valve)], actions=[set_level(meter, 90)])
    for _ in range(3 * MOST_A_MINUTE):
        for device in (meter, valve):
            house.report(device, level=90, seconds=0.1)
            house.report(device, level=10, seconds=0.1)
            house.settle()
    found = [run.status for run in house.runs(up)]
    minutes = 2  # the story may lie across a full minute
    assert found.count(DONE) <= minutes * MOST_A_MINUTE
    assert 1 <= found.count(HELD_BACK) <= minutes
    assert "AutomationHeldBack" in capsys.readouterr().out
    house.clock.advance(60)
    reported(house, meter, 90)
    assert house.runs(up)[0].status == DONE


# --- switching


def test_a_disabled_one_starts_nothing_and_begins_anew(house: House, meter: str) -> None:
    made = house.create(conditions=[level(meter)], actions=[notify()])
    off = automations.disable(house.fleet.caller, made.id)
    assert (off.enabled, automations.disable(house.fleet.caller, made.id)) == (False, off)
    reported(house, meter, 90)
    assert automations.enable(house.fleet.caller, made.id).enabled
    reported(house, meter, 95)
    assert house.runs(made) == []
    reported(house, meter, 10, 95)
    assert len(house.runs(made)) == 1


def test_an_event_on_its_way_does_not_start_what_was_disabled_meanwhile(
    house: House, meter: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = house.create(conditions=[level(meter)], actions=[notify()])
    house.report(meter, level=90)
    batch = stream()
    faults = Faults.installed(monkeypatch)
    faults.before(TRANSACTION, lambda: automations.disable(house.fleet.caller, made.id) and None)
    outbox.dispatch(batch)
    house.settle()
    assert house.runs(made) == []
    assert StateRecord.find(made.id, STATE) is None


def test_deleting_leaves_only_runs(house: House, meter: str) -> None:
    made = house.create(conditions=[level(meter)], actions=[notify()])
    automations.delete(house.fleet.caller, made.id)
    for read in (
        lambda: automations.get(house.fleet.caller, made.id),
        lambda: automations.runs(house.fleet.caller, made.id, 0, 10),
        lambda: automations.delete(house.fleet.caller, made.id),
    ):
        with pytest.raises(AutomationNotFound):
            read()
    assert AutomationItem.count(made.id) == AutomationItem.count(watched(meter)) == 0
    record = DeviceRecord.find(meter, DEVICE)
    assert record is not None
    assert record.automations == 0
    assert automations.page(house.fleet.caller, 0, 10).total == 0


def test_an_action_under_way_is_done_though_the_automation_is_deleted(
    house: House, meter: str, valve: str
) -> None:
    made = house.create(conditions=[level(meter)], actions=[set_level(valve)])
    house.report(meter, level=90)
    house.dispatch()
    automations.delete(house.fleet.caller, made.id)
    house.work.run()
    assert house.commands(valve) == [{"value": 10}]


# --- whose they are


def test_nobody_else_sees_or_touches_it(house: House, meter: str) -> None:
    made = house.create(conditions=[level(meter)], actions=[notify()])
    second, _ = applications.create_application(house.fleet.tenant, "second")
    strangers = [make_fleet("other").caller, Caller(house.fleet.tenant, second.id, second.id)]
    for stranger in strangers:
        for act in (automations.get, automations.enable, automations.disable, automations.delete):
            with pytest.raises(AutomationNotFound):
                act(stranger, made.id)
        with pytest.raises(AutomationNotFound):
            automations.runs(stranger, made.id, 0, 10)
        assert automations.page(stranger, 0, 10).items == []
        for rule in (
            {"conditions": [level(meter)], "actions": [notify()]},
            {"conditions": [daily("10:00")], "actions": [set_level(meter)]},
        ):
            with pytest.raises(DeviceNotFound):
                automations.create(stranger, json.dumps({"name": "theirs", **rule}))
    assert automations.get(house.fleet.caller, made.id) == made


# --- times


def time_of(house: House) -> datetime:
    return datetime.fromtimestamp(house.clock.at / 1000, UTC)


def in_minutes(house: House, minutes: int) -> str:
    return datetime.fromtimestamp(house.clock.at / 1000 + 60 * minutes, UTC).strftime("%H:%M")


def test_a_time_starts_it_each_day_once(house: House, valve: str) -> None:
    made = house.create(conditions=[daily(in_minutes(house, 30))], actions=[set_level(valve)])
    house.pass_time(28 * 60)
    assert house.runs(made) == []
    house.pass_time(3 * 60)
    house.pass_time(60)
    [run] = house.runs(made)
    assert run.reasons[0].at % 60_000 == 0
    assert 0 <= run.at - run.reasons[0].at < 3 * 60_000
    house.pass_time(86_400)
    assert len(house.runs(made)) == len(house.commands(valve)) == 2


def test_a_time_that_comes_twice_at_once_starts_it_once(
    house: House, valve: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = house.create(conditions=[daily(in_minutes(house, 30))], actions=[set_level(valve)])
    house.clock.advance(31 * 60)
    faults = Faults.installed(monkeypatch)
    faults.before(TRANSACTION, lambda: automation_watch.strike(made.id))
    automation_watch.strike(made.id)
    house.work.run()
    assert len(house.runs(made)) == len(house.commands(valve)) == 1


def test_a_sweep_that_is_too_late_notes_it_and_goes_on(house: House, valve: str) -> None:
    made = house.create(conditions=[daily(in_minutes(house, 30))], actions=[set_level(valve)])
    house.pass_time(30 * 60 + LATEST / 1000 + 61)
    assert [run.status for run in house.runs(made)] == [MISSED]
    house.pass_time(86_400 - LATEST / 1000)
    assert [run.status for run in house.runs(made)] == [DONE, MISSED]


def test_a_moment_comes_once(house: House) -> None:
    at = datetime.fromtimestamp(house.clock.at / 1000 + 600, UTC).isoformat()
    made = house.create(conditions=[{"type": "moment", "at": at}], actions=[notify()])
    house.pass_time(601)
    house.pass_time(86_400)
    assert len(house.runs(made)) == 1
    state = StateRecord.find(made.id, STATE)
    assert state is not None
    assert state.deadline is None
    assert state.shard is None


def test_a_time_counts_while_the_other_conditions_hold(house: House, meter: str) -> None:
    made = house.create(conditions=[daily(in_minutes(house, 30)), level(meter)], actions=[notify()])
    reported(house, meter, 90)
    assert house.runs(made) == []
    house.pass_time(31 * 60)
    assert len(house.runs(made)) == 1
    reported(house, meter, 10)
    house.pass_time(86_400)
    assert len(house.runs(made)) == 1


def test_it_starts_only_in_its_window(house: House, meter: str) -> None:
    window = {"from": in_minutes(house, 60), "to": in_minutes(house, 120)}
    made = house.create(conditions=[level(meter)], actions=[notify()], window=window)
    reported(house, meter, 90, 10)
    assert house.runs(made) == []
    house.clock.advance(61 * 60)
    reported(house, meter, 90, 10)
    assert len(house.runs(made)) == 1
    house.clock.advance(3600)
    reported(house, meter, 90, 10)
    assert len(house.runs(made)) == 1


# --- what it costs


def test_a_device_that_no_automation_looks_at_costs_nothing(
    house: House, meter: str, valve: str, calls: Calls
) -> None:
    house.create(conditions=[level(meter)], actions=[set_level(valve)])
    reported(house, valve, 10)
    house.report(valve, level=90)
    batch = stream()
    calls.clear()
    outbox.dispatch(batch)
    assert calls.made == [QUERY] * OF_SUBSCRIPTIONS


def test_calls_of_a_report_that_is_looked_at(house: House, meter: str, valve: str, calls: Calls) -> None:
    house.report(meter, flow=1)
    house.create(conditions=[level(meter)], actions=[set_level(valve)])
    house.settle()

    def made_of(value: int) -> list[str]:
        house.report(meter, level=value)
        batch = stream()
        calls.clear()
        outbox.dispatch(batch)
        return calls.made[OF_SUBSCRIPTIONS:]

    assert made_of(10) == [QUERY, READ, WRITE]  # the first value
    assert made_of(11) == [QUERY, READ]
    assert made_of(90) == [QUERY, READ, WRITE, QUEUE_UP]
    assert made_of(91) == [QUERY, READ]
    calls.clear()
    house.work.run()
    assert calls.made[:4] == [GET, READ, WRITE, WRITE]  # the run, the command's two, the end


def test_calls_of_making_and_switching(house: House, meter: str, calls: Calls) -> None:
    house.create(conditions=[level(meter)], actions=[set_level(meter)])
    calls.clear()
    made = house.create(conditions=[level(meter)], actions=[set_level(meter)])
    assert calls.made == [READ, WRITE]
    calls.clear()
    automations.disable(house.fleet.caller, made.id)
    assert calls.made == [GET, READ, WRITE]
    calls.clear()
    automations.enable(house.fleet.caller, made.id)
    assert calls.made == [GET, READ, WRITE]
    calls.clear()
    automations.delete(house.fleet.caller, made.id)
    assert calls.made == [GET, READ, WRITE]


# --- pages and bounds


def test_pages_newest_first(house: House, meter: str) -> None:
    ids = []
    for _ in range(5):
        house.clock.advance(1)
        ids.append(house.create(conditions=[level(meter)], actions=[notify()]).id)
    pages = [automations.page(house.fleet.caller, number, 2) for number in range(3)]
    assert [each.id for page in pages for each in page.items] == ids[::-1]
    assert pages[0].total == 5


def test_runs_are_paged_and_end_after_fifteen_days(house: House, meter: str) -> None:
    made = house.create(conditions=[level(meter)], actions=[notify()])
    for _ in range(5):
        house.clock.advance(60)
        reported(house, meter, 90, 10)
    pages = [automations.runs(house.fleet.caller, made.id, number, 2) for number in range(3)]
    times = [run.at for page in pages for run in page.items]
    assert times == sorted(times, reverse=True)
    assert (len(times), pages[0].total) == (5, 5)
    house.clock.advance(15 * 86_400)
    assert automations.runs(house.fleet.caller, made.id, 0, 2).items == []


def test_bounds_of_an_application_and_of_a_device(
    house: House, meter: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(automation_checks, "MOST_ON_DEVICE", 1)
    first = house.create(conditions=[level(meter)], actions=[notify()])
    with pytest.raises(TooManyAutomations):
        house.create(conditions=[level(meter)], actions=[notify()])
    second = house.create(conditions=[level(meter)], actions=[notify()], enabled=False)
    automations.delete(house.fleet.caller, first.id)
    automations.enable(house.fleet.caller, second.id)
    monkeypatch.setattr(automations, "MOST", 1)
    with pytest.raises(TooManyAutomations):
        house.create(conditions=[daily("10:00")], actions=[notify()])
    assert automations.page(house.fleet.caller, 0, 10).total == 1


def test_a_rule_that_cannot_be_read_does_not_stop_the_stream(
    house: House, meter: str, caplog: pytest.LogCaptureFixture
) -> None:
    broken = house.create(conditions=[level(meter)], actions=[notify()])
    made = house.create(conditions=[level(meter)], actions=[notify()])
    RuleRecord(broken.id, RULE).update([RuleRecord.rule.set("{")])
    reported(house, meter, 90)
    assert len(house.runs(made)) == 1
    assert "cannot be judged" in caplog.text


def test_a_time_of_a_rule_that_cannot_be_read_is_put_off(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    broken = house.create(conditions=[daily(in_minutes(house, 30))], actions=[notify()])
    RuleRecord(broken.id, RULE).update([RuleRecord.rule.set("{")])
    house.pass_time(31 * 60)
    assert "cannot be judged" in caplog.text
    state = StateRecord.find(broken.id, STATE)
    assert state is not None
    assert state.deadline == house.clock.at + 86_400_000


def test_a_rule_as_large_as_may_be(house: House, meter: str, valve: str) -> None:
    note = {"text": "n" * 900}
    made = house.create(
        logic="any",
        conditions=[level(meter, note=note) for _ in range(20)],
        actions=[set_level(valve, expire=0) for _ in range(10)],
    )
    reported(house, meter, 90)
    [run] = house.runs(made)
    assert len(run.reasons) == 20
    assert all(each is not None and each.command for each in run.results)


# --- what is refused


def refused(house: House, **rule: Any) -> str:
    with pytest.raises(InvalidInput) as error:
        house.create(**{"actions": [notify()], **rule})
    return error.value.field


METER, VALVE = "METER", "VALVE"


@pytest.mark.parametrize(
    ("field", "rule"),
    [
        ("rule", {"conditions": [daily("10:00")], "unknown": 1}),
        ("name", {"conditions": [daily("10:00")], "name": ""}),
        ("conditions", {"conditions": []}),
        ("conditions", {"conditions": [daily("10:00")] * 21}),
        ("conditions[0].type", {"conditions": [{"type": "weather"}]}),
        ("conditions[0]", {"conditions": [daily("10:00", every=1)]}),
        ("conditions[0].at", {"conditions": [daily("24:00")]}),
        ("conditions[0].zone", {"conditions": [daily("10:00", "Mars/Base")]}),
        ("conditions[0].days[0]", {"conditions": [daily("10:00", days=["SOMEDAY"])]}),
        ("conditions[0].at", {"conditions": [{"type": "moment", "at": "2020-01-01T00:00:00Z"}]}),
        ("conditions[0].at", {"conditions": [{"type": "moment", "at": "2030-01-01T00:00:00"}]}),
        ("conditions", {"conditions": [daily("10:00"), daily("11:00")]}),
        ("conditions[1].id", {"conditions": [level(METER, id="a"), level(METER, id="a")]}),
        ("conditions[0].note", {"conditions": [level(METER, note={"a": "n" * 1100})]}),
        ("conditions[0].operator", {"conditions": [level(METER, "like")]}),
        ("conditions[0].value", {"conditions": [level(METER, "ge", "80")]}),
        ("conditions[0].value", {"conditions": [level(METER, "ge", True)]}),
        ("conditions[0].value", {"conditions": [level(METER, "eq", "80")]}),
        ("conditions[0].value", {"conditions": [level(METER, "in", 80)]}),
        ("conditions[0].value", {"conditions": [level(METER, "in", [])]}),
        ("conditions[0].value", {"conditions": [level(METER, "eq", [80])]}),
        ("conditions[0].value", {"conditions": [level(METER, "between", [80])]}),
        ("conditions[0].value", {"conditions": [level(METER, "between", [90, 80])]}),
        ("conditions[0].service", {"conditions": [{**level(METER), "service": "No"}]}),
        ("conditions[0].property", {"conditions": [{**level(METER), "property": "no"}]}),
        ("conditions[0].status", {"conditions": [status(METER, "ASLEEP")]}),
        ("window", {"conditions": [level(METER)], "window": {"from": "10:00", "to": "10:00"}}),
        ("window.zone", {"conditions": [level(METER)], "window": {"from": "1", "to": "2"}, "at": 1}),
        ("actions", {"conditions": [level(METER)], "actions": []}),
        (
            "actions[0].service",
            {"conditions": [level(METER)], "actions": [{**set_level(VALVE), "service": "No"}]},
        ),
        (
            "actions[0].method",
            {"conditions": [level(METER)], "actions": [{**set_level(VALVE), "method": "NO"}]},
        ),
        ("actions[0].paras.value", {"conditions": [level(METER)], "actions": [set_level(VALVE, 101)]}),
        ("actions[0].values.level", {"conditions": [level(METER)], "actions": [want_level(VALVE, 101)]}),
        (
            "actions[0].values",
            {"conditions": [level(METER)], "actions": [{**want_level(VALVE), "values": {"flow": 1}}]},
        ),
        ("actions[0].text", {"conditions": [level(METER)], "actions": [notify("")]}),
        ("rule", {"conditions": [level(METER)], "actions": [notify("n" * 1024, note={"a": "x" * 900})] * 18}),
    ],
)
def test_what_is_wrong_is_named(
    house: House, meter: str, valve: str, field: str, rule: dict[str, Any]
) -> None:
    text = json.dumps(rule).replace(METER, meter).replace(VALVE, valve)
    given = json.loads(text)
    if field == "window.zone":
        given = {"conditions": [level(meter)], "window": {"from": "10:00", "to": "11:00", "zone": "No/Where"}}
    assert refused(house, **given) == field
    assert automations.page(house.fleet.caller, 0, 10).total == 0


def test_text_that_is_no_json_is_refused(house: House) -> None:
    for text in (b"{", b"\xff", "[1]", "[" * 10_000):
        with pytest.raises(InvalidInput):
            automations.create(house.fleet.caller, text)
