"""What devices report: shadow, history and event in one transaction.

A late report never overwrites newer fields; history keeps every report, also two in one second.
The broker's message id makes a repeat harmless: the event it would write is there already.

Source: Huawei 2.3
"""

import hashlib
from collections.abc import Iterable
from typing import Any

import msgspec

from ..aws import queues
from ..store.devices import (
    DEVICE,
    LINK,
    QUEUE,
    SHADOW,
    DeviceRecord,
    LinkRecord,
    Parts,
    QueueRecord,
    ShadowRecord,
)
from ..store.transactions import ConditionFailed, Contention, Transaction, pause
from . import clock, commands, events, history, links, products, thing_values
from .devices import alive, device_of, expired
from .events import EventType

SEEN_EVERY = 5 * clock.MINUTE  # how exact "last seen" is; each write of it costs
MOST_SERVICES = 30  # of one transaction: two items each
TRIES = 20


class Reported(msgspec.Struct, frozen=True):
    """Values of one service. `at` in ms, None where the device gave no good time."""

    service: str
    values: dict[str, Any]
    at: int | None = None


class Report(msgspec.Struct, frozen=True):
    """One message. `device` is whom it is about, `speaker` whose session brought it."""

    device: str
    speaker: str
    services: tuple[Reported, ...]
    message: str
    received: int
    codec: str | None = None


class Outcome(msgspec.Struct, frozen=True):
    """How many services were stored, which ones the model does not know, which values it refuses."""

    stored: int = 0
    dropped: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


class Stale(Exception):
    """Somebody changed a shadow between reading and writing it."""


class Duplicate(Exception):
    """The message was stored before."""


def report(given: Report) -> Outcome:
    """Store a report. Two AWS calls a try, one more where commands wait.

    Nothing is stored for a device that is gone, muted, or not the speaker's.
    """
    outcomes = [_chunk(given, part, index) for index, part in enumerate(_chunks(given.services))]
    return Outcome(
        stored=sum(each.stored for each in outcomes),
        dropped=tuple(name for each in outcomes for name in each.dropped),
        problems=tuple(text for each in outcomes for text in each.problems),
    )


def _chunks(services: tuple[Reported, ...]) -> Iterable[tuple[Reported, ...]]:
    for start in range(0, len(services), MOST_SERVICES):
        yield services[start : start + MOST_SERVICES]


def _chunk(given: Report, services: tuple[Reported, ...], index: int) -> Outcome:
    for attempt in range(TRIES):
        if attempt:
            pause(attempt)
        try:
            return _store(given, services, index)
        except (Stale, ConditionFailed):
            continue  # read again: another report, a change of the device or its deletion came between
        except Duplicate:
            return Outcome()
    raise Contention(given.device)


def _store(given: Report, services: tuple[Reported, ...], index: int) -> Outcome:
    names = [SHADOW + each.service for each in services]
    parts = Parts(given.device, DEVICE, QUEUE, LINK, *names)
    record = parts.get(DEVICE, DeviceRecord)
    if record is None or not _may_report(record, given):
        return Outcome()
    accepted, outcome = _check(record, services)
    change = Transaction()
    _contact(change, record, given, parts.get(LINK, LinkRecord))
    if accepted:
        times = [(each, _time(each, given.received)) for each in accepted]
        _shadows(change, record, times, parts)
        ageing = history.DEFAULT_AGEING if record.ageing is None else int(record.ageing)
        for position, (each, at) in enumerate(times, index * MOST_SERVICES):
            data = msgspec.json.encode(each.values).decode()
            history.entry(change, given.device, at, given.message, position, each.service, data, ageing)
        _tell(change, record, given, times, index)
    change.commit()
    queue = parts.get(QUEUE, QueueRecord)
    if queue is not None and queue.waiting and not queue.flying:
        queues.work(commands.DRAIN, device=given.device)
    return outcome


def _may_report(record: DeviceRecord, given: Report) -> bool:
    if record.deleted or expired(record) or record.mute:
        return False
    return given.speaker in (record.device, record.gateway)


def _check(record: DeviceRecord, services: tuple[Reported, ...]) -> tuple[list[Reported], Outcome]:
    product = products.load(record.product)
    if product is None:
        return [], Outcome(dropped=tuple(each.service for each in services))
    model = products.model_of(product)
    accepted: list[Reported] = []
    dropped: list[str] = []
    problems: list[str] = []
    for each in services:
        checked = thing_values.check_report(model, each.service, each.values)
        problems += [f"{each.service}.{problem.field} {problem.reason}" for problem in checked.problems]
        if not checked.service_known:
            dropped.append(each.service)
        elif checked.values:
            accepted.append(Reported(each.service, dict(checked.values), each.at))
    return accepted, Outcome(len(accepted), tuple(dropped), tuple(problems))


def _time(each: Reported, received: int) -> int:
    return received if each.at is None else each.at


def _contact(change: Transaction, record: DeviceRecord, given: Report, link: LinkRecord | None) -> None:
    """A report is contact: it activates, brings online, and now and then moves "last seen"."""
    if record.status != "ONLINE" or not record.activated or record.deadline:
        links.come_online(change, record)
    elif not record.last_seen or given.received - int(record.last_seen) >= SEEN_EVERY:
        seen = [DeviceRecord.last_seen.set(max(given.received, int(record.last_seen or 0)))]
        change.update(DeviceRecord(record.device, DEVICE), seen, alive())
    if link is not None and given.speaker == record.device and given.codec and link.codec != given.codec:
        change.update(
            LinkRecord(record.device, LINK),
            [LinkRecord.codec.set(given.codec)],
            LinkRecord.client == link.client,
            Stale(record.device),
        )


def _shadows(
    change: Transaction, record: DeviceRecord, times: list[tuple[Reported, int]], parts: Parts
) -> None:
    """One write per service, on condition of its version."""
    for service in dict.fromkeys(each.service for each, _ in times):
        held = parts.get(SHADOW + service, ShadowRecord)
        reported: dict[str, Any] = msgspec.json.decode(held.reported) if held else {}
        stamps: dict[str, int] = msgspec.json.decode(held.times) if held else {}
        for each, at in times:
            if each.service == service:
                newer = {name: value for name, value in each.values.items() if stamps.get(name, -1) <= at}
                reported |= newer
                stamps |= dict.fromkeys(newer, at)
        version = int(held.version) if held else 0
        same = ShadowRecord.version == version if held else ShadowRecord.version.does_not_exist()
        shadow = ShadowRecord(
            record.device,
            SHADOW + service,
            reported=msgspec.json.encode(reported).decode(),
            times=msgspec.json.encode(stamps).decode(),
            at=max(stamps.values()),
            version=version + 1,
        )
        change.put(shadow, same, Stale(service))


def _tell(
    change: Transaction, record: DeviceRecord, given: Report, times: list[tuple[Reported, int]], index: int
) -> None:
    product = products.load(record.product)
    model = products.model_of(product) if product else None
    listed = []
    for each, at in times:
        known = model.service(each.service) if model else None
        kind = known.type if known and known.type else each.service
        listed.append({"service": each.service, "type": kind, "data": each.values, "at": at})
    events.emit_once(
        change,
        EventType.DATA_REPORTED,
        record.device,
        record.tenant,
        record.owner,
        ident=_event_id(given, index),
        error=Duplicate(given.message),
        device=device_of(record),
        services=listed,
        request=given.message,
    )


def _event_id(given: Report, index: int) -> str:
    """The same for a repeat of the message."""
    digest = hashlib.sha256(f"{given.message}#{index}".encode()).hexdigest()
    return f"{given.received:012x}{digest[:20]}"
