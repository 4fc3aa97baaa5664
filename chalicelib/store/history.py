"""A device by time: every report, every change of desired values, every event."""

from pynamodb.attributes import NumberAttribute, UnicodeAttribute, UnicodeSetAttribute

from .base import Record, TableMeta, table_name

AFTER_REPORTS = ":"  # sorts behind every digit, and so behind every report
DESIRED = "D#"
OCCURRED = "E#"
LATEST = "L#"


class HistoryRecord(Record):
    class Meta(TableMeta):
        table_name = table_name("history")

    device = UnicodeAttribute(hash_key=True)
    entry = UnicodeAttribute(range_key=True)  # time of the report # message id # position in it
    service = UnicodeAttribute()
    data = UnicodeAttribute()  # JSON text
    at = NumberAttribute()
    ttl = NumberAttribute()


class DesiredRecord(Record):
    class Meta(TableMeta):
        table_name = table_name("history")

    device = UnicodeAttribute(hash_key=True)
    entry = UnicodeAttribute(range_key=True)  # D# time of the change # call # position in it
    service = UnicodeAttribute()
    names = UnicodeSetAttribute()  # of the properties in it
    data = UnicodeAttribute()  # JSON text
    at = NumberAttribute()
    status = UnicodeAttribute()
    settled = NumberAttribute(null=True)  # ms
    ttl = NumberAttribute(null=True)  # absent until the change is settled


class OccurredRecord(Record):
    """An event that the device has told. Its newest one lies once more under `LATEST`."""

    class Meta(TableMeta):
        table_name = table_name("history")

    device = UnicodeAttribute(hash_key=True)
    entry = UnicodeAttribute(range_key=True)  # E# digest of service and name # time # message; L# digest
    service = UnicodeAttribute()
    name = UnicodeAttribute()
    type = UnicodeAttribute()
    data = UnicodeAttribute()  # JSON text
    at = NumberAttribute()
    message = UnicodeAttribute()
    ttl = NumberAttribute()
