"""Devices that speak of their shadow over MQTT. Ours: the vendor's MQTT document is not public.

    shadow/v1/{deviceId}/up/get          {id?, version?}: answered by `state`
    shadow/v1/{deviceId}/up/report       {id?, at?, reported}: answered by `answer` where it has an id
    shadow/v1/{deviceId}/up/response     {mid, errcode?, body?}
    shadow/v1/{deviceId}/down/state      {id?, version, since?, part, parts, reported, desired}
    shadow/v1/{deviceId}/down/desired    {version, since, desired}
    shadow/v1/{deviceId}/down/reported   {version, reported}
    shadow/v1/{deviceId}/down/answer     {id, version?, error?, refused?}
    shadow/v1/{deviceId}/down/command    {mid, service, command, paras}

Fields are named by their keys. A version is a time of the shadow. `desired` holds all that was changed
after `since`: a device that holds an older version takes the values and keeps its version, one that holds
this or a newer one has `version` then. What it missed it gets with its next `get`, where null stands for a
deleted field. A gateway does the same for its children, by their ids.
"""

from collections.abc import Iterable, Iterator
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from ...core import clock, devices, heard, points, products, sending, shadow_checks, shadow_sync, telemetry
from ...core.downlink import DesiredDownlink, Downlink, Message, ReportedDownlink, UpgradeDownlink
from ...core.layouts import LayoutMismatch
from ...core.links import Session
from ...core.shadow_sync import State
from ...core.telemetry import Outcome, Report, Reported
from ...logs import logger
from ...metrics import count
from ...web import validation

TOPIC_PARTS = 5  # shadow, v1, device, up, kind
MOST_BYTES = shadow_checks.MOST_DOCUMENT + 1024  # of a message from a device
MOST_LEVELS = shadow_checks.MOST_LEVELS + 1
MOST_SENT = 100 * 1024  # bytes of fields in one message to a device, which takes 128 KB
LONGEST_SENT = 120 * 1024  # a field that is larger does not fit into any message
AHEAD = clock.DAY  # a time further ahead is no good time
SHOWN = 5  # of what was refused, in answer and log

MessageId = Annotated[str, Meta(min_length=1, max_length=32)]


class Get(msgspec.Struct, frozen=True):
    id: MessageId | None = None
    version: int | None = None


class Said(msgspec.Struct, frozen=True):
    reported: dict[str, Any]
    id: MessageId | None = None
    at: int | None = None


class Response(msgspec.Struct, frozen=True):
    mid: Annotated[int, Meta(ge=1, le=65535)]
    errcode: int = 0
    body: dict[str, Any] | None = None


KINDS: dict[str, type[Get | Said | Response]] = {"get": Get, "report": Said, "response": Response}


class Malformed(Exception):
    """The device's message cannot be read; counted and dropped."""


def handle(session: Session, topic: str, payload: bytes, at: int, message: str) -> bool:
    """One message of a session. `at` in ms is the broker's time, `message` its id.

    False where the device is gone, or not the session's to speak for.
    """
    parts = topic.split("/")
    if len(parts) != TOPIC_PARTS:
        return False
    target = parts[2]
    try:
        read = _read(parts[4], payload)
    except Malformed as error:
        count("DeviceMessageRefused", reason=str(error))
        return True
    if isinstance(read, Said):
        return _report(session, target, read, at, message)
    if not devices.speaks_for(session.device, target):
        return False
    if isinstance(read, Get):
        return _get(session, target, read, at, message)
    sending.answer(target, read.mid, read.errcode, read.body)
    heard.note(_said(session, target, (), at, message))
    return True


def _read(kind: str, payload: bytes) -> Get | Said | Response:
    if kind not in KINDS:
        raise Malformed("unknown kind")
    if len(payload) > MOST_BYTES:
        raise Malformed("too large")
    if validation.deeper(payload, MOST_LEVELS):
        raise Malformed("nested too deep")
    try:
        return msgspec.json.decode(payload or b"{}", type=KINDS[kind])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed("no valid message") from error


def _get(session: Session, target: str, read: Get, at: int, message: str) -> bool:
    state = shadow_sync.state(target, read.version)
    if state is None:
        return False
    heard.note(_said(session, target, (), at, message))
    shadow_sync.tell(session.client, _state(target, read.id, state))
    return True


def _report(session: Session, target: str, read: Said, at: int, message: str) -> bool:
    own = read.at if read.at is not None and 0 <= read.at <= at + AHEAD else None
    said = shadow_sync.placed(target, read.reported, own)
    outcome = telemetry.report(_said(session, target, said, at, message, read.id))
    refused = [
        *(f"{name} is not in the model" for name in _unknown(said, outcome)),
        *(text.removeprefix(".") for text in outcome.problems),
    ]
    if refused:
        count("ValueRefused", reason="not as the thing model says")
        shown = {"services": outcome.dropped[:SHOWN], "values": outcome.problems[:SHOWN]}
        logger().warning("a report was dropped in part", extra={"device": target, **shown})
    if read.id is not None and not outcome.refused:
        answer: dict[str, Any] = {"id": read.id}
        if outcome.stamp is not None:
            answer["version"] = outcome.stamp
        if refused:
            answer["refused"] = refused[:SHOWN]
        shadow_sync.tell(session.client, [_message(target, "answer", answer)])
    return not outcome.refused


def _unknown(said: Iterable[Reported], outcome: Outcome) -> Iterator[str]:
    """Keys that are of no service of the model."""
    for each in said:
        if each.service in outcome.dropped:
            yield from each.values


def _said(
    session: Session,
    target: str,
    services: tuple[Reported, ...],
    at: int,
    message: str,
    ident: str | None = None,
) -> Report:
    return Report(
        target,
        session.device,
        services,
        message,
        at,
        client=session.client,
        since=session.since,
        receipt=f"device#{target}#{ident}" if ident is not None else None,
    )


def _state(device: str, ident: str | None, state: State) -> list[Message]:
    """In as many messages as it takes, in order."""
    packs = _packed(state)
    head: dict[str, Any] = {"version": state.version, "parts": len(packs)}
    if ident is not None:
        head["id"] = ident
    if state.since is not None:
        head["since"] = state.since
    return [
        _message(device, "state", {**head, "part": number, **pack}) for number, pack in enumerate(packs, 1)
    ]


def _packed(state: State) -> list[dict[str, dict[str, Any]]]:
    packs: list[dict[str, dict[str, Any]]] = []
    room = -1
    for part, fields in (("reported", state.reported), ("desired", state.desired)):
        for key, value in fields.items():
            size = len(msgspec.json.encode({key: value}))
            if size > LONGEST_SENT:
                count("FieldTooLarge", reason="no message holds it")
                continue
            if size > room:
                packs.append({"reported": {}, "desired": {}})
                room = MOST_SENT
            packs[-1][part][key] = value
            room -= size
    return packs or [{"reported": {}, "desired": {}}]


def _message(device: str, kind: str, body: dict[str, Any]) -> Message:
    return Message(f"shadow/v1/{device}/down/{kind}", msgspec.json.encode(body))


def encode(downlink: Downlink) -> Message:
    """A command, whichever system it comes from."""
    command = downlink.command
    body = {
        "mid": downlink.mid,
        "service": command.service,
        "command": command.method,
        "paras": command.paras,
    }
    return _message(downlink.topic_id, "command", body)


def encode_desired(downlink: DesiredDownlink) -> Message:
    model = products.model_of(downlink.product)
    desired = {points.key_of(model, downlink.service, name): value for name, value in downlink.values.items()}
    body = {"version": downlink.stamp, "since": downlink.after, "desired": desired}
    return _message(downlink.topic_id, "desired", body)


def encode_reported(downlink: ReportedDownlink) -> Message:
    return _message(downlink.topic_id, "reported", {"version": downlink.stamp, "reported": downlink.values})


def encode_upgrade(downlink: UpgradeDownlink) -> Message:
    """Raises LayoutMismatch."""
    raise LayoutMismatch("devices that speak of their shadow have no message for upgrades")
