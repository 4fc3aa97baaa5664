"""What forwarding rules send. The form is ours: XLink's documents name the kinds, not the bodies.

Source: XLink, product appendix 4
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from ...core import points, products, registration, rules
from ...core.callbacks import Notification
from ...core.devices import Device, Status
from ...core.events import Event, EventType
from ...core.things import ThingModel
from .api import api
from .schema import Wire, format_time

ONLINE, OFFLINE, ACTIVATED, PIPE, SYNC, USER_ONLINE, USER_OFFLINE = range(1, 8)


class DevicePush(Wire, frozen=True):
    """`type` is the data type of the rule; `device_id` is unique in the product."""

    type: int
    product_id: str
    device_id: int
    mac: str
    time: str


class PipePush(DevicePush, frozen=True, kw_only=True):
    """`data` is what the device sent, in base64."""

    data: str


class PushedPoint(Wire, frozen=True):
    """`index` is missing where the product has no such data point."""

    name: str
    value: Any
    index: int | UnsetType = UNSET


class SyncPush(DevicePush, frozen=True, kw_only=True):
    """`time` is when the device reported, by its own clock where it gave that."""

    datapoints: list[PushedPoint]


for name, body, summary in (
    ("deviceOnline", DevicePush, "A device has connected (1)."),
    ("deviceOffline", DevicePush, "A device has gone (2)."),
    ("deviceActivated", DevicePush, "A device was in contact for the first time (3)."),
    ("devicePipe", PipePush, "A device sent bytes that nobody describes (4)."),
    ("deviceSync", SyncPush, "A device reported data points (5)."),
):
    api.webhook(name, body, source="XLink, product appendix 4", summary=summary)


def render(event: Event) -> list[Notification]:
    """What rules may forward of an event, in order. At most two AWS calls, mostly none."""
    make = RENDER.get(event.type)
    return list(make(event)) if make else []


def _changed(event: Event) -> Iterator[Notification]:
    """Online is who is ONLINE, as in queries."""
    device, was = _device(event), event.data.get("was")
    if was is None:
        return
    if device.status is Status.ONLINE:
        yield _push(_plain(ONLINE, device, event.at))
    elif was == Status.ONLINE.value:
        yield _push(_plain(OFFLINE, device, event.at))


def _bound(event: Event) -> Iterator[Notification]:
    if event.data.get("result") == "succeeded":
        yield _push(_plain(ACTIVATED, _device(event), event.at))


def _reported(event: Event) -> Iterator[Notification]:
    """Bytes one by one; data points together, where they are of one time."""
    device = _device(event)
    together: dict[int, list[Mapping[str, Any]]] = {}
    for service in event.data["services"]:
        at = int(service.get("at") or event.at)
        if service.get("raw"):
            for data in service["data"].values():
                yield _push(PipePush(*_names(PIPE, device), format_time(at), data=str(data)))
        else:
            together.setdefault(at, []).append(service)
    # the model is read only where a rule wants it
    if not together or not rules.targets(event.owner, api.name, device.product, str(SYNC)):
        return
    product = products.load(device.product)
    model = products.model_of(product) if product else ThingModel()
    for at, services in together.items():
        found = [point for service in services for point in _points(model, service)]
        yield _push(SyncPush(*_names(SYNC, device), format_time(at), datapoints=found))


def _points(model: ThingModel, service: Mapping[str, Any]) -> Iterator[PushedPoint]:
    ident = str(service["service"])
    known = model.service(ident)
    for name, value in service["data"].items():
        found = known.property(name) if known else None
        index = UNSET if found is None or found.index is None else found.index
        yield PushedPoint(points.key_of(model, ident, name), value, index)


def _device(event: Event) -> Device:
    return msgspec.convert(event.data["device"], Device)


def _plain(kind: int, device: Device, at: int) -> DevicePush:
    return DevicePush(*_names(kind, device), format_time(at))


def _names(kind: int, device: Device) -> tuple[int, str, int, str]:
    mac = device.mac_key or registration.derived_mac(device.device)
    return kind, device.product, device.number or 0, mac


def _push(push: DevicePush) -> Notification:
    return Notification(str(push.type), msgspec.json.encode(push), product=push.product_id)


RENDER: Mapping[EventType, Callable[[Event], Iterator[Notification]]] = {
    EventType.DEVICE_CHANGED: _changed,
    EventType.DEVICE_BOUND: _bound,
    EventType.DATA_REPORTED: _reported,
}
