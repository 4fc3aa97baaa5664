"""What operators did."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta, field

from ....core import audit
from ....core import errors as core
from ....core.audit import Entry
from ....web.operations import Call
from .. import declaring
from ..schema import Cursor, Limit, Wire, millis, time_of


class AuditQuery(Wire, frozen=True):
    """Times as RFC 3339; `from` is included, `to` is not."""

    since: datetime | None = field(default=None, name="from")
    until: datetime | None = field(default=None, name="to")
    cursor: Cursor | None = None
    limit: Limit = 50


class EntryShown(Wire, frozen=True, kw_only=True):
    """`outcome` stays `begun` where the process died: it may or may not have been done."""

    id: str
    at: datetime
    operator: Annotated[str, Meta(description="`cli` on the command line")]
    operator_name: str
    action: str
    target: dict[str, str]
    outcome: str
    reason: str | None = None
    made: str | None = None
    address: str | None = None
    request_id: str | None = None


class AuditPage(Wire, frozen=True):
    """The next page has another `cursor`; the last one has none."""

    entries: list[EntryShown]
    cursor: str | None = None


@declaring.get("/audit", raises=(core.InvalidInput,))
def list_audit(call: Call[None, AuditQuery, None]) -> AuditPage:
    """List what operators did and were refused, newest first."""
    query = call.query
    found = audit.page(millis(query.since), millis(query.until), query.cursor, query.limit)
    return AuditPage([shown(each) for each in found.entries], found.cursor)


def shown(entry: Entry) -> EntryShown:
    return EntryShown(
        id=entry.id,
        at=time_of(entry.at),
        operator=entry.actor,
        operator_name=entry.actor_name,
        action=entry.action,
        target=entry.target,
        outcome=entry.outcome.value,
        reason=entry.reason,
        made=entry.made,
        address=entry.address,
        request_id=entry.request,
    )
