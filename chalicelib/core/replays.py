"""Replaying deliveries: one, those of a time, or all that were given up.

A delivery of the log is made anew from its event, which is kept as long; it goes under its own id, so that a
receiver knows it again. One whose event or subscription is gone is left out. What was given up still
has its body in the queue and goes as it is.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from msgspec import Raw

from ..aws import queues
from ..store.outbox import EventRecord
from ..store.reading import find_all
from ..store.subscriptions import RuleRecord, SubscriptionRecord, by_id, by_rule
from . import callbacks, clock, delivery_log, events, jobs, rules
from .callbacks import Delivery, Notification
from .delivery_log import Attempt
from .errors import DeliveryNotFound
from .events import Event
from .jobs import Job, Step, Work

RANGE, DEAD_LETTERS = "replay", "replay-dead-letters"
AT_ONCE = 25  # deliveries a step
GIVEN_UP, DELIVERED = "given up", "delivered"
ANSWERS = 10  # messages of one receive

Render = Callable[[str, Event], Sequence[Notification]]

_render: Render | None = None


def use(render: Render) -> None:
    """How a dialect renders an event; it is filled in by who knows the dialects."""
    global _render
    _render = render


def one(owner: str, subscription: str, entry: str) -> str:
    """Replay one delivery of the log, by its entry; answers its id. Four AWS calls.

    Raises DeliveryNotFound where the entry, its event or its subscription is gone.
    """
    attempt = delivery_log.find(delivery_log.line(owner, subscription), entry)
    made = _made(owner, subscription, [attempt]) if attempt else []
    if not made:
        raise DeliveryNotFound(entry)
    callbacks.again([(each, 0) for each in made])
    return made[0].id


def of_time(owner: str, subscription: str, since: int, until: int, *, delivered: bool) -> Job:
    """Start to replay what was given up in a time (ms), and with `delivered` what arrived, too."""
    return jobs.create(
        RANGE, owner=owner, subscription=subscription, since=since, until=until, delivered=delivered
    )


def dead_letters() -> Job:
    """Start to try again all that is given up by now, once each."""
    return jobs.create(DEAD_LETTERS, until=clock.now())


def _of_time(parameters: dict[str, Any], place: str) -> Step:
    owner, subscription = str(parameters["owner"]), str(parameters["subscription"])
    line = delivery_log.line(owner, subscription)
    found = delivery_log.after(line, parameters["since"], parameters["until"], place, AT_ONCE)
    outcomes = {GIVEN_UP, DELIVERED} if parameters["delivered"] else {GIVEN_UP}
    wanted = [each for each in found if each.outcome in outcomes]
    made = _made(owner, subscription, wanted)
    callbacks.again([(each, 0) for each in made])
    return Step(found[-1].id if len(found) == AT_ONCE else None, len(made), len(wanted) - len(made))


def _made(owner: str, subscription: str, wanted: Sequence[Attempt]) -> list[Delivery]:
    """The deliveries anew; one that cannot be made any more is left out."""
    named = [(each, *_parts(each.delivery)) for each in wanted]
    dialects = {dialect for _, _, dialect, _ in named}
    keys = [(EventRecord, attempt.source, event) for attempt, event, _, _ in named]
    subscriptions = [(SubscriptionRecord, owner, by_id(each, subscription)) for each in dialects]
    its_rules = [(RuleRecord, owner, by_rule(each, subscription)) for each in dialects]
    held = find_all([*keys, *(subscriptions + its_rules if subscription else [])]) if named else {}
    made = []
    for attempt, event, dialect, number in named:
        record = held.get((EventRecord, attempt.source, event))
        to = held.get((SubscriptionRecord, owner, by_id(dialect, subscription)))
        rule = held.get((RuleRecord, owner, by_rule(dialect, subscription)))
        if not isinstance(record, EventRecord) or (subscription and to is None and rule is None):
            continue
        told = _rendered(dialect, owner, record)
        if number < len(told):
            made.append(_delivery(owner, attempt, dialect, told[number], to, rule))
    return [each for each in made if each.url]


def _parts(delivery: str) -> tuple[str, str, int]:
    """Event, dialect and number of the notification."""
    event, dialect, number = delivery.split("-")
    return event, dialect, int(number)


def _rendered(dialect: str, owner: str, record: EventRecord) -> Sequence[Notification]:
    if _render is None:
        raise RuntimeError("nobody said how dialects render events")
    return _render(dialect, msgspec.structs.replace(events.read(record), owner=owner))


def _delivery(
    owner: str, attempt: Attempt, dialect: str, told: Notification, to: object, rule: object
) -> Delivery:
    delivery = Delivery(
        id=attempt.delivery,
        owner=owner,
        source=attempt.source,
        dialect=dialect,
        notify_type=told.notify_type,
        url=told.url or "",
        queued=clock.now(),
        body=Raw(told.body),
        late=True,
    )
    if isinstance(to, SubscriptionRecord):
        maker = to.maker or "" if to.tied else ""
        return msgspec.structs.replace(delivery, url=to.url, subscription=to.id, maker=maker)
    if isinstance(rule, RuleRecord):
        return msgspec.structs.replace(delivery, url=rules.destination(rule).url, rule=rule.id)
    return delivery


def _dead_letters(parameters: dict[str, Any], place: str) -> Step:
    """Ten messages a step. One that came after the job began stays; so does one without a body."""
    found = queues.receive(callbacks.GIVEN_UP, ANSWERS)
    older = [each for each in found if each.sent < parameters["until"]]
    readable = [each for each in older if _sendable(each.body)]
    callbacks.again([(_fresh(each.body), 0) for each in readable])
    queues.forget(callbacks.GIVEN_UP, readable)
    return Step("on" if older else None, len(readable), len(older) - len(readable))


def _sendable(body: str) -> bool:
    try:
        delivery = callbacks.read(body)
    except (msgspec.DecodeError, json.JSONDecodeError):
        return False
    return bool(delivery.url) and bytes(delivery.body) != bytes(callbacks.NO_BODY)


def _fresh(body: str) -> Delivery:
    """With its last try before it, and as if it were queued now."""
    delivery = callbacks.read(body)
    return msgspec.structs.replace(delivery, queued=clock.now(), late=True)


WORKS: dict[str, Work] = {RANGE: _of_time, DEAD_LETTERS: _dead_letters}
