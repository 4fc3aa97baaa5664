"""A world for a story: the local cloud, an app that is logged in, its receiver, and devices."""

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest

from infra.local import running
from infra.local.aws import ROOT
from infra.local.clients import ANSWER_WITHIN, App, Device, Push, Receiver
from tests.local_cloud import CloudProcess, cloud

__all__ = ["cloud"]

SUBSCRIPTIONS = "/iocm/app/sub/v1.2.0/subscriptions"
REGISTRATION = "/iocm/app/reg/v2.0.0/deviceCredentials"
DEVICES = "/iocm/app/dm/v1.4.0/devices"
COMMANDS = "/iocm/app/cmd/v1.4.0/deviceCommands"
SERVICE = "Meter"


def run(module: str, *line: object) -> subprocess.CompletedProcess[str]:
    """A command as an operator's shell would run it: nothing in the environment names a cloud."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("POLYTHING_", "AWS_"))}
    command = [sys.executable, "-m", module, *map(str, line)]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=90, check=False)


@dataclass
class World:
    """What a test needs to tell its story; every device and subscription is its own."""

    cloud: CloudProcess
    app: App
    receiver: Receiver
    subscriptions: list[str] = field(default_factory=list)
    devices: list[Device] = field(default_factory=list)

    def subscribe(self, kind: str) -> str:
        made = self.app.post(SUBSCRIPTIONS, {"notifyType": kind, "callbackUrl": self.receiver.url(kind)})
        self.subscriptions.append(made["subscriptionId"])
        return self.subscriptions[-1]

    def register(self, product: str | None = None) -> tuple[str, str]:
        """Id and secret of a new device, of the demo product where none is named."""
        info = {"nodeId": f"meter-{secrets.token_hex(6)}"}
        product = product or self.cloud.huawei["productId"]
        body = {"deviceInfo": info, "productId": product, "mqttConnect": True}
        made = self.app.post(REGISTRATION, body)
        return made["deviceId"], made["secret"]

    def device(self, ident: str, secret: str, stamp: str | None = None) -> Device:
        """Its MQTT side, not yet connected."""
        made = Device(self.cloud.mqtt, ident, secret, stamp)
        self.devices.append(made)
        return made

    def online(self) -> Device:
        """A new device that is connected and known to be."""
        made = self.device(*self.register())
        made.connect()
        self.until(lambda: self.status(made.device) == "ONLINE", "the device to be ONLINE")
        return made

    def status(self, device: str) -> str:
        return str(self.app.get(f"{DEVICES}/{device}")["deviceInfo"]["status"])

    def command(self, device: str, value: int, **more: Any) -> str:
        command = {"serviceId": SERVICE, "method": "SET_LEVEL", "paras": {"value": value}}
        body = {"deviceId": device, "command": command, "callbackUrl": self.receiver.url("command"), **more}
        return str(self.app.post(COMMANDS, body)["commandId"])

    def command_read(self, device: str, command: str) -> dict[str, Any]:
        listed = self.app.get(COMMANDS, deviceId=device)["data"]
        [found] = [one for one in listed if one["commandId"] == command]
        read: dict[str, Any] = found
        return read

    def pushed(self, kind: str, device: str, holds: Callable[[Push], object] = lambda _: True) -> Push:
        return self.receiver.pushes.wait(
            lambda push: push.kind == kind and push.device == device and holds(push),
            f"{kind} for {device}",
        )

    def pushes(self, kind: str, device: str) -> list[Push]:
        return self.receiver.pushes.all(lambda push: push.kind == kind and push.device == device)

    def told(self, command: str, status: str) -> Push:
        """The command's own callback with this status."""
        return self.receiver.pushes.wait(
            lambda push: (
                push.body.get("commandId") == command and push.body["result"]["resultCode"] == status
            ),
            f"{status} of command {command}",
        )

    def until(self, holds: Callable[[], object], what: str) -> None:
        deadline = time.monotonic() + ANSWER_WITHIN
        while not holds():
            assert time.monotonic() < deadline, f"waited {ANSWER_WITHIN:g} s in vain for {what}"
            time.sleep(0.05)

    def invoke(self, function: str, event: dict[str, Any]) -> None:
        """Give an event to one of the app's functions once more, as a trigger that repeats itself would."""
        self.cloud._ask("invoke", function, event)

    def events_of(self, device: str) -> list[dict[str, Any]]:
        """The device's events as the outbox table holds them."""
        env = running.find(self.cloud.state)
        assert env is not None
        tables: Any = boto3.client("dynamodb", endpoint_url=env["AWS_ENDPOINT_URL_DYNAMODB"])
        found: list[dict[str, Any]] = tables.query(
            TableName=f"{env['POLYTHING_PREFIX']}-outbox",
            KeyConditionExpression="#s = :s",
            ExpressionAttributeNames={"#s": "source"},
            ExpressionAttributeValues={":s": {"S": device}},
        )["Items"]
        return found

    def complaints(self) -> list[str]:
        """What the cloud has called an error since it started: nothing may fail behind an app's back."""
        lines = (self.cloud.state / "stderr.log").read_text(encoding="utf-8").splitlines()
        return [line for line in lines if line.startswith("error:")]

    def close(self) -> None:
        for ident in self.subscriptions:
            self.app.delete(f"{SUBSCRIPTIONS}/{ident}")
        for device in self.devices:
            device.close()


@pytest.fixture
def world(cloud: CloudProcess) -> Iterator[World]:
    huawei = cloud.huawei
    app = App(cloud.http, huawei["appId"], huawei["secret"])
    app.login()
    with Receiver() as receiver:
        made = World(cloud, app, receiver)
        yield made
        made.close()
        assert made.complaints() == []


def record(body: str, queue: str) -> dict[str, Any]:
    """An SQS event of one message, as Lambda gets it."""
    return {
        "Records": [
            {
                "messageId": secrets.token_hex(16),
                "receiptHandle": "again",
                "body": body,
                "attributes": {"ApproximateReceiveCount": "2"},
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": f"arn:aws:sqs:us-east-1:000000000000:polything-local-{queue}",
                "awsRegion": "us-east-1",
            }
        ]
    }
