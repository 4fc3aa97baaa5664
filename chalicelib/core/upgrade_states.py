"""What an upgrade is, and how the part of each device in it stands.

A part has a letter, kept in its own item and as a mark in its chunk:

    N -> W -> P -> S | F | T       new, waiting, told; succeeded, failed, fell silent
    P -> W                         the message found no connection, or another attempt is due
    N, W -> F                      it cannot be told at all
    N, W, P -> X | T               cut off by the upgrade's end; X also where a person canceled it

A settled letter never changes. Letters move in the transaction that changes the part, so an upgrade's
counters, which are what the marks come to, cannot differ from a recount. Whatever is over reads as
over, and is treated so by every write, before a sweep has ended it.

Source: Huawei 1.12.4 to 1.12.8
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from enum import Enum, IntEnum
from typing import Any

import msgspec

from ..store.upgrades import ChunkRecord, PartRecord, UpgradeRecord, chunk_item, part_item
from . import clock
from .packages import Type

NEW, WAITING, TOLD = "N", "W", "P"
SUCCEEDED, FAILED, SILENT, STOPPED = "S", "F", "T", "X"
UNSETTLED = (NEW, WAITING, TOLD)
CHUNK_SIZE = 90  # devices: a chunk is written with its parts in one transaction
SHARDS = 4
ID_LENGTH = 32

LOOK, WORK = "upgrade-look", "upgrade-chunk"  # the background jobs: the upgrade; some of its devices
SEND = "upgrade"  # the next upgrade of a device
AGAIN = "upgrade-again"  # whatever an overdue part needs
RENEW = "upgrade-url"  # tell the device once more, with a fresh URL


class PolicyKind(Enum):
    NOW = "now"  # a device that is not reachable fails
    ONLINE = "online"  # it is told once it is reachable
    WINDOW = "window"  # the same, from a start to an end


class Policy(msgspec.Struct, frozen=True, omit_defaults=True):
    """`start` and `end` in ms, of a window. `retries` after a failure, None where none were asked for.
    `confirm`: a person has to confirm it, device by device (`personal_upgrades`); until then a part is new.
    """

    kind: PolicyKind = PolicyKind.NOW
    start: int | None = None
    end: int | None = None
    retries: int | None = None
    confirm: bool = False


class Target(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the caller named: devices (kept in the chunks) or groups, and the make as given."""

    groups: tuple[str, ...] = ()
    device_type: str | None = None
    model: str | None = None
    manufacturer_name: str | None = None


class Status(Enum):
    """Of an upgrade, or of a device's part in it."""

    WAIT = "wait"
    PROCESSING = "processing"
    SUCCESS = "success"
    FAILED = "failed"
    STOPPED = "stopped"


STATUSES = {
    NEW: Status.WAIT,
    WAITING: Status.WAIT,
    TOLD: Status.PROCESSING,
    SUCCEEDED: Status.SUCCESS,
    FAILED: Status.FAILED,
    SILENT: Status.FAILED,
    STOPPED: Status.STOPPED,
}


class Step(IntEnum):
    """How far a device is; it only comes further within an attempt, and is idle at its end."""

    IDLE = 0
    DOWNLOADING = 1
    DOWNLOADED = 2
    UPDATING = 3


class Counts(msgspec.Struct, frozen=True):
    """Parts by what became of them; each counts once."""

    total: int
    wait: int
    processing: int
    success: int
    failed: int
    stopped: int
    timeout: int

    @property
    def settled(self) -> bool:
        return not (self.wait or self.processing)


class Upgrade(msgspec.Struct, frozen=True):
    """Times in ms; `stopped` is None before its end. `devices` where the caller listed them."""

    id: str
    owner: str
    creator: str
    type: Type
    package: str
    package_name: str
    version: str
    target: Target
    devices: tuple[str, ...]
    policy: Policy
    created: int
    started: int | None
    stopped: int | None
    status: Status
    counts: Counts


class Part(msgspec.Struct, frozen=True):
    """A device's part. Times in ms; `timed_out` tells silence from another failure."""

    upgrade: str
    device: str
    type: Type
    status: Status
    target_version: str
    created: int
    timed_out: bool = False
    step: int | None = None
    progress: int | None = None
    source_version: str | None = None
    current_version: str | None = None
    started: int | None = None
    fetching: int | None = None
    fetched: int | None = None
    stopped: int | None = None
    attempt: int = 0
    detail: str | None = None
    error: str | None = None


def public_id(part: Part) -> str:
    """An id that finds the part by itself: that of the upgrade, then the device's."""
    return part.upgrade + part.device


def policy_of(record: UpgradeRecord) -> Policy:
    return msgspec.json.decode(record.policy, type=Policy)


def marks(chunk: ChunkRecord) -> Iterator[tuple[str, str]]:
    """Device and letter as of now: what is over is over, swept or not."""
    over = int(chunk.until) <= clock.now()
    for device, mark in zip(chunk.devices, chunk.marks, strict=True):
        yield device, chunk.cut if over and mark in UNSETTLED else mark


def count(letters: Iterable[str]) -> Counts:
    number = Counter(letters)
    return Counts(
        total=number.total(),
        wait=number[NEW] + number[WAITING],
        processing=number[TOLD],
        success=number[SUCCEEDED],
        failed=number[FAILED],
        stopped=number[STOPPED],
        timeout=number[SILENT],
    )


def status_of(record: UpgradeRecord, counts: Counts) -> Status:
    """Of an upgrade. It is stopped where its end cut something off, else failed where a device failed.

    One without devices has succeeded.
    """
    now = clock.now()
    over = int(record.until) <= now
    if not over and (record.place or not counts.settled):
        return Status.WAIT if now < int(record.start) else Status.PROCESSING
    if counts.stopped:
        return Status.STOPPED
    return Status.FAILED if counts.failed or counts.timeout else Status.SUCCESS


def new_chunk(record: UpgradeRecord, number: int, devices: list[str]) -> tuple[ChunkRecord, list[PartRecord]]:
    """A chunk with the parts of its devices."""
    window = policy_of(record).kind is PolicyKind.WINDOW
    chunk = ChunkRecord(
        record.upgrade,
        chunk_item(number),
        devices=devices,
        marks=[NEW] * len(devices),
        until=record.until,
        cut=STOPPED if window else SILENT,
        ttl=record.ttl,
    )
    parts = [_part(record, chunk, index, device) for index, device in enumerate(devices)]
    return chunk, parts


def _part(record: UpgradeRecord, chunk: ChunkRecord, index: int, device: str) -> PartRecord:
    return PartRecord(
        record.upgrade,
        part_item(device),
        device=device,
        chunk=chunk.item,
        index=index,
        status=NEW,
        attempt=0,
        failures=0,
        ttl=record.ttl,
    )


def mark_at(index: int) -> Any:
    """The path of one mark, for updates and conditions."""
    path: Any = ChunkRecord.marks
    return path[index]


def shard_of(ident: str) -> str:
    """Of an upgrade or a device, in the index of what is to be looked at."""
    return str(int(ident[-2:], 16) % SHARDS)
