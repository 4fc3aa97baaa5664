"""Firmware versions of a product: where a file lies, not the file."""

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute

from .base import Record, TableMeta, table_name


class FirmwareRecord(Record):
    """One collection a product, by age."""

    class Meta(TableMeta):
        table_name = table_name("firmwares")

    product = UnicodeAttribute(hash_key=True)
    id = UnicodeAttribute(range_key=True)  # an ordered id
    maker_model = UnicodeAttribute()
    version = NumberAttribute()
    url = UnicodeAttribute()
    md5 = UnicodeAttribute()
    size = NumberAttribute()  # bytes
    description = UnicodeAttribute()
    released_at = NumberAttribute()  # ms
    released = BooleanAttribute()
    created = NumberAttribute()  # ms
    revision = NumberAttribute()  # of the item, whatever in it was written
