"""What a command is, and which state it is in now.

    PENDING -> SENT -> DELIVERED -> SUCCESSFUL | FAILED | TIMEOUT
    PENDING -> EXPIRED | CANCELED

A settled state never changes. A command that found no connection goes from SENT back to PENDING
and keeps its mid; the answer to an earlier attempt settles it there too. Whatever is over reads as
over, and is treated so by every write, before a sweep has ended it.

Source: Huawei 1.9.1 to 1.9.3
"""

from enum import Enum
from typing import Any

import msgspec

from ..store.commands import CommandRecord
from . import clock
from .applications import Caller
from .errors import CommandNotFound

DEFAULT_EXPIRE = 48 * 3600  # s
DEFAULT_RETRANSMIT = 3
IMMEDIATE_LASTS = 180  # s in which an immediate command leaves, or never
RESPONSE_WITHIN = 180 * clock.SECOND  # from the latest attempt, or from its delivery
DRAIN = "drain"  # the background jobs: the next of a device's queue
SEND = "send"  # an immediate command
RETRY = "retry"  # whatever an overdue command needs
ID_LENGTH = 32


class Status(Enum):
    PENDING = "PENDING"
    SENT = "SENT"
    DELIVERED = "DELIVERED"
    SUCCESSFUL = "SUCCESSFUL"
    FAILED = "FAILED"
    TIMEOUT = "TIMEOUT"
    EXPIRED = "EXPIRED"
    CANCELED = "CANCELED"

    @property
    def settled(self) -> bool:
        return self not in (Status.PENDING, Status.SENT, Status.DELIVERED)


class Mode(Enum):
    CACHED = "cached"  # queued until the device is online or reports, one at a time
    IMMEDIATE = "immediate"  # sent at once, whether or not the device hears it
    DIRECT = "direct"  # sent while the caller waits; fails for an offline device


class NewCommand(msgspec.Struct, frozen=True):
    """`expire` in s: None is the default, 0 immediate. `retransmit` is the most repeats, 0 to 3."""

    device: str
    service: str
    method: str
    paras: dict[str, Any]
    dialect: str
    callback: str | None = None
    expire: int | None = None
    retransmit: int | None = None
    request_id: str | None = None
    sender: str | None = None


class Command(msgspec.Struct, frozen=True):
    """Times in ms, `expire` in s."""

    device: str
    command: str
    tenant: str
    owner: str
    dialect: str
    mode: Mode
    service: str
    method: str
    paras: dict[str, Any]
    status: Status
    created: int
    retransmit: int
    issued: int
    callback: str | None = None
    request_id: str | None = None
    sender: str | None = None
    expire: int | None = None
    sent: int | None = None
    delivered: int | None = None
    executed: int | None = None
    mid: int | None = None
    result: dict[str, Any] | None = None


def command_of(record: CommandRecord) -> Command:
    values = record.values()
    values["paras"] = msgspec.json.decode(record.paras)
    if record.result is not None:
        values["result"] = msgspec.json.decode(record.result)
    values["status"] = status_of(record).value
    return msgspec.convert(values, Command)


def status_of(record: CommandRecord) -> Status:
    """The state as of now: what is over is over, swept or not."""
    status, now = Status(record.status), clock.now()
    if status is Status.PENDING and expires(record) <= now:
        return Status.EXPIRED
    if status in (Status.SENT, Status.DELIVERED) and answer_until(record) <= now and not may_repeat(record):
        return Status.TIMEOUT
    return status


def expires(record: CommandRecord) -> int:
    """The time, ms, from which on it is not sent any more."""
    if record.mode == Mode.IMMEDIATE.value:
        lasts = IMMEDIATE_LASTS
    else:
        lasts = DEFAULT_EXPIRE if record.expire is None else int(record.expire)
    return int(record.created) + lasts * clock.SECOND


def may_repeat(record: CommandRecord) -> bool:
    """Whether a command that was sent, and not acknowledged, may be sent once more."""
    unheard = record.status == Status.SENT.value
    return unheard and int(record.issued) <= int(record.retransmit) and clock.now() < expires(record)


def answer_until(record: CommandRecord) -> int:
    """Until when, ms, the device may answer what it was sent."""
    return int(record.delivered or record.sent) + RESPONSE_WITHIN


def public_id(command: Command) -> str:
    """An id that finds the command by itself: that of the device, then its own."""
    return command.device + command.command


def split(public: str) -> tuple[str, str]:
    """The device and the command that a public id names. Raises CommandNotFound."""
    device, command = public[:ID_LENGTH], public[ID_LENGTH:]
    if not device or not command:
        raise CommandNotFound(public)
    return device, command


def visible(caller: Caller, record: CommandRecord) -> bool:
    return bool(record.tenant == caller.tenant and record.owner == caller.owner)
