"""Every report of a device, by time, for as long as the device's ageing says.

The age of data is judged by the time of its report, when it is written and whenever it is read:
a shorter ageing hides older data at once. Each entry also keeps the end it was given when it came:
a longer ageing does not bring back what had ended.

Source: Huawei 1.6.3
"""

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from ..store.history import AFTER_REPORTS, DesiredRecord, HistoryRecord
from ..store.transactions import Transaction
from ..store.walks import Key, Walk
from . import clock, devices, ids, paging
from .applications import Caller
from .devices import Device
from .errors import DeviceNotFound, HistoryNotFound, InvalidInput
from .paging import Page, Source

DEFAULT_AGEING = 7  # days
MOST_BYTES = 16 * 1024 * 1024  # of a page
AROUND_DATA = 300  # bytes that an answer may write around the data of an entry


R = TypeVar("R", HistoryRecord, DesiredRecord)
E = TypeVar("E")


class Entry(msgspec.Struct, frozen=True):
    """What one service reported at `at` ms."""

    service: str
    data: dict[str, Any]
    at: int


def entry(
    change: Transaction,
    device: str,
    at: int,
    message: str,
    position: int,
    service: str,
    data: str,
    ageing: int | None,
) -> None:
    """Add one service's report to the change; a repeat of the message writes the same entry again.

    `at` is the report's time in ms, `position` its place in the message, `data` JSON text,
    `ageing` the device's days (None: the default). What is already too old, always with an ageing
    of 0, is not kept.
    """
    now = clock.now()
    ends = min(at, now) + kept_for(ageing)
    if ends <= now:
        return
    change.put(
        HistoryRecord(
            device,
            f"{at:0{ids.STAMP}d}#{message}#{position:03d}",
            service=service,
            data=data,
            at=at,
            ttl=-(-ends // clock.SECOND),
        )
    )


def page(
    caller: Caller,
    device: str,
    gateway: str | None,
    number: int,
    size: int,
    after: int | None = None,
    before: int | None = None,
) -> tuple[Device, Page[Entry]]:
    """The device and a page of its reports at `after` ms or later and before `before` ms, newest first.

    `gateway`, where given, is the device's own. Raises HistoryNotFound where the device is absent
    or another gateway's, ListTooLong, and InvalidInput where the page holds more than MOST_BYTES:
    a shorter page would end the walk of a client that counts pages, and lose what was left out.

    AWS calls: one for the device, one a megabyte, and those of `paging`.
    """
    found = device_of(caller, device, gateway)
    walk = _walk(found, after, before)
    if walk is None:
        return found, Page([], 0, number, size)

    def fetch(start: Key | None, limit: int) -> tuple[list[Entry], Key | None]:
        return read(walk, start, limit, _entry)

    name = paging.name(caller.tenant, caller.owner, "history", device, after, before, size)
    return found, paging.page(name, number, size, Source(fetch, walk.skip, walk.count))


def device_of(caller: Caller, device: str, gateway: str | None) -> Device:
    """The device whose history is asked for; `gateway`, where given, must be its own.

    Raises HistoryNotFound. One AWS call.
    """
    try:
        found = devices.get(caller, device)
    except DeviceNotFound as error:
        raise HistoryNotFound(device) from error
    if gateway is not None and gateway != found.gateway:
        raise HistoryNotFound(device)
    return found


def _walk(device: Device, after: int | None, before: int | None) -> Walk[HistoryRecord] | None:
    """None where nothing can lie between the bounds."""
    now, kept = clock.now(), kept_for(device.ageing)
    oldest = max(after or 0, now - kept)
    if not kept or (before is not None and before <= oldest):
        return None
    return Walk(
        HistoryRecord,
        device.device,
        HistoryRecord.entry,
        low=ids.listing_bound(oldest),
        high=AFTER_REPORTS if before is None else ids.listing_bound(before),
        forward=False,
        holds=HistoryRecord.ttl > now // clock.SECOND,
    )


def _entry(record: HistoryRecord) -> Entry:
    return Entry(record.service, msgspec.json.decode(record.data), int(record.at))


def read(
    walk: Walk[R], start: Key | None, limit: int, entry_of: Callable[[R], E]
) -> tuple[list[E], Key | None]:
    """Up to `limit` entries after `start`, and where to go on. Raises InvalidInput beyond MOST_BYTES."""
    entries: list[E] = []
    key, room = start, MOST_BYTES
    for records, following in walk.batches(start, limit):
        key = following
        for record in records:
            room -= len(record.data.encode()) + AROUND_DATA
            entries.append(entry_of(record))
        if room < 0:
            raise InvalidInput("pageSize", f"asks for more than {MOST_BYTES // 1024**2} MB at once")
    return entries, key


def kept_for(ageing: int | None) -> int:
    """Ms that data of a device with this ageing, in days, is kept."""
    return (DEFAULT_AGEING if ageing is None else ageing) * clock.DAY
