"""Factory resets of a device. They lie beside its other tasks, under keys that sort behind them."""

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute

from .base import Record, TableMeta, table_name

RESET = "r#"  # sorts behind every ordered id


class ResetRecord(Record):
    """Without the `owner` of other tasks: no listing has it."""

    class Meta(TableMeta):
        table_name = table_name("tasks")

    device = UnicodeAttribute(hash_key=True)
    task = UnicodeAttribute(range_key=True)  # r# an ordered id
    tenant = UnicodeAttribute()
    application = UnicodeAttribute()
    dialect = UnicodeAttribute()
    offline = BooleanAttribute()  # goes on where the device cannot be reached
    state = UnicodeAttribute()
    user = UnicodeAttribute(null=True)  # the person who wants it
    told = BooleanAttribute(null=True)  # the device knows, or is to be told later: what is kept goes
    command = UnicodeAttribute(null=True)  # by which the device is told
    created = NumberAttribute()  # ms
    until = NumberAttribute()  # ms; what still runs then is over
    ttl = NumberAttribute()
