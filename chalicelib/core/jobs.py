"""Long work on an operator's behalf: a job with a record of how far it is.

A job goes step by step. Each step is harmless to repeat, and the record moves on only from the step that was
read: of two workers, or of one that died half way, one moves it. A worker stops after `WORKS` and hands
over by the queue.
"""

from collections.abc import Callable
from enum import Enum
from time import monotonic
from typing import Any

import msgspec
from pynamodb.exceptions import UpdateError
from pynamodb.expressions.update import Action

from ..aws import queues
from ..store.base import as_struct
from ..store.deliveries import REALM, JobRecord
from ..store.transactions import Transaction, code_of
from . import clock, ids
from .errors import JobNotFound

JOB = "operate"  # of the work queue
KEPT = 30 * clock.DAY
WORKS = 20  # s
MOST_LISTED = 100


class State(Enum):
    RUNNING = "running"
    DONE = "done"


class Job(msgspec.Struct, frozen=True):
    """Times in ms. `done` and `left_out` count what the job is about."""

    id: str
    kind: str
    state: State
    done: int
    left_out: int
    started: int
    changed: int


class Step(msgspec.Struct, frozen=True):
    """What a step came to; `place` is where the next begins, None at the end, in `wait` s at the earliest."""

    place: str | None
    done: int
    left_out: int = 0
    wait: int = 0


Work = Callable[[dict[str, Any], str], Step]  # parameters and place, "" for the first


def create(kind: str, **parameters: Any) -> Job:
    """Start a job. Two AWS calls; where the second fails, so does the call, and nothing begins."""
    record = prepared(kind, **parameters)
    change = Transaction()
    change.put(record)
    change.commit()
    go_on(record.id)
    return as_struct(Job, record)


def prepared(kind: str, **parameters: Any) -> JobRecord:
    """A job that is not stored yet. Once it is, it begins with `go_on`."""
    now = clock.now()
    return JobRecord(
        REALM,
        ids.ordered_id(now),
        kind=kind,
        state=State.RUNNING.value,
        parameters=msgspec.json.encode(parameters).decode(),
        step=0,
        done=0,
        left_out=0,
        started=now,
        changed=now,
        ttl=(now + KEPT) // clock.SECOND,
    )


def go_on(job: str, delay: int = 0) -> None:
    """Have a worker take it up, in `delay` s. One AWS call."""
    queues.work(JOB, delay, ident=job)


def find(job: str) -> Job:
    """One AWS call. Raises JobNotFound."""
    record = JobRecord.find(REALM, job) if ids.is_random_id(job) else None
    if record is None:
        raise JobNotFound(job)
    return as_struct(Job, record)


def list_jobs() -> list[Job]:
    """The last `MOST_LISTED`, newest first. One AWS call."""
    found = JobRecord.query(REALM, scan_index_forward=False, limit=MOST_LISTED, consistent_read=True)
    return [as_struct(Job, each) for each in found]


def perform(job: str, works: dict[str, Work]) -> None:
    """Go on with a job. Harmless to repeat. AWS calls: one, and for each step its own and one."""
    record = JobRecord.find(REALM, job)
    until = monotonic() + WORKS
    while record is not None and record.state == State.RUNNING.value:
        step = works[record.kind](msgspec.json.decode(record.parameters), record.place or "")
        if not _moved(record, step):
            return  # another worker is at it
        if step.place is not None and (step.wait or monotonic() > until):
            go_on(job, step.wait)
            return


def _moved(record: JobRecord, step: Step) -> bool:
    """Whether this worker moved the record on, which then is as it is stored."""
    state = State.RUNNING if step.place is not None else State.DONE
    actions: list[Action] = [
        JobRecord.state.set(state.value),
        JobRecord.step.add(1),
        JobRecord.done.add(step.done),
        JobRecord.left_out.add(step.left_out),
        JobRecord.changed.set(clock.now()),
    ]
    if step.place is not None:
        actions.append(JobRecord.place.set(step.place))
    try:
        record.update(actions, JobRecord.step == record.step)
    except UpdateError as error:
        if code_of(error) != "ConditionalCheckFailedException":
            raise
        return False
    return True
