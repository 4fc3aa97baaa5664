"""Extended properties over the wire. Source: XLink 26 to 30"""

import json
from typing import Any

import pytest

from chalicelib.core import product_devices, registration
from chalicelib.core.registration import BY_SECRET, NewDevice
from tests.conftest import Calls
from tests.support.clock import FakeClock
from tests.support.fleet import Fleet
from tests.support.gateway import Gateway, Reply
from tests.support.queues import WorkQueue


@pytest.fixture
def url(fleet: Fleet, app: Gateway) -> str:
    new = NewDevice(None, BY_SECRET, product=fleet.product.id)
    device = registration.register(fleet.caller, new).device
    return f"/v2/product/{fleet.product.id}/device/{device.number}/property"


def code(reply: Reply) -> tuple[int, int]:
    return reply.status, reply.json["error"]["code"]


def done(reply: Reply) -> None:
    assert (reply.status, reply.body) == (200, "")


def test_the_whole_life(app: Gateway, url: str) -> None:
    assert (app.get(url).status, app.get(url).body) == (200, "{}")
    text = (
        '{"colour":"red","size":1.0,"on":true,"none":null,"list":[1,{"a":2.50}],"big":12345678901234567890}'
    )
    reply = app.post(url, text)
    assert (reply.status, reply.body) == (200, text)
    assert app.get(url).body == text
    assert app.get(f"{url}/size").body == '{"size":1.0}'
    done(app.put(url, '{"size":2,"colour":["g"]}'))
    assert app.get(f"{url}/size").body == '{"size":2}'
    assert app.post(url, {"more": ""}).json == {"more": ""}
    done(app.delete(f"{url}/list"))
    assert code(app.get(f"{url}/list")) == (404, 4041009)
    assert code(app.delete(f"{url}/list")) == (404, 4041009)
    assert app.get(url).json.keys() == {"colour", "size", "on", "none", "big", "more"}


def test_names_in_paths_are_decoded(app: Gateway, url: str) -> None:
    app.post(url, {"名 称": 1, "a+b&c=d": 2})
    assert app.get(f"{url}/%E5%90%8D%20%E7%A7%B0").json == {"名 称": 1}
    assert app.get(f"{url}/a%2Bb%26c%3Dd").json == {"a+b&c=d": 2}
    done(app.delete(f"{url}/%E5%90%8D%20%E7%A7%B0"))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        *(({name: 1}, 4001027) for name in ("a.b", ".", "$set", "a\0", "\0", "")),
        *(({name: 1}, 4001023) for name in ("id", "mac", "is_online", "creator_type", "corp_id", "firmware")),
        ({"fine": 1, "a.b": 2}, 4001027),
        ({"held": 2}, 4001025),
        ({"fine": 1, "held": 2}, 4001025),
        ({f"p{n}": n for n in range(10)}, 4001024),
        ({f"p{n}": n for n in range(500)}, 4001024),
        ({}, 4001002),
        ("", 4001002),
        ({"n" * 65: 1}, 4001001),
        ({"fine": "x" * 32 * 1024}, 4001001),
        ("[]", 4001001),
        ('"text"', 4001001),
        ("null", 4001001),
        ('{"fine":1e999}', 4001001),
        ('{"fine":tru}', 4001001),
        ('{"fine":"\\ud800"}', 4001001),
        ('{"fine":' + "[" * 40 + "]" * 40 + "}", 4001001),
    ],
    ids=lambda given: json.dumps(given)[:40],
)
def test_what_cannot_be_added_changes_nothing(app: Gateway, url: str, body: Any, expected: int) -> None:
    app.post(url, {"held": 1})
    assert code(app.post(url, body)) == (400, expected)
    assert app.get(url).json == {"held": 1}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"other": 1}, 4001026),
        ({"held": 2, "other": 1}, 4001026),
        ({"mac": 1}, 4001026),
        ({"a.b": 1}, 4001026),
        ({}, 4001002),
        ({"held": "x" * 32 * 1024}, 4001001),
        ("[]", 4001001),
    ],
    ids=lambda given: json.dumps(given)[:40],
)
def test_what_cannot_be_changed_changes_nothing(app: Gateway, url: str, body: Any, expected: int) -> None:
    app.post(url, {"held": 1})
    assert code(app.put(url, body)) == (400, expected)
    assert app.get(url).json == {"held": 1}


def test_a_property_that_is_absent(app: Gateway, url: str) -> None:
    for name in ("a", "a.b", "$x", "n" * 64):
        assert code(app.get(f"{url}/{name}")) == (404, 4041009)
        assert code(app.delete(f"{url}/{name}")) == (404, 4041009)


def test_ten_fit(app: Gateway, url: str) -> None:
    assert app.post(url, {f"p{n}": n for n in range(10)}).status == 200
    assert code(app.post(url, {"p10": 1})) == (400, 4001024)
    done(app.put(url, {f"p{n}": -n for n in range(10)}))


def test_calls(app: Gateway, url: str, calls: Calls) -> None:
    app.get(url)

    def cost(method: str, path: str = "", body: Any = None) -> list[str]:
        calls.clear()
        assert app.call(method, url + path, body).status == 200
        return [each.removeprefix("dynamodb.") for each in calls.made]

    assert cost("POST", body={"a": 1}) == ["GetItem", "BatchGetItem", "TransactWriteItems"]
    assert cost("PUT", body={"a": 1}) == ["GetItem", "BatchGetItem", "TransactWriteItems"]
    assert cost("GET") == ["GetItem", "BatchGetItem"]
    assert cost("GET", "/a") == ["GetItem", "BatchGetItem"]
    assert cost("DELETE", "/a") == ["GetItem", "BatchGetItem", "TransactWriteItems"]


def test_they_end_with_their_device(app: Gateway, url: str, fleet: Fleet, clock: FakeClock) -> None:
    app.post(url, {"a": 1})
    number = int(url.split("/")[-2])
    product_devices.delete(fleet.caller, fleet.product.id, number)
    assert code(app.get(url)) == (404, 4041008)
    assert code(app.post(url, {"b": 1})) == (404, 4041008)
    WorkQueue(clock).run()
    assert code(app.get(url)) == (404, 4041008)
