"""Desired values: what apps want a device's properties to be.

The values of one call are stored in one transaction, for all its services, and sent in the background:
at once to a device that can be reached, else when it connects or reports. `shadow_changes` says what
becomes of them, `shadow_documents` what a shadow is, `shadow_stamps` what its time is, `shadow_writes`
stores it, `shadow_sending` gets it to the device, `desired_history` keeps it.

Source: Huawei 1.5.8, 1.5.9
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec

from ..aws import queues
from ..store.devices import (
    AFTER_SHADOWS,
    DEVICE,
    LINK,
    QUEUE,
    SHADOW,
    STAMP,
    DeviceItem,
    DeviceRecord,
    LinkRecord,
    Parts,
    QueueRecord,
    ShadowRecord,
    StampRecord,
)
from ..store.history import DESIRED, DesiredRecord
from ..store.transactions import Transaction, pause
from . import (
    clock,
    devices,
    ids,
    products,
    shadow_changes,
    shadow_documents,
    shadow_stamps,
    shadow_writes,
    thing_values,
)
from .applications import Caller
from .devices import Device
from .errors import Busy, DeviceNotFound, InvalidInput
from .shadow_documents import Shadow
from .shadow_stamps import Stamps
from .shadow_writes import Edit, Stale
from .things import ThingModel

MOST_SERVICES = 30  # of one call: two items of a transaction each
MOST_BYTES = 100 * 1024  # of what one call desires of a service: a message to a device holds 128 KB
MOST_WRITTEN = 2 * 1024 * 1024  # bytes of shadows that one call writes; a transaction holds 4 MB
TRIES = 20

Also = Callable[[Transaction], None]


class Desired(msgspec.Struct, frozen=True):
    """Values wanted of one service."""

    service: str
    values: dict[str, Any]


class ServiceShadow(msgspec.Struct, frozen=True):
    """`at` is the time of the newest report, or of the newest desired value before the first; ms."""

    service: str
    reported: dict[str, Any]
    desired: dict[str, Any]
    at: int


def set_desired(caller: Caller, device: str, wanted: Sequence[Desired], also: Also | None = None) -> None:
    """Store what is wanted of a device's writable properties, all or nothing; what is not named stays.
    `also` adds to the change.

    Two AWS calls for an offline device, one more where it is sent at once, and one at the first change
    ever of a device of several services. Raises DeviceNotFound, ProductNotFound, ServiceNotFound,
    PropertyNotFound, PropertyNotWritable, InvalidInput, Busy.
    """
    values = _by_service(wanted)
    for attempt in range(TRIES):
        if attempt:
            pause(attempt)
        parts = Parts(device, DEVICE, LINK, QUEUE, STAMP, *(SHADOW + service for service in values))
        record = parts.get(DEVICE, DeviceRecord)
        if record is None or not devices.visible(caller, record):
            raise DeviceNotFound(device)
        model = products.model_of(products.get(record.tenant, record.product))
        for service, wants in values.items():
            thing_values.check_desired(model, service, wants)
        held = {service: parts.get(SHADOW + service, ShadowRecord) for service in values}
        known = [each for each in held.values() if each is not None]
        stamps = shadow_stamps.of(device, model, parts.get(STAMP, StampRecord), values, known)
        edits = edits_of(device, model, values, held, stamps)
        try:
            waits = _store(record, edits, stamps, parts.get(QUEUE, QueueRecord), also)
        except Stale:
            continue
        if waits and reachable(record, parts.get(LINK, LinkRecord)):
            queues.work(shadow_changes.SEND, device=device)
        return
    raise Busy(device)


def _by_service(wanted: Sequence[Desired]) -> dict[str, dict[str, Any]]:
    values: dict[str, dict[str, Any]] = {}
    for each in wanted:
        values.setdefault(each.service, {}).update(each.values)
    if not 1 <= len(values) <= MOST_SERVICES:
        raise InvalidInput("services", f"are not 1 to {MOST_SERVICES}")
    for service, wants in values.items():
        if not wants:
            raise InvalidInput("desired", f"of {service} is empty")
        if len(msgspec.json.encode(wants)) > MOST_BYTES:
            raise InvalidInput("desired", f"of {service} is larger than {MOST_BYTES // 1024} KB")
    return values


def edits_of(
    device: str,
    model: ThingModel,
    values: Mapping[str, dict[str, Any]],
    held: Mapping[str, ShadowRecord | None],
    stamps: Stamps,
) -> list[Edit]:
    """What setting these desired values, by service, makes of the shadows. Raises InvalidInput where one
    has no room.
    """
    now, call, room = clock.now(), secrets.token_hex(8), MOST_WRITTEN
    stamp = stamps.following()
    # of several services in several messages none is all of the change
    after = stamps.wanted if len(values) == 1 else stamp
    edits = []
    for position, (service, wants) in enumerate(values.items()):
        # its stamp, for it never repeats: history keeps the order also within a millisecond
        ident = f"{stamp:0{ids.STAMP}d}#{call}#{position:03d}"
        same = partial(thing_values.same_value, model, service)
        before = shadow_documents.read(held[service])
        shadow = shadow_documents.desire(before, wants, ident, stamp, after, now, same)
        size = shadow_documents.size(shadow)
        room -= size
        if size > shadow_documents.MOST_BYTES or room < 0:
            raise InvalidInput("desired", f"of {service} has no room beside what is kept")
        edits.append(Edit(service, held[service], shadow, _born(device, service, shadow)))
    return edits


def _born(device: str, service: str, shadow: Shadow) -> DesiredRecord:
    """The history of the change that this call makes, the newest of the shadow."""
    new = shadow.changes[-1]
    wants = shadow_documents.values_of(shadow, new)
    return DesiredRecord(
        device,
        DESIRED + new.id,
        service=service,
        names=set(wants),
        data=msgspec.json.encode(wants).decode(),
        at=shadow.stamp,
        status=shadow_changes.Status.PENDING.value,
    )


def _store(
    record: DeviceRecord, edits: Sequence[Edit], stamps: Stamps, queue: QueueRecord | None, also: Also | None
) -> bool:
    """Whether something waits to be sent. Raises Stale, DeviceNotFound."""
    change = Transaction()
    key = DeviceRecord(record.device, DEVICE)
    change.check(key, devices.alive(), DeviceNotFound(record.device))
    written = shadow_writes.write(change, record, edits, set(queue.shadows or ()) if queue else set())
    services = [edit.service for edit in edits]
    shadow_stamps.move(change, record, stamps, edits[0].shadow.stamp, services, wanted=True)
    if also is not None:
        also(change)
    change.commit()
    return any(shadow_writes.waits(each) for each in written)


def reachable(record: DeviceRecord, link: LinkRecord | None) -> bool:
    """Whether to try it now: a child is known by its reports."""
    return bool(link and link.online) or record.status == devices.Status.ONLINE.value


def read(caller: Caller, device: str) -> tuple[Device, list[ServiceShadow]]:
    """The device and the shadow of each of its services. One AWS call. Raises DeviceNotFound."""
    found: DeviceRecord | None = None
    states: list[ServiceShadow] = []
    for record in DeviceItem.query(
        device, DeviceItem.item.between(DEVICE, AFTER_SHADOWS), consistent_read=True
    ):
        if isinstance(record, DeviceRecord):
            found = record
        elif isinstance(record, ShadowRecord):
            shadow = shadow_documents.read(record)
            if not shadow.reported and not shadow.desired:
                continue  # all of it was deleted
            at = shadow.at if shadow.reported else max(map(shadow.desired_times.__getitem__, shadow.desired))
            service = shadow_writes.service_of(record)
            states.append(ServiceShadow(service, shadow.reported, shadow.desired, at))
    if found is None or not devices.visible(caller, found):
        raise DeviceNotFound(device)
    return devices.device_of(found), states
