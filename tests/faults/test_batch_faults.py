"""Batch tasks whose workers die and whose messages come twice: one command and one end a sub-task."""

from collections import Counter
from contextlib import suppress

import pytest
from botocore.exceptions import ReadTimeoutError
from pynamodb.exceptions import PynamoDBException

from chalicelib.core import batch_ends, batch_marks, batch_targets, batch_work, batches
from chalicelib.core.batch_marks import Stage
from chalicelib.core.batches import Status, Target, TargetKind
from chalicelib.store.commands import CommandRecord
from tests.support.clock import FakeClock
from tests.support.faults import Crash, Faults
from tests.support.iot import FakeDevice
from tests.support.queues import Job
from tests.unit.test_batches import Rig

SEND, WRITE, READ, QUEUE = "SendDirectMessage", "TransactWriteItems", "BatchGetItem", "SendMessageBatch"


@pytest.fixture
def rig(aws: None, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> Rig:
    """Several transactions for a few devices, sent one after the other."""
    monkeypatch.setattr(batch_work, "FLYING_AT_ONCE", 2)
    monkeypatch.setattr(batch_work, "WAITING_AT_ONCE", 2)
    monkeypatch.setattr(batch_work, "SENDERS", 1)
    monkeypatch.setattr(batch_marks, "CHUNK_SIZE", 4)
    return Rig(clock)


def settle(rig: Rig, devices: list[FakeDevice]) -> None:
    """Everything that waits is worked and swept until all devices have answered."""
    for _ in range(4):
        for device in devices:
            if device.client not in rig.iot.clients:
                device.connect()
        rig.work.run()
        rig.answer_all()
        rig.sweep(61)


def check(rig: Rig, batch: str, devices: list[FakeDevice], sent: list[tuple[str, int]]) -> None:
    """`sent` are the messages that reached a device, by device and mid: one mid each."""
    assert rig.stages(batch) == {device.id: Stage.SUCCEEDED for device in devices}
    for device in devices:
        ((command),) = list(CommandRecord.query(device.id))
        assert command.status == "SUCCESSFUL"
    assert Counter(device for device, _ in set(sent)) == {device.id: 1 for device in devices}
    assert rig.get(batch).status is Status.COMPLETE


def watch(rig: Rig) -> list[tuple[str, int]]:
    """What arrives from now on, kept also where the rig forgets it."""
    seen: list[tuple[str, int]] = []
    collect = rig.answer_all

    def answer_all(errcode: int = 0) -> None:
        seen.extend((message.client.partition("_")[0], message.mid) for message in rig.iot.arrived)
        collect(errcode)

    rig.answer_all = answer_all  # type: ignore[method-assign]
    return seen


KILLS = [*((WRITE, step) for step in range(7)), (READ, 0), (READ, 1), (SEND, 0), (SEND, 2), (QUEUE, 0)]


@pytest.mark.parametrize(("operation", "step"), KILLS)
@pytest.mark.parametrize("loses", ["call", "answer"])
def test_a_worker_killed_anywhere_leaves_one_command_and_one_end_a_device(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, operation: str, step: int, loses: str
) -> None:
    """Three devices are connected, two are not; the message comes again after its visibility time."""
    devices = rig.devices(3) + [rig_device(rig, number) for number in range(2)]
    seen = watch(rig)
    batch = rig.create([device.id for device in devices])
    batch_targets.perform(batch)
    chunks = [job["chunk"] for job in rig.work.waiting() if job["job"] == "batch-chunk"]
    rig.work.lose()
    faults = Faults.installed(monkeypatch)
    (faults.crash if loses == "call" else faults.cut)(operation, skip=step)
    for chunk in chunks:
        with suppress(Crash, ReadTimeoutError, PynamoDBException):
            batch_work.perform(batch, chunk)
    faults.rules.clear()
    for chunk in chunks * 2:
        batch_work.perform(batch, chunk)
    settle(rig, devices)
    check(rig, batch, devices, seen)


def rig_device(rig: Rig, number: int) -> FakeDevice:
    from tests.support.iot import add_device

    return add_device(rig.fleet, rig.iot, f"offline-{number}")


def test_every_message_comes_twice(rig: Rig) -> None:
    devices = rig.devices(3) + [rig_device(rig, number) for number in range(3)]
    seen = watch(rig)
    batch = rig.create([device.id for device in devices])
    for _ in range(3):
        while (job := rig.work.take()) is not None:
            for _ in range(2):
                rig.work.work(Job(job.due, job.body))
        for device in devices:
            if not device.client:
                device.connect()
        rig.answer_all()
    assert not rig.work.failures
    settle(rig, devices)
    check(rig, batch, devices, seen)


@pytest.mark.parametrize("step", range(4))
def test_two_workers_at_a_time_share_a_chunk(rig: Rig, monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    devices = rig.devices(2) + [rig_device(rig, number) for number in range(2)]
    seen = watch(rig)
    batch = rig.create([device.id for device in devices])
    rig.work.lose()
    faults = Faults.installed(monkeypatch)
    item = batch_ends.read(batch)[1][0].item
    faults.before(WRITE, lambda: batch_work.perform(batch, item), skip=step)
    batch_work.perform(batch, item)
    faults.rules.clear()
    settle(rig, devices)
    check(rig, batch, devices, seen)


@pytest.mark.parametrize(
    ("operation", "step"), [*((WRITE, step) for step in range(4)), (QUEUE, 0), (QUEUE, 1)]
)
@pytest.mark.parametrize("loses", ["call", "answer"])
def test_a_search_killed_anywhere_finds_each_device_once(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, operation: str, step: int, loses: str
) -> None:
    devices = rig.devices(6)
    monkeypatch.setattr(batch_marks, "CHUNK_SIZE", 2)
    seen = watch(rig)
    batch = rig.create(target=Target(TargetKind.ALL))
    rig.work.lose()
    faults = Faults.installed(monkeypatch)
    (faults.crash if loses == "call" else faults.cut)(operation, skip=step)
    with suppress(Crash, ReadTimeoutError, PynamoDBException):
        batch_targets.perform(batch)
    faults.rules.clear()
    rig.work.lose()
    rig.sweep(31)
    rig.sweep(61)
    settle(rig, devices)
    check(rig, batch, devices, seen)


@pytest.mark.parametrize("operation", [WRITE, "BatchWriteItem", QUEUE])
@pytest.mark.parametrize("loses", ["call", "answer"])
def test_a_creation_killed_anywhere_makes_a_whole_task_or_none(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, operation: str, loses: str
) -> None:
    devices = rig.devices(5)
    seen = watch(rig)
    faults = Faults.installed(monkeypatch)
    (faults.crash if loses == "call" else faults.cut)(operation)
    with suppress(Crash, ReadTimeoutError, PynamoDBException):
        rig.create([device.id for device in devices])
    faults.rules.clear()
    rig.sweep(31)
    if rig.iot.arrived:
        batch = str(next(iter(CommandRecord.query(devices[0].id))).batch).partition("/")[0]
        settle(rig, devices)
        check(rig, batch, devices, seen)
    else:
        rig.create([device.id for device in devices])


@pytest.mark.parametrize("step", range(4))
def test_an_end_killed_anywhere_is_the_same_end(rig: Rig, monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    devices = rig.devices(5, online=False)
    batch = rig.create([device.id for device in devices])
    rig.work.run()
    rig.clock.advance(600)
    before = rig.get(batch)
    assert (before.status, before.counts.timeout, before.counts.expired) == (Status.TIMEOUT, 5, 5)
    faults = Faults.installed(monkeypatch)
    faults.crash(WRITE, skip=step)
    with suppress(Crash):
        batch_ends.look(batch)
    faults.rules.clear()
    assert rig.get(batch) == before
    rig.sweep(61)
    assert rig.get(batch) == before
    assert not batches.BatchItem.find(batch, "#batch").deadline


def test_an_answer_during_the_end_is_either_in_time_or_late(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The chunk's items are read, then the device answers, then the marks would be written."""
    (device,) = rig.devices(1)
    batch = rig.create([device.id])
    rig.work.run()
    ends = batch_ends.read(batch)[1][0]
    device.answer(1)
    assert batch_ends._settle_some(ends)
    assert rig.stages(batch) == {device.id: Stage.SUCCEEDED}


@pytest.mark.parametrize("times", [1, 3])
def test_conflicts_are_tried_again(rig: Rig, monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    devices = rig.devices(2)
    seen = watch(rig)
    batch = rig.create([device.id for device in devices])
    faults = Faults.installed(monkeypatch)
    faults.conflict(times)
    rig.work.run()
    assert not rig.work.failures
    settle(rig, devices)
    check(rig, batch, devices, seen)
