"""How the device shadow's dialect speaks; the operations register themselves here."""

from typing import Any

import msgspec

from ...core import errors as core
from ...web.operations import Api
from ...web.request import Answer
from . import auth, errors


def encode(answer: Any, status: int) -> Answer:
    return Answer(status, msgspec.json.encode(answer), errors.JSON)


api = Api(
    "shadow",
    "Device shadow over HTTP",
    authenticate=auth.authenticate,
    render=errors.render,
    fault=errors.fault,
    error_type=errors.ShadowError,
    encode=encode,
    security={
        "shadowToken": {"type": "http", "scheme": "bearer"},
        "shadowAuthToken": {"type": "apiKey", "in": "header", "name": "auth-token"},
    },
    defaults=(errors.MissingParameter, core.InvalidInput, core.InvalidToken, core.Throttled),
)
