"""What a device reported of one property, or told of one event, by time.

A stretch goes on where the one before it ended by time alone: what came in one millisecond is never parted,
so that nothing is lost or read twice. Properties are read from the history of reports, which holds what came
together in one entry.

Source: Feiyan 6.4.2, 6.4.3, 7.3.8, 7.3.9
"""

from collections.abc import Iterator
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from ..store.history import HistoryRecord
from ..store.walks import HIGHEST, Key, Walk
from . import clock, device_events, history, identifiers, ids, points, products
from .device_events import Entry
from .devices import Device
from .errors import InvalidInput
from .things import ThingModel

MOST = 200  # items of a stretch
MOST_READS = 8  # queries that one stretch of properties may cost
LEAST_EXAMINED, MOST_EXAMINED = 50, 10_000  # entries of a query
PROPERTIES_BACK = 30 * clock.DAY
EVENTS_BACK = 365 * clock.DAY


class Reading(msgspec.Struct, frozen=True):
    """`at` in ms; `message` is the same for all that was reported in one message."""

    value: Any
    at: int
    message: str


class Timed(Protocol):
    @property
    def at(self) -> int: ...


T = TypeVar("T", bound=Timed)


class Stretch(msgspec.Struct, Generic[T], frozen=True):
    """`following` is the time, ms, from which on the next one goes on; None at the end."""

    items: list[T]
    following: int | None = None


class Range(msgspec.Struct, frozen=True):
    """Times in ms, both included; `limit` is MOST at most."""

    start: int
    end: int
    limit: int
    newest_first: bool = False


class _Exhausted(Exception):
    """Enough was read; `at` is the time it came to."""

    def __init__(self, at: int) -> None:
        super().__init__(str(at))
        self.at = at


def of_property(device: Device, identifier: str, wanted: Range) -> Stretch[Reading]:
    """The last PROPERTIES_BACK at most. Who may see the device is the caller's to ask.

    Usually one AWS call, and MOST_READS at most: a stretch of a property that is rarely reported may be
    short, or empty, and yet be followed. Raises InvalidInput.
    """
    service, name = points.place(_model(device), identifier)
    return _stretch(_readings(device, service, name, _clipped(wanted, PROPERTIES_BACK)), wanted.limit)


def of_event(device: Device, identifier: str, kind: str | None, wanted: Range) -> Stretch[Entry]:
    """The last EVENTS_BACK at most, those of type `kind` where one is given. Who may see the device is the
    caller's to ask. Usually one AWS call. Raises InvalidInput.
    """
    service, name = identifiers.place(_model(device), "events", identifier)
    found = _entries(device, service, name, _clipped(wanted, EVENTS_BACK))
    return _stretch((each for each in found if kind is None or each.type == kind), wanted.limit)


def _model(device: Device) -> ThingModel:
    product = products.load(device.product)
    return products.model_of(product) if product is not None else ThingModel()


def _clipped(wanted: Range, back: int) -> Range:
    if not 1 <= wanted.limit <= MOST:
        raise InvalidInput("limit", f"must be 1 to {MOST}")
    if wanted.start > wanted.end + 1:  # a walk that has come to its end asks for what is behind it
        raise InvalidInput("start", "is after end")
    return msgspec.structs.replace(wanted, start=max(wanted.start, clock.now() - back))


def _stretch(found: Iterator[T], limit: int) -> Stretch[T]:
    taken: list[T] = []
    try:
        for each in found:
            if len(taken) >= limit and each.at != taken[0].at:
                break
            taken.append(each)
        else:
            return Stretch(taken)
    except _Exhausted as ended:
        return _cut(taken, ended.at)
    return _cut(taken, each.at)


def _cut(taken: list[T], edge: int) -> Stretch[T]:
    """Without what came at `edge`, where the next stretch begins."""
    return Stretch([each for each in taken if each.at != edge], edge)


def _readings(device: Device, service: str, name: str, wanted: Range) -> Iterator[Reading]:
    now = clock.now()
    oldest = max(wanted.start, now - history.kept_for(device.ageing))
    if oldest > wanted.end:
        return
    named = f"{msgspec.json.encode(name).decode()}:"
    walk = Walk(
        HistoryRecord,
        device.device,
        HistoryRecord.entry,
        low=ids.listing_bound(oldest),
        high=ids.listing_bound(wanted.end) + HIGHEST,
        forward=not wanted.newest_first,
        holds=(HistoryRecord.ttl > now // clock.SECOND)
        & (HistoryRecord.service == service)
        & HistoryRecord.data.contains(named),
    )
    start: Key | None = None
    examined = max(2 * wanted.limit, LEAST_EXAMINED)
    for _ in range(MOST_READS):
        records, start = next(walk.batches(start, examined), ([], None))
        for record in records:
            data = msgspec.json.decode(record.data)
            if isinstance(data, dict) and name in data:
                yield Reading(data[name], int(record.at), _message(record))
        if start is None:
            return
        examined = min(4 * examined, MOST_EXAMINED)
    if start is not None:
        raise _Exhausted(int(start["entry"]["S"][: ids.STAMP]))


def _message(record: HistoryRecord) -> str:
    """Its entry is the time, the message and a place in that."""
    return str(record.entry)[ids.STAMP + 1 :].rpartition("#")[0]


def _entries(device: Device, service: str, name: str, wanted: Range) -> Iterator[Entry]:
    place: str | None = None
    while True:
        found, place = device_events.timeline(
            device,
            service,
            name,
            wanted.start,
            wanted.end,
            newest_first=wanted.newest_first,
            limit=min(wanted.limit + 1, device_events.MOST_ENTRIES),
            place=place,
        )
        yield from found
        if place is None:
            return
