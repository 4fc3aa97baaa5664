"""Control groups of a home. Source: Feiyan 6.8.21 to 6.8.33"""

from ....core import control_group_calls, control_groups, home_devices
from ....core import errors as core
from ....web.operations import Call
from .. import control_group_schema, home_mapping, home_schema
from ..api import api
from ..declaring import client
from ..home_schema import Nothing
from .homes import CHANGING, NAMING
from .rooms import LONGER

FOUND = (core.HomeNotFound, core.ControlGroupNotFound)
MEMBERS = (
    core.NotBound,
    core.ControlGroupTooSmall,
    core.ControlGroupFull,
    core.InOtherControlGroup,
)


@client(
    "/living/home/controlgroup/create",
    "1.0.3",
    source="Feiyan 6.8.21",
    raises=(*CHANGING, *NAMING, *MEMBERS, core.NotGroupable, core.TooManyControlGroups),
    faults=LONGER,
)
def create_control_group(call: Call[None, None, control_group_schema.NewControlGroup]) -> str:
    """Make a control group of 2 to 100 devices of one product in a home; its id.

    At most 20 a home, each with a name of its own; a device is in one group; only products of lights and
    sockets are grouped. Three AWS calls.
    """
    body = call.body
    return control_groups.create(
        call.caller,
        body.home_id,
        body.name,
        body.product_key,
        body.iot_id_list,
        local=body.enable_local_control,
    )


@client(
    "/living/home/controlgroup/delete",
    "1.0.1",
    source="Feiyan 6.8.22",
    raises=(*CHANGING, core.ControlGroupNotFound),
)
def delete_control_group(call: Call[None, None, control_group_schema.ControlGroupKey]) -> str:
    """Delete a control group; answers the address that devices of a mesh leave. Two AWS calls."""
    freed = control_groups.delete(call.caller, call.body.home_id, [call.body.control_group_id])
    return addresses(freed)


@client(
    "/living/home/controlgroup/batch/delete",
    "1.0.1",
    source="Feiyan 6.8.23",
    raises=(*CHANGING, core.ControlGroupNotFound),
)
def delete_control_groups(call: Call[None, None, control_group_schema.ControlGroupKeys]) -> str:
    """Delete control groups, all or none; answers the addresses that devices of a mesh leave, with commas
    between them. Two AWS calls.
    """
    body = call.body
    return addresses(control_groups.delete(call.caller, body.home_id, body.control_group_id_list))


@client(
    "/living/home/controlgroup/update",
    "1.0.0",
    source="Feiyan 6.8.24",
    raises=(*CHANGING, *NAMING, core.ControlGroupNotFound),
    faults=LONGER,
)
def update_control_group(call: Call[None, None, control_group_schema.ControlGroupChange]) -> None:
    """Rename a control group. Two AWS calls."""
    control_groups.rename(call.caller, call.body.home_id, call.body.control_group_id, call.body.name)


@client("/living/home/controlgroup/get", "1.0.1", source="Feiyan 6.8.25", raises=FOUND)
def get_control_group(
    call: Call[None, None, control_group_schema.ControlGroupKey],
) -> control_group_schema.ControlGroup:
    """A control group. One AWS call."""
    found = control_groups.get(call.caller, call.body.home_id, call.body.control_group_id)
    return home_mapping.control_group(found)


@client("/living/home/controlgroup/query", "1.0.1", source="Feiyan 6.8.26", raises=(core.HomeNotFound,))
def list_control_groups(
    call: Call[None, None, home_schema.PagedHome],
) -> control_group_schema.ControlGroupPage:
    """A home's control groups in their order. One AWS call."""
    body = call.body
    found, total = control_groups.list_groups(call.caller, body.home_id, body.page_no - 1, body.page_size)
    listed = [home_mapping.control_group(each) for each in found]
    return control_group_schema.ControlGroupPage(total, body.page_no, body.page_size, listed)


@client("/living/home/controlgroup/device/query", "1.0.4", source="Feiyan 6.8.27", raises=FOUND)
def list_control_group_devices(
    call: Call[None, None, control_group_schema.MemberQuery],
) -> home_schema.DevicePage:
    """A control group's devices in their order, with what they reported. Three AWS calls."""
    body = call.body
    found = home_devices.of_group(
        call.caller,
        body.home_id,
        body.control_group_id,
        body.page_no - 1,
        body.page_size,
        body.property_identifiers,
    )
    return home_mapping.device_page(found, body.page_no, body.page_size)


@client(
    "/living/home/controlgroup/device/full/update",
    "1.0.0",
    source="Feiyan 6.8.28",
    raises=(*CHANGING, *MEMBERS, core.ControlGroupNotFound),
)
def fill_control_group(
    call: Call[None, None, control_group_schema.ControlGroupFilling],
) -> Nothing | None:
    """Say which devices of its home a control group holds, in which order; others leave it. Three AWS
    calls.
    """
    body = call.body
    control_groups.fill(call.caller, body.home_id, body.control_group_id, body.iot_id_list)
    return None


@client(
    "/living/home/controlgroup/product/query",
    "1.0.1",
    source="Feiyan 6.8.29",
    raises=(core.HomeNotFound,),
)
def list_groupable_products(
    call: Call[None, None, control_group_schema.ProductQuery],
) -> control_group_schema.GroupableProductPage:
    """Products of lights and sockets of which a home has two devices or more in no group. Two AWS calls."""
    body = call.body
    found = control_groups.list_products(call.caller, body.home_id)
    page = found[(body.page_no - 1) * body.page_size : body.page_no * body.page_size]
    listed = [home_mapping.product(each) for each in page]
    return control_group_schema.GroupableProductPage(len(found), body.page_no, body.page_size, listed)


@client(
    "/living/home/controlgroup/reorder",
    "1.0.0",
    source="Feiyan 6.8.30",
    raises=(*CHANGING, core.ControlGroupNotFound),
)
def reorder_control_group(call: Call[None, None, control_group_schema.ControlGroupMove]) -> None:
    """Move a control group among a home's. Two AWS calls."""
    body = call.body
    control_groups.reorder(call.caller, body.home_id, body.control_group_id, body.target_order)


@client(
    "/living/controlgroup/properties/set",
    "1.0.1",
    source="Feiyan 6.8.31",
    raises=(core.ControlGroupNotFound, core.ServiceNotFound, core.PropertyNotWritable, core.Busy),
)
def set_control_group_properties(
    call: Call[None, None, control_group_schema.ControlGroupValues],
) -> None:
    """Have each device of a control group take these values, all of them or none.

    They are stored when the call is answered, and sent at once to devices that are online, to others when
    they are back. One AWS call, and two or three a device.
    """
    control_group_calls.set_properties(call.caller, call.body.control_group_id, call.body.items)


@client(
    "/living/controlgroup/service/invoke",
    "1.0.1",
    source="Feiyan 6.8.32",
    raises=(core.ControlGroupNotFound, core.ServiceNotFound, core.CommandTypeNotFound),
)
def invoke_control_group_service(
    call: Call[None, None, control_group_schema.ControlGroupInvocation],
) -> None:
    """Call a service of each device of a control group, in the background; no device's answer is waited for.
    Three AWS calls.
    """
    body = call.body
    control_group_calls.invoke(
        call.caller, body.control_group_id, body.identifier, body.args, dialect=api.name
    )


@client(
    "/living/home/controlgroup/mesh/preupdate",
    "1.0.0",
    source="Feiyan 6.8.33",
    raises=(core.HomeNotFound, *MEMBERS, core.ControlGroupNotFound),
)
def get_mesh_address(call: Call[None, None, control_group_schema.ControlGroupFilling]) -> str:
    """The address that devices of a mesh listen to as members of a control group; nothing changes. Two AWS
    calls.
    """
    body = call.body
    found = control_groups.address_for(call.caller, body.home_id, body.control_group_id, body.iot_id_list)
    return str(found)


def addresses(freed: list[int]) -> str:
    return ",".join(map(str, freed))
