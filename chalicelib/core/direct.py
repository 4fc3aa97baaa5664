"""Commands that are sent while the caller waits; nothing is cached.

Source: Huawei 1.9.7
"""

from functools import partial

from ..aws import iot
from ..aws.iot import Outcome
from ..store.commands import CommandRecord
from ..store.devices import LINK, QUEUE, QueueRecord
from ..store.transactions import pause
from . import command_machine, commands, sending, thing_access
from .applications import Caller
from .command_queue import Displaced
from .command_states import Command, Mode, NewCommand, Status, command_of
from .errors import Busy, DeviceOffline, GatewayOffline, InvalidInput
from .layouts import LayoutMismatch
from .sending import Route

TRIES = 8


def send(caller: Caller, new: NewCommand, *, confirm: bool) -> Command:
    """Answers the command: DELIVERED where the device acknowledged (`confirm`), else SENT.

    What certainly did not reach the device is FAILED. Three AWS calls, one more to record the
    acknowledgement. Raises DeviceNotFound, NotBound to a person, DeviceOffline, GatewayOffline,
    ServiceNotFound, CommandTypeNotFound, InvalidInput, Busy.
    """
    _, parts = thing_access.read(caller, new.device, LINK, QUEUE)
    route = sending.route_of(new.device, parts)
    if route is None:
        raise thing_access.absent(caller, new.device)
    return send_by(route, new, confirm=confirm)


def send_by(route: Route, new: NewCommand, *, confirm: bool) -> Command:
    """As `send`, for a device that was read with its route; whose it is was asked. An AWS call less."""
    commands.check(route.device, new)
    if not route.reachable:
        raise _offline(route)
    record = _put(route, commands.new_record(route.device, new, Mode.DIRECT))
    outcome = _deliver(route, record, confirm=confirm)
    if outcome is Outcome.NO_CONNECTION:
        command_machine.end(record, Status.FAILED, sending.failure("not connected"))
        raise _offline(route)
    if outcome is Outcome.CONFIRMED:
        # the answer may have overtaken the acknowledgement
        record = (
            command_machine.deliver(record) or CommandRecord.find(record.device, record.command) or record
        )
    return command_of(record)


def _offline(route: Route) -> DeviceOffline | GatewayOffline:
    device = route.device
    return DeviceOffline(device.device) if device.gateway == device.device else GatewayOffline(device.gateway)


def _put(route: Route, record: CommandRecord) -> CommandRecord:
    queue = route.queue
    for tried in range(TRIES):
        try:
            return command_machine.with_mid(partial(command_machine.put_sent, record, queue))
        except Displaced:  # another command has taken the mid
            pause(tried)
            queue = QueueRecord.find(record.device, QUEUE)
    raise Busy(record.device)


def _deliver(route: Route, record: CommandRecord, *, confirm: bool) -> Outcome:
    if route.link is None:
        return Outcome.NO_CONNECTION
    try:
        message = sending.message_for(route, route.link, record)
        return iot.send(
            route.link.client,
            message.topic,
            message.payload,
            confirm=confirm,
            within=sending.CONFIRM_WITHIN,
        )
    except Exception as error:
        command_machine.end(record, Status.FAILED, sending.failure("not sent"))
        if isinstance(error, LayoutMismatch):
            raise InvalidInput("paras", str(error)) from error
        raise
