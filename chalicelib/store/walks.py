"""Walks: a range of one partition, of a table or of an index, read from any place in either direction.

Raw queries, because PynamoDB's own add a filter on the item's kind, which no index carries.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Generic

from pynamodb.attributes import UnicodeAttribute
from pynamodb.expressions.condition import Condition

from .base import M

Key = dict[str, dict[str, str]]  # as DynamoDB writes it: attribute to type to value

MOST_READS = 250  # queries (1 MB each, some 4,000 devices) that skipping, counting or filtering may cost
LOWEST, HIGHEST = "!", "~"  # around every sort key in use: digits, letters and "#"


class WalkTooLong(Exception):
    """More than MOST_READS queries would be needed."""


class Facts:
    """An item by its attributes, which are read when they are asked for; None where it has none."""

    __slots__ = ("_item",)

    def __init__(self, item: dict[str, dict[str, Any]]) -> None:
        self._item = item

    def __getattr__(self, name: str) -> Any:
        for kind, held in self._item.get(name, {}).items():
            return int(held) if kind == "N" else held
        return None


@dataclass(frozen=True)
class Walk(Generic[M]):
    """All items of `partition` with `low` <= `sort` <= `high` that `holds` is true of.

    Without `index` it is the table itself. `attributes` are those to read, all by default.
    """

    model: type[M]
    partition: str
    sort: UnicodeAttribute
    index: str | None = None
    low: str = LOWEST
    high: str = HIGHEST
    forward: bool = True
    holds: Condition | None = None
    attributes: tuple[str, ...] | None = None

    def read(self, start: Key | None, limit: int) -> tuple[list[M], Key | None]:
        """Up to `limit` records after `start`, and where to go on; None there is the end. Usually one
        AWS call, one more a megabyte.
        """
        records: list[M] = []
        key = start
        for batch, following in self.batches(start, limit):
            records += batch
            key = following
        return records, key

    def batches(self, start: Key | None, limit: int | None = None) -> Iterator[tuple[list[M], Key | None]]:
        """The records of one AWS call at a time; raises WalkTooLong after MOST_READS of them."""
        for answer in self._answers(start, limit, None):
            yield [self.model.from_raw_data(item) for item in answer["Items"]], answer.get("LastEvaluatedKey")

    def facts(self) -> Iterator[list[Facts]]:
        """All items, those of one AWS call at a time, without a record of each: some thousands a megabyte,
        of which each is looked at once. Raises WalkTooLong.
        """
        for answer in self._answers(None, None, None):
            yield [Facts(item) for item in answer["Items"]]

    def skip(self, count: int) -> tuple[int, Key | None]:
        """How many of the first `count` records there are, and where to go on after them.

        Transfers no records. Raises WalkTooLong.
        """
        skipped, key = 0, None
        for answer in self._answers(None, count, "COUNT"):
            skipped += answer["Count"]
            key = answer.get("LastEvaluatedKey")
        return skipped, key

    def count(self) -> int:
        """How many records there are; transfers none of them. Raises WalkTooLong."""
        return sum(answer["Count"] for answer in self._answers(None, None, "COUNT"))

    def _answers(self, start: Key | None, limit: int | None, select: str | None) -> Iterator[dict[str, Any]]:
        """Query until `limit` records are found.

        DynamoDB limits what it examines, so a call never finds more than are still wanted.
        """
        if self.low > self.high or self._ended(start):
            return
        left, key = limit, None if self._ahead(start) else start
        for _ in range(MOST_READS):
            answer = self._query(key, left, select)
            yield answer
            key = answer.get("LastEvaluatedKey")
            left = None if left is None else left - answer["Count"]
            if key is None or left == 0:
                return
        raise WalkTooLong(self.partition)

    # A bound that moves (the age of data) may have passed the place, and DynamoDB refuses such a key.

    def _ended(self, start: Key | None) -> bool:
        """Whether the place lies behind the range's end."""
        if start is None:
            return False
        return self._at(start) > self.high if self.forward else self._at(start) < self.low

    def _ahead(self, start: Key | None) -> bool:
        """Whether the place lies before the range's beginning."""
        if start is None:
            return True
        return self._at(start) < self.low if self.forward else self._at(start) > self.high

    def _at(self, start: Key) -> str:
        return start[str(self.sort.attr_name)]["S"]

    def _query(self, start: Key | None, limit: int | None, select: str | None) -> dict[str, Any]:
        answer: dict[str, Any] = self.model._get_connection().query(
            self.partition,
            range_key_condition=self.sort.between(self.low, self.high),
            filter_condition=self.holds,
            attributes_to_get=list(self.attributes) if self.attributes and not select else None,
            exclusive_start_key=start,
            index_name=self.index,
            limit=limit,
            scan_index_forward=self.forward,
            select=select,
        )
        return answer
