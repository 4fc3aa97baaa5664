"""`application`: the programs that call the APIs with a key and a secret."""

from argparse import Namespace
from typing import TYPE_CHECKING, Any

from infra.admin.answers import SHOWN_ONCE, Answer, fields, table, time_text
from infra.admin.parsing import Nouns

if TYPE_CHECKING:
    from chalicelib.core.applications import Application


def add(nouns: Nouns) -> None:
    verbs = nouns.noun("application", "the programs that call the APIs")
    create_ = verbs.verb(
        "create",
        create,
        "make an application; prints its id and its secret, once",
        'application create --tenant 3f… --name "Billing"',
    )
    create_.add_argument("--tenant", required=True, metavar="ID", help="the tenant it works for")
    create_.add_argument("--name", required=True, help="what people call it")
    list_ = verbs.verb("list", list_all, "list a tenant's applications", "application list --tenant 3f…")
    list_.add_argument("--tenant", required=True, metavar="ID")
    rotate_ = verbs.verb(
        "rotate-secret",
        rotate_secret,
        "give an application a new secret; the old one ends at once, tokens got with it within an hour",
        "application rotate-secret 9a…",
    )
    rotate_.add_argument("application", metavar="ID")
    rate_ = verbs.verb(
        "set-rate",
        set_rate,
        "set how many calls a minute an application may make (100 where nothing is set)",
        "application set-rate 9a… --calls 1000",
    )
    rate_.add_argument("application", metavar="ID")
    rate_.add_argument("--calls", type=int, required=True, metavar="NUMBER", help="a minute")


def create(options: Namespace) -> Answer:
    from chalicelib.core import applications

    made, secret = applications.create_application(options.tenant, options.name)
    value = {**_value(made), "secret": secret}
    return Answer(value, f"{fields(value)}\n{SHOWN_ONCE}")


def list_all(options: Namespace) -> Answer:
    from chalicelib.core import applications

    tenant = applications.get_tenant(options.tenant)
    found = applications.list_applications(tenant.id)
    rows = [(one.id, one.name, time_text(one.created)) for one in found]
    text = table(("ID", "NAME", "CREATED"), rows, empty=f"{tenant.name} has no application")
    return Answer([_value(one) for one in found], text)


def rotate_secret(options: Namespace) -> Answer:
    from chalicelib.core import applications

    secret = applications.rotate_secret(options.application)
    value = {"id": options.application, "secret": secret}
    return Answer(value, f"{fields(value)}\n{SHOWN_ONCE}")


def set_rate(options: Namespace) -> Answer:
    from chalicelib.core import applications

    value = _value(applications.set_rate(options.application, options.calls))
    return Answer(value, fields(value))


def _value(found: "Application") -> dict[str, Any]:
    return {
        "id": found.id,
        "tenant": found.tenant,
        "name": found.name,
        "rate": found.rate,
        "created": time_text(found.created),
    }
