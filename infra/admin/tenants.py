"""`tenant`: who owns applications, products and devices."""

from argparse import Namespace

from infra.admin.answers import Answer, fields, time_text
from infra.admin.parsing import Nouns


def add(nouns: Nouns) -> None:
    verbs = nouns.noun("tenant", "who owns applications, products and devices")
    create_ = verbs.verb("create", create, "make a tenant", 'tenant create "Acme Water"')
    create_.add_argument("name", metavar="NAME", help="what people call it; need not be unique")


def create(options: Namespace) -> Answer:
    from chalicelib.core import applications

    made = applications.create_tenant(options.name)
    value = {"id": made.id, "name": made.name, "created": time_text(made.created)}
    return Answer(value, fields(value))
