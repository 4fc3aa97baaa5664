"""Problems: every core error has a status and a code, every failure the shape, and browsers can read it."""

import re

import pytest

from chalicelib.core import errors as core
from chalicelib.core.errors import PolythingError
from chalicelib.dialects.operator import errors
from tests.dialects.huawei.test_errors import tree
from tests.support.gateway import Gateway
from tests.support.operators import BASE, problem

KINDS = [each for each in tree() if each.__module__ == core.__name__]


@pytest.mark.parametrize("kind", KINDS)
def test_every_core_error_has_an_answer(kind: type[PolythingError]) -> None:
    fault = errors.fault(kind, None)
    assert fault is not errors.INTERNAL
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", fault.code)
    assert 400 <= fault.status < 600


def test_codes_are_one_errors_each() -> None:
    codes = [errors.fault(kind, None).code for kind in KINDS]
    assert len(set(codes)) == len(codes)


@pytest.mark.parametrize(
    ("method", "path", "code", "allow"),
    [
        ("GET", f"{BASE}/nothing", (404, "no-such-operation"), None),
        ("GET", "/operator", (404, "no-such-operation"), None),
        ("GET", "/operator/v2/me", (404, "no-such-operation"), None),
        ("PATCH", f"{BASE}/me", (405, "method-not-allowed"), "GET"),
        ("PUT", f"{BASE}/operators", (405, "method-not-allowed"), "GET, POST"),
    ],
)
def test_unknown_paths_and_verbs(
    aws: None, method: str, path: str, code: tuple[int, str], allow: str | None
) -> None:
    reply = Gateway().call(method, path)
    assert problem(reply) == code
    assert reply.headers.get("allow") == allow


@pytest.mark.parametrize("body", ["{", "[]", "", "null", '"x"', "[" * 40 + "]" * 40, "{'a': 1}"])
def test_what_is_no_body(root: Gateway, body: str) -> None:
    assert problem(root.post(f"{BASE}/operators", body)) == (400, "invalid-input")


def test_a_defect_is_an_internal_error_without_detail(root: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise RuntimeError("the secret is 42")

    monkeypatch.setattr("chalicelib.core.operators.list_operators", broken)
    reply = root.get(f"{BASE}/operators")
    assert problem(reply) == (500, "internal-error")
    assert "42" not in reply.body


def test_browsers_may_call_and_read_errors(aws: None) -> None:
    asked = Gateway().call("OPTIONS", f"{BASE}/operators/x")
    assert asked.status == 204
    assert asked.headers["access-control-allow-origin"] == "*"
    assert "Authorization" in asked.headers["access-control-allow-headers"]
    assert {"GET", "POST", "PUT", "DELETE"} <= set(asked.headers["access-control-allow-methods"].split(", "))
    assert Gateway().get(f"{BASE}/me").headers["access-control-allow-origin"] == "*"
