"""What is overdue: expiry, response timeout, lost sending; each by its own job, found without a scan."""

import json

import pytest

from chalicelib.core import commands, overdue, removal
from chalicelib.store.commands import CommandRecord
from chalicelib.store.devices import DEVICE, DeviceRecord
from tests.conftest import Calls
from tests.support.clock import FakeClock
from tests.support.iot import Reaction, Rig, add_device, make_rig
from tests.support.queues import Job


@pytest.fixture
def rig(aws: None, clock: FakeClock) -> Rig:
    return make_rig(clock)


def test_a_sweep_reads_four_shards_and_puts_ten_jobs_a_call(rig: Rig, calls: Calls) -> None:
    for _ in range(12):
        rig.create(expire=40)
    rig.clock.advance(29)
    calls.clear()
    assert overdue.sweep() == 0
    assert calls.made == ["dynamodb.Query"] * 4
    rig.clock.advance(12)
    calls.clear()
    assert overdue.sweep() == 12
    assert calls.made.count("dynamodb.Query") == 4
    assert set(calls.made) == {"dynamodb.Query", "sqs.SendMessageBatch"}
    assert len(calls.made) <= 8


def test_expiry_is_written_and_told_once(rig: Rig) -> None:
    command = rig.create(expire=60)
    rig.pass_time(61)
    assert rig.record(command).status == "EXPIRED"
    assert rig.record(command).deadline is None
    assert rig.queue() == ([], None)
    rig.pass_time(61)
    assert rig.events() == [("command.changed", "EXPIRED")]


def test_a_response_timeout_is_written_and_the_next_goes_out(rig: Rig) -> None:
    command, following = rig.create(), rig.create()
    rig.device.connect()
    rig.work.run()
    rig.clock.advance(179)
    assert rig.state(command) == "DELIVERED"
    rig.clock.advance(1)
    assert rig.state(command) == "TIMEOUT"
    rig.pass_time(0)
    assert rig.record(command).status == "TIMEOUT"
    assert rig.queue() == ([], following)
    assert rig.iot.mids == [1, 2]


def test_taking_up_what_is_not_due_does_nothing(rig: Rig, calls: Calls) -> None:
    command = rig.create()
    calls.clear()
    overdue.take_up(rig.device.id, command)
    overdue.take_up(rig.device.id, "0" * 32)
    assert calls.made == ["dynamodb.GetItem"] * 2


def test_a_lost_job_is_made_good(rig: Rig) -> None:
    """The process died between accepting the command and asking for its sending."""
    rig.device.connect()
    cached, immediate = rig.create(), rig.create(expire=0)
    rig.work.lose()
    rig.pass_time(31)
    assert [rig.state(name) for name in (cached, immediate)] == ["DELIVERED"] * 2


def test_a_wake_up_lost_long_ago_is_made_good(rig: Rig) -> None:
    """The device came, and the job of that moment never ran. It reports nothing by itself."""
    command = rig.create()
    for _ in range(4):
        rig.pass_time(31)
    rig.device.connect(wake=False)
    rig.clock.advance(300)
    rig.pass_time(0)
    assert rig.state(command) == "DELIVERED"


def test_a_command_that_waits_for_long_is_looked_at_ever_less(rig: Rig) -> None:
    command, looks = rig.create(), []
    while (deadline := rig.record(command).deadline) is not None:
        rig.clock.at = int(deadline)
        rig.pass_time(0)
        looks.append(round((rig.clock.at - int(rig.record(command).created)) / 1000))
    assert looks[:4] == [30, 60, 120, 240]
    assert len(looks) <= 14
    assert rig.record(command).status == "EXPIRED"


def test_an_immediate_command_that_never_left_expires(rig: Rig) -> None:
    rig.device.connect()
    command = rig.create(expire=0)
    rig.work.lose()
    rig.clock.advance(181)
    assert rig.state(command) == "EXPIRED"
    rig.work.work(Job(0, json.dumps({"job": "send", "device": rig.device.id, "command": command})))
    rig.pass_time(0)
    assert rig.iot.arrived == []
    assert rig.record(command).status == "EXPIRED"


def test_one_broken_command_stops_no_other(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job that fails is one message of the queue; the sweep has long gone on."""
    other = add_device(rig.fleet, rig.iot, "meter-2")
    bad = rig.create(expire=30)
    new = commands.NewCommand(other.id, "Meter", "SET_LEVEL", {"value": 1}, "huawei", expire=30)
    good = commands.create(rig.fleet.caller, new)
    CommandRecord(rig.device.id, bad).update([CommandRecord.paras.set("not JSON")])
    rig.pass_time(31)
    assert CommandRecord.get(other.id, good.command).status == "EXPIRED"
    assert rig.work.failures


def test_a_command_of_a_device_that_is_gone_is_not_kept_overdue(rig: Rig) -> None:
    """The purge saw neither of them."""
    rig.device.connect(Reaction.SILENT)
    flying, waiting = rig.create(), rig.create()
    rig.work.run()
    removal.delete(rig.fleet.caller, rig.device.id)
    rig.work.lose()
    DeviceRecord(rig.device.id, DEVICE).delete()
    rig.pass_time(16)
    assert CommandRecord.find(rig.device.id, flying) is None
    rig.pass_time(48 * 3600)
    assert rig.record(waiting).deadline is None
    assert len(rig.iot.arrived) == 1


def test_a_repeat_job_that_comes_twice_repeats_once(rig: Rig) -> None:
    command = rig.create()
    rig.device.connect(Reaction.SILENT)
    rig.work.run()
    rig.clock.advance(16)
    overdue.take_up(rig.device.id, command)
    overdue.take_up(rig.device.id, command)
    assert rig.iot.mids == [1, 1]
