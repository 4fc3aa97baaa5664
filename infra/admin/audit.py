"""`audit`: what operators did and were refused."""

from argparse import Namespace
from typing import TYPE_CHECKING, Any

from infra.admin.answers import Answer, table, time_text
from infra.admin.parsing import Nouns
from infra.admin.times import millis

if TYPE_CHECKING:
    from chalicelib.core.audit import Entry


def add(nouns: Nouns) -> None:
    verbs = nouns.noun("audit", "what operators did and were refused, here and by the API")
    list_ = verbs.verb("list", list_all, "list it, newest first", "audit list --from 2026-11-01 --json")
    for name, help_ in (
        ("--from", "not before this time, as 2026-11-22 or 2026-11-22T09:00:00Z"),
        ("--to", "before"),
    ):
        list_.add_argument(name, dest=f"{name.strip('-')}_", metavar="TIME", help=help_)
    list_.add_argument("--cursor", metavar="TEXT", help="the cursor that the page before gave")
    list_.add_argument("--limit", type=int, default=50, metavar="NUMBER", help="entries (%(default)s)")


def list_all(options: Namespace) -> Answer:
    from chalicelib.core import audit

    size = min(max(options.limit, 1), audit.MOST_LISTED)
    since, until = millis("--from", options.from_), millis("--to", options.to_)
    found = audit.page(since, until, options.cursor, size)
    rows = [
        (
            time_text(one.at),
            one.actor_name,
            one.action,
            one.outcome.value,
            " ".join([*one.target.values(), *([f"made {one.made}"] if one.made else [])]),
        )
        for one in found.entries
    ]
    text = table(("TIME", "WHO", "ACTION", "OUTCOME", "ON"), rows, empty="nothing is recorded")
    if found.cursor:
        text += f"\nmore: --cursor {found.cursor}"
    return Answer({"entries": [_value(one) for one in found.entries], "cursor": found.cursor}, text)


def _value(found: "Entry") -> dict[str, Any]:
    return {
        "id": found.id,
        "at": time_text(found.at),
        "operator": found.actor,
        "operatorName": found.actor_name,
        "action": found.action,
        "target": found.target,
        "outcome": found.outcome.value,
        "reason": found.reason,
        "made": found.made,
        "address": found.address,
        "requestId": found.request,
    }
