"""Every report of a device, by time."""

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from .base import Record, TableMeta, table_name


class HistoryRecord(Record):
    class Meta(TableMeta):
        table_name = table_name("history")

    device = UnicodeAttribute(hash_key=True)
    entry = UnicodeAttribute(range_key=True)  # time of the report # message id # position in it
    service = UnicodeAttribute()
    data = UnicodeAttribute()  # JSON text
    at = NumberAttribute()
    ttl = NumberAttribute()
