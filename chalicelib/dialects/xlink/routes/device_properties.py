"""Extended properties of a device. Source: XLink 26 to 30"""

from typing import Any

import msgspec

from ....core import errors as core
from ....core import extended_properties, product_devices
from ....web.operations import Call
from .. import device_mapping as mapping
from ..api import api
from ..device_schema import DevicePath, PropertyPath
from ..errors import ABSENT_FOR_CHANGE, IllegalName, ReservedName

PROPERTIES = "/v2/product/{product_id}/device/{device_id}/property"
PROPERTY = PROPERTIES + "/{key}"
ABSENT = (core.InvalidInput, core.ProductNotFound, core.DeviceNotFound)

Given = dict[str, msgspec.Raw]


def _device(call: Call[Any, Any, Any]) -> str:
    return product_devices.find(call.caller, call.path.product_id, call.path.device_id)


@api.post(
    PROPERTIES,
    source="XLink 26",
    raises=(
        *(*ABSENT, IllegalName, ReservedName),
        *(core.ExtendedPropertyExists, core.TooManyProperties, core.Busy),
    ),
)
def add_properties(call: Call[DevicePath, None, Given]) -> Given:
    """Give a device extended properties, of any JSON type; all of them or none.

    A device has at most ten. A name has up to 64 characters, holds no dot and no NUL, does not begin
    with `$` and is no base field's.
    """
    mapping.check_names(call.body)
    extended_properties.add(call.caller, _device(call), call.body)
    return call.body


@api.put(
    PROPERTIES,
    source="XLink 27",
    raises=(*ABSENT, core.ExtendedPropertyNotFound, core.Busy),
    faults={core.ExtendedPropertyNotFound: ABSENT_FOR_CHANGE},
)
def change_properties(call: Call[DevicePath, None, Given]) -> None:
    """Change the values of extended properties; all of them or none."""
    extended_properties.change(call.caller, _device(call), call.body)


@api.get(PROPERTIES, source="XLink 28", raises=ABSENT)
def list_properties(call: Call[DevicePath, None, None]) -> Given:
    """Get all extended properties of a device."""
    return extended_properties.read(call.caller, _device(call))


@api.get(PROPERTY, source="XLink 29", raises=(*ABSENT, core.ExtendedPropertyNotFound))
def get_property(call: Call[PropertyPath, None, None]) -> Given:
    """Get one extended property of a device."""
    name = call.path.key
    return {name: extended_properties.get(call.caller, _device(call), name)}


@api.delete(PROPERTY, source="XLink 30", raises=(*ABSENT, core.ExtendedPropertyNotFound, core.Busy))
def delete_property(call: Call[PropertyPath, None, None]) -> None:
    """Delete an extended property of a device."""
    extended_properties.remove(call.caller, _device(call), call.path.key)
