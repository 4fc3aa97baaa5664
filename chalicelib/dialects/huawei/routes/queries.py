"""Reading devices, their history and what they can do. Source: Huawei 1.6.1, 1.6.2, 1.6.3, 1.6.5"""

from typing import Annotated, Any, Literal

from msgspec import Meta, convert, field

from ....core import clock, devices, fleet, history, products
from ....core import errors as core
from ....core.devices import Device, Status
from ....core.fleet import Selection
from ....core.products import NodeType
from ....formats import huawei_profile
from ....web.operations import Call, Fault
from .. import mapping
from ..api import api
from ..mapping import QueriedDevice
from ..schema import ForApplication, PageNo, Text256, Time, Wire, parse_time, required_time
from .devices import DevicePath

LIST_SIZE = 25
HISTORY_SIZE = 1

BAD_PARAMETER = Fault(400, "100405", "The request parameter is invalid.")
BAD_APPLICATION_INPUT = Fault(400, "100216", "The application input is invalid.")
TOO_MUCH = Fault(
    400, "100216", "The application input is invalid. Too much to read at once, narrow the conditions."
)

Select = Literal["imsi"]
Location = Annotated[str, Meta(max_length=2048)]


class NothingNamed(core.InvalidInput):
    """Of two parameters at least one is needed; each operation has its own code for it."""

    def __init__(self) -> None:
        super().__init__("", "", missing=True)


class DeviceQuery(ForApplication, frozen=True, rename="camel"):
    select: Select | None = None


class DevicesQuery(ForApplication, frozen=True, rename="camel"):
    """`gatewayId` and `pageNo` cannot both be absent."""

    gateway_id: Text256 | None = None
    node_type: Literal["ENDPOINT", "GATEWAY", "UNKNOW", "UNKNOWN"] | None = None
    device_type: Text256 | None = None
    location: Location | None = None
    name: Text256 | None = None
    page_no: PageNo | None = None
    page_size: Annotated[int, Meta(ge=1, le=250)] = LIST_SIZE
    status: Literal["ONLINE", "OFFLINE", "INACTIVE", "ABNORMAL"] | None = None
    start_time: Time | None = None
    end_time: Time | None = None
    sort: Literal["ASC", "DESC"] = "DESC"
    select: Select | None = None


class DeviceList(Wire, frozen=True, rename="camel"):
    total_count: int
    page_no: int
    page_size: int
    devices: list[QueriedDevice]


class HistoryQuery(ForApplication, frozen=True, rename="camel"):
    """`deviceId` and `gatewayId` cannot both be absent."""

    device_id: Text256 | None = None
    gateway_id: Text256 | None = None
    page_no: PageNo = 0
    page_size: Annotated[int, Meta(ge=1, le=2000)] = HISTORY_SIZE
    start_time: Time | None = None
    end_time: Time | None = None


class HistoryEntry(Wire, frozen=True, rename="camel"):
    service_id: str
    device_id: str
    gateway_id: str
    app_id: str
    data: dict[str, Any]
    timestamp: str


class HistoryPage(Wire, frozen=True, rename="camel"):
    total_count: int
    page_no: int
    page_size: int
    entries: list[HistoryEntry] = field(name="deviceDataHistoryDTOs")


class CapabilityQuery(ForApplication, frozen=True, rename="camel"):
    """`deviceId` and `gatewayId` cannot both be absent."""

    gateway_id: Text256 | None = None
    device_id: Text256 | None = None


class ValueRange(Wire, frozen=True, rename="camel", kw_only=True):
    data_type: str
    required: bool
    min: str | None = None
    max: str | None = None
    step: float | None = None
    max_length: int | None = None
    unit: str | None = None
    enum_list: list[str] | None = None


class CommandPara(ValueRange, frozen=True, rename="camel", kw_only=True):
    para_name: str


class CommandResponse(Wire, frozen=True, rename="camel"):
    response_name: str
    paras: list[CommandPara]


class ServiceCommand(Wire, frozen=True, rename="camel"):
    command_name: str
    paras: list[CommandPara]
    responses: list[CommandResponse]


class ServiceProperty(ValueRange, frozen=True, rename="camel", kw_only=True):
    """`method`: R readable, W writable, E observable."""

    property_name: str
    method: str | None = None


class ServiceCapability(Wire, frozen=True, rename="camel"):
    service_id: str
    service_type: str
    option: str | None
    description: str | None
    commands: list[ServiceCommand]
    properties: list[ServiceProperty]


class DeviceCapability(Wire, frozen=True, rename="camel"):
    device_id: str
    service_capabilities: list[ServiceCapability]


class Capabilities(Wire, frozen=True, rename="camel"):
    device_capabilities: list[DeviceCapability]


@api.get(
    "/iocm/app/dm/v1.4.0/devices/{deviceId}",
    also=[f"/iocm/app/dm/{version}/devices/{{deviceId}}" for version in ("v1.1.0", "v1.3.0")],
    source="Huawei 1.6.1",
    raises=(core.DeviceNotFound,),
    faults={core.InvalidInput: BAD_PARAMETER},
)
def query_device(call: Call[DevicePath, DeviceQuery, None]) -> QueriedDevice:
    """A device and what its services last reported; its `imsi` where `select` asks for it."""
    device, states = devices.get_with_services(call.caller, call.path.device_id)
    return mapping.queried_device(device, states, imsi=call.query.select is not None)


@api.get(
    "/iocm/app/dm/v1.4.0/devices",
    also=[f"/iocm/app/dm/{version}/devices" for version in ("v1.1.0", "v1.3.0")],
    source="Huawei 1.6.2",
    raises=(NothingNamed, core.ListTooLong),
    faults={
        core.InvalidInput: BAD_APPLICATION_INPUT,
        core.ListTooLong: TOO_MUCH,
        NothingNamed: Fault(400, "100218", "The gatewayId and pageNo can't be both null."),
    },
)
def query_devices(call: Call[None, DevicesQuery, None]) -> DeviceList:
    """Devices by page, newest registration first unless `sort` is ASC.

    Conditions hold exactly; `gatewayId` selects the gateway itself too; both times are inclusive.
    Conditions other than `gatewayId` and the times are answered from a list of matches made with
    page 0 (at most 50,000), which later pages follow for ten minutes.
    """
    asked = call.query
    if asked.gateway_id is None and asked.page_no is None:
        raise NothingNamed
    after, before = span(asked.start_time, asked.end_time)
    selection = Selection(
        gateway=asked.gateway_id,
        node_type=_node_type(asked.node_type),
        device_type=asked.device_type,
        location=asked.location,
        name=asked.name,
        status=Status(asked.status) if asked.status else None,
        after=after,
        before=before,
        ascending=asked.sort == "ASC",
    )
    page = fleet.page(call.caller, selection, asked.page_no or 0, asked.page_size)
    imsi = asked.select is not None
    found = [mapping.queried_device(device, states, imsi=imsi) for device, states in page.items]
    return DeviceList(page.total, page.number, page.size, found)


@api.get(
    "/iocm/app/data/v1.2.0/deviceDataHistory",
    source="Huawei 1.6.3",
    raises=(NothingNamed, core.HistoryNotFound, core.ListTooLong),
    faults={
        core.InvalidInput: BAD_APPLICATION_INPUT,
        core.ListTooLong: TOO_MUCH,
        NothingNamed: Fault(400, "100419", "The deviceId and gatewayId can't be both null."),
    },
)
def query_history(call: Call[None, HistoryQuery, None]) -> HistoryPage:
    """What a device reported, newest first, as long as its ageing time keeps it.

    Without `deviceId` it is the gateway's own; `gatewayId`, where given, must be the device's. Both
    times are inclusive. A page of more than 16 MB is refused: ask for a smaller one.
    """
    asked = call.query
    ident = asked.device_id or asked.gateway_id
    if ident is None:
        raise NothingNamed
    after, before = span(asked.start_time, asked.end_time)
    device, page = history.page(
        call.caller, ident, asked.gateway_id, asked.page_no, asked.page_size, after, before
    )
    entries = [
        HistoryEntry(
            each.service, device.device, device.gateway, device.owner, each.data, required_time(each.at)
        )
        for each in page.items
    ]
    return HistoryPage(page.total, page.number, page.size, entries)


@api.get(
    "/iocm/app/data/v1.1.0/deviceCapabilities",
    source="Huawei 1.6.5",
    raises=(NothingNamed, core.DeviceNotFound, core.ListTooLong),
    faults={core.InvalidInput: Fault(400, "100022", "The input is invalid.")},
)
def query_capabilities(call: Call[None, CapabilityQuery, None]) -> Capabilities:
    """What the devices' profile says they report and take.

    `deviceId` names one device (`gatewayId`, where given too, must be its own); `gatewayId` alone
    a gateway and its children.
    """
    asked = call.query
    if asked.device_id is not None:
        found = [fleet.member(call.caller, asked.device_id, asked.gateway_id)]
    elif asked.gateway_id is not None:
        found = fleet.members(call.caller, asked.gateway_id)
    else:
        raise NothingNamed
    return Capabilities([DeviceCapability(each.device, _capabilities(each)) for each in found])


def _capabilities(device: Device) -> list[ServiceCapability]:
    product = products.load(device.product)
    known = huawei_profile.to_capabilities(products.model_of(product)) if product else []
    return convert(known, list[ServiceCapability])


def span(start: str | None, end: str | None) -> tuple[int | None, int | None]:
    """Ms from the start's second up to, not including, the second after the end's."""
    after, last = parse_time(start, "startTime"), parse_time(end, "endTime")
    if after is not None and last is not None and last < after:
        raise core.InvalidInput("endTime", "is before startTime")
    return after, None if last is None else last + clock.SECOND


def _node_type(text: str | None) -> NodeType | None:
    """Queries write UNKNOW, pushes UNKNOWN; either is taken."""
    if text is None:
        return None
    return NodeType.UNKNOWN if text.startswith("UNKNOW") else NodeType(text)
