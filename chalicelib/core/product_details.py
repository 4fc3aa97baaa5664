"""What operators say of a product beside its model: how systems of apps show it and bring its devices in.

These are of use whether or not the product is released, so releasing does not freeze them.

Source: Feiyan 6.3, 7.2
"""

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from ..store.products import ProductRecord
from ..store.transactions import Transaction
from . import products
from .errors import AlreadyReleased, InvalidInput, ProductNotFound
from .products import NetType, NodeType, Product, ShareMode

MOST_CHILDREN = 64  # devices that are made with a gateway
MOST_GUIDES = 20

Url = Annotated[str, Meta(max_length=2048)]
Text = Annotated[str, Meta(max_length=1024)]


class Guide(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """One way to bring a device into a network, as an app shows it. `order`: 0 is tried first."""

    strategy: Annotated[str, Meta(max_length=64)] = ""
    order: Annotated[int, Meta(ge=0, le=1000)] = 0
    text: Text = ""
    icon: Url = ""
    button: Text = ""
    help_title: Text = ""
    help_text: Text = ""
    help_icon: Url = ""
    alert: Text = ""


class Details(msgspec.Struct, frozen=True, kw_only=True):
    """New values: UNSET leaves one as it is, None takes it away. Only True is a value of `released`."""

    name: str | UnsetType = UNSET
    description: str | UnsetType | None = UNSET
    released: bool | UnsetType = UNSET
    category: int | UnsetType | None = UNSET
    category_key: str | UnsetType | None = UNSET
    category_name: str | UnsetType | None = UNSET
    net_type: NetType | UnsetType | None = UNSET
    share_mode: ShareMode | UnsetType | None = UNSET
    image: str | UnsetType | None = UNSET
    panel: str | UnsetType | None = UNSET
    guides: list[Guide] | UnsetType | None = UNSET
    child_product: str | UnsetType | None = UNSET
    children: int | UnsetType | None = UNSET


def describe(tenant: str, product: str, details: Details) -> Product:
    """Two AWS calls, one more where devices behind a gateway are named. Raises ProductNotFound,
    AlreadyReleased where `released` would end, InvalidInput, Busy.
    """
    given = {
        name: value for name in details.__struct_fields__ if (value := getattr(details, name)) is not UNSET
    }
    _check(tenant, product, given)

    def plan(record: ProductRecord, _change: Transaction) -> dict[str, Any]:
        if record.released and given.get("released") is False:
            raise AlreadyReleased(product)
        if given.get("children") and record.node_type != NodeType.GATEWAY.value:
            raise InvalidInput("children", "is for gateways")
        return {name: _stored(value) for name, value in given.items()}

    return products.revise(tenant, product, plan)


def guides_of(product: Product) -> list[Guide]:
    """By their order."""
    found = msgspec.json.decode(product.guides or "[]", type=list[Guide])
    return sorted(found, key=lambda each: each.order)


def _check(tenant: str, product: str, given: dict[str, Any]) -> None:
    if not str(given.get("name", "x")).strip():
        raise InvalidInput("name", "is empty", missing=True)
    if given.get("children") is not None and not 0 <= given["children"] <= MOST_CHILDREN:
        raise InvalidInput("children", f"must be 0 to {MOST_CHILDREN}")
    if len(given.get("guides") or ()) > MOST_GUIDES:
        raise InvalidInput("guides", f"has more than {MOST_GUIDES} entries")
    child = given.get("child_product")
    if child:
        try:
            below = products.get(tenant, child)
        except ProductNotFound:
            raise InvalidInput("childProduct", "does not exist") from None
        if below.id == product or below.node_type is NodeType.GATEWAY:
            raise InvalidInput("childProduct", "is of gateways")


def _stored(value: Any) -> Any:
    if isinstance(value, NetType | ShareMode):
        return value.value
    return msgspec.json.encode(value).decode() if isinstance(value, list) else value
