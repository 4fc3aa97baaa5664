"""docs/costs.md: what each thing takes of AWS is measured here, and its sums are worked out anew."""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.client import BaseClient

from chalicelib.aws import addresses
from chalicelib.handlers import outbox, queues
from infra.local.template import DATA, resources
from tests.docs.markdown import doc, rows, section
from tests.support.clock import FakeClock
from tests.support.fleet import make_fleet
from tests.support.gateway import Gateway
from tests.support.iot import FakeIot
from tests.support.mqtt import Mqtt
from tests.support.queues import WorkQueue
from tests.support.receiver import receiving
from tests.support.triggers import delete, received, stream

PREFIX = "polything-test"
LOGIN = "/iocm/app/sec/v1.1.0/login"
REGISTER = "/iocm/app/reg/v2.0.0/deviceCredentials"
DEVICES = "/iocm/app/dm/v1.4.0/devices"
COMMANDS = "/iocm/app/cmd/v1.4.0/deviceCommands"
SUBSCRIBE = "/iocm/app/sub/v1.2.0/subscriptions"
KB = 1024
COLUMNS = ("Lambda", "writes", "reads", "SQS", "messages", "rules", "API")
PAGE = doc("costs.md")

TABLES = {
    item.properties["TableName"]: (
        [key["AttributeName"] for key in item.properties["KeySchema"]],
        [
            [key["AttributeName"] for key in index["KeySchema"]]
            for index in item.properties.get("GlobalSecondaryIndexes", ())
        ],
    )
    for item in resources(DATA, Prefix=PREFIX)
    if item.type == "AWS::DynamoDB::Table"
}


def size(item: dict[str, Any]) -> int:
    """Bytes of an item, as DynamoDB counts them but for a few bytes of lists and maps."""
    return sum(len(name) + len(str(next(iter(value.values())))) for name, value in item.items())


@dataclass
class Meter:
    """What was used since `clear`, by the names of COLUMNS."""

    used: Counter[str] = field(default_factory=Counter)
    send: Callable[..., Any] = BaseClient._make_api_call
    off: bool = False

    @contextmanager
    def paused(self) -> Iterator[None]:
        self.off = True
        yield
        self.off = False

    def call(self, client: BaseClient, operation: str, arguments: dict[str, Any]) -> Any:
        answer = self.send(client, operation, arguments)
        if self.off:
            return answer
        service = client.meta.service_model.service_name
        if service == "sqs":
            self.used["SQS"] += operation.startswith("Send")
        elif service == "iot-data":
            self.used["messages"] += operation == "SendDirectMessage"
        elif service == "dynamodb":
            self.used["writes"] += sum(self._written(client, *one) for one in written(operation, arguments))
            self.used["reads"] += read(operation, arguments)
        return answer

    def _written(self, client: BaseClient, table: str, key: dict[str, Any], factor: int) -> int:
        """Units for one item: its kilobytes, twice in a transaction, and one for each index it is in."""
        names, indexes = TABLES[table]
        key = {name: key[name] for name in names}
        item = self.send(client, "GetItem", {"TableName": table, "Key": key}).get("Item", key)
        kilobytes = max(1, math.ceil(size(item) / KB))
        return kilobytes * (factor + sum(all(name in item for name in index) for index in indexes))

    def runs(self, what: str, number: int = 1) -> None:
        self.used[what] += number


def written(operation: str, arguments: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], int]]:
    """Table, key or item, and 2 where it is of a transaction."""
    if operation == "TransactWriteItems":
        for item in arguments["TransactItems"]:
            [one] = item.values()
            yield one["TableName"], one.get("Key") or one["Item"], 2
    elif operation in ("PutItem", "UpdateItem", "DeleteItem"):
        yield arguments["TableName"], arguments.get("Key") or arguments["Item"], 1
    elif operation == "BatchWriteItem":
        for table, requests in arguments["RequestItems"].items():
            for request in requests:
                [one] = request.values()
                yield table, one.get("Key") or one["Item"], 1


def read(operation: str, arguments: dict[str, Any]) -> float:
    """Units of reading: items are smaller than 4 KB."""
    if operation in ("GetItem", "Query"):
        return 1 if arguments.get("ConsistentRead") else 0.5
    if operation == "BatchGetItem":
        wanted = arguments["RequestItems"].values()
        return sum(len(each["Keys"]) * (1 if each.get("ConsistentRead") else 0.5) for each in wanted)
    return 0


@dataclass
class World:
    """A device, an app that is logged in and told of reports, and what they use."""

    meter: Meter
    app: Gateway
    device: Mqtt
    iot: FakeIot
    work: WorkQueue
    clock: FakeClock

    def connect(self) -> None:
        """Logs in and is announced."""
        self.device.connect()
        self.meter.runs("Lambda", 2)
        self.meter.runs("rules")
        self.settle()

    def report(self) -> None:
        self.device.report("Meter", {"level": 40})
        for what in ("Lambda", "messages", "rules"):
            self.meter.runs(what)
        self.settle()

    def command(self) -> None:
        command = {"serviceId": "Meter", "method": "SET_LEVEL", "paras": {"value": 70}}
        assert self.app.post(COMMANDS, {"deviceId": self.device.name, "command": command}).status == 201
        self.meter.runs("Lambda")
        self.meter.runs("API")
        self.settle()
        mid = self.iot.mids[-1]
        self.device.publish({"msgType": "deviceRsp", "mid": mid, "errcode": 0, "body": {"result": 1}})
        for what in ("Lambda", "messages", "rules"):
            self.meter.runs(what)
        self.settle()

    def read(self) -> None:
        assert self.app.get(f"{DEVICES}/{self.device.name}").status == 200
        self.meter.runs("Lambda")
        self.meter.runs("API")

    def leave(self) -> None:
        self.device.disconnect()
        self.meter.runs("Lambda")
        self.meter.runs("rules")
        self.work.waiting()
        self.clock.advance(6)
        self.settle()

    def settle(self) -> None:
        """Jobs, the stream and deliveries, each by a function of its own; SQS is asked and told for each."""
        jobs = len(self.work.run())
        self.meter.runs("Lambda", jobs)
        self.meter.runs("SQS", 2 * jobs)
        assert self.work.failures == []
        with self.meter.paused():
            events = stream()
        if events["Records"]:
            outbox.dispatch(events)
            self.meter.runs("Lambda")
        while (event := received("callbacks.fifo"))["Records"]:
            queues.deliver(event)
            self.meter.runs("Lambda")
            self.meter.runs("SQS", 2)
            delete("callbacks.fifo", event)


STEPS: dict[str, Callable[[World], None]] = {
    "connect": World.connect,
    "report": World.report,
    "command": World.command,
    "read": World.read,
    "leave": World.leave,
}


@pytest.fixture
def world(aws: None, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(addresses, "_allowed", lambda: addresses.networks(("127.0.0.0/8",)))
    iot = FakeIot()
    iot.install()
    fleet = make_fleet()
    app = Gateway()
    token = app.post(LOGIN, {"appId": fleet.application, "secret": fleet.secret}).json["accessToken"]
    app.headers = {"app_key": fleet.application, "Authorization": f"Bearer {token}"}
    body = {"deviceInfo": {"nodeId": "meter-1"}, "productId": fleet.product.id}
    made = app.post(REGISTER, body).json
    device = Mqtt(made["deviceId"], made["secret"])
    iot.connect(device.client)
    meter = Meter()
    monkeypatch.setattr(BaseClient, "_make_api_call", lambda *call: meter.call(*call))
    with receiving() as receiver:
        subscription = {"notifyType": "deviceDatasChanged", "callbackUrl": receiver.url()}
        assert app.post(SUBSCRIBE, subscription).status == 201
        world = World(meter, app, device, iot, WorkQueue(clock), clock)
        for step in STEPS.values():  # the first time of everything is not what a month is made of
            clock.advance(60)  # longer than a process remembers most things
            step(world)
        yield world


def told() -> dict[str, dict[str, float]]:
    table = rows(section(PAGE, "## What each thing takes"))
    return {row[0].strip("`"): dict(zip(COLUMNS, map(float, row[1:-1]), strict=True)) for row in table}


def test_each_thing_takes_what_is_told(world: World) -> None:
    held = {}
    for name, step in STEPS.items():
        world.clock.advance(60)
        world.meter.used.clear()
        step(world)
        held[name] = {column: float(world.meter.used[column]) for column in COLUMNS}
    assert held == told()


def number(text: str) -> float:
    return float(re.sub(r"[^\d.]", "", text))


def prices() -> dict[str, float]:
    """Dollars for one, by what it is of."""
    return {
        row[0]: number(row[1]) / number(row[2]) for row in rows(section(PAGE, "## Prices")) if row[0] in UNITS
    }


UNITS = (*COLUMNS, "minutes")


def times() -> dict[str, float]:
    """How often a month the device of the page does each thing."""
    table = rows(section(PAGE, "## A device's month"))
    return {row[0].strip("`"): number(row[1]) for row in table if row[0].strip("`") in (*STEPS, "minutes")}


def month() -> dict[str, float]:
    """Dollars a month by what they are for."""
    found = {
        name: times()[name] * sum(taken[unit] * prices()[unit] for unit in COLUMNS)
        for name, taken in told().items()
    }
    return {**found, "minutes": times()["minutes"] * prices()["minutes"]}


def test_the_sums_of_the_page_are_right() -> None:
    table = {row[0].strip("`"): row for row in rows(section(PAGE, "## A device's month"))}
    for name, dollars in month().items():
        assert number(table[name][2]) == pytest.approx(dollars, abs=0.00005), name
    assert number(table["**together**"][2]) == pytest.approx(sum(month().values()), abs=0.00005)


def test_every_price_is_of_something_that_is_used() -> None:
    assert set(prices()) == set(UNITS)
