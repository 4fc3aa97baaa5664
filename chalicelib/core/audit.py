"""The record of what operators did, and of what they were refused.

An action that is one transaction carries its entry along: there is no action without an entry, and none
is written for what did not happen. Of any other action the entry is written first, as `begun`, and its
outcome afterwards: where that is missing, the process died and the action may or may not have been done.

An entry names no secret: who, what, on which records. It is kept `KEPT`. Those of a month are one
collection; operators are few.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum

import msgspec

from ..store.operators import AuditRecord
from ..store.transactions import Transaction, accompanied
from ..store.walks import Walk
from . import clock, cursors, ids
from .errors import PolythingError

KEPT = 400 * clock.DAY
MOST_LISTED = 200  # entries a page
LONGEST_REASON = 500  # characters


class Outcome(Enum):
    BEGUN = "begun"
    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"


class Actor(msgspec.Struct, frozen=True):
    """`id` is the operator's, or `cli` on the command line, where `name` is who said to be there."""

    id: str
    name: str
    address: str | None = None
    request: str | None = None


class Entry(msgspec.Struct, frozen=True):
    """`at` in ms. `target` names records by kind; `made` is the id of what the action made."""

    id: str
    at: int
    actor: str
    actor_name: str
    action: str
    target: dict[str, str]
    outcome: Outcome
    reason: str | None = None
    made: str | None = None
    address: str | None = None
    request: str | None = None


class Listing(msgspec.Struct, frozen=True):
    """`cursor` is where the next page starts, None at the end."""

    entries: list[Entry]
    cursor: str | None = None


@dataclass
class Note:
    """What is known only once it is done."""

    made: str | None = None


@contextmanager
def recorded(actor: Actor, action: str, target: Mapping[str, str], *, whole: bool = True) -> Iterator[Note]:
    """Wrap an action; `whole`: it is one transaction. One AWS call for a refusal, and for what is `made`;
    two where it is not whole; else none.
    """
    record, note = _record(actor, action, target), Note()
    if not whole:
        record.save()
    try:
        with accompanied(lambda change: _carried(change, record, whole=whole)) as companion:
            yield note
    except PolythingError as error:
        _end(record, Outcome.REFUSED, _reason(error))
        raise
    except BaseException as error:
        _end(record, Outcome.FAILED, type(error).__name__)
        raise
    if note.made or not whole or not companion.gone:
        record.made = note.made
        _end(record, Outcome.DONE)


def refused(actor: Actor, action: str, target: Mapping[str, str], error: PolythingError) -> None:
    """Record what was refused before it began. One AWS call."""
    _end(_record(actor, action, target), Outcome.REFUSED, _reason(error))


def _carried(change: Transaction, record: AuditRecord, *, whole: bool) -> None:
    if whole:
        record.outcome = Outcome.DONE.value
        change.put(record)


def _end(record: AuditRecord, outcome: Outcome, reason: str | None = None) -> None:
    record.outcome, record.reason = outcome.value, reason
    record.save()


def _reason(error: PolythingError) -> str:
    text = str(error)
    return (f"{type(error).__name__}: {text}" if text else type(error).__name__)[:LONGEST_REASON]


def _record(actor: Actor, action: str, target: Mapping[str, str]) -> AuditRecord:
    at = clock.now()
    return AuditRecord(
        _month(at),
        ids.ordered_id(at),
        at=at,
        actor=actor.id,
        actor_name=actor.name,
        address=actor.address,
        request=actor.request,
        action=action,
        target=msgspec.json.encode(dict(target)).decode(),
        outcome=Outcome.BEGUN.value,
        ttl=(at + KEPT) // clock.SECOND,
    )


def page(since: int | None, until: int | None, cursor: str | None, size: int) -> Listing:
    """Entries of `since` <= time < `until` (ms; None is no bound), newest first. One AWS call a month that
    the page reaches into. Raises InvalidInput.
    """
    now = clock.now()
    low = max(now - KEPT, since or 0)
    ahead = now + clock.DAY  # another process's clock may run ahead
    high = ahead if until is None else min(until, ahead)
    first, last = ids.ordered_bound(low), ids.ordered_bound(high)
    before = min(cursors.read(cursor), last) if cursor else last
    entries: list[Entry] = []
    for month in _months(low, int(before[:12], 16)):
        # what sorts below an entry's id ends where the id begins
        walk = Walk(AuditRecord, month, AuditRecord.entry, low=first, high=before, forward=False)
        wanted = size + 1 - len(entries)
        found, _ = walk.read(None, wanted + 1)
        entries += [_entry(each) for each in found if each.entry < before][:wanted]
        if len(entries) > size:
            kept = entries[:size]
            return Listing(kept, cursors.text_of(kept[-1].id))
    return Listing(entries)


def _entry(record: AuditRecord) -> Entry:
    return Entry(
        record.entry,
        int(record.at),
        record.actor,
        record.actor_name,
        record.action,
        msgspec.json.decode(record.target, type=dict[str, str]),
        Outcome(record.outcome),
        record.reason,
        record.made,
        record.address,
        record.request,
    )


def _month(at: int) -> str:
    return f"{datetime.fromtimestamp(at // clock.SECOND, UTC):%Y-%m}"


def _months(low: int, high: int) -> Iterator[str]:
    """From that of `high` back to that of `low`."""
    last, month = _month(low), _month(high)
    while month >= last:
        yield month
        begin = datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC)
        month = _month(int(begin.timestamp()) * clock.SECOND - 1)
