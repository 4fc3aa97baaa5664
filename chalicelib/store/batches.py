"""Batch tasks: one item collection a task.

item of `batches`       what
<batch>, #batch         the task itself
<batch>, C#<number>     a chunk: up to a hundred devices and how each one's sub-task stands
N#<owner>, #open        an application's tasks that have not finished

A task with its chunks is one query, in order.
"""

from typing import Any

from pynamodb.attributes import (
    BooleanAttribute,
    DiscriminatorAttribute,
    ListAttribute,
    NumberAttribute,
    UnicodeAttribute,
    UnicodeSetAttribute,
)
from pynamodb.indexes import GlobalSecondaryIndex, IncludeProjection

from .base import Record, TableMeta, table_name

BATCH = "#batch"
CHUNK = "C#"
AFTER_CHUNKS = "D"
OPEN = "#open"


class BatchesByDeadline(GlobalSecondaryIndex["BatchRecord"]):
    class Meta:
        index_name = "by_deadline"
        projection = IncludeProjection(["kind"])

    shard = UnicodeAttribute(hash_key=True)
    deadline = NumberAttribute(range_key=True)


class BatchItem(Record):
    """Any item of a task's collection."""

    class Meta(TableMeta):
        table_name = table_name("batches")

    batch = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    kind = DiscriminatorAttribute()
    ttl = NumberAttribute(null=True)


class BatchRecord(BatchItem, discriminator="batch"):
    tenant = UnicodeAttribute()
    owner = UnicodeAttribute()
    creator = UnicodeAttribute()  # the application that made it
    dialect = UnicodeAttribute()
    name = UnicodeAttribute()
    target = UnicodeAttribute()  # JSON text: which devices, without a list of them
    command = UnicodeAttribute()  # JSON text: service, method, paras, callback, retransmit
    tags = UnicodeAttribute(null=True)  # JSON text
    created = NumberAttribute()
    timeout = NumberAttribute()  # s
    until = NumberAttribute()  # ms; what is left then has timed out
    chunks = NumberAttribute()  # so far
    uncounted = BooleanAttribute(null=True)  # none of the few that an application may have at a time
    place = UnicodeAttribute(null=True)  # JSON text: where the search for devices goes on; absent at its end
    finished = NumberAttribute(null=True)  # ms
    shard = UnicodeAttribute(null=True)
    deadline = NumberAttribute(null=True)  # when it is looked at next; absent once finished

    by_deadline = BatchesByDeadline()


class ChunkRecord(BatchItem, discriminator="chunk"):
    """`marks` run parallel to `devices`: a letter, then the command's id or what went wrong."""

    devices = ListAttribute[Any]()
    marks = ListAttribute[Any]()
    until = NumberAttribute()  # the task's


class OpenRecord(BatchItem, discriminator="open"):
    batches = UnicodeSetAttribute(null=True)


def chunk_item(number: int) -> str:
    return f"{CHUNK}{number:08d}"


def opened(owner: str) -> str:
    return f"N#{owner}"
