"""What apps are told over their long connections.

    …/app/down/thing/properties          values that a device has reported
    …/app/down/thing/events              an event that it has told
    …/app/down/thing/status              it came, or went
    …/app/down/thing/topo/add/status     it is behind another gateway: told of that gateway
    …/app/down/ota/device/forward        how far its upgrade is

The last two have more slashes than IoT Core takes, so on AWS they are `…/app/down/topo/status` and
`…/app/down/ota/forward`. The example of the fourth says `param` where the others say `params`, and so do we.

Source: Feiyan 6.1.2
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from ...core import devices, identifiers, points, products
from ...core.app_pushes import CHANNEL, Push
from ...core.devices import Device, Status
from ...core.events import Event, EventType
from ...core.things import ThingModel
from ...core.upgrade_states import Part
from ...core.upgrade_states import Status as Upgrade
from ...settings import settings
from . import thing_mapping

VERSION = "1.0"
DONE = 100
UPGRADES = {Upgrade.WAIT: 0, Upgrade.PROCESSING: 1, Upgrade.STOPPED: 2, Upgrade.FAILED: 3, Upgrade.SUCCESS: 4}
SHORTER = {"thing/topo/add/status": "topo/status", "ota/device/forward": "ota/forward"}


def render(event: Event) -> list[Push]:
    """All that an event is to apps; nothing where it tells that nobody was ever bound to the device. No AWS
    call where the product was read seconds ago; a device that has come behind another gateway costs one.
    """
    make = RENDER.get(event.type)
    return list(make(event)) if make is not None else []


def _push(event: Event, device: str, path: str, said: Mapping[str, Any], field: str = "params") -> Push:
    body = {"id": event.id, "version": VERSION, field: said, "method": path.replace("/", ".")}
    if not settings().deep_topics:
        path = SHORTER.get(path, path)
    return Push(device, f"/sys/{CHANNEL}/app/down/{path}", msgspec.json.encode(body))


def _device(event: Event) -> Device:
    return msgspec.convert(event.data["device"], Device)


def _name(device: Device) -> dict[str, str]:
    return {
        "iotId": device.device,
        "productKey": thing_mapping.product_key(device),
        "deviceName": device.node_id,
    }


def _model(device: Device) -> ThingModel:
    product = products.load(device.product)
    return products.model_of(product) if product is not None else ThingModel()


def _reported(event: Event) -> Iterator[Push]:
    device = _device(event)
    if not device.people:
        return
    model, items = _model(device), dict[str, dict[str, Any]]()
    for each in event.data["services"]:
        if each.get("raw"):
            continue
        for name, value in each["data"].items():
            key = points.key_of(model, each["service"], name)
            if key not in items or items[key]["time"] <= each["at"]:
                items[key] = {"time": each["at"], "value": value}
    if items:
        yield _push(event, device.device, "thing/properties", {**_name(device), "items": items})


def _happened(event: Event) -> Iterator[Push]:
    device = _device(event)
    if not device.people:
        return
    model = _model(device)
    service, name = event.data["service"], event.data["event"]
    known = identifiers.event_of(model, service, name)
    said = {
        "identifier": identifiers.key_of(model, "events", service, name),
        "name": (known.description if known is not None else None) or name,
        "type": event.data["type"],
        **_name(device),
        "value": event.data["data"],
        "time": event.data["at"],
    }
    yield _push(event, device.device, "thing/events", said)


def _changed(event: Event) -> Iterator[Push]:
    device = _device(event)
    was = event.data.get("was")
    if was is not None and device.people:
        before = msgspec.structs.replace(device, status=Status(was), activated=was != Status.INACTIVE.value)
        now = thing_mapping.status(device)
        if now != thing_mapping.status(before):
            said = {**_name(device), "status": {"time": event.at, "value": now}}
            yield _push(event, device.device, "thing/status", said)
    old = event.data.get("gateway_was")
    if old is not None and device.gateway not in (old, device.device):
        yield from _joined(event, device, old)


def _joined(event: Event, device: Device, old: str) -> Iterator[Push]:
    """`old` is the device itself where it was behind no gateway."""
    known = devices.read_some([device.gateway, old])
    gateway = known.get(device.gateway)
    if gateway is None or not gateway.people:
        return
    said = _side("sub", device) | _side("oldGw", None if old == device.device else known.get(old))
    said |= _side("newGw", gateway)
    yield _push(event, device.gateway, "thing/topo/add/status", {"status": 0, **said}, "param")


def _side(prefix: str, device: Device | None) -> dict[str, str]:
    name = _name(device) if device is not None else dict.fromkeys(("iotId", "productKey", "deviceName"), "")
    return {f"{prefix}{key[0].upper()}{key[1:]}": value for key, value in name.items()}


def _upgraded(event: Event) -> Iterator[Push]:
    part = msgspec.convert(event.data["upgrade"], Part)
    done = part.status is Upgrade.SUCCESS
    step = DONE if done else part.progress or 1
    if part.status in (Upgrade.FAILED, Upgrade.STOPPED):
        step = int(part.error) if part.error in ("-1", "-2", "-3", "-4") else -1
    said = {
        "iotId": part.device,
        "srcVersion": part.source_version or "",
        "destVersion": part.target_version,
        "step": step,
        "desc": part.detail or "",
        "upgradeStatus": UPGRADES[part.status],
    }
    yield _push(event, part.device, "ota/device/forward", said)


RENDER: Mapping[EventType, Callable[[Event], Iterator[Push]]] = {
    EventType.DATA_REPORTED: _reported,
    EventType.EVENT_REPORTED: _happened,
    EventType.DEVICE_CHANGED: _changed,
    EventType.UPGRADE_STEPPED: _upgraded,
    EventType.UPGRADE_SETTLED: _upgraded,
}
