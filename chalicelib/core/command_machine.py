"""The hops of a command: each with its event and the device's queue in one transaction.

Every hop holds only where the command is as it was read.
"""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from pynamodb.expressions.condition import Condition

from .. import metrics
from ..store.commands import CommandRecord
from ..store.devices import DEVICE, QUEUE, DeviceRecord, QueueRecord
from ..store.transactions import ConditionFailed, Contention, Transaction, pause
from . import batch_marks, clock, command_queue, devices, events
from .batch_marks import Overtaken
from .command_queue import Displaced, MidTaken
from .command_states import RESPONSE_WITHIN, Status, command_of, expires, status_of
from .errors import DeviceNotFound, TooManyPending
from .events import EventType

MOST_PASSED = 64  # outstanding mids in a row
DELIVERED_AT_ONCE = 50  # two items each
LOOK_AGAIN = 30 * clock.SECOND
ATTEMPT_LASTS = 15 * clock.SECOND  # from one attempt to the next
TRIES = 8


class Moved(ConditionFailed):
    """The command is no longer as it was read."""


def with_mid(build: Callable[[Transaction, int], CommandRecord]) -> CommandRecord:
    """Commit what `build` makes of a change and of how many outstanding mids to pass over.

    Raises Moved, Displaced, or what else the change fails with.
    """
    for passed in range(MOST_PASSED):
        change = Transaction()
        made = build(change, passed)
        try:
            change.commit()
        except MidTaken:
            continue
        except Overtaken as without:
            without.let_go()
            continue
        return made
    raise Contention("too many outstanding mids")


def send_off(
    record: CommandRecord, queue: QueueRecord | None, change: Transaction, passed: int
) -> CommandRecord:
    """Add the hop to SENT. Fails with Moved where the device is gone, too."""
    mid = command_queue.take_off(change, record, queue, passed)
    sent = _move(change, record, Status.SENT, {"mid": mid, **_attempt(record)})
    change.check(DeviceRecord(record.device, DEVICE), devices.alive(), Moved(record.command))
    return sent


def put_sent(
    record: CommandRecord, queue: QueueRecord | None, change: Transaction, passed: int
) -> CommandRecord:
    """Add a new command that is SENT from the first. Fails with DeviceNotFound."""
    mid = command_queue.take_off(change, record, queue, passed)
    sent = _with(record, {"status": Status.SENT.value, "mid": mid, **_attempt(record)})
    change.put(sent, CommandRecord.device.does_not_exist())
    change.check(DeviceRecord(record.device, DEVICE), devices.alive(), DeviceNotFound(record.device))
    _tell(change, EventType.COMMAND_CHANGED, sent)
    return sent


def put_flying(
    change: Transaction, record: CommandRecord, queue: QueueRecord | None, failure: Exception
) -> CommandRecord:
    """Add a new cached command that is SENT from the first, to a device for which none waits or flies.

    Fails with `failure` where that is not so, or the device is gone.
    """
    mid = command_queue.fly(change, record, queue, failure)
    sent = _with(record, {"status": Status.SENT.value, "mid": mid, **_attempt(record)})
    change.put(sent, CommandRecord.device.does_not_exist(), failure)
    change.check(DeviceRecord(record.device, DEVICE), devices.alive(), failure)
    _tell(change, EventType.COMMAND_CHANGED, sent)
    return sent


def put_waiting(change: Transaction, record: CommandRecord, failure: Exception | None = None) -> None:
    """Add a new command that waits, in the queue if it is cached.

    Fails with `failure`; without one with DeviceNotFound, TooManyPending.
    """
    gone, full = failure or DeviceNotFound(record.device), failure or TooManyPending(record.device)
    change.check(DeviceRecord(record.device, DEVICE), devices.alive(), gone)
    change.put(record, CommandRecord.device.does_not_exist(), failure)
    command_queue.join(change, record, full)


def try_again(record: CommandRecord) -> CommandRecord | None:
    """Store one more attempt, under the same mid; None where the command has moved on."""
    change = Transaction()
    after = _move(change, record, Status.SENT, _attempt(record), told=False)
    return after if _done(change) else None


def _attempt(record: CommandRecord) -> dict[str, Any]:
    """What one more attempt, made now, changes."""
    now, issued = clock.now(), int(record.issued) + 1
    again = issued <= int(record.retransmit) and now + ATTEMPT_LASTS < expires(record)
    return {"sent": now, "issued": issued, "deadline": now + (ATTEMPT_LASTS if again else RESPONSE_WITHIN)}


def deliver(record: CommandRecord) -> CommandRecord | None:
    """The device has acknowledged the attempt; None where the command has moved on."""
    if status_of(record) is not Status.SENT:
        return None
    now = clock.now()
    change = Transaction()
    values = {"delivered": now, "deadline": now + RESPONSE_WITHIN}
    after = _move(change, record, Status.DELIVERED, values)
    return after if _done(change) else None


def deliver_all(records: Sequence[CommandRecord]) -> None:
    """The devices have acknowledged the attempts: one AWS call for DELIVERED_AT_ONCE of them."""
    for start in range(0, len(records), DELIVERED_AT_ONCE):
        some = records[start : start + DELIVERED_AT_ONCE]
        change, now = Transaction(), clock.now()
        for record in some:
            _move(change, record, Status.DELIVERED, {"delivered": now, "deadline": now + RESPONSE_WITHIN})
        if not _done(change):  # one has been answered already, say
            for record in some:
                deliver(record)


def put_back(record: CommandRecord) -> None:
    """The attempt did not leave: the command waits again, or is over; nothing where it has moved on.

    It keeps its mid, for an earlier attempt may have arrived.
    """
    if expires(record) <= clock.now():
        end(record, Status.EXPIRED)
        return
    issued = int(record.issued) - 1
    values: dict[str, Any] = {"issued": issued, "deadline": look_again(record)}
    if not issued:
        values["sent"] = None
    change = Transaction()
    _move(change, record, Status.PENDING, values)
    command_queue.come_back(change, record)
    try:
        _done(change)
    except Overtaken as without:
        without.let_go()
        put_back(record)


def look_again(record: CommandRecord) -> int:
    """When, ms, a waiting command is looked at next, for what was to send it may have been lost.

    The older it is the less often: one that waits for two days costs a dozen looks.
    """
    now = clock.now()
    return min(expires(record), now + max(LOOK_AGAIN, now - int(record.created)))


def put_off(record: CommandRecord, deadline: int) -> None:
    """Look at the command at `deadline`, ms; nothing where it has moved on."""
    change = Transaction()
    key = CommandRecord(record.device, record.command)
    change.update(key, [CommandRecord.deadline.set(deadline)], _unchanged(record), Moved(record.command))
    _done(change)


def end(
    record: CommandRecord,
    status: Status,
    result: dict[str, Any] | None = None,
    *,
    answered: bool = False,
    queue: QueueRecord | None = None,
) -> CommandRecord | None:
    """Settle the command, wherever it stands; None where it has moved on.

    `queue`, where it was read already, saves a call. Raises Contention.
    """
    queue = command_queue.place_of(record) if queue is None else queue
    for tried in range(TRIES):
        change = Transaction()
        ended = _move(change, record, status, _last(record, result, answered=answered))
        if answered:
            _tell(change, EventType.COMMAND_ANSWERED, ended, body=result["body"] if result else {})
        command_queue.leave(change, record, queue)
        try:
            change.commit()
        except Moved:
            return None
        except Overtaken as without:
            without.let_go()
        except Displaced:
            pause(tried)
            queue = QueueRecord.find(record.device, QUEUE)
        else:
            metrics.count("CommandEnded", status=status.value)
            return ended
    raise Contention(record.device)


def _last(record: CommandRecord, result: dict[str, Any] | None, *, answered: bool) -> dict[str, Any]:
    """What settling writes beside the state."""
    values: dict[str, Any] = {"deadline": None, "shard": None}
    if answered:
        values["executed"] = clock.now()
        values["delivered"] = record.delivered or values["executed"]
    if result is not None:
        values["result"] = msgspec.json.encode(result).decode()
    return values


def _move(
    change: Transaction, record: CommandRecord, status: Status, values: dict[str, Any], *, told: bool = True
) -> CommandRecord:
    """Add the hop, and its event, to the change; None among `values` takes one away. Fails with Moved."""
    values = {"status": status.value, **values}
    actions = [
        getattr(CommandRecord, name).remove() if value is None else getattr(CommandRecord, name).set(value)
        for name, value in values.items()
    ]
    key = CommandRecord(record.device, record.command)
    change.update(key, actions, _unchanged(record), Moved(record.command))
    if record.status != status.value:
        batch_marks.follow(change, record, status)
    after = _with(record, values)
    if told:
        _tell(change, EventType.COMMAND_CHANGED, after)
    return after


def _unchanged(record: CommandRecord) -> Condition:
    """`sent` tells an attempt from one of the same number after the command had waited again."""
    holds: Condition = (CommandRecord.status == record.status) & (CommandRecord.issued == record.issued)
    sent: Condition = (
        CommandRecord.sent == record.sent if record.sent else CommandRecord.sent.does_not_exist()
    )
    both: Condition = holds & sent
    return both


def _with(record: CommandRecord, values: dict[str, Any]) -> CommandRecord:
    return CommandRecord(**(record.values() | values))


def _tell(change: Transaction, kind: EventType, record: CommandRecord, **data: Any) -> None:
    command = command_of(record)
    events.emit(change, kind, record.device, record.tenant, record.owner, command=command, **data)


def _done(change: Transaction) -> bool:
    """Commit; False where somebody else has moved the command meanwhile."""
    try:
        change.commit()
    except (Moved, Displaced):
        return False
    return True
