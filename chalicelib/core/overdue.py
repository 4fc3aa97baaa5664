"""Commands whose present state is overdue: expiry, retransmission, response timeout, lost sending.

Overdue ones are found by a sharded index on (shard, deadline), never by a scan, and each is taken up
by a job of its own: a slow device or a failure holds up no other.

Source: Huawei 1.9.1 (expireTime, maxRetransmit)
"""

from ..aws import queues
from ..store.commands import CommandRecord
from . import clock, command_machine, commands, sending
from .command_states import RETRY, Mode, Status, answer_until, may_repeat, status_of

SWEPT_AT_ONCE = 2000  # a shard


def sweep() -> int:
    """Put a job for each that is due; answers how many. One AWS call a shard, and one per ten jobs."""
    now, seen = clock.now(), 0
    for shard in range(commands.SHARDS):
        due = CommandRecord.by_deadline.query(str(shard), CommandRecord.deadline <= now, limit=SWEPT_AT_ONCE)
        jobs = [queues.job_message(RETRY, device=each.device, command=each.command) for each in due]
        queues.send(queues.WORK, jobs)
        seen += len(jobs)
    return seen


def take_up(device: str, command: str) -> None:
    """Do what an overdue command needs; nothing for one that is not. Harmless to repeat.

    Whatever it was, the device's queue is looked at: the wake-up may have been what was lost.
    """
    record = CommandRecord.find(device, command)
    if record is None:
        return
    state = status_of(record)
    if not state.settled and int(record.deadline) > clock.now():
        return
    if state.value != record.status:
        command_machine.end(record, state)
    elif state is Status.PENDING:
        command_machine.put_off(record, command_machine.look_again(record))
        if record.mode == Mode.IMMEDIATE.value:
            sending.send(device, command)
    elif may_repeat(record):
        sending.repeat(record)
    elif not state.settled:
        command_machine.put_off(record, answer_until(record))  # it may only still be answered
    if record.mode == Mode.CACHED.value:
        sending.drain(device)
