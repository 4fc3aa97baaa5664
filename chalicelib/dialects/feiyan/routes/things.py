"""What an app's people see of their things. Source: Feiyan 6.4"""

from typing import Any

from ....core import bindings, device_events, devices, identifiers, products, thing_access, thing_calls
from ....core import errors as core
from ....core.applications import Caller
from ....core.bindings import Role
from ....core.devices import Device
from ....core.products import Product
from ....store.devices import CREDENTIALS, LINK, CredentialsRecord, LinkRecord
from ....web.operations import Call
from .. import errors
from .. import thing_mapping as mapping
from .. import thing_schema as wire
from ..declaring import OPTIONAL_USER, client
from ..errors import Faults

UNBOUND: Faults = {core.NotBound: errors.of(401)}


@client("/thing/info/get", "1.0.4", source="Feiyan 6.4.1", raises=(core.NotBound,), faults=UNBOUND)
def get_thing_info(call: Call[None, None, wire.Thing]) -> wire.ThingInfo:
    """What the cloud knows of a thing. Its secret is shown to its manager only.

    One AWS call.
    """
    reach = bindings.need(call.caller, call.body.iot_id, CREDENTIALS)
    held = reach.get(CREDENTIALS, CredentialsRecord) if reach.binding.role is Role.MANAGER else None
    return mapping.thing_info(reach.device, mapping.secret_of(held), reach.binding.nickname)


@client(
    "/thing/status/get",
    "1.0.5",
    source="Feiyan 6.4.10",
    user=OPTIONAL_USER,
    raises=(core.NotBound, core.DeviceNotFound),
    faults=UNBOUND,
)
def get_thing_status(call: Call[None, None, wire.CalledThing]) -> wire.ThingStatus:
    """Whether a thing is connected, and since when; to a person who is logged in, of bound things only.

    One AWS call.
    """
    record, parts = thing_access.read(call.caller, call.body.iot_id, LINK)
    return mapping.thing_status(devices.device_of(record), parts.get(LINK, LinkRecord))


@client("/thing/tsl/get", "1.0.4", source="Feiyan 6.4.6", raises=(core.NotBound,), faults=UNBOUND)
def get_thing_tsl(call: Call[None, None, wire.CalledThing]) -> dict[str, Any]:
    """The thing model of a thing: properties, events and services.

    One AWS call where its product was read seconds ago.
    """
    device, product = opened(call.caller, call.body.iot_id)
    return mapping.tsl(product, device.node_id)


@client("/thing/tsl/getByProdcyKey", "1.0.4", source="Feiyan 6.4.7", raises=(core.ProductNotFound,))
def get_product_tsl(call: Call[None, None, wire.ProductThing]) -> dict[str, Any]:
    """The thing model of a product, written for the device of the name that is given.

    One AWS call where the product was read seconds ago.
    """
    product = products.find_by_short_id(call.caller.tenant, call.body.product_key)
    return mapping.tsl(product, call.body.device_name)


@client("/thing/properties/get", "1.0.4", source="Feiyan 6.4.8", raises=(core.NotBound,), faults=UNBOUND)
def get_thing_properties(call: Call[None, None, wire.CalledThing]) -> dict[str, wire.PropertyState]:
    """What a thing reported last, property by property; those never reported are left out.

    One AWS call, another where the thing reports meanwhile.
    """
    found = thing_calls.get_properties(call.caller, call.body.iot_id)
    return {
        each.identifier: wire.PropertyState(
            each.identifier, each.at, mapping.value(each.property, each.value)
        )
        for each in found
    }


@client("/thing/events/get", "1.0.4", source="Feiyan 6.4.5", raises=(core.NotBound,), faults=UNBOUND)
def get_thing_events(call: Call[None, None, wire.CalledThing]) -> list[wire.EventState]:
    """The newest of each event of a thing; those never told are left out.

    Two AWS calls, one more for each further hundred events of the thing model.
    """
    device, product = opened(call.caller, call.body.iot_id)
    model = products.model_of(product)
    names = [(service.id, each.name) for service in model.services for each in service.events]
    found = device_events.latest(device, names) if names else {}
    return [
        wire.EventState(
            identifiers.key_of(model, "events", *name),
            found[name].at,
            found[name].type,
            mapping.event_body(model, found[name]),
        )
        for name in names
        if name in found
    ]


def opened(caller: Caller, device: str) -> tuple[Device, Product]:
    """One AWS call where the product was read seconds ago. Raises NotBound, DeviceNotFound."""
    record, _ = thing_access.read(caller, device)
    return devices.device_of(record), products.get(record.tenant, record.product)
