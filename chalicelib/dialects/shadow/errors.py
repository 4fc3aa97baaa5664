"""Core errors as the device shadow's document spells them.

Business errors are HTTP 200 with a code other than 0. Where a call was not heard at all the HTTP status
says so, and is the code, too: the document links to its page on authentication, which is not public.

Source: device shadow 4 (error codes); codes below 900010 but 500 are ours
"""

from collections.abc import Mapping

import msgspec

from ...core import errors as core
from ...core.errors import PolythingError
from ...web.operations import Fault, Operation, nearest
from ...web.request import Answer
from ...web.serving import NoSuchOperation

JSON = {"Content-Type": "application/json; charset=UTF-8"}

CONFLICT = Fault(200, "900010", "影子版本冲突。")
MISSING = Fault(200, "900013", "缺少参数")
MALFORMED = Fault(200, "900014", "参数格式错误")
NO_OBJECT = Fault(200, "900015", "字段值不为JSON 对象类型")
NO_FIELD = Fault(200, "900016", "字段值不存在")
INTERNAL = Fault(500, "500", "服务端处理异常。")
BUSY = Fault(503, "500", "服务端处理异常。")
NO_TOKEN = Fault(401, "401", "The token is missing, wrong or has expired.")
WRONG_SECRET = Fault(401, "401", "The key or the secret is wrong.")
NO_RIGHT = Fault(403, "403", "The application may not do this.")
NO_OPERATION = Fault(404, "404", "There is no such operation.")
WRONG_VERB = Fault(405, "405", "The operation is called by another method.")
THROTTLED = Fault(429, "429", "Too many calls.")


class MissingParameter(core.InvalidInput):
    """A parameter that has to be there is not."""


# Core errors that no operation here raises are answered as their kind is.
FAULTS: Mapping[type[PolythingError], Fault] = {
    core.InvalidInput: MALFORMED,
    MissingParameter: MISSING,
    core.NotAnObject: NO_OBJECT,
    core.Unauthenticated: NO_TOKEN,
    core.WrongSecret: WRONG_SECRET,
    core.TooManyFailures: THROTTLED,
    core.Forbidden: NO_RIGHT,
    core.Throttled: THROTTLED,
    core.NotFound: MALFORMED,
    core.FieldNotFound: NO_FIELD,
    core.Conflict: CONFLICT,
    core.VersionConflict: CONFLICT,
    core.Busy: BUSY,
    core.LimitExceeded: MALFORMED,
    core.CallbackRefused: MALFORMED,
    core.PageGone: MALFORMED,
    core.OfPeople: NO_RIGHT,
}
DETAILED = (core.InvalidInput, core.VersionConflict, core.FieldNotFound)


class ShadowError(msgspec.Struct, frozen=True):
    """`code` and `err_code` are the same; there is no result."""

    code: int
    err_code: int
    msg: str
    result: None = None


def fault(kind: type[PolythingError], operation: Operation | None) -> Fault:
    """The nearest entry along the error's ancestry."""
    return nearest(kind, FAULTS, unknown=INTERNAL)


def render(error: Exception, operation: Operation | None) -> Answer:
    if isinstance(error, NoSuchOperation):
        headers = {"Allow": ", ".join(error.allowed)} if error.allowed else {}
        return _answer(WRONG_VERB if error.allowed else NO_OPERATION, headers=headers)
    if not isinstance(error, PolythingError):
        return _answer(INTERNAL)
    kind = MissingParameter if isinstance(error, core.InvalidInput) and error.missing else type(error)
    found = fault(kind, operation)
    if isinstance(error, core.Throttled):
        return _answer(found, headers={"Retry-After": str(error.wait)})
    if isinstance(error, core.DeviceNotFound):
        return _answer(found, "deviceId: the product has no such device")
    return _answer(found, str(error) if isinstance(error, DETAILED) else "")


def _answer(found: Fault, detail: str = "", headers: Mapping[str, str] = {}) -> Answer:
    text = f"{found.text} {detail}" if detail else found.text
    body = msgspec.json.encode(ShadowError(int(found.code), int(found.code), text))
    return Answer(found.status, body, {**JSON, **headers})
