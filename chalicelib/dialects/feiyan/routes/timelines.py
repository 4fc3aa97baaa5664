"""Things by time, for apps and for clouds. Source: Feiyan 6.4.2, 6.4.3, 7.3.8, 7.3.9"""

from ....core import errors as core
from ....core import points, products, timelines
from ....core.applications import Caller
from ....core.timelines import Range
from ....web.operations import Call
from .. import thing_mapping as mapping
from .. import thing_schema as wire
from ..declaring import client, cloud
from .things import UNBOUND, opened


@client(
    "/living/device/property/timeline/get",
    "1.0.0",
    source="Feiyan 6.4.2",
    raises=(core.NotBound,),
    faults=UNBOUND,
)
def get_property_timeline(call: Call[None, None, wire.PropertyTimelineQuery]) -> wire.PropertyTimeline:
    """What a thing reported of a property, both times included: 200 values at most, of the last 30 days.

    Two AWS calls, up to nine where the property is rarely reported.
    """
    asked = call.body
    wanted = mapping.span(asked.start, asked.end, asked.limit, newest_first=asked.order == "desc")
    return _properties(call.caller, asked.iot_id, asked.identifier, wanted, as_text=True)


@client(
    "/living/device/event/timeline/get",
    "1.0.0",
    source="Feiyan 6.4.3",
    raises=(core.NotBound,),
    faults=UNBOUND,
)
def get_event_timeline(call: Call[None, None, wire.EventTimelineQuery]) -> wire.EventTimeline:
    """What a thing told of an event, both times included: 200 at most, of the last year. Two AWS calls."""
    asked = call.body
    wanted = mapping.span(asked.start, asked.end, asked.limit, newest_first=asked.order == "desc")
    return _events(call.caller, asked.iot_id, asked.identifier, asked.event_type, wanted)


@cloud("/cloud/thing/property/timeline/get", "1.0.2", source="Feiyan 7.3.9", raises=(core.DeviceNotFound,))
def get_cloud_property_timeline(
    call: Call[None, None, wire.CloudPropertyTimelineQuery],
) -> wire.PropertyTimeline:
    """What a thing reported of a property, both times included: 200 values at most, of the last 30 days.

    Two AWS calls, up to nine where the property is rarely reported; with product and name one more.
    """
    asked = call.body
    wanted = mapping.span(asked.start, asked.end, asked.page_size, newest_first=not asked.ordered)
    device = mapping.device_of(call.caller, asked)
    return _properties(call.caller, device, asked.identifier, wanted, as_text=False)


@cloud("/cloud/thing/event/timeline/get", "1.0.2", source="Feiyan 7.3.8", raises=(core.DeviceNotFound,))
def get_cloud_event_timeline(call: Call[None, None, wire.CloudEventTimelineQuery]) -> wire.EventTimeline:
    """What a thing told of an event, both times included: 200 at most, of the last year.

    Two AWS calls; with product and name one more.
    """
    asked = call.body
    wanted = mapping.span(asked.start, asked.end, asked.page_size, newest_first=not asked.ordered)
    device = mapping.device_of(call.caller, asked)
    return _events(call.caller, device, asked.identifier, asked.event_type, wanted)


def _properties(
    caller: Caller, iot_id: str, identifier: str, wanted: Range, *, as_text: bool
) -> wire.PropertyTimeline:
    device, product = opened(caller, iot_id)
    found = timelines.of_property(device, identifier, wanted)
    model = products.model_of(product)
    service, name = points.place(model, identifier)
    known = model.service(service)
    field = known.property(name) if known is not None else None
    items = mapping.readings(iot_id, identifier, field, found.items, as_text=as_text)
    return wire.PropertyTimeline(items, mapping.following(wanted, found))


def _events(caller: Caller, iot_id: str, identifier: str, kind: str, wanted: Range) -> wire.EventTimeline:
    device, product = opened(caller, iot_id)
    found = timelines.of_event(device, identifier, kind, wanted)
    items = mapping.event_readings(iot_id, identifier, products.model_of(product), found.items)
    return wire.EventTimeline(items, mapping.following(wanted, found))
