"""MQTT 3.1.1 control packets: one named tuple for each a client sends, one function for each it gets."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

PINGRESP = b"\xd0\x00"
SUBACK_FAILURE = 0x80


class ConnackCode(IntEnum):
    """CONNACK return codes. Source: MQTT 3.1.1, table 3.1."""

    ACCEPTED = 0
    UNACCEPTABLE_PROTOCOL = 1
    IDENTIFIER_REJECTED = 2
    NOT_AUTHORIZED = 5


class Will(NamedTuple):
    """What the broker publishes for a client that vanishes."""

    topic: str
    payload: bytes
    qos: int
    retain: bool


class Connect(NamedTuple):
    """`username` and `password` are None when the flag was not set, which is not the same as empty."""

    client_id: str
    clean_session: bool
    keep_alive: int
    username: str | None
    password: bytes | None
    will: Will | None


class Publish(NamedTuple):
    """`packet_id` is 0 at QoS 0."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    dup: bool
    packet_id: int


class Puback(NamedTuple):
    """The client took a QoS 1 message."""

    packet_id: int


class Pubrel(NamedTuple):
    """Third step of a QoS 2 publish, known in lenient mode only."""

    packet_id: int


class Subscribe(NamedTuple):
    """Pairs of topic filter and requested QoS, in order."""

    packet_id: int
    filters: tuple[tuple[str, int], ...]


class Unsubscribe(NamedTuple):
    """Topic filters to drop; unknown ones are no error."""

    packet_id: int
    filters: tuple[str, ...]


class Pingreq(NamedTuple):
    """Only keeps the connection alive."""


class Disconnect(NamedTuple):
    """The client leaves on purpose: no will."""


Packet = Connect | Publish | Puback | Pubrel | Subscribe | Unsubscribe | Pingreq | Disconnect


def connack(code: ConnackCode, *, session_present: bool = False) -> bytes:
    """The answer to CONNECT."""
    return bytes((0x20, 2, session_present, code))


def puback(packet_id: int) -> bytes:
    """Accepts a QoS 1 publish."""
    return b"\x40\x02" + packet_id.to_bytes(2, "big")


def pubrec(packet_id: int) -> bytes:
    """Accepts a QoS 2 publish."""
    return b"\x50\x02" + packet_id.to_bytes(2, "big")


def pubcomp(packet_id: int) -> bytes:
    """Ends a QoS 2 publish."""
    return b"\x70\x02" + packet_id.to_bytes(2, "big")


def suback(packet_id: int, codes: list[int]) -> bytes:
    """The granted QoS or `SUBACK_FAILURE` for each filter of a SUBSCRIBE."""
    return _frame(0x90, packet_id.to_bytes(2, "big") + bytes(codes))


def unsuback(packet_id: int) -> bytes:
    """The answer to UNSUBSCRIBE."""
    return b"\xb0\x02" + packet_id.to_bytes(2, "big")


def publish(packet: Publish) -> bytes:
    """A message on its way to a subscriber."""
    flags = (packet.dup << 3) | (packet.qos << 1) | packet.retain
    topic = packet.topic.encode()
    identifier = packet.packet_id.to_bytes(2, "big") if packet.qos else b""
    return _frame(0x30 | flags, b"".join((len(topic).to_bytes(2, "big"), topic, identifier, packet.payload)))


def _frame(first_byte: int, body: bytes) -> bytes:
    return bytes((first_byte,)) + remaining_length(len(body)) + body


def remaining_length(length: int) -> bytes:
    """MQTT's variable-length integer: seven bits a byte, low ones first."""
    encoded = bytearray()
    while True:
        length, digit = divmod(length, 128)
        encoded.append(digit | (0x80 if length else 0))
        if not length:
            return bytes(encoded)
