"""Core errors as CTWing spells them.

What is wrong with the request itself has the documented HTTP status, and that as its code too. What
the platform refuses of a sound request is a business error: HTTP 200, and a code of our own, for the
document names none.

Source: CTWing, error codes
"""

from collections.abc import Mapping

import msgspec

from ...core import clock
from ...core import errors as core
from ...core.errors import PolythingError
from ...web.operations import Fault, Operation, nearest
from ...web.request import Answer
from ...web.serving import NoSuchOperation
from .schema import CtwingError

JSON = {"Content-Type": "application/json;charset=UTF-8"}

INPUT = Fault(400, "400", "Bad request.")
UNAUTHORIZED = Fault(401, "401", "Unauthorized.")
FORBIDDEN = Fault(403, "403", "Forbidden.")
NO_OPERATION = Fault(404, "404", "Not found.")
INTERNAL = Fault(500, "500", "Internal error.")
UNAVAILABLE = Fault(503, "503", "Service unavailable. Try again.")
ABSENT = Fault(200, "1000", "It does not exist.")
CONFLICT = Fault(200, "1020", "It is not in a state that allows this.")
LIMIT = Fault(200, "1030", "A limit is reached.")

FAULTS: Mapping[type[PolythingError], Fault] = {
    core.InvalidInput: INPUT,
    core.Unauthenticated: UNAUTHORIZED,
    core.MissingCredentials: Fault(401, "401", "Unauthorized. The call is not signed."),
    core.InvalidKey: Fault(401, "401", "Unauthorized. The signature is wrong."),
    core.InvalidToken: Fault(401, "4011", "Unauthorized. The timestamp is more than 15 minutes off."),
    core.WrongSecret: Fault(401, "4012", "Unauthorized. The MasterKey is not the product's."),
    core.Forbidden: FORBIDDEN,
    core.Throttled: Fault(403, "403", "Forbidden. Too many calls in this minute."),
    core.DeviceZombie: Fault(200, "1007", "The device has been silent for seven days."),
    core.CommandMuted: Fault(200, "1008", "The device does not take this command."),
    core.NotFound: ABSENT,
    core.ProductNotFound: Fault(200, "1001", "The product does not exist, or the device is of another."),
    core.DeviceNotFound: Fault(200, "1002", "The device does not exist."),
    core.GroupNotFound: Fault(200, "1003", "The device group does not exist."),
    core.ServiceNotFound: Fault(200, "1004", "The profile has no such service."),
    core.CommandTypeNotFound: Fault(200, "1005", "The profile's service has no such command."),
    core.Conflict: CONFLICT,
    core.Busy: UNAVAILABLE,
    core.LimitExceeded: LIMIT,
    core.TooManyPending: Fault(200, "1006", "Too many commands wait for the device."),
    core.CallbackRefused: INPUT,
    core.PageGone: INPUT,
    core.OfPeople: INPUT,
}


def fault(kind: type[PolythingError], operation: Operation | None) -> Fault:
    """The nearest entry along the error's ancestry: the operation's own, then the dialect's."""
    return nearest(kind, operation.faults if operation else {}, FAULTS, unknown=INTERNAL)


def render(error: Exception, operation: Operation | None) -> Answer:
    if isinstance(error, NoSuchOperation):
        return _answer(NO_OPERATION, headers={"Allow": ", ".join(error.allowed)} if error.allowed else {})
    if not isinstance(error, PolythingError):
        return _answer(INTERNAL)
    found = fault(type(error), operation)
    if isinstance(error, core.Throttled):
        return _answer(found, headers={"Retry-After": str(error.wait)})
    return _answer(found, detail=str(error) if isinstance(error, core.InvalidInput) else "")


def stamped(headers: Mapping[str, str] = {}) -> dict[str, str]:
    """With the server's time: a client whose clock is off learns it from any answer."""
    return {**headers, "x-ag-timestamp": str(clock.now())}


def _answer(found: Fault, detail: str = "", headers: Mapping[str, str] = {}) -> Answer:
    text = f"{found.text} {detail}" if detail else found.text
    body = msgspec.json.encode(CtwingError(int(found.code), text))
    return Answer(found.status, body, stamped({**JSON, **headers}))
