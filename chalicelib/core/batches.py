"""Batch tasks: one command to many devices.

A task is accepted with its devices in chunks of a hundred; those that a target other than a list
means are looked for in the background (`batch_targets`), the commands of a chunk are made by a job
(`batch_work`), and `batch_ends` closes a task. `batch_marks` says how the sub-tasks stand.

Source: Huawei 1.10
"""

from collections import Counter
from collections.abc import Iterator
from enum import Enum
from itertools import chain
from typing import Any

import msgspec

from ..aws import queues
from ..store.batches import AFTER_CHUNKS, BATCH, OPEN, BatchItem, BatchRecord, ChunkRecord, OpenRecord, opened
from ..store.products import AliasRecord
from ..store.reading import Key, find_all
from ..store.transactions import Transaction
from . import batch_ends, batch_marks, callbacks, clock, command_queries, groups, ids, thing_values
from .applications import Caller
from .batch_marks import CHUNK_SIZE, Counts, Stage, SubTask
from .command_states import Command
from .commands import MOST_BYTES
from .errors import BatchNameTaken, BatchNotFound, InvalidInput, TooManyBatches
from .memberships import batched
from .paging import Page

MOST_OPEN = 10
SHORTEST, LONGEST = 600, 172_800  # s
KEPT = 90 * clock.DAY  # beyond its end
OPEN_KIND: Any = OpenRecord.kind


class TargetKind(Enum):
    DEVICES = "devices"
    TYPE = "type"
    AREA = "area"
    GROUP_NAMES = "group names"
    GROUP_IDS = "group ids"
    ALL = "all"


class Target(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which devices; what counts depends on `kind`. `groups` are names or ids, as `kind` says.

    Of their members only those of `product` are meant, where it is named. `tag` is the caller's own.
    """

    kind: TargetKind
    device_type: str | None = None
    manufacturer_id: str | None = None
    model: str | None = None
    location: str | None = None
    groups: tuple[str, ...] = ()
    product: str | None = None
    tag: str | None = None


class Order(msgspec.Struct, frozen=True):
    """The command that each device gets. `retransmit` is the most repeats, 0 to 3."""

    service: str
    method: str
    paras: dict[str, Any]
    callback: str | None = None
    retransmit: int | None = None


class NewBatch(msgspec.Struct, frozen=True):
    """`timeout` in s; `devices` of a target of that kind."""

    name: str
    timeout: int
    target: Target
    order: Order
    dialect: str
    devices: tuple[str, ...] = ()
    tags: tuple[dict[str, str], ...] = ()


class Status(Enum):
    PENDING = "pending"
    RUNNING = "running"
    COMPLETE = "complete"
    TIMEOUT = "timeout"  # its end came before the devices' answers


class Batch(msgspec.Struct, frozen=True):
    """`created` in ms, `timeout` in s; `devices` where the target names them."""

    id: str
    owner: str
    creator: str
    name: str
    target: Target
    order: Order
    created: int
    timeout: int
    status: Status
    counts: Counts
    devices: tuple[str, ...]
    tags: tuple[dict[str, str], ...]


Detail = tuple[SubTask, Command | None]


def create(caller: Caller, new: NewBatch) -> str:
    """Accept a task; answers its id.

    Three AWS calls, and one for every 2,500 devices of a list. Raises InvalidInput, CallbackRefused,
    GroupNotFound, BatchNameTaken, TooManyBatches.

    Source: Huawei 1.10.1
    """
    _check(new)
    found = _groups(caller, new.target)
    record = new_record(caller, new)
    name, room = _name_and_room(record)
    if name is not None and not _forgotten(name):
        raise BatchNameTaken(new.name)
    if room is not None and len(room.batches or ()) >= MOST_OPEN:
        batch_ends.close_what_is_over(room.batches)
    if new.target.kind is TargetKind.DEVICES:
        record.chunks = _put_chunks(record, list(dict.fromkeys(new.devices)))
    else:
        record.place = msgspec.json.encode({"groups": found}).decode()
    change = Transaction()
    change.put(record, BatchRecord.batch.does_not_exist())
    free = AliasRecord.name.does_not_exist() if name is None else AliasRecord.target == name.target
    change.put(_alias(record), free, BatchNameTaken(new.name))
    change.update(
        OpenRecord(opened(caller.owner), OPEN),
        [OPEN_KIND.set(OpenRecord), OpenRecord.batches.add({record.batch})],
        batch_ends.room(MOST_OPEN),
        TooManyBatches(caller.owner),
    )
    change.commit()
    queues.work(batch_ends.FAN_OUT, batch=record.batch)
    return str(record.batch)


def _check(new: NewBatch) -> None:
    if not SHORTEST <= new.timeout <= LONGEST:
        raise InvalidInput("timeout", f"must be {SHORTEST} to {LONGEST} s")
    if new.target.kind is TargetKind.DEVICES and not new.devices:
        raise InvalidInput("param.deviceList", "is empty", missing=True)
    problem = thing_values.free_problem(new.order.paras, "paras")
    if problem:
        raise InvalidInput(f"param.command.{problem.field}", problem.reason)
    if len(msgspec.json.encode(new.order.paras)) > MOST_BYTES:
        raise InvalidInput("param.command.paras", f"is larger than {MOST_BYTES} bytes")
    if new.order.callback is not None:
        callbacks.check_url(new.order.callback)


def _groups(caller: Caller, target: Target) -> list[str]:
    """Ids of the groups a target names. Raises GroupNotFound."""
    if target.kind is TargetKind.GROUP_NAMES:
        found = groups.named(caller, target.groups)
    elif target.kind is TargetKind.GROUP_IDS:
        found = groups.all_of(caller, target.groups)
    else:
        return []
    return list(dict.fromkeys(group.id for group in found))


def new_record(caller: Caller, new: NewBatch) -> BatchRecord:
    now = clock.now()
    ident, until = ids.ordered_id(now), now + new.timeout * clock.SECOND
    return BatchRecord(
        ident,
        BATCH,
        tenant=caller.tenant,
        owner=caller.owner,
        creator=caller.application,
        dialect=new.dialect,
        name=new.name,
        target=_text(new.target),
        command=_text(new.order),
        tags=_text(new.tags),
        created=now,
        timeout=new.timeout,
        until=until,
        chunks=0,
        shard=str(int(ident[-2:], 16) % batch_ends.SHARDS),
        deadline=now + batch_ends.FIRST_LOOK,
        ttl=(until + KEPT) // clock.SECOND,
    )


def _text(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _alias(record: BatchRecord) -> AliasRecord:
    return AliasRecord(f"batch#{record.name}", record.owner, target=record.batch)


def _name_and_room(record: BatchRecord) -> tuple[AliasRecord | None, OpenRecord | None]:
    """Who has the task's name, and the application's unfinished tasks. One AWS call."""
    alias = _alias(record)
    keys: list[Key] = [(AliasRecord, alias.name, alias.scope), (OpenRecord, opened(record.owner), OPEN)]
    name, room = map(find_all(keys).get, keys)
    return name if isinstance(name, AliasRecord) else None, room if isinstance(room, OpenRecord) else None


def _forgotten(name: AliasRecord) -> bool:
    """Whether the task of this name is so long past that it is not kept any more."""
    record = BatchItem.find(name.target, BATCH)
    return record is None or int(record.ttl) <= clock.now() // clock.SECOND


def _put_chunks(record: BatchRecord, devices: list[str]) -> int:
    """Nobody sees them before their task; without one they are deleted in time."""
    number = -1
    with ChunkRecord.batch_write() as batch:
        for number, some in enumerate(batched(devices, CHUNK_SIZE)):
            batch.save(batch_marks.new_chunk(record.batch, number, some, int(record.until), int(record.ttl)))
    return number + 1


def get(caller: Caller, batch: str) -> Batch:
    """One AWS call for some thousand devices. Raises BatchNotFound. Source: Huawei 1.10.2"""
    record, chunks = _open(caller, batch)
    target = msgspec.json.decode(record.target, type=Target)
    letters: Counter[str] = Counter()
    devices: list[str] = []
    for chunk in chunks:
        letters.update(each.letter for each in batch_marks.sub_tasks(chunk))
        devices += chunk.devices if target.kind is TargetKind.DEVICES else ()
    counts = batch_marks.counts(letters)
    return Batch(
        id=record.batch,
        owner=record.owner,
        creator=record.creator,
        name=record.name,
        target=target,
        order=msgspec.json.decode(record.command, type=Order),
        created=int(record.created),
        timeout=int(record.timeout),
        status=_status(record, counts),
        counts=counts,
        devices=tuple(devices),
        tags=msgspec.json.decode(record.tags or "[]", type=tuple[dict[str, str], ...]),
    )


def _status(record: BatchRecord, counts: Counts) -> Status:
    over = int(record.until) <= clock.now()
    if counts.ended or (over and record.place):
        return Status.TIMEOUT
    if counts.complete == counts.total and not record.place:
        return Status.COMPLETE
    return Status.RUNNING if counts.started else Status.PENDING


def _open(caller: Caller, batch: str) -> tuple[BatchRecord, Iterator[ChunkRecord]]:
    """The task, and its chunks as they are read. Raises BatchNotFound."""
    items = BatchItem.query(batch, BatchItem.item.between(BATCH, AFTER_CHUNKS), consistent_read=True)
    first = next(items, None) if batch else None
    if not isinstance(first, BatchRecord) or (first.tenant, first.owner) != (caller.tenant, caller.owner):
        raise BatchNotFound(batch)
    return first, (each for each in items if isinstance(each, ChunkRecord))


def details(
    caller: Caller,
    batch: str,
    stage: Stage | None = None,
    device: str | None = None,
    command: str | None = None,
    number: int = 0,
    size: int = 25,
) -> Page[Detail]:
    """Sub-tasks in the order of the devices, each with its command. `command` is a public id.

    One AWS call for some thousand devices, and one for every hundred of the page. Raises BatchNotFound.

    Source: Huawei 1.10.3
    """
    _, chunks = _open(caller, batch)
    found: list[SubTask] = []
    total = 0
    for each in chain.from_iterable(map(batch_marks.sub_tasks, chunks)):
        fits = (
            (stage is None or each.stage is stage)
            and (device is None or each.device == device)
            and (command is None or command == each.device + (each.command or " "))
        )
        if fits and number * size <= total < (number + 1) * size:
            found.append(each)
        total += fits
    keys = [(each.device, each.command) for each in found if each.command]
    commands = {each.command: each for each in command_queries.read(keys)}
    return Page([(each, commands.get(each.command or "")) for each in found], total, number, size)
