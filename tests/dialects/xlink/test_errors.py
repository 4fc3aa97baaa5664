"""XLink's error table covers the whole tree, every failure has its shape, and browsers can read it."""

import re

import pytest

from chalicelib.core.errors import PolythingError
from chalicelib.dialects.xlink import errors
from tests.dialects.huawei.test_errors import answered
from tests.support.gateway import Gateway


@pytest.mark.parametrize("kind", answered())
def test_every_core_error_has_an_answer_of_its_own(kind: type[PolythingError]) -> None:
    fault = errors.FAULTS[kind]
    assert re.fullmatch(r"\d{7}", fault.code)
    assert fault.code.startswith(str(fault.status))
    assert fault.text


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/v2/nothing", None),
        ("GET", "/v2", None),
        ("POST", "/v2/product/x/y/z/w", None),
        ("PATCH", "/v2/product", "POST"),
        ("GET", "/v2/corp_auth", "POST"),
    ],
)
def test_unknown_paths_and_verbs(aws: None, method: str, path: str, allowed: str | None) -> None:
    reply = Gateway().call(method, path)
    assert (reply.status, reply.json["error"]["code"]) == (404, 4041001)
    assert reply.headers["content-type"] == "application/json; charset=UTF-8"
    assert reply.headers.get("allow") == allowed


def test_a_defect_is_an_internal_error_without_detail(app: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("the secret is 42")

    monkeypatch.setattr("chalicelib.core.products.list_products", broken)
    reply = app.get("/v2/products")
    assert reply.status == 503
    assert reply.json == {"error": {"code": 5031001, "msg": "The server has failed."}}
    assert reply.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        ("{", 4001001, "no valid JSON"),
        ("[]", 4001001, "expected object"),
        ("{}", 4001002, "name is missing"),
        ('{"name": "n", "description": "d"}', 4001002, "link_type is missing"),
        ('{"name": " ", "description": "d", "link_type": 1}', 4001002, "name is empty"),
        ('{"name": "n", "description": "d", "link_type": "wifi"}', 4001001, "link_type expected int"),
        ('{"name": null, "description": "d", "link_type": 1}', 4001001, "name expected str, got null"),
        ('{"name": "%s", "description": "d", "link_type": 1}' % ("n" * 33), 4001001, "length <= 32"),
        ('{"name": "n", "description": "%s", "link_type": 1}' % ("d" * 251), 4001001, "length <= 250"),
    ],
)
def test_bad_input_names_the_field(app: Gateway, body: str, code: int, said: str) -> None:
    reply = app.post("/v2/product", body)
    assert (reply.status, reply.json["error"]["code"]) == (400, code)
    assert said in reply.json["error"]["msg"]


@pytest.mark.parametrize("path", ["/v2/products", "/v2/corp_auth", "/v2/no/such/path", "/v2"])
def test_browsers_may_ask_before_they_call(aws: None, path: str) -> None:
    asked = {
        "Origin": "https://console.example",
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "access-token,content-type",
    }
    reply = Gateway(headers=asked).call("OPTIONS", path)
    assert (reply.status, reply.body) == (204, "")
    assert reply.headers["access-control-allow-origin"] == "*"
    allowed = reply.headers["access-control-allow-headers"].lower().split(", ")
    assert {"access-token", "content-type"} <= set(allowed)
    assert {"GET", "POST", "PUT", "DELETE"} <= set(reply.headers["access-control-allow-methods"].split(", "))


@pytest.mark.parametrize("path", ["/v2/products", "/v2/no/such/path"])
def test_browsers_may_read_every_answer_also_an_error(app: Gateway, path: str) -> None:
    for gateway in (app, Gateway()):
        assert gateway.get(path).headers["access-control-allow-origin"] == "*"


def test_asking_before_costs_no_aws_call_and_no_call_of_the_limit(aws: None, calls: object) -> None:
    for _ in range(200):
        assert Gateway().call("OPTIONS", "/v2/products").status == 204
    assert calls.made == []  # type: ignore[attr-defined]


def test_other_dialects_answer_as_before(aws: None) -> None:
    reply = Gateway().call("OPTIONS", "/iocm/app/sec/v1.1.0/login")
    assert reply.status == 405
    assert "access-control-allow-origin" not in reply.headers
