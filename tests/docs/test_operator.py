"""docs/operator.md: scopes and costs of every operation, and every error."""

import re
from collections.abc import Callable

import pytest

from chalicelib.aws.keyring import Count
from chalicelib.core import (
    accounts,
    applications,
    attempts,
    audit,
    callbacks,
    clock,
    key_versions,
    keys,
    operators,
    targets,
)
from chalicelib.core.operators import Scope
from chalicelib.dialects.operator import errors
from chalicelib.dialects.operator.auth import ACTS
from chalicelib.dialects.operator.routes import api
from infra.admin.operators import SCOPES
from tests.conftest import Calls
from tests.dialects.operator import test_callbacks, test_packages
from tests.docs.markdown import code, doc, rows, section
from tests.support.automations import level, notify
from tests.support.clock import FakeClock
from tests.support.fleet import Fleet, make_fleet
from tests.support.gateway import Gateway, Reply
from tests.support.operators import BASE, add_device, operator_with
from tests.support.upgrades import make_package

PAGE = doc("operator.md")
CALL = re.compile(r"`([A-Z]+ /\S+)`")
Act = Callable[[], Reply]
Scene = Callable[[Gateway, Fleet], Act]


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
    told = {(int(row[0]), each) for row in rows(section(PAGE, "## Errors")) for each in code(row[1])}
    faults = {errors.NO_OPERATION, errors.WRONG_VERB, errors.INTERNAL}
    for operation in api.operations:
        faults |= {api.fault(kind, operation) for kind in (*operation.raises, *api.defaults)}
    assert told == {(fault.status, fault.code) for fault in faults}


def test_outcomes_and_times() -> None:
    assert f"only failed for {targets.DEAD_AFTER // clock.HOUR} hours" in PAGE
    assert targets.DEAD_PROBE == clock.HOUR
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


def of_product(act: Callable[[Gateway, str], Reply]) -> Scene:
    return lambda root, fleet: lambda: act(root, f"{BASE}/products/{fleet.product.id}")


def of_application(act: Callable[[Gateway, str], Reply]) -> Scene:
    return lambda root, fleet: lambda: act(root, f"{BASE}/applications/{fleet.application}")


def of_tenant(act: Callable[[Gateway, str], Reply]) -> Scene:
    return lambda root, fleet: lambda: act(root, f"{BASE}/tenants/{fleet.tenant}")


def granted(act: str) -> Scene:
    def scene(root: Gateway, fleet: Fleet) -> Act:
        other, _ = applications.create_application(fleet.tenant, "other")
        path = f"{BASE}/applications/{fleet.application}/authorizations/{other.id}"
        root.put(path, {})
        return lambda: root.call(act, path, {} if act == "PUT" else None)

    return scene


def with_key(root: Gateway, fleet: Fleet) -> Act:
    made, _ = keys.create(fleet.application)
    return lambda: root.delete(f"{BASE}/keys/{made.id}")


def with_account(act: Callable[[Gateway, str], Reply]) -> Scene:
    def scene(root: Gateway, fleet: Fleet) -> Act:
        made = accounts.create(fleet.application, "ann@acme.example", "a password")
        return lambda: act(root, f"{BASE}/accounts/{made.id}")

    return scene


def with_package(act: str) -> Scene:
    def scene(root: Gateway, fleet: Fleet) -> Act:
        made = make_package(fleet)
        return lambda: root.call(act, f"{BASE}/packages/{made.id}")

    return scene


def completed(root: Gateway, fleet: Fleet) -> Act:
    path = f"{BASE}/applications/{fleet.application}/packages"
    ident = root.post(f"{path}/uploads", test_packages.body()).json["id"]
    test_packages.put(fleet, ident)
    return lambda: root.put(f"{path}/{ident}", test_packages.body())


def searched(root: Gateway, fleet: Fleet) -> Act:
    add_device(fleet, "meter-1")
    return lambda: root.get(f"{BASE}/tenants/{fleet.tenant}/devices?id=meter-1")


def new_automation(root: Gateway, fleet: Fleet) -> Act:
    meter = add_device(fleet, "meter-1")
    rule = {"name": "full", "conditions": [level(meter)], "actions": [notify("look")]}
    return lambda: root.post(f"{BASE}/applications/{fleet.application}/automations", {"rule": rule})


def with_automation(act: Callable[[Gateway, str], Reply]) -> Scene:
    def scene(root: Gateway, fleet: Fleet) -> Act:
        ident = new_automation(root, fleet)().json["id"]
        return lambda: act(root, f"{BASE}/automations/{ident}")

    return scene


def listed(what: str) -> Scene:
    def scene(root: Gateway, fleet: Fleet) -> Act:
        new_automation(root, fleet)()
        make_package(fleet)
        return lambda: root.get(f"{BASE}/applications/{fleet.application}/{what}?limit=1")

    return scene


def replayed(root: Gateway, fleet: Fleet) -> Act:
    found = test_callbacks.subscriptions.create(fleet.caller, "huawei", "deviceAdded", test_callbacks.URL).id
    entry = test_callbacks.logged(fleet, found, FakeClock(1_700_000_000_000))
    path = f"{BASE}/applications/{fleet.application}/subscriptions/{found}/deliveries/{entry}/replay"
    return lambda: root.post(path)


def rotated(root: Gateway, _: Fleet) -> Act:
    core_clock = FakeClock(1_700_000_000_000)
    clock.use(core_clock)
    job = key_versions.rotate()
    settled = job.started + key_versions.SETTLED
    key_versions.note(Count(settled, {}))
    root.get(f"{BASE}/me")
    return lambda: root.delete(f"{BASE}/encryption/versions/1")


def with_job(root: Gateway, _: Fleet) -> Act:
    ident = root.post(f"{BASE}/replays/dead-letters").json["id"]
    return lambda: root.get(f"{BASE}/jobs/{ident}")


LINE = "/applications/{applicationId}/subscriptions/{subscriptionId}"

SCENES: dict[str, Scene] = {
    "GET /me": lambda root, _: lambda: root.get(f"{BASE}/me"),
    "GET /operators": lambda root, _: lambda: root.get(f"{BASE}/operators"),
    "POST /operators": lambda root, _: (
        lambda: root.post(f"{BASE}/operators", {"name": "n", "scopes": ["read"]})
    ),
    "DELETE /operators/{operatorId}": revoke,
    "GET /audit": lambda root, _: (
        lambda: root.get(f"{BASE}/audit?from=2023-11-14T00:00:00Z&to=2023-11-15T00:00:00Z")
    ),
    "GET /tenants": lambda root, _: lambda: root.get(f"{BASE}/tenants"),
    "POST /tenants": lambda root, _: lambda: root.post(f"{BASE}/tenants", {"name": "n"}),
    "GET /tenants/{tenantId}": of_tenant(lambda root, path: root.get(path)),
    "GET /tenants/{tenantId}/applications": of_tenant(lambda root, path: root.get(f"{path}/applications")),
    "POST /tenants/{tenantId}/applications": of_tenant(
        lambda root, path: root.post(f"{path}/applications", {"name": "n"})
    ),
    "GET /applications/{applicationId}": of_application(lambda root, path: root.get(path)),
    "POST /applications/{applicationId}/secret": of_application(
        lambda root, path: root.post(f"{path}/secret")
    ),
    "PUT /applications/{applicationId}/rate": of_application(
        lambda root, path: root.put(f"{path}/rate", {"rate": 5})
    ),
    "GET /applications/{applicationId}/authorizations": of_application(
        lambda root, path: root.get(f"{path}/authorizations")
    ),
    "PUT /applications/{applicationId}/authorizations/{granteeId}": granted("PUT"),
    "DELETE /applications/{applicationId}/authorizations/{granteeId}": granted("DELETE"),
    "GET /applications/{applicationId}/keys": of_application(lambda root, path: root.get(f"{path}/keys")),
    "POST /applications/{applicationId}/keys": of_application(
        lambda root, path: root.post(f"{path}/keys", {})
    ),
    "DELETE /keys/{keyId}": with_key,
    "GET /tenants/{tenantId}/accounts": of_tenant(lambda root, path: root.get(f"{path}/accounts")),
    "POST /applications/{applicationId}/accounts": of_application(
        lambda root, path: root.post(f"{path}/accounts", {"login": "a@b.example", "password": "a password"})
    ),
    "PUT /accounts/{accountId}/password": with_account(
        lambda root, path: root.put(f"{path}/password", {"password": "another password"})
    ),
    "DELETE /accounts/{accountId}": with_account(lambda root, path: root.delete(path)),
    "GET /tenants/{tenantId}/products": of_tenant(lambda root, path: root.get(f"{path}/products")),
    "POST /tenants/{tenantId}/products": of_tenant(
        lambda root, path: root.post(f"{path}/products?format=feiyan&name=n", "{}")
    ),
    "GET /products/{productId}": of_product(lambda root, path: root.get(path)),
    "GET /products/{productId}/key": of_product(lambda root, path: root.get(f"{path}/key")),
    "GET /products/{productId}/model": of_product(lambda root, path: root.get(f"{path}/model?format=huawei")),
    "PUT /products/{productId}/model": of_product(
        lambda root, path: root.put(f"{path}/model?format=feiyan", "{}")
    ),
    "GET /products/{productId}/details": of_product(lambda root, path: root.get(f"{path}/details")),
    "PUT /products/{productId}/details": of_product(
        lambda root, path: root.put(f"{path}/details", {"category": 61})
    ),
    "PUT /products/{productId}/layout": of_product(
        lambda root, path: root.put(f"{path}/layout", {"reports": []})
    ),
    "DELETE /products/{productId}/layout": of_product(lambda root, path: root.delete(f"{path}/layout")),
    "DELETE /products/{productId}": of_product(lambda root, path: root.delete(path)),
    "GET /tenants/{tenantId}/devices": searched,
    "GET /applications/{applicationId}/packages": listed("packages"),
    "POST /applications/{applicationId}/packages/uploads": of_application(
        lambda root, path: root.post(f"{path}/packages/uploads", test_packages.body())
    ),
    "PUT /applications/{applicationId}/packages/{packageId}": completed,
    "GET /packages/{packageId}": with_package("GET"),
    "DELETE /packages/{packageId}": with_package("DELETE"),
    "GET /applications/{applicationId}/automations": listed("automations"),
    "POST /applications/{applicationId}/automations": new_automation,
    "GET /automations/{automationId}": with_automation(lambda root, path: root.get(path)),
    "PUT /automations/{automationId}/enabled": with_automation(
        lambda root, path: root.put(f"{path}/enabled", {"enabled": False})
    ),
    "DELETE /automations/{automationId}": with_automation(lambda root, path: root.delete(path)),
    "GET /automations/{automationId}/runs": with_automation(lambda root, path: root.get(f"{path}/runs")),
    "GET /applications/{applicationId}/subscriptions": of_application(
        lambda root, path: root.get(f"{path}/subscriptions")
    ),
    f"GET {LINE}/deliveries": of_application(
        lambda root, path: root.get(f"{path}/subscriptions/direct/deliveries")
    ),
    f"POST {LINE}/deliveries/{{attemptId}}/replay": replayed,
    f"POST {LINE}/replays": of_application(
        lambda root, path: root.post(f"{path}/subscriptions/x/replays", {"from": "2023-11-14T00:00:00Z"})
    ),
    "POST /replays/dead-letters": lambda root, _: lambda: root.post(f"{BASE}/replays/dead-letters"),
    "PUT /applications/{applicationId}/callbacks/resumed": of_application(
        lambda root, path: root.put(f"{path}/callbacks/resumed", {"target": "http://a.example:80"})
    ),
    "GET /encryption": lambda root, _: lambda: root.get(f"{BASE}/encryption"),
    "POST /encryption/rotations": lambda root, _: lambda: root.post(f"{BASE}/encryption/rotations"),
    "DELETE /encryption/versions/{version}": rotated,
    "GET /jobs": lambda root, _: lambda: root.get(f"{BASE}/jobs"),
    "GET /jobs/{jobId}": with_job,
}


@pytest.mark.parametrize("operation", sorted(SCENES))
def test_calls_are_as_told(aws: None, operation: str, calls: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callbacks, "check_url", lambda *_: None)  # no name is resolved here
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
