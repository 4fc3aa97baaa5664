"""Callbacks: who is told, what became of deliveries, replaying them, resuming a paused target."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta, field

from ....core import applications, callback_targets, clock, delivery_log, events, jobs, replays
from ....core import errors as core
from ....core.callback_targets import Told
from ....core.delivery_log import Attempt
from ....core.jobs import Job
from ....web.operations import Call
from .. import declaring
from ..declaring import WRITE
from ..schema import ApplicationPath, Cursor, Id, Limit, Wire, millis, time_of, time_or_none

Origin = Annotated[str, Meta(min_length=1, max_length=512, description="scheme://host:port")]
DIRECT = "direct"


class LinePath(Wire, frozen=True):
    """`subscriptionId` is that of a subscription or a forwarding rule, or `direct`: URLs of commands."""

    application_id: Id
    subscription_id: Id


class EntryPath(LinePath, frozen=True):
    attempt_id: Id


class JobPath(Wire, frozen=True):
    job_id: Id


class ToldShown(Wire, frozen=True, kw_only=True):
    """A subscription or a forwarding rule. `target` leaves the path out: it may hold a secret.

    `pausedSince` where the target was given up for dead.
    """

    id: str
    kind: str
    dialect: str
    notify_types: list[str]
    target: str
    created: datetime
    failures: int = 0
    failing_since: datetime | None = None
    paused_since: datetime | None = None


class ToldList(Wire, frozen=True):
    subscriptions: list[ToldShown]


class LogQuery(Wire, frozen=True):
    """`from` is included, `to` is not."""

    since: datetime | None = field(default=None, name="from")
    until: datetime | None = field(default=None, name="to")
    cursor: Cursor | None = None
    limit: Limit = 50


class AttemptShown(Wire, frozen=True, kw_only=True):
    """One try. `delivery` is the same over all tries; `status` and `ms` where it was tried."""

    id: str
    at: datetime
    delivery: str
    notify_type: str
    target: str
    outcome: str
    tries: int
    status: int | None = None
    ms: int | None = None
    reason: str | None = None


class AttemptPage(Wire, frozen=True):
    """The next page has another `cursor`; the last one has none."""

    deliveries: list[AttemptShown]
    cursor: str | None = None


class Replayed(Wire, frozen=True):
    delivery: str


class ReplayBody(Wire, frozen=True):
    """Deliveries that ended between `from` and `to`: given up, or with `delivered` arrived, too."""

    since: datetime = field(name="from")
    until: datetime | None = field(default=None, name="to")
    delivered: bool = False


class ResumeBody(Wire, frozen=True):
    target: Origin


class JobShown(Wire, frozen=True, omit_defaults=False):
    """`done` and `leftOut` count what the job is about."""

    id: str
    kind: str
    state: str
    done: int
    left_out: int
    started: datetime
    changed: datetime


class JobList(Wire, frozen=True):
    jobs: list[JobShown]


@declaring.get("/applications/{applicationId}/subscriptions", raises=(core.ApplicationNotFound,))
def list_subscriptions(call: Call[ApplicationPath, None, None]) -> ToldList:
    """List an application's subscriptions and forwarding rules of all dialects, with how their targets do."""
    owner = applications.find(call.path.application_id)
    return ToldList([_told(each) for each in callback_targets.list_told(owner.id)])


@declaring.get(
    "/applications/{applicationId}/subscriptions/{subscriptionId}/deliveries", raises=(core.InvalidInput,)
)
def list_deliveries(call: Call[LinePath, LogQuery, None]) -> AttemptPage:
    """List the tries of the last seven days, newest first."""
    query = call.query
    since, until = millis(query.since), millis(query.until)
    found = delivery_log.page(_line(call.path), since, until, query.cursor, query.limit)
    return AttemptPage([_attempt(each) for each in found.attempts], found.cursor)


@declaring.post(
    "/applications/{applicationId}/subscriptions/{subscriptionId}/deliveries/{attemptId}/replay",
    scopes=(WRITE,),
    action="callback.replay",
    whole=False,
    raises=(core.DeliveryNotFound,),
)
def replay_delivery(call: Call[EntryPath, None, None]) -> Replayed:
    """Make one delivery again, under its own id; it is rendered anew from its event."""
    path = call.path
    return Replayed(replays.one(path.application_id, _subscription(path), path.attempt_id))


@declaring.post(
    "/applications/{applicationId}/subscriptions/{subscriptionId}/replays",
    scopes=(WRITE,),
    action="callback.replay-range",
    makes=True,
    status=202,
    raises=(core.ApplicationNotFound, core.InvalidInput),
)
def replay_range(call: Call[LinePath, None, ReplayBody]) -> JobShown:
    """Begin to make the deliveries of a time again, each under its own id."""
    path, body = call.path, call.body
    owner = applications.find(path.application_id)
    now = clock.now()
    since, until = millis(body.since) or 0, millis(body.until)
    since, until = max(since, now - events.KEPT), min(now if until is None else until, now)
    if until <= since:
        raise core.InvalidInput("from", "is not before to, or more than seven days ago")
    subscription = _subscription(path)
    return shown(replays.of_time(owner.id, subscription, since, until, delivered=body.delivered))


@declaring.post(
    "/replays/dead-letters",
    scopes=(WRITE,),
    action="callback.replay-dead-letters",
    makes=True,
    status=202,
)
def replay_dead_letters(call: Call[None, None, None]) -> JobShown:
    """Begin to try again whatever was given up by now, of all applications, once each."""
    return shown(replays.dead_letters())


@declaring.put(
    "/applications/{applicationId}/callbacks/resumed",
    scopes=(WRITE,),
    action="callback.resume",
    raises=(core.ApplicationNotFound,),
)
def resume_callback(call: Call[ApplicationPath, None, ResumeBody]) -> ToldList:
    """Send to a paused or failing target again at once; answers who is told there.

    What was given up meanwhile is replayed by one of the operations for it.
    """
    owner = applications.find(call.path.application_id)
    callback_targets.resume(owner.id, call.body.target)
    found = callback_targets.list_told(owner.id)
    return ToldList([_told(each) for each in found if each.origin == call.body.target])


@declaring.get("/jobs")
def list_jobs(call: Call[None, None, None]) -> JobList:
    """List the last hundred jobs, newest first."""
    return JobList([shown(each) for each in jobs.list_jobs()])


@declaring.get("/jobs/{jobId}", raises=(core.JobNotFound,))
def get_job(call: Call[JobPath, None, None]) -> JobShown:
    """Show how far a job is."""
    return shown(jobs.find(call.path.job_id))


def shown(found: Job) -> JobShown:
    return JobShown(
        found.id,
        found.kind,
        found.state.value,
        found.done,
        found.left_out,
        time_of(found.started),
        time_of(found.changed),
    )


def _line(path: LinePath) -> str:
    return delivery_log.line(path.application_id, _subscription(path))


def _subscription(path: LinePath) -> str:
    return "" if path.subscription_id == DIRECT else path.subscription_id


def _told(found: Told) -> ToldShown:
    return ToldShown(
        id=found.id,
        kind=found.kind,
        dialect=found.dialect,
        notify_types=list(found.notify_types),
        target=found.origin,
        created=time_of(found.created),
        failures=found.health.failures,
        failing_since=time_or_none(found.health.since or None),
        paused_since=time_or_none(found.health.paused or None),
    )


def _attempt(found: Attempt) -> AttemptShown:
    return AttemptShown(
        id=found.id,
        at=time_of(found.at),
        delivery=found.delivery,
        notify_type=found.notify_type,
        target=found.target,
        outcome=found.outcome,
        tries=found.tries,
        status=found.status,
        ms=found.ms,
        reason=found.reason,
    )
