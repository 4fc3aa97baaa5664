"""Forwarding rules: which data of one product's devices go to a URL, or to the operator's own queue.

A rule belongs to an application and forwards what is told of the devices that application owns. Who
sends reads the rules of an owner once in `FRESH`; the URL and the token are read with each batch of
deliveries. So a change counts everywhere within a minute, in this process at once, and what waits for
a rule that is gone is dropped.

Source: XLink 16 to 19
"""

from collections.abc import Collection
from enum import Enum
from threading import Lock
from typing import Any

import msgspec
from pynamodb.exceptions import UpdateError
from pynamodb.expressions.update import Action

from ..aws import addresses, encryption
from ..store.subscriptions import RuleRecord, SubscriptionCountRecord, by_rule, counted
from ..store.transactions import Transaction, code_of
from . import callbacks, clock, ids
from .applications import Caller
from .errors import InvalidInput, SubscriptionNotFound, TooManyRules

FRESH = 45 * clock.SECOND
CACHED = 500  # owners
MOST = 200  # of one application in one dialect
FIELD = "token"  # the encrypted one


class Channel(Enum):
    HTTP = "HTTP"
    QUEUE = "QUEUE"  # the operator's


class Destination(msgspec.Struct, frozen=True):
    """`url` and `token` as they were given, empty for a queue."""

    channel: Channel
    url: str = ""
    token: str = ""


class Rule(msgspec.Struct, frozen=True):
    """`notify_types` of the dialect, sorted; `created` in ms. `targets` leaves the token out."""

    id: str
    owner: str
    dialect: str
    product: str
    notify_types: tuple[str, ...]
    destination: Destination
    created: int


_loaded: dict[tuple[str, str], tuple[int, list[Rule]]] = {}  # with the time the read began
_changed = 0  # by this process: what was read before the last one may be out of date
_lock = Lock()


def create(
    caller: Caller, dialect: str, product: str, notify_types: Collection[str], to: Destination
) -> Rule:
    """One AWS call. Raises CallbackRefused, InvalidInput, TooManyRules. Source: XLink 16"""
    _check(notify_types, to)
    now = clock.now()
    rule = Rule(ids.ordered_id(now), caller.owner, dialect, product, _sorted(notify_types), to, now)
    change = Transaction()
    change.put(_record(rule), RuleRecord.owner.does_not_exist())
    count = SubscriptionCountRecord.count_
    change.update(
        SubscriptionCountRecord(caller.owner, counted(dialect)),
        [count.add(1)],
        count.does_not_exist() | (count < MOST),
        TooManyRules(f"an application has at most {MOST} rules"),
    )
    change.commit()
    forget()
    return rule


def replace(
    caller: Caller, dialect: str, product: str, rule: str, notify_types: Collection[str], to: Destination
) -> None:
    """One AWS call. Raises SubscriptionNotFound, CallbackRefused, InvalidInput. Source: XLink 18"""
    _check(notify_types, to)
    record = RuleRecord(caller.owner, by_rule(dialect, rule))
    token = _sealed(caller.owner, rule, to.token)
    actions: list[Action] = [
        RuleRecord.notify_types.set(set(notify_types)),
        RuleRecord.channel.set(to.channel.value),
        RuleRecord.url.set(to.url) if to.url else RuleRecord.url.remove(),
        RuleRecord.token.set(token) if token else RuleRecord.token.remove(),
    ]
    try:
        record.update(actions, condition=RuleRecord.product == product)
    except UpdateError as error:
        if code_of(error) != "ConditionalCheckFailedException":
            raise
        raise SubscriptionNotFound(rule) from error
    finally:
        forget()


def delete(caller: Caller, dialect: str, product: str, rule: str) -> None:
    """One AWS call. Raises SubscriptionNotFound. Source: XLink 19"""
    change = Transaction()
    change.delete(
        RuleRecord(caller.owner, by_rule(dialect, rule)),
        RuleRecord.product == product,
        SubscriptionNotFound(rule),
    )
    count = SubscriptionCountRecord.count_
    change.update(SubscriptionCountRecord(caller.owner, counted(dialect)), [count.add(-1)])
    try:
        change.commit()
    finally:
        forget()


def list_rules(caller: Caller, dialect: str, product: str) -> list[Rule]:
    """Oldest first, as of now. One AWS call. Source: XLink 17"""
    found = [each for each in _read(caller.owner, dialect) if each.product == product]
    return [_rule(each, destination(each)) for each in found]


def targets(owner: str, dialect: str, product: str, notify_type: str) -> list[Rule]:
    """Those that forward this, oldest first. One AWS call, none where the owner's were read a moment ago."""
    now, changed = clock.now(), _changed
    held = _loaded.get((owner, dialect))
    if held is not None and 0 <= now - held[0] < FRESH:
        found = held[1]
    else:
        found = [_rule(each, _place(each)) for each in _read(owner, dialect)]
        with _lock:
            if changed == _changed:
                if len(_loaded) >= CACHED:
                    _loaded.clear()
                _loaded[owner, dialect] = (now, found)
    return [each for each in found if each.product == product and notify_type in each.notify_types]


def destination(record: RuleRecord) -> Destination:
    """Where a rule sends to, as it is stored."""
    token = encryption.decrypt(record.token, record.owner, record.id, FIELD) if record.token else ""
    return msgspec.structs.replace(_place(record), token=token)


def erase(owner: str, product: str) -> None:
    """All of an owner for a product that is gone: one AWS call, and one for each. Harmless to repeat."""
    for record in list(RuleRecord.query(owner, RuleRecord.item.startswith(by_rule()))):
        if record.product != product:
            continue
        try:
            delete(Caller("", owner, owner), record.dialect, product, record.id)
        except SubscriptionNotFound:
            continue


def forget() -> None:
    """Empty this process's memory of rules."""
    global _changed
    with _lock:
        _changed += 1
        _loaded.clear()


def _check(notify_types: Collection[str], to: Destination) -> None:
    if not notify_types:
        raise InvalidInput("notify_types", "is empty", missing=True)
    if to.channel is Channel.HTTP:
        callbacks.check_url(addresses.with_port(to.url), "url")


def _read(owner: str, dialect: str) -> list[RuleRecord]:
    return list(RuleRecord.query(owner, RuleRecord.item.startswith(by_rule(dialect)), consistent_read=True))


def _rule(record: RuleRecord, to: Destination) -> Rule:
    return Rule(
        record.id,
        record.owner,
        record.dialect,
        record.product,
        _sorted(record.notify_types),
        to,
        int(record.created),
    )


def _place(record: RuleRecord) -> Destination:
    """Without the token."""
    return Destination(Channel(record.channel), record.url or "")


def _record(rule: Rule) -> RuleRecord:
    to = rule.destination
    values: dict[str, Any] = {"url": to.url or None, "token": _sealed(rule.owner, rule.id, to.token)}
    return RuleRecord(
        rule.owner,
        by_rule(rule.dialect, rule.id),
        id=rule.id,
        dialect=rule.dialect,
        product=rule.product,
        notify_types=set(rule.notify_types),
        channel=to.channel.value,
        created=rule.created,
        **values,
    )


def _sealed(owner: str, rule: str, token: str) -> str | None:
    return encryption.encrypt(token, owner, rule, FIELD) if token else None


def _sorted(notify_types: Collection[str]) -> tuple[str, ...]:
    return tuple(sorted(set(notify_types)))
