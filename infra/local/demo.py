"""`make demo`: the main story, step by step, between a real app, a real device and a local cloud.

An app logs in, subscribes and registers a device; the device connects by MQTT and reports; the app is
told, sends a command, and the device answers it.
"""

import argparse
import json
import re
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import Any

from infra.local.clients import App, CallFailed, Device, Late, Push, Receiver, Refused
from infra.local.demo_cloud import CloudFailed, cloud

FAILED = 1
SUBSCRIPTIONS = "/iocm/app/sub/v1.2.0/subscriptions"
REGISTRATION = "/iocm/app/reg/v2.0.0/deviceCredentials"
DEVICES = "/iocm/app/dm/v1.4.0/devices"
COMMANDS = "/iocm/app/cmd/v1.4.0/deviceCommands"
KINDS = ("deviceInfoChanged", "deviceDatasChanged", "commandRsp")
SERVICE = "Meter"
REPORT = {"level": 40, "flow": 1.5}
WIDTH = 110
SHOWN = 6  # characters left of a secret
_SECRETS = re.compile(
    r'("(?:secret|psk|verifyCode|accessToken|refreshToken)"\s*:\s*")([^"]*)"|(secret=)(\w+)'
)


def parser() -> argparse.ArgumentParser:
    result = argparse.ArgumentParser(
        prog="python -m infra.local.demo",
        description="Tell Polything's main story step by step: an app, a device, a report, a command. "
        "It talks to the local cloud that runs in --state, or starts one of its own on free ports and "
        "stops it at the end. Secrets are printed cut short, null fields not at all. Exit code 0: every "
        "step came true; 1: one did not.",
    )
    add = result.add_argument
    add(
        "--state",
        type=Path,
        default=Path(".local"),
        metavar="DIR",
        help="where a running local cloud keeps demo.json (%(default)s)",
    )
    add("--url", help="address of the APIs, where it is another than demo.json says")
    add("--own", action="store_true", help="start a cloud of its own even where one runs")
    add("--keep", action="store_true", help="leave the device and the subscriptions there afterwards")
    return result


class Teller:
    """Prints what happens; secrets are cut short."""

    def __init__(self) -> None:
        self.step = 0

    def tell(self, text: str) -> None:
        self.step += 1
        print(f"\n{self.step:2}. {text}", flush=True)

    def sent(self, what: str, body: Any = None) -> None:
        self._line("->", what, body)

    def came(self, what: str, body: Any = None) -> None:
        self._line("<-", what, body)

    def call(self, method: str, path: str, body: str | None, status: int, answer: Any) -> None:
        self.sent(f"{method} {path}", body)
        self.came(str(status), answer)

    def _line(self, arrow: str, what: str, body: Any) -> None:
        text = body if isinstance(body, str) else "" if body is None else json.dumps(told(body))
        whole = f"{what} {shortened(text)}".rstrip()
        indent = " " * 4
        print(
            textwrap.fill(whole, WIDTH, initial_indent=f"{indent}{arrow} ", subsequent_indent=indent + "   ")
        )


def told(body: Any) -> Any:
    """The body without its nulls, which say nothing and hide what does."""
    if isinstance(body, dict):
        return {name: told(value) for name, value in body.items() if value is not None}
    return [told(value) for value in body] if isinstance(body, list) else body


def shortened(text: str) -> str:
    """The text with every secret in it cut to its first characters."""
    return _SECRETS.sub(lambda m: f'{m[1]}{m[2][:SHOWN]}…"' if m[1] else f"{m[3]}{m[4][:SHOWN]}…", text)


class Story:
    """The steps, in order; each raises Late, CallFailed or Refused where it does not come true."""

    def __init__(self, demo: dict[str, Any], receiver: Receiver, teller: Teller) -> None:
        self.demo, self.receiver, self.teller = demo, receiver, teller
        huawei = demo["huawei"]
        self.app = App(demo["http"], huawei["appId"], huawei["secret"])
        self.app.calls = teller.call
        self.subscriptions: list[str] = []
        self.id = ""
        self.device: Device | None = None

    def tell(self) -> None:
        self.log_in()
        self.subscribe()
        device = self.device = self.register()
        self.connect(device)
        self.report(device)
        command = self.command()
        self.answer(device)
        self.read(command)

    def log_in(self) -> None:
        self.teller.tell("The app logs in.")
        self.app.login()

    def subscribe(self) -> None:
        self.teller.tell("It subscribes: what happens is to be pushed to its own receiver.")
        for kind in KINDS:
            made = self.app.post(SUBSCRIPTIONS, {"notifyType": kind, "callbackUrl": self.receiver.url(kind)})
            self.subscriptions.append(made["subscriptionId"])

    def register(self) -> Device:
        self.teller.tell("It registers a device of the demo product.")
        name = f"demo-meter-{time.time_ns() // 1_000_000}"
        product = self.demo["huawei"]["productId"]
        body = {"deviceInfo": {"nodeId": name}, "productId": product, "mqttConnect": True}
        made = self.app.post(REGISTRATION, body)
        self.id = made["deviceId"]
        at = self.demo["mqtt"]
        return Device((at["host"], int(at["port"])), self.id, made["secret"])

    def connect(self, device: Device) -> None:
        self.teller.tell("The device connects by MQTT with an HMAC of its secret as the password.")
        self.teller.sent(f"CONNECT clientId={device.client_id} username={self.id}")
        device.connect()
        self.teller.came("CONNACK accepted, SUBACK")
        self._pushed("deviceInfoChanged", lambda push: push.body["deviceInfo"]["status"] == "ONLINE")

    def report(self, device: Device) -> None:
        self.teller.tell("The device reports, and the app is told.")
        self.teller.sent(f"PUBLISH /huawei/v1/devices/{self.id}/data/json", REPORT)
        device.report(SERVICE, REPORT)
        push = self._pushed("deviceDatasChanged", lambda push: push.body["services"])
        [service] = push.body["services"]
        if (service["serviceId"], service["data"]) != (SERVICE, REPORT):
            raise Late(f"the push does not hold what the device reported: {service}")

    def command(self) -> str:
        self.teller.tell("The app sends a command; its states go to a URL of its own.")
        body = {
            "deviceId": self.id,
            "command": {"serviceId": SERVICE, "method": "SET_LEVEL", "paras": {"value": 70}},
            "callbackUrl": self.receiver.url("command"),
        }
        return str(self.app.post(COMMANDS, body)["commandId"])

    def answer(self, device: Device) -> None:
        self.teller.tell("The device gets the command and answers it under the same mid.")
        command = device.commands.wait(lambda got: got["cmd"] == "SET_LEVEL", "command at the device")
        self.teller.came("cloudReq", command)
        self.teller.sent("deviceRsp", {"mid": command["mid"], "errcode": 0, "body": {"result": 1}})
        device.answer(command["mid"], {"result": 1})
        self._pushed("commandRsp", lambda push: push.body["body"] == {"result": 1})
        self._pushed("commandStatusChanged", lambda push: push.body["result"]["resultCode"] == "SUCCESSFUL")

    def read(self, command: str) -> None:
        self.teller.tell("The app reads the command and the device.")
        [found] = [one for one in self._commands() if one["commandId"] == command]
        if found["status"] != "SUCCESSFUL":
            raise Late(f"the command is {found['status']}, not SUCCESSFUL")
        self.app.get(f"{DEVICES}/{self.id}")

    def _commands(self) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = self.app.get(COMMANDS, deviceId=self.id)["data"]
        return listed

    def _pushed(self, kind: str, holds: Callable[[Push], object]) -> Push:
        found = self.receiver.pushes.wait(
            lambda push: push.kind == kind and push.device == self.id and holds(push),
            f"{kind} for device {self.id} at the app's receiver",
        )
        self.teller.came(f"callback {found.path}, try {found.attempt}:", found.body)
        return found

    def clean_up(self) -> None:
        """Leave the demo tenant as it was."""
        self.teller.tell("The app deletes the device and its subscriptions again (--keep leaves them).")
        for ident in self.subscriptions:
            self.app.delete(f"{SUBSCRIPTIONS}/{ident}")
        if self.id:
            self.app.delete(f"{DEVICES}/{self.id}")
        if self.device is not None and self.device.connected:
            self.device.wait_ended()
            self.teller.came("the deleted device's MQTT link was ended by the cloud")


@contextmanager
def ended(story: Story, *, keep: bool) -> Iterator[None]:
    """Clean up after a story that came true; one that failed leaves its traces to look at."""
    try:
        yield
        if not keep:
            story.clean_up()
    finally:
        if story.device is not None:
            story.device.close()


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    teller, began = Teller(), time.monotonic()
    try:
        with cloud(options.state, options.url, own=options.own) as demo, Receiver() as receiver:
            story = Story(demo, receiver, teller)
            with ended(story, keep=options.keep):
                story.tell()
    except KeyboardInterrupt:
        print(f"\nstopped at step {teller.step}", file=sys.stderr)
        return FAILED
    except (Late, CallFailed, Refused, CloudFailed, OSError, HTTPException) as error:
        print(f"\nFAILED at step {teller.step}: {shortened(str(error))}", file=sys.stderr)
        return FAILED
    print(f"\nAll {teller.step} steps came true, in {time.monotonic() - began:.1f} s.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
