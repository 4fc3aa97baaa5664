"""What became of deliveries to callbacks, and long work with how far it is."""

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from .base import Record, TableMeta, table_name

REALM = "jobs"  # all jobs are one collection: they are few


class AttemptRecord(Record):
    """One try of one delivery. Those of a subscription or rule are one collection."""

    class Meta(TableMeta):
        table_name = table_name("deliveries")

    line = UnicodeAttribute(hash_key=True)  # owner#subscription or rule; owner# where there is none
    entry = UnicodeAttribute(range_key=True)  # an ordered id
    at = NumberAttribute()
    delivery = UnicodeAttribute()
    source = UnicodeAttribute()
    notify_type = UnicodeAttribute()
    target = UnicodeAttribute()  # scheme, host and port: a path may hold an app's secret
    outcome = UnicodeAttribute()
    tries = NumberAttribute()
    status = NumberAttribute(null=True)
    ms = NumberAttribute(null=True)
    reason = UnicodeAttribute(null=True)
    ttl = NumberAttribute()


class JobRecord(Record):
    class Meta(TableMeta):
        table_name = table_name("jobs")

    realm = UnicodeAttribute(hash_key=True, default=REALM)
    id = UnicodeAttribute(range_key=True)  # an ordered id
    kind = UnicodeAttribute()
    state = UnicodeAttribute()
    parameters = UnicodeAttribute()  # JSON text
    place = UnicodeAttribute(null=True)  # where to go on
    step = NumberAttribute()  # how many were made: each is made by one worker
    done = NumberAttribute()
    left_out = NumberAttribute()
    started = NumberAttribute()
    changed = NumberAttribute()
    ttl = NumberAttribute()
