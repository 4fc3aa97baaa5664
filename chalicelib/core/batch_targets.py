"""Which devices a batch task means: found page by page in the background, and sent out chunk by chunk.

A page becomes a chunk in the transaction that moves on the place where the search continues, so
whatever dies, the next worker goes on from there. Devices registered after the task was made are
none of its; who changes groups while a task looks for the members of both may be found twice.

Source: Huawei 1.10.1
"""

from functools import reduce
from operator import and_
from typing import Any

import msgspec

from ..aws import queues
from ..store.batches import BATCH, BatchItem, BatchRecord
from ..store.devices import DEVICE, DeviceItem, DeviceRecord
from ..store.transactions import ConditionFailed, Transaction
from ..store.walks import HIGHEST, Walk
from . import batch_ends, batch_marks, clock, ids, member_search
from .batches import Target, TargetKind
from .member_search import Place

PAGES_AT_ONCE = 50  # of one job


def perform(batch: str) -> None:
    """The background job: find devices, and put a job for each chunk. Harmless to repeat.

    Three AWS calls a chunk that has to be found; one for ten that are known.
    """
    found = BatchItem.find(batch, BATCH)
    task = found if isinstance(found, BatchRecord) else None
    if task is None or task.finished or int(task.until) <= clock.now():
        return
    if not task.place:
        _, chunks = batch_ends.read(batch)
        batch_ends.send_out(chunk for chunk in chunks if batch_marks.NEW in chunk.marks)
        return
    for _ in range(PAGES_AT_ONCE):
        try:
            _find_more(task)
        except ConditionFailed:
            return  # another worker is on it, or the task is closed
        if not task.place:
            return
    queues.work(batch_ends.FAN_OUT, batch=batch)


def _find_more(task: BatchRecord) -> None:
    """One more chunk, and its job. Brings `task` up to date. Raises ConditionFailed."""
    place = msgspec.json.decode(task.place, type=Place)
    devices, following = _page(task, place)
    after = None if following is None else msgspec.json.encode(following).decode()
    same = (BatchRecord.place == task.place) & BatchRecord.finished.does_not_exist()
    moved: list[Any] = [BatchRecord.place.remove() if after is None else BatchRecord.place.set(after)]
    change = Transaction()
    number = int(task.chunks)
    chunk = batch_marks.new_chunk(task.batch, number, devices, int(task.until), int(task.ttl))
    if devices:
        same &= BatchRecord.chunks == number
        moved.append(BatchRecord.chunks.set(number + 1))
        change.put(chunk, type(chunk).batch.does_not_exist())
    change.update(BatchRecord(task.batch, BATCH), moved, same)
    change.commit()
    if devices:
        batch_ends.send_out([chunk])
    task.place, task.chunks = after, number + bool(devices)


def _page(task: BatchRecord, place: Place) -> tuple[list[str], Place | None]:
    """Up to a chunk of devices, and where to go on; None there is the end."""
    target = msgspec.json.decode(task.target, type=Target)
    if target.kind in (TargetKind.GROUP_IDS, TargetKind.GROUP_NAMES):
        found, following = member_search.page(task.owner, place, batch_marks.CHUNK_SIZE)
        return _with_facts(found, {"product": target.product}) if target.product else found, following
    records, start = _walk(task, target).read(place.start, batch_marks.CHUNK_SIZE)
    found = [record.device for record in records]
    facts = {"manufacturer_id": target.manufacturer_id, "model": target.model}
    if target.kind is TargetKind.TYPE and any(facts.values()):
        found = _with_facts(found, {name: value for name, value in facts.items() if value})
    return found, None if start is None else Place(start=start)


def _walk(task: BatchRecord, target: Target) -> Walk[DeviceRecord]:
    facts = {
        TargetKind.TYPE: {"device_type": target.device_type},
        TargetKind.AREA: {"location": target.location},
    }.get(target.kind, {})
    conditions = [getattr(DeviceRecord, name) == value for name, value in facts.items()]
    return Walk(
        DeviceRecord,
        task.owner,
        DeviceRecord.listing,
        index="by_owner",
        high=ids.listing_bound(int(task.created)) + HIGHEST,
        holds=reduce(and_, conditions) if conditions else None,
        attributes=("device",),
    )


def _with_facts(found: list[str], facts: dict[str, str]) -> list[str]:
    """Those of the devices of which the facts are true, which no index carries. One AWS call."""
    records = DeviceItem.batch_get([(device, DEVICE) for device in found], consistent_read=True)
    fitting = {
        record.device
        for record in records
        if all(getattr(record, name, None) == value for name, value in facts.items())
    }
    return [device for device in found if device in fitting]
