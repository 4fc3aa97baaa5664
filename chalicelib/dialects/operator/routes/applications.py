"""Applications, and which of them may act for which other."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta

from ....core import applications, authority, subscriptions
from ....core import errors as core
from ....core.applications import MOST_RATE, Application
from ....core.authority import Authorization
from ....core.subscriptions import Subscription
from ....web.operations import Call, Fault
from .. import declaring
from ..declaring import DESTROY, SECRETS, WRITE
from ..schema import ApplicationPath, Destroying, Id, Name, TenantPath, Wire, time_of

Rate = Annotated[int, Meta(ge=1, le=MOST_RATE, description="calls a minute")]
NO_GRANT = {core.NotAuthorized: Fault(404, "authorization-not-found", "Authorization not found")}


class NewApplication(Wire, frozen=True):
    name: Name


class RateBody(Wire, frozen=True):
    rate: Rate


class ApplicationShown(Wire, frozen=True, kw_only=True):
    """`rate` is the number of calls a minute. `secret` is shown once."""

    id: str
    tenant_id: str
    name: str
    rate: int
    created: datetime
    secret: str | None = None


class ApplicationList(Wire, frozen=True):
    applications: list[ApplicationShown]


class Secret(Wire, frozen=True):
    id: str
    secret: str


class PairPath(Wire, frozen=True):
    application_id: Id
    grantee_id: Id


class GrantBody(Wire, frozen=True):
    """`acrossTenants` allows a grantee of another tenant."""

    across_tenants: bool = False


class GrantShown(Wire, frozen=True):
    application_id: str
    grantee_id: str
    created: datetime


class GrantList(Wire, frozen=True):
    authorizations: list[GrantShown]


class SubscriptionLeft(Wire, frozen=True):
    id: str
    dialect: str
    notify_type: str
    callback_url: str


class Revoked(Wire, frozen=True, omit_defaults=False):
    """`subscriptionsLeft` stay: the grantee made them with the owner's URLs."""

    application_id: str
    grantee_id: str
    subscriptions_left: list[SubscriptionLeft]
    dry_run: bool


@declaring.get("/tenants/{tenantId}/applications", raises=(core.TenantNotFound,))
def list_applications(call: Call[TenantPath, None, None]) -> ApplicationList:
    """List a tenant's applications, oldest first."""
    tenant = applications.find_tenant(call.path.tenant_id)
    return ApplicationList([shown(each) for each in applications.list_applications(tenant.id)])


@declaring.post(
    "/tenants/{tenantId}/applications",
    scopes=(WRITE, SECRETS),
    action="application.create",
    makes=True,
    status=201,
    raises=(core.InvalidInput, core.TenantNotFound),
)
def create_application(call: Call[TenantPath, None, NewApplication]) -> ApplicationShown:
    """Make an application; its secret is shown once."""
    tenant = applications.find_tenant(call.path.tenant_id)
    made, secret = applications.create_application(tenant.id, call.body.name)
    return shown(made, secret)


@declaring.get("/applications/{applicationId}", raises=(core.ApplicationNotFound,))
def get_application(call: Call[ApplicationPath, None, None]) -> ApplicationShown:
    """Show an application."""
    return shown(applications.find(call.path.application_id))


@declaring.post(
    "/applications/{applicationId}/secret",
    scopes=(WRITE, SECRETS),
    action="application.rotate-secret",
    raises=(core.ApplicationNotFound,),
)
def rotate_secret(call: Call[ApplicationPath, None, None]) -> Secret:
    """Give an application a new secret, shown once. The old one ends at once.

    Tokens that were got with it live on for an hour at most.
    """
    return Secret(call.path.application_id, applications.rotate_secret(call.path.application_id))


@declaring.put(
    "/applications/{applicationId}/rate",
    scopes=(WRITE,),
    action="application.set-rate",
    raises=(core.ApplicationNotFound, core.InvalidInput),
)
def set_rate(call: Call[ApplicationPath, None, RateBody]) -> ApplicationShown:
    """Set how many calls a minute an application may make, over all interfaces."""
    return shown(applications.set_rate(call.path.application_id, call.body.rate))


@declaring.get("/applications/{applicationId}/authorizations", raises=(core.ApplicationNotFound,))
def list_authorizations(call: Call[ApplicationPath, None, None]) -> GrantList:
    """List who may act for an application."""
    owner = applications.find(call.path.application_id)
    return GrantList([_grant(each) for each in authority.list_grants(owner.id)])


@declaring.put(
    "/applications/{applicationId}/authorizations/{granteeId}",
    scopes=(WRITE,),
    action="authorization.grant",
    raises=(core.ApplicationNotFound, core.InvalidInput),
)
def grant(call: Call[PairPath, None, GrantBody]) -> GrantShown:
    """Let the grantee do with the application's devices whatever the application may."""
    path = call.path
    return _grant(authority.grant(path.application_id, path.grantee_id, across=call.body.across_tenants))


@declaring.delete(
    "/applications/{applicationId}/authorizations/{granteeId}",
    scopes=(DESTROY,),
    action="authorization.revoke",
    raises=(core.NotAuthorized,),
    faults=NO_GRANT,
)
def revoke(call: Call[PairPath, Destroying, None]) -> Revoked:
    """End an authorization; the grantee is refused everywhere within a minute."""
    owner, grantee = call.path.application_id, call.path.grantee_id
    if call.query.dry_run:
        authority.find(owner, grantee)
    else:
        authority.revoke(owner, grantee)
    left = [_left(each) for each in subscriptions.left_by(owner, grantee)]
    return Revoked(owner, grantee, left, call.query.dry_run)


def shown(found: Application, secret: str | None = None) -> ApplicationShown:
    return ApplicationShown(
        id=found.id,
        tenant_id=found.tenant,
        name=found.name,
        rate=found.rate,
        created=time_of(found.created),
        secret=secret,
    )


def _grant(found: Authorization) -> GrantShown:
    return GrantShown(found.owner, found.grantee, time_of(found.created))


def _left(found: Subscription) -> SubscriptionLeft:
    return SubscriptionLeft(found.id, found.dialect, found.notify_type, found.url)
