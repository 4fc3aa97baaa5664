"""Factory resets: the device forgets its settings, and the cloud what it kept of the device.

    RUNNING -> SUCCESS | FAILED | TIMEOUT

A task is put, and worked in the background: the device is told, and once it has acknowledged that, its
history, events and shadow are erased. A device that may be reset offline is told when it comes back, and
erased at once. One that answers with a failure, or cannot be reached, keeps everything: FAILED; one that
acknowledges nothing in LASTS too: TIMEOUT. What is over reads as over.

What the device reports after the task was made stays.

Source: Feiyan 6.4.11, 6.4.12
"""

from collections.abc import Sequence
from enum import Enum

import msgspec
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from ..aws import queues
from ..store.commands import CommandRecord
from ..store.devices import DEVICE, LINK, QUEUE, DeviceRecord, LinkRecord, Parts
from ..store.history import HistoryRecord
from ..store.resets import RESET, ResetRecord
from ..store.transactions import ConditionFailed, Transaction
from . import clock, commands, devices, ids, platform_orders, sending, shadow_edits, thing_access
from .applications import Caller
from .command_states import ID_LENGTH, Mode, Status, status_of
from .errors import DeviceNotFound, DeviceOffline, NotBound, TaskNotFound
from .shadow_edits import Target

JOB = "factory-reset"
FIRST_DELAY = 1  # s: the task is written by then
LOOK_AGAIN = 5  # s
GIVEN_UP = clock.MINUTE  # a task not written by then never will be
LASTS = 3 * clock.MINUTE
KEPT = 90 * clock.DAY
ERASED_AT_ONCE = 2_000  # entries of one job
ERASING_LASTS = 6 * clock.HOUR


class State(Enum):
    RUNNING = "RUNNING"
    SUCCESS = "SUCCESS"
    FAILED = "FAILED"
    TIMEOUT = "TIMEOUT"


class _Overtaken(ConditionFailed):
    """Another worker has had the device told."""


class Reset(msgspec.Struct, frozen=True):
    """Times in ms; `until` is when it is over, whatever has come of it."""

    id: str
    device: str
    state: State
    created: int
    until: int


def begin(caller: Caller, device: str, dialect: str, *, offline: bool = False) -> str:
    """Accept a task; answers its id. `offline`: also where the device cannot be reached now.

    Three AWS calls; the job is put first and waits, so no task is left that nobody works. Raises NotBound,
    DeviceNotFound, DeviceOffline.
    """
    _, parts = thing_access.read(caller, device, LINK, QUEUE)
    route = sending.route_of(device, parts)
    if not offline and (route is None or not route.reachable):
        raise DeviceOffline(device)
    now = clock.now()
    record = ResetRecord(
        device,
        RESET + ids.ordered_id(now),
        tenant=caller.tenant,
        application=caller.owner,
        user=thing_access.user_of(caller),
        dialect=dialect,
        offline=offline,
        state=State.RUNNING.value,
        created=now,
        until=now + LASTS,
        ttl=(now + KEPT) // clock.SECOND,
    )
    queues.work(JOB, FIRST_DELAY, device=device, task=record.task, created=now)
    change = Transaction()
    change.check(DeviceRecord(device, DEVICE), devices.alive(), thing_access.absent(caller, device))
    change.put(record, ResetRecord.device.does_not_exist())
    change.commit()
    return _public_id(record)


def get(caller: Caller, task: str) -> Reset:
    """A task of the caller's: a person may ask for what the person began, or what is of a device that is
    bound to the person. One AWS call, two for another's task. Raises TaskNotFound.
    """
    device, name = task[:ID_LENGTH], task[ID_LENGTH:]
    record = ResetRecord.find(device, RESET + name) if device and name else None
    if record is None or (record.tenant, record.application) != (caller.tenant, caller.owner):
        raise TaskNotFound(task)
    user = thing_access.user_of(caller)
    if user is not None and user != record.user:
        try:
            thing_access.read(caller, device)
        except NotBound:
            raise TaskNotFound(task) from None
    return Reset(_public_id(record), device, _state(record), int(record.created), int(record.until))


def perform(device: str, task: str, created: int) -> None:
    """The background job. Harmless to repeat; puts itself again until the task is settled."""
    record = ResetRecord.find(device, task)
    if record is None and clock.now() - created < GIVEN_UP:
        raise TaskNotFound(task)  # not written yet; the job comes again
    if record is None or _state(record) is not State.RUNNING:
        return
    if record.told:
        _erase(record)
        return
    state = _tell(record)
    if state is State.RUNNING:
        _again(record, LOOK_AGAIN)
    elif state is State.SUCCESS:
        shadow_edits.clean(_owner(record), Target(None, device))
        if _move(record, [ResetRecord.told.set(True), ResetRecord.until.set(clock.now() + ERASING_LASTS)]):
            _again(record)
    else:
        _move(record, [ResetRecord.state.set(state.value)])


def _tell(record: ResetRecord) -> State:
    """SUCCESS once the device knows, or is to be told later."""
    command = CommandRecord.find(record.device, record.command) if record.command else None
    if command is None:
        return State.FAILED if record.command else _order(record)
    status = status_of(command)
    if command.mode == Mode.CACHED.value or status in (Status.DELIVERED, Status.SUCCESSFUL):
        return State.SUCCESS
    if not status.settled:
        return State.RUNNING
    return State.FAILED if status is Status.FAILED else State.TIMEOUT


def _order(record: ResetRecord) -> State:
    """Have the device told, as far as that was not done."""
    parts = Parts(record.device, DEVICE, LINK, QUEUE)
    route = sending.route_of(record.device, parts)
    if route is None or not (route.reachable or record.offline):
        return State.FAILED
    new = platform_orders.reset(record.device, record.dialect, keep=not route.reachable)

    def note(change: Transaction, command: CommandRecord) -> None:
        first = ResetRecord.command.does_not_exist()
        key = ResetRecord(record.device, record.task)
        change.update(key, [ResetRecord.command.set(command.command)], _runs() & first, _Overtaken())

    try:
        commands.order(route.device, parts.get(LINK, LinkRecord), new, note)
    except _Overtaken:
        return State.RUNNING
    except DeviceNotFound:
        return State.FAILED
    return State.RUNNING if route.reachable else State.SUCCESS


def _erase(record: ResetRecord) -> None:
    """Delete up to ERASED_AT_ONCE entries of the device's history, and go on later or settle the task."""
    old = HistoryRecord.query(
        record.device,
        filter_condition=HistoryRecord.at <= int(record.created),
        attributes_to_get=["device", "entry"],
        limit=ERASED_AT_ONCE,
    )
    erased = 0
    with HistoryRecord.batch_write() as batch:
        for entry in old:
            batch.delete(entry)
            erased += 1
    if erased < ERASED_AT_ONCE:
        _move(record, [ResetRecord.state.set(State.SUCCESS.value)])
    else:
        _again(record)


def _again(record: ResetRecord, delay: int = 0) -> None:
    queues.work(JOB, delay, device=record.device, task=record.task, created=int(record.created))


def _move(record: ResetRecord, actions: Sequence[Action]) -> bool:
    """False where the task was settled, or is gone."""
    change = Transaction()
    change.update(ResetRecord(record.device, record.task), actions, _runs())
    try:
        change.commit()
    except ConditionFailed:
        return False
    return True


def _runs() -> Condition:
    running: Condition = ResetRecord.state == State.RUNNING.value
    return running


def _state(record: ResetRecord) -> State:
    """As of now."""
    state = State(record.state)
    return State.TIMEOUT if state is State.RUNNING and int(record.until) <= clock.now() else state


def _owner(record: ResetRecord) -> Caller:
    return Caller(tenant=record.tenant, application=record.application, owner=record.application)


def _public_id(record: ResetRecord) -> str:
    """Finds the task by itself."""
    return str(record.device + record.task.removeprefix(RESET))
