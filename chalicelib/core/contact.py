"""What it means that a device was heard of: its first contact, its coming online and its leaving.

First contact activates a device for good, and binds its registration: so does the first after a
new verify code.
"""

from collections.abc import Sequence

from pynamodb.expressions.update import Action

from ..store.devices import DEVICE, DeviceRecord
from ..store.transactions import Transaction
from . import ageing, clock, devices
from .devices import Status
from .events import EventType


def is_first(record: DeviceRecord, at: int) -> bool:
    """Whether contact at `at` ms is the first: not where it came before the present verify code."""
    if not record.activated:
        return True
    return record.deadline is not None and at >= int(record.deadline) - int(record.timeout) * clock.SECOND


def meet(
    change: Transaction, record: DeviceRecord, at: int, *, online: bool, also: Sequence[Action] = ()
) -> bool:
    """Add to the change that the device was in contact at `at` ms and, where `online`, still is.

    `also` is what else changes of it where it is online. Brings `record` up to date; False where
    nothing changes.
    """
    if online:
        return _move(change, record, Status.ONLINE, at, also)
    if not is_first(record, at):
        return False
    inactive = record.status == Status.INACTIVE.value
    return _move(change, record, Status.OFFLINE if inactive else Status(record.status), at)


def part(change: Transaction, record: DeviceRecord, at: int) -> bool:
    """Add to the change that the device was in contact at `at` ms and is no more."""
    return _move(change, record, Status.OFFLINE, at)


def _move(
    change: Transaction, record: DeviceRecord, status: Status, at: int, also: Sequence[Action] = ()
) -> bool:
    first = is_first(record, at)
    if record.status == status.value and not first and not ageing.overdue(record):
        if also:
            change.update(DeviceRecord(record.device, DEVICE), also, devices.alive())
        return bool(also)
    same = devices.alive() & (DeviceRecord.status == record.status)
    same &= (
        DeviceRecord.deadline == record.deadline
        if record.deadline is not None
        else DeviceRecord.deadline.does_not_exist()
    )
    was, record.status, record.status_detail = record.status, status.value, "NONE"
    actions: list[Action] = [DeviceRecord.status.set(record.status), DeviceRecord.status_detail.set("NONE")]
    actions += also
    if status is Status.ONLINE:
        record.last_seen = clock.now()
        actions.append(DeviceRecord.last_seen.set(record.last_seen))
        actions += ageing.watched(record.device, record.last_seen)
    elif status is Status.OFFLINE:
        actions += ageing.unwatched()
    if first:
        record.activated, record.deadline, record.shard = True, None, None
        actions += [
            DeviceRecord.activated.set(True),
            DeviceRecord.deadline.remove(),
            DeviceRecord.shard.remove(),
        ]
        if not record.activated_at:
            record.activated_at = at
            actions.append(DeviceRecord.activated_at.set(at))
    change.update(DeviceRecord(record.device, DEVICE), actions, same)
    device = devices.device_of(record)
    if first:
        devices.tell(change, EventType.DEVICE_BOUND, device, result="succeeded")
    devices.tell(change, EventType.DEVICE_CHANGED, device, **({"was": was} if was != status.value else {}))
    return True
