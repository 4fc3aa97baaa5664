"""Huawei's devices over MQTT: reports and answers up, commands down.

    /huawei/v1/devices/{id}/data/{codec}      deviceReq, deviceRsp
    /huawei/v1/devices/{id}/command/{codec}   cloudReq

With codec `json` the payload is a JSON object. With `binary` it is read by the product's field
layout; a product without one gets it as service `RawData`, property `rawData`, in base64.

Source: Huawei 2.3 to 2.5
"""

import base64
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from ...core import clock, devices, layouts, products, sending, telemetry
from ...core.downlink import Downlink, Message
from ...core.layouts import LayoutMismatch
from ...core.links import Session
from ...core.telemetry import Report, Reported
from ...metrics import count
from . import schema

TOPIC_PARTS = 7  # "", huawei, v1, devices, id, data, codec
MOST_DEPTH = 32
AHEAD = clock.DAY  # an event time further ahead is no good time
RAW_SERVICE, RAW_PROPERTY = "RawData", "rawData"
BINARY = "binary"


class ServiceData(schema.Wire, frozen=True, rename="camel"):
    service_id: Annotated[str, Meta(min_length=1, max_length=256)]
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


def handle(session: Session, topic: str, payload: bytes, at: int, message: str) -> None:
    """One message of a session. `at` in ms is the broker's time, `message` its id."""
    parts = topic.split("/")
    if len(parts) != TOPIC_PARTS:
        return
    target = session.device if parts[4] == session.topic_id else parts[4]
    codec = parts[6]
    try:
        _handle(session, target, codec, payload, at, message)
    except Malformed as error:
        count("DeviceMessageRefused", reason=str(error))


def _handle(session: Session, target: str, codec: str, payload: bytes, at: int, message: str) -> None:
    read = _read_binary(target, payload) if codec == BINARY else _read_json(payload)
    if isinstance(read, DeviceRsp):
        if devices.speaks_for(session.device, target):
            sending.answer(target, read.mid, read.errcode, read.body)
        return
    services = tuple(
        Reported(each.service_id, each.service_data, _time(each.event_time, at)) for each in read.data
    )
    outcome = telemetry.report(
        Report(target, session.device, services, message, at, codec if codec == BINARY else "json")
    )
    for _ in outcome.dropped:
        count("UnknownServiceDropped", reason="unknown service")
    for _ in outcome.problems:
        count("ValueRefused", reason="not as the thing model says")


def _time(text: Any, at: int) -> int | None:
    """A missing or bad event time means platform time (Source: Huawei 2.3)."""
    told = schema.read_time(text)
    return told if told is not None and 0 <= told <= at + AHEAD else None


def _read_json(payload: bytes) -> DeviceReq | DeviceRsp:
    try:
        return msgspec.json.decode(payload, type=DeviceReq | DeviceRsp)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed("no valid message") from error


def _read_binary(device: str, payload: bytes) -> DeviceReq | DeviceRsp:
    product = _product_of(device)
    if product is None or product.layout is None:
        raw = base64.b64encode(payload).decode()
        return DeviceReq(data=[ServiceData(RAW_SERVICE, {RAW_PROPERTY: raw})])
    try:
        read = layouts.decode(layouts.parse(product.layout), payload)
    except LayoutMismatch as error:
        raise Malformed("payload does not fit the layout") from error
    if read.kind == "response":
        if read.mid is None:
            raise Malformed("answer without mid")
        return DeviceRsp(mid=read.mid, errcode=read.errcode or 0, body=dict(read.values))
    return DeviceReq(data=[ServiceData(read.service, dict(read.values))])


def _product_of(device: str) -> products.Product | None:
    product = devices.product_of(device)
    return products.load(product) if product else None


def encode(downlink: Downlink) -> Message:
    """A command as the device reads it. Source: Huawei 2.4"""
    command = downlink.command
    topic = f"/huawei/v1/devices/{downlink.topic_id}/command/{downlink.codec}"
    if downlink.codec == BINARY and downlink.product.layout:
        layout = layouts.parse(downlink.product.layout)
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
