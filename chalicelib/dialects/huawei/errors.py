"""Core errors as Huawei spells them: one table for the dialect, refined by an operation's `faults`.

Source: Huawei 1.3 (error codes) and the table under each operation
"""

from collections.abc import Mapping

import msgspec

from ...core import errors as core
from ...core.errors import PolythingError
from ...web.operations import Fault, Operation, nearest
from ...web.request import Answer
from ...web.serving import NoSuchOperation

JSON = {"Content-Type": "application/json; charset=UTF-8"}

INPUT = Fault(400, "50400", "The input is invalid.")
NO_DEVICE = Fault(404, "100403", "The device is not existed.")
NO_DEVICE_DATA = Fault(404, "100418", "The deviceData is not existed.")
NO_APPLICATION = Fault(403, "100203", "The application is not existed.")
INTERNAL = Fault(500, "50252", "Internal server error.")
NO_OPERATION = Fault(404, "100021", "The requested resource is not existed.")
WRONG_VERB = Fault(405, "100021", "The request method is not supported.")
INVALID_TOKEN = Fault(403, "1010005", "Invalid access token or appId.")
CONGESTED = Fault(503, "100501", "Congestion occurs, and the current network has been flow-controlled")

FAULTS: Mapping[type[PolythingError], Fault] = {
    core.InvalidInput: INPUT,
    core.BadVerifyCode: Fault(400, "100003", "Invalid verify code."),
    core.LoraKeyMissing: INPUT,
    core.AppKeyMissing: Fault(400, "1200008", "Invalid input. The appKey cannot be empty."),
    core.AppSessionKeyMissing: Fault(400, "1200009", "Invalid input. The appSKey cannot be empty."),
    core.NetworkSessionKeyMissing: Fault(400, "1200010", "Invalid input. The nwkSKey cannot be empty."),
    core.DeviceAddressMissing: Fault(400, "1200011", "Invalid input. The devAddr cannot be empty."),
    core.NotAnObject: INPUT,
    core.PropertyNotFound: Fault(400, "107002", "The properties is empty in database."),
    core.Unauthenticated: INVALID_TOKEN,
    core.MissingCredentials: Fault(401, "100025", "AppId for auth not exist."),
    core.InvalidToken: INVALID_TOKEN,
    core.InvalidRefreshToken: Fault(400, "50400", "The input is invalid. refreshToken is unknown or over."),
    core.WrongSecret: Fault(401, "100208", "AppId or secret is not right."),
    core.InvalidKey: INVALID_TOKEN,
    core.TooManyFailures: Fault(400, "100449", "The device is freezed cant operate."),
    core.Forbidden: Fault(403, "100217", "The application hasn't been authorized."),
    core.NotAuthorized: Fault(403, "100217", "The application hasn't been authorized."),
    core.ScopeMissing: Fault(403, "100217", "The application hasn't been authorized."),
    core.Throttled: Fault(403, "1010009", "app throttle exceed."),
    core.DeviceZombie: Fault(403, "100612", "Device is zombie."),
    core.CommandMuted: Fault(200, "100432", "The device command is muted."),
    core.NotFound: NO_DEVICE_DATA,
    core.ApplicationNotFound: NO_APPLICATION,
    core.AccountNotFound: NO_DEVICE_DATA,
    core.OperatorNotFound: NO_DEVICE_DATA,
    core.TenantNotFound: NO_DEVICE_DATA,
    core.JobNotFound: NO_DEVICE_DATA,
    core.KeyVersionNotFound: NO_DEVICE_DATA,
    core.DeliveryNotFound: NO_DEVICE_DATA,
    core.ProductNotFound: Fault(403, "600002", "The product not existed."),
    core.PointNotFound: NO_DEVICE_DATA,
    core.FirmwareNotFound: NO_DEVICE_DATA,
    core.DeviceNotFound: NO_DEVICE,
    core.LoraServerNotFound: Fault(404, "1200017", "The LoRa Server is not existed."),
    core.ServiceNotFound: Fault(200, "100431", "The serviceType is not exist."),
    core.CommandTypeNotFound: Fault(400, "102203", "CommandName is invalid."),
    core.CommandNotFound: Fault(200, "100434", "The device command is not existed."),
    core.TaskNotFound: NO_DEVICE_DATA,
    core.GroupNotFound: Fault(200, "100603", "The device group is not existed."),
    core.BatchNotFound: Fault(404, "105005", "The batchTask is not existed."),
    core.PackageNotFound: Fault(404, "123002", "Device or package file not found."),
    core.UpgradeNotFound: Fault(404, "123009", "The requested task does not exist."),
    core.SubscriptionNotFound: Fault(404, "100225", "The resource is not found"),
    core.AutomationNotFound: Fault(404, "100225", "The resource is not found"),
    core.ExtendedPropertyNotFound: NO_DEVICE_DATA,
    core.FieldNotFound: NO_DEVICE_DATA,
    core.HistoryNotFound: Fault(200, "100418", "The deviceData is not existed."),
    core.Conflict: Fault(409, "100227", "The resource is conflicted."),
    core.LoginTaken: Fault(409, "100227", "The resource is conflicted."),
    core.NodeIdTaken: Fault(400, "100426", "The nodeId is duplicated."),
    core.LoraDeviceExists: Fault(400, "1200012", "The LoRa node already exists."),
    core.MacTaken: Fault(409, "100227", "The resource is conflicted."),
    core.SubscriptionExists: Fault(409, "100227", "The resource is conflicted."),
    core.ProductExists: Fault(409, "100227", "The resource is conflicted."),
    core.ProductReleased: Fault(409, "100227", "The resource is conflicted."),
    core.AlreadyReleased: Fault(409, "100227", "The resource is conflicted."),
    core.ProductInUse: Fault(409, "100227", "The resource is conflicted."),
    core.ProductNotReleased: Fault(409, "100227", "The resource is conflicted."),
    core.BatchGenerated: Fault(409, "100227", "The resource is conflicted."),
    core.NoValidName: Fault(409, "100227", "The resource is conflicted."),
    core.PointIndexTaken: Fault(409, "100227", "The resource is conflicted."),
    core.PointNameTaken: Fault(409, "100227", "The resource is conflicted."),
    core.FirmwareExists: Fault(409, "100227", "The resource is conflicted."),
    core.DeviceOnline: Fault(400, "100611", "Device is online."),
    core.DeviceOffline: Fault(200, "100428", "The device is not online."),
    core.DeviceSilent: Fault(200, "100428", "The device is not online."),
    core.DeviceRefused: Fault(409, "100227", "The resource is conflicted."),
    core.GatewayOffline: Fault(403, "100450", "The gateway is not online."),
    core.LoraServerOffline: Fault(
        403, "1200006", "The operation is not allowed. The LoRa Server is not online."
    ),
    core.NotLorawan: Fault(
        403, "1200007", "The operation is not allowed. The protocol of the product model is not LoRaWAN."
    ),
    core.WrongLoraProduct: Fault(
        403,
        "1200016",
        "The operation is not allowed. The deviceType of the product model cannot be LoRaGateway.",
    ),
    core.DeviceNotActive: Fault(400, "100610", "Device is not active."),
    core.DeviceActive: Fault(409, "100227", "The resource is conflicted."),
    core.ExtendedPropertyExists: Fault(409, "100227", "The resource is conflicted."),
    core.CommandSettled: Fault(
        200, "100435", "The device command already canceled, expired or executed, Cannot cancel."
    ),
    core.PropertyNotWritable: Fault(403, "100443", "The property is forbidden to write."),
    core.GroupNameTaken: Fault(200, "100602", "The device group name has been used."),
    core.MembershipRefused: Fault(400, "100604", "The device group request parameter is invalid."),
    core.BatchNameTaken: Fault(200, "105002", "The batchTask name has exist."),
    core.PackageExists: Fault(409, "100227", "The resource is conflicted."),
    core.UploadIncomplete: Fault(409, "100227", "The resource is conflicted."),
    core.PackageMismatch: Fault(
        400, "123016", "The parameter is error, targetversion not match with device."
    ),
    core.VersionConflict: Fault(409, "100227", "The resource is conflicted."),
    core.KeyVersionInUse: Fault(409, "100227", "The resource is conflicted."),
    core.NoMasterKey: Fault(409, "100227", "The resource is conflicted."),
    core.Busy: CONGESTED,
    core.LimitExceeded: Fault(400, "100224", "The resource exceeds its limit."),
    core.TooManyPending: Fault(400, "100223", "Command counts has reached the upLimit."),
    core.TooManySubscriptions: Fault(400, "100224", "The resource exceeds 1000."),
    core.TooManyRules: Fault(400, "100224", "The resource exceeds its limit."),
    core.TooManyFirmwares: Fault(400, "100224", "The resource exceeds its limit."),
    core.TooManyGroups: Fault(200, "100607", "The devGroup has reached the limit."),
    core.GroupFull: Fault(200, "100601", "The number of device in the group has reach the max."),
    core.TooManyBatches: Fault(200, "105001", "The batchTask count has reached the limit."),
    core.TooManyAutomations: Fault(400, "100224", "The resource exceeds its limit."),
    core.TooManyProperties: Fault(400, "100224", "The resource exceeds its limit."),
    core.ListTooLong: Fault(400, "100224", "The resource exceeds 1000, please refinement query conditions."),
    core.CallbackRefused: Fault(400, "100222", "The request callbackurl is illegal."),
    core.OfPeople: Fault(403, "100217", "The application hasn't been authorized."),
    core.PageGone: Fault(400, "100405", "The request parameter is invalid."),
}


class HuaweiError(msgspec.Struct, frozen=True):
    """Both are strings, whatever they hold."""

    error_code: str
    error_desc: str


def fault(kind: type[PolythingError], operation: Operation | None) -> Fault:
    """The nearest entry along the error's ancestry: the operation's own, then the dialect's."""
    return nearest(kind, operation.faults if operation else {}, FAULTS, unknown=INTERNAL)


def render(error: Exception, operation: Operation | None) -> Answer:
    if isinstance(error, NoSuchOperation):
        headers = {"Allow": ", ".join(error.allowed)} if error.allowed else {}
        return _answer(WRONG_VERB if error.allowed else NO_OPERATION, headers=headers)
    if not isinstance(error, PolythingError):
        return _answer(INTERNAL)
    found = fault(type(error), operation)
    if isinstance(error, core.Throttled):
        return _answer(found, headers=_flow_headers(error))
    if isinstance(error, core.InvalidInput | core.CallbackRefused) and str(error):
        return _answer(found, detail=str(error))
    return _answer(found)


def _flow_headers(error: core.Throttled) -> dict[str, str]:
    """The limit in calls a minute; when the next minute begins, in s."""
    wait = str(error.wait)
    return {
        "RateLimit-Limit": str(error.limit),
        "RateLimit-Remaining": "0",
        "RateLimit-Reset": wait,
        "Retry-After": wait,
    }


def _answer(found: Fault, detail: str = "", headers: Mapping[str, str] = {}) -> Answer:
    text = f"{found.text} {detail}" if detail else found.text
    body = msgspec.json.encode(HuaweiError(found.code, text))
    return Answer(found.status, body, {**JSON, **headers})
