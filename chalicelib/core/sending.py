"""Getting commands to devices, and what comes of it.

The attempt and its deadline are stored before the message leaves, so what a crash left is taken up
by the sweep, with the same `mid`: a device may get a command twice under one mid, never under two.

Source: Huawei 1.9.1 (4163 onwards), 1.9.7, 2.4, 2.5
"""

from typing import Any

import msgspec

from ..aws import iot, queues
from ..aws.iot import Outcome
from ..store.commands import CommandRecord
from ..store.devices import DEVICE, LINK, MID, QUEUE, DeviceRecord, LinkRecord, MidRecord, Parts, QueueRecord
from ..store.transactions import ConditionFailed, Transaction
from . import clock, commands, devices, downlink, products
from .applications import Caller
from .commands import Command, Mode, NewCommand, Status
from .errors import CommandSettled, DeviceNotFound, DeviceOffline, GatewayOffline
from .events import EventType

CONFIRM_WITHIN = 5  # s that one attempt waits for the device's acknowledgement
ATTEMPT_LASTS = 15 * clock.SECOND  # from one attempt to the next
RESPONSE_WITHIN = 180 * clock.SECOND
MOST_MID = 65535
RETRY = "retry"


class Route(msgspec.Struct, frozen=True):
    """All that sending to a device needs. `link` is its own, or for a child its gateway's."""

    device: DeviceRecord
    link: LinkRecord | None
    queue: QueueRecord | None

    @property
    def reachable(self) -> bool:
        return self.link is not None and bool(self.link.online)


def route_to(device: str) -> Route | None:
    """None where the device is gone. One AWS call, two for a child."""
    parts = Parts(device, DEVICE, LINK, QUEUE)
    record, link = parts.get(DEVICE, DeviceRecord), parts.get(LINK, LinkRecord)
    if record is None or record.deleted:
        return None
    if record.gateway != device and not (link and link.online):
        link = LinkRecord.find(record.gateway, LINK)
    return Route(record, link, parts.get(QUEUE, QueueRecord))


def drain(device: str) -> None:
    """Send the next waiting command, if none is in flight and the device is reachable. Harmless to repeat."""
    while True:
        route = route_to(device)
        if route is None or not route.reachable or route.queue is None:
            return
        if route.queue.flying or not route.queue.waiting:
            return
        record = CommandRecord.find(device, route.queue.waiting[0])
        if record is None or record.status != Status.PENDING.value:
            _skip(route.queue)
        elif commands.expires(record) <= clock.now():
            _expire(record)
        else:
            transmit(route, record)
            return


def _expire(record: CommandRecord) -> None:
    try:
        commands.withdraw(record, Status.EXPIRED)
    except CommandSettled:
        return  # another worker was quicker


def _skip(queue: QueueRecord) -> None:
    """Drop a queue entry whose command waits no more."""
    entry: Any = QueueRecord.waiting[0]
    change = Transaction()
    change.update(QueueRecord(queue.device, QUEUE), [entry.remove()], entry == queue.waiting[0])
    try:
        change.commit()
    except ConditionFailed:
        return  # another worker was quicker


def send(device: str, command: str) -> None:
    """Send an immediate command. Harmless to repeat."""
    record = CommandRecord.find(device, command)
    route = route_to(device)
    if record is not None and route is not None and record.status == Status.PENDING.value:
        transmit(route, record)


def transmit(route: Route, record: CommandRecord) -> Outcome | None:
    """First attempt: the hop to SENT is stored, then the message leaves. None where another was quicker."""
    change = Transaction()
    mid = _take_mid(change, route, record)
    now = clock.now()
    lasts = ATTEMPT_LASTS if record.retransmit else RESPONSE_WITHIN
    values = {"mid": mid, "sent": now, "issued": 1, "deadline": now + lasts}
    commands.move(change, record, Status.SENT, values, CommandRecord.status == Status.PENDING.value)
    try:
        change.commit()
    except ConditionFailed:
        return None
    return attempt(route, record)


def _take_mid(change: Transaction, route: Route, record: CommandRecord) -> int:
    """Allot the device's next mid; a cached command also leaves the queue for the air."""
    last = int(route.queue.mid) if route.queue is not None and route.queue.mid else None
    mid = (last or 0) % MOST_MID + 1
    same = QueueRecord.mid.does_not_exist() if last is None else QueueRecord.mid == last
    actions = [QueueRecord.kind.set(QueueRecord), QueueRecord.mid.set(mid)]  # it may make the item
    if record.mode == Mode.CACHED.value:
        entry: Any = QueueRecord.waiting[0]
        actions += [entry.remove(), QueueRecord.flying.set(record.command)]
        same = same & (entry == record.command) & QueueRecord.flying.does_not_exist()
    change.update(QueueRecord(record.device, QUEUE), actions, same)
    change.put(MidRecord(record.device, f"{MID}{mid}", command=record.command))
    return mid


def attempt(route: Route, record: CommandRecord) -> Outcome:
    """One message to the device, and the hop that its outcome means."""
    outcome = Outcome.NO_CONNECTION
    if route.link is not None:
        outcome = iot.send(route.link.client, *_message(route, record), within=CONFIRM_WITHIN)
    if outcome is Outcome.CONFIRMED:
        _delivered(record)
    elif outcome is Outcome.NO_CONNECTION and record.mode == Mode.CACHED.value:
        _back(record)
    elif outcome is Outcome.UNCONFIRMED:
        delay = ATTEMPT_LASTS // clock.SECOND - CONFIRM_WITHIN + 1
        queues.work(RETRY, delay, device=record.device, command=record.command)
    return outcome


def _message(route: Route, record: CommandRecord) -> tuple[str, bytes]:
    link, device = route.link, route.device
    product = products.get(device.tenant, device.product)
    assert link is not None  # noqa: S101 - the caller has looked
    own = link.device == device.device
    made = downlink.encode(
        link.dialect,
        downlink.Downlink(
            command=commands.command_of(record),
            mid=int(record.mid),
            topic_id=link.topic_id if own else device.device,
            codec=link.codec or ("binary" if product.layout else "json"),
            product=product,
        ),
    )
    return made.topic, made.payload


def _delivered(record: CommandRecord) -> None:
    now = clock.now()
    change = Transaction()
    values = {"delivered": now, "deadline": now + RESPONSE_WITHIN}
    commands.move(change, record, Status.DELIVERED, values, CommandRecord.status == Status.SENT.value)
    _try(change)


def _back(record: CommandRecord) -> None:
    """There was no connection: the command waits again, first in the queue."""
    change = Transaction()
    values = {"deadline": commands.expires(record)}
    commands.move(change, record, Status.PENDING, values, CommandRecord.status == Status.SENT.value)
    waiting: Any = QueueRecord.waiting
    first = QueueRecord.waiting.set((waiting | []).prepend([record.command]))
    change.update(
        QueueRecord(record.device, QUEUE),
        [first, QueueRecord.flying.remove()],
        QueueRecord.flying == record.command,
    )
    change.delete(MidRecord(record.device, f"{MID}{int(record.mid)}"))
    _try(change)


def _try(change: Transaction) -> bool:
    """Commit; False where the command has moved on meanwhile."""
    try:
        change.commit()
    except ConditionFailed:
        return False
    return True


def answer(device: str, mid: int, errcode: int, body: dict[str, Any] | None) -> None:
    """The device's answer: SUCCESSFUL for 0, else FAILED. A late or repeated one changes nothing."""
    entry = MidRecord.find(device, f"{MID}{mid}")
    record = CommandRecord.find(device, entry.command) if entry else None
    if record is None or record.status not in (Status.SENT.value, Status.DELIVERED.value):
        return
    status = Status.SUCCESSFUL if errcode == 0 else Status.FAILED
    result = {"code": errcode, "body": body or {}}
    settle(record, status, result, answered=True)


def settle(
    record: CommandRecord, status: Status, result: dict[str, Any] | None = None, *, answered: bool = False
) -> bool:
    """End a command that was sent and send the next; False where it had ended or moved on already."""
    now = clock.now()
    change = Transaction()
    values: dict[str, Any] = {"executed": now}
    if result is not None:
        values["result"] = msgspec.json.encode(result).decode()
    if answered and not record.delivered:
        values["delivered"] = now
    before = CommandRecord.status == record.status
    commands.move(change, record, status, values, before & (CommandRecord.issued == record.issued))
    if answered:
        body = result["body"] if result else {}
        commands.tell(change, EventType.COMMAND_ANSWERED, record, body=body)
    if record.mode == Mode.CACHED.value:
        queue = QueueRecord(record.device, QUEUE)
        change.update(queue, [QueueRecord.flying.remove()], QueueRecord.flying == record.command)
    if record.mid is not None:
        change.delete(MidRecord(record.device, f"{MID}{int(record.mid)}"))
    if not _try(change):
        return False
    if record.mode == Mode.CACHED.value:
        drain(record.device)
    return True


def direct(caller: Caller, new: NewCommand, *, confirm: bool) -> Command:
    """Send while the caller waits; nothing is cached.

    Answers the command: DELIVERED where the device acknowledged, else SENT. Raises DeviceNotFound,
    DeviceOffline, GatewayOffline, ServiceNotFound, CommandTypeNotFound, InvalidInput.
    """
    route = route_to(new.device)
    if route is None or not devices.visible(caller, route.device):
        raise DeviceNotFound(new.device)
    commands.check(route.device, new)
    child = route.device.gateway != new.device
    if not route.reachable:
        raise GatewayOffline(route.device.gateway) if child else DeviceOffline(new.device)
    record = commands.new_record(route.device, new, Mode.DIRECT)
    change = Transaction()
    mid = _take_mid(change, route, record)
    now = clock.now()
    record.status, record.mid, record.sent, record.issued = Status.SENT.value, mid, now, 1
    record.deadline = now + RESPONSE_WITHIN
    change.put(record)
    commands.tell(change, EventType.COMMAND_CHANGED, record)
    change.commit()
    if _deliver_direct(route, record, confirm=confirm) is Outcome.NO_CONNECTION:
        settle(record, Status.FAILED, {"code": 1, "body": {"reason": "not connected"}})
        raise GatewayOffline(route.device.gateway) if child else DeviceOffline(new.device)
    return commands.command_of(record)


def _deliver_direct(route: Route, record: CommandRecord, *, confirm: bool) -> Outcome:
    assert route.link is not None  # noqa: S101 - reachable
    outcome = iot.send(route.link.client, *_message(route, record), confirm=confirm, within=CONFIRM_WITHIN)
    if outcome is Outcome.CONFIRMED:
        _delivered(record)
    return outcome
