"""Shares as people see them: what has become of an offer, and the lists of notices.

Of an offer that nobody has answered only that is stored. Whether it is over by time, or because its
initiator has lost the device, is seen when it is read; the change that answers it has the same
conditions (`core/share_answers.py`). Notices are forgotten some time after their offer.

Source: Feiyan 6.6.7, 6.6.8, 6.6.16
"""

from collections.abc import Iterable, Sequence
from enum import Enum
from functools import partial

import msgspec

from ..store.devices import DEVICE, HOLDER, MANAGER, DeviceItem, DeviceRecord, HolderRecord, ManagerRecord
from ..store.reading import find_all
from ..store.shares import BOOK, NOTICE, BookRecord, NoticeRecord
from ..store.users import UserItem
from ..store.walks import HIGHEST, Key, Walk
from . import clock, devices, ids, paging
from .binding_reads import Role
from .errors import NotBound, NotManager, ShareNotFound
from .paging import Page, Source
from .users import Person

KEPT = 90 * clock.DAY  # a notice, from its offer on
MOST_KEYS = 100  # items of one read
BATCH = 32  # characters of a batch's id


class State(Enum):
    OFFERED = "offered"
    AGREED = "agreed"
    REFUSED = "refused"
    CANCELED = "canceled"
    EXPIRED = "expired"
    SEIZED = "seized"  # another person manages the device by now
    DELETED = "deleted"  # the device
    UNBOUND = "unbound"  # the initiator, who may be bound anew since


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """One device that `initiator` offers to `receiver`; times in ms. `size` counts the shares of its batch.

    `received` where it is seen from the receiver; `until` is when the offer is over; aliases are those of
    the time of the offer.
    """

    id: str
    batch: str
    size: int
    received: bool
    device: str
    product: str
    node_id: str
    node_type: str
    initiator: str
    receiver: str
    initiator_alias: str
    receiver_alias: str
    managed: int
    state: State
    created: int
    modified: int
    until: int


class Notice(msgspec.Struct, frozen=True):
    """One line of a list: a share or, of a list by batches, all shares of one."""

    shares: list[Share]

    @property
    def state(self) -> State:
        """OFFERED while any share is."""
        states = [each.state for each in self.shares]
        return State.OFFERED if State.OFFERED in states else states[0]


def notices(person: Person, number: int, size: int, *, batches: bool = False) -> Page[Notice]:
    """What the person has offered and was offered, newest first; with `batches` a line a batch.

    AWS calls: two, those of `paging`, for batches one more, and one for each 33 open offers of the page.
    Raises ListTooLong.
    """
    book = UserItem.find(person.user, BOOK)
    cleared = int(book.cleared) if isinstance(book, BookRecord) else 0
    walk = Walk(
        NoticeRecord,
        person.user,
        NoticeRecord.item,
        low=NOTICE + ids.ordered_bound(cleared),
        high=NOTICE + HIGHEST,
        forward=False,
        holds=(NoticeRecord.first == True) if batches else None,  # noqa: E712 - a condition
    )
    name = paging.name(person.tenant, person.user, "notices", batches, cleared, size)
    read = partial(_read_batches if batches else _read_shares, walk)
    return paging.page(name, number, size, Source(read, walk.skip, walk.count))


def _read_shares(walk: Walk[NoticeRecord], start: Key | None, limit: int) -> tuple[list[Notice], Key | None]:
    records, following = walk.read(start, limit)
    return [Notice([each]) for each in judged(share_of(record) for record in records)], following


def _read_batches(walk: Walk[NoticeRecord], start: Key | None, limit: int) -> tuple[list[Notice], Key | None]:
    firsts, following = walk.read(start, limit)
    if not firsts:
        return [], following
    low, high = (NOTICE + share_of(each).batch for each in (firsts[-1], firsts[0]))
    found: dict[str, list[Share]] = {}
    for share in judged(_between(walk.partition, low, high + HIGHEST)):
        found.setdefault(share.batch, []).append(share)
    return [Notice(found[batch]) for batch in sorted(found, reverse=True)], following


def of_batch(person: Person, batch: str) -> list[Share]:
    """All shares of a batch that the person has a part in, whether cleared or not. Two AWS calls, one where
    none is open. Raises ShareNotFound.
    """
    return list(judged(stored_batch(person, batch)))


def stored_batch(person: Person, batch: str) -> list[Share]:
    """As they were written. One AWS call. Raises ShareNotFound."""
    found = []
    if ids.is_random_id(batch):
        found = _between(person.user, NOTICE + batch, NOTICE + batch + HIGHEST)
    if not found:
        raise ShareNotFound(batch)
    return found


def stored(person: Person, shares: Sequence[str]) -> list[Share]:
    """As they were written, in this order. One AWS call. Raises ShareNotFound where one is not there."""
    keys = [(UserItem, person.user, NOTICE + each) for each in dict.fromkeys(shares)]
    found = find_all(keys) if all(0 < len(each) <= BATCH + 2 for each in shares) else {}
    records = [found.get(key) for key in keys]
    if not keys or not all(isinstance(each, NoticeRecord) for each in records):
        raise ShareNotFound(", ".join(shares))
    return [share_of(each) for each in records if isinstance(each, NoticeRecord)]


def members(person: Person, wanted: Sequence[str], user: str) -> dict[str, bool]:
    """Of devices that the person manages, whether they are shared with `user`. One AWS call for fifty.

    Raises NotBound, NotManager. Source: Feiyan 6.6.17
    """
    known = [each for each in dict.fromkeys(wanted) if ids.is_random_id(each)]
    if len(known) < len(set(wanted)):
        raise NotBound("no id of a device")
    shared: dict[str, bool] = {}
    at_once = MOST_KEYS // 2
    for at in range(0, len(known), at_once):
        some = known[at : at + at_once]
        found = find_all((DeviceItem, each, HOLDER + who) for each in some for who in (person.user, user))
        for each in some:
            own = found.get((DeviceItem, each, HOLDER + person.user))
            other = found.get((DeviceItem, each, HOLDER + user))
            if not isinstance(own, HolderRecord):
                raise NotBound(each)
            if Role(own.role) is not Role.MANAGER:
                raise NotManager(each)
            shared[each] = user != person.user and other is not None
    return shared


def clear(person: Person) -> None:
    """Empty the person's own list, whatever its notices are about. What is offered stays so. One AWS call."""
    BookRecord(person.user, BOOK, cleared=clock.now() + 1).save()


def judged(shares: Iterable[Share]) -> list[Share]:
    """With the states of now. No AWS call where none is open, else one for each 33 that are."""
    given, now = list(shares), clock.now()
    ended = {each.id: State.EXPIRED for each in given if each.state is State.OFFERED and each.until <= now}
    open_ = [each for each in given if each.state is State.OFFERED and each.id not in ended]
    at_once = MOST_KEYS // 3
    for at in range(0, len(open_), at_once):
        ended |= _lost(open_[at : at + at_once])
    return [msgspec.structs.replace(each, state=ended.get(each.id, each.state)) for each in given]


def _lost(shares: Sequence[Share]) -> dict[str, State]:
    """Those whose initiator does not manage the device any more."""
    found = find_all(
        (DeviceItem, each.device, item)
        for each in shares
        for item in (DEVICE, MANAGER, HOLDER + each.initiator)
    )
    lost: dict[str, State] = {}
    for each in shares:
        record = found.get((DeviceItem, each.device, DEVICE))
        manager = found.get((DeviceItem, each.device, MANAGER))
        holder = found.get((DeviceItem, each.device, HOLDER + each.initiator))
        if not isinstance(record, DeviceRecord) or record.deleted or devices.expired(record):
            lost[each.id] = State.DELETED
        elif isinstance(holder, HolderRecord) and manages(holder, each.managed):
            continue
        elif isinstance(manager, ManagerRecord) and manager.user != each.initiator:
            lost[each.id] = State.SEIZED
        else:
            lost[each.id] = State.UNBOUND
    return lost


def manages(holder: HolderRecord, since: int) -> bool:
    return Role(holder.role) is Role.MANAGER and int(holder.bound) == since


def share_of(record: NoticeRecord) -> Share:
    ident = record.item.removeprefix(NOTICE)
    return msgspec.convert(record.values() | {"id": ident, "batch": ident[:BATCH]}, Share)


def record_of(share: Share, *, received: bool) -> NoticeRecord:
    """One side of the share."""
    facts = msgspec.structs.asdict(share) | {"state": share.state.value, "received": received}
    ident, batch = facts.pop("id"), facts.pop("batch")
    return NoticeRecord(
        share.receiver if received else share.initiator,
        NOTICE + ident,
        first=True if ident == share_id(batch, 0) else None,
        ttl=(share.created + KEPT) // clock.SECOND,
        **facts,
    )


def share_id(batch: str, number: int) -> str:
    return f"{batch}{number:02x}"


def _between(user: str, low: str, high: str) -> list[Share]:
    records = UserItem.query(user, UserItem.item.between(low, high), consistent_read=True)
    return [share_of(each) for each in records if isinstance(each, NoticeRecord)]
