"""Deleting a device: a tombstone at once, the rest by a purge that may be repeated.

The tombstone's transaction takes the device out of every listing, frees its names, counts it out
and tells it. The purge job then ends the connection and what people are bound by, and deletes shadows,
history and commands; its deadline stays on the tombstone, so the sweep sends the job again where a crash
lost it.

Source: Huawei 1.5.5
"""

from collections.abc import Callable
from typing import Any

import msgspec
from pynamodb.expressions.condition import Condition

from ..aws import iot, queues
from ..store.commands import CommandRecord, TaskRecord
from ..store.devices import (
    CREDENTIALS,
    DEVICE,
    LINK,
    LORA,
    MEMBER,
    CredentialsRecord,
    DeviceItem,
    DeviceRecord,
    LinkRecord,
    LoraRecord,
    MemberRecord,
    Parts,
)
from ..store.history import HistoryRecord
from ..store.products import AliasRecord
from ..store.transactions import ConditionFailed, Transaction, pause
from . import (
    batch_work,
    binding_ends,
    children,
    clock,
    connections,
    credentials,
    devices,
    lora_records,
    memberships,
    registration,
    upgrade_sending,
)
from .applications import Caller
from .binding_ends import Reason
from .errors import Busy, DeviceNotFound
from .events import EventType
from .products import NodeType

PURGE = "purge"
PURGE_AGAIN = 10 * clock.MINUTE
CHILDREN_AT_ONCE = 100
ERASED_AT_ONCE = 2_000  # items of one purge; more follow in the next
INDEX_LAG = 10 * clock.SECOND  # a child attached just before may not be in the index yet
TRIES = 5

_BELONGINGS: tuple[tuple[Any, str], ...] = (
    (HistoryRecord, "entry"),
    (CommandRecord, "command"),
    (TaskRecord, "task"),
)


Check = Callable[[DeviceRecord, LoraRecord | None], None]


class _Held(msgspec.Struct, frozen=True):
    """What goes in the tombstone's own transaction, as it was read with the device."""

    credentials: CredentialsRecord | None
    member: MemberRecord | None
    lora: LoraRecord | None
    link: LinkRecord | None


def delete(caller: Caller, device: str, *, cascade: bool = True, check: Check | None = None) -> None:
    """Delete a device; its children too, or (`cascade` false) make them direct devices.

    `check` raises where it is not to be deleted as it is. The first hundred children are done before
    this answers, more by the purge. Three AWS calls for a device without children. Raises
    DeviceNotFound, Busy.
    """
    record = _bury(caller, device, cascade=cascade, check=check)
    if record.node_type == NodeType.GATEWAY.value:
        for child in list(children.children_of(device, CHILDREN_AT_ONCE)):
            settle_child(child, device, cascade=cascade)


def _bury(caller: Caller, device: str, *, cascade: bool, check: Check | None) -> DeviceRecord:
    for attempt in range(TRIES):
        record, held = _read(device)
        if record is None or not devices.visible(caller, record):
            raise DeviceNotFound(device)
        if check is not None:
            check(record, held.lora)
        as_checked = devices.alive() & (DeviceRecord.activated == record.activated)
        try:
            remove(record, held, EventType.DEVICE_DELETED, as_checked, cascade=cascade)
        except ConditionFailed:  # changed or deleted meanwhile
            pause(attempt)
        else:
            return record
    raise Busy(device)


def expire(device: str) -> bool:
    """End a registration whose time is over; False where it is not, or its device came just now."""
    record, held = _read(device)
    if record is None or record.deleted or not devices.expired(record):
        return False
    unused = DeviceRecord.deadline == record.deadline
    try:
        remove(record, held, EventType.DEVICE_BOUND, unused, result="expired")
    except ConditionFailed:
        return False
    return True


def remove(
    record: DeviceRecord,
    held: _Held,
    kind: EventType,
    condition: Condition,
    *,
    cascade: bool = True,
    orphan: bool = False,
    **data: Any,
) -> None:
    """Tombstone and event in one transaction, then the purge, and the word to a LoRa device's server.

    `orphan` says that its gateway is gone. Raises ConditionFailed where `condition` on the device does
    not hold, or its names, credentials or group are not as they were read.
    """
    device = record.device
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
        condition & DeviceRecord.deleted.does_not_exist() & (DeviceRecord.product == record.product),
    )
    change.delete(
        registration.node_alias(record.node_id, record.tenant, device), AliasRecord.target == device
    )
    if record.number is not None:
        change.delete(registration.number_alias(int(record.number), record.product, device))
    if record.mac_key is not None:
        change.delete(registration.mac_alias(record.mac_key, record.product, device))
    if held.credentials is not None:
        change.delete(held.credentials, CredentialsRecord.secret == held.credentials.secret)
        if held.credentials.verify_hash:
            credentials.release_code(change, held.credentials.verify_hash, device)
    memberships.release(change, device, held.member)
    _hang_up(change, device, held.link)
    jobs = [queues.job_message(PURGE, device=device)]
    if held.lora is not None:
        tell = not orphan and record.gateway == held.lora.server
        lora_records.release(change, held.lora, tell=tell)
        jobs += [queues.job_message(lora_records.TELL, server=held.lora.server)] if tell else []
    registration.count(change, record.owner, record.product, -1)
    devices.tell(change, kind, devices.device_of(record), **data)
    change.commit()
    queues.send(queues.WORK, jobs)


def _hang_up(change: Transaction, device: str, link: LinkRecord | None) -> None:
    """Add that the device is connected no more. Fails where its link is not as it was read."""
    key = LinkRecord(device, LINK)
    if link is None:
        change.check(key, LinkRecord.device.does_not_exist())
    elif link.online:
        change.update(key, [LinkRecord.online.set(False)], LinkRecord.online == link.online)
        connections.went(change)
    else:
        change.check(key, LinkRecord.online == link.online)


def settle_child(child: str, gateway: str, *, cascade: bool) -> None:
    """Delete the child of a gateway that is gone, or make it a direct device. Harmless to repeat."""
    record, held = _read(child)
    if record is None or record.deleted or record.gateway != gateway:
        return
    try:
        if cascade:
            behind = DeviceRecord.gateway == gateway
            remove(record, held, EventType.DEVICE_DELETED, behind, orphan=True)
        else:
            children.make_direct(record)
    except ConditionFailed:
        return  # attached elsewhere or deleted meanwhile; a purge that is repeated looks again


def purge_again(device: str) -> None:
    """The sweep has found a tombstone that no purge came to: send another, and wait as long again."""
    queues.work(PURGE, device=device)
    change = Transaction()
    later = [DeviceRecord.deadline.set(clock.now() + PURGE_AGAIN)]
    change.update(DeviceRecord(device, DEVICE), later, DeviceRecord.deleted.exists())
    try:
        change.commit()
    except ConditionFailed:
        return  # purged just now


def purge(device: str) -> None:
    """Delete what is left of a tombstoned device, the tombstone last. Harmless to repeat."""
    tombstone = DeviceRecord.find(device, DEVICE)
    if tombstone is None or not tombstone.deleted:
        return
    _end_link(device)
    for child in list(children.children_of(device, CHILDREN_AT_ONCE)):
        settle_child(child, device, cascade=not tombstone.keep_children)
    binding_ends.end_all(device, Reason.DEVICE_DELETED)
    batch_work.abandon(device)
    upgrade_sending.abandon(device)
    if _erase_some(device):
        queues.work(PURGE, device=device)
    elif tombstone.node_type == NodeType.GATEWAY.value and _has_news(tombstone):
        queues.work(PURGE, INDEX_LAG // clock.SECOND, device=device)
    else:
        tombstone.delete()


def _has_news(tombstone: DeviceRecord) -> bool:
    """Whether a gateway may have children that were not seen."""
    young = clock.now() - int(tombstone.modified) < INDEX_LAG
    return young or next(children.children_of(tombstone.device, 1), None) is not None


def _end_link(device: str) -> None:
    link = LinkRecord.find(device, LINK)
    if link is not None:
        iot.disconnect(link.client)


def _erase_some(device: str) -> bool:
    """Delete up to ERASED_AT_ONCE of the device's items; True where more may be left."""
    left = ERASED_AT_ONCE
    for kind, sort in _BELONGINGS:
        left -= _erase(kind, kind.query(device, limit=left, attributes_to_get=["device", sort]))
        if left <= 0:
            return True
    beside = DeviceItem.query(device, DeviceItem.item > DEVICE, limit=left)
    return _erase(DeviceItem, beside) >= left


def _erase(kind: Any, found: Any) -> int:
    count = 0
    with kind.batch_write() as batch:
        for record in found:
            batch.delete(record)
            count += 1
    return count


def _read(device: str) -> tuple[DeviceRecord | None, _Held]:
    """One AWS call."""
    parts = Parts(device, DEVICE, CREDENTIALS, MEMBER, LORA, LINK)
    held = _Held(
        parts.get(CREDENTIALS, CredentialsRecord),
        parts.get(MEMBER, MemberRecord),
        parts.get(LORA, LoraRecord),
        parts.get(LINK, LinkRecord),
    )
    return parts.get(DEVICE, DeviceRecord), held
