"""Conditions on the rows of an aggregate query: trees of comparisons, nothing that runs.

Source: Feiyan 6.11.1
"""

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any

import msgspec

from .errors import InvalidInput
from .things import number

MOST_NODES = 100  # of a condition, comparisons included
MOST_DEPTH = 8
MOST_VALUES = 100  # of one comparison
TIME = "time"
LATEST = 10**13 - 1  # ms


class Operator(Enum):
    EQUAL = "="
    UNEQUAL = "!="
    LESS = "<"
    AT_MOST = "<="
    MORE = ">"
    AT_LEAST = ">="
    IN = "in"


class Comparison(msgspec.Struct, frozen=True):
    """False of a row that has no such value, or one that cannot be compared. IN takes a list."""

    column: str
    operator: Operator
    value: Any


class Condition(msgspec.Struct, frozen=True):
    """Of none at all it is true."""

    comparisons: tuple[Comparison, ...] = ()
    conditions: "tuple[Condition, ...]" = ()
    every: bool = True  # else one is enough


def check(where: Condition) -> None:
    """Raises InvalidInput where it is too large, or compares with what cannot be compared."""
    if sum(1 for _ in _nodes(where)) > MOST_NODES:
        raise InvalidInput("expr", f"has more than {MOST_NODES} parts")


def _nodes(where: Condition, depth: int = 1) -> Iterator[object]:
    if depth > MOST_DEPTH:
        raise InvalidInput("expr", f"is nested deeper than {MOST_DEPTH}")
    yield where
    for each in where.comparisons:
        values = each.value if isinstance(each.value, list) else [each.value]
        if (each.operator is Operator.IN) is not isinstance(each.value, list) or len(values) > MOST_VALUES:
            raise InvalidInput("expr", f"in takes a list of {MOST_VALUES} values at most, others take one")
        if any(isinstance(value, dict | list) for value in values):
            raise InvalidInput("expr", "compares with numbers, texts and truth values")
        yield each
    for each_ in where.conditions:
        yield from _nodes(each_, depth + 1)


def between(where: Condition) -> tuple[int, int]:
    """The earliest and the latest time, ms, at which the condition can be true."""
    low, high = 0, LATEST
    parts = [
        bound for each in where.comparisons if each.column == TIME and (bound := _bound(each)) is not None
    ]
    parts += [between(each) for each in where.conditions]
    if where.every:
        return max([low, *(part[0] for part in parts)]), min([high, *(part[1] for part in parts)])
    if not parts or len(parts) < len(where.comparisons) + len(where.conditions):
        return low, high
    return min(part[0] for part in parts), max(part[1] for part in parts)


def _bound(comparison: Comparison) -> tuple[int, int] | None:
    exact = number(comparison.value)
    if exact is None or not abs(exact) < 10**13:
        return None
    at, low, high = int(exact), 0, LATEST
    match comparison.operator:
        case Operator.EQUAL:
            return at, at
        case Operator.LESS | Operator.AT_MOST:
            return low, max(at, 0)
        case Operator.MORE | Operator.AT_LEAST:
            return max(at, 0), high
        case _:
            return None


def holds(where: Condition, row: Mapping[str, Any]) -> bool:
    judged = [_compares(each, row.get(each.column)) for each in where.comparisons]
    judged += [holds(each, row) for each in where.conditions]
    return all(judged) if where.every else any(judged) or not judged


def _compares(comparison: Comparison, held: Any) -> bool:
    if held is None:
        return False
    if comparison.operator is Operator.IN:
        return any(_equal(held, each) for each in comparison.value)
    if comparison.operator in (Operator.EQUAL, Operator.UNEQUAL):
        return _equal(held, comparison.value) is (comparison.operator is Operator.EQUAL)
    one, other = number(held), number(comparison.value)
    if one is None or other is None:
        if not isinstance(held, str) or not isinstance(comparison.value, str):
            return False
        return _ordered(comparison.operator, held, comparison.value)
    return _ordered(comparison.operator, one, other)


def _ordered(operator: Operator, one: Any, other: Any) -> bool:
    match operator:
        case Operator.LESS:
            return bool(one < other)
        case Operator.AT_MOST:
            return bool(one <= other)
        case Operator.MORE:
            return bool(one > other)
        case _:
            return bool(one >= other)


def _equal(one: Any, other: Any) -> bool:
    """Devices write 35 as 35.0 or as "35"; truth values are 0 and 1."""
    exact = number(plain(one))
    return plain(one) == plain(other) if exact is None else exact == number(plain(other))


def plain(value: Any) -> Any:
    return int(value) if isinstance(value, bool) else value
