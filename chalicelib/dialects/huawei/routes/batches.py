"""Batch tasks: one command to many devices. Source: Huawei 1.10"""

from typing import Any

import msgspec

from ....core import authority, batches, commands
from ....core import errors as core
from ....core.batch_marks import Stage, SubTask
from ....core.batches import Batch, NewBatch, Order, Status, Target, TargetKind
from ....core.commands import Command
from ....web.operations import Call, Fault
from .. import errors
from ..api import api
from ..batch_schema import (
    BatchAnswer,
    BatchCommand,
    BatchCreated,
    BatchCreation,
    BatchParam,
    BatchPath,
    BatchQuery,
    BatchTag,
    BatchType,
    DetailParam,
    DetailQuery,
    Output,
    TaskDetail,
    TaskDetails,
)
from ..errors import HuaweiError
from ..schema import ForApplication, required_time

BASE = "/iocm/app/batchtask/v1.1.0"
MINUTE = 60  # s
INPUT = Fault(400, "100022", "The input is invalid")
FAULTS = {
    core.CallbackRefused: errors.INPUT,
    core.GroupNotFound: Fault(200, "101001", "Resource doesn't exist."),
}
KINDS = {
    BatchType.DEVICE_LIST: TargetKind.DEVICES,
    BatchType.DEVICE_TYPE: TargetKind.TYPE,
    BatchType.DEVICE_AREA: TargetKind.AREA,
    BatchType.GROUP_LIST: TargetKind.GROUP_NAMES,
    BatchType.GROUP_ID_LIST: TargetKind.GROUP_IDS,
    BatchType.BROADCAST: TargetKind.ALL,
}
TYPES = {kind: name for name, kind in KINDS.items()}
NEEDED = {  # the field that a type cannot do without
    TargetKind.DEVICES: "deviceList",
    TargetKind.TYPE: "deviceType",
    TargetKind.AREA: "deviceLocation",
    TargetKind.GROUP_NAMES: "groupList",
    TargetKind.GROUP_IDS: "groupList",
}
STATUSES = {
    Status.PENDING: "Pending",
    Status.RUNNING: "Running",
    Status.COMPLETE: "Complete",
    Status.TIMEOUT: "Timeout",
}
STAGES = {
    "Pending": Stage.PENDING,
    "WaitResult": Stage.WAITING,
    "Success": Stage.SUCCEEDED,
    "Fail": Stage.FAILED,
    "Timeout": Stage.TIMEOUT,
}
STAGE_NAMES = {stage: name for name, stage in STAGES.items()}


@api.post(
    f"{BASE}/tasks",
    source="Huawei 1.10.1",
    raises=(core.CallbackRefused, core.GroupNotFound, core.BatchNameTaken, core.TooManyBatches),
    faults=FAULTS,
)
def create_batch(call: Call[None, ForApplication, BatchCreation]) -> BatchCreated:
    """Send a command to many devices, in the background; it waits in each device's queue.

    A device that does not exist, or does not take the command, fails by itself. What is left after
    `timeout` minutes has timed out. The states of the commands go to `callbackUrl`, as those of
    single commands.
    """
    body = call.body
    caller = authority.acting(call.caller, body.app_id)
    param = body.param
    made = batches.create(
        caller,
        NewBatch(
            name=body.task_name,
            timeout=body.timeout * MINUTE,
            target=_target(param),
            order=Order(
                param.command.service_id,
                param.command.method,
                param.command.paras or {},
                param.callback_url,
                param.max_retransmit,
            ),
            dialect=api.name,
            devices=tuple(param.device_list or ()),
            tags=tuple(msgspec.to_builtins(each) for each in body.tags or ()),
        ),
    )
    return BatchCreated(made)


def _target(param: BatchParam) -> Target:
    """Raises InvalidInput where the field is missing that the type needs."""
    kind = KINDS[param.type]
    given = {
        "deviceList": param.device_list,
        "deviceType": param.device_type,
        "deviceLocation": param.device_location,
        "groupList": param.group_list,
    }
    needed = NEEDED.get(kind)
    if needed is not None and not given[needed]:
        raise core.InvalidInput(f"param.{needed}", "is missing", missing=True)
    by_type, by_group = kind is TargetKind.TYPE, kind in (TargetKind.GROUP_NAMES, TargetKind.GROUP_IDS)
    return Target(
        kind,
        device_type=param.device_type if by_type else None,
        manufacturer_id=param.manufacturer_id if by_type else None,
        model=param.model if by_type else None,
        location=param.device_location if kind is TargetKind.AREA else None,
        groups=tuple(param.group_list or ()) if by_group else (),
        tag=param.group_tag,
    )


@api.get(
    f"{BASE}/tasks/{{taskId}}",
    source="Huawei 1.10.2",
    raises=(core.BatchNotFound,),
    faults={core.InvalidInput: INPUT},
)
def query_batch(call: Call[BatchPath, BatchQuery, None]) -> BatchAnswer:
    """A batch task and how far it is; `operator` is the application that made it."""
    batch = batches.get(call.caller, call.path.task_id)
    counts = batch.counts
    return BatchAnswer(
        app_id=batch.owner,
        task_id=batch.id,
        task_name=batch.name,
        operator=batch.creator,
        task_from="Northbound",
        task_type="DeviceCmd",
        status=STATUSES[batch.status],
        start_time=required_time(batch.created),
        timeout=batch.timeout,
        progress=counts.progress,
        total_cnt=counts.total,
        success_cnt=counts.succeeded,
        fail_cnt=counts.failed,
        timeout_cnt=counts.timeout,
        expired_cnt=counts.expired,
        complete_cnt=counts.complete,
        success_rate=counts.success_rate,
        param=_param(batch),
        tags=msgspec.convert(batch.tags, list[BatchTag]) if call.query.select else None,
    )


def _param(batch: Batch) -> BatchParam:
    target, order = batch.target, batch.order
    return BatchParam(
        type=TYPES[target.kind],
        command=BatchCommand(order.service, order.method, order.paras),
        device_list=list(batch.devices) or None,
        device_type=target.device_type,
        manufacturer_id=target.manufacturer_id,
        model=target.model,
        device_location=target.location,
        group_list=list(target.groups) or None,
        callback_url=order.callback,
        max_retransmit=order.retransmit,
        group_tag=target.tag,
    )


@api.get(
    f"{BASE}/taskDetails",
    source="Huawei 1.10.3",
    raises=(core.BatchNotFound,),
    faults={core.InvalidInput: INPUT},
)
def query_details(call: Call[None, DetailQuery, None]) -> TaskDetails:
    """The sub-tasks of a batch task by page: one a device."""
    asked = call.query
    page = batches.details(
        call.caller,
        asked.task_id,
        STAGES[asked.status] if asked.status else None,
        asked.device_id,
        asked.command_id,
        asked.page_no,
        asked.page_size,
    )
    return TaskDetails(page.total, page.number, page.size, [_detail(*each) for each in page.items])


def _detail(sub_task: SubTask, command: Command | None) -> TaskDetail:
    public = commands.public_id(command) if command else None
    output = None
    if command is not None and public is not None:
        result = command.result.get("body") if command.result else None
        output = _text(Output(command.request_id or public, result))
    return TaskDetail(
        STAGE_NAMES[sub_task.stage],
        output,
        _error(sub_task, command) if sub_task.stage is Stage.FAILED else None,
        DetailParam(sub_task.device, public),
    )


def _error(sub_task: SubTask, command: Command | None) -> str:
    """Why a sub-task has failed: what refused it, else what became of its command."""
    if sub_task.problem is not None:
        found = errors.fault(getattr(core, sub_task.problem), None)
        return _text(HuaweiError(found.code, found.text))
    if command is None or command.result is None:
        return _text(HuaweiError("100435", "The device command already canceled, expired or executed."))
    return _text(HuaweiError(str(command.result.get("code", 1)), "The device command failed."))


def _text(value: Any) -> str:
    return msgspec.json.encode(value).decode()
