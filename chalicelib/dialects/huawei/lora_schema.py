"""LoRa gateways and nodes on the wire. Source: Huawei 1.5.10 to 1.5.15"""

from typing import Annotated

from msgspec import Meta, field

from ...core.lora import DeviceClass, JoinType
from ...core.lora_records import LoraDevice
from .schema import Id64, Name256, Wire

Eui = Annotated[
    str,
    Meta(pattern=r"^[0-9a-fA-F]{16}$", max_length=16, description="16 hexadecimal digits, in either case"),
]
Key = Annotated[
    str,
    Meta(
        pattern=r"^([0-9a-fA-F]{32})?$", max_length=32, description="32 hexadecimal digits; empty is absent"
    ),
]
Address = Annotated[
    str,
    Meta(pattern=r"^([0-9a-fA-F]{8})?$", max_length=8, description="8 hexadecimal digits; empty is absent"),
]
OwnerId = Annotated[str, Meta(max_length=36)]
Description = Annotated[str, Meta(max_length=1024)]


class LoraPath(Wire, frozen=True, rename="camel"):
    device_id: Name256


class ForLoraOwner(Wire, frozen=True, rename="camel", kw_only=True):
    """`ownerAppId` names the application whose device is meant, where that is not the caller's own."""

    owner_app_id: OwnerId | None = None


class NewGateway(ForLoraOwner, frozen=True, rename="camel", kw_only=True):
    lora_server_id: Name256
    product_id: Id64
    gateway_eui: Eui = field(name="gatewayEUI")
    name: Name256
    gateway_seq: Key | None = None


class NewNode(ForLoraOwner, frozen=True, rename="camel", kw_only=True):
    """ABP needs `appSKey`, `nwkSKey` and `devAddr`, OTAA `appKey`; those of the other are not kept."""

    lora_server_id: Name256
    product_id: Id64
    dev_eui: Eui = field(name="devEUI")
    name: Name256
    auth_code: Key | None = None
    app_eui: Eui = field(name="appEUI")
    device_class: DeviceClass | None = None
    join_type: JoinType | None = None
    app_s_key: Key | None = None
    dev_addr: Address | None = None
    nwk_s_key: Key | None = None
    app_key: Key | None = None
    description: Description | None = None


class LoraGateway(Wire, frozen=True, rename="camel", kw_only=True):
    device_id: str
    lora_server_id: str
    product_id: str
    gateway_eui: str = field(name="gatewayEUI")
    name: str | None
    gateway_seq: str | None


class LoraNode(Wire, frozen=True, rename="camel", kw_only=True):
    device_id: str
    lora_server_id: str
    product_id: str
    dev_eui: str = field(name="devEUI")
    name: str | None
    auth_code: str | None
    app_eui: str | None = field(name="appEUI")
    device_class: str | None
    join_type: str | None
    app_s_key: str | None
    dev_addr: str | None
    nwk_s_key: str | None
    app_key: str | None
    description: str | None


def gateway(made: LoraDevice) -> LoraGateway:
    return LoraGateway(
        device_id=made.device.device,
        lora_server_id=made.server,
        product_id=made.device.product,
        gateway_eui=made.eui,
        name=made.device.name,
        gateway_seq=made.access_code,
    )


def node(made: LoraDevice) -> LoraNode:
    return LoraNode(
        device_id=made.device.device,
        lora_server_id=made.server,
        product_id=made.device.product,
        dev_eui=made.eui,
        name=made.device.name,
        auth_code=made.access_code,
        app_eui=made.app_eui,
        device_class=made.device_class,
        join_type=made.join_type,
        app_s_key=made.app_session_key,
        dev_addr=made.dev_addr,
        nwk_s_key=made.network_session_key,
        app_key=made.app_key,
        description=made.device.description,
    )
