"""The login chain of apps, as published clients go through it."""

import base64
import json
from typing import Any
from urllib.parse import urlencode

import pytest

from chalicelib.core import passwords, users
from tests.conftest import Calls
from tests.support.clock import FakeClock
from tests.support.feiyan import Program, Someone, app_of
from tests.support.fleet import Fleet, make_fleet

LOGIN, PASSWORD = "ann@example.com", "correct horse"
CREATE, REFRESH, END = (
    "/account/createSessionByAuthCode",
    "/account/checkOrRefreshSession",
    "/iotx/account/invalidSession",
)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "N", 2)


@pytest.fixture
def ann(fleet: Fleet) -> str:
    return users.create(fleet.caller, users.NewUser(login=LOGIN, password=PASSWORD, nickname="Ann")).id


def logged_in(app: Program, **fields: str) -> Any:
    reply = app.form("/api/prd/login.json", {"loginId": LOGIN, **fields})
    assert reply.status == 200, reply.body
    return reply.json["data"]["loginSuccessResult"]


def asked(**fields: str) -> dict[str, Any]:
    return {"request": fields}


def test_the_whole_chain(app: Program, ann: str) -> None:
    connected = app.form("/api/prd/connect.json", {"request": '{"device": {"model": "x"}}'}).json
    vid = connected["data"]["vid"]
    first = logged_in(app, password=PASSWORD)
    wanted = {"loginByOauthRequest": json.dumps({"authCode": first["sid"], "oauthPlateform": 23})}
    result = app.form("/api/prd/loginbyoauth.json", wanted, {"vid": vid}).json
    found = result["data"]["data"]["loginSuccessResult"]
    assert found == result["data"]["loginSuccessResult"]
    assert found["openAccount"]["id"] == ann
    assert found["openAccount"]["displayName"] == "Ann"
    code = asked(authCode=found["sid"], accountType="OA_SESSION", appKey=app.key)
    session = app.ok(CREATE, "1.0.4", code)
    assert session["identityId"] == ann
    assert (session["iotTokenExpire"], session["refreshTokenExpire"]) == (7200, 2_592_000)
    renewed = app.ok(REFRESH, "1.0.4", asked(refreshToken=session["refreshToken"], identityId=ann))
    assert renewed["iotToken"] != session["iotToken"]
    assert app.code(END, "1.0.4", asked(iotToken=session["iotToken"])) == 401
    assert app.code(END, "1.0.4", asked(iotToken=renewed["iotToken"])) == 200
    assert app.code(END, "1.0.4", asked(iotToken=renewed["iotToken"])) == 401
    spent = asked(refreshToken=renewed["refreshToken"], identityId=ann)
    assert app.code(REFRESH, "1.0.4", spent) == 2401


def test_a_session_ends_by_its_refresh_token(app: Program, fleet: Fleet, ann: str) -> None:
    session = app.ok(CREATE, "1.0.4", asked(authCode=logged_in(app, password=PASSWORD)["sid"]))
    own = asked(refreshToken=session["refreshToken"], identityId=ann)
    assert app.code(END, "1.0.4", own) == 200
    assert app.code(REFRESH, "1.0.4", own) == 2401
    assert app.code(END, "1.0.4", asked()) == 20050


def test_each_code_is_good_once_and_for_five_minutes(app: Program, ann: str, clock: FakeClock) -> None:
    first = logged_in(app, password=PASSWORD)["sid"]
    wanted = {"loginByOauthRequest": json.dumps({"authCode": first})}
    assert app.form("/api/prd/loginbyoauth.json", wanted).status == 200
    again = app.form("/api/prd/loginbyoauth.json", wanted).json
    assert (again["code"], again["message"]) == (401, "request auth error")
    assert app.code(CREATE, "1.0.4", asked(authCode=first)) == 401
    late = logged_in(app, password=PASSWORD)["sid"]
    clock.advance(300)
    assert app.code(CREATE, "1.0.4", asked(authCode=late)) == 401


def test_a_wrong_password_and_an_unknown_login_look_alike(app: Program, ann: str) -> None:
    replies = [
        app.form("/api/prd/login.json", {"loginId": login, "password": "wrong"}).json
        for login in (LOGIN, "nobody@example.com")
    ]
    assert {(each["code"], each["message"], each["localizedMsg"]) for each in replies} == {
        (401, "request auth error", "请求认证错误。")
    }


def test_guessing_ends(app: Program, ann: str) -> None:
    for _ in range(10):
        assert app.form("/api/prd/login.json", {"loginId": LOGIN, "password": "wrong"}).json["code"] == 401
    reply = app.form("/api/prd/login.json", {"loginId": LOGIN, "password": PASSWORD})
    assert (reply.status, reply.json["code"]) == (429, 429)


def test_another_projects_app_gets_nothing(app: Program, ann: str, fleet: Fleet) -> None:
    stranger = app_of(make_fleet())
    reply = stranger.form("/api/prd/login.json", {"loginId": LOGIN, "password": PASSWORD})
    assert reply.json["code"] == 401
    code = logged_in(app, password=PASSWORD)["sid"]
    assert stranger.code(CREATE, "1.0.4", asked(authCode=code)) == 401
    assert app.code(CREATE, "1.0.4", asked(authCode=code)) == 200  # nothing was spent by the stranger


def test_an_unsigned_form_is_refused(app: Program, ann: str) -> None:
    fields = urlencode({"loginId": LOGIN, "password": PASSWORD})
    reply = app.gateway.post(
        "/api/prd/login.json", fields, headers={"Content-Type": "application/x-www-form-urlencoded"}
    )
    assert (reply.status, reply.json["code"]) == (401, 401)


def test_without_password_or_code(app: Program, ann: str) -> None:
    reply = app.form("/api/prd/login.json", {"loginId": LOGIN})
    assert (reply.json["code"], reply.json["message"]) == (20050, "password required")
    reply = app.form("/api/prd/loginbyoauth.json", {"loginByOauthRequest": "{}"})
    assert (reply.json["code"], reply.json["message"]) == (20050, "authCode required")


def test_sign_up_by_a_code(
    app: Program, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from chalicelib.core import code_senders

    sent: list[Any] = []
    monkeypatch.setattr(code_senders, "chosen", lambda: sent.append)
    assert app.form("/api/prd/sendcode.json", {"loginId": LOGIN}).json["success"] == "true"
    wanted = {"loginId": LOGIN, "password": PASSWORD, "code": sent[0].code}
    wrong = {**wanted, "code": "000000" if sent[0].code != "000000" else "000001"}
    assert app.form("/api/prd/register.json", wrong).json["code"] == 401
    result = app.form("/api/prd/register.json", wanted).json["data"]["loginSuccessResult"]
    assert result["openAccount"]["email"] == LOGIN
    session = app.ok(CREATE, "1.0.4", asked(authCode=result["sid"]))
    assert session["identityId"] == result["openAccount"]["id"]
    assert app.form("/api/prd/register.json", wanted).json["code"] == 401  # the code is spent
    assert PASSWORD not in capsys.readouterr().out


def test_no_code_without_a_sender(app: Program) -> None:
    reply = app.form("/api/prd/sendcode.json", {"loginId": LOGIN})
    assert (reply.json["code"], reply.json["message"]) == (28082, "sms send fail")


def test_costs(app: Program, ann: str, calls: Calls) -> None:
    code = logged_in(app, password=PASSWORD)["sid"]
    calls.clear()
    session = app.ok(CREATE, "1.0.4", asked(authCode=code))
    assert calls.made == ["dynamodb.TransactWriteItems"]
    calls.clear()
    app.ok(REFRESH, "1.0.4", asked(refreshToken=session["refreshToken"], identityId=ann))
    assert calls.made == ["dynamodb.GetItem", "dynamodb.UpdateItem"]


def test_a_token_is_of_one_project(app: Program, alice: Someone) -> None:
    stranger = app_of(make_fleet())
    path, version = "/living/user/profile/get", "1.0.0"
    assert stranger.code(path, version, user=alice.token) == 401
    assert app.code(path, version, user=None) == 401
    assert app.code(path, version, user="user-" + base64.b64encode(b"x").decode()) == 401


def test_an_app_gets_one_certificate_for_one_installation(app: Program, fleet: Fleet) -> None:
    def certificate(program: Program, **named: str) -> Any:
        return program.ok("/app/aepauth/handle", "1.0.0", {"authInfo": named})

    first = certificate(app, clientId="phone-1", deviceSn="1", sign="x", timestamp="1")
    assert set(first) == {"productKey", "deviceName", "deviceSecret"}
    assert certificate(app, clientId="phone-1", deviceSn="1") == first
    assert certificate(app, clientId="phone-2", deviceSn="1")["deviceName"] != first["deviceName"]
    stranger = certificate(app_of(make_fleet()), clientId="phone-1", deviceSn="1")
    assert stranger["productKey"] != first["productKey"]
    assert app.code("/app/aepauth/handle", "1.0.0", {"authInfo": {}}) == 20050
