"""Who calls: the token in the header `Access-Token`.

Each login has a grant of its own, so several may stand at the same time. Its name tells whose it is;
a new password, a deleted account or a revoked key ends it, elsewhere within a minute.

Source: XLink, requests of every operation
"""

import secrets

from ...core import accounts, flow, keys, tokens
from ...core.applications import Caller
from ...core.errors import AccountNotFound, InvalidKey, InvalidToken, MissingCredentials
from ...web.operations import Operation
from ...web.request import Request

HEADER = "Access-Token"
DIALECT, ACCOUNT, KEY = "xlink", "account", "key"


def new_grant(kind: str, ident: str) -> str:
    """Of an account or an access key."""
    return f"{DIALECT}-{kind}-{ident}-{secrets.token_hex(8)}"


def authenticate(request: Request, operation: Operation) -> Caller | None:
    """None for an operation that needs no caller; such a one is not counted by flow control.

    No AWS call for a token of a moment ago, else two.
    """
    if operation.public:
        return None
    grant = tokens.check(shown(request))
    subject, caller = holder(grant.grant)
    if subject != grant.subject:
        raise InvalidToken("the password has changed")
    flow.admit(caller.application)
    return caller


def shown(request: Request) -> str:
    """The token of the header. Raises MissingCredentials."""
    token = (request.header(HEADER) or "").strip()
    if not token:
        raise MissingCredentials(HEADER)
    return token


def holder(grant: str) -> tuple[str, Caller]:
    """What tokens of this grant stand for today, and for whom they act. Raises InvalidToken."""
    dialect, kind, ident, _ = [*grant.split("-"), *[""] * 4][:4]
    try:
        if (dialect, kind) == (DIALECT, ACCOUNT):
            account = accounts.find(ident)
            return accounts.subject(account), account.caller
        if (dialect, kind) == (DIALECT, KEY):
            return ident, keys.find(ident).caller
    except (AccountNotFound, InvalidKey) as error:
        raise InvalidToken(f"the {kind} is gone") from error
    raise InvalidToken("no login of this dialect")
