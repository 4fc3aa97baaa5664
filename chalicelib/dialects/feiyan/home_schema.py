"""What is said of homes, rooms and the devices in them. Source: Feiyan 6.8"""

from typing import Annotated, Literal

from msgspec import Meta

from .schema import Identifier, IotId, Ms, PageNo, Wire
from .thing_schema import NamedThing, Thing

HomeId = Annotated[str, Meta(min_length=1, max_length=64, description="the home's id")]
RoomId = Annotated[str, Meta(min_length=1, max_length=64, description="the room's id")]
ElementId = Annotated[
    str, Meta(min_length=1, max_length=64, description="a device's or a control group's id")
]
Name = Annotated[
    str,
    Meta(
        max_length=256,
        examples=["My home 1"],
        description="letters, digits, spaces and Chinese characters; a home's up to 20, else up to 40",
    ),
]
Image = Annotated[str, Meta(max_length=1024, examples=["https://example.com/room.png"])]
PageSize = Annotated[int, Meta(ge=1, le=20, examples=[10])]
Place = Annotated[
    int, Meta(ge=0, le=1_000_000, examples=[0], description="from 0; beyond the end is the end")
]
PlaceFromOne = Annotated[
    int, Meta(ge=1, le=1_000_000, examples=[1], description="from 1; beyond the end is the end")
]
IotIds = Annotated[list[IotId], Meta(max_length=1000)]
RoomIds = Annotated[list[RoomId], Meta(max_length=1000)]
Identifiers = Annotated[
    list[Identifier], Meta(max_length=200, description="the properties to show; without it all")
]
NodeType = Annotated[str, Meta(pattern="^(DEVICE|GATEWAY)$", examples=["DEVICE"])]
Amount = Annotated[int, Meta(ge=0, examples=[10])]
MyRole = Annotated[str, Meta(examples=["ADMIN"], description="a home has one person, its ADMIN")]


class Nothing(Wire, frozen=True):
    pass


class NewHome(Wire, frozen=True):
    name: Name


class HomeKey(Wire, frozen=True):
    home_id: HomeId


class HomeChange(Wire, frozen=True):
    home_id: HomeId
    name: Name | None = None


class Home(Wire, frozen=True):
    home_id: str
    name: str
    my_role: MyRole
    current_home: bool
    room_cnt: Amount
    device_cnt: Amount
    device_online_cnt: Amount
    create_millis: Ms


class Paged(Wire, frozen=True):
    page_no: PageNo
    page_size: PageSize


class ListedHome(Wire, frozen=True):
    home_id: str
    name: str
    my_role: MyRole
    current_home: bool
    create_millis: Ms


class HomePage(Wire, frozen=True):
    total: int
    page_no: int
    page_size: int
    data: list[ListedHome]


class PagedHome(Paged, frozen=True, kw_only=True):
    home_id: HomeId


class ElementQuery(PagedHome, frozen=True, kw_only=True):
    """`elementType`: DEVICE, CONTROL_GROUP, or both with a comma between them, as without it."""

    property_identifiers: Identifiers | None = None
    element_type: Annotated[str, Meta(max_length=64, examples=["DEVICE, CONTROL_GROUP"])] | None = None


class PropertyShown(Wire, frozen=True):
    """`latestUpdateMillis` is when it was reported, ms. Properties have no images: `imageUrl` is empty."""

    identifier: str
    name: str
    value: str
    data_type: Annotated[str, Meta(examples=["BOOL"])]
    image_url: str
    latest_update_millis: Ms


class Element(Wire, frozen=True, omit_defaults=True):
    """A device or a control group; what the other kind has is left out. `controlGroupStatus` is INVALID of
    one whose devices are all offline, or of which one is left.
    """

    element_type: Literal["DEVICE", "CONTROL_GROUP"]
    element_id: str
    name: str
    product_key: str
    product_name: str
    product_image: str
    property_list: list[PropertyShown]
    protocol: str
    device_name: str | None = None
    product_model: str | None = None
    category_key: str | None = None
    category_image: str | None = None
    panel_page_route_url: str | None = None
    nick_name: str | None = None
    net_type: str | None = None
    thing_type: str | None = None
    status: Annotated[int, Meta(examples=[1])] | None = None
    node_type: str | None = None
    description: str | None = None
    room_id: str | None = None
    room_name: str | None = None
    device_cnt: Amount | None = None
    device_online_cnt: Amount | None = None
    master_device_id: str | None = None
    master_device_iot_id: str | None = None
    control_group_status: Literal["NORMAL", "INVALID"] | None = None
    group_address: int | None = None


class ElementPage(Wire, frozen=True):
    """`items` and `data` are the same list: the vendor's table says one, its example the other."""

    total: int
    page_no: int
    page_size: int
    items: list[Element]
    data: list[Element]


class ElementMove(Wire, frozen=True):
    home_id: HomeId
    element_id: ElementId
    target_order: Place


class DeviceMove(NamedThing, frozen=True, kw_only=True):
    home_id: HomeId
    target_order: Place


class NewRoom(Wire, frozen=True):
    home_id: HomeId
    name: Name
    background_image: Image | None = None


class RoomKey(Wire, frozen=True):
    home_id: HomeId
    room_id: RoomId


class RoomChange(RoomKey, frozen=True):
    name: Name | None = None
    background_image: Image | None = None


class Room(Wire, frozen=True):
    room_id: str
    name: str
    background_image: str
    device_cnt: Amount
    device_online_cnt: Amount
    create_millis: Ms


class RoomPage(Wire, frozen=True):
    total: int
    page_no: int
    page_size: int
    items: list[Room]


class RoomDeviceQuery(PagedHome, frozen=True, kw_only=True):
    room_id: RoomId
    property_identifiers: Identifiers | None = None


class DeviceQuery(Paged, frozen=True, kw_only=True):
    """What is empty asks for nothing."""

    device_node_type: Annotated[str, Meta(pattern="^(DEVICE|GATEWAY)?$", examples=["DEVICE"])] | None = None
    product_key: Annotated[str, Meta(max_length=64)] | None = None
    category_key: Annotated[str, Meta(max_length=128, examples=["Light"])] | None = None
    home_id: Annotated[str, Meta(max_length=64)] | None = None
    room_id: Annotated[str, Meta(max_length=64)] | None = None
    excluded_home_id: Annotated[str, Meta(max_length=64)] | None = None
    excluded_room_id: Annotated[str, Meta(max_length=64)] | None = None
    bound_control_group: bool | None = None
    property_identifiers: Identifiers | None = None


class HomeDevice(Wire, frozen=True, omit_defaults=True):
    """`subDeviceIotIdList` is a gateway's; home and room are left out of a device that is in none."""

    iot_id: str
    device_name: str
    my_role: Annotated[str, Meta(examples=["OWNED"])]
    product_key: str
    product_name: str
    product_image: str
    product_model: str
    category_key: str
    category_image: str
    nick_name: str
    net_type: str
    thing_type: str
    status: Annotated[int, Meta(examples=[1])]
    node_type: str
    description: str
    property_list: list[PropertyShown]
    protocol: str
    home_id: str | None = None
    home_name: str | None = None
    room_id: str | None = None
    room_name: str | None = None
    panel_page_route_url: str | None = None
    sub_device_iot_id_list: list[str] | None = None


class DevicePage(Wire, frozen=True):
    """`items` and `data` are the same list, as in the page of elements."""

    total: int
    page_no: int
    page_size: int
    items: list[HomeDevice]
    data: list[HomeDevice]


class RoomDeviceMove(RoomKey, frozen=True, kw_only=True):
    """A device by `iotId` or, as in the vendor's table, `deviceId`."""

    iot_id: IotId | None = None
    device_id: IotId | None = None
    target_order: PlaceFromOne


class RoomOrder(Wire, frozen=True):
    """Rooms that are not named follow in their present order."""

    home_id: HomeId
    room_id_list: RoomIds


class DevicesMove(Wire, frozen=True):
    """Up to 100 devices. Without a room they stand in the home alone."""

    home_id: HomeId
    device_list: Annotated[list[Thing], Meta(max_length=1000)]
    room_id: Annotated[str, Meta(max_length=64)] | None = None


class RoomFilling(RoomKey, frozen=True):
    iot_id_list: IotIds
