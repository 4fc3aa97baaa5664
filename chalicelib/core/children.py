"""Devices behind a gateway.

A child's `gateway` is the device that speaks for it; a direct device's is its own id.
"""

from collections.abc import Iterator

from ..store.devices import DEVICE, DeviceRecord
from ..store.reading import find_all
from ..store.transactions import ConditionFailed, Transaction
from . import clock, devices
from .applications import Caller
from .devices import Device
from .errors import Busy, DeviceNotFound, InvalidInput
from .events import EventType
from .products import NodeType


def attach(caller: Caller, gateway: str, child: str) -> Device:
    """Put a device behind a gateway of the same application, away from the one it had.

    Raises DeviceNotFound for either; InvalidInput where `gateway` is none, or is behind another, or
    `child` is a gateway or has children; Busy. Three AWS calls.
    """
    above, below = _both(caller, gateway, child)
    if below.gateway == gateway:
        return devices.device_of(below)
    _check(above, below)
    change = Transaction()
    still_gateway = (
        devices.alive()
        & (DeviceRecord.node_type == NodeType.GATEWAY.value)
        & (DeviceRecord.gateway == gateway)
    )
    change.check(DeviceRecord(gateway, DEVICE), still_gateway)
    _move(change, below, gateway)
    return _committed(change, below)


def detach(caller: Caller, child: str) -> Device:
    """Make a device direct again. Raises DeviceNotFound, Busy. Two AWS calls, one for a direct device."""
    record = devices.record_of(caller, child)
    if record.gateway == child:
        return devices.device_of(record)
    change = Transaction()
    _move(change, record, child)
    return _committed(change, record)


def children_of(gateway: str, most: int | None = None) -> Iterator[str]:
    """Ids of the gateway's children; its own is not among them. From an index that may lag."""
    for record in DeviceRecord.by_gateway.query(gateway, limit=most + 1 if most else None):
        if record.device != gateway:
            yield record.device


def make_direct(record: DeviceRecord) -> None:
    """The child of a gateway that is gone. Raises ConditionFailed where it has moved meanwhile."""
    change = Transaction()
    _move(change, record, record.device)
    change.commit()


def _both(caller: Caller, gateway: str, child: str) -> tuple[DeviceRecord, DeviceRecord]:
    if gateway == child:
        raise InvalidInput("gateway", "is the device itself")
    wanted = [(DeviceRecord, ident, DEVICE) for ident in (gateway, child)]
    found = {
        record.device: record for record in find_all(wanted).values() if isinstance(record, DeviceRecord)
    }
    for ident in (gateway, child):
        if ident not in found or not devices.visible(caller, found[ident]):
            raise DeviceNotFound(ident)
    return found[gateway], found[child]


def _check(above: DeviceRecord, below: DeviceRecord) -> None:
    if above.node_type != NodeType.GATEWAY.value:
        raise InvalidInput("gateway", "is no gateway")
    if above.gateway != above.device:
        raise InvalidInput("gateway", "is behind another gateway")
    if below.node_type == NodeType.GATEWAY.value:
        raise InvalidInput("child", "is a gateway")
    # its product may have been a gateway's when it got them
    if next(children_of(below.device, 1), None) is not None:
        raise InvalidInput("child", "has children")


def _move(change: Transaction, record: DeviceRecord, gateway: str) -> None:
    """Add to the change that `record` is behind `gateway` from now on, and its event."""
    now = clock.now()
    change.update(
        DeviceRecord(record.device, DEVICE),
        [DeviceRecord.gateway.set(gateway), DeviceRecord.modified.set(now)],
        devices.alive()
        & (DeviceRecord.gateway == record.gateway)
        & (DeviceRecord.node_type == record.node_type),
    )
    record.gateway, record.modified = gateway, now
    devices.tell(change, EventType.DEVICE_CHANGED, devices.device_of(record))


def _committed(change: Transaction, record: DeviceRecord) -> Device:
    try:
        change.commit()
    except ConditionFailed as error:
        raise Busy(record.device) from error
    return devices.device_of(record)
