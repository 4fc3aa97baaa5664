"""Access keys: an id and a secret with which a program acts for one application.

An application may have several: to change one without a gap, make another, hand it out, revoke the
old. A secret is encrypted, not hashed, because signatures are HMACs that need it; it is answered
once, when the key is made.

A key read less than `FRESH` ago is not read again, so a revoked one is refused everywhere within a
minute; the process that revoked it refuses at once. A refusal is not kept.

Source: CTWing (application, signature); XLink access keys
"""

import hmac
from threading import Lock

import msgspec

from ..aws import encryption
from ..store.applications import ApplicationRecord
from ..store.base import as_struct
from ..store.keys import KeyRecord
from ..store.transactions import Transaction
from . import applications, clock, ids
from .applications import Caller
from .errors import ApplicationNotFound, InvalidKey, WrongSecret

FRESH = 55 * clock.SECOND
CACHED = 10_000
FIELD = "secret"  # the encrypted one


class ApiKey(msgspec.Struct, frozen=True):
    """A key of `application`, of `tenant`; `created` in ms."""

    id: str
    tenant: str
    application: str
    name: str
    created: int

    @property
    def caller(self) -> Caller:
        """Who calls with this key: its application, for itself."""
        return Caller(tenant=self.tenant, application=self.application, owner=self.application)


_loaded: dict[str, tuple[int, ApiKey, str]] = {}  # with the time its read began, and the secret
_revoked = 0  # by this process: what was read before the last one may be of a revoked key
_lock = Lock()


def create(application: str, name: str = "") -> tuple[ApiKey, str]:
    """A new key and its secret, which cannot be shown again. Two AWS calls. Raises ApplicationNotFound."""
    if not ids.is_random_id(application):
        raise ApplicationNotFound(application)
    tenant = applications.find(application).tenant
    at = clock.now()
    ident, secret = ids.random_id(), ids.secret()
    record = KeyRecord(
        ident,
        tenant=tenant,
        application=application,
        listing=ids.listing_key(at, ident),
        name=name,
        secret=encryption.encrypt(secret, tenant, ident, FIELD),
        created=at,
    )
    change = Transaction()
    exists = ApplicationRecord.id.exists()
    change.check(ApplicationRecord(application), exists, ApplicationNotFound(application))
    change.put(record, KeyRecord.id.does_not_exist())
    change.commit()
    return as_struct(ApiKey, record), secret


def find(key: str) -> ApiKey:
    """No AWS call where it was read a moment ago, else one. Raises InvalidKey."""
    return load(key)[0]


def load(key: str) -> tuple[ApiKey, str]:
    """The key and its secret, to check a signature. Costs and raises as `find`."""
    held = _loaded.get(key)
    if held is not None and 0 <= clock.now() - held[0] < FRESH:
        return held[1:]
    return _read(key)


def verify(key: str, secret: str) -> ApiKey:
    """The key whose secret this is, as of now: one AWS call. Raises WrongSecret, also for an unknown one."""
    try:
        found, known = _read(key)
    except InvalidKey:
        found, known = None, ""
    if not hmac.compare_digest(known.encode(), secret.encode()) or found is None:
        raise WrongSecret(key)
    return found


def revoke(key: str) -> None:
    """End a key for good. One AWS call. Raises InvalidKey where it is unknown or revoked already."""
    global _revoked
    change = Transaction()
    change.delete(KeyRecord(key), KeyRecord.id.exists(), InvalidKey(key))
    try:
        change.commit()
    finally:
        with _lock:
            _revoked += 1
            _loaded.pop(key, None)


def list_keys(application: str) -> list[ApiKey]:
    """Oldest first, without secrets."""
    return [as_struct(ApiKey, record) for record in KeyRecord.by_application.query(application)]


def forget() -> None:
    """Empty this process's memory of keys."""
    with _lock:
        _loaded.clear()


def _read(key: str) -> tuple[ApiKey, str]:
    if not ids.is_random_id(key):
        raise InvalidKey(key)  # longer than a key of a table may be, perhaps
    began, revoked = clock.now(), _revoked
    record = KeyRecord.find(key)
    if record is None:
        raise InvalidKey(key)
    found = as_struct(ApiKey, record)
    secret = encryption.decrypt(record.secret, record.tenant, record.id, FIELD)
    with _lock:
        if revoked == _revoked:
            if len(_loaded) >= CACHED:
                _loaded.clear()
            _loaded[key] = (began, found, secret)
    return found, secret
