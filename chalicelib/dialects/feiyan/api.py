"""How Feiyan's dialect speaks: an envelope around every call and answer; the operations register themselves
here.
"""

from typing import Any

import msgspec

from ...core import errors as core
from ...web.operations import Api, Match, Operation
from ...web.request import Answer, Request
from . import auth, envelope, errors
from .declaring import About, Beside


class Enveloped(Api):
    """An operation whose `about` has a version is called and answered in the envelope."""

    def find(self, request: Request) -> Match:
        """Raises UnknownVersion where the path is known and the version is not, InvalidInput."""
        match = super().find(request)
        about = _about(match.operation)
        if about.version:
            asked = envelope.opened(request).request.api_ver
            if not asked:
                raise core.InvalidInput("apiVer", "is missing", missing=True)
            if not about.serves(asked):
                raise errors.UnknownVersion(about.version)
        return match

    def body(self, operation: Operation, kind: type[Any], request: Request) -> Any:
        if not _about(operation).version:
            return super().body(operation, kind, request)
        return envelope.params(request, kind)

    def answer(self, operation: Operation, request: Request, value: Any) -> Answer:
        if not _about(operation).version:
            return super().answer(operation, request, value)
        ident, _ = envelope.echo(request)
        whole = {"id": ident, "code": 200, "message": "success"}
        if isinstance(value, Beside):
            whole |= msgspec.to_builtins(value)
        elif operation.answer_type is not type(None):
            whole["data"] = value
        return self.encode({**whole, "localizedMsg": None}, operation.status)

    def refuse(self, operation: Operation | None, request: Request | None, error: Exception) -> Answer:
        ident, language = envelope.echo(request)
        return errors.render(error, operation, ident, language)

    def body_type(self, operation: Operation) -> Any:
        about = _about(operation)
        kind: Any = operation.body_type
        return envelope.request_type(operation.name, about, kind) if about.version else kind

    def answer_type(self, operation: Operation) -> Any:
        kind = operation.answer_type
        return envelope.answer_type(operation.name, kind) if _about(operation).version else kind


def _about(operation: Operation | None) -> About:
    return (operation.about if operation else None) or About()


def encode(answer: Any, status: int) -> Answer:
    return Answer(status, msgspec.json.encode(answer), errors.JSON)


api = Enveloped(
    "feiyan",
    "Alibaba Living IoT (Feiyan)",
    authenticate=auth.authenticate,
    render=errors.render,
    fault=errors.fault,
    error_type=errors.Refusal,
    encode=encode,
    security={
        "feiyanAppKey": {"type": "apiKey", "in": "header", "name": auth.KEY},
        "feiyanSignature": {"type": "apiKey", "in": "header", "name": auth.SIGNATURE},
    },
    defaults=(errors.BadSignature, errors.UnknownVersion, core.InvalidInput, core.Throttled),
    lax=True,
)
