"""What devices report: shadow, history and event in one transaction.

A late report never overwrites newer fields; history keeps every report, also two in one second.
The broker's message id makes a repeat harmless: the event it would write is there already.

Source: Huawei 2.3
"""

import hashlib
from collections.abc import Iterable
from functools import partial
from typing import Any

import msgspec

from ..aws import queues
from ..store.devices import (
    DEVICE,
    LINK,
    QUEUE,
    SHADOW,
    STAMP,
    DeviceRecord,
    LinkRecord,
    Parts,
    QueueRecord,
    ShadowRecord,
    StampRecord,
)
from ..store.transactions import ConditionFailed, Contention, Transaction, pause
from . import (
    clock,
    commands,
    connections,
    contact,
    events,
    history,
    products,
    receipts,
    shadow_changes,
    shadow_documents,
    shadow_stamps,
    shadow_writes,
    thing_values,
    upgrade_states,
)
from .devices import alive, device_of, expired
from .events import EventType
from .shadow_documents import Shadow
from .shadow_writes import Edit
from .things import ThingModel

SEEN_EVERY = 5 * clock.MINUTE  # how exact "last seen" is; each write of it costs
MOST_SERVICES = 30  # of one transaction: two items each
MOST_SHADOWS = 3 * 1024 * 1024  # bytes of one transaction, which holds 4 MB
TRIES = 20


class Reported(msgspec.Struct, frozen=True):
    """Values of one service. `at` in ms, None where the device gave no good time.

    `raw` values are the platform's own reading of bytes that nobody described: no model judges them.
    """

    service: str
    values: dict[str, Any]
    at: int | None = None
    raw: bool = False


class Report(msgspec.Struct, frozen=True):
    """One message. `device` is whom it is about, `speaker` whose session brought it.

    `client` is the speaker's MQTT client and `since` the ms of its CONNECT. `receipt` is the name that
    the device itself gave the message: a repeat changes nothing for a day.
    """

    device: str
    speaker: str
    services: tuple[Reported, ...]
    message: str
    received: int
    codec: str | None = None
    client: str | None = None
    since: int | None = None
    receipt: str | None = None


class Outcome(msgspec.Struct, frozen=True):
    """How many services were stored, which ones the model does not know, which values it refuses.

    `refused`: the device is gone, or not the speaker's to report for. `stamp` is what the shadow's time
    is by this report; None where it changed nothing.
    """

    stored: int = 0
    dropped: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    refused: bool = False
    stamp: int | None = None


Times = list[tuple[Reported, int]]  # what is kept, with the ms it is kept under


class Stale(Exception):
    """Somebody changed the device's link between reading and writing it."""


class Duplicate(Exception):
    """The message was stored before."""


def report(given: Report) -> Outcome:
    """Store a report. Two AWS calls a try, one more where commands wait; again for each 30 services.

    One more at the first report ever of a device of several services, and for a message that is
    repeated.

    Nothing is stored for a device that is gone, muted, or not the speaker's. Raises Contention.
    """
    outcomes = [_chunk(given, part, index) for index, part in enumerate(_chunks(given.services))]
    return Outcome(
        stored=sum(each.stored for each in outcomes),
        dropped=tuple(name for each in outcomes for name in each.dropped),
        problems=tuple(text for each in outcomes for text in each.problems),
        refused=any(each.refused for each in outcomes),
        stamp=max((each.stamp for each in outcomes if each.stamp is not None), default=None),
    )


def _chunks(services: tuple[Reported, ...]) -> Iterable[tuple[Reported, ...]]:
    for start in range(0, max(len(services), 1), MOST_SERVICES):  # an empty report is contact, too
        yield services[start : start + MOST_SERVICES]


def _chunk(given: Report, services: tuple[Reported, ...], index: int) -> Outcome:
    for attempt in range(TRIES):
        if attempt:
            pause(attempt)
        shadows = (SHADOW + each.service for each in services)
        parts = Parts(given.device, DEVICE, QUEUE, LINK, STAMP, *shadows)
        record = parts.get(DEVICE, DeviceRecord)
        if record is None or record.deleted or expired(record):
            return Outcome(refused=True)
        if given.speaker not in (record.device, record.gateway):
            return Outcome(refused=True)
        if record.mute:
            return Outcome()
        try:
            outcome = _store(given, services, index, record, parts)
        except (Stale, ConditionFailed):
            continue  # read again: another report, a change of the device or its deletion came between
        queue = parts.get(QUEUE, QueueRecord)
        if queue is not None and queue.waiting and not queue.flying:
            queues.work(commands.DRAIN, device=given.device)
        if queue is not None and queue.shadows:
            queues.work(shadow_changes.SEND, device=given.device)
        if queue is not None and queue.upgrades and not queue.upgrading:
            queues.work(upgrade_states.SEND, device=given.device)
        return outcome
    raise Contention(given.device)


def _store(
    given: Report, services: tuple[Reported, ...], index: int, record: DeviceRecord, parts: Parts
) -> Outcome:
    accepted, outcome = _check(record, services)
    change = Transaction()
    meet(change, record, given, parts.get(LINK, LinkRecord))
    times = [(each, given.received if each.at is None else each.at) for each in accepted]
    full, stamp = _shadows(change, record, times, parts)
    if full:
        times = [(each, at) for each, at in times if each.service not in full]
        problems = (*outcome.problems, *(f"{service} has no room for more" for service in sorted(full)))
        outcome = Outcome(len(times), outcome.dropped, problems)
    if times and given.receipt is not None:
        receipts.add(change, f"{given.receipt}#{index}", stamp)
    if times:
        keep(change, record, given, times, index, parts)
    try:
        change.commit()
    except Duplicate:
        return Outcome()
    except receipts.Repeated as repeated:
        return Outcome(stamp=receipts.find(str(repeated)))
    return msgspec.structs.replace(outcome, stamp=stamp) if times else outcome


def keep(
    change: Transaction,
    record: DeviceRecord,
    given: Report,
    times: Times,
    index: int = 0,
    parts: Parts | None = None,
) -> None:
    """Add history and event to the change. `parts` hold the shadows before it, where values may be late."""
    ageing = None if record.ageing is None else int(record.ageing)
    for position, (each, at) in enumerate(times, index * MOST_SERVICES):
        data = msgspec.json.encode(each.values).decode()
        history.entry(change, given.device, at, given.message, position, each.service, data, ageing)
    _tell(change, record, given, times, index, parts)


def _check(record: DeviceRecord, services: tuple[Reported, ...]) -> tuple[list[Reported], Outcome]:
    product = products.load(record.product)
    if product is None:
        return [], Outcome(dropped=tuple(each.service for each in services))
    model = products.model_of(product)
    accepted: list[Reported] = []
    dropped: list[str] = []
    problems: list[str] = []
    for each in services:
        if each.raw:
            accepted.append(each)
            continue
        checked = thing_values.check_report(model, each.service, each.values)
        problems += [f"{each.service}.{problem.field} {problem.reason}" for problem in checked.problems]
        if not checked.service_known:
            dropped.append(each.service)
        elif checked.values:
            accepted.append(Reported(each.service, dict(checked.values), each.at))
    return accepted, Outcome(len(accepted), tuple(dropped), tuple(problems))


def meet(change: Transaction, record: DeviceRecord, given: Report, link: LinkRecord | None) -> None:
    """Add what follows from a message: it activates, brings online, and now and then moves "last seen".

    Not online, where it was sent before the last end of the device's link: the report is late.
    """
    own = link if given.speaker == record.device else None
    late = own is not None and given.received < int(own.since)
    since = given.received if given.since is None or given.speaker != record.device else given.since
    if contact.meet(change, record, since, online=not late):
        _note(change, own, given, moved=not late)
        return
    _note(change, own, given, moved=False)
    if not record.last_seen or given.received - int(record.last_seen) >= SEEN_EVERY:
        seen = [DeviceRecord.last_seen.set(max(given.received, int(record.last_seen or 0)))]
        # no silence was found meanwhile: it would have to be brought back from that
        same = alive() & (DeviceRecord.status == record.status)
        change.update(DeviceRecord(record.device, DEVICE), seen, same)


def _note(change: Transaction, link: LinkRecord | None, given: Report, *, moved: bool) -> None:
    """Add to the change how the device spoke last, and that its link works."""
    if link is None:
        return
    actions = []
    if given.codec and link.codec != given.codec:
        actions.append(LinkRecord.codec.set(given.codec))
    if moved and not link.online and link.client == given.client:
        actions.append(LinkRecord.online.set(True))  # the broker's announcement is late, or was lost
        connections.came(change)
    same = (LinkRecord.client == link.client) & (LinkRecord.since == link.since)
    same &= LinkRecord.online == link.online
    if actions:
        change.update(LinkRecord(link.device, LINK), actions, same, Stale())
    elif moved:
        change.check(LinkRecord(link.device, LINK), same, Stale())


def _shadows(change: Transaction, record: DeviceRecord, times: Times, parts: Parts) -> tuple[set[str], int]:
    """One write per service, on condition of its version, all under one stamp.

    Answers the services with no room for more, and the stamp.
    """
    services = list(dict.fromkeys(each.service for each, _ in times))
    if not services:
        return set(), 0
    product, queue = products.load(record.product), parts.get(QUEUE, QueueRecord)
    model = products.model_of(product) if product else ThingModel()
    held = {service: parts.get(SHADOW + service, ShadowRecord) for service in services}
    known = [each for each in held.values() if each is not None]
    stamps = shadow_stamps.of(record.device, model, parts.get(STAMP, StampRecord), services, known)
    stamp, room = stamps.following(), MOST_SHADOWS
    full: set[str] = set()
    edits: list[Edit] = []
    for service in services:
        shadow = _merged(model, service, times, held[service], stamp)
        size = shadow_documents.size(shadow)
        if size > shadow_documents.MOST_BYTES or size > room:
            full.add(service)
            continue
        room -= size
        edits.append(Edit(service, held[service], shadow))
    if edits:
        shadow_writes.write(change, record, edits, set(queue.shadows or ()) if queue else set())
        shadow_stamps.move(change, record, stamps, stamp, [edit.service for edit in edits])
    return full, stamp


def _merged(model: ThingModel, service: str, times: Times, held: ShadowRecord | None, stamp: int) -> Shadow:
    same = partial(thing_values.same_value, model, service)
    shadow, now = shadow_documents.read(held), clock.now()
    for each, at in times:
        if each.service == service:
            shadow = shadow_documents.report(shadow, each.values, at, stamp, now, same)
    return shadow


def _tell(
    change: Transaction, record: DeviceRecord, given: Report, times: Times, index: int, parts: Parts | None
) -> None:
    product = products.load(record.product)
    model = products.model_of(product) if product else None
    listed = []
    for each, at in times:
        known = model.service(each.service) if model else None
        kind = known.type if known and known.type else each.service
        told = {"service": each.service, "type": kind, "data": each.values, "at": at}
        if each.raw:
            told["raw"] = True
        if record.automations:  # what is told of a late value must not start one
            held = parts.get(SHADOW + each.service, ShadowRecord) if parts is not None else None
            told["late"] = _late(held, each.values, at)
        listed.append(told)
    events.emit_once(
        change,
        EventType.DATA_REPORTED,
        record.device,
        record.tenant,
        record.owner,
        ident=event_id(given, index),
        error=Duplicate(given.message),
        device=device_of(record),
        services=listed,
        request=given.message,
    )


def _late(held: ShadowRecord | None, values: dict[str, Any], at: int) -> list[str]:
    """The properties of which the shadow knew a newer value already."""
    times = shadow_documents.read(held).times
    return [name for name in values if times.get(name, -1) > at]


def event_id(given: Report, index: int = 0) -> str:
    """The same for a repeat of the message."""
    digest = hashlib.sha256(f"{given.message}#{index}".encode()).hexdigest()
    return f"{given.received:012x}{digest[:20]}"
