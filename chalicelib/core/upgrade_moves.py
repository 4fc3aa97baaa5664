"""Moving the part of a device in an upgrade: each hop with its mark, the device's queue and its events.

A device takes part in one upgrade at a time, of whatever kind; the others wait in its queue, oldest
first. A part that waits is named in `upgrades` of the queue, one that was told in `upgrading`: whoever
finds the queue finds all that is not settled.

Source: Huawei 1.12.4 to 1.12.7, 1.8.15 to 1.8.18
"""

from collections.abc import Callable, Iterable
from typing import Any

from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from ..aws import queues
from ..store.devices import DEVICE, QUEUE, DeviceRecord, QueueRecord
from ..store.packages import PackageRecord
from ..store.transactions import ConditionFailed, Contention, Transaction, pause
from ..store.upgrades import ChunkRecord, PartRecord
from . import clock, devices, events, upgrade_cases, upgrade_states
from .events import EventType
from .upgrade_cases import VERSIONS, Case
from .upgrade_states import (
    FAILED,
    NEW,
    SEND,
    SILENT,
    STOPPED,
    SUCCEEDED,
    TOLD,
    UNSETTLED,
    WAITING,
    PolicyKind,
    Step,
)

ATTEMPT_LASTS = 15 * clock.SECOND  # until an unacknowledged message is sent again
SILENT_AFTER = 60 * clock.MINUTE  # without a word of a device that was told
RETRY_AFTER = 10 * clock.SECOND  # after the first failure; longer by as much after each
LOST_AFTER = 30 * clock.SECOND  # a job that should have run has been lost
TRIES = 20
STEP_TIMES = {Step.DOWNLOADING: "fetching", Step.DOWNLOADED: "fetched"}


class Moved(ConditionFailed):
    """The part is no longer as it was read."""


class PackageGone(ConditionFailed):
    """The package was deleted."""


Act = Callable[[Case], None]


def retrying(upgrade: str, device: str, act: Act) -> None:
    """Let `act` work on the part as it stands, again where something came between; not once it is settled.
    One whose upgrade is over is ended instead. Raises Contention.
    """
    for tried in range(TRIES):
        case = upgrade_cases.read(upgrade, device)
        if case is None or case.settled:
            return
        try:
            end(case) if case.over else act(case)
        except Moved:
            pause(tried)
        else:
            return
    raise Contention(f"{upgrade} {device}")


def send_off(case: Case) -> None:
    """W to P: an attempt begins. Raises Moved, PackageGone. Brings the part up to date."""
    part, now = case.part, clock.now()
    change = Transaction()
    values: dict[str, Any] = {
        "attempt": int(part.attempt) + 1,
        "repeats": 0,
        "deadline": now + ATTEMPT_LASTS,
        "shard": upgrade_states.shard_of(part.device),
    }
    if not part.started:
        values |= {"started": now}
    if not part.source:
        values |= {"source": case.version or ""}
    _move(change, case, TOLD, values, ("heard", "step", "progress", "fetching", "fetched", "due"))
    change.check(
        PackageRecord(case.upgrade.package), PackageRecord.id.exists(), PackageGone(case.upgrade.package)
    )
    change.commit()


def rest(case: Case) -> None:
    """W, and nothing is due any more: whoever wakes the device goes on. Raises Moved."""
    part = case.part
    change = Transaction()
    actions = _actions(part, {}, ("deadline", "shard"))
    change.update(PartRecord(part.upgrade, part.item), actions, _same(part), Moved(part.item))
    change.commit()


def put_back(case: Case) -> None:
    """P to W: the message has not arrived, and waits for the next connection. Raises Moved."""
    change = Transaction()
    _move(change, case, WAITING, {}, ("deadline", "shard", "heard"))
    change.commit()


def heard(case: Case) -> None:
    """The device has acknowledged the message: now it is its turn. Nothing where it has reported already."""
    part = case.part
    change = Transaction()
    same = _same(part) & PartRecord.step.does_not_exist() & PartRecord.heard.does_not_exist()
    actions = [PartRecord.heard.set(True), PartRecord.deadline.set(clock.now() + SILENT_AFTER)]
    change.update(PartRecord(part.upgrade, part.item), actions, same)
    try:
        change.commit()
    except ConditionFailed:
        return


def repeat(case: Case) -> None:
    """Another message of the same attempt is about to leave. Raises Moved."""
    part = case.part
    change = Transaction()
    again = int(part.repeats or 0)
    same = _same(part) & (PartRecord.repeats == again) & PartRecord.heard.does_not_exist()
    actions = [
        PartRecord.repeats.set(again + 1),
        PartRecord.deadline.set(clock.now() + ATTEMPT_LASTS),
    ]
    change.update(PartRecord(part.upgrade, part.item), actions, same, Moved(part.item))
    change.commit()


def step(case: Case, reached: Step | None, progress: int | None) -> None:
    """The device is at work. A step it had passed already is no step back. Raises Moved.

    One AWS call; an event where it is a step further.
    """
    part, now = case.part, clock.now()
    before = int(part.step or 0)
    values: dict[str, Any] = {"heard": True, "deadline": now + SILENT_AFTER}
    further = reached is not None and reached.value > before
    same = _same(part)
    same &= PartRecord.step == part.step if part.step is not None else PartRecord.step.does_not_exist()
    if reached is not None and further:
        values["step"] = reached.value
        if reached in STEP_TIMES:
            values[STEP_TIMES[reached]] = now
    if progress is not None and (reached is None or reached.value >= before):
        values["progress"] = progress
    stale = ("progress",) if further and "progress" not in values else ()
    change = Transaction()
    change.update(PartRecord(part.upgrade, part.item), _actions(part, values, stale), same, Moved(part.item))
    if further:
        _tell(change, case, EventType.UPGRADE_STEPPED)
    change.commit()


def fail(case: Case, detail: str, error: str | None = None, *, silent: bool = False) -> None:
    """The attempt has failed: another is due where the policy says so, else the part is settled.

    One AWS call, and a job. Raises Moved.
    """
    part, now = case.part, clock.now()
    failures = int(part.failures) + 1
    due = now + failures * RETRY_AFTER
    retries = upgrade_states.policy_of(case.upgrade).retries or 0
    if failures > retries or due >= int(case.upgrade.until):
        settle(case, SILENT if silent else FAILED, detail, error)
        return
    change = Transaction()
    values = {"failures": failures, "due": due, "deadline": due + LOST_AFTER, "detail": detail}
    values["shard"] = upgrade_states.shard_of(part.device)
    if error is not None:
        values["error"] = error
    stepped = bool(part.step)
    _move(change, case, WAITING, values, ("heard", "step", "progress", *(() if error else ("error",))))
    if stepped:
        _idle(change, case)
    change.commit()
    queues.work(SEND, (due - now) // clock.SECOND, device=part.device)
    _wake_next(case)


def succeed(case: Case) -> None:
    """The device runs the new version; its record says so from now on. Raises Moved."""
    settle(case, SUCCEEDED)


def settle(case: Case, letter: str, detail: str | None = None, error: str | None = None) -> None:
    """The part is through, for good or ill, and the app is told. Raises Moved.

    One AWS call, and a job where another upgrade waits for the device.
    """
    part = case.part
    cut = letter not in (SUCCEEDED, FAILED) and case.over
    change = Transaction()
    values: dict[str, Any] = {"stopped": int(case.upgrade.until) if cut else clock.now()}
    if detail is not None:
        values["detail"] = detail
    if error is not None:
        values["error"] = error
    stepped = bool(part.step)
    gone = [] if detail is not None else ["detail"]
    gone += [] if error is not None else ["error"]
    cut = letter not in (SUCCEEDED, FAILED) and case.over
    _move(change, case, letter, values, ("deadline", "shard", "due", *gone), in_time=not cut)
    if letter == SUCCEEDED:
        _take_version(change, case)
    if stepped:
        _idle(change, case)
    _tell(change, case, EventType.UPGRADE_SETTLED)
    change.commit()
    _wake_next(case)


def end(case: Case) -> None:
    """The upgrade's end has cut the part off. Raises Moved."""
    window = upgrade_states.policy_of(case.upgrade).kind is PolicyKind.WINDOW
    letter = STOPPED if window else SILENT
    settle(case, letter, "The upgrade has ended." if window else "The upgrade was not done in time.")


def take_version(case: Case) -> None:
    """A device whose part was settled before it had done: its record still tells what it runs now."""
    if case.device is None or case.version == case.upgrade.version:
        return
    change = Transaction()
    _take_version(change, case)
    change.commit()


def _move(
    change: Transaction,
    case: Case,
    letter: str,
    values: dict[str, Any],
    gone: Iterable[str] = (),
    *,
    in_time: bool = True,
) -> None:
    """Add to the change that the part gets another letter, its mark and the queue with it.

    Fails with Moved. Brings the part up to date.
    """
    part, before = case.part, case.part.status
    same = _same(part)
    actions = _actions(part, {**values, "status": letter}, gone)
    change.update(PartRecord(part.upgrade, part.item), actions, same, Moved(part.item))
    if letter != before:
        mark = upgrade_states.mark_at(int(part.index))
        moved = [mark.set(letter)]
        if letter not in UNSETTLED:
            moved.append(ChunkRecord.ended.set(values["stopped"]))
        holds: Condition = mark == before
        if in_time:
            holds &= ChunkRecord.until > clock.now()
        change.update(ChunkRecord(part.upgrade, part.chunk), moved, holds, Moved(part.chunk))
        _requeue(change, case, before, letter)


def _requeue(change: Transaction, case: Case, before: str, letter: str) -> None:
    """The queue of a device that is gone is gone, too; a new part is in none."""
    name, queue = case.upgrade.upgrade, case.queue
    if before == NEW or queue is None:
        return
    actions: list[Action] = []
    if before == TOLD:
        holds: Condition = QueueRecord.upgrading == name
        actions.append(QueueRecord.upgrading.remove())
    else:
        holds = QueueRecord.upgrades.contains(name)
        actions.append(QueueRecord.upgrades.delete({name}))
    if letter == TOLD:
        holds &= QueueRecord.upgrading.does_not_exist()
        actions.append(QueueRecord.upgrading.set(name))
    elif letter == WAITING:
        actions.append(QueueRecord.upgrades.add({name}))
    change.update(QueueRecord(case.part.device, QUEUE), actions, holds, Moved(name))


def _same(part: PartRecord) -> Condition:
    """Condition: the part is in the attempt, and in the state of it, in which it was read."""
    same: Condition = (PartRecord.status == part.status) & (PartRecord.attempt == int(part.attempt))
    same &= PartRecord.failures == int(part.failures)
    return same


def _actions(part: PartRecord, values: dict[str, Any], gone: Iterable[str]) -> list[Action]:
    """Brings the part up to date as well."""
    actions: list[Action] = []
    for name, value in values.items():
        setattr(part, name, value)
        actions.append(getattr(PartRecord, name).set(value))
    for name in gone:
        setattr(part, name, None)
        actions.append(getattr(PartRecord, name).remove())
    return actions


def _take_version(change: Transaction, case: Case) -> None:
    """Fails with Moved where the device is gone meanwhile."""
    device, name = case.device, VERSIONS[case.type]
    if device is None:
        return
    setattr(device, name, case.upgrade.version)
    device.modified = clock.now()
    actions = [
        getattr(DeviceRecord, name).set(case.upgrade.version),
        DeviceRecord.modified.set(device.modified),
    ]
    change.update(DeviceRecord(device.device, DEVICE), actions, devices.alive(), Moved(device.device))
    devices.tell(change, EventType.DEVICE_CHANGED, devices.device_of(device))


def _idle(change: Transaction, case: Case) -> None:
    """The device has come to the end of an attempt in which it did something."""
    case.part.step = Step.IDLE.value
    _tell(change, case, EventType.UPGRADE_STEPPED)


def _tell(change: Transaction, case: Case, kind: EventType) -> None:
    task = case.upgrade
    said = upgrade_cases.part_of(task, case.part, case.version)
    events.emit(change, kind, case.part.device, task.tenant, task.owner, upgrade=said)


def _wake_next(case: Case) -> None:
    """The device is free for the next upgrade that waits for it."""
    queue = case.queue
    if queue is not None and set(queue.upgrades or ()) - {case.upgrade.upgrade}:
        queues.work(SEND, device=case.part.device)
