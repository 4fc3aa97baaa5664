"""Looking after batch tasks: what is lost is sent again, what is over is ended, what is done is closed.

A task is looked at now and then by the sweep, the older it is the less often, and at its end; and
when its application wants to make another while ten seem unfinished.

Source: Huawei 1.10.1 (timeout, 105001)
"""

from collections.abc import Iterable

from pynamodb.expressions.condition import Condition, size

from ..aws import queues
from ..store.batches import AFTER_CHUNKS, BATCH, OPEN, BatchItem, BatchRecord, ChunkRecord, OpenRecord, opened
from ..store.transactions import ConditionFailed, Contention, Transaction, pause
from . import batch_marks, clock
from .batch_marks import AT_THE_END, NEW

FAN_OUT, WORK, LOOK = "batch", "batch-chunk", "batch-look"  # the background jobs
FIRST_LOOK = 30 * clock.SECOND
MARKS_AT_ONCE = 50  # of one update: an expression holds 4 KB
SHARDS = 4
SWEPT_AT_ONCE = 2000  # a shard
TRIES = 8


def room(most: int) -> Condition:
    """Condition: the application has fewer unfinished tasks than `most`."""
    held: Condition = OpenRecord.batches.does_not_exist() | (size(OpenRecord.batches) < most)
    return held


def sweep() -> int:
    """Put a job for each task that is to be looked at. One AWS call a shard, and one per ten jobs."""
    now, seen = clock.now(), 0
    for shard in range(SHARDS):
        due = BatchRecord.by_deadline.query(str(shard), BatchRecord.deadline <= now, limit=SWEPT_AT_ONCE)
        jobs = [queues.job_message(LOOK, batch=each.batch) for each in due]
        queues.send(queues.WORK, jobs)
        seen += len(jobs)
    return seen


def look(batch: str) -> None:
    """The background job: do what the task needs. Harmless to repeat.

    One AWS call for some thousand devices; then two a chunk where the task's end cut it off.
    """
    task, chunks = read(batch)
    if task is None or task.finished:
        return
    over = int(task.until) <= clock.now()
    unsettled = [chunk for chunk in chunks if any(mark[0] in AT_THE_END for mark in chunk.marks)]
    if over:
        for chunk in unsettled:
            _end(chunk)
    if over or not (unsettled or task.place):
        _close(task)
        return
    if task.place:
        queues.work(FAN_OUT, batch=batch)
    send_out(chunk for chunk in unsettled if NEW in chunk.marks)
    _look_again(task)


def read(batch: str) -> tuple[BatchRecord | None, list[ChunkRecord]]:
    items = BatchItem.query(batch, BatchItem.item.between(BATCH, AFTER_CHUNKS), consistent_read=True)
    found = list(items)
    task = found[0] if found and isinstance(found[0], BatchRecord) else None
    return task, [each for each in found if isinstance(each, ChunkRecord)]


def send_out(chunks: Iterable[ChunkRecord]) -> None:
    """A job for each chunk. One AWS call per ten."""
    jobs = [queues.job_message(WORK, batch=chunk.batch, chunk=chunk.item) for chunk in chunks]
    queues.send(queues.WORK, jobs)


def close_what_is_over(batches: Iterable[str]) -> None:
    """Close those of the tasks that have ended, looked at or not."""
    for batch in batches:
        task, chunks = read(batch)
        left = any(mark[0] in AT_THE_END for chunk in chunks for mark in chunk.marks)
        if task is not None and (int(task.until) <= clock.now() or not (left or task.place)):
            look(batch)


def _end(chunk: ChunkRecord | None) -> None:
    """Settle what the task's end cut off."""
    for tried in range(TRIES):
        if chunk is None or not _settle_some(chunk):
            return
        pause(0 if tried == 0 else 1)
        chunk = _fresh(chunk)
    raise Contention("a chunk keeps changing")


def _settle_some(chunk: ChunkRecord) -> bool:
    """False where nothing is left to settle."""
    left = [(index, mark) for index, mark in enumerate(chunk.marks) if mark[0] in AT_THE_END]
    for start in range(0, len(left), MARKS_AT_ONCE):
        some = left[start : start + MARKS_AT_ONCE]
        change = Transaction()
        ended = [batch_marks.mark_at(index).set(AT_THE_END[mark[0]] + mark[1:]) for index, mark in some]
        change.update(ChunkRecord(chunk.batch, chunk.item), ended, batch_marks.all_are(some))
        try:
            change.commit()
        except ConditionFailed:  # an answer came in time, and was written late
            return True
    return False


def _fresh(chunk: ChunkRecord) -> ChunkRecord | None:
    found = BatchItem.find(chunk.batch, chunk.item)
    return found if isinstance(found, ChunkRecord) else None


def _close(task: BatchRecord) -> None:
    change = Transaction()
    actions = [
        BatchRecord.finished.set(clock.now()),
        BatchRecord.shard.remove(),
        BatchRecord.deadline.remove(),
    ]
    change.update(BatchRecord(task.batch, BATCH), actions, BatchRecord.finished.does_not_exist())
    if not task.uncounted:
        change.update(OpenRecord(opened(task.owner), OPEN), [OpenRecord.batches.delete({task.batch})])
    try:
        change.commit()
    except ConditionFailed:
        return  # closed just now


def _look_again(task: BatchRecord) -> None:
    now = clock.now()
    later = min(int(task.until), now + max(FIRST_LOOK, now - int(task.created)))
    change = Transaction()
    still_open = BatchRecord.finished.does_not_exist()
    change.update(BatchRecord(task.batch, BATCH), [BatchRecord.deadline.set(later)], still_open)
    try:
        change.commit()
    except ConditionFailed:
        return  # closed just now
