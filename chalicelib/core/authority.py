"""For whom an application may act.

An application acts for itself. An operator may let it act for another application, the owner, also
one of another tenant: then it is treated as that owner in that owner's tenant, for as long as the
call lasts. A grant read less than `FRESH` ago is not read again, so a revoked one is refused
everywhere within a minute; the process that revoked it refuses at once. A refusal is not kept.

Source: Huawei 1.5.1 (appId), 1.7.1 (ownerFlag)
"""

from threading import Lock

import msgspec

from ..store.applications import ApplicationRecord, AuthorizationRecord
from ..store.base import as_struct
from ..store.transactions import Transaction
from . import applications, clock, ids
from .applications import Caller
from .errors import ApplicationNotFound, InvalidInput, NotAuthorized

FRESH = 55 * clock.SECOND
CACHED = 10_000


class Authorization(msgspec.Struct, frozen=True):
    """`grantee` may act for `owner`, an application of `tenant`."""

    owner: str
    grantee: str
    tenant: str
    created: int


_loaded: dict[tuple[str, str], tuple[int, Authorization]] = {}  # with the time its read began
_lock = Lock()


def caller(tenant: str, application: str, asked: str | None) -> Caller:
    """`asked` is the application named in the request, empty for the caller itself.

    No AWS call for the caller itself or for a grant read a moment ago, else one; two for a refusal.
    Raises NotAuthorized, ApplicationNotFound.
    """
    if not asked or asked == application:
        return Caller(tenant=tenant, application=application, owner=application)
    found = _held(asked, application) or _read(tenant, asked, application)
    return Caller(tenant=found.tenant, application=application, owner=asked)


def acting(caller_: Caller, asked: str | None) -> Caller:
    """For a request that names the application in its body (appId, accessAppId, ownerAppId), too.

    What the query named holds where the body names none. Costs and raises as `caller`; one AWS call
    where the query names another and the body the caller itself.
    """
    if not asked or asked == caller_.owner:
        return caller_
    tenant = caller_.tenant
    if asked == caller_.application:
        tenant = applications.find(asked).tenant
    return caller(tenant, caller_.application, asked)


def require(change: Transaction, caller_: Caller) -> None:
    """Let the change fail with NotAuthorized where the caller, who acts for another, no longer may."""
    change.check(
        AuthorizationRecord(caller_.owner, caller_.application),
        AuthorizationRecord.owner.exists(),
        NotAuthorized(caller_.owner),
    )


def grant(owner: str, grantee: str, *, across: bool = False) -> Authorization:
    """Let `grantee` act for `owner`; `across` allows it between tenants. Harmless to repeat.

    Raises ApplicationNotFound for either, InvalidInput.
    """
    if owner == grantee:
        raise InvalidInput("grantee", "is the owner itself")
    above, below = applications.find(owner), applications.find(grantee)
    if above.tenant != below.tenant and not across:
        raise InvalidInput("grantee", f"is an application of another tenant, {below.tenant}")
    record = AuthorizationRecord(owner, grantee, tenant=above.tenant, created=clock.now())
    change = Transaction()
    change.check(ApplicationRecord(owner), ApplicationRecord.id.exists(), ApplicationNotFound(owner))
    change.put(record)
    change.commit()
    return as_struct(Authorization, record)


def revoke(owner: str, grantee: str) -> None:
    """Raises NotAuthorized where there is no such grant."""
    change = Transaction()
    change.delete(
        AuthorizationRecord(owner, grantee),
        AuthorizationRecord.owner.exists(),
        NotAuthorized(f"{grantee} does not act for {owner}"),
    )
    change.commit()
    with _lock:
        _loaded.pop((owner, grantee), None)


def find(owner: str, grantee: str) -> Authorization:
    """As it is now. One AWS call. Raises NotAuthorized where there is none."""
    record = AuthorizationRecord.find(owner, grantee)
    if record is None:
        raise NotAuthorized(f"{grantee} does not act for {owner}")
    return as_struct(Authorization, record)


def list_grants(owner: str) -> list[Authorization]:
    """By grantee."""
    return [as_struct(Authorization, each) for each in AuthorizationRecord.query(owner, consistent_read=True)]


def forget() -> None:
    """Empty this process's memory of grants."""
    with _lock:
        _loaded.clear()


def _held(owner: str, grantee: str) -> Authorization | None:
    held = _loaded.get((owner, grantee))
    return held[1] if held is not None and 0 <= clock.now() - held[0] < FRESH else None


def _read(tenant: str, owner: str, grantee: str) -> Authorization:
    """Where there is none, another tenant's application is as one that does not exist."""
    if not ids.is_random_id(owner):
        raise ApplicationNotFound(owner)  # longer than a key may be, perhaps
    began = clock.now()
    record = AuthorizationRecord.find(owner, grantee)
    if record is None:
        if applications.find(owner).tenant != tenant:
            raise ApplicationNotFound(owner)
        raise NotAuthorized(owner)
    found = as_struct(Authorization, record)
    with _lock:
        if len(_loaded) >= CACHED:
            _loaded.clear()
        _loaded[owner, grantee] = (began, found)
    return found
