"""Tables of what a thing reported. Source: Feiyan 6.11; the names of tables and columns are ours"""

import re
from typing import Annotated, Any

from msgspec import Meta

from ....core import aggregates
from ....core import errors as core
from ....core.aggregate_conditions import MOST_DEPTH, Comparison, Condition, Operator
from ....core.aggregates import Column, Function, Order, Query
from ....web.operations import Call
from ..declaring import client
from ..schema import IotId, PageNo, Wire
from .things import UNBOUND, opened

TABLE = "properties"
FUNCTIONS = {each.value: each for each in Function}
OPERATORS = {
    **{each.value: each for each in Operator},
    "==": Operator.EQUAL,
    "<>": Operator.UNEQUAL,
    "eq": Operator.EQUAL,
    "ne": Operator.UNEQUAL,
    "lt": Operator.LESS,
    "le": Operator.AT_MOST,
    "lte": Operator.AT_MOST,
    "gt": Operator.MORE,
    "ge": Operator.AT_LEAST,
    "gte": Operator.AT_LEAST,
}
CALL = re.compile(r"\s*([A-Za-z]{1,16})\(\s*([^()]{1,512}?)\s*\)\s*")

Name = Annotated[str, Meta(max_length=512)]


class ColumnChoice(Wire, frozen=True):
    """`func` is count, sum, avg, min, max, first or last; without it the column itself is shown."""

    col: Annotated[Name, Meta(min_length=1)]
    func: Annotated[str, Meta(max_length=16)] | None = None
    alias: Name | None = None


class Filter(Wire, frozen=True):
    """`op` is =, !=, <, <=, >, >= or in; `value` a number or text, of `in` a list of these."""

    col: Annotated[Name, Meta(min_length=1)]
    value: Any
    op: Annotated[str, Meta(max_length=8)] = "="


class Expression(Wire, frozen=True):
    """`op` and: all filters and expressions have to hold; or: one of them. Without any all rows are shown."""

    op: Annotated[str, Meta(max_length=8, examples=["and"])] = "and"
    filters: tuple[Filter, ...] = ()
    exprs: "tuple[Expression, ...]" = ()


class Sorting(Wire, frozen=True):
    """`type` is asc or desc."""

    col: Name = ""
    type: Annotated[str, Meta(max_length=8, examples=["asc"])] = "asc"


class AggregateQuery(Wire, frozen=True):
    """`cols`: names, such as "avg(level)"; objects; or an object of names by what they are called in the
    answer. None of them is every column.
    """

    iot_id: IotId
    cols: Annotated[list[str | ColumnChoice] | dict[str, str], Meta(examples=[["dim_day", "avg(level)"]])]
    table_name: Annotated[str, Meta(max_length=256, examples=[TABLE])]
    expr: Expression
    page_no: PageNo
    page_size: Annotated[int, Meta(ge=1, le=aggregates.MOST_PAGE, examples=[20])]
    order_by: tuple[Sorting, ...] | Sorting = ()


@client(
    "/datacenter/data/aggregate/query",
    "1.0.1",
    source="Feiyan 6.11.1",
    raises=(core.NotBound, core.ListTooLong),
    faults=UNBOUND,
)
def query_aggregate(call: Call[None, None, AggregateQuery]) -> list[dict[str, Any]]:
    """Rows of the table `properties`, one for each report of the last 30 days, or figures over them.

    Columns are the identifiers of properties, and `id`, `time` (ms), `dim_time`, `dim_minute`, `dim_hour` and
    `dim_day` (text, in UTC). A time in `expr` makes the query cheaper: it may read 8 MB of history, 20,000
    reports and 5,000 groups. Two AWS calls, one more a megabyte.
    """
    asked = call.body
    if asked.table_name != TABLE:
        raise core.InvalidInput("tableName", f"is not {TABLE}")
    query = Query(
        tuple(_columns(asked.cols)),
        _condition(asked.expr),
        tuple(_orders(asked.order_by)),
        asked.page_no - 1,
        asked.page_size,
    )
    device, _ = opened(call.caller, asked.iot_id)
    return aggregates.run(device, query)


def _columns(given: list[str | ColumnChoice] | dict[str, str]) -> list[Column]:
    if isinstance(given, dict):
        return [_column(text, alias) for alias, text in given.items()]
    return [
        _column(each) if isinstance(each, str) else Column(each.col, _function(each.func), each.alias)
        for each in given
    ]


def _column(text: str, alias: str | None = None) -> Column:
    called = CALL.fullmatch(text)
    if called is None:
        if "(" in text:
            raise core.InvalidInput("cols", f"has no such form: {text[:64]}")
        return Column(text.strip(), None, alias)
    return Column(called[2], _function(called[1]), alias)


def _function(name: str | None) -> Function | None:
    if not name:
        return None
    found = FUNCTIONS.get(name.lower())
    if found is None:
        raise core.InvalidInput("cols", f"knows no function {name}")
    return found


def _condition(given: Expression, depth: int = 1) -> Condition:
    if depth > MOST_DEPTH:
        raise core.InvalidInput("expr", f"is nested deeper than {MOST_DEPTH}")
    op = given.op.lower()
    if op not in ("and", "or"):
        raise core.InvalidInput("expr.op", "is neither and nor or")
    return Condition(
        tuple(Comparison(each.col, _operator(each.op), each.value) for each in given.filters),
        tuple(_condition(each, depth + 1) for each in given.exprs),
        op == "and",
    )


def _operator(name: str) -> Operator:
    found = OPERATORS.get(name.lower())
    if found is None:
        raise core.InvalidInput("expr.filters.op", f"is none of {', '.join(each.value for each in Operator)}")
    return found


def _orders(given: tuple[Sorting, ...] | Sorting) -> list[Order]:
    listed = given if isinstance(given, tuple) else (given,)
    for each in listed:
        if each.type.lower() not in ("asc", "desc"):
            raise core.InvalidInput("orderBy.type", "is neither asc nor desc")
    return [Order(each.col, each.type.lower() == "desc") for each in listed if each.col]
