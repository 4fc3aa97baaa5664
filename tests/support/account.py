"""An AWS account of moto with the data stack in it, made once and copied for each test.

Creating two dozen tables and queues by their APIs costs a third of a second; copying them empty, a
few milliseconds. For its own roll-back moto copies a table once for every item of a transaction in it;
here once for every transaction, which makes one of a hundred items a hundred times as fast.
"""

import copy
import os
from threading import Condition
from typing import Any

import moto.dynamodb.models
from moto.dynamodb.models import DynamoDBBackend, dynamodb_backends
from moto.dynamodb.models.table import Table
from moto.s3.models import s3_backends
from moto.sqs.models import sqs_backends

from infra.local.provision import provision

ACCOUNT, REGION = "123456789012", "us-east-1"

_made: dict[str, Any] = {}


class _OnceEach:
    """The `copy` module that moto's tables see: while a transaction runs, a table is copied once."""

    copied: dict[int, Any] | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(copy, name)

    def deepcopy(self, thing: Any) -> Any:
        if self.copied is None or not isinstance(thing, Table):
            return copy.deepcopy(thing)
        if id(thing) not in self.copied:
            self.copied[id(thing)] = copy.deepcopy(thing)
        return self.copied[id(thing)]


_once_each = _OnceEach()
_transact = DynamoDBBackend.transact_write_items


def _transact_write_items(tables: DynamoDBBackend, transact_items: list[dict[str, Any]]) -> None:
    _once_each.copied = {}
    try:
        _transact(tables, transact_items)
    finally:
        _once_each.copied = None


moto.dynamodb.models.copy = _once_each
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
