"""Huawei's devices over MQTT: reports and answers up, commands down.

    /huawei/v1/devices/{id}/data/{codec}      deviceReq, deviceRsp, deviceUpgrade
    /huawei/v1/devices/{id}/command/{codec}   cloudReq, cloudDesired, cloudLora, cloudUpgrade

With codec `json` the payload is a JSON object. With `binary` it is read by the product's field
layout; a product without one gets it as service `RawData`, property `rawData`, in base64.

`cloudDesired` is ours: the vendor's document has no message for desired values. A device that does not
know it ignores its msgType; one that does takes the values over and reports them. `cloudLora`, ours too,
tells a LoRa server which LoRa gateways and nodes were registered or deleted. `cloudUpgrade` and
`deviceUpgrade` are in `upgrade_messages`.

Source: Huawei 2.3 to 2.5
"""

import base64
from functools import lru_cache
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from ...core import clock, devices, heard, layouts, products, sending, telemetry
from ...core.downlink import DesiredDownlink, Downlink, LoraDownlink, Message
from ...core.layouts import Layout, LayoutMismatch
from ...core.links import Session
from ...core.lora_records import Role
from ...core.telemetry import Report, Reported
from ...logs import logger
from ...metrics import count
from ...web import validation
from . import lora_schema, schema, upgrade_messages
from .upgrade_messages import DeviceUpgrade
from .upgrade_messages import encode as encode_upgrade

TOPIC_PARTS = 7  # "", huawei, v1, devices, id, data, codec
MOST_BYTES = 128 * 1024
MOST_DEPTH = 32
LAYOUTS = 100  # kept parsed
SHOWN = 5  # of what was dropped, in the log
AHEAD = clock.DAY  # an event time further ahead is no good time
RAW_SERVICE, RAW_PROPERTY = "RawData", "rawData"
JSON, BINARY = "json", "binary"


__all__ = ["encode", "encode_desired", "encode_lora", "encode_upgrade", "handle"]


class ServiceData(schema.Wire, frozen=True, rename="camel"):
    """An empty `serviceId` is the service of a product of a system without services."""

    service_id: Annotated[str, Meta(max_length=256)]
    service_data: dict[str, Any]
    event_time: Any = None


class DeviceReq(schema.Wire, frozen=True, rename="camel", tag_field="msgType", tag="deviceReq"):
    data: Annotated[list[ServiceData], Meta(max_length=200)]


class DeviceRsp(schema.Wire, frozen=True, rename="camel", tag_field="msgType", tag="deviceRsp"):
    mid: Annotated[int, Meta(ge=1, le=65535)]
    errcode: int = 0
    body: dict[str, Any] | None = None


class Malformed(Exception):
    """The device's message cannot be read; counted and dropped."""


def handle(session: Session, topic: str, payload: bytes, at: int, message: str) -> bool:
    """One message of a session. `at` in ms is the broker's time, `message` its id.

    False where the device is gone, or not the session's to speak for.
    """
    parts = topic.split("/")
    if len(parts) != TOPIC_PARTS:
        return False
    target = session.device if parts[4] == session.topic_id else parts[4]
    try:
        read = _read(target, parts[6], payload)
    except Malformed as error:
        count("DeviceMessageRefused", reason=str(error))
        return True
    if isinstance(read, DeviceReq):
        return _report(session, target, parts[6], read, at, message)
    if not devices.speaks_for(session.device, target):
        return False
    if isinstance(read, DeviceUpgrade):
        upgrade_messages.take(target, read)
        heard.note(_said(session, target, None, (), at, message))
        return True
    sending.answer(target, read.mid, read.errcode, read.body)
    heard.note(_said(session, target, parts[6], (), at, message))
    return True


def _report(session: Session, target: str, codec: str, read: DeviceReq, at: int, message: str) -> bool:
    services = tuple(
        Reported(
            each.service_id,
            each.service_data,
            _time(each.event_time, at),
            raw=codec == BINARY and each.service_id == RAW_SERVICE,
        )
        for each in read.data
    )
    outcome = telemetry.report(_said(session, target, codec, services, at, message))
    if outcome.dropped:
        count("UnknownServiceDropped", reason="unknown service")
    if outcome.problems:
        count("ValueRefused", reason="not as the thing model says")
    if outcome.dropped or outcome.problems:
        shown = {"services": outcome.dropped[:SHOWN], "values": outcome.problems[:SHOWN]}
        logger().warning("a report was dropped in part", extra={"device": target, **shown})
    return not outcome.refused


def _said(
    session: Session, target: str, codec: str | None, services: tuple[Reported, ...], at: int, message: str
) -> Report:
    return Report(
        target, session.device, services, message, at, codec, client=session.client, since=session.since
    )


def _time(text: Any, at: int) -> int | None:
    """A missing or bad event time means platform time (Source: Huawei 2.3)."""
    told = schema.read_time(text)
    return told if told is not None and 0 <= told <= at + AHEAD else None


def _read(device: str, codec: str, payload: bytes) -> DeviceReq | DeviceRsp | DeviceUpgrade:
    if len(payload) > MOST_BYTES:
        raise Malformed("too large")
    if codec == BINARY:
        return _read_binary(device, payload)
    if codec != JSON:
        raise Malformed("unknown codec")
    if validation.deeper(payload, MOST_DEPTH):
        raise Malformed("nested too deep")
    try:
        return msgspec.json.decode(payload, type=DeviceReq | DeviceRsp | DeviceUpgrade)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed("no valid message") from error


def _read_binary(device: str, payload: bytes) -> DeviceReq | DeviceRsp:
    product = _product_of(device)
    if product is None or product.layout is None:
        raw = base64.b64encode(payload).decode()
        return DeviceReq(data=[ServiceData(RAW_SERVICE, {RAW_PROPERTY: raw})])
    try:
        read = layouts.decode(_layout(product.layout), payload)
    except LayoutMismatch as error:
        raise Malformed("payload does not fit the layout") from error
    if read.kind == "response":
        if not read.mid:
            raise Malformed("answer without mid")
        return DeviceRsp(mid=read.mid, errcode=read.errcode or 0, body=dict(read.values))
    return DeviceReq(data=[ServiceData(read.service, dict(read.values))])


def _product_of(device: str) -> products.Product | None:
    product = devices.product_of(device)
    return products.load(product) if product else None


@lru_cache(LAYOUTS)
def _layout(text: str) -> Layout:
    return layouts.parse(text)


def encode(downlink: Downlink) -> Message:
    """A command as the device reads it. Source: Huawei 2.4"""
    command = downlink.command
    topic = f"/huawei/v1/devices/{downlink.topic_id}/command/{downlink.codec}"
    if downlink.codec == BINARY and downlink.product.layout:
        layout = _layout(downlink.product.layout)
        return Message(
            topic,
            layouts.encode_command(layout, command.service, command.method, command.paras, downlink.mid),
        )
    body = {
        "msgType": "cloudReq",
        "serviceId": command.service,
        "cmd": command.method,
        "paras": command.paras,
        "mid": downlink.mid,
    }
    return Message(topic, msgspec.json.encode(body))


def encode_desired(downlink: DesiredDownlink) -> Message:
    """Desired values as the device reads them. Raises LayoutMismatch: a field layout describes none."""
    if downlink.codec == BINARY and downlink.product.layout:
        raise LayoutMismatch("a field layout has no form for desired values")
    topic = f"/huawei/v1/devices/{downlink.topic_id}/command/{downlink.codec}"
    body = {"msgType": "cloudDesired", "serviceId": downlink.service, "desired": downlink.values}
    return Message(topic, msgspec.json.encode(body))


def encode_lora(downlink: LoraDownlink) -> Message:
    """What a LoRa server learns of one of its devices; as JSON, in whatever codec it speaks else."""
    is_gateway, registered = downlink.role is Role.GATEWAY, downlink.registered
    if registered is None:
        about: Any = {"deviceId": downlink.device, "gatewayEUI" if is_gateway else "devEUI": downlink.eui}
    else:
        about = lora_schema.gateway(registered) if is_gateway else lora_schema.node(registered)
    body = {
        "msgType": "cloudLora",
        "action": "delete" if registered is None else "add",
        downlink.role.value: about,
    }
    return Message(f"/huawei/v1/devices/{downlink.topic_id}/command/{JSON}", msgspec.json.encode(body))
