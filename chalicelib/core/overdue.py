"""Commands whose present state is overdue: expiry, retransmission, response timeout.

Overdue ones are found by a sharded index on (shard, deadline), never by a scan.

Source: Huawei 1.9.1 (expireTime, maxRetransmit)
"""

from ..store.commands import CommandRecord
from ..store.transactions import ConditionFailed, Transaction
from . import clock, commands, sending
from .commands import Mode, Status
from .errors import CommandSettled

SWEPT_AT_ONCE = 500


def sweep() -> int:
    """Take up what is due; answers how many commands it looked at."""
    now, seen = clock.now(), 0
    for shard in range(commands.SHARDS):
        due = CommandRecord.by_deadline.query(str(shard), CommandRecord.deadline <= now, limit=SWEPT_AT_ONCE)
        for entry in due:
            take_up(entry.device, entry.command)
            seen += 1
    return seen


def take_up(device: str, command: str) -> None:
    """Do what an overdue command needs, nothing for one that is not. Harmless to repeat."""
    record = CommandRecord.find(device, command)
    if record is None or record.deadline is None or int(record.deadline) > clock.now():
        return
    if record.status == Status.PENDING.value:
        _waiting(record)
    elif record.status == Status.SENT.value and int(record.issued) <= int(record.retransmit):
        _again(record)
    elif record.status in (Status.SENT.value, Status.DELIVERED.value):
        sending.settle(record, Status.TIMEOUT)


def _waiting(record: CommandRecord) -> None:
    if record.mode == Mode.IMMEDIATE.value:
        sending.send(record.device, record.command)
    elif commands.expires(record) <= clock.now():
        try:
            commands.withdraw(record, Status.EXPIRED)
        except CommandSettled:
            return  # it was sent or canceled meanwhile
    else:
        _rearm(record)
        sending.drain(record.device)


def _rearm(record: CommandRecord) -> None:
    """Its sending was lost; from now on only its expiry is due."""
    change = Transaction()
    change.update(
        CommandRecord(record.device, record.command),
        [CommandRecord.deadline.set(commands.expires(record))],
        CommandRecord.status == Status.PENDING.value,
    )
    try:
        change.commit()
    except ConditionFailed:
        return


def _again(record: CommandRecord) -> None:
    """Another attempt under the same mid."""
    route = sending.route_to(record.device)
    if route is None:
        return
    now, before = clock.now(), int(record.issued)
    last = before + 1 > int(record.retransmit)
    lasts = sending.RESPONSE_WITHIN if last else sending.ATTEMPT_LASTS
    values = {"sent": now, "issued": before + 1, "deadline": now + lasts}
    change = Transaction()
    same = (CommandRecord.status == Status.SENT.value) & (CommandRecord.issued == before)
    commands.move(change, record, Status.SENT, values, same, told=False)
    try:
        change.commit()
    except ConditionFailed:
        return
    sending.attempt(route, record)
