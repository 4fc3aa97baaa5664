"""What commands and cancel tasks are on the wire. Source: Huawei 1.9"""

from typing import Annotated, Any, Literal

from msgspec import Meta, field

from ....core.tasks import TaskStatus
from ..schema import ForApplication, Id64, PageNo, Text256, Time, Url1024, Wire

DEFAULT_SIZE = 1000


class CommandBody(Wire, frozen=True, rename="camel"):
    service_id: Id64
    method: Annotated[str, Meta(min_length=1, max_length=128)]
    paras: dict[str, Any]


class CommandCreation(Wire, frozen=True, rename="camel"):
    device_id: Id64
    command: CommandBody
    callback_url: Url1024 | None = None
    expire_time: (
        Annotated[int, Meta(ge=0, le=2147483647, description="s; 0 sends at once, default 48 h")] | None
    ) = None
    max_retransmit: Annotated[int, Meta(ge=0, le=3)] | None = None


class CommandQuery(ForApplication, frozen=True, rename="camel"):
    page_no: PageNo = 0
    page_size: Annotated[int, Meta(ge=1, le=1000)] = DEFAULT_SIZE
    device_id: Text256 | None = None
    start_time: Time | None = None
    end_time: Time | None = None


class CommandPath(Wire, frozen=True, rename="camel"):
    device_command_id: Text256


class CommandChange(Wire, frozen=True, rename="camel"):
    status: Literal["CANCELED"]


class Pagination(Wire, frozen=True, rename="camel"):
    page_no: int
    page_size: int
    total_size: int


class CreatedCommand(Wire, frozen=True, rename="camel"):
    command_id: str
    app_id: str
    device_id: str
    command: CommandBody
    callback_url: str | None
    expire_time: int | None
    status: str
    creation_time: str
    execute_time: str | None
    platform_issued_time: str | None
    delivered_time: str | None
    issued_times: int | None
    max_retransmit: int | None


class CommandAnswer(CreatedCommand, frozen=True, rename="camel"):
    """`result` holds resultCode and resultDetail, what the device answered."""

    result: dict[str, Any] | None


class CommandList(Wire, frozen=True, rename="camel"):
    pagination: Pagination
    data: list[CommandAnswer]


class TaskCreation(Wire, frozen=True, rename="camel"):
    device_id: Id64


class TaskAnswer(Wire, frozen=True, rename="camel"):
    task_id: str
    app_id: str
    device_id: str
    status: str
    total_count: int
    device_commands: list[CommandAnswer]


class TaskQuery(CommandQuery, frozen=True, rename="camel"):
    task_id: Text256 | None = None
    status: TaskStatus | None = None


class TaskList(Wire, frozen=True, rename="camel"):
    pagination: Pagination
    data: list[TaskAnswer]


class DirectPath(Wire, frozen=True, rename="camel"):
    device_id: Id64
    service_id: Id64


class DirectHeader(Wire, frozen=True, rename="camel"):
    method: Annotated[str, Meta(min_length=1, max_length=32)]
    mode: Literal["ACK", "NOACK"]
    request_id: Annotated[str, Meta(max_length=128)] | None = None
    from_: Annotated[str, Meta(max_length=128)] | None = field(default=None, name="from")
    to_type: str | None = None
    to: Annotated[str, Meta(max_length=128)] | None = None


class DirectCommand(Wire, frozen=True, rename="camel"):
    header: DirectHeader
    body: dict[str, Any] | None = None


class DirectAnswer(Wire, frozen=True, rename="camel"):
    request_id: str
    status: str
    timestamp: str
