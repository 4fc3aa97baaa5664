"""Products in Feiyan's words: what the core knows of one, and a documented word where it knows nothing."""

from typing import Any

from ...core import product_details, products
from ...core.products import NetType, NodeType, Product
from . import mapping, thing_mapping
from . import product_schema as wire

NET_NUMBERS = {
    NetType.LORA: 0,
    NetType.WIFI: 3,
    NetType.ZIGBEE: 4,
    NetType.BLUETOOTH: 5,
    NetType.CELLULAR: 6,
    NetType.ETHERNET: 7,
    NetType.OTHER: 8,
}
ALINK, OWN_FORMAT = (
    ("ALINK_FORMAT", 1),
    ("CUSTOM_FORMAT", 0),
)  # a product with a layout has a format of its own
DIRECT = ("DATA_DIRECT", 0)
RELEASED, DEVELOPED = ("RELEASE_STATUS", 1), ("DEVELOPMENT_STATUS", 0)


def status(product: Product) -> tuple[str, int]:
    return RELEASED if products.is_released(product) else DEVELOPED


def net_number(product: Product) -> int:
    return NET_NUMBERS[product.net_type or NetType.OTHER]


def node_number(product: Product) -> int:
    return int(product.node_type is NodeType.GATEWAY)


def is_released(env: str | None) -> bool | None:
    """None where the call does not narrow."""
    return None if env is None else env == "release"


def facts(product: Product) -> dict[str, Any]:
    return {
        "product_key": product.short_id or "",
        "data_format": (OWN_FORMAT if product.layout else ALINK)[0],
        "net_type": mapping.net_type(product),
        "product_secret": products.key_of(product),
        "node_type": mapping.node_type(product),
        "name": product.name,
        "region": thing_mapping.site(),
        "category_id": product.category or 0,
        "gmt_create": product.created,
        "gmt_modified": product.modified,
        "product_id": product.number or 0,
        "rbac_tenant_id": product.tenant,
        "image": product.image or "",
        "product_model": product.model or "",
    }


def details(product: Product) -> dict[str, Any]:
    """Makers and changers of a product are the tenant: whoever they are is in the operators' audit log."""
    return {
        **facts(product),
        "domain": product.short_id or "",
        "owner_domain": product.short_id or "",
        "category_key": product.category_key or "",
        "category_name": product.category_name or "",
        "access_method": DIRECT[0],
        "creator": product.tenant,
        "modifier": product.tenant,
        "aliyun_commodity_code": "",
        "connect_mode": ",".join(each.strategy for each in product_details.guides_of(product)),
        "tenant_id": product.tenant,
    }


def app_product(product: Product) -> wire.AppProduct:
    return wire.AppProduct(**details(product), status=status(product)[0])


def set_up_product(product: Product) -> wire.SetUpProduct:
    return wire.SetUpProduct(
        gmt_create=product.created,
        gmt_modified=product.modified,
        name=product.name,
        category_id=product.category or 0,
        description=product.description or "",
        tenant_id=product.tenant,
        region=thing_mapping.site(),
        status=status(product)[1],
        product_key=product.short_id or "",
        net_type=net_number(product),
        data_format=(OWN_FORMAT if product.layout else ALINK)[1],
        node_type=node_number(product),
        category_key=product.category_key or "",
        category_name=product.category_name or "",
        image=product.image or "",
        access_method=DIRECT[1],
    )


def guides(product: Product) -> list[wire.GuideShown]:
    return [
        wire.GuideShown(
            id=number,
            product_key=product.short_id or "",
            dn_guide_icon=each.icon,
            dn_copywriting=each.text,
            button_copywriting=each.button,
            help_title=each.help_title,
            help_icon=each.help_icon,
            help_copywriting=each.help_text,
            strategy=each.strategy,
            order=each.order,
            alert_message=each.alert,
            gmt_create=product.created,
            gmt_modified=product.modified,
        )
        for number, each in enumerate(product_details.guides_of(product), 1)
    ]
