"""Commands: creating and canceling them, and the names other modules use of them.

Cached commands wait in the device's queue and go out one at a time, the next after the one before
is settled; immediate ones go out at once and are not queued behind others. `command_states` says
what a command is, `command_machine` and `command_queue` write its hops, `sending` gets it to the
device, `overdue` ends what no device answers, `direct` is for callers who wait.

Source: Huawei 1.9.1, 1.9.3
"""

from collections.abc import Callable
from typing import Any

import msgspec

from ..aws import queues
from ..store.commands import CommandRecord
from ..store.devices import LINK, QUEUE, DeviceRecord, LinkRecord, QueueRecord
from ..store.reading import Key, find_all
from ..store.transactions import Transaction, pause
from . import (
    callbacks,
    clock,
    command_machine,
    command_queue,
    devices,
    ids,
    products,
    thing_access,
    thing_values,
)
from .applications import Caller
from .command_states import (
    DEFAULT_RETRANSMIT,
    DRAIN,
    RETRY,
    SEND,
    Command,
    Mode,
    NewCommand,
    Status,
    command_of,
    expires,
    public_id,
    split,
    status_of,
    visible,
)
from .errors import (
    Busy,
    CommandNotFound,
    CommandSettled,
    DeviceZombie,
    InvalidInput,
    TooManyPending,
)
from .product_claims import Claim

__all__ = [
    "DRAIN",
    "RETRY",
    "SEND",
    "Command",
    "Mode",
    "NewCommand",
    "Status",
    "accept",
    "cancel",
    "check",
    "create",
    "new_record",
    "order",
    "public_id",
]

ZOMBIE_AFTER = 7 * clock.DAY
KEPT = 90 * clock.DAY  # beyond its expiry
SHARDS = 4
MOST_BYTES = 100 * 1024  # of the parameters: a message to a device holds 128 KB
TRIES = 5

Also = Callable[[Transaction, CommandRecord], None]


def create(caller: Caller, new: NewCommand, also: Also | None = None, claim: Claim | None = None) -> Command:
    """Accept a command; it is sent in the background, at once or when the device can be reached.

    `also` adds to the change that makes it. `claim` has to be true of the device's product.

    Two AWS calls for an offline device, one more where it is sent at once. Raises DeviceNotFound,
    NotBound to a person, DeviceZombie, ServiceNotFound, CommandTypeNotFound, InvalidInput, TooManyPending,
    CallbackRefused, and what the claim raises.
    """
    if new.callback is not None:
        callbacks.check_url(new.callback)
    record, parts = thing_access.read(caller, new.device, LINK)
    return accept(record, parts.get(LINK, LinkRecord), new, also, claim)


def accept(
    device: DeviceRecord,
    link: LinkRecord | None,
    new: NewCommand,
    also: Also | None = None,
    claim: Claim | None = None,
) -> Command:
    """As `create`, for a device that was read with its link; whose it is was asked. An AWS call less."""
    if not _is_reachable(device, link) and is_zombie(device):
        raise DeviceZombie(device.device)
    if claim is not None:
        claim.check(products.get(device.tenant, device.product))
    check(device, new)
    return order(device, link, new, also)


def order(
    device: DeviceRecord, link: LinkRecord | None, new: NewCommand, also: Also | None = None
) -> Command:
    """As `accept`, of a command that no thing model describes: the platform's own.

    Raises DeviceNotFound, InvalidInput, TooManyPending.
    """
    record = new_record(device, new, Mode.IMMEDIATE if new.expire == 0 else Mode.CACHED)
    try:
        _accept(record, also)
    except TooManyPending:
        if not make_room(new.device):
            raise
        _accept(record, also)
    if record.mode == Mode.IMMEDIATE.value:
        queues.work(SEND, device=new.device, command=record.command)
    elif _is_reachable(device, link):
        queues.work(DRAIN, device=new.device)
    return command_of(record)


def _is_reachable(record: DeviceRecord, link: LinkRecord | None) -> bool:
    """Whether to try it now: a child is known by its reports."""
    return bool(link and link.online) or record.status == devices.Status.ONLINE.value


def is_zombie(record: DeviceRecord) -> bool:
    """Whether a device that cannot be reached has been silent for so long that it takes no command."""
    return record.last_seen is not None and clock.now() - int(record.last_seen) > ZOMBIE_AFTER


def _accept(record: CommandRecord, also: Also | None) -> None:
    """Store the command and its place in the queue, where there is room."""
    change = Transaction()
    command_machine.put_waiting(change, record)
    if also is not None:
        also(change, record)
    change.commit()


def make_room(device: str) -> int:
    """Take out of the queue what waits no more, swept or not; answers how many."""
    queue = QueueRecord.find(device, QUEUE)
    names: list[str] = list(queue.waiting or ()) if queue else []
    records = CommandRecord.batch_get([(device, name) for name in names], consistent_read=True)
    found = {record.command: record for record in records}
    freed = 0
    for name in names:
        record = found.get(name)
        if record is not None and status_of(record) is Status.EXPIRED:
            command_machine.end(record, Status.EXPIRED)
        elif queue is not None and (record is None or status_of(record) is not Status.PENDING):
            command_queue.strike(queue, name)
        else:
            continue
        freed += 1
    return freed


def check(device: DeviceRecord, new: NewCommand) -> None:
    """The command against the product's thing model."""
    product = products.get(device.tenant, device.product)
    thing_values.check_command(products.model_of(product), new.service, new.method, new.paras)


def new_record(device: DeviceRecord, new: NewCommand, mode: Mode) -> CommandRecord:
    """Raises InvalidInput where the parameters are too large for a message."""
    paras = encoded(new.paras)
    now = clock.now()
    ident = ids.ordered_id(now)
    optional: dict[str, Any] = {
        "callback": new.callback,
        "request_id": new.request_id,
        "sender": new.sender,
        "expire": new.expire,
    }
    record = CommandRecord(
        device.device,
        ident,
        tenant=device.tenant,
        owner=device.owner,
        dialect=new.dialect,
        mode=mode.value,
        service=new.service,
        method=new.method,
        paras=paras,
        retransmit=_repeats(new, mode),
        status=Status.PENDING.value,
        created=now,
        issued=0,
        shard=str(int(ident[-2:], 16) % SHARDS),
        **{name: value for name, value in optional.items() if value is not None},
    )
    record.deadline = command_machine.look_again(record)
    record.ttl = (expires(record) + KEPT) // clock.SECOND
    return record


def encoded(paras: dict[str, Any]) -> str:
    """As JSON text. Raises InvalidInput where it is too large for a message."""
    text = msgspec.json.encode(paras)
    if len(text) > MOST_BYTES:
        raise InvalidInput("paras", f"is larger than {MOST_BYTES} bytes")
    return text.decode()


def _repeats(new: NewCommand, mode: Mode) -> int:
    """Who waits is told what came of the one attempt."""
    if mode is Mode.DIRECT:
        return 0
    return DEFAULT_RETRANSMIT if new.retransmit is None else new.retransmit


def cancel(caller: Caller, public: str) -> Command:
    """Only a PENDING command can be canceled. Two AWS calls. Raises CommandNotFound, CommandSettled, Busy."""
    device, command = split(public)
    for tried in range(TRIES):
        record, queue = read(device, command)
        if record is None or not visible(caller, record):
            raise CommandNotFound(public)
        if status_of(record) is not Status.PENDING:
            raise CommandSettled(public)
        canceled = command_machine.end(record, Status.CANCELED, queue=queue)
        if canceled is not None:
            return command_of(canceled)
        pause(tried)
    raise Busy(device)


def read(device: str, command: str) -> tuple[CommandRecord | None, QueueRecord | None]:
    """A command and its device's queue, in one AWS call."""
    keys: list[Key] = [(CommandRecord, device, command), (QueueRecord, device, QUEUE)]
    record, queue = map(find_all(keys).get, keys)
    return (
        record if isinstance(record, CommandRecord) else None,
        queue if isinstance(queue, QueueRecord) else None,
    )
