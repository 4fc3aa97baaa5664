"""Alink devices over MQTT: properties and events up, settings, services and upgrades down.

    /sys/{productKey}/{deviceName}/thing/event/property/post        values, answered
    /sys/{productKey}/{deviceName}/thing/event/{identifier}/post    an event, answered
    /sys/{productKey}/{deviceName}/thing/property/desired/get       asks for desired values, answered
    /sys/{productKey}/{deviceName}/thing/service/property/set       desired values; the device answers
    /sys/{productKey}/{deviceName}/thing/service/{identifier}       a command; the device answers
    /sys/{productKey}/{deviceName}/_thing/event/notify              a notice of a reset, or an app's
    /sys/{productKey}/{deviceName}/thing/topo/…, /thing/sub/register, /ext/session/…   see device_topology
    /sys/{productKey}/{deviceName}/thing/awss/…, /thing/cipher/get  see device_provisioning
    /ota/device/…                                                   see device_upgrades

An identifier is a key of the thing model: `<service>.<name>` where the bare name is not unique; with a colon
for the dot, as TSLs write it, it is understood too. What the model does not know is left out and named in
the answer. A desired value is settled by the report of it; what the device answers to a setting is contact.

A gateway speaks for its children on their topics. Such a message costs an AWS call more, two where the
child was not heard of seconds ago.

Source: Alibaba Living IoT, Alink protocol
"""

import re
from collections.abc import Mapping
from typing import Any

from ...core import (
    clock,
    device_events,
    devices,
    heard,
    identifiers,
    points,
    products,
    sending,
    shadow_sync,
    telemetry,
    thing_calls,
)
from ...core.applications import Caller
from ...core.device_events import Told
from ...core.downlink import DesiredDownlink, Downlink, Message
from ...core.errors import DeviceNotFound
from ...core.layouts import LayoutMismatch
from ...core.links import Session
from ...core.platform_orders import PLATFORM, RESET
from ...core.telemetry import Report, Reported
from ...core.things import DataType, ThingModel
from ...logs import logger
from ...metrics import count
from . import alink, device_provisioning, device_topology, device_upgrades
from .alink import Refused, Request
from .device_provisioning import encode_permit
from .device_upgrades import encode_upgrade

__all__ = ["encode", "encode_desired", "encode_permit", "encode_upgrade", "handle"]

MOST_PROPERTIES = 200  # of a message
AHEAD = clock.DAY  # a time further ahead is no good time
SHOWN = 5  # of what was refused, in the log
REPLY = "_reply"
PROPERTY = ("property", "set")
BIND_NOTICE = "awss.BindNotify"  # so published device SDKs learn of a reset
MESSAGE_NOTICE = "CustomizedMessage"
NOT_THERE = "is not in the thing model"
LONGEST_TOPIC = 256  # bytes, IoT Core's limit
IDENTIFIER = re.compile(r"[A-Za-z0-9._:-]{1,128}")


def handle(session: Session, topic: str, payload: bytes, at: int, message: str) -> bool:
    """One message of a session. `at` in ms is the broker's time, `message` its id.

    False where the device is gone, or not the session's to speak for.
    """
    match topic.split("/"):
        case ["", "sys", product, name, "thing", *rest]:
            pass
        case ["", "sys", product, name, "_thing", "event", "notify_reply"]:
            rest = ["service", f"notify{REPLY}"]
        case ["", "ota", "device", kind, product, name]:
            rest = ["ota", kind]
        case ["", "ext", "session", product, name, "combine", kind]:
            rest = ["combine", kind]
        case _:
            return False
    target = _target(session, product, name)
    if target is None:
        return False
    said = Report(target, session.device, (), message, at, client=session.client, since=session.since)
    read = Request()
    try:
        read = alink.read(payload)
        data = _do(session, rest, said, read)
    except DeviceNotFound:
        return False
    except Refused as refused:
        # of nobody but its own device and the present children of that is a session told anything
        if not devices.speaks_for(session.device, said.device):
            return False
        count("DeviceMessageRefused", reason=str(refused))
        _answer(session, topic, rest, read, refused.code, refused.data)
        return True
    _answer(session, topic, rest, read, alink.OK, data)
    return True


def _do(session: Session, rest: list[str], said: Report, read: Request) -> Any:
    """The answer's data. Raises Refused, and DeviceNotFound where the device is not the session's."""
    match rest:
        case ["event", "property", "post"]:
            return _properties(said, read)
        case ["event", identifier, "post"]:
            return _event(said, identifier, read)
        case ["property", "desired", "get"]:
            return _desired(said, read)
        case ["service", *name] if name and name[-1].endswith(REPLY):
            return _answered(said, name, read)
        case ["topo" | "sub" | "combine", kind] if said.device == session.device:
            return device_topology.do(session, rest[0], kind, said, read)
        case ["awss", "enrollee", kind] if said.device == session.device:
            return device_provisioning.do(kind, said, read)
        case ["cipher", "get"] if said.device == session.device:
            return device_provisioning.do("cipher", said, read)
        case ["gateway", "permit_reply"]:
            return None  # that it was sent is all that is waited for
        case ["ota", kind]:
            return device_upgrades.take(said, kind, read)
        case _:
            raise Refused(alink.NO_METHOD)


def _answer(session: Session, topic: str, rest: list[str], read: Request, code: int, data: Any) -> None:
    """Answers are not answered, and neither is what says so."""
    if rest[-1].endswith(REPLY) or rest[0] == "ota" or not read.answered:
        return
    method = None if rest[0] == "combine" else ".".join(["thing", *rest])
    alink.tell(session, alink.reply(topic, method, read.ident, code, data))


def _target(session: Session, product: str, name: str) -> str | None:
    """The device that a topic names; None where the session's tenant has none. No AWS call for its own."""
    if f"{product}/{name}" == session.topic_id:
        return session.device
    try:
        return thing_calls.find(Caller(session.tenant, "", ""), product, name)
    except DeviceNotFound:
        return None


def _own(said: Report) -> None:
    """Raises DeviceNotFound."""
    if not devices.speaks_for(said.speaker, said.device):
        raise DeviceNotFound(said.device)


def _model(device: str) -> ThingModel:
    ident = devices.product_of(device)
    product = products.load(ident) if ident is not None else None
    return products.model_of(product) if product is not None else ThingModel()


def _dotted(key: str) -> str:
    return key.replace(":", ".", 1)


def _properties(said: Report, read: Request) -> dict[str, str]:
    """Answers what was left out, and why. Raises Refused where nothing was right."""
    given = alink.params_of(read)
    if len(given) > MOST_PROPERTIES:
        raise Refused(alink.TOO_MANY)
    model = _model(said.device)
    values: dict[int | None, dict[str, Any]] = {}
    keys: set[str] = set()
    for name, raw in given.items():
        key = name if _is_known(model, name) else _dotted(name)
        keys.add(key)
        value, at = _value(model, key, raw, said.received)
        values.setdefault(at, {})[key] = value
    services: list[Reported] = []
    for at, part in values.items():
        services += shadow_sync.placed(said.device, part, at)
    outcome = telemetry.report(_with(said, tuple(services)))
    if outcome.refused:
        raise DeviceNotFound(said.device)
    unknown = {} if model.schemaless else {key: NOT_THERE for key in keys if not _is_known(model, key)}
    wrong = {**_reasons(model, services, outcome.problems), **unknown}
    if wrong:
        count("ValueRefused", reason="not as the thing model says")
        shown = {"services": outcome.dropped[:SHOWN], "values": outcome.problems[:SHOWN]}
        logger().warning("a report was dropped in part", extra={"device": said.device, **shown})
    if wrong and len(wrong) >= len(keys):
        raise Refused(alink.UNKNOWN if len(unknown) == len(keys) else alink.BAD_REQUEST, wrong)
    return wrong


def _with(said: Report, services: tuple[Reported, ...]) -> Report:
    return Report(
        said.device,
        said.speaker,
        services,
        said.message,
        said.received,
        client=said.client,
        since=said.since,
    )


def _is_known(model: ThingModel, key: str) -> bool:
    service, name = points.place(model, key)
    known = model.service(service)
    return known is not None and known.property(name) is not None


def _value(model: ThingModel, key: str, raw: Any, at: int) -> tuple[Any, int | None]:
    """A value may stand for itself, or in an object beside its time."""
    if not isinstance(raw, dict) or "value" not in raw or not raw.keys() <= {"value", "time"}:
        return raw, None
    service, name = points.place(model, key)
    known = model.service(service)
    prop = known.property(name) if known is not None else None
    if prop is not None and prop.data_type is DataType.STRUCT:
        inner = {each.name for each in prop.fields}
        if "value" in inner and not isinstance(raw["value"], dict):
            return raw, None  # it is the struct itself
    return raw["value"], _time(raw.get("time"), at)


def _time(told: Any, at: int) -> int | None:
    good = isinstance(told, int) and not isinstance(told, bool) and 0 <= told <= at + AHEAD
    return told if good else None


def _reasons(model: ThingModel, services: list[Reported], problems: tuple[str, ...]) -> dict[str, str]:
    """By the key of the property that a problem is of."""
    reasons: dict[str, str] = {}
    for each in services:
        for name in each.values:
            path = f"{each.service}.{name}"
            found = next((text for text in problems if _is_of(text, path)), None)
            if found is not None:
                reasons[points.key_of(model, each.service, name)] = found.removeprefix(path).strip(" .")
            elif f"{each.service} has no room for more" in problems:
                reasons[points.key_of(model, each.service, name)] = "has no room"
    return reasons


def _is_of(problem: str, path: str) -> bool:
    return problem.startswith(path) and problem[len(path) : len(path) + 1] in (" ", ".", "[")


def _event(said: Report, identifier: str, read: Request) -> dict[str, str]:
    """Answers what was left out, and why."""
    given, model = alink.params_of(read), _model(said.device)
    values, at = given, None
    if isinstance(given.get("value"), dict) and given.keys() <= {"value", "time"}:
        values, at = given["value"], _time(given.get("time"), said.received)
    service, name = identifiers.place(model, "events", identifier)
    if identifiers.event_of(model, service, name) is None:
        service, name = identifiers.place(model, "events", _dotted(identifier))
    outcome = device_events.note(Told(said, service, name, dict(values), at))
    if outcome.refused:
        raise DeviceNotFound(said.device)
    if not outcome.known:
        raise Refused(alink.UNKNOWN)
    if outcome.problems:
        count("ValueRefused", reason="not as the thing model says")
    return {text.partition(" ")[0]: text.partition(" ")[2] for text in outcome.problems}


def _desired(said: Report, read: Request) -> dict[str, Any]:
    """Desired values by key, each with the version of the shadow; all of them where none is named."""
    _own(said)
    wanted = read.params
    if wanted is not None and (
        not isinstance(wanted, list) or not all(isinstance(each, str) for each in wanted)
    ):
        raise Refused(alink.BAD_REQUEST)
    state = shadow_sync.state(said.device, None)
    if state is None:
        raise DeviceNotFound(said.device)
    heard.note(said)
    keys = {_dotted(key) for key in wanted} | set(wanted) if wanted else state.desired.keys()
    return {
        key: {"value": value, "version": state.version} for key, value in state.desired.items() if key in keys
    }


def _answered(said: Report, name: list[str], read: Request) -> None:
    """The device's answer to a command, or to desired values."""
    _own(said)
    if read.code is None:
        raise Refused(alink.BAD_REQUEST)
    if (*name[:-1], name[-1].removesuffix(REPLY)) != PROPERTY:
        if not read.ident.isascii() or not read.ident.isdecimal():
            raise Refused(alink.BAD_REQUEST)
        body = read.data if isinstance(read.data, dict) else None
        errcode = 0 if read.code == alink.OK else read.code or alink.BAD_REQUEST
        sending.answer(said.device, int(read.ident), errcode, body)
    heard.note(said)


def encode(downlink: Downlink) -> Message:
    """A command, by its identifier. Raises LayoutMismatch where no topic can carry that."""
    command = downlink.command
    if command.service == PLATFORM:
        return _notice(downlink)
    model = products.model_of(downlink.product)
    key = identifiers.key_of(model, "commands", command.service, command.method)
    topic = f"{_prefix(downlink)}/service/{key}"
    if not IDENTIFIER.fullmatch(key) or len(topic) > LONGEST_TOPIC:
        raise LayoutMismatch("the command's name fits no topic")
    return alink.request(topic, f"thing.service.{key}", str(downlink.mid), command.paras)


def _notice(downlink: Downlink) -> Message:
    """An order of the platform itself. Raises LayoutMismatch."""
    command = downlink.command
    reset = command.method == RESET
    said = {"identifier": BIND_NOTICE, "value": {"Operation": "Reset"}}
    given = said if reset else {"identifier": MESSAGE_NOTICE, "value": command.paras}
    topic = f"{_prefix(downlink).removesuffix('thing')}_thing/event/notify"
    if len(topic) > LONGEST_TOPIC:
        raise LayoutMismatch("the device's name fits no topic")
    return alink.request(topic, "_thing.event.notify", str(downlink.mid), given)


def encode_desired(downlink: DesiredDownlink) -> Message:
    model = products.model_of(downlink.product)
    params: Mapping[str, Any] = {
        points.key_of(model, downlink.service, name): value for name, value in downlink.values.items()
    }
    topic = f"{_prefix(downlink)}/service/property/set"
    return alink.request(topic, "thing.service.property.set", str(downlink.stamp), params)


def _prefix(downlink: Downlink | DesiredDownlink) -> str:
    name = downlink.topic_id
    if "/" not in name:  # a child's: its own id
        name = f"{downlink.product.short_id}/{downlink.node}"
    return f"/sys/{name}/thing"
