"""Desired values of devices. Source: Huawei 1.5.8, 1.5.9, 1.6.4"""

from typing import Annotated, Any

from msgspec import Meta, field

from ....core import desired_history, shadows
from ....core import errors as core
from ....core.desired_history import Filter
from ....core.shadows import Desired
from ....web.operations import Call, Fault
from .. import mapping
from ..api import api
from ..mapping import DeviceInfo
from ..schema import ForApplication, Name256, PageNo, Text256, Time, Wire, required_time
from .devices import DevicePath
from .queries import BAD_APPLICATION_INPUT, TOO_MUCH, NothingNamed, span

PATH = "/iocm/app/shadow/v1.5.0/devices"
HISTORY_SIZE = 25


class ServiceDesired(Wire, frozen=True, rename="camel"):
    service_id: Name256
    desired: dict[str, Any]


class ShadowChange(Wire, frozen=True, rename="camel"):
    service_desireds: Annotated[list[ServiceDesired], Meta(min_length=1)]


class DeviceServiceB(Wire, frozen=True, rename="camel"):
    service_id: str
    reported_props: dict[str, Any]
    desired_props: dict[str, Any]
    event_time: str
    service_type: str


class ShadowAnswer(Wire, frozen=True, rename="camel"):
    device_id: str
    gateway_id: str
    node_type: str
    create_time: str
    last_modified_time: str
    device_info: DeviceInfo
    services: list[DeviceServiceB]


class DesiredHistoryQuery(ForApplication, frozen=True, rename="camel"):
    """`deviceId` and `gatewayId` cannot both be absent."""

    device_id: Text256 | None = None
    gateway_id: Text256 | None = None
    service_id: Text256 | None = None
    property: Text256 | None = None
    page_no: PageNo = 0
    page_size: Annotated[int, Meta(ge=1, le=250)] = HISTORY_SIZE
    start_time: Time | None = None
    end_time: Time | None = None


class DeviceDesiredHistory(Wire, frozen=True, rename="camel"):
    service_id: str
    device_id: str
    gateway_id: str
    app_id: str
    desired: dict[str, Any]
    timestamp: str


class DesiredHistoryPage(Wire, frozen=True, rename="camel"):
    total_count: int
    page_no: int
    page_size: int
    entries: list[DeviceDesiredHistory] = field(name="DeviceDesiredHistoryDTO")


@api.put(
    PATH + "/{deviceId}",
    also=[PATH + "/devices/{deviceId}"],  # as the document's example writes it
    source="Huawei 1.5.8",
    raises=(
        core.DeviceNotFound,
        core.ProductNotFound,
        core.ServiceNotFound,
        core.PropertyNotFound,
        core.PropertyNotWritable,
        core.Busy,
    ),
    faults={core.ProductNotFound: Fault(200, "100425", "The special deviceCapability is not exist.")},
)
def set_desired(call: Call[DevicePath, ForApplication, ShadowChange]) -> None:
    """Set what writable properties are to be, of all services named or of none.

    The values are sent at once to a device that is online, else when it connects or reports next.
    """
    wanted = [Desired(each.service_id, each.desired) for each in call.body.service_desireds]
    shadows.set_desired(call.caller, call.path.device_id, wanted)


@api.get(
    PATH + "/{deviceId}",
    also=[PATH + "/devices/{deviceId}"],
    source="Huawei 1.5.9",
    raises=(core.DeviceNotFound,),
)
def query_shadow(call: Call[DevicePath, ForApplication, None]) -> ShadowAnswer:
    """What each service of a device last reported and what is desired of it.

    `eventTime` is the time of the newest report; before the first, of the newest desired value.
    """
    device, found = shadows.read(call.caller, call.path.device_id)
    return ShadowAnswer(
        device_id=device.device,
        gateway_id=device.gateway,
        node_type=mapping.queried_node_type(device.node_type),
        create_time=required_time(device.created),
        last_modified_time=required_time(device.modified),
        device_info=mapping.device_info(device),
        services=[
            DeviceServiceB(
                each.service,
                each.reported,
                each.desired,
                required_time(each.at),
                mapping.service_type(device, each.service),
            )
            for each in found
        ],
    )


@api.get(
    "/iocm/app/shadow/v1.5.0/deviceDesiredHistory",
    source="Huawei 1.6.4",
    raises=(NothingNamed, core.HistoryNotFound, core.ListTooLong),
    faults={
        core.InvalidInput: BAD_APPLICATION_INPUT,
        core.ListTooLong: TOO_MUCH,
        NothingNamed: Fault(400, "100419", "The deviceId and gatewayId can't be both null."),
    },
)
def query_desired_history(call: Call[None, DesiredHistoryQuery, None]) -> DesiredHistoryPage:
    """What was desired of a device, newest first: an entry for each service that a call named.

    Without `deviceId` it is the gateway's own; `gatewayId`, where given, must be the device's.
    `property` selects the entries that name it. Both times are inclusive.
    """
    asked = call.query
    ident = asked.device_id or asked.gateway_id
    if ident is None:
        raise NothingNamed
    after, before = span(asked.start_time, asked.end_time)
    wanted = Filter(asked.service_id, asked.property, after, before)
    device, page = desired_history.page(
        call.caller, ident, asked.gateway_id, wanted, asked.page_no, asked.page_size
    )
    entries = [
        DeviceDesiredHistory(
            each.service, device.device, device.gateway, device.owner, each.desired, required_time(each.at)
        )
        for each in page.items
    ]
    return DesiredHistoryPage(page.total, page.number, page.size, entries)
