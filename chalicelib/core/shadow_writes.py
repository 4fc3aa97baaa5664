"""Writing shadows: each on condition of the version it was made from, and with it all that follows.

The changes of desired values that have come to their end leave the shadow, their history is brought up
to date, apps are told, and the device's queue names the services that have something to send: all in
the transaction of the change itself.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from ..store.devices import QUEUE, SHADOW, DeviceRecord, QueueRecord, ShadowRecord
from ..store.history import DESIRED, DesiredRecord
from ..store.transactions import ConditionFailed, Transaction
from . import clock, events, shadow_changes, shadow_documents
from .events import EventType
from .shadow_changes import Change, Status
from .shadow_documents import Shadow

SHARDS = 4
SHARD = "shadow"  # the index is shared with other sweeps
SETTLED_AT_ONCE = 25  # changes of one transaction: it holds 100 items
TOLD_AT_ONCE = 200 * 1024  # bytes of one event
KEPT = 90 * clock.DAY  # history, from a change's end


class Stale(ConditionFailed):
    """Somebody changed the shadow between reading and writing it."""


class Edit(msgspec.Struct, frozen=True):
    """What becomes of the shadow of a service. `born` is the history of a change that begins with it."""

    service: str
    held: ShadowRecord | None
    shadow: Shadow
    born: DesiredRecord | None = None


class _Settled(msgspec.Struct, frozen=True):
    service: str
    change: Change
    status: Status
    properties: dict[str, Any]


def write(
    change: Transaction, device: DeviceRecord, edits: Sequence[Edit], marked: set[str]
) -> list[ShadowRecord]:
    """Add the shadows, as answered, to the change; `marked` is what the device's queue names now.

    Of what is settled, at most SETTLED_AT_ONCE leave; the rest is due at once, for the sweep. Adds two
    items an edit at most, one for each of these, and two. Fails with Stale.
    """
    now = clock.now()
    room = _Room()
    written: list[ShadowRecord] = []
    for edit in edits:
        shadow = room.settle(edit.service, edit.shadow, now)
        written.append(_put(change, device.device, edit, shadow))
    born = {edit.born.entry: edit.born for edit in edits if edit.born is not None}
    for settled in room.settled:
        _file(change, device.device, settled, born, now)
    for record in born.values():
        change.put(record)
    _mark(change, written, marked)
    told = [each for each in room.settled if each.status is not Status.SUPERSEDED]
    if told:
        _tell(change, device, told)
    return written


class _Room:
    """Takes settled changes out of shadows as long as one transaction, and one event, can hold them."""

    def __init__(self) -> None:
        self.settled: list[_Settled] = []
        self._bytes = TOLD_AT_ONCE

    def settle(self, service: str, shadow: Shadow, now: int) -> Shadow:
        left = []
        for change in shadow.changes:
            status = shadow_changes.status_of(change, now)
            if not status.settled:
                left.append(change)
            elif not self._take(
                _Settled(service, change, status, shadow_documents.values_of(shadow, change))
            ):
                left.append(msgspec.structs.replace(change, due=now))
        return msgspec.structs.replace(shadow, changes=tuple(left))

    def _take(self, settled: _Settled) -> bool:
        size = len(msgspec.json.encode(settled.properties))
        if len(self.settled) >= SETTLED_AT_ONCE or (self.settled and size > self._bytes):
            return False
        self.settled.append(settled)
        self._bytes -= size
        return True


def _put(change: Transaction, device: str, edit: Edit, shadow: Shadow) -> ShadowRecord:
    held = edit.held
    record = shadow_documents.record_of(device, edit.service, shadow, int(held.version) + 1 if held else 1)
    if record.deadline is not None:
        record.shard = f"{SHARD}-{int(device[-2:], 16) % SHARDS}"
    same = ShadowRecord.version == held.version if held else ShadowRecord.version.does_not_exist()
    change.put(record, same, Stale(edit.service))
    return record


def _file(
    change: Transaction, device: str, settled: _Settled, born: dict[str, DesiredRecord], now: int
) -> None:
    """The change's end in its history, which is kept for a time from now on."""
    entry = DESIRED + settled.change.id
    values = {"status": settled.status.value, "settled": now, "ttl": (now + KEPT) // clock.SECOND}
    if entry in born:
        for name, value in values.items():
            setattr(born[entry], name, value)
        return
    actions = [getattr(DesiredRecord, name).set(value) for name, value in values.items()]
    change.update(DesiredRecord(device, entry), actions)


def _mark(change: Transaction, written: Sequence[ShadowRecord], marked: set[str]) -> None:
    """One update adds or takes away; a name too many is taken away by the job that it leads to."""
    waiting = {service_of(record) for record in written if waits(record)}
    more, less = waiting - marked, {service_of(record) for record in written} & marked - waiting
    if not more and not less:
        return
    names: Any = QueueRecord.shadows
    kind: Any = QueueRecord.kind
    action = names.add(more) if more else names.delete(less)
    # an update may create the item, and does not write its kind by itself
    change.update(QueueRecord(written[0].device, QUEUE), [kind.set(QueueRecord), action])


def waits(record: ShadowRecord) -> bool:
    """Whether some of the service's desired values wait to be sent."""
    return bool(record.changes) and shadow_changes.unsent(shadow_documents.read(record).changes, clock.now())


def service_of(record: ShadowRecord) -> str:
    return str(record.item).removeprefix(SHADOW)


def _tell(change: Transaction, device: DeviceRecord, settled: Sequence[_Settled]) -> None:
    changes = [
        {"service": each.service, "properties": each.properties, "status": each.status.value}
        for each in settled
    ]
    events.emit(
        change, EventType.DESIRED_SETTLED, device.device, device.tenant, device.owner, changes=changes
    )
