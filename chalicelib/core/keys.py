"""Access keys: an id and a secret with which a program acts for one application.

An application may have several: to change one without a gap, make another, hand it out, revoke the
old. A secret is encrypted, not hashed, because signatures are HMACs that need it; it is answered
once, when the key is made.

A key for apps stands in programs that anybody can take apart. So it is good only where a call shows whose it
is beside it, a person's token; whatever acts for the whole application refuses it.

A key read less than `FRESH` ago is not read again, so a revoked one is refused everywhere within a
minute; the process that revoked it refuses at once. A refusal is not kept.

Source: CTWing (application, signature); XLink access keys; Feiyan 1 (app keys)
"""

import hmac
from enum import Enum
from threading import Lock

import msgspec

from ..aws import encryption
from ..store.applications import ApplicationRecord
from ..store.keys import KeyRecord
from ..store.transactions import Transaction
from . import applications, clock, ids
from .applications import Caller
from .errors import ApplicationNotFound, InvalidKey, WrongSecret

FRESH = 55 * clock.SECOND
CACHED = 10_000
FIELD = "secret"  # the encrypted one


class Use(Enum):
    """Whose programs hold a key."""

    ANY = "any"
    APP = "app"  # of people: the key itself proves little
    CLOUD = "cloud"  # of the application's owner


class ApiKey(msgspec.Struct, frozen=True):
    """A key of `application`, of `tenant`; `created` in ms."""

    id: str
    tenant: str
    application: str
    name: str
    created: int
    use: Use = Use.ANY

    def good_for(self, use: Use) -> bool:
        return self.use in (Use.ANY, use)

    @property
    def caller(self) -> Caller:
        """Who calls with this key: its application, for itself."""
        return Caller(tenant=self.tenant, application=self.application, owner=self.application)


_loaded: dict[str, tuple[int, ApiKey, str]] = {}  # with the time its read began, and the secret
_revoked = 0  # by this process: what was read before the last one may be of a revoked key
_lock = Lock()


def create(application: str, name: str = "", use: Use = Use.ANY) -> tuple[ApiKey, str]:
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
        use=use.value,
    )
    change = Transaction()
    exists = ApplicationRecord.id.exists()
    change.check(ApplicationRecord(application), exists, ApplicationNotFound(application))
    change.put(record, KeyRecord.id.does_not_exist())
    change.commit()
    return _key(record), secret


def find(key: str) -> ApiKey:
    """No AWS call where it was read a moment ago, else one. Raises InvalidKey."""
    return load(key, None)[0]


def load(key: str, use: Use | None = Use.CLOUD) -> tuple[ApiKey, str]:
    """The key and its secret, to check a signature. Costs as `find`. Raises InvalidKey, also for one that is
    not good for this use; None is for any.
    """
    held = _loaded.get(key)
    fresh = held is not None and 0 <= clock.now() - held[0] < FRESH
    found, secret = held[1:] if held is not None and fresh else _read(key)
    if use is not None and not found.good_for(use):
        raise InvalidKey(key)
    return found, secret


def verify(key: str, secret: str) -> ApiKey:
    """The key of a cloud whose secret this is, as of now: one AWS call. Raises WrongSecret, also for an
    unknown one and for one of apps.
    """
    try:
        found, known = _read(key)
    except InvalidKey:
        found, known = None, ""
    if not hmac.compare_digest(known.encode(), secret.encode()) or found is None:
        raise WrongSecret(key)
    if not found.good_for(Use.CLOUD):
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
    return [_key(record) for record in KeyRecord.by_application.query(application)]


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
    found = _key(record)
    secret = encryption.decrypt(record.secret, record.tenant, record.id, FIELD)
    with _lock:
        if revoked == _revoked:
            if len(_loaded) >= CACHED:
                _loaded.clear()
            _loaded[key] = (began, found, secret)
    return found, secret


def _key(record: KeyRecord) -> ApiKey:
    return ApiKey(
        record.id,
        record.tenant,
        record.application,
        record.name,
        int(record.created),
        Use(record.use or Use.ANY.value),
    )
