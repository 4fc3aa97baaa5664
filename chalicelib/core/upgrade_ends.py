"""Looking after upgrades: devices are searched for, what has started goes on, what is over is ended.

An upgrade is looked at when it is made, at its start, at its end, and in between the older it is the
less often, so that what was lost is done after all.

Source: Huawei 1.12.4, 1.12.5
"""

from ..aws import queues
from ..store.packages import PackageRecord
from ..store.transactions import ConditionFailed, Transaction
from ..store.upgrades import (
    AFTER_CHUNKS,
    UPGRADE,
    ChunkRecord,
    PartRecord,
    UpgradeItem,
    UpgradeRecord,
)
from . import clock, upgrade_states, upgrade_targets
from .upgrade_states import AGAIN, LOOK, NEW, UNSETTLED, WAITING, WORK

FIRST_LOOK = 30 * clock.SECOND
SWEPT_AT_ONCE = 2000  # a shard


def sweep() -> int:
    """Put a job for each upgrade, and each device's part, that is due. One AWS call a shard, and one per
    ten jobs.
    """
    now, seen = clock.now(), 0
    for shard in range(upgrade_states.SHARDS):
        due = UpgradeItem.by_deadline.query(str(shard), UpgradeItem.deadline <= now, limit=SWEPT_AT_ONCE)
        jobs = [
            queues.job_message(AGAIN, upgrade=each.upgrade, device=upgrade_targets.device_of(each))
            if isinstance(each, PartRecord)
            else queues.job_message(LOOK, upgrade=each.upgrade)
            for each in due
        ]
        queues.send(queues.WORK, jobs)
        seen += len(jobs)
    return seen


def look(upgrade: str) -> None:
    """The background job: do what the upgrade needs. Harmless to repeat.

    Three AWS calls, and one per ten chunks that are not done.
    """
    task, chunks = read(upgrade)
    if task is None or task.finished:
        return
    if task.place and int(task.until) > clock.now():
        if not upgrade_targets.search(task):
            return  # another worker is on it
        if task.place:
            queues.work(LOOK, upgrade=upgrade)
            return
        task, chunks = read(upgrade)
        if task is None:
            return
    now = clock.now()
    over, started = int(task.until) <= now, int(task.start) <= now
    open_chunks = [chunk for chunk in chunks if set(chunk.marks) & set(UNSETTLED)]
    if not open_chunks:
        _close(task)
        return
    gone = PackageRecord.find(task.package) is None
    if over or started:
        wanted = UNSETTLED if over else (NEW, WAITING)
        send_out([chunk for chunk in open_chunks if set(chunk.marks) & set(wanted)], gone=gone)
    _look_again(task, started=started, over=over)


def read(upgrade: str) -> tuple[UpgradeRecord | None, list[ChunkRecord]]:
    """One AWS call for some thousand devices."""
    items = UpgradeItem.query(upgrade, UpgradeItem.item.between(UPGRADE, AFTER_CHUNKS), consistent_read=True)
    found = list(items)
    task = found[0] if found and isinstance(found[0], UpgradeRecord) else None
    return task, [each for each in found if isinstance(each, ChunkRecord)]


def send_out(chunks: list[ChunkRecord], *, gone: bool = False) -> None:
    """A job for each chunk. One AWS call per ten."""
    more = {"gone": True} if gone else {}
    jobs = [queues.job_message(WORK, upgrade=each.upgrade, chunk=each.item, **more) for each in chunks]
    queues.send(queues.WORK, jobs)


def _close(task: UpgradeRecord) -> None:
    change = Transaction()
    actions = [
        UpgradeRecord.finished.set(clock.now()),
        UpgradeRecord.shard.remove(),
        UpgradeRecord.deadline.remove(),
    ]
    change.update(UpgradeRecord(task.upgrade, UPGRADE), actions, UpgradeRecord.finished.does_not_exist())
    try:
        change.commit()
    except ConditionFailed:
        return  # closed just now


def _look_again(task: UpgradeRecord, *, started: bool, over: bool) -> None:
    now = clock.now()
    if over:
        later = now + FIRST_LOOK
    elif not started:
        later = int(task.start)
    else:
        later = min(int(task.until), now + max(FIRST_LOOK, now - int(task.start)))
    change = Transaction()
    still_open = UpgradeRecord.finished.does_not_exist()
    change.update(UpgradeRecord(task.upgrade, UPGRADE), [UpgradeRecord.deadline.set(later)], still_open)
    try:
        change.commit()
    except ConditionFailed:
        return  # closed just now
