"""Subscriptions: which notify types of a dialect go to which callback URL.

An application has at most `MOST` in a dialect. A subscription never changes: it is made, read and
deleted, and from then on nothing is sent for it, not even what waits already.

Source: Huawei 1.7
"""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from ..store.base import as_struct
from ..store.subscriptions import (
    SubscriptionCountRecord,
    SubscriptionRecord,
    by_id,
    by_pair,
    by_type,
    counted,
)
from ..store.transactions import Transaction
from . import authority, callbacks, clock, ids
from .applications import Caller
from .errors import ListTooLong, SubscriptionExists, SubscriptionNotFound, TooManySubscriptions

MOST = 2000  # of one application in one dialect
LONGEST_LIST = 1000
HTTP = "HTTP"
DELETED_AT_ONCE = 49  # two items each and the count: a transaction holds a hundred


class Subscription(msgspec.Struct, frozen=True):
    """`created` in ms. `maker` is the application that made it for its owner, where that is another;
    a `tied` one is the maker's own and rests while the maker is not authorised.
    """

    id: str
    owner: str
    dialect: str
    notify_type: str
    url: str
    channel: str
    created: int
    maker: str | None = None
    tied: bool | None = None


def create(
    caller: Caller, dialect: str, notify_type: str, url: str, channel: str = HTTP, *, owners: bool = False
) -> Subscription:
    """One AWS call. `owners`: a caller who acts for another gives the owner's URL, not its own.

    Raises CallbackRefused, SubscriptionExists, TooManySubscriptions, NotAuthorized.
    Source: Huawei 1.7.1, 1.7.2
    """
    callbacks.check_url(url)
    now = clock.now()
    made = Subscription(ids.ordered_id(now), caller.owner, dialect, notify_type, url, channel, now)
    change = Transaction()
    if caller.application != caller.owner:
        made = msgspec.structs.replace(made, maker=caller.application, tied=not owners)
        authority.require(change, caller)
    change.put(
        _record(made, by_pair(dialect, notify_type, url)),
        SubscriptionRecord.owner.does_not_exist(),
        SubscriptionExists(f"{notify_type} {url}"),
    )
    change.put(_record(made, by_id(dialect, made.id)), SubscriptionRecord.owner.does_not_exist())
    count = SubscriptionCountRecord.count_
    change.update(
        SubscriptionCountRecord(caller.owner, counted(dialect)),
        [count.add(1)],
        count.does_not_exist() | (count < MOST),
        TooManySubscriptions(caller.owner),
    )
    change.commit()
    return made


def get(caller: Caller, dialect: str, ident: str) -> Subscription:
    """One AWS call. Raises SubscriptionNotFound. Source: Huawei 1.7.3"""
    record = SubscriptionRecord.find(caller.owner, by_id(dialect, ident))
    if record is None:
        raise SubscriptionNotFound(ident)
    return as_struct(Subscription, record)


def list_page(
    caller: Caller, dialect: str, notify_type: str | None, number: int, size: int
) -> tuple[list[Subscription], int]:
    """Page `number` (from 0), oldest first, and the total. One AWS call for up to 1 MB of them.

    Raises ListTooLong where more than a thousand match. Source: Huawei 1.7.4
    """
    found = _matching(caller.owner, dialect, notify_type, LONGEST_LIST + 1)
    if len(found) > LONGEST_LIST:
        raise ListTooLong(caller.owner)
    return found[number * size : (number + 1) * size], len(found)


def left_by(owner: str, maker: str) -> list[Subscription]:
    """What this application has made for the owner with the owner's URLs: it stays when the maker goes."""
    records = SubscriptionRecord.query(
        owner, SubscriptionRecord.item.startswith(by_id()), consistent_read=True
    )
    return [as_struct(Subscription, each) for each in records if each.maker == maker and not each.tied]


def targets(owner: str, dialect: str, notify_type: str) -> list[Subscription]:
    """All who are to be told, as of now. One AWS call for up to 1 MB of them."""
    return _matching(owner, dialect, notify_type)


def _matching(
    owner: str, dialect: str, notify_type: str | None, most: int | None = None
) -> list[Subscription]:
    prefix = by_id(dialect) if notify_type is None else by_type(dialect, notify_type)
    records = SubscriptionRecord.query(
        owner, SubscriptionRecord.item.startswith(prefix), consistent_read=True, limit=most
    )
    return sorted((as_struct(Subscription, record) for record in records), key=lambda found: found.id)


def delete(caller: Caller, dialect: str, ident: str) -> None:
    """Two AWS calls. Raises SubscriptionNotFound. Source: Huawei 1.7.5"""
    _delete([get(caller, dialect, ident)])


def delete_many(
    caller: Caller,
    dialect: str,
    notify_type: str | None = None,
    url: str | None = None,
    channel: str = HTTP,
) -> int:
    """Delete all that match; answers how many. One AWS call, and one per 49 subscriptions.

    Raises SubscriptionNotFound where none matches. Source: Huawei 1.7.6
    """
    matching = [
        found
        for found in _matching(caller.owner, dialect, notify_type)
        if found.channel == channel and url in (None, found.url)
    ]
    if not matching:
        raise SubscriptionNotFound(notify_type or url or channel)
    for start in range(0, len(matching), DELETED_AT_ONCE):
        _delete_present(matching[start : start + DELETED_AT_ONCE])
    return len(matching)


def _delete_present(doomed: Sequence[Subscription]) -> None:
    """Some may be deleted by another meanwhile, which must not keep the rest."""
    try:
        _delete(doomed)
    except SubscriptionNotFound:
        for found in doomed:
            _delete_quietly(found)


def _delete_quietly(found: Subscription) -> None:
    try:
        _delete([found])
    except SubscriptionNotFound:
        return  # that it is gone is what was asked for


def _delete(doomed: Iterable[Subscription]) -> None:
    change = Transaction()
    removed, owner, dialect = 0, "", ""
    for found in doomed:
        owner, dialect, removed = found.owner, found.dialect, removed + 1
        change.delete(
            SubscriptionRecord(owner, by_id(dialect, found.id)),
            SubscriptionRecord.owner.exists(),
            SubscriptionNotFound(found.id),
        )
        change.delete(SubscriptionRecord(owner, by_pair(dialect, found.notify_type, found.url)))
    change.update(
        SubscriptionCountRecord(owner, counted(dialect)), [SubscriptionCountRecord.count_.add(-removed)]
    )
    change.commit()


def _record(made: Subscription, item: str) -> SubscriptionRecord:
    values: dict[str, Any] = msgspec.structs.asdict(made)
    return SubscriptionRecord(values.pop("owner"), item, **values)
