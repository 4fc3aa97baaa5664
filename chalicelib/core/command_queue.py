"""A device's queue: the cached commands that wait, the one in flight, the mids given out.

Each function adds the queue's part to the change that moves a command, so the two never disagree. A
mid stays with its command until that is settled: whatever the device says to it concerns that
command. A number still outstanding when the count comes round again is passed over.
"""

from functools import reduce
from operator import and_
from typing import Any

from pynamodb.expressions.condition import Condition, size

from ..store.commands import CommandRecord
from ..store.devices import MID, QUEUE, MidRecord, QueueRecord
from ..store.transactions import ConditionFailed, Contention, Transaction, pause
from .command_states import Mode, Status

MOST_WAITING = 20
MOST_MID = 65535
TRIES = 8


class Displaced(ConditionFailed):
    """The queue is no longer as it was read."""


class MidTaken(ConditionFailed):
    """An older command is still outstanding under this mid."""


def join(change: Transaction, record: CommandRecord, full: Exception) -> None:
    """Add a cached command at the end. Fails with `full` where twenty wait."""
    if record.mode != Mode.CACHED.value:
        return
    waiting: Any = QueueRecord.waiting
    room = QueueRecord.waiting.does_not_exist() | (size(waiting) < MOST_WAITING)
    actions = [_kind(), QueueRecord.waiting.set((waiting | []).append([record.command]))]
    change.update(QueueRecord(record.device, QUEUE), actions, room, full)


def take_off(change: Transaction, record: CommandRecord, queue: QueueRecord | None, passed: int) -> int:
    """A cached command leaves the head for the air. Answers the mid: the command's own, or the next
    after `passed` outstanding ones. Fails with Displaced, MidTaken.
    """
    actions: list[Any] = []
    holds: list[Condition] = []
    mid = int(record.mid or 0)
    if not mid:
        last = int(queue.mid or 0) if queue is not None else 0
        mid = (last + passed) % MOST_MID + 1
        actions.append(QueueRecord.mid.set(mid))
        holds.append(QueueRecord.mid == last if last else QueueRecord.mid.does_not_exist())
    if record.mode == Mode.CACHED.value:
        head: Any = QueueRecord.waiting[0]
        actions += [head.remove(), QueueRecord.flying.set(record.command)]
        holds += [head == record.command, QueueRecord.flying.does_not_exist()]
    if actions:
        key = QueueRecord(record.device, QUEUE)
        change.update(key, [_kind(), *actions], reduce(and_, holds), Displaced(record.device))
    if not record.mid:
        given = MidRecord(record.device, f"{MID}{mid}", command=record.command)
        change.put(given, MidRecord.command.does_not_exist(), MidTaken(str(mid)))
    return mid


def fly(change: Transaction, record: CommandRecord, queue: QueueRecord | None, failure: Exception) -> int:
    """A new command of a device for which none waits goes straight into the air. Answers its mid.

    Fails with `failure` where another waits or flies, or the next mid is outstanding.
    """
    last = int(queue.mid or 0) if queue is not None else 0
    mid = last % MOST_MID + 1
    waiting: Any = QueueRecord.waiting
    idle = QueueRecord.flying.does_not_exist() & (waiting.does_not_exist() | (size(waiting) == 0))
    same = QueueRecord.mid == last if last else QueueRecord.mid.does_not_exist()
    actions = [_kind(), QueueRecord.mid.set(mid), QueueRecord.flying.set(record.command)]
    change.update(QueueRecord(record.device, QUEUE), actions, idle & same, failure)
    given = MidRecord(record.device, f"{MID}{mid}", command=record.command)
    change.put(given, MidRecord.command.does_not_exist(), failure)
    return mid


def _kind() -> Any:
    """An update may create the item, and does not write its kind by itself."""
    kind: Any = QueueRecord.kind
    return kind.set(QueueRecord)


def come_back(change: Transaction, record: CommandRecord) -> None:
    """A cached command from the air waits again, first. Fails with Displaced."""
    if record.mode != Mode.CACHED.value:
        return
    waiting: Any = QueueRecord.waiting
    actions = [QueueRecord.waiting.set((waiting | []).prepend([record.command])), QueueRecord.flying.remove()]
    _change(change, record.device, actions, QueueRecord.flying == record.command)


def place_of(record: CommandRecord) -> QueueRecord | None:
    """The queue with the command in its place; read only where the command's state does not tell."""
    if record.mode != Mode.CACHED.value:
        return None
    if record.status == Status.PENDING.value:
        return QueueRecord.find(record.device, QUEUE)
    return QueueRecord(record.device, QUEUE, flying=record.command)


def leave(change: Transaction, record: CommandRecord, queue: QueueRecord | None) -> None:
    """Take the command out, where `queue` names it, and give its mid back. Fails with Displaced."""
    if record.mid is not None:
        change.delete(MidRecord(record.device, f"{MID}{int(record.mid)}"))
    if queue is not None:
        _take_out(change, queue, record.command)


def strike(queue: QueueRecord, command: str) -> None:
    """Take out a name whose command neither waits nor flies; nothing where it is gone already."""
    found: QueueRecord | None = queue
    for tried in range(TRIES):
        change = Transaction()
        if found is not None:
            _take_out(change, found, command)
        try:
            return change.commit()
        except Displaced:
            pause(tried)
            found = QueueRecord.find(queue.device, QUEUE)
    raise Contention(queue.device)


def _take_out(change: Transaction, queue: QueueRecord, command: str) -> None:
    waiting = list(queue.waiting or ())
    if queue.flying == command:
        _change(change, queue.device, [QueueRecord.flying.remove()], QueueRecord.flying == command)
    elif command in waiting:
        entry: Any = QueueRecord.waiting[waiting.index(command)]
        _change(change, queue.device, [entry.remove()], entry == command)


def _change(change: Transaction, device: str, actions: list[Any], holds: Condition) -> None:
    change.update(QueueRecord(device, QUEUE), actions, holds, Displaced(device))
