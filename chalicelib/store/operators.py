"""Keys of operators, and the record of what they did."""

from pynamodb.attributes import NumberAttribute, UnicodeAttribute, UnicodeSetAttribute

from .base import Record, TableMeta, table_name

REALM = "operators"  # all keys are one collection: they are few, and listed at once


class OperatorRecord(Record):
    class Meta(TableMeta):
        table_name = table_name("operators")

    realm = UnicodeAttribute(hash_key=True, default=REALM)
    id = UnicodeAttribute(range_key=True)
    name = UnicodeAttribute()
    scopes = UnicodeSetAttribute()
    secret_hash = UnicodeAttribute()
    created = NumberAttribute()
    creator = UnicodeAttribute()
    expires = NumberAttribute(null=True)  # ms


class AuditRecord(Record):
    """One action of an operator. Those of a month are one collection."""

    class Meta(TableMeta):
        table_name = table_name("audit")

    month = UnicodeAttribute(hash_key=True)  # yyyy-MM, UTC
    entry = UnicodeAttribute(range_key=True)  # an ordered id
    at = NumberAttribute()
    actor = UnicodeAttribute()
    actor_name = UnicodeAttribute()
    address = UnicodeAttribute(null=True)
    request = UnicodeAttribute(null=True)
    action = UnicodeAttribute()
    target = UnicodeAttribute()  # JSON text
    outcome = UnicodeAttribute()
    reason = UnicodeAttribute(null=True)
    made = UnicodeAttribute(null=True)
    ttl = NumberAttribute()
