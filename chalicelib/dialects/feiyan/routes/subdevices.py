"""What is behind a person's gateway. Source: Feiyan 6.6"""

from ....core import binding_lists
from ....core import errors as core
from ....core.binding_lists import Seen
from ....web.operations import Call
from .. import binding_schema as schema
from .. import mapping, thing_mapping
from ..declaring import client


@client("/living/device/subdevice/query", "1.0.0", source="Feiyan 6.6.15", raises=(core.NotBound,))
def query_subdevices(call: Call[None, None, schema.ChildrenQuery]) -> schema.ChildBindings:
    """The devices behind a gateway of the person's, and which of them the person is bound to.

    Three AWS calls; three more where it is named by `productKey` and `deviceName`.
    """
    body = call.body
    gateway = thing_mapping.device_of(call.caller, body)
    part = binding_lists.behind(call.caller, gateway, (body.page_no - 1) * body.page_size, body.page_size)
    items = [_binding(each) for each in part.items]
    return schema.ChildBindings(part.total, body.page_no, body.page_size, items)


def _binding(found: Seen) -> schema.ChildBinding:
    names = mapping.device_names(found.device, found.product)
    del names["product_name"]
    return schema.ChildBinding(
        **names,
        bound=int(found.binding is not None),
        status=thing_mapping.status(found.device),
        nick_name=found.binding.nickname if found.binding else None,
    )


@client("/subdevices/list", "1.0.6", source="Feiyan 6.6.20", raises=(core.NotBound,))
def list_subdevices(call: Call[None, None, schema.ChildrenPage]) -> schema.Children:
    """The devices behind a gateway of the person's, bound or not. Three AWS calls, one more for each fifty
    after the first fifty of a page.
    """
    body = call.body
    part = binding_lists.behind(call.caller, body.iot_id, (body.page_no - 1) * body.page_size, body.page_size)
    return schema.Children(part.total, body.page_no, body.page_size, [_child(each) for each in part.items])


def _child(found: Seen) -> schema.Child:
    names = mapping.device_names(found.device, found.product)
    shown = found.binding.nickname if found.binding else None
    return schema.Child(
        iot_id=names["iot_id"],
        product_key=names["product_key"],
        device_name=names["device_name"],
        nick_name=shown or names["product_name"],
        image=(found.product.image if found.product else None) or "",
        status=thing_mapping.status(found.device),
    )
