"""From what happened to who is told: one delivery for each notification and subscription or rule."""

from collections.abc import Iterable, Iterator, Sequence

import msgspec
from msgspec import Raw

from . import applications, callbacks, clock, rules, subscriptions
from .callbacks import Delivery, Notification
from .events import EVERYONE, Event
from .subscriptions import HTTP, Subscription

Told = tuple[Event, str, Sequence[Notification]]  # the event, a dialect, what it says there


def audience(event: Event) -> list[Event]:
    """The event as each application is to hear of it. No AWS call but for an event of the whole tenant:
    one for up to 1 MB of applications.
    """
    if event.owner != EVERYONE:
        return [event]
    owners = applications.list_applications(event.tenant)
    return [msgspec.structs.replace(event, owner=each.id) for each in owners]


def dispatch(told: Iterable[Told]) -> None:
    """Queue the deliveries of a batch of events, in its order. Harmless to repeat.

    One AWS call for each distinct owner, dialect and notify type, and one for ten deliveries. What
    is known of subscriptions is forgotten with the batch: a deletion counts at once. Rules are read once
    in `rules.FRESH`; what they forward to no URL goes to the operator's queue.
    """
    found = list(_deliveries(told))
    callbacks.queue(each for each in found if each.url)
    callbacks.forward(each for each in found if not each.url)


def _deliveries(told: Iterable[Told]) -> Iterator[Delivery]:
    known: dict[tuple[str, str, str], list[Subscription]] = {}
    for event, dialect, notifications in told:
        for number, notification in enumerate(notifications):
            ident = f"{event.id}-{dialect}-{number}"
            if notification.url is not None:
                yield _delivery(event, dialect, ident, notification, notification.url)
                continue
            if notification.product is not None:
                yield from _forwarded(event, dialect, ident, notification, notification.product)
                continue
            pair = (event.owner, dialect, notification.notify_type)
            if pair not in known:
                known[pair] = subscriptions.targets(*pair)
            for found in known[pair]:
                if found.channel == HTTP:
                    maker = found.maker or "" if found.tied else ""
                    made = _delivery(event, dialect, ident, notification, found.url)
                    yield msgspec.structs.replace(made, subscription=found.id, maker=maker)


def _forwarded(
    event: Event, dialect: str, ident: str, notification: Notification, product: str
) -> Iterator[Delivery]:
    for rule in rules.targets(event.owner, dialect, product, notification.notify_type):
        made = _delivery(event, dialect, ident, notification, rule.destination.url)
        yield msgspec.structs.replace(made, rule=rule.id)


def _delivery(event: Event, dialect: str, ident: str, notification: Notification, url: str) -> Delivery:
    return Delivery(
        id=ident,
        owner=event.owner,
        source=event.source,
        dialect=dialect,
        notify_type=notification.notify_type,
        url=url,
        queued=clock.now(),
        body=Raw(notification.body),
    )
