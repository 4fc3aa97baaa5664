"""A person's homes, and the order of what is in one. Source: Feiyan 6.8.1 to 6.8.9"""

from ....core import errors as core
from ....core import home_devices, home_rooms, homes
from ....web.operations import Call
from .. import home_mapping, home_schema, thing_mapping
from ..declaring import client
from ..home_schema import Nothing

NAMING = (core.HouseholdNameTaken, core.HouseholdNameIllegal, core.HouseholdNameTooLong)
CHANGING = (core.HomeNotFound, core.Busy)


@client(
    "/living/home/create",
    "1.1.0",
    source="Feiyan 6.8.1",
    raises=(*NAMING, core.TooManyHomes, core.UserNotFound, core.Busy),
)
def create_home(call: Call[None, None, home_schema.NewHome]) -> str:
    """Make a home; its id.

    At most 10 a person, each with a name of its own of up to 20 letters, digits, spaces and Chinese
    characters. The newest home becomes the current one; a person's first takes in all bound devices.
    Two AWS calls.
    """
    return homes.create_home(call.caller, call.body.name)


@client(
    "/living/home/delete",
    "1.0.0",
    source="Feiyan 6.8.2",
    raises=(*CHANGING, core.LastHome, core.HomeNotEmpty),
)
def delete_home(call: Call[None, None, home_schema.HomeKey]) -> Nothing | None:
    """Delete a home, but not the last one.

    Its rooms and control groups end with it; its devices move to the current home, which is the newest of
    the rest where the current one is deleted. Refused where they would be more than 100 there. Two AWS calls.
    """
    homes.delete_home(call.caller, call.body.home_id)
    return None


@client("/living/home/update", "1.1.0", source="Feiyan 6.8.3", raises=(*CHANGING, *NAMING))
def update_home(call: Call[None, None, home_schema.HomeChange]) -> None:
    """Rename a home. Two AWS calls."""
    homes.rename_home(call.caller, call.body.home_id, call.body.name)


@client("/living/home/current/update", "1.0.0", source="Feiyan 6.8.4", raises=CHANGING)
def set_current_home(call: Call[None, None, home_schema.HomeKey]) -> Nothing:
    """Choose the current home, in which devices that are bound from now on stand. Two AWS calls."""
    homes.set_current(call.caller, call.body.home_id)
    return Nothing()


@client("/living/home/get", "1.1.0", source="Feiyan 6.8.5", raises=(core.HomeNotFound,))
def get_home(call: Call[None, None, home_schema.HomeKey]) -> home_schema.Home:
    """A home with how many rooms and devices it has, and how many of these are online. Two AWS calls."""
    return home_mapping.home(homes.get_home(call.caller, call.body.home_id))


@client("/living/home/query", "1.1.0", source="Feiyan 6.8.6")
def list_homes(call: Call[None, None, home_schema.Paged]) -> home_schema.HomePage:
    """The person's homes, oldest first. One AWS call."""
    body, found = call.body, homes.list_homes(call.caller)
    page = found[(body.page_no - 1) * body.page_size : body.page_no * body.page_size]
    listed = [home_mapping.listed_home(each) for each in page]
    return home_schema.HomePage(len(found), body.page_no, body.page_size, listed)


@client("/living/home/element/query", "1.0.6", source="Feiyan 6.8.7", raises=(core.HomeNotFound,))
def list_elements(call: Call[None, None, home_schema.ElementQuery]) -> home_schema.ElementPage:
    """A home's devices and control groups in their order, with what they reported.

    A group shows what its master device reported, which is its first. Three AWS calls.
    """
    body = call.body
    found, total = home_devices.elements(
        call.caller,
        body.home_id,
        home_mapping.kinds(body.element_type),
        body.page_no - 1,
        body.page_size,
        body.property_identifiers,
    )
    listed = [home_mapping.element(each) for each in found]
    return home_schema.ElementPage(total, body.page_no, body.page_size, listed, listed)


@client("/living/home/element/reorder", "1.0.0", source="Feiyan 6.8.8", raises=CHANGING)
def reorder_element(call: Call[None, None, home_schema.ElementMove]) -> Nothing | None:
    """Move a device or a control group among all of a home's. Two AWS calls."""
    home_rooms.reorder_element(call.caller, call.body.home_id, call.body.element_id, call.body.target_order)
    return None


@client(
    "/living/home/device/reorder",
    "1.0.0",
    source="Feiyan 6.8.9",
    raises=(*CHANGING, core.NotBound),
)
def reorder_home_device(call: Call[None, None, home_schema.DeviceMove]) -> None:
    """Move a device among a home's devices.

    The device is named by `iotId` or, without it, by `productKey` and `deviceName`. Two AWS calls by its id.
    """
    try:
        device = thing_mapping.device_of(call.caller, call.body)
    except core.NotBound:
        device = ""  # nobody's: the home comes first, so that a name tells nothing
    home_rooms.reorder_device(call.caller, call.body.home_id, device, call.body.target_order)
