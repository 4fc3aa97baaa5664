"""Attempts: a batch of deliveries is posted, target by target, and what failed comes again.

A delivery has `len(DELAYS) + 1` tries over about an hour. One that waits because its target is
down uses up none, but is given up two hours after it was queued. Statuses 200 to 204 are success.
Targets are worked at the same time, each one's deliveries in order, and after a time-out the rest
of that target's go to the retries at once: one slow target holds a batch up for one attempt.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from enum import Enum
from math import ceil
from time import perf_counter

import msgspec

from .. import metrics
from ..aws import addresses, http
from ..aws.addresses import Endpoint
from ..aws.queues import MOST_DELAY
from ..logs import logger
from ..store.applications import AuthorizationRecord
from ..store.base import Record
from ..store.reading import Key, find_all
from ..store.subscriptions import RuleRecord, SubscriptionRecord, TargetRecord, by_id, by_rule
from . import callbacks, clock, delivery_log, ids, rules, targets
from .callbacks import Delivery
from .delivery_log import Attempt
from .rules import Channel
from .targets import Health

DELAYS = (1, 30, 600, 900, 900, 900)  # s before each further try
MOST_AGE = 2 * clock.HOUR
SUCCESS = range(200, 205)
PAUSED = "the callback is paused"
OVERLOADED = 429
WORKERS = 10


class Outcome(Enum):
    DELIVERED = "delivered"
    DROPPED = "dropped"  # its subscription or rule is gone
    AGAIN = "again"
    GIVEN_UP = "given up"


@dataclass(frozen=True)
class Result:
    """`index` in the batch; `delay` in s before the next try."""

    index: int
    delivery: Delivery
    outcome: Outcome
    reason: str = ""
    delay: int = 0
    status: int | None = None
    target: str = ""  # where it was tried, empty where it was not
    ms: int | None = None

    @property
    def settled(self) -> bool:
        """Whether nothing is left to do for it."""
        return self.outcome in (Outcome.DELIVERED, Outcome.DROPPED)


@dataclass(frozen=True)
class Post:
    """A delivery of the batch and where it goes; `token` is the receiver's proof that it is ours."""

    index: int
    delivery: Delivery
    place: Endpoint
    token: str = ""


@dataclass
class Lane:
    """The deliveries of one batch to one target, in order. `before` is its health as stored."""

    target: str
    before: Health
    health: Health
    waiting: list[Post] = field(default_factory=list)
    stalled: bool = False  # an attempt of this batch has timed out


@dataclass(frozen=True)
class Attempted:
    """`defect` is what kept some deliveries of the batch from a result."""

    results: list[Result]
    lanes: list[Lane]
    defect: Exception | None


def attempt(batch: Sequence[Delivery]) -> Attempted:
    """Post a batch; `settle` does what follows from it.

    One AWS call, and one for each target that is probed; one that raises means nothing was posted.
    """
    results, lanes = _plan(batch)
    for lane in lanes:
        if lane.health.tripped and not lane.health.rest():
            _probe(lane)
    defect: Exception | None = None
    with ThreadPoolExecutor(max_workers=WORKERS) as pool:
        for future in [pool.submit(_work, lane) for lane in lanes]:
            try:
                results += future.result()
            except Exception as error:  # noqa: BLE001 - handed on, once the other lanes have ended
                logger().exception("a delivery could not be attempted")
                defect = error
    for result in results:
        _log(result)
    outcomes = Counter((result.delivery.dialect, result.outcome) for result in results)
    for (dialect, outcome), number in outcomes.items():
        metrics.count("CallbackAttempts", number, dialect=dialect, outcome=outcome.value)
    return Attempted(results, lanes, defect)


def settle(attempted: Attempted) -> None:
    """Queue what comes again, keep what is given up, note how the targets do. Harmless to repeat.

    AWS calls: one for the log of deliveries, and no other where all went well.
    """
    results = attempted.results
    callbacks.again([(_next(r), r.delay) for r in results if r.outcome is Outcome.AGAIN])
    callbacks.give_up([(r.delivery, r.reason) for r in results if r.outcome is Outcome.GIVEN_UP])
    for lane in attempted.lanes:
        if targets.note(lane.target, lane.before, lane.health) and lane.health.paused > lane.before.paused:
            _tell_of_pause(lane)
    delivery_log.write([_logged(each) for each in results if each.target])


def _tell_of_pause(lane: Lane) -> None:
    owner, _, origin = lane.target.partition("|")
    metrics.count("CallbackPaused")
    told = {"owner": owner, "target": origin, "failures": lane.health.failures}
    logger().warning("a callback is paused", extra=told)


def _logged(result: Result) -> tuple[str, Attempt]:
    delivery, now = result.delivery, clock.now()
    line = delivery_log.line(delivery.owner, delivery.subscription or delivery.rule)
    return line, Attempt(
        id=ids.ordered_id(now),
        at=now,
        delivery=delivery.id,
        source=delivery.source,
        notify_type=delivery.notify_type,
        target=result.target,
        outcome=result.outcome.value,
        tries=delivery.tries,
        status=result.status,
        ms=result.ms,
        reason=result.reason or None,
    )


def _plan(batch: Sequence[Delivery]) -> tuple[list[Result], list[Lane]]:
    """What can be said before any attempt, and the lanes of the others."""
    results: list[Result] = []
    posts: list[Post] = []
    for index, delivery in enumerate(batch):
        try:
            posts.append(Post(index, delivery, _place(delivery)))
        except addresses.Refused as refused:
            results.append(Result(index, delivery, Outcome.GIVEN_UP, f"the URL {refused}"))
    held = find_all(key for post in posts for key in [_health(post), *_conditions(post.delivery)])
    wanted: list[Post] = []
    for post in posts:
        if not _wanted(post.delivery, held):
            results.append(Result(post.index, post.delivery, Outcome.DROPPED, "the subscription is gone"))
            continue
        try:
            wanted.append(_ruled(post, held))
        except addresses.Refused as refused:
            results.append(Result(post.index, post.delivery, Outcome.GIVEN_UP, f"the URL {refused}"))
    moved = {_health(post) for post in wanted} - {_health(post) for post in posts}
    held = held | find_all(moved)
    lanes: dict[str, Lane] = {}
    for post in wanted:
        target = targets.key(post.delivery.owner, post.place)
        if target not in lanes:
            lanes[target] = _lane(target, held)
        lanes[target].waiting.append(post)
    return results, list(lanes.values())


def _place(delivery: Delivery) -> Endpoint:
    """Raises Refused. A rule's URL may leave its port out."""
    return addresses.endpoint(addresses.with_port(delivery.url) if delivery.rule else delivery.url)


def _ruled(post: Post, held: Mapping[Key, Record]) -> Post:
    """With the URL and the token that its rule has now, where it is a rule's. Raises Refused."""
    rule = held.get(_rule_key(post.delivery))
    if not isinstance(rule, RuleRecord):
        return post
    to = rules.destination(rule)
    delivery = msgspec.structs.replace(post.delivery, url=to.url)
    return Post(post.index, delivery, _place(delivery), to.token)


def _health(post: Post) -> Key:
    return TargetRecord, targets.key(post.delivery.owner, post.place), None


def _conditions(delivery: Delivery) -> list[Key]:
    """What has to exist: subscription or rule, and the authorisation of another who made it for itself."""
    keys: list[Key] = []
    if delivery.subscription:
        keys.append((SubscriptionRecord, delivery.owner, by_id(delivery.dialect, delivery.subscription)))
    if delivery.rule:
        keys.append(_rule_key(delivery))
    if delivery.maker:
        keys.append((AuthorizationRecord, delivery.owner, delivery.maker))
    return keys


def _rule_key(delivery: Delivery) -> Key:
    return RuleRecord, delivery.owner, by_rule(delivery.dialect, delivery.rule)


def _wanted(delivery: Delivery, held: Mapping[Key, Record]) -> bool:
    """Whether all that has to be there is; a rule still has to forward such data to a URL."""
    if not all(key in held for key in _conditions(delivery)):
        return False
    rule = held.get(_rule_key(delivery)) if delivery.rule else None
    if not isinstance(rule, RuleRecord):
        return True
    return rule.channel == Channel.HTTP.value and delivery.notify_type in rule.notify_types


def _lane(target: str, held: Mapping[Key, Record]) -> Lane:
    record = held.get((TargetRecord, target, None))
    health = targets.health_of(record if isinstance(record, TargetRecord) else None)
    return Lane(target, health, health)


def _probe(lane: Lane) -> None:
    """Half open: who claims the probe sends, for everyone else the target stays open."""
    claimed = targets.claim(lane.target, lane.health)
    if claimed is None:
        lane.health = msgspec.structs.replace(lane.health, open_until=clock.now() + targets.PROBING)
        lane.before = lane.health  # nothing to note: another's probe decides
    else:
        lane.before, lane.health = claimed, msgspec.structs.replace(claimed, open_until=0)


def _work(lane: Lane) -> list[Result]:
    results: list[Result] = []
    with http.Client() as client:
        for post in lane.waiting:
            index, delivery = post.index, post.delivery
            pause = _pause(lane, delivery)
            if pause is None:
                results.append(_try(lane, client, post))
            elif lane.health.paused:
                results.append(Result(index, delivery, Outcome.GIVEN_UP, PAUSED, target=post.place.origin))
            elif clock.now() - delivery.queued > MOST_AGE:
                results.append(Result(index, delivery, Outcome.GIVEN_UP, "the target is down"))
            else:
                results.append(Result(index, delivery, Outcome.AGAIN, "the target is slow or down", pause))
    return results


def _pause(lane: Lane, delivery: Delivery) -> int | None:
    """Seconds for which the delivery steps aside without a try; None where it is sent now."""
    rest = lane.health.rest()
    if rest:
        return min(ceil(rest / clock.SECOND), MOST_DELAY)
    if lane.stalled:
        return DELAYS[0]
    return 0 if lane.health.sluggish and not delivery.late else None


def _try(lane: Lane, client: http.Client, post: Post) -> Result:
    began = perf_counter()
    result = _posted(lane, client, post)
    ms = round((perf_counter() - began) * 1000)
    return replace(result, target=post.place.origin, ms=ms)


def _posted(lane: Lane, client: http.Client, post: Post) -> Result:
    index = post.index
    tried = msgspec.structs.replace(post.delivery, tries=post.delivery.tries + 1)
    try:
        reply = client.post(post.place, bytes(tried.body), _headers(tried, post.token))
    except (http.Failed, addresses.Refused) as error:
        lane.health = targets.failed(lane.health)
        lane.stalled = isinstance(error, http.Failed) and error.timed_out
        reason = str(error) if isinstance(error, http.Failed) else f"the URL {error}"
        return _failed(index, tried, reason, None)
    if reply.status >= 500 or reply.status == OVERLOADED:
        lane.health = targets.failed(lane.health)
    else:  # whatever it says, it is there
        lane.health = targets.answered(lane.health, reply.seconds)
    if reply.status in SUCCESS:
        return Result(index, tried, Outcome.DELIVERED, status=reply.status)
    return _failed(index, tried, f"HTTP {reply.status}", reply.status)


def _failed(index: int, tried: Delivery, reason: str, status: int | None) -> Result:
    if tried.tries > len(DELAYS):
        return Result(index, tried, Outcome.GIVEN_UP, reason, status=status)
    return Result(index, tried, Outcome.AGAIN, reason, DELAYS[tried.tries - 1], status)


def _next(result: Result) -> Delivery:
    return msgspec.structs.replace(result.delivery, late=True, reason=result.reason)


def _headers(delivery: Delivery, token: str = "") -> dict[str, str]:
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "polything",
        "X-Polything-Event-Id": delivery.id,
        "X-Polything-Attempt": str(delivery.tries),
    }
    if token:
        headers["X-Polything-Token"] = token
    return headers


def _log(result: Result) -> None:
    """The target only: a URL's path and query may hold an app's secret."""
    delivery = result.delivery
    logger().info(
        "callback",
        extra={
            "outcome": result.outcome.value,
            "event": delivery.id,
            "notify_type": delivery.notify_type,
            "owner": delivery.owner,
            "subscription": delivery.subscription or delivery.rule,
            "tries": delivery.tries,
            "http_status": result.status,
            "reason": result.reason,
        },
    )
