"""Lists of devices over the wire: pages, conditions, orders, chosen fields. Source: XLink 24"""

import json
from typing import Any

import pytest

from chalicelib.core import paging, registration
from chalicelib.core.registration import BY_SECRET, NewDevice
from chalicelib.store.devices import DEVICE, DeviceRecord
from tests.support.clock import FakeClock
from tests.support.fleet import Fleet
from tests.support.gateway import Gateway

NAMES = ["b", "a", "b", "a", "c"]
BASE = [
    *("id", "mac", "name", "is_active", "active_date", "is_online", "last_login", "last_login_ip"),
    *("active_code", "authorize_code", "mcu_mod", "mcu_version", "firmware_mod", "firmware_version"),
    *("product_id", "region_id", "create_time", "creator_id", "creator_type"),
]


@pytest.fixture
def url(fleet: Fleet) -> str:
    return f"/v2/product/{fleet.product.id}/devices"


@pytest.fixture
def numbers(fleet: Fleet, clock: FakeClock) -> list[int]:
    """Ids of five devices: MAC addresses 0000000000A0 to A4, firmware 0 to 4, the second one online."""
    made = []
    for at, name in enumerate(NAMES):
        clock.advance(1)
        new = NewDevice(None, BY_SECRET, product=fleet.product.id, mac_key=f"0000000000A{at}", name=name)
        device = registration.register(fleet.caller, new).device
        DeviceRecord(device.device, DEVICE).update([DeviceRecord.fw_version.set(str(at))])
        if at == 1:
            actions = [DeviceRecord.status.set("ONLINE"), DeviceRecord.last_seen.set(clock.at)]
            DeviceRecord(device.device, DEVICE).update(actions)
        made.append(device.number or 0)
    return made


def found(app: Gateway, url: str, **body: Any) -> list[int]:
    reply = app.post(url, body)
    assert reply.status == 200, reply.body
    return [int(each["mac"][-1]) for each in reply.json["list"]]


def test_an_empty_body_lists_ten_in_the_order_of_creation(
    app: Gateway, url: str, fleet: Fleet, clock: FakeClock
) -> None:
    for at in range(12):
        clock.advance(1)
        new = NewDevice(None, BY_SECRET, product=fleet.product.id, mac_key=f"0000000000{at:02X}", name="n")
        registration.register(fleet.caller, new)
    for body in ("", {}, {"offset": None, "limit": None, "filter": None, "query": None, "order": None}):
        reply = app.post(url, body)
        assert (reply.status, reply.json.keys()) == (200, {"count", "list"})
        assert reply.json["count"] == 12
        assert [each["mac"] for each in reply.json["list"]] == [f"0000000000{at:02X}" for at in range(10)]
        assert all(sorted(each) == sorted(BASE) for each in reply.json["list"])
        assert "null" not in reply.body
    rest = app.post(url, {"offset": "10", "limit": "5"}).json
    assert ([each["mac"][-2:] for each in rest["list"]], rest["count"]) == (["0A", "0B"], 12)


@pytest.mark.usefixtures("numbers")
@pytest.mark.parametrize("more", [{}, {"query": {"is_online": False}}, {"order": {"mac": "asc"}}])
def test_offsets(app: Gateway, url: str, more: dict[str, Any]) -> None:
    everything = found(app, url, limit=100, **more)
    for offset, limit in [(0, 2), (2, 2), (1, 3), (4, 10), (3, 1)]:
        reply = app.post(url, {"offset": offset, "limit": limit, **more}).json
        assert [int(each["mac"][-1]) for each in reply["list"]] == everything[offset : offset + limit]
        assert reply["count"] == len(everything)
    for far in (5, 1_000, 2**31 - 1):
        assert app.post(url, {"offset": far, **more}).json == {"count": len(everything), "list": []}


@pytest.mark.usefixtures("numbers")
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"mac": "0000000000A3"}, [3]),
        ({"mac": "00:00:00:00:00:a3"}, [3]),
        ({"mac": "0000000000FF"}, []),
        ({"mac": {"$in": ["0000000000A4", "00-00-00-00-00-a0", "0000000000FF"]}}, [0, 4]),
        ({"mac": {"$in": []}}, []),
        ({"mac": {"$like": "a3"}}, [3]),
        ({"mac": {"$like": "00:a"}}, [0, 1, 2, 3, 4]),
        ({"mac": {"$like": ".*"}}, []),
        ({"mac": {"$like": "%"}}, []),
        ({"mac": {"$gt": "0000000000A1", "$lte": "0000000000A3"}}, [2, 3]),
        ({"is_online": True}, [1]),
        ({"is_online": "true"}, [1]),
        ({"is_online": False}, [0, 2, 3, 4]),
        ({"is_online": {"$in": [True, False]}}, [0, 1, 2, 3, 4]),
        ({"firmware_version": 2}, [2]),
        ({"firmware_version": "2"}, [2]),
        ({"firmware": 2}, [2]),
        ({"firmware_version": {"$lt": 2}}, [0, 1]),
        ({"firmware_version": {"$lte": 2}}, [0, 1, 2]),
        ({"firmware_version": {"$gt": "2"}}, [3, 4]),
        ({"firmware_version": {"$gte": 2, "$lt": 4}}, [2, 3]),
        ({"firmware_version": {"$gte": -5}}, [0, 1, 2, 3, 4]),
        ({"firmware_version": {"$in": [1, "3"]}}, [1, 3]),
        ({"firmware_version": {"$like": 4}}, [4]),
        ({"is_online": False, "firmware_version": {"$lt": 3}, "mac": {"$like": "A"}}, [0, 2]),
        ({"mac": {}}, [0, 1, 2, 3, 4]),
        ({}, [0, 1, 2, 3, 4]),
    ],
    ids=json.dumps,
)
def test_queries(app: Gateway, url: str, query: dict[str, Any], expected: list[int]) -> None:
    reply = app.post(url, {"query": query}).json
    assert [int(each["mac"][-1]) for each in reply["list"]] == expected
    assert reply["count"] == len(expected)


def test_queries_by_id(app: Gateway, url: str, numbers: list[int]) -> None:
    assert found(app, url, query={"id": numbers[3]}) == [3]
    assert found(app, url, query={"id": str(numbers[3])}) == [3]
    assert found(app, url, query={"id": {"$in": [numbers[4], str(numbers[0]), 5]}}) == [0, 4]
    assert found(app, url, query={"id": {"$like": str(numbers[2])}}) == [2]
    middle = sorted(numbers)[2]
    assert set(found(app, url, query={"id": {"$lt": middle}})) == {
        numbers.index(each) for each in sorted(numbers)[:2]
    }
    assert found(app, url, query={"id": 10**17}) == []


@pytest.mark.usefixtures("numbers")
@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ({"name": "asc"}, [1, 3, 0, 2, 4]),
        ({"name": "desc"}, [4, 0, 2, 1, 3]),
        ({"name": "asc", "mac": "desc"}, [3, 1, 2, 0, 4]),
        ({"mac": "desc", "name": "asc"}, [4, 3, 2, 1, 0]),
        ({"is_online": "DESC"}, [1, 0, 2, 3, 4]),
        ({"firmware_version": "desc"}, [4, 3, 2, 1, 0]),
        ({"firmware": "desc"}, [4, 3, 2, 1, 0]),
        ({"create_time": "desc"}, [4, 3, 2, 1, 0]),
        ({"creator_type": "desc"}, [0, 1, 2, 3, 4]),
        ({"corp_id": "asc", "name": "asc"}, [1, 3, 0, 2, 4]),
        *(
            ({name: "asc"}, [0, 1, 2, 3, 4])
            for name in ("is_active", "active_date", "last_login", "last_login_ip", "mcu_mod")
        ),
        *(({name: "asc"}, [0, 1, 2, 3, 4]) for name in ("mcu_version", "region_id", "product_id")),
        ({}, [0, 1, 2, 3, 4]),
    ],
    ids=json.dumps,
)
def test_orders(app: Gateway, url: str, order: dict[str, str], expected: list[int]) -> None:
    assert found(app, url, order=order) == expected
    assert found(app, url, order=order, limit=2) + found(app, url, order=order, offset=2) == expected
    some = [each for each in expected if each != 1]
    assert found(app, url, order=order, query={"is_online": False}) == some
    macs = [f"0000000000A{at}" for at in range(5)]
    assert found(app, url, order=order, query={"mac": {"$in": macs}}) == expected


@pytest.mark.usefixtures("numbers")
@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"query": {"name": "a"}}, "query.name"),
        ({"query": {"create_time": {"$gt": 1}}}, "query.create_time"),
        ({"query": {"colour": "red"}}, "query.colour"),
        ({"query": {"mac": {"$regex": ".*"}}}, "query.mac"),
        ({"query": {"mac": {"$ne": "0"}}}, "query.mac"),
        ({"query": {"mac": 5}}, "query.mac"),
        ({"query": {"mac": "A3"}}, "query.mac"),
        ({"query": {"mac": None}}, "query.mac"),
        ({"query": {"mac": {"$in": "0000000000A3"}}}, "query.mac.$in"),
        ({"query": {"mac": {"$in": ["0000000000A3", 5]}}}, "query.mac.$in"),
        ({"query": {"mac": {"$in": ["0000000000A3"] * 1001}}}, "query.mac.$in"),
        ({"query": {"mac": {"$like": True}}}, "query.mac.$like"),
        ({"query": {"mac": {"$like": ["A"]}}}, "query.mac.$like"),
        ({"query": {"is_online": 1}}, "query.is_online"),
        ({"query": {"is_online": "yes"}}, "query.is_online"),
        ({"query": {"is_online": {"$lt": True}}}, "query.is_online.$lt"),
        ({"query": {"is_online": {"$like": "t"}}}, "query.is_online.$like"),
        ({"query": {"firmware_version": "V1"}}, "query.firmware_version"),
        ({"query": {"firmware_version": 1.5}}, "query.firmware_version"),
        ({"query": {"firmware_version": True}}, "query.firmware_version"),
        ({"query": {"firmware_version": {"$lt": "x"}}}, "query.firmware_version.$lt"),
        ({"query": {"firmware_version": {"$lt": None}}}, "query.firmware_version.$lt"),
        ({"query": {"id": "9" * 30}}, "query.id"),
        ({"query": {"id": {"$in": [[1]]}}}, "query.id.$in"),
        ({"query": []}, "query"),
        ({"order": {"active_code": "asc"}}, "order.active_code"),
        ({"order": {"authorize_code": "asc"}}, "order.authorize_code"),
        ({"order": {"colour": "asc"}}, "order.colour"),
        ({"order": {"mac": "up"}}, "order.mac"),
        ({"order": {"mac": 1}}, "order"),
        ({"order": ["mac"]}, "order"),
        ({"filter": "mac"}, "filter"),
        ({"filter": [1]}, "filter"),
        ({"filter": ["x"] * 101}, "filter"),
        ({"offset": -1}, "offset"),
        ({"offset": 2**31}, "offset"),
        ({"offset": "x"}, "offset"),
        ({"limit": 0}, "limit"),
        ({"limit": 1001}, "limit"),
        ({"limit": 1.5}, "limit"),
    ],
    ids=lambda given: json.dumps(given)[:60],
)
def test_what_cannot_be_asked_names_the_field(app: Gateway, url: str, body: Any, named: str) -> None:
    reply = app.post(url, body)
    assert (reply.status, reply.json["error"]["code"]) == (400, 4001001), reply.body
    assert named in reply.json["error"]["msg"]


def test_chosen_fields(app: Gateway, url: str, numbers: list[int]) -> None:
    device = url.removesuffix("s") + f"/{numbers[2]}"
    assert app.post(f"{device}/property", '{"colour":"red","size":1.0,"none":null}').status == 200

    def chosen(*fields: str) -> list[str]:
        body = app.post(url, {"filter": list(fields)}).body
        return [msg for msg in body.split("[", 1)[1].rstrip("]}").split("},{") if msg]

    assert chosen("mac", "id")[2] == f'{{"mac":"0000000000A2","id":{numbers[2]}'.lstrip("{")
    with_colour = chosen("mac", "colour", "size", "none", "absent")
    assert with_colour[2] == '"mac":"0000000000A2","colour":"red","size":1.0,"none":null'
    assert with_colour[1] == '"mac":"0000000000A1"'
    reply = app.post(url, {"filter": ["corp_id", "firmware", "name"], "limit": 1}).json
    assert reply["list"] == [{"corp_id": reply["list"][0]["corp_id"], "firmware_version": 0, "name": "b"}]
    assert len(app.post(url, {"filter": [], "limit": 1}).json["list"][0]) == len(BASE)
    codes = app.post(url, {"filter": ["active_code"], "limit": 1}).json["list"][0]
    assert codes.keys() == {"active_code"}
    assert codes["active_code"]


def test_a_list_that_is_too_long_is_refused_clearly(
    app: Gateway, url: str, numbers: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "MOST_LISTED", 3)
    reply = app.post(url, {"order": {"mac": "asc"}})
    assert (reply.status, reply.json["error"]["code"]) == (400, 4001001)
    assert "narrow the query" in reply.json["error"]["msg"]
    assert found(app, url, order={"mac": "asc"}, query={"firmware_version": {"$lt": 3}}) == [0, 1, 2]
    assert found(app, url) == [0, 1, 2, 3, 4]
