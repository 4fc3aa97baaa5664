"""Login, refresh and logout. Source: Huawei 1.4"""

from typing import Any

from ....core import applications, attempts, tokens
from ....core import errors as core
from ....core.tokens import Tokens
from ....web.operations import Call, Fault
from .. import auth
from ..api import api
from ..schema import Name256, Wire

MISSING = Fault(400, "102202", "Required Parameter is null or empty.")


class LoginForm(Wire, frozen=True, rename="camel", kw_only=True):
    """Some clients send `Secret`."""

    app_id: Name256
    secret: Name256 | None = None
    Secret: Name256 | None = None


class TokenAnswer(Wire, frozen=True, rename="camel"):
    access_token: str
    refresh_token: str
    expires_in: int
    token_type: str = "Bearer"  # noqa: S105 - the scheme's name
    scope: str = "default"


class RefreshForm(LoginForm, frozen=True, rename="camel", kw_only=True):
    refresh_token: Name256


class LogoutForm(Wire, frozen=True, rename="camel"):
    access_token: Name256


@api.post(
    "/iocm/app/sec/v1.1.0/login",
    source="Huawei 1.4.1",
    raises=(core.InvalidInput, core.WrongSecret, core.TooManyFailures),
    faults={core.InvalidInput: MISSING},
    public=True,
    form=True,
)
def login(call: Call[None, None, LoginForm]) -> TokenAnswer:
    """Get an access token.

    A new login ends the tokens before it.
    """
    application = _verified(call)
    return _answer(tokens.issue(auth.grant_of(application.id), application.id, application.tenant))


@api.post(
    "/iocm/app/sec/v1.1.0/refreshToken",
    source="Huawei 1.4.2",
    raises=(core.InvalidInput, core.WrongSecret, core.InvalidRefreshToken, core.TooManyFailures),
    faults={core.InvalidInput: MISSING},
    public=True,
    form=True,
)
def refresh_token(call: Call[None, None, RefreshForm]) -> TokenAnswer:
    """Get new tokens for a refresh token; both tokens before it end."""
    application = _verified(call)
    return _answer(tokens.refresh(call.body.refresh_token, application.id))


@api.post(
    "/iocm/app/sec/v1.1.0/logout",
    source="Huawei, published clients",
    status=204,
    raises=(core.InvalidInput, core.InvalidToken),
    faults={core.InvalidInput: MISSING},
    public=True,
    form=True,
)
def logout(call: Call[None, None, LogoutForm]) -> None:
    """End the access token and its refresh token."""
    tokens.end(call.body.access_token)


def _verified(call: Call[None, None, Any]) -> applications.Application:
    form: LoginForm = call.body
    secret = form.secret or form.Secret
    if secret is None:
        raise core.InvalidInput("secret", "is missing", missing=True)
    with attempts.limited("login", form.app_id, call.request.source_ip):
        return applications.verify(form.app_id, secret)


def _answer(pair: Tokens) -> TokenAnswer:
    return TokenAnswer(access_token=pair.access, refresh_token=pair.refresh, expires_in=pair.expires_in)
