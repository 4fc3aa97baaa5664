"""Devices of a product over the wire. Source: XLink 20 to 25"""

import re
from typing import Any

import pytest

from chalicelib.core import modification, product_devices, registration
from chalicelib.core.modification import Changes
from chalicelib.core.registration import BY_CODE, BY_SECRET, NewDevice
from chalicelib.store.devices import DEVICE, DeviceRecord
from tests.conftest import Calls
from tests.support.clock import FakeClock
from tests.support.fleet import Fleet, make_fleet
from tests.support.gateway import Gateway, Reply
from tests.support.iot import FakeIot
from tests.support.mqtt import Mqtt
from tests.support.queues import WorkQueue
from tests.support.xlink import key_caller

MAC = "0123456789AB"
TYPES = {
    "id": int,
    "mac": str,
    "is_active": bool,
    "active_date": str,
    "is_online": bool,
    "last_login": str,
    "last_login_ip": str,
    "active_code": str,
    "authorize_code": str,
    "mcu_mod": str,
    "mcu_version": int,
    "firmware_mod": str,
    "firmware_version": int,
    "corp_id": str,
    "product_id": str,
    "region_id": str,
    "create_time": str,
    "creator_id": str,
    "creator_type": int,
}


@pytest.fixture
def fleet(aws: None) -> Fleet:
    FakeIot().install()
    return make_fleet()


@pytest.fixture
def product(fleet: Fleet) -> str:
    return f"/v2/product/{fleet.product.id}"


def code(reply: Reply) -> tuple[int, int]:
    assert reply.json.keys() == {"error"}
    assert reply.json["error"].keys() == {"code", "msg"}
    assert reply.headers["content-type"].startswith("application/json")
    return reply.status, reply.json["error"]["code"]


def done(reply: Reply) -> None:
    assert (reply.status, reply.body) == (200, "")


def listed(app: Gateway, product: str, **body: Any) -> list[dict[str, Any]]:
    reply = app.post(f"{product}/devices", body)
    assert reply.status == 200, reply.body
    found: list[dict[str, Any]] = reply.json["list"]
    return found


def add(app: Gateway, product: str, mac: str = MAC) -> dict[str, Any]:
    done(app.post(f"{product}/device", {"mac": mac}))
    return next(each for each in listed(app, product, limit=100) if each["mac"] == mac)


def test_a_device_that_was_added_is_there(
    app: Gateway, product: str, fleet: Fleet, clock: FakeClock, calls: Calls
) -> None:
    made = add(app, product)
    calls.clear()
    reply = app.get(f"{product}/device/{made['id']}")
    assert calls.made == ["dynamodb.GetItem", "dynamodb.BatchGetItem"]
    found = reply.json
    assert (reply.status, {name: type(value) for name, value in found.items()}) == (200, TYPES)
    assert made == {name: value for name, value in found.items() if name != "corp_id"}
    codes = [found.pop(name) for name in ("active_code", "authorize_code")]
    assert all(re.fullmatch(r"[0-9a-f]{32}", each) for each in codes)
    assert found == {
        "id": made["id"],
        "mac": MAC,
        "is_active": False,
        "active_date": "",
        "is_online": False,
        "last_login": "",
        "last_login_ip": "",
        "mcu_mod": "",
        "mcu_version": 0,
        "firmware_mod": "",
        "firmware_version": 0,
        "corp_id": fleet.tenant,
        "product_id": fleet.product.id,
        "region_id": "",
        "create_time": "2023-11-14T22:13:20.000Z",
        "creator_id": fleet.application,
        "creator_type": 1,
    }
    assert 0 < made["id"] < 2**31


def test_adding_costs_one_call(app: Gateway, product: str, calls: Calls) -> None:
    add(app, product)
    calls.clear()
    done(app.post(f"{product}/device", {"mac": "0123456789AC"}))
    assert calls.made == ["dynamodb.TransactWriteItems"]


@pytest.mark.parametrize("spelt", ["01:23:45:67:89:ab", "01-23-45-67-89-AB", "0123456789ab"])
def test_a_mac_address_is_one_however_it_is_spelt(app: Gateway, product: str, spelt: str) -> None:
    assert add(app, product)["mac"] == MAC
    assert code(app.post(f"{product}/device", {"mac": spelt})) == (400, 4001021)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, 4001002),
        ("", 4001002),
        ({"mac": ""}, 4001002),
        ({"mac": None}, 4001001),
        ({"mac": 123456789012}, 4001001),
        ({"mac": "0123456789A"}, 4001001),
        ({"mac": "0123456789ABC"}, 4001001),
        ({"mac": "0123456789AG"}, 4001001),
        ([], 4001001),
        ("{", 4001001),
    ],
)
def test_what_is_no_mac_address_adds_nothing(app: Gateway, product: str, body: Any, expected: int) -> None:
    assert code(app.post(f"{product}/device", body)) == (400, expected)
    assert listed(app, product) == []


def test_json_may_come_under_any_type(app: Gateway, product: str) -> None:
    for number, kind in enumerate(
        ["application/x-www-form-urlencoded", "application/octet-stream", "text/plain"]
    ):
        headers = {"Content-Type": kind}
        done(app.post(f"{product}/device", {"mac": f"00000000000{number}"}, headers=headers))
        reply = app.post(f"{product}/devices", {"limit": "10"}, headers=headers)
        assert reply.json["count"] == number + 1


def test_a_connection_shows_in_the_device(app: Gateway, product: str, clock: FakeClock) -> None:
    made = add(app, product)
    record = DeviceRecord.get(next(iter(device_ids(product))), DEVICE)
    modification.modify(
        caller_of(record),
        record.device,
        Changes(region="east"),
    )
    DeviceRecord(record.device, DEVICE).update(
        [
            DeviceRecord.fw_version.set("12"),
            DeviceRecord.sw_version.set("7"),
            DeviceRecord.hw_version.set("M" * 30),
        ]
    )
    Mqtt(record.device, made["authorize_code"]).connect(address="203.0.113.9")
    found = app.get(f"{product}/device/{made['id']}").json
    now = "2023-11-14T22:13:20.000Z"
    assert {name: value for name, value in found.items() if value != made.get(name)} == {
        "is_active": True,
        "active_date": now,
        "is_online": True,
        "last_login": now,
        "last_login_ip": "203.0.113.9",
        "mcu_mod": "M" * 20,
        "mcu_version": 7,
        "firmware_version": 12,
        "region_id": "east",
        "corp_id": found["corp_id"],
    }


def device_ids(product: str) -> list[str]:
    return [each.device for each in DeviceRecord.by_product.query(product.rpartition("/")[2])]


def caller_of(record: DeviceRecord) -> Any:
    from chalicelib.core.applications import Caller

    return Caller(record.tenant, record.owner, record.owner)


def test_a_name_is_changed(app: Gateway, product: str, calls: Calls) -> None:
    made = add(app, product)
    calls.clear()
    reply = app.put(f"{product}/device/{made['id']}", {"name": "Kitchen 厨房", "mac": "ignored"})
    assert calls.made == ["dynamodb.GetItem", "dynamodb.BatchGetItem", "dynamodb.TransactWriteItems"]
    assert (reply.status, reply.json["name"]) == (200, "Kitchen 厨房")
    assert app.get(f"{product}/device/{made['id']}").json == reply.json
    assert listed(app, product)[0]["name"] == "Kitchen 厨房"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, 4001002),
        ({"name": ""}, 4001002),
        ({"name": "  "}, 4001002),
        ({"name": 5}, 4001001),
        ({"name": None}, 4001001),
        ({"name": "n" * 257}, 4001001),
        ([], 4001001),
    ],
)
def test_what_is_no_name_changes_nothing(app: Gateway, product: str, body: Any, expected: int) -> None:
    made = add(app, product)
    assert code(app.put(f"{product}/device/{made['id']}", body)) == (400, expected)
    assert "name" not in app.get(f"{product}/device/{made['id']}").json


def test_a_device_that_was_never_active_is_deleted(app: Gateway, product: str, calls: Calls) -> None:
    made = add(app, product)
    calls.clear()
    done(app.delete(f"{product}/device/{made['id']}"))
    assert len(calls.made) == 4
    assert code(app.get(f"{product}/device/{made['id']}")) == (404, 4041008)
    assert code(app.delete(f"{product}/device/{made['id']}")) == (404, 4041008)
    assert listed(app, product) == []
    assert add(app, product)["id"] != made["id"]


def test_an_active_device_is_not_deleted(app: Gateway, product: str) -> None:
    made = add(app, product)
    Mqtt(device_ids(product)[0], made["authorize_code"]).connect()
    assert code(app.delete(f"{product}/device/{made['id']}")) == (400, 4001022)
    assert app.get(f"{product}/device/{made['id']}").json["is_online"] is True


def requests(product: str, device: object) -> list[tuple[str, str, Any]]:
    one = f"{product}/device/{device}"
    return [
        ("GET", one, None),
        ("PUT", one, {"name": "x"}),
        ("DELETE", one, None),
        ("POST", f"{one}/property", {"a": 1}),
        ("PUT", f"{one}/property", {"a": 1}),
        ("GET", f"{one}/property", None),
        ("GET", f"{one}/property/a", None),
        ("DELETE", f"{one}/property/a", None),
    ]


def test_absent_devices_and_products(app: Gateway, product: str, fleet: Fleet) -> None:
    made = add(app, product)
    for method, url, body in requests(product, 2**31 - 1 if made["id"] != 2**31 - 1 else 5):
        assert code(app.call(method, url, body)) == (404, 4041008), url
    for number in (0, -1, 2**31, 2**63, 10**30):
        assert code(app.get(f"{product}/device/{number}"))[1] in (4041008, 4001001)
    for method, url, body in requests(product, "abc"):
        assert code(app.call(method, url, body)) == (400, 4001001), url
    nowhere = [*requests(f"/v2/product/{'f' * 32}", made["id"])]
    nowhere += [
        ("POST", f"/v2/product/{'f' * 32}/device", {"mac": MAC}),
        ("POST", f"/v2/product/{'f' * 32}/device_batch", [MAC]),
        ("POST", f"/v2/product/{'f' * 32}/devices", {}),
    ]
    for method, url, body in nowhere:
        assert code(app.call(method, url, body)) == (404, 4041005), url


def test_strangers_see_nothing(app: Gateway, product: str, fleet: Fleet) -> None:
    from chalicelib.core import applications

    made = add(app, product)
    stranger = key_caller(make_fleet("other"))
    for method, url, body in requests(product, made["id"]):
        assert code(stranger.call(method, url, body)) == (404, 4041005), url
    for url, body in (
        ("device", {"mac": "FF0000000000"}),
        ("device_batch", ["FF0000000000"]),
        ("devices", {}),
    ):
        assert code(stranger.post(f"{product}/{url}", body)) == (404, 4041005)
    sibling, secret = applications.create_application(fleet.tenant, "sibling")
    other = key_caller(Fleet(fleet.tenant, sibling.id, secret, fleet.product))
    for method, url, body in requests(product, made["id"]):
        assert code(other.call(method, url, body)) == (404, 4041008), url
    assert other.post(f"{product}/devices", {}).json == {"count": 0, "list": []}
    assert code(other.post(f"{product}/device", {"mac": MAC})) == (400, 4001021)
    assert app.get(f"{product}/device/{made['id']}").status == 200


def test_without_a_token_nothing_is_answered(product: str, app: Gateway) -> None:
    nobody = Gateway()
    wrong = Gateway({"Access-Token": "wrong"})
    for method, url, body in [
        *requests(product, 1),
        ("POST", f"{product}/device", {"mac": MAC}),
        ("POST", f"{product}/device_batch", [MAC]),
        ("POST", f"{product}/devices", {}),
    ]:
        assert code(nobody.call(method, url, body)) == (403, 4031002)
        assert code(wrong.call(method, url, body)) == (403, 4031003)


def test_devices_of_other_systems_have_a_number_and_a_mac_address(
    app: Gateway, product: str, fleet: Fleet
) -> None:
    for kind in (BY_CODE, BY_SECRET):
        new = NewDevice(f"node-{kind}", kind, product=fleet.product.id, name=f"by {kind}")
        registration.register(fleet.caller, new)
    found = listed(app, product)
    assert sorted(each["name"] for each in found) == ["by code", "by secret"]
    for each in found:
        assert re.fullmatch("02[0-9A-F]{10}", each["mac"])
        one = app.get(f"{product}/device/{each['id']}").json
        assert {name: value for name, value in one.items() if name != "corp_id"} == each


def test_a_batch_is_accepted_at_once_and_finished_later(
    app: Gateway, product: str, clock: FakeClock, calls: Calls
) -> None:
    work = WorkQueue(clock)
    listed(app, product)
    names = [f"00:00:00:00:00:{number:02x}" for number in range(150)]
    calls.clear()
    done(app.post(f"{product}/device_batch", [*names, *names[:5]]))
    assert calls.made == ["dynamodb.TransactWriteItems", "sqs.SendMessageBatch"]
    done(app.post(f"{product}/device_batch", names))
    work.run()
    reply = app.post(f"{product}/devices", {"limit": 1000}).json
    assert reply["count"] == len(reply["list"]) == 150
    assert {each["mac"] for each in reply["list"]} == {f"0000000000{number:02X}" for number in range(150)}
    assert {len(each["authorize_code"]) for each in reply["list"]} == {32}


@pytest.mark.parametrize(
    ("body", "expected", "named"),
    [
        ([], 4001002, ""),
        ("", 4001001, ""),
        ({"mac": [MAC]}, 4001001, ""),
        ([MAC, 5], 4001001, ""),
        ([MAC, None], 4001001, ""),
        ([MAC, "0123456789AC", "xyz"], 4001001, "[2]"),
        ([MAC, ""], 4001002, "[1]"),
        ([f"{number:012X}" for number in range(10_001)], 4001001, "10000"),
    ],
)
def test_a_batch_with_one_bad_name_adds_none(
    app: Gateway, product: str, clock: FakeClock, body: Any, expected: int, named: str
) -> None:
    work = WorkQueue(clock)
    reply = app.post(f"{product}/device_batch", body)
    assert code(reply) == (400, expected)
    assert named in reply.json["error"]["msg"]
    assert work.run() == []
    assert listed(app, product) == []


def test_the_largest_batch_fits_into_a_call(app: Gateway, product: str, clock: FakeClock) -> None:
    names = [":".join(re.findall("..", f"{number:012X}")) for number in range(10_000)]
    done(app.post(f"{product}/device_batch", names))
    assert len(WorkQueue(clock).waiting()) == 100


def test_what_a_moved_device_is_called_stays(app: Gateway, product: str, fleet: Fleet) -> None:
    from tests.support.fleet import make_product

    made = add(app, product)
    other = make_product(fleet.tenant, model="M2").id
    device = product_devices.find(fleet.caller, fleet.product.id, made["id"])
    modification.modify(fleet.caller, device, Changes(product=other))
    assert code(app.get(f"{product}/device/{made['id']}")) == (404, 4041008)
    assert app.get(f"/v2/product/{other}/device/{made['id']}").json["mac"] == MAC
