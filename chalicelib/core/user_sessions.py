"""Sessions of people: the tokens that an app holds for who has logged in.

Each login has a session of its own, so several may stand at the same time. A session names the person
with the password of that moment: a new password and unregistering end all of them, elsewhere within a
minute, in the process that did it at once.

An app gets its session by a code that the login gave it (`core/sign_ups.py`): good once, for five
minutes, and only for the application it was made for.

Source: Feiyan, published clients: login by OAuth
"""

import secrets

from ..store.codes import AuthCodeRecord
from ..store.transactions import Transaction
from ..store.users import USER, UserRecord
from . import clock, ids, tokens, users
from .applications import hashed
from .errors import InvalidRefreshToken, InvalidToken, UserNotFound
from .tokens import Lifetimes, Tokens
from .users import Person, User

ACCESS_LASTS = 2 * clock.HOUR
REFRESH_LASTS = 30 * clock.DAY
LASTS = Lifetimes(access=ACCESS_LASTS, refresh=REFRESH_LASTS)
GRANT = "user"
AUTH_CODE_LASTS = 5 * clock.MINUTE


def open(user: str) -> Tokens:  # noqa: A001
    """A new session. One AWS call, two where the person was not read a moment ago. Raises UserNotFound."""
    return _open(users.known(user), Transaction(), UserNotFound(user))


def _open(user: User, change: Transaction, gone: Exception) -> Tokens:
    """Within the change; `gone` where the person has left or has another password by now."""
    same = users.alive() & (UserRecord.version == user.version)
    change.update(UserRecord(user.id, USER), [UserRecord.last_login.set(clock.now())], same, gone)
    grant = f"{GRANT}-{user.id}-{secrets.token_hex(8)}"
    return tokens.issue(grant, users.subject(user), user.tenant, LASTS, change)


def person(token: str) -> Person:
    """Whose access token this is. No AWS call where it was read a moment ago, else two.

    Raises InvalidToken.
    """
    grant = tokens.check(token)
    if _user(token) is None:
        raise InvalidToken("of no person")
    return users.of_subject(grant.subject).person


def refresh(token: str, user: str, application: str) -> Tokens:
    """New tokens for a living refresh token of `user`, one of the application's people; both old ones end.

    Two AWS calls, three where the person was not read a moment ago. Raises InvalidRefreshToken.
    """
    if _user(token) != user:
        raise InvalidRefreshToken("of another person, or of none")
    try:
        known = users.known(user)
    except UserNotFound as error:
        raise InvalidRefreshToken("the person is gone") from error
    if known.owner != application:
        raise InvalidRefreshToken("of another application")
    return tokens.refresh(token, users.subject(known), LASTS)


def close(token: str, application: str) -> None:
    """Log out one of the application's people: both tokens of the session end. One AWS call, one more each
    where the token and the person were not read a moment ago. Raises InvalidToken.
    """
    user = _user(token)
    try:
        owner = users.known(user).owner if user is not None else None
    except UserNotFound as error:
        raise InvalidToken("the person is gone") from error
    if owner != application:
        raise InvalidToken("of another application, or of no person")
    tokens.end(token)


def _user(token: str) -> str | None:
    """Who a token claims to be of."""
    kind, _, rest = tokens.grant_named(token).partition("-")
    user = rest.partition("-")[0]
    return user if kind == GRANT and ids.is_random_id(user) else None


def auth_code(user: User, change: Transaction) -> str:
    """A code for a session of this person's; the change is committed with it. One AWS call."""
    code = f"{user.id}.{secrets.token_urlsafe(24)}"
    until = clock.now() + AUTH_CODE_LASTS
    record = AuthCodeRecord(
        _name(code),
        user=user.id,
        subject=users.subject(user),
        application=user.owner,
        until=until,
        ttl=until // clock.SECOND + 1,
    )
    change.put(record, AuthCodeRecord.name.does_not_exist())
    change.commit()
    return code


def exchange(code: str, application: str) -> Tokens:
    """The session that a code stands for, once. One AWS call, two where the person was not read a moment
    ago. Raises InvalidToken where it is unknown, used, over, or of another application.
    """
    change = Transaction()
    user, refused = _spend(code, application, change)
    return _open(user, change, refused)


def _spend(code: str, application: str, change: Transaction) -> tuple[User, InvalidToken]:
    """Add to the change that the code ends. The person it is of, and what is raised where it is not good."""
    refused = InvalidToken("the code is unknown, used or over")
    try:
        user = users.known(code.partition(".")[0]) if len(code) <= tokens.LONGEST else None
    except UserNotFound:
        user = None
    if user is None or user.owner != application:
        raise refused
    good = (AuthCodeRecord.subject == users.subject(user)) & (AuthCodeRecord.until > clock.now())
    change.delete(AuthCodeRecord(_name(code)), good, refused)
    return user, refused


def pass_on(code: str, application: str) -> tuple[User, str]:
    """The person of a code, and a new code in its place, which ends. Two AWS calls, one where the person was
    read a moment ago. Raises InvalidToken as `exchange` does.
    """
    change = Transaction()
    user, _ = _spend(code, application, change)
    return user, auth_code(user, change)


def _name(code: str) -> str:
    return f"auth#{hashed(code)}"
