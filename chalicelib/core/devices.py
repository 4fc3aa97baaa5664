"""Devices: what one is, who may see it, reading and changing it.

A device belongs to the application that registered it. "Not yours" is answered exactly as
"absent", for another tenant's and another application's devices alike.
"""

from collections.abc import Iterable
from enum import Enum
from threading import Lock
from typing import Any

import msgspec

from ..store.base import as_struct
from ..store.devices import AFTER_SHADOWS, DEVICE, NOTHING, SHADOW, DeviceItem, DeviceRecord, ShadowRecord
from ..store.transactions import Transaction
from ..store.walks import Facts
from . import clock, events, products
from .applications import Caller
from .errors import DeviceNotFound
from .events import EventType
from .products import NodeType

CACHED = 5_000
ABNORMAL_AFTER = 25 * clock.HOUR  # of silence
OFFLINE_AFTER = 49 * clock.HOUR

_products: dict[str, tuple[int, str]] = {}
_lock = Lock()


class Status(Enum):
    """INACTIVE before first contact, ABNORMAL after a day's silence (Source: Huawei 1.6.1)."""

    INACTIVE = "INACTIVE"
    ONLINE = "ONLINE"
    OFFLINE = "OFFLINE"
    ABNORMAL = "ABNORMAL"


class Device(msgspec.Struct, frozen=True, omit_defaults=True):
    """A device as the core knows it. Times in ms; `gateway` is its own id for a direct device.

    `last_login` is when its MQTT connection was announced last, from `last_login_ip`.

    `number` and `mac_key` are its ids in systems that know it by an integer or a MAC address; both are
    unique in its product. `mac` is what an app has written down about it. `people`: somebody is bound to it,
    or was.
    """

    device: str
    tenant: str
    owner: str
    gateway: str
    product: str
    node_type: NodeType
    node_id: str
    status: Status
    status_detail: str
    activated: bool
    created: int
    modified: int
    registration: str
    number: int | None = None
    mac_key: str | None = None
    activated_at: int | None = None
    last_login: int | None = None
    last_login_ip: str | None = None
    last_seen: int | None = None
    timeout: int | None = None
    deadline: int | None = None
    ageing: int | None = None
    mute: bool | None = None
    automations: int | None = None
    people: bool | None = None
    is_secure: bool | None = None
    name: str | None = None
    description: str | None = None
    manufacturer_id: str | None = None
    manufacturer_name: str | None = None
    device_type: str | None = None
    model: str | None = None
    protocol_type: str | None = None
    location: str | None = None
    mac: str | None = None
    sw_version: str | None = None
    fw_version: str | None = None
    hw_version: str | None = None
    serial_number: str | None = None
    signal_strength: str | None = None
    battery_level: str | None = None
    imsi: str | None = None
    ip: str | None = None
    end_user: str | None = None
    organization: str | None = None
    region: str | None = None
    timezone: str | None = None
    tags: list[dict[str, Any]] | None = None
    custom_fields: list[dict[str, Any]] | None = None


class ServiceState(msgspec.Struct, frozen=True):
    """What one service last reported. `at` in ms."""

    service: str
    data: dict[str, Any]
    at: int


def device_of(record: DeviceRecord) -> Device:
    """With the status that its silence has made of it, swept or not."""
    device = as_struct(Device, record)
    status, detail = aged(record)
    if device.status is status:
        return device
    return msgspec.structs.replace(device, status=status, status_detail=detail)


def aged(record: DeviceRecord | Facts) -> tuple[Status, str]:
    """Status and its detail as of now: who is there and silent turns ABNORMAL, then OFFLINE.

    Source: Huawei 1.6.1 (status, statusDetail)
    """
    status = Status(record.status)
    if record.last_seen is not None and status in (Status.ONLINE, Status.ABNORMAL):
        silent = clock.now() - int(record.last_seen)
        if silent >= OFFLINE_AFTER:
            return Status.OFFLINE, "TIME_OUT"
        if silent >= ABNORMAL_AFTER:
            return Status.ABNORMAL, "NONE"
    return status, record.status_detail


def record_of(caller: Caller, device: str) -> DeviceRecord:
    """Raises DeviceNotFound. One AWS call."""
    record = DeviceRecord.find(device, DEVICE)
    if record is None or not visible(caller, record):
        raise DeviceNotFound(device)
    return record


def visible(caller: Caller, record: DeviceRecord) -> bool:
    return (
        not record.deleted
        and record.tenant == caller.tenant
        and record.owner == caller.owner
        and not expired(record)
    )


def expired(record: DeviceRecord) -> bool:
    """A registration whose device did not appear in time is gone, swept or not."""
    return record.deadline is not None and int(record.deadline) <= clock.now()


def speaks_for(speaker: str, device: str) -> bool:
    """Whether a session of `speaker` may bring messages of `device`: its own, or its present child's.

    One AWS call for a child, none for its own.
    """
    if speaker == device:
        return True
    record = DeviceRecord.find(device, DEVICE)
    return record is not None and not record.deleted and record.gateway == speaker


def product_of(device: str) -> str | None:
    """Id of the device's product, whoever asks. One AWS call, none where it was read seconds ago."""
    now = clock.now()
    held = _products.get(device)
    if held is not None and 0 <= now - held[0] < products.FRESH:
        return held[1]
    record = DeviceRecord.find(device, DEVICE)
    if record is None:
        return None
    with _lock:
        if len(_products) >= CACHED:
            _products.clear()
        _products[device] = (now, record.product)
    return record.product


def forget() -> None:
    """Empty this process's memory of which product a device is of."""
    with _lock:
        _products.clear()


def get(caller: Caller, device: str) -> Device:
    """Raises DeviceNotFound. One AWS call."""
    return device_of(record_of(caller, device))


def read_some(ids: Iterable[str]) -> dict[str, Device]:
    """Those that exist, whoever asks, by id. One AWS call for a hundred, none for none."""
    keys = [(each, DEVICE) for each in dict.fromkeys(ids)]
    found = DeviceItem.batch_get(keys, consistent_read=True) if keys else ()
    return {
        each.device: device_of(each) for each in found if isinstance(each, DeviceRecord) and not each.deleted
    }


def get_with_services(caller: Caller, device: str) -> tuple[Device, list[ServiceState]]:
    """The device and what each of its services last reported, in one AWS call."""
    found: DeviceRecord | None = None
    states: list[ServiceState] = []
    for record in DeviceItem.query(
        device, DeviceItem.item.between(DEVICE, AFTER_SHADOWS), consistent_read=True
    ):
        if isinstance(record, DeviceRecord):
            found = record
        elif isinstance(record, ShadowRecord) and record.reported != NOTHING:
            states.append(state_of(record))
    if found is None or not visible(caller, found):
        raise DeviceNotFound(device)
    return device_of(found), states


def state_of(record: ShadowRecord) -> ServiceState:
    """Of a service that has reported."""
    return ServiceState(
        service=record.item.removeprefix(SHADOW), data=msgspec.json.decode(record.reported), at=int(record.at)
    )


def alive() -> Any:
    """Condition: the device exists and is not being deleted."""
    return DeviceRecord.device.exists() & DeviceRecord.deleted.does_not_exist()


def tell(change: Transaction, kind: EventType, device: Device, **data: Any) -> None:
    """Add an event about this device to the change."""
    events.emit(change, kind, device.device, device.tenant, device.owner, device=device, **data)


def states(ids: Iterable[tuple[str, str]]) -> dict[str, list[ServiceState]]:
    """States of the given (device, service) pairs, by device. One AWS call per hundred pairs."""
    keys = [(device, SHADOW + service) for device, service in ids]
    found: dict[str, list[ServiceState]] = {}
    for record in DeviceItem.batch_get(keys, consistent_read=True):
        if isinstance(record, ShadowRecord) and record.reported != NOTHING:
            found.setdefault(record.device, []).append(state_of(record))
    return found
