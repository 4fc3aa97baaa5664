"""Tokens, flow control, what was not heard at all, and the form of every answer."""

import json

import pytest

from chalicelib.core import errors as core
from chalicelib.core import flow, tokens
from chalicelib.core.errors import PolythingError
from chalicelib.dialects.shadow import errors
from chalicelib.dialects.shadow.routes import api
from tests.conftest import Calls
from tests.support.clock import FakeClock
from tests.support.fleet import Fleet
from tests.support.gateway import Gateway, Reply
from tests.support.shadow_api import SERVICE, TOKEN, Thing, code


def told(reply: Reply) -> tuple[int, int]:
    return reply.status, code(reply)


class TestTokens:
    def test_for_key_and_secret(self, fleet: Fleet) -> None:
        reply = Gateway().post(TOKEN, {"key": fleet.application, "secret": fleet.secret})
        assert code(reply) == 0
        assert reply.json["result"]["expiresIn"] == tokens.ACCESS_LASTS // 1000
        assert tokens.check(reply.json["result"]["token"]).subject == fleet.application

    @pytest.mark.parametrize("header", ["Authorization", "auth-token", "Auth-Token", "authorization"])
    def test_in_either_header(self, lamp: Thing, header: str) -> None:
        token = lamp.app.headers["Authorization"].removeprefix("Bearer ")
        scheme = "bearer " if header.lower() == "authorization" else ""
        lamp.app.headers = {header: scheme + token}
        assert code(lamp.read()) == 0

    @pytest.mark.parametrize(
        ("body", "error"),
        [
            ({"key": "{key}", "secret": "wrong"}, (401, 401)),
            ({"key": "0" * 32, "secret": "wrong"}, (401, 401)),
            ({"key": "{key}"}, (200, 900013)),
            ({"secret": "x"}, (200, 900013)),
            ({"key": "{key}", "secret": 5}, (200, 900014)),
            ({"key": "{key}", "secret": "x" * 257}, (200, 900014)),
            ("{", (200, 900014)),
        ],
    )
    def test_refused(self, fleet: Fleet, body: object, error: tuple[int, int]) -> None:
        text = json.dumps(body).replace("{key}", fleet.application) if isinstance(body, dict) else str(body)
        assert told(Gateway().post(TOKEN, text)) == error

    def test_after_ten_failures_none_is_tried(self, fleet: Fleet) -> None:
        wrong = {"key": fleet.application, "secret": "wrong"}
        for _ in range(10):
            assert told(Gateway().post(TOKEN, wrong)) == (401, 401)
        right = {"key": fleet.application, "secret": fleet.secret}
        assert told(Gateway().post(TOKEN, right)) == (429, 429)

    def test_a_new_one_ends_the_one_before(self, lamp: Thing, fleet: Fleet) -> None:
        Gateway().post(TOKEN, {"key": fleet.application, "secret": fleet.secret})
        assert told(lamp.read()) == (401, 401)

    def test_none_of_another_interface(self, lamp: Thing, fleet: Fleet) -> None:
        pair = tokens.issue("huawei-" + fleet.application, fleet.application, fleet.tenant)
        lamp.app.headers = {"Authorization": f"Bearer {pair.access}"}
        assert told(lamp.read()) == (401, 401)

    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {"Authorization": "Bearer"},
            {"Authorization": "Bearer nonsense"},
            {"auth-token": ""},
            {"auth-token": "nonsense"},
        ],
    )
    def test_without_a_good_one(self, lamp: Thing, headers: dict[str, str]) -> None:
        lamp.app.headers = headers
        assert told(lamp.read()) == (401, 401)
        assert told(lamp.desire({"power": "on"})) == (401, 401)

    def test_an_expired_one(self, lamp: Thing, clock: FakeClock) -> None:
        clock.advance(3600)
        assert told(lamp.read()) == (401, 401)

    def test_costs_three_calls(self, fleet: Fleet, calls: Calls) -> None:
        calls.clear()
        Gateway().post(TOKEN, {"key": fleet.application, "secret": fleet.secret})
        assert len(calls.made) == 3


def test_calls_are_counted(lamp: Thing, fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow, "DEFAULT_LIMIT", 3)
    flow.forget()
    replies = [lamp.read() for _ in range(20)]
    assert told(replies[-1]) == (429, 429)
    assert replies[-1].headers["retry-after"].isdigit()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/iot-platform/nothing", 404),
        ("GET", f"{SERVICE}/reported", 405),
        ("POST", f"{SERVICE}/clean", 405),
        ("GET", TOKEN, 405),
    ],
)
def test_unknown_paths_and_verbs(app: Gateway, method: str, path: str, status: int) -> None:
    assert told(app.call(method, path)) == (status, status)


def test_a_defect_is_an_internal_error_without_detail(lamp: Thing, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("the secret is 42")

    monkeypatch.setattr("chalicelib.core.shadow_fields.read", broken)
    reply = lamp.read()
    assert reply.status == 500
    assert reply.json == {"code": 500, "err_code": 500, "msg": "服务端处理异常。", "result": None}


def test_where_others_keep_writing(lamp: Thing, monkeypatch: pytest.MonkeyPatch) -> None:
    from chalicelib.core import shadow_edits
    from chalicelib.core.shadow_writes import Stale

    def late(*_: object) -> None:
        raise Stale("")

    monkeypatch.setattr(shadow_edits, "_store", late)
    monkeypatch.setattr(shadow_edits, "pause", lambda _attempt: None)
    assert told(lamp.desire({"power": "on"})) == (503, 500)


def test_where_transactions_keep_meeting(lamp: Thing, monkeypatch: pytest.MonkeyPatch) -> None:
    from chalicelib.store import transactions
    from tests.support.faults import Faults

    monkeypatch.setattr(transactions, "pause", lambda _attempt: None)
    faults = Faults.installed(monkeypatch)
    faults.conflict(transactions.TRIES - 1)
    assert code(lamp.desire({"power": "on"})) == 0
    faults.conflict(transactions.TRIES)
    assert told(lamp.desire({"power": "on"})) == (503, 500)


def tree(kind: type[PolythingError] = PolythingError) -> list[type[PolythingError]]:
    return [kind, *(each for child in kind.__subclasses__() for each in tree(child))]


@pytest.mark.parametrize("kind", [each for each in tree() if each.__module__ == core.__name__][1:])
def test_every_core_error_has_an_answer(kind: type[PolythingError]) -> None:
    fault = errors.fault(kind, None)
    assert fault is not errors.INTERNAL
    assert fault.text


def test_codes_are_those_of_the_document() -> None:
    """And HTTP's own, where the call was not heard."""
    documented = {"900010", "900013", "900014", "900015", "900016", "500"}
    for operation in api.operations:
        for kind in (*operation.raises, *api.defaults):
            fault = api.fault(kind, operation)
            assert (
                fault.code in documented
                if fault.status in (200, 500, 503)
                else fault.code == str(fault.status)
            )


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("", 900013),
        ("{}", 900013),
        ("[]", 900014),
        ("{", 900014),
        ('{"productId": "a", "deviceId": "b", "stateDesired": {"a": 1}, "timestamp": "5"}', 900014),
        ('{"productId": "a", "deviceId": "b", "stateDesired": {"a": 1}, "timestamp": -1}', 900014),
        ('{"productId": "a", "deviceId": "b", "stateDesired": {"a": 1}, "timestamp": 1.5}', 900014),
        ('{"productId": "' + "a" * 11 + '", "deviceId": "b", "stateDesired": {"a": 1}}', 900014),
        ('{"productId": "a", "deviceId": "' + "b" * 33 + '", "stateDesired": {"a": 1}}', 900014),
        ('{"productId": "a", "deviceId": 5, "stateDesired": {"a": 1}}', 900014),
        ('{"deviceId": "b", "stateDesired": {"a": 1}}', 900013),
        ('{"productId": "a", "stateDesired": {"a": 1}}', 900013),
        ('{"productId": "a", "deviceId": "b"}', 900013),
    ],
)
def test_bodies_that_are_none(app: Gateway, body: str, error: int) -> None:
    assert told(app.post(f"{SERVICE}/desired", body)) == (200, error)
