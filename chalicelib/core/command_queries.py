"""Reading commands by device or application.

Source: Huawei 1.9.2
"""

from ..store.commands import CommandRecord
from ..store.walks import HIGHEST, LOWEST, Key, Walk
from . import devices, ids, paging
from .applications import Caller
from .command_states import Command, command_of
from .errors import InvalidInput
from .paging import Page, Source


def of_device(
    caller: Caller, device: str, start: int | None, end: int | None, number: int, size: int
) -> Page[Command]:
    """Newest first, created within [start, end] (ms). Raises DeviceNotFound."""
    devices.get(caller, device)
    low, high = between(start, end)
    walk = Walk(CommandRecord, device, CommandRecord.command, low=low, high=high, forward=False)

    def fetch(after: Key | None, limit: int) -> tuple[list[Command], Key | None]:
        records, following = walk.read(after, limit)
        return [command_of(record) for record in records], following

    name = paging.name("commands", caller.owner, device, start, end, size)
    return paging.page(name, number, size, Source(fetch, walk.skip, walk.count))


def of_owner(caller: Caller, start: int | None, end: int | None, number: int, size: int) -> Page[Command]:
    """Of all devices of the application, newest first, created within [start, end] (ms)."""
    low, high = between(start, end)
    walk = Walk(
        CommandRecord,
        caller.owner,
        CommandRecord.command,
        index="by_owner",
        low=low,
        high=high,
        forward=False,
    )

    def fetch(after: Key | None, limit: int) -> tuple[list[Command], Key | None]:
        records, following = walk.read(after, limit)
        return read([(record.device, record.command) for record in records]), following

    name = paging.name("commands", caller.owner, start, end, size)
    return paging.page(name, number, size, Source(fetch, walk.skip, walk.count))


def read(keys: list[tuple[str, str]]) -> list[Command]:
    """In the order of the keys, without those that are gone. One AWS call per hundred."""
    unique = list(dict.fromkeys(keys))
    found = {
        (r.device, r.command): command_of(r) for r in CommandRecord.batch_get(unique, consistent_read=True)
    }
    return [found[key] for key in keys if key in found]


def between(start: int | None, end: int | None) -> tuple[str, str]:
    """Bounds of ordered ids; both ends count in."""
    low = LOWEST if start is None else ids.ordered_bound(start)
    high = HIGHEST if end is None else ids.ordered_bound(end) + HIGHEST
    return low, high


def interval(start: int | None, end: int | None) -> None:
    """Start and end come together, the end after the start. Raises InvalidInput."""
    if (start is None) != (end is None):
        raise InvalidInput("endTime" if end is None else "startTime", "is missing", missing=True)
    if start is not None and end is not None and end <= start:
        raise InvalidInput("endTime", "is not after startTime")
