"""Access and refresh tokens, stored as hashes: one item per grant."""

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.indexes import GlobalSecondaryIndex, KeysOnlyProjection

from .base import Record, TableMeta, table_name


class TokensByDeadline(GlobalSecondaryIndex["GrantRecord"]):
    class Meta:
        index_name = "by_deadline"
        projection = KeysOnlyProjection()

    shard = UnicodeAttribute(hash_key=True)
    deadline = NumberAttribute(range_key=True)


class GrantRecord(Record):
    class Meta(TableMeta):
        table_name = table_name("tokens")

    grant = UnicodeAttribute(hash_key=True)
    subject = UnicodeAttribute()
    tenant = UnicodeAttribute()
    access_hash = UnicodeAttribute()
    access_until = NumberAttribute()
    refresh_hash = UnicodeAttribute()
    refresh_until = NumberAttribute()
    shard = UnicodeAttribute()
    deadline = NumberAttribute()
    ttl = NumberAttribute()

    by_deadline = TokensByDeadline()
