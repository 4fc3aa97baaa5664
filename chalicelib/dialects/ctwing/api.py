"""How CTWing's dialect speaks; the operations register themselves here."""

from typing import Any

import msgspec

from ...core import errors as core
from ...web.operations import Api
from ...web.request import Answer
from . import auth, errors
from .schema import CtwingError


def encode(answer: Any, status: int) -> Answer:
    if answer is None:
        return Answer(status, b"", errors.stamped())
    return Answer(status, msgspec.json.encode(answer), errors.stamped(errors.JSON))


api = Api(
    "ctwing",
    "CTWing AEP: commands to LwM2M devices with a profile",
    authenticate=auth.authenticate,
    render=errors.render,
    fault=errors.fault,
    error_type=CtwingError,
    encode=encode,
    security={"ctwingSignature": {"type": "apiKey", "in": "header", "name": "signature"}},
    defaults=(
        core.InvalidInput,
        core.MissingCredentials,
        core.InvalidKey,
        core.InvalidToken,
        core.Throttled,
    ),
    lax=True,  # clients hold ids as text
)
