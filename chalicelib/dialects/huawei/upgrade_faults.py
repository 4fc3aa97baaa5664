"""What can be wrong with a call on packages and upgrades: a code for each field.

Core knows that input is wrong; which of the vendor's codes says so depends on the field, so the checks
stand here.

Source: the tables under Huawei 1.12.1 to 1.12.8
"""

from ...core import clock, upgrades
from ...core import errors as core
from ...core.upgrade_states import Policy, PolicyKind, Target
from ...web.operations import Fault
from . import schema
from .upgrade_schema import AskedPolicy, OperateDevices

MOST_PAGE_SIZE = 100
KINDS = {"now": PolicyKind.NOW, "device_online": PolicyKind.ONLINE, "custom": PolicyKind.WINDOW}


class Wrong(core.InvalidInput):
    """Its code says which field."""

    def __init__(self) -> None:
        super().__init__(reason="")


class PageOutOfRange(Wrong):
    pass


class ManufacturerMissing(Wrong):
    pass


class DeviceTypeMissing(Wrong):
    pass


class ModelMissing(Wrong):
    pass


class NoTargets(Wrong):
    pass


class BothTargets(Wrong):
    pass


class TooManyTargets(Wrong):
    pass


class BadExecuteType(Wrong):
    pass


class BadTime(Wrong):
    pass


class BadRetryTimes(Wrong):
    pass


class StartAfterEnd(Wrong):
    pass


class StartInThePast(Wrong):
    pass


class WindowTooShort(Wrong):
    pass


INPUT = Fault(400, "120015", "Bad request error.")
PAGED = {
    core.InvalidInput: INPUT,
    core.ListTooLong: INPUT,
    PageOutOfRange: Fault(400, "123029", "pageNo or pageSize beyond the limit."),
}
CREATION = {
    core.InvalidInput: INPUT,
    core.GroupNotFound: INPUT,
    core.DeviceNotFound: Fault(404, "123002", "Device or package file not found."),
    ManufacturerMissing: Fault(400, "123019", "manufacturerName is null."),
    DeviceTypeMissing: Fault(400, "123020", "deviceType is null"),
    ModelMissing: Fault(400, "123021", "model is null."),
    NoTargets: Fault(400, "123022", "deviceGroups and devices cannot be null together"),
    BothTargets: Fault(400, "123023", "deviceGroups and devices cannot be exist together"),
    TooManyTargets: Fault(400, "123024", "The number of deviceGroups or devices reached upper limit"),
    BadExecuteType: Fault(400, "123025", "executeType is error or can not to be null."),
    BadTime: Fault(400, "123026", "startTime or endTime is null or error."),
    BadRetryTimes: Fault(400, "123028", "retryTimes is null or beyond the limit."),
    StartAfterEnd: Fault(400, "123032", "startTime can not be later than the endTime."),
    StartInThePast: Fault(400, "123033", "startTime can not be earlier than the now."),
    WindowTooShort: Fault(400, "123034", "endtime must be greater than 5 minutes."),
}


def check_page(number: int, size: int) -> None:
    """Raises PageOutOfRange."""
    if not (0 <= number <= 2147483647 and 1 <= size <= MOST_PAGE_SIZE):
        raise PageOutOfRange()


def target(given: OperateDevices) -> tuple[Target, tuple[str, ...]]:
    """The target and the devices. Raises NoTargets, BothTargets, TooManyTargets, and what a group lacks."""
    groups, devices = tuple(given.device_groups or ()), tuple(given.devices or ())
    if groups and devices:
        raise BothTargets()
    if not groups and not devices:
        raise NoTargets()
    if max(len(groups), len(devices)) > upgrades.MOST_TARGETS:
        raise TooManyTargets()
    if groups:
        if not given.manufacturer_name:
            raise ManufacturerMissing()
        if not given.device_type:
            raise DeviceTypeMissing()
        if not given.model:
            raise ModelMissing()
    make = (given.device_type or None, given.model or None, given.manufacturer_name or None)
    return Target(groups, *make), devices


def policy(given: AskedPolicy | None) -> Policy:
    """Raises BadExecuteType, BadRetryTimes, BadTime, StartInThePast, StartAfterEnd, WindowTooShort."""
    if given is None:
        return Policy()
    kind = KINDS.get(given.execute_type or "")
    if kind is None:
        raise BadExecuteType()
    retries = given.retry_times if given.retry_type else None
    if given.retry_type and (retries is None or not 1 <= retries <= upgrades.MOST_RETRIES):
        raise BadRetryTimes()
    confirm = bool(given.need_confirm)
    if kind is not PolicyKind.WINDOW:
        return Policy(kind, retries=retries, confirm=confirm)
    start, end = schema.read_time(given.start_time), schema.read_time(given.end_time)
    if start is None or end is None:
        raise BadTime()
    # times are told in seconds: the present one is not in the past
    if start < clock.now() // clock.SECOND * clock.SECOND:
        raise StartInThePast()
    if start > end:
        raise StartAfterEnd()
    if end - start < upgrades.SHORTEST_WINDOW:
        raise WindowTooShort()
    return Policy(kind, start, end, retries, confirm)
