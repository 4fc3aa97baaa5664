"""Which devices the groups of an upgrade mean: those of the package's make that are in them.

A page of members becomes a chunk in the transaction that moves on the place where the search
continues, so whatever dies, the next worker goes on from there. A device that changes groups meanwhile
takes part once.

Source: Huawei 1.12.4
"""

from typing import Any

import msgspec

from ..store.devices import DEVICE, DeviceItem, DeviceRecord
from ..store.transactions import ConditionFailed, Transaction, pause
from ..store.upgrades import PART, UPGRADE, PartRecord, UpgradeItem, UpgradeRecord
from . import devices, member_search, upgrade_states
from .applications import Caller
from .member_search import Place

PAGES_AT_ONCE = 50  # of one job
TRIES = 20


class Known(ConditionFailed):
    """The device takes part already."""

    def __init__(self, device: str) -> None:
        super().__init__(device)
        self.device = device


def search(task: UpgradeRecord) -> bool:
    """Find devices for up to PAGES_AT_ONCE chunks; brings `task` up to date. Three to four AWS calls each.

    False where another worker is on it, or the upgrade is closed.
    """
    for _ in range(PAGES_AT_ONCE):
        if not task.place:
            break
        try:
            _find_more(task)
        except ConditionFailed:
            return False
    return True


def _find_more(task: UpgradeRecord) -> None:
    """One more chunk. Raises ConditionFailed."""
    place = msgspec.json.decode(task.place, type=Place)
    members, following = member_search.page(task.owner, place, upgrade_states.CHUNK_SIZE)
    found = of_make(Caller(task.tenant, task.creator, task.owner), members, task)
    after = None if following is None else msgspec.json.encode(following).decode()
    for tried in range(TRIES):
        try:
            _keep(task, [record.device for record in found], after)
        except Known as known:
            found = [record for record in found if record.device != known.device]
            pause(min(tried, 2))
        else:
            return
    raise ConditionFailed(task.upgrade)


def _keep(task: UpgradeRecord, found: list[str], after: str | None) -> None:
    number = int(task.chunks)
    same = (UpgradeRecord.place == task.place) & UpgradeRecord.finished.does_not_exist()
    moved: list[Any] = [UpgradeRecord.place.remove() if after is None else UpgradeRecord.place.set(after)]
    change = Transaction()
    if found:
        same &= UpgradeRecord.chunks == number
        moved.append(UpgradeRecord.chunks.set(number + 1))
        put_chunk(change, task, number, found)
    change.update(UpgradeRecord(task.upgrade, UPGRADE), moved, same)
    change.commit()
    task.place, task.chunks = after, number + bool(found)


def put_chunk(change: Transaction, task: UpgradeRecord, number: int, found: list[str]) -> None:
    """Add a chunk with the parts of its devices to the change. Fails with Known."""
    chunk, parts = upgrade_states.new_chunk(task, number, found)
    change.put(chunk, type(chunk).upgrade.does_not_exist())
    for part in parts:
        change.put(part, PartRecord.upgrade.does_not_exist(), Known(part.device))


def of_make(caller: Caller, wanted: list[str], make: Any) -> list[DeviceRecord]:
    """Those of the devices that are the caller's and of the make for which a package is, in their order.

    One AWS call a hundred.
    """
    return [record for record in visible(caller, wanted) if fits(record, make)]


def visible(caller: Caller, wanted: list[str]) -> list[DeviceRecord]:
    keys = [(device, DEVICE) for device in dict.fromkeys(wanted)]
    found = {record.device: record for record in DeviceItem.batch_get(keys, consistent_read=True)}
    records = [found.get(device) for device, _ in keys]
    return [r for r in records if isinstance(r, DeviceRecord) and devices.visible(caller, r)]


def fits(record: DeviceRecord, make: Any) -> bool:
    """Whether the device is of the make that `make` (a package, an upgrade) names."""
    return all(
        getattr(record, name) == getattr(make, name) for name in ("device_type", "model", "manufacturer_name")
    )


def device_of(part: UpgradeItem) -> str:
    """Of a part of which only the key is known."""
    return str(part.item).removeprefix(PART)
