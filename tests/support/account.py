"""An AWS account of moto with the data stack in it, made once and copied for each test.

Creating two dozen tables and queues by their APIs costs a third of a second; copying them empty, a
few milliseconds. For its own roll-back moto copies a whole table for every item of a transaction in it; here
only the items that the transaction names are copied.
"""

import copy
import os
from threading import Condition
from typing import Any

import moto.dynamodb.models
from moto.dynamodb.models import DynamoDBBackend, dynamodb_backends
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.dynamodb.models.table import Table
from moto.s3.models import s3_backends
from moto.sqs.models import sqs_backends

from infra.local.provision import provision

ACCOUNT, REGION = "123456789012", "us-east-1"

_made: dict[str, Any] = {}


class _Sparing:
    """The `copy` module that moto's tables see: in a transaction, of a table only what it names is copied."""

    snapshots: dict[int, Table] | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(copy, name)

    def deepcopy(self, thing: Any) -> Any:
        if self.snapshots is not None and id(thing) in self.snapshots:
            return self.snapshots[id(thing)]
        return copy.deepcopy(thing)


_sparing = _Sparing()
_transact = DynamoDBBackend.transact_write_items


def _transact_write_items(tables: DynamoDBBackend, transact_items: list[dict[str, Any]]) -> None:
    touched: dict[str, list[dict[str, Any]]] = {}
    for each in transact_items:
        operation = next(iter(each.values()))
        touched.setdefault(operation["TableName"], []).append(operation.get("Key") or operation["Item"])
    known = [(tables.tables[name], keys) for name, keys in touched.items() if name in tables.tables]
    _sparing.snapshots = {id(table): _snapshot(table, keys) for table, keys in known}
    try:
        _transact(tables, transact_items)
    finally:
        _sparing.snapshots = None


def _snapshot(table: Table, keys: list[dict[str, Any]]) -> Table:
    """The table as it is now, whatever becomes of the items of these keys."""
    kept = copy.copy(table)
    kept.items = copy.copy(table.items)
    own: set[Any] = set()
    for key in keys:
        first = DynamoType(key[table.hash_key_attr])
        if first not in table.items:
            continue
        if table.range_key_attr is None:
            kept.items[first] = copy.deepcopy(table.items[first])
            continue
        if first not in own:
            own.add(first)
            kept.items[first] = dict(table.items[first])
        second = DynamoType(key[table.range_key_attr])
        if second in table.items[first]:
            kept.items[first][second] = copy.deepcopy(table.items[first][second])
    if table.stream_shard is not None:
        kept.stream_shard = copy.copy(table.stream_shard)
        kept.stream_shard.table, kept.stream_shard.items = kept, list(table.stream_shard.items)
    return kept


moto.dynamodb.models.copy = _sparing
DynamoDBBackend.transact_write_items = _transact_write_items  # type: ignore[method-assign]


def furnish() -> None:
    """Inside moto's mock: the tables, queues and buckets of infra/data.yaml, empty."""
    tables, queues = dynamodb_backends[ACCOUNT][REGION], sqs_backends[ACCOUNT][REGION]
    files = s3_backends[ACCOUNT]["aws"]
    if not _made:
        provision(os.environ["POLYTHING_PREFIX"])
        _made["tables"] = copy.deepcopy(tables.tables)
        _made["queues"] = {name: _empty(queue) for name, queue in queues.queues.items()}
        _made["buckets"] = list(files.buckets)
        return
    tables.tables = copy.deepcopy(_made["tables"])
    for name in _made["buckets"]:
        files.create_bucket(name, REGION)
    queues.queues = {name: _empty(queue) for name, queue in _made["queues"].items()}
    for queue in queues.queues.values():
        if queue.dead_letter_queue is not None:
            queue.dead_letter_queue = queues.queues[queue.dead_letter_queue.name]


def _empty(queue: Any) -> Any:
    """A copy with a lock of its own: locks cannot be copied."""
    lock = queue._messages_lock
    return copy.deepcopy(queue, {id(lock): Condition(), id(queue.dead_letter_queue): queue.dead_letter_queue})
