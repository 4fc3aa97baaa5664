"""XLink 1 to 6: products, over the wire."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.core import clock, products, registration
from chalicelib.core.events import EventType
from chalicelib.core.registration import NewDevice
from chalicelib.core.things import ThingModel
from chalicelib.handlers import http
from chalicelib.store.firmwares import FirmwareRecord
from chalicelib.store.outbox import EventRecord
from chalicelib.store.products import AliasRecord
from chalicelib.store.subscriptions import RuleRecord
from tests.conftest import Calls
from tests.support.clock import FakeClock
from tests.support.fleet import Fleet, make_fleet
from tests.support.gateway import Gateway, Reply
from tests.support.queues import WorkQueue
from tests.support.xlink import key_caller

NEW = {"name": "Lamp", "description": "a lamp", "link_type": 3}
ABSENT = "0" * 32


def code(reply: Reply) -> tuple[int, int]:
    assert reply.json["error"]["code"] // 10_000 == reply.status
    return reply.status, reply.json["error"]["code"]


def make(app: Gateway, **more: Any) -> str:
    reply = app.post("/v2/product", {**NEW, **more})
    assert reply.status == 200, reply.body
    return str(reply.json["id"])


def release(app: Gateway, product: str) -> None:
    assert app.put(f"/v2/product/{product}", {"is_release": True}).status == 200


def shown(app: Gateway, product: str) -> Any:
    return app.get(f"/v2/product/{product}").json


def test_a_new_product(app: Gateway, fleet: Fleet) -> None:
    reply = app.post("/v2/product", NEW)
    assert reply.status == 200
    made = reply.json
    assert re.fullmatch("[0-9a-f]{32}", made["id"])
    assert re.fullmatch("[A-Za-z0-9]{16}", made["key"])
    assert made == {
        **NEW,
        "id": made["id"],
        "key": made["key"],
        "is_release": False,
        "is_registerable": True,
    }
    del made["key"]
    assert shown(app, made["id"]) == made
    assert made in app.get("/v2/products").json


def test_its_key_is_the_products_own(app: Gateway, fleet: Fleet) -> None:
    reply = app.post("/v2/product", NEW)
    assert app.get(f"/v2/product/{reply.json['id']}/key").json == {"key": reply.json["key"]}
    assert app.get(f"/v2/product/{fleet.product.id}/key").json == {"key": products.key_of(fleet.product)}


@pytest.mark.parametrize(("given", "answered"), [("2", 2), ("4", 4), (1, 1)])
def test_numbers_may_be_text_and_are_answered_as_numbers(app: Gateway, given: Any, answered: int) -> None:
    product = make(app, link_type=given)
    assert shown(app, product)["link_type"] == answered
    assert app.put(f"/v2/product/{product}", {"link_type": "3", "is_registerable": "false"}).status == 200
    assert (shown(app, product)["link_type"], shown(app, product)["is_registerable"]) == (3, False)


@pytest.mark.parametrize("link_type", [0, 5, -1, "9"])
def test_an_unknown_link_type(app: Gateway, fleet: Fleet, link_type: Any) -> None:
    assert code(app.post("/v2/product", {**NEW, "link_type": link_type})) == (400, 4001015)
    path = f"/v2/product/{fleet.product.id}"
    assert code(app.put(path, {"link_type": link_type})) == (400, 4001015)


def test_a_product_of_another_systems_app_is_among_them(app: Gateway, fleet: Fleet) -> None:
    (found,) = app.get("/v2/products").json
    assert found == {
        "id": fleet.product.id,
        "name": "Meter",
        "description": "",
        "link_type": 1,
        "is_release": False,
        "is_registerable": True,
    }


def test_more_products_than_one_read_takes(app: Gateway, fleet: Fleet, calls: Calls) -> None:
    made = [products.create(fleet.tenant, f"p{number}", ThingModel()).id for number in range(120)]
    calls.clear()
    listed = [each["id"] for each in app.get("/v2/products").json]
    assert len(listed) == len(set(listed)) == 121
    assert set(made) < set(listed)
    assert calls.made.count("dynamodb.BatchGetItem") == 2


def test_changing_all_of_it(app: Gateway) -> None:
    product = make(app)
    change = {
        "name": "Light",
        "description": "",
        "link_type": 4,
        "is_release": False,
        "is_registerable": False,
    }
    reply = app.put(f"/v2/product/{product}", change)
    assert (reply.status, reply.body) == (200, "")
    assert shown(app, product) == {"id": product, **change}


def test_what_is_left_out_stays(app: Gateway) -> None:
    product = make(app)
    before = shown(app, product)
    assert app.put(f"/v2/product/{product}", {}).status == 200
    assert shown(app, product) == before


def test_an_empty_name_is_refused(app: Gateway) -> None:
    product = make(app)
    assert code(app.put(f"/v2/product/{product}", {"name": " "})) == (400, 4001002)


def test_what_is_released_stays_as_it_is(app: Gateway) -> None:
    product = make(app)
    release(app, product)
    before = shown(app, product)
    assert before["is_release"] is True
    path = f"/v2/product/{product}"
    assert code(app.put(path, {"name": "other"})) == (400, 4001016)
    assert code(app.put(path, {"is_release": False})) == (400, 4001016)
    assert code(app.put(path, {"is_registerable": False})) == (400, 4001016)
    assert code(app.put(path, {"is_release": True})) == (400, 4001091)
    assert code(app.delete(path)) == (400, 4001016)
    assert shown(app, product) == before


def test_deleting(app: Gateway, fleet: Fleet) -> None:
    product = make(app)
    reply = app.delete(f"/v2/product/{product}")
    assert (reply.status, reply.body) == (200, "")
    assert [each["id"] for each in app.get("/v2/products").json] == [fleet.product.id]
    for method, path in (("GET", ""), ("GET", "/key"), ("PUT", ""), ("DELETE", ""), ("GET", "/datapoints")):
        body = {} if method == "PUT" else None
        assert code(app.call(method, f"/v2/product/{product}{path}", body)) == (404, 4041005)


def test_deleting_frees_all_names_and_tells_every_service_that_goes(app: Gateway, fleet: Fleet) -> None:
    for event in EventRecord.scan():
        event.delete()
    assert app.delete(f"/v2/product/{fleet.product.id}").status == 200
    assert not [each.name for each in AliasRecord.scan() if each.target == fleet.product.id]
    (event,) = EventRecord.scan()
    assert event.type == EventType.MODEL_CHANGED.value
    assert '"deleted":["Meter"]' in event.data.replace(" ", "")
    remade = products.create(
        fleet.tenant,
        "again",
        products.model_of(fleet.product),
        products.Facts("acme", "Acme", "Meter", "M1", "MQTT"),
    )
    assert remade.id != fleet.product.id


def test_a_product_with_devices_of_any_owner_is_not_deleted(app: Gateway, fleet: Fleet) -> None:
    from chalicelib.core import applications, removal
    from chalicelib.core.applications import Caller

    other, _ = applications.create_application(fleet.tenant, "other")
    owner = Caller(fleet.tenant, other.id, other.id)
    new = NewDevice("n", registration.BY_SECRET, product=fleet.product.id)
    device = registration.register(owner, new).device.device
    assert code(app.delete(f"/v2/product/{fleet.product.id}")) == (400, 4001022)
    removal.delete(owner, device)
    assert app.delete(f"/v2/product/{fleet.product.id}").status == 200


def test_a_device_registered_while_its_product_was_deleted_goes_too(
    app: Gateway, fleet: Fleet, clock: FakeClock
) -> None:
    work = WorkQueue(clock)
    product = products.load(fleet.product.id)
    assert app.delete(f"/v2/product/{fleet.product.id}").status == 200
    assert product is not None
    products._loaded[product.id] = (clock.at, product)  # what another process still remembers
    new = NewDevice("n", registration.BY_SECRET, product=product.id)
    device = registration.register(fleet.caller, new).device
    assert "clear-product" in {each["job"] for each in work.waiting()}
    clock.advance(119)
    assert work.run() == []
    clock.advance(1)
    assert "clear-product" in work.run()
    from chalicelib.core import devices
    from chalicelib.core.errors import DeviceNotFound

    with pytest.raises(DeviceNotFound):
        devices.get(fleet.caller, device.device)
    assert not work.failures


def test_what_belongs_to_a_deleted_product_is_cleared_and_a_repetition_is_harmless(
    app: Gateway, fleet: Fleet, clock: FakeClock
) -> None:
    from chalicelib.core import product_changes

    work = WorkQueue(clock)
    kept, gone = make(app), make(app)
    for product in (kept, gone):
        rule = {"data_type": [1], "destination": {"type": 2}}
        assert app.post(f"/v2/product/{product}/dds", rule).status == 200
        assert app.post(f"/v2/product/{product}/firmware", firmware()).status == 200
    assert app.delete(f"/v2/product/{gone}").status == 200
    assert len(work.waiting()) == 1
    clock.advance(120)
    assert work.run() == ["clear-product"]
    product_changes.clear(fleet.tenant, gone)
    assert {each.product for each in FirmwareRecord.scan()} == {kept}
    rules = [each for each in RuleRecord.scan() if each.item.startswith("R#")]
    assert {each.product for each in rules} == {kept}


def test_the_clearing_of_a_product_that_lives_does_nothing(app: Gateway, fleet: Fleet) -> None:
    from chalicelib.core import product_changes

    app.post(f"/v2/product/{fleet.product.id}/firmware", firmware())
    product_changes.clear(fleet.tenant, fleet.product.id)
    assert len(list(FirmwareRecord.scan())) == 1


def firmware() -> dict[str, Any]:
    return {
        "mod": "m",
        "version": 1,
        "file_url": "http://files.example/1",
        "file_md5": "0" * 32,
        "file_size": 1,
        "description": "",
        "release_date": "2015-10-09T08:15:40.843Z",
        "is_release": False,
    }


CALLS = [
    ("GET", "/v2/product/{}", None),
    ("PUT", "/v2/product/{}", {"name": "x"}),
    ("DELETE", "/v2/product/{}", None),
    ("GET", "/v2/product/{}/key", None),
    ("POST", "/v2/product/{}/firmware", firmware()),
    ("PUT", "/v2/product/{}/firmware/" + ABSENT, {"mod": "x"}),
    ("DELETE", "/v2/product/{}/firmware/" + ABSENT, None),
    ("GET", "/v2/product/{}/firmwares", None),
    (
        "POST",
        "/v2/product/{}/datapoint",
        {"name": "n", "type": 1, "index": 9, "description": "", "symbol": ""},
    ),
    ("PUT", "/v2/product/{}/datapoint/" + ABSENT, {"name": "x"}),
    ("DELETE", "/v2/product/{}/datapoint/" + ABSENT, None),
    ("GET", "/v2/product/{}/datapoint/" + ABSENT, None),
    ("GET", "/v2/product/{}/datapoints", None),
    ("POST", "/v2/product/{}/dds", {"data_type": [1], "destination": {"type": 2}}),
    ("GET", "/v2/product/{}/dds_list", None),
    (
        "PUT",
        "/v2/product/{}/dds/" + ABSENT,
        {"data_type": [1], "destination": {"type": 2}},
    ),
    ("DELETE", "/v2/product/{}/dds/" + ABSENT, None),
]


@pytest.mark.parametrize(("method", "path", "body"), CALLS)
def test_anothers_product_is_answered_exactly_as_an_absent_one(
    app: Gateway, method: str, path: str, body: Any
) -> None:
    other = make_fleet("other")
    replies = [app.call(method, path.format(ident), body) for ident in (other.product.id, ABSENT, "x" * 64)]
    assert len({(each.status, each.body, str(sorted(each.headers.items()))) for each in replies}) == 1
    assert code(replies[0]) == (404, 4041005)
    mine = key_caller(other).get(f"/v2/product/{other.product.id}")
    assert (mine.status, mine.json["name"]) == (200, "Meter")


def test_every_operation_of_a_product_is_among_those(aws: None) -> None:
    api = http.api_of("xlink")
    mine = [
        each.path for each in api.operations if "{product_id}" in each.path and "/device" not in each.path
    ]
    assert len(mine) == len(CALLS)


def test_what_products_cost(app: Gateway, fleet: Fleet, calls: Calls) -> None:
    products.forget()
    assert cost(calls, app, "POST", "/v2/product", NEW) == ["TransactWriteItems"]
    product = make(app)
    path = f"/v2/product/{product}"
    assert cost(calls, app, "GET", path) == ["GetItem"]
    assert cost(calls, app, "GET", f"{path}/key") == ["GetItem"]
    assert cost(calls, app, "GET", "/v2/products") == ["Query", "BatchGetItem"]
    assert cost(calls, app, "PUT", path, {"name": "x"}) == ["GetItem", "TransactWriteItems"]
    assert cost(calls, app, "DELETE", path) == [
        "GetItem",
        "Query",
        "SendMessageBatch",
        "TransactWriteItems",
    ]


def cost(calls: Calls, app: Gateway, method: str, path: str, body: Any = None) -> list[str]:
    """Without flow control's: a lease of nine calls may end anywhere."""
    from chalicelib.core import flow

    flow._leases[next(iter(flow._leases))].left = 9
    calls.clear()
    assert app.call(method, path, body).status == 200
    return [each.partition(".")[2] for each in calls.made]


def after_the_next_read(monkeypatch: pytest.MonkeyPatch, act: Callable[[], None]) -> None:
    """Another comes between the next read of a product and the write that follows it."""
    real, waiting = products.record_of, [act]

    def read(tenant: str, product: str) -> Any:
        record = real(tenant, product)
        if waiting:
            waiting.pop()()
        return record

    monkeypatch.setattr(products, "record_of", read)


def test_two_writers_of_one_product_do_not_undo_each_other(
    app: Gateway, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A release that comes between the read and the write of a change wins, and the change is refused."""
    product = make(app)
    after_the_next_read(monkeypatch, lambda: release(app, product))
    assert code(app.put(f"/v2/product/{product}", {"name": "late"})) == (400, 4001016)
    assert shown(app, product)["name"] == "Lamp"


def test_a_release_and_a_deletion_do_not_both_win(app: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    product = make(app)
    after_the_next_read(monkeypatch, lambda: release(app, product))
    assert code(app.delete(f"/v2/product/{product}")) == (400, 4001016)
    assert shown(app, product)["is_release"] is True


def test_a_release_and_a_new_point_do_not_both_win(app: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    product = make(app)
    after_the_next_read(monkeypatch, lambda: release(app, product))
    point = {"name": "n", "type": 1, "index": 0, "description": "", "symbol": ""}
    assert code(app.post(f"/v2/product/{product}/datapoint", point)) == (400, 4001020)
    assert app.get(f"/v2/product/{product}/datapoints").json == []


def test_a_change_and_the_last_version_of_the_model_are_told_apart(app: Gateway) -> None:
    """Two changes within one millisecond have two times: the parsed model is kept by them."""
    product = make(app)
    stamps = []
    for name in ("a", "b"):
        app.put(f"/v2/product/{product}", {"name": name})
        found = products.load(product)
        assert found is not None
        stamps.append(found.modified)
    assert clock.now() < stamps[0] < stamps[1]
