"""How commands and desired values are written for the device: by the dialect the device speaks.

Core knows no dialect, so the handlers put a finder of encoders in place.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from .command_states import Command
from .products import Product


class Downlink(msgspec.Struct, frozen=True):
    """What an encoder works on. `topic_id` is the id in the device's topics, `codec` how it last spoke."""

    command: Command
    mid: int
    topic_id: str
    codec: str
    product: Product


class DesiredDownlink(msgspec.Struct, frozen=True):
    """Values that one service of the device is to take."""

    service: str
    values: dict[str, Any]
    topic_id: str
    codec: str
    product: Product


class Message(msgspec.Struct, frozen=True):
    topic: str
    payload: bytes


class Encoders(msgspec.Struct, frozen=True):
    """Of a dialect's devices. Each raises LayoutMismatch where their messages have no form for it."""

    command: Callable[[Downlink], Message]
    desired: Callable[[DesiredDownlink], Message]


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
