"""Commands: one state machine.

    PENDING -> SENT -> DELIVERED -> SUCCESSFUL | FAILED | TIMEOUT
    PENDING -> EXPIRED | CANCELED

A settled state never changes, each hop keeps its time. Cached commands wait in the device's queue
and go out one at a time, the next after the one before is settled; immediate ones go out at once
and are not queued behind others. What moves a command is in `dispatch`; this module creates,
cancels and reads.

Source: Huawei 1.9.1 to 1.9.3
"""

from enum import Enum
from typing import Any

import msgspec
from pynamodb.expressions.condition import Condition, size

from ..aws import queues
from ..store.commands import CommandRecord
from ..store.devices import DEVICE, LINK, QUEUE, DeviceRecord, LinkRecord, Parts, QueueRecord
from ..store.transactions import ConditionFailed, Transaction
from . import callbacks, clock, devices, events, ids, products, thing_values
from .applications import Caller
from .errors import (
    Busy,
    CommandNotFound,
    CommandSettled,
    DeviceNotFound,
    DeviceZombie,
    TooManyPending,
)
from .events import EventType

MOST_WAITING = 20
ZOMBIE_AFTER = 7 * clock.DAY
DEFAULT_EXPIRE = 48 * 3600  # s
DEFAULT_RETRANSMIT = 3
SEND_SOON = 30 * clock.SECOND  # a command whose sending was lost is taken up again after this
KEPT = 90 * clock.DAY
SHARDS = 4
DRAIN = "drain"  # the background jobs that send
SEND = "send"
ID_LENGTH = 32
WITHDRAW_TRIES = 5


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
    """A PENDING command whose time is over reads as EXPIRED, swept or not."""
    values = record.values()
    values["paras"] = msgspec.json.decode(record.paras)
    if record.result is not None:
        values["result"] = msgspec.json.decode(record.result)
    if record.status == Status.PENDING.value and expires(record) <= clock.now():
        values["status"] = Status.EXPIRED.value
    return msgspec.convert(values, Command)


def public_id(command: Command) -> str:
    """An id that finds the command by itself: that of the device, then its own."""
    return command.device + command.command


def expires(record: CommandRecord) -> int:
    """When a command that still waits expires, ms."""
    lasts = DEFAULT_EXPIRE if record.expire is None else int(record.expire)
    return int(record.created) + lasts * clock.SECOND


def create(caller: Caller, new: NewCommand) -> Command:
    """Accept a command; it is sent in the background, at once or when the device can be reached.

    For an offline device two AWS calls, for one that can be reached one more. Raises
    DeviceNotFound, DeviceZombie, ServiceNotFound, CommandTypeNotFound, InvalidInput,
    TooManyPending, CallbackRefused.
    """
    if new.callback is not None:
        callbacks.check_url(new.callback)
    device, reachable = target_of(caller, new.device)
    check(device, new)
    mode = Mode.IMMEDIATE if new.expire == 0 else Mode.CACHED
    record = new_record(device, new, mode)
    record.deadline = clock.now() + SEND_SOON if reachable or mode is Mode.IMMEDIATE else expires(record)
    try:
        _accept(record)
    except TooManyPending:
        if not expire_waiting(new.device):
            raise
        _accept(record)
    if mode is Mode.IMMEDIATE:
        queues.work(SEND, device=new.device, command=record.command)
    elif reachable:
        queues.work(DRAIN, device=new.device)
    return command_of(record)


def _accept(record: CommandRecord) -> None:
    """Store the command and its place in the queue, where there is room."""
    change = Transaction()
    change.put(record, CommandRecord.device.does_not_exist())
    change.check(DeviceRecord(record.device, DEVICE), devices.alive(), DeviceNotFound(record.device))
    if record.mode == Mode.CACHED.value:
        waiting: Any = QueueRecord.waiting
        room = QueueRecord.waiting.does_not_exist() | (size(waiting) < MOST_WAITING)
        join = QueueRecord.waiting.set((waiting | []).append([record.command]))
        actions = [QueueRecord.kind.set(QueueRecord), join]  # an update that makes the item names no kind
        change.update(QueueRecord(record.device, QUEUE), actions, room, TooManyPending(record.device))
    change.commit()


def expire_waiting(device: str) -> int:
    """End the waiting commands whose time is over, as the sweep would; answers how many."""
    queue = QueueRecord.find(device, QUEUE)
    keys = [(device, command) for command in (queue.waiting or () if queue else ())]
    over = [
        record
        for record in CommandRecord.batch_get(keys, consistent_read=True)
        if expires(record) <= clock.now()
    ]
    for record in over:
        withdraw(record, Status.EXPIRED)
    return len(over)


def target_of(caller: Caller, device: str) -> tuple[DeviceRecord, bool]:
    """The device and whether it can be reached now. One AWS call. Raises DeviceNotFound, DeviceZombie."""
    parts = Parts(device, DEVICE, LINK)
    record, link = parts.get(DEVICE, DeviceRecord), parts.get(LINK, LinkRecord)
    if record is None or not devices.visible(caller, record):
        raise DeviceNotFound(device)
    if record.last_seen is not None and clock.now() - int(record.last_seen) > ZOMBIE_AFTER:
        raise DeviceZombie(device)
    is_child = record.gateway != record.device
    return record, is_child or bool(link and link.online)


def check(device: DeviceRecord, new: NewCommand) -> None:
    """The command against the product's thing model."""
    product = products.get(device.tenant, device.product)
    thing_values.check_command(products.model_of(product), new.service, new.method, new.paras)


def new_record(device: DeviceRecord, new: NewCommand, mode: Mode) -> CommandRecord:
    now = clock.now()
    ident = ids.ordered_id(now)
    optional: dict[str, Any] = {
        "callback": new.callback,
        "request_id": new.request_id,
        "sender": new.sender,
        "expire": new.expire,
    }
    return CommandRecord(
        device.device,
        ident,
        tenant=device.tenant,
        owner=device.owner,
        dialect=new.dialect,
        mode=mode.value,
        service=new.service,
        method=new.method,
        paras=msgspec.json.encode(new.paras).decode(),
        retransmit=DEFAULT_RETRANSMIT if new.retransmit is None else new.retransmit,
        status=Status.PENDING.value,
        created=now,
        issued=0,
        shard=shard(ident),
        ttl=(now + KEPT) // clock.SECOND,
        **{name: value for name, value in optional.items() if value is not None},
    )


def shard(command: str) -> str:
    return str(int(command[-2:], 16) % SHARDS)


def find(caller: Caller, public: str) -> CommandRecord:
    """Raises CommandNotFound, also for another application's. One AWS call."""
    device, command = public[:ID_LENGTH], public[ID_LENGTH:]
    record = CommandRecord.find(device, command) if device and command else None
    if record is None or record.tenant != caller.tenant or record.owner != caller.owner:
        raise CommandNotFound(public)
    return record


def cancel(caller: Caller, public: str) -> Command:
    """Only a PENDING command can be canceled. Raises CommandNotFound, CommandSettled."""
    record = find(caller, public)
    if command_of(record).status is not Status.PENDING:
        raise CommandSettled(public)
    return withdraw(record, Status.CANCELED)


def withdraw(record: CommandRecord, status: Status) -> Command:
    """Take a waiting command out of its queue and settle it. Raises CommandSettled where it waits no more."""
    for _ in range(WITHDRAW_TRIES):
        change = Transaction()
        move(change, record, status, {}, CommandRecord.status == Status.PENDING.value)
        if record.mode == Mode.CACHED.value:
            _leave(change, record)
        try:
            change.commit()
        except ConditionFailed:
            fresh = CommandRecord.find(record.device, record.command)
            if fresh is None or fresh.status != Status.PENDING.value:
                raise CommandSettled(record.command) from None
            record = fresh  # only its place in the queue had changed
        else:
            return command_of(record)
    raise Busy(record.device)


def _leave(change: Transaction, record: CommandRecord) -> None:
    """Take the command out of the queue, wherever it stands. One read: a list has no delete by value."""
    queue = QueueRecord.find(record.device, QUEUE)
    waiting = list(queue.waiting or ()) if queue else []
    if record.command in waiting:
        entry: Any = QueueRecord.waiting[waiting.index(record.command)]
        change.update(QueueRecord(record.device, QUEUE), [entry.remove()], entry == record.command)


def move(
    change: Transaction,
    record: CommandRecord,
    status: Status,
    values: dict[str, Any],
    condition: Condition,
    *,
    told: bool = True,
) -> None:
    """Add the hop to another state, and its event, to the change; brings `record` up to date."""
    values = {"status": status.value, **values}
    removed = ["deadline", "shard"] if status.settled else []
    for name, value in values.items():
        setattr(record, name, value)
    for name in removed:
        setattr(record, name, None)
    actions = [getattr(CommandRecord, name).set(value) for name, value in values.items()]
    actions += [getattr(CommandRecord, name).remove() for name in removed]
    change.update(CommandRecord(record.device, record.command), actions, condition)
    if told:
        tell(change, EventType.COMMAND_CHANGED, record)


def tell(change: Transaction, kind: EventType, record: CommandRecord, **data: Any) -> None:
    command = command_of(record)
    events.emit(change, kind, record.device, record.tenant, record.owner, command=command, **data)
