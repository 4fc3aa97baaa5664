"""How Huawei's dialect speaks; the operations register themselves here."""

from typing import Any

import msgspec

from ...core import errors as core
from ...web.operations import Api
from ...web.request import Answer
from . import auth, errors


def encode(answer: Any, status: int) -> Answer:
    """An operation documented as 204 has an empty body: clients crash on one."""
    if answer is None:
        return Answer(status, b"", {} if status == 204 else errors.JSON)
    return Answer(status, msgspec.json.encode(answer), errors.JSON)


api = Api(
    "huawei",
    "Huawei device management, application side",
    authenticate=auth.authenticate,
    render=errors.render,
    fault=errors.fault,
    error_type=errors.HuaweiError,
    encode=encode,
    security={
        "huaweiToken": {"type": "http", "scheme": "bearer"},
        "huaweiAppKey": {"type": "apiKey", "in": "header", "name": "app_key"},
    },
    defaults=(
        core.InvalidInput,
        core.InvalidToken,
        core.MissingCredentials,
        core.NotAuthorized,
        core.ApplicationNotFound,
        core.Throttled,
    ),
)
