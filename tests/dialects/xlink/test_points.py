"""XLink 11 to 15: data points, over the wire, and the thing model they are."""

import json
from typing import Any

import pytest

from chalicelib.core import products, thing_values
from chalicelib.core.things import DataType
from chalicelib.dialects.xlink.routes.points import NEAREST
from tests.conftest import Calls
from tests.dialects.xlink.test_products import ABSENT, code, cost, make, release
from tests.support.fleet import Fleet
from tests.support.gateway import Gateway

POINT = {
    "name": "level",
    "type": 4,
    "index": 3,
    "description": "of water",
    "symbol": "cm",
    "is_collect": True,
}


@pytest.fixture
def path(app: Gateway) -> str:
    return f"/v2/product/{make(app)}/datapoint"


def add(app: Gateway, path: str, **more: Any) -> dict[str, Any]:
    reply = app.post(path, {**POINT, **more})
    assert reply.status == 200, reply.body
    made: dict[str, Any] = reply.json
    return made


def product_of(path: str) -> products.Product:
    products.forget()
    found = products.load(path.split("/")[3])
    assert found is not None
    return found


def test_a_new_point(app: Gateway, path: str) -> None:
    made = add(app, path)
    assert list(made) == ["id", "name", "type", "index", "description", "symbol", "is_collect"]
    assert made == {**POINT, "id": made["id"]}
    assert app.get(f"{path}/{made['id']}").json == made
    assert app.get(f"{path}s").json == [made]


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (1, DataType.BOOL),
        (2, DataType.BYTE),
        (3, DataType.INT16),
        (4, DataType.INT32),
        (5, DataType.FLOAT),
        ("6", DataType.STRING),
    ],
)
def test_it_is_a_property_of_the_thing_model(app: Gateway, path: str, number: Any, kind: DataType) -> None:
    made = add(app, path, type=number)
    assert made["type"] == int(number)
    (service,) = products.model_of(product_of(path)).services
    (held,) = service.properties
    assert (service.id, held.name, held.data_type, held.method) == ("", "level", kind, "RWE")
    assert (held.index, held.ref, held.unit, held.description, held.collect) == (
        3,
        made["id"],
        "cm",
        "of water",
        True,
    )


def test_the_model_judges_reports_in_every_dialect(app: Gateway, path: str) -> None:
    model = products.model_of(product_of(path))
    assert thing_values.check_report(model, "Any", {"x": "y"}).service_known  # nothing described yet
    add(app, path, type=2)
    model = products.model_of(product_of(path))
    checked = thing_values.check_report(model, "", {"level": 256})
    assert checked.problems
    assert not thing_values.check_report(model, "", {"level": 255}).problems


def test_every_type_of_the_model_has_a_number() -> None:
    assert set(NEAREST) == set(DataType)


def test_points_of_another_systems_app(app: Gateway, fleet: Fleet) -> None:
    found = app.get(f"/v2/product/{fleet.product.id}/datapoints").json
    assert [(each["name"], each["type"], each["index"]) for each in found] == [
        ("level", 4, 0),
        ("flow", 5, 1),
    ]
    assert all(isinstance(each["id"], str) and each["id"] for each in found)
    assert "null" not in json.dumps(found)


def test_a_type_that_is_as_good_stays_with_its_bounds(app: Gateway, fleet: Fleet) -> None:
    path = f"/v2/product/{fleet.product.id}/datapoint"
    level = app.get(f"{path}s").json[0]
    assert app.put(f"{path}/{level['id']}", {**level, "index": 7, "description": "full"}).status == 200
    held = products.model_of(product_of(path)).services[0].properties[0]
    assert (held.index, held.data_type, held.max, held.description) == (7, DataType.INT, "100", "full")
    assert app.put(f"{path}/{level['id']}", {"type": 6}).status == 200
    held = products.model_of(product_of(path)).services[0].properties[0]
    assert (held.data_type, held.min, held.max) == (DataType.STRING, None, None)


def test_a_point_that_shares_its_name_keeps_it_where_it_is_sent_back(app: Gateway, fleet: Fleet) -> None:
    from chalicelib.core.things import Property, Service

    products.edit_model(
        fleet.tenant,
        fleet.product.id,
        lambda _, model: type(model)(
            (*model.services, Service("Tank", properties=(Property("level", DataType.INT),)))
        ),
    )
    path = f"/v2/product/{fleet.product.id}/datapoint"
    tank = next(each for each in app.get(f"{path}s").json if each["name"] == "Tank.level")
    assert app.put(f"{path}/{tank['id']}", {**tank, "symbol": "l"}).status == 200
    assert app.get(f"{path}/{tank['id']}").json == {**tank, "symbol": "l"}
    held = products.model_of(product_of(path)).service("Tank")
    assert held is not None
    assert [each.name for each in held.properties] == ["level"]


def test_listed_by_index(app: Gateway, path: str) -> None:
    for name, index in (("a", 5), ("b", 65_535), ("c", 0)):
        add(app, path, name=name, index=index)
    assert [(each["name"], each["index"]) for each in app.get(f"{path}s").json] == [
        ("c", 0),
        ("a", 5),
        ("b", 65_535),
    ]


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"type": 0}, 4001018),
        ({"type": 7}, 4001018),
        ({"type": "7"}, 4001018),
        ({"type": "int"}, 4001001),
        ({"index": 65_536}, 4001001),
        ({"index": -1}, 4001001),
        ({"name": "n" * 33}, 4001001),
        ({"name": ""}, 4001002),
        ({"symbol": "s" * 11}, 4001001),
        ({"description": "d" * 251}, 4001001),
        ({"is_collect": "no way"}, 4001001),
    ],
)
def test_bad_points(app: Gateway, path: str, more: dict[str, Any], expected: int) -> None:
    assert code(app.post(path, {**POINT, **more})) == (400, expected)
    made = add(app, path)
    assert code(app.put(f"{path}/{made['id']}", more)) == (400, expected)
    assert app.get(f"{path}s").json == [made]


@pytest.mark.parametrize("name", ["name", "type", "index", "description", "symbol"])
def test_what_a_new_one_requires(app: Gateway, path: str, name: str) -> None:
    body = dict(POINT)
    del body[name]
    assert code(app.post(path, body)) == (400, 4001002)


def test_collecting_is_off_unless_asked_for(app: Gateway, path: str) -> None:
    body = dict(POINT)
    del body["is_collect"]
    assert app.post(path, body).json["is_collect"] is False


def test_names_and_indexes_are_taken_once(app: Gateway, path: str) -> None:
    first = add(app, path)
    assert code(app.post(path, {**POINT, "name": "other"})) == (400, 4001019)
    assert code(app.post(path, {**POINT, "index": 4})) == (400, 4001021)
    second = add(app, path, name="other", index=4)
    assert code(app.put(f"{path}/{second['id']}", {"index": 3})) == (400, 4001019)
    assert code(app.put(f"{path}/{second['id']}", {"name": "level"})) == (400, 4001021)
    assert app.put(f"{path}/{first['id']}", {"index": 3, "name": "level"}).status == 200


def test_changing(app: Gateway, path: str) -> None:
    made = add(app, path)
    change = {
        "name": "depth",
        "type": 5,
        "index": 9,
        "description": "",
        "symbol": "m",
        "is_collect": False,
    }
    reply = app.put(f"{path}/{made['id']}", change)
    assert (reply.status, reply.body) == (200, "")
    assert app.get(f"{path}/{made['id']}").json == {"id": made["id"], **change}


def test_what_is_left_out_stays(app: Gateway, path: str) -> None:
    made = add(app, path)
    assert app.put(f"{path}/{made['id']}", {"index": "11"}).status == 200
    assert app.get(f"{path}/{made['id']}").json == {**made, "index": 11}


def test_a_new_point_with_a_name_that_was_given_up_has_an_id_of_its_own(app: Gateway, path: str) -> None:
    first = add(app, path)
    app.put(f"{path}/{first['id']}", {"name": "depth"})
    second = add(app, path, index=4)
    assert second["id"] != first["id"]
    assert [each["name"] for each in app.get(f"{path}s").json] == ["depth", "level"]


def test_deleting(app: Gateway, path: str) -> None:
    made, kept = add(app, path), add(app, path, name="kept", index=1)
    reply = app.delete(f"{path}/{made['id']}")
    assert (reply.status, reply.body) == (200, "")
    assert app.get(f"{path}s").json == [kept]
    for method, body in (("GET", None), ("PUT", {"index": 5}), ("DELETE", None)):
        assert code(app.call(method, f"{path}/{made['id']}", body)) == (404, 4041007)
        assert code(app.call(method, f"{path}/{ABSENT}", body)) == (404, 4041007)


def test_a_product_without_its_last_point_takes_anything_again(app: Gateway, path: str) -> None:
    made = add(app, path)
    assert app.delete(f"{path}/{made['id']}").status == 200
    assert products.model_of(product_of(path)).schemaless


def test_the_points_of_a_released_product_stay_as_they_are(app: Gateway, path: str) -> None:
    made = add(app, path)
    release(app, path.split("/")[3])
    assert code(app.post(path, {**POINT, "name": "x", "index": 1})) == (400, 4001020)
    assert code(app.put(f"{path}/{made['id']}", {"index": 5})) == (400, 4001020)
    assert code(app.delete(f"{path}/{made['id']}")) == (400, 4001020)
    assert app.get(f"{path}s").json == [made]


def test_what_points_cost(app: Gateway, path: str, calls: Calls) -> None:
    assert cost(calls, app, "POST", path, POINT) == ["GetItem", "TransactWriteItems"]
    made = app.get(f"{path}s").json[0]
    at = f"{path}/{made['id']}"
    assert cost(calls, app, "GET", f"{path}s") == ["GetItem"]
    assert cost(calls, app, "GET", at) == ["GetItem"]
    assert cost(calls, app, "PUT", at, {"index": 8}) == ["GetItem", "TransactWriteItems"]
    assert cost(calls, app, "DELETE", at) == ["GetItem", "TransactWriteItems"]
