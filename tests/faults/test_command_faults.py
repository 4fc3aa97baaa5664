"""Crashes and refusals at every AWS call of a command's way: nothing lost, nothing twice, nothing stuck."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ConnectionClosedError

from chalicelib.core import sending
from chalicelib.store.commands import CommandRecord
from tests.support.clock import FakeClock
from tests.support.iot import Reaction, Rig, make_rig
from tests.support.queues import Job

DRAIN = '{"job":"drain","device":"%s"}'


class Crash(BaseException):
    """The process ends: no handler of ours may take this for an error."""


@pytest.fixture
def rig(aws: None, clock: FakeClock) -> Rig:
    return make_rig(clock)


Die = Callable[[Callable[[], object], int, bool], bool]


@pytest.fixture
def die(monkeypatch: pytest.MonkeyPatch) -> Die:
    """`die(work, n, after)` ends it before or after the n-th AWS call; False where that is not made."""
    made = BaseClient._make_api_call

    def run(work: Callable[[], object], number: int, after: bool) -> bool:
        left = [number]

        def call(client: BaseClient, operation: str, arguments: Any) -> Any:
            left[0] -= 1
            if left[0] == -1 and not after:
                raise Crash
            try:
                return made(client, operation, arguments)
            finally:
                if left[0] == -1:
                    raise Crash

        with monkeypatch.context() as patch:
            patch.setattr(BaseClient, "_make_api_call", call)
            try:
                work()
            except Crash:
                return True
        return False

    return run


def settle(rig: Rig) -> None:
    """What time brings: sweeps, jobs, and a device that answers what it last got."""
    for _ in range(30):
        rig.pass_time(31)
        if rig.iot.arrived:
            rig.device.answer(rig.iot.arrived[-1].mid)
    assert rig.queue() == ([], None)
    assert {record.status for record in CommandRecord.query(rig.device.id)} <= {"SUCCESSFUL"}


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("number", range(5))
def test_a_crash_while_sending(rig: Rig, die: Die, number: int, after: bool) -> None:
    """Read the queue, read the command, store the attempt, send, record: it may end at each."""
    first, second = rig.create(1), rig.create(2)
    rig.device.connect(wake=False)
    assert die(lambda: rig.work.work(Job(0, DRAIN % rig.device.id)), number, after)
    settle(rig)
    by_command = {name: int(rig.record(name).mid) for name in (first, second)}
    assert by_command == {first: 1, second: 2}
    assert rig.iot.mids == sorted(rig.iot.mids)
    assert set(rig.iot.mids) == {1, 2}


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("number", range(8))
def test_a_crash_while_an_answer_is_worked(rig: Rig, die: Die, number: int, after: bool) -> None:
    """Lambda brings the device's message again; the next command goes out all the same."""
    first, second = rig.create(1), rig.create(2)
    rig.device.connect()
    rig.work.run()
    assert die(lambda: rig.device.answer(1), number, after)
    rig.device.answer(1)
    assert rig.state(first) == "SUCCESSFUL"
    settle(rig)
    assert rig.state(second) == "SUCCESSFUL"
    told = [status for kind, status in rig.events() if kind == "command.answered"]
    assert told == ["SUCCESSFUL"] * 2


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("number", range(3))
@pytest.mark.parametrize("expire", [None, 0])
def test_a_crash_while_a_command_is_accepted(
    rig: Rig, die: Die, number: int, after: bool, expire: int | None
) -> None:
    rig.device.connect()
    rig.create()
    rig.work.run()
    rig.device.answer(1)
    died = die(lambda: rig.create(expire=expire), number, after)
    assert died
    settle(rig)
    stored = len(list(CommandRecord.query(rig.device.id)))
    assert stored == (2 if (number, after) >= (1, True) else 1)
    assert len(set(rig.iot.mids)) == stored


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("number", range(5))
def test_a_crash_while_repeating(rig: Rig, die: Die, number: int, after: bool) -> None:
    command = rig.create()
    rig.device.connect(Reaction.SILENT)
    rig.work.run()
    rig.clock.advance(16)
    job = rig.work.take()
    assert job is not None
    assert die(lambda: rig.work.work(job), number, after)
    rig.iot.connect(rig.device.client)
    settle(rig)
    assert set(rig.iot.mids) == {1}
    assert rig.state(command) == "SUCCESSFUL"


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("number", range(3))
def test_a_crash_while_putting_back(rig: Rig, die: Die, number: int, after: bool) -> None:
    """There was no connection; the outcome may be lost, the command is not."""
    command = rig.create()
    rig.device.connect(wake=False)
    rig.device.vanish()
    assert die(lambda: rig.work.work(Job(0, DRAIN % rig.device.id)), number + 3, after)
    rig.device.connect()
    settle(rig)
    assert set(rig.iot.mids) == {1}
    assert rig.state(command) == "SUCCESSFUL"


@pytest.mark.parametrize("reaction", [Reaction.THROTTLED, Reaction.FORBIDDEN, Reaction.CUT])
@pytest.mark.parametrize("expire", [None, 0])
def test_what_aws_refuses_is_sent_later_and_uses_up_no_repeat(
    rig: Rig, reaction: Reaction, expire: int | None
) -> None:
    command = rig.create(expire=expire, retransmit=0)
    rig.device.connect(reaction)
    rig.work.run()
    assert rig.work.failures  # it is seen, and SQS brings the job again
    assert (rig.state(command), int(rig.record(command).issued)) == ("PENDING", 0)
    rig.iot.connect(rig.device.client)
    rig.clock.advance(121)
    rig.work.run()
    assert rig.state(command) == "DELIVERED"
    assert set(rig.iot.mids) == {1}


def test_what_aws_refuses_for_long_is_tried_ever_less_and_expires(rig: Rig) -> None:
    command, other = rig.create(expire=3600), rig.create(expire=7200)
    rig.device.connect(Reaction.FORBIDDEN)
    for _ in range(70):
        rig.pass_time(60)
    assert rig.state(command) == "EXPIRED"
    assert len(rig.iot.tried) < 25
    rig.iot.connect(rig.device.client)
    rig.device.connect()
    rig.work.run()
    assert rig.state(other) == "DELIVERED"


def test_a_worker_held_up_between_storing_and_sending_does_not_send(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Frozen for minutes, it wakes when others have long taken the command over."""
    command = rig.create(retransmit=0)
    rig.device.connect()
    message_for = sending.message_for

    def frozen(*args: Any) -> Any:
        monkeypatch.setattr(sending, "message_for", message_for)
        rig.pass_time(181)
        return message_for(*args)

    monkeypatch.setattr(sending, "message_for", frozen)
    rig.work.run()
    assert rig.state(command) == "TIMEOUT"
    assert rig.iot.arrived == []


def test_every_job_may_come_twice(rig: Rig) -> None:
    names = [rig.create(value) for value in range(3)]
    rig.device.connect()
    for _ in range(3):
        while (job := rig.work.take()) is not None:
            rig.work.work(job)
            rig.work.work(job)
        rig.device.answer(rig.iot.arrived[-1].mid)
        rig.device.answer(rig.iot.arrived[0].mid, 1)
    assert rig.iot.mids == [1, 2, 3]
    assert [rig.state(name) for name in names] == ["SUCCESSFUL"] * 3


def test_a_lost_answer_of_the_store_is_made_good(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """DynamoDB did the write, and nobody was told."""
    command = rig.create()
    rig.device.connect(wake=False)
    made, broken = BaseClient._make_api_call, []

    def call(client: BaseClient, operation: str, arguments: Any) -> Any:
        answer = made(client, operation, arguments)
        if operation == "TransactWriteItems" and not broken:
            broken.append(operation)
            raise ConnectionClosedError(endpoint_url="https://dynamodb")
        return answer

    monkeypatch.setattr(BaseClient, "_make_api_call", call)
    rig.work.work(Job(rig.clock.at, DRAIN % rig.device.id))
    assert rig.work.failures
    settle(rig)
    assert rig.state(command) == "SUCCESSFUL"
    assert set(rig.iot.mids) == {1}
