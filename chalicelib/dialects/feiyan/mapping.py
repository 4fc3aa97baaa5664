"""Devices and products in Feiyan's words."""

from typing import Any

from ...core.binding_reads import Binding, Role
from ...core.devices import Device
from ...core.products import NetType, NodeType, Product
from ...core.users import User
from .thing_mapping import DEVICE, GATEWAY, status

THING_TYPE = "DEVICE"  # all of ours are real ones
OWNER, SHARED = 1, 0

NET_TYPES = {
    NetType.LORA: "NET_LORA",
    NetType.CELLULAR: "NET_CELLULAR",
    NetType.WIFI: "NET_WIFI",
    NetType.ZIGBEE: "NET_ZIGBEE",
    NetType.ETHERNET: "NET_ETHERNET",
    NetType.BLUETOOTH: "NET_BT",
    NetType.OTHER: "NET_OTHER",
}


def node_type(of: Device | Product) -> str:
    return GATEWAY if of.node_type is NodeType.GATEWAY else DEVICE


def net_type(product: Product | None) -> str:
    return NET_TYPES[product.net_type or NetType.OTHER] if product else NET_TYPES[NetType.OTHER]


def owned(role: Role) -> int:
    return OWNER if role is Role.MANAGER else SHARED


def device_names(device: Device, product: Product | None) -> dict[str, Any]:
    """Ids and names as every list of devices has them."""
    return {
        "iot_id": device.device,
        "product_key": (product.short_id if product else None) or "",
        "device_name": device.node_id,
        "product_name": product.name if product else "",
    }


def device_facts(device: Device, product: Product | None) -> dict[str, Any]:
    """With what the product says of it. Categories have no images of their own: both are the product's."""
    image = (product.image if product else None) or ""
    return {
        **device_names(device, product),
        "product_image": image,
        "product_model": (product.model if product else None) or "",
        "category_image": image,
        "net_type": net_type(product),
        "thing_type": THING_TYPE,
        "status": status(device),
    }


def binding_facts(user: User, binding: Binding) -> dict[str, Any]:
    return {
        "identity_id": user.id,
        "identity_alias": user.shown,
        "owned": owned(binding.role),
        "nick_name": binding.nickname,
    }
