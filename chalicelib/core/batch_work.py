"""Making the commands of a chunk: one job for up to a hundred sub-tasks.

What is needed of the devices is read in batches, and each transaction makes as many commands as it
holds, marks their sub-tasks and joins the devices' queues. A command whose device is connected and
has nothing else to do is SENT from the first, and handed over at once; others wait in their device's
queue as any cached command. A sub-task whose mark has moved is never worked again, whatever comes
twice; what dies after the marks moved is any command's case, and the sweep's.

Source: Huawei 1.10.1
"""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import msgspec

from ..aws import queues
from ..aws.iot import Outcome
from ..store.batches import BATCH, BatchItem, BatchRecord, ChunkRecord
from ..store.commands import CommandRecord
from ..store.devices import DEVICE, LINK, QUEUE, DeviceItem, DeviceRecord, LinkRecord, QueueRecord
from ..store.reading import Key, find_all
from ..store.transactions import ConditionFailed, Contention, Transaction, pause
from . import batch_marks, clock, command_machine, command_queue, commands, devices, sending
from .applications import Caller
from .batch_marks import NEW, REFUSED
from .batches import Order
from .command_states import DRAIN, Mode, NewCommand, Status
from .errors import DeviceNotFound, DeviceZombie, PolythingError, TooManyPending
from .memberships import batched
from .sending import Route

FLYING_AT_ONCE = 19  # five items a command, and the chunk
WAITING_AT_ONCE = 33  # three items
REFUSED_AT_ONCE = 50  # marks of an update: an expression holds 4 KB
MOST_BYTES = 3 * 1024 * 1024  # of a transaction, which holds 4 MB
OWN_BYTES = 2048  # of a command and its event, beside the parameters
SENDERS = 32  # at the same time
TRIES = 8


@dataclass(frozen=True)
class Entry:
    """One sub-task with its command; `route` where it is handed over at once."""

    index: int
    command: CommandRecord
    queue: QueueRecord | None
    route: Route | None
    wakes: bool  # the device may be reached, though not at once


@dataclass(frozen=True)
class Plan:
    refused: list[tuple[int, PolythingError]]
    entries: list[Entry]


class Dropped(ConditionFailed):
    """One device of a portion is not as it was read."""

    def __init__(self, index: int) -> None:
        super().__init__(str(index))
        self.index = index


class Stale(ConditionFailed):
    """Another worker has moved marks of the portion."""


def perform(batch: str, chunk: str) -> None:
    """The background job. Harmless to repeat, and to do twice at a time. Raises Contention."""
    for tried in range(TRIES):
        task, part = _read(batch, chunk)
        if task is None or part is None or int(task.until) - clock.now() < clock.SECOND:
            return
        new = [index for index, mark in enumerate(part.marks) if mark == NEW]
        if not new:
            return
        try:
            _work(part, _plan(task, part, new))
        except Stale:
            pause(tried)
    task, part = _read(batch, chunk)
    if part is not None and NEW in part.marks:
        raise Contention(f"{batch} {chunk}")


def _read(batch: str, chunk: str) -> tuple[BatchRecord | None, ChunkRecord | None]:
    """One AWS call."""
    keys: list[Key] = [(BatchItem, batch, BATCH), (BatchItem, batch, chunk)]
    found = find_all(keys).values()
    task = next((each for each in found if isinstance(each, BatchRecord)), None)
    part = next((each for each in found if isinstance(each, ChunkRecord)), None)
    return task, part


def _plan(task: BatchRecord, part: ChunkRecord, new: list[int]) -> Plan:
    """What becomes of each new sub-task. One AWS call for 33 devices."""
    order = msgspec.json.decode(task.command, type=Order)
    keys = [(part.devices[index], item) for index in new for item in (DEVICE, LINK, QUEUE)]
    found = {(r.device, r.item): r for r in DeviceItem.batch_get(keys, consistent_read=True)}
    plan = Plan([], [])
    for index in new:
        device = part.devices[index]
        items = [found.get((device, item)) for item in (DEVICE, LINK, QUEUE)]
        try:
            plan.entries.append(_entry(task, part, order, index, *items))
        except PolythingError as error:
            plan.refused.append((index, error))
    return plan


def _entry(
    task: BatchRecord,
    part: ChunkRecord,
    order: Order,
    index: int,
    device: DeviceItem | None,
    link: DeviceItem | None,
    queue: DeviceItem | None,
) -> Entry:
    """Raises what refuses a command to the device."""
    caller = Caller(task.tenant, task.creator, task.owner)
    if not isinstance(device, DeviceRecord) or not devices.visible(caller, device):
        raise DeviceNotFound(part.devices[index])
    link = link if isinstance(link, LinkRecord) else None
    queue = queue if isinstance(queue, QueueRecord) else None
    reachable = bool(link and link.online) or device.status == devices.Status.ONLINE.value
    if not reachable and commands.is_zombie(device):
        raise DeviceZombie(device.device)
    waiting = len(queue.waiting or ()) if queue else 0
    if waiting >= command_queue.MOST_WAITING and not commands.make_room(device.device):
        raise TooManyPending(device.device)
    record = _command(task, part, order, index, device)
    idle = not waiting and not (queue and queue.flying)
    route = Route(device, link, queue, True) if idle and link and link.online else None
    return Entry(index, record, queue, route, idle and reachable)


def _command(
    task: BatchRecord, part: ChunkRecord, order: Order, index: int, device: DeviceRecord
) -> CommandRecord:
    """It expires with its task."""
    new = NewCommand(
        device=device.device,
        service=order.service,
        method=order.method,
        paras=order.paras,
        dialect=task.dialect,
        callback=order.callback,
        expire=(int(task.until) - clock.now()) // clock.SECOND,
        retransmit=order.retransmit,
    )
    commands.check(device, new)
    record = commands.new_record(device, new, Mode.CACHED)
    record.batch = batch_marks.place(part, index)
    return record


def _work(part: ChunkRecord, plan: Plan) -> None:
    """Raises Stale; what was written before it is handed over all the same."""
    sent: list[tuple[Route, CommandRecord]] = []
    wakes: list[str] = []
    try:
        for refused in batched(plan.refused, REFUSED_AT_ONCE):
            _refuse(part, refused)
        flying = [entry for entry in plan.entries if entry.route is not None]
        for portion in batched(flying, _fitting(flying, FLYING_AT_ONCE)):
            sent += _send_off(part, portion)
        waiting = [entry for entry in plan.entries if entry.route is None]
        for portion in batched(waiting, _fitting(waiting, WAITING_AT_ONCE)):
            wakes += [entry.command.device for entry in _queue(part, portion) if entry.wakes]
    finally:
        _wake(wakes)
        _hand_over(sent)


def _fitting(entries: list[Entry], most: int) -> int:
    """How many commands a transaction holds: each is in its own item and in its event."""
    if not entries:
        return most
    size = 2 * (len(entries[0].command.paras) + OWN_BYTES)
    return max(1, min(most, MOST_BYTES // size))


def _refuse(part: ChunkRecord, refused: list[tuple[int, PolythingError]]) -> None:
    change = Transaction()
    _mark(change, part, [(index, REFUSED + type(error).__name__) for index, error in refused])
    change.commit()


def _mark(change: Transaction, part: ChunkRecord, marks: list[tuple[int, str]]) -> None:
    """Add to the change what the new sub-tasks become. Fails with Stale."""
    actions = [batch_marks.mark_at(index).set(mark) for index, mark in marks]
    still_new = batch_marks.all_are((index, NEW) for index, _ in marks)
    in_time = ChunkRecord.until > clock.now()
    change.update(ChunkRecord(part.batch, part.item), actions, still_new & in_time, Stale(part.item))


def _send_off(part: ChunkRecord, portion: list[Entry]) -> list[tuple[Route, CommandRecord]]:
    """Make commands that are SENT from the first; those that could not be are left for another round."""
    while portion:
        change = Transaction()
        _mark(change, part, [(entry.index, "W" + entry.command.command) for entry in portion])
        made = [
            (
                entry.route,
                command_machine.put_flying(change, entry.command, entry.queue, Dropped(entry.index)),
            )
            for entry in portion
        ]
        try:
            change.commit()
        except Dropped as dropped:
            portion = [entry for entry in portion if entry.index != dropped.index]
        else:
            return [(route, record) for route, record in made if route is not None]
    return []


def _queue(part: ChunkRecord, portion: list[Entry]) -> list[Entry]:
    """Make commands that wait; answers them. Those that could not be are left for another round."""
    while portion:
        change = Transaction()
        _mark(change, part, [(entry.index, "P" + entry.command.command) for entry in portion])
        for entry in portion:
            command_machine.put_waiting(change, entry.command, Dropped(entry.index))
        try:
            change.commit()
        except Dropped as dropped:
            portion = [entry for entry in portion if entry.index != dropped.index]
        else:
            return portion
    return []


def _wake(woken: Iterable[str]) -> None:
    """One AWS call per ten devices."""
    queues.send(queues.WORK, [queues.job_message(DRAIN, device=device) for device in woken])


def _hand_over(sent: list[tuple[Route, CommandRecord]]) -> None:
    """One message a device, several at a time; what was acknowledged is noted together.

    Raises the first failure of AWS once all others are done; those commands wait again.
    """
    if not sent:
        return
    with ThreadPoolExecutor(min(SENDERS, len(sent))) as pool:
        outcomes = list(pool.map(_attempt, sent))
    confirmed = [
        record
        for (_, record), (outcome, _) in zip(sent, outcomes, strict=True)
        if outcome is Outcome.CONFIRMED
    ]
    command_machine.deliver_all(confirmed)
    for (_, record), (outcome, _) in zip(sent, outcomes, strict=True):
        if outcome is not None and outcome is not Outcome.CONFIRMED:
            sending.record_outcome(record, outcome)
    failure = next((error for _, error in outcomes if error is not None), None)
    if failure is not None:
        raise failure


def _attempt(one: tuple[Route, CommandRecord]) -> tuple[Outcome | None, Exception | None]:
    try:
        return sending.hand_over(*one), None
    except Exception as error:  # noqa: BLE001 - raised by _hand_over, once the others are done
        return None, error


def abandon(device: str) -> None:
    """The device is gone: its commands of batch tasks fail, and their sub-tasks with them.

    One AWS call for what the device had of commands, two for each that was not settled.
    """
    open_states = [status.value for status in Status if not status.settled]
    mine: Any = CommandRecord.batch.exists() & CommandRecord.status.is_in(*open_states)
    for record in list(CommandRecord.query(device, filter_condition=mine, consistent_read=True)):
        command_machine.end(record, Status.FAILED, sending.failure("the device is deleted"))
