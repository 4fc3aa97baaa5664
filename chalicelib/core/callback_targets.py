"""Who of an application is told, and how the targets of its callbacks do, for operators."""

from collections.abc import Iterable

import msgspec

from ..aws import addresses
from ..store.reading import find_all
from ..store.subscriptions import RuleRecord, SubscriptionRecord, TargetRecord, by_id, by_rule
from . import targets
from .targets import HEALTHY, Health

READ_AT_ONCE = 100


class Told(msgspec.Struct, frozen=True):
    """`kind` is "subscription" or "rule"; `origin` is empty where a rule forwards to no URL."""

    id: str
    kind: str
    dialect: str
    notify_types: tuple[str, ...]
    origin: str
    created: int
    health: Health = HEALTHY


def list_told(owner: str) -> list[Told]:
    """Oldest first. Two AWS calls for up to 1 MB of each kind, and one per hundred targets."""
    subscriptions = SubscriptionRecord.query(
        owner, SubscriptionRecord.item.startswith(by_id()), consistent_read=True
    )
    rules = RuleRecord.query(owner, RuleRecord.item.startswith(by_rule()), consistent_read=True)
    found = [
        Told(each.id, "subscription", each.dialect, (each.notify_type,), origin(each.url), int(each.created))
        for each in subscriptions
    ]
    found += [
        Told(
            each.id,
            "rule",
            each.dialect,
            tuple(sorted(each.notify_types)),
            origin(addresses.with_port(each.url)) if each.url else "",
            int(each.created),
        )
        for each in rules
    ]
    held = _health(owner, {each.origin for each in found if each.origin})
    told = [msgspec.structs.replace(each, health=held.get(each.origin, HEALTHY)) for each in found]
    return sorted(told, key=lambda each: (each.created, each.id))


def resume(owner: str, origin_: str) -> None:
    """Send to a target again at once. One AWS call; harmless where nothing was wrong with it."""
    targets.resume(owner, origin_)


def origin(url: str) -> str:
    """Scheme, host and port, as the log of deliveries names a target."""
    try:
        return addresses.endpoint(url).origin
    except addresses.Refused:
        return ""


def _health(owner: str, origins: Iterable[str]) -> dict[str, Health]:
    wanted = sorted(origins)
    found: dict[str, Health] = {}
    for start in range(0, len(wanted), READ_AT_ONCE):
        keys = [(TargetRecord, f"{owner}|{each}", None) for each in wanted[start : start + READ_AT_ONCE]]
        for (_, name, _), record in find_all(keys).items():
            if isinstance(record, TargetRecord):
                found[name.partition("|")[2]] = targets.health_of(record)
    return found
