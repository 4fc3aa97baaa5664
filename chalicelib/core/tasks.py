"""Tasks that cancel all waiting commands of a device.

Source: Huawei 1.9.5, 1.9.6
"""

from enum import Enum

import msgspec

from ..aws import queues
from ..store.commands import TaskRecord
from ..store.devices import DEVICE, QUEUE, DeviceRecord, Parts, QueueRecord
from ..store.transactions import ConditionFailed, Contention, Transaction, pause
from ..store.walks import Walk, WalkTooLong
from . import clock, command_machine, command_queries, commands, devices, ids, paging
from .applications import Caller
from .command_states import ID_LENGTH, Command, Status, status_of
from .errors import DeviceNotFound, ListTooLong, TaskNotFound
from .paging import Page, Source

CANCEL = "cancel"
CANCEL_DELAY = 1  # s
GIVEN_UP = clock.MINUTE  # a task not written by then never will be
KEPT = 90 * clock.DAY
TRIES = 5


class TaskStatus(Enum):
    """So spelled on Huawei's wire too."""

    WAITTING = "WAITTING"
    RUNNING = "RUNNING"
    SUCCESS = "SUCCESS"
    FAILED = "FAILED"
    PART_SUCCESS = "PART_SUCCESS"


class Task(msgspec.Struct, frozen=True):
    """`commands` as they were when the task was made, or as they are now when queried."""

    device: str
    task: str
    owner: str
    status: TaskStatus
    created: int
    commands: tuple[Command, ...]

    @property
    def public_id(self) -> str:
        return self.device + self.task


class Filter(msgspec.Struct, frozen=True):
    """Times in ms."""

    task: str | None = None
    device: str | None = None
    status: TaskStatus | None = None
    start: int | None = None
    end: int | None = None


def create(caller: Caller, device: str) -> Task:
    """Accept the task; it is worked off in the background. Four AWS calls. Raises DeviceNotFound.

    The job is put first and waits: a crash in between leaves no task that nobody works.
    """
    parts = Parts(device, DEVICE, QUEUE)
    record, queue = parts.get(DEVICE, DeviceRecord), parts.get(QUEUE, QueueRecord)
    if record is None or not devices.visible(caller, record):
        raise DeviceNotFound(device)
    queued = command_queries.read([(device, name) for name in (queue.waiting or () if queue else ())])
    waiting = [command for command in queued if command.status is Status.PENDING]
    now = clock.now()
    task = TaskRecord(
        device,
        ids.ordered_id(now),
        tenant=caller.tenant,
        owner=caller.owner,
        status=TaskStatus.WAITTING.value,
        commands=msgspec.json.encode([command.command for command in waiting]).decode(),
        created=now,
        ttl=(now + KEPT) // clock.SECOND,
    )
    queues.work(CANCEL, CANCEL_DELAY, device=device, task=task.task, created=now)
    change = Transaction()
    change.check(DeviceRecord(device, DEVICE), devices.alive(), DeviceNotFound(device))
    change.put(task, TaskRecord.device.does_not_exist())
    change.commit()
    return _task(task, waiting)


def perform(device: str, task: str, created: int) -> None:
    """Cancel the task's commands. Harmless to repeat: what is canceled already counts as done."""
    record = TaskRecord.find(device, task)
    if record is None and clock.now() - created < GIVEN_UP:
        raise TaskNotFound(task)  # not written yet; the job comes again
    if record is None or not _proceed(record, TaskStatus.RUNNING):
        return
    names = msgspec.json.decode(record.commands)
    done = sum(_cancel(device, name) for name in names)
    _proceed(
        record,
        TaskStatus.SUCCESS if done == len(names) else TaskStatus.PART_SUCCESS if done else TaskStatus.FAILED,
    )


def _proceed(record: TaskRecord, status: TaskStatus) -> bool:
    """False where the task has ended, or is gone."""
    change = Transaction()
    waits, runs = TaskStatus.WAITTING.value, TaskStatus.RUNNING.value
    change.update(
        TaskRecord(record.device, record.task),
        [TaskRecord.status.set(status.value)],
        TaskRecord.status.is_in(waits, runs),
    )
    try:
        change.commit()
    except ConditionFailed:
        return False
    return True


def _cancel(device: str, command: str) -> bool:
    for tried in range(TRIES):
        record, queue = commands.read(device, command)
        if record is None or status_of(record) is not Status.PENDING:
            return record is not None and record.status == Status.CANCELED.value
        if command_machine.end(record, Status.CANCELED, queue=queue) is not None:
            return True
        pause(tried)
    raise Contention(device)


def query(caller: Caller, wanted: Filter, number: int, size: int) -> Page[Task]:
    """Newest first; the total counts the commands in all tasks found, as the vendor's table says.

    Raises TaskNotFound where a task is named that is not the caller's, ListTooLong.
    """
    if wanted.task is not None:
        found = _named(caller, wanted.task)
        keep = [found] if _fits(found, wanted) and number == 0 else []
        return Page(items=_tasks(keep), total=sum(map(_size, keep)), number=number, size=size)

    walk = _walk(caller, wanted)
    source = Source(walk.read, walk.skip, walk.count)
    name = paging.name("tasks", caller.owner, msgspec.to_builtins(wanted), size)
    records = paging.page(name, number, size, source).items
    total = sum(map(_size, records)) if number == 0 and len(records) < size else _total(walk)
    return Page(items=_tasks(records), total=total, number=number, size=size)


def _walk(caller: Caller, wanted: Filter) -> Walk[TaskRecord]:
    low, high = command_queries.between(wanted.start, wanted.end)
    holds = TaskRecord.owner == caller.owner if wanted.device else TaskRecord.tenant == caller.tenant
    if wanted.status is not None:
        holds = holds & (TaskRecord.status == wanted.status.value)
    partition, index = (wanted.device, None) if wanted.device else (caller.owner, "by_owner")
    return Walk(
        TaskRecord, partition, TaskRecord.task, index=index, low=low, high=high, forward=False, holds=holds
    )


def _total(walk: Walk[TaskRecord]) -> int:
    try:
        return sum(_size(record) for batch, _ in walk.batches(None) for record in batch)
    except WalkTooLong as error:
        raise ListTooLong("too many tasks to count their commands") from error


def _named(caller: Caller, public: str) -> TaskRecord:
    device, task = public[:ID_LENGTH], public[ID_LENGTH:]
    record = TaskRecord.find(device, task) if device and task else None
    if record is None or record.tenant != caller.tenant or record.owner != caller.owner:
        raise TaskNotFound(public)
    return record


def _fits(record: TaskRecord, wanted: Filter) -> bool:
    return (
        (wanted.device is None or record.device == wanted.device)
        and (wanted.status is None or record.status == wanted.status.value)
        and (wanted.start is None or record.created >= wanted.start)
        and (wanted.end is None or record.created <= wanted.end)
    )


def _size(record: TaskRecord) -> int:
    return len(msgspec.json.decode(record.commands))


def _tasks(records: list[TaskRecord]) -> list[Task]:
    """With their commands as they are now: one AWS call per hundred commands."""
    wanted = {record.task: msgspec.json.decode(record.commands) for record in records}
    keys = [(record.device, name) for record in records for name in wanted[record.task]]
    now = {command.command: command for command in command_queries.read(keys)}
    return [_task(r, [now[name] for name in wanted[r.task] if name in now]) for r in records]


def _task(record: TaskRecord, found: list[Command]) -> Task:
    return Task(
        device=record.device,
        task=record.task,
        owner=record.owner,
        status=TaskStatus(record.status),
        created=int(record.created),
        commands=tuple(found),
    )
