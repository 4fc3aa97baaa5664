"""Access and refresh tokens.

A grant is one item: what a login gave. A token's text is `<grant>.<random>`, so checking one is a
single consistent read by key, and a new login of the same subject writes over the grant: the
tokens before it are dead. A grant read less than `FRESH` ago (wall clock: a frozen Lambda must not
keep it longer) is not read again, so a token that was ended elsewhere is refused everywhere within
a minute; the process that ended it refuses at once.

A token that differs from the grant in memory may come of a login in another process, so the grant
is read again; guesses at a known grant cost at most `MOST_GUESSES` such reads a second.

Source: Huawei 1.4.
"""

import hmac
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

import msgspec
from pynamodb.exceptions import DeleteError, UpdateError
from pynamodb.expressions.update import Action

from ..store.tokens import GrantRecord
from ..store.transactions import Transaction, code_of
from . import clock
from .applications import hashed
from .errors import InvalidRefreshToken, InvalidToken

ACCESS_LASTS = clock.HOUR
REFRESH_LASTS = clock.DAY
FRESH = 55 * clock.SECOND
CACHED = 10_000
LONGEST = 256  # characters of a token
MOST_GUESSES = 5
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
    """Texts of a fresh pair; `expires_in` and `refresh_expires_in` in s."""

    access: str
    refresh: str
    expires_in: int
    refresh_expires_in: int


class Lifetimes(msgspec.Struct, frozen=True):
    """Of the tokens of a grant, in ms."""

    access: int = ACCESS_LASTS
    refresh: int = REFRESH_LASTS


USUAL = Lifetimes()


class _Lost(Exception):
    """The condition of a write did not hold."""


_loaded: dict[str, tuple[int, Grant]] = {}  # by grant, with the time its read began
_ended: set[str] = set()  # hashes of access tokens that this process has ended
_guesses: dict[str, tuple[int, int]] = {}  # by grant: the second, and wrong tokens read for in it
_lock = Lock()


def issue(
    grant: str,
    subject: str,
    tenant: str,
    lasts: Lifetimes = USUAL,
    change: Transaction | None = None,
) -> Tokens:
    """A new pair for this grant, ending the pair before it. One AWS call.

    With `change` the grant is written in that transaction, which is committed.
    """
    now = clock.now()
    access, refresh = _text(grant), _text(grant)
    deadline = now + lasts.refresh
    record = GrantRecord(
        grant,
        subject=subject,
        tenant=tenant,
        access_hash=hashed(access),
        access_until=now + lasts.access,
        refresh_hash=hashed(refresh),
        refresh_until=deadline,
        shard=_shard(grant),
        deadline=deadline,
        ttl=(deadline + clock.DAY) // clock.SECOND,
    )
    if change is None:
        record.save()
    else:
        change.put(record)
        change.commit()
    _remember(_grant(record), now)
    return _pair(access, refresh, lasts)


def _pair(access: str, refresh: str, lasts: Lifetimes) -> Tokens:
    return Tokens(access, refresh, lasts.access // clock.SECOND, lasts.refresh // clock.SECOND)


def check(token: str) -> Grant:
    """The grant of a living access token. No AWS call when it was read a moment ago, else one.

    Raises InvalidToken.
    """
    name = grant_named(token)
    shown = hashed(token)
    if not name or shown in _ended:
        raise InvalidToken("unknown or ended")
    grant = _held(name)
    if grant is None or not hmac.compare_digest(grant.access_hash, shown):
        grant = _reread(name, shown, known=grant is not None)
    if grant.access_until <= clock.now():
        raise InvalidToken("expired")
    return grant


def refresh(token: str, subject: str, lasts: Lifetimes = USUAL) -> Tokens:
    """A new pair for a living refresh token of `subject`; both old tokens end. Two AWS calls.

    Two who refresh with the same token: one gets the pair, the other InvalidRefreshToken.
    """
    name = grant_named(token)
    record = GrantRecord.find(name) if name else None
    if record is None or record.subject != subject:
        raise InvalidRefreshToken("unknown")
    if not hmac.compare_digest(record.refresh_hash, hashed(token)) or record.refresh_until <= clock.now():
        raise InvalidRefreshToken("used, ended or expired")
    return _exchange(record, lasts)


def _exchange(old: GrantRecord, lasts: Lifetimes) -> Tokens:
    now = clock.now()
    access, fresh = _text(old.grant), _text(old.grant)
    deadline = now + lasts.refresh
    spent = old.refresh_hash
    actions: list[Action] = [
        GrantRecord.access_hash.set(hashed(access)),
        GrantRecord.access_until.set(now + lasts.access),
        GrantRecord.refresh_hash.set(hashed(fresh)),
        GrantRecord.refresh_until.set(deadline),
        GrantRecord.deadline.set(deadline),
        GrantRecord.ttl.set((deadline + clock.DAY) // clock.SECOND),
    ]
    try:
        with _conditional():
            old.update(actions, condition=GrantRecord.refresh_hash == spent)
    except _Lost:
        # the SDK repeats a write whose answer was lost, and then fails on what it wrote itself
        found = GrantRecord.find(old.grant)
        if found is None or found.refresh_hash != hashed(fresh):
            raise InvalidRefreshToken("used") from None
        old = found
    _remember(_grant(old), now)
    return _pair(access, fresh, lasts)


def end(token: str) -> None:
    """Log out: both tokens of the grant end, here at once and elsewhere within a minute.

    Raises InvalidToken where the token is not alive, so a stranger's guess ends nobody's session.
    """
    grant = check(token)
    try:
        with _conditional():
            GrantRecord(grant.grant).delete(GrantRecord.access_hash == grant.access_hash)
    except _Lost:
        pass  # ended already: by a newer login, whose tokens stay, or by this very call repeated
    with _lock:
        if len(_ended) >= CACHED:
            _forget()
        _ended.add(grant.access_hash)
        _loaded.pop(grant.grant, None)


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
    try:
        with _conditional():
            GrantRecord(grant).delete(GrantRecord.refresh_until <= now)
    except _Lost:
        return False  # it was renewed meanwhile, or is gone
    return True


@contextmanager
def _conditional() -> Iterator[None]:
    """Raises _Lost where the write's condition does not hold."""
    try:
        yield
    except (DeleteError, UpdateError) as error:
        if code_of(error) != "ConditionalCheckFailedException":
            raise
        raise _Lost from error


def forget() -> None:
    """Empty this process's memory of grants."""
    with _lock:
        _forget()


def _forget() -> None:
    _loaded.clear()
    _ended.clear()
    _guesses.clear()


def _held(name: str) -> Grant | None:
    """From memory, where it was read a moment ago."""
    held = _loaded.get(name)
    return held[1] if held is not None and 0 <= clock.now() - held[0] < FRESH else None


def _reread(name: str, shown: str, *, known: bool) -> Grant:
    """The stored grant, where `shown` is its access token. Raises InvalidToken."""
    now = clock.now()
    second, guesses = _guesses.get(name, (0, 0))
    if second != now // clock.SECOND:
        guesses = 0
    if known and guesses >= MOST_GUESSES:
        raise InvalidToken("unknown or ended")
    record = GrantRecord.find(name)
    grant = _grant(record) if record else None
    if grant is not None:
        _remember(grant, now)
    if grant is None or not hmac.compare_digest(grant.access_hash, shown):
        if known:
            _guesses[name] = (now // clock.SECOND, guesses + 1)
        raise InvalidToken("unknown or ended")
    return grant


def _remember(grant: Grant, read: int) -> None:
    """`read` is when the read began. A slower thread's older grant does not replace a newer one."""
    with _lock:
        held = _loaded.get(grant.grant)
        if held is not None and held[1].access_until > grant.access_until:
            return
        if len(_loaded) >= CACHED:
            _forget()
        _loaded[grant.grant] = (read, grant)


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


def grant_named(token: str) -> str:
    """The grant that a token claims to be of. Empty where the text is no token of ours."""
    return token.rpartition(".")[0] if len(token) <= LONGEST else ""


def _text(grant: str) -> str:
    return f"{grant}.{secrets.token_urlsafe(32)}"


def _shard(grant: str) -> str:
    return str(sum(grant.encode()) % SHARDS)
