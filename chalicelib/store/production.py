"""Batches of devices that are made in numbers, in the table `operations`.

item            what
<id>            a batch; stays, because its devices are listed by it
<id>#<n>        a lane: a run of the batch's positions that is being worked, gone once it is done
"""

from typing import Any

from pynamodb.attributes import ListAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.indexes import GlobalSecondaryIndex, KeysOnlyProjection

from .base import Record, TableMeta, table_name


class BatchesByDeadline(GlobalSecondaryIndex["ProductionRecord"]):
    """Holds none: every model of a table says all of its indexes."""

    class Meta:
        index_name = "by_deadline"
        projection = KeysOnlyProjection()

    shard = UnicodeAttribute(hash_key=True)
    deadline = NumberAttribute(range_key=True)


class LanesByDeadline(GlobalSecondaryIndex["LaneRecord"]):
    class Meta:
        index_name = "by_deadline"
        projection = KeysOnlyProjection()

    shard = UnicodeAttribute(hash_key=True)
    deadline = NumberAttribute(range_key=True)


class ProductionRecord(Record):
    class Meta(TableMeta):
        table_name = table_name("operations")

    id = UnicodeAttribute(hash_key=True)
    tenant = UnicodeAttribute()
    owner = UnicodeAttribute()
    creator = UnicodeAttribute()  # the application that called
    product = UnicodeAttribute()
    key = UnicodeAttribute()  # encrypted; ids and secrets of the devices follow from it
    amount = NumberAttribute()  # devices, or gateways with what is behind them
    lanes = NumberAttribute()  # 0 until it is generated
    names = UnicodeAttribute(null=True)  # JSON text: a name a position; else a device is named by its id
    refused = UnicodeAttribute(null=True)  # JSON text: names that were not taken, with the reason
    skipped = ListAttribute[Any](null=True)  # positions whose name another device got first
    child_product = UnicodeAttribute(null=True)  # of the devices behind each gateway
    children = NumberAttribute(null=True)  # how many there are behind each; absent where it is no such batch
    created = NumberAttribute()

    by_deadline = BatchesByDeadline()


class LaneRecord(Record):
    class Meta(TableMeta):
        table_name = table_name("operations")

    id = UnicodeAttribute(hash_key=True)
    batch = UnicodeAttribute()
    next = NumberAttribute()  # the first position that is not done
    end = NumberAttribute()  # the first one that is another lane's
    shard = UnicodeAttribute()
    deadline = NumberAttribute()  # when the sweep sends its job again

    by_deadline = LanesByDeadline()
