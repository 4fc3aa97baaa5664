"""Events, written in the transaction of the change they tell of; the stream sends them on."""

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from .base import Record, TableMeta, table_name


class EventRecord(Record):
    class Meta(TableMeta):
        table_name = table_name("outbox")

    source = UnicodeAttribute(hash_key=True)  # the device: its events keep their order
    event = UnicodeAttribute(range_key=True)  # an ordered id, the same over every retry
    type = UnicodeAttribute()
    tenant = UnicodeAttribute()
    owner = UnicodeAttribute()
    at = NumberAttribute()
    data = UnicodeAttribute()  # JSON text
    ttl = NumberAttribute()
