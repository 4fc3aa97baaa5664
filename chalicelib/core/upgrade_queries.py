"""Asking about upgrades: one, its parts by page, all of an application by page.

Source: Huawei 1.12.6 to 1.12.8
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from ..store.devices import DEVICE, DeviceItem, DeviceRecord
from ..store.reading import Key, find_all
from ..store.upgrades import (
    AFTER_CHUNKS,
    UPGRADE,
    ChunkRecord,
    PartRecord,
    UpgradeItem,
    UpgradeRecord,
    chunk_item,
    part_item,
)
from ..store.walks import Key as Place
from ..store.walks import Walk
from . import (
    clock,
    paging,
    upgrade_cases,
    upgrade_states,
)
from .applications import Caller
from .errors import UpgradeNotFound
from .memberships import batched
from .packages import Type
from .paging import Page, Source
from .upgrade_cases import VERSIONS
from .upgrade_states import Part, Status, Target, Upgrade

AT_ONCE = 100  # items of one read


class Filter(msgspec.Struct, frozen=True):
    """`device` is one that takes part."""

    type: Type | None = None
    status: Status | None = None
    device_type: str | None = None
    model: str | None = None
    manufacturer_name: str | None = None
    device: str | None = None


def get(caller: Caller, upgrade: str) -> Upgrade:
    """One AWS call for some thousand devices. Raises UpgradeNotFound. Source: Huawei 1.12.6"""
    record, chunks = _open(caller, upgrade)
    return _upgrade(record, list(chunks))


def _open(caller: Caller, upgrade: str) -> tuple[UpgradeRecord, Iterator[ChunkRecord]]:
    """The upgrade, and its chunks as they are read. Raises UpgradeNotFound."""
    items = UpgradeItem.query(upgrade, UpgradeItem.item.between(UPGRADE, AFTER_CHUNKS), consistent_read=True)
    first = next(items, None) if upgrade else None
    if not isinstance(first, UpgradeRecord) or not _visible(caller, first):
        raise UpgradeNotFound(upgrade)
    return first, (each for each in items if isinstance(each, ChunkRecord))


def _visible(caller: Caller, record: UpgradeRecord) -> bool:
    return (record.tenant, record.owner) == (caller.tenant, caller.owner)


def _upgrade(record: UpgradeRecord, chunks: Sequence[ChunkRecord]) -> Upgrade:
    """Its start is when it began to work, its stop when the last device was through."""
    counts = upgrade_states.count(letter for chunk in chunks for _, letter in upgrade_states.marks(chunk))
    status = upgrade_states.status_of(record, counts)
    target = msgspec.json.decode(record.target, type=Target)
    stopped: int | None = None
    if status not in (Status.WAIT, Status.PROCESSING):
        cut = int(record.until) <= clock.now() and any(
            mark in upgrade_states.UNSETTLED for chunk in chunks for mark in chunk.marks
        )
        times = [int(chunk.ended) for chunk in chunks if chunk.ended]
        stopped = int(record.until) if cut else max(times, default=int(record.start))
    return Upgrade(
        id=record.upgrade,
        owner=record.owner,
        creator=record.creator,
        type=Type(record.type),
        package=record.package,
        package_name=record.name,
        version=record.version,
        target=target,
        devices=() if target.groups else tuple(device for chunk in chunks for device in chunk.devices),
        policy=upgrade_states.policy_of(record),
        created=int(record.created),
        started=None if status is Status.WAIT else int(record.start),
        stopped=stopped,
        status=status,
        counts=counts,
    )


def parts(
    caller: Caller, upgrade: str, status: Status | None = None, number: int = 0, size: int = 10
) -> Page[Part]:
    """The parts of its devices, in their order. One AWS call for some thousand devices, and one for 50 of
    the page. Raises UpgradeNotFound. Source: Huawei 1.12.7
    """
    record, chunks = _open(caller, upgrade)
    found = [
        device
        for chunk in chunks
        for device, letter in upgrade_states.marks(chunk)
        if status is None or upgrade_states.STATUSES[letter] is status
    ]
    wanted = found[number * size : (number + 1) * size]
    return Page(list(_parts(record, wanted)), len(found), number, size)


def _parts(record: UpgradeRecord, wanted: Sequence[str]) -> Iterator[Part]:
    version = VERSIONS[Type(record.type)]
    for some in batched(wanted, AT_ONCE // 2):
        keys: list[Key] = [(UpgradeItem, record.upgrade, part_item(device)) for device in some]
        keys += [(DeviceItem, device, DEVICE) for device in some]
        found = find_all(keys).values()
        current = {r.device: getattr(r, version) for r in found if isinstance(r, DeviceRecord)}
        held = {each.device: each for each in found if isinstance(each, PartRecord)}
        for device in some:
            if device in held:
                yield upgrade_cases.part_of(record, held[device], current.get(device))


def page(caller: Caller, wanted: Filter, number: int, size: int) -> Page[Upgrade]:
    """Newest first. AWS calls: a query, two for the upgrades of the page (more where they have more than
    a hundred chunks), and those of `paging`; a filter reads all that are listed. Raises ListTooLong.

    Source: Huawei 1.12.8
    """
    facts = {name: value for name, value in _values(wanted).items() if value is not None}
    name = paging.name(caller.tenant, caller.owner, "upgrades", facts, size)
    walk = Walk(UpgradeRecord, caller.owner, UpgradeRecord.listing, index="by_owner", forward=False)
    if facts:
        return paging.listed(
            name,
            number,
            size,
            lambda: _matching(caller, wanted, walk),
            lambda entries: _read(caller, entries),
        )

    def fetch(start: Place | None, limit: int) -> tuple[list[Upgrade], Place | None]:
        records, following = walk.read(start, limit)
        return _read(caller, [record.upgrade for record in records]), following

    return paging.page(name, number, size, Source(fetch, walk.skip, walk.count))


def _values(wanted: Filter) -> dict[str, Any]:
    values = msgspec.structs.asdict(wanted)
    return values | {
        "type": wanted.type.value if wanted.type else None,
        "status": wanted.status.value if wanted.status else None,
    }


def _matching(caller: Caller, wanted: Filter, walk: Walk[UpgradeRecord]) -> Iterator[str]:
    """Ids of the caller's upgrades that match."""
    facts = {
        name: value
        for name in ("type", "device_type", "model", "manufacturer_name")
        if (value := _values(wanted)[name]) is not None
    }
    found = (
        record.upgrade
        for records, _ in walk.batches(None)
        for record in records
        if all(getattr(record, name) == value for name, value in facts.items())
    )
    if wanted.device is not None:
        held = {record.upgrade for record in _of_device(wanted.device)}
        found = (upgrade for upgrade in found if upgrade in held)
    if wanted.status is None:
        yield from found
        return
    for some in batched(found, AT_ONCE):
        yield from (each.id for each in _read(caller, some) if each.status is wanted.status)


def _of_device(device: str) -> Iterator[PartRecord]:
    walk = Walk(PartRecord, device, PartRecord.upgrade, index="by_device", forward=False)
    return (record for records, _ in walk.batches(None) for record in records)


def _read(caller: Caller, wanted: Sequence[str]) -> list[Upgrade]:
    """The upgrades in the order given, AT_ONCE at most."""
    found = {
        record.upgrade: record
        for record in find_all((UpgradeItem, upgrade, UPGRADE) for upgrade in wanted).values()
        if isinstance(record, UpgradeRecord) and _visible(caller, record)
    }
    keys: Iterable[Key] = (
        (UpgradeItem, record.upgrade, chunk_item(number))
        for record in found.values()
        for number in range(int(record.chunks))
    )
    chunks: dict[str, list[ChunkRecord]] = {}
    for some in batched(keys, AT_ONCE):
        for each in find_all(some).values():
            if isinstance(each, ChunkRecord):
                chunks.setdefault(each.upgrade, []).append(each)
    return [
        _upgrade(found[upgrade], sorted(chunks.get(upgrade, ()), key=lambda chunk: str(chunk.item)))
        for upgrade in wanted
        if upgrade in found
    ]
