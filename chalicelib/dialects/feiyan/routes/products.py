"""What an app learns of products. Source: Feiyan 6.3"""

from ....core import devices, products
from ....core import errors as core
from ....core.products import Product
from ....web.operations import Call
from .. import errors, product_mapping
from .. import product_schema as schema
from ..declaring import NO_USER, OPTIONAL_USER, client, either

NUMBER = 2**31 - 1  # no product's is higher


@client(
    "/thing/detailInfo/queryProductInfo",
    "1.1.4",
    source="Feiyan 6.3.1",
    user=NO_USER,
    raises=(core.DeviceNotFound,),
    faults={core.DeviceNotFound: errors.of(6100)},
)
def query_product_of_thing(call: Call[None, None, schema.ProductOfThing]) -> schema.AppProduct:
    """The product of one of the project's devices.

    One AWS call where the product was read seconds ago.
    """
    device = devices.get(call.caller, call.body.iot_id)
    return product_mapping.app_product(products.get(device.tenant, device.product))


@client(
    "/thing/allProductInfo/getByProductKey", "1.1.5", source="Feiyan 6.3.2", raises=(core.ProductNotFound,)
)
def get_product_by_key(call: Call[None, None, schema.ProductOfKey]) -> schema.AppProduct:
    """A product by its key. One AWS call where the product was read seconds ago."""
    key = either("productkey", call.body.productkey, call.body.product_key)
    return product_mapping.app_product(products.find_by_short_id(call.caller.tenant, key))


@client("/thing/productInfo/getByCategory", "1.1.5", source="Feiyan 6.3.3", user=NO_USER)
def list_products_of_category(call: Call[None, None, schema.OfCategory]) -> list[schema.CategoryProduct]:
    """The project's products of a category, oldest first. Two AWS calls, one more for a hundred products."""
    found = [each for each in products.list_products(call.caller.tenant) if _in(each, call.body.category_id)]
    return [
        schema.CategoryProduct(**product_mapping.details(each), status=product_mapping.status(each)[1])
        for each in found
    ]


def _in(product: Product, category: int) -> bool:
    return (product.category or 0) == category


@client("/awss/enrollee/guide/get", "1.1.6", source="Feiyan 6.3.4", raises=(core.ProductNotFound,))
def get_guides(call: Call[None, None, schema.OfProduct]) -> list[schema.GuideShown]:
    """How devices of a product are brought into a network, the first to try first.

    None where the operator has said nothing. One AWS call where the product was read seconds ago.
    """
    found = products.find_by_short_id(call.caller.tenant, call.body.product_key)
    return product_mapping.guides(found)


@client("/thing/productInfo/getByAppKey", "1.1.7", source="Feiyan 6.3.5", user=OPTIONAL_USER)
def list_products_to_set_up(call: Call[None, None, schema.OfStatus]) -> list[schema.SetUpProduct]:
    """The project's products, oldest first. Two AWS calls, one more for a hundred products."""
    released = product_mapping.is_released(call.body.product_status_env)
    found = products.list_products(call.caller.tenant)
    return [
        product_mapping.set_up_product(each)
        for each in found
        if released in (None, products.is_released(each))
    ]


@client(
    "/thing/productInfo/queryProductKey",
    "1.1.4",
    source="Feiyan 6.3.6",
    user=NO_USER,
    raises=(core.ProductNotFound,),
)
def query_product_key(call: Call[None, None, schema.OfProductId]) -> schema.ProductKeyShown:
    """The key of a product that is named by its integer. One AWS call where it was read seconds ago."""
    found = product_by_id(call.caller.tenant, call.body.product_id)
    return schema.ProductKeyShown(found.short_id or "")


def product_by_id(tenant: str, text: str, base: int = 10) -> Product:
    """Raises ProductNotFound."""
    try:
        number = int(text, base)
    except ValueError:
        number = 0
    if not 0 < number <= NUMBER:
        raise core.ProductNotFound(text)
    return products.find_by_number(tenant, number)
