"""Commands to devices and tasks that cancel them. Source: Huawei 1.9"""

from typing import Any

from ....core import clock, command_queries, commands, direct, ids, tasks
from ....core import errors as core
from ....core.commands import Command, NewCommand
from ....core.tasks import Task
from ....web.operations import Call, Fault
from ..api import api
from ..schema import ForApplication, format_time, parse_time, required_time
from .command_types import (
    CommandAnswer,
    CommandBody,
    CommandChange,
    CommandCreation,
    CommandList,
    CommandPath,
    CommandQuery,
    CreatedCommand,
    DirectAnswer,
    DirectCommand,
    DirectPath,
    Pagination,
    TaskAnswer,
    TaskCreation,
    TaskList,
    TaskQuery,
)

BASE = "/iocm/app/cmd/v1.4.0"
INPUT = Fault(400, "100022", "The input is invalid.")
NO_DEVICE = Fault(200, "100418", "The deviceData is not existed.")
FAULTS = {
    core.InvalidInput: INPUT,
    core.CallbackRefused: INPUT,
    core.CommandTypeNotFound: INPUT,
    core.DeviceNotFound: NO_DEVICE,
    core.TaskNotFound: NO_DEVICE,
}
DIRECT_FAULTS = {
    core.InvalidInput: INPUT,
    core.DeviceNotFound: NO_DEVICE,
    core.ServiceNotFound: Fault(404, "100444", "The serviceType is not exist."),
}
ACK = "ACK"


@api.post(
    f"{BASE}/deviceCommands",
    also=["/iocm/app/cmd/v1.3.0/deviceCommands"],
    source="Huawei 1.9.1",
    status=201,
    raises=(
        core.DeviceNotFound,
        core.ServiceNotFound,
        core.CommandTypeNotFound,
        core.TooManyPending,
        core.DeviceZombie,
        core.CallbackRefused,
        core.Busy,
    ),
    faults=FAULTS,
)
def create_command(call: Call[None, ForApplication, CommandCreation]) -> CreatedCommand:
    """Create a command for a device.

    It waits, PENDING, until the device is online or reports, and goes out one at a time;
    `expireTime` 0 sends it at once. `callbackUrl` is told of every state.
    """
    body = call.body
    made = commands.create(
        call.caller,
        NewCommand(
            device=body.device_id,
            service=body.command.service_id,
            method=body.command.method,
            paras=body.command.paras,
            dialect=api.name,
            callback=body.callback_url,
            expire=body.expire_time,
            retransmit=body.max_retransmit,
        ),
    )
    return CreatedCommand(**_shared(made))


@api.get(
    f"{BASE}/deviceCommands",
    also=["/iocm/app/cmd/v1.3.0/deviceCommands"],
    source="Huawei 1.9.2",
    raises=(core.DeviceNotFound, core.ListTooLong),
    faults=FAULTS,
)
def query_commands(call: Call[None, CommandQuery, None]) -> CommandList:
    """Query the commands of a device, or of all devices of the application, newest first."""
    query = call.query
    start, end = parse_time(query.start_time, "startTime"), parse_time(query.end_time, "endTime")
    command_queries.interval(start, end)
    if query.device_id:
        found = command_queries.of_device(
            call.caller, query.device_id, start, end, query.page_no, query.page_size
        )
    else:
        found = command_queries.of_owner(call.caller, start, end, query.page_no, query.page_size)
    return CommandList(
        Pagination(query.page_no, query.page_size, found.total), [_command(each) for each in found.items]
    )


@api.put(
    f"{BASE}/deviceCommands/{{deviceCommandId}}",
    also=["/iocm/app/cmd/v1.3.0/deviceCommands/{deviceCommandId}"],
    source="Huawei 1.9.3",
    raises=(core.CommandNotFound, core.CommandSettled, core.Busy),
    faults=FAULTS,
)
def cancel_command(call: Call[CommandPath, ForApplication, CommandChange]) -> CommandAnswer:
    """Cancel a command that is still PENDING."""
    return _command(commands.cancel(call.caller, call.path.device_command_id))


@api.post(
    f"{BASE}/deviceCommandCancelTasks",
    source="Huawei 1.9.5",
    status=201,
    raises=(core.DeviceNotFound,),
    faults=FAULTS,
)
def create_cancel_task(call: Call[None, ForApplication, TaskCreation]) -> TaskAnswer:
    """Cancel all commands of a device that are still PENDING, in the background."""
    return _task(tasks.create(call.caller, call.body.device_id))


@api.get(
    f"{BASE}/deviceCommandCancelTasks",
    source="Huawei 1.9.6",
    raises=(core.TaskNotFound, core.ListTooLong),
    faults=FAULTS,
)
def query_cancel_tasks(call: Call[None, TaskQuery, None]) -> TaskList:
    """Query tasks, newest first. `totalSize` counts the commands in all tasks found."""
    query = call.query
    start, end = parse_time(query.start_time, "startTime"), parse_time(query.end_time, "endTime")
    wanted = tasks.Filter(query.task_id, query.device_id, query.status, start, end)
    found = tasks.query(call.caller, wanted, query.page_no, query.page_size)
    return TaskList(
        Pagination(query.page_no, query.page_size, found.total), [_task(each) for each in found.items]
    )


@api.post(
    "/iocm/app/signaltrans/v1.1.0/devices/{deviceId}/services/{serviceId}/sendCommand",
    source="Huawei 1.9.7",
    status=202,
    raises=(
        core.DeviceNotFound,
        core.DeviceOffline,
        core.GatewayOffline,
        core.ServiceNotFound,
        core.CommandTypeNotFound,
        core.Busy,
    ),
    faults=DIRECT_FAULTS,
)
def send_command(call: Call[DirectPath, ForApplication, DirectCommand]) -> DirectAnswer:
    """Send a command to an online device at once; it is never cached.

    `delivered` where the device acknowledged it while the call waited (mode ACK), else `sent`.
    """
    header = call.body.header
    request = header.request_id or ids.random_id()
    made = direct.send(
        call.caller,
        NewCommand(
            device=call.path.device_id,
            service=call.path.service_id,
            method=header.method,
            paras=call.body.body or {},
            dialect=api.name,
            request_id=request,
            sender=header.from_,
        ),
        confirm=header.mode == ACK,
    )
    status = "delivered" if made.delivered else "sent"
    return DirectAnswer(request, status, required_time(made.sent or clock.now()))


def _shared(command: Command) -> dict[str, Any]:
    """What was never sent has no issuedTimes, as the examples print it."""
    return {
        "command_id": commands.public_id(command),
        "app_id": command.owner,
        "device_id": command.device,
        "command": CommandBody(command.service, command.method, command.paras),
        "callback_url": command.callback,
        "expire_time": command.expire,
        "status": command.status.value,
        "creation_time": required_time(command.created),
        "execute_time": format_time(command.executed),
        "platform_issued_time": format_time(command.sent),
        "delivered_time": format_time(command.delivered),
        "issued_times": command.issued or None,
        "max_retransmit": command.retransmit,
    }


def _command(command: Command, status: str | None = None) -> CommandAnswer:
    result = None
    if command.result is not None:
        result = {"resultCode": command.status.value, "resultDetail": command.result.get("body")}
    shared = _shared(command) | ({"status": status} if status else {})
    return CommandAnswer(**shared, result=result)


def _task(task: Task) -> TaskAnswer:
    """Inside a task a command not yet sent is DEFAULT (Source: Huawei 1.9.5)."""
    listed = [
        _command(each, "DEFAULT" if each.status is commands.Status.PENDING else None)
        for each in task.commands
    ]
    return TaskAnswer(task.public_id, task.owner, task.device, task.status.value, len(listed), listed)
