"""Events of devices: what a device tells once, as its thing model describes it; a fault, an alarm.

    note(given)                     a device has told an event: kept, and told to apps as EVENT_REPORTED
    timeline(device, service, ...)  what it told of one event, by time
    latest(device, wanted)          the newest of each of some events

An event is named by its service and its name; a system that knows no services finds both by a flat key
(`identifiers.place(model, "events", key)`), and the key again by `identifiers.key_of`. They are kept beside
the reports as long as those are, which the device's ageing says; what is too old is not read either.

Source: Alibaba Living IoT, event timeline
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from ..store.devices import DEVICE, LINK, DeviceItem, DeviceRecord, LinkRecord
from ..store.history import LATEST, OCCURRED, OccurredRecord
from ..store.reading import find_all
from ..store.transactions import ConditionFailed, Contention, Transaction, pause
from ..store.walks import HIGHEST, Walk
from . import clock, events, history, identifiers, ids, products, telemetry, thing_values
from .devices import Device, device_of, expired
from .events import EventType
from .telemetry import Duplicate, Report, Stale
from .thing_values import Problem
from .things import Event, ThingModel

MOST_ENTRIES = 200  # of one look at a timeline
PLAIN = "info"  # the type of an event whose model names none
TRIES = 20

Name = tuple[str, str]  # service, event


class Told(msgspec.Struct, frozen=True):
    """One message with an event. `report` says who brings it, its `services` are empty; `at` in ms, None
    where the device gave no good time.
    """

    report: Report
    service: str
    event: str
    values: dict[str, Any]
    at: int | None = None


class Outcome(msgspec.Struct, frozen=True):
    """`refused`: the device is gone, or not the speaker's to report for. `known`: the model has the event.
    `problems` are of values that were left out.
    """

    refused: bool = False
    known: bool = True
    problems: tuple[str, ...] = ()


class Entry(msgspec.Struct, frozen=True):
    """One event as it was told; `at` in ms, `message` is the same for all that came in one message."""

    service: str
    event: str
    type: str
    data: dict[str, Any]
    at: int
    message: str


def note(given: Told) -> Outcome:
    """Keep an event and tell it, in one transaction. Harmless to repeat. Two AWS calls, a third where the
    product was not read seconds ago.

    Nothing is stored for a device that is gone, muted, or not the speaker's. Raises Contention.
    """
    device, newest = given.report.device, LATEST + _digest(given.service, given.event)
    for attempt in range(TRIES):
        if attempt:
            pause(attempt)
        asked = (
            (DeviceItem, device, DEVICE),
            (DeviceItem, device, LINK),
            (OccurredRecord, device, newest),
        )
        found = find_all(asked)
        record, link, held = (found.get(key) for key in asked)
        if not isinstance(record, DeviceRecord) or record.deleted or expired(record):
            return Outcome(refused=True)
        if given.report.speaker not in (record.device, record.gateway):
            return Outcome(refused=True)
        if record.mute:
            return Outcome()
        try:
            return _store(
                given,
                record,
                link if isinstance(link, LinkRecord) else None,
                held if isinstance(held, OccurredRecord) else None,
            )
        except (Stale, ConditionFailed):
            continue
    raise Contention(device)


def _store(
    given: Told, record: DeviceRecord, link: LinkRecord | None, held: OccurredRecord | None
) -> Outcome:
    product = products.load(record.product)
    model = products.model_of(product) if product is not None else ThingModel()
    known = identifiers.event_of(model, given.service, given.event)
    if known is None and not model.schemaless:
        return Outcome(known=False)
    refused = _refused(known, given.values)
    change = Transaction()
    telemetry.meet(change, record, given.report, link)
    at = given.report.received if given.at is None else given.at
    values = {name: value for name, value in given.values.items() if name not in refused}
    kind = known.type if known is not None and known.type else PLAIN
    _keep(change, given, record, held, kind, values, at)
    events.emit_once(
        change,
        EventType.EVENT_REPORTED,
        record.device,
        record.tenant,
        record.owner,
        ident=telemetry.event_id(given.report),
        error=Duplicate(given.report.message),
        device=device_of(record),
        service=given.service,
        event=given.event,
        type=kind,
        data=values,
        at=at,
        request=given.report.message,
    )
    try:
        change.commit()
    except Duplicate:
        return Outcome()
    return Outcome(problems=tuple(refused.values()))


def _keep(
    change: Transaction,
    given: Told,
    record: DeviceRecord,
    held: OccurredRecord | None,
    kind: str,
    values: Mapping[str, Any],
    at: int,
) -> None:
    now = clock.now()
    ends = min(at, now) + history.kept_for(None if record.ageing is None else int(record.ageing))
    if ends <= now:
        return
    digest, message = _digest(given.service, given.event), given.report.message
    facts: dict[str, Any] = {
        "service": given.service,
        "name": given.event,
        "type": kind,
        "data": msgspec.json.encode(values).decode(),
        "at": at,
        "message": message,
        "ttl": -(-ends // clock.SECOND),
    }
    entry = f"{OCCURRED}{digest}#{at:0{ids.STAMP}d}#{message}"
    change.put(OccurredRecord(record.device, entry, **facts))
    if held is None or int(held.at) <= at:
        same = OccurredRecord.entry.does_not_exist()
        if held is not None:
            same = (OccurredRecord.message == held.message) & (OccurredRecord.at == held.at)
        change.put(OccurredRecord(record.device, LATEST + digest, **facts), same)


def _refused(known: Event | None, values: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with values, by name; a schemaless model describes none."""
    fields = {each.name: each for each in known.parameters} if known is not None else {}
    refused: dict[str, str] = {}
    for name, value in values.items():
        if known is None:
            problem = thing_values.free_problem(value, name)
        elif name in fields:
            problem = thing_values.value_problem(fields[name], value, name)
        else:
            problem = Problem(name, "is not in the model")
        if problem is not None:
            refused[name] = f"{problem.field} {problem.reason}"
    return refused


def timeline(
    device: Device,
    service: str,
    event: str,
    start: int,
    end: int,
    *,
    newest_first: bool,
    limit: int,
    place: str | None = None,
) -> tuple[list[Entry], str | None]:
    """Up to `limit` events told from `start` to `end`, ms, both included, and where to go on: a text to be
    given as `place`, None at the end.

    `limit` is MOST_ENTRIES at most. Usually one AWS call, one more a megabyte. Who may see the device is
    the caller's to ask.
    """
    now = clock.now()
    oldest = max(start, now - history.kept_for(device.ageing))
    if oldest > end:
        return [], None
    prefix = f"{OCCURRED}{_digest(service, event)}#"
    walk = Walk(
        OccurredRecord,
        device.device,
        OccurredRecord.entry,
        low=prefix + ids.listing_bound(oldest),
        high=prefix + ids.listing_bound(end) + HIGHEST,
        forward=not newest_first,
        holds=OccurredRecord.ttl > now // clock.SECOND,
    )
    begin = {"device": {"S": device.device}, "entry": {"S": prefix + place}} if place else None
    records, following = walk.read(begin, min(limit, MOST_ENTRIES))
    after = following["entry"]["S"].removeprefix(prefix) if following is not None else None
    return [_entry(each) for each in records], after


def latest(device: Device, wanted: Iterable[Name]) -> dict[Name, Entry]:
    """The newest of each of these (service, event), those never told left out. One AWS call a hundred."""
    now = clock.now()
    oldest = now - history.kept_for(device.ageing)
    keys = [(OccurredRecord, device.device, LATEST + _digest(*name)) for name in dict.fromkeys(wanted)]
    found: dict[Name, Entry] = {}
    for start in range(0, len(keys), 100):
        for record in find_all(keys[start : start + 100]).values():
            if isinstance(record, OccurredRecord) and int(record.at) > oldest and _stands(record, now):
                found[record.service, record.name] = _entry(record)
    return found


def _stands(record: OccurredRecord, now: int) -> bool:
    return int(record.ttl) > now // clock.SECOND


def _entry(record: OccurredRecord) -> Entry:
    data = msgspec.json.decode(record.data)
    return Entry(record.service, record.name, record.type, data, int(record.at), record.message)


def _digest(service: str, event: str) -> str:
    """Names are long, and a key has not room for all."""
    return hashlib.sha256(f"{service}\x00{event}".encode()).hexdigest()[:16]
