"""Devices that fall silent: ABNORMAL after 25 hours without a message, OFFLINE after 49.

A device that is ONLINE or ABNORMAL is watched: `silence` is when to look at it again, found by an
index on (watch, silence). Its messages move `last_seen` only; the look reckons from that and puts
`silence` off. What an app reads is reckoned on reading (`devices.aged`), so a late look decides
nothing but when the change is pushed. MQTT's keep-alive is no message: a connected device ages too.

Source: Huawei 1.6.1 (status)
"""

from collections.abc import Iterable

from pynamodb.expressions.update import Action

from ..aws import queues
from ..store.devices import DEVICE, DeviceItem, DeviceRecord
from ..store.transactions import ConditionFailed, Transaction
from . import clock, devices
from .devices import ABNORMAL_AFTER, OFFLINE_AFTER, Status
from .events import EventType

JOB = "age"
SHARDS = 4
SWEPT_AT_ONCE = 2000  # of a shard
LOOKED_AT_ONCE = 25  # in one job


def watched(device: str, seen: int) -> list[Action]:
    """For the change that brings a device online, seen at this ms."""
    return [DeviceRecord.watch.set(_shard(device)), DeviceRecord.silence.set(seen + ABNORMAL_AFTER)]


def unwatched() -> list[Action]:
    """For the change that takes a device offline."""
    return [DeviceRecord.watch.remove(), DeviceRecord.silence.remove()]


def overdue(record: DeviceRecord) -> bool:
    """Whether the stored status is not what the device's silence has made of it."""
    return bool(devices.aged(record)[0].value != record.status)


def sweep() -> int:
    """Put jobs for the devices that are due; answers how many these are. One AWS call a shard, and one
    per 250 devices.
    """
    now, seen = clock.now(), 0
    for shard in range(SHARDS):
        due = DeviceRecord.by_silence.query(str(shard), DeviceRecord.silence <= now, limit=SWEPT_AT_ONCE)
        names = [record.device for record in due]
        queues.send(queues.WORK, [queues.job_message(JOB, names=part) for part in _parts(names)])
        seen += len(names)
    return seen


def look(names: Iterable[str]) -> None:
    """Age those that are silent, put the others off. Harmless to repeat.

    One AWS call, and one per device that is due. One that fails does not keep the others; the first
    failure is raised after them.
    """
    failures: list[Exception] = []
    for record in DeviceItem.batch_get([(device, DEVICE) for device in names], consistent_read=True):
        if not isinstance(record, DeviceRecord) or not _due(record):
            continue
        try:
            _look(record)
        except Exception as error:  # noqa: BLE001 - the others must be looked at too; raised below
            failures.append(error)
    if failures:
        raise failures[0]


def _due(record: DeviceRecord) -> bool:
    """False where another look came first, or the index lags."""
    return record.silence is not None and int(record.silence) <= clock.now()


def _look(record: DeviceRecord) -> None:
    status, detail = devices.aged(record)
    following = None if record.deleted else _next_look(status, record.last_seen)
    actions: list[Action] = unwatched() if following is None else [DeviceRecord.silence.set(following)]
    same = (DeviceRecord.silence == record.silence) & (DeviceRecord.status == record.status)
    for name in ("last_seen", "deleted"):
        attribute, read = getattr(DeviceRecord, name), getattr(record, name)
        same &= attribute.does_not_exist() if read is None else attribute == read
    change = Transaction()
    changed = status.value != record.status and not record.deleted
    was = record.status
    if changed:
        record.status, record.status_detail = status.value, detail
        actions += [DeviceRecord.status.set(status.value), DeviceRecord.status_detail.set(detail)]
    change.update(DeviceRecord(record.device, DEVICE), actions, same)
    if changed:
        devices.tell(change, EventType.DEVICE_CHANGED, devices.device_of(record), was=was)
    try:
        change.commit()
    except ConditionFailed:
        return  # it was heard of, or deleted, at this very moment; what is still due comes again


def _next_look(status: Status, seen: float | None) -> int | None:
    """Ms; None where nothing can change by silence."""
    lasts = {Status.ONLINE: ABNORMAL_AFTER, Status.ABNORMAL: OFFLINE_AFTER}.get(status)
    return None if lasts is None or seen is None else int(seen) + lasts


def _parts(names: list[str]) -> Iterable[list[str]]:
    return (names[start : start + LOOKED_AT_ONCE] for start in range(0, len(names), LOOKED_AT_ONCE))


def _shard(device: str) -> str:
    return str(int(device[-2:], 16) % SHARDS)
