"""Huawei 1.4: login, refresh, logout, and who may call at all."""

import json
from urllib.parse import urlencode

import pytest

from tests.conftest import Calls
from tests.support.clock import FakeClock
from tests.support.fleet import Fleet, make_application, make_fleet
from tests.support.gateway import Gateway, Reply

LOGIN = "/iocm/app/sec/v1.1.0/login"
REFRESH = "/iocm/app/sec/v1.1.0/refreshToken"
LOGOUT = "/iocm/app/sec/v1.1.0/logout"
ANY = "/iocm/app/reg/v1.1.0/deviceCredentials/" + "f" * 32
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
def web(fleet: Fleet) -> Gateway:
    """Nobody has logged in."""
    return Gateway()


def error(reply: Reply) -> tuple[int, str]:
    assert set(reply.json) == {"error_code", "error_desc"}
    assert reply.headers["content-type"] == "application/json; charset=UTF-8"
    return reply.status, reply.json["error_code"]


def credentials(fleet: Fleet) -> dict[str, str]:
    return {"appId": fleet.application, "secret": fleet.secret}


def headers(fleet: Fleet, token: str, key: str = "app_key") -> dict[str, str]:
    return {key: fleet.application, "Authorization": f"Bearer {token}"}


def lives(web: Gateway, fleet: Fleet, token: str) -> bool:
    reply = web.get(ANY, headers=headers(fleet, token))
    if reply.status == 404:  # let in: the device is what is missing
        return True
    assert error(reply) == (403, "1010005")
    return False


def is_pair(reply: Reply) -> bool:
    assert reply.status == 200
    assert reply.headers["content-type"] == "application/json; charset=UTF-8"
    body = reply.json
    assert (body["scope"], body["tokenType"], body["expiresIn"]) == ("default", "Bearer", 3600)
    return set(body) == {"scope", "tokenType", "expiresIn", "accessToken", "refreshToken"}


def test_login_by_form_and_json_whatever_the_label(web: Gateway, fleet: Fleet) -> None:
    form, as_json = urlencode(credentials(fleet)), json.dumps(credentials(fleet))
    for body in (form, as_json):
        for label in ("application/x-www-form-urlencoded", "application/json", "application/octet-stream"):
            reply = web.post(LOGIN, body, headers={"Content-Type": label})
            assert is_pair(reply)
            assert lives(web, fleet, reply.json["accessToken"])
    assert is_pair(web.post(LOGIN, {"appId": fleet.application, "Secret": fleet.secret}))


@pytest.mark.parametrize("missing", ["appId", "secret"])
@pytest.mark.parametrize("empty", [True, False])
def test_login_without_a_required_parameter(web: Gateway, fleet: Fleet, missing: str, empty: bool) -> None:
    body = credentials(fleet)
    body.pop(missing)
    if empty:
        body[missing] = ""
    for text in (urlencode(body), json.dumps(body)):
        assert error(web.post(LOGIN, text, headers=FORM)) == (400, "102202")
    assert error(web.post(LOGIN, "")) == (400, "102202")
    assert error(web.post(LOGIN, "{")) == (400, "102202")


def test_login_with_a_wrong_secret_or_application(web: Gateway, fleet: Fleet) -> None:
    other = make_fleet("other")
    for body in (
        {"appId": fleet.application, "secret": "wrong"},
        {"appId": fleet.application, "secret": other.secret},
        {"appId": "unknown", "secret": fleet.secret},
    ):
        assert error(web.post(LOGIN, body)) == (401, "100208")


def test_ten_failed_logins_close_the_door_for_that_address(
    web: Gateway, fleet: Fleet, clock: FakeClock
) -> None:
    wrong = {"appId": fleet.application, "secret": "wrong"}
    for path in (LOGIN, REFRESH) * 5:
        assert error(web.post(path, {**wrong, "refreshToken": "x"})) == (401, "100208")
    assert error(web.post(LOGIN, credentials(fleet))) == (400, "100449")
    assert is_pair(Gateway(source_ip="198.51.100.1").post(LOGIN, credentials(fleet)))
    clock.advance(300)
    assert is_pair(web.post(LOGIN, credentials(fleet)))


def test_a_new_login_ends_the_token_before(web: Gateway, fleet: Fleet) -> None:
    first = web.post(LOGIN, credentials(fleet)).json["accessToken"]
    second = web.post(LOGIN, credentials(fleet)).json["accessToken"]
    assert (lives(web, fleet, first), lives(web, fleet, second)) == (False, True)


def test_a_token_lasts_an_hour(web: Gateway, fleet: Fleet, clock: FakeClock) -> None:
    token = web.post(LOGIN, credentials(fleet)).json["accessToken"]
    clock.advance(3599)
    assert lives(web, fleet, token)
    clock.advance(1)
    assert not lives(web, fleet, token)


def test_refreshing_needs_no_header_and_ends_the_old_pair(
    web: Gateway, fleet: Fleet, clock: FakeClock
) -> None:
    old = web.post(LOGIN, credentials(fleet)).json
    clock.advance(23 * 3600)
    body = {**credentials(fleet), "refreshToken": old["refreshToken"]}
    reply = web.post(REFRESH, body)
    assert is_pair(reply)
    assert lives(web, fleet, reply.json["accessToken"])
    assert not lives(web, fleet, old["accessToken"])
    assert error(web.post(REFRESH, body)) == (400, "50400")


def test_what_refreshing_refuses(web: Gateway, fleet: Fleet, clock: FakeClock) -> None:
    other = make_fleet("other")
    pair = web.post(LOGIN, credentials(fleet)).json
    body = {**credentials(fleet), "refreshToken": pair["refreshToken"]}
    for missing in body:
        rest = {name: value for name, value in body.items() if name != missing}
        assert error(web.post(REFRESH, rest)) == (400, "102202")
    assert error(web.post(REFRESH, {**body, "secret": "wrong"})) == (401, "100208")
    for token in (pair["accessToken"], "x", "huawei-x.y"):
        assert error(web.post(REFRESH, {**body, "refreshToken": token})) == (400, "50400")
    stolen = {**credentials(other), "refreshToken": pair["refreshToken"]}
    assert error(web.post(REFRESH, stolen)) == (400, "50400")
    clock.advance(24 * 3600)
    assert error(web.post(REFRESH, body)) == (400, "50400")


def test_logout_is_empty_and_ends_both_tokens(web: Gateway, fleet: Fleet) -> None:
    pair = web.post(LOGIN, credentials(fleet)).json
    reply = web.post(LOGOUT, {"accessToken": pair["accessToken"]})
    assert (reply.status, reply.body) == (204, "")
    assert not lives(web, fleet, pair["accessToken"])
    body = {**credentials(fleet), "refreshToken": pair["refreshToken"]}
    assert error(web.post(REFRESH, body)) == (400, "50400")
    assert error(web.post(LOGOUT, {"accessToken": pair["accessToken"]})) == (403, "1010005")
    assert error(web.post(LOGOUT, {})) == (400, "102202")


def test_who_may_call(web: Gateway, fleet: Fleet) -> None:
    token = web.post(LOGIN, credentials(fleet)).json["accessToken"]
    right = headers(fleet, token)
    assert web.get(ANY, headers=headers(fleet, token, "x-app-key")).status == 404
    assert (
        web.get(ANY, headers={"APP_KEY": fleet.application, "authorization": f"bearer {token}"}).status == 404
    )
    assert error(web.get(ANY, headers={"Authorization": right["Authorization"]})) == (401, "100025")
    for wrong in ("", token, "Bearer", "Bearer ", "Basic " + token, "Bearer x" + token, "Bearer huawei-.x"):
        assert error(web.get(ANY, headers={**right, "Authorization": wrong})) == (403, "1010005")
    assert error(web.get(ANY, headers={"app_key": fleet.application})) == (403, "1010005")
    other = make_fleet("other")
    assert error(web.get(ANY, headers={**right, "app_key": other.application})) == (403, "1010005")
    assert error(web.get(f"{ANY}?appId={other.application}", headers=right)) == (403, "100203")
    assert error(web.get(f"{ANY}?appId={make_application(fleet)}", headers=right)) == (403, "100217")
    assert web.get(f"{ANY}?appId={fleet.application}", headers=right).status == 404


def test_what_it_costs(web: Gateway, fleet: Fleet, calls: Calls) -> None:
    pair = web.post(LOGIN, credentials(fleet)).json
    assert calls.made[-3:] == ["dynamodb.GetItem", "dynamodb.GetItem", "dynamodb.PutItem"]
    calls.clear()
    refreshed = web.post(REFRESH, {**credentials(fleet), "refreshToken": pair["refreshToken"]}).json
    assert calls.made == ["dynamodb.GetItem"] * 3 + ["dynamodb.UpdateItem"]
    calls.clear()
    web.post(LOGOUT, {"accessToken": refreshed["accessToken"]})
    assert calls.made == ["dynamodb.DeleteItem"]
