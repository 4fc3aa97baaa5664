"""`authorization`: which application may act for which other."""

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any

from infra.admin.answers import Answer, fields, table, time_text
from infra.admin.parsing import Nouns

if TYPE_CHECKING:
    from chalicelib.core.authority import Authorization
    from chalicelib.core.subscriptions import Subscription


def add(nouns: Nouns) -> None:
    verbs = nouns.noun("authorization", "which application may act for which other")
    grant_ = verbs.verb(
        "grant",
        grant,
        "let an application do with another's devices whatever the other may do",
        "authorization grant --owner 9a… --grantee 4c…",
    )
    _pair(grant_)
    across = "allow an application of another tenant"
    grant_.add_argument("--across-tenants", action="store_true", help=across)
    revoke_ = verbs.verb(
        "revoke",
        revoke,
        "end it; running processes refuse within a minute",
        "authorization revoke --owner 9a… --grantee 4c…",
        preview=preview,
    )
    _pair(revoke_)
    list_ = verbs.verb(
        "list", list_all, "list who may act for an application", "authorization list --owner 9a…"
    )
    list_.add_argument("--owner", required=True, metavar="ID", help="whose devices they are")


def _pair(parser: ArgumentParser) -> None:
    parser.add_argument("--owner", required=True, metavar="ID", help="the application whose devices they are")
    parser.add_argument("--grantee", required=True, metavar="ID", help="the application that acts for it")


def grant(options: Namespace) -> Answer:
    from chalicelib.core import authority

    made = authority.grant(options.owner, options.grantee, across=options.across_tenants)
    value = _value(made)
    return Answer(value, fields(value))


def revoke(options: Namespace) -> Answer:
    """Also names the subscriptions that stay: the grantee made them, with the owner's URLs."""
    from chalicelib.core import authority

    authority.revoke(options.owner, options.grantee)
    return _revoked(options, "no longer acts")


def preview(options: Namespace) -> Answer:
    from chalicelib.core import authority

    authority.find(options.owner, options.grantee)
    return _revoked(options, "would no longer act")


def _revoked(options: Namespace, what: str) -> Answer:
    from chalicelib.core import subscriptions

    left = subscriptions.left_by(options.owner, options.grantee)
    value = {
        "owner": options.owner,
        "grantee": options.grantee,
        "subscriptionsLeft": [_left(one) for one in left],
        "dryRun": options.dry_run,
    }
    lines = [f"{options.grantee} {what} for {options.owner}"]
    if left:
        lines.append("these subscriptions stay, as it said that the URLs are the owner's:")
        lines += [f"  {one.id}  {one.notify_type}  {one.url}" for one in left]
    return Answer(value, "\n".join(lines))


def list_all(options: Namespace) -> Answer:
    from chalicelib.core import applications, authority

    owner = applications.find(options.owner)
    found = authority.list_grants(owner.id)
    rows = [(one.grantee, time_text(one.created)) for one in found]
    text = table(("GRANTEE", "SINCE"), rows, empty=f"nobody acts for {owner.name}")
    return Answer([_value(one) for one in found], text)


def _value(found: "Authorization") -> dict[str, Any]:
    return {"owner": found.owner, "grantee": found.grantee, "created": time_text(found.created)}


def _left(found: "Subscription") -> dict[str, str]:
    return {"id": found.id, "notifyType": found.notify_type, "callbackUrl": found.url}
