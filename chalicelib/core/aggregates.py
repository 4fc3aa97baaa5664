"""Tables made of what a device reported: rows that match, or figures over groups of them.

A row is one report: `id` counts them by time from 1, `time` is in ms, `dim_time`, `dim_minute`, `dim_hour`
and `dim_day` are that time as text, in UTC; every property stands under its identifier. Where a column is a
figure (`Function`), the others are what the rows are grouped by.

Nothing of a query is ever run: columns are names, conditions are trees of comparisons. Each part is bounded,
and what is asked for has to be found in MOST_READS megabytes of history.

Source: Feiyan 6.11.1; the names of tables and columns are ours
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from enum import Enum
from itertools import groupby
from typing import Any

import msgspec

from ..store.history import HistoryRecord
from ..store.walks import HIGHEST, Key, Walk
from . import clock, history, ids, products
from .aggregate_conditions import TIME, Condition, between, check, holds, plain
from .devices import Device
from .errors import InvalidInput, ListTooLong
from .shadow_fields import Keys
from .things import ThingModel, number

MOST_COLUMNS = 50
MOST_ORDERS = 5
MOST_PAGE = 200
MOST_READS = 8  # queries, of a megabyte each
MOST_ROWS = 20_000
MOST_GROUPS = 5_000
BACK = 30 * clock.DAY
ID = "id"
TEXTS = {"dim_time": 19, "dim_minute": 16, "dim_hour": 13, "dim_day": 10}  # how much of the time is shown

Row = dict[str, Any]


class Function(Enum):
    COUNT = "count"
    SUM = "sum"
    AVG = "avg"
    MIN = "min"
    MAX = "max"
    FIRST = "first"
    LAST = "last"


class Column(msgspec.Struct, frozen=True):
    """Of `column` "*", which only COUNT takes, all rows count."""

    column: str
    function: Function | None = None
    alias: str | None = None

    @property
    def shown(self) -> str:
        if self.alias:
            return self.alias
        return self.column if self.function is None else f"{self.function.value}({self.column})"


class Order(msgspec.Struct, frozen=True):
    """By a column of the answer."""

    column: str
    descending: bool = False


class Query(msgspec.Struct, frozen=True):
    """Without columns: all there are. `number` counts pages from 0."""

    columns: tuple[Column, ...] = ()
    where: Condition = Condition()
    orders: tuple[Order, ...] = ()
    number: int = 0
    size: int = MOST_PAGE


def run(device: Device, query: Query) -> list[Row]:
    """A page of the answer. Who may see the device is the caller's to ask.

    One AWS call a megabyte of history between the times that the condition names, MOST_READS at most. Raises
    InvalidInput, and ListTooLong where more has to be read, or there are too many rows or groups.
    """
    _check(query)
    rows = [row for row in _numbered(_rows(device, query.where)) if holds(query.where, row)]
    if any(each.function for each in query.columns):
        rows = _grouped(rows, query.columns)
    elif query.columns:
        rows = [{each.shown: row.get(each.column) for each in query.columns} for row in rows]
    for order in reversed(query.orders):
        rows.sort(key=lambda row, name=order.column: _rank(row.get(name)), reverse=order.descending)  # type: ignore[misc]
    first = query.number * query.size
    return rows[first : first + query.size]


def _check(query: Query) -> None:
    if len(query.columns) > MOST_COLUMNS:
        raise InvalidInput("cols", f"are more than {MOST_COLUMNS}")
    if len(query.orders) > MOST_ORDERS:
        raise InvalidInput("orderBy", f"names more than {MOST_ORDERS} columns")
    if query.number < 0 or not 1 <= query.size <= MOST_PAGE:
        raise InvalidInput("pageSize", f"must be 1 to {MOST_PAGE}")
    for each in query.columns:
        if each.column == "*" and each.function is not Function.COUNT:
            raise InvalidInput("cols", "only count takes *")
    check(query.where)


def _rows(device: Device, where: Condition) -> Iterator[Row]:
    """The reports between the times that the condition names, oldest first."""
    product = products.load(device.product)
    keys = Keys(products.model_of(product) if product is not None else ThingModel(), ())
    for report, entries in groupby(_entries(device, where), lambda each: each.entry.rpartition("#")[0]):
        row: Row = {TIME: int(report[: ids.STAMP])}
        for each in entries:
            data = msgspec.json.decode(each.data)
            if isinstance(data, dict):
                row |= {keys.key(each.service, name): value for name, value in data.items()}
        yield row


def _entries(device: Device, where: Condition) -> Iterator[HistoryRecord]:
    now = clock.now()
    low, high = between(where)
    oldest = max(low, now - BACK, now - history.kept_for(device.ageing))
    if oldest > high:
        return
    walk = Walk(
        HistoryRecord,
        device.device,
        HistoryRecord.entry,
        low=ids.listing_bound(oldest),
        high=ids.listing_bound(high) + HIGHEST,
        holds=HistoryRecord.ttl > now // clock.SECOND,
    )
    start: Key | None = None
    for _ in range(MOST_READS):
        records, start = next(walk.batches(start), ([], None))
        yield from records
        if start is None:
            return
    raise ListTooLong(f"more than {MOST_READS} MB of history: ask for a shorter time")


def _numbered(rows: Iterable[Row]) -> Iterator[Row]:
    for at, row in enumerate(rows, 1):
        if at > MOST_ROWS:
            raise ListTooLong(f"more than {MOST_ROWS} reports: ask for a shorter time")
        text = datetime.fromtimestamp(row[TIME] / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
        # a property of such a name is hidden behind the column
        yield {**row, ID: at, **{name: text[:length] for name, length in TEXTS.items()}}


def _grouped(rows: Iterable[Row], columns: Sequence[Column]) -> list[Row]:
    by = [each for each in columns if each.function is None]
    groups: dict[str, list[Row]] = {}
    for row in rows:
        name = msgspec.json.encode([row.get(each.column) for each in by]).decode()
        groups.setdefault(name, []).append(row)
        if len(groups) > MOST_GROUPS:
            raise ListTooLong(f"more than {MOST_GROUPS} groups")
    if not by and not groups:
        groups[""] = []
    return [
        {
            each.shown: members[0].get(each.column) if each.function is None else _figure(each, members)
            for each in columns
        }
        for members in groups.values()
    ]


def _figure(column: Column, rows: Sequence[Row]) -> Any:
    """None where no row has a value that the function takes."""
    if column.column == "*":
        return len(rows)
    values = [row[column.column] for row in rows if row.get(column.column) is not None]
    numbers = [exact for value in values if (exact := number(plain(value))) is not None]
    match column.function:
        case Function.COUNT:
            return len(values)
        case Function.FIRST:
            return values[0] if values else None
        case Function.LAST:
            return values[-1] if values else None
    if not numbers:
        return None
    figures: dict[Function | None, Callable[[], Any]] = {
        Function.SUM: lambda: sum(numbers),
        Function.AVG: lambda: sum(numbers) / len(numbers),
        Function.MIN: lambda: min(numbers),
        Function.MAX: lambda: max(numbers),
    }
    found = figures[column.function]()
    return int(found) if found == found.to_integral_value() else float(found)


def _rank(value: Any) -> tuple[int, Any]:
    """Numbers before texts, what is absent first."""
    exact = number(plain(value))
    if exact is not None:
        return 1, exact
    if isinstance(value, str):
        return 2, value
    return (0, 0) if value is None else (3, msgspec.json.encode(value))
