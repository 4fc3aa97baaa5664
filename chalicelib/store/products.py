"""Products with their thing models, and the aliases of everything."""

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.indexes import GlobalSecondaryIndex, KeysOnlyProjection

from .base import Record, TableMeta, table_name


class ProductsByTenant(GlobalSecondaryIndex["ProductRecord"]):
    class Meta:
        index_name = "by_tenant"
        projection = KeysOnlyProjection()

    tenant = UnicodeAttribute(hash_key=True)
    listing = UnicodeAttribute(range_key=True)


class ProductRecord(Record):
    class Meta(TableMeta):
        table_name = table_name("products")

    id = UnicodeAttribute(hash_key=True)
    tenant = UnicodeAttribute()
    listing = UnicodeAttribute()
    name = UnicodeAttribute()
    node_type = UnicodeAttribute()
    manufacturer_id = UnicodeAttribute(null=True)
    manufacturer_name = UnicodeAttribute(null=True)
    device_type = UnicodeAttribute(null=True)
    model = UnicodeAttribute(null=True)
    protocol_type = UnicodeAttribute(null=True)
    things = UnicodeAttribute()  # the thing model as JSON text
    layout = UnicodeAttribute(null=True)  # the binary field layout as JSON text
    short_id = UnicodeAttribute(null=True)  # 10 letters and digits; unique over all tenants
    number = NumberAttribute(null=True)  # unique over all tenants
    key = UnicodeAttribute(null=True)  # the product's own secret, encrypted
    description = UnicodeAttribute(null=True)
    link_type = NumberAttribute(null=True)
    released = BooleanAttribute(null=True)
    registerable = BooleanAttribute(null=True)
    share_mode = UnicodeAttribute(null=True)
    category = NumberAttribute(null=True)
    category_key = UnicodeAttribute(null=True)
    category_name = UnicodeAttribute(null=True)
    net_type = UnicodeAttribute(null=True)
    image = UnicodeAttribute(null=True)  # a URL
    panel = UnicodeAttribute(null=True)  # the page of an app that shows a device
    guides = UnicodeAttribute(null=True)  # JSON text: how its devices are brought into a network
    child_product = UnicodeAttribute(null=True)  # of the devices that are made with a gateway
    children = NumberAttribute(null=True)  # how many
    created = NumberAttribute()
    modified = NumberAttribute()

    by_tenant = ProductsByTenant()


class AliasRecord(Record):
    """Another spelling of a record: the unique check and the look-up in one.

    `name` is "<kind>#<value>", `scope` the tenant, owner or product it is unique in; all
    holders of a name in any scope are one query away.
    """

    class Meta(TableMeta):
        table_name = table_name("aliases")

    name = UnicodeAttribute(hash_key=True)
    scope = UnicodeAttribute(range_key=True)
    target = UnicodeAttribute()
