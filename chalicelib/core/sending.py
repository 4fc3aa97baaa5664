"""Getting commands to devices, and what comes of it.

The attempt and its deadline are stored before the message leaves, so what a crash left is taken up
by the sweep, with the same mid: a device may get a command twice under one mid, never under two.

Source: Huawei 1.9.1 (4163 onwards), 2.4, 2.5
"""

from functools import partial
from typing import Any

import msgspec

from ..aws import iot, queues
from ..aws.iot import Outcome
from ..store.commands import CommandRecord
from ..store.devices import DEVICE, LINK, MID, QUEUE, DeviceRecord, LinkRecord, MidRecord, Parts, QueueRecord
from ..store.transactions import Contention, pause
from . import clock, command_machine, command_queue, devices, downlink, products
from .command_machine import Moved
from .command_queue import Displaced
from .command_states import RETRY, Mode, Status, command_of, may_repeat, status_of
from .layouts import LayoutMismatch

CONFIRM_WITHIN = 5  # s that one attempt waits for the device's acknowledgement
MOST_STEPS = 50  # of one drain: more than a queue can hold
TRIES = 8


class Route(msgspec.Struct, frozen=True):
    """All that sending to a device needs. `link` is its own, or for a child its gateway's."""

    device: DeviceRecord
    link: LinkRecord | None
    queue: QueueRecord | None
    reachable: bool

    @property
    def connection(self) -> tuple[Any, ...] | None:
        """Another one means that the device has come back."""
        link = self.link
        return (link.client, link.since, link.session) if link is not None else None


def route_to(device: str) -> Route | None:
    """None where the device is gone. One AWS call, two for a child."""
    return route_of(device, Parts(device, DEVICE, LINK, QUEUE))


def route_of(device: str, parts: Parts) -> Route | None:
    """As `route_to`, of a device that was read with its link and queue. No AWS call, one for a child."""
    record, link = parts.get(DEVICE, DeviceRecord), parts.get(LINK, LinkRecord)
    if record is None or record.deleted:
        return None
    speaker: DeviceRecord | None = record
    if record.gateway != device and not (link and link.online):
        through = Parts(record.gateway, DEVICE, LINK)
        speaker, link = through.get(DEVICE, DeviceRecord), through.get(LINK, LinkRecord)
    return Route(record, link, parts.get(QUEUE, QueueRecord), is_reachable(speaker, link))


def is_reachable(speaker: DeviceRecord | None, link: LinkRecord | None) -> bool:
    """A device that reports is there, even where the broker's word of its coming is late or lost."""
    if speaker is None or speaker.deleted or link is None:
        return False
    return bool(link.online) or speaker.status == devices.Status.ONLINE.value


def drain(device: str) -> None:
    """Send the next waiting command, if none is in flight and the device is reachable.

    Harmless to repeat. Raises what AWS raises; then the command waits again.
    """
    tried: tuple[Any, ...] | None = None
    for step in range(MOST_STEPS):
        route = route_to(device)
        if route is None or route.queue is None:
            return
        if route.queue.flying:
            if _flies(route.queue):
                return
        elif not route.queue.waiting or not route.reachable or route.connection == tried:
            return
        else:
            outcome = _send_head(route, route.queue)
            if outcome is Outcome.NO_CONNECTION:
                tried = route.connection  # it may have come back while that was written down
            elif outcome is not None:
                return
        pause(min(step, 3))
    raise Contention(device)


def _flies(queue: QueueRecord) -> bool:
    """Whether the command in flight is under way indeed; one that is not is taken out of the way."""
    record = CommandRecord.find(queue.device, queue.flying)
    state = status_of(record) if record is not None else None
    if state in (Status.SENT, Status.DELIVERED):
        return True
    if record is not None and Status(record.status) in (Status.SENT, Status.DELIVERED):
        command_machine.end(record, Status.TIMEOUT)
    else:
        command_queue.strike(queue, queue.flying)
    return False


def _send_head(route: Route, queue: QueueRecord) -> Outcome | None:
    """None where the head could not be sent and the queue has to be read again."""
    record = CommandRecord.find(queue.device, queue.waiting[0])
    state = status_of(record) if record is not None else None
    if record is not None and state is Status.PENDING:
        return transmit(route, record)
    if record is not None and record.status == Status.PENDING.value:
        command_machine.end(record, Status.EXPIRED, queue=queue)
    else:
        command_queue.strike(queue, queue.waiting[0])
    return None


def send(device: str, command: str) -> None:
    """Send an immediate command. Harmless to repeat. Raises what AWS raises; then it is sent again."""
    for tried in range(TRIES):
        record, route = CommandRecord.find(device, command), route_to(device)
        if record is None or route is None or status_of(record) is not Status.PENDING:
            return
        if transmit(route, record) is not None:
            return
        pause(tried)
    raise Contention(device)


def transmit(route: Route, record: CommandRecord) -> Outcome | None:
    """Store the hop to SENT, then send. None where another was quicker, or it cannot be written."""
    try:
        sent = command_machine.with_mid(partial(command_machine.send_off, record, route.queue))
    except (Moved, Displaced):
        return None
    return attempt(route, sent)


def repeat(record: CommandRecord) -> None:
    """Another attempt under the same mid; of a device that is gone nothing is kept."""
    route = route_to(record.device)
    if route is None:
        if record.batch:
            command_machine.end(record, Status.FAILED, failure("the device is deleted"))
        record.delete()
        return
    again = command_machine.try_again(record)
    if again is not None:
        attempt(route, again)


def attempt(route: Route, record: CommandRecord) -> Outcome | None:
    """One message to the device, and the hop that its outcome means. None where it cannot be written."""
    outcome = hand_over(route, record)
    if outcome is not None:
        record_outcome(record, outcome)
    return outcome


def hand_over(route: Route, record: CommandRecord) -> Outcome | None:
    """One message to the device. None where it cannot be written, and the command has failed.

    Where AWS fails, the attempt does not count: the command waits again, and the failure is raised.
    """
    if route.link is None:
        return Outcome.NO_CONNECTION
    try:
        message = message_for(route, route.link, record)
    except LayoutMismatch as error:
        command_machine.end(record, Status.FAILED, failure(str(error)))
        return None
    if clock.now() >= int(record.deadline):
        return Outcome.UNCONFIRMED  # held up for so long that a sweep has taken the command over
    try:
        return iot.send(route.link.client, message.topic, message.payload, within=CONFIRM_WITHIN)
    except Exception:
        command_machine.put_back(record)
        raise


def record_outcome(record: CommandRecord, outcome: Outcome) -> None:
    """The hop that the outcome of an attempt means."""
    if outcome is Outcome.CONFIRMED:
        command_machine.deliver(record)
    elif outcome is Outcome.NO_CONNECTION and record.mode == Mode.CACHED.value:
        command_machine.put_back(record)
    elif may_repeat(record):
        delay = max(int(record.deadline) - clock.now(), 0) // clock.SECOND + 1
        queues.work(RETRY, delay, device=record.device, command=record.command)


def failure(reason: str) -> dict[str, Any]:
    """The result of a command that the platform itself gave up."""
    return {"code": 1, "body": {"reason": reason}}


def message_for(route: Route, link: LinkRecord, record: CommandRecord) -> downlink.Message:
    """The command as the device reads it. Raises LayoutMismatch where it has no form for it."""
    device = route.device
    product = products.get(device.tenant, device.product)
    return downlink.encode(
        link.dialect,
        downlink.Downlink(
            command=command_of(record),
            mid=int(record.mid),
            topic_id=link.topic_id if link.device == device.device else device.device,
            codec=link.codec or ("binary" if product.layout else "json"),
            product=product,
            node=device.node_id,
        ),
    )


def answer(device: str, mid: int, errcode: int, body: dict[str, Any] | None) -> None:
    """The device's answer: SUCCESSFUL for 0, else FAILED. A late or repeated one changes nothing.

    The next command goes out then; after a repeated answer too, for the first may have been worked
    only as far as that.
    """
    status = Status.SUCCESSFUL if errcode == 0 else Status.FAILED
    result = {"code": errcode, "body": body or {}}
    for tried in range(TRIES):
        entry = MidRecord.find(device, f"{MID}{mid}")
        record = CommandRecord.find(device, entry.command) if entry else None
        if record is None or status_of(record).settled:
            return drain(device)
        if command_machine.end(record, status, result, answered=True) is not None:
            return drain(device) if record.mode == Mode.CACHED.value else None
        pause(tried)  # it was acknowledged, or sent once more, at this very moment
    raise Contention(device)
