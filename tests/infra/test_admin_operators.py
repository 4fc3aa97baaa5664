"""The command line's operators and audit log, and what is only tried out."""

from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.core import accounts, applications, audit, authority, keys, operators
from infra.admin.__main__ import parser
from infra.admin.recording import READS
from tests.docs.test_admin import children
from tests.infra.test_admin import ABSENT, Operator
from tests.support.clock import FakeClock
from tests.support.fleet import Fleet, make_fleet
from tests.support.gateway import Gateway
from tests.support.operators import BASE, audit_of


@pytest.fixture
def operator(capsys: pytest.CaptureFixture[str], aws: None) -> Operator:
    return Operator(capsys)


@pytest.fixture
def fleet(aws: None) -> Fleet:
    return make_fleet()


def log() -> list[audit.Entry]:
    return audit.page(None, None, None, 200).entries


def test_the_first_key_comes_from_here(operator: Operator, clock: FakeClock) -> None:
    made = operator.json("operator", "create", "--name", "Ann", "--days", 7)
    root = Gateway({"Authorization": f"Bearer {made['key']}"})
    me = root.get(f"{BASE}/me").json
    assert (me["id"], me["scopes"]) == (made["id"], made["scopes"])
    assert set(me["scopes"]) == {each.value for each in operators.Scope}
    assert me["creator"].startswith("cli ")
    assert me["expires"] == "2023-11-21T22:13:20Z"
    (entry,) = audit_of(root)
    assert (entry["operator"], entry["action"], entry["made"]) == ("cli", "operator.create", made["id"])
    assert "@" in entry["operatorName"]


def test_scopes_and_words(operator: Operator) -> None:
    line = ("operator", "create", "--name", "Bob", "--scope", "read", "--scope", "write")
    assert operator.run(*line) == 0
    assert "read write" in operator.out
    assert "only now" in operator.out
    key = next(line for line in operator.out.splitlines() if line.startswith("key")).split()[1]
    assert operator.run("operator", "list") == 0
    assert "Bob" in operator.out
    assert key.partition(".")[2] not in operator.out
    (found,) = operators.list_operators()
    assert operator.json("operator", "list")[0]["id"] == found.id
    assert operator.json("operator", "revoke", found.id) == {"id": found.id}
    assert operator.refused("operator", "revoke", found.id).startswith("polything: operator not found")
    assert [each.outcome.value for each in log()] == ["refused", "done", "done"]


def test_what_changes_is_recorded_and_what_reads_is_not(operator: Operator, fleet: Fleet) -> None:
    operator.json("application", "list", "--tenant", fleet.tenant)
    operator.json("tenant", "list")
    assert log() == []
    made = operator.json("application", "create", "--tenant", fleet.tenant, "--name", "n")
    operator.json("application", "set-rate", made["id"], "--calls", 5)
    operator.json("product", "show-key", fleet.product.id)
    operator.refused("application", "rotate-secret", ABSENT)
    shown = [(each.action, each.target, each.outcome.value, each.made) for each in reversed(log())]
    assert shown == [
        ("application.create", {"tenant": fleet.tenant}, "done", made["id"]),
        ("application.set-rate", {"application": made["id"]}, "done", None),
        ("product.show-key", {"product": fleet.product.id}, "done", None),
        ("application.rotate-secret", {"application": ABSENT}, "refused", None),
    ]


def test_the_log_in_pages(operator: Operator, fleet: Fleet) -> None:
    for _ in range(3):
        operator.json("application", "rotate-secret", fleet.application)
    first = operator.json("audit", "list", "--limit", 2, "--from", "2023-11-14")
    rest = operator.json("audit", "list", "--limit", 2, "--cursor", first["cursor"])
    assert [len(first["entries"]), len(rest["entries"]), rest["cursor"]] == [2, 1, None]
    assert operator.json("audit", "list", "--to", "2023-11-14T00:00:00Z")["entries"] == []
    assert operator.run("audit", "list", "--limit", 2) == 0
    assert "application.rotate-secret" in operator.out
    assert f"--cursor {first['cursor']}" in operator.out
    assert "--from is no time" in operator.refused("audit", "list", "--from", "soon")


def test_tenants_are_listed_oldest_first(operator: Operator, clock: FakeClock) -> None:
    made = []
    for name in ("one", "two"):
        made.append(operator.json("tenant", "create", name)["id"])
        clock.advance(1)
    assert [each["id"] for each in operator.json("tenant", "list")] == made


def destroyable(fleet: Fleet) -> dict[str, tuple[tuple[object, ...], Callable[[], Any]]]:
    """Commands, and what still works where they were only tried out."""
    key, _ = keys.create(fleet.application)
    account = accounts.create(fleet.application, "ann@acme.example", "a password")
    other, _ = applications.create_application(fleet.tenant, "other")
    authority.grant(fleet.application, other.id)
    made, _ = operators.create("n", tuple(operators.Scope), "cli")
    pair = ("--owner", fleet.application, "--grantee", other.id)
    return {
        "key": (("key", "revoke", key.id), lambda: keys.find(key.id)),
        "account": (("account", "delete", account.id), lambda: accounts.find(account.id)),
        "authorization": (
            ("authorization", "revoke", *pair),
            lambda: authority.find(fleet.application, other.id),
        ),
        "operator": (("operator", "revoke", made.id), lambda: operators.find(made.id)),
    }


@pytest.mark.parametrize("kind", ["key", "account", "authorization", "operator"])
def test_a_dry_run_destroys_nothing(operator: Operator, fleet: Fleet, kind: str) -> None:
    line, there = destroyable(fleet)[kind]
    assert operator.json(*line, "--dry-run")["dryRun"] is True
    assert operator.run(*line, "--dry-run") == 0
    assert "would" in operator.out
    assert there()
    assert log() == []
    assert operator.run(*line) == 0
    assert operator.refused(*line, "--dry-run")


def test_what_destroys_can_be_tried_out() -> None:
    for noun, of in children(parser()).items():
        for verb, found in children(of).items():
            destroys = verb in ("delete", "revoke", "remove", "retire", "rotate")
            options = {name for action in found._actions for name in action.option_strings}
            assert ("--dry-run" in options) is destroys, f"{noun} {verb}"


def test_every_verb_that_is_not_known_to_read_is_recorded() -> None:
    verbs = {verb for of in children(parser()).values() for verb in children(of)}
    assert READS & verbs
    assert not {verb for verb in READS if verb.startswith(("create", "delete", "set", "revoke", "show-"))}
