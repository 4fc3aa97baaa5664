"""Changing what is known of a device.

Source: Huawei 1.5.4
"""

from typing import Any

import msgspec

from ..store.devices import DEVICE, DeviceRecord
from ..store.transactions import ConditionFailed, Transaction
from . import clock, credentials, devices, ids, products, registration, thing_values
from .applications import Caller
from .devices import Device
from .errors import Busy, InvalidInput
from .events import EventType
from .products import NodeType

MOST_FREE = 64 * 1024  # bytes of a device's tags, and of its custom fields


class Changes(msgspec.Struct, frozen=True):
    """New values for a device; None leaves one as it is."""

    product: str | None = None
    ageing: int | None = None
    mute: bool | None = None
    is_secure: bool | None = None
    psk: str | None = None
    name: str | None = None
    manufacturer_id: str | None = None
    manufacturer_name: str | None = None
    device_type: str | None = None
    model: str | None = None
    protocol_type: str | None = None
    location: str | None = None
    imsi: str | None = None
    ip: str | None = None
    end_user: str | None = None
    organization: str | None = None
    region: str | None = None
    timezone: str | None = None
    tags: list[dict[str, Any]] | None = None
    custom_fields: list[dict[str, Any]] | None = None


def modify(caller: Caller, device: str, changes: Changes) -> Device:
    """Change the named facts and tell `device.changed`, in one transaction.

    Another product must be one of the tenant's, and brings its own manufacturer, type and model
    where the change does not name them. Two AWS calls, one more where another product is not in
    memory. Raises DeviceNotFound, ProductNotFound, MacTaken, InvalidInput, Busy.
    """
    return apply(caller, devices.record_of(caller, device), changes)


def apply(caller: Caller, record: DeviceRecord, changes: Changes) -> Device:
    """`modify` of a device that is read already, which this brings up to date."""
    values = {k: v for k, v in msgspec.structs.asdict(changes).items() if v is not None}
    _check_free(values)
    psk = values.pop("psk", None)
    if "product" in values:
        values = _facts_of(caller, values["product"]) | values
    if not values and psk is None:
        return devices.device_of(record)
    values["modified"] = clock.now()
    for _ in range(registration.TRIES):
        try:
            return _apply(record, values, psk)
        except registration.Taken:
            values["number"] = ids.number()
        except ConditionFailed:  # moved to another product meanwhile
            record = devices.record_of(caller, record.device)
    raise Busy(record.device)


def _apply(record: DeviceRecord, values: dict[str, Any], psk: str | None) -> Device:
    """Raises ConditionFailed where the device is of another product than was read."""
    change = Transaction()
    condition = devices.alive() & (DeviceRecord.product == record.product)
    if values.get("product", record.product) != record.product:
        registration.move(change, record, values["product"], int(values.get("number", record.number)))
    change.update(
        DeviceRecord(record.device, DEVICE),
        [getattr(DeviceRecord, name).set(value) for name, value in values.items()],
        condition,
    )
    gateway = values["node_type"] == NodeType.GATEWAY.value if "node_type" in values else None
    credentials.amend(change, record.tenant, record.device, psk, gateway)
    changed = devices.device_of(DeviceRecord(**{**record.values(), **values}))
    devices.tell(change, EventType.DEVICE_CHANGED, changed)
    change.commit()
    for name, value in values.items():
        setattr(record, name, value)
    return changed


def _check_free(values: dict[str, Any]) -> None:
    """What an app may write as it likes travels with every event of the device, so it has bounds."""
    for name, field in (("tags", "tags"), ("custom_fields", "customFields")):
        given = values.get(name)
        if given is None:
            continue
        problem = thing_values.free_problem(given, field)
        if problem:
            raise InvalidInput(problem.field, problem.reason)
        if len(msgspec.json.encode(given)) > MOST_FREE:
            raise InvalidInput(field, f"take more than {MOST_FREE // 1024} KB")


def _facts_of(caller: Caller, product: str) -> dict[str, Any]:
    found = products.get(caller.tenant, product)
    facts = {
        name: getattr(found, name)
        for name in ("manufacturer_id", "manufacturer_name", "device_type", "model", "protocol_type")
    }
    return {k: v for k, v in facts.items() if v is not None} | {"node_type": found.node_type.value}
