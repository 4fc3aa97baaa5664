"""Tasks that cancel all waiting commands of a device. Source: Huawei 1.9.5, 1.9.6"""

from typing import Any

import pytest

from chalicelib.aws import queues
from chalicelib.core import command_machine, errors, removal, tasks
from chalicelib.core.tasks import Filter, TaskStatus
from chalicelib.store.commands import CommandRecord, TaskRecord
from tests.conftest import Calls
from tests.support.clock import FakeClock
from tests.support.fleet import make_fleet
from tests.support.iot import Rig, make_rig


@pytest.fixture
def rig(aws: None, clock: FakeClock) -> Rig:
    return make_rig(clock)


def create(rig: Rig) -> tasks.Task:
    rig.clock.advance(1)
    made = tasks.create(rig.fleet.caller, rig.device.id)
    rig.work.waiting()  # its delay counts from now
    return made


def work(rig: Rig) -> list[str]:
    rig.clock.advance(1)
    return rig.work.run()


def query(rig: Rig, number: int = 0, size: int = 10, **wanted: Any) -> tuple[list[tasks.Task], int]:
    found = tasks.query(rig.fleet.caller, Filter(**wanted), number, size)
    return found.items, found.total


def status_of(rig: Rig, task: tasks.Task) -> str:
    (found,), _ = query(rig, task=task.public_id)
    return found.status.value


def test_a_task_waits_then_cancels_all_that_wait(rig: Rig, calls: Calls) -> None:
    names = [rig.create() for _ in range(3)]
    calls.clear()
    task = create(rig)
    assert calls.made == [
        "dynamodb.BatchGetItem",
        "dynamodb.BatchGetItem",
        "sqs.SendMessageBatch",
        "dynamodb.TransactWriteItems",
    ]
    assert task.status is TaskStatus.WAITTING
    assert [command.command for command in task.commands] == names
    assert status_of(rig, task) == "WAITTING"
    assert work(rig) == ["cancel"]
    (found,), total = query(rig, task=task.public_id)
    assert (found.status, total) == (TaskStatus.SUCCESS, 3)
    assert {command.status.value for command in found.commands} == {"CANCELED"}
    assert rig.queue() == ([], None)


def test_what_was_sent_meanwhile_is_not_canceled(rig: Rig) -> None:
    sent, canceled = rig.create(), rig.create()
    task = create(rig)
    rig.device.connect()
    rig.work.run()
    work(rig)
    assert status_of(rig, task) == "PART_SUCCESS"
    assert [rig.state(name) for name in (sent, canceled)] == ["DELIVERED", "CANCELED"]


def test_a_task_that_cancels_nothing_of_what_it_was_to_has_failed(rig: Rig) -> None:
    command = rig.create()
    task = create(rig)
    rig.device.connect()
    rig.work.run()
    work(rig)
    assert status_of(rig, task) == "FAILED"
    assert rig.state(command) == "DELIVERED"


def test_a_task_without_commands_succeeds(rig: Rig) -> None:
    task = create(rig)
    assert task.commands == ()
    work(rig)
    assert status_of(rig, task) == "SUCCESS"


def test_expired_commands_are_no_part_of_a_task(rig: Rig) -> None:
    rig.create(expire=10)
    rig.clock.advance(11)
    assert create(rig).commands == ()


def test_a_command_that_expires_meanwhile_is_not_canceled(rig: Rig) -> None:
    command = rig.create(expire=10)
    task = create(rig)
    rig.clock.advance(10)
    work(rig)
    assert status_of(rig, task) == "FAILED"
    assert rig.state(command) == "EXPIRED"


def test_a_job_that_comes_twice_changes_nothing(rig: Rig) -> None:
    rig.create()
    task = create(rig)
    rig.clock.advance(1)
    job = rig.work.take()
    assert job is not None
    rig.work.work(job)
    later = rig.create()
    rig.work.work(job)
    assert status_of(rig, task) == "SUCCESS"
    assert rig.state(later) == "PENDING"


def test_two_workers_on_one_task_do_not_spoil_its_outcome(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.create()
    task = create(rig)
    end = command_machine.end

    def other_first(*args: Any, **more: Any) -> Any:
        monkeypatch.setattr(command_machine, "end", end)
        tasks.perform(rig.device.id, task.task, task.created)
        return end(*args, **more)

    monkeypatch.setattr(command_machine, "end", other_first)
    work(rig)
    assert status_of(rig, task) == "SUCCESS"


def test_an_interrupted_task_is_finished(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.create(), rig.create()
    task = create(rig)
    end, calls = command_machine.end, []

    def dies_at_the_second(*args: Any, **more: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            raise ConnectionError
        return end(*args, **more)

    monkeypatch.setattr(command_machine, "end", dies_at_the_second)
    work(rig)
    assert status_of(rig, task) == "RUNNING"
    rig.clock.advance(121)
    rig.work.run()
    assert status_of(rig, task) == "SUCCESS"


def test_a_job_without_its_task_comes_again_for_a_while(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The job is put before the task is written, and one of them may be quick."""
    with pytest.raises(errors.TaskNotFound):
        tasks.perform(rig.device.id, "0" * 32, rig.clock.at - 1000)
    tasks.perform(rig.device.id, "0" * 32, rig.clock.at - 61_000)


def test_a_job_that_cannot_be_put_leaves_no_task(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise ConnectionError

    monkeypatch.setattr(queues, "work", fail)
    with pytest.raises(ConnectionError):
        create(rig)
    assert query(rig) == ([], 0)


def test_a_task_of_a_deleted_device_ends_quietly(rig: Rig) -> None:
    rig.create()
    create(rig)
    removal.delete(rig.fleet.caller, rig.device.id)
    rig.work.run()
    rig.clock.advance(200)
    rig.work.run()
    assert list(TaskRecord.query(rig.device.id)) == []
    assert list(CommandRecord.query(rig.device.id)) == []
    with pytest.raises(errors.DeviceNotFound):
        create(rig)


def test_queries_filter_and_page(rig: Rig) -> None:
    start = rig.clock.at
    rig.create(), rig.create()
    first = create(rig)
    work(rig)
    rig.create()
    second, third = create(rig), create(rig)
    ids = [task.task for task in (third, second, first)]

    def listed(**wanted: Any) -> tuple[list[str], int]:
        found, total = query(rig, **wanted)
        return [task.task for task in found], total

    assert listed() == (ids, 4)
    assert listed(device=rig.device.id) == (ids, 4)
    assert listed(device="0" * 32) == ([], 0)
    assert listed(status=TaskStatus.WAITTING) == (ids[:2], 2)
    assert listed(status=TaskStatus.SUCCESS, device=rig.device.id) == (ids[2:], 2)
    assert listed(start=second.created, end=second.created) == ([second.task], 1)
    assert listed(end=start) == ([], 0)
    assert listed(number=0, size=2) == (ids[:2], 4)
    assert listed(number=1, size=2) == (ids[2:], 4)
    assert listed(task=first.public_id, status=TaskStatus.WAITTING) == ([], 0)


def test_a_strangers_task_is_absent(rig: Rig) -> None:
    task = create(rig)
    stranger = make_fleet("other").caller
    with pytest.raises(errors.TaskNotFound):
        tasks.query(stranger, Filter(task=task.public_id), 0, 10)
    assert tasks.query(stranger, Filter(), 0, 10).items == []
    assert tasks.query(stranger, Filter(device=rig.device.id), 0, 10).items == []


def test_commands_of_a_task_are_read_as_they_are(rig: Rig) -> None:
    rig.create(expire=30)
    task = create(rig)
    rig.work.lose()
    rig.clock.advance(30)
    (found,), _ = query(rig, task=task.public_id)
    assert [command.status.value for command in found.commands] == ["EXPIRED"]
