"""Access and refresh tokens.

A grant is one item: what a login gave. A token's text is `<grant>.<random>`, so checking one is a
single consistent read by key, and a new login of the same subject writes over the grant: the
tokens before it are dead. A grant loaded less than `FRESH` ago (wall clock: a frozen Lambda must
not keep it longer) is not read again, so a token that was ended elsewhere is refused everywhere
within a minute; the process that ended it refuses at once.

Source: Huawei 1.4.
"""

import hmac
import secrets
from threading import Lock

import msgspec

from ..store.tokens import GrantRecord
from . import clock
from .applications import hashed
from .errors import InvalidRefreshToken, InvalidToken

ACCESS_LASTS = clock.HOUR
REFRESH_LASTS = clock.DAY
FRESH = 55 * clock.SECOND
CACHED = 10_000
SHARDS = 4
SWEPT_AT_ONCE = 500


class Grant(msgspec.Struct, frozen=True):
    """What a token stands for. `access_until` in ms."""

    grant: str
    subject: str
    tenant: str
    access_hash: str
    access_until: int
    refresh_hash: str
    refresh_until: int


class Tokens(msgspec.Struct, frozen=True):
    """Texts of a fresh pair; `expires_in` in s."""

    access: str
    refresh: str
    expires_in: int


_loaded: dict[str, tuple[int, Grant | None]] = {}
_lock = Lock()


def issue(grant: str, subject: str, tenant: str) -> Tokens:
    """A new pair for this grant, ending the pair before it. One AWS call."""
    now = clock.now()
    access, refresh = _text(grant), _text(grant)
    deadline = now + REFRESH_LASTS
    record = GrantRecord(
        grant,
        subject=subject,
        tenant=tenant,
        access_hash=hashed(access),
        access_until=now + ACCESS_LASTS,
        refresh_hash=hashed(refresh),
        refresh_until=deadline,
        shard=_shard(grant),
        deadline=deadline,
        ttl=(deadline + clock.DAY) // clock.SECOND,
    )
    record.save()
    _remember(grant, _grant(record))
    return Tokens(access, refresh, ACCESS_LASTS // clock.SECOND)


def check(token: str) -> Grant:
    """The grant of a living access token. No AWS call when it was loaded a moment ago, else one.

    Raises InvalidToken.
    """
    grant = _load(token.rpartition(".")[0])
    if grant is None or not hmac.compare_digest(grant.access_hash, hashed(token)):
        raise InvalidToken("unknown or ended")
    if grant.access_until <= clock.now():
        raise InvalidToken("expired")
    return grant


def refresh(token: str, subject: str) -> Tokens:
    """A new pair for a living refresh token of `subject`; both old tokens end.

    Two who refresh with the same token: one gets the pair, the other InvalidRefreshToken.
    """
    name = token.rpartition(".")[0]
    record = GrantRecord.find(name) if name else None
    if record is None or record.subject != subject:
        raise InvalidRefreshToken("unknown")
    if not hmac.compare_digest(record.refresh_hash, hashed(token)) or record.refresh_until <= clock.now():
        raise InvalidRefreshToken("used, ended or expired")
    return _exchange(record)


def _exchange(old: GrantRecord) -> Tokens:
    from pynamodb.exceptions import UpdateError

    now = clock.now()
    access, fresh = _text(old.grant), _text(old.grant)
    deadline = now + REFRESH_LASTS
    spent = old.refresh_hash
    try:
        old.update(
            [
                GrantRecord.access_hash.set(hashed(access)),
                GrantRecord.access_until.set(now + ACCESS_LASTS),
                GrantRecord.refresh_hash.set(hashed(fresh)),
                GrantRecord.refresh_until.set(deadline),
                GrantRecord.deadline.set(deadline),
                GrantRecord.ttl.set((deadline + clock.DAY) // clock.SECOND),
            ],
            condition=GrantRecord.refresh_hash == spent,
        )
    except UpdateError as error:
        if error.cause_response_code != "ConditionalCheckFailedException":
            raise
        raise InvalidRefreshToken("used") from error
    _remember(old.grant, _grant(old))
    return Tokens(access, fresh, ACCESS_LASTS // clock.SECOND)


def end(token: str) -> None:
    """Log out: both tokens of the grant end, here at once and elsewhere within a minute.

    Raises InvalidToken where the token is not alive, so a stranger's guess ends nobody's session.
    """
    grant = check(token)
    condition = GrantRecord.access_hash == grant.access_hash
    from pynamodb.exceptions import DeleteError

    try:
        GrantRecord(grant.grant).delete(condition)
    except DeleteError as error:
        if error.cause_response_code != "ConditionalCheckFailedException":
            raise
    _remember(grant.grant, None)


def sweep() -> int:
    """Delete grants whose refresh token is over; answers how many. Decides nothing: `check` does."""
    now = clock.now()
    swept = 0
    for shard in range(SHARDS):
        due = GrantRecord.by_deadline.query(str(shard), GrantRecord.deadline <= now, limit=SWEPT_AT_ONCE)
        for record in due:
            if _sweep_one(record.grant, now):
                swept += 1
    return swept


def _sweep_one(grant: str, now: int) -> bool:
    from pynamodb.exceptions import DeleteError

    try:
        GrantRecord(grant).delete(GrantRecord.refresh_until <= now)
    except DeleteError as error:
        if error.cause_response_code != "ConditionalCheckFailedException":
            raise
        return False  # it was renewed meanwhile
    return True


def forget() -> None:
    """Empty this process's memory of grants."""
    with _lock:
        _loaded.clear()


def _load(name: str) -> Grant | None:
    if not name:
        return None
    now = clock.now()
    held = _loaded.get(name)
    if held is not None and 0 <= now - held[0] < FRESH:
        return held[1]
    record = GrantRecord.find(name)
    grant = _grant(record) if record else None
    if grant is not None:
        _remember(name, grant)
    return grant


def _remember(name: str, grant: Grant | None) -> None:
    with _lock:
        if len(_loaded) >= CACHED:
            _loaded.clear()
        _loaded[name] = (clock.now(), grant)


def _grant(record: GrantRecord) -> Grant:
    return Grant(
        grant=record.grant,
        subject=record.subject,
        tenant=record.tenant,
        access_hash=record.access_hash,
        access_until=int(record.access_until),
        refresh_hash=record.refresh_hash,
        refresh_until=int(record.refresh_until),
    )


def _text(grant: str) -> str:
    return f"{grant}.{secrets.token_urlsafe(32)}"


def _shard(grant: str) -> str:
    return str(sum(grant.encode()) % SHARDS)
