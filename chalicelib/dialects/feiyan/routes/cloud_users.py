"""People, as the cloud of their project sees them.

A person of another project is answered as one that does not exist, a device of another likewise.

Source: Feiyan 7.4
"""

from ....core import avatars, clock, keys, user_sessions, users
from ....core import errors as core
from ....core.applications import Caller
from ....core.users import Changes, User
from ....web.operations import Call
from .. import cloud_user_schema as schema
from .. import thing_mapping
from ..declaring import cloud, either

NO_USER = (core.UserNotFound,)
NORMAL = "0"
OWN_ACCOUNTS = "openAccount"


def user_of(caller: Caller, whom: schema.Whom) -> User:
    """One AWS call by id, two by open id. Raises UserNotFound, InvalidInput where neither is given."""
    if whom.identity_id:
        return users.get(caller, whom.identity_id)
    return by_open_id(
        caller, either("identityId", whom.open_id), either("openIdAppKey", whom.open_id_app_key)
    )


def by_open_id(caller: Caller, open_id: str, app_key: str) -> User:
    """Raises UserNotFound, also for an app key of another project."""
    _check_key(caller, app_key)
    return users.find_by_open_id(caller.owner, open_id)


def _check_key(caller: Caller, app_key: str) -> None:
    """No AWS call where the key was used a moment ago."""
    try:
        key = keys.find(app_key)
    except core.InvalidKey:
        raise core.UserNotFound(app_key) from None
    if key.application != caller.owner:
        raise core.UserNotFound(app_key)


def account_of(user: User) -> schema.Account:
    lately = clock.now() - user_sessions.LASTS.refresh
    return schema.Account(
        identity_id=user.id,
        login_id=user.id,
        tenant_id=user.tenant,
        scope_id=user.owner,
        status=NORMAL,
        login_source=user.source or OWN_ACCOUNTS,
        gmt_create=user.created,
        gmt_modified=user.modified,
        online_status=int(user.last_login is not None and user.last_login > lately),
        last_login_time=user.last_login,
        create_app_key=user.app_key,
        nick_name=user.nickname,
        login_name=user.login or user.phone or user.email,
        phone=user.phone,
        email=user.email,
        avatar_url=avatars.shown(user),
        gender=user.gender,
    )


@cloud("/cloud/account/getByOpenId", "1.0.5", source="Feiyan 7.4.1", raises=NO_USER)
def get_account_by_open_id(call: Call[None, None, schema.OpenIdQuery]) -> schema.Account:
    """The person who has this id in another system. Two AWS calls."""
    return account_of(by_open_id(call.caller, call.body.open_id, call.body.open_id_app_key))


@cloud("/cloud/account/openId/getByIdentityId", "1.0.4", source="Feiyan 7.4.5", raises=NO_USER)
def get_open_id(call: Call[None, None, schema.IdentityOpenId]) -> str:
    """The person's id in another system; empty where there is none. One AWS call."""
    _check_key(call.caller, call.body.open_id_app_key)
    return users.get(call.caller, call.body.identity_id).open_id or ""


@cloud("/cloud/account/getByIdentityid", "1.0.4", source="Feiyan 7.4.7", raises=NO_USER)
def get_account(call: Call[None, None, schema.IdentityQuery]) -> list[schema.Account]:
    """The person of this id, as a list of one. One AWS call."""
    return [account_of(users.get(call.caller, call.body.identity_id))]


@cloud("/user/account/info/update", "1.0.1", source="Feiyan 7.4.8", raises=(*NO_USER, core.Busy))
def update_account(call: Call[None, None, schema.AccountUpdate]) -> schema.Nothing:
    """Change a person's nickname. Three AWS calls by id, four by open id."""
    body = call.body
    _check_key(call.caller, body.open_id_app_key)
    user = user_of(call.caller, schema.Whom(body.identity_id, body.open_id, body.open_id_app_key))
    users.change(user.id, Changes(nickname=body.nick_name))
    return schema.Nothing()


@cloud(
    "/living/cloud/user/region/get", "1.0.1", source="Feiyan 7.4.9", raises=(*NO_USER, core.ReceiverNotFound)
)
def get_user_region(call: Call[None, None, schema.RegionQuery]) -> str:
    """Where a person is registered: the region of this deployment. Two AWS calls."""
    body, owner = call.body, call.caller.owner
    if body.open_id:
        users.find_by_open_id(owner, body.open_id)
    else:
        users.find_by_login(owner, either("phone", body.phone, body.email), body.phone_location_code)
    return thing_mapping.site()


@cloud("/cloud/account/queryidentitydescbypage", "1.0.0", source="Feiyan 7.4.10", raises=(core.ListTooLong,))
def list_accounts(call: Call[None, None, schema.AccountsQuery]) -> list[schema.Account]:
    """The project's people, newest first. Two AWS calls, and those of paging."""
    part = users.list_users(call.caller, call.body.offset, call.body.count)
    return [account_of(each) for each in part.items]
