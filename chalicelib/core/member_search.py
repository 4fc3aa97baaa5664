"""The devices of several groups, page by page: where a search goes on is a place that can be kept."""

import msgspec

from ..store.groups import GroupRecord
from ..store.walks import Key
from . import memberships


class Place(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where the search goes on: in the first of the `groups` that are left, after `start`."""

    groups: tuple[str, ...] = ()
    start: Key | None = None


def page(owner: str, place: Place, limit: int) -> tuple[list[str], Place | None]:
    """Up to `limit` devices of the first group that is left, and where to go on; None there is the end.

    A group that was deleted meanwhile has none. Two AWS calls.
    """
    if not place.groups:
        return [], None
    first, *rest = place.groups
    group = GroupRecord.find(first)
    found: list[str] = []
    start: Key | None = None
    if group is not None and not group.deleted and group.owner == owner:
        found, start = memberships.members(group, place.start, limit)
    if start is not None:
        return found, Place(place.groups, start)
    return found, Place(tuple(rest)) if rest else None
