"""The log of deliveries: each try, by subscription or rule.

A batch of attempts is one write, which may lose what DynamoDB has no room for at the moment and never
holds up a delivery. Entries are kept as long as events are, so that what stands here can be replayed.
"""

from collections.abc import Sequence
from dataclasses import replace

import msgspec

from ..logs import logger
from ..store.base import connection
from ..store.deliveries import AttemptRecord
from ..store.walks import Walk
from . import clock, cursors, events, ids

MOST_LISTED = 200  # entries a page
LONGEST_REASON = 300  # characters


class Attempt(msgspec.Struct, frozen=True):
    """Times in ms. `delivery` is the id over all tries; `status` and `ms` where there was an answer."""

    id: str
    at: int
    delivery: str
    source: str
    notify_type: str
    target: str
    outcome: str
    tries: int
    status: int | None = None
    ms: int | None = None
    reason: str | None = None


class Listing(msgspec.Struct, frozen=True):
    """`cursor` is where the next page starts, None at the end."""

    attempts: list[Attempt]
    cursor: str | None = None


def line(owner: str, subscription: str) -> str:
    """Whose log it is; "" is that of URLs that came with a command."""
    return f"{owner}#{subscription}"


def write(attempts: Sequence[tuple[str, Attempt]]) -> None:
    """Attempts with their lines: one AWS call for up to 25, none for none. Never raises."""
    if not attempts:
        return
    puts = [{"PutRequest": {"Item": _record(where, each).serialize()}} for where, each in attempts]
    try:
        connection().dispatch("BatchWriteItem", {"RequestItems": {AttemptRecord.Meta.table_name: puts[:25]}})
    except Exception:  # noqa: BLE001 - what was delivered must not be delivered again for want of a log
        logger().exception("the delivery log could not be written")


def page(where: str, since: int | None, until: int | None, cursor: str | None, size: int) -> Listing:
    """Newest first, of `since` <= time < `until` (ms; None is no bound). One AWS call.

    Raises InvalidInput.
    """
    before = cursors.read(cursor) if cursor else None
    found, _ = _walk(where, since, until, before, forward=False).read(None, size + 2)
    kept = [_attempt(each) for each in found if each.entry != before]
    more = len(kept) > size
    return Listing(kept[:size], cursors.text_of(kept[size - 1].id) if more else None)


def after(where: str, since: int, until: int, place: str, size: int) -> list[Attempt]:
    """Oldest first, behind the entry `place`, "" for the first. One AWS call."""
    walk = _walk(where, since, until, None, forward=True)
    if place:
        walk = replace(walk, low=f"{place}!")  # above the place itself, below any other
    found, _ = walk.read(None, size)
    return [_attempt(each) for each in found]


def find(where: str, entry: str) -> Attempt | None:
    """One AWS call."""
    record = AttemptRecord.find(where, entry)
    return _attempt(record) if record else None


def _walk(
    where: str, since: int | None, until: int | None, before: str | None, *, forward: bool
) -> Walk[AttemptRecord]:
    low = ids.ordered_bound(since or 0)
    high = ids.ordered_bound(clock.now() + clock.DAY if until is None else until)
    high = min(high, before) if before else high
    return Walk(AttemptRecord, where, AttemptRecord.entry, low=low, high=high, forward=forward)


def _record(where: str, attempt: Attempt) -> AttemptRecord:
    values = {name: value for name, value in msgspec.structs.asdict(attempt).items() if value is not None}
    entry = values.pop("id")
    if attempt.reason:
        values["reason"] = attempt.reason[:LONGEST_REASON]
    return AttemptRecord(where, entry, ttl=(attempt.at + events.KEPT) // clock.SECOND, **values)


def _attempt(record: AttemptRecord) -> Attempt:
    return msgspec.convert(record.values() | {"id": record.entry}, Attempt)
