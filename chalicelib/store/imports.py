"""Imports of devices, in the table `operations`: an item for every hundred, gone once it is done."""

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.indexes import GlobalSecondaryIndex, KeysOnlyProjection

from .base import Record, TableMeta, table_name


class ImportsByDeadline(GlobalSecondaryIndex["ImportRecord"]):
    class Meta:
        index_name = "by_deadline"
        projection = KeysOnlyProjection()

    shard = UnicodeAttribute(hash_key=True)
    deadline = NumberAttribute(range_key=True)


class ImportRecord(Record):
    class Meta(TableMeta):
        table_name = table_name("operations")

    id = UnicodeAttribute(hash_key=True)
    import_ = UnicodeAttribute(attr_name="import")  # the whole list, of `parts` items
    part = NumberAttribute()
    parts = NumberAttribute()
    tenant = UnicodeAttribute()
    owner = UnicodeAttribute()
    creator = UnicodeAttribute()  # the application that called
    product = UnicodeAttribute()
    names = UnicodeAttribute()  # MAC addresses, 12 hex digits each, with nothing between
    created = NumberAttribute()
    shard = UnicodeAttribute()
    deadline = NumberAttribute()  # when the sweep sends its job again

    by_deadline = ImportsByDeadline()
