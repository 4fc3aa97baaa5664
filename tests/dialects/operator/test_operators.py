"""Operators' keys and the audit log, at the wire."""

import json
from typing import Any

import pytest

from chalicelib.core import operators
from chalicelib.core.operators import Scope
from tests.conftest import Calls
from tests.support.clock import FakeClock
from tests.support.gateway import Gateway
from tests.support.operators import BASE, audit_of, operator_with, problem

ABSENT = "f" * 32


def test_who_one_is(root: Gateway, calls: Calls) -> None:
    found = root.get(f"{BASE}/me")
    assert found.status == 200
    assert set(found.json) == {"id", "name", "scopes", "created", "creator"}
    assert found.json["scopes"] == ["destroy", "operators", "read", "secrets", "write"]
    assert found.json["created"] == "2023-11-14T22:13:20Z"
    assert found.headers["cache-control"] == "no-store"
    calls.clear()
    root.get(f"{BASE}/me")
    assert calls.made == []


def test_a_key_is_made_used_and_revoked(root: Gateway, clock: FakeClock) -> None:
    body = {"name": "Billing", "scopes": ["read", "write"], "expires": "2023-11-15T00:00:00Z"}
    made = root.post(f"{BASE}/operators", body)
    assert made.status == 201
    key = made.json["key"]
    other = Gateway({"Authorization": f"Bearer {key}"})
    shown = {name: value for name, value in made.json.items() if name != "key"}
    assert other.get(f"{BASE}/me").json == shown
    assert shown["creator"] == root.get(f"{BASE}/me").json["id"]
    listed = root.get(f"{BASE}/operators").json["operators"]
    assert shown in listed
    assert "key" not in json.dumps(listed)
    gone = root.delete(f"{BASE}/operators/{shown['id']}")
    assert (gone.status, gone.json) == (
        200,
        {"kind": "operator", "id": shown["id"], "name": "Billing", "dryRun": False},
    )
    assert problem(other.get(f"{BASE}/me")) == (401, "wrong-secret")
    assert problem(root.delete(f"{BASE}/operators/{shown['id']}")) == (404, "operator-not-found")


def test_a_dry_run_revokes_nothing_and_is_not_recorded(root: Gateway) -> None:
    made = root.post(f"{BASE}/operators", {"name": "n", "scopes": ["read"]}).json
    before = audit_of(root)
    reply = root.delete(f"{BASE}/operators/{made['id']}?dryRun=true")
    assert reply.json == {"kind": "operator", "id": made["id"], "name": "n", "dryRun": True}
    assert Gateway({"Authorization": f"Bearer {made['key']}"}).get(f"{BASE}/me").status == 200
    assert audit_of(root) == before
    assert problem(root.delete(f"{BASE}/operators/{ABSENT}?dryRun=true")) == (404, "operator-not-found")


@pytest.mark.parametrize("query", ["dryrun=true", "dry_run=true", "dryRun=yes", "dryRun=2"])
def test_a_mistyped_dry_run_destroys_nothing(root: Gateway, query: str) -> None:
    made = root.post(f"{BASE}/operators", {"name": "n", "scopes": ["read"]}).json
    assert problem(root.delete(f"{BASE}/operators/{made['id']}?{query}")) == (400, "invalid-input")
    assert operators.find(made["id"])


def test_a_key_gives_no_more_than_it_has(aws: None) -> None:
    limited = operator_with(Scope.OPERATORS, Scope.READ)
    reply = limited.post(f"{BASE}/operators", {"name": "n", "scopes": ["read", "secrets"]})
    assert problem(reply) == (403, "scope-missing")
    assert reply.json["detail"] == "the key lacks secrets"
    assert len(operators.list_operators()) == 1
    assert limited.post(f"{BASE}/operators", {"name": "n", "scopes": ["read"]}).status == 201


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"scopes": ["read"]}, "name"),
        ({"name": "", "scopes": ["read"]}, "name"),
        ({"name": " ", "scopes": ["read"]}, "name"),
        ({"name": "n"}, "scopes"),
        ({"name": "n", "scopes": []}, "scopes"),
        ({"name": "n", "scopes": ["root"]}, "scopes[0]"),
        ({"name": "n", "scopes": ["read"], "expires": "tomorrow"}, "expires"),
        ({"name": "n", "scopes": ["read"], "expires": "2020-01-01T00:00:00Z"}, "expires"),
        ({"name": "n", "scopes": ["read"], "expire": None}, ""),
    ],
)
def test_bad_bodies_name_the_field(root: Gateway, body: dict[str, Any], field: str) -> None:
    reply = root.post(f"{BASE}/operators", body)
    assert problem(reply) == (400, "invalid-input")
    assert reply.json.get("field", "") == field
    assert reply.json["detail"]


def test_the_log_tells_who_did_what(root: Gateway, clock: FakeClock) -> None:
    clock.advance(1)
    made = root.post(f"{BASE}/operators", {"name": "n", "scopes": ["read"]}).json
    clock.advance(1)
    root.delete(f"{BASE}/operators/{made['id']}")
    clock.advance(1)
    root.delete(f"{BASE}/operators/{made['id']}")
    me = root.get(f"{BASE}/me").json
    third, second, first = audit_of(root)
    assert first == {
        "id": first["id"],
        "at": "2023-11-14T22:13:21Z",
        "operator": me["id"],
        "operatorName": "Ann",
        "action": "operator.create",
        "target": {},
        "outcome": "done",
        "made": made["id"],
        "address": "203.0.113.7",
        "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
    }
    assert (second["action"], second["target"], second["outcome"]) == (
        "operator.revoke",
        {"operator": made["id"]},
        "done",
    )
    assert (third["outcome"], third["reason"]) == ("refused", f"OperatorNotFound: {made['id']}")
    assert made["key"].partition(".")[2] not in json.dumps([first, second, third])


def test_what_a_key_may_not_do_is_recorded(root: Gateway, reader: Gateway) -> None:
    assert problem(reader.post(f"{BASE}/operators", {"name": "n", "scopes": ["read"]})) == (
        403,
        "scope-missing",
    )
    assert problem(reader.get(f"{BASE}/operators")) == (403, "scope-missing")
    listed, made = audit_of(root)
    assert (made["action"], made["outcome"]) == ("operator.create", "refused")
    assert made["target"] == {"method": "POST", "path": f"{BASE}/operators"}
    assert listed["action"] == "list_operators"


def test_pages_of_the_log_end(root: Gateway, clock: FakeClock) -> None:
    for number in range(5):
        root.post(f"{BASE}/operators", {"name": str(number), "scopes": ["read"]})
        clock.advance(1)
    found: list[str] = []
    url, pages = f"{BASE}/audit?limit=2", 0
    while pages < 10:
        page = root.get(url).json
        found += [each["id"] for each in page["entries"]]
        pages += 1
        if "cursor" not in page:
            break
        url = f"{BASE}/audit?limit=2&cursor={page['cursor']}"
    assert (pages, len(set(found))) == (3, 5)
    assert found == sorted(found, reverse=True)
    begin, end = "2023-11-14T22:13:21Z", "2023-11-14T22:13:23Z"
    assert len(audit_of(root, **{"from": begin, "to": end})) == 2
    assert problem(root.get(f"{BASE}/audit?cursor=x")) == (400, "invalid-input")
    assert problem(root.get(f"{BASE}/audit?limit=201")) == (400, "invalid-input")


@pytest.mark.parametrize("given", [None, "", "Bearer", "Bearer ", "Basic eDp5", "op_x.y"])
def test_no_key(aws: None, given: str | None) -> None:
    reply = Gateway({"Authorization": given} if given is not None else {}).get(f"{BASE}/me")
    assert problem(reply) == (401, "missing-credentials")
    assert reply.headers["www-authenticate"] == "Bearer"


def test_guesses_are_stopped(root: Gateway) -> None:
    stranger = Gateway({"Authorization": f"Bearer op_{ABSENT}.x"}, source_ip="203.0.113.99")
    for _ in range(10):
        assert problem(stranger.get(f"{BASE}/me")) == (401, "wrong-secret")
    assert problem(stranger.get(f"{BASE}/me")) == (429, "too-many-failures")
    assert root.get(f"{BASE}/me").status == 200
    assert audit_of(root) == [], "who has no key fills no log"


def test_an_expired_key(aws: None, clock: FakeClock) -> None:
    _, key = operators.create("n", (Scope.READ,), "cli test", clock.at + 1)
    clock.advance(1)
    reply = Gateway({"Authorization": f"Bearer {key}"}).get(f"{BASE}/me")
    assert problem(reply) == (401, "invalid-token")
