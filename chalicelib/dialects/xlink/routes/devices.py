"""Devices of a product. Source: XLink 20 to 25"""

from ....core import errors as core
from ....core import ids, imports, product_devices, registration
from ....core.errors import InvalidInput
from ....web.operations import Call
from .. import device_mapping as mapping
from ..api import api
from ..device_schema import (
    LIST_SIZE,
    DeviceInfo,
    DeviceList,
    DevicePath,
    DevicesQuery,
    NewDevice,
    NewName,
)
from ..schema import ProductPath

PRODUCT = "/v2/product/{product_id}"
DEVICE = PRODUCT + "/device/{device_id}"
ABSENT = (core.ProductNotFound, core.DeviceNotFound)


@api.post(
    PRODUCT + "/device",
    source="XLink 20",
    raises=(core.InvalidInput, core.ProductNotFound, core.MacTaken, core.Busy),
)
def add_device(call: Call[ProductPath, None, NewDevice]) -> None:
    """Add a device by its MAC address, which is unique in the product."""
    new = registration.NewDevice(
        None,
        registration.BY_SECRET,
        product=call.path.product_id,
        mac_key=mapping.mac_key(call.body.mac, "mac"),
        secret=ids.secret(),
    )
    registration.register(call.caller, new)


@api.post(PRODUCT + "/device_batch", source="XLink 21", raises=(core.InvalidInput, core.ProductNotFound))
def import_devices(call: Call[ProductPath, None, list[str]]) -> None:
    """Add devices by a list of up to 10,000 MAC addresses; those that exist are ignored.

    Answered once the list is stored; the devices follow within a moment. One that is no MAC address
    refuses the whole list.
    """
    names = [mapping.mac_key(text, f"[{at}]") for at, text in enumerate(call.body)]
    imports.accept(call.caller, call.path.product_id, names)


@api.get(DEVICE, source="XLink 22", raises=(core.InvalidInput, *ABSENT))
def get_device(call: Call[DevicePath, None, None]) -> DeviceInfo:
    """Get a device."""
    path = call.path
    return mapping.device(product_devices.get(call.caller, path.product_id, path.device_id))


@api.put(DEVICE, source="XLink 23", raises=(core.InvalidInput, *ABSENT, core.Busy))
def rename_device(call: Call[DevicePath, None, NewName]) -> DeviceInfo:
    """Change a device's name."""
    path, name = call.path, call.body.name
    if not name.strip():
        raise InvalidInput("name", "is empty", missing=True)
    return mapping.device(product_devices.rename(call.caller, path.product_id, path.device_id, name))


@api.post(
    PRODUCT + "/devices",
    source="XLink 24",
    raises=(core.InvalidInput, core.ProductNotFound, core.ListTooLong),
)
def list_devices(call: Call[ProductPath, None, DevicesQuery]) -> DeviceList:
    """List the product's devices, in the order of their creation where no other is asked for.

    At most 1,000 at once, and 50,000 in all where `query` or `order` is given. Pages that are asked for
    within ten minutes of the one before belong to one list: what is added meanwhile does not move them.
    """
    body = call.body
    found = product_devices.part(
        call.caller,
        call.path.product_id,
        mapping.selection(body.query, body.order),
        body.offset or 0,
        body.limit or LIST_SIZE,
        secrets=mapping.wants_codes(body.filter),
        properties=mapping.wants_properties(body.filter),
    )
    return DeviceList(found.total, [mapping.listed(each, body.filter) for each in found.items])


@api.delete(DEVICE, source="XLink 25", raises=(core.InvalidInput, *ABSENT, core.DeviceActive, core.Busy))
def delete_device(call: Call[DevicePath, None, None]) -> None:
    """Delete a device that was never active, with all that belongs to it."""
    product_devices.delete(call.caller, call.path.product_id, call.path.device_id)
