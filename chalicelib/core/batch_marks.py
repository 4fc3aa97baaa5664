"""How the sub-tasks of a batch task stand, and how a command's hops move them.

A chunk keeps one mark a device: a letter, then the id of its command or what kept it from having one.

    N -> P -> W -> S | F | T        new, waiting, sent; succeeded, failed, not answered
    N, P -> X     W -> L            over at the task's end: never sent, left without an answer
    N -> F!<error>                  refused: it never had a command

A mark moves in the transaction of its command's hop, where it is not settled and the task is not
over. Counters are what the marks come to, chunk by chunk, so they cannot differ from a recount.

Source: Huawei 1.10.2, 1.10.3
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from enum import Enum
from functools import reduce
from operator import and_
from typing import Any

import msgspec
from pynamodb.expressions.condition import Condition

from ..store.batches import ChunkRecord, chunk_item
from ..store.commands import CommandRecord
from ..store.transactions import ConditionFailed, Transaction
from . import clock
from .command_states import Status

NEW = "N"
REFUSED = "F!"
CHUNK_SIZE = 100


class Stage(Enum):
    PENDING = "pending"
    WAITING = "waiting"  # for the device's answer
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMEOUT = "timeout"

    @property
    def settled(self) -> bool:
        return self not in (Stage.PENDING, Stage.WAITING)


STAGES = {
    "N": Stage.PENDING,
    "P": Stage.PENDING,
    "W": Stage.WAITING,
    "S": Stage.SUCCEEDED,
    "F": Stage.FAILED,
    "T": Stage.TIMEOUT,
    "X": Stage.TIMEOUT,
    "L": Stage.TIMEOUT,
}
AT_THE_END = {"N": "X", "P": "X", "W": "L"}
LETTERS = {
    Status.PENDING: "P",
    Status.SENT: "W",
    Status.SUCCESSFUL: "S",
    Status.FAILED: "F",
    Status.CANCELED: "F",
    Status.TIMEOUT: "T",
    Status.EXPIRED: "X",
}


class SubTask(msgspec.Struct, frozen=True):
    """`letter` as the module says; `command` is None without one; `problem` is the error that refused it."""

    device: str
    letter: str
    command: str | None = None
    problem: str | None = None

    @property
    def stage(self) -> Stage:
        return STAGES[self.letter]


class Counts(msgspec.Struct, frozen=True):
    """Sub-tasks by stage. `expired` are those of `timeout` that were never sent."""

    total: int
    started: int
    succeeded: int
    failed: int
    timeout: int
    expired: int
    ended: int  # those of `timeout` that the task's end cut off

    @property
    def complete(self) -> int:
        return self.succeeded + self.failed + self.timeout

    @property
    def progress(self) -> int:
        """Permille, rounded down; a task without devices is done."""
        return self.complete * 1000 // self.total if self.total else 1000

    @property
    def success_rate(self) -> int:
        """Permille, rounded down."""
        return self.succeeded * 1000 // self.total if self.total else 0


class Overtaken(ConditionFailed):
    """The sub-task has ended without its command."""

    def __init__(self, record: CommandRecord) -> None:
        super().__init__(record.command)
        self._record = record

    def let_go(self) -> None:
        """From now on the record's hops are its own affair."""
        self._record.batch = None


def sub_tasks(chunk: ChunkRecord) -> Iterator[SubTask]:
    """As of now: what is over is over, swept or not."""
    over = int(chunk.until) <= clock.now()
    for device, mark in zip(chunk.devices, chunk.marks, strict=True):
        letter = AT_THE_END.get(mark[0], mark[0]) if over else mark[0]
        if mark.startswith(REFUSED):
            yield SubTask(device, letter, problem=mark[len(REFUSED) :])
        else:
            yield SubTask(device, letter, command=mark[1:] or None)


def counts(letters: Counter[str]) -> Counts:
    by_stage: Counter[Stage] = Counter()
    for letter, number in letters.items():
        by_stage[STAGES[letter]] += number
    return Counts(
        total=letters.total(),
        started=letters.total() - letters[NEW],
        succeeded=by_stage[Stage.SUCCEEDED],
        failed=by_stage[Stage.FAILED],
        timeout=by_stage[Stage.TIMEOUT],
        expired=letters["X"],
        ended=letters["X"] + letters["L"],
    )


def place(chunk: ChunkRecord, index: int) -> str:
    """What a command keeps of its sub-task."""
    return f"{chunk.batch}/{chunk.item}/{index}"


def mark_at(index: int) -> Any:
    """The path of one mark, for updates and conditions."""
    path: Any = ChunkRecord.marks
    return path[index]


def all_are(marks: Iterable[tuple[int, str]]) -> Condition:
    """Condition: each mark is as it was read."""
    holds: Condition = reduce(and_, (mark_at(index) == mark for index, mark in marks))
    return holds


def new_chunk(batch: str, number: int, devices: list[str], until: int, ttl: int) -> ChunkRecord:
    marks = [NEW] * len(devices)
    return ChunkRecord(batch, chunk_item(number), devices=devices, marks=marks, until=until, ttl=ttl)


def follow(change: Transaction, record: CommandRecord, status: Status) -> None:
    """Add to a command's hop that its sub-task goes along. Fails with Overtaken."""
    if not record.batch or status not in LETTERS:
        return
    batch, item, index = record.batch.rsplit("/", 2)
    mark = mark_at(int(index))
    unsettled = mark.is_in(f"P{record.command}", f"W{record.command}") & (ChunkRecord.until > clock.now())
    moved = [mark.set(LETTERS[status] + record.command)]
    change.update(ChunkRecord(batch, item), moved, unsettled, Overtaken(record))
