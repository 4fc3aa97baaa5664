"""What a device says of its upgrade: its steps, its result, that it needs another URL.

What is said names the attempt it belongs to: a late or repeated message of an earlier one changes
nothing. A success that comes after the part was settled still tells what the device runs.

Source: Huawei 1.8.15 to 1.8.18
"""

import msgspec

from ..aws import queues
from ..store.transactions import Contention, pause
from . import upgrade_cases, upgrade_moves
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
