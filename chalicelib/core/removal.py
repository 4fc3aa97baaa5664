"""Deleting a device: a tombstone at once, the rest by a purge that may be repeated.

The tombstone's transaction takes the device out of every listing, frees its names, counts it out
and tells it. The purge job then deletes shadows, history and commands; its deadline stays on the
tombstone, so the sweep sends the job again where a crash lost it.

Source: Huawei 1.5.5
"""

from collections.abc import Iterator
from typing import Any

from pynamodb.expressions.condition import Condition

from ..aws import iot, queues
from ..store import counters
from ..store.commands import CommandRecord, TaskRecord
from ..store.devices import (
    CREDENTIALS,
    DEVICE,
    LINK,
    CredentialsRecord,
    DeviceItem,
    DeviceRecord,
    LinkRecord,
    Parts,
)
from ..store.history import HistoryRecord
from ..store.products import AliasRecord
from ..store.transactions import ConditionFailed, Transaction
from . import clock, credentials, devices, registration
from .applications import Caller
from .errors import DeviceNotFound
from .events import EventType
from .products import NodeType

PURGE = "purge"
PURGE_AGAIN = 10 * clock.MINUTE
CHILDREN_AT_ONCE = 100


def delete(caller: Caller, device: str, *, cascade: bool = True) -> None:
    """Delete a device; its children too, or (`cascade` false) make them direct devices.

    The first hundred children are done before this answers, more by the purge. Raises DeviceNotFound.
    """
    record = devices.record_of(caller, device)
    is_gateway = record.node_type == NodeType.GATEWAY.value
    children = list(children_of(device, CHILDREN_AT_ONCE)) if is_gateway else []
    try:
        remove(record, EventType.DEVICE_DELETED, devices.alive(), cascade=cascade)
    except ConditionFailed:
        raise DeviceNotFound(device) from None  # another was quicker
    for child in children:
        settle_child(child, device, cascade=cascade)


def remove(
    record: DeviceRecord, kind: EventType, condition: Condition, *, cascade: bool = True, **data: Any
) -> None:
    """Tombstone and event in one transaction, then purge and end of the connection.

    Raises ConditionFailed where `condition` on the device does not hold.
    """
    device = record.device
    parts = Parts(device, CREDENTIALS, LINK)
    held, link = parts.get(CREDENTIALS, CredentialsRecord), parts.get(LINK, LinkRecord)
    now = clock.now()
    change = Transaction()
    change.update(
        DeviceRecord(device, DEVICE),
        [
            DeviceRecord.deleted.set(True),
            DeviceRecord.modified.set(now),
            DeviceRecord.keep_children.set(not cascade),
            DeviceRecord.shard.set(registration.shard(device)),
            DeviceRecord.deadline.set(now + PURGE_AGAIN),
            DeviceRecord.listing.remove(),
        ],
        condition & DeviceRecord.deleted.does_not_exist(),
    )
    change.delete(
        registration.node_alias(record.node_id, record.tenant, device), AliasRecord.target == device
    )
    if held is not None:
        change.delete(held)
        if held.verify_hash:
            credentials.release_code(change, held.verify_hash, device)
    counters.add(change, registration.total_name(record.owner), -1)
    devices.tell(change, kind, devices.device_of(record), **data)
    change.commit()
    purge_later(device)
    if link is not None:
        iot.disconnect(link.client)


def children_of(gateway: str, most: int | None = None) -> Iterator[str]:
    """Ids of the gateway's children; its own is not among them."""
    for record in DeviceRecord.by_gateway.query(gateway, limit=most + 1 if most else None):
        if record.device != gateway:
            yield record.device


def settle_child(child: str, gateway: str, *, cascade: bool) -> None:
    """Delete the child of a gateway that is gone, or make it a direct device. Harmless to repeat."""
    record = DeviceRecord.find(child, DEVICE)
    if record is None or record.deleted or record.gateway != gateway:
        return
    try:
        if cascade:
            remove(record, EventType.DEVICE_DELETED, DeviceRecord.gateway == gateway)
        else:
            _make_direct(record, gateway)
    except ConditionFailed:
        return  # attached elsewhere or deleted meanwhile


def _make_direct(record: DeviceRecord, gateway: str) -> None:
    change = Transaction()
    change.update(
        DeviceRecord(record.device, DEVICE),
        [DeviceRecord.gateway.set(record.device), DeviceRecord.modified.set(clock.now())],
        devices.alive() & (DeviceRecord.gateway == gateway),
    )
    record.gateway = record.device
    devices.tell(change, EventType.DEVICE_CHANGED, devices.device_of(record))
    change.commit()


def purge_later(device: str) -> None:
    queues.work(PURGE, device=device)


def purge(device: str) -> None:
    """Delete what is left of a tombstoned device, the tombstone last. Harmless to repeat."""
    tombstone = DeviceRecord.find(device, DEVICE)
    if tombstone is None or not tombstone.deleted:
        return
    for child in list(children_of(device)):
        settle_child(child, device, cascade=not tombstone.keep_children)
    for kind in (HistoryRecord, CommandRecord, TaskRecord):
        with kind.batch_write() as batch:
            for record in kind.query(device):
                batch.delete(record)
    with DeviceItem.batch_write() as batch:
        for item in DeviceItem.query(device, DeviceItem.item > DEVICE):
            batch.delete(item)
    tombstone.delete()
