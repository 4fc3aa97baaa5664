"""What Huawei's platform pushes to apps. Source: Huawei 1.8

A field is null where its value is unknown, as the examples print it; nodeType is UNKNOWN here, and
UNKNOW in queries, as each table says.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from ...core import commands
from ...core.callbacks import Notification
from ...core.commands import Command, Status
from ...core.devices import Device
from ...core.events import OF_PEOPLE, Event, EventType
from . import mapping, notify_desired, notify_rule, notify_upgrades
from .api import api
from .mapping import DeviceInfo
from .schema import Wire, required_time

STATUS_CHANGED = "commandStatusChanged"  # our name for what needs no subscription


class DeviceAdded(Wire, frozen=True, rename="camel"):
    notify_type: str
    device_id: str
    gateway_id: str
    node_type: str
    device_info: DeviceInfo


class DeviceBound(Wire, frozen=True, rename="camel"):
    """`resultCode` is succeeded or expired."""

    notify_type: str
    device_id: str
    result_code: str
    device_info: DeviceInfo


class DeviceInfoChanged(Wire, frozen=True, rename="camel"):
    notify_type: str
    device_id: str
    gateway_id: str
    device_info: DeviceInfo


class PushedService(Wire, frozen=True, rename="camel"):
    service_id: str
    service_type: str
    data: dict[str, Any]
    event_time: str


class DeviceDataChanged(Wire, frozen=True, rename="camel"):
    notify_type: str
    request_id: str | None
    device_id: str
    gateway_id: str
    service: PushedService


class DeviceDatasChanged(Wire, frozen=True, rename="camel"):
    notify_type: str
    request_id: str | None
    device_id: str
    gateway_id: str
    services: list[PushedService]


class CapabilitiesPush(Wire, frozen=True, rename="camel"):
    """`appId` is the application that is told; the others say which devices are meant."""

    notify_type: str
    app_id: str
    device_type: str | None
    manufacturer_name: str | None
    manufacturer_id: str | None
    model: str | None
    protocol_type: str | None


class DeviceDeleted(Wire, frozen=True, rename="camel"):
    notify_type: str
    device_id: str
    gateway_id: str


class ConfirmHeader(msgspec.Struct, frozen=True, rename={"request_id": "requestId", "sender": "from"}):
    """`from` is the device, `to` who asked; `status` is sent, delivered or executed."""

    request_id: str
    sender: str
    to: str
    status: str
    timestamp: str


class MessageConfirm(Wire, frozen=True, rename="camel"):
    notify_type: str
    header: ConfirmHeader
    body: dict[str, Any]


class ResponseHeader(
    msgspec.Struct,
    frozen=True,
    rename={
        "request_id": "requestId",
        "sender": "from",
        "device_id": "deviceId",
        "service_type": "serviceType",
    },
):
    request_id: str
    sender: str
    to: str
    device_id: str
    service_type: str
    method: str


class CommandRsp(Wire, frozen=True, rename="camel"):
    notify_type: str
    header: ResponseHeader
    body: dict[str, Any]


class CommandResult(Wire, frozen=True, rename="camel"):
    result_code: str
    result_detail: dict[str, Any] | None


class CommandStatusChanged(Wire, frozen=True, rename="camel"):
    device_id: str
    command_id: str
    result: CommandResult


for name, body, number, summary in (
    ("deviceAdded", DeviceAdded, 1, "A device was registered."),
    ("bindDevice", DeviceBound, 2, "A device connected for the first time, or did not in time."),
    ("deviceInfoChanged", DeviceInfoChanged, 3, "What is known of a device, or its status, changed."),
    ("deviceDataChanged", DeviceDataChanged, 4, "A service of a device reported."),
    ("deviceDatasChanged", DeviceDatasChanged, 5, "A device reported: all services at once."),
    ("deviceCapabilitiesChanged", CapabilitiesPush, 6, "Services of a thing model were changed."),
    ("deviceCapabilitiesAdded", CapabilitiesPush, 7, "A thing model was added, or services in it."),
    ("deviceCapabilitiesDeleted", CapabilitiesPush, 8, "Services of a thing model were deleted."),
    ("deviceDeleted", DeviceDeleted, 9, "A device was deleted."),
    ("messageConfirm", MessageConfirm, 10, "A command was sent, delivered or executed."),
    ("commandRsp", CommandRsp, 11, "A device answered a command."),
    (STATUS_CHANGED, CommandStatusChanged, 12, "A command's status, sent to its own callbackUrl."),
):
    api.webhook(name, body, source=f"Huawei 1.8.{number}", summary=summary)


def render(event: Event) -> list[Notification]:
    """All that Huawei's dialect says of an event, in order."""
    return RENDER[event.type](event)


def _push(push: Any) -> Notification:
    return Notification(push.notify_type, msgspec.json.encode(push))


def _device(event: Event) -> Device:
    return msgspec.convert(event.data["device"], Device)


def _command(event: Event) -> Command:
    return msgspec.convert(event.data["command"], Command)


def _added(event: Event) -> list[Notification]:
    device = _device(event)
    info = mapping.device_info(device)
    return [_push(DeviceAdded("deviceAdded", device.device, device.gateway, device.node_type.value, info))]


def _bound(event: Event) -> list[Notification]:
    device = _device(event)
    info = mapping.device_info(device)
    return [_push(DeviceBound("bindDevice", device.device, str(event.data["result"]), info))]


def _changed(event: Event) -> list[Notification]:
    device = _device(event)
    info = mapping.device_info(device)
    return [_push(DeviceInfoChanged("deviceInfoChanged", device.device, device.gateway, info))]


def _deleted(event: Event) -> list[Notification]:
    device = _device(event)
    return [_push(DeviceDeleted("deviceDeleted", device.device, device.gateway))]


def _capabilities(event: Event) -> list[Notification]:
    """One for each kind of change, in the order of their sections."""
    services, product = event.data["services"], event.data["product"]
    facts = [
        product[name]
        for name in ("device_type", "manufacturer_name", "manufacturer_id", "model", "protocol_type")
    ]
    return [
        _push(CapabilitiesPush(f"deviceCapabilities{kind.capitalize()}", event.owner, *facts))
        for kind in ("changed", "added", "deleted")
        if services[kind]
    ]


def _reported(event: Event) -> list[Notification]:
    """Each service by itself, and all of them at once: an app subscribes to what it wants."""
    device, request = _device(event), event.data.get("request")
    services = [_service(one, event.at) for one in event.data["services"]]
    ids = (request, device.device, device.gateway)
    single = [_push(DeviceDataChanged("deviceDataChanged", *ids, service)) for service in services]
    return [*single, _push(DeviceDatasChanged("deviceDatasChanged", *ids, services))]


def _service(one: Mapping[str, Any], at: int) -> PushedService:
    service = str(one["service"])
    return PushedService(
        service, str(one.get("type") or service), one["data"], required_time(one.get("at") or at)
    )


CONFIRMED = {  # what is no doing of the device's is no confirmation
    Status.SENT: "sent",
    Status.DELIVERED: "delivered",
    Status.SUCCESSFUL: "executed",
    Status.FAILED: "executed",
}


def _moved(event: Event) -> list[Notification]:
    """A command's hop: to those who follow all commands, and to the command's own URL."""
    command = _command(event)
    told: list[Notification] = []
    confirmed = CONFIRMED.get(command.status)
    if confirmed is not None:
        header = ConfirmHeader(
            _request(command), _from(command), _to(command), confirmed, required_time(event.at)
        )
        told.append(_push(MessageConfirm("messageConfirm", header, {})))
    if command.callback and command.dialect == api.name and command.status is not Status.PENDING:
        said = CommandStatusChanged(
            command.device,
            commands.public_id(command),
            CommandResult(command.status.value, command.result.get("body") if command.result else None),
        )
        told.append(Notification(STATUS_CHANGED, msgspec.json.encode(said), command.callback))
    return told


def _answered(event: Event) -> list[Notification]:
    command = _command(event)
    header = ResponseHeader(
        _request(command),
        _from(command),
        _to(command),
        command.device,
        str(event.data.get("service_type") or command.service),
        command.method,
    )
    return [_push(CommandRsp("commandRsp", header, event.data.get("body") or {}))]


def _request(command: Command) -> str:
    return command.request_id or commands.public_id(command)


def _from(command: Command) -> str:
    return f"/devices/{command.device}/services/{command.service}"[:128]


def _to(command: Command) -> str:
    return command.sender or command.owner


def _nothing(_event: Event) -> list[Notification]:
    return []


RENDER: Mapping[EventType, Callable[[Event], list[Notification]]] = {
    EventType.DEVICE_ADDED: _added,
    EventType.DEVICE_BOUND: _bound,
    EventType.DEVICE_CHANGED: _changed,
    EventType.DEVICE_DELETED: _deleted,
    EventType.MODEL_CHANGED: _capabilities,
    EventType.DATA_REPORTED: _reported,
    EventType.EVENT_REPORTED: _nothing,
    **dict.fromkeys(OF_PEOPLE, _nothing),
    EventType.COMMAND_CHANGED: _moved,
    EventType.COMMAND_ANSWERED: _answered,
    EventType.DESIRED_SETTLED: notify_desired.render,
    EventType.AUTOMATION_RAN: notify_rule.render,
    EventType.UPGRADE_STEPPED: notify_upgrades.render_step,
    EventType.UPGRADE_SETTLED: notify_upgrades.render_result,
}
