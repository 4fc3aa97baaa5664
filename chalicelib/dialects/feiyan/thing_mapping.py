"""Core's devices and values as Feiyan writes them."""

import hashlib
from typing import Any

import msgspec

from ...core import credentials, identifiers, products, thing_calls, timelines
from ...core.applications import Caller
from ...core.device_events import Entry
from ...core.devices import Device, Status
from ...core.products import NodeType, Product
from ...core.things import DataType, Field, ThingModel
from ...core.timelines import Range, Reading, Stretch
from ...formats import feiyan_tsl
from ...settings import settings
from ...store.devices import CredentialsRecord, LinkRecord
from . import thing_schema as wire
from .declaring import either

INACTIVE, ONLINE, OFFLINE, DISABLED = 0, 1, 3, 8
DEVICE, GATEWAY = "DEVICE", "GATEWAY"
SITES = {"us-east-1": "us-east-1", "ap-southeast-1": "ap-southeast-1", "eu-central-1": "germany"}
HOME_SITE = "cn-shanghai"


def device_of(caller: Caller, thing: wire.NamedThing) -> str:
    """The id that a call names, or that of the product and name it names instead; see `thing_calls.find`."""
    if thing.iot_id:
        return thing.iot_id
    product = either("iotId", thing.product_key)
    return thing_calls.find(caller, product, either("deviceName", thing.device_name))


def site() -> str:
    """Where the deployment is, in the vendor's names."""
    return SITES.get(settings().region, HOME_SITE)


def status(device: Device) -> int:
    """A device is never disabled here."""
    if not device.activated:
        return INACTIVE
    return ONLINE if device.status is Status.ONLINE else OFFLINE


def product_key(device: Device) -> str:
    found = products.load(device.product)
    return str(found.short_id) if found is not None else ""


def thing_status(device: Device, link: LinkRecord | None) -> wire.ThingStatus:
    since = device.created if device.activated_at is None else device.activated_at
    if link is not None and device.activated:
        since = max(since, int(link.since))
    return wire.ThingStatus(status(device), since)


def thing_info(device: Device, secret: str | None, nickname: str | None = None) -> wire.ThingInfo:
    return wire.ThingInfo(**_facts(device, secret), nickname=nickname)


def cloud_thing_info(device: Device, secret: str | None) -> wire.CloudThingInfo:
    facts = _facts(device, secret)
    return wire.CloudThingInfo(
        **facts,
        nickname=device.name,
        region=site(),
        device_key=device.node_id,
        owner_domain=facts["product_key"],
    )


def secret_of(held: CredentialsRecord | None) -> str | None:
    return (credentials.secret_of(held) or None) if held is not None else None


def _facts(device: Device, secret: str | None) -> dict[str, Any]:
    return {
        "gmt_modified": device.modified,
        "active_time": device.activated_at,
        "gmt_create": device.created,
        "product_key": product_key(device),
        "status_last": None,
        "mac": device.mac,
        "device_secret": secret,
        "iot_id": device.device,
        "name": device.node_id,
        "sdk_version": device.sw_version,
        "sn": device.serial_number,
        "thing_type": DEVICE,
        "firmware_version": device.fw_version,
        "rbac_tenant_id": device.tenant,
        "status": status(device),
        "net_address": device.last_login_ip or device.ip,
    }


def node_type(device: Device) -> str:
    return GATEWAY if device.node_type is NodeType.GATEWAY else DEVICE


def child(device: Device) -> wire.Child:
    return wire.Child(
        iot_id=device.device,
        device_name=device.node_id,
        product_key=product_key(device),
        thing_type=DEVICE,
        firmware_version=device.fw_version,
        status=status(device),
        node_type=node_type(device),
        region=site(),
        rbac_tenant_id=device.tenant,
        gmt_create=device.created,
        gmt_modified=device.modified,
        sdk_version=device.sw_version,
    )


def tsl(product: Product, name: str | None = None) -> dict[str, Any]:
    """The thing model, for a device of this name where there is one."""
    written = feiyan_tsl.write(products.model_of(product), str(product.short_id))
    link = f"/sys/{product.short_id}/"
    if name is not None:
        written["profile"]["deviceName"] = name
        link = f"{link}{name}/"
    return {**written, "link": f"{link}thing/"}


def value(field: Field | None, held: Any) -> Any:
    """Truth values are 0 and 1, whichever way the device wrote them."""
    if field is None:
        return held
    if isinstance(held, bool) and field.data_type is DataType.BOOL:
        return int(held)
    if isinstance(held, dict) and field.data_type is DataType.STRUCT:
        members = {each.name: each for each in field.fields}
        return {name: value(members.get(name), each) for name, each in held.items()}
    if isinstance(held, list) and field.data_type is DataType.ARRAY:
        return [value(field.element, each) for each in held]
    return held


def batch_id(device: str, at: int) -> str:
    """The same for all that a device reported at one time."""
    return hashlib.sha256(f"{device}#{at}".encode()).hexdigest()[:32]


def span(start: int, end: int, limit: int, *, newest_first: bool) -> Range:
    return Range(start, end, min(limit, timelines.MOST), newest_first)


def following(wanted: Range, stretch: Stretch[Any]) -> int:
    """Where an app goes on: behind everything at the end, so that a walk comes to one."""
    if stretch.following is not None:
        return stretch.following
    step = -1 if wanted.newest_first else 1
    if stretch.items:
        return max(int(stretch.items[-1].at) + step, 0)
    return wanted.start if wanted.newest_first else wanted.end


def readings(
    device: str, identifier: str, field: Field | None, found: list[Reading], *, as_text: bool
) -> list[wire.PropertyReading]:
    return [
        wire.PropertyReading(
            iotid=device,
            property=identifier,
            data=text(value(field, each.value)) if as_text else value(field, each.value),
            modifytime=each.at,
            timestamp=each.at,
            batch_id=batch_id(device, each.at),
        )
        for each in found
    ]


def text(held: Any) -> str:
    return held if isinstance(held, str) else msgspec.json.encode(held).decode()


def event_readings(
    device: str, identifier: str, model: ThingModel, found: list[Entry]
) -> list[wire.EventReading]:
    return [
        wire.EventReading(
            event_code=identifier,
            iot_id=device,
            event_name=event_name(model, each),
            event_type=each.type,
            event_body=event_body(model, each),
            batch_id=batch_id(device, each.at),
            timestamp=each.at,
        )
        for each in found
    ]


def event_name(model: ThingModel, told: Entry) -> str:
    known = identifiers.event_of(model, told.service, told.event)
    return (known.description if known is not None else None) or told.event


def event_body(model: ThingModel, told: Entry) -> dict[str, Any]:
    known = identifiers.event_of(model, told.service, told.event)
    fields = {each.name: each for each in known.parameters} if known is not None else {}
    return {name: value(fields.get(name), each) for name, each in told.data.items()}
