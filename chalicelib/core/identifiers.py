"""Identifiers: one flat name each for the commands and the events of a thing model, for systems that know no
services. Those of properties are the keys of its data points (`points`), and the rule is the same: the bare
name where the service has no id or no other has something of that name, else `<service>.<name>`.

Source: Feiyan 6.4 (identifier)
"""

from collections.abc import Iterator
from typing import Literal

from .points import NAMELESS
from .things import Command, Event, ThingModel

Kind = Literal["commands", "events"]
Place = tuple[str, str]  # service and name


def key_of(model: ThingModel, kind: Kind, service: str, name: str) -> str:
    """Also of what the model does not know."""
    return _key(list(_places(model, kind)), service, name)


def place(model: ThingModel, kind: Kind, key: str) -> Place:
    """The service and the name that a key stands for. What the model does not know belongs to the service
    without a name.
    """
    places = list(_places(model, kind))
    for service, name in places:
        if _key(places, service, name) == key:
            return service, name
    service, dot, name = key.partition(".")
    while dot:
        if name and service != NAMELESS and model.service(service) is not None:
            return service, name
        more, dot, name = name.partition(".")
        service = f"{service}.{more}"
    return NAMELESS, key


def command_of(model: ThingModel, service: str, name: str) -> Command | None:
    found = model.service(service)
    return found.command(name) if found is not None else None


def event_of(model: ThingModel, service: str, name: str) -> Event | None:
    found = model.service(service)
    return next((each for each in found.events if each.name == name), None) if found is not None else None


def _places(model: ThingModel, kind: Kind) -> Iterator[Place]:
    for service in model.services:
        for each in service.commands if kind == "commands" else service.events:
            yield service.id, each.name


def _key(places: list[Place], service: str, name: str) -> str:
    alone = [holder for holder, each in places if each == name] == [service]
    return name if service == NAMELESS or alone else f"{service}.{name}"
