"""What starts automations: events of the devices they look at, and their times.

Events are looked at where the outbox's stream dispatches them, off the way of the reports and in their
order. An event carries whether an automation looks at its device (`Device.automations`), so one of any
other device costs nothing. Times are found by a sharded index on (shard, deadline), by the sweep.
"""

from collections.abc import Iterable

from msgspec import MsgspecError
from pynamodb.expressions.update import Action as Update

from ..aws import queues
from ..logs import logger
from ..store.automations import (
    RULE,
    RUN,
    STATE,
    AutomationItem,
    RuleRecord,
    RunRecord,
    StateRecord,
    WatchRecord,
    watched,
)
from ..store.transactions import Contention, pause
from . import automation_rules, automation_runs, automation_states, automation_times, clock
from .automation_rules import Rule
from .automation_runs import LATEST, Cause, Owner, Stale
from .automation_states import News
from .errors import PolythingError
from .events import Event

TIME = "automation-time"
SHARDS = 4
SHARD = "time"  # the index is shared with the runs
SWEPT_AT_ONCE = 2000  # of a shard
TRIES = 20
AGAIN = clock.DAY  # until an automation that cannot be judged is tried again
# what no repetition cures; AWS raises none of these
DEFECTS = (MsgspecError, PolythingError, ArithmeticError, LookupError, TypeError, ValueError)

Found = tuple[RuleRecord | None, StateRecord | None]


def hear(happened: Iterable[Event]) -> None:
    """Let events start what they concern. Harmless to repeat. Raises where AWS fails.

    No AWS call for a device that no automation looks at. For another one a call per batch that finds
    the automations; where the event tells of something they look at, one per event that reads them, and
    those of `automation_runs.move` for each that something turns in.
    """
    looking: dict[str, list[WatchRecord]] = {}
    for event in happened:
        said = automation_states.news(event)
        if said is None:
            continue
        if said.device not in looking:
            looking[said.device] = list(WatchRecord.query(watched(said.device), consistent_read=True))
        concerned = [
            each.item for each in looking[said.device] if said.gone or each.facts & said.facts.keys()
        ]
        found = _read(concerned)
        for automation in concerned:
            try:
                _take(event, said, automation, found[automation])
            except DEFECTS as error:
                names = {"automation": automation, "event": event.id}
                logger().error("an automation cannot be judged", extra=names, exc_info=error)


def _read(automations: Iterable[str]) -> dict[str, Found]:
    """The automations with their states: one AWS call for fifty."""
    names = list(automations)
    keys = [(name, item) for name in names for item in (RULE, STATE)]
    found = (
        {(each.automation, each.item): each for each in AutomationItem.batch_get(keys, consistent_read=True)}
        if keys
        else {}
    )
    read: dict[str, Found] = {}
    for name in names:
        rule, state = found.get((name, RULE)), found.get((name, STATE))
        read[name] = (
            rule if isinstance(rule, RuleRecord) else None,
            state if isinstance(state, StateRecord) else None,
        )
    return read


def _take(event: Event, said: News, automation: str, found: Found) -> None:
    """Raises Contention where others keep changing the automation's state."""
    for tried in range(TRIES):
        record, state = found
        if record is None or state is None or not record.enabled:
            return
        if (record.tenant, record.owner) != (event.tenant, event.owner):
            return
        rule, states = automation_rules.read(record.rule), automation_states.read(state.conditions)
        verdict = automation_states.judge(rule, states, said, event.at)
        if verdict.states == states:
            return
        cause = Cause(event.id, event.at)
        try:
            automation_runs.move(owner_of(record), rule, state, verdict, cause)
        except Stale:
            pause(tried)
            found = _read([automation])[automation]
        else:
            return
    raise Contention(automation)


def owner_of(record: RuleRecord) -> Owner:
    return Owner(record.automation, record.tenant, record.owner, record.creator)


def next_time(rule: Rule, after: int) -> int | None:
    """The first of its times later than `after`, ms."""
    times = (
        automation_times.following(automation_rules.time_of(each), after)
        for each in automation_rules.timed(rule)
    )
    return min((each for each in times if each is not None), default=None)


def shard(automation: str) -> str:
    return f"{SHARD}{int(automation[-2:], 16) % SHARDS}"


def strike(automation: str) -> None:
    """The background job: the time of an automation has come. Harmless to repeat.

    Two AWS calls, one more that sends the run. The latest time of each condition counts, where that was
    no longer ago than LATEST; otherwise the run is noted as missed.
    """
    for tried in range(TRIES):
        record, state = _read([automation])[automation]
        if record is None or state is None or state.deadline is None or int(state.deadline) > clock.now():
            return
        try:
            _strike(record, state, int(state.deadline))
        except Stale:
            pause(tried)
        except DEFECTS as error:
            logger().error("an automation cannot be judged", extra={"automation": automation}, exc_info=error)
            state.update([StateRecord.deadline.set(clock.now() + AGAIN)], StateRecord.deadline.exists())
            return
        else:
            return
    raise Contention(automation)


def _strike(record: RuleRecord, state: StateRecord, due: int) -> None:
    """Raises Stale."""
    now = clock.now()
    rule, states = automation_rules.read(record.rule), automation_states.read(state.conditions)
    times, following = _struck(rule, due, now), _following(rule, now)
    if times:
        verdict = automation_states.strike(rule, states, times)
        cause = Cause(f"time#{due}", max(times.values()))
        automation_runs.move(owner_of(record), rule, state, verdict, cause, following)
    else:
        automation_runs.miss(owner_of(record), rule, state, Cause(f"time#{due}", due), following)


def _struck(rule: Rule, due: int, now: int) -> dict[str, int]:
    """The conditions whose time has come since `due`, with the latest of these times in LATEST."""
    found: dict[str, int] = {}
    for condition in automation_rules.timed(rule):
        at = automation_times.following(automation_rules.time_of(condition), max(due, now - LATEST) - 1)
        if at is not None and at <= now:
            found[condition.id] = at
    return found


def _following(rule: Rule, now: int) -> list[Update]:
    at = next_time(rule, now)
    if at is None:
        return [StateRecord.shard.remove(), StateRecord.deadline.remove()]
    return [StateRecord.deadline.set(at)]


def sweep() -> int:
    """Put jobs for the times that have come, and for runs whose worker died; answers how many.

    One AWS call a shard, and one per ten jobs.
    """
    now, jobs = clock.now(), []
    for number in range(SHARDS):
        due = StateRecord.deadline <= now
        for state in StateRecord.by_deadline.query(f"{SHARD}{number}", due, limit=SWEPT_AT_ONCE):
            jobs.append(queues.job_message(TIME, automation=state.automation))
    for number in range(automation_runs.SHARDS):
        name, due = f"{automation_runs.SHARD}{number}", RunRecord.deadline <= now
        for run in RunRecord.by_deadline.query(name, due, limit=SWEPT_AT_ONCE):
            ident = run.item.removeprefix(RUN)
            jobs.append(queues.job_message(automation_runs.JOB, automation=run.automation, run=ident))
    queues.send(queues.WORK, jobs)
    return len(jobs)
