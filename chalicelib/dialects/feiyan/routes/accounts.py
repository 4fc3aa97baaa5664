"""People as their app knows them: profiles, avatars, accounts linked to theirs, and the end of it all.

The calls that name a person by an id and need no token are for the project's own servers: whoever has the
app key may make them.

Source: Feiyan 6.2, 6.6.29
"""

from typing import Annotated, Literal

from msgspec import Meta

from ....core import avatars, partner_accounts, users
from ....core import errors as core
from ....core.keys import Use
from ....core.partner_accounts import PartnerAccount
from ....core.users import Changes, User
from ....web.operations import Call, Fault
from .. import auth
from ..declaring import OPTIONAL_USER, client, either
from ..errors import of
from ..schema import Wire

OPEN_ACCOUNT = "openAccount"  # the one source of logins
TAOBAO: Literal["TAOBAO"] = "TAOBAO"
LIST_SIZE = 100  # people of one question

Ident = Annotated[str, Meta(min_length=1, max_length=128)]
Text = Annotated[str, Meta(max_length=1024)]
NO_LINK: dict[type[core.PolythingError], Fault] = {core.AccountNotFound: of(460)}


class IdentityIds(Wire, frozen=True):
    identity_ids: Annotated[list[Ident], Meta(max_length=LIST_SIZE)]


class Identity(Wire, frozen=True):
    """`tenantId` is the project's tenant."""

    tenant_id: str
    identity_id: str
    nick_name: str | None
    login_name: str | None
    phone: str | None
    email: str | None
    avatar_url: str | None


class AccountChange(Wire, frozen=True, kw_only=True):
    """What is empty or left out stays. One of `phone`, `email` and `loginName` is needed; `modifier` is
    taken and not kept.
    """

    identity_id: Ident
    avatar_url: Text | None = None
    email: Text | None = None
    login_name: Text | None = None
    mobile_location_code: Annotated[str, Meta(max_length=8, examples=["86"])] | None = None
    modifier: Text | None = None
    nick_name: Text | None = None
    phone: Text | None = None


class RegistrationCheck(Wire, frozen=True):
    phone: Text | None = None
    email: Text | None = None


class IdentityQuery(Wire, frozen=True):
    """By `loginId` and `loginSource` (opType 1), phone (2) or e-mail address (3)."""

    op_type: Literal[1, 2, 3]
    login_id: Text | None = None
    login_source: Text | None = None
    phone: Text | None = None
    email: Text | None = None


class IdentityFound(Wire, frozen=True):
    phone: str | None
    identity_id: str
    nick_name: str | None
    login_id: str | None
    avatar_url: str | None
    login_name: str | None
    login_source: str


class AvatarSize(Wire, frozen=True):
    """In bytes."""

    file_size: Annotated[int, Meta(ge=1, le=avatars.MOST_BYTES, examples=[248])]


class AvatarUpload(Wire, frozen=True):
    """Where to post the picture until `expire` (ms): a form of `fields`, `Content-Type` and `file`.

    The other members are what the form holds. `url` is where to, `avatarUrl` what `modifyAccount` takes once
    the picture is there.
    """

    signature: str
    access_key: str
    expire: int
    dir: str
    policy: str
    host: str
    url: str
    fields: dict[str, str]
    avatar_url: str


class TaobaoCode(Wire, frozen=True):
    auth_code: Annotated[str, Meta(min_length=1, max_length=partner_accounts.LONGEST)]


class LinkType(Wire, frozen=True):
    account_type: Literal["TAOBAO"]


class Link(Wire, frozen=True):
    account_id: str
    account_type: str


@client("/iotx/account/queryIdentityList", "1.0.6", source="Feiyan 6.2.1", user=OPTIONAL_USER)
def query_identity_list(call: Call[None, None, IdentityIds]) -> list[Identity]:
    """People by their ids, up to 100; unknown ones are left out. One AWS call."""
    wanted = list(dict.fromkeys(call.body.identity_ids))
    found = users.get_all(call.caller, wanted)
    return [_identity(found[each]) for each in wanted if each in found]


@client(
    "/iotx/account/modifyAccount",
    "1.0.7",
    source="Feiyan 6.2.2",
    user=OPTIONAL_USER,
    raises=(core.UserNotFound, core.LoginTaken, core.NotAuthorized, core.MissingCredentials, core.Busy),
)
def modify_account(call: Call[None, None, AccountChange]) -> None:
    """Change a person's profile and names.

    With a person's token only that person's. A key that stands in apps changes nobody's without one: by a new
    phone number somebody else could log in. Three AWS calls.
    """
    body = call.body
    if not isinstance(call.caller, users.Person) and auth.key_use(call.request) is Use.APP:
        raise core.MissingCredentials("iotToken")
    if not (body.phone or body.email or body.login_name):
        raise core.InvalidInput("phone", "is missing, and so are email and loginName", missing=True)
    if isinstance(call.caller, users.Person) and call.caller.user != body.identity_id:
        raise core.NotAuthorized(body.identity_id)
    users.get(call.caller, body.identity_id)
    given = {
        "login": body.login_name,
        "phone": body.phone,
        "location_code": body.mobile_location_code if body.phone else None,
        "email": body.email,
        "nickname": body.nick_name,
        "avatar": body.avatar_url,
    }
    users.change(body.identity_id, Changes(**{name: value for name, value in given.items() if value}))


@client("/user/account/regcheck", "1.0.0", source="Feiyan 6.2.3", user=OPTIONAL_USER)
def check_registration(call: Call[None, None, RegistrationCheck]) -> bool:
    """Whether somebody has the phone number or the e-mail address. Two AWS calls each."""
    either("phone", call.body.phone, call.body.email)
    return any(_registered(call.caller.owner, each) for each in (call.body.phone, call.body.email) if each)


@client(
    "/user/account/identity/query",
    "1.0.0",
    source="Feiyan 6.2.4",
    user=OPTIONAL_USER,
    raises=(core.UserNotFound, core.ReceiverNotFound),
)
def query_identity(call: Call[None, None, IdentityQuery]) -> IdentityFound:
    """A person by an id of another system, a phone number or an e-mail address. Two AWS calls."""
    found = _found(call.caller.owner, call.body)
    return IdentityFound(
        found.phone,
        found.user,
        found.nickname,
        found.open_id,
        avatars.shown(found),
        found.login,
        OPEN_ACCOUNT,
    )


@client("/living/user/avatar/upload/signature/get", "1.0.2", source="Feiyan 6.2.5")
def get_avatar_upload(call: Call[None, None, AvatarSize]) -> AvatarUpload:
    """A signed form by which the app uploads the person's picture, good for ten minutes. No AWS call.

    The form is S3's; `url`, `fields` and `avatarUrl` are ours. A picture replaces the one before it.
    """
    made = avatars.upload(call.caller, call.body.file_size)
    return AvatarUpload(
        signature=made.fields["x-amz-signature"],
        access_key=made.fields["x-amz-credential"].partition("/")[0],
        expire=made.expires,
        dir=made.key,
        policy=made.fields["policy"],
        host=made.url.partition("://")[2].partition("/")[0],
        url=made.url,
        fields=made.fields,
        avatar_url=made.address,
    )


@client("/account/taobao/bind", "1.0.5", source="Feiyan 6.2.6", raises=(core.UserNotFound,))
def bind_taobao_account(call: Call[None, None, TaobaoCode]) -> Link:
    """Note that the person has a Taobao account, in place of one noted before. One AWS call.

    Only the vendor's own platform can exchange the code, so none of it is checked; `accountId` stands for the
    link.
    """
    return _link(partner_accounts.bind(call.caller, TAOBAO, call.body.auth_code))


@client("/account/thirdparty/get", "1.0.5", source="Feiyan 6.2.7")
def get_linked_account(call: Call[None, None, LinkType]) -> Link | None:
    """The Taobao account that is noted of the person, null where there is none. One AWS call."""
    try:
        return _link(partner_accounts.get(call.caller, TAOBAO))
    except core.AccountNotFound:
        return None


@client(
    "/account/thirdparty/unbind",
    "1.0.5",
    source="Feiyan 6.2.8",
    raises=(core.AccountNotFound,),
    faults=NO_LINK,
)
def unbind_linked_account(call: Call[None, None, LinkType]) -> Link:
    """Forget the Taobao account of the person. Two AWS calls."""
    return _link(partner_accounts.unbind(call.caller, TAOBAO))


@client("/account/unregister", "1.0.6", source="Feiyan 6.6.29", raises=(core.UserNotFound, core.Busy))
def unregister(call: Call[None, None, None]) -> None:
    """Unregister the person: sessions end, names are free, bindings end in the background.

    Three AWS calls.
    """
    users.remove(call.caller.user)


def _identity(user: User) -> Identity:
    return Identity(
        user.tenant, user.user, user.nickname, user.login, user.phone, user.email, avatars.shown(user)
    )


def _registered(application: str, login: str) -> bool:
    try:
        users.find_by_login(application, login)
    except core.ReceiverNotFound:
        return False
    return True


def _found(application: str, body: IdentityQuery) -> User:
    if body.op_type == 1:
        if either("loginSource", body.login_source) != OPEN_ACCOUNT:
            raise core.InvalidInput("loginSource", f"must be {OPEN_ACCOUNT}")
        return users.find_by_open_id(application, either("loginId", body.login_id))
    if body.op_type == 2:
        return users.find_by_login(application, either("phone", body.phone))
    return users.find_by_login(application, either("email", body.email))


def _link(linked: PartnerAccount) -> Link:
    return Link(linked.account, linked.system)
