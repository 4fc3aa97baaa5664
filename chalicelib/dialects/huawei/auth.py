"""Who calls: `app_key` and a bearer token. Source: Huawei 1.4"""

from ...core import authority, flow, tokens
from ...core.applications import Caller
from ...core.errors import InvalidToken, MissingCredentials
from ...web.operations import Operation
from ...web.request import Request

GRANT = "huawei-"


def grant_of(application: str) -> str:
    """One grant an application: a new login ends the tokens before it."""
    return GRANT + application


def authenticate(request: Request, operation: Operation) -> Caller | None:
    """None for an operation that needs no caller; such a one is not counted by flow control."""
    if operation.public:
        return None
    application = request.header("app_key") or request.header("x-app-key")
    if not application:
        raise MissingCredentials("app_key")
    token = bearer(request)
    grant = tokens.check(token)
    if grant.subject != application or grant.grant != grant_of(application):
        raise InvalidToken("the token is another application's")
    flow.admit(application)
    asked = request.query.get("appId", [""])[0]
    return authority.caller(grant.tenant, application, asked)


def bearer(request: Request) -> str:
    scheme, _, token = (request.header("authorization") or "").strip().partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise InvalidToken("no bearer token")
    return token.strip()
