"""Every change of desired values, by time: kept while it is open and for 90 days from its end.

They lie beside the reports, under keys that sort behind them: deleting a device costs no call more.

Source: Huawei 1.6.4
"""

from functools import reduce
from operator import and_
from typing import Any

import msgspec
from pynamodb.expressions.condition import Condition

from ..store.history import DESIRED, DesiredRecord
from ..store.walks import HIGHEST, Key, Walk
from . import clock, history, ids, paging
from .applications import Caller
from .devices import Device
from .paging import Page, Source
from .shadow_changes import Status


class DesiredChange(msgspec.Struct, frozen=True):
    """What one call wanted of a service at `at` ms. `status` is the last that was written down: PENDING
    until the change is settled, at `settled` ms.
    """

    service: str
    desired: dict[str, Any]
    at: int
    status: Status
    settled: int | None = None


class Filter(msgspec.Struct, frozen=True):
    """Changes of this service, with this property, at `after` ms or later and before `before` ms."""

    service: str | None = None
    name: str | None = None
    after: int | None = None
    before: int | None = None


def page(
    caller: Caller, device: str, gateway: str | None, wanted: Filter, number: int, size: int
) -> tuple[Device, Page[DesiredChange]]:
    """The device and a page of the changes of its desired values, newest first.

    `gateway`, where given, is the device's own. Raises HistoryNotFound where the device is absent or
    another gateway's, ListTooLong, InvalidInput where the page holds too much. AWS calls: one for the
    device, one a megabyte, and those of `paging`.
    """
    found = history.device_of(caller, device, gateway)
    walk = _walk(device, wanted)

    def fetch(start: Key | None, limit: int) -> tuple[list[DesiredChange], Key | None]:
        return history.read(walk, start, limit, _change)

    name = paging.name(caller.tenant, caller.owner, "desired", device, msgspec.structs.astuple(wanted), size)
    return found, paging.page(name, number, size, Source(fetch, walk.skip, walk.count))


def _walk(device: str, wanted: Filter) -> Walk[DesiredRecord]:
    return Walk(
        DesiredRecord,
        device,
        DesiredRecord.entry,
        low=DESIRED + ids.listing_bound(wanted.after or 0),
        high=DESIRED + (HIGHEST if wanted.before is None else ids.listing_bound(wanted.before)),
        forward=False,
        holds=_holds(wanted),
    )


def _holds(wanted: Filter) -> Condition:
    """`data` is absent where a change was settled while its device was being purged."""
    kept = DesiredRecord.ttl.does_not_exist() | (DesiredRecord.ttl > clock.now() // clock.SECOND)
    holds: list[Condition] = [DesiredRecord.data.exists(), kept]
    if wanted.service is not None:
        holds.append(DesiredRecord.service == wanted.service)
    if wanted.name is not None:
        holds.append(DesiredRecord.names.contains(wanted.name))
    return reduce(and_, holds)


def _change(record: DesiredRecord) -> DesiredChange:
    return DesiredChange(
        record.service,
        msgspec.json.decode(record.data),
        int(record.at),
        Status(record.status),
        None if record.settled is None else int(record.settled),
    )
