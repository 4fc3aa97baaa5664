"""Operators: who runs the cloud, proven by a key with scopes.

A key is `op_<id>.<secret>`. It is shown once; of the secret, which is random and long, a SHA-256 is kept.
Any number of keys are good at the same time: to change one without a gap, make another, put it to use,
revoke the old. A key makes keys of its own scopes at most.

A key that was proven less than `FRESH` ago is not read again: a revoked one is refused everywhere within
a minute, in the process that revoked it at once. Failures are counted by address, whatever key they name.
"""

import hashlib
import hmac
from collections.abc import Collection
from enum import Enum
from threading import Lock

import msgspec

from ..store.base import as_struct
from ..store.operators import REALM, OperatorRecord
from ..store.transactions import Transaction
from . import attempts, clock, ids
from .errors import InvalidInput, InvalidToken, OperatorNotFound, ScopeMissing, WrongSecret

FRESH = 55 * clock.SECOND
CACHED = 1_000
MARK = "op_"
LONGEST_NAME = 128  # characters
LONGEST = 256  # characters of what is taken for a key at all
KIND = "operator"  # of failed attempts


class Scope(Enum):
    READ = "read"  # whatever holds no secret
    WRITE = "write"  # make and change
    SECRETS = "secrets"  # be shown a secret, or make one
    DESTROY = "destroy"  # what cannot be taken back: delete, revoke
    OPERATORS = "operators"  # keys of operators


class Operator(msgspec.Struct, frozen=True):
    """Times in ms; `creator` is the id of the operator that made it, or who did on the command line."""

    id: str
    name: str
    scopes: frozenset[str]
    created: int
    creator: str
    expires: int | None = None

    def require(self, scopes: Collection[Scope]) -> None:
        """Raises ScopeMissing."""
        lacking = sorted(each.value for each in scopes if each.value not in self.scopes)
        if lacking:
            raise ScopeMissing(f"the key lacks {', '.join(lacking)}")


_proven: dict[bytes, tuple[int, Operator]] = {}  # by hash of the key, with the time its read began
_revoked = 0  # by this process: what was read before the last one may be of a revoked key
_lock = Lock()


def create(
    name: str, scopes: Collection[Scope], creator: str, expires: int | None = None
) -> tuple[Operator, str]:
    """A new operator and its key, which cannot be shown again. One AWS call. Raises InvalidInput."""
    if not name.strip():
        raise InvalidInput("name", "is empty", missing=True)
    if len(name) > LONGEST_NAME:
        raise InvalidInput("name", f"is longer than {LONGEST_NAME} characters")
    if not scopes:
        raise InvalidInput("scopes", "is empty", missing=True)
    now = clock.now()
    if expires is not None and expires <= now:
        raise InvalidInput("expires", "is past")
    secret = ids.secret()
    record = OperatorRecord(
        REALM,
        ids.random_id(),
        name=name,
        scopes={each.value for each in scopes},
        secret_hash=_hashed(secret).hex(),
        created=now,
        creator=creator,
        expires=expires,
    )
    change = Transaction()
    change.put(record, OperatorRecord.id.does_not_exist())
    change.commit()
    return as_struct(Operator, record), f"{MARK}{record.id}.{secret}"


def verify(key: str, address: str) -> Operator:
    """Whose key this is. No AWS call where it was proven a moment ago, else two; one more for a failure.

    Raises WrongSecret, InvalidToken where it has expired, TooManyFailures.
    """
    digest = _hashed(key)
    held = _proven.get(digest)
    if held is not None and 0 <= clock.now() - held[0] < FRESH:
        return _current(held[1])
    with attempts.limited(KIND, "", address):
        return _current(_proved(key, digest))


def _proved(key: str, digest: bytes) -> Operator:
    began, revoked = clock.now(), _revoked
    ident, _, secret = key.removeprefix(MARK).partition(".")
    sound = len(key) <= LONGEST and key.startswith(MARK) and ids.is_random_id(ident)
    record = OperatorRecord.find(REALM, ident) if sound else None
    known = record.secret_hash if record else _hashed("").hex()
    if not hmac.compare_digest(known, _hashed(secret).hex()) or record is None:
        raise WrongSecret("no such key")
    found = as_struct(Operator, record)
    with _lock:
        if revoked == _revoked:
            if len(_proven) >= CACHED:
                _proven.clear()
            _proven[digest] = (began, found)
    return found


def _current(found: Operator) -> Operator:
    if found.expires is not None and found.expires <= clock.now():
        raise InvalidToken("the key has expired")
    return found


def revoke(operator: str) -> None:
    """End a key for good. One AWS call. Raises OperatorNotFound."""
    global _revoked
    if not ids.is_random_id(operator):
        raise OperatorNotFound(operator)
    change = Transaction()
    exists = OperatorRecord.id.exists()
    change.delete(OperatorRecord(REALM, operator), exists, OperatorNotFound(operator))
    try:
        change.commit()
    finally:
        with _lock:
            _revoked += 1
            _proven.clear()


def list_operators() -> list[Operator]:
    """Oldest first, also the expired. One AWS call for up to 1 MB of them."""
    found = [as_struct(Operator, each) for each in OperatorRecord.query(REALM, consistent_read=True)]
    return sorted(found, key=lambda each: (each.created, each.id))


def find(operator: str) -> Operator:
    """One AWS call. Raises OperatorNotFound."""
    record = OperatorRecord.find(REALM, operator) if ids.is_random_id(operator) else None
    if record is None:
        raise OperatorNotFound(operator)
    return as_struct(Operator, record)


def forget() -> None:
    """Empty this process's memory of keys."""
    with _lock:
        _proven.clear()


def _hashed(text: str) -> bytes:
    return hashlib.sha256(text.encode(errors="replace")).digest()
