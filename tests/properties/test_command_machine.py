"""Whatever happens in whatever order, a command keeps to its state machine and its queue goes on."""

import logging

import pytest
from hypothesis import HealthCheck, settings
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
from chalicelib.core import commands, ids, overdue, products, tasks
from chalicelib.core.command_states import Status, status_of
from chalicelib.core.commands import Mode, NewCommand
from chalicelib.core.errors import CommandSettled, TooManyPending
from chalicelib.store.commands import CommandRecord
from chalicelib.store.devices import QUEUE, QueueRecord
from tests.support.clock import FakeClock
from tests.support.fleet import Fleet, make_fleet
from tests.support.iot import FakeDevice, FakeIot, Reaction, add_device
from tests.support.machines import Lambda, counted, empty
from tests.support.queues import Job, WorkQueue

AT = 1_700_000_000_000
STEPS = 25
EXAMPLES = 8
IN_THE_AIR = (Status.SENT.value, Status.DELIVERED.value)


CRASHES = st.one_of(st.none(), st.integers(0, 6))
SECONDS = st.sampled_from([1, 16, 16, 31, 100, 190, 1000, 60_000])


class Machine(RuleBasedStateMachine):
    fleet: Fleet
    clock: FakeClock
    iot: FakeIot
    process: Lambda
    count: list[int]

    @initialize(reaction=st.sampled_from(Reaction), retransmit=st.integers(0, 2))
    def start(self, reaction: Reaction, retransmit: int) -> None:
        """An example runs as it ran before: same ids, same time, nothing remembered."""
        self.count.clear()
        self.clock.at = AT
        products.forget()
        self.iot.clients.clear()
        self.iot.arrived.clear()
        self.iot.before = None
        self.work = WorkQueue(self.clock)
        self.work.lose()
        self.device: FakeDevice = add_device(self.fleet, self.iot, "device")
        self.names: list[str] = []  # commands by creation
        self.settled: dict[str, tuple[str, str | None]] = {}
        self.seen = 0  # messages judged
        self.before: set[str] = set()  # settled before the messages to be judged
        for expire in (None, 300):
            self.create(expire, retransmit, None, after=False)
        self.device.connect(reaction)
        self.work.run()

    def _records(self) -> dict[str, CommandRecord]:
        return {
            record.command: record for record in CommandRecord.query(self.device.id, consistent_read=True)
        }

    @rule(
        expire=st.sampled_from([None, 0, 40, 300]),
        retransmit=st.integers(0, 2),
        crash=CRASHES,
        after=st.booleans(),
    )
    def create(self, expire: int | None, retransmit: int, crash: int | None, *, after: bool) -> None:
        new = NewCommand(
            self.device.id, "Meter", "SET_LEVEL", {"value": 1}, "huawei", expire=expire, retransmit=retransmit
        )
        with self.process.crashing(crash, after=after):
            try:
                commands.create(self.fleet.caller, new)
            except TooManyPending:
                queue = QueueRecord.find(self.device.id, QUEUE)
                assert queue is not None
                assert len(queue.waiting) >= 20
        self.clock.advance(0.001)  # ids order by the millisecond
        self.names += sorted(self._records().keys() - set(self.names))

    @rule(reaction=st.sampled_from(Reaction), wake=st.booleans())
    def connect(self, reaction: Reaction, wake: bool) -> None:
        self.device.connect(reaction, wake=wake)

    @rule()
    def disconnect(self) -> None:
        if self.device.client:
            self.device.disconnect()

    @rule(reaction=st.one_of(st.none(), st.sampled_from(Reaction)))
    def react(self, reaction: Reaction | None) -> None:
        """The connection changes its ways, or is gone without a word."""
        if reaction is None:
            self.device.vanish()
        elif self.device.client:
            self.iot.connect(self.device.client, reaction)

    @rule(seconds=SECONDS, swept=st.booleans(), worked=st.booleans())
    def pass_time(self, seconds: int, swept: bool, worked: bool) -> None:
        self.clock.advance(seconds)
        if swept:
            overdue.sweep()
        if worked:
            self.work.run()

    @rule(crash=CRASHES, after=st.booleans(), twice=st.booleans())
    def work_all(self, crash: int | None, after: bool, twice: bool) -> None:
        """The first job may crash, and comes again then, or come twice all the same."""
        first = self.work.take()
        if first is None:
            return
        with self.process.crashing(crash, after=after):
            self.work.work(first)
            if not twice:
                self.work.run()
                return
        self.work.jobs.append(Job(self.clock.at, first.body))
        self.work.run()

    @rule()
    def lose_jobs(self) -> None:
        self.work.lose()

    @rule(other=st.sampled_from(["drain", "sweep", "cancel", "answer", "come back"]))
    def work_beside(self, other: str) -> None:
        """Something else happens between the transaction and the send."""

        def happen(_: str) -> None:
            self.iot.before = None
            if other == "drain":
                self.work.work(Job(self.clock.at, f'{{"job":"drain","device":"{self.device.id}"}}'))
            elif other == "sweep":
                self.clock.advance(16)
                overdue.sweep()
                self.work.run()
            elif other == "cancel":
                for name in self.names:
                    self._cancel(name)
            elif other == "answer" and self.iot.arrived:
                self.device.answer(self.iot.arrived[-1].mid)
            elif other == "come back":
                self.device.connect()

        self.iot.before = happen
        self.report()
        self.iot.before = None

    @rule()
    def report(self) -> None:
        """The device reports: what waits is to be sent."""
        self.work.work(Job(self.clock.at, f'{{"job":"drain","device":"{self.device.id}"}}'))
        self.work.run()

    @precondition(lambda self: self.names)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        self._cancel(data.draw(st.sampled_from(self.names)))

    def _cancel(self, name: str) -> None:
        before = status_of(self._records()[name])
        try:
            canceled = commands.cancel(self.fleet.caller, self.device.id + name)
        except CommandSettled:
            assert before is not Status.PENDING
        else:
            assert canceled.status is Status.CANCELED

    @rule()
    def cancel_all(self) -> None:
        tasks.create(self.fleet.caller, self.device.id)

    @precondition(lambda self: self.iot.arrived)
    @rule(data=st.data(), errcode=st.integers(0, 1), crash=CRASHES, after=st.booleans())
    def answer(self, data: st.DataObject, errcode: int, crash: int | None, after: bool) -> None:
        """To any message that ever arrived: late, repeated, out of order."""
        mid = data.draw(st.sampled_from(self.iot.mids))
        with self.process.crashing(crash, after=after):
            try:
                self.device.answer(mid, errcode)
            except Exception:  # noqa: BLE001 - AWS refused the next command; Lambda repeats the message
                return

    @invariant()
    def nothing_settled_changes(self) -> None:
        records = self._records()
        for name, known in self.settled.items():
            assert (status_of(records[name]).value, records[name].result) == known
        for name, record in records.items():
            if status_of(record).settled:
                self.settled.setdefault(name, (status_of(record).value, record.result))

    @invariant()
    def queue_and_commands_agree(self) -> None:
        queue = QueueRecord.find(self.device.id, QUEUE)
        waiting = list(queue.waiting or ()) if queue else []
        flying = queue.flying if queue else None
        cached = [r for r in self._records().values() if r.mode == Mode.CACHED.value]
        assert sorted(waiting) == sorted(r.command for r in cached if r.status == Status.PENDING.value)
        assert waiting == sorted(waiting, key=self.names.index), "out of order"
        assert [r.command for r in cached if r.status in IN_THE_AIR] == ([flying] if flying else [])

    @invariant()
    def messages_are_right(self) -> None:
        records = self._records()
        by_mid = {int(r.mid): r for r in records.values() if r.mid}
        assert len(by_mid) == sum(1 for r in records.values() if r.mid), "two commands under one mid"
        for message in self.iot.arrived[self.seen :]:
            assert by_mid[message.mid].command not in self.before, "sent after its end"
        self.seen, self.before = len(self.iot.arrived), set(self.settled)
        first = list(dict.fromkeys(self.iot.mids))
        order = [by_mid[mid].command for mid in first if by_mid[mid].mode == Mode.CACHED.value]
        assert order == sorted(order, key=self.names.index), "sent out of order"

    def teardown(self) -> None:
        """However it stands: with a device that is there and answers, every command comes to its end."""
        if not hasattr(self, "device"):
            return
        self.iot.before = None
        self.work.lose()
        self.device.connect(wake=False)
        for _ in range(80):
            self.clock.advance(61)
            overdue.sweep()
            self.work.run()
            if self.iot.arrived:
                self.device.answer(self.iot.arrived[-1].mid)
            if all(Status(r.status).settled for r in self._records().values()):
                break
        else:
            pytest.fail("stuck: " + str([r.values() for r in self._records().values()]))
        self.nothing_settled_changes()
        queue = QueueRecord.find(self.device.id, QUEUE)
        assert queue is None or not (queue.waiting or queue.flying)
        empty("commands", "outbox", "devices", "tasks", "aliases")


def test_the_machine(
    aws: None, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from chalicelib.store import transactions

    monkeypatch.setattr(transactions, "FIRST_DELAY", 0)
    Machine.fleet, Machine.clock = make_fleet(), clock
    Machine.iot, Machine.process = FakeIot(), Lambda()
    Machine.iot.install()
    Machine.process.install(monkeypatch)
    Machine.count = []
    monkeypatch.setattr(ids.secrets, "token_hex", lambda size: counted(Machine.count, size))
    logs.logger()  # made first, so that its own level is what comes back
    caplog.set_level(logging.CRITICAL, logger="polything")  # failing jobs are the point
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
