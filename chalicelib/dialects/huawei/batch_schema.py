"""Batch tasks on the wire. Source: Huawei 1.10"""

from enum import Enum
from typing import Annotated, Any, Literal

from msgspec import Meta, field

from .schema import ForApplication, Id64, PageNo, Text256, Url1024, Wire

DETAILS_SIZE = 25


class BatchType(Enum):
    DEVICE_LIST = "DeviceList"
    DEVICE_TYPE = "DeviceType"
    DEVICE_AREA = "DeviceArea"
    GROUP_LIST = "GroupList"
    BROADCAST = "Broadcast"
    GROUP_ID_LIST = "GroupIdList"


DeviceId = Annotated[str, Meta(min_length=1, max_length=256)]
GroupRef = Annotated[str, Meta(min_length=1, max_length=256)]


class BatchCommand(Wire, frozen=True, rename="camel"):
    service_id: Id64
    method: Annotated[str, Meta(min_length=1, max_length=128)]
    paras: dict[str, Any] | None = None


class BatchParam(Wire, frozen=True, rename="camel"):
    """Which of the target's fields count depends on `type`; `groupTag` is only kept."""

    type: BatchType
    command: BatchCommand
    device_list: list[DeviceId] | None = None
    device_type: Text256 | None = None
    manufacturer_id: Text256 | None = None
    model: Text256 | None = None
    device_location: Annotated[str, Meta(max_length=1024)] | None = None
    group_list: Annotated[list[GroupRef], Meta(max_length=1000)] | None = None
    callback_url: Url1024 | None = None
    max_retransmit: Annotated[int, Meta(ge=0, le=3)] | None = None
    group_tag: Text256 | None = None


class BatchTag(Wire, frozen=True, rename="camel"):
    tag_name: Annotated[str, Meta(min_length=1, max_length=128)]
    tag_value: Annotated[str, Meta(min_length=1, max_length=1024)]


class BatchCreation(Wire, frozen=True, rename="camel"):
    """`timeout` in minutes. `appId` may be absent: it is the caller then."""

    param: BatchParam
    task_name: Annotated[str, Meta(min_length=1, max_length=256)]
    task_type: Literal["DeviceCmd"]
    timeout: Annotated[int, Meta(ge=10, le=2880, description="minutes")]
    app_id: Text256 | None = None
    tags: Annotated[list[BatchTag], Meta(max_length=100)] | None = None


class BatchCreated(Wire, frozen=True):
    task_id: str = field(name="taskID")


class BatchPath(Wire, frozen=True, rename="camel"):
    task_id: Text256


class BatchQuery(ForApplication, frozen=True, rename="camel"):
    select: Literal["tag"] | None = None


class BatchAnswer(Wire, frozen=True, rename="camel"):
    """`timeout` in seconds; `progress` and `successRate` in permille. `tags` where `select` asks for them."""

    app_id: str
    task_id: str
    task_name: str
    operator: str
    task_from: str
    task_type: str
    status: str
    start_time: str
    timeout: int
    progress: int
    total_cnt: int
    success_cnt: int
    fail_cnt: int
    timeout_cnt: int
    expired_cnt: int
    complete_cnt: int
    success_rate: int
    param: BatchParam
    tags: list[BatchTag] | None = None


class DetailQuery(ForApplication, frozen=True, rename="camel", kw_only=True):
    task_id: Text256
    status: Literal["Pending", "WaitResult", "Success", "Fail", "Timeout"] | None = None
    device_id: Text256 | None = None
    command_id: Text256 | None = None
    page_no: PageNo = 0
    page_size: Annotated[int, Meta(ge=1, le=250)] = DETAILS_SIZE


class DetailParam(Wire, frozen=True, rename="camel"):
    device_id: str
    command_id: str | None


class TaskDetail(Wire, frozen=True, rename="camel"):
    """`output` and `error` are JSON text."""

    status: str
    output: str | None
    error: str | None
    param: DetailParam


class TaskDetails(Wire, frozen=True, rename="camel"):
    total_count: int
    page_no: int
    page_size: int
    task_details: list[TaskDetail]


class Output(Wire, frozen=True, rename="camel"):
    request_id: str
    command_result: dict[str, Any] | None
