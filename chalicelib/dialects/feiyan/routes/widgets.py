"""Widgets: what a person has on the phone's home screen. Source: Feiyan 6.5"""

from collections.abc import Mapping

from ....core import errors as core
from ....core import widgets
from ....core.widgets import Shown, Value, Widget
from ....formats import feiyan_tsl
from ....web.operations import Call, Fault
from .. import errors, thing_mapping
from .. import widget_schema as schema
from ..declaring import client, either

UNBOUND: Mapping[type[core.PolythingError], Fault] = {core.NotBound: errors.UNAUTHENTICATED}


@client("/iotx/ilop/queryComponentProduct", "1.0.0", source="Feiyan 6.5.1")
def list_components(call: Call[None, None, None]) -> list[schema.ComponentShown]:
    """The person's widgets, with what their devices reported last. Three AWS calls for fifty devices."""
    return [_component(each) for each in widgets.shown(call.caller)]


def _component(found: Shown) -> schema.ComponentShown:
    device, product = found.reach.device, found.product
    return schema.ComponentShown(
        product_key=(product.short_id if product else None) or "",
        device_name=device.node_id,
        iot_id=device.device,
        properties=[schema.PropertyShown(*_property(each)) for each in found.values],
        nick_name=found.reach.binding.nickname,
        product_name=product.name if product else "",
        icon_url=(product.image if product else None) or "",
        device_status=thing_mapping.status(device),
    )


def _property(found: Value) -> tuple[str, str, str | None, str]:
    known = found.point.property
    shown = thing_mapping.value(known, found.value)
    return (
        found.point.key,
        known.description or known.name,
        None if found.value is None else thing_mapping.text(shown),
        feiyan_tsl.SPELLINGS[known.data_type],
    )


@client(
    "/iotx/ilop/updateComponentProduct",
    "1.0.0",
    source="Feiyan 6.5.2",
    raises=(core.NotBound, core.InvalidInput),
    faults=UNBOUND,
)
def update_components(call: Call[None, None, schema.Components]) -> int:
    """Replace the person's widgets, at most 100 devices; answers how many. One AWS call, and one for fifty
    devices.
    """
    given: list[schema.Component] = []
    for each in call.body.component_product_list:
        given += each if isinstance(each, list) else [each]
    return widgets.put(call.caller, [_widget(each) for each in given])


def _widget(given: schema.Component) -> Widget:
    keys = [each if isinstance(each, str) else each.property_identifier for each in given.properties or ()]
    return Widget(either("iotId", given.iot_id, given.device_id), tuple(dict.fromkeys(keys)))


@client(
    "/iotx/ilop/queryComponentProperty",
    "1.0.3",
    source="Feiyan 6.5.3",
    raises=(core.NotBound,),
    faults=UNBOUND,
)
def list_component_properties(call: Call[None, None, schema.ComponentQuery]) -> list[schema.PropertyChoice]:
    """All properties of a device, and which of them are in the person's widget of it. Three AWS calls where
    the product was read seconds ago.
    """
    product, values = widgets.properties(call.caller, call.body.iot_id)
    key = product.short_id or ""
    if key != call.body.product_key:
        raise core.NotBound(call.body.iot_id)
    answer = []
    for each in values:
        identifier, name, value, kind = _property(each)
        answer.append(schema.PropertyChoice(key, name, identifier, value, kind, kind, each.chosen))
    return answer
