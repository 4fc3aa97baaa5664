"""Everything that can go wrong, as values of the domain.

    PolythingError
    ├── InvalidInput                 a field is missing, mistyped or out of range
    │   ├── BadVerifyCode
    │   ├── LoraKeyMissing           a LoRa node cannot join without it
    │   │   ├── AppKeyMissing
    │   │   ├── AppSessionKeyMissing
    │   │   ├── NetworkSessionKeyMissing
    │   │   └── DeviceAddressMissing
    │   ├── NotAnObject              a path into a shadow leads through something that is no JSON object
    │   └── PropertyNotFound         no such property in the thing model
    ├── Unauthenticated
    │   ├── MissingCredentials       no token, or no application named
    │   ├── InvalidToken             unknown, expired or ended token
    │   ├── InvalidRefreshToken
    │   ├── WrongSecret              application and secret, or login and password, do not match
    │   ├── InvalidKey               unknown or revoked access key
    │   └── TooManyFailures          too many failed logins; wait
    ├── Forbidden
    │   ├── NotAuthorized            acts for an application that has not allowed it
    │   ├── ScopeMissing             the operator's key may not do this
    │   ├── Throttled                call rate over the limit
    │   ├── DeviceZombie             silent for seven days
    │   └── CommandMuted             the device's service does not take this command
    ├── NotFound
    │   ├── ApplicationNotFound
    │   ├── AccountNotFound
    │   ├── OperatorNotFound
    │   ├── TenantNotFound
    │   ├── JobNotFound
    │   ├── KeyVersionNotFound       no data key of this version
    │   ├── DeliveryNotFound         it, its event or its subscription is gone
    │   ├── ProductNotFound
    │   ├── PointNotFound            no such data point in the thing model
    │   ├── FirmwareNotFound
    │   ├── DeviceNotFound
    │   ├── LoraServerNotFound       no such LoRa server, or the device is behind it no more
    │   ├── ServiceNotFound
    │   ├── CommandTypeNotFound      no such command in the thing model
    │   ├── CommandNotFound
    │   ├── TaskNotFound
    │   ├── GroupNotFound
    │   ├── BatchNotFound
    │   ├── PackageNotFound
    │   ├── UpgradeNotFound
    │   ├── SubscriptionNotFound
    │   ├── AutomationNotFound
    │   ├── ExtendedPropertyNotFound
    │   ├── FieldNotFound            no such field in a device's shadow
    │   └── HistoryNotFound
    ├── Conflict
    │   ├── LoginTaken               another account, of any tenant, logs in so
    │   ├── NodeIdTaken
    │   │   └── LoraDeviceExists     its server has a LoRa device of this EUI already
    │   ├── MacTaken                 another device of the product has this MAC address
    │   ├── SubscriptionExists
    │   ├── ProductExists
    │   ├── ProductReleased          what is released stays as it is
    │   │   └── AlreadyReleased      and is released once
    │   ├── ProductInUse             it has devices
    │   ├── ProductNotReleased       its devices are not made in numbers yet
    │   ├── BatchGenerated           its devices are being made, or are made
    │   ├── NoValidName              none of the names of a list can be a device's
    │   ├── PointIndexTaken          another data point of the model has this index
    │   ├── PointNameTaken           another data point of the model has this name
    │   ├── FirmwareExists           another firmware of this model and version
    │   ├── DeviceOnline
    │   ├── DeviceOffline
    │   ├── DeviceSilent             it was asked, and did not answer in time
    │   ├── DeviceRefused            it was asked, and answered that it will not
    │   ├── GatewayOffline
    │   ├── LoraServerOffline
    │   ├── NotLorawan               the product's protocol is another
    │   ├── WrongLoraProduct         of LoRa gateways where a node's is needed, or the other way round
    │   ├── DeviceNotActive
    │   ├── DeviceActive             what was in contact once is not deleted
    │   ├── ExtendedPropertyExists
    │   ├── CommandSettled           no longer PENDING, so not to be cancelled
    │   ├── PropertyNotWritable
    │   ├── GroupNameTaken
    │   ├── MembershipRefused        a device is in another group, or not in the one it is to leave
    │   ├── BatchNameTaken
    │   ├── PackageExists            another package of this type, name and version
    │   ├── UploadIncomplete         the file is not there, or not the one that was announced
    │   ├── PackageMismatch          the package is not for devices of this make
    │   ├── KeyVersionInUse          secrets may still stand under this version of the data key
    │   ├── NoMasterKey              nothing wraps a new data key
    │   ├── VersionConflict          the shadow was changed since the caller read it
    │   └── Busy                     others keep changing the same thing; try again
    ├── LimitExceeded
    │   ├── TooManyPending           twenty commands wait already
    │   ├── TooManySubscriptions
    │   ├── TooManyRules             forwarding rules of an application
    │   ├── TooManyFirmwares         of a product
    │   ├── TooManyGroups
    │   ├── GroupFull                more devices than the group, or one call, takes
    │   ├── TooManyBatches           ten tasks of the application have not finished
    │   ├── TooManyAutomations       of an application, or on a device
    │   ├── TooManyProperties        more than ten extended properties of a device
    │   └── ListTooLong              narrow the query
    ├── OfPeople                     between the people of an application, their devices and homes
    │   ├── UserNotFound
    │   │   └── ReceiverNotFound     nobody has this login
    │   ├── NotBound                 the person is not bound to the device
    │   ├── NotManager               is bound to it as a member only
    │   ├── BoundAlready             the person is bound to the device
    │   ├── BoundByOther             another person is the device's manager
    │   ├── BindRefused              the device cannot be bound in this way, or now
    │   │   ├── BindTokenNotFound    no device has reported this token
    │   │   ├── BindWindowOver       it came online too long ago, or never
    │   │   └── NothingDiscovers     no device of the person can find others
    │   ├── TooManyBindings          of the person
    │   ├── TooManyHolders           of the device
    │   ├── CodesNotSent             the deployment has nothing to send login codes by
    │   ├── NotShareable             devices of the product are not shared
    │   ├── ShareNotFound
    │   │   └── ShareCodeNotFound    no such QR code
    │   ├── ShareSettled             what was answered or has ended
    │   │   ├── ShareAgreed
    │   │   ├── ShareRefused
    │   │   ├── ShareCanceled
    │   │   └── ShareExpired
    │   ├── ShareRepeated            the same offer stands
    │   ├── SharedWithOneself
    │   ├── NotInitiator             another person made the offer
    │   ├── VirtualUserNotFound
    │   ├── TooManyVirtualUsers      of a person
    │   ├── AttributesMissing        a change of a virtual user that names none
    │   ├── UnknownEdit              a kind of change of attributes that there is not
    │   ├── SceneNotFound
    │   ├── HomeNotFound
    │   ├── RoomNotFound
    │   ├── ControlGroupNotFound
    │   ├── HouseholdNameTaken       of a home, room or control group
    │   ├── HouseholdNameIllegal     a sign that names have not
    │   ├── HouseholdNameTooLong
    │   ├── TooManyHomes
    │   ├── LastHome                 a person has one at least
    │   ├── HomeNotEmpty             its devices find no place in another
    │   ├── TooManyRooms
    │   ├── HomeFull
    │   ├── TooManyControlGroups
    │   ├── ControlGroupTooSmall
    │   ├── ControlGroupFull
    │   ├── NotGroupable             devices of the product are told things one by one
    │   └── InOtherControlGroup
    ├── CallbackRefused              the URL is malformed, has no port or leads into a private network
    └── PageGone                     the walk this page belongs to has ended

A dialect's `errors.py` maps each to its own status, code and text; a test holds that none is
left out. What is not in this tree is a defect and answered as an internal error.
"""


class PolythingError(Exception):
    """Base of every error a caller can cause."""


class InvalidInput(PolythingError):
    """`field` (dotted path, empty for the whole) is not acceptable; `reason` says why."""

    def __init__(self, field: str = "", reason: str = "is invalid", *, missing: bool = False) -> None:
        super().__init__(f"{field} {reason}".strip())
        self.field = field
        self.reason = reason
        self.missing = missing


class BadVerifyCode(InvalidInput):
    pass


class LoraKeyMissing(InvalidInput):
    """Its kind says which."""

    def __init__(self) -> None:
        super().__init__("", "", missing=True)


class AppKeyMissing(LoraKeyMissing):
    pass


class AppSessionKeyMissing(LoraKeyMissing):
    pass


class NetworkSessionKeyMissing(LoraKeyMissing):
    pass


class DeviceAddressMissing(LoraKeyMissing):
    pass


class NotAnObject(InvalidInput):
    def __init__(self, field: str = "") -> None:
        super().__init__(field, "is no JSON object")


class PropertyNotFound(InvalidInput):
    pass


class Unauthenticated(PolythingError):
    pass


class MissingCredentials(Unauthenticated):
    pass


class InvalidToken(Unauthenticated):
    pass


class InvalidRefreshToken(Unauthenticated):
    pass


class WrongSecret(Unauthenticated):
    pass


class InvalidKey(Unauthenticated):
    pass


class TooManyFailures(Unauthenticated):
    pass


class Forbidden(PolythingError):
    pass


class NotAuthorized(Forbidden):
    pass


class ScopeMissing(Forbidden):
    pass


class Throttled(Forbidden):
    """More than `limit` calls a minute; `wait` s until the next minute."""

    def __init__(self, limit: int = 0, wait: int = 0) -> None:
        super().__init__(f"more than {limit} calls a minute, wait {wait} s")
        self.limit = limit
        self.wait = wait


class DeviceZombie(Forbidden):
    pass


class CommandMuted(Forbidden):
    pass


class NotFound(PolythingError):
    pass


class ApplicationNotFound(NotFound):
    pass


class AccountNotFound(NotFound):
    pass


class OperatorNotFound(NotFound):
    pass


class TenantNotFound(NotFound):
    pass


class JobNotFound(NotFound):
    pass


class KeyVersionNotFound(NotFound):
    pass


class DeliveryNotFound(NotFound):
    pass


class ProductNotFound(NotFound):
    pass


class PointNotFound(NotFound):
    pass


class FirmwareNotFound(NotFound):
    pass


class DeviceNotFound(NotFound):
    pass


class LoraServerNotFound(NotFound):
    pass


class ServiceNotFound(NotFound):
    pass


class CommandTypeNotFound(NotFound):
    pass


class CommandNotFound(NotFound):
    pass


class TaskNotFound(NotFound):
    pass


class GroupNotFound(NotFound):
    pass


class BatchNotFound(NotFound):
    pass


class PackageNotFound(NotFound):
    pass


class UpgradeNotFound(NotFound):
    pass


class SubscriptionNotFound(NotFound):
    pass


class AutomationNotFound(NotFound):
    pass


class ExtendedPropertyNotFound(NotFound):
    pass


class FieldNotFound(NotFound):
    pass


class HistoryNotFound(NotFound):
    pass


class Conflict(PolythingError):
    pass


class LoginTaken(Conflict):
    pass


class NodeIdTaken(Conflict):
    pass


class LoraDeviceExists(NodeIdTaken):
    pass


class MacTaken(Conflict):
    pass


class SubscriptionExists(Conflict):
    pass


class ProductExists(Conflict):
    pass


class ProductReleased(Conflict):
    pass


class AlreadyReleased(ProductReleased):
    pass


class ProductInUse(Conflict):
    pass


class ProductNotReleased(Conflict):
    pass


class BatchGenerated(Conflict):
    pass


class NoValidName(Conflict):
    pass


class PointIndexTaken(Conflict):
    pass


class PointNameTaken(Conflict):
    pass


class FirmwareExists(Conflict):
    pass


class DeviceOnline(Conflict):
    pass


class DeviceOffline(Conflict):
    pass


class DeviceSilent(Conflict):
    pass


class DeviceRefused(Conflict):
    """`code` is the device's own."""

    def __init__(self, device: str = "", code: int = 0) -> None:
        super().__init__(f"{device} answered {code}")
        self.code = code


class GatewayOffline(Conflict):
    pass


class LoraServerOffline(Conflict):
    pass


class NotLorawan(Conflict):
    pass


class WrongLoraProduct(Conflict):
    pass


class DeviceNotActive(Conflict):
    pass


class DeviceActive(Conflict):
    pass


class ExtendedPropertyExists(Conflict):
    pass


class CommandSettled(Conflict):
    pass


class PropertyNotWritable(Conflict):
    pass


class GroupNameTaken(Conflict):
    pass


class MembershipRefused(Conflict):
    pass


class BatchNameTaken(Conflict):
    pass


class PackageExists(Conflict):
    pass


class UploadIncomplete(Conflict):
    pass


class PackageMismatch(Conflict):
    pass


class KeyVersionInUse(Conflict):
    pass


class NoMasterKey(Conflict):
    pass


class VersionConflict(Conflict):
    pass


class Busy(Conflict):
    pass


class LimitExceeded(PolythingError):
    pass


class TooManyPending(LimitExceeded):
    pass


class TooManySubscriptions(LimitExceeded):
    pass


class TooManyRules(LimitExceeded):
    pass


class TooManyFirmwares(LimitExceeded):
    pass


class TooManyGroups(LimitExceeded):
    pass


class GroupFull(LimitExceeded):
    pass


class TooManyBatches(LimitExceeded):
    pass


class TooManyAutomations(LimitExceeded):
    pass


class TooManyProperties(LimitExceeded):
    pass


class ListTooLong(LimitExceeded):
    pass


class CallbackRefused(PolythingError):
    """The reason is safe to show."""


class PageGone(PolythingError):
    pass


class OfPeople(PolythingError):
    """Systems that have no people answer all of these alike."""


class UserNotFound(OfPeople):
    pass


class ReceiverNotFound(UserNotFound):
    pass


class NotBound(OfPeople):
    pass


class NotManager(OfPeople):
    pass


class BoundAlready(OfPeople):
    pass


class BoundByOther(OfPeople):
    pass


class BindRefused(OfPeople):
    pass


class BindTokenNotFound(BindRefused):
    pass


class BindWindowOver(BindRefused):
    pass


class NothingDiscovers(BindRefused):
    pass


class CodesNotSent(OfPeople):
    pass


class TooManyBindings(OfPeople):
    pass


class TooManyHolders(OfPeople):
    pass


class NotShareable(OfPeople):
    pass


class ShareNotFound(OfPeople):
    pass


class ShareCodeNotFound(ShareNotFound):
    pass


class ShareSettled(OfPeople):
    pass


class ShareAgreed(ShareSettled):
    pass


class ShareRefused(ShareSettled):
    pass


class ShareCanceled(ShareSettled):
    pass


class ShareExpired(ShareSettled):
    pass


class ShareRepeated(OfPeople):
    pass


class SharedWithOneself(OfPeople):
    pass


class NotInitiator(OfPeople):
    pass


class VirtualUserNotFound(OfPeople):
    pass


class TooManyVirtualUsers(OfPeople):
    pass


class AttributesMissing(OfPeople):
    pass


class UnknownEdit(OfPeople):
    pass


class SceneNotFound(OfPeople):
    pass


class HomeNotFound(OfPeople):
    pass


class RoomNotFound(OfPeople):
    pass


class ControlGroupNotFound(OfPeople):
    pass


class HouseholdNameTaken(OfPeople):
    pass


class HouseholdNameIllegal(OfPeople):
    pass


class HouseholdNameTooLong(OfPeople):
    pass


class TooManyHomes(OfPeople):
    pass


class LastHome(OfPeople):
    pass


class HomeNotEmpty(OfPeople):
    pass


class TooManyRooms(OfPeople):
    pass


class HomeFull(OfPeople):
    pass


class TooManyControlGroups(OfPeople):
    pass


class ControlGroupTooSmall(OfPeople):
    pass


class ControlGroupFull(OfPeople):
    pass


class NotGroupable(OfPeople):
    pass


class InOtherControlGroup(OfPeople):
    pass
