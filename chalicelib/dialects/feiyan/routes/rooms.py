"""Rooms of a home, and the devices in them. Source: Feiyan 6.8.10 to 6.8.20"""

from collections.abc import Mapping

from ....core import errors as core
from ....core import home_devices, home_rooms
from ....core.errors import PolythingError
from ....core.home_devices import Filter
from ....core.products import NodeType
from ....web.operations import Call, Fault
from .. import home_mapping, home_schema
from ..declaring import client, either
from ..errors import of
from ..home_schema import Nothing
from .homes import CHANGING, NAMING

LONGER: Mapping[type[PolythingError], Fault] = {core.HouseholdNameTooLong: of(28813)}
NODE_TYPES = {"DEVICE": NodeType.ENDPOINT, "GATEWAY": NodeType.GATEWAY}
FOUND = (core.HomeNotFound, core.RoomNotFound)


@client(
    "/living/home/room/create",
    "1.0.1",
    source="Feiyan 6.8.10",
    raises=(*CHANGING, *NAMING, core.TooManyRooms),
    faults=LONGER,
)
def create_room(call: Call[None, None, home_schema.NewRoom]) -> str:
    """Make a room; its id.

    At most 20 a home, each with a name of its own of up to 40 letters, digits, spaces and Chinese
    characters. Two AWS calls.
    """
    body = call.body
    return home_rooms.create(call.caller, body.home_id, body.name, body.background_image)


@client("/living/home/room/delete", "1.0.0", source="Feiyan 6.8.11", raises=(*CHANGING, core.RoomNotFound))
def delete_room(call: Call[None, None, home_schema.RoomKey]) -> Nothing | None:
    """Delete a room; its devices stay in the home. Two AWS calls."""
    home_rooms.delete(call.caller, call.body.home_id, call.body.room_id)
    return None


@client(
    "/living/home/room/update",
    "1.0.1",
    source="Feiyan 6.8.12",
    raises=(*CHANGING, *NAMING, core.RoomNotFound),
    faults=LONGER,
)
def update_room(call: Call[None, None, home_schema.RoomChange]) -> None:
    """Change a room's name or image; an empty image takes it away. Two AWS calls."""
    body = call.body
    home_rooms.change(call.caller, body.home_id, body.room_id, body.name, body.background_image)


@client("/living/home/room/get", "1.0.1", source="Feiyan 6.8.13", raises=FOUND)
def get_room(call: Call[None, None, home_schema.RoomKey]) -> home_schema.Room:
    """A room with how many devices are in it and online. Two AWS calls."""
    return home_mapping.room(home_rooms.get(call.caller, call.body.home_id, call.body.room_id))


@client("/living/home/room/query", "1.0.1", source="Feiyan 6.8.14", raises=(core.HomeNotFound,))
def list_rooms(call: Call[None, None, home_schema.PagedHome]) -> home_schema.RoomPage:
    """A home's rooms in their order. Two AWS calls."""
    body = call.body
    found, total = home_rooms.list_rooms(call.caller, body.home_id, body.page_no - 1, body.page_size)
    listed = [home_mapping.room(each) for each in found]
    return home_schema.RoomPage(total, body.page_no, body.page_size, listed)


@client("/living/home/room/device/query", "1.0.2", source="Feiyan 6.8.15", raises=FOUND)
def list_room_devices(call: Call[None, None, home_schema.RoomDeviceQuery]) -> home_schema.DevicePage:
    """A room's devices in their order, with what they reported. Three AWS calls."""
    body = call.body
    found = home_devices.of_room(
        call.caller, body.home_id, body.room_id, body.page_no - 1, body.page_size, body.property_identifiers
    )
    return home_mapping.device_page(found, body.page_no, body.page_size)


@client("/living/home/device/query", "1.0.2", source="Feiyan 6.8.16", raises=FOUND)
def list_home_devices(call: Call[None, None, home_schema.DeviceQuery]) -> home_schema.DevicePage:
    """The person's devices, home by home, with what they reported; those that all given filters mean.

    Three AWS calls; by product, category or node type one more for each further hundred devices.
    """
    body = call.body
    wanted = Filter(
        home=body.home_id or None,
        room=body.room_id or None,
        other_home=body.excluded_home_id or None,
        other_room=body.excluded_room_id or None,
        node_type=NODE_TYPES[body.device_node_type] if body.device_node_type else None,
        product=body.product_key or None,
        category=body.category_key or None,
        grouped=body.bound_control_group,
    )
    found = home_devices.query(
        call.caller, wanted, body.page_no - 1, body.page_size, body.property_identifiers
    )
    return home_mapping.device_page(found, body.page_no, body.page_size)


@client(
    "/living/home/room/device/reorder",
    "1.0.0",
    source="Feiyan 6.8.17",
    raises=(*CHANGING, core.RoomNotFound, core.NotBound),
)
def reorder_room_device(call: Call[None, None, home_schema.RoomDeviceMove]) -> Nothing:
    """Move a device among a room's; here alone places count from 1. Two AWS calls."""
    body = call.body
    device = either("iotId", body.iot_id, body.device_id)
    home_rooms.reorder_in_room(call.caller, body.home_id, body.room_id, device, body.target_order - 1)
    return Nothing()


@client(
    "/living/home/room/order/refresh",
    "1.0.0",
    source="Feiyan 6.8.18",
    raises=(*CHANGING, core.RoomNotFound),
)
def order_rooms(call: Call[None, None, home_schema.RoomOrder]) -> Nothing | None:
    """Give a home's rooms an order. Two AWS calls."""
    home_rooms.order(call.caller, call.body.home_id, call.body.room_id_list)
    return None


@client(
    "/living/home/device/move",
    "1.0.0",
    source="Feiyan 6.8.19",
    raises=(*CHANGING, core.RoomNotFound, core.NotBound, core.HomeFull),
)
def move_devices(call: Call[None, None, home_schema.DevicesMove]) -> None:
    """Move devices into a room or, without one, out of any room of the home; also from another home.

    At most 100 a call, and in a home. From another home they come without their control group. Two AWS
    calls where devices are named by their ids.
    """
    body = call.body
    devices = [each.iot_id for each in body.device_list]
    home_rooms.move(call.caller, body.home_id, body.room_id or None, devices)


@client(
    "/living/home/room/device/full/update",
    "1.0.0",
    source="Feiyan 6.8.20",
    raises=(*CHANGING, core.RoomNotFound, core.NotBound, core.HomeFull),
)
def fill_room(call: Call[None, None, home_schema.RoomFilling]) -> Nothing | None:
    """Say which devices of its home a room holds, in which order; others leave it. Two AWS calls."""
    body = call.body
    home_rooms.fill(call.caller, body.home_id, body.room_id, body.iot_id_list)
    return None
