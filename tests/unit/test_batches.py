"""Batch tasks: what they cost, whom they reach, and counters that equal a recount."""

from collections import Counter
from typing import Any

import pytest

from chalicelib.core import (
    batch_ends,
    batch_marks,
    batch_targets,
    batch_work,
    batches,
    command_queries,
    commands,
    groups,
    overdue,
    registration,
    removal,
)
from chalicelib.core.batch_marks import Stage
from chalicelib.core.batches import Batch, NewBatch, Order, Status, Target, TargetKind
from chalicelib.core.command_states import NewCommand
from chalicelib.core.errors import (
    BatchNameTaken,
    BatchNotFound,
    CallbackRefused,
    CommandSettled,
    GroupNotFound,
    InvalidInput,
    TooManyBatches,
)
from chalicelib.core.modification import Changes, modify
from chalicelib.handlers import wiring
from chalicelib.store.commands import CommandRecord
from chalicelib.store.devices import DEVICE, LINK, DeviceRecord, LinkRecord
from tests.conftest import Calls
from tests.support.clock import FakeClock
from tests.support.fleet import make_fleet, make_product
from tests.support.iot import FakeDevice, FakeIot, Reaction, add_device
from tests.support.queues import WorkQueue

SET_LEVEL = Order("Meter", "SET_LEVEL", {"value": 5})


class Rig:
    def __init__(self, clock: FakeClock) -> None:
        wiring.wire()
        self.clock = clock
        self.fleet = make_fleet()
        self.iot = FakeIot()
        self.iot.install()
        self.work = WorkQueue(clock)

    def devices(self, count: int, *, online: bool = True) -> list[FakeDevice]:
        made = [add_device(self.fleet, self.iot, f"meter-{number}") for number in range(count)]
        for device in made if online else ():
            device.connect()
        return made

    def put(self, count: int, *, online: bool) -> list[str]:
        """Devices by the hundred: moto copies a table for every transaction, so without any."""
        known = DeviceRecord.find(add_device(self.fleet, self.iot, "first").id, DEVICE).values()
        made = [f"{number:032x}" for number in range(count)]
        with DeviceRecord.batch_write() as batch:
            for device in made:
                status = "ONLINE" if online else "INACTIVE"
                batch.save(DeviceRecord(**{**known, "device": device, "gateway": device, "status": status}))
        if online:
            with LinkRecord.batch_write() as batch:
                for device in made:
                    batch.save(_link(device))
                    self.iot.connect(f"{device}-client")
        return made

    def create(self, devices: list[str] | None = None, target: Target | None = None, **more: Any) -> str:
        given = {"name": "night", "timeout": 600, "order": SET_LEVEL, "dialect": "huawei"} | more
        made = NewBatch(target=target or Target(TargetKind.DEVICES), devices=tuple(devices or ()), **given)
        return batches.create(self.fleet.caller, made)

    def get(self, batch: str) -> Batch:
        return batches.get(self.fleet.caller, batch)

    def stages(self, batch: str) -> dict[str, Stage]:
        """By device; and the counters are what a recount of all details comes to."""
        page = batches.details(self.fleet.caller, batch, size=1000)
        found = {each.device: each.stage for each, _ in page.items}
        assert len(found) == page.total
        counts, recount = self.get(batch).counts, Counter(found.values())
        assert counts.total == page.total
        assert counts.succeeded == recount[Stage.SUCCEEDED]
        assert counts.failed == recount[Stage.FAILED]
        assert counts.timeout == recount[Stage.TIMEOUT]
        assert counts.complete == counts.succeeded + counts.failed + counts.timeout
        for stage in Stage:
            total = batches.details(self.fleet.caller, batch, stage, size=1).total
            assert total == recount[stage]
        return found

    def answer_all(self, errcode: int = 0) -> None:
        for message in list(self.iot.arrived):
            device = message.client.partition("_")[0]
            FakeDevice(device, self.iot).answer(message.mid, errcode)
        self.iot.arrived.clear()

    def sweep(self, seconds: float) -> None:
        self.clock.advance(seconds)
        overdue.sweep()
        batch_ends.sweep()
        self.work.run()


def _link(device: str) -> LinkRecord:
    client = f"{device}-client"
    return LinkRecord(device, LINK, client=client, dialect="huawei", topic_id=device, since=1, online=True)


@pytest.fixture
def rig(aws: None, clock: FakeClock) -> Rig:
    return Rig(clock)


# what it costs


@pytest.mark.parametrize("online", [True, False])
def test_a_hundred_sub_tasks_cost_two_calls_each_at_most(rig: Rig, calls: Calls, online: bool) -> None:
    """From the task's creation to the message at the device, or in its queue."""
    devices = rig.put(100, online=online)
    batch = rig.create([devices[0]], name="warm")
    rig.work.run()
    rig.iot.arrived.clear()
    calls.clear()
    batch = rig.create(devices[1:])
    rig.work.run()
    made = Counter(calls.made)
    stage = Stage.WAITING if online else Stage.PENDING
    assert Counter(rig.stages(batch).values()) == {stage: 99}
    assert len({message.client for message in rig.iot.arrived}) == (99 if online else 0)
    assert sum(made.values()) <= (125 if online else 15), made
    assert made["iotdataplane.SendDirectMessage"] + made["iot-data.SendDirectMessage"] <= 99


def test_a_thousand_devices_are_accepted_at_once(rig: Rig, calls: Calls) -> None:
    devices = [f"{number:032x}" for number in range(1_000)]
    calls.clear()
    batch = rig.create([*devices, *devices[:50]])
    assert Counter(calls.made) == {
        "dynamodb.BatchGetItem": 1,
        "dynamodb.BatchWriteItem": 1,
        "dynamodb.TransactWriteItems": 1,
        "sqs.SendMessageBatch": 1,
    }
    assert (rig.get(batch).status, rig.get(batch).counts.total) == (Status.PENDING, 1_000)
    page = batches.details(rig.fleet.caller, batch, Stage.PENDING, number=39, size=25)
    assert ([each.device for each, _ in page.items], page.total) == (devices[-25:], 1_000)
    (first,) = rig.work.waiting()
    batch_targets.perform(first["batch"])
    jobs = [job["chunk"] for job in rig.work.waiting() if job["job"] == "batch-chunk"]
    assert len(set(jobs)) == len(jobs) == 10
    batch_work.perform(batch, jobs[7])
    counts = rig.get(batch).counts
    assert (counts.failed, counts.progress, counts.success_rate) == (100, 100, 0)


def test_progress_costs_one_call(rig: Rig, calls: Calls) -> None:
    batch = rig.create([device.id for device in rig.devices(3)])
    calls.clear()
    rig.get(batch)
    assert calls.made == ["dynamodb.Query"]


# from new to settled


def test_each_device_gets_one_command_and_its_answer_settles_the_sub_task(rig: Rig) -> None:
    devices = rig.devices(3)
    offline = add_device(rig.fleet, rig.iot, "offline")
    batch = rig.create([*(device.id for device in devices), offline.id, "f" * 32])
    assert rig.get(batch).status is Status.PENDING
    assert set(rig.stages(batch).values()) == {Stage.PENDING}
    rig.work.run()
    assert rig.stages(batch) == {
        **{device.id: Stage.WAITING for device in devices},
        offline.id: Stage.PENDING,
        "f" * 32: Stage.FAILED,
    }
    assert rig.get(batch).status is Status.RUNNING
    assert [message.json["paras"] for message in rig.iot.arrived] == [{"value": 5}] * 3
    devices[0].answer(1)
    devices[1].answer(1, 7, {"why": "stuck"})
    assert rig.stages(batch)[devices[0].id] is Stage.SUCCEEDED
    assert rig.stages(batch)[devices[1].id] is Stage.FAILED
    offline.connect()
    rig.work.run()
    assert rig.stages(batch)[offline.id] is Stage.WAITING
    offline.answer(1)
    devices[2].answer(1)
    counts = rig.get(batch).counts
    assert (counts.succeeded, counts.failed, counts.progress, counts.success_rate) == (3, 2, 1000, 600)
    assert rig.get(batch).status is Status.COMPLETE


def test_the_commands_are_as_any_other(rig: Rig) -> None:
    (device,) = rig.devices(1)
    batch = rig.create([device.id], order=Order("Meter", "SET_LEVEL", {"value": 1}, retransmit=2))
    rig.work.run()
    ((_, command),) = batches.details(rig.fleet.caller, batch).items
    assert command is not None
    page = command_queries.of_device(rig.fleet.caller, device.id, None, None, 0, 10)
    assert page.items == [command]
    assert (command.status.value, command.issued, command.retransmit) == ("DELIVERED", 1, 2)
    with pytest.raises(CommandSettled):
        commands.cancel(rig.fleet.caller, commands.public_id(command))


def test_a_waiting_command_may_be_canceled_and_its_sub_task_fails(rig: Rig) -> None:
    (device,) = rig.devices(1, online=False)
    batch = rig.create([device.id])
    rig.work.run()
    ((_, command),) = batches.details(rig.fleet.caller, batch).items
    assert command is not None
    commands.cancel(rig.fleet.caller, commands.public_id(command))
    assert rig.stages(batch) == {device.id: Stage.FAILED}


def test_a_command_that_found_no_connection_waits_again(rig: Rig) -> None:
    (device,) = rig.devices(1)
    device.vanish()
    batch = rig.create([device.id])
    rig.work.run()
    assert rig.stages(batch) == {device.id: Stage.PENDING}
    device.connect()
    rig.work.run()
    assert rig.stages(batch) == {device.id: Stage.WAITING}
    device.answer(1)
    assert rig.stages(batch) == {device.id: Stage.SUCCEEDED}


def test_a_device_that_is_busy_gets_its_command_after_the_others(rig: Rig) -> None:
    (device,) = rig.devices(1)
    commands.create(rig.fleet.caller, NewCommand(device.id, "Meter", "SET_LEVEL", {"value": 1}, "huawei"))
    rig.work.run()
    batch = rig.create([device.id])
    rig.work.run()
    assert rig.stages(batch) == {device.id: Stage.PENDING}
    device.answer(1)
    assert rig.stages(batch) == {device.id: Stage.WAITING}
    assert [message.json["paras"]["value"] for message in rig.iot.arrived] == [1, 5]


@pytest.mark.parametrize("reaction", [Reaction.SILENT, Reaction.LOST, Reaction.STALLS])
def test_one_without_acknowledgement_is_sent_again_and_times_out(rig: Rig, reaction: Reaction) -> None:
    (device,) = rig.devices(1, online=False)
    device.connect(reaction)
    batch = rig.create([device.id])
    for _ in range(30):
        rig.sweep(16)
    assert len(rig.iot.tried) == 4
    assert len(set(rig.iot.mids)) <= 1
    assert rig.stages(batch) == {device.id: Stage.TIMEOUT}
    counts = rig.get(batch).counts
    assert (counts.timeout, counts.expired) == (1, 0)
    assert rig.get(batch).status is Status.COMPLETE


def test_throttled_messages_are_not_lost(rig: Rig) -> None:
    good, bad = rig.devices(2)
    bad.connect(Reaction.THROTTLED)
    batch = rig.create([good.id, bad.id])
    rig.work.run()
    assert len(rig.work.failures) >= 1
    assert rig.stages(batch) == {good.id: Stage.WAITING, bad.id: Stage.PENDING}
    bad.connect()
    rig.sweep(121)
    assert rig.stages(batch)[bad.id] is Stage.WAITING


# who fails alone


def test_what_a_device_does_not_take_fails_by_itself(rig: Rig) -> None:
    good, zombie, other = rig.devices(3)
    DeviceRecord(zombie.id, DEVICE).update(
        [DeviceRecord.last_seen.set(1), DeviceRecord.status.set("OFFLINE")]
    )
    LinkRecord(zombie.id, LINK).update([LinkRecord.online.set(False)])
    stranger = add_device(make_fleet("other"), rig.iot)
    batch = rig.create([good.id, zombie.id, stranger.id, "nobody"])
    rig.work.run()
    assert rig.stages(batch)[good.id] is Stage.WAITING
    page = batches.details(rig.fleet.caller, batch, Stage.FAILED)
    assert {each.device: each.problem for each, _ in page.items} == {
        zombie.id: "DeviceZombie",
        stranger.id: "DeviceNotFound",
        "nobody": "DeviceNotFound",
    }
    assert not list(CommandRecord.query(stranger.id))
    wrong = rig.create([other.id], name="wrong", order=Order("Meter", "SET_LEVEL", {"value": 101}))
    unknown = rig.create([other.id], name="unknown", order=Order("Meter", "EXPLODE", {}))
    rig.work.run()
    for made, problem in ((wrong, "InvalidInput"), (unknown, "CommandTypeNotFound")):
        ((each, _),) = batches.details(rig.fleet.caller, made).items
        assert (each.stage, each.problem) == (Stage.FAILED, problem)


def test_a_full_queue_fails_its_sub_task_and_one_of_expired_commands_does_not(rig: Rig) -> None:
    full, stale = rig.devices(2, online=False)
    for device, expire in ((full, 1000), (stale, 10)):
        for _ in range(20):
            new = NewCommand(device.id, "Meter", "SET_LEVEL", {"value": 1}, "huawei", expire=expire)
            commands.create(rig.fleet.caller, new)
    rig.clock.advance(11)
    batch = rig.create([full.id, stale.id])
    rig.work.run()
    assert rig.stages(batch) == {full.id: Stage.FAILED, stale.id: Stage.PENDING}


def test_a_deleted_device_fails_its_sub_task(rig: Rig) -> None:
    gone, sent, left = rig.devices(3)
    gone.disconnect()
    batch = rig.create([gone.id, sent.id, left.id])
    rig.work.run()
    removal.delete(rig.fleet.caller, gone.id)
    removal.delete(rig.fleet.caller, sent.id)
    rig.work.run()
    assert rig.stages(batch) == {gone.id: Stage.FAILED, sent.id: Stage.FAILED, left.id: Stage.WAITING}
    assert not list(CommandRecord.query(gone.id))


# its end


def test_what_is_left_at_the_end_has_timed_out_and_stays_so(rig: Rig) -> None:
    waiting, done = rig.devices(2)
    offline = add_device(rig.fleet, rig.iot, "offline")
    batch = rig.create([waiting.id, done.id, offline.id], order=Order("Meter", "SET_LEVEL", {"value": 5}))
    rig.work.run()
    done.answer(1)
    rig.clock.advance(599)
    late = add_device(rig.fleet, rig.iot, "late")
    too_late = rig.create([late.id], name="late")
    rig.clock.advance(1)
    expected = {waiting.id: Stage.TIMEOUT, done.id: Stage.SUCCEEDED, offline.id: Stage.TIMEOUT}
    assert rig.stages(batch) == expected, "no sweep has come by"
    assert rig.get(batch).status is Status.TIMEOUT
    assert rig.get(batch).counts.expired == 1
    waiting.answer(1)
    offline.connect()
    rig.work.run()
    assert rig.stages(batch) == expected
    assert len(rig.iot.to(offline.client)) == 0
    rig.sweep(60)
    assert rig.stages(batch) == expected
    assert rig.get(batch).status is Status.TIMEOUT
    assert rig.stages(too_late) == {late.id: Stage.PENDING}


def test_an_answer_after_the_end_settles_the_command_and_not_the_sub_task(rig: Rig) -> None:
    """The command was sent just before; the end comes before its own time for an answer."""
    (device,) = rig.devices(1, online=False)
    batch = rig.create([device.id])
    rig.work.run()
    rig.clock.advance(590)
    device.connect()
    rig.work.run()
    assert rig.stages(batch) == {device.id: Stage.WAITING}
    rig.clock.advance(20)
    device.answer(1)
    ((each, command),) = batches.details(rig.fleet.caller, batch).items
    assert command is not None
    assert (each.stage, command.status.value) == (Stage.TIMEOUT, "SUCCESSFUL")
    rig.sweep(60)
    assert rig.stages(batch) == {device.id: Stage.TIMEOUT}


def test_a_task_nobody_worked_is_sent_out_again(rig: Rig) -> None:
    devices = rig.devices(2)
    batch = rig.create([device.id for device in devices])
    rig.work.lose()
    rig.sweep(31)
    assert set(rig.stages(batch).values()) == {Stage.WAITING}
    rig.answer_all()
    other = rig.create([device.id for device in devices], name="other")
    batch_targets.perform(other)
    rig.work.lose()
    assert set(rig.stages(other).values()) == {Stage.PENDING}
    rig.sweep(31)
    assert set(rig.stages(other).values()) == {Stage.WAITING}


# ten, names


def test_an_application_has_ten_unfinished_tasks(rig: Rig) -> None:
    (device,) = rig.devices(1, online=False)
    ended = rig.create(["f" * 32], name="ended")
    for number in range(9):
        rig.create([device.id], name=f"task {number}")
    with pytest.raises(TooManyBatches):
        rig.create([device.id], name="eleventh")
    rig.work.run()
    assert rig.get(ended).status is Status.COMPLETE
    rig.create([device.id], name="eleventh")
    with pytest.raises(TooManyBatches):
        rig.create([device.id], name="twelfth")
    rig.clock.advance(600)
    rig.create([device.id], name="twelfth")
    stranger = make_fleet("other")
    for number in range(10):
        new = NewBatch(f"{number}", 600, Target(TargetKind.ALL), SET_LEVEL, "huawei")
        batches.create(stranger.caller, new)


def test_the_sweep_closes_what_is_done(rig: Rig) -> None:
    batch = rig.create(["f" * 32])
    rig.work.run()
    rig.sweep(31)
    task, _ = batch_ends.read(batch)
    assert task is not None
    assert task.finished
    assert batch_ends.sweep() == 0


def test_a_name_is_unique_until_its_task_is_forgotten(rig: Rig) -> None:
    rig.create(["f" * 32])
    with pytest.raises(BatchNameTaken):
        rig.create(["e" * 32])
    stranger = make_fleet("other")
    batches.create(stranger.caller, NewBatch("night", 600, Target(TargetKind.ALL), SET_LEVEL, "huawei"))
    rig.clock.advance(91 * 86_400)
    rig.create(["e" * 32])


def test_another_applications_task_does_not_exist(rig: Rig) -> None:
    batch = rig.create(["f" * 32])
    stranger = make_fleet("other")
    for name in (batch, "", "0" * 32, f"N#{rig.fleet.application}"):
        with pytest.raises(BatchNotFound):
            batches.get(stranger.caller, name)
        with pytest.raises(BatchNotFound):
            batches.details(stranger.caller, name)


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"timeout": 599}, InvalidInput),
        ({"timeout": 172_801}, InvalidInput),
        ({"devices": []}, InvalidInput),
        ({"order": Order("Meter", "SET_LEVEL", {"value": "x" * 103_000})}, InvalidInput),
        ({"order": Order("Meter", "SET_LEVEL", {}, callback="http://127.0.0.1:80/")}, CallbackRefused),
        ({"target": Target(TargetKind.GROUP_NAMES, groups=("nobody",))}, GroupNotFound),
        ({"target": Target(TargetKind.GROUP_IDS, groups=("0" * 32,))}, GroupNotFound),
    ],
)
def test_what_is_refused_at_once(rig: Rig, given: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        rig.create(**({"devices": ["f" * 32]} | given))
    rig.create(["f" * 32])


# whom a target means


def test_the_targets(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_marks, "CHUNK_SIZE", 2)
    devices = [device.id for device in rig.devices(5, online=False)]
    other = make_product(rig.fleet.tenant, model="M2").id
    new = registration.NewDevice("other", registration.BY_SECRET, product=other)
    devices.append(registration.register(rig.fleet.caller, new).device.device)
    add_device(make_fleet("other"), rig.iot)
    for device in devices[1:4]:
        modify(rig.fleet.caller, device, Changes(location="hall"))
    hall = groups.create(rig.fleet.caller, "hall", members=devices[:3]).id
    roof = groups.create(rig.fleet.caller, "roof", members=devices[3:5]).id
    wanted = {
        Target(TargetKind.ALL): devices,
        Target(TargetKind.TYPE, device_type="Meter"): devices,
        Target(TargetKind.TYPE, device_type="Meter", model="M2"): devices[5:],
        Target(TargetKind.TYPE, device_type="Meter", manufacturer_id="acme", model="M1"): devices[:5],
        Target(TargetKind.TYPE, device_type="Lamp"): [],
        Target(TargetKind.AREA, location="hall"): devices[1:4],
        Target(TargetKind.GROUP_NAMES, groups=("roof", "hall", "roof")): devices[:5],
        Target(TargetKind.GROUP_IDS, groups=(hall, roof)): devices[:5],
        Target(TargetKind.GROUP_IDS, groups=(hall,)): devices[:3],
    }
    for number, (target, expected) in enumerate(wanted.items()):
        batch = rig.create(target=target, name=f"task {number}")
        if number == 0:
            assert rig.get(batch).status is Status.PENDING
            rig.clock.advance(1)
            add_device(rig.fleet, rig.iot, "later")
        batch_targets.perform(batch)
        rig.work.lose()
        assert set(rig.stages(batch)) == set(expected), target
        if not expected:
            assert rig.get(batch).status is Status.COMPLETE
            assert rig.get(batch).counts.progress == 1000
        batch_ends._close(batch_ends.read(batch)[0])
        for device in list(DeviceRecord.by_owner.query(rig.fleet.application)):
            if device.device not in devices:
                removal.delete(rig.fleet.caller, device.device)


def test_a_search_takes_as_many_jobs_as_it_needs(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_marks, "CHUNK_SIZE", 2)
    monkeypatch.setattr(batch_targets, "PAGES_AT_ONCE", 1)
    devices = [device.id for device in rig.devices(5)]
    batch = rig.create(target=Target(TargetKind.ALL))
    jobs = Counter(rig.work.run())
    assert jobs["batch"] >= 3
    assert set(rig.stages(batch)) == set(devices)
    assert len(rig.iot.arrived) == 5


def test_large_commands_fit_their_transactions(rig: Rig) -> None:
    entries = [batch_work.Entry(0, CommandRecord("d", "c", paras="x" * 100_000), None, None, False)]
    assert batch_work._fitting(entries, 19) * 2 * 102_048 <= batch_work.MOST_BYTES
