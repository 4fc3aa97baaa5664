"""What is said of things. Source: Feiyan 6.4, 7.3"""

from typing import Annotated, Any, Literal

from msgspec import Meta

from ...core import timelines
from .schema import DeviceName, Identifier, IotId, Ms, PageNo, ProductKey, Wire

Origin = Annotated[str, Meta(max_length=256, description="who calls; nothing is done with it")]
Values = Annotated[dict[str, Any], Meta(examples=[{"power": 1}], description="by identifier")]
Limit = Annotated[int, Meta(ge=1, le=100_000, description=f"more than {timelines.MOST} is {timelines.MOST}")]
EventKind = Annotated[str, Meta(max_length=64, examples=["info"])]


class Thing(Wire, frozen=True):
    iot_id: IotId


class CalledThing(Wire, frozen=True):
    """A thing, and on whose behalf the app calls, which nothing is done with."""

    iot_id: IotId
    origin: Origin | None = None
    user_type: Origin | None = None
    user_id: Origin | None = None


class NamedThing(Wire, frozen=True):
    """A thing by its id or, without one, by its product and name."""

    iot_id: IotId | None = None
    product_key: ProductKey | None = None
    device_name: DeviceName | None = None


class ThingStatus(Wire, frozen=True):
    """`status`: 0 not activated, 1 online, 3 offline, 8 disabled; since `time`, ms."""

    status: Annotated[int, Meta(examples=[1])]
    time: Ms


class ThingInfo(Wire, frozen=True):
    """Times in ms. What is not known is null."""

    gmt_modified: Ms
    active_time: Ms | None
    gmt_create: Ms
    product_key: str
    status_last: int | None
    mac: str | None
    device_secret: str | None
    iot_id: str
    name: str
    nickname: str | None
    sdk_version: str | None
    sn: str | None
    thing_type: Annotated[str, Meta(examples=["DEVICE"])]
    firmware_version: str | None
    rbac_tenant_id: str
    status: int
    net_address: str | None


class CloudThingInfo(ThingInfo, frozen=True):
    region: str
    device_key: str
    owner_domain: str
    tenant_id: int | None = None


class ThingPage(Wire, frozen=True):
    total_num: int
    items: list[CloudThingInfo]


class ThingQuery(Wire, frozen=True):
    product_key: ProductKey
    status: Literal[0, 1, 3, 8]
    current_page: PageNo
    page_size: Annotated[int, Meta(ge=1, le=200, examples=[20])]


class ChildQuery(NamedThing, frozen=True):
    page_no: PageNo = 1
    page_size: Annotated[int, Meta(ge=1, le=20, examples=[20])] = 20


class Child(Wire, frozen=True):
    iot_id: str
    device_name: str
    product_key: str
    thing_type: Annotated[str, Meta(examples=["DEVICE"])]
    firmware_version: str | None
    status: int
    node_type: Annotated[str, Meta(examples=["DEVICE"])]
    region: str
    rbac_tenant_id: str
    gmt_create: Ms
    gmt_modified: Ms
    sdk_version: str | None


class ChildPage(Wire, frozen=True):
    total: int
    page_no: int
    page_size: int
    items: list[Child]


class ProductThing(Wire, frozen=True):
    product_key: ProductKey
    device_name: DeviceName | None = None


class PropertyState(Wire, frozen=True):
    """`time` of the report, ms."""

    identifier: str
    time: Ms
    value: Any


class CloudPropertyState(Wire, frozen=True):
    """`batch_id` is the same for all that was reported at one time."""

    attribute: str
    batch_id: str
    gmt_modified: Ms
    iot_id: str
    value: Any


class PropertyChange(NamedThing, frozen=True, kw_only=True):
    items: Values
    user_id: Origin | None = None
    user_type: Origin | None = None
    origin: Origin | None = None


class CloudPropertyChange(NamedThing, frozen=True, kw_only=True):
    items: Values


class Invocation(CalledThing, frozen=True, kw_only=True):
    identifier: Identifier
    args: Values


class CloudInvocation(NamedThing, frozen=True, kw_only=True):
    identifier: Identifier
    args: Values


class Invoked(Wire, frozen=True):
    """`data` is what the device answered, null of a service that is not waited for."""

    data: Any
    message_id: str


class EventState(Wire, frozen=True):
    """The newest of an event; `time` in ms."""

    identifier: str
    time: Ms
    type: str
    value: dict[str, Any]


class PropertyTimelineQuery(CalledThing, frozen=True, kw_only=True):
    identifier: Identifier
    start: Ms
    end: Ms
    limit: Limit
    order: Literal["asc", "desc"]


class EventTimelineQuery(PropertyTimelineQuery, frozen=True, kw_only=True):
    event_type: EventKind


class CloudPropertyTimelineQuery(NamedThing, frozen=True, kw_only=True):
    identifier: Identifier
    start: Ms
    end: Ms
    page_size: Limit
    ordered: bool


class CloudEventTimelineQuery(CloudPropertyTimelineQuery, frozen=True, kw_only=True):
    event_type: EventKind


class PropertyReading(Wire, frozen=True):
    """`data` is the value, in the app's API as text. Times in ms."""

    iotid: str
    property: str
    data: Any
    modifytime: Ms
    timestamp: Ms
    batch_id: str
    group: str | None = None


class PropertyTimeline(Wire, frozen=True):
    """What follows begins at `timestamp`, ms; give it as `start`, or as `end` where the newest come first."""

    items: list[PropertyReading]
    timestamp: Ms


class EventReading(Wire, frozen=True):
    event_code: str
    iot_id: str
    event_name: str
    event_type: str
    event_body: dict[str, Any]
    batch_id: str
    timestamp: Ms


class EventTimeline(Wire, frozen=True):
    """`timestamp` as in a timeline of a property."""

    items: list[EventReading]
    timestamp: Ms


class ResetRequest(Thing, frozen=True):
    offline_reset: bool = False


class ResetTask(Wire, frozen=True):
    task_id: Annotated[str, Meta(min_length=1, max_length=128)]


DataKey = Annotated[str, Meta(min_length=1, max_length=64, examples=["colour"])]


class Note(Thing, frozen=True):
    data_key: DataKey


class NewNote(Note, frozen=True):
    data_value: Annotated[str, Meta(max_length=32 * 1024, examples=["blue"])]


class CustomMessage(NamedThing, frozen=True, kw_only=True):
    message_content: Annotated[dict[str, Any], Meta(examples=[{"title": "hello"}])]


class MessageTime(Wire, frozen=True):
    timestamp: Annotated[str, Meta(examples=["1604475928924"], description="ms")]


class CustomMessageSent(Wire, frozen=True):
    message_id: str
    data: MessageTime
