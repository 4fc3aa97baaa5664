"""`group`: the device groups of an application."""

from argparse import Namespace
from collections.abc import Iterator
from typing import TYPE_CHECKING

from infra.admin.answers import Answer, table
from infra.admin.parsing import Nouns

if TYPE_CHECKING:
    from chalicelib.core.groups import Group

PAGE = 500


def add(nouns: Nouns) -> None:
    verbs = nouns.noun("group", "the device groups of an application")
    list_ = verbs.verb("list", list_all, "list them with their numbers", "group list --application 9a…")
    list_.add_argument("--application", required=True, metavar="ID", help="whose groups they are")


def list_all(options: Namespace) -> Answer:
    found = list(_groups(options.application))
    rows = [(one.id, str(one.number), one.name, str(one.members)) for one in found]
    text = table(("ID", "NUMBER", "NAME", "MEMBERS"), rows, empty="the application has no group")
    value = [{"id": one.id, "number": one.number, "name": one.name, "members": one.members} for one in found]
    return Answer(value, text)


def _groups(application: str) -> Iterator["Group"]:
    from chalicelib.core import applications, groups

    found = applications.find(application)
    caller = applications.Caller(tenant=found.tenant, application=found.id, owner=found.id)
    number = 0
    while items := groups.page(caller, None, number, PAGE).items:
        yield from items
        number += 1
