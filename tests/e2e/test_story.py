"""The main story over real HTTP, real MQTT and a real callback receiver, and what can come between."""

import json
import time

import pytest

from infra.local.clients import DROP, CallFailed, Device, Refused, hour
from tests.e2e.conftest import DEVICES, SERVICE, World, record

REPORT = {"level": 40, "flow": 1.5}
TASKS = "/iocm/app/cmd/v1.4.0/deviceCommandCancelTasks"


def answer_next(device: Device, count: int = 1) -> int:
    """Answer the device's `count`th command; its mid."""
    command = device.commands.wait(lambda _: True, "command", count)
    device.answer(command["mid"], {"result": 1})
    return int(command["mid"])


def test_an_app_a_device_a_report_and_a_command(world: World) -> None:
    for kind in ("deviceAdded", "bindDevice", "deviceInfoChanged", "deviceDatasChanged", "commandRsp"):
        world.subscribe(kind)
    ident, secret = world.register()
    assert world.pushed("deviceAdded", ident).body["nodeType"] == "ENDPOINT"
    assert world.status(ident) == "INACTIVE"
    device = world.device(ident, secret)
    device.connect()
    assert world.pushed("bindDevice", ident).body["resultCode"] == "succeeded"
    world.pushed("deviceInfoChanged", ident, lambda push: push.body["deviceInfo"]["status"] == "ONLINE")
    device.report(SERVICE, REPORT)
    [service] = world.pushed("deviceDatasChanged", ident).body["services"]
    assert (service["serviceId"], service["data"]) == (SERVICE, REPORT)
    [service] = world.app.get(f"{DEVICES}/{ident}")["services"]
    assert service["data"] == REPORT
    command = world.command(ident, 70)
    got = device.commands.wait(lambda _: True, "command")
    assert (got["serviceId"], got["cmd"], got["paras"]) == (SERVICE, "SET_LEVEL", {"value": 70})
    world.told(command, "DELIVERED")
    device.answer(got["mid"], {"result": 1})
    assert world.pushed("commandRsp", ident).body["body"] == {"result": 1}
    world.told(command, "SUCCESSFUL")
    read = world.command_read(ident, command)
    assert (read["status"], read["issuedTimes"]) == ("SUCCESSFUL", 1)
    assert read["result"] == {"resultCode": "SUCCESSFUL", "resultDetail": {"result": 1}}


def test_an_answer_with_an_error_fails_the_command(world: World) -> None:
    device = world.online()
    command = world.command(device.device, 1)
    got = device.commands.wait(lambda _: True, "command")
    device.answer(got["mid"], {"result": 0}, errcode=1)
    world.told(command, "FAILED")
    assert world.command_read(device.device, command)["status"] == "FAILED"


@pytest.mark.parametrize("failure", [503, DROP])
def test_a_push_that_failed_comes_again_under_the_same_id(world: World, failure: int) -> None:
    world.subscribe("deviceDatasChanged")
    device = world.online()
    world.receiver.failing.append(failure)
    device.report(SERVICE, REPORT)
    world.pushed("deviceDatasChanged", device.device, lambda push: push.attempt == 2)
    first, second = world.pushes("deviceDatasChanged", device.device)
    assert (first.attempt, second.attempt) == (1, 2)
    assert first.event == second.event
    assert first.body == second.body


def test_an_event_dispatched_again_is_pushed_once(world: World) -> None:
    world.subscribe("deviceDatasChanged")
    device = world.online()
    device.report(SERVICE, REPORT)
    world.pushed("deviceDatasChanged", device.device)
    images = [
        {"eventName": "INSERT", "dynamodb": {"NewImage": item}} for item in world.events_of(device.device)
    ]
    assert len(images) >= 4  # added, bound, changed, reported
    world.invoke("dispatch", {"Records": images})
    world.cloud.wait_idle()
    assert len(world.pushes("deviceDatasChanged", device.device)) == 1


def test_a_delivery_handled_twice_repeats_its_event_id(world: World) -> None:
    """SQS delivers at least once, so a push may come twice: apps tell by the event id."""
    subscription = world.subscribe("deviceDatasChanged")
    device = world.online()
    device.report(SERVICE, REPORT)
    push = world.pushed("deviceDatasChanged", device.device)
    delivery = {
        "id": push.event,
        "owner": world.app.app_id,
        "source": device.device,
        "dialect": "huawei",
        "notify_type": push.kind,
        "url": world.receiver.url(push.kind),
        "queued": time.time_ns() // 1_000_000,
        "body": push.body,
        "subscription": subscription,
    }
    world.invoke("deliver", record(json.dumps(delivery), "callbacks.fifo"))
    first, second = world.pushes("deviceDatasChanged", device.device)
    assert (first.event, first.body) == (second.event, second.body)


def test_a_job_handled_twice_sends_a_command_once(world: World) -> None:
    device = world.online()
    command = world.command(device.device, 5)
    device.commands.wait(lambda _: True, "command")
    world.told(command, "DELIVERED")
    job = record(json.dumps({"job": "drain", "device": device.device}), "work")
    for _ in range(3):
        world.invoke("work", job)
    answer_next(device)
    world.told(command, "SUCCESSFUL")
    world.invoke("work", job)
    world.cloud.wait_idle()
    assert len(device.commands.all()) == 1


def test_an_answer_given_twice_settles_once(world: World) -> None:
    world.subscribe("commandRsp")
    device = world.online()
    command = world.command(device.device, 5)
    mid = answer_next(device)
    world.told(command, "SUCCESSFUL")
    device.answer(mid, {"result": 2}, errcode=1)
    world.cloud.wait_idle()
    assert world.command_read(device.device, command)["status"] == "SUCCESSFUL"
    assert len(world.pushes("commandRsp", device.device)) == 1


def test_commands_wait_for_an_offline_device_and_go_out_one_at_a_time(world: World) -> None:
    ident, secret = world.register()
    first, second = world.command(ident, 1), world.command(ident, 2)
    world.cloud.wait_idle()
    assert world.command_read(ident, first)["status"] == "PENDING"
    device = world.device(ident, secret)
    device.connect()
    world.told(first, "DELIVERED")
    world.cloud.wait_idle()
    assert [got["paras"] for got in device.commands.all()] == [{"value": 1}]
    mids = {answer_next(device), answer_next(device, 2)}
    assert len(mids) == 2
    for command in (first, second):
        world.told(command, "SUCCESSFUL")
    assert [got["paras"]["value"] for got in device.commands.all()] == [1, 2]


def test_a_command_expires_by_the_sweep_and_never_arrives(world: World) -> None:
    ident, secret = world.register()
    command = world.command(ident, 1, expireTime=1)
    world.told(command, "EXPIRED")
    assert world.command_read(ident, command)["status"] == "EXPIRED"
    device = world.device(ident, secret)
    device.connect()
    world.cloud.wait_idle()
    assert device.commands.all() == []


def test_an_immediate_command_goes_out_at_once_or_never(world: World) -> None:
    ident, secret = world.register()
    lost = world.command(ident, 1, expireTime=0)
    world.cloud.wait_idle()
    assert world.command_read(ident, lost)["status"] != "PENDING"
    device = world.device(ident, secret)
    device.connect()
    world.until(lambda: world.status(ident) == "ONLINE", "the device to be ONLINE")
    command = world.command(ident, 2, expireTime=0)
    answer_next(device)
    world.told(command, "SUCCESSFUL")
    assert [got["paras"] for got in device.commands.all()] == [{"value": 2}]


def test_a_direct_command_is_delivered_while_the_app_waits(world: World) -> None:
    world.subscribe("commandRsp")
    device = world.online()
    header = {"method": "SET_LEVEL", "mode": "ACK", "requestId": "r-1"}
    path = f"/iocm/app/signaltrans/v1.1.0/devices/{device.device}/services/{SERVICE}/sendCommand"
    answer = world.app.post(path, {"header": header, "body": {"value": 9}})
    assert (answer["requestId"], answer["status"]) == ("r-1", "delivered")
    answer_next(device)
    assert world.pushed("commandRsp", device.device).body["header"]["requestId"] == "r-1"


def test_a_task_cancels_what_waits(world: World) -> None:
    ident, secret = world.register()
    commands = [world.command(ident, value) for value in (1, 2)]
    task = world.app.post(TASKS, {"deviceId": ident})
    assert task["totalCount"] == 2
    for command in commands:
        world.told(command, "CANCELED")
    world.until(
        lambda: world.app.get(TASKS, taskId=task["taskId"])["data"][0]["status"] == "SUCCESS",
        "the task's end",
    )
    device = world.device(ident, secret)
    device.connect()
    world.cloud.wait_idle()
    assert device.commands.all() == []


def test_the_end_of_an_old_link_does_not_take_the_device_offline(world: World) -> None:
    world.subscribe("deviceInfoChanged")
    ident, secret = world.register()
    old, new = (world.device(ident, secret, hour(ahead)) for ahead in (0, 1))
    old.connect()
    world.until(lambda: world.status(ident) == "ONLINE", "the device to be ONLINE")
    new.connect()
    old.wait_ended()  # the cloud ends the link that was replaced
    late = {"client": old.client_id, "session": "an older one", "at": time.time_ns() // 1_000_000}
    world.invoke("work", record(json.dumps({"job": "gone", **late}), "work"))
    command = world.command(ident, 3)
    answer_next(new)
    world.told(command, "SUCCESSFUL")
    new.close()
    world.pushed("deviceInfoChanged", ident, lambda push: push.body["deviceInfo"]["status"] == "OFFLINE")
    # the end of the old link was judged before that of the new one
    pushes = world.pushes("deviceInfoChanged", ident)
    assert [push.body["deviceInfo"]["status"] for push in pushes] == ["ONLINE", "OFFLINE"]


def test_deletion_ends_the_link_for_good(world: World) -> None:
    world.subscribe("deviceDeleted")
    ident, secret = world.register()
    device = world.device(ident, secret)
    device.connect()
    world.app.delete(f"{DEVICES}/{ident}")
    device.wait_ended()
    world.pushed("deviceDeleted", ident)
    with pytest.raises(Refused):
        world.device(ident, secret).connect()
    with pytest.raises(CallFailed) as absent:
        world.status(ident)
    assert (absent.value.status, absent.value.code) == (404, "100403")


def test_a_wrong_secret_and_a_strange_device_are_refused(world: World) -> None:
    ident, secret = world.register()
    for name, word in ((ident, "0" * 20), ("f" * 32, secret)):
        with pytest.raises(Refused):
            world.device(name, word).connect()
    world.device(ident, secret).connect()
