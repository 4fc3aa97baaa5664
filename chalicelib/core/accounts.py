"""Accounts: people of a tenant who log in with an e-mail address or a phone number and a password.

Login names are unique over all tenants, for who logs in names no tenant. They are compared without
regard to case; a phone number without what only makes it readable.

A login gives tokens whose subject is `subject(account)`: it names the account with its present
password, so a new password ends every token got with the old one, and a deleted account all of its
tokens. An account read less than `FRESH` ago is not read again: elsewhere they end within a minute,
in the process that changed it at once.

Source: XLink corp_auth
"""

import re
import unicodedata
from threading import Lock

import msgspec

from ..store.accounts import AccountRecord
from ..store.applications import ApplicationRecord
from ..store.base import as_struct
from ..store.products import AliasRecord
from ..store.transactions import Transaction
from . import applications, clock, ids, passwords
from .applications import Caller
from .errors import AccountNotFound, ApplicationNotFound, InvalidInput, InvalidToken, LoginTaken, WrongSecret

FRESH = 55 * clock.SECOND
CACHED = 10_000
LONGEST = 254  # characters of a login name
KIND, EVERYWHERE = "login", "*"  # alias: a login name to its account, unique over all tenants
EMAIL = re.compile(r"[^\s@\x00-\x1f\x7f]{1,64}@[^\s@\x00-\x1f\x7f]+")
PHONE = re.compile(r"\+?[0-9]{5,20}")
READABLE = str.maketrans("", "", " -.()/")


class Account(msgspec.Struct, frozen=True):
    """It acts for `application`, of `tenant`. `version` counts its passwords; `created` in ms."""

    id: str
    tenant: str
    application: str
    login: str
    version: int
    created: int

    @property
    def caller(self) -> Caller:
        """Who calls with this account: its application, for itself."""
        return Caller(tenant=self.tenant, application=self.application, owner=self.application)


_loaded: dict[str, tuple[int, Account]] = {}  # with the time its read began
_changed = 0  # by this process: what was read before the last one may be out of date
_lock = Lock()


def create(application: str, login: str, password: str) -> Account:
    """Two AWS calls. Raises InvalidInput, ApplicationNotFound, LoginTaken."""
    login = normalized(login)
    if not ids.is_random_id(application):
        raise ApplicationNotFound(application)
    tenant = applications.find(application).tenant
    at, ident = clock.now(), ids.random_id()
    record = AccountRecord(
        ident,
        tenant=tenant,
        application=application,
        listing=ids.listing_key(at, ident),
        login=login,
        password=passwords.hashed(password),
        version=1,
        created=at,
    )
    change = Transaction()
    exists = ApplicationRecord.id.exists()
    change.check(ApplicationRecord(application), exists, ApplicationNotFound(application))
    change.put(_alias(login, ident), AliasRecord.name.does_not_exist(), LoginTaken(login))
    change.put(record, AccountRecord.id.does_not_exist())
    change.commit()
    return as_struct(Account, record)


def normalized(login: str) -> str:
    """The spelling that is stored. Raises InvalidInput where it is neither an e-mail address nor a number."""
    text = unicodedata.normalize("NFKC", login).strip().casefold()
    if len(text) <= LONGEST:
        if EMAIL.fullmatch(text):
            return text
        number = text.translate(READABLE)
        if PHONE.fullmatch(number):
            return number
    raise InvalidInput("login", "is neither an e-mail address nor a phone number")


def verify(login: str, password: str) -> Account:
    """The account whose login and password these are, as of now. Two AWS calls at most.

    Raises WrongSecret, after as much work for an unknown login as for a known one.
    """
    record = _named(login)
    if not passwords.matches(password, record.password if record else None) or record is None:
        raise WrongSecret(login)
    return as_struct(Account, record)


def _named(login: str) -> AccountRecord | None:
    try:
        alias = _alias(normalized(login), "")
    except InvalidInput:
        return None
    found = AliasRecord.find(alias.name, alias.scope)
    return AccountRecord.find(found.target) if found else None


def find(account: str) -> Account:
    """No AWS call where it was read a moment ago, else one. Raises AccountNotFound."""
    now, changed = clock.now(), _changed
    held = _loaded.get(account)
    if held is not None and 0 <= now - held[0] < FRESH:
        return held[1]
    record = AccountRecord.find(account) if ids.is_random_id(account) else None
    if record is None:
        raise AccountNotFound(account)
    found = as_struct(Account, record)
    with _lock:
        if changed == _changed:
            if len(_loaded) >= CACHED:
                _loaded.clear()
            _loaded[account] = (now, found)
    return found


def subject(account: Account) -> str:
    """What tokens of this account stand for: it, with its present password."""
    return f"{account.id}#{account.version}"


def of_subject(text: str) -> Account:
    """Costs as `find`. Raises InvalidToken where the account is gone or has another password by now."""
    try:
        found = find(text.partition("#")[0])
    except AccountNotFound as error:
        raise InvalidToken("the account is gone") from error
    if subject(found) != text:
        raise InvalidToken("the password has changed")
    return found


def set_password(account: str, password: str) -> None:
    """Also ends the tokens of the account. One AWS call. Raises InvalidInput, AccountNotFound."""
    text = passwords.hashed(password)
    change = Transaction()
    change.update(
        AccountRecord(account),
        [AccountRecord.password.set(text), AccountRecord.version.add(1)],
        AccountRecord.id.exists(),
        AccountNotFound(account),
    )
    try:
        change.commit()
    finally:
        _drop(account)


def delete(account: str) -> None:
    """Also frees its login and ends its tokens. Two AWS calls. Raises AccountNotFound."""
    record = AccountRecord.find(account) if ids.is_random_id(account) else None
    if record is None:
        raise AccountNotFound(account)
    change = Transaction()
    change.delete(AccountRecord(account), AccountRecord.id.exists(), AccountNotFound(account))
    change.delete(_alias(record.login, account), AliasRecord.target == account)
    try:
        change.commit()
    finally:
        _drop(account)


def list_accounts(tenant: str) -> list[Account]:
    """Oldest first."""
    return [as_struct(Account, record) for record in AccountRecord.by_tenant.query(tenant)]


def forget() -> None:
    """Empty this process's memory of accounts."""
    with _lock:
        _loaded.clear()


def _alias(login: str, account: str) -> AliasRecord:
    return AliasRecord(f"{KIND}#{login}", EVERYWHERE, target=account)


def _drop(account: str) -> None:
    global _changed
    with _lock:
        _changed += 1
        _loaded.pop(account, None)
