"""`key`: the access keys with which programs act for an application."""

from argparse import Namespace
from typing import TYPE_CHECKING, Any

from infra.admin.answers import SHOWN_ONCE, Answer, fields, table, time_text
from infra.admin.parsing import Nouns

if TYPE_CHECKING:
    from chalicelib.core.keys import ApiKey


def add(nouns: Nouns) -> None:
    verbs = nouns.noun("key", "the access keys with which programs act for an application")
    create_ = verbs.verb(
        "create",
        create,
        "make an access key; prints its id and its secret, once",
        "key create --application 9a… --name reports",
    )
    create_.add_argument("--application", required=True, metavar="ID", help="for which it acts")
    create_.add_argument("--name", default="", help="what people call it")
    create_.add_argument(
        "--use",
        choices=("any", "app", "cloud"),
        default="any",
        help="app: for apps, whose secrets people can find; it opens no interface that acts for all",
    )
    list_ = verbs.verb("list", list_all, "list an application's keys", "key list --application 9a…")
    list_.add_argument("--application", required=True, metavar="ID")
    revoke_ = verbs.verb(
        "revoke",
        revoke,
        "end a key for good; running processes refuse it within a minute",
        "key revoke 5d…",
        preview=preview,
    )
    revoke_.add_argument("key", metavar="ID")


def create(options: Namespace) -> Answer:
    from chalicelib.core import keys

    made, secret = keys.create(options.application, options.name, keys.Use(options.use))
    value = {**_value(made), "secret": secret}
    return Answer(value, f"{fields(value)}\n{SHOWN_ONCE}")


def list_all(options: Namespace) -> Answer:
    from chalicelib.core import applications, keys

    application = applications.find(options.application)
    found = keys.list_keys(application.id)
    rows = [(one.id, one.name, one.use.value, time_text(one.created)) for one in found]
    text = table(("ID", "NAME", "USE", "CREATED"), rows, empty=f"{application.name} has no key")
    return Answer([_value(one) for one in found], text)


def revoke(options: Namespace) -> Answer:
    from chalicelib.core import keys

    keys.revoke(options.key)
    return Answer({"id": options.key}, f"{options.key} is revoked")


def preview(options: Namespace) -> Answer:
    from chalicelib.core import keys

    found = keys.find(options.key)
    return Answer({**_value(found), "dryRun": True}, f"would revoke {found.id} ({found.name})")


def _value(found: "ApiKey") -> dict[str, Any]:
    return {
        "id": found.id,
        "tenant": found.tenant,
        "application": found.application,
        "name": found.name,
        "use": found.use.value,
        "created": time_text(found.created),
    }
