"""Bringing devices in. Source: Feiyan 6.9"""

from typing import Annotated, Any

from msgspec import Meta, field

from .product_schema import NetType, NodeType, Origin, StatusEnv
from .schema import DeviceName, IotId, Ms, PageNo, ProductKey, Wire

Token = Annotated[str, Meta(min_length=1, max_length=128)]
HomeId = Annotated[str, Meta(max_length=64, description="a home of the person; else the current one")]
Groups = Annotated[Any, Meta(description="rooms of the home; the first counts, where `homeId` is given")]
Seconds = Annotated[int, Meta(ge=0, le=65_535, description="0 for ever, 65535 not any more", examples=[60])]


class FoundPage(Wire, frozen=True):
    """What a home's devices have found is what the person's have: `groupId` changes nothing."""

    page_size: Annotated[int, Meta(ge=1, le=20, examples=[10])]
    page_num: PageNo
    group_id: Annotated[str, Meta(max_length=64)] | None = None
    product_status_env: StatusEnv | None = None


class FoundDevice(Wire, frozen=True):
    """Times in ms. `type` is 0 where a device has found it, 1 a router; `status` is 0: nobody sets it up."""

    gmt_create: Ms
    gmt_modified: Ms
    reg_iot_id: str
    reg_product_key: str
    reg_device_name: str
    reg_product_name: str
    enrollee_iot_id: str
    enrollee_product_key: str
    enrollee_device_name: str
    enrollee_product_name: str
    bssid: str
    ssid: str
    rssi: str
    type: int
    status: int


class FoundDevices(Wire, frozen=True):
    total_num: int
    items: list[FoundDevice]


class NearbyDevice(Wire, frozen=True):
    """By `productKey` and `deviceName`; with `reset` it is answered though the person is bound to it.

    One that speaks Bluetooth may be named by its product alone, by `productId` too.
    """

    product_key: ProductKey | None = None
    device_name: DeviceName | None = None
    reset: bool = False
    product_id: Annotated[str, Meta(max_length=32)] | None = None


class NearbyDevices(Wire, frozen=True):
    iot_devices: Annotated[list[NearbyDevice], Meta(max_length=200)]
    product_status_env: StatusEnv | None = None


class BindableDevice(Wire, frozen=True):
    product_key: str
    device_name: str | None
    token: str | None
    product_name: str
    net_type: NetType
    node_type: NodeType
    category_key: str
    category_name: str
    category_id: int
    image: str


class TokenQuery(Wire, frozen=True):
    """`deviceName` needs `productKey`; either narrows."""

    token: Token
    product_key: ProductKey | None = None
    device_name: DeviceName | None = None


class NamedDevice(Wire, frozen=True):
    device_name: str
    product_key: str
    iot_id: str


class TokenBinding(Wire, frozen=True):
    product_key: ProductKey
    device_name: DeviceName
    token: Token
    origin: Origin | None = None
    user_id: Origin | None = None
    user_type: Origin | None = None
    group_ids: Groups = None
    home_id: HomeId | None = None


class WindowBinding(Wire, frozen=True):
    product_key: ProductKey
    device_name: DeviceName
    group_ids: Groups = None
    home_id: HomeId | None = None


class BoundDevice(Wire, frozen=True):
    """`pageRouterUrl` is the page of the app that shows the device."""

    iot_id: str
    category_key: str
    page_router_url: str


class CipherParams(Wire, frozen=True):
    mac: Annotated[str, Meta(max_length=64)] | None = None


class CipherFacts(Wire, frozen=True):
    """`productId`, in hex digits, and `params.mac` are of one that speaks Bluetooth; `cipherType` 3 is with
    the product's secret, 4 with the device's.
    """

    random: Annotated[str, Meta(pattern="^[0-9A-Fa-f]{32}$", examples=["0" * 32])]
    product_key: ProductKey | None = None
    device_name: DeviceName | None = None
    product_id: Annotated[str, Meta(max_length=32)] | None = None
    cipher_type: Annotated[int, Meta(ge=3, le=4, examples=[3])] | None = None
    params: CipherParams | None = None


class CipherQuery(Wire, frozen=True):
    device_info_for_cipher: CipherFacts


class GatewayPermit(Wire, frozen=True):
    iot_id: IotId
    time: Seconds
    product_key: ProductKey | None = None


class TopologyEnd(Wire, frozen=True):
    iot_id: IotId
    sub_iot_id: IotId | None = None
    sub_iotid: IotId | None = field(name="subIotid", default=None)


class TokenRequest(Wire, frozen=True):
    bssid: (
        Annotated[str, Meta(max_length=64, description="of the router; nothing is done with it")] | None
    ) = None
    home_id: HomeId | None = None


class TokenMade(Wire, frozen=True):
    """`expiredTime` and `expirationTime` are the same: ms as text."""

    token: str
    random: str
    expired_time: str
    expiration_time: str


class ChildUnbinding(Wire, frozen=True):
    product_key: ProductKey
    device_name: DeviceName
    home_id: HomeId | None = None
