"""docs/operator.md: scopes and costs of every operation, and every error."""

import re
from collections.abc import Callable

import pytest

from chalicelib.core import attempts, audit, clock, operators
from chalicelib.core.operators import Scope
from chalicelib.dialects.operator import errors
from chalicelib.dialects.operator.auth import ACTS
from chalicelib.dialects.operator.routes import api
from infra.admin.operators import SCOPES
from tests.conftest import Calls
from tests.docs.markdown import code, doc, rows, section
from tests.support.fleet import Fleet, make_fleet
from tests.support.gateway import Gateway, Reply
from tests.support.operators import BASE, operator_with

PAGE = doc("operator.md")
CALL = re.compile(r"`([A-Z]+ /\S+)`")
Act = Callable[[], Reply]


def operations() -> dict[str, list[str]]:
    """The row of each."""
    found = [(CALL.search(row[1]), row) for row in rows(section(PAGE, "## Operations"))]
    return {call[1]: row for call, row in found if call}


def test_scopes_of_every_operation() -> None:
    held = {
        f"{each.method} {each.path}": {scope.value for scope in ACTS[each.name].scopes}
        for each in api.operations
    }
    assert {call: code(row[0]) for call, row in operations().items()} == held


def test_scopes_are_told_and_the_command_line_knows_them() -> None:
    told = [row[0].strip("`") for row in rows(section(PAGE, "## Keys"))]
    assert told == [each.value for each in Scope]
    assert list(SCOPES) == told


def test_every_error_is_told_and_no_other() -> None:
    told = {(int(row[0]), row[1].strip("`")) for row in rows(section(PAGE, "## Errors"))}
    faults = {errors.NO_OPERATION, errors.WRONG_VERB, errors.INTERNAL}
    for operation in api.operations:
        faults |= {api.fault(kind, operation) for kind in (*operation.raises, *api.defaults)}
    assert told == {(fault.status, fault.code) for fault in faults}


def test_outcomes_and_times() -> None:
    told = {row[0].strip("`") for row in rows(section(PAGE, "## Audit log"))}
    assert told == {each.value for each in audit.Outcome}
    assert f"kept {audit.KEPT // clock.DAY} days" in PAGE
    assert f"within {operators.FRESH // 1000} seconds" in PAGE
    assert (attempts.MOST, attempts.WINDOW) == (10, 5 * clock.MINUTE)


def test_every_action_has_one_name() -> None:
    actions = [act.action for act in ACTS.values() if act.action]
    assert len(set(actions)) == len(actions)
    assert all(re.fullmatch(r"[a-z-]+\.[a-z-]+", action) for action in actions)
    for operation in api.operations:
        if operation.method != "GET":
            assert ACTS[operation.name].action, f"{operation.name} is not recorded"


def made(root: Gateway) -> str:
    return str(root.post(f"{BASE}/operators", {"name": "n", "scopes": ["read"]}).json["id"])


def revoke(root: Gateway, _: Fleet) -> Act:
    ident = made(root)
    return lambda: root.delete(f"{BASE}/operators/{ident}")


SCENES: dict[str, Callable[[Gateway, Fleet], Act]] = {
    "GET /me": lambda root, _: lambda: root.get(f"{BASE}/me"),
    "GET /operators": lambda root, _: lambda: root.get(f"{BASE}/operators"),
    "POST /operators": lambda root, _: (
        lambda: root.post(f"{BASE}/operators", {"name": "n", "scopes": ["read"]})
    ),
    "DELETE /operators/{operatorId}": revoke,
    "GET /audit": lambda root, _: (
        lambda: root.get(f"{BASE}/audit?from=2023-11-14T00:00:00Z&to=2023-11-15T00:00:00Z")
    ),
}


@pytest.mark.parametrize("operation", sorted(SCENES))
def test_calls_are_as_told(aws: None, operation: str, calls: Calls) -> None:
    root, fleet = operator_with(*Scope), make_fleet()
    root.get(f"{BASE}/me")
    act = SCENES[operation](root, fleet)
    calls.clear()
    reply = act()
    assert reply.status < 300, reply.body
    verb, path = operation.split(" ")
    told = re.match(r"(\d+)(?: to (\d+))?", operations()[f"{verb} {BASE}{path}"][2])
    assert told is not None
    assert int(told[1]) <= len(calls.made) <= int(told[2] or told[1]), calls.made


def test_every_operation_is_measured() -> None:
    assert {call.replace(BASE, "") for call in operations()} == SCENES.keys()


def test_a_refusal_and_a_new_key_cost_more(aws: None, calls: Calls) -> None:
    root = operator_with(*Scope)
    calls.clear()
    root.get(f"{BASE}/me")
    assert len(calls.made) == 2
    calls.clear()
    root.delete(f"{BASE}/operators/{'f' * 32}")
    assert calls.made == ["dynamodb.GetItem", "dynamodb.PutItem"]
