"""Runs of automations: what started one, what its actions came to, and the telling of it.

A run is written in the transaction of the state that started it, under an id that the cause determines:
one cause starts an automation once. A job then does the actions in their order. What an action does is
stored in one transaction with its mark in the run, so a run whose worker died goes on where it stopped
and does nothing twice. The last transaction ends the run and tells it.

An automation starts MOST_A_MINUTE runs a minute at most: that is what ends a loop of automations which
start each other through their devices. Nothing is started, and no action begun, more than LATEST after
its cause.
"""

import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct
from pynamodb.expressions.update import Action as Update

from .. import metrics
from ..aws import queues
from ..store.automations import RUN, STATE, RunRecord, StateRecord
from ..store.transactions import ConditionFailed, Transaction
from . import automation_rules, automation_states, clock, commands, events, ids, shadows
from .applications import Caller
from .automation_rules import Action, CommandAction, DesiredAction, Rule
from .automation_states import Reason, States, Verdict
from .command_states import NewCommand, command_of, public_id
from .errors import PolythingError
from .events import EventType
from .shadows import Desired

JOB = "automation-run"
SHARDS = 4
SHARD = "run"  # the index is shared with the times
MOST_A_MINUTE = 10  # runs of an automation
LATEST = 10 * clock.MINUTE  # after its cause
KEPT = 15 * clock.DAY
AGAIN = clock.MINUTE  # a run whose worker died is taken up
MOST_DETAIL = 256  # characters
NEW = "-"  # an action that is not done yet
TOO_LATE = "TooLate"

OPEN, DONE, HELD_BACK, MISSED = "OPEN", "DONE", "HELD_BACK", "MISSED"


class Cause(Struct, frozen=True):
    """What starts a run: `key` is the event's id or the time, `at` its time, ms."""

    key: str
    at: int


class Result(Struct, frozen=True, omit_defaults=True):
    """What an action came to. `error` is the name of what refused it, `detail` says more."""

    command: str | None = None
    error: str | None = None
    detail: str | None = None


class Run(Struct, frozen=True):
    """Times in ms. `results` run parallel to the rule's actions; None is not done yet."""

    id: str
    at: int
    status: str
    rule: Rule
    reasons: list[Reason]
    results: list[Result | None]
    finished: int | None = None


class Stale(ConditionFailed):
    """The state is not as it was read."""


class AlreadyRun(ConditionFailed):
    """The cause has started the automation before."""


class Overtaken(ConditionFailed):
    """Another worker has done the action, or ended the run."""


class Owner(Struct, frozen=True):
    """Whose automation it is."""

    automation: str
    tenant: str
    owner: str
    creator: str


def move(
    whose: Owner,
    rule: Rule,
    state: StateRecord,
    verdict: Verdict,
    cause: Cause,
    due: Sequence[Update] = (),
) -> None:
    """Write the state that a cause has led to and, where there are reasons, a run. Raises Stale.

    `due` is what becomes of the next time. One AWS call; one more that sends the job, one more where
    the cause has started a run before.
    """
    status, before = _status(state, cause, verdict.reasons)
    updates = list(due)
    if status in (OPEN, HELD_BACK):
        updates += [StateRecord.minute.set(clock.now() // clock.MINUTE), StateRecord.fired.set(before + 1)]
    kept = status and before <= MOST_A_MINUTE  # what is held back leaves one run a minute
    run = _new_run(whose, rule, cause, verdict.reasons, status) if kept else None
    try:
        _write(state, verdict.states, updates, run)
    except AlreadyRun:
        _write(state, verdict.states, due, None)
        return
    if status == OPEN and run is not None:
        queues.work(JOB, automation=whose.automation, run=run.item.removeprefix(RUN))
    elif status == HELD_BACK:
        metrics.count("AutomationHeldBack")


def miss(whose: Owner, rule: Rule, state: StateRecord, cause: Cause, due: Sequence[Update]) -> None:
    """Its time has passed too long ago: note it, and go on to the next. Raises Stale."""
    after = automation_states.read(state.conditions)
    try:
        _write(state, after, due, _new_run(whose, rule, cause, (), MISSED))
    except AlreadyRun:
        _write(state, after, due, None)


def _status(state: StateRecord, cause: Cause, reasons: tuple[Reason, ...]) -> tuple[str, int]:
    """What the run begins as, "" for none, and how many there were in this minute."""
    now = clock.now()
    before = int(state.fired or 0) if state.minute == now // clock.MINUTE else 0
    if not reasons:
        return "", before
    if now - cause.at > LATEST:
        return MISSED, 0
    return (OPEN if before < MOST_A_MINUTE else HELD_BACK), before


def _write(state: StateRecord, after: States, updates: Sequence[Update], run: RunRecord | None) -> None:
    change = Transaction()
    if run is not None:
        change.put(run, RunRecord.automation.does_not_exist(), AlreadyRun(run.item))
    change.update(
        StateRecord(state.automation, STATE),
        [
            StateRecord.version.set(ids.random_id()),
            StateRecord.conditions.set(automation_states.text_of(after)),
            *updates,
        ],
        StateRecord.version == state.version,
        Stale(state.automation),
    )
    change.commit()


def _new_run(whose: Owner, rule: Rule, cause: Cause, reasons: tuple[Reason, ...], status: str) -> RunRecord:
    now = clock.now()
    ident = run_id(whose.automation, cause)
    record = RunRecord(
        whose.automation,
        RUN + ident,
        tenant=whose.tenant,
        owner=whose.owner,
        creator=whose.creator,
        at=now,
        status=status,
        rule=automation_rules.text_of(rule),
        reasons=msgspec.json.encode(reasons).decode(),
        results=[NEW] * len(rule.actions),
        ttl=(now + KEPT) // clock.SECOND,
    )
    if status == OPEN:
        record.shard, record.deadline = f"{SHARD}{int(ident[-2:], 16) % SHARDS}", now + AGAIN
    return record


def run_id(automation: str, cause: Cause) -> str:
    """32 hex characters that sort by the cause's time: the same for the same cause."""
    digest = hashlib.sha256(f"{automation}#{cause.key}".encode()).hexdigest()
    return f"{max(cause.at, 0):012x}{digest[:20]}"


def perform(automation: str, run: str) -> None:
    """The background job: do what is left of a run. Harmless to repeat, and to do twice at a time.

    What refuses an action is its result. Where AWS fails the other actions are done all the same, and
    the first failure is raised: the job comes again. AWS calls: one to read, those of each action, one
    to end it.
    """
    record = RunRecord.find(automation, RUN + run)
    if record is None or record.status != OPEN:
        return
    rule = automation_rules.read(record.rule)
    caller = Caller(record.tenant, record.creator, record.owner)
    late = clock.now() - int(record.at) > LATEST
    made: dict[int, Result] = {}
    failure: Exception | None = None
    for index, action in enumerate(rule.actions):
        if record.results[index] != NEW:
            continue
        try:
            made[index] = Result(error=TOO_LATE) if late else _act(caller, record, index, action)
        except Overtaken:
            return  # another worker is at it
        except PolythingError as error:
            made[index] = Result(error=type(error).__name__, detail=str(error)[:MOST_DETAIL])
        except Exception as error:  # noqa: BLE001 - the other actions must be done; raised below
            failure = failure or error
    if failure is not None:
        raise failure
    _finish(record, rule, made)


def _act(caller: Caller, record: RunRecord, index: int, action: Action) -> Result:
    """Raises Overtaken, and what refuses the action."""
    if isinstance(action, CommandAction):
        new = NewCommand(
            device=action.device,
            service=action.service,
            method=action.method,
            paras=action.paras,
            dialect="",
            expire=action.expire,
        )
        command = commands.create(
            caller,
            new,
            lambda change, made: _mark(change, record, index, Result(command=public_id(command_of(made)))),
        )
        return Result(command=public_id(command))
    if isinstance(action, DesiredAction):
        wanted = [Desired(action.service, action.values)]
        shadows.set_desired(
            caller, action.device, wanted, lambda change: _mark(change, record, index, Result())
        )
    return Result()


def _mark(change: Transaction, record: RunRecord, index: int, result: Result) -> None:
    """Add to the change of an action that it is done. Fails with Overtaken."""
    change.update(
        RunRecord(record.automation, record.item),
        [RunRecord.results[index].set(msgspec.json.encode(result).decode())],
        (RunRecord.status == OPEN) & (RunRecord.results[index] == NEW),
        Overtaken(record.item),
    )


def _finish(record: RunRecord, rule: Rule, made: dict[int, Result]) -> None:
    """End the run and tell it, in one transaction; nothing where another worker has."""
    now, ident = clock.now(), record.item.removeprefix(RUN)
    unmarked: Any = RunRecord.status == OPEN
    updates: list[Update] = [
        RunRecord.status.set(DONE),
        RunRecord.finished.set(now),
        RunRecord.shard.remove(),
        RunRecord.deadline.remove(),
    ]
    for index, result in made.items():
        if result.error is not None or not isinstance(rule.actions[index], CommandAction | DesiredAction):
            updates.append(RunRecord.results[index].set(msgspec.json.encode(result).decode()))
            unmarked &= RunRecord.results[index] == NEW
    results = [
        made.get(index) or msgspec.json.decode(text, type=Result) for index, text in enumerate(record.results)
    ]
    change = Transaction()
    change.update(RunRecord(record.automation, record.item), updates, unmarked, Overtaken(ident))
    events.emit_once(
        change,
        EventType.AUTOMATION_RAN,
        record.automation,
        record.tenant,
        record.owner,
        ident=ident,
        error=Overtaken(ident),
        automation=record.automation,
        author=record.creator,
        at=int(record.at),
        rule=rule,
        reasons=msgspec.json.decode(record.reasons, type=list[Reason]),
        results=results,
    )
    try:
        change.commit()
    except Overtaken:
        return


def run_of(record: RunRecord) -> Run:
    return Run(
        id=record.item.removeprefix(RUN),
        at=int(record.at),
        status=record.status,
        rule=automation_rules.read(record.rule),
        reasons=msgspec.json.decode(record.reasons, type=list[Reason]),
        results=[None if text == NEW else msgspec.json.decode(text, type=Result) for text in record.results],
        finished=None if record.finished is None else int(record.finished),
    )
