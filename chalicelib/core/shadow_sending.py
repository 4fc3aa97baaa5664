"""Getting desired values to devices, and what comes of it.

The attempt and its deadline are stored before the message leaves, so what a crash left is taken up by
the sweep: a device may be told a value twice, which changes nothing. While a message of a service may
be on its way no other leaves, so an older value never arrives after a newer one.

Source: Huawei 1.5.8
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from ..aws import iot, queues
from ..aws.iot import Outcome
from ..store.devices import QUEUE, SHADOW, Parts, QueueRecord, ShadowRecord
from ..store.transactions import Contention, Transaction, pause
from . import clock, downlink, products, sending, shadow_changes, shadow_documents, shadow_writes
from .command_machine import ATTEMPT_LASTS
from .layouts import LayoutMismatch
from .sending import Route
from .shadow_changes import SEND, Change
from .shadow_documents import Shadow
from .shadow_writes import Edit, Stale, service_of

MOST_BYTES = 100 * 1024  # of a message: a device takes 128 KB
SERVICES_AT_ONCE = 30  # two items of a transaction each
SEND_WITHIN = 20 * clock.SECOND  # that one job spends on sending; a silent device takes 5 s a message
SWEPT_AT_ONCE = 2000  # a shard
MOST_STEPS = 20
TRIES = 20

Held = dict[str, ShadowRecord]  # by service


class _Plan(msgspec.Struct):
    """What one service is sent, as of `shadow`; `after` is the shadow with the attempt in it."""

    held: ShadowRecord
    after: Shadow
    messages: list[downlink.Message]
    ids: set[str]
    changed: bool


def deliver(device: str, services: Sequence[str] = ()) -> None:
    """Do what the desired values of a device need: send, send again, wait longer, end.

    `services` are those to look at beside the ones with something to send. Two AWS calls where there
    is nothing to do, five where a value is sent and acknowledged. Harmless to repeat. Raises what AWS
    raises; then the values wait again.
    """
    for step in range(MOST_STEPS):
        route = sending.route_to(device)
        if route is None:
            return
        held = _read(device, [*services, *sorted(_marked(route.queue) - set(services))])
        if not held:
            return
        if not _round(route, held):
            return
        pause(min(step, 3))
    raise Contention(device)


def sweep() -> int:
    """Put a job for each device with a change that is due; answers how many. One AWS call a shard, and
    one per ten jobs.
    """
    now, jobs = clock.now(), 0
    for shard in range(shadow_writes.SHARDS):
        due = ShadowRecord.by_deadline.query(
            f"{shadow_writes.SHARD}-{shard}", ShadowRecord.deadline <= now, limit=SWEPT_AT_ONCE
        )
        found: dict[str, list[str]] = {}
        for record in due:
            found.setdefault(record.device, []).append(service_of(record))
        messages = [
            queues.job_message(SEND, device=device, services=names[at : at + SERVICES_AT_ONCE])
            for device, names in found.items()
            for at in range(0, len(names), SERVICES_AT_ONCE)
        ]
        queues.send(queues.WORK, messages)
        jobs += len(messages)
    return jobs


def _read(device: str, services: Sequence[str]) -> Held:
    """The first SERVICES_AT_ONCE of them; none costs no call."""
    if not services:
        return {}
    wanted = services[:SERVICES_AT_ONCE]
    parts = Parts(device, *(SHADOW + service for service in wanted))
    found = {service: parts.get(SHADOW + service, ShadowRecord) for service in wanted}
    return {service: record for service, record in found.items() if record is not None}


def _marked(queue: QueueRecord | None) -> set[str]:
    return set(queue.shadows or ()) if queue is not None else set()


def _round(route: Route, held: Held) -> bool:
    """Whether to look again at once: something came between, or more than one round can do waits."""
    now, marked = clock.now(), _marked(route.queue)
    plans = {service: _plan(route, service, record, now) for service, record in held.items()}
    edits = [
        Edit(service, plan.held, plan.after)
        for service, plan in plans.items()
        if plan.changed or (service in marked and not shadow_writes.waits(plan.held))
    ]
    if not edits:
        return False
    change = Transaction()
    written = shadow_writes.write(change, route.device, edits, marked)
    try:
        change.commit()
    except Stale:
        return True
    sent = {service: plan for service, plan in plans.items() if plan.messages}
    if not sent:
        return len(marked) > SERVICES_AT_ONCE
    return _send(route, sent, {service_of(record): record for record in written}, now)


def _plan(route: Route, service: str, record: ShadowRecord, now: int) -> _Plan:
    shadow = shadow_documents.read(record)
    waiting = [each for each in shadow.changes if shadow_changes.waits(each, now)]
    messages: list[downlink.Message] = []
    after, ids = shadow, {each.id for each in waiting}
    if waiting and route.link is not None and route.reachable and shadow.busy <= now:
        try:
            messages = [_message(route, service, pack) for pack in _packed(shadow, waiting)]
        except LayoutMismatch:
            after = _changed(shadow, ids, lambda each: shadow_changes.refused(each, now))
        else:
            after = _changed(shadow, ids, lambda each: shadow_changes.tried(each, now))
            after = msgspec.structs.replace(after, busy=now + ATTEMPT_LASTS)
    else:
        late = {each.id for each in waiting if each.due <= now}
        after = _changed(shadow, late, lambda each: shadow_changes.put_back(each, now))
    over = any(shadow_changes.status_of(each, now).settled for each in after.changes)
    return _Plan(record, after, messages, ids, over or after != shadow)


def _changed(shadow: Shadow, ids: set[str], change: Callable[[Change], Change]) -> Shadow:
    return shadow_documents.with_changes(shadow, lambda each: change(each) if each.id in ids else each)


class _Pack(msgspec.Struct):
    """Values that leave in one message: all changes after the stamp `after`, up to `stamp`."""

    values: dict[str, Any]
    room: int
    after: int
    stamp: int


def _packed(shadow: Shadow, changes: Sequence[Change]) -> list[_Pack]:
    """The values of all changes, in as few messages as hold them."""
    packs: list[_Pack] = []
    for change in changes:
        values = shadow_documents.values_of(shadow, change)
        size = len(msgspec.json.encode(values))
        if not packs or size > packs[-1].room:
            packs.append(_Pack({}, MOST_BYTES, change.after, change.stamp))
        pack = packs[-1]
        pack.values.update(values)
        pack.room -= size
        if change.after > pack.stamp:
            pack.after = change.after  # something else was changed between
        pack.stamp = change.stamp
    return packs


def _message(route: Route, service: str, pack: _Pack) -> downlink.Message:
    """Raises LayoutMismatch where the device's messages have no form for it."""
    device, link = route.device, route.link
    if link is None:
        raise LayoutMismatch("the device has never connected")
    product = products.get(device.tenant, device.product)
    return downlink.encode_desired(
        link.dialect,
        downlink.DesiredDownlink(
            service=service,
            values=pack.values,
            topic_id=link.topic_id if link.device == device.device else device.device,
            codec=link.codec or ("binary" if product.layout else "json"),
            product=product,
            stamp=pack.stamp,
            after=pack.after,
            node=device.node_id,
        ),
    )


def _send(route: Route, plans: Mapping[str, _Plan], written: Held, at: int) -> bool:
    """Send what is planned and write down what came of it. Whether to look again at once."""
    outcomes: dict[str, Outcome] = {}
    try:
        for service, plan in plans.items():
            if clock.now() - at >= SEND_WITHIN:
                break
            outcomes[service] = _send_all(route, plan.messages)
            if outcomes[service] is Outcome.NO_CONNECTION:
                break
    except Exception:
        _record(route, plans, written, outcomes, at)
        raise
    again = _record(route, plans, written, outcomes, at)
    if Outcome.UNCONFIRMED in outcomes.values():
        queues.work(SEND, ATTEMPT_LASTS // clock.SECOND + 1, device=route.device.device, services=list(plans))
        return False
    if len(outcomes) < len(plans) or Outcome.NO_CONNECTION in outcomes.values():
        # it may have come back while that was written down
        fresh = sending.route_to(route.device.device)
        return fresh is not None and fresh.reachable and fresh.connection != route.connection
    return again or len(_marked(route.queue)) > SERVICES_AT_ONCE


def _send_all(route: Route, messages: Sequence[downlink.Message]) -> Outcome:
    """CONFIRMED where the device has acknowledged all of them."""
    if route.link is None:
        return Outcome.NO_CONNECTION
    outcome = Outcome.CONFIRMED
    for message in messages:
        outcome = iot.send(route.link.client, message.topic, message.payload, within=sending.CONFIRM_WITHIN)
        if outcome is not Outcome.CONFIRMED:
            break
    return outcome


def _record(
    route: Route, plans: Mapping[str, _Plan], held: Held, outcomes: Mapping[str, Outcome], at: int
) -> bool:
    """Write down what came of an attempt made `at` ms; what has no outcome waits again.

    Whether others have changed something meanwhile. Raises Contention.
    """
    concerned = [each for each in plans if outcomes.get(each) is not Outcome.UNCONFIRMED]
    marked: set[str] = set()
    for tried in range(TRIES):
        edits = [
            Edit(service, held[service], _noted(held[service], plans[service].ids, outcomes.get(service), at))
            for service in concerned
            if service in held
        ]
        if not edits:
            return tried > 0
        change = Transaction()
        shadow_writes.write(change, route.device, edits, marked)
        try:
            change.commit()
        except Stale:
            pause(tried)
            parts = Parts(route.device.device, QUEUE, *(SHADOW + service for service in concerned))
            held = {
                service: record
                for service in concerned
                if (record := parts.get(SHADOW + service, ShadowRecord)) is not None
            }
            marked = _marked(parts.get(QUEUE, QueueRecord))
            continue
        return tried > 0
    raise Contention(route.device.device)


def _noted(record: ShadowRecord, ids: set[str], outcome: Outcome | None, at: int) -> Shadow:
    now = clock.now()

    def note(change: Change) -> Change:
        if change.id not in ids or change.sent != at:
            return change
        if outcome is Outcome.CONFIRMED:
            return shadow_changes.acknowledged(change, now)
        return shadow_changes.put_back(change, now)

    shadow = shadow_documents.with_changes(shadow_documents.read(record), note)
    return msgspec.structs.replace(shadow, busy=0)
