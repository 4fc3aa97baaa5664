"""A device as one flat thing: its properties by identifier, its services called by identifier.

Values that are set are desired values, as every system's: they are stored, and sent at once to a device that
can be reached, else when it comes back. A service is called as a command. One that the thing model calls
synchronous is answered with what the device says, while the caller waits; no lock is held meanwhile.

A person acts on devices that are bound to the person, which is seen in the same read (`thing_access`).

Source: Feiyan 6.4.4, 6.4.8, 6.4.9, 7.3.1, 7.3.3, 7.3.4
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from ..store.commands import CommandRecord
from ..store.devices import LINK, QUEUE, LinkRecord
from ..store.products import AliasRecord
from . import (
    clock,
    commands,
    devices,
    direct,
    identifiers,
    products,
    registration,
    sending,
    shadow_edits,
    shadow_fields,
    thing_access,
)
from .applications import Caller
from .command_states import Command, NewCommand, Status, command_of, public_id
from .errors import DeviceRefused, DeviceSilent
from .shadow_documents import Part
from .shadow_edits import Target
from .things import Property

LOOKS = (1, 2, 4, 7, 10)  # waits between looks for an answer, as parts of the whole


class PropertyState(msgspec.Struct, frozen=True):
    """`at` is the time of the report, ms. `property` is None where the model does not know it."""

    identifier: str
    value: Any
    at: int
    property: Property | None = None


class Invoked(msgspec.Struct, frozen=True):
    """`output` is what the device answered, None of a call that was not waited for."""

    message: str
    output: dict[str, Any] | None = None


def find(caller: Caller, product: str, name: str) -> str:
    """The id of the device of this name, and of the product with this short id. Whether the caller may act on
    it is not asked here.

    One AWS call, two more where device and product were not read seconds ago. Raises NotBound to a person,
    else DeviceNotFound.
    """
    alias = registration.node_alias(name, caller.tenant, "")
    held = AliasRecord.find(alias.name, alias.scope)
    of = products.load(devices.product_of(held.target) or "") if held is not None else None
    if held is None or of is None or of.short_id != product:
        raise thing_access.absent(caller, name)
    return str(held.target)


def get_properties(caller: Caller, device: str) -> list[PropertyState]:
    """What the device has reported, property by property; never reported ones are left out.

    One AWS call, another where the device's shadow was changed meanwhile. Raises NotBound, DeviceNotFound,
    Busy.
    """
    held = shadow_fields.whole(device)
    if held is None:
        raise thing_access.absent(caller, device)
    shadow_fields.check(held, caller)
    states = []
    for key, value in shadow_fields.document(held).reported.items():
        service, name = held.keys.place(key)
        known = held.model.service(service)
        at = held.shadow(service).times.get(name, 0)
        states.append(PropertyState(key, value, at, known.property(name) if known else None))
    return states


def set_properties(caller: Caller, device: str, values: Mapping[str, Any]) -> str:
    """Have the device take these values, by identifier, all or none; answers the id of the message.

    Two AWS calls for an offline device, three where it is sent at once. Raises NotBound, DeviceNotFound,
    InvalidInput, Busy.
    """
    return str(shadow_edits.put_fields(caller, Target(None, device), Part.DESIRED, values, None))


def invoke(
    caller: Caller, device: str, identifier: str, args: Mapping[str, Any], *, dialect: str, wait: int = 0
) -> Invoked:
    """Call a service of the device. One that the model calls synchronous is waited for, up to `wait` ms in
    all; with 0, none is.

    Asynchronous: three AWS calls. Synchronous: three, and one for each of at most five looks. Raises
    NotBound, DeviceNotFound, DeviceZombie, ServiceNotFound, CommandTypeNotFound, InvalidInput, Busy; of a
    synchronous one also DeviceOffline, GatewayOffline, DeviceSilent where no answer came in time, and
    DeviceRefused.
    """
    until = clock.now() + wait
    record, parts = thing_access.read(caller, device, LINK, QUEUE)
    model = products.model_of(products.get(record.tenant, record.product))
    service, method = identifiers.place(model, "commands", identifier)
    known = identifiers.command_of(model, service, method)
    new = NewCommand(device, service, method, dict(args), dialect, expire=0)
    if wait <= 0 or known is None or not known.synchronous:
        return Invoked(public_id(commands.accept(record, parts.get(LINK, LinkRecord), new)))
    route = sending.route_of(device, parts)
    if route is None:
        raise thing_access.absent(caller, device)
    return _answered(direct.send_by(route, new, confirm=False), until)


def _answered(sent: Command, until: int) -> Invoked:
    began, passed = clock.now(), 0
    for part in LOOKS:
        passed += part
        look = began + (until - began) * passed // sum(LOOKS)
        clock.wait(max(look - clock.now(), 0))
        record = CommandRecord.find(sent.device, sent.command)
        if record is None:
            break  # the device was deleted meanwhile
        found = command_of(record)
        if not found.status.settled:
            continue
        result = found.result or {}
        if found.status is Status.SUCCESSFUL:
            return Invoked(public_id(sent), result.get("body") or {})
        raise DeviceRefused(sent.device, int(result.get("code", 0)))
    raise DeviceSilent(sent.device)
