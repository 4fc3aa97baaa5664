"""Alink devices on their way in: the token they report, what they find nearby, and how gateways are told to
take devices.

    …/thing/awss/enrollee/match    up: the device's bind token
    …/thing/awss/enrollee/found    up: devices nearby that are in no network
    …/thing/cipher/get             up: the key under which one of those takes a network's password
    …/thing/gateway/permit         down: take devices for so many seconds

Found devices are named, in `payload` or beside it, by `productKey` and `deviceName`. What a chip has
overheard, in hex digits, is not read.

Source: Feiyan 6.9; Alibaba Living IoT, Wi-Fi provisioning
"""

from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from ...core import bind_tokens, clock, devices, discovery, network_keys
from ...core.applications import Caller
from ...core.discovery import Sighting
from ...core.downlink import Message, PermitDownlink
from ...core.errors import Busy, DeviceNotFound, InvalidInput, ProductNotFound
from ...core.network_keys import Secret
from ...core.telemetry import Report
from ...store.devices import DEVICE, DeviceRecord
from . import alink
from .alink import Refused, Request

PERMIT = "thing.gateway.permit"
OF_DEVICE = 4  # as in Feiyan 6.9.6
ROUTER = 1

Text = Annotated[str, Meta(max_length=256)]
Number = int | float | Text


class Token(msgspec.Struct, frozen=True):
    token: Annotated[str, Meta(min_length=1, max_length=bind_tokens.LONGEST)]


class Named(msgspec.Struct, frozen=True, rename="camel"):
    product_key: Text = ""
    device_name: Text = ""


class Found(Named, frozen=True, rename="camel"):
    payload: list[Named | str] | Named | str | None = None
    ssid: Text = ""
    bssid: Text = ""
    rssi: Number = ""
    type: Number = 0


class CipherOf(Named, frozen=True, rename="camel"):
    random: Text = ""
    cipher_type: int | None = None


T = TypeVar("T")


def do(kind: str, said: Report, read: Request) -> Any:
    """The answer's data. Raises Refused, DeviceNotFound."""
    try:
        match kind:
            case "match":
                return _match(said, _read(read, Token))
            case "found":
                return _found(said, _read(read, Found))
            case "cipher":
                return _cipher(said, _read(read, CipherOf))
    except (InvalidInput, Busy) as error:
        raise Refused(alink.BAD_REQUEST, {"reason": str(error)}) from error
    raise Refused(alink.NO_METHOD)


def _match(said: Report, read: Token) -> None:
    if not bind_tokens.report(said.device, read.token):
        raise Refused(alink.BAD_REQUEST, {"reason": "another device has the token"})


def _found(said: Report, read: Found) -> None:
    given = read.payload if isinstance(read.payload, list) else [read.payload]
    named = [each for each in (read, *given) if isinstance(each, Named) and each.product_key]
    if not named:
        raise Refused(alink.BAD_REQUEST, {"reason": "no device is named"})
    router = str(read.type) == str(ROUTER)
    sightings = [
        Sighting(
            each.product_key,
            each.device_name,
            ssid=read.ssid,
            bssid=read.bssid,
            rssi=str(read.rssi),
            router=router,
        )
        for each in named
    ]
    discovery.report(said.device, sightings)


def _cipher(said: Report, read: CipherOf) -> dict[str, str]:
    """Of a device of the same application."""
    record = DeviceRecord.find(said.device, DEVICE)
    if record is None or record.deleted or devices.expired(record):
        raise DeviceNotFound(said.device)
    caller = Caller(record.tenant, record.owner, record.owner)
    secret = Secret.DEVICE if read.cipher_type == OF_DEVICE else Secret.PRODUCT
    try:
        key = network_keys.derive(caller, read.product_key, read.device_name, read.random, secret)
    except (ProductNotFound, DeviceNotFound) as error:
        raise Refused(alink.NO_DEVICE) from error
    return {"productKey": read.product_key, "deviceName": read.device_name, "secret": key}


def _read(read: Request, kind: type[T]) -> T:
    try:
        return msgspec.convert(read.params, kind)
    except msgspec.ValidationError as error:
        raise Refused(alink.BAD_REQUEST) from error


def encode_permit(downlink: PermitDownlink) -> Message:
    """Without a product devices of any may join."""
    params: dict[str, Any] = {"time": downlink.seconds}
    if downlink.product is not None:
        params["productKey"] = downlink.product
    topic = f"/sys/{downlink.topic_id}/thing/gateway/permit"
    return alink.request(topic, PERMIT, str(clock.now()), params)
