"""Huawei's error table covers the whole tree, and every failure comes in its own shape."""

import inspect
import re

import pytest

from chalicelib.core import errors as core
from chalicelib.core.errors import PolythingError
from chalicelib.dialects.huawei import errors
from tests.support.fleet import Fleet
from tests.support.gateway import Gateway


def tree(kind: type[PolythingError] = PolythingError) -> list[type[PolythingError]]:
    return [each for sub in kind.__subclasses__() for each in (sub, *tree(sub))]


def answered() -> list[type[PolythingError]]:
    """What goes wrong between people is told apart only by a dialect that has people."""
    found = [each for each in tree() if each.__module__ == core.__name__]
    return [each for each in found if each is core.OfPeople or not issubclass(each, core.OfPeople)]


@pytest.mark.parametrize("kind", answered())
def test_every_core_error_has_an_answer_of_its_own(kind: type[PolythingError]) -> None:
    fault = errors.FAULTS[kind]
    assert 200 <= fault.status < 600
    assert re.fullmatch(r"\d{5,7}", fault.code)
    assert fault.text


def test_the_tree_is_drawn_as_it_is() -> None:
    drawn = set(re.findall(r"[├└]── (\w+)", inspect.getdoc(core) or ""))
    assert drawn == {each.__name__ for each in tree() if each.__module__ == core.__name__}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/iocm/app/nothing", 404),
        ("PATCH", "/iocm/app/dm/v1.4.0/devices", 405),
        ("GET", "/iocm/app/sec/v1.1.0/login", 405),
        ("GET", "/", 404),
    ],
)
def test_unknown_paths_and_verbs(app: Gateway, method: str, path: str, status: int) -> None:
    reply = app.call(method, path)
    assert reply.status == status
    assert set(reply.json) == {"error_code", "error_desc"}
    assert all(isinstance(value, str) for value in reply.json.values())
    assert reply.headers["content-type"] == "application/json; charset=UTF-8"


def test_a_defect_is_an_internal_error_without_detail(
    app: Gateway, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("the secret is 42")

    monkeypatch.setattr("chalicelib.core.devices.get", broken)
    reply = app.get(f"/iocm/app/reg/v1.1.0/deviceCredentials/{'0' * 32}")
    assert reply.status == 500
    assert reply.json == {"error_code": "50252", "error_desc": "Internal server error."}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("{", "no valid JSON"),
        ("[]", "expected object"),
        ("{}", "deviceInfo is missing"),
        ('{"deviceInfo": {"nodeId": 5}}', "deviceInfo.nodeId expected str, got int"),
        ('{"deviceInfo": {"nodeId": ""}}', "deviceInfo.nodeId expected str of length >= 1"),
        ('{"deviceInfo": {"nodeId": "a"}, "secret": "zz"}', "secret expected str matching regex"),
        ('{"deviceInfo": {"nodeId": "a"}, "x": ' + "[" * 40 + "]" * 40 + "}", "deeper than 32 levels"),
        ('{"deviceInfo": {"nodeId": "' + "a" * 1_100_000 + '"}}', "larger than"),
    ],
)
def test_bad_input_names_the_field(app: Gateway, body: str, said: str) -> None:
    reply = app.post("/iocm/app/reg/v2.0.0/deviceCredentials", body)
    assert (reply.status, reply.json["error_code"]) == (400, "50400")
    assert said in reply.json["error_desc"]
