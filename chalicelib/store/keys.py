"""Access keys of applications."""

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex

from .base import Record, TableMeta, table_name


class KeysByApplication(GlobalSecondaryIndex["KeyRecord"]):
    class Meta:
        index_name = "by_application"
        projection = AllProjection()

    application = UnicodeAttribute(hash_key=True)
    listing = UnicodeAttribute(range_key=True)


class KeyRecord(Record):
    class Meta(TableMeta):
        table_name = table_name("keys")

    id = UnicodeAttribute(hash_key=True)
    tenant = UnicodeAttribute()
    application = UnicodeAttribute()
    listing = UnicodeAttribute()
    name = UnicodeAttribute()
    secret = UnicodeAttribute()  # encrypted
    created = NumberAttribute()
    use = UnicodeAttribute(null=True)  # whose programs hold it; any where it was made before this was kept

    by_application = KeysByApplication()
