"""What every table shares: naming, one connection for all models, strict reads.

PynamoDB gives each model its own botocore client (65 ms apiece at a cold start); here all
tables share one.
"""

from functools import cache
from typing import Any, ClassVar, TypeVar

import msgspec
from pynamodb.connection import Connection
from pynamodb.connection.table import TableConnection
from pynamodb.exceptions import DoesNotExist
from pynamodb.models import Model

from ..settings import settings

M = TypeVar("M", bound="Record")
S = TypeVar("S", bound=msgspec.Struct)

MAX_TRIES = 4
CONNECT_TIMEOUT = 2
READ_TIMEOUT = 6
POOL = 32


def table_name(aggregate: str) -> str:
    return f"{settings().prefix}-{aggregate}"


@cache
def connection() -> Connection:
    """The process's one DynamoDB connection."""
    return Connection(
        region=settings().region,
        connect_timeout_seconds=CONNECT_TIMEOUT,
        read_timeout_seconds=READ_TIMEOUT,
        max_retry_attempts=MAX_TRIES - 1,
        max_pool_connections=POOL,
    )


class Record(Model):
    """Base of every PynamoDB model here."""

    @classmethod
    def _get_connection(cls) -> TableConnection:
        table = super()._get_connection()
        shared = connection()
        if table.connection is not shared:
            if table.table_name not in shared._tables:
                shared.add_meta_table(table.get_meta_table())
            table.connection = shared
        return table

    @classmethod
    def find(cls: type[M], hash_key: str, range_key: str | None = None) -> M | None:
        """One consistent read; None when absent. Costs one AWS call."""
        try:
            return cls.get(hash_key, range_key, consistent_read=True)
        except DoesNotExist:
            return None

    def values(self) -> dict[str, Any]:
        """The attributes that are set, by name."""
        return {name: value for name, value in self.attribute_values.items() if value is not None}


class TableMeta:
    """Settings PynamoDB wants on each model; the shared connection carries the real ones."""

    region: ClassVar[str] = settings().region


def as_struct(kind: type[S], record: Record) -> S:
    """The record as a frozen struct of core; attributes that the struct does not name are left out."""
    return msgspec.convert(record.values(), kind)


__all__ = ["M", "Record", "TableMeta", "as_struct", "connection", "table_name"]
