"""What an upgrade does with a chunk of its devices: one job.

From its start on the devices are put into their queues and those that are reachable are woken; at its
end what is left is cut off. A part whose mark has moved is never worked again, whatever comes twice.

Source: Huawei 1.12.4
"""

from collections.abc import Iterable, Sequence
from functools import reduce
from operator import and_
from typing import Any

from pynamodb.expressions.condition import Condition, size

from ..aws import queues
from ..store.devices import DEVICE, LINK, QUEUE, DeviceItem, DeviceRecord, LinkRecord, QueueRecord
from ..store.reading import Key, find_all
from ..store.transactions import ConditionFailed, Contention, Transaction, pause
from ..store.upgrades import UPGRADE, ChunkRecord, PartRecord, UpgradeItem, UpgradeRecord, part_item
from . import clock, devices, sending, upgrade_moves, upgrade_sending, upgrade_states
from .applications import Caller
from .memberships import batched
from .upgrade_states import FAILED, NEW, SEND, UNSETTLED, WAITING, PolicyKind

QUEUED_AT_ONCE = 33  # three items each, and the chunk
MOST_WAITING = 20  # upgrades of one device
TRIES = 8


class Dropped(ConditionFailed):
    """One device of a portion is not as it was read."""

    def __init__(self, index: int) -> None:
        super().__init__(str(index))
        self.index = index


class Stale(ConditionFailed):
    """Another worker has moved marks of the portion."""


def perform(upgrade: str, chunk: str, *, gone: bool = False) -> None:
    """The background job; `gone` where the package has been deleted. Harmless to repeat, and to do twice
    at a time. Raises Contention.

    Three AWS calls for 33 devices, and one job for each that is woken.
    """
    for tried in range(TRIES):
        task, part = _read(upgrade, chunk)
        if task is None or part is None or clock.now() < int(task.start):
            return
        if gone or int(task.until) <= clock.now():
            _settle_all(part, gone=gone)
            return
        new = _ready(task, part)
        try:
            _queue_all(task, part, new)
        except Stale:
            pause(tried)
            continue
        waiting = [d for at, d in enumerate(part.devices) if at in new or part.marks[at] == WAITING]
        _wake(task, waiting)
        return
    raise Contention(f"{upgrade} {chunk}")


def _read(upgrade: str, chunk: str) -> tuple[UpgradeRecord | None, ChunkRecord | None]:
    """One AWS call."""
    keys: list[Key] = [(UpgradeItem, upgrade, UPGRADE), (UpgradeItem, upgrade, chunk)]
    found = find_all(keys).values()
    task = next((each for each in found if isinstance(each, UpgradeRecord)), None)
    part = next((each for each in found if isinstance(each, ChunkRecord)), None)
    return task, part


def _ready(task: UpgradeRecord, part: ChunkRecord) -> list[int]:
    """The new parts that may be queued. No AWS call, one where people have to confirm them."""
    new = [index for index, mark in enumerate(part.marks) if mark == NEW]
    if not new or not upgrade_states.policy_of(task).confirm:
        return new
    keys: list[Key] = [(UpgradeItem, task.upgrade, part_item(part.devices[index])) for index in new]
    found = find_all(keys).values()
    confirmed = {each.device for each in found if isinstance(each, PartRecord) and each.confirmed}
    return [index for index in new if part.devices[index] in confirmed]


def _settle_all(part: ChunkRecord, *, gone: bool) -> None:
    """End what is left of a chunk; of an upgrade whose package is gone, what was not told yet."""
    left = [d for d, mark in zip(part.devices, part.marks, strict=True) if mark in UNSETTLED]
    act = upgrade_sending.without_package if gone else upgrade_moves.end
    for device in left:
        upgrade_moves.retrying(part.upgrade, device, act)


def _queue_all(task: UpgradeRecord, part: ChunkRecord, new: Sequence[int]) -> None:
    """Raises Stale."""
    for portion in batched(new, QUEUED_AT_ONCE):
        left = list(portion)
        while left:
            refused = _refused(task, part, left)
            for index, reason in refused.items():
                _refuse(task, part.devices[index], reason)
            left = [index for index in left if index not in refused]
            try:
                _queue(part, left)
            except Dropped:
                continue  # deleted, or given another upgrade, this moment: read again
            break


def _refused(task: UpgradeRecord, part: ChunkRecord, new: Iterable[int]) -> dict[int, str]:
    """Why some of the devices cannot take part. One AWS call."""
    caller = Caller(task.tenant, task.creator, task.owner)
    by_index = {index: part.devices[index] for index in new}
    found = _items(by_index.values(), DEVICE, QUEUE)
    refused: dict[int, str] = {}
    for index, device in by_index.items():
        record, queue = found.get((device, DEVICE)), found.get((device, QUEUE))
        if not isinstance(record, DeviceRecord) or not devices.visible(caller, record):
            refused[index] = "The device was deleted."
        elif isinstance(queue, QueueRecord) and len(queue.upgrades or ()) >= MOST_WAITING:
            refused[index] = "Too many upgrades wait for the device."
    return refused


def _refuse(task: UpgradeRecord, device: str, reason: str) -> None:
    upgrade_moves.retrying(task.upgrade, device, lambda case: upgrade_moves.settle(case, FAILED, reason))


def _queue(part: ChunkRecord, portion: Sequence[int]) -> None:
    """N to W, all of them or none. One AWS call. Raises Dropped, Stale."""
    if not portion:
        return
    change = Transaction()
    marks = [upgrade_states.mark_at(index) for index in portion]
    still: Condition = reduce(and_, (mark == NEW for mark in marks))
    in_time = ChunkRecord.until > clock.now()
    change.update(
        ChunkRecord(part.upgrade, part.item), [mark.set(WAITING) for mark in marks], still & in_time, Stale()
    )
    for index in portion:
        device = part.devices[index]
        moved = [PartRecord.status.set(WAITING)]
        change.update(PartRecord(part.upgrade, part_item(device)), moved, PartRecord.status == NEW, Stale())
        kind: Any = QueueRecord.kind
        joined = [kind.set(QueueRecord), QueueRecord.upgrades.add({part.upgrade})]
        room = QueueRecord.upgrades.does_not_exist() | (size(QueueRecord.upgrades) < MOST_WAITING)
        change.update(QueueRecord(device, QUEUE), joined, room, Dropped(index))
        change.check(DeviceRecord(device, DEVICE), devices.alive(), Dropped(index))
    change.commit()


def _wake(task: UpgradeRecord, waiting: Sequence[str]) -> None:
    """A job for each device that can be told, or has to fail, now. Read once they are in their queues:
    who connects later finds the upgrade there.

    One AWS call for 33 devices, one per ten jobs.
    """
    impatient = upgrade_states.policy_of(task).kind is PolicyKind.NOW
    woken: list[str] = []
    for some in batched(waiting, QUEUED_AT_ONCE):
        found = {} if impatient else _items(some, DEVICE, LINK, QUEUE)
        woken += [device for device in some if impatient or _reachable(device, found)]
    queues.send(queues.WORK, [queues.job_message(SEND, device=device) for device in woken])


def _reachable(device: str, found: dict[tuple[str, str], DeviceItem]) -> bool:
    """A gateway's child may be: the job looks at its gateway."""
    record, link, queue = (found.get((device, item)) for item in (DEVICE, LINK, QUEUE))
    if not isinstance(record, DeviceRecord) or (isinstance(queue, QueueRecord) and queue.upgrading):
        return False
    own = link if isinstance(link, LinkRecord) else None
    return record.gateway != device or sending.is_reachable(record, own)


def _items(wanted: Iterable[str], *items: str) -> dict[tuple[str, str], DeviceItem]:
    keys = [(device, item) for device in wanted for item in items]
    return {(r.device, r.item): r for r in DeviceItem.batch_get(keys, consistent_read=True)}
