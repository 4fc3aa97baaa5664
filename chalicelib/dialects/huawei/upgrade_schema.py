"""Version packages and upgrades on the wire. Source: Huawei 1.12"""

from enum import Enum
from typing import Annotated

from msgspec import Meta

from .schema import Text256, Wire

PAGE_SIZE = 10

Number = Annotated[int, Meta(description="from 0; counts pages")]
Size = Annotated[int, Meta(description="1 to 100")]


class FileType(Enum):
    FIRMWARE = "firmwarePackage"
    SOFTWARE = "softwarePackage"


class OperateType(Enum):
    FIRMWARE = "firmware_upgrade"
    SOFTWARE = "software_upgrade"


class OperationStatus(Enum):
    WAIT = "wait"
    PROCESSING = "processing"
    FAILED = "failed"
    SUCCESS = "success"
    STOP = "stop"


class SubStatus(Enum):
    WAIT = "wait"
    PROCESSING = "processing"
    FAIL = "fail"
    SUCCESS = "success"
    STOP = "stop"


class PackagePath(Wire, frozen=True, rename="camel"):
    file_id: Text256


class PackageQuery(Wire, frozen=True, rename="camel"):
    """`manufactureName` is `manufacturerName` as the document's example spells it."""

    file_type: FileType | None = None
    device_type: Text256 | None = None
    model: Text256 | None = None
    manufacturer_name: Text256 | None = None
    manufacture_name: Text256 | None = None
    version: Text256 | None = None
    page_no: Number = 0
    page_size: Size = PAGE_SIZE


class CategoryInfo(Wire, frozen=True, rename="camel"):
    """`date` is the day the package was made, `uploadTime` UTC."""

    file_id: str
    name: str
    version: str
    file_type: str
    device_type: str
    model: str
    manufacturer_name: str
    protocol_type: str | None
    description: str | None
    date: str
    upload_time: str


class CategoryList(Wire, frozen=True, rename="camel"):
    data: list[CategoryInfo]
    page_no: int
    page_size: int
    total_count: int


class OperateDevices(Wire, frozen=True, rename="camel"):
    """Devices by id, or names of groups with the make that is meant in them; 256 at most."""

    device_groups: list[Annotated[str, Meta(min_length=1, max_length=256)]] | None = None
    device_type: Text256 | None = None
    model: Text256 | None = None
    manufacturer_name: Text256 | None = None
    devices: list[Annotated[str, Meta(min_length=1, max_length=256)]] | None = None


class OperatePolicy(Wire, frozen=True, rename="camel"):
    """`executeType` is now, device_online or custom; times are UTC, yyyyMMdd'T'HHmmss'Z'."""

    execute_type: Annotated[str, Meta(max_length=256)] | None = None
    start_time: Text256 | None = None
    end_time: Text256 | None = None
    retry_type: bool | None = None
    retry_times: int | None = None


class AskedPolicy(OperatePolicy, frozen=True):
    """`needConfirm`, ours: each device waits until a person who is bound to it confirms the upgrade."""

    need_confirm: bool | None = None


class UpgradeCreation(Wire, frozen=True, rename="camel"):
    file_id: Annotated[str, Meta(min_length=1, max_length=256)]
    targets: OperateDevices
    policy: AskedPolicy | None = None


class UpgradeCreated(Wire, frozen=True, rename="camel"):
    operation_id: str


class OperationPath(Wire, frozen=True, rename="camel"):
    operation_id: Text256


class OperationQuery(Wire, frozen=True, rename="camel"):
    operation_type: OperateType | None = None
    operation_status: OperationStatus | None = None
    device_type: Text256 | None = None
    model: Text256 | None = None
    manufacturer_name: Text256 | None = None
    device_id: Text256 | None = None
    page_no: Number = 0
    page_size: Size = PAGE_SIZE


class OperationStaResult(Wire, frozen=True, rename="camel"):
    """Each device counts once; `timeout` are those that fell silent, and not in `fail`."""

    total: int
    wait: int
    processing: int
    success: int
    fail: int
    stop: int
    timeout: int


class OperationInfo(Wire, frozen=True, rename="camel"):
    operation_id: str
    create_time: str
    start_time: str | None
    stop_time: str | None
    operate_type: str
    targets: OperateDevices
    policy: OperatePolicy
    status: str
    sta_result: OperationStaResult
    extend_para: dict[str, str]


class OperationList(Wire, frozen=True, rename="camel"):
    data: list[OperationInfo]
    page_no: int
    page_size: int
    total_count: int


class SubQuery(Wire, frozen=True, rename="camel"):
    sub_operation_status: SubStatus | None = None
    page_no: Number = 0
    page_size: Size = PAGE_SIZE


class SubOperationInfo(Wire, frozen=True, rename="camel"):
    sub_operation_id: str
    create_time: str
    start_time: str | None
    stop_time: str | None
    operate_type: str
    device_id: str
    status: str
    detail_info: str | None
    extend_para: dict[str, str | None]


class SubOperationList(Wire, frozen=True, rename="camel"):
    data: list[SubOperationInfo]
    page_no: int
    page_size: int
    total_count: int
