"""Core errors as XLink spells them; the first three digits of a code are the HTTP status.

Codes that published clients act on are XLink's own. Where it has none for what happened, the nearest
stands, or one of ours (docs/xlink.md tells which).
"""

from collections.abc import Mapping

import msgspec

from ...core import errors as core
from ...core.errors import PolythingError
from ...web.operations import Fault, Operation, nearest
from ...web.request import Answer
from ...web.serving import NoSuchOperation

JSON = {"Content-Type": "application/json; charset=UTF-8"}


def _fault(code: int, text: str) -> Fault:
    return Fault(code // 10_000, str(code), text)


INVALID = _fault(4001001, "A field is invalid.")
MISSING = _fault(4001002, "A required field is empty.")
WRONG_ACCOUNT = _fault(4001007, "The account or its password is wrong.")
POINT_RELEASED = _fault(4001020, "The data point is released.")
EXISTS = _fault(4001021, "It exists already.")
NO_RIGHT = _fault(4031001, "No right to do this.")
NO_TOKEN = _fault(4031002, "The Access-Token is missing.")
WRONG_TOKEN = _fault(4031003, "The Access-Token is wrong or has expired.")
NO_URL = _fault(4041001, "There is no such URL.")
NO_DEVICE = _fault(4041008, "The device does not exist.")
NO_PROPERTY = _fault(4041009, "The property does not exist.")
ABSENT = _fault(4041001, "It does not exist.")
THROTTLED = _fault(4291001, "Too many calls.")
FROZEN = _fault(4291002, "Too many failed logins.")
INTERNAL = _fault(5031001, "The server has failed.")
BUSY = _fault(5031001, "The server is busy; try again.")

ABSENT_FOR_CHANGE = _fault(4001026, "The extended property to change does not exist.")

FAULTS: Mapping[type[PolythingError], Fault] = {
    core.InvalidInput: INVALID,
    core.BadVerifyCode: INVALID,
    core.LoraKeyMissing: MISSING,
    core.AppKeyMissing: MISSING,
    core.AppSessionKeyMissing: MISSING,
    core.NetworkSessionKeyMissing: MISSING,
    core.DeviceAddressMissing: MISSING,
    core.PropertyNotFound: INVALID,
    core.NotAnObject: INVALID,
    core.Unauthenticated: WRONG_TOKEN,
    core.MissingCredentials: NO_TOKEN,
    core.InvalidToken: WRONG_TOKEN,
    core.InvalidRefreshToken: _fault(4001010, "The refresh token is wrong or has expired."),
    core.WrongSecret: WRONG_ACCOUNT,
    core.InvalidKey: _fault(4001071, "The access key is invalid."),
    core.TooManyFailures: FROZEN,
    core.Forbidden: NO_RIGHT,
    core.NotAuthorized: NO_RIGHT,
    core.ScopeMissing: NO_RIGHT,
    core.Throttled: THROTTLED,
    core.DeviceZombie: NO_RIGHT,
    core.CommandMuted: NO_RIGHT,
    core.NotFound: ABSENT,
    core.ApplicationNotFound: NO_RIGHT,
    core.AccountNotFound: ABSENT,
    core.OperatorNotFound: ABSENT,
    core.TenantNotFound: ABSENT,
    core.JobNotFound: ABSENT,
    core.KeyVersionNotFound: ABSENT,
    core.DeliveryNotFound: ABSENT,
    core.ProductNotFound: _fault(4041005, "The product does not exist."),
    core.PointNotFound: _fault(4041007, "The data point does not exist."),
    core.FirmwareNotFound: _fault(4041006, "The firmware does not exist."),
    core.DeviceNotFound: NO_DEVICE,
    core.LoraServerNotFound: NO_DEVICE,
    core.ServiceNotFound: ABSENT,
    core.CommandTypeNotFound: ABSENT,
    core.CommandNotFound: ABSENT,
    core.TaskNotFound: ABSENT,
    core.GroupNotFound: ABSENT,
    core.BatchNotFound: ABSENT,
    core.PackageNotFound: ABSENT,
    core.UpgradeNotFound: ABSENT,
    core.SubscriptionNotFound: _fault(4041021, "The forwarding rule does not exist."),
    core.AutomationNotFound: ABSENT,
    core.ExtendedPropertyNotFound: NO_PROPERTY,
    core.HistoryNotFound: ABSENT,
    core.FieldNotFound: ABSENT,
    core.Conflict: EXISTS,
    core.LoginTaken: EXISTS,
    core.NodeIdTaken: EXISTS,
    core.LoraDeviceExists: EXISTS,
    core.MacTaken: EXISTS,
    core.SubscriptionExists: EXISTS,
    core.ProductExists: EXISTS,
    core.ProductReleased: _fault(4001016, "The product is released."),
    core.AlreadyReleased: _fault(4001091, "The product is released already."),
    core.ProductInUse: _fault(4001022, "The product has devices."),
    core.ProductNotReleased: INVALID,
    core.BatchGenerated: EXISTS,
    core.NoValidName: INVALID,
    core.PointIndexTaken: _fault(4001019, "A data point with this index exists."),
    core.PointNameTaken: _fault(4001021, "A data point with this name exists."),
    core.FirmwareExists: _fault(4001017, "This version of the firmware exists."),
    core.DeviceOnline: NO_RIGHT,
    core.DeviceOffline: NO_RIGHT,
    core.DeviceSilent: NO_RIGHT,
    core.DeviceRefused: NO_RIGHT,
    core.GatewayOffline: NO_RIGHT,
    core.LoraServerOffline: NO_RIGHT,
    core.NotLorawan: INVALID,
    core.WrongLoraProduct: INVALID,
    core.DeviceNotActive: NO_RIGHT,
    core.DeviceActive: _fault(4001022, "The device is active."),
    core.ExtendedPropertyExists: _fault(4001025, "The extended property exists."),
    core.CommandSettled: NO_RIGHT,
    core.PropertyNotWritable: NO_RIGHT,
    core.GroupNameTaken: EXISTS,
    core.MembershipRefused: INVALID,
    core.BatchNameTaken: EXISTS,
    core.PackageExists: EXISTS,
    core.UploadIncomplete: INVALID,
    core.PackageMismatch: INVALID,
    core.KeyVersionInUse: INVALID,
    core.NoMasterKey: INVALID,
    core.VersionConflict: BUSY,
    core.Busy: BUSY,
    core.LimitExceeded: INVALID,
    core.TooManyPending: INVALID,
    core.TooManySubscriptions: INVALID,
    core.TooManyRules: INVALID,
    core.TooManyFirmwares: INVALID,
    core.TooManyGroups: INVALID,
    core.GroupFull: INVALID,
    core.TooManyBatches: INVALID,
    core.TooManyAutomations: INVALID,
    core.TooManyProperties: _fault(4001024, "Too many extended properties."),
    core.ListTooLong: _fault(4001001, "The list is too long: narrow the query or ask for fewer."),
    core.CallbackRefused: INVALID,
    core.PageGone: INVALID,
    core.OfPeople: NO_RIGHT,
}


class UnknownLinkType(core.InvalidInput):
    """None of XLink's four."""


class UnknownDataType(core.InvalidInput):
    """None of XLink's six."""


class ReservedName(core.InvalidInput):
    """An extended property cannot be named as a base field is."""


class IllegalName(core.InvalidInput):
    """An extended property cannot be named so."""


OWN: Mapping[type[PolythingError], Fault] = {
    UnknownLinkType: _fault(4001015, "The link type is unknown."),
    UnknownDataType: _fault(4001018, "The data type is unknown."),
    ReservedName: _fault(4001023, "The name is reserved."),
    IllegalName: _fault(4001027, "The name is illegal."),
}


class ErrorDetail(msgspec.Struct, frozen=True):
    code: int
    msg: str


class XlinkError(msgspec.Struct, frozen=True):
    error: ErrorDetail


def fault(kind: type[PolythingError], operation: Operation | None) -> Fault:
    """The nearest entry along the error's ancestry: the operation's own, then the dialect's."""
    return nearest(kind, operation.faults if operation else {}, OWN, FAULTS, unknown=INTERNAL)


def render(error: Exception, operation: Operation | None) -> Answer:
    if isinstance(error, NoSuchOperation):
        return _answer(NO_URL, headers={"Allow": ", ".join(error.allowed)} if error.allowed else {})
    if not isinstance(error, PolythingError):
        return _answer(INTERNAL)
    found = fault(type(error), operation)
    if isinstance(error, core.InvalidInput) and error.missing and found == INVALID:
        found = MISSING
    if isinstance(error, core.Throttled):
        return _answer(found, headers={"Retry-After": str(error.wait)})
    if isinstance(error, core.InvalidInput | core.LimitExceeded | core.CallbackRefused) and str(error):
        return _answer(found, detail=str(error))
    return _answer(found)


def _answer(found: Fault, detail: str = "", headers: Mapping[str, str] = {}) -> Answer:
    text = f"{found.text} {detail}" if detail else found.text
    body = msgspec.json.encode(XlinkError(ErrorDetail(int(found.code), text)))
    return Answer(found.status, body, {**JSON, **headers})
