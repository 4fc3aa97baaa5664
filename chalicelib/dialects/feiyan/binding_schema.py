"""Shapes of bindings: a person's devices, a device's people, and what is behind a gateway.

A name that has no value is left out; names that clients require always have one.
"""

from typing import Annotated, Literal

from msgspec import Meta, field

from .schema import IotId, Ms, PageNo, Wire
from .thing_schema import NamedThing

PageSize = Annotated[int, Meta(ge=1, le=100, examples=[20])]
SmallPageSize = Annotated[int, Meta(ge=1, le=20, examples=[10])]
Owned = Annotated[int, Meta(ge=0, le=1, description="1 manages the device, 0 is shared it", examples=[1])]
SpaceId = Annotated[str, Meta(max_length=64, description="a home or a room of the person")]
HomeId = Annotated[str, Meta(max_length=64, description="a home of the person")]
NodeType = Literal["DEVICE", "GATEWAY"]
ThingType = Literal["VIRTUAL", "DEVICE", "WEB", "APP"]
Place = Annotated[int, Meta(ge=0, le=10_000, examples=[2])]
Nickname = Annotated[str, Meta(max_length=256, examples=["Desk lamp"])]
IdentityId = Annotated[str, Meta(min_length=1, max_length=64, description="the person's id")]
PhoneId = Annotated[
    str, Meta(min_length=1, max_length=512, description="the phone's id, of the app's making")
]
StatusCode = Annotated[
    int, Meta(description="0 never connected, 1 online, 3 offline, 8 disabled", examples=[1])
]


class BindingsQuery(Wire, frozen=True):
    page_no: PageNo
    page_size: PageSize
    thing_type: ThingType | None = None
    node_type: NodeType | None = None
    owned: Owned | None = None
    group_id: SpaceId | None = None
    is_sub_device: bool | None = None


class BoundDevice(Wire, frozen=True, omit_defaults=True):
    """`gmtModified` and `bindTime` are when it was bound, in ms. No device is an edge gateway."""

    identity_id: str
    identity_alias: str
    iot_id: str
    product_key: str
    device_name: str
    product_name: str
    product_image: str
    product_model: str
    category_image: str
    net_type: str
    thing_type: str
    node_type: str
    status: StatusCode
    owned: Owned
    gmt_modified: Ms
    bind_time: Ms
    sub_device: bool
    is_sub_device: bool
    is_edge_gateway: Annotated[bool, Meta(examples=[False])]
    nick_name: str | None = None
    category_key: str | None = None
    panel_page_router_url: str | None = None


class BoundDevices(Wire, frozen=True):
    total: int
    page_no: int
    page_size: int
    data: list[BoundDevice]


class HoldersQuery(Wire, frozen=True):
    page_no: PageNo
    page_size: PageSize
    iot_id: IotId | None = None
    device_id: IotId | None = None
    owned: Owned | None = None


class DeviceHolder(Wire, frozen=True, omit_defaults=True):
    """`nodeType` is 0 for a device, 1 for a gateway; `gmtModified` when the binding changed, in ms."""

    identity_id: str
    identity_alias: str
    iot_id: str
    product_key: str
    device_name: str
    product_name: str
    product_image: str
    product_model: str
    category_image: str
    net_type: str
    thing_type: str
    node_type: Annotated[int, Meta(examples=[0])]
    status: StatusCode
    owned: Owned
    gmt_modified: Ms
    nick_name: str | None = None
    description: str | None = None


class DeviceHolders(Wire, frozen=True):
    total: int
    page_no: int
    page_size: int
    data: list[DeviceHolder]


class Moved(Wire, frozen=True):
    iot_id: IotId
    to_order: Place
    from_order: Place | None = None


class SortedDevices(Wire, frozen=True):
    """`fromOrder` tells whether the app counts from 0 or from 1."""

    moved: Annotated[
        list[Moved | Annotated[list[Moved], Meta(max_length=100)]], Meta(min_length=1, max_length=100)
    ] = field(name="sortDeviceDTOList")
    group_id: HomeId | None = None


class DeviceNickname(Wire, frozen=True):
    """An empty `nickName` takes the name away."""

    iot_id: IotId
    nick_name: Nickname
    group_id: HomeId | None = None


class Unbinding(Wire, frozen=True):
    """With `unbindSubdevice` the manager of a gateway unbinds what is behind it, too."""

    iot_id: IotId
    home_id: HomeId | None = None
    unbind_subdevice: bool = False


class MeshNode(Wire, frozen=True, omit_defaults=True):
    net_key_index: int | None = None
    device_key: str | None = None
    primary_unicast_address: int | None = None
    sub_device_id: str | None = None
    retry_count: int | None = None
    un_acknowledged: bool | None = None
    pid: int | None = None
    product_key: str | None = None
    mac: str | None = None


class Unbound(Wire, frozen=True, omit_defaults=True):
    """`meshNodeInfo` is never there: no device is of a Bluetooth mesh."""

    mesh_node_info: MeshNode | None = None


class DeviceRequest(Wire, frozen=True):
    iot_id: IotId


class Relation(Wire, frozen=True, omit_defaults=True):
    """Empty where the person is not bound to the device."""

    identity_id: str | None = None
    identity_alias: str | None = None
    iot_id: str | None = None
    product_key: str | None = None
    device_name: str | None = None
    product_name: str | None = None
    product_image: str | None = None
    product_model: str | None = None
    category_image: str | None = None
    net_type: str | None = None
    thing_type: str | None = None
    node_type: str | None = None
    status: StatusCode | None = None
    owned: Owned | None = None
    gmt_modified: Ms | None = None
    nick_name: str | None = None


class ManagersUnbinding(Wire, frozen=True):
    """Without `iotIdList` all devices of the home `groupId`. There are no scenes yet."""

    target_identity_id: IdentityId
    iot_id_list: Annotated[list[IotId], Meta(max_length=20)] | None = None
    scene_id_list: Annotated[list[str], Meta(max_length=100)] | None = None
    group_id: HomeId | None = None


class ChildrenQuery(NamedThing, frozen=True, kw_only=True):
    """Names are not translated, whatever `lang` says."""

    page_no: PageNo
    page_size: SmallPageSize
    lang: Annotated[str, Meta(max_length=32, examples=["zh-CN"])]


class ChildBinding(Wire, frozen=True, omit_defaults=True):
    """`bound` is 1 where the person is bound to it, else 0."""

    iot_id: str
    product_key: str
    device_name: str
    bound: Annotated[int, Meta(examples=[1])]
    status: StatusCode
    nick_name: str | None = None


class ChildBindings(Wire, frozen=True):
    total: int
    page_no: int
    page_size: int
    data: list[ChildBinding]


class ChildrenPage(Wire, frozen=True):
    """At most 1000 a page."""

    iot_id: IotId
    page_no: PageNo
    page_size: Annotated[int, Meta(ge=1, le=1000, examples=[10])]


class Child(Wire, frozen=True):
    """`nickName` is what the person calls it, else the product's name."""

    iot_id: str
    product_key: str
    device_name: str
    nick_name: str
    image: str
    status: StatusCode


class Children(Wire, frozen=True):
    total: int
    page_no: int
    page_size: int
    data: list[Child]


class PushChannel(Wire, frozen=True):
    device_id: PhoneId
    device_type: Annotated[str, Meta(pattern="^(?i:ios|android)$", examples=["iOS"])]


class PushChannelEnd(Wire, frozen=True):
    device_id: PhoneId


class Profile(Wire, frozen=True, omit_defaults=True):
    """`currentHomeId` is left out where the person has no home."""

    shared_device_cnt: int
    shared_device_online_cnt: int
    current_home_id: str | None = None
