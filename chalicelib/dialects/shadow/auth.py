"""Who calls: a token, as `Authorization: Bearer <token>` or as `auth-token`. Ours: the vendor's page on it
is not public.
"""

from ...core import authority, flow, tokens
from ...core.applications import Caller
from ...core.errors import InvalidToken, MissingCredentials
from ...web.operations import Operation
from ...web.request import Request

GRANT = "shadow-"


def grant_of(application: str) -> str:
    """One grant an application: a new token ends the one before it."""
    return GRANT + application


def authenticate(request: Request, operation: Operation) -> Caller | None:
    """None for an operation that needs no caller; such a one is not counted by flow control."""
    if operation.public:
        return None
    grant = tokens.check(_token(request))
    if grant.grant != grant_of(grant.subject):
        raise InvalidToken("the token is of another interface")
    flow.admit(grant.subject)
    return authority.caller(grant.tenant, grant.subject, None)


def _token(request: Request) -> str:
    scheme, _, token = (request.header("authorization") or "").strip().partition(" ")
    found = token.strip() if scheme.lower() == "bearer" else (request.header("auth-token") or "").strip()
    if not found:
        raise MissingCredentials("no token")
    return found
