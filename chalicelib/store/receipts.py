"""Messages that were applied, and what was answered, so that a repeat changes nothing."""

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from .base import Record, TableMeta, table_name


class ReceiptRecord(Record):
    """TTL deletes some time after `expires`: who asks looks at that."""

    class Meta(TableMeta):
        table_name = table_name("receipts")

    receipt = UnicodeAttribute(hash_key=True)  # what took the message # its sender # its id
    stamp = NumberAttribute()
    expires = NumberAttribute()  # ms
    ttl = NumberAttribute()
