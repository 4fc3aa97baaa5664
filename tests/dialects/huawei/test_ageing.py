"""Huawei 1.6.1: a device's status over a silence, as apps read it and are told of it."""

import json
from typing import Any

import pytest

from chalicelib.core import heard
from chalicelib.core.links import Session
from chalicelib.dialects.huawei import device as wire
from chalicelib.dialects.huawei import notify
from chalicelib.handlers import schedules
from tests.conftest import Calls
from tests.support.clock import FakeClock
from tests.support.fleet import Fleet
from tests.support.gateway import Gateway
from tests.support.iot import FakeDevice, FakeIot, add_device
from tests.support.queues import WorkQueue
from tests.support.triggers import stream

from .conftest import log_in

DEVICES = "/iocm/app/dm/v1.4.0/devices"
HOUR = 3600


@pytest.fixture
def device(fleet: Fleet) -> FakeDevice:
    iot = FakeIot()
    iot.install()
    return add_device(fleet, iot)


def publish(device: FakeDevice, clock: FakeClock, message: dict[str, Any]) -> None:
    session = Session(f"{device.id}_0_0_1", device.id, "tenant", "huawei", device.id, clock.at)
    topic = f"/huawei/v1/devices/{device.id}/data/json"
    assert wire.handle(session, topic, json.dumps(message).encode(), clock.at, f"m-{clock.at}")


def report(device: FakeDevice, clock: FakeClock) -> None:
    data = [{"serviceId": "Meter", "serviceData": {"level": 1}}]
    publish(device, clock, {"msgType": "deviceReq", "data": data})


def shown(fleet: Fleet, device: FakeDevice) -> tuple[str, str]:
    info = log_in(fleet).get(f"{DEVICES}/{device.id}").json["deviceInfo"]  # a token lasts an hour
    return info["status"], info["statusDetail"]


def pushed() -> list[str]:
    from chalicelib.core import events
    from chalicelib.store.outbox import EventRecord

    images = [each["dynamodb"]["NewImage"] for each in stream()["Records"]]
    told = [one for image in images for one in notify.render(events.read(EventRecord.from_raw_data(image)))]
    return [
        json.loads(one.body)["deviceInfo"]["status"] for one in told if one.notify_type == "deviceInfoChanged"
    ]


def test_a_silence_from_end_to_end(
    fleet: Fleet, device: FakeDevice, work: WorkQueue, clock: FakeClock
) -> None:
    assert shown(fleet, device) == ("INACTIVE", "NOT_ACTIVE")
    report(device, clock)
    assert shown(fleet, device) == ("ONLINE", "NONE")
    assert pushed() == ["ONLINE"]
    for hours, status in ((25, ("ABNORMAL", "NONE")), (24, ("OFFLINE", "TIME_OUT"))):
        clock.advance(hours * HOUR)
        assert shown(fleet, device) == status  # before any sweep
        assert pushed() == []
        schedules.sweep()
        work.run()
        assert pushed() == [status[0]]
        assert shown(fleet, device) == status
    clock.advance(HOUR)
    report(device, clock)
    assert shown(fleet, device) == ("ONLINE", "NONE")
    assert pushed() == ["ONLINE"]


def test_a_connected_device_that_says_nothing_ages_too(
    fleet: Fleet, device: FakeDevice, clock: FakeClock
) -> None:
    device.connect()
    clock.advance(26 * HOUR)
    assert shown(fleet, device)[0] == "ABNORMAL"


def test_a_device_that_left_stays_offline(fleet: Fleet, device: FakeDevice, clock: FakeClock) -> None:
    device.connect()
    device.disconnect()
    clock.advance(26 * HOUR)
    assert shown(fleet, device)[0] == "OFFLINE"


def test_an_answer_is_a_message_too(
    fleet: Fleet, device: FakeDevice, work: WorkQueue, clock: FakeClock
) -> None:
    report(device, clock)
    clock.advance(26 * HOUR)
    schedules.sweep()
    work.run()
    publish(device, clock, {"msgType": "deviceRsp", "mid": 7, "errcode": 0})
    assert shown(fleet, device)[0] == "ONLINE"


def test_answers_are_noted_once_in_five_minutes(device: FakeDevice, clock: FakeClock, calls: Calls) -> None:
    report(device, clock)
    costs = []
    for _ in range(3):
        calls.clear()
        publish(device, clock, {"msgType": "deviceRsp", "mid": 7, "errcode": 0})
        costs.append(len(calls.made))
        clock.advance(100)
    assert costs[1] == costs[2] == costs[0] - 1
    heard.forget()


def test_the_list_filters_by_the_status_of_now(
    app: Gateway, fleet: Fleet, device: FakeDevice, work: WorkQueue, clock: FakeClock
) -> None:
    """What is silent is no longer listed as ONLINE; as ABNORMAL once it is swept."""
    report(device, clock)
    clock.advance(26 * HOUR)

    def found(status: str) -> int:
        return len(log_in(fleet).get(f"{DEVICES}?pageNo=0&status={status}").json["devices"])

    assert (found("ONLINE"), found("ABNORMAL")) == (0, 0)
    schedules.sweep()
    work.run()
    clock.advance(15 * 60)  # past the walks' lists
    assert (found("ONLINE"), found("ABNORMAL")) == (0, 1)
