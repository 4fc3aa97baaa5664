"""People of an application: the users of its app, with their logins and profiles.

A person belongs to one application; "not yours" is answered exactly as "absent". A person is known by
an id, and within the application by any of a phone number, an e-mail address, a name of the person's
choice (logins) and an id of another system (open id): each is an alias that only one person has.

A login gives tokens whose subject is `subject(user)`: it names the person with the present password, so
a new password ends every token got with the old one, and unregistering all of them. A person read less
than `FRESH` ago is not read again: elsewhere they end within a minute, in the process that changed it at
once.

Unregistering frees the names and ends the logins at once; `core/unregistration.py` ends the bindings and
deletes the rest.

Source: Feiyan 6.3, 6.6, 7.4
"""

from collections.abc import Iterable
from contextlib import suppress
from threading import Lock
from typing import Any

import msgspec

from ..aws import queues
from ..store.base import as_struct
from ..store.products import AliasRecord
from ..store.reading import find_all
from ..store.transactions import ConditionFailed, Transaction, pause
from ..store.users import USER, UserRecord
from ..store.walks import Key, Walk
from . import clock, events, ids, paging, passwords, user_names
from .applications import Caller
from .errors import Busy, InvalidInput, InvalidToken, ReceiverNotFound, UserNotFound, WrongSecret
from .events import EventType
from .paging import Part, Source

UNREGISTER = "unregister"
UNREGISTER_AGAIN = 10 * clock.MINUTE
SHARDS = 4
TRIES = 5
FRESH = 55 * clock.SECOND
CACHED = 10_000
MOST_AT_ONCE = 100

Text = str | None | msgspec.UnsetType

LOCATION_CODE, NUMBER, normalized = user_names.LOCATION_CODE, user_names.NUMBER, user_names.normalized


class NewUser(msgspec.Struct, frozen=True, kw_only=True):
    """What a registration names: any of `login`, `phone`, `email` and `open_id`, or nothing. Without a
    password the person cannot log in with one. `phone` goes without its country's code.
    """

    login: str | None = None
    phone: str | None = None
    location_code: str | None = None
    email: str | None = None
    open_id: str | None = None
    password: str | None = None
    nickname: str | None = None
    avatar: str | None = None
    gender: str | None = None
    country: str | None = None
    language: str | None = None
    source: str | None = None
    app_key: str | None = None


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """New facts of a person: UNSET leaves one as it is, None takes it away."""

    login: Text = msgspec.UNSET
    phone: Text = msgspec.UNSET
    location_code: Text = msgspec.UNSET
    email: Text = msgspec.UNSET
    open_id: Text = msgspec.UNSET
    nickname: Text = msgspec.UNSET
    avatar: Text = msgspec.UNSET
    gender: Text = msgspec.UNSET
    country: Text = msgspec.UNSET
    language: Text = msgspec.UNSET


class User(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A person of the application `owner`. Times in ms; `version` counts the passwords.

    `source` says how the person came, `app_key` under which key; `bindings` how many devices there are.
    """

    user: str
    tenant: str
    owner: str
    created: int
    modified: int
    version: int
    bindings: int
    login: str | None = None
    phone: str | None = None
    location_code: str | None = None
    email: str | None = None
    open_id: str | None = None
    nickname: str | None = None
    avatar: str | None = None
    gender: str | None = None
    country: str | None = None
    language: str | None = None
    source: str | None = None
    app_key: str | None = None
    last_login: int | None = None

    @property
    def id(self) -> str:
        return self.user

    @property
    def shown(self) -> str:
        """What others see of the person: phone, login or e-mail address, else nickname, else nothing."""
        return self.phone or self.login or self.email or self.nickname or ""

    @property
    def person(self) -> "Person":
        """Who calls with this person's token."""
        return Person(tenant=self.tenant, application=self.owner, owner=self.owner, user=self.user)


class Person(Caller, frozen=True):
    """Who calls: an app of the application `owner`, for the person `user`."""

    user: str


_loaded: dict[str, tuple[int, User]] = {}  # with the time its read began
_changed = 0  # by this process: what was read before the last one may be out of date
_lock = Lock()


def create(caller: Caller, new: NewUser) -> User:
    """Register a person with the caller's application. One AWS call.

    Raises InvalidInput, LoginTaken where another person of the application has one of the names.
    """
    at, ident = clock.now(), ids.random_id()
    given = {name: value for name, value in msgspec.structs.asdict(new).items() if value is not None}
    password = given.pop("password", None)
    record = UserRecord(
        ident,
        USER,
        tenant=caller.tenant,
        owner=caller.owner,
        listing=ids.listing_key(at, ident),
        created=at,
        modified=at,
        version=1,
        bindings=0,
        **user_names.checked(given),
    )
    if password is not None:
        record.password = passwords.hashed(password)
    change = Transaction()
    change.put(record, UserRecord.user.does_not_exist())
    for name in user_names.names_of(record.values()):
        user_names.claim(change, caller.owner, name, ident)
    change.commit()
    return as_struct(User, record)


def find(user: str) -> User:
    """The person of this id, whoever asks. One AWS call. Raises UserNotFound."""
    return as_struct(User, _record(user))


def get(caller: Caller, user: str) -> User:
    """The caller's own person of this id. One AWS call. Raises UserNotFound."""
    found = find(user)
    if not visible(caller, found):
        raise UserNotFound(user)
    return found


def get_all(caller: Caller, users: Iterable[str]) -> dict[str, User]:
    """The caller's people of these ids, absent ones left out. One AWS call a hundred."""
    wanted = list(dict.fromkeys(each for each in users if ids.is_random_id(each)))
    found: dict[str, User] = {}
    for at in range(0, len(wanted), MOST_AT_ONCE):
        keys = [(UserRecord, each, USER) for each in wanted[at : at + MOST_AT_ONCE]]
        for record in find_all(keys).values():
            if isinstance(record, UserRecord) and not record.deleted:
                user = as_struct(User, record)
                if visible(caller, user):
                    found[user.user] = user
    return found


def visible(caller: Caller, user: User) -> bool:
    return user.tenant == caller.tenant and user.owner == caller.owner


def find_by_login(application: str, login: str, location_code: str | None = None) -> User:
    """Who has this phone number, e-mail address or name. Two AWS calls. Raises ReceiverNotFound."""
    return as_struct(User, _named(application, login, location_code))


def find_by_open_id(application: str, open_id: str) -> User:
    """Two AWS calls. Raises UserNotFound."""
    return as_struct(
        User, _aliased(application, f"{user_names.OPEN_ID_KIND}#{open_id}", UserNotFound(open_id))
    )


def verify(application: str, login: str, password: str, location_code: str | None = None) -> User:
    """The person whose login and password these are, as of now. Two AWS calls at most.

    Raises WrongSecret, after as much work for an unknown login as for a known one.
    """
    record = None
    with suppress(ReceiverNotFound):
        record = _named(application, login, location_code)
    if not passwords.matches(password, record.password if record else None) or record is None:
        raise WrongSecret(login)
    return as_struct(User, record)


def change(user: str, changes: Changes) -> User:
    """Change the named facts; names of the person move with them. Two AWS calls.

    Raises InvalidInput, UserNotFound, LoginTaken, Busy.
    """
    given = {k: v for k, v in msgspec.structs.asdict(changes).items() if v is not msgspec.UNSET}
    for tried in range(TRIES):
        record = _record(user)
        before, version = user_names.names_of(record.values()), int(record.modified)
        for name, value in user_names.checked(given).items():
            setattr(record, name, value)
        record.modified = max(clock.now(), version + 1)
        after = user_names.names_of(record.values())
        wanted = Transaction()
        wanted.update(_key(user), _actions(record, given), alive() & (UserRecord.modified == version))
        for name in sorted(before - after):
            wanted.delete(user_names.alias(record.owner, name, user), AliasRecord.target == user)
        for name in sorted(after - before):
            user_names.claim(wanted, record.owner, name, user)
        try:
            wanted.commit()
        except ConditionFailed:
            pause(tried)
        else:
            return as_struct(User, record)
        finally:
            _drop(user)
    raise Busy(user)


def set_password(user: str, password: str) -> None:
    """Also ends the tokens of the person. One AWS call. Raises InvalidInput, UserNotFound."""
    actions = [UserRecord.password.set(passwords.hashed(password)), UserRecord.version.add(1)]
    wanted = Transaction()
    wanted.update(_key(user), actions, alive(), UserNotFound(user))
    try:
        wanted.commit()
    finally:
        _drop(user)


def remove(user: str) -> None:
    """Unregister a person: gone at once for everybody, names free again; bindings and belongings end in
    the background. Three AWS calls. Raises UserNotFound, Busy.

    Source: Feiyan 6.6.29
    """
    for tried in range(TRIES):
        record = _record(user)
        now = clock.now()
        wanted = Transaction()
        wanted.update(
            _key(user),
            [
                UserRecord.deleted.set(True),
                UserRecord.modified.set(now),
                UserRecord.shard.set(str(int(user[-2:], 16) % SHARDS)),
                UserRecord.deadline.set(now + UNREGISTER_AGAIN),
                UserRecord.listing.remove(),
                UserRecord.password.remove(),
            ],
            alive() & (UserRecord.modified == int(record.modified)),
        )
        for name in sorted(user_names.names_of(record.values())):
            wanted.delete(user_names.alias(record.owner, name, user), AliasRecord.target == user)
        events.emit(wanted, EventType.USER_REMOVED, user, record.tenant, record.owner, user=user)
        try:
            wanted.commit()
        except ConditionFailed:
            pause(tried)
        else:
            queues.work(UNREGISTER, user=user)
            return
        finally:
            _drop(user)
    raise Busy(user)


def list_users(caller: Caller, offset: int, size: int) -> Part[User]:
    """The application's people from the `offset`th on, newest first. AWS calls: a query, one a hundred
    people, and those of `paging`. Raises ListTooLong.
    """
    walk = Walk(UserRecord, caller.owner, UserRecord.listing, index="by_owner", forward=False)

    def fetch(start: Key | None, limit: int) -> tuple[list[User], Key | None]:
        records, following = walk.read(start, limit)
        found = get_all(caller, [record.user for record in records])
        return [found[record.user] for record in records if record.user in found], following

    name = paging.name(caller.tenant, caller.owner, "users")
    return paging.part(name, offset, size, Source(fetch, walk.skip, walk.count))


def subject(user: User) -> str:
    """What tokens of this person stand for: the person, with the present password."""
    return f"{user.user}#{user.version}"


def of_subject(text: str) -> User:
    """No AWS call where the person was read a moment ago, else one. Raises InvalidToken where the person
    is gone or has another password by now.
    """
    try:
        found = known(text.partition("#")[0])
    except UserNotFound as error:
        raise InvalidToken("the person is gone") from error
    if subject(found) != text:
        raise InvalidToken("the password has changed")
    return found


def known(user: str) -> User:
    """As `find`, from this process's memory where it was read less than FRESH ago."""
    now, changed = clock.now(), _changed
    held = _loaded.get(user)
    if held is not None and 0 <= now - held[0] < FRESH:
        return held[1]
    found = find(user)
    with _lock:
        if changed == _changed:
            if len(_loaded) >= CACHED:
                _loaded.clear()
            _loaded[user] = (now, found)
    return found


def forget() -> None:
    """Empty this process's memory of people."""
    with _lock:
        _loaded.clear()


def alive() -> Any:
    """Condition: the person exists and is not being unregistered."""
    return UserRecord.user.exists() & UserRecord.deleted.does_not_exist()


def user_of(record: UserRecord) -> User:
    return as_struct(User, record)


def _record(user: str) -> UserRecord:
    record = UserRecord.find(user, USER) if ids.is_random_id(user) else None
    if record is None or record.deleted:
        raise UserNotFound(user)
    return record


def _named(application: str, login: str, location_code: str | None) -> UserRecord:
    nobody = ReceiverNotFound(login)
    try:
        name = user_names.normalized(login, location_code)
    except InvalidInput:
        raise nobody from None
    return _aliased(application, f"{user_names.LOGIN_KIND}#{name}", nobody)


def _aliased(application: str, name: str, nobody: UserNotFound) -> UserRecord:
    alias = AliasRecord.find(name, application)
    record = UserRecord.find(alias.target, USER) if alias else None
    if record is None or record.deleted:
        raise nobody
    return record


def _key(user: str) -> UserRecord:
    return UserRecord(user, USER)


def _actions(record: UserRecord, given: dict[str, Any]) -> list[Any]:
    actions: list[Any] = [UserRecord.modified.set(int(record.modified))]
    for name in given:
        attribute, value = getattr(UserRecord, name), getattr(record, name)
        actions.append(attribute.remove() if value is None else attribute.set(value))
    return actions


def _drop(user: str) -> None:
    global _changed
    with _lock:
        _changed += 1
        _loaded.pop(user, None)
