"""`account`: people who log in with an e-mail address or a phone number and a password."""

import sys
from argparse import Namespace
from getpass import getpass
from typing import TYPE_CHECKING, Any

from infra.admin.answers import Answer, fields, table, time_text
from infra.admin.errors import Unreadable
from infra.admin.parsing import Nouns

if TYPE_CHECKING:
    from chalicelib.core.accounts import Account


def add(nouns: Nouns) -> None:
    verbs = nouns.noun("account", "people who log in with a name and a password")
    create_ = verbs.verb(
        "create",
        create,
        "make an account; asks for its password, or reads it from standard input",
        "account create --application 9a… --login ann@acme.example",
    )
    create_.add_argument("--application", required=True, metavar="ID", help="for which it acts")
    create_.add_argument("--login", required=True, metavar="LOGIN", help="e-mail address or phone number")
    list_ = verbs.verb("list", list_all, "list a tenant's accounts", "account list --tenant 3f…")
    list_.add_argument("--tenant", required=True, metavar="ID")
    password_ = verbs.verb(
        "set-password",
        set_password,
        "give an account a new password, asked for or read from standard input; its tokens end",
        "account set-password 7c…",
    )
    password_.add_argument("account", metavar="ID")
    delete_ = verbs.verb(
        "delete",
        delete,
        "delete an account and free its login; its tokens end",
        "account delete 7c…",
        preview=preview,
    )
    delete_.add_argument("account", metavar="ID")


def create(options: Namespace) -> Answer:
    from chalicelib.core import accounts, applications

    application = applications.find(options.application)
    login = accounts.normalized(options.login)
    value = _value(accounts.create(application.id, login, _password()))
    return Answer(value, fields(value))


def list_all(options: Namespace) -> Answer:
    from chalicelib.core import accounts, applications

    tenant = applications.get_tenant(options.tenant)
    found = accounts.list_accounts(tenant.id)
    rows = [(one.id, one.login, one.application, time_text(one.created)) for one in found]
    text = table(("ID", "LOGIN", "APPLICATION", "CREATED"), rows, empty=f"{tenant.name} has no account")
    return Answer([_value(one) for one in found], text)


def set_password(options: Namespace) -> Answer:
    from chalicelib.core import accounts

    login = accounts.find(options.account).login
    accounts.set_password(options.account, _password())
    return Answer({"id": options.account, "login": login}, f"{login} has a new password")


def delete(options: Namespace) -> Answer:
    from chalicelib.core import accounts

    accounts.delete(options.account)
    return Answer({"id": options.account}, f"{options.account} is deleted")


def preview(options: Namespace) -> Answer:
    from chalicelib.core import accounts

    found = accounts.find(options.account)
    return Answer({**_value(found), "dryRun": True}, f"would delete {found.id} ({found.login})")


def _password() -> str:
    """Never an argument: those stand in the shell's history and in the list of processes."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass("password: ")
    if getpass("again: ") != password:
        raise Unreadable("the two passwords differ")
    return password


def _value(found: "Account") -> dict[str, Any]:
    return {
        "id": found.id,
        "tenant": found.tenant,
        "application": found.application,
        "login": found.login,
        "created": time_text(found.created),
    }
