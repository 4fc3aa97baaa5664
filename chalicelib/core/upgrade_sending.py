"""Telling devices of their upgrades, and what comes of it.

The attempt and its deadline are stored before the message leaves, so what a crash left is taken up by
the sweep, under the same attempt. The URL in the message is signed when it leaves, for an hour; a device
that needs another asks for it. Nothing is queued at the broker: an upgrade that is over cannot arrive.

Source: Huawei 1.12.4
"""

from typing import Any

from ..aws import files, iot, queues
from ..aws.iot import Outcome
from ..store.devices import QUEUE, QueueRecord
from ..store.transactions import ConditionFailed, Contention, Transaction, pause
from . import clock, downlink, packages, products, sending, upgrade_cases, upgrade_moves, upgrade_states
from .sending import Route
from .upgrade_cases import Case
from .upgrade_moves import ATTEMPT_LASTS, Moved, PackageGone
from .upgrade_states import AGAIN, FAILED, NEW, TOLD, WAITING, PolicyKind

URL_LASTS = 60 * clock.MINUTE
MOST_REPEATS = 3  # of a message that is not acknowledged
MOST_STEPS = 50
NOT_ONLINE = "The device is not online."
PACKAGE_GONE = "The package has been deleted."
NO_ANSWER = "The device did not acknowledge the upgrade."
SILENCE = "The device has said nothing for too long."


def deliver(device: str) -> None:
    """The background job: tell the device of the oldest upgrade that waits for it, if it is free.

    Five AWS calls where it is told and acknowledges, one where nothing waits. Harmless to repeat. Raises
    what AWS raises; then the upgrade waits again.
    """
    tried: tuple[Any, ...] | None = None
    for step in range(MOST_STEPS):
        route = sending.route_to(device)
        if route is None or route.queue is None or route.queue.upgrading or not route.queue.upgrades:
            return
        case = _next(device, route.queue, reachable=route.reachable and route.connection != tried)
        if case is None:
            return
        try:
            outcome = _act(case, route)
        except Moved:
            pause(min(step, 3))
            continue
        if outcome is Outcome.NO_CONNECTION:
            tried = route.connection  # it may have come back while that was written down
        elif outcome is not None:
            return
    raise Contention(device)


def _next(device: str, queue: QueueRecord, *, reachable: bool) -> Case | None:
    """The oldest that something can be done about: it is over, or due and to be told, or to fail."""
    names = sorted(queue.upgrades)[: upgrade_cases.READ_AT_ONCE]
    found = {each.upgrade.upgrade: each for each in upgrade_cases.read_some((n, device) for n in names)}
    for name in names:
        case = found.get(name)
        if case is None or case.part.status != WAITING:
            _strike(device, name)
            continue
        due = int(case.part.due or 0) <= clock.now()
        if case.over or (due and (reachable or _impatient(case))):
            return case
    return None


def _impatient(case: Case) -> bool:
    return upgrade_states.policy_of(case.upgrade).kind is PolicyKind.NOW


def _strike(device: str, upgrade: str) -> None:
    """Take out a name of which nothing waits: what is kept of the upgrade has been deleted."""
    change = Transaction()
    change.update(
        QueueRecord(device, QUEUE),
        [QueueRecord.upgrades.delete({upgrade})],
        QueueRecord.upgrades.contains(upgrade) & (QueueRecord.upgrading != upgrade),
    )
    try:
        change.commit()
    except ConditionFailed:
        return


def _act(case: Case, route: Route) -> Outcome | None:
    """None where the device is to be looked at again. Raises Moved, and what AWS raises."""
    if case.over:
        upgrade_moves.end(case)
        return None
    if not route.reachable:
        upgrade_moves.fail(case, NOT_ONLINE)
        return None
    try:
        upgrade_moves.send_off(case)
    except PackageGone:
        upgrade_moves.retrying(case.upgrade.upgrade, case.part.device, without_package)
        return None
    return _attempt(case, route)


def without_package(case: Case) -> None:
    """What was not told of yet fails. Raises Moved."""
    if case.part.status in (NEW, WAITING):
        upgrade_moves.settle(case, FAILED, PACKAGE_GONE)


def _attempt(case: Case, route: Route) -> Outcome:
    """One message to the device, and what its outcome means. Raises what AWS raises."""
    try:
        outcome = _send(case, route)
    except Exception:
        upgrade_moves.put_back(case)
        raise
    if outcome is Outcome.CONFIRMED:
        upgrade_moves.heard(case)
    elif outcome is Outcome.NO_CONNECTION:
        if _impatient(case):
            upgrade_moves.fail(case, NOT_ONLINE)
        else:
            upgrade_moves.put_back(case)
    else:
        delay = ATTEMPT_LASTS // clock.SECOND + 1
        queues.work(AGAIN, delay, upgrade=case.upgrade.upgrade, device=case.part.device)
    return outcome


def _send(case: Case, route: Route) -> Outcome:
    if route.link is None:
        return Outcome.NO_CONNECTION
    task, device, link = case.upgrade, route.device, route.link
    own = link.device == device.device
    message = downlink.encode_upgrade(
        link.dialect,
        downlink.UpgradeDownlink(
            upgrade=task.upgrade,
            attempt=int(case.part.attempt),
            type=task.type,
            name=task.name,
            version=task.version,
            size=int(task.size),
            sha256=task.sha256,
            url=files.signed_url(packages.object_key(task.owner, task.package), URL_LASTS // clock.SECOND),
            expires=clock.now() + URL_LASTS,
            topic_id=link.topic_id if own else device.device,
            product=None if own else products.get(device.tenant, device.product),
            node=device.node_id,
        ),
    )
    return iot.send(link.client, message.topic, message.payload, within=sending.CONFIRM_WITHIN)


def take_up(upgrade: str, device: str) -> None:
    """The background job: do what an overdue part needs. Harmless to repeat. Raises Contention."""
    upgrade_moves.retrying(upgrade, device, _take_up)


def _take_up(case: Case) -> None:
    part = case.part
    if int(part.deadline or 0) > clock.now():
        return
    if part.status == WAITING:
        upgrade_moves.rest(case)
        deliver(part.device)
    elif part.status == TOLD and (part.heard or part.step):
        upgrade_moves.fail(case, SILENCE, silent=True)
    elif part.status == TOLD and int(part.repeats or 0) >= MOST_REPEATS:
        upgrade_moves.fail(case, NO_ANSWER, silent=True)
    elif part.status == TOLD:
        _repeat(case)


def _repeat(case: Case) -> None:
    """The same attempt once more. Raises Moved."""
    route = sending.route_to(case.part.device)
    if route is None:
        return  # the purge of the device ends it
    upgrade_moves.repeat(case)
    _attempt(case, route)


def renew(upgrade: str, device: str, attempt: int) -> None:
    """The background job: tell a device that is at work once more, with a fresh URL."""
    case, route = upgrade_cases.read(upgrade, device), sending.route_to(device)
    if case is None or route is None or case.over:
        return
    if case.part.status == TOLD and int(case.part.attempt) == attempt:
        _send(case, route)


def abandon(device: str) -> None:
    """The device is gone: what it had of upgrades fails. One AWS call, and two for each."""
    queue = QueueRecord.find(device, QUEUE)
    named = {*(queue.upgrades or ()), queue.upgrading} - {None} if queue is not None else set()
    for upgrade in sorted(named):
        upgrade_moves.retrying(
            upgrade, device, lambda case: upgrade_moves.settle(case, FAILED, "The device was deleted.")
        )
