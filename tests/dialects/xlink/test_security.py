"""XLink's login: by account, by access key, refresh, expiry, and what ends a token."""

from typing import Any

import pytest

from chalicelib.core import accounts, keys
from tests.conftest import Calls
from tests.support.clock import FakeClock
from tests.support.fleet import Fleet, make_fleet
from tests.support.gateway import Gateway, Reply
from tests.support.process import forget_everything

LOGIN, PASSWORD = "ann@example.com", "correct horse"
ABSENT = "f" * 32


def code(reply: Reply) -> tuple[int, int]:
    assert set(reply.json) == {"error"}
    assert set(reply.json["error"]) == {"code", "msg"}
    assert reply.json["error"]["code"] // 10_000 == reply.status
    return reply.status, reply.json["error"]["code"]


@pytest.fixture
def account(fleet: Fleet) -> accounts.Account:
    return accounts.create(fleet.application, LOGIN, PASSWORD)


def log_in(account: str = LOGIN, password: str = PASSWORD) -> Reply:
    return Gateway().post("/v2/corp_auth", {"account": account, "password": password})


def ask(token: str | None) -> Reply:
    return Gateway(headers={} if token is None else {"Access-Token": token}).get("/v2/products")


def refresh(tokens: dict[str, Any], header: str | None = None) -> Reply:
    headers = {"Access-Token": tokens["access_token"] if header is None else header}
    return Gateway(headers=headers).post("/v2/corp/token/refresh", {"refresh_token": tokens["refresh_token"]})


def test_an_account_logs_in(fleet: Fleet, account: accounts.Account) -> None:
    reply = log_in()
    assert reply.status == 200
    assert set(reply.json) == {"corp_id", "member_id", "access_token", "refresh_token", "expire_in"}
    assert (reply.json["corp_id"], reply.json["member_id"]) == (fleet.tenant, account.id)
    assert reply.json["expire_in"] == 3600
    assert [each["id"] for each in ask(reply.json["access_token"]).json] == [fleet.product.id]


def test_an_access_key_logs_in(fleet: Fleet) -> None:
    key, secret = keys.create(fleet.application)
    reply = Gateway().post("/v2/accesskey_auth", {"id": key.id, "secret": secret})
    assert reply.status == 200
    assert set(reply.json) == {"access_token", "refresh_token", "expire_in"}
    assert ask(reply.json["access_token"]).status == 200


@pytest.mark.parametrize(("account_", "password"), [(LOGIN, "wrong"), ("nobody@example.com", PASSWORD)])
def test_a_wrong_password_and_an_unknown_account_are_answered_alike(
    account: accounts.Account, account_: str, password: str
) -> None:
    reply = log_in(account_, password)
    assert code(reply) == (400, 4001007)
    assert reply.json == log_in("other@example.com", "x").json


@pytest.mark.parametrize("ident", ["known", ABSENT, "x" * 256])
def test_a_wrong_access_key(fleet: Fleet, ident: str) -> None:
    key, _ = keys.create(fleet.application)
    body = {"id": key.id if ident == "known" else ident, "secret": "wrong"}
    assert code(Gateway().post("/v2/accesskey_auth", body)) == (400, 4001071)


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("corp_auth", {"account": LOGIN}, 4001002),
        ("corp_auth", {"account": LOGIN, "password": ""}, 4001002),
        ("accesskey_auth", {"id": ABSENT}, 4001002),
        ("accesskey_auth", {"id": 5, "secret": "s"}, 4001001),
        ("accesskey_auth", "{", 4001001),
    ],
)
def test_bad_forms(aws: None, path: str, body: Any, expected: int) -> None:
    assert code(Gateway().post(f"/v2/{path}", body)) == (400, expected)


def test_a_login_leaves_the_tokens_before_it(account: accounts.Account) -> None:
    first, second = log_in().json, log_in().json
    assert ask(first["access_token"]).status == ask(second["access_token"]).status == 200


@pytest.mark.parametrize("token", [None, "", "  "])
def test_without_a_token(aws: None, token: str | None) -> None:
    assert code(ask(token)) == (403, 4031002)


@pytest.mark.parametrize("token", ["x", "xlink-account", f"xlink-key-{ABSENT}-00.abc", "x" * 3000])
def test_with_a_wrong_token(aws: None, token: str) -> None:
    assert code(ask(token)) == (403, 4031003)


def test_another_dialects_token_is_no_token_here(fleet: Fleet) -> None:
    form = {"appId": fleet.application, "secret": fleet.secret}
    token = Gateway().post("/iocm/app/sec/v1.1.0/login", form).json["accessToken"]
    assert code(ask(token)) == (403, 4031003)


def test_a_token_expires(account: accounts.Account, clock: FakeClock) -> None:
    token = log_in().json["access_token"]
    clock.advance(3599)
    assert ask(token).status == 200
    clock.advance(1)
    assert code(ask(token)) == (403, 4031003)


def test_refreshing_ends_both_tokens_also_after_the_access_token_expired(
    account: accounts.Account, clock: FakeClock
) -> None:
    first = log_in().json
    clock.advance(3601)
    reply = refresh(first)
    assert reply.status == 200
    assert set(reply.json) == {"access_token", "refresh_token", "expire_in"}
    assert ask(reply.json["access_token"]).status == 200
    assert code(ask(first["access_token"])) == (403, 4031003)
    assert code(refresh(first)) == (400, 4001010)


def test_a_refresh_token_expires(account: accounts.Account, clock: FakeClock) -> None:
    first = log_in().json
    clock.advance(24 * 3600)
    assert code(refresh(first)) == (400, 4001010)


def test_refreshing_needs_the_access_token_of_the_same_login(account: accounts.Account) -> None:
    first, second = log_in().json, log_in().json
    assert code(refresh(first, "")) == (403, 4031002)
    assert code(refresh(first, "junk")) == (403, 4031003)
    assert code(refresh(first, second["access_token"])) == (400, 4001010)
    assert code(refresh({**first, "refresh_token": "junk"})) == (400, 4001010)
    assert refresh(first).status == 200


def test_a_new_password_ends_the_tokens_of_the_old(account: accounts.Account) -> None:
    first = log_in().json
    accounts.set_password(account.id, "battery staple")
    assert code(ask(first["access_token"])) == (403, 4031003)
    assert code(refresh(first)) == (400, 4001010)


def test_a_deleted_account_has_no_tokens(account: accounts.Account) -> None:
    first = log_in().json
    accounts.delete(account.id)
    assert code(ask(first["access_token"])) == (403, 4031003)
    assert code(refresh(first)) == (403, 4031003)


def test_a_revoked_key_has_no_tokens(fleet: Fleet) -> None:
    key, secret = keys.create(fleet.application)
    first = Gateway().post("/v2/accesskey_auth", {"id": key.id, "secret": secret}).json
    keys.revoke(key.id)
    assert code(ask(first["access_token"])) == (403, 4031003)
    assert code(refresh(first)) == (403, 4031003)


def test_failed_logins_are_limited_over_all_spellings_of_one_address(
    account: accounts.Account, clock: FakeClock
) -> None:
    for turn in range(10):
        assert code(log_in(LOGIN.upper() if turn % 2 else f" {LOGIN}", "wrong")) == (400, 4001007)
    assert code(log_in()) == (429, 4291002)
    clock.advance(301)
    assert log_in().status == 200


def test_failed_keys_are_limited(fleet: Fleet) -> None:
    key, secret = keys.create(fleet.application)
    for _ in range(10):
        Gateway().post("/v2/accesskey_auth", {"id": key.id, "secret": "wrong"})
    body = {"id": key.id, "secret": secret}
    assert code(Gateway().post("/v2/accesskey_auth", body)) == (429, 4291002)
    assert Gateway(source_ip="203.0.113.8").post("/v2/accesskey_auth", body).status == 200


def test_too_many_calls(app: Gateway) -> None:
    replies = [app.get("/v2/products") for _ in range(120)]
    refused = next(each for each in replies if each.status != 200)
    assert code(refused) == (429, 4291001)
    assert 0 < int(refused.headers["retry-after"]) <= 60


def test_what_logins_cost(fleet: Fleet, account: accounts.Account, calls: Calls) -> None:
    key, secret = keys.create(fleet.application)
    calls.clear()
    assert log_in().status == 200
    assert calls.made == ["dynamodb.GetItem"] * 3 + ["dynamodb.PutItem"]
    calls.clear()
    first = Gateway().post("/v2/accesskey_auth", {"id": key.id, "secret": secret}).json
    assert calls.made == ["dynamodb.GetItem"] * 2 + ["dynamodb.PutItem"]
    calls.clear()
    assert refresh(first).status == 200
    assert calls.made == ["dynamodb.GetItem", "dynamodb.UpdateItem"]


def test_a_token_is_read_once_a_minute(account: accounts.Account, calls: Calls) -> None:
    token = log_in().json["access_token"]
    forget_everything()
    calls.clear()
    first = ask(token).status
    cold = list(calls.made)
    calls.clear()
    assert (first, ask(token).status) == (200, 200)
    assert cold.count("dynamodb.GetItem") == 2  # the grant and the account
    assert "dynamodb.GetItem" not in calls.made


def test_two_tenants_do_not_meet(fleet: Fleet, app: Gateway) -> None:
    other = make_fleet("other")
    key, secret = keys.create(other.application)
    token = Gateway().post("/v2/accesskey_auth", {"id": key.id, "secret": secret}).json["access_token"]
    assert [each["id"] for each in ask(token).json] == [other.product.id]
