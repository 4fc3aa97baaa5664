"""Products. Source: XLink 1 to 6"""

from typing import Annotated, Any

from msgspec import Meta

from ....core import errors as core
from ....core import product_changes, products
from ....core.applications import Caller
from ....core.product_changes import Changes
from ....core.products import Product
from ....core.things import ThingModel
from ....web.operations import Call
from .. import errors
from ..api import api
from ..schema import ProductPath, Text32, Text250, Wire

LINK_TYPES = {1: "Wi-Fi", 2: "Zigbee gateway", 3: "Bluetooth", 4: "Bluetooth mesh"}
USUAL = 1  # of a product that another system's app has made

LinkType = Annotated[int, Meta(description="1 Wi-Fi, 2 Zigbee gateway, 3 Bluetooth, 4 Bluetooth mesh")]


class NewProduct(Wire, frozen=True):
    name: Text32
    description: Text250
    link_type: LinkType


class ProductChange(Wire, frozen=True):
    """What is left out stays as it is."""

    name: Text32 | None = None
    description: Text250 | None = None
    link_type: LinkType | None = None
    is_release: bool | None = None
    is_registerable: bool | None = None


class ProductShown(Wire, frozen=True):
    id: str
    name: str
    description: str
    link_type: int
    is_release: bool
    is_registerable: bool


class ProductMade(ProductShown, frozen=True, kw_only=True):
    key: str


class ProductKey(Wire, frozen=True):
    key: str


@api.post(
    "/v2/product",
    source="XLink 1",
    raises=(core.InvalidInput, errors.UnknownLinkType, core.Busy),
)
def create_product(call: Call[None, None, NewProduct]) -> ProductMade:
    """Add a product.

    Its devices may report anything until it has data points.
    """
    body = call.body
    _check(body.name, body.link_type)
    made = products.create(
        call.caller.tenant,
        body.name,
        ThingModel(),
        description=body.description,
        link_type=body.link_type,
        released=False,
        registerable=True,
    )
    return ProductMade(**_facts(made), key=products.key_of(made))


@api.delete(
    "/v2/product/{product_id}",
    source="XLink 2",
    raises=(core.ProductNotFound, core.ProductReleased, core.ProductInUse, core.Busy),
)
def delete_product(call: Call[ProductPath, None, None]) -> None:
    """Delete a product that is not released and has no devices."""
    product_changes.delete(call.caller.tenant, call.path.product_id)


@api.put(
    "/v2/product/{product_id}",
    source="XLink 3",
    raises=(
        core.InvalidInput,
        errors.UnknownLinkType,
        core.ProductNotFound,
        core.ProductReleased,
        core.AlreadyReleased,
        core.Busy,
    ),
)
def change_product(call: Call[ProductPath, None, ProductChange]) -> None:
    """Change a product that is not released, or release it, which is for good."""
    body = call.body
    _check(body.name, body.link_type)
    changes = Changes(body.name, body.description, body.link_type, body.is_release, body.is_registerable)
    product_changes.change(call.caller.tenant, call.path.product_id, changes)


@api.get("/v2/products", source="XLink 4")
def list_products(call: Call[None, None, None]) -> list[ProductShown]:
    """List the tenant's products, oldest first.

    Those that other systems' apps have made are among them. A new one may be missing for a moment.
    """
    return [ProductShown(**_facts(each)) for each in products.list_products(call.caller.tenant)]


@api.get("/v2/product/{product_id}", source="XLink 5", raises=(core.ProductNotFound,))
def get_product(call: Call[ProductPath, None, None]) -> ProductShown:
    """Query a product."""
    return ProductShown(**_facts(_fresh(call.caller, call.path.product_id)))


@api.get("/v2/product/{product_id}/key", source="XLink 6", raises=(core.ProductNotFound,))
def get_product_key(call: Call[ProductPath, None, None]) -> ProductKey:
    """Query a product's key."""
    return ProductKey(products.key_of(_fresh(call.caller, call.path.product_id)))


def _fresh(caller: Caller, product: str) -> Product:
    return products.fresh(caller.tenant, product)


def _check(name: str | None, link_type: int | None) -> None:
    if name is not None and not name.strip():
        raise core.InvalidInput("name", "is empty", missing=True)
    if link_type is not None and link_type not in LINK_TYPES:
        raise errors.UnknownLinkType("link_type", f"is {link_type}")


def _facts(product: Product) -> dict[str, Any]:
    return {
        "id": product.id,
        "name": product.name,
        "description": product.description or "",
        "link_type": product.link_type or USUAL,
        "is_release": bool(product.released),
        "is_registerable": product.registerable is not False,
    }
