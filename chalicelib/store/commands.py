"""Commands of a device and tasks over them, by creation."""

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex, KeysOnlyProjection

from .base import Record, TableMeta, table_name


class CommandsByOwner(GlobalSecondaryIndex["CommandRecord"]):
    class Meta:
        index_name = "by_owner"
        projection = KeysOnlyProjection()

    owner = UnicodeAttribute(hash_key=True)
    command = UnicodeAttribute(range_key=True)


class CommandsByDeadline(GlobalSecondaryIndex["CommandRecord"]):
    class Meta:
        index_name = "by_deadline"
        projection = KeysOnlyProjection()

    shard = UnicodeAttribute(hash_key=True)
    deadline = NumberAttribute(range_key=True)


class CommandRecord(Record):
    class Meta(TableMeta):
        table_name = table_name("commands")

    device = UnicodeAttribute(hash_key=True)
    command = UnicodeAttribute(range_key=True)  # an ordered id
    tenant = UnicodeAttribute()
    owner = UnicodeAttribute()
    dialect = UnicodeAttribute()
    mode = UnicodeAttribute()  # "cached", "immediate" or "direct"
    service = UnicodeAttribute()
    method = UnicodeAttribute()
    paras = UnicodeAttribute()  # JSON text
    callback = UnicodeAttribute(null=True)
    request_id = UnicodeAttribute(null=True)
    sender = UnicodeAttribute(null=True)  # who asked, as the caller named itself
    expire = NumberAttribute(null=True)  # s
    retransmit = NumberAttribute()
    status = UnicodeAttribute()
    created = NumberAttribute()
    sent = NumberAttribute(null=True)  # ms of the latest attempt
    delivered = NumberAttribute(null=True)
    executed = NumberAttribute(null=True)
    issued = NumberAttribute()  # attempts so far
    mid = NumberAttribute(null=True)
    result = UnicodeAttribute(null=True)  # JSON text
    batch = UnicodeAttribute(null=True)  # of a batch task's sub-task: "<batch>/<chunk>/<place in it>"
    shard = UnicodeAttribute(null=True)
    deadline = NumberAttribute(null=True)  # when the present state is overdue; absent once settled
    ttl = NumberAttribute()

    by_owner = CommandsByOwner()
    by_deadline = CommandsByDeadline()


class TasksByOwner(GlobalSecondaryIndex["TaskRecord"]):
    class Meta:
        index_name = "by_owner"
        projection = AllProjection()

    owner = UnicodeAttribute(hash_key=True)
    task = UnicodeAttribute(range_key=True)


class TaskRecord(Record):
    class Meta(TableMeta):
        table_name = table_name("tasks")

    device = UnicodeAttribute(hash_key=True)
    task = UnicodeAttribute(range_key=True)  # an ordered id
    tenant = UnicodeAttribute()
    owner = UnicodeAttribute()
    status = UnicodeAttribute()
    commands = UnicodeAttribute()  # JSON text: command id to outcome
    created = NumberAttribute()
    ttl = NumberAttribute()

    by_owner = TasksByOwner()
