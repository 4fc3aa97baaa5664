"""What an unregistered person leaves: the bindings are ended, then all items deleted, the tombstone last.

The tombstone (`users.remove`) keeps a deadline, so the sweep sends the job again where a crash lost it.
Every step may be repeated.

Source: Feiyan 6.6.29
"""

from ..aws import queues
from ..store.transactions import ConditionFailed, Transaction
from ..store.users import BINDING, USER, BindingRecord, UserItem, UserRecord
from ..store.walks import Walk
from . import avatars, bindings, clock, push_channels, users
from .binding_ends import Reason
from .errors import NotBound

BINDINGS_AT_ONCE = 100  # ended by one job; more follow in the next
ERASED_AT_ONCE = 2_000  # items of one job
FIRST_BELONGING = "$"  # above the person's own item, below every other


def perform(user: str) -> None:
    """The background job. Two AWS calls a binding, and a batch write a 25 items. Harmless to repeat."""
    tombstone = UserRecord.find(user, USER)
    if tombstone is None or not tombstone.deleted:
        return
    person = users.user_of(tombstone).person
    for channel in push_channels.of_user(user):
        push_channels.unbind(person, channel.phone)
    bound = [each.device for each in bindings.of_user(user)]
    for device in bound[:BINDINGS_AT_ONCE]:
        _end(user, device)
    if len(bound) > BINDINGS_AT_ONCE or _erase_some(user):
        queues.work(users.UNREGISTER, user=user)
    else:
        avatars.delete(users.user_of(tombstone))
        tombstone.delete()


def sweep() -> int:
    """Send the job again where it was lost, and wait as long again; answers how often."""
    now, seen = clock.now(), 0
    for number in range(users.SHARDS):
        for due in UserRecord.by_deadline.query(str(number), UserRecord.deadline <= now):
            queues.work(users.UNREGISTER, user=due.user)
            change = Transaction()
            later = [UserRecord.deadline.set(now + users.UNREGISTER_AGAIN)]
            change.update(UserRecord(due.user, USER), later, UserRecord.deleted.exists())
            try:
                change.commit()
            except ConditionFailed:  # cleared just now
                continue
            seen += 1
    return seen


def _end(user: str, device: str) -> None:
    try:
        bindings.unbind(user, device, Reason.USER_REMOVED)
    except NotBound:  # ended meanwhile; nobody binds the person again
        BindingRecord(user, BINDING + device).delete()


def _erase_some(user: str) -> bool:
    """Delete some ERASED_AT_ONCE of the person's items, of whatever kind; True where more may be left."""
    erased = 0
    items = Walk(UserItem, user, UserItem.item, low=FIRST_BELONGING, attributes=("item",))
    for some in items.facts():
        with UserItem.batch_write() as batch:
            for each in some:
                batch.delete(UserItem(user, each.item))
        erased += len(some)
        if erased >= ERASED_AT_ONCE:
            return True
    return False
