"""How a command is written for the device: by the dialect the device speaks.

Core knows no dialect, so the handlers put a finder of encoders in place.
"""

from collections.abc import Callable

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


class Message(msgspec.Struct, frozen=True):
    topic: str
    payload: bytes


Encoder = Callable[[Downlink], Message]


def _missing(dialect: str) -> Encoder:
    raise RuntimeError(f"no encoder for devices of {dialect} is in place")


_find: Callable[[str], Encoder] = _missing


def use(find: Callable[[str], Encoder]) -> None:
    """`find` answers the encoder of a dialect's devices."""
    global _find
    _find = find


def encode(dialect: str, downlink: Downlink) -> Message:
    return _find(dialect)(downlink)
