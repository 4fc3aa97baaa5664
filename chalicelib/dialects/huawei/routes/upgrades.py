"""Upgrades of software and firmware. Source: Huawei 1.12.4 to 1.12.8"""

from ....core import errors as core
from ....core import upgrade_queries, upgrades
from ....core.packages import Type
from ....core.upgrade_queries import Filter
from ....core.upgrade_states import Part, Status, Upgrade, public_id
from ....core.upgrades import NewUpgrade
from ....web.operations import Call
from .. import upgrade_faults
from ..api import api
from ..schema import format_time, required_time
from ..upgrade_faults import CREATION, INPUT, KINDS, PAGED, PageOutOfRange, check_page
from ..upgrade_schema import (
    OperateDevices,
    OperatePolicy,
    OperateType,
    OperationInfo,
    OperationList,
    OperationPath,
    OperationQuery,
    OperationStaResult,
    OperationStatus,
    SubOperationInfo,
    SubOperationList,
    SubQuery,
    SubStatus,
    UpgradeCreated,
    UpgradeCreation,
)

BASE = "/iodm/northbound/v1.5.0/operations"
RAISES = (
    core.PackageNotFound,
    core.DeviceNotFound,
    core.GroupNotFound,
    core.PackageMismatch,
    *(kind for kind in CREATION if kind.__module__ == upgrade_faults.__name__),
)
TYPES = {OperateType.SOFTWARE: Type.SOFTWARE, OperateType.FIRMWARE: Type.FIRMWARE}
TYPE_NAMES = {kind: name.value for name, kind in TYPES.items()}
POLICIES = {kind: name for name, kind in KINDS.items()}
STATUSES = {
    OperationStatus.WAIT: Status.WAIT,
    OperationStatus.PROCESSING: Status.PROCESSING,
    OperationStatus.FAILED: Status.FAILED,
    OperationStatus.SUCCESS: Status.SUCCESS,
    OperationStatus.STOP: Status.STOPPED,
}
STATUS_NAMES = {status: name.value for name, status in STATUSES.items()}
SUB_STATUSES = {
    SubStatus.WAIT: Status.WAIT,
    SubStatus.PROCESSING: Status.PROCESSING,
    SubStatus.FAIL: Status.FAILED,
    SubStatus.SUCCESS: Status.SUCCESS,
    SubStatus.STOP: Status.STOPPED,
}
SUB_NAMES = {status: name.value for name, status in SUB_STATUSES.items()}
SECOND = 1000  # ms


@api.post(f"{BASE}/softwareUpgrade", source="Huawei 1.12.4", raises=RAISES, faults=CREATION)
def upgrade_software(call: Call[None, None, UpgradeCreation]) -> UpgradeCreated:
    """Upgrade the software of devices, in the background.

    `now` fails for a device that is not online, `device_online` waits for it (30 days), `custom` from
    its start to its end. Of groups, the devices of the make named take part that are in them now.
    """
    return _create(call, Type.SOFTWARE)


@api.post(f"{BASE}/firmwareUpgrade", source="Huawei 1.12.5", raises=RAISES, faults=CREATION)
def upgrade_firmware(call: Call[None, None, UpgradeCreation]) -> UpgradeCreated:
    """Upgrade the firmware of devices, in the background; the rest as for software."""
    return _create(call, Type.FIRMWARE)


def _create(call: Call[None, None, UpgradeCreation], kind: Type) -> UpgradeCreated:
    body = call.body
    target, devices = upgrade_faults.target(body.targets)
    policy = upgrade_faults.policy(body.policy)
    return UpgradeCreated(
        upgrades.create(call.caller, NewUpgrade(kind, body.file_id, target, policy, devices))
    )


@api.get(
    f"{BASE}/{{operationId}}",
    source="Huawei 1.12.6",
    raises=(core.UpgradeNotFound,),
    faults={core.InvalidInput: INPUT},
)
def query_upgrade(call: Call[OperationPath, None, None]) -> OperationInfo:
    """An upgrade and how far it is."""
    return _info(upgrade_queries.get(call.caller, call.path.operation_id))


@api.get(
    f"{BASE}/{{operationId}}/subOperations",
    source="Huawei 1.12.7",
    raises=(core.UpgradeNotFound, PageOutOfRange),
    faults=PAGED,
)
def list_sub_operations(call: Call[OperationPath, SubQuery, None]) -> SubOperationList:
    """The devices of an upgrade by page, and how far each is."""
    asked = call.query
    check_page(asked.page_no, asked.page_size)
    status = SUB_STATUSES[asked.sub_operation_status] if asked.sub_operation_status else None
    page = upgrade_queries.parts(call.caller, call.path.operation_id, status, asked.page_no, asked.page_size)
    return SubOperationList([_sub(each) for each in page.items], page.number, page.size, page.total)


@api.get(BASE, source="Huawei 1.12.8", raises=(PageOutOfRange, core.ListTooLong), faults=PAGED)
def list_upgrades(call: Call[None, OperationQuery, None]) -> OperationList:
    """Upgrades by page, newest first."""
    asked = call.query
    check_page(asked.page_no, asked.page_size)
    wanted = Filter(
        TYPES[asked.operation_type] if asked.operation_type else None,
        STATUSES[asked.operation_status] if asked.operation_status else None,
        asked.device_type or None,
        asked.model or None,
        asked.manufacturer_name or None,
        asked.device_id or None,
    )
    page = upgrade_queries.page(call.caller, wanted, asked.page_no, asked.page_size)
    return OperationList([_info(each) for each in page.items], page.number, page.size, page.total)


def _info(upgrade: Upgrade) -> OperationInfo:
    target, policy, counts = upgrade.target, upgrade.policy, upgrade.counts
    return OperationInfo(
        operation_id=upgrade.id,
        create_time=required_time(upgrade.created),
        start_time=format_time(upgrade.started),
        stop_time=format_time(upgrade.stopped),
        operate_type=TYPE_NAMES[upgrade.type],
        targets=OperateDevices(
            list(target.groups) or None,
            target.device_type,
            target.model,
            target.manufacturer_name,
            list(upgrade.devices) or None,
        ),
        policy=OperatePolicy(
            POLICIES[policy.kind],
            format_time(policy.start),
            format_time(policy.end),
            policy.retries is not None,
            policy.retries,
        ),
        status=STATUS_NAMES[upgrade.status],
        sta_result=OperationStaResult(
            total=counts.total,
            wait=counts.wait,
            processing=counts.processing,
            success=counts.success,
            fail=counts.failed,
            stop=counts.stopped,
            timeout=counts.timeout,
        ),
        extend_para={
            "fileId": upgrade.package,
            "fileName": upgrade.package_name,
            "targetVersion": upgrade.version,
        },
    )


def _sub(part: Part) -> SubOperationInfo:
    return SubOperationInfo(
        sub_operation_id=public_id(part),
        create_time=required_time(part.created),
        start_time=format_time(part.started),
        stop_time=format_time(part.stopped),
        operate_type=TYPE_NAMES[part.type],
        device_id=part.device,
        status=SUB_NAMES[part.status],
        detail_info=part.detail,
        extend_para={
            "upgradeTime": _seconds(part.started, part.stopped),
            "downloadTime": _seconds(part.fetching, part.fetched),
            "sourceVersion": part.source_version,
            "curVersion": part.current_version,
            "targetVersion": part.target_version,
        },
    )


def _seconds(start: int | None, end: int | None) -> str | None:
    return None if start is None or end is None else str((end - start) // SECOND)
