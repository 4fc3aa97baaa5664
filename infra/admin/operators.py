"""`operator`: who may call the operator's API, and for what."""

from argparse import Namespace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from infra.admin import recording
from infra.admin.answers import Answer, fields, table, time_text
from infra.admin.parsing import Nouns

if TYPE_CHECKING:
    from chalicelib.core.operators import Operator

SCOPES = ("read", "write", "secrets", "destroy", "operators")
KEY_SHOWN_ONCE = "The key is shown only now: keep it."


def add(nouns: Nouns) -> None:
    verbs = nouns.noun("operator", "who may call the operator's API, and for what")
    create_ = verbs.verb(
        "create",
        create,
        "make an operator's key; prints it, once",
        "operator create --name Ann --scope read --scope write",
    )
    create_.add_argument("--name", required=True, metavar="NAME", help="who uses it")
    scope = "what it may do; give it again for another (all)"
    create_.add_argument("--scope", action="append", choices=SCOPES, metavar="SCOPE", help=scope)
    create_.add_argument("--days", type=int, metavar="NUMBER", help="after which it expires (never)")
    verbs.verb("list", list_all, "list the operators", "operator list")
    revoke_ = verbs.verb(
        "revoke",
        revoke,
        "end a key for good; running processes refuse it within a minute",
        "operator revoke 5d…",
        preview=preview,
    )
    revoke_.add_argument("operator", metavar="ID")


def create(options: Namespace) -> Answer:
    from chalicelib.core import clock, operators
    from chalicelib.core.operators import Scope

    scopes = [Scope(each) for each in options.scope or SCOPES]
    expires = None
    if options.days is not None:
        now = datetime.fromtimestamp(clock.now() / 1000, UTC)
        expires = round((now + timedelta(days=min(options.days, 36_500))).timestamp() * 1000)
    made, key = operators.create(options.name, scopes, f"cli {recording.name()}", expires)
    value = {**_value(made), "key": key}
    return Answer(value, f"{fields(_in_words(value))}\n{KEY_SHOWN_ONCE}")


def list_all(options: Namespace) -> Answer:
    from chalicelib.core import operators

    found = operators.list_operators()
    rows = [
        (one.id, one.name, " ".join(sorted(one.scopes)), time_text(one.created), _expires(one) or "never")
        for one in found
    ]
    heads = ("ID", "NAME", "SCOPES", "CREATED", "EXPIRES")
    return Answer([_value(one) for one in found], table(heads, rows, empty="there is no operator"))


def revoke(options: Namespace) -> Answer:
    from chalicelib.core import operators

    operators.revoke(options.operator)
    return Answer({"id": options.operator}, f"{options.operator} is revoked")


def preview(options: Namespace) -> Answer:
    from chalicelib.core import operators

    found = operators.find(options.operator)
    return Answer({**_value(found), "dryRun": True}, f"would revoke {found.id} ({found.name})")


def _value(found: "Operator") -> dict[str, Any]:
    return {
        "id": found.id,
        "name": found.name,
        "scopes": sorted(found.scopes),
        "created": time_text(found.created),
        "creator": found.creator,
        "expires": _expires(found),
    }


def _in_words(value: dict[str, Any]) -> dict[str, Any]:
    return value | {"scopes": " ".join(value["scopes"])}


def _expires(found: "Operator") -> str | None:
    return time_text(found.expires) if found.expires is not None else None
