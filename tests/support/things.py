"""A lamp as Feiyan's people know it: one flat list of properties, an event, services of both kinds; and the
people who are bound to it.
"""

import itertools
import json
from dataclasses import dataclass
from typing import Any

from chalicelib.core import bindings, clock, products, registration, telemetry, users
from chalicelib.core.bindings import Role
from chalicelib.core.products import Facts, Product
from chalicelib.core.registration import NewDevice
from chalicelib.core.telemetry import Report, Reported
from chalicelib.core.users import NewUser, Person
from chalicelib.formats import feiyan_tsl
from tests.support.alink import Alink
from tests.support.fleet import Fleet
from tests.support.iot import FakeDevice, FakeIot

SWITCH = {"type": "bool", "specs": {"0": "off", "1": "on"}}


def whole(low: int, high: int) -> dict[str, Any]:
    return {"type": "int", "specs": {"min": str(low), "max": str(high)}}


TSL = {
    "properties": [
        {"identifier": "power", "name": "Power", "accessMode": "rw", "required": True, "dataType": SWITCH},
        {"identifier": "brightness", "name": "Light", "accessMode": "rw", "dataType": whole(0, 100)},
        {"identifier": "watts", "name": "Watts", "accessMode": "r", "dataType": {"type": "double"}},
        {"identifier": "scene", "name": "Scene", "accessMode": "rw", "dataType": {"type": "text"}},
    ],
    "events": [
        {
            "identifier": "Error",
            "name": "Fault",
            "type": "error",
            "outputData": [{"identifier": "errorCode", "name": "Code", "dataType": whole(0, 9)}],
        },
        {"identifier": "Tick", "name": "Tick", "type": "info", "outputData": []},
    ],
    "services": [
        {"identifier": "Toggle", "name": "Toggle", "callType": "async", "inputData": []},
        {
            "identifier": "Measure",
            "name": "Measure",
            "callType": "sync",
            "inputData": [{"identifier": "times", "name": "Times", "dataType": whole(1, 9)}],
            "outputData": [{"identifier": "watts", "name": "Watts", "dataType": {"type": "double"}}],
        },
    ],
}
_messages = itertools.count()
_names = itertools.count()


def make_lamp_product(tenant: str, tsl: Any = None) -> Product:
    model = feiyan_tsl.read(json.dumps(tsl or TSL).encode())
    number = next(_names)
    return products.create(tenant, f"Lamp {number}", model, Facts(model=f"lamp-{number}", device_type="Lamp"))


@dataclass
class Lamp(FakeDevice):
    name: str = ""
    product: Product | None = None

    def report(self, at: int | None = None, service: str = "", **values: Any) -> None:
        said = (Reported(service, values, at),)
        telemetry.report(Report(self.id, self.id, said, f"lamp-{next(_messages)}", clock.now(), "json"))


def add_lamp(
    fleet: Fleet, iot: FakeIot, name: str = "lamp-1", product: Product | None = None, **more: Any
) -> Lamp:
    of = product or make_lamp_product(fleet.tenant)
    new = NewDevice(name, registration.BY_SECRET, product=of.id, **more)
    return Lamp(registration.register(fleet.caller, new).device.device, iot, name=name, product=of)


def alink_lamp(fleet: Fleet, iot: FakeIot, name: str = "lamp-1", product: Product | None = None) -> Alink:
    """A lamp that speaks Alink. Not connected."""
    of = product or make_lamp_product(fleet.tenant)
    made = registration.register(fleet.caller, NewDevice(name, registration.BY_SECRET, product=of.id))
    device, ident = made.device.device, f"sdk-{name}"
    return Alink(str(of.short_id), name, made.secret, iot, ident=ident, device=device)


def bind(fleet: Fleet, user: str, *devices: str) -> None:
    """The first who binds a device is its manager, the others are members."""
    for device in devices:
        taken = bool(bindings.of_device(device))
        bindings.bind(fleet.caller, user, device, Role.MEMBER if taken else None)


def person(fleet: Fleet, name: str, *managed: FakeDevice) -> Person:
    """A new person, who manages these."""
    made = users.create(fleet.caller, NewUser(login=f"{name}@example.com"))
    for each in managed:
        bindings.bind(fleet.caller, made.id, each.id)
    return made.person


def member(fleet: Fleet, name: str, device: FakeDevice) -> Person:
    found = person(fleet, name)
    bindings.bind(fleet.caller, found.user, device.id, Role.MEMBER)
    return found
