"""Tenants and their applications.

An application is a program that calls the APIs with a key and a secret. Its secret is random and
long, so a plain SHA-256 of it is a sound hash.
"""

import hashlib
import hmac

import msgspec

from ..store.applications import REALM, ApplicationRecord, TenantRecord
from ..store.base import as_struct
from ..store.counters import RateRecord
from ..store.transactions import Transaction
from ..store.walks import LOWEST, Walk
from . import clock, flow, ids
from .errors import ApplicationNotFound, InvalidInput, TenantNotFound, WrongSecret

MOST_RATE = 1_000_000


class Tenant(msgspec.Struct, frozen=True):
    id: str
    name: str
    created: int


class Application(msgspec.Struct, frozen=True):
    """`rate` in calls a minute."""

    id: str
    tenant: str
    name: str
    created: int
    rate: int = flow.DEFAULT_LIMIT


class Caller(msgspec.Struct, frozen=True):
    """Who calls: an authenticated application. It acts for the application `owner`, of `tenant`."""

    tenant: str
    application: str
    owner: str


def hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def create_tenant(name: str) -> Tenant:
    if not name.strip():
        raise InvalidInput("name", "is empty", missing=True)
    at, ident = clock.now(), ids.random_id()
    record = TenantRecord(ident, listing=ids.listing_key(at, ident), name=name, created=at)
    change = Transaction()
    change.put(record, TenantRecord.id.does_not_exist())
    change.commit()
    return as_struct(Tenant, record)


def get_tenant(tenant: str) -> Tenant:
    """Raises InvalidInput where it does not exist: a tenant is named by operators, not by apps."""
    record = TenantRecord.find(tenant)
    if record is None:
        raise InvalidInput("tenant", f"{tenant} does not exist")
    return as_struct(Tenant, record)


def find_tenant(tenant: str) -> Tenant:
    """One AWS call. Raises TenantNotFound."""
    record = TenantRecord.find(tenant) if ids.is_random_id(tenant) else None
    if record is None:
        raise TenantNotFound(tenant)
    return as_struct(Tenant, record)


def list_tenants(after: str, most: int) -> tuple[list[Tenant], str | None]:
    """Up to `most` behind the place `after`, "" for the first, oldest first, and the place to go on from,
    None at the end. One AWS call.
    """
    low = f"{after}!" if after else LOWEST  # above the place itself, below any other
    walk = Walk(TenantRecord, REALM, TenantRecord.listing, index="by_realm", low=low)
    records, following = walk.read(None, most)
    place = str(records[-1].listing) if following is not None and records else None
    return [as_struct(Tenant, record) for record in records], place


def create_application(tenant: str, name: str) -> tuple[Application, str]:
    """The application and its secret, which cannot be read again.

    Raises InvalidInput where the tenant does not exist.
    """
    if not name.strip():
        raise InvalidInput("name", "is empty", missing=True)
    at = clock.now()
    ident, secret = ids.random_id(), ids.secret()
    record = ApplicationRecord(
        ident,
        tenant=tenant,
        listing=ids.listing_key(at, ident),
        name=name,
        secret_hash=hashed(secret),
        created=at,
    )
    change = Transaction()
    change.check(TenantRecord(tenant), TenantRecord.id.exists(), InvalidInput("tenant", "does not exist"))
    change.put(record, ApplicationRecord.id.does_not_exist())
    change.commit()
    return as_struct(Application, record), secret


def find(application: str) -> Application:
    record = ApplicationRecord.find(application)
    if record is None:
        raise ApplicationNotFound(application)
    return as_struct(Application, record)


def caller_for(application: str) -> Caller:
    """Who acts as this application on an operator's behalf. One AWS call. Raises ApplicationNotFound."""
    if not ids.is_random_id(application):
        raise ApplicationNotFound(application)
    found = find(application)
    return Caller(tenant=found.tenant, application=found.id, owner=found.id)


def rotate_secret(application: str) -> str:
    """A new secret in place of the old, which ends at once. It cannot be read again.

    Tokens that the old secret got live on until they expire. Raises ApplicationNotFound.
    """
    secret = ids.secret()
    change = Transaction()
    change.update(
        ApplicationRecord(application),
        [ApplicationRecord.secret_hash.set(hashed(secret))],
        ApplicationRecord.id.exists(),
        ApplicationNotFound(application),
    )
    change.commit()
    return secret


def set_rate(application: str, rate: int) -> Application:
    """Calls a minute that the application may make from now on; one that is being refused from the next
    minute on. Two AWS calls. Raises ApplicationNotFound, InvalidInput.
    """
    if not 1 <= rate <= MOST_RATE:
        raise InvalidInput("rate", f"must be 1 to {MOST_RATE} calls a minute")
    change = Transaction()
    change.update(
        ApplicationRecord(application),
        [ApplicationRecord.rate.set(rate)],
        ApplicationRecord.id.exists(),
        ApplicationNotFound(application),
    )
    change.update(RateRecord(flow.rate_name(application)), [RateRecord.limit.set(rate)])
    change.commit()
    return find(application)


def verify(application: str, secret: str) -> Application:
    """The application whose secret this is, in one AWS call. Raises WrongSecret, also for an unknown one."""
    record = ApplicationRecord.find(application)
    known = record.secret_hash if record else hashed("")
    if not hmac.compare_digest(known, hashed(secret)) or record is None:
        raise WrongSecret(application)
    return as_struct(Application, record)


def list_applications(tenant: str) -> list[Application]:
    return [as_struct(Application, record) for record in ApplicationRecord.by_tenant.query(tenant)]
