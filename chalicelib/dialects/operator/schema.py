"""What goes over the wire here: names in camel case, times as RFC 3339, unknown fields refused.

A mistyped `dryRun` must not destroy what was only to be looked at.
"""

from datetime import UTC, datetime
from typing import Annotated

from msgspec import Meta, Struct, field

Id = Annotated[str, Meta(min_length=1, max_length=64)]
Name = Annotated[str, Meta(min_length=1, max_length=128)]
Limit = Annotated[int, Meta(ge=1, le=200)]
Cursor = Annotated[str, Meta(max_length=512, description="`cursor` of the page before")]
Number = Annotated[int, Meta(ge=0)]


class Wire(Struct, frozen=True, rename="camel", omit_defaults=True, forbid_unknown_fields=True):
    """Base of what goes over the wire."""


class Destroying(Wire, frozen=True):
    """`dryRun`: say what would be destroyed, and destroy nothing."""

    dry_run: bool = False


class Destroyed(Struct, frozen=True, rename="camel"):
    """What is gone, or with `dryRun` would be."""

    kind: str
    id: str
    name: str
    dry_run: bool


class TenantPath(Wire, frozen=True):
    tenant_id: Id


class ApplicationPath(Wire, frozen=True):
    application_id: Id


class CursorQuery(Wire, frozen=True):
    cursor: Cursor | None = None
    limit: Limit = 50


class PageQuery(Wire, frozen=True):
    """`page` counts from 0."""

    page: Number = field(default=0)
    limit: Limit = 50


def time_of(at: int) -> datetime:
    """Of milliseconds."""
    return datetime.fromtimestamp(at // 1000, UTC).replace(microsecond=at % 1000 * 1000)


def time_or_none(at: int | None) -> datetime | None:
    return None if at is None else time_of(at)


def millis(time: datetime | None) -> int | None:
    """A time without a zone is taken for UTC."""
    if time is None:
        return None
    zoned = time if time.tzinfo else time.replace(tzinfo=UTC)
    return round(zoned.timestamp() * 1000)
