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


class EventType(Enum):
    DEVICE_ADDED = "device.added"  # data: {device}
    DEVICE_BOUND = "device.bound"  # data: {device, result: "succeeded" | "expired"}
    DEVICE_CHANGED = "device.changed"  # data: {device}
    DEVICE_DELETED = "device.deleted"  # data: {device}
    DATA_REPORTED = "data.reported"  # data: {device, services: [{service, type, data, at}], request}
    COMMAND_CHANGED = "command.changed"  # data: {command}: its state changed
    COMMAND_ANSWERED = "command.answered"  # data: {command}: the device's answer has come


class Event(msgspec.Struct, frozen=True):
    """`id` stays the same over every delivery; `at` is in ms."""

    id: str
    type: EventType
    source: str
    tenant: str
    owner: str
    at: int
    data: dict[str, Any]


def emit(transaction: Transaction, kind: EventType, source: str, tenant: str, owner: str, **data: Any) -> str:
    """Add an event to the change. Structs in `data` are written as JSON objects. Answers its id."""
    at = clock.now()
    ident = ids.ordered_id(at)
    transaction.put(
        EventRecord(
            source,
            ident,
            type=kind.value,
            tenant=tenant,
            owner=owner,
            at=at,
            data=msgspec.json.encode(data).decode(),
            ttl=(at + KEPT) // clock.SECOND,
        )
    )
    return ident


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
