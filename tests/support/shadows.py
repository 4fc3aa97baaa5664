"""Devices with two services that take desired values, and what becomes of these."""

import itertools
from dataclasses import dataclass
from typing import Any

from chalicelib.core import clock, events, products, registration, shadows, telemetry
from chalicelib.core.products import NodeType
from chalicelib.core.registration import NewDevice
from chalicelib.core.shadows import Desired
from chalicelib.core.telemetry import Report, Reported
from chalicelib.core.things import DataType, Property, Service, ThingModel
from chalicelib.store.history import DesiredRecord
from chalicelib.store.outbox import EventRecord
from tests.support.fleet import Fleet
from tests.support.iot import FakeDevice, FakeIot

MODEL = ThingModel(
    (
        Service(
            "Meter",
            type="Meter",
            properties=(
                Property("level", DataType.INT, min="0", max="100", method="RWE"),
                Property("period", DataType.INT, min="1", max="3600", method="RW"),
                Property("label", DataType.STRING, max_length=200_000, method="W"),
                Property("flow", DataType.DECIMAL, method="R"),
            ),
        ),
        Service("Light", type="Lamp", properties=(Property("on", DataType.BOOL, method="RW"),)),
    )
)
_messages = itertools.count()


@dataclass
class ShadowDevice(FakeDevice):
    """`fleet` owns it."""

    fleet: Fleet | None = None

    def want(self, service: str = "Meter", **values: Any) -> None:
        self.want_all({service: values})

    def want_all(self, services: dict[str, dict[str, Any]]) -> None:
        assert self.fleet is not None
        wanted = [Desired(service, values) for service, values in services.items()]
        shadows.set_desired(self.fleet.caller, self.id, wanted)

    def report(self, service: str = "Meter", at: int | None = None, **values: Any) -> None:
        said = (Reported(service, values, at),)
        telemetry.report(Report(self.id, self.id, said, f"message-{next(_messages)}", clock.now(), "json"))

    @property
    def got(self) -> list[Any]:
        """The desired values that arrived, oldest first."""
        return [
            message.json["desired"]
            for message in self.iot.arrived
            if message.client.startswith(self.id) and message.json["msgType"] == "cloudDesired"
        ]

    @property
    def told(self) -> list[tuple[str, Any, str]]:
        """Service, properties and status of what apps were told, oldest first."""
        found = [events.read(record) for record in EventRecord.query(self.id, consistent_read=True)]
        return [
            (one["service"], one["properties"], one["status"])
            for event in found
            if event.type is events.EventType.DESIRED_SETTLED
            for one in event.data["changes"]
        ]

    @property
    def states(self) -> list[str]:
        """Of all changes as history has them, oldest first."""
        records = DesiredRecord.query(self.id, DesiredRecord.entry.startswith("D#"), consistent_read=True)
        return [record.status for record in records]

    def shadow(self, service: str = "Meter") -> shadows.ServiceShadow:
        assert self.fleet is not None
        _, found = shadows.read(self.fleet.caller, self.id)
        [shadow] = [each for each in found if each.service == service]
        return shadow


def add_shadow_device(
    fleet: Fleet,
    iot: FakeIot,
    node_id: str = "device-1",
    model: ThingModel = MODEL,
    layout: str | None = None,
) -> ShadowDevice:
    product = products.create(fleet.tenant, node_id, model, node_type=NodeType.ENDPOINT, layout=layout)
    new = NewDevice(node_id, registration.BY_SECRET, product=product.id)
    made = registration.register(fleet.caller, new)
    return ShadowDevice(made.device.device, iot, fleet=fleet)
