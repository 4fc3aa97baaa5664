"""Devices behind a gateway.

A child's `gateway` is the device that speaks for it; a direct device's is its own id.
"""

from collections.abc import Callable, Iterator

from ..store.devices import (
    CREDENTIALS,
    DEVICE,
    LORA,
    CredentialsRecord,
    DeviceItem,
    DeviceRecord,
    LoraRecord,
    Parts,
)
from ..store.reading import find_all
from ..store.transactions import ConditionFailed, Transaction
from . import clock, contact, credentials, devices, products
from .applications import Caller
from .devices import Device
from .errors import Busy, DeviceNotFound, InvalidInput, WrongSecret
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
    _still_gateway(change, gateway)
    _move(change, below, gateway)
    return _committed(change, below)


def detach(caller: Caller, child: str, *, behind: str | None = None) -> Device:
    """Make a device direct again. Two AWS calls, one for a direct device.

    Raises DeviceNotFound, also for one that is not behind the gateway `behind`; InvalidInput for one that
    is a LoRa server's; Busy.
    """
    parts = Parts(child, DEVICE, LORA)
    record = parts.get(DEVICE, DeviceRecord)
    if record is None or not devices.visible(caller, record):
        raise DeviceNotFound(child)
    if behind is not None and (record.gateway != behind or child == behind):
        raise DeviceNotFound(child)
    if record.gateway == child:
        return devices.device_of(record)
    _check_lora(parts.get(LORA, LoraRecord))
    change = Transaction()
    _move(change, record, child)
    return _committed(change, record)


def join(gateway: str, child: str, proves: Callable[[str], bool]) -> Device:
    """A gateway brings a device of its application, which leaves the gateway it had: `proves` judges
    whether it was the device itself that gave it the right, by its secret.

    Raises DeviceNotFound for either, WrongSecret, and InvalidInput and Busy as `attach`. Three AWS calls,
    one where it is the gateway's child already.
    """
    above, below, held, lora = _joining(gateway, child)
    if not proves(credentials.secret_of(held) if held is not None else ""):
        raise WrongSecret(child)
    if below.gateway == gateway:
        return devices.device_of(below)
    _check_lora(lora)
    _check(above, below)
    change = Transaction()
    _still_gateway(change, gateway)
    if held is not None:
        change.check(held, CredentialsRecord.secret == held.secret)
    _move(change, below, gateway)
    return _committed(change, below)


def prove(child: str, proves: Callable[[str], bool]) -> None:
    """Raises WrongSecret where `proves` does not hold of the device's secret. One AWS call."""
    held = CredentialsRecord.find(child, CREDENTIALS)
    if held is None or not proves(credentials.secret_of(held)):
        raise WrongSecret(child)


def secret_for(gateway: str, child: str) -> str:
    """The secret of a device, for the gateway that will speak for it: of its application, of a product whose
    devices may register themselves, and never active or behind this gateway.

    One AWS call, two where the product was not read seconds ago. Raises DeviceNotFound.
    """
    _, below, held, _ = _joining(gateway, child)
    product = products.load(below.product)
    if held is None or product is None or not product.registerable:
        raise DeviceNotFound(child)
    if below.activated and below.gateway != gateway:
        raise DeviceNotFound(child)
    return credentials.secret_of(held)


def leave(gateway: str, child: str) -> Device:
    """The gateway has a child no more, which is a direct device from now on. Two AWS calls.

    Raises DeviceNotFound for one that is not its child; InvalidInput for one that is a LoRa server's; Busy.
    """
    parts = Parts(child, DEVICE, LORA)
    record = parts.get(DEVICE, DeviceRecord)
    if record is None or record.deleted or gateway == child or record.gateway != gateway:
        raise DeviceNotFound(child)
    _check_lora(parts.get(LORA, LoraRecord))
    change = Transaction()
    _move(change, record, child)
    return _committed(change, record)


def sign_off(gateway: str, child: str, at: int) -> bool:
    """The gateway says at `at` ms that its child is gone offline; False where it is not its child. Two AWS
    calls, one where it was not online.
    """
    record = DeviceRecord.find(child, DEVICE)
    if record is None or record.deleted or gateway == child or record.gateway != gateway:
        return False
    if record.status in (devices.Status.INACTIVE.value, devices.Status.OFFLINE.value):
        return True
    change = Transaction()
    contact.part(change, record, at)
    try:
        change.commit()
    except ConditionFailed:  # it was heard of meanwhile
        return True
    return True


def records_of(gateway: str, most: int) -> list[DeviceRecord]:
    """The gateway's children, `most` at most. From an index that may lag; those that have left meanwhile
    are not among them. One AWS call, and one for a hundred.
    """
    keys = [(child, DEVICE) for child in children_of(gateway)][:most]
    found = DeviceItem.batch_get(keys, consistent_read=True) if keys else ()
    return [
        each
        for each in found
        if isinstance(each, DeviceRecord) and not each.deleted and each.gateway == gateway
    ]


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


def _joining(
    gateway: str, child: str
) -> tuple[DeviceRecord, DeviceRecord, CredentialsRecord | None, LoraRecord | None]:
    """One AWS call. Raises DeviceNotFound where one is absent, or they are not one application's."""
    keys = (
        (DeviceItem, gateway, DEVICE),
        (DeviceItem, child, DEVICE),
        (DeviceItem, child, CREDENTIALS),
        (DeviceItem, child, LORA),
    )
    found = find_all(keys)
    above, below, held, lora = (found.get(key) for key in keys)
    if gateway == child or not isinstance(above, DeviceRecord) or above.deleted:
        raise DeviceNotFound(gateway)
    caller = Caller(above.tenant, above.owner, above.owner)
    if not isinstance(below, DeviceRecord) or not devices.visible(caller, below):
        raise DeviceNotFound(child)
    return (
        above,
        below,
        held if isinstance(held, CredentialsRecord) else None,
        lora if isinstance(lora, LoraRecord) else None,
    )


def _still_gateway(change: Transaction, gateway: str) -> None:
    """Add to the change that it holds only while the gateway is one, and is behind no other."""
    still = DeviceRecord.node_type == NodeType.GATEWAY.value
    change.check(DeviceRecord(gateway, DEVICE), devices.alive() & still & (DeviceRecord.gateway == gateway))


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
    was = record.gateway
    record.gateway, record.modified = gateway, now
    devices.tell(change, EventType.DEVICE_CHANGED, devices.device_of(record), gateway_was=was)


def _committed(change: Transaction, record: DeviceRecord) -> Device:
    try:
        change.commit()
    except ConditionFailed as error:
        raise Busy(record.device) from error
    return devices.device_of(record)
