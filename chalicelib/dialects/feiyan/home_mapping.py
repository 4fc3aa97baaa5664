"""Homes and what is in them in Feiyan's words."""

from typing import Any

from ...core import homes, products
from ...core.control_groups import GroupFacts
from ...core.errors import InvalidInput
from ...core.home_devices import Element, HomeDevice, HomeGroup, Listing
from ...core.home_rooms import RoomFacts
from ...core.products import Product
from ...core.thing_calls import PropertyState
from ...formats import feiyan_tsl
from . import control_group_schema, home_schema, mapping, thing_mapping
from .home_schema import PropertyShown

ADMIN = "ADMIN"
OWNED, SHARED = "OWNED", "SHARED"
CAMERA = "Camera"  # the category whose devices an app shows on a page of their own
MANAGER = "manager"
KINDS = {"DEVICE": HomeDevice, "CONTROL_GROUP": HomeGroup}
LONGEST_NAME = 30  # characters of a property's name


def listed_home(found: homes.HomeFacts) -> home_schema.ListedHome:
    return home_schema.ListedHome(found.id, found.name, ADMIN, found.current, found.created)


def home(found: homes.HomeFacts) -> home_schema.Home:
    return home_schema.Home(
        home_id=found.id,
        name=found.name,
        my_role=ADMIN,
        current_home=found.current,
        room_cnt=found.rooms,
        device_cnt=found.devices,
        device_online_cnt=found.online,
        create_millis=found.created,
    )


def room(found: RoomFacts) -> home_schema.Room:
    return home_schema.Room(
        room_id=found.room.id,
        name=found.room.name,
        background_image=found.room.background or "",
        device_cnt=found.devices,
        device_online_cnt=found.online,
        create_millis=found.room.created,
    )


def kinds(asked: str | None) -> set[type]:
    """The kinds of elements that a call asks for. Raises InvalidInput."""
    names = [each.strip().upper() for each in (asked or "").split(",") if each.strip()]
    unknown = next((each for each in names if each not in KINDS), None)
    if unknown is not None:
        raise InvalidInput("elementType", f"is none of {', '.join(KINDS)}")
    return {KINDS[each] for each in names or KINDS}


def element(found: Element) -> home_schema.Element:
    return _group_element(found) if isinstance(found, HomeGroup) else _device_element(found)


def device(found: HomeDevice) -> home_schema.HomeDevice:
    home, room = found.home, found.room
    return home_schema.HomeDevice(
        **_facts(found),
        my_role=OWNED if found.holding.role == MANAGER else SHARED,
        home_id=home.id if home is not None else None,
        home_name=home.name if home is not None else None,
        room_id=room.id if room is not None else None,
        room_name=room.name if room is not None else None,
        sub_device_iot_id_list=found.children,
    )


def device_page(found: Listing, number: int, size: int) -> home_schema.DevicePage:
    items = [device(each) for each in found.items]
    return home_schema.DevicePage(found.total, number, size, items, items)


def control_group(found: GroupFacts) -> control_group_schema.ControlGroup:
    return control_group_schema.ControlGroup(
        control_group_id=found.group.id,
        name=found.group.name,
        product_key=_key(found.product),
        product_image=_image(found.product),
        create_millis=found.group.created,
    )


def product(found: products.Product) -> control_group_schema.GroupableProduct:
    return control_group_schema.GroupableProduct(_key(found), found.name, _image(found))


def _device_element(found: HomeDevice) -> home_schema.Element:
    facts = _facts(found)
    room = found.room
    return home_schema.Element(
        element_type="DEVICE",
        element_id=facts.pop("iot_id"),
        name=facts["nick_name"] or facts["device_name"],
        room_id=room.id if room is not None else None,
        room_name=room.name if room is not None else None,
        **facts,
    )


def _group_element(found: HomeGroup) -> home_schema.Element:
    return home_schema.Element(
        element_type="CONTROL_GROUP",
        element_id=found.group.id,
        name=found.group.name,
        product_key=_key(found.product),
        product_name=found.product.name if found.product is not None else "",
        product_image=_image(found.product),
        property_list=properties(found.properties),
        protocol=protocol(None, found.product),
        device_cnt=found.devices,
        device_online_cnt=found.online,
        master_device_id=found.master or "",
        master_device_iot_id=found.master or "",
        control_group_status="NORMAL" if found.valid else "INVALID",
        group_address=found.group.address,
    )


def _facts(found: HomeDevice) -> dict[str, Any]:
    category = (found.product.category_key if found.product is not None else None) or ""
    panel = found.product.panel if found.product is not None else None
    return {
        **mapping.device_facts(found.device, found.product),
        "category_key": category,
        "nick_name": found.holding.nickname or found.device.name or "",
        "node_type": mapping.node_type(found.device),
        "description": found.device.description or "",
        "property_list": properties(found.properties),
        "protocol": protocol(found.device.protocol_type, found.product),
        "panel_page_route_url": (panel or "") if category == CAMERA else None,
    }


def properties(found: list[PropertyState]) -> list[PropertyShown]:
    return [_property(each) for each in found]


def _property(found: PropertyState) -> PropertyShown:
    known = found.property
    return PropertyShown(
        identifier=found.identifier,
        name=((known.description or known.name) if known is not None else found.identifier)[:LONGEST_NAME],
        value=thing_mapping.text(thing_mapping.value(known, found.value)),
        data_type=feiyan_tsl.SPELLINGS[known.data_type].upper() if known is not None else "",
        image_url="",
        latest_update_millis=found.at,
    )


def _key(found: Product | None) -> str:
    return (found.short_id if found is not None else None) or ""


def _image(found: Product | None) -> str:
    return (found.image if found is not None else None) or ""


def protocol(own: str | None, of: Product | None) -> str:
    return own or (of.protocol_type if of is not None else None) or ""
