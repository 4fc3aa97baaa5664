"""Huawei 1.9.1 to 1.9.7: commands and cancel tasks on the wire, and what they change."""

import re
from typing import Any

import pytest

from chalicelib.aws import addresses
from chalicelib.handlers import wiring
from tests.support.clock import FakeClock
from tests.support.fleet import Fleet, make_fleet
from tests.support.gateway import Gateway, Reply
from tests.support.iot import FakeIot, Reaction, Rig, add_device
from tests.support.queues import WorkQueue

from .conftest import log_in

COMMANDS = "/iocm/app/cmd/v1.4.0/deviceCommands"
OLDER = "/iocm/app/cmd/v1.3.0/deviceCommands"
TASKS = "/iocm/app/cmd/v1.4.0/deviceCommandCancelTasks"
NOW = "20231114T221320Z"
NO_DEVICE = (200, {"error_code": "100418", "error_desc": "The deviceData is not existed."})


@pytest.fixture
def rig(fleet: Fleet, clock: FakeClock) -> Rig:
    iot = FakeIot()
    iot.install()
    wiring.wire()
    return Rig(fleet, clock, iot, WorkQueue(clock), add_device(fleet, iot))


def body(rig: Rig, **more: Any) -> dict[str, Any]:
    command = {"serviceId": "Meter", "method": "SET_LEVEL", "paras": {"value": 4}}
    return {"deviceId": rig.device.id, "command": command, **more}


def create(app: Gateway, rig: Rig, **more: Any) -> dict[str, Any]:
    rig.clock.advance(0.001)
    reply = app.post(COMMANDS, body(rig, **more))
    assert reply.status == 201, reply.body
    made: dict[str, Any] = reply.json
    return made


def code(reply: Reply) -> tuple[int, str]:
    assert set(reply.json) == {"error_code", "error_desc"}
    return reply.status, reply.json["error_code"]


def pending(rig: Rig, command: str) -> dict[str, Any]:
    return {
        "commandId": command,
        "appId": rig.fleet.application,
        "deviceId": rig.device.id,
        "command": {"serviceId": "Meter", "method": "SET_LEVEL", "paras": {"value": 4}},
        "callbackUrl": None,
        "expireTime": None,
        "status": "PENDING",
        "creationTime": NOW,
        "executeTime": None,
        "platformIssuedTime": None,
        "deliveredTime": None,
        "issuedTimes": None,
        "maxRetransmit": 3,
    }


def test_create_answers_as_documented(app: Gateway, rig: Rig) -> None:
    reply = app.post(COMMANDS, body(rig))
    assert reply.status == 201
    assert reply.headers["content-type"] == "application/json; charset=UTF-8"
    assert re.fullmatch("[0-9a-f]{64}", reply.json["commandId"])
    assert reply.json == pending(rig, reply.json["commandId"])
    assert list(reply.json) == list(pending(rig, ""))


def test_create_keeps_what_it_is_given(app: Gateway, rig: Rig) -> None:
    addresses.use(lambda _host, _port: ["93.184.215.14"])
    try:
        url = "http://app.example:9999/cmd/callbackUrl"
        made = create(app, rig, callbackUrl=url, expireTime=0, maxRetransmit=0)
    finally:
        addresses.use(None)
    assert (made["callbackUrl"], made["expireTime"], made["maxRetransmit"]) == (url, 0, 0)
    assert made["status"] == "PENDING"


def test_the_older_path_answers_alike(app: Gateway, rig: Rig) -> None:
    made = app.post(OLDER, body(rig))
    assert made.status == 201
    assert app.get(OLDER).json["data"][0]["commandId"] == made.json["commandId"]
    assert app.put(f"{OLDER}/{made.json['commandId']}", {"status": "CANCELED"}).json["status"] == "CANCELED"


def test_a_command_through_its_life(app: Gateway, rig: Rig) -> None:
    made = create(app, rig)
    rig.device.connect()
    rig.work.run()
    rig.clock.advance(10)
    rig.device.answer(1, 0, {"result": 0})
    (found,) = app.get(f"{COMMANDS}?deviceId={rig.device.id}").json["data"]
    assert found == {
        **pending(rig, made["commandId"]),
        "status": "SUCCESSFUL",
        "executeTime": "20231114T221330Z",
        "platformIssuedTime": NOW,
        "deliveredTime": NOW,
        "issuedTimes": 1,
        "result": {"resultCode": "SUCCESSFUL", "resultDetail": {"result": 0}},
    }


@pytest.mark.parametrize(
    "change",
    [
        {"deviceId": None},
        {"deviceId": ""},
        {"deviceId": 5},
        {"command": None},
        {"command": {"serviceId": "Meter", "method": "SET_LEVEL"}},
        {"command": {"serviceId": "Meter", "method": "SET_LEVEL", "paras": {}}},
        {"command": {"serviceId": "Meter", "method": "SET_LEVEL", "paras": {"value": 101}}},
        {"command": {"serviceId": "Meter", "method": "NOPE", "paras": {}}},
        {"command": {"serviceId": "m" * 65, "method": "SET_LEVEL", "paras": {}}},
        {"expireTime": -1},
        {"expireTime": "soon"},
        {"maxRetransmit": 4},
        {"callbackUrl": "http://127.0.0.1:9999/cmd"},
        {"callbackUrl": "http://app.example/no-port"},
    ],
)
def test_bad_input_is_refused(app: Gateway, rig: Rig, change: dict[str, Any]) -> None:
    assert code(app.post(COMMANDS, body(rig) | change)) == (400, "100022")
    assert rig.queue() == ([], None)


def test_create_answers_the_documented_errors(app: Gateway, rig: Rig) -> None:
    unknown = app.post(COMMANDS, body(rig) | {"deviceId": "0" * 32})
    assert (unknown.status, unknown.json) == NO_DEVICE
    service = {"serviceId": "Nope", "method": "SET_LEVEL", "paras": {"value": 1}}
    assert code(app.post(COMMANDS, body(rig) | {"command": service})) == (200, "100431")
    stranger = log_in(make_fleet("other"))
    assert code(stranger.post(COMMANDS, body(rig))) == (200, "100418")
    other_app = app.post(f"{COMMANDS}?appId={'0' * 32}", body(rig))
    assert other_app.status in (200, 403)
    assert other_app.json["error_code"] in ("100217", "100203", "100418")
    for _ in range(20):
        create(app, rig)
    assert code(app.post(COMMANDS, body(rig))) == (400, "100223")
    no_token = Gateway(headers={"app_key": rig.fleet.application, "Authorization": "Bearer nonsense"})
    assert code(no_token.post(COMMANDS, body(rig))) == (403, "1010005")


def test_a_zombie_is_refused(app: Gateway, rig: Rig, clock: FakeClock) -> None:
    rig.device.connect()
    rig.device.disconnect()
    clock.advance(8 * 86_400)
    again = log_in(rig.fleet)
    reply = again.post(COMMANDS, body(rig))
    assert (reply.status, reply.json) == (403, {"error_code": "100612", "error_desc": "Device is zombie."})


def test_query_pages_and_bounds(app: Gateway, rig: Rig, clock: FakeClock) -> None:
    assert app.get(COMMANDS).json == {
        "pagination": {"pageNo": 0, "pageSize": 1000, "totalSize": 0},
        "data": [],
    }
    first = create(app, rig)["commandId"]
    clock.advance(60)
    second = create(app, rig)["commandId"]
    third = create(app, rig)["commandId"]
    page = app.get(f"{COMMANDS}?pageNo=0&pageSize=2").json
    assert page["pagination"] == {"pageNo": 0, "pageSize": 2, "totalSize": 3}
    assert [each["commandId"] for each in page["data"]] == [third, second]
    assert page["data"][0]["result"] is None
    page = app.get(f"{COMMANDS}?pageNo=1&pageSize=2&deviceId=").json
    assert [each["commandId"] for each in page["data"]] == [first]
    bounded = f"{COMMANDS}?deviceId={rig.device.id}&startTime=20231114T221300Z&endTime=20231114T221330Z"
    assert [each["commandId"] for each in app.get(bounded).json["data"]] == [first]


@pytest.mark.parametrize(
    "query",
    [
        "startTime=20231114T221300Z",
        "endTime=20231114T221300Z",
        "startTime=20231114T221300Z&endTime=20231114T221300Z",
        "startTime=20231114T221301Z&endTime=20231114T221300Z",
        "startTime=yesterday&endTime=20231114T221300Z",
        "pageNo=-1",
        "pageSize=0",
        "pageSize=1001",
        "pageSize=x",
    ],
)
def test_bad_queries_are_refused(app: Gateway, rig: Rig, query: str) -> None:
    assert code(app.get(f"{COMMANDS}?{query}")) == (400, "100022")


def test_query_of_an_unknown_device(app: Gateway, rig: Rig) -> None:
    assert code(app.get(f"{COMMANDS}?deviceId={'0' * 32}")) == (200, "100418")


def test_cancel(app: Gateway, rig: Rig) -> None:
    made = create(app, rig)["commandId"]
    reply = app.put(f"{COMMANDS}/{made}", {"status": "CANCELED"})
    assert reply.status == 200
    assert reply.json == {**pending(rig, made), "status": "CANCELED", "result": None}
    again = app.put(f"{COMMANDS}/{made}", {"status": "CANCELED"})
    assert (again.status, again.json) == (
        200,
        {
            "error_code": "100435",
            "error_desc": "The device command already canceled, expired or executed, Cannot cancel.",
        },
    )
    assert rig.queue() == ([], None)


def test_cancel_answers_the_documented_errors(app: Gateway, rig: Rig, clock: FakeClock) -> None:
    over, sent = create(app, rig, expireTime=5)["commandId"], create(app, rig)["commandId"]
    assert code(app.put(f"{COMMANDS}/{over}", {"status": "SENT"})) == (400, "100022")
    assert code(app.put(f"{COMMANDS}/{over}", {})) == (400, "100022")
    assert code(app.put(f"{COMMANDS}/{'0' * 64}", {"status": "CANCELED"})) == (200, "100434")
    stranger = log_in(make_fleet("other"))
    assert code(stranger.put(f"{COMMANDS}/{over}", {"status": "CANCELED"})) == (200, "100434")
    clock.advance(6)
    assert code(app.put(f"{COMMANDS}/{over}", {"status": "CANCELED"})) == (200, "100435")
    rig.device.connect()
    rig.work.run()
    assert code(app.put(f"{COMMANDS}/{sent}", {"status": "CANCELED"})) == (200, "100435")


def test_a_cancel_task(app: Gateway, rig: Rig) -> None:
    made = create(app, rig)["commandId"]
    reply = app.post(TASKS, {"deviceId": rig.device.id})
    assert reply.status == 201
    task = reply.json["taskId"]
    assert re.fullmatch("[0-9a-f]{64}", task)
    waiting = {
        "taskId": task,
        "appId": rig.fleet.application,
        "deviceId": rig.device.id,
        "status": "WAITTING",
        "totalCount": 1,
        "deviceCommands": [{**pending(rig, made), "status": "DEFAULT", "result": None}],
    }
    assert reply.json == waiting
    assert app.get(f"{TASKS}?taskId={task}").json == {
        "pagination": {"pageNo": 0, "pageSize": 1000, "totalSize": 1},
        "data": [waiting],
    }
    rig.work.waiting()
    rig.clock.advance(1)
    rig.work.run()
    (done,) = app.get(f"{TASKS}?deviceId={rig.device.id}&status=SUCCESS").json["data"]
    assert done["status"] == "SUCCESS"
    assert [command["status"] for command in done["deviceCommands"]] == ["CANCELED"]
    assert app.get(f"{TASKS}?status=WAITTING").json["data"] == []


def test_cancel_tasks_answer_the_documented_errors(app: Gateway, rig: Rig) -> None:
    assert code(app.post(TASKS, {"deviceId": "0" * 32})) == (200, "100418")
    assert code(app.post(TASKS, {})) == (400, "100022")
    assert code(app.get(f"{TASKS}?status=DONE")) == (400, "100022")
    assert code(app.get(f"{TASKS}?taskId={'0' * 64}")) == (200, "100418")
    assert code(log_in(make_fleet("other")).post(TASKS, {"deviceId": rig.device.id})) == (200, "100418")


def direct(app: Gateway, rig: Rig, service: str = "Meter", **header: Any) -> Reply:
    url = f"/iocm/app/signaltrans/v1.1.0/devices/{rig.device.id}/services/{service}/sendCommand"
    given = {"mode": "ACK", "method": "SET_LEVEL", "from": "/users/7", "toType": "GATEWAY", **header}
    return app.post(url, {"header": given, "body": {"value": 4}})


def test_send_command_answers_as_documented(app: Gateway, rig: Rig) -> None:
    rig.device.connect()
    reply = direct(app, rig, requestId="req-1")
    assert (reply.status, reply.json) == (
        202,
        {"requestId": "req-1", "status": "delivered", "timestamp": NOW},
    )
    reply = direct(app, rig, mode="NOACK")
    assert (reply.status, reply.json["status"]) == (202, "sent")
    assert re.fullmatch("[0-9a-f]{32}", reply.json["requestId"])
    assert direct(app, rig, requestId="").json["requestId"]
    assert [message.confirmed for message in rig.iot.arrived] == [True, False, True]
    assert rig.iot.arrived[0].json["paras"] == {"value": 4}
    rig.iot.connect(rig.device.client, Reaction.SILENT)
    assert direct(app, rig).json["status"] == "sent"


def test_send_command_answers_the_documented_errors(app: Gateway, rig: Rig) -> None:
    offline = direct(app, rig)
    assert (offline.status, offline.json) == (
        200,
        {"error_code": "100428", "error_desc": "The device is not online."},
    )
    assert app.get(COMMANDS).json["data"] == []  # nothing is cached
    rig.device.connect()
    assert code(direct(app, rig, service="Nope")) == (404, "100444")
    assert code(direct(app, rig, method="NOPE")) == (400, "102203")
    assert code(direct(app, rig, method="m" * 33)) == (400, "100022")
    assert code(direct(app, rig, mode="MAYBE")) == (400, "100022")
    assert code(direct(log_in(make_fleet("other")), rig)) == (200, "100418")
    rig.device.vanish()
    assert code(direct(app, rig)) == (200, "100428")
    rig.iot.connect(rig.device.client, Reaction.THROTTLED)
    assert direct(app, rig).status == 500


def test_send_command_to_a_child_of_an_offline_gateway(app: Gateway, rig: Rig) -> None:
    from chalicelib.store.devices import DEVICE, DeviceRecord

    gateway = add_device(rig.fleet, rig.iot, "gateway")
    DeviceRecord(rig.device.id, DEVICE).update([DeviceRecord.gateway.set(gateway.id)])
    assert code(direct(app, rig)) == (403, "100450")
    gateway.connect()
    assert direct(app, rig).json["status"] == "delivered"
