"""What is read of a device's part in an upgrade, and how the part looks to others."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ..store.devices import DEVICE, QUEUE, DeviceItem, DeviceRecord, QueueRecord
from ..store.reading import Key, find_all
from ..store.upgrades import UPGRADE, PartRecord, UpgradeItem, UpgradeRecord, part_item
from . import clock, upgrade_states
from .packages import Type
from .upgrade_states import SILENT, SUCCEEDED, UNSETTLED, Part, PolicyKind

READ_AT_ONCE = 33  # parts of one upgrade: three items each
VERSIONS = {Type.SOFTWARE: "sw_version", Type.FIRMWARE: "fw_version"}  # of a device's record


@dataclass(frozen=True)
class Case:
    """A part, with what its hops touch. `device` is None where it is gone."""

    upgrade: UpgradeRecord
    part: PartRecord
    device: DeviceRecord | None
    queue: QueueRecord | None

    @property
    def settled(self) -> bool:
        return self.part.status not in UNSETTLED

    @property
    def over(self) -> bool:
        return int(self.upgrade.until) <= clock.now()

    @property
    def type(self) -> Type:
        return Type(self.upgrade.type)

    @property
    def version(self) -> str | None:
        """The device's own, as its record has it."""
        return getattr(self.device, VERSIONS[self.type], None) if self.device is not None else None


def read(upgrade: str, device: str) -> Case | None:
    """None where there is no such part. One AWS call."""
    return next(iter(read_some([(upgrade, device)])), None)


def read_some(wanted: Iterable[tuple[str, str]]) -> list[Case]:
    """The parts of (upgrade, device) that exist, READ_AT_ONCE at most. One AWS call."""
    pairs = list(wanted)
    keys: list[Key] = []
    for upgrade, device in pairs:
        keys += [(UpgradeItem, upgrade, UPGRADE), (UpgradeItem, upgrade, part_item(device))]
        keys += [(DeviceItem, device, DEVICE), (DeviceItem, device, QUEUE)]
    found: dict[tuple[str, str], Any] = {}
    for record in find_all(keys).values() if keys else ():
        name = record.upgrade if isinstance(record, UpgradeItem) else record.device  # type: ignore[attr-defined]
        found[name, record.item] = record  # type: ignore[attr-defined]
    cases = []
    for upgrade, device in pairs:
        head, part = found.get((upgrade, UPGRADE)), found.get((upgrade, part_item(device)))
        if isinstance(head, UpgradeRecord) and isinstance(part, PartRecord):
            known = found.get((device, DEVICE))
            alive = known if isinstance(known, DeviceRecord) and not known.deleted else None
            cases.append(Case(head, part, alive, found.get((device, QUEUE))))
    return cases


def part_of(upgrade: UpgradeRecord, record: PartRecord, current: str | None = None) -> Part:
    """As of now: what is over is over, swept or not."""
    letter, stopped = record.status, record.stopped
    if letter in UNSETTLED and int(upgrade.until) <= clock.now():
        window = upgrade_states.policy_of(upgrade).kind is PolicyKind.WINDOW
        letter, stopped = upgrade_states.STOPPED if window else SILENT, upgrade.until
    number = {
        name: int(value)
        for name in ("step", "progress", "started", "fetching", "fetched")
        if (value := getattr(record, name)) is not None
    }
    return Part(
        upgrade=upgrade.upgrade,
        device=record.device,
        type=Type(upgrade.type),
        status=upgrade_states.STATUSES[letter],
        target_version=upgrade.version,
        created=int(upgrade.created),
        timed_out=letter == SILENT,
        source_version=record.source,
        current_version=upgrade.version if letter == SUCCEEDED else current,
        stopped=int(stopped) if stopped is not None else None,
        attempt=int(record.attempt),
        detail=record.detail,
        error=record.error,
        **number,
    )
