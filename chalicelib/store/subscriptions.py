"""Who is told of which events, and how the targets are doing.

Each subscription is two items in its owner's collection, written in one transaction:
`I#<id>`, found by id, and `K#<dialect>#<notify type>#<hash of the URL>`, which keeps the pair
unique and serves dispatch: all targets of one notify type are one query.
"""

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from .base import Record, TableMeta, table_name


class SubscriptionRecord(Record):
    class Meta(TableMeta):
        table_name = table_name("subscriptions")

    owner = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    id = UnicodeAttribute()
    dialect = UnicodeAttribute()
    notify_type = UnicodeAttribute()
    url = UnicodeAttribute()
    channel = UnicodeAttribute()
    created = NumberAttribute()


class TargetRecord(Record):
    """Health of one callback target (scheme, host and port), shared by all who send to it."""

    class Meta(TableMeta):
        table_name = table_name("targets")

    target = UnicodeAttribute(hash_key=True)
    failures = NumberAttribute(default=0)
    open_until = NumberAttribute(null=True)
    ttl = NumberAttribute(null=True)
