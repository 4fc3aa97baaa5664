"""The gateway: signatures, versions, the envelope, the dictionary of errors."""

import base64
import hashlib
import json
from urllib.parse import urlencode

import pytest

from chalicelib.core import clock as core_clock
from chalicelib.core import errors as core
from chalicelib.core import keys
from chalicelib.core.errors import PolythingError
from chalicelib.dialects.feiyan import errors
from chalicelib.dialects.feiyan.dictionary import DICTIONARY
from tests.conftest import Calls
from tests.dialects.huawei.test_errors import tree
from tests.support.clock import FakeClock
from tests.support.feiyan import Program, Someone, cloud_of, sign
from tests.support.fleet import Fleet, make_fleet
from tests.support.gateway import Reply

PING = "/kit/debug/ping"


def raw(app: Program, headers: dict[str, str], signed: list[str], body: str = "", **rest: object) -> Reply:
    """A call whose headers a test writes itself."""
    shown = sign(app.secret, "POST", PING, headers, signed, **rest)  # type: ignore[arg-type]
    names = {"X-Ca-Signature-Headers": ",".join(signed)} if signed else {}
    return app.gateway.post(PING, body, headers={**headers, **names, "X-Ca-Signature": shown})


def ping_of(app: Program, version: str = "1.0.0") -> str:
    return json.dumps(app.envelope(version, {"input": "hello"}, None))


def test_an_answer_in_its_envelope(app: Program) -> None:
    reply = app.call(PING, "1.0.0", {"input": "hello"})
    assert reply.status == 200
    assert reply.headers["content-type"].startswith("application/json")
    assert reply.json == {
        "id": "1509086454180",
        "code": 200,
        "message": "success",
        "data": "hello",
        "localizedMsg": None,
    }


@pytest.mark.parametrize("ident", ["abc", 17, "", "x" * 200])
def test_the_id_comes_back_as_it_was(app: Program, ident: object) -> None:
    found = app.call(PING, "1.0.0", {"input": "1"}, ident=ident).json["id"]
    assert found == ident if ident != "" else found


def test_without_an_id_or_with_a_huge_one_the_request_is_named(app: Program) -> None:
    bare = json.dumps({"version": "1.0", "request": {"apiVer": "1.0.0"}, "params": {"input": "1"}})
    huge = json.dumps({"id": ["x" * 1000], "request": {"apiVer": "1.0.0"}, "params": {"input": "1"}})
    for body in (bare, huge, "{", "[]"):
        assert app.send(PING, body).json["id"] == "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"


@pytest.mark.parametrize(
    ("version", "code"), [("1.0.9", 200), ("1.0.0", 200), ("1.1.0", 404), ("2.0.0", 404)]
)
def test_another_patch_version_is_served_another_version_is_not(
    app: Program, version: str, code: int
) -> None:
    assert app.code(PING, version, {"input": "1"}) == code


def test_a_call_without_version_says_so(app: Program) -> None:
    reply = app.send(PING, json.dumps({"id": "1", "params": {"input": "1"}}))
    assert (reply.json["code"], reply.json["message"]) == (20050, "apiVer required")


@pytest.mark.parametrize(("method", "path"), [("POST", "/kit/debug/pong"), ("GET", PING), ("POST", "/thing")])
def test_what_is_not_there_is_404_in_the_envelope(app: Program, method: str, path: str) -> None:
    reply = app.gateway.call(method, path, ping_of(app) if method == "POST" else None)
    assert (reply.status, reply.json["code"], reply.json["message"]) == (404, 404, "service not found")
    assert reply.json["localizedMsg"] == DICTIONARY[404].chinese


def test_signed_by_sha1(app: Program) -> None:
    headers = {"Accept": "*/*", "Content-Type": "application/json", "X-Ca-Key": app.key}
    headers["X-Ca-Signature-Method"] = "HmacSHA1"
    assert raw(app, headers, [], ping_of(app), digest=hashlib.sha1).json["code"] == 200


def test_header_names_keep_their_case_and_are_sorted(app: Program) -> None:
    headers = {"Content-Type": "application/json", "x-ca-key": app.key, "X-Ca-Stage": "", "Custom": "1"}
    assert raw(app, headers, ["x-ca-key", "X-Ca-Stage", "Custom"], ping_of(app)).json["code"] == 200


def test_colons_between_header_names(app: Program) -> None:
    headers = {"Content-Type": "application/json", "X-Ca-Key": app.key, "A": "1"}
    shown = sign(app.secret, "POST", PING, headers, ["A", "X-Ca-Key"])
    names = {"X-Ca-Signature-Headers": "A:X-Ca-Key", "X-Ca-Signature": shown}
    assert app.gateway.post(PING, ping_of(app), headers={**headers, **names}).json["code"] == 200


def test_the_query_is_signed(app: Program) -> None:
    headers = {"Content-Type": "application/json", "X-Ca-Key": app.key}
    shown = {"X-Ca-Signature": sign(app.secret, "POST", PING, headers, [], {"b": "x y", "a": ""})}
    reply = app.gateway.post(f"{PING}?b=x%20y&a=", ping_of(app), headers={**headers, **shown})
    assert reply.json["code"] == 200
    reply = app.gateway.post(f"{PING}?b=x%20z&a=", ping_of(app), headers={**headers, **shown})
    assert reply.status == 401


def test_the_stage_in_the_path_may_be_signed(app: Program) -> None:
    headers = {"Content-Type": "application/json", "X-Ca-Key": app.key}
    shown = {"X-Ca-Signature": sign(app.secret, "POST", "/api" + PING, headers, [])}
    assert app.gateway.post(PING, ping_of(app), headers={**headers, **shown}).json["code"] == 200


def test_a_form_is_signed_by_its_fields(app: Program) -> None:
    fields = {"id": "7", "request": '{"apiVer": "1.0.0"}', "params": '{"input": "a&b"}', "none": ""}
    headers = {"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8", "X-Ca-Key": app.key}
    shown = {"X-Ca-Signature": sign(app.secret, "POST", PING, headers, [], fields)}
    reply = app.gateway.post(PING, urlencode(fields), headers={**headers, **shown})
    assert (reply.json["code"], reply.json["id"], reply.json["data"]) == (200, "7", "a&b")
    spoilt = urlencode({**fields, "params": '{"input": "b"}'})
    assert app.gateway.post(PING, spoilt, headers={**headers, **shown}).status == 401


def test_a_bad_signature_shows_what_should_have_been_signed(app: Program) -> None:
    headers = {"Accept": "*/*", "Content-Type": "application/json", "X-Ca-Key": app.key}
    wrong = {**headers, "X-Ca-Signature": "AAAA", "X-Ca-Signature-Headers": "X-Ca-Key"}
    reply = app.gateway.post(PING, ping_of(app), headers=wrong)
    assert (reply.status, reply.json["code"]) == (401, 401)
    said = reply.headers["x-ca-error-message"]
    text = f"POST*/*application/jsonX-Ca-Key:{app.key}/api{PING}"
    assert said == f"Invalid Signature, Server StringToSign:{text}"
    assert reply.json["id"] == "1509086454180"


def test_what_a_client_sends_cannot_split_the_error_header(app: Program) -> None:
    wrong = {"Accept": "a\r\nSet-Cookie: x", "X-Ca-Key": app.key, "X-Ca-Signature": "ÄÄ", "Date": "é"}
    said = app.gateway.post(PING, ping_of(app), headers=wrong).headers["x-ca-error-message"]
    assert "\r" not in said
    assert "\n" not in said
    assert said.isascii()


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({}, "Empty X-Ca-Key"),
        ({"X-Ca-Key": "0" * 32}, "Empty X-Ca-Signature"),
        ({"X-Ca-Key": "0" * 32, "X-Ca-Signature": "x"}, "Invalid AppKey"),
        ({"X-Ca-Key": "\x00" * 5000, "X-Ca-Signature": "x"}, "Invalid AppKey"),
    ],
)
def test_nobody_signed(app: Program, headers: dict[str, str], said: str) -> None:
    reply = app.gateway.post(PING, ping_of(app), headers=headers)
    assert (reply.status, reply.json["code"]) == (401, 401)
    assert reply.headers["x-ca-error-message"] == said


def test_a_changed_body_is_refused_where_its_md5_was_signed(app: Program) -> None:
    body = ping_of(app)
    md5 = base64.b64encode(hashlib.md5(body.encode()).digest()).decode()
    headers = {"Content-Type": "application/json", "Content-MD5": md5, "X-Ca-Key": app.key}
    assert raw(app, headers, [], body).json["code"] == 200
    reply = raw(app, headers, [], body.replace("hello", "hullo"))
    assert (reply.status, reply.headers["x-ca-error-message"]) == (401, "Invalid Content-MD5")


@pytest.mark.parametrize(
    ("off", "status"),
    [(0, 200), (15 * 60_000, 200), (-15 * 60_000, 200), (15 * 60_000 + 1, 401), (-15 * 60_000 - 1, 401)],
)
def test_a_timestamp_may_be_a_quarter_of_an_hour_off(app: Program, off: int, status: int) -> None:
    stamp = {"X-Ca-Timestamp": str(core_clock.now() + off)}
    assert app.call(PING, "1.0.0", {"input": "1"}, headers=stamp).status == status


def test_a_timestamp_that_is_none(app: Program) -> None:
    for stamp in ("soon", "-1", "٣", "9" * 30):
        assert app.call(PING, "1.0.0", {"input": "1"}, headers={"X-Ca-Timestamp": stamp}).status == 401


def test_a_nonce_is_taken_once(app: Program, fleet: Fleet, calls: Calls) -> None:
    app.call(PING, "1.0.0", {"input": "1"})
    calls.clear()
    nonce = {"X-Ca-Nonce": "6f1e"}
    assert app.call(PING, "1.0.0", {"input": "1"}, headers=nonce).status == 200
    assert calls.made == ["dynamodb.TransactWriteItems"]
    again = app.call(PING, "1.0.0", {"input": "1"}, headers=nonce)
    assert (again.status, again.headers["x-ca-error-message"]) == (401, "Nonce Used")
    other = cloud_of(fleet)  # another key's nonces are its own
    assert other.call(PING, "1.0.0", {"input": "1"}, headers=nonce).status == 200


def test_a_bad_signature_spends_no_nonce(app: Program) -> None:
    nonce = {"X-Ca-Nonce": "6f1e"}
    wrong = {**nonce, "X-Ca-Signature": "AAAA"}
    assert app.call(PING, "1.0.0", {"input": "1"}, headers=wrong).status == 401
    assert app.call(PING, "1.0.0", {"input": "1"}, headers=nonce).status == 200


def test_signature_and_token_cost_no_call_of_aws(app: Program, cloud: Program, calls: Calls) -> None:
    app.call(PING, "1.0.0", {"input": "1"})
    calls.clear()
    app.call(PING, "1.0.0", {"input": "1"})
    assert calls.made == []


@pytest.mark.parametrize(
    ("params", "code", "message"),
    [
        ({}, 20050, "input required"),
        (None, 20050, "input required"),
        ({"input": None}, 460, "request parameter error: input expected str, got null"),
        ({"input": [1]}, 460, "request parameter error: input expected str, got array"),
        ('{"input": "1"}', 20004, "gateway.backend service error"),
        ([], 460, "request parameter error: expected object, got array"),
    ],
)
def test_bad_parameters(app: Program, params: object, code: int, message: str) -> None:
    reply = app.call(PING, "1.0.0", params)
    assert (reply.status, reply.json["code"]) == (200, code)
    assert reply.json["message"].startswith(message)
    assert reply.json["localizedMsg"] == DICTIONARY[code].chinese
    assert "data" in reply.json


def test_a_body_that_is_no_envelope(app: Program) -> None:
    for body in ("{", "[]", '{"request": 5}', "null", "[" * 40 + "]" * 40):
        reply = app.send(PING, body)
        assert (reply.status, reply.json["code"]) == (200, 460), body


def test_a_body_that_is_too_large(app: Program) -> None:
    assert app.code(PING, "1.0.0", {"input": "x" * (1024 * 1024 + 17 * 1024)}) == 460
    assert app.code(PING, "1.0.0", {"input": "x" * (1024 * 1024)}) == 200


def test_an_english_text_for_an_english_caller(app: Program) -> None:
    app.language = "en-US"
    reply = app.call(PING, "1.0.0", {})
    assert reply.json["localizedMsg"] == "input required"


def test_more_calls_than_the_application_may_make(app: Program, fleet: Fleet, clock: FakeClock) -> None:
    from chalicelib.core import applications

    applications.set_rate(fleet.application, 1)
    replies = [app.call(PING, "1.0.0", {"input": "1"}) for _ in range(15)]
    assert (replies[-1].status, replies[-1].json["code"]) == (429, 429)
    assert int(replies[-1].headers["retry-after"]) > 0


def test_a_cloud_token_is_of_a_project_and_ends_the_one_before(cloud: Program, fleet: Fleet) -> None:
    asked = {"grantType": "project", "res": fleet.application}
    first = cloud.ok("/cloud/token", "1.0.1", asked)
    second = cloud.ok("/cloud/token", "1.0.1", asked)
    assert second["expireIn"] == 7_200_000
    refresh = "/cloud/token/refresh"
    assert cloud.code(refresh, "1.0.1", first) == 20017
    third = cloud.ok(refresh, "1.0.1", {"cloudToken": second["cloudToken"]})
    assert cloud.code(refresh, "1.0.1", {"cloudToken": second["cloudToken"]}) == 20017
    assert set(third) == {"cloudToken", "expireIn"}


def test_no_token_for_another_project(cloud: Program) -> None:
    stranger = make_fleet()
    for res in (stranger.application, "0" * 32, "x"):
        reply = cloud.call("/cloud/token", "1.0.1", {"grantType": "project", "res": res})
        assert (reply.json["code"], reply.json["message"]) == (28501, "project is not exist")
    token = cloud_of(stranger).cloud_token
    assert cloud.code("/cloud/token/refresh", "1.0.1", {"cloudToken": token}) == 20017


def test_a_cloud_token_lasts_two_hours(cloud: Program, fleet: Fleet, clock: FakeClock) -> None:
    clock.advance(2 * core_clock.HOUR // 1000 - 1)
    token = {"cloudToken": cloud.cloud_token}
    fresh = cloud.ok("/cloud/token/refresh", "1.0.1", token)
    clock.advance(2 * core_clock.HOUR // 1000)
    assert cloud.code("/cloud/token/refresh", "1.0.1", {"cloudToken": fresh["cloudToken"]}) == 20017


def test_a_persons_token_is_no_cloud_token(cloud: Program, alice: Someone) -> None:
    assert cloud.code("/cloud/token/refresh", "1.0.1", {"cloudToken": alice.token}) == 20017


@pytest.mark.parametrize("kind", [each for each in tree() if each.__module__ == core.__name__])
def test_every_core_error_has_an_answer_of_its_own(kind: type[PolythingError]) -> None:
    fault = errors.FAULTS[kind]
    assert int(fault.code) in DICTIONARY
    assert fault.text == DICTIONARY[int(fault.code)].english
    assert fault.status == 200 or int(fault.code) == fault.status


@pytest.mark.parametrize(("use", "app_code", "cloud_code"), [("app", 200, 403), ("cloud", 403, 28501)])
def test_a_key_is_good_for_its_own_kind_of_program(
    fleet: Fleet, use: str, app_code: int, cloud_code: int
) -> None:
    key, secret = keys.create(fleet.application, use, keys.Use(use))
    program = Program(key.id, secret)
    assert program.code(PING, "1.0.0", {"input": "1"}) == app_code
    assert program.code("/cloud/token", "1.0.1", {"grantType": "project", "res": "0" * 32}) == cloud_code
