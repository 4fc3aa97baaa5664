"""XLink 7 to 10: firmware versions, over the wire."""

from typing import Any

import pytest

from chalicelib.core import firmwares
from tests.conftest import Calls
from tests.dialects.xlink.test_products import ABSENT, code, cost, firmware, make, release
from tests.support.clock import FakeClock
from tests.support.fleet import Fleet
from tests.support.gateway import Gateway

NAMES = [
    "id",
    "mod",
    "version",
    "file_url",
    "file_md5",
    "file_size",
    "description",
    "release_date",
    "create_date",
    "is_release",
]


@pytest.fixture
def path(fleet: Fleet) -> str:
    return f"/v2/product/{fleet.product.id}/firmware"


def add(app: Gateway, path: str, **more: Any) -> dict[str, Any]:
    reply = app.post(path, {**firmware(), **more})
    assert reply.status == 200, reply.body
    made: dict[str, Any] = reply.json
    return made


def test_a_new_version(app: Gateway, path: str) -> None:
    made = add(app, path)
    assert list(made) == NAMES
    assert made == {**firmware(), "id": made["id"], "create_date": "2023-11-14T22:13:20.000Z"}
    assert app.get(f"{path}s").json == [made]


def test_versions_are_listed_by_age(app: Gateway, path: str, clock: FakeClock) -> None:
    made = []
    for version in (3, 1, 2):
        made.append(add(app, path, version=version))
        clock.advance(1)
    assert app.get(f"{path}s").json == made


@pytest.mark.parametrize(
    ("given", "answered"),
    [
        ("2015-10-09T08:15:40.843Z", "2015-10-09T08:15:40.843Z"),
        ("2015-10-09T08 : 15 : 40.843Z", "2015-10-09T08:15:40.843Z"),  # as the document prints it
        ("2015-10-09T08:15:40Z", "2015-10-09T08:15:40.000Z"),
        ("2015-10-09T10:15:40.8+02:00", "2015-10-09T08:15:40.800Z"),
        ("1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z"),
        ("0987-01-01T00:00:00Z", "0987-01-01T00:00:00.000Z"),
        ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999Z"),
    ],
)
def test_times(app: Gateway, path: str, given: str, answered: str) -> None:
    assert add(app, path, release_date=given)["release_date"] == answered


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"release_date": "2015-13-09T08:15:40Z"}, 4001001),
        ({"release_date": "yesterday"}, 4001001),
        ({"release_date": "9999-12-31T23:59:59-12:00"}, 4001001),
        ({"release_date": "0001-01-01T00:00:00+12:00"}, 4001001),
        ({"version": 2**31}, 4001001),
        ({"version": "one"}, 4001001),
        ({"mod": "m" * 21}, 4001001),
        ({"file_url": "u" * 251}, 4001001),
        ({"file_size": -1}, 4001001),
        ({"is_release": "perhaps"}, 4001001),
        ({"mod": ""}, 4001002),
        ({"file_md5": ""}, 4001002),
    ],
)
def test_bad_facts(app: Gateway, path: str, more: dict[str, Any], expected: int) -> None:
    assert code(app.post(path, {**firmware(), **more})) == (400, expected)
    made = add(app, path, version=7)
    assert code(app.put(f"{path}/{made['id']}", more)) == (400, expected)
    assert app.get(f"{path}s").json == [made]


@pytest.mark.parametrize("name", list(firmware()))
def test_each_fact_is_required_of_a_new_one(app: Gateway, path: str, name: str) -> None:
    body = firmware()
    del body[name]
    assert code(app.post(path, body)) == (400, 4001002)


def test_numbers_may_be_text(app: Gateway, path: str) -> None:
    made = add(app, path, version="5", file_size="1024", is_release="true")
    assert (made["version"], made["file_size"], made["is_release"]) == (5, 1024, True)


def test_a_model_has_each_version_once(app: Gateway, path: str) -> None:
    first = add(app, path)
    assert code(app.post(path, firmware())) == (400, 4001017)
    second = add(app, path, mod="n")
    third = add(app, path, version=2)
    assert code(app.put(f"{path}/{second['id']}", {"mod": "m"})) == (400, 4001017)
    assert app.put(f"{path}/{first['id']}", {"version": 9}).status == 200
    assert app.put(f"{path}/{third['id']}", {"version": 1}).status == 200  # it is free again
    assert app.delete(f"{path}/{third['id']}").status == 200
    add(app, path)


def test_another_product_may_have_the_same_version(app: Gateway, path: str) -> None:
    add(app, path)
    add(app, f"/v2/product/{make(app)}/firmware")


def test_changing(app: Gateway, path: str) -> None:
    made = add(app, path)
    change = {
        "mod": "n",
        "version": 2,
        "file_url": "http://files.example/2",
        "file_md5": "1" * 32,
        "file_size": 2,
        "description": "better",
        "release_date": "2016-01-01T00:00:00.001Z",
        "is_release": True,
    }
    reply = app.put(f"{path}/{made['id']}", change)
    assert reply.status == 200
    assert list(reply.json) == NAMES
    assert reply.json == {**made, **change}
    assert app.get(f"{path}s").json == [reply.json]


def test_what_is_left_out_stays(app: Gateway, path: str) -> None:
    made = add(app, path)
    assert app.put(f"{path}/{made['id']}", {"is_release": True}).json == {**made, "is_release": True}
    assert app.put(f"{path}/{made['id']}", {}).json == {**made, "is_release": True}


def test_deleting(app: Gateway, path: str) -> None:
    made = add(app, path)
    reply = app.delete(f"{path}/{made['id']}")
    assert (reply.status, reply.body) == (200, "")
    assert app.get(f"{path}s").json == []
    assert code(app.delete(f"{path}/{made['id']}")) == (404, 4041006)
    assert code(app.put(f"{path}/{made['id']}", {"mod": "n"})) == (404, 4041006)


def test_one_of_another_product_is_absent(app: Gateway, path: str) -> None:
    other = f"/v2/product/{make(app)}/firmware"
    made = add(app, other)
    assert code(app.delete(f"{path}/{made['id']}")) == (404, 4041006)
    assert code(app.delete(f"{path}/{ABSENT}")) == (404, 4041006)
    assert app.get(f"{other}s").json == [made]


def test_a_released_product_gets_firmware(app: Gateway) -> None:
    product = make(app)
    release(app, product)
    add(app, f"/v2/product/{product}/firmware")


def test_a_product_has_so_many(app: Gateway, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(firmwares, "MOST", 2)
    made = [add(app, path, version=version) for version in (1, 2)]
    assert code(app.post(path, {**firmware(), "version": 3})) == (400, 4001001)
    assert app.delete(f"{path}/{made[0]['id']}").status == 200
    add(app, path, version=3)


def test_a_change_that_meets_another_is_made_on_top_of_it(
    app: Gateway, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = add(app, path)
    real = firmwares._find
    between = [lambda: app.put(f"{path}/{made['id']}", {"version": 8})]

    def find(product: str, ident: str) -> Any:
        record = real(product, ident)
        if between:
            between.pop()()
        return record

    monkeypatch.setattr(firmwares, "_find", find)
    reply = app.put(f"{path}/{made['id']}", {"mod": "n"})
    assert (reply.json["mod"], reply.json["version"]) == ("n", 8)
    monkeypatch.undo()
    assert add(app, path, mod="m", version=8)["version"] == 8
    assert code(app.post(path, {**firmware(), "mod": "n", "version": 8})) == (400, 4001017)


def test_what_firmwares_cost(app: Gateway, path: str, calls: Calls) -> None:
    assert app.get(f"{path}s").status == 200  # the product is known now
    assert cost(calls, app, "POST", path, firmware()) == ["TransactWriteItems"]
    made = app.get(f"{path}s").json[0]
    assert cost(calls, app, "PUT", f"{path}/{made['id']}", {"mod": "n"}) == ["GetItem", "TransactWriteItems"]
    assert cost(calls, app, "GET", f"{path}s") == ["Query"]
    assert cost(calls, app, "DELETE", f"{path}/{made['id']}") == ["GetItem", "TransactWriteItems"]
