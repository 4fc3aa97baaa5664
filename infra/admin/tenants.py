"""`tenant`: who owns applications, products and devices."""

from argparse import Namespace

from infra.admin.answers import Answer, fields, table, time_text
from infra.admin.parsing import Nouns


def add(nouns: Nouns) -> None:
    verbs = nouns.noun("tenant", "who owns applications, products and devices")
    create_ = verbs.verb("create", create, "make a tenant", 'tenant create "Acme Water"')
    create_.add_argument("name", metavar="NAME", help="what people call it; need not be unique")
    verbs.verb("list", list_all, "list all tenants, oldest first", "tenant list --json")


def create(options: Namespace) -> Answer:
    from chalicelib.core import applications

    made = applications.create_tenant(options.name)
    value = {"id": made.id, "name": made.name, "created": time_text(made.created)}
    return Answer(value, fields(value))


def list_all(options: Namespace) -> Answer:
    from chalicelib.core import applications

    found: list[applications.Tenant] = []
    place: str | None = ""
    while place is not None:
        page, place = applications.list_tenants(place, 500)
        found += page
    rows = [(one.id, one.name, time_text(one.created)) for one in found]
    text = table(("ID", "NAME", "CREATED"), rows, empty="there is no tenant")
    value = [{"id": one.id, "name": one.name, "created": time_text(one.created)} for one in found]
    return Answer(value, text)
