"""Huawei 1.8.13: what is pushed when a rule has run, from the report that triggers it to the POST."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib.aws import addresses
from chalicelib.core import removal
from chalicelib.core.devices import Status
from chalicelib.handlers import outbox, queues
from tests.support.automations import House, daily, level, notify, set_level, status, want_level
from tests.support.clock import FakeClock
from tests.support.fleet import Fleet
from tests.support.gateway import Gateway
from tests.support.queues import WorkQueue
from tests.support.receiver import Receiver, receiving
from tests.support.triggers import delete, received, stream

SUBSCRIBE = "/iocm/app/sub/v1.2.0/subscriptions"
AT = "20231114T2214"  # the minute of every test
REQUIRED = {"notifyType", "author", "ruleId", "ruleName", "reasons", "triggerTime", "actionsResults"}


@pytest.fixture
def house(fleet: Fleet, clock: FakeClock) -> House:
    return House(fleet, clock, WorkQueue(clock))


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    monkeypatch.setattr(addresses, "_allowed", lambda: addresses.networks(("127.0.0.0/8",)))
    with receiving() as made:
        yield made


@pytest.fixture
def pushed(app: Gateway, house: House, receiver: Receiver) -> Callable[[], list[Any]]:
    """Subscribes the app to rule events; a call lets everything happen and answers the new bodies."""
    body = {"notifyType": "ruleEvent", "callbackUrl": receiver.url()}
    assert app.post(SUBSCRIBE, body).status == 201

    def flush() -> list[Any]:
        receiver.posts.clear()
        for _ in range(2):  # what the runs themselves tell comes with the second
            outbox.dispatch(stream())
            house.work.run()
        while (event := received("callbacks.fifo"))["Records"]:
            queues.deliver(event)
            delete("callbacks.fifo", event)
        return receiver.bodies

    return flush


def test_a_report_pushes_reason_and_results(
    fleet: Fleet, house: House, pushed: Callable[[], list[Any]]
) -> None:
    meter, valve = house.add("meter"), house.add("valve")
    made = house.create(
        name="too full",
        conditions=[level(meter, id="full", note={"floor": 3})],
        actions=[
            set_level(valve, 10, id="close", note={"page": "roof"}),
            want_level(valve, 20),
            notify("close the tap"),
        ],
    )
    house.clock.advance(40)
    house.report(meter, level=85)
    [push] = pushed()
    [command] = push["actionsResults"][0]["result"]["body"]["commandId"].split()
    assert push == {
        "notifyType": "ruleEvent",
        "author": fleet.application,
        "ruleId": made.id,
        "ruleName": "too full",
        "logic": "and",
        "reasons": [
            {
                "satisfactionTime": f"{AT}01Z",
                "type": "DEVICE_DATA",
                "id": "full",
                "info": {
                    "deviceId": meter,
                    "serviceId": "Meter",
                    "propertyName": "level",
                    "operator": "ge",
                    "threshold": 80,
                    "value": 85,
                },
                "transInfo": {"floor": 3},
            }
        ],
        "triggerTime": f"{AT}01Z",
        "actionsResults": [
            {
                "type": "DEVICE_CMD",
                "id": "close",
                "info": {
                    "deviceId": valve,
                    "serviceId": "Meter",
                    "method": "SET_LEVEL",
                    "paras": {"value": 10},
                },
                "result": {"statusCode": 201, "body": {"deviceId": valve, "commandId": command}},
                "transInfo": {"page": "roof"},
            },
            {
                "type": "DEVICE_SHADOW",
                "id": "2",
                "info": {"deviceId": valve, "serviceId": "Meter", "desired": {"level": 20}},
                "result": {"statusCode": 200, "body": {}},
            },
            {
                "type": "NOTIFICATION",
                "id": "3",
                "info": {"text": "close the tap"},
                "result": {"statusCode": 200, "body": {}},
            },
        ],
    }
    assert pushed() == []


def test_the_command_of_a_result_can_be_read(
    app: Gateway, house: House, pushed: Callable[[], list[Any]]
) -> None:
    meter = house.add("meter")
    house.create(conditions=[level(meter)], actions=[set_level(meter)])
    house.report(meter, level=85)
    [push] = pushed()
    ident = push["actionsResults"][0]["result"]["body"]["commandId"]
    reply = app.get(f"/iocm/app/cmd/v1.4.0/deviceCommands?deviceId={meter}")
    assert [one["commandId"] for one in reply.json["data"]] == [ident]


def test_what_refuses_a_command_has_its_code(house: House, pushed: Callable[[], list[Any]]) -> None:
    meter, valve = house.add("meter"), house.add("valve")
    house.create(conditions=[level(meter)], actions=[set_level(valve)])
    removal.delete(house.fleet.caller, valve)
    house.report(meter, level=85)
    [push] = pushed()
    [result] = push["actionsResults"]
    assert result["result"] == {
        "statusCode": 404,
        "body": {"error_code": "100403", "error_desc": "The device is not existed."},
    }
    assert "exception" not in result


def test_what_was_not_done_in_time_is_an_exception(house: House, pushed: Callable[[], list[Any]]) -> None:
    meter = house.add("meter")
    house.create(conditions=[level(meter)], actions=[set_level(meter)])
    house.report(meter, level=85)
    house.dispatch()
    house.clock.advance(601)
    [push] = pushed()
    [result] = push["actionsResults"]
    assert result["exception"] == "TooLate"
    assert "result" not in result


def test_times_and_statuses_are_reasons(house: House, pushed: Callable[[], list[Any]]) -> None:
    meter = house.add("meter")
    at = datetime.fromtimestamp(house.clock.at / 1000 + 60, UTC)
    once = {"type": "moment", "at": at.isoformat(timespec="seconds")}
    house.create(
        logic="any",
        conditions=[status(meter), daily(at.strftime("%H:%M"), days=["TUE"]), once],
        actions=[notify()],
    )
    house.turn(meter, Status.ONLINE)
    [push] = pushed()
    assert set(push) == REQUIRED | {"logic"}
    assert push["logic"] == "or"
    assert push["reasons"] == [
        {
            "satisfactionTime": "20231114T221321Z",
            "type": "DEVICE_STATUS",
            "id": "1",
            "info": {"deviceId": meter, "status": "ONLINE"},
        }
    ]
    house.pass_time(61)
    [push] = pushed()
    [timer, moment] = push["reasons"]
    assert (timer["type"], moment["type"]) == ("DAILY_TIMER", "SIMPLE_TIMER")
    assert timer["info"] == {
        "time": at.strftime("%H:%M"),
        "daysOfWeek": ["TUE"],
        "timeZone": "UTC",
    }
    assert timer["satisfactionTime"] == at.strftime("%Y%m%dT%H%M00Z")
    assert moment["info"] == {"time": at.strftime("%Y%m%dT%H%M%SZ")}


def test_another_application_is_not_told(house: House, receiver: Receiver, app: Gateway) -> None:
    """It has subscribed; the rule is not its own."""
    from tests.dialects.huawei.conftest import log_in
    from tests.support.fleet import make_fleet

    other = log_in(make_fleet("other"))
    body = {"notifyType": "ruleEvent", "callbackUrl": receiver.url()}
    assert other.post(SUBSCRIBE, body).status == 201
    meter = house.add("meter")
    house.create(conditions=[level(meter)], actions=[notify()])
    house.report(meter, level=85)
    house.settle()
    house.settle()
    assert received("callbacks.fifo")["Records"] == []
