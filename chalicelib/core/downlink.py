"""How commands, desired values, upgrades and word of LoRa devices are written: by the dialect the device
speaks.

Core knows no dialect, so the handlers put a finder of encoders in place.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from .command_states import Command
from .lora_records import LoraDevice, Role
from .products import Product


class Downlink(msgspec.Struct, frozen=True):
    """What an encoder works on. `topic_id` is the id in the device's topics, for a child its device id;
    `codec` is how it last spoke, `node` its node id.
    """

    command: Command
    mid: int
    topic_id: str
    codec: str
    product: Product
    node: str = ""


class DesiredDownlink(msgspec.Struct, frozen=True):
    """Values that one service of the device is to take: all changes of desired values after the stamp
    `after`, up to `stamp`.
    """

    service: str
    values: dict[str, Any]
    topic_id: str
    codec: str
    product: Product
    stamp: int = 0
    after: int = 0
    node: str = ""


class ReportedDownlink(msgspec.Struct, frozen=True):
    """Fields of the device's shadow, by key, that an app has reported under `stamp`."""

    values: dict[str, Any]
    stamp: int
    topic_id: str


class UpgradeDownlink(msgspec.Struct, frozen=True):
    """What the device is to install. `url` is good until `expires`, ms; `attempt` names this attempt.
    `product` is given of a child.
    """

    upgrade: str
    attempt: int
    type: str
    name: str
    version: str
    size: int
    sha256: str
    url: str
    expires: int
    topic_id: str
    product: Product | None = None
    node: str = ""


class LoraDownlink(msgspec.Struct, frozen=True):
    """What a LoRa server learns of one of its devices; `registered` is None where it was deleted."""

    device: str
    role: Role
    eui: str
    registered: LoraDevice | None
    topic_id: str


class PermitDownlink(msgspec.Struct, frozen=True):
    """A gateway may take devices, of the product with this short id or of any, for so many seconds; 0 is for
    ever, 65535 ends it.
    """

    seconds: int
    product: str | None
    topic_id: str


class Message(msgspec.Struct, frozen=True):
    topic: str
    payload: bytes


class Encoders(msgspec.Struct, frozen=True):
    """Of a dialect's devices. Each raises LayoutMismatch where their messages have no form for it."""

    command: Callable[[Downlink], Message]
    desired: Callable[[DesiredDownlink], Message]
    upgrade: Callable[[UpgradeDownlink], Message]
    lora: Callable[[LoraDownlink], Message] | None = None
    reported: Callable[[ReportedDownlink], Message] | None = None
    permit: Callable[[PermitDownlink], Message] | None = None


def _missing(dialect: str) -> Encoders:
    raise RuntimeError(f"no encoders for devices of {dialect} are in place")


_find: Callable[[str], Encoders] = _missing


def use(find: Callable[[str], Encoders]) -> None:
    """`find` answers the encoders of a dialect's devices."""
    global _find
    _find = find


def encode(dialect: str, downlink: Downlink) -> Message:
    return _find(dialect).command(downlink)


def encode_desired(dialect: str, downlink: DesiredDownlink) -> Message:
    return _find(dialect).desired(downlink)


def encode_reported(dialect: str, downlink: ReportedDownlink) -> Message | None:
    """None where the device's messages have no form for it."""
    encoder = _find(dialect).reported
    return encoder(downlink) if encoder is not None else None


def encode_upgrade(dialect: str, downlink: UpgradeDownlink) -> Message:
    return _find(dialect).upgrade(downlink)


def encode_lora(dialect: str, downlink: LoraDownlink) -> Message | None:
    """None where the dialect's devices are no LoRa servers."""
    encode = _find(dialect).lora
    return encode(downlink) if encode is not None else None


def encode_permit(dialect: str, downlink: PermitDownlink) -> Message | None:
    """None where the dialect's gateways are not told."""
    encode = _find(dialect).permit
    return encode(downlink) if encode is not None else None
