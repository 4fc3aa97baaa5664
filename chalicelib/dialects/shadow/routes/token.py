"""The token that every call needs. Ours: the vendor's page on authentication is not public."""

from typing import Annotated

from msgspec import Meta, Struct

from ....core import applications, attempts, tokens
from ....core import errors as core
from ....web.operations import Call
from .. import auth
from ..api import api
from ..errors import MissingParameter
from ..schema import Answer, Wire

Text = Annotated[str, Meta(min_length=1, max_length=256)]


class Credentials(Wire, frozen=True):
    """`key` is the application's id."""

    key: Text
    secret: Text


class Token(Struct, frozen=True, rename="camel"):
    """`expiresIn` in s."""

    token: str
    expires_in: int


class TokenAnswer(Answer, frozen=True, kw_only=True):
    result: Token


@api.post(
    "/iot-platform/auth/v1/token",
    source="Polything",
    raises=(core.InvalidInput, MissingParameter, core.WrongSecret, core.TooManyFailures),
    public=True,
)
def get_token(call: Call[None, None, Credentials]) -> TokenAnswer:
    """Exchange an application's key and secret for a token.

    A new token ends the one before it.
    """
    with attempts.limited("shadow", call.body.key, call.request.source_ip):
        application = applications.verify(call.body.key, call.body.secret)
    pair = tokens.issue(auth.grant_of(application.id), application.id, application.tenant)
    return TokenAnswer(result=Token(pair.access, pair.expires_in))
