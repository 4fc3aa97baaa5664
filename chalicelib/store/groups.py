"""Device groups, and changes of many members at once.

Who is in a group stands with each device (`store/devices.py`, item `W#group`); a group's own item
keeps how many they are.

item of `groups`    what
<id>                a group
N#<owner>           how many groups an application has
"""

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.indexes import GlobalSecondaryIndex, KeysOnlyProjection

from .base import Record, TableMeta, table_name


class GroupsByOwner(GlobalSecondaryIndex["GroupRecord"]):
    class Meta:
        index_name = "by_owner"
        projection = KeysOnlyProjection()

    owner = UnicodeAttribute(hash_key=True)
    listing = UnicodeAttribute(range_key=True)


class GroupsByDeadline(GlobalSecondaryIndex["GroupRecord"]):
    class Meta:
        index_name = "by_deadline"
        projection = KeysOnlyProjection()

    shard = UnicodeAttribute(hash_key=True)
    deadline = NumberAttribute(range_key=True)


class GroupRecord(Record):
    class Meta(TableMeta):
        table_name = table_name("groups")

    id = UnicodeAttribute(hash_key=True)
    number = NumberAttribute()  # its id in systems that know it by an integer; unique over all tenants
    tenant = UnicodeAttribute()
    owner = UnicodeAttribute()
    creator = UnicodeAttribute()  # the application that made it
    listing = UnicodeAttribute(null=True)  # absent from a deleted one
    name = UnicodeAttribute()
    description = UnicodeAttribute(null=True)
    most = NumberAttribute()  # members it takes; 0 is no limit
    members = NumberAttribute()
    created = NumberAttribute()
    deleted = BooleanAttribute(null=True)  # its members are free, and their items are being cleared
    shard = UnicodeAttribute(null=True)
    deadline = NumberAttribute(null=True)  # when a clearing that was lost is sent again

    by_owner = GroupsByOwner()
    by_deadline = GroupsByDeadline()


class GroupCountRecord(Record):
    class Meta(TableMeta):
        table_name = table_name("groups")

    id = UnicodeAttribute(hash_key=True)
    count_ = NumberAttribute(attr_name="count", default=0)


def counted(owner: str) -> str:
    return f"N#{owner}"


class OperationsByDeadline(GlobalSecondaryIndex["OperationRecord"]):
    class Meta:
        index_name = "by_deadline"
        projection = KeysOnlyProjection()

    shard = UnicodeAttribute(hash_key=True)
    deadline = NumberAttribute(range_key=True)


class OperationRecord(Record):
    """One all-or-nothing change of more members than a transaction holds."""

    class Meta(TableMeta):
        table_name = table_name("operations")

    id = UnicodeAttribute(hash_key=True)
    tenant = UnicodeAttribute()
    owner = UnicodeAttribute()
    group = UnicodeAttribute()
    kind = UnicodeAttribute()  # "join" or "leave"
    state = UnicodeAttribute()  # "open", then "committed" or "aborted" for good
    devices = UnicodeAttribute()  # JSON text: device ids, sorted
    founding = UnicodeAttribute(null=True)  # JSON text: the group that it makes
    created = NumberAttribute()
    shard = UnicodeAttribute(null=True)
    deadline = NumberAttribute(null=True)  # when it is taken up by the sweep; absent once all is done
    ttl = NumberAttribute(null=True)

    by_deadline = OperationsByDeadline()
