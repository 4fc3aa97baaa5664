"""Tenants, applications, authorizations, access keys and accounts at the wire."""

import json
from typing import Any

import pytest

from chalicelib.core import accounts, applications, callbacks, keys, subscriptions
from chalicelib.core.applications import Caller
from chalicelib.core.errors import WrongSecret
from chalicelib.core.operators import Scope
from tests.support.clock import FakeClock
from tests.support.fleet import Fleet, make_fleet
from tests.support.gateway import Gateway, Reply
from tests.support.operators import BASE, audit_of, operator_with, problem

ABSENT = "f" * 32
PASSWORD = "correct horse"


def test_from_nothing_to_an_application_that_logs_in(root: Gateway) -> None:
    tenant = root.post(f"{BASE}/tenants", {"name": "Acme"})
    assert (tenant.status, tenant.json["name"]) == (201, "Acme")
    path = f"{BASE}/tenants/{tenant.json['id']}"
    assert root.get(path).json == tenant.json
    made = root.post(f"{path}/applications", {"name": "Billing"})
    assert made.status == 201
    assert applications.verify(made.json["id"], made.json["secret"]).tenant == tenant.json["id"]
    shown = {name: value for name, value in made.json.items() if name != "secret"}
    assert root.get(f"{path}/applications").json == {"applications": [shown]}
    assert root.get(f"{BASE}/applications/{shown['id']}").json == shown
    assert shown["rate"] == 100
    log = [(each["action"], each["made"]) for each in audit_of(root)]
    assert log == [("application.create", shown["id"]), ("tenant.create", tenant.json["id"])]
    assert made.json["secret"] not in json.dumps(audit_of(root))


def test_pages_of_tenants_end(root: Gateway, clock: FakeClock) -> None:
    made = []
    for number in range(5):
        made.append(root.post(f"{BASE}/tenants", {"name": str(number)}).json["id"])
        clock.advance(1)
    found: list[str] = []
    url, pages = f"{BASE}/tenants?limit=2", 0
    while pages < 10:
        page = root.get(url).json
        found += [each["id"] for each in page["tenants"]]
        pages += 1
        if "cursor" not in page:
            break
        url = f"{BASE}/tenants?limit=2&cursor={page['cursor']}"
    assert found == made
    for cursor in ("x", "e30", "%C3%A9"):
        assert problem(root.get(f"{BASE}/tenants?cursor={cursor}")) == (400, "invalid-input")


def test_a_secret_is_changed(root: Gateway, fleet: Fleet) -> None:
    path = f"{BASE}/applications/{fleet.application}"
    fresh = root.post(f"{path}/secret").json
    assert applications.verify(fleet.application, fresh["secret"])
    with pytest.raises(WrongSecret):
        applications.verify(fleet.application, fleet.secret)


def test_a_rate_is_set(root: Gateway, fleet: Fleet) -> None:
    path = f"{BASE}/applications/{fleet.application}/rate"
    assert root.put(path, {"rate": 7}).json["rate"] == 7
    for rate in (0, -1, 1_000_001, "7", None, 1.5):
        assert problem(root.put(path, {"rate": rate})) == (400, "invalid-input")
    assert applications.find(fleet.application).rate == 7


def test_authorizations(root: Gateway, fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callbacks, "check_url", lambda url: None)
    other, _ = applications.create_application(fleet.tenant, "other")
    path = f"{BASE}/applications/{fleet.application}/authorizations"
    for _ in range(2):
        assert root.put(f"{path}/{other.id}", {}).status == 200
    (shown,) = root.get(path).json["authorizations"]
    assert (shown["applicationId"], shown["granteeId"]) == (fleet.application, other.id)
    caller = Caller(fleet.tenant, other.id, fleet.application)
    left = subscriptions.create(caller, "huawei", "deviceAdded", "http://203.0.113.9:80/", owners=True)
    tried = root.delete(f"{path}/{other.id}?dryRun=true").json
    assert root.get(path).json["authorizations"] == [shown]
    gone = root.delete(f"{path}/{other.id}").json
    assert gone == tried | {"dryRun": False}
    assert gone["subscriptionsLeft"] == [
        {
            "id": left.id,
            "dialect": "huawei",
            "notifyType": "deviceAdded",
            "callbackUrl": "http://203.0.113.9:80/",
        }
    ]
    assert root.get(path).json["authorizations"] == []
    for query in ("", "?dryRun=true"):
        assert problem(root.delete(f"{path}/{other.id}{query}")) == (404, "authorization-not-found")


def test_an_authorization_across_tenants_is_asked_for(root: Gateway, fleet: Fleet) -> None:
    other = make_fleet("other")
    path = f"{BASE}/applications/{fleet.application}/authorizations/{other.application}"
    assert problem(root.put(path, {})) == (400, "invalid-input")
    assert root.put(path, {"acrossTenants": True}).status == 200
    own = f"{BASE}/applications/{fleet.application}/authorizations/{fleet.application}"
    assert problem(root.put(own, {})) == (400, "invalid-input")
    assert problem(root.put(f"{path[:-32]}{ABSENT}", {})) == (404, "application-not-found")


def test_access_keys(root: Gateway, fleet: Fleet) -> None:
    path = f"{BASE}/applications/{fleet.application}/keys"
    made = root.post(path, {"name": "reports"})
    assert made.status == 201
    assert keys.verify(made.json["id"], made.json["secret"]).caller == fleet.caller
    shown = {name: value for name, value in made.json.items() if name != "secret"}
    assert root.get(path).json == {"keys": [shown]}
    one = f"{BASE}/keys/{shown['id']}"
    assert root.delete(f"{one}?dryRun=true").json["dryRun"] is True
    assert root.delete(one).json == {"kind": "key", "id": shown["id"], "name": "reports", "dryRun": False}
    for _ in range(2):
        assert problem(root.delete(one)) == (404, "key-not-found")


def test_accounts(root: Gateway, fleet: Fleet) -> None:
    body = {"login": "Ann@Acme.example", "password": PASSWORD}
    path = f"{BASE}/applications/{fleet.application}/accounts"
    made = root.post(path, body)
    assert (made.status, made.json["login"]) == (201, "ann@acme.example")
    assert problem(root.post(path, body)) == (409, "login-taken")
    assert root.get(f"{BASE}/tenants/{fleet.tenant}/accounts").json == {"accounts": [made.json]}
    one = f"{BASE}/accounts/{made.json['id']}"
    assert root.put(f"{one}/password", {"password": "another horse"}).status == 200
    assert accounts.verify("ann@acme.example", "another horse").id == made.json["id"]
    assert root.delete(f"{one}?dryRun=true").json["name"] == "ann@acme.example"
    assert accounts.find(made.json["id"])
    assert root.delete(one).status == 200
    assert problem(root.delete(one)) == (404, "account-not-found")
    held = json.dumps(audit_of(root))
    assert PASSWORD not in held
    assert "another horse" not in held
    for bad in ({"login": "x", "password": PASSWORD}, {"login": "a@b.c", "password": "short"}):
        assert problem(root.post(path, bad)) == (400, "invalid-input")


def absent_calls(root: Gateway) -> list[tuple[Reply, str]]:
    application, tenant = f"{BASE}/applications/{ABSENT}", f"{BASE}/tenants/{ABSENT}"
    account = {"login": "a@b.example", "password": PASSWORD}
    return [
        (root.get(tenant), "tenant"),
        (root.get(f"{BASE}/tenants/x"), "tenant"),
        (root.get(f"{tenant}/applications"), "tenant"),
        (root.post(f"{tenant}/applications", {"name": "n"}), "tenant"),
        (root.get(f"{tenant}/accounts"), "tenant"),
        (root.get(application), "application"),
        (root.post(f"{application}/secret"), "application"),
        (root.put(f"{application}/rate", {"rate": 5}), "application"),
        (root.get(f"{application}/authorizations"), "application"),
        (root.get(f"{application}/keys"), "application"),
        (root.post(f"{application}/keys", {}), "application"),
        (root.post(f"{application}/accounts", account), "application"),
        (root.delete(f"{BASE}/keys/{ABSENT}"), "key"),
        (root.delete(f"{BASE}/keys/x"), "key"),
        (root.put(f"{BASE}/accounts/{ABSENT}/password", {"password": PASSWORD}), "account"),
        (root.delete(f"{BASE}/accounts/x"), "account"),
    ]


def test_what_is_not_there(root: Gateway) -> None:
    for reply, kind in absent_calls(root):
        assert problem(reply) == (404, f"{kind}-not-found")


@pytest.mark.parametrize(
    ("method", "path", "body", "scopes"),
    [
        ("POST", "/tenants", {"name": "n"}, {"write"}),
        ("POST", "/tenants/{t}/applications", {"name": "n"}, {"write", "secrets"}),
        ("POST", "/applications/{a}/secret", None, {"write", "secrets"}),
        ("POST", "/applications/{a}/keys", {}, {"write", "secrets"}),
        ("GET", "/products/{p}/key", None, {"secrets"}),
        ("DELETE", "/products/{p}?dryRun=true", None, {"destroy"}),
        ("GET", "/tenants", None, {"read"}),
    ],
)
def test_each_scope_is_needed(fleet: Fleet, method: str, path: str, body: Any, scopes: set[str]) -> None:
    url = BASE + path.format(t=fleet.tenant, a=fleet.application, p=fleet.product.id)
    for lacking in Scope:
        reply = operator_with(*(each for each in Scope if each is not lacking)).call(method, url, body)
        if lacking.value in scopes:
            assert problem(reply) == (403, "scope-missing")
            assert lacking.value in reply.json["detail"]
    assert operator_with(*(Scope(each) for each in scopes)).call(method, url, body).status < 300
