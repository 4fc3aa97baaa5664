"""Version packages: what is known of each; its bytes are an object of the packages' bucket."""

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex

from .base import Record, TableMeta, table_name


class PackagesByOwner(GlobalSecondaryIndex["PackageRecord"]):
    class Meta:
        index_name = "by_owner"
        projection = AllProjection()

    owner = UnicodeAttribute(hash_key=True)
    listing = UnicodeAttribute(range_key=True)


class PackageRecord(Record):
    class Meta(TableMeta):
        table_name = table_name("packages")

    id = UnicodeAttribute(hash_key=True)
    tenant = UnicodeAttribute()
    owner = UnicodeAttribute()  # the application it was uploaded for
    listing = UnicodeAttribute()
    type = UnicodeAttribute()  # "software" or "firmware"
    name = UnicodeAttribute()
    version = UnicodeAttribute()
    device_type = UnicodeAttribute()
    model = UnicodeAttribute()
    manufacturer_name = UnicodeAttribute()
    protocol_type = UnicodeAttribute(null=True)
    description = UnicodeAttribute(null=True)
    made = UnicodeAttribute()  # the day it was made, yyyy-MM-dd
    uploaded = NumberAttribute()  # ms
    size = NumberAttribute()  # bytes
    sha256 = UnicodeAttribute()  # lower-case hex

    by_owner = PackagesByOwner()
