"""Huawei's flow control: 403/1010009 for every operation with a caller, and none without."""

from typing import Any

import pytest

from chalicelib.core import applications
from chalicelib.dialects.huawei.routes import api
from tests.conftest import Calls
from tests.support.clock import FakeClock
from tests.support.fleet import Fleet
from tests.support.gateway import Gateway

LOGIN = "/iocm/app/sec/v1.1.0/login"
DEVICE = f"/iocm/app/dm/v1.4.0/devices/{'0' * 32}"


@pytest.fixture
def spent(app: Gateway, fleet: Fleet, clock: FakeClock) -> Gateway:
    """An application that has made all its calls of this minute, which is half over."""
    clock.at = 1_700_000_070_000
    applications.set_rate(fleet.application, 5)
    for _ in range(5):
        assert app.get(DEVICE).status == 404
    return app


def test_the_answer_names_the_limit_and_when_to_come_again(spent: Gateway, clock: FakeClock) -> None:
    reply = spent.get(DEVICE)
    assert reply.status == 403
    assert reply.json == {"error_code": "1010009", "error_desc": "app throttle exceed."}
    assert reply.headers["content-type"] == "application/json; charset=UTF-8"
    named = ("ratelimit-limit", "ratelimit-remaining", "ratelimit-reset", "retry-after")
    assert [reply.headers[name] for name in named] == ["5", "0", "30", "30"]
    clock.advance(30)
    assert spent.get(DEVICE).status == 404


@pytest.mark.parametrize("operation", api.operations, ids=lambda each: f"{each.method} {each.path}")
def test_every_operation_with_a_caller_is_counted_before_anything_is_validated(
    spent: Gateway, operation: Any
) -> None:
    reply = spent.call(operation.method, operation.path + "?pageSize=-1", "{")
    assert (reply.json["error_code"] == "1010009") is not operation.public


def test_a_refused_application_costs_no_aws_call(spent: Gateway, calls: Calls) -> None:
    spent.get(DEVICE)
    calls.clear()
    for _ in range(20):
        assert spent.get(DEVICE + "?appId=" + "1" * 32).json["error_code"] == "1010009"
    assert calls.made == []


def test_a_busy_application_pays_one_call_in_ten(app: Gateway, calls: Calls) -> None:
    calls.clear()
    for _ in range(29):
        app.get(DEVICE)
    assert calls.made.count("dynamodb.Query") == 29
    assert calls.made.count("dynamodb.UpdateItem") == 2
    assert len(calls.made) == 31


def test_login_is_not_counted_and_a_wrong_token_neither(spent: Gateway, fleet: Fleet) -> None:
    form = {"appId": fleet.application, "secret": fleet.secret}
    assert spent.post(LOGIN, form).status == 200
    reply = spent.get(DEVICE, headers={"Authorization": "Bearer wrong"})
    assert reply.json["error_code"] == "1010005"
