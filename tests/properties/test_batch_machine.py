"""Batch tasks against a plain model: whatever comes, twice, late or never, and whoever dies on the way,
counters equal a recount, a sub-task has one command at most, and what is settled stays so.
"""

import itertools
import json
import logging
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from chalicelib import logs
from chalicelib.core import (
    batch_ends,
    batch_marks,
    batch_work,
    batches,
    commands,
    ids,
    overdue,
    products,
    registration,
    removal,
)
from chalicelib.core.batch_marks import Stage, SubTask
from chalicelib.core.batches import NewBatch, Order, Status, Target, TargetKind
from chalicelib.core.command_states import Command
from chalicelib.core.errors import CommandNotFound, CommandSettled, DeviceNotFound
from chalicelib.handlers import wiring
from chalicelib.store import transactions
from chalicelib.store.batches import OPEN, ChunkRecord, OpenRecord, opened
from chalicelib.store.commands import CommandRecord
from chalicelib.store.devices import DEVICE, QUEUE, DeviceRecord, QueueRecord
from chalicelib.store.products import AliasRecord
from tests.support.clock import FakeClock
from tests.support.fleet import Fleet, make_fleet
from tests.support.iot import FakeDevice, FakeIot, Reaction, add_device
from tests.support.machines import Lambda, counted, empty
from tests.support.queues import Job, WorkQueue

AT = 1_700_000_000_000
EXAMPLES = 8
STEPS = 12
DEVICES = 4  # of which half are connected at first
UNKNOWN = "f" * 32
MOST_BATCHES = 2
SHORT, LONG = 600, 172_800  # s
LETTERS = {status.value: letter for status, letter in batch_marks.LETTERS.items()} | {"DELIVERED": "W"}

TARGETS = st.sampled_from(
    [
        Target(TargetKind.DEVICES),
        Target(TargetKind.DEVICES),
        Target(TargetKind.ALL),
        Target(TargetKind.TYPE, device_type="Meter", model="M1"),
        Target(TargetKind.TYPE, device_type="Lamp"),
    ]
)
CRASHES = st.one_of(st.none(), st.integers(0, 8))
REACTIONS = st.sampled_from(
    [Reaction.CONFIRMS, Reaction.CONFIRMS, Reaction.SILENT, Reaction.LOST, Reaction.CUT, Reaction.THROTTLED]
)
WHICH = st.integers(0, 11)
_names = itertools.count()


@dataclass
class Expected:
    """What is known of a batch without looking at it. `value` is its command's parameter."""

    batch: str
    target: Target
    devices: list[str]  # those it means, as long as they are there
    value: int
    until: int
    stages: dict[str, Stage] = field(default_factory=dict)  # as last seen
    answers: dict[str, set[int]] = field(default_factory=dict)  # device to what it said to the command
    canceled: set[str] = field(default_factory=set)
    complete: bool = False


class World:
    """What the machine's examples share: one account, one tenant."""

    fleet: Fleet
    clock: FakeClock
    iot: FakeIot
    process: Lambda
    count: list[int]  # random numbers


class Batches(RuleBasedStateMachine):
    """A few devices, a few batches. `gone` are the devices that were deleted, wholly or half."""

    @initialize(whom=TARGETS, timeout=st.sampled_from([SHORT, SHORT, LONG]), worked=st.booleans())
    def begin(self, whom: Target, timeout: int, worked: bool) -> None:
        """An example runs as it ran before: same ids, same time, nothing remembered."""
        empty("commands", "outbox", "devices", "aliases", "batches")
        products.forget()
        World.count.clear()
        World.clock.at = AT
        self.fleet, self.clock, self.iot, self.process = World.fleet, World.clock, World.iot, World.process
        self.iot.clients.clear()
        self.iot.arrived.clear()
        self.work = WorkQueue(self.clock)
        self.work.lose()
        self.devices: list[FakeDevice] = []
        self.batches: list[Expected] = []
        self.gone: set[str] = set()
        self.judged = self.looks = 0  # messages; times that all was looked at
        for number in range(DEVICES):
            self.register()
            if number % 2:
                self.devices[number].connect()
        self.create(whom, timeout, None, after=False)
        if worked:
            self.work_one(0, None, twice=False, after=False)

    @precondition(lambda self: len(self.devices) <= DEVICES)
    @rule()
    def register(self) -> None:
        """None of the batches that were made before."""
        self.devices.append(add_device(self.fleet, self.iot, f"meter-{next(_names)}"))
        self.clock.advance(0.001)

    # batches and their jobs

    @precondition(lambda self: len(self.batches) < MOST_BATCHES)
    @rule(whom=TARGETS, timeout=st.sampled_from([SHORT, LONG]), crash=CRASHES, after=st.booleans())
    def create(self, whom: Target, timeout: int, crash: int | None, *, after: bool) -> None:
        value, name = len(self.batches), f"batch {next(_names)}"
        order = Order("Meter", "SET_LEVEL", {"value": value})
        listed = whom.kind is TargetKind.DEVICES
        meant = [device.id for device in self.devices if listed or device.id not in self.gone]
        given = (*meant, UNKNOWN, *meant[:1]) if listed else ()
        new = NewBatch(name, timeout, whom, order, "huawei", given)
        with self.process.crashing(crash, after=after):
            batches.create(self.fleet.caller, new)
        alias = AliasRecord.find(f"batch#{name}", self.fleet.application)
        assert alias or self.process.crashed
        if alias is not None:
            meant = [*dict.fromkeys(given)] if listed else meant * (whom.device_type != "Lamp")
            until = self.clock.at + timeout * 1000
            self.batches.append(Expected(alias.target, whom, meant, value, until))
        self.clock.advance(0.001)

    @rule(which=WHICH, twice=st.booleans(), crash=CRASHES, after=st.booleans())
    def work_one(self, which: int, crash: int | None, *, twice: bool, after: bool) -> None:
        """Any job that is due; it comes again where its worker died, and may come twice all the same."""
        job = self._take(which)
        if job is None:
            return
        with self.process.crashing(crash, after=after):
            self.work.work(job)
        if self.process.crashed or twice:
            self.work.jobs.append(Job(self.clock.at, job.body))

    @rule(
        which=WHICH,
        calls=st.integers(0, 8),
        other=st.sampled_from(
            ["the same", "the same", "another", "all", "connect", "drop", "sweep", "end", "delete"]
        ),
    )
    def work_beside(self, which: int, calls: int, other: str) -> None:
        """Something else happens while a job is worked."""
        job = self._take(which)
        if job is None:
            return
        device = self.devices[which % len(self.devices)]

        def happen() -> None:
            if other == "the same":
                self.work.work(Job(self.clock.at, job.body))
            elif other == "another":
                beside = self._take(which + 1)
                if beside is not None:
                    self.work.work(beside)
            elif other == "all":
                self.work.run()
            elif other in ("connect", "drop"):
                self._link(device, other)
            elif other == "delete":
                self._delete(device)
            else:
                self.clock.advance(SHORT + 1 if other == "end" else 31)
                self.sweep()

        with self.process.meanwhile(calls, happen):
            self.work.work(job)

    def _take(self, which: int) -> Job | None:
        """SQS keeps no order."""
        self.work.waiting()
        due = [job for job in self.work.jobs if job.due <= self.clock.at]
        if not due:
            return None
        job = due[which % len(due)]
        self.work.jobs.remove(job)
        return job

    @rule()
    def work_all(self) -> None:
        self.work.run()

    @rule()
    def lose(self) -> None:
        self.work.lose()

    @rule(seconds=st.sampled_from([1, 16, 31, 190]))
    def pass_time(self, seconds: int) -> None:
        self.clock.advance(seconds)

    @rule(which=WHICH, seconds=st.sampled_from([-10, -10, 0, 20]))
    def come_to_an_end(self, which: int, seconds: int) -> None:
        """To shortly before the end of a batch, or beyond it."""
        ends = [each.until + seconds * 1000 for each in self.batches]
        ahead = [end for end in ends if 0 < end - self.clock.at < 2 * SHORT * 1000]
        if ahead:
            self.clock.at = ahead[which % len(ahead)]

    @rule()
    def sweep(self) -> None:
        overdue.sweep()
        batch_ends.sweep()
        registration.sweep()

    # devices

    @rule(which=WHICH, how=st.sampled_from(["connect", "drop", "vanish"]), reaction=REACTIONS)
    def link(self, which: int, how: str, reaction: Reaction) -> None:
        self._link(self.devices[which % len(self.devices)], how, reaction)

    def _link(self, device: FakeDevice, how: str, reaction: Reaction = Reaction.CONFIRMS) -> None:
        if device.id in self.gone:
            return
        if how == "connect":
            device.connect(reaction)
        elif device.client:
            device.disconnect() if how == "drop" else device.vanish()

    @precondition(lambda self: self.iot.arrived)
    @rule(
        which=st.integers(0, 40),
        errcode=st.integers(0, 1),
        twice=st.booleans(),
        crash=CRASHES,
        after=st.booleans(),
    )
    def answer(self, which: int, errcode: int, crash: int | None, *, twice: bool, after: bool) -> None:
        """To any message that ever arrived: late, repeated, out of order."""
        message = self.iot.arrived[-1 - which % len(self.iot.arrived)]
        device, value = message.client.partition("_")[0], message.json["paras"]["value"]
        expected = self.batches[value]
        sub_task, command = self._sub_tasks(expected)[device]
        expected.answers.setdefault(device, set()).add(errcode)
        for _ in range(1 + twice):
            with self.process.crashing(crash, after=after), suppress(Exception):
                FakeDevice(device, self.iot).answer(message.mid, errcode)  # AWS may refuse the next command
            if self.process.crashed or sub_task.stage.settled or command is None or command.status.settled:
                continue
            stage = self._sub_tasks(expected)[device][0].stage
            assert stage is (Stage.FAILED if errcode else Stage.SUCCEEDED)

    @rule(which=WHICH, really=st.sampled_from([False, False, True]), crash=CRASHES, after=st.booleans())
    def delete(self, which: int, crash: int | None, *, really: bool, after: bool) -> None:
        device = self.devices[which % len(self.devices)]
        if really:
            with self.process.crashing(crash, after=after):
                self._delete(device)
            record = DeviceRecord.find(device.id, DEVICE)
            if record is None or record.deleted:
                self.gone.add(device.id)

    def _delete(self, device: FakeDevice) -> None:
        with suppress(DeviceNotFound):
            removal.delete(self.fleet.caller, device.id)
        self.gone.add(device.id)

    @precondition(lambda self: self.batches)
    @rule(which=WHICH)
    def cancel(self, which: int) -> None:
        expected = self.batches[which % len(self.batches)]
        waiting = [command for _, command in self._sub_tasks(expected).values() if command is not None]
        if not waiting:
            return
        command = waiting[which % len(waiting)]
        with suppress(CommandSettled, CommandNotFound):
            commands.cancel(self.fleet.caller, commands.public_id(command))
            expected.canceled.add(command.device)

    # what holds at any time

    def _sub_tasks(self, expected: Expected) -> dict[str, tuple[SubTask, Command | None]]:
        page = batches.details(self.fleet.caller, expected.batch, size=1000)
        found = {each.device: (each, command) for each, command in page.items}
        assert len(found) == page.total, "a device twice"
        return found

    @invariant()
    def all_is_as_expected(self) -> None:
        if not hasattr(self, "batches"):
            return
        self.looks += 1
        self._no_message_of_what_is_settled()
        for expected in self.batches:
            task, chunks = batch_ends.read(expected.batch)
            assert task is not None
            found = self._sub_tasks(expected)
            self._is_whom_it_means(expected, list(found), searched=not task.place)
            self._counters_equal_a_recount(expected, [each.stage for each, _ in found.values()])
            for device, (sub_task, command) in found.items():
                self._stands_for_a_reason(expected, device, sub_task, command)
                before = expected.stages.get(device)
                assert before is None or not before.settled or sub_task.stage is before
                expected.stages[device] = sub_task.stage
            if self.looks % 3 == 0:  # a second command does not go away
                self._marks_and_commands_agree(expected, chunks, self._records())

    def _records(self) -> dict[str, dict[str, CommandRecord]]:
        """By device, then by command."""
        return {
            device.id: {r.command: r for r in CommandRecord.query(device.id, consistent_read=True)}
            for device in self.devices
        }

    def _is_whom_it_means(self, expected: Expected, found: list[str], *, searched: bool) -> None:
        if expected.target.kind is TargetKind.DEVICES:
            assert found == expected.devices
            return
        assert set(found) <= set(expected.devices)
        if searched:
            assert set(expected.devices) - self.gone <= set(found)

    def _counters_equal_a_recount(self, expected: Expected, stages: list[Stage]) -> None:
        batch, recount = batches.get(self.fleet.caller, expected.batch), Counter(stages)
        counts, total = batch.counts, len(stages)
        done = recount[Stage.SUCCEEDED] + recount[Stage.FAILED] + recount[Stage.TIMEOUT]
        assert (counts.total, counts.complete) == (total, done)
        assert counts.succeeded == recount[Stage.SUCCEEDED]
        assert counts.failed == recount[Stage.FAILED]
        assert counts.timeout == recount[Stage.TIMEOUT]
        assert counts.expired <= counts.ended <= counts.timeout
        if total:
            assert counts.progress * total <= done * 1000 < (counts.progress + 1) * total
            succeeded = counts.succeeded * 1000
            assert counts.success_rate * total <= succeeded < (counts.success_rate + 1) * total
        if self.clock.at >= expected.until:
            assert done == total
            assert batch.status in (Status.COMPLETE, Status.TIMEOUT)
        if batch.status is Status.COMPLETE:
            assert (done, counts.progress, counts.ended) == (total, 1000, 0)
            expected.complete = True
        assert not expected.complete or batch.status is Status.COMPLETE

    def _stands_for_a_reason(
        self, expected: Expected, device: str, sub_task: SubTask, command: Command | None
    ) -> None:
        gone, over = device in self.gone, self.clock.at >= expected.until
        if sub_task.stage is Stage.SUCCEEDED:
            assert 0 in expected.answers[device]
        elif sub_task.problem is not None:
            assert sub_task.problem == "DeviceNotFound"
            assert gone or device == UNKNOWN
        elif sub_task.stage is Stage.FAILED:
            assert gone or device in expected.canceled or 1 in expected.answers[device]
        elif sub_task.stage is Stage.TIMEOUT:
            assert gone or over or (command is not None and command.status.settled)
        else:
            assert not over

    def _marks_and_commands_agree(
        self, expected: Expected, chunks: list[ChunkRecord], records: dict[str, dict[str, CommandRecord]]
    ) -> None:
        """One command at most, and it moved with its sub-task as long as the batch lasted."""
        named: dict[str, tuple[str, str]] = {}
        marks = (zip(chunk.devices, chunk.marks, strict=True) for chunk in chunks)
        for device, mark in itertools.chain.from_iterable(marks):
            if device != UNKNOWN and mark != batch_marks.NEW and not mark.startswith(batch_marks.REFUSED):
                named[device] = mark[:1], mark[1:]
        for device, held in records.items():
            mine = [r.command for r in held.values() if json.loads(r.paras)["value"] == expected.value]
            letter, command = named.get(device, ("", ""))
            if device not in self.gone and command:
                assert mine == [command]
                over = letter in ("X", "L") or self.clock.at >= expected.until
                assert over or letter == LETTERS[held[command].status]
            assert mine in ([], [command])

    def _no_message_of_what_is_settled(self) -> None:
        mids: dict[tuple[str, int], int] = {}
        for number, message in enumerate(self.iot.arrived):
            device, value = message.client.partition("_")[0], message.json["paras"]["value"]
            assert mids.setdefault((device, value), message.mid) == message.mid, "a second command"
            before = self.batches[value].stages.get(device)
            if number >= self.judged:
                assert before is None or not before.settled, "sent after its end"
        self.judged = len(self.iot.arrived)

    # what holds at the end

    def teardown(self) -> None:
        """All that was put into queues is lost, and the sweeps make good for it."""
        if not hasattr(self, "batches"):
            return
        self.work.lose()
        self._all_are_reached_where_there_is_time()
        for _ in range(3):
            self._pass(LONG)
        for expected in self.batches:
            task, chunks = batch_ends.read(expected.batch)
            assert task is not None
            assert task.finished
            assert not any(mark[0] in batch_marks.AT_THE_END for chunk in chunks for mark in chunk.marks)
            self._marks_and_commands_agree(expected, chunks, self._records())
        self.all_is_as_expected()
        assert batch_ends.sweep() == 0
        room = OpenRecord.find(opened(self.fleet.application), OPEN)
        assert room is None or not room.batches
        for device in self.devices:
            queue = QueueRecord.find(device.id, QUEUE)
            assert queue is None or not (queue.waiting or queue.flying)
        assert self.work.dead == []

    def _all_are_reached_where_there_is_time(self) -> None:
        """Devices that are there and answer bring each batch of two days to its end before its time."""
        for device in self.devices:
            if device.id not in self.gone:
                device.connect(wake=False)
        answered = 0
        for number in range(7):
            self._pass(61 * 3**number)  # what is older is looked at less often
            arrived = self.iot.arrived[answered:]
            answered += len(arrived)
            for message in arrived:
                device, value = message.client.partition("_")[0], message.json["paras"]["value"]
                self.batches[value].answers.setdefault(device, set()).add(0)
                FakeDevice(device, self.iot).answer(message.mid)
        self.all_is_as_expected()
        for expected in self.batches:
            assert expected.complete or self.clock.at >= expected.until

    def _pass(self, seconds: int) -> None:
        self.clock.advance(seconds)
        self.sweep()
        self.work.run()


def test_batches_follow_the_model(
    aws: None, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(transactions, "FIRST_DELAY", 0)
    for module in (batches, batch_marks):
        monkeypatch.setattr(module, "CHUNK_SIZE", 3)
    monkeypatch.setattr(batch_work, "FLYING_AT_ONCE", 1)  # several transactions a chunk
    monkeypatch.setattr(batch_work, "WAITING_AT_ONCE", 1)
    monkeypatch.setattr(batch_work, "SENDERS", 1)  # in one order
    wiring.wire()
    World.fleet, World.clock, World.iot, World.process = make_fleet(), clock, FakeIot(), Lambda()
    World.iot.install()
    World.process.install(monkeypatch)
    World.count = []
    monkeypatch.setattr(ids.secrets, "token_hex", lambda size: counted(World.count, size))
    logs.logger()  # made first, so that its own level is what comes back
    caplog.set_level(logging.CRITICAL, logger="polything")  # failing jobs are the point
    run_state_machine_as_test(
        Batches,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize=True,
            phases=[Phase.generate],  # an example takes a second: shrinking one would take minutes
            suppress_health_check=list(HealthCheck),
        ),
    )
