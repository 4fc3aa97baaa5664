"""Products with their thing models, in and out in every format."""

from datetime import datetime
from typing import Annotated, Any

from msgspec import UNSET, Meta, UnsetType

from ....core import applications, product_changes, product_details, products
from ....core import errors as core
from ....core.product_details import Details, Guide
from ....core.products import Facts, NetType, NodeType, Product, ShareMode
from ....core.things import ThingModel
from ....formats import models
from ....formats.models import Format
from ....web import validation
from ....web.operations import Call
from .. import declaring
from ..declaring import DESTROY, SECRETS, WRITE
from ..schema import Destroyed, Destroying, Id, Name, TenantPath, Wire, time_of

JSON, ZIP = "application/json", "application/zip"
CHANGES = (core.ProductNotFound, core.InvalidInput, core.Busy)
Fact = Annotated[str, Meta(min_length=1, max_length=256)]
Word = Annotated[str, Meta(min_length=1, max_length=64)]
Line = Annotated[str, Meta(max_length=1024)]
Url = Annotated[str, Meta(max_length=2048)]


class ProductPath(Wire, frozen=True):
    product_id: Id


class ImportQuery(Wire, frozen=True):
    """`format` says what the body is. The facts are a profile's own where they are not given here."""

    format: Format
    name: Name | None = None
    node_type: NodeType = NodeType.ENDPOINT
    manufacturer_id: Fact | None = None
    manufacturer_name: Fact | None = None
    device_type: Fact | None = None
    model: Fact | None = None
    protocol_type: Fact | None = None


class FormatQuery(Wire, frozen=True):
    format: Format


class ProductShown(Wire, frozen=True, kw_only=True):
    """`number` and `shortId` are its ids in systems that know it by an integer or by 10 characters."""

    id: str
    tenant_id: str
    name: str
    node_type: str
    created: datetime
    modified: datetime
    number: int | None = None
    short_id: str | None = None
    manufacturer_id: str | None = None
    manufacturer_name: str | None = None
    device_type: str | None = None
    model: str | None = None
    protocol_type: str | None = None
    description: str | None = None
    released: bool = False
    has_layout: bool = False


class DetailsChange(Wire, frozen=True, kw_only=True):
    """`shareMode` is what becomes of a person who binds a device that has a manager: refused (`authorized`),
    a member (`shared`), or the manager in place of all others (`seized`).

    `childProduct` and `children` are of a gateway: with each so many devices of that product are made.
    `panel` is the page of an app that shows a device.
    """

    name: Name | UnsetType = UNSET
    description: Line | UnsetType | None = UNSET
    released: bool | UnsetType = UNSET
    category: Annotated[int, Meta(ge=1, le=2**53)] | UnsetType | None = UNSET
    category_key: Word | UnsetType | None = UNSET
    category_name: Word | UnsetType | None = UNSET
    net_type: NetType | UnsetType | None = UNSET
    share_mode: ShareMode | UnsetType | None = UNSET
    image: Url | UnsetType | None = UNSET
    panel: Url | UnsetType | None = UNSET
    guides: Annotated[list[Guide], Meta(max_length=product_details.MOST_GUIDES)] | UnsetType | None = UNSET
    child_product: Id | UnsetType | None = UNSET
    children: Annotated[int, Meta(ge=0, le=product_details.MOST_CHILDREN)] | UnsetType | None = UNSET


class DetailsShown(Wire, frozen=True, kw_only=True):
    """A product of which nobody has said so is not in development: it counts as `released`."""

    id: str
    name: str
    released: bool
    description: str | None = None
    category: int | None = None
    category_key: str | None = None
    category_name: str | None = None
    net_type: NetType | None = None
    share_mode: ShareMode | None = None
    image: str | None = None
    panel: str | None = None
    guides: list[Guide]
    child_product: str | None = None
    children: int | None = None


class ProductList(Wire, frozen=True):
    products: list[ProductShown]


class ProductKey(Wire, frozen=True):
    """CTWing's MasterKey, XLink's product key."""

    id: str
    key: str


@declaring.get("/tenants/{tenantId}/products", raises=(core.TenantNotFound,))
def list_products(call: Call[TenantPath, None, None]) -> ProductList:
    """List a tenant's products, oldest first."""
    tenant = applications.find_tenant(call.path.tenant_id)
    return ProductList([shown(each) for each in products.list_products(tenant.id)])


@declaring.post(
    "/tenants/{tenantId}/products",
    scopes=(WRITE,),
    action="product.import",
    makes=True,
    status=201,
    raises=(core.TenantNotFound, core.InvalidInput, core.ProductExists, core.Busy),
    raw=(JSON, ZIP),
)
def import_product(call: Call[TenantPath, ImportQuery, None]) -> ProductShown:
    """Make a product of its thing model.

    The body is a Huawei device profile (JSON with both keys, or a zip), Feiyan's TSL, a list of XLink's data
    points, or a model as this API shows it. An empty body makes a product without a model.
    """
    query = call.query
    tenant = applications.find_tenant(call.path.tenant_id)
    read = _read(query.format, call.request.body)
    facts = {name: getattr(query, name) or getattr(read.facts, name) for name in Facts.__struct_fields__}
    name = query.name or facts["model"] or facts["device_type"]
    if not name:
        raise core.InvalidInput("name", "is missing: the format does not say it", missing=True)
    return shown(products.create(tenant.id, name, read.things, Facts(**facts), query.node_type))


@declaring.get("/products/{productId}", raises=(core.ProductNotFound,))
def get_product(call: Call[ProductPath, None, None]) -> ProductShown:
    """Show a product."""
    return shown(products.find(call.path.product_id))


@declaring.get(
    "/products/{productId}/key",
    scopes=(SECRETS,),
    action="product.show-key",
    raises=(core.ProductNotFound,),
)
def get_product_key(call: Call[ProductPath, None, None]) -> ProductKey:
    """Show a product's key; it is recorded who saw it."""
    found = products.find(call.path.product_id)
    return ProductKey(found.id, products.key_of(found))


@declaring.get("/products/{productId}/model", raises=(core.ProductNotFound,))
def get_model(call: Call[ProductPath, FormatQuery, None]) -> Any:
    """Show a product's thing model in a format."""
    found = products.find(call.path.product_id)
    return models.write(call.query.format, found, products.model_of(found))


@declaring.put(
    "/products/{productId}/model",
    scopes=(WRITE,),
    action="product.set-model",
    raises=CHANGES,
    raw=(JSON, ZIP),
)
def set_model(call: Call[ProductPath, FormatQuery, None]) -> ProductShown:
    """Replace a product's thing model; its facts, its devices and their data stay.

    It is used everywhere within 30 seconds. The body is as in the import.
    """
    read = _read(call.query.format, call.request.body)
    found = products.find(call.path.product_id)
    return shown(products.set_model(found.tenant, found.id, read.things))


@declaring.get("/products/{productId}/details", raises=(core.ProductNotFound,))
def get_details(call: Call[ProductPath, None, None]) -> DetailsShown:
    """Show what apps are told of a product beside its model."""
    return details_shown(products.find(call.path.product_id))


@declaring.put(
    "/products/{productId}/details",
    scopes=(WRITE,),
    action="product.set-details",
    raises=(*CHANGES, core.AlreadyReleased),
)
def set_details(call: Call[ProductPath, None, DetailsChange]) -> DetailsShown:
    """Change what apps are told of a product; what is left out stays as it is, null takes it away.

    With `released` false the product is in development, and none of its devices are made in numbers, until it
    is released, for good. It is used everywhere within 30 seconds.
    """
    found = products.find(call.path.product_id)
    details = Details(**{name: getattr(call.body, name) for name in Details.__struct_fields__})
    return details_shown(product_details.describe(found.tenant, found.id, details))


@declaring.put(
    "/products/{productId}/layout", scopes=(WRITE,), action="product.set-layout", raises=CHANGES, raw=(JSON,)
)
def set_layout(call: Call[ProductPath, None, None]) -> ProductShown:
    """Replace the layout of a product's binary payloads."""
    found = products.find(call.path.product_id)
    try:
        text = call.request.body.decode()
    except UnicodeDecodeError as error:
        raise core.InvalidInput("", "is not UTF-8 text") from error
    return shown(products.set_layout(found.tenant, found.id, text))


@declaring.delete(
    "/products/{productId}/layout", scopes=(DESTROY,), action="product.remove-layout", raises=CHANGES
)
def remove_layout(call: Call[ProductPath, Destroying, None]) -> Destroyed:
    """Remove the layout: binary payloads become raw data again."""
    found = products.find(call.path.product_id)
    if not call.query.dry_run:
        products.set_layout(found.tenant, found.id, None)
    return Destroyed("layout", found.id, found.name, call.query.dry_run)


@declaring.delete(
    "/products/{productId}",
    scopes=(DESTROY,),
    action="product.delete",
    raises=(core.ProductNotFound, core.ProductReleased, core.ProductInUse, core.Busy),
)
def delete_product(call: Call[ProductPath, Destroying, None]) -> Destroyed:
    """Delete a product that has no devices and is not released."""
    found = products.find(call.path.product_id)
    if call.query.dry_run:
        product_changes.check_deletable(found.tenant, found.id)
    else:
        product_changes.delete(found.tenant, found.id)
    return Destroyed("product", found.id, found.name, call.query.dry_run)


def shown(found: Product) -> ProductShown:
    same = {name: getattr(found, name) for name in (*Facts.__struct_fields__, "description")}
    return ProductShown(
        id=found.id,
        tenant_id=found.tenant,
        name=found.name,
        node_type=found.node_type.value,
        created=time_of(found.created),
        modified=time_of(found.modified),
        number=found.number,
        short_id=found.short_id,
        released=bool(found.released),
        has_layout=found.layout is not None,
        **same,
    )


def details_shown(found: Product) -> DetailsShown:
    named = set(DetailsShown.__struct_fields__) - {"released", "guides"}
    same = {name: getattr(found, name) for name in named}
    return DetailsShown(released=products.is_released(found), guides=product_details.guides_of(found), **same)


def _read(kind: Format, body: bytes) -> models.Read:
    if not body.strip():
        return models.Read(ThingModel())
    if validation.deeper(body, validation.MOST_DEPTH) and not body.startswith(b"PK"):
        raise core.InvalidInput("", f"the body nests deeper than {validation.MOST_DEPTH} levels")
    return models.read(kind, body)
