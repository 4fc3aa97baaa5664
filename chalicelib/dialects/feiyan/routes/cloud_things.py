"""The things of a project, for its cloud. Source: Feiyan 7.3"""

from typing import Any

from ....core import (
    clock,
    device_query,
    devices,
    fleet,
    platform_orders,
    product_devices,
    products,
    thing_access,
    thing_calls,
)
from ....core import errors as core
from ....core.device_query import Condition, Field, Operator
from ....store.devices import CREDENTIALS, LINK, CredentialsRecord, LinkRecord
from ....web.operations import Call
from .. import errors
from .. import thing_mapping as mapping
from .. import thing_schema as wire
from ..declaring import cloud
from .thing_controls import DIALECT, NO_ANSWER
from .things import opened

WAIT = 13 * clock.SECOND  # of the 15 s that a call may take
ABSENT = (core.DeviceNotFound,)
STATUSES: dict[int, tuple[Condition, ...]] = {
    mapping.INACTIVE: (Condition(Field.ACTIVE, Operator.EQUAL, False),),
    mapping.ONLINE: (Condition(Field.ONLINE, Operator.EQUAL, True),),
    mapping.OFFLINE: (
        Condition(Field.ACTIVE, Operator.EQUAL, True),
        Condition(Field.ONLINE, Operator.EQUAL, False),
    ),
}


@cloud("/cloud/thing/properties/get", "1.0.2", source="Feiyan 7.3.1", raises=ABSENT)
def get_cloud_thing_properties(call: Call[None, None, wire.NamedThing]) -> list[wire.CloudPropertyState]:
    """What a thing reported last, property by property; those never reported are left out.

    One AWS call, another where the thing reports meanwhile; with product and name one more.
    """
    device = mapping.device_of(call.caller, call.body)
    return [
        wire.CloudPropertyState(
            attribute=each.identifier,
            batch_id=mapping.batch_id(device, each.at),
            gmt_modified=each.at,
            iot_id=device,
            value=mapping.value(each.property, each.value),
        )
        for each in thing_calls.get_properties(call.caller, device)
    ]


@cloud("/cloud/thing/tsl/get", "1.0.2", source="Feiyan 7.3.2", raises=ABSENT)
def get_cloud_thing_tsl(call: Call[None, None, wire.NamedThing]) -> dict[str, Any]:
    """The thing model of a thing: properties, events and services.

    One AWS call where its product was read seconds ago; with product and name one more.
    """
    device, product = opened(call.caller, mapping.device_of(call.caller, call.body))
    return mapping.tsl(product, device.node_id)


@cloud(
    "/cloud/thing/service/invoke",
    "1.0.3",
    source="Feiyan 7.3.3",
    raises=(
        core.DeviceNotFound,
        core.DeviceOffline,
        core.DeviceSilent,
        core.DeviceRefused,
        core.CommandTypeNotFound,
    ),
    faults=NO_ANSWER,
)
def invoke_cloud_thing_service(call: Call[None, None, wire.CloudInvocation]) -> wire.Invoked:
    """Call a service of a thing. One that its model calls synchronous is answered with what the thing says,
    within 13 s, or with 503 where it says nothing.

    Three AWS calls; a synchronous one and up to five more, with product and name one more.
    """
    asked = call.body
    device = mapping.device_of(call.caller, asked)
    made = thing_calls.invoke(call.caller, device, asked.identifier, asked.args, dialect=DIALECT, wait=WAIT)
    return wire.Invoked(made.output, made.message)


@cloud("/cloud/thing/properties/set", "1.0.2", source="Feiyan 7.3.4", raises=(core.DeviceNotFound, core.Busy))
def set_cloud_thing_properties(call: Call[None, None, wire.CloudPropertyChange]) -> None:
    """Have a thing take these values: all, or none where one is wrong.

    At most three AWS calls; with product and name one more.
    """
    device = mapping.device_of(call.caller, call.body)
    thing_calls.set_properties(call.caller, device, call.body.items)


@cloud("/cloud/thing/status/get", "1.0.2", source="Feiyan 7.3.5", raises=ABSENT)
def get_cloud_thing_status(call: Call[None, None, wire.NamedThing]) -> wire.ThingStatus:
    """Whether a thing is connected, and since when. One AWS call; with product and name one more."""
    record, parts = thing_access.read(call.caller, mapping.device_of(call.caller, call.body), LINK)
    return mapping.thing_status(devices.device_of(record), parts.get(LINK, LinkRecord))


@cloud("/cloud/thing/info/get", "1.0.2", source="Feiyan 7.3.6", raises=ABSENT)
def get_cloud_thing_info(call: Call[None, None, wire.NamedThing]) -> wire.CloudThingInfo:
    """What the cloud knows of a thing. One AWS call; with product and name one more."""
    record, parts = thing_access.read(call.caller, mapping.device_of(call.caller, call.body), CREDENTIALS)
    secret = mapping.secret_of(parts.get(CREDENTIALS, CredentialsRecord))
    return mapping.cloud_thing_info(devices.device_of(record), secret)


@cloud(
    "/cloud/things/get",
    "1.0.2",
    source="Feiyan 7.3.7",
    raises=(core.ProductNotFound, core.ListTooLong),
)
def get_things(call: Call[None, None, wire.ThingQuery]) -> wire.ThingPage:
    """Things of a product in a state, by page, as registered. Nothing is ever disabled here.

    The first page reads the product's devices, a query for some 2,500 of them; later ones are cut from what
    it kept: a call, and one for 50 things.
    """
    asked = call.body
    product = products.find_by_short_id(call.caller.tenant, asked.product_key)
    if asked.status not in STATUSES:
        return wire.ThingPage(0, [])
    found = product_devices.part(
        call.caller,
        product.id,
        device_query.Selection(STATUSES[asked.status]),
        (asked.current_page - 1) * asked.page_size,
        asked.page_size,
    )
    items = [mapping.cloud_thing_info(each.device, each.secret or None) for each in found.items]
    return wire.ThingPage(found.total, items)


@cloud(
    "/living/cloud/device/subdevice/query",
    "1.0.0",
    source="Feiyan 7.3.10",
    raises=(core.DeviceNotFound, core.ListTooLong),
)
def get_children(call: Call[None, None, wire.ChildQuery]) -> wire.ChildPage:
    """The things behind a gateway, by page of 20 at most, as registered; up to 1000 of them.

    Three AWS calls for a hundred things; with product and name one more.
    """
    asked = call.body
    _, *children = fleet.members(call.caller, mapping.device_of(call.caller, asked))
    first = (asked.page_no - 1) * asked.page_size
    shown = children[first : first + asked.page_size]
    return wire.ChildPage(
        len(children), asked.page_no, asked.page_size, [mapping.child(each) for each in shown]
    )


@cloud("/living/cloud/device/region/get", "1.0.1", source="Feiyan 7.3.11", raises=ABSENT)
def get_thing_region(call: Call[None, None, wire.NamedThing]) -> str:
    """The site that a thing is at: that of this deployment. Two AWS calls."""
    thing_access.read(call.caller, mapping.device_of(call.caller, call.body))
    return mapping.site()


@cloud(
    "/living/cloud/device/customizedmessage/notify",
    "1.0.0",
    source="Feiyan 7.3.12",
    raises=(core.DeviceNotFound, core.DeviceOffline),
    faults={core.DeviceZombie: errors.of(28504)},
)
def notify_thing(call: Call[None, None, wire.CustomMessage]) -> wire.CustomMessageSent:
    """Send a thing a message of the maker's own. It is not kept for a thing that is offline.

    Three AWS calls; with product and name one more.
    """
    device = mapping.device_of(call.caller, call.body)
    sent = platform_orders.tell(call.caller, device, call.body.message_content, DIALECT)
    return wire.CustomMessageSent(f"{sent.device}{sent.command}", wire.MessageTime(str(sent.created)))
