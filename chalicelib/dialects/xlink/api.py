"""How XLink's dialect speaks; the operations register themselves here."""

from typing import Any

import msgspec

from ...core import errors as core
from ...web.cors import Cors
from ...web.operations import Api
from ...web.request import Answer
from . import auth, errors


def encode(answer: Any, status: int) -> Answer:
    """None is an empty body, at status 200, too."""
    if answer is None:
        return Answer(status, b"", errors.JSON)
    return Answer(status, msgspec.json.encode(answer), errors.JSON)


api = Api(
    "xlink",
    "XLink product and device management",
    authenticate=auth.authenticate,
    render=errors.render,
    fault=errors.fault,
    error_type=errors.XlinkError,
    encode=encode,
    security={"xlinkToken": {"type": "apiKey", "in": "header", "name": auth.HEADER}},
    defaults=(core.MissingCredentials, core.InvalidToken, core.Throttled),
    cors=Cors(
        headers=("Content-Type", auth.HEADER, "Api-Version", "X-Requested-With"),
        verbs=("GET", "POST", "PUT", "DELETE", "OPTIONS"),
        shown=("Retry-After",),
    ),
    lax=True,
)
