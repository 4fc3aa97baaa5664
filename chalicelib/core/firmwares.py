"""Firmware versions of a product: an app's own note of them and of where their files lie.

The files are the app's; nothing is fetched, and no device is upgraded by it. Model and version are
unique in a product. Those of a deleted product go with it.

Source: XLink, firmware versions
"""

from typing import Any

import msgspec

from ..store.base import as_struct
from ..store.counters import CounterRecord
from ..store.firmwares import FirmwareRecord
from ..store.products import AliasRecord
from ..store.transactions import ConditionFailed, Transaction, pause
from . import clock, ids
from .errors import Busy, FirmwareExists, FirmwareNotFound, TooManyFirmwares

KIND = "firmware"  # alias: model and version within a product to the firmware
MOST = 500  # of a product
TRIES = 5


class Facts(msgspec.Struct, frozen=True):
    """`maker_model` is the model of the hardware or of the firmware; `size` in bytes; `released_at` in ms."""

    maker_model: str
    version: int
    url: str
    md5: str
    size: int
    description: str
    released_at: int
    released: bool


class Firmware(Facts, frozen=True, kw_only=True):
    """`created` in ms."""

    product: str
    id: str
    created: int


def create(product: str, facts: Facts) -> Firmware:
    """One AWS call. Raises FirmwareExists, TooManyFirmwares. Source: XLink 7"""
    now = clock.now()
    record = FirmwareRecord(product, ids.ordered_id(now), created=now, revision=1, **_values(facts))
    change = Transaction()
    change.put(record, FirmwareRecord.id.does_not_exist())
    _name(change, product, facts, record.id)
    _count(change, product, 1)
    change.commit()
    return as_struct(Firmware, record)


def change_facts(product: str, firmware: str, changes: dict[str, Any]) -> Firmware:
    """New values for some of its facts. Two AWS calls. Raises FirmwareNotFound, FirmwareExists, Busy.

    Source: XLink 8
    """
    for attempt in range(TRIES):
        record = _find(product, firmware)
        before = as_struct(Firmware, record)
        after = msgspec.structs.replace(before, **changes)
        change = Transaction()
        change.update(
            FirmwareRecord(product, firmware),
            [getattr(FirmwareRecord, name).set(getattr(after, name)) for name in changes]
            + [FirmwareRecord.revision.set(int(record.revision) + 1)],
            FirmwareRecord.revision == record.revision,
        )
        if _alias(product, before) != _alias(product, after):
            change.delete(AliasRecord(*_alias(product, before)), AliasRecord.target == firmware)
            _name(change, product, after, firmware)
        try:
            change.commit()
        except ConditionFailed:
            pause(attempt)
            continue
        return after
    raise Busy(firmware)


def delete(product: str, firmware: str) -> None:
    """Two AWS calls. Raises FirmwareNotFound, Busy. Source: XLink 9"""
    for attempt in range(TRIES):
        record = _find(product, firmware)
        try:
            _delete(record)
        except ConditionFailed:
            pause(attempt)
            continue
        return
    raise Busy(firmware)


def list_firmwares(product: str) -> list[Firmware]:
    """Oldest first. One AWS call. Source: XLink 10"""
    return [as_struct(Firmware, record) for record in FirmwareRecord.query(product, consistent_read=True)]


def erase(product: str) -> None:
    """All of a product that is gone: two AWS calls, and one for each. Harmless to repeat."""
    for record in list(FirmwareRecord.query(product, consistent_read=True)):
        try:
            _delete(record)
        except ConditionFailed:
            continue  # another is at it
    CounterRecord(_counter(product)).delete()


def _find(product: str, firmware: str) -> FirmwareRecord:
    record = FirmwareRecord.find(product, firmware)
    if record is None:
        raise FirmwareNotFound(firmware)
    return record


def _delete(record: FirmwareRecord) -> None:
    change = Transaction()
    change.delete(FirmwareRecord(record.product, record.id), FirmwareRecord.revision == record.revision)
    alias = AliasRecord(*_alias(record.product, as_struct(Facts, record)))
    change.delete(alias, AliasRecord.target == record.id)
    _count(change, record.product, -1)
    change.commit()


def _count(change: Transaction, product: str, amount: int) -> None:
    value = CounterRecord.value
    room = value.does_not_exist() | (value < MOST) if amount > 0 else None
    change.update(CounterRecord(_counter(product)), [value.add(amount)], room, TooManyFirmwares(product))


def _counter(product: str) -> str:
    return f"firmwares#{product}"


def _name(change: Transaction, product: str, facts: Facts, firmware: str) -> None:
    """Add to the change that this model and version are this firmware's."""
    alias = AliasRecord(*_alias(product, facts), target=firmware)
    taken = FirmwareExists(f"{facts.maker_model} {facts.version}")
    change.put(alias, AliasRecord.name.does_not_exist(), taken)


def _alias(product: str, facts: Facts) -> tuple[str, str]:
    return f"{KIND}#{facts.version}#{facts.maker_model}", product


def _values(facts: Facts) -> dict[str, Any]:
    return msgspec.structs.asdict(facts)
