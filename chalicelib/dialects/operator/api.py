"""How the operator's API speaks; the operations register themselves by `declaring`."""

from typing import Any

import msgspec

from ...core import errors as core
from ...web.cors import Cors
from ...web.operations import Api
from ...web.request import Answer
from . import auth, errors

JSON = {"Content-Type": "application/json", "Cache-Control": "no-store"}  # an answer may hold a secret


def encode(answer: Any, status: int) -> Answer:
    return Answer(status, b"" if answer is None else msgspec.json.encode(answer), JSON)


api = Api(
    "operator",
    "Operator API: tenants, applications, products and what runs for them",
    authenticate=auth.authenticate,
    render=errors.render,
    fault=errors.fault,
    error_type=errors.Problem,
    encode=encode,
    security={"operatorKey": {"type": "http", "scheme": "bearer", "bearerFormat": "op_<id>.<secret>"}},
    defaults=(
        core.InvalidInput,
        core.MissingCredentials,
        core.InvalidToken,
        core.WrongSecret,
        core.TooManyFailures,
        core.ScopeMissing,
    ),
    cors=Cors(
        headers=("Authorization", "Content-Type"),
        verbs=("GET", "POST", "PUT", "DELETE", "OPTIONS"),
        shown=("Allow", "WWW-Authenticate"),
    ),
)
