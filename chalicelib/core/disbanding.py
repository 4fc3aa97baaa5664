"""Clearing what a deleted group leaves: its members' items, its own last."""

from ..aws import queues
from ..store.devices import MEMBER, MemberRecord
from ..store.groups import GroupRecord
from ..store.transactions import ConditionFailed, Transaction
from ..store.walks import Key
from . import clock, memberships, regrouping

DISBAND = "disband"
AGAIN = 10 * clock.MINUTE
PAGES_AT_ONCE = 20  # of a hundred members, cleared by one job
CLEARED_AT_ONCE = 100
INDEX_LAG = 10 * clock.SECOND  # a device that joined just before may not be in the index yet


def perform(group: str) -> None:
    """The background job: clear the items of a deleted group's members, its own last. Harmless to repeat."""
    tombstone = GroupRecord.find(group)
    if tombstone is None or not tombstone.deleted:
        return
    place: Key | None = None
    for _ in range(PAGES_AT_ONCE):
        records, place = memberships.walk(group).read(place, CLEARED_AT_ONCE)
        _forget(group, [record.device for record in records])
        if place is None:
            break
    young = clock.now() - int(tombstone.deadline) + AGAIN < INDEX_LAG
    if place is not None or young:
        queues.work(DISBAND, 0 if place else INDEX_LAG // clock.SECOND, group=group)
    else:
        tombstone.delete()


def _forget(group: str, devices: list[str]) -> None:
    """Delete the member items that still name the group: a device may have joined another."""
    for device in devices:
        change = Transaction()
        change.delete(MemberRecord(device, MEMBER), MemberRecord.group == group)
        try:
            change.commit()
        except ConditionFailed:
            continue


def sweep() -> int:
    """Send the clearing of deleted groups again where it was lost; answers how many."""
    now, seen = clock.now(), 0
    for number in range(regrouping.SHARDS):
        for due in GroupRecord.by_deadline.query(str(number), GroupRecord.deadline <= now):
            queues.work(DISBAND, group=due.id)
            seen += 1
    return seen
