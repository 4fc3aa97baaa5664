"""Huawei 1.6.1, 1.6.2, 1.6.3 and 1.6.5: reading devices, their history and their capabilities."""

import json
from typing import Any

import pytest

from chalicelib.core import history, products, registration
from chalicelib.core.devices import Status
from chalicelib.core.modification import Changes, modify
from chalicelib.core.registration import BY_CODE, NewDevice
from chalicelib.core.things import ThingModel
from chalicelib.store.devices import DEVICE, SHADOW, DeviceRecord, ShadowRecord
from chalicelib.store.transactions import Transaction
from tests.conftest import Calls
from tests.support.clock import FakeClock
from tests.support.fleet import Fleet, make_fleet
from tests.support.gateway import Gateway, Reply

from .conftest import log_in

ONE = "/iocm/app/dm/v1.4.0/devices"
HISTORY = "/iocm/app/data/v1.2.0/deviceDataHistory"
CAPABILITIES = "/iocm/app/data/v1.1.0/deviceCapabilities"
TIME = "20231114T221320Z"  # what the clock shows

QUERIED = {
    "deviceId",
    "gatewayId",
    "nodeType",
    "createTime",
    "lastModifiedTime",
    "deviceInfo",
    "services",
    "alarmInfo",
}
INFO = {
    "nodeId",
    "name",
    "description",
    "manufacturerId",
    "manufacturerName",
    "mac",
    "location",
    "deviceType",
    "model",
    "swVersion",
    "fwVersion",
    "hwVersion",
    "imsi",
    "protocolType",
    "radiusIp",
    "bridgeId",
    "status",
    "statusDetail",
    "mute",
    "supportedSecurity",
    "isSecurity",
    "signalStrength",
    "sigVersion",
    "serialNumber",
    "batteryLevel",
}


def register(fleet: Fleet, node_id: str = "meter", **more: Any) -> str:
    new = NewDevice(**{"node_id": node_id, "registration": BY_CODE, "product": fleet.product.id} | more)
    return registration.register(fleet.caller, new).device.device


def attach(device: str, gateway: str) -> None:
    DeviceRecord(device, DEVICE).update([DeviceRecord.gateway.set(gateway)])


def shadow(device: str, at: int, **data: Any) -> None:
    ShadowRecord(device, SHADOW + "Meter", reported=json.dumps(data), times="{}", at=at, version=1).save()


def report(device: str, at: int, message: str, **data: Any) -> None:
    change = Transaction()
    history.entry(change, device, at, message, 0, "Meter", json.dumps(data), None)
    change.commit()


def refused(reply: Reply) -> tuple[int, str]:
    assert set(reply.json) == {"error_code", "error_desc"}
    return reply.status, reply.json["error_code"]


def ids(reply: Reply) -> list[str]:
    assert reply.status == 200, reply.body
    return [each["deviceId"] for each in reply.json["devices"]]


# 1.6.1


def test_a_device_answers_as_documented(app: Gateway, fleet: Fleet, clock: FakeClock) -> None:
    device = register(fleet, name="hall", imsi="4600")
    shadow(device, clock.at, level=5, flow=1.0)
    reply = app.get(f"{ONE}/{device}")
    assert (reply.status, set(reply.json), set(reply.json["deviceInfo"])) == (200, QUERIED, INFO)
    assert {name: reply.json[name] for name in QUERIED - {"deviceInfo"}} == {
        "deviceId": device,
        "gatewayId": device,
        "nodeType": "ENDPOINT",
        "createTime": TIME,
        "lastModifiedTime": TIME,
        "services": [
            {
                "serviceId": "Meter",
                "serviceType": "Meter",
                "data": {"level": 5, "flow": 1.0},
                "eventTime": TIME,
                "serviceInfo": None,
            }
        ],
        "alarmInfo": None,
    }
    info = {name: value for name, value in reply.json["deviceInfo"].items() if value is not None}
    assert info == {
        "nodeId": "meter",
        "name": "hall",
        "manufacturerId": "acme",
        "manufacturerName": "Acme",
        "deviceType": "Meter",
        "model": "M1",
        "protocolType": "MQTT",
        "status": "INACTIVE",
        "statusDetail": "NOT_ACTIVE",
        "mute": "FALSE",
        "supportedSecurity": "FALSE",
        "isSecurity": "FALSE",
    }
    assert '"flow":1.0' in reply.body


@pytest.mark.parametrize("version", ["v1.1.0", "v1.3.0"])
def test_older_paths_answer_the_same(app: Gateway, fleet: Fleet, version: str) -> None:
    device = register(fleet)
    one, many = f"{ONE}/{device}", f"{ONE}?pageNo=0"
    for path in (one, many):
        assert app.get(path.replace("v1.4.0", version)).json == app.get(path).json


def test_imsi_is_answered_where_it_is_selected(app: Gateway, fleet: Fleet) -> None:
    device = register(fleet, imsi="4600")
    assert app.get(f"{ONE}/{device}?select=imsi").json["deviceInfo"]["imsi"] == "4600"
    assert app.get(f"{ONE}?pageNo=0&select=imsi").json["devices"][0]["deviceInfo"]["imsi"] == "4600"
    assert app.get(f"{ONE}?pageNo=0").json["devices"][0]["deviceInfo"]["imsi"] is None
    assert refused(app.get(f"{ONE}/{device}?select=mac")) == (400, "100405")
    assert refused(app.get(f"{ONE}?pageNo=0&select=mac")) == (400, "100216")


def test_a_warm_query_is_one_call(app: Gateway, fleet: Fleet, clock: FakeClock, calls: Calls) -> None:
    device = register(fleet)
    shadow(device, clock.at, level=5)
    app.get(f"{ONE}/{device}")
    calls.clear()
    app.get(f"{ONE}/{device}")
    assert calls.made == ["dynamodb.Query"]


def test_an_absent_and_a_strangers_device_are_answered_alike(app: Gateway, fleet: Fleet) -> None:
    device = register(fleet)
    stranger = log_in(make_fleet("other"))
    absent, theirs = app.get(f"{ONE}/{'0' * 32}"), stranger.get(f"{ONE}/{device}")
    assert refused(absent) == (404, "100403")
    assert (absent.status, absent.body) == (theirs.status, theirs.body)
    assert refused(app.get(f"{ONE}/{device}?appId=other")) == (403, "100203")


# 1.6.2


def test_a_list_answers_as_documented(app: Gateway, fleet: Fleet, clock: FakeClock) -> None:
    device = register(fleet)
    shadow(device, clock.at, level=5)
    reply = app.get(f"{ONE}?pageNo=0")
    assert set(reply.json) == {"totalCount", "pageNo", "pageSize", "devices"}
    assert {name: reply.json[name] for name in ("totalCount", "pageNo", "pageSize")} == {
        "totalCount": 1,
        "pageNo": 0,
        "pageSize": 25,
    }
    (listed,) = reply.json["devices"]
    assert (set(listed), set(listed["deviceInfo"])) == (QUERIED, INFO)
    assert listed == app.get(f"{ONE}/{device}").json


def test_walking_a_fleet_shows_each_device_once(app: Gateway, fleet: Fleet, clock: FakeClock) -> None:
    made = []
    for number in range(60):
        clock.advance(1)
        made.append(register(fleet, f"node-{number}"))
    seen: list[str] = []
    for number in range(4):
        reply = app.get(f"{ONE}?pageNo={number}")
        assert reply.json["totalCount"] == 60
        assert reply.json["pageNo"] == number
        seen += ids(reply)
    assert seen == made[::-1]
    assert ids(app.get(f"{ONE}?pageNo=5&pageSize=7")) == made[::-1][35:42]
    assert ids(app.get(f"{ONE}?pageNo=0&pageSize=250&sort=ASC")) == made
    assert ids(app.get(f"{ONE}?pageNo=2147483647")) == []
    log_in_as = log_in(make_fleet("other"))
    assert log_in_as.get(f"{ONE}?pageNo=1").json == {
        "totalCount": 0,
        "pageNo": 1,
        "pageSize": 25,
        "devices": [],
    }


def test_filters(app: Gateway, fleet: Fleet, clock: FakeClock) -> None:
    gateway = register(fleet, "gateway")
    clock.advance(10)
    child = register(fleet, "child")
    attach(child, gateway)
    clock.advance(10)
    lamp = register(fleet, "lamp")
    modify(fleet.caller, lamp, Changes(name="hall", location="here", device_type="Lamp"))
    DeviceRecord(lamp, DEVICE).update([DeviceRecord.status.set(Status.ONLINE.value)])
    cases = {
        f"gatewayId={gateway}": [child, gateway],
        f"gatewayId={gateway}&sort=ASC": [gateway, child],
        f"gatewayId={gateway}&pageNo=1&pageSize=1": [gateway],
        f"gatewayId={'0' * 32}": [],
        "pageNo=0&name=hall": [lamp],
        "pageNo=0&location=here": [lamp],
        "pageNo=0&deviceType=Meter": [child, gateway],
        "pageNo=0&status=ONLINE": [lamp],
        "pageNo=0&status=ABNORMAL": [],
        "pageNo=0&nodeType=ENDPOINT&sort=ASC": [gateway, child, lamp],
        "pageNo=0&nodeType=GATEWAY": [],
        "pageNo=0&nodeType=UNKNOW": [],
        "pageNo=0&startTime=20231114T221330Z": [lamp, child],
        "pageNo=0&endTime=20231114T221330Z": [child, gateway],
        "pageNo=0&startTime=20231114T221330Z&endTime=20231114T221330Z": [child],
        "pageNo=0&startTime=20231114T221331Z&endTime=20231114T221339Z": [],
    }
    for query, expected in cases.items():
        reply = app.get(f"{ONE}?{query}")
        assert ids(reply) == expected, query
        assert reply.json["totalCount"] == (2 if "pageSize=1" in query else len(expected)), query


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("", "100218"),
        ("?name=hall", "100218"),
        ("?pageNo=", "100218"),
        ("?pageNo=-1", "100216"),
        ("?pageNo=x", "100216"),
        ("?pageNo=0&pageSize=0", "100216"),
        ("?pageNo=0&pageSize=251", "100216"),
        ("?pageNo=0&status=online", "100216"),
        ("?pageNo=0&nodeType=LAMP", "100216"),
        ("?pageNo=0&sort=UP", "100216"),
        ("?pageNo=0&startTime=2023-11-14", "100216"),
        ("?pageNo=0&startTime=20231114T221330Z&endTime=20231114T221329Z", "100216"),
    ],
)
def test_a_list_refuses(app: Gateway, query: str, code: str) -> None:
    assert refused(app.get(ONE + query)) == (400, code)


def test_a_list_says_why_nothing_is_named(app: Gateway) -> None:
    assert app.get(ONE).json == {
        "error_code": "100218",
        "error_desc": "The gatewayId and pageNo can't be both null.",
    }


def test_a_list_is_two_reads_and_what_paging_keeps(
    app: Gateway, fleet: Fleet, clock: FakeClock, calls: Calls
) -> None:
    for number in range(3):
        clock.advance(1)
        register(fleet, f"node-{number}")
    calls.clear()
    app.get(f"{ONE}?pageNo=0")
    assert calls.made == ["dynamodb.Query", "dynamodb.BatchGetItem", "dynamodb.DeleteItem"]


# 1.6.3


def test_history_answers_as_documented(app: Gateway, fleet: Fleet, clock: FakeClock) -> None:
    device = register(fleet)
    report(device, clock.at - 1, "a", level=1)
    report(device, clock.at, "b", level=2, flow=1.0)
    reply = app.get(f"{HISTORY}?deviceId={device}&gatewayId={device}")
    assert reply.status == 200
    assert reply.json == {
        "totalCount": 2,
        "pageNo": 0,
        "pageSize": 1,
        "deviceDataHistoryDTOs": [
            {
                "serviceId": "Meter",
                "deviceId": device,
                "gatewayId": device,
                "appId": fleet.application,
                "data": {"level": 2, "flow": 1.0},
                "timestamp": TIME,
            }
        ],
    }
    empty = app.get(f"{HISTORY}?deviceId={register(fleet, 'new')}&pageSize=2000&pageNo=3")
    assert empty.json == {"totalCount": 0, "pageNo": 3, "pageSize": 2000, "deviceDataHistoryDTOs": []}


def test_history_pages_by_time(app: Gateway, fleet: Fleet, clock: FakeClock) -> None:
    device = register(fleet)
    for number in range(6):  # two a second
        report(device, clock.at + number * 500, str(number), level=number)

    def levels(query: str) -> list[int]:
        reply = app.get(f"{HISTORY}?deviceId={device}&{query}")
        assert reply.status == 200, reply.body
        return [each["data"]["level"] for each in reply.json["deviceDataHistoryDTOs"]]

    assert levels("pageSize=2000") == [5, 4, 3, 2, 1, 0]
    assert [levels(f"pageNo={number}&pageSize=4") for number in range(3)] == [[5, 4, 3, 2], [1, 0], []]
    assert [levels(f"pageNo={number}") for number in (5, 0, 2)] == [[0], [5], [3]]
    assert levels("pageSize=9&startTime=20231114T221321Z") == [5, 4, 3, 2]
    assert levels("pageSize=9&endTime=20231114T221321Z") == [3, 2, 1, 0]
    assert levels("pageSize=9&startTime=20231114T221321Z&endTime=20231114T221321Z") == [3, 2]


def test_history_of_a_child_and_of_a_gateway(app: Gateway, fleet: Fleet, clock: FakeClock) -> None:
    gateway, child = register(fleet, "gateway"), register(fleet, "child")
    attach(child, gateway)
    report(gateway, clock.at, "a", level=1)
    report(child, clock.at, "b", level=2)
    for query, level in (
        (f"deviceId={child}&gatewayId={gateway}", 2),
        (f"deviceId={child}", 2),
        (f"gatewayId={gateway}", 1),
    ):
        (entry,) = app.get(f"{HISTORY}?{query}").json["deviceDataHistoryDTOs"]
        assert (entry["data"], entry["gatewayId"]) == ({"level": level}, gateway), query


def test_history_of_what_cannot_be_seen_is_200_with_a_code(app: Gateway, fleet: Fleet) -> None:
    device = register(fleet)
    stranger = log_in(make_fleet("other"))
    for caller, query in (
        (app, f"deviceId={'0' * 32}"),
        (app, f"deviceId={device}&gatewayId={'0' * 32}"),
        (stranger, f"deviceId={device}"),
    ):
        reply = caller.get(f"{HISTORY}?{query}")
        assert refused(reply) == (200, "100418")
        assert reply.json["error_desc"] == "The deviceData is not existed."


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("", "100419"),
        ("?pageNo=0", "100419"),
        ("?deviceId=d&pageSize=2001", "100216"),
        ("?deviceId=d&pageSize=0", "100216"),
        ("?deviceId=d&pageNo=-1", "100216"),
        ("?deviceId=d&endTime=now", "100216"),
    ],
)
def test_history_refuses(app: Gateway, query: str, code: str) -> None:
    assert refused(app.get(HISTORY + query)) == (400, code)


def test_a_page_of_history_that_is_too_large_names_its_size(
    app: Gateway, fleet: Fleet, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = register(fleet)
    report(device, clock.at, "a", level=1)
    monkeypatch.setattr(history, "MOST_BYTES", 10)
    reply = app.get(f"{HISTORY}?deviceId={device}&pageSize=5")
    assert refused(reply) == (400, "100216")
    assert "pageSize" in reply.json["error_desc"]


# 1.6.5

VALUE = {"dataType", "required", "min", "max", "step", "maxLength", "unit", "enumList"}


def test_capabilities_answer_as_documented(app: Gateway, fleet: Fleet) -> None:
    device = register(fleet)
    reply = app.get(f"{CAPABILITIES}?deviceId={device}&gatewayId={device}")
    assert (reply.status, set(reply.json)) == (200, {"deviceCapabilities"})
    (capability,) = reply.json["deviceCapabilities"]
    assert set(capability) == {"deviceId", "serviceCapabilities"}
    (service,) = capability["serviceCapabilities"]
    assert set(service) == {"serviceId", "serviceType", "option", "description", "commands", "properties"}
    assert (service["serviceId"], service["option"]) == ("Meter", "Mandatory")
    (command,) = service["commands"]
    assert set(command) == {"commandName", "paras", "responses"}
    assert set(command["paras"][0]) == {"paraName", *VALUE}
    assert set(command["responses"][0]) == {"responseName", "paras"}
    assert set(service["properties"][0]) == {"propertyName", "method", *VALUE}
    assert service["properties"][0] == {
        "propertyName": "level",
        "dataType": "int",
        "required": False,
        "min": "0",
        "max": "100",
        "step": None,
        "maxLength": None,
        "method": "RWE",
        "unit": None,
        "enumList": None,
    }


def test_capabilities_of_a_gateway_and_its_children(app: Gateway, fleet: Fleet) -> None:
    free = products.create(fleet.tenant, "Free", ThingModel())
    gateway, child = register(fleet, "gateway", product=free.id), register(fleet, "child")
    attach(child, gateway)
    found = app.get(f"{CAPABILITIES}?gatewayId={gateway}").json["deviceCapabilities"]
    assert [(each["deviceId"], len(each["serviceCapabilities"])) for each in found] == [
        (gateway, 0),
        (child, 1),
    ]
    found = app.get(f"{CAPABILITIES}?deviceId={child}&gatewayId={gateway}").json["deviceCapabilities"]
    assert [each["deviceId"] for each in found] == [child]


def test_capabilities_refuse(app: Gateway, fleet: Fleet) -> None:
    device = register(fleet)
    reply = app.get(CAPABILITIES)
    assert refused(reply) == (400, "100022")
    assert reply.json["error_desc"] == "The input is invalid."
    assert refused(app.get(f"{CAPABILITIES}?deviceId={'x' * 257}")) == (400, "100022")
    stranger = log_in(make_fleet("other"))
    for caller, query in (
        (app, f"deviceId={'0' * 32}"),
        (app, f"deviceId={device}&gatewayId={'0' * 32}"),
        (stranger, f"deviceId={device}"),
        (stranger, f"gatewayId={device}"),
    ):
        assert refused(caller.get(f"{CAPABILITIES}?{query}")) == (404, "100403")


def test_capabilities_of_a_device_cost_one_call(app: Gateway, fleet: Fleet, calls: Calls) -> None:
    device = register(fleet)
    app.get(f"{CAPABILITIES}?deviceId={device}")
    calls.clear()
    app.get(f"{CAPABILITIES}?deviceId={device}")
    assert calls.made == ["dynamodb.GetItem"]
