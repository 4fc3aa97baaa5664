"""Login and refresh.

The documents at hand only presume them; published clients show them. Source: XLink, published clients
"""

from typing import Annotated

from msgspec import Meta

from ....core import accounts, attempts, keys, tokens
from ....core import errors as core
from ....web.operations import Call
from .. import auth, errors
from ..api import api
from ..schema import Wire

Secret = Annotated[str, Meta(min_length=1, max_length=256)]


class AccountLogin(Wire, frozen=True):
    """`account` is an e-mail address or a phone number."""

    account: Secret
    password: Secret


class MemberTokens(Wire, frozen=True):
    """`corp_id` is the tenant, `member_id` the account; `expire_in` in s."""

    corp_id: str
    member_id: str
    access_token: str
    refresh_token: str
    expire_in: int


class KeyLogin(Wire, frozen=True):
    id: Secret
    secret: Secret


class KeyTokens(Wire, frozen=True):
    """`expire_in` in s."""

    access_token: str
    refresh_token: str
    expire_in: int


class Refresh(Wire, frozen=True):
    refresh_token: Secret


@api.post(
    "/v2/corp_auth",
    source="XLink, published clients: enterprise login",
    raises=(core.InvalidInput, core.WrongSecret, core.TooManyFailures),
    public=True,
)
def corp_auth(call: Call[None, None, AccountLogin]) -> MemberTokens:
    """Log in with an account.

    Tokens of earlier logins stay good.
    """
    with attempts.limited("account", _spelled(call.body.account), call.request.source_ip):
        account = accounts.verify(call.body.account, call.body.password)
    pair = tokens.issue(auth.new_grant(auth.ACCOUNT, account.id), accounts.subject(account), account.tenant)
    return MemberTokens(account.tenant, account.id, pair.access, pair.refresh, pair.expires_in)


@api.post(
    "/v2/accesskey_auth",
    source="XLink, published clients: access key",
    raises=(core.InvalidInput, core.WrongSecret, core.TooManyFailures),
    faults={core.WrongSecret: errors.FAULTS[core.InvalidKey]},
    public=True,
)
def accesskey_auth(call: Call[None, None, KeyLogin]) -> KeyTokens:
    """Log in with an access key.

    Tokens of earlier logins stay good.
    """
    with attempts.limited("key", call.body.id, call.request.source_ip):
        key = keys.verify(call.body.id, call.body.secret)
    pair = tokens.issue(auth.new_grant(auth.KEY, key.id), key.id, key.tenant)
    return KeyTokens(pair.access, pair.refresh, pair.expires_in)


@api.post(
    "/v2/corp/token/refresh",
    source="XLink, published clients: refresh",
    raises=(core.InvalidInput, core.MissingCredentials, core.InvalidToken, core.InvalidRefreshToken),
    public=True,
)
def refresh_token(call: Call[None, None, Refresh]) -> KeyTokens:
    """Get new tokens for a refresh token; both tokens before it end.

    The header gives the access token of the same login, which may have expired.
    """
    grant = tokens.grant_named(auth.shown(call.request))
    if not grant:
        raise core.InvalidToken("no token of ours")
    if grant != tokens.grant_named(call.body.refresh_token):
        raise core.InvalidRefreshToken("of another login")
    subject, _ = auth.holder(grant)
    pair = tokens.refresh(call.body.refresh_token, subject)
    return KeyTokens(pair.access, pair.refresh, pair.expires_in)


def _spelled(account: str) -> str:
    """One name for all spellings of a login."""
    try:
        return accounts.normalized(account)
    except core.InvalidInput:
        return account
