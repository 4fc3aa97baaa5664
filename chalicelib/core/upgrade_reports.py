"""What a device says of its upgrade: its steps, its result, that it needs another URL.

What is said names the attempt it belongs to: a late or repeated message of an earlier one changes
nothing. A success that comes after the part was settled still tells what the device runs. Where a system's
devices name none, it is the attempt they were told of last.

Source: Huawei 1.8.15 to 1.8.18
"""

import msgspec

from ..aws import queues
from ..store.devices import DEVICE, QUEUE, DeviceRecord, Parts, QueueRecord
from ..store.transactions import ConditionFailed, Contention, Transaction, pause
from . import clock, devices, upgrade_cases, upgrade_moves
from .errors import DeviceNotFound
from .events import EventType
from .upgrade_cases import Case
from .upgrade_moves import Moved
from .upgrade_states import RENEW, TOLD, Step

TRIES = 20


class Said(msgspec.Struct, frozen=True):
    """`succeeded` is None while the device is at work. `progress` in percent of the step."""

    device: str
    upgrade: str
    attempt: int
    step: Step | None = None
    progress: int | None = None
    succeeded: bool | None = None
    version: str | None = None
    error: str | None = None
    description: str | None = None
    new_url: bool = False


def report(said: Said) -> None:
    """Take down what a device says. Two AWS calls; nothing where it is not the device's present attempt.

    Raises Contention.
    """
    for tried in range(TRIES):
        case = upgrade_cases.read(said.upgrade, said.device)
        if case is None or case.device is None or int(case.part.attempt) != said.attempt:
            return
        try:
            _take(case, said)
        except Moved:
            pause(tried)
        else:
            return
    raise Contention(f"{said.upgrade} {said.device}")


def present(speaker: str, device: str) -> Said | None:
    """What a device that names no attempt speaks of: the one it was told of last, None where there is none.

    One AWS call, two where there is one. Raises DeviceNotFound where the device is gone, or not the
    speaker's to speak for.
    """
    case = _present(speaker, device)[1]
    return _of(case) if case is not None else None


def inform(speaker: str, device: str, version: str) -> None:
    """The device runs this version: where it is the one it was to get, the upgrade has succeeded. Another one
    is no failure, for devices say what they run whenever they start.

    Two AWS calls where it is news, else one; four where an upgrade succeeds. Raises DeviceNotFound,
    Contention.
    """
    for tried in range(TRIES):
        record, case = _present(speaker, device)
        if case is not None and case.upgrade.version == version:
            report(msgspec.structs.replace(_of(case), succeeded=True, version=version))
            return
        if record.fw_version == version:
            return
        record.fw_version, record.modified = version, clock.now()
        change = Transaction()
        actions = [DeviceRecord.fw_version.set(version), DeviceRecord.modified.set(record.modified)]
        change.update(DeviceRecord(device, DEVICE), actions, devices.alive())
        devices.tell(change, EventType.DEVICE_CHANGED, devices.device_of(record))
        try:
            change.commit()
        except ConditionFailed:
            pause(tried)
        else:
            return
    raise Contention(device)


def _present(speaker: str, device: str) -> tuple[DeviceRecord, Case | None]:
    parts = Parts(device, DEVICE, QUEUE)
    record, queue = parts.get(DEVICE, DeviceRecord), parts.get(QUEUE, QueueRecord)
    if record is None or record.deleted or speaker not in (record.device, record.gateway):
        raise DeviceNotFound(device)
    if queue is None or not queue.upgrading:
        return record, None
    return record, upgrade_cases.read(queue.upgrading, device)


def _of(case: Case) -> Said:
    return Said(case.part.device, case.upgrade.upgrade, int(case.part.attempt))


def _take(case: Case, said: Said) -> None:
    """Raises Moved."""
    done = said.succeeded is True and said.version in (None, case.upgrade.version)
    if case.part.status != TOLD or case.over:
        if done and (case.settled or case.over):
            upgrade_moves.take_version(case)
        return
    if done:
        upgrade_moves.succeed(case)
    elif said.succeeded is True:
        upgrade_moves.fail(case, f"The device runs version {said.version}."[:256], said.error)
    elif said.succeeded is False:
        upgrade_moves.fail(case, said.description or "The device reported a failure.", said.error)
    else:
        upgrade_moves.step(case, said.step, said.progress)
        if said.new_url:
            queues.work(RENEW, upgrade=said.upgrade, device=said.device, attempt=said.attempt)
