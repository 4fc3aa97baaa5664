"""One request through one dialect: match, authenticate, validate, call the view, answer.

Whatever goes wrong is answered in the dialect's own shape; what is not a PolythingError is logged
with its trace and answered as the dialect's internal error.
"""

from collections.abc import Mapping
from typing import Any

from .. import context
from ..core.errors import InvalidInput, ListTooLong, PolythingError
from . import validation
from .operations import Api, Call, HeadedCall, Operation
from .request import Answer, Request

MOST_ANSWER = 6 * 1024 * 1024 - 64 * 1024  # a Lambda function answers 6 MB at most, its envelope included


class NoSuchOperation(Exception):
    """The path is unknown, or (`allowed`) the verb is."""

    def __init__(self, allowed: tuple[str, ...]) -> None:
        super().__init__("no such operation" if not allowed else f"allowed: {', '.join(allowed)}")
        self.allowed = allowed


def serve(api: Api, request: Request) -> Answer:
    if api.cors is None:
        return _serve(api, request)
    if request.method == "OPTIONS":
        context.note(operation="preflight")
        return api.cors.preflight()
    return api.cors.open(_serve(api, request))


def _serve(api: Api, request: Request) -> Answer:
    operation: Operation | None = None
    try:
        match = api.find(request)
        operation = match.operation
        if operation is None:
            raise NoSuchOperation(match.allowed)
        context.note(operation=operation.name)
        return _perform(api, operation, request, match.values)
    except (PolythingError, NoSuchOperation) as error:
        context.note(error=type(error).__name__)
        return api.refuse(operation, request, error)
    except Exception as error:  # noqa: BLE001 - the one place that answers what nobody foresaw
        context.note(error=type(error).__name__)
        _log().exception("unhandled error")
        return api.refuse(operation, request, error)


def _perform(api: Api, operation: Operation, request: Request, values: Any) -> Answer:
    caller = api.authenticate(request, operation)
    context.note(tenant=getattr(caller, "tenant", ""), application=getattr(caller, "application", ""))
    if len(request.body) > validation.MOST_BYTES:
        raise InvalidInput("", f"the body is larger than {validation.MOST_BYTES} bytes")
    parts = {
        "caller": caller,
        "path": validation.convert(values, operation.path_type) if operation.path_type else None,
        "query": validation.query(request.query, operation.query_type) if operation.query_type else None,
        "body": api.body(operation, operation.body_type, request) if operation.body_type else None,
        "request": request,
    }
    context.note(device=_device(parts))
    if operation.headers_type:
        call: Any = HeadedCall(**parts, headers=validation.headers(request, operation.headers_type))
    else:
        call = Call(**parts)
    answer = api.answer(operation, request, operation.view(call))
    if _on_the_way(answer.body) > MOST_ANSWER:
        raise ListTooLong("the answer is too large: ask for a smaller page")
    return answer


def _device(parts: Mapping[str, Any]) -> object:
    """Which device the request names, if one."""
    named = (getattr(parts[place], "device_id", None) for place in ("path", "query", "body"))
    return next((one for one in named if isinstance(one, str | int)), None)


def _on_the_way(body: bytes) -> int:
    """Bytes of the body inside the JSON that a Lambda function answers."""
    return len(body) + body.count(b'"') + body.count(b"\\")


def _log() -> Any:
    from .logs import logger

    return logger()
