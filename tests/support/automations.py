"""Devices that automations look at and act on, what happens to them, and what comes of it."""

import itertools
import json
from dataclasses import dataclass
from typing import Any

from chalicelib.core import automation_watch, automations, events, products, registration, telemetry
from chalicelib.core import clock as core_clock
from chalicelib.core.automation_runs import Run
from chalicelib.core.automations import Automation
from chalicelib.core.devices import Status
from chalicelib.core.registration import NewDevice
from chalicelib.core.telemetry import Report, Reported
from chalicelib.handlers import outbox
from chalicelib.store.commands import CommandRecord
from chalicelib.store.devices import DEVICE, DeviceRecord
from chalicelib.store.transactions import Transaction
from tests.support.clock import FakeClock
from tests.support.fleet import Fleet
from tests.support.queues import WorkQueue
from tests.support.shadows import MODEL
from tests.support.triggers import stream

_messages = itertools.count()


@dataclass
class House:
    """An application with devices; `dispatch` hands the outbox's stream to its handler."""

    fleet: Fleet
    clock: FakeClock
    work: WorkQueue
    product: str = ""

    def add(self, node_id: str) -> str:
        if not self.product:
            self.product = self.fleet.product.id
        new = NewDevice(node_id, registration.BY_SECRET, product=self.product)
        return registration.register(self.fleet.caller, new).device.device

    def add_lamp(self) -> str:
        """One of a product with more types of properties."""
        made = products.create(self.fleet.tenant, "lamp", MODEL)
        new = NewDevice("lamp", registration.BY_SECRET, product=made.id)
        return registration.register(self.fleet.caller, new).device.device

    def create(self, *, enabled: bool = True, **rule: Any) -> Automation:
        rule.setdefault("name", "full")
        return automations.create(self.fleet.caller, json.dumps(rule), enabled=enabled)

    def report(
        self, device: str, service: str = "Meter", at: int | None = None, seconds: float = 1, **values: Any
    ) -> None:
        self.clock.advance(seconds)
        said = (Reported(service, values, at),)
        message = f"automated-{next(_messages)}"
        telemetry.report(Report(device, device, said, message, core_clock.now(), "json"))

    def turn(self, device: str, status: Status) -> None:
        """The device's status changes, as a presence event or a silence makes it."""
        from chalicelib.core import devices

        self.clock.advance(1)
        record = DeviceRecord.find(device, DEVICE)
        assert record is not None
        record.status = status.value
        change = Transaction()
        change.update(DeviceRecord(device, DEVICE), [DeviceRecord.status.set(status.value)])
        devices.tell(change, events.EventType.DEVICE_CHANGED, devices.device_of(record))
        change.commit()

    def dispatch(self) -> dict[str, Any]:
        """Answers what was handed over, to hand it over again."""
        batch = stream()
        outbox.dispatch(batch)
        return batch

    def settle(self) -> None:
        """Let everything happen that is due."""
        self.dispatch()
        self.work.run()
        assert self.work.failures == []
        self.dispatch()

    def pass_time(self, seconds: float) -> None:
        """The clock moves, then the sweep runs once."""
        self.clock.advance(seconds)
        automation_watch.sweep()
        self.work.run()
        assert self.work.failures == []

    def runs(self, automation: Automation) -> list[Run]:
        return automations.runs(self.fleet.caller, automation.id, 0, 100).items

    def commands(self, device: str) -> list[Any]:
        """The parameters of the commands to a device, oldest first."""
        found = CommandRecord.query(device, consistent_read=True)
        return [json.loads(record.paras) for record in found]


def level(device: str, operator: str = "ge", value: Any = 80, **more: Any) -> dict[str, Any]:
    return {
        "type": "property",
        "device": device,
        "service": "Meter",
        "property": "level",
        "operator": operator,
        "value": value,
        **more,
    }


def status(device: str, becomes: str = "ONLINE", **more: Any) -> dict[str, Any]:
    return {"type": "status", "device": device, "status": becomes, **more}


def daily(at: str, zone: str = "UTC", **more: Any) -> dict[str, Any]:
    return {"type": "daily", "at": at, "zone": zone, **more}


def set_level(device: str, value: int = 10, **more: Any) -> dict[str, Any]:
    return {
        "type": "command",
        "device": device,
        "service": "Meter",
        "method": "SET_LEVEL",
        "paras": {"value": value},
        **more,
    }


def want_level(device: str, value: int = 20, **more: Any) -> dict[str, Any]:
    return {"type": "desired", "device": device, "service": "Meter", "values": {"level": value}, **more}


def notify(text: str = "look", **more: Any) -> dict[str, Any]:
    return {"type": "notification", "text": text, **more}
