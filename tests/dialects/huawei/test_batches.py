"""Huawei 1.10: batch tasks."""

import json
from typing import Any

import pytest

from chalicelib.core import batch_ends, groups
from chalicelib.core.callbacks import read
from chalicelib.handlers import outbox
from tests.support.clock import FakeClock
from tests.support.fleet import Fleet, make_application, make_fleet
from tests.support.gateway import Gateway, Reply
from tests.support.iot import FakeDevice, FakeIot, add_device
from tests.support.queues import WorkQueue
from tests.support.triggers import received, stream

from .conftest import log_in

TASKS = "/iocm/app/batchtask/v1.1.0/tasks"
DETAILS = "/iocm/app/batchtask/v1.1.0/taskDetails"
COMMAND = {"serviceId": "Meter", "method": "SET_LEVEL", "paras": {"value": 5}}
ANSWER = {
    "appId": str,
    "taskId": str,
    "taskName": str,
    "operator": str,
    "taskFrom": str,
    "taskType": str,
    "status": str,
    "startTime": str,
    "timeout": int,
    "progress": int,
    "totalCnt": int,
    "successCnt": int,
    "failCnt": int,
    "timeoutCnt": int,
    "expiredCnt": int,
    "completeCnt": int,
    "successRate": int,
    "param": dict,
    "tags": type(None),
}
NOBODY = "0" * 32


def refused(reply: Reply) -> tuple[int, str]:
    assert set(reply.json) == {"error_code", "error_desc"}
    return reply.status, reply.json["error_code"]


def body(
    devices: list[str] | None = None, wanted: dict[str, Any] | None = None, **more: Any
) -> dict[str, Any]:
    target = {"type": "DeviceList", "deviceList": devices or []} | (wanted or {})
    given = {
        "taskName": "night",
        "taskType": "DeviceCmd",
        "timeout": 10,
        "param": {**target, "command": COMMAND},
    }
    return given | more


def create(app: Gateway, *args: Any, **more: Any) -> str:
    reply = app.post(TASKS, body(*args, **more))
    assert (reply.status, set(reply.json)) == (200, {"taskID"}), reply.body
    return str(reply.json["taskID"])


def details(app: Gateway, task: str, query: str = "") -> Any:
    reply = app.get(f"{DETAILS}?taskId={task}{query}")
    assert reply.status == 200, reply.body
    return reply.json


def test_a_task_from_creation_to_its_end(app: Gateway, fleet: Fleet, iot: FakeIot, work: WorkQueue) -> None:
    devices = [add_device(fleet, iot, f"meter-{number}") for number in range(3)]
    for device in devices:
        device.connect()
    listed = [*(device.id for device in devices), NOBODY]
    tags = [{"tagName": "floor", "tagValue": "1"}]
    param = {"type": "DeviceList", "deviceList": listed, "maxRetransmit": 1, "groupTag": "g"}
    task = create(app, listed, param, tags=tags, appId=fleet.application)
    found = app.get(f"{TASKS}/{task}").json
    assert {name: type(value) for name, value in found.items()} == ANSWER
    assert found == {
        "appId": fleet.application,
        "taskId": task,
        "taskName": "night",
        "operator": fleet.application,
        "taskFrom": "Northbound",
        "taskType": "DeviceCmd",
        "status": "Pending",
        "startTime": "20231114T221320Z",
        "timeout": 600,
        "progress": 0,
        "totalCnt": 4,
        "successCnt": 0,
        "failCnt": 0,
        "timeoutCnt": 0,
        "expiredCnt": 0,
        "completeCnt": 0,
        "successRate": 0,
        "param": {
            **param,
            "command": COMMAND,
            "deviceType": None,
            "manufacturerId": None,
            "model": None,
            "deviceLocation": None,
            "groupList": None,
            "callbackUrl": None,
        },
        "tags": None,
    }
    assert app.get(f"{TASKS}/{task}?select=tag").json["tags"] == tags
    work.run()
    devices[0].answer(1, 0, {"result": 9})
    devices[1].answer(1, 4, {"result": 8})
    found = app.get(f"{TASKS}/{task}?appId={fleet.application}").json
    names = ("status", "progress", "successCnt", "failCnt", "timeoutCnt", "completeCnt", "successRate")
    assert [found[name] for name in names] == ["Running", 750, 1, 2, 0, 3, 250]
    devices[2].answer(1)
    found = app.get(f"{TASKS}/{task}").json
    assert [found[name] for name in names] == ["Complete", 1000, 2, 2, 0, 4, 500]


def test_permille_is_rounded_down(app: Gateway, fleet: Fleet, iot: FakeIot, work: WorkQueue) -> None:
    devices = [add_device(fleet, iot, f"meter-{number}") for number in range(3)]
    for device in devices:
        device.connect()
    task = create(app, [device.id for device in devices])
    work.run()
    for device in devices[:2]:
        device.answer(1)
    found = app.get(f"{TASKS}/{task}").json
    assert (found["progress"], found["successRate"]) == (666, 666)


def test_details(app: Gateway, fleet: Fleet, iot: FakeIot, work: WorkQueue) -> None:
    online = [add_device(fleet, iot, f"meter-{number}") for number in range(3)]
    for device in online:
        device.connect()
    offline = add_device(fleet, iot, "offline")
    task = create(app, [*(device.id for device in online), offline.id, NOBODY])
    work.run()
    online[0].answer(1, 0, {"result": 9})
    online[1].answer(1, 4, {"result": 8})
    found = details(app, task)
    assert {name: found[name] for name in ("totalCount", "pageNo", "pageSize")} == {
        "totalCount": 5,
        "pageNo": 0,
        "pageSize": 25,
    }
    listed = {each["param"]["deviceId"]: each for each in found["taskDetails"]}
    assert all(set(each) == {"status", "output", "error", "param"} for each in listed.values())
    done = listed[online[0].id]
    command = done["param"]["commandId"]
    assert (done["status"], done["error"]) == ("Success", None)
    assert json.loads(done["output"]) == {"requestId": command, "commandResult": {"result": 9}}
    failed = listed[online[1].id]
    assert (failed["status"], json.loads(failed["error"])["error_code"]) == ("Fail", "4")
    assert listed[online[2].id]["status"] == "WaitResult"
    assert json.loads(listed[online[2].id]["output"])["commandResult"] is None
    assert listed[offline.id]["status"] == "Pending"
    unknown = listed[NOBODY]
    assert (unknown["status"], unknown["output"], unknown["param"]) == (
        "Fail",
        None,
        {"deviceId": NOBODY, "commandId": None},
    )
    assert json.loads(unknown["error"]) == {
        "error_code": "100403",
        "error_desc": "The device is not existed.",
    }
    for query, number in (
        ("&status=Fail", 2),
        ("&status=Timeout", 0),
        (f"&deviceId={offline.id}", 1),
        (f"&commandId={command}", 1),
        (f"&commandId={command}&status=Fail", 0),
        ("&deviceId=elsewhere", 0),
    ):
        assert details(app, task, query)["totalCount"] == number, query
    pages = [details(app, task, f"&pageSize=2&pageNo={number}") for number in range(4)]
    assert [len(page["taskDetails"]) for page in pages] == [2, 2, 1, 0]
    assert {page["totalCount"] for page in pages} == {5}
    assert (
        app.get(f"/iocm/app/cmd/v1.4.0/deviceCommands?deviceId={online[0].id}").json["data"][0]["commandId"]
        == command
    )


def test_what_is_left_times_out(
    app: Gateway, fleet: Fleet, iot: FakeIot, work: WorkQueue, clock: FakeClock
) -> None:
    device = add_device(fleet, iot)
    task = create(app, [device.id])
    work.run()
    clock.advance(600)
    found = app.get(f"{TASKS}/{task}").json
    names = ("status", "progress", "timeoutCnt", "expiredCnt", "completeCnt")
    assert [found[name] for name in names] == ["Timeout", 1000, 1, 1, 1]
    assert details(app, task, "&status=Timeout")["totalCount"] == 1
    batch_ends.sweep()
    work.run()
    assert app.get(f"{TASKS}/{task}").json == found


@pytest.mark.parametrize(
    ("param", "reached"),
    [
        ({"type": "Broadcast"}, 2),
        ({"type": "DeviceType", "deviceType": "Meter"}, 2),
        ({"type": "DeviceType", "deviceType": "Meter", "manufacturerId": "acme", "model": "M1"}, 2),
        ({"type": "DeviceType", "deviceType": "Meter", "model": "M2"}, 0),
        ({"type": "DeviceArea", "deviceLocation": "nowhere"}, 0),
        ({"type": "GroupList", "groupList": ["hall"]}, 1),
        ({"type": "GroupIdList", "groupList": ["<id>"]}, 1),
    ],
)
def test_the_target_types(
    app: Gateway, fleet: Fleet, iot: FakeIot, work: WorkQueue, param: dict[str, Any], reached: int
) -> None:
    devices = [add_device(fleet, iot, f"meter-{number}") for number in range(2)]
    add_device(make_fleet("other"), iot, "foreign")
    group = groups.create(fleet.caller, "hall", members=[devices[0].id]).id
    given = {key: [group] if value == ["<id>"] else value for key, value in param.items()}
    task = create(app, None, {"deviceList": None, **given})
    work.run()
    found = app.get(f"{TASKS}/{task}").json
    assert found["totalCnt"] == reached == details(app, task, "&status=Pending")["totalCount"]
    assert {key: found["param"][key] for key in given} == given
    assert found["param"]["deviceList"] is None
    if not reached:
        assert (found["status"], found["progress"]) == ("Complete", 1000)


@pytest.mark.parametrize(
    "given",
    [
        {"taskName": ""},
        {"taskName": "x" * 257},
        {"taskName": None},
        {"taskType": "Other"},
        {"timeout": 9},
        {"timeout": 2881},
        {"timeout": "ten"},
        {"tags": [{"tagName": "x"}]},
        {"param": None},
        {"param": {"type": "Other", "command": COMMAND}},
        {"param": {"type": "DeviceList", "command": COMMAND}},
        {"param": {"type": "DeviceList", "deviceList": [], "command": COMMAND}},
        {"param": {"type": "DeviceType", "command": COMMAND}},
        {"param": {"type": "DeviceArea", "command": COMMAND}},
        {"param": {"type": "GroupList", "command": COMMAND}},
        {"param": {"type": "GroupIdList", "groupList": [], "command": COMMAND}},
        {"param": {"type": "Broadcast"}},
        {"param": {"type": "Broadcast", "command": {"serviceId": "", "method": "x"}}},
        {"param": {"type": "Broadcast", "command": COMMAND, "maxRetransmit": 4}},
        {"param": {"type": "Broadcast", "command": COMMAND, "callbackUrl": "http://127.0.0.1:80/x"}},
        {"param": {"type": "Broadcast", "command": COMMAND, "callbackUrl": "http://example.com/x"}},
    ],
)
def test_create_refuses_bad_input(app: Gateway, given: dict[str, Any]) -> None:
    assert refused(app.post(TASKS, body([NOBODY], **given))) == (400, "50400")


def test_create_refuses(app: Gateway, fleet: Fleet) -> None:
    other = make_application(fleet)
    assert refused(app.post(TASKS, body([NOBODY], appId=other))) == (403, "100217")
    for unseen in ("9" * 32, make_fleet("other").application):
        assert refused(app.post(TASKS, body([NOBODY], appId=unseen))) == (403, "100203")
    for kind in ("GroupList", "GroupIdList"):
        param = {"type": kind, "groupList": ["nobody"]}
        assert refused(app.post(TASKS, body(None, param))) == (200, "101001")
    create(app, [NOBODY])
    assert refused(app.post(TASKS, body([NOBODY]))) == (200, "105002")
    for number in range(9):
        create(app, [NOBODY], taskName=f"task {number}")
    assert refused(app.post(TASKS, body([NOBODY], taskName="eleventh"))) == (200, "105001")


def test_another_applications_tasks_do_not_exist(app: Gateway) -> None:
    task = create(app, [NOBODY])
    stranger = log_in(make_fleet("stranger"))
    for reply in (
        stranger.get(f"{TASKS}/{task}"),
        stranger.get(f"{DETAILS}?taskId={task}"),
        app.get(f"{TASKS}/{NOBODY}"),
        app.get(f"{DETAILS}?taskId={NOBODY}"),
    ):
        assert refused(reply) == (404, "105005")


@pytest.mark.parametrize("query", ["", "&status=Done", "&pageNo=-1", "&pageSize=0", "&pageSize=251"])
def test_details_refuse_bad_input(app: Gateway, query: str) -> None:
    named = f"taskId={NOBODY}" if query else ""
    assert refused(app.get(f"{DETAILS}?{named}{query}")) == (400, "100022")


def test_the_commands_states_go_to_the_callback_url(
    app: Gateway, fleet: Fleet, iot: FakeIot, work: WorkQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chalicelib.core.callbacks.check_url", lambda url: None)
    device: FakeDevice = add_device(fleet, iot)
    device.connect()
    url = "https://app.example.com:8443/results"
    task = create(app, [device.id], {"callbackUrl": url})
    work.run()
    device.answer(1, 0, {"result": 9})
    outbox.dispatch(stream())
    told = [read(record["body"]) for record in received("callbacks.fifo")["Records"]]
    assert {each.url for each in told} == {url}
    pushed = {body["result"]["resultCode"]: body for body in (json.loads(bytes(each.body)) for each in told)}
    command = details(app, task)["taskDetails"][0]["param"]["commandId"]
    assert set(pushed) == {"SENT", "DELIVERED", "SUCCESSFUL"}
    ids = {"deviceId": device.id, "commandId": command}
    assert pushed["SENT"] == {**ids, "result": {"resultCode": "SENT", "resultDetail": None}}
    done = {"resultCode": "SUCCESSFUL", "resultDetail": {"result": 9}}
    assert pushed["SUCCESSFUL"] == {**ids, "result": done}
