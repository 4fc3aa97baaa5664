"""How people log in: our own account service, and the sessions it gives to apps.

The account service's calls are forms without an envelope. An app connects (`connect.json`), shows the code
that the person's login gave (`loginbyoauth.json`), and exchanges what it gets (`sid`) for an iotToken. The
first code comes of `login.json`, ours: the vendor's own log-in page is not public.

Source: Feiyan, published clients: login by OAuth
"""

import secrets
from typing import Annotated

from msgspec import Meta

from ....core import app_channels, avatars, clock, sign_ups, user_sessions
from ....core import errors as core
from ....core.tokens import Tokens
from ....core.users import User
from ....web import validation
from ....web.operations import Call
from .. import envelope
from ..api import api
from ..declaring import NO_USER, client
from ..errors import of
from ..schema import Wire

Text = Annotated[str, Meta(min_length=1, max_length=256)]
Json = Annotated[str, Meta(max_length=64 * 1024)]
LOGIN = "Feiyan, published clients: login by OAuth"
OURS = "ours: the account service of Feiyan is not public"
SESSION_LASTS = user_sessions.LASTS
WRONG_CODE = {core.InvalidToken: of(401), core.WrongSecret: of(401)}


class Connect(Wire, frozen=True):
    """`request` is a JSON text about the phone; nothing of it is kept."""

    request: Json = ""


class Vid(Wire, frozen=True):
    """What names this installation of the app in the header `vid` of the calls that follow."""

    vid: str


class Connected(Wire, frozen=True):
    success: str
    data: Vid


class OauthLogin(Wire, frozen=True):
    """`loginByOauthRequest` is a JSON text with `authCode`."""

    login_by_oauth_request: Annotated[Json, Meta(min_length=2, examples=['{"authCode": "5d0c.Xq1f"}'])]


class _Asked(Wire, frozen=True):
    auth_code: Text


class OpenAccount(Wire, frozen=True):
    """`id` is the identityId."""

    id: str
    open_id: str | None
    display_name: str | None
    mobile: str | None
    email: str | None
    avatar_url: str | None


class LoginSuccess(Wire, frozen=True):
    """`sid` is the authCode of a session; it is good once, for `sidExpireIn` s."""

    sid: str
    sid_expire_in: int
    open_account: OpenAccount


class LoginResult(Wire, frozen=True):
    login_success_result: LoginSuccess


class LoginData(Wire, frozen=True):
    """Published clients read the result at either depth."""

    successful: str
    login_success_result: LoginSuccess
    data: LoginResult


class LoggedIn(Wire, frozen=True):
    success: str
    data: LoginData


class CodeRequest(Wire, frozen=True):
    """`loginId` is an e-mail address or a phone number; `locationCode` the latter's country, 86 without."""

    login_id: Text
    location_code: Annotated[str, Meta(max_length=8)] | None = None


class CodeSent(Wire, frozen=True):
    success: str


class Registration(CodeRequest, frozen=True, kw_only=True):
    """`code` is the login code that was sent."""

    password: Text
    code: Text


class PasswordLogin(CodeRequest, frozen=True, kw_only=True):
    """With the password, or with a login code in its place."""

    password: Text | None = None
    code: Text | None = None


class _NewSession(Wire, frozen=True):
    """`accountType` and `appKey` are taken as they are: the signature says which application calls."""

    auth_code: Text
    account_type: str = "OA_SESSION"
    app_key: str | None = None


class NewSession(Wire, frozen=True):
    request: _NewSession


class _RenewedSession(Wire, frozen=True):
    refresh_token: Annotated[str, Meta(min_length=1, max_length=512)]
    identity_id: Text


class RenewedSession(Wire, frozen=True):
    request: _RenewedSession


class Session(Wire, frozen=True):
    """Both lifetimes in s."""

    identity_id: str
    iot_token: str
    iot_token_expire: Annotated[int, Meta(examples=[SESSION_LASTS.access // clock.SECOND])]
    refresh_token: str
    refresh_token_expire: Annotated[int, Meta(examples=[SESSION_LASTS.refresh // clock.SECOND])]


class _EndedSession(Wire, frozen=True):
    iot_token: Annotated[str, Meta(max_length=512)] | None = None
    refresh_token: Annotated[str, Meta(max_length=512)] | None = None
    identity_id: str | None = None


class EndedSession(Wire, frozen=True):
    """The session's iotToken here or in the envelope, else its refresh token with the identityId."""

    request: _EndedSession = _EndedSession()


class _AuthInfo(Wire, frozen=True):
    """`sign` is of no use here: the gateway's signature has said which application calls."""

    client_id: Annotated[str, Meta(max_length=256)] = ""
    device_sn: Annotated[str, Meta(max_length=256)] = ""
    sign: Annotated[str, Meta(max_length=256)] | None = None
    timestamp: str | None = None


class AppAuthentication(Wire, frozen=True):
    """What the app calls its own installation: `clientId` and `deviceSn`."""

    auth_info: _AuthInfo


class AppCertificate(Wire, frozen=True):
    """With which the app logs in over MQTT, as a device does."""

    product_key: str
    device_name: str
    device_secret: str


@api.post("/api/prd/connect.json", source=LOGIN, form=True)
def connect_account_service(call: Call[None, None, Connect]) -> Connected:
    """The first call of an app to the account service."""
    return Connected("true", Vid(secrets.token_hex(16)))


@api.post("/api/prd/sendcode.json", source=OURS, form=True, raises=(core.CodesNotSent, core.TooManyFailures))
def send_login_code(call: Call[None, None, CodeRequest]) -> CodeSent:
    """Send a login code to a phone number or an e-mail address.

    It is good for five minutes. The answer is the same whether somebody is registered so or not.
    """
    asked = call.body
    source = call.request.source_ip
    sign_ups.send_code(call.caller.owner, asked.login_id, source, asked.location_code)
    return CodeSent("true")


@api.post(
    "/api/prd/register.json",
    source=OURS,
    form=True,
    raises=(core.WrongSecret, core.TooManyFailures, core.LoginTaken),
    faults=WRONG_CODE,
)
def register_person(call: Call[None, None, Registration]) -> LoggedIn:
    """Register a person, who has got a login code, and log in."""
    asked, address = call.body, call.request.source_ip
    named = {"location_code": asked.location_code}
    app_key = call.request.header("x-ca-key")
    sign_ups.register(
        call.caller, asked.login_id, asked.password, asked.code, address, app_key=app_key, **named
    )
    code = sign_ups.auth_code(call.caller.owner, asked.login_id, address, password=asked.password, **named)
    return _logged_in(code, call.caller.owner)


@api.post(
    "/api/prd/login.json",
    source=OURS,
    form=True,
    raises=(core.WrongSecret, core.TooManyFailures),
    faults=WRONG_CODE,
)
def log_in_person(call: Call[None, None, PasswordLogin]) -> LoggedIn:
    """Log in with the password or with a login code."""
    asked = call.body
    if not asked.password and not asked.code:
        raise core.InvalidInput("password", "is missing", missing=True)
    code = sign_ups.auth_code(
        call.caller.owner,
        asked.login_id,
        call.request.source_ip,
        password=asked.password,
        code=asked.code,
        location_code=asked.location_code,
    )
    return _logged_in(code, call.caller.owner)


@api.post(
    "/api/prd/loginbyoauth.json", source=LOGIN, form=True, raises=(core.InvalidToken,), faults=WRONG_CODE
)
def log_in_by_oauth(call: Call[None, None, OauthLogin]) -> LoggedIn:
    """Show the code of a login; it is good once. Two or three AWS calls."""
    asked = validation.body(call.body.login_by_oauth_request.encode(), _Asked, lax=True)
    return _logged_in(asked.auth_code, call.caller.owner)


@client(
    "/app/aepauth/handle",
    "1.0.0",
    source="Feiyan, published clients: long connection",
    user=NO_USER,
)
def get_app_certificate(call: Call[None, None, AppAuthentication]) -> AppCertificate:
    """The certificate of an app for its long connection; the same for the same installation.

    One AWS call, two for the first.
    """
    asked = call.body.auth_info
    if not asked.client_id and not asked.device_sn:
        raise core.InvalidInput("authInfo.clientId", "is missing", missing=True)
    made = app_channels.issue(call.caller, f"{asked.client_id}\x00{asked.device_sn}")
    return AppCertificate(made.product_key, made.device_name, made.secret)


@client(
    "/account/createSessionByAuthCode",
    "1.0.4",
    source=LOGIN,
    user=NO_USER,
    raises=(core.InvalidToken,),
)
def create_session(call: Call[None, None, NewSession]) -> Session:
    """An iotToken for a `sid`, which ends. One AWS call, two where the person was not read a moment ago."""
    return _session(user_sessions.exchange(call.body.request.auth_code, call.caller.owner))


@client(
    "/account/checkOrRefreshSession",
    "1.0.4",
    source=LOGIN,
    user=NO_USER,
    raises=(core.InvalidRefreshToken,),
)
def refresh_session(call: Call[None, None, RenewedSession]) -> Session:
    """New tokens for a refresh token; both old ones end. Two AWS calls, or three."""
    asked = call.body.request
    return _session(user_sessions.refresh(asked.refresh_token, asked.identity_id, call.caller.owner))


@client(
    "/iotx/account/invalidSession",
    "1.0.4",
    source=LOGIN,
    user=NO_USER,
    raises=(core.InvalidToken, core.InvalidRefreshToken),
)
def end_session(call: Call[None, None, EndedSession]) -> None:
    """Log out: the tokens of the session end at once, those of other sessions stay."""
    asked = call.body.request
    token = asked.iot_token or envelope.opened(call.request).request.iot_token
    if not token and asked.refresh_token and asked.identity_id:
        token = user_sessions.refresh(asked.refresh_token, asked.identity_id, call.caller.owner).access
    if not token:
        raise core.InvalidInput("iotToken", "is missing", missing=True)
    user_sessions.close(token, call.caller.owner)


def _logged_in(code: str, application: str) -> LoggedIn:
    user, sid = user_sessions.pass_on(code, application)
    found = LoginSuccess(sid, user_sessions.AUTH_CODE_LASTS // clock.SECOND, _account(user))
    return LoggedIn("true", LoginData("true", found, LoginResult(found)))


def _account(user: User) -> OpenAccount:
    return OpenAccount(user.id, user.open_id, user.nickname, user.phone, user.email, avatars.shown(user))


def _session(pair: Tokens) -> Session:
    return Session(
        identity_id=user_sessions.person(pair.access).user,
        iot_token=pair.access,
        iot_token_expire=SESSION_LASTS.access // clock.SECOND,
        refresh_token=pair.refresh,
        refresh_token_expire=SESSION_LASTS.refresh // clock.SECOND,
    )
