"""Devices behind a gateway.

A child's `gateway` is the device that speaks for it; a direct device's is its own id.
"""

from collections.abc import Iterator

from ..store.devices import DEVICE, LORA, DeviceItem, DeviceRecord, LoraRecord, Parts
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
    `child` is a gateway, has children or is a LoRa server's; Busy. Three AWS calls.
    """
    above, below, lora = _all(caller, gateway, child)
    if below.gateway == gateway:
        return devices.device_of(below)
    _check_lora(lora)
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
    """Make a device direct again. Two AWS calls, one for a direct device.

    Raises DeviceNotFound; InvalidInput for one that is a LoRa server's; Busy.
    """
    parts = Parts(child, DEVICE, LORA)
    record = parts.get(DEVICE, DeviceRecord)
    if record is None or not devices.visible(caller, record):
        raise DeviceNotFound(child)
    if record.gateway == child:
        return devices.device_of(record)
    _check_lora(parts.get(LORA, LoraRecord))
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


def _all(caller: Caller, gateway: str, child: str) -> tuple[DeviceRecord, DeviceRecord, LoraRecord | None]:
    """Both devices, and what makes the child a LoRa device. One AWS call."""
    if gateway == child:
        raise InvalidInput("gateway", "is the device itself")
    keys = [(gateway, DEVICE), (child, DEVICE), (child, LORA)]
    found: dict[str, DeviceRecord] = {}
    lora = None
    for record in DeviceItem.batch_get(keys, consistent_read=True):
        if isinstance(record, DeviceRecord):
            found[record.device] = record
        elif isinstance(record, LoraRecord):
            lora = record
    for ident in (gateway, child):
        if ident not in found or not devices.visible(caller, found[ident]):
            raise DeviceNotFound(ident)
    return found[gateway], found[child], lora


def _check_lora(held: LoraRecord | None) -> None:
    """Only its own LoRa server has the keys of a LoRa device."""
    if held is not None:
        raise InvalidInput("child", "is a LoRa server's")


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
