"""Core errors as Feiyan's dictionary spells them.

A business error is HTTP 200 with its code in the envelope. What the gateway itself refuses has a status
of its own: 401 with `X-Ca-Error-Message` for a bad signature, 404 for an unknown path, 429, 500 and 503.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from ...core import errors as core
from ...core.errors import PolythingError
from ...web.operations import Fault, Operation, nearest
from ...web.request import Answer
from ...web.serving import NoSuchOperation
from .dictionary import DICTIONARY

JSON = {"Content-Type": "application/json; charset=UTF-8"}
REASON = "X-Ca-Error-Message"
REQUIRED, BACKEND = 20050, 20004
CHINESE = "zh"
NO_ID = msgspec.Raw(b'""')


Faults = dict[type[PolythingError], Fault]


class BadSignature(core.Unauthenticated):
    """What the gateway refuses before it looks at the call; `reason` goes out in a header."""

    def __init__(self, reason: str = "Invalid Signature") -> None:
        super().__init__(reason)
        self.reason = reason


class UnknownVersion(core.NotFound):
    """The path is known, at another version."""


class InvalidCloudToken(core.InvalidToken):
    pass


class BadAmount(core.InvalidInput):
    """Of devices to make."""


class JsonAsText(core.InvalidInput):
    """A text that holds JSON stands where JSON belongs."""


def of(code: int, status: int = 200) -> Fault:
    """An entry of the dictionary."""
    return Fault(status, str(code), DICTIONARY[code].english)


REQUEST, PARAMETER, UNAUTHENTICATED, FORBIDDEN = of(400), of(460), of(401), of(403)
ABSENT, NO_DEVICE, BUSY = of(404), of(2063), of(503, 503)

FAULTS: Mapping[type[PolythingError], Fault] = {
    BadSignature: of(401, 401),
    UnknownVersion: ABSENT,
    InvalidCloudToken: of(20017),
    JsonAsText: of(BACKEND),
    BadAmount: Fault(200, "460", "batch device amount invalid"),
    core.InvalidInput: PARAMETER,
    core.BadVerifyCode: PARAMETER,
    core.LoraKeyMissing: PARAMETER,
    core.AppKeyMissing: PARAMETER,
    core.AppSessionKeyMissing: PARAMETER,
    core.NetworkSessionKeyMissing: PARAMETER,
    core.DeviceAddressMissing: PARAMETER,
    core.NotAnObject: PARAMETER,
    core.PropertyNotFound: PARAMETER,
    core.Unauthenticated: UNAUTHENTICATED,
    core.MissingCredentials: UNAUTHENTICATED,
    core.InvalidToken: UNAUTHENTICATED,
    core.InvalidRefreshToken: of(2401),
    core.WrongSecret: UNAUTHENTICATED,
    core.InvalidKey: of(401, 401),
    core.TooManyFailures: of(429, 429),
    core.Forbidden: FORBIDDEN,
    core.NotAuthorized: FORBIDDEN,
    core.ScopeMissing: FORBIDDEN,
    core.Throttled: of(429, 429),
    core.DeviceZombie: of(28504),
    core.CommandMuted: FORBIDDEN,
    core.NotFound: ABSENT,
    core.ApplicationNotFound: of(28501),
    core.AccountNotFound: of(2062),
    core.OperatorNotFound: ABSENT,
    core.TenantNotFound: ABSENT,
    core.JobNotFound: ABSENT,
    core.KeyVersionNotFound: ABSENT,
    core.DeliveryNotFound: ABSENT,
    core.ProductNotFound: of(5005),
    core.PointNotFound: PARAMETER,
    core.FirmwareNotFound: of(9119),
    core.DeviceNotFound: NO_DEVICE,
    core.LoraServerNotFound: NO_DEVICE,
    core.ServiceNotFound: PARAMETER,
    core.CommandTypeNotFound: PARAMETER,
    core.CommandNotFound: ABSENT,
    core.TaskNotFound: ABSENT,
    core.GroupNotFound: of(28604),
    core.BatchNotFound: ABSENT,
    core.PackageNotFound: of(9119),
    core.UpgradeNotFound: of(9146),
    core.SubscriptionNotFound: ABSENT,
    core.AutomationNotFound: of(10200),
    core.ExtendedPropertyNotFound: PARAMETER,
    core.HistoryNotFound: ABSENT,
    core.FieldNotFound: PARAMETER,
    core.Conflict: REQUEST,
    core.LoginTaken: REQUEST,
    core.NodeIdTaken: of(6289),
    core.LoraDeviceExists: of(6289),
    core.MacTaken: of(6289),
    core.SubscriptionExists: REQUEST,
    core.ProductExists: REQUEST,
    core.ProductReleased: REQUEST,
    core.AlreadyReleased: REQUEST,
    core.ProductInUse: REQUEST,
    core.ProductNotReleased: of(28038),
    core.BatchGenerated: of(28046),
    core.NoValidName: of(28044),
    core.PointIndexTaken: REQUEST,
    core.PointNameTaken: REQUEST,
    core.FirmwareExists: REQUEST,
    core.DeviceOnline: REQUEST,
    core.DeviceOffline: of(28504),
    core.DeviceSilent: of(503),
    core.DeviceRefused: REQUEST,
    core.GatewayOffline: of(28504),
    core.LoraServerOffline: of(28504),
    core.NotLorawan: of(28571),
    core.WrongLoraProduct: of(28571),
    core.DeviceNotActive: of(28504),
    core.DeviceActive: of(6289),
    core.ExtendedPropertyExists: REQUEST,
    core.CommandSettled: REQUEST,
    core.PropertyNotWritable: PARAMETER,
    core.GroupNameTaken: of(28804),
    core.MembershipRefused: REQUEST,
    core.BatchNameTaken: REQUEST,
    core.PackageExists: REQUEST,
    core.UploadIncomplete: REQUEST,
    core.ProductNotReleased: of(28038),
    core.BatchGenerated: of(28046),
    core.NoValidName: of(28044),
    core.PackageMismatch: of(9131),
    core.VersionConflict: BUSY,
    core.KeyVersionInUse: REQUEST,
    core.NoMasterKey: REQUEST,
    core.Busy: BUSY,
    core.LimitExceeded: REQUEST,
    core.TooManyPending: of(429),
    core.TooManySubscriptions: REQUEST,
    core.TooManyRules: REQUEST,
    core.TooManyFirmwares: REQUEST,
    core.TooManyGroups: of(28821),
    core.GroupFull: of(28823),
    core.TooManyBatches: REQUEST,
    core.TooManyAutomations: REQUEST,
    core.TooManyProperties: REQUEST,
    core.ListTooLong: PARAMETER,
    core.CallbackRefused: PARAMETER,
    core.PageGone: PARAMETER,
    core.OfPeople: REQUEST,
    core.UserNotFound: of(2062),
    core.ReceiverNotFound: of(2077),
    core.NotBound: of(2065),
    core.NotManager: of(2066),
    core.BoundAlready: of(2087),
    core.BoundByOther: of(28573),
    core.BindRefused: of(28573),
    core.BindTokenNotFound: of(6608),
    core.BindWindowOver: of(607),
    core.NothingDiscovers: of(28551),
    core.CodesNotSent: of(28082),
    core.TooManyBindings: REQUEST,
    core.TooManyHolders: REQUEST,
    core.NotShareable: of(2073),
    core.ShareNotFound: of(2097),
    core.ShareCodeNotFound: of(2067),
    core.ShareSettled: of(2093),
    core.ShareAgreed: of(2085),
    core.ShareRefused: of(2082),
    core.ShareCanceled: of(2093),
    core.ShareExpired: of(2096),
    core.ShareRepeated: of(2088),
    core.SharedWithOneself: of(2086),
    core.NotInitiator: of(2078),
    core.VirtualUserNotFound: of(28532),
    core.TooManyVirtualUsers: REQUEST,
    core.AttributesMissing: of(28529),
    core.UnknownEdit: of(28528),
    core.SceneNotFound: of(2081),
    core.HomeNotFound: PARAMETER,
    core.RoomNotFound: PARAMETER,
    core.ControlGroupNotFound: of(28604),
    core.HouseholdNameTaken: of(28804),
    core.HouseholdNameIllegal: of(28805),
    core.HouseholdNameTooLong: of(28812),
    core.TooManyHomes: of(28809),
    core.LastHome: of(28810),
    core.HomeNotEmpty: of(28603),
    core.TooManyRooms: of(28808),
    core.HomeFull: of(28807),
    core.TooManyControlGroups: of(28821),
    core.ControlGroupTooSmall: of(28820),
    core.ControlGroupFull: of(28823),
    core.NotGroupable: of(28571),
    core.InOtherControlGroup: of(28811),
}
INTERNAL = of(500, 500)


class Refusal(msgspec.Struct, frozen=True):
    """`localized_msg` is Chinese where the call's language is, or none is said."""

    id: Any
    code: int
    message: str
    localized_msg: str | None = msgspec.field(name="localizedMsg", default=None)
    data: None = None


def fault(kind: type[PolythingError], operation: Operation | None) -> Fault:
    """The nearest entry along the error's ancestry: the operation's own, then the dialect's."""
    return nearest(kind, operation.faults if operation else {}, FAULTS, unknown=INTERNAL)


def render(
    error: Exception,
    operation: Operation | None,
    ident: msgspec.Raw = NO_ID,
    language: str | None = None,
) -> Answer:
    headers: dict[str, str] = {}
    found = INTERNAL
    if isinstance(error, NoSuchOperation):
        found = of(404, 404)
        headers = {"Allow": ", ".join(error.allowed)} if error.allowed else {}
    elif isinstance(error, PolythingError):
        found = fault(type(error), operation)
    text, detail = found.text, ""
    if isinstance(error, core.InvalidInput) and found == PARAMETER and error.missing:
        found = of(REQUIRED)
        text = found.text.format(field=error.field or "params")
    elif isinstance(error, core.InvalidInput | core.LimitExceeded | core.ListTooLong):
        detail = str(error)
    if isinstance(error, BadSignature):
        headers[REASON] = error.reason
    elif found.status == UNSIGNED:
        headers[REASON] = "Invalid AppKey"
    if isinstance(error, core.Throttled):
        headers["Retry-After"] = str(error.wait)
    code = int(found.code)
    said = DICTIONARY[code].chinese if (language or CHINESE).lower().startswith(CHINESE) else text
    body = Refusal(ident, code, f"{text}: {detail}" if detail else text, said)
    return Answer(found.status, msgspec.json.encode(body), {**JSON, **headers})


UNSIGNED = 401  # HTTP status of what the gateway did not let in
