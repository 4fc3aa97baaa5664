"""Core errors as problem details. A code is the error's own name, and never changes.

Source: RFC 9457
"""

import re
from collections.abc import Mapping

import msgspec

from ...core import errors as core
from ...core.errors import PolythingError
from ...web.operations import Fault, Operation
from ...web.request import Answer
from ...web.serving import NoSuchOperation

HEADERS = {"Content-Type": "application/problem+json", "Cache-Control": "no-store"}
URN = "urn:polything:problem:"

INTERNAL = Fault(500, "internal-error", "Internal error")
NO_OPERATION = Fault(404, "no-such-operation", "No such operation")
WRONG_VERB = Fault(405, "method-not-allowed", "Method not allowed")
STATUSES: Mapping[type[PolythingError], int] = {
    core.InvalidInput: 400,
    core.Unauthenticated: 401,
    core.TooManyFailures: 429,
    core.Forbidden: 403,
    core.Throttled: 429,
    core.NotFound: 404,
    core.Conflict: 409,
    core.Busy: 503,
    core.LimitExceeded: 409,
    core.ListTooLong: 400,
    core.CallbackRefused: 400,
    core.PageGone: 410,
    core.OfPeople: 409,
}


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """`type` is `urn:polything:problem:` and the code; `field` is the dotted path of what is wrong."""

    type: str
    title: str
    status: int
    code: str
    detail: str = ""
    field: str = ""


def fault(kind: type[PolythingError], operation: Operation | None) -> Fault:
    """Status of the nearest ancestor; code and title are the error's own name."""
    if operation is not None and kind in operation.faults:
        return operation.faults[kind]
    status = next((STATUSES[ancestor] for ancestor in kind.__mro__ if ancestor in STATUSES), None)
    if status is None:
        return INTERNAL
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", kind.__name__)
    return Fault(status, words.lower().replace(" ", "-"), words.capitalize())


def render(error: Exception, operation: Operation | None) -> Answer:
    if isinstance(error, NoSuchOperation):
        allow = {"Allow": ", ".join(error.allowed)} if error.allowed else {}
        return _answer(WRONG_VERB if error.allowed else NO_OPERATION, headers=allow)
    if not isinstance(error, PolythingError):
        return _answer(INTERNAL)
    found = fault(type(error), operation)
    headers = {"WWW-Authenticate": "Bearer"} if found.status == 401 else {}
    field = error.field if isinstance(error, core.InvalidInput) else ""
    return _answer(found, str(error), field, headers)


def _answer(found: Fault, detail: str = "", field: str = "", headers: Mapping[str, str] = {}) -> Answer:
    problem = Problem(URN + found.code, found.text, found.status, found.code, detail, field)
    return Answer(found.status, msgspec.json.encode(problem), {**HEADERS, **headers})
