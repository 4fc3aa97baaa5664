"""What happened, told to apps: written in the transaction of the change itself.

`data` of an event is JSON and knows no dialect; a dialect's `notify.py` renders it.
"""

from enum import Enum
from typing import Any

import msgspec

from ..store.outbox import EventRecord
from ..store.transactions import Transaction
from . import clock, ids

KEPT = 7 * clock.DAY
EVERYONE = "*"  # as an event's owner: every application of the tenant


class EventType(Enum):
    DEVICE_ADDED = "device.added"  # data: {device}
    DEVICE_BOUND = "device.bound"  # data: {device, result: "succeeded" | "expired"}
    DEVICE_CHANGED = "device.changed"  # data: {device}, and was: its status before, where that is another
    DEVICE_DELETED = "device.deleted"  # data: {device}
    DATA_REPORTED = "data.reported"  # {device, services: [{service, type, data, at, late, raw}], request}
    COMMAND_CHANGED = "command.changed"  # data: {command}: its state changed
    EVENT_REPORTED = "event.reported"  # {device, service, event, type, data, at, request}
    MODEL_CHANGED = "model.changed"  # data: {product: its facts, services: {added, changed, deleted}}
    COMMAND_ANSWERED = "command.answered"  # data: {command}: the device's answer has come
    DESIRED_SETTLED = "desired.settled"  # data: {changes: [{service, properties, status}]}
    AUTOMATION_RAN = "automation.ran"  # data: {automation, author, at, rule, reasons, results}
    UPGRADE_STEPPED = "upgrade.stepped"  # data: {upgrade: a Part}: the device has come a step further
    UPGRADE_SETTLED = "upgrade.settled"  # data: {upgrade: a Part}: a device is through, for good or ill
    USER_BOUND = "user.bound"  # source: the device; data: {user, role: "manager" | "member"}
    USER_UNBOUND = "user.unbound"  # source: the device; data: {users: [{user, role}], reason}
    SHARE_OFFERED = "share.offered"  # data: {batch, initiator, receiver, devices, until (ms)}
    SHARE_SETTLED = "share.settled"  # {initiator, receiver, state: a State, shares: [{share, device}]}
    USER_REMOVED = "user.removed"  # data: {user}: unregistered; what was bound is told by itself


OF_PEOPLE = (  # who knows no people says nothing of these
    EventType.USER_BOUND,
    EventType.USER_UNBOUND,
    EventType.USER_REMOVED,
    EventType.SHARE_OFFERED,
    EventType.SHARE_SETTLED,
)


class Event(msgspec.Struct, frozen=True):
    """`id` stays the same over every delivery; `at` is in ms."""

    id: str
    type: EventType
    source: str
    tenant: str
    owner: str
    at: int
    data: dict[str, Any]


def emit(change: Transaction, kind: EventType, source: str, tenant: str, owner: str, **data: Any) -> str:
    """Add an event to the change. Structs in `data` are written as JSON objects. Answers its id."""
    ident = ids.ordered_id()
    change.put(_record(ident, kind, source, tenant, owner, data))
    return ident


def emit_once(
    change: Transaction,
    kind: EventType,
    source: str,
    tenant: str,
    owner: str,
    *,
    ident: str,
    error: Exception,
    **data: Any,
) -> None:
    """Like `emit`, under an id that the cause determines; fails with `error` where it was told before."""
    record = _record(ident, kind, source, tenant, owner, data)
    change.put(record, EventRecord.source.does_not_exist(), error)


def _record(
    ident: str, kind: EventType, source: str, tenant: str, owner: str, data: dict[str, Any]
) -> EventRecord:
    at = clock.now()
    return EventRecord(
        source,
        ident,
        type=kind.value,
        tenant=tenant,
        owner=owner,
        at=at,
        data=msgspec.json.encode(data).decode(),
        ttl=(at + KEPT) // clock.SECOND,
    )


def read(record: EventRecord) -> Event:
    return Event(
        id=record.event,
        type=EventType(record.type),
        source=record.source,
        tenant=record.tenant,
        owner=record.owner,
        at=int(record.at),
        data=msgspec.json.decode(record.data),
    )
