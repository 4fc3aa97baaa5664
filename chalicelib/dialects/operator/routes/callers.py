"""Access keys of applications, and accounts of people."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta

from ....core import accounts, applications, keys
from ....core import errors as core
from ....core.accounts import Account
from ....core.keys import ApiKey, Use
from ....web.operations import Call, Fault
from .. import declaring
from ..declaring import DESTROY, SECRETS, WRITE
from ..schema import ApplicationPath, Destroyed, Destroying, Id, TenantPath, Wire, time_of

NO_KEY = {core.InvalidKey: Fault(404, "key-not-found", "Key not found")}


class KeyPath(Wire, frozen=True):
    key_id: Id


class AccountPath(Wire, frozen=True):
    account_id: Id


class NewKey(Wire, frozen=True):
    """`use` "app" is for keys that stand in apps: what acts for the whole application refuses them."""

    name: Annotated[str, Meta(max_length=128)] = ""
    use: Use = Use.ANY


class KeyShown(Wire, frozen=True, kw_only=True):
    """`secret` is shown once."""

    id: str
    application_id: str
    name: str
    use: Use
    created: datetime
    secret: str | None = None


class KeyList(Wire, frozen=True):
    keys: list[KeyShown]


class NewAccount(Wire, frozen=True):
    """`login` is an e-mail address or a phone number."""

    login: Annotated[str, Meta(min_length=1, max_length=512)]
    password: Annotated[str, Meta(max_length=1024)]


class PasswordBody(Wire, frozen=True):
    password: Annotated[str, Meta(max_length=1024)]


class AccountShown(Wire, frozen=True):
    id: str
    tenant_id: str
    application_id: str
    login: str
    created: datetime


class AccountList(Wire, frozen=True):
    accounts: list[AccountShown]


@declaring.get("/applications/{applicationId}/keys", raises=(core.ApplicationNotFound,))
def list_keys(call: Call[ApplicationPath, None, None]) -> KeyList:
    """List an application's access keys, oldest first, without secrets."""
    application = applications.find(call.path.application_id)
    return KeyList([_key(each) for each in keys.list_keys(application.id)])


@declaring.post(
    "/applications/{applicationId}/keys",
    scopes=(WRITE, SECRETS),
    action="key.create",
    makes=True,
    status=201,
    raises=(core.ApplicationNotFound,),
)
def create_key(call: Call[ApplicationPath, None, NewKey]) -> KeyShown:
    """Make an access key; its secret is shown once.

    To change a key without a gap: make another, put it to use, revoke the old.
    """
    return _key(*keys.create(call.path.application_id, call.body.name, call.body.use))


@declaring.delete(
    "/keys/{keyId}", scopes=(DESTROY,), action="key.revoke", raises=(core.InvalidKey,), faults=NO_KEY
)
def revoke_key(call: Call[KeyPath, Destroying, None]) -> Destroyed:
    """Revoke an access key; it is refused everywhere within a minute."""
    found = keys.find(call.path.key_id)
    if not call.query.dry_run:
        keys.revoke(found.id)
    return Destroyed("key", found.id, found.name, call.query.dry_run)


@declaring.get("/tenants/{tenantId}/accounts", raises=(core.TenantNotFound,))
def list_accounts(call: Call[TenantPath, None, None]) -> AccountList:
    """List a tenant's accounts, oldest first."""
    tenant = applications.find_tenant(call.path.tenant_id)
    return AccountList([_account(each) for each in accounts.list_accounts(tenant.id)])


@declaring.post(
    "/applications/{applicationId}/accounts",
    scopes=(WRITE, SECRETS),
    action="account.create",
    makes=True,
    status=201,
    raises=(core.ApplicationNotFound, core.InvalidInput, core.LoginTaken),
)
def create_account(call: Call[ApplicationPath, None, NewAccount]) -> AccountShown:
    """Make an account: somebody who logs in with a password and acts for the application."""
    body = call.body
    return _account(accounts.create(call.path.application_id, body.login, body.password))


@declaring.put(
    "/accounts/{accountId}/password",
    scopes=(WRITE, SECRETS),
    action="account.set-password",
    raises=(core.AccountNotFound, core.InvalidInput),
)
def set_password(call: Call[AccountPath, None, PasswordBody]) -> AccountShown:
    """Give an account a new password; its tokens end within a minute."""
    found = accounts.find(call.path.account_id)
    accounts.set_password(found.id, call.body.password)
    return _account(found)


@declaring.delete(
    "/accounts/{accountId}", scopes=(DESTROY,), action="account.delete", raises=(core.AccountNotFound,)
)
def delete_account(call: Call[AccountPath, Destroying, None]) -> Destroyed:
    """Delete an account and free its login; its tokens end within a minute."""
    found = accounts.find(call.path.account_id)
    if not call.query.dry_run:
        accounts.delete(found.id)
    return Destroyed("account", found.id, found.login, call.query.dry_run)


def _key(found: ApiKey, secret: str | None = None) -> KeyShown:
    return KeyShown(
        id=found.id,
        application_id=found.application,
        name=found.name,
        use=found.use,
        created=time_of(found.created),
        secret=secret,
    )


def _account(found: Account) -> AccountShown:
    return AccountShown(found.id, found.tenant, found.application, found.login, time_of(found.created))
