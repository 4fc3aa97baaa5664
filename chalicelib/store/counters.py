"""Totals that many change at once: 16 hashed items each, summed on reading."""

import random

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from .base import Record, TableMeta, table_name
from .transactions import Transaction

SHARDS = 16


class CounterRecord(Record):
    class Meta(TableMeta):
        table_name = table_name("counters")

    name = UnicodeAttribute(hash_key=True)
    value = NumberAttribute(default=0)


def add(transaction: Transaction, name: str, amount: int, worker: int | None = None) -> None:
    """Count within the transaction of the change.

    Workers of one job that count at the same time disturb each other less where each has a number.
    """
    shard = random.randrange(SHARDS) if worker is None else worker % SHARDS
    record = CounterRecord(f"{name}#{shard}")
    transaction.update(record, [CounterRecord.value.add(amount)])


def total(name: str) -> int:
    """One batch read."""
    keys = [f"{name}#{shard}" for shard in range(SHARDS)]
    return int(sum(record.value for record in CounterRecord.batch_get(keys, consistent_read=True)))


class CursorRecord(Record):
    """What is kept of a walk over pages.

    item                what
    <walk>@<n>          where its n-th entry is, counted from 0, and the total counted for the walk
    <walk>#list         head of a walk's id list: total and build
    <walk>#list#<n>     a chunk of the list
    """

    class Meta(TableMeta):
        table_name = table_name("cursors")

    walk = UnicodeAttribute(hash_key=True)
    start = UnicodeAttribute(null=True)  # JSON text of the exclusive start key
    total = NumberAttribute(null=True)
    build = UnicodeAttribute(null=True)  # the same in all items written of one list
    entries = UnicodeAttribute(null=True)  # of a chunk, separated by line breaks
    ttl = NumberAttribute()


class ThrottleRecord(Record):
    """Attempts in a window of time."""

    class Meta(TableMeta):
        table_name = table_name("throttles")

    name = UnicodeAttribute(hash_key=True)
    attempts = NumberAttribute(default=0)
    ttl = NumberAttribute(null=True)


class RateRecord(Record):
    """Calls of an application in the present window, and the limit an operator has set."""

    class Meta(TableMeta):
        table_name = table_name("throttles")

    name = UnicodeAttribute(hash_key=True)
    window = NumberAttribute(null=True)  # minutes since 1970
    calls = NumberAttribute(null=True)
    limit = NumberAttribute(null=True)  # calls a window
