"""Bytes to MQTT 3.1.1 packets, incrementally: feed what the socket gave, take packets until None."""

from __future__ import annotations

from collections.abc import Callable

from infra.local.broker.packets import (
    Connect,
    Disconnect,
    Packet,
    Pingreq,
    Puback,
    Publish,
    Pubrel,
    Subscribe,
    Unsubscribe,
    Will,
)
from infra.local.broker.topics import valid_filter, valid_topic

PROTOCOL_NAME = "MQTT"
PROTOCOL_LEVEL = 4
_OLD_PROTOCOL_NAME = "MQIsdp"


class MalformedPacketError(Exception):
    """The bytes are no MQTT 3.1.1; nothing after them can be trusted, so the link must close."""


class PacketTooLargeError(MalformedPacketError):
    """The announced length is over the limit; raised before the body is buffered."""


class UnsupportedProtocolError(Exception):
    """A CONNECT of another MQTT version, to be answered with CONNACK 1."""


class Decoder:
    """One connection's inbound bytes. Holds at most one packet of `max_length` plus one read."""

    def __init__(self, max_length: int) -> None:
        self.max_length = max_length
        self._buffer = bytearray()
        self._position = 0

    def feed(self, data: bytes) -> None:
        """Append what was received."""
        if self._position:
            del self._buffer[: self._position]
            self._position = 0
        self._buffer += data

    def next(self) -> Packet | None:
        """The next complete packet, or None when more bytes are needed.

        Raises MalformedPacketError, PacketTooLargeError or UnsupportedProtocolError.
        """
        buffer, start = self._buffer, self._position
        available = len(buffer) - start
        if available < 2:
            return None
        if buffer[start] not in _FIRST_BYTES:
            # Said at once: whatever speaks another protocol would be waited for otherwise.
            raise MalformedPacketError(f"no client sends a packet that starts with {buffer[start]:#04x}")
        length, index = buffer[start + 1], start + 2
        if length & 0x80:
            header = self._long_length(start)
            if header is None:
                return None
            length, index = header
        if length > self.max_length:
            raise PacketTooLargeError(f"remaining length {length} exceeds {self.max_length}")
        end = index + length
        if len(buffer) < end:
            return None
        self._position = end
        return _parse(buffer[start], bytes(buffer[index:end]))

    def _long_length(self, start: int) -> tuple[int, int] | None:
        length = 0
        for offset in range(4):
            index = start + 1 + offset
            if index >= len(self._buffer):
                return None
            byte = self._buffer[index]
            length |= (byte & 0x7F) << (7 * offset)
            if not byte & 0x80:
                return length, index + 1
        raise MalformedPacketError("remaining length has more than four bytes")


def _parse(first_byte: int, body: bytes) -> Packet:
    if first_byte & 0xF0 == _PUBLISH:
        return _publish(first_byte & 0x0F, body)
    return _PARSERS[first_byte](body)


class _Reader:
    """The fields of a packet body, in order."""

    __slots__ = ("_body", "_position")

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._position = 0

    @property
    def exhausted(self) -> bool:
        return self._position == len(self._body)

    def byte(self) -> int:
        return self._take(1)[0]

    def short(self) -> int:
        return int.from_bytes(self._take(2), "big")

    def binary(self) -> bytes:
        return self._take(self.short())

    def text(self) -> str:
        return _text(self.binary())

    def identifier(self) -> int:
        return _identifier(self.short())

    def finish(self) -> None:
        if not self.exhausted:
            raise MalformedPacketError("bytes after the last field")

    def _take(self, size: int) -> bytes:
        taken = self._body[self._position : self._position + size]
        if len(taken) < size:
            raise MalformedPacketError("a field runs over the end of the packet")
        self._position += size
        return taken


def _text(raw: bytes) -> str:
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise MalformedPacketError("a string is not UTF-8") from error
    if "\0" in text:
        raise MalformedPacketError("a string holds U+0000")
    return text


def _identifier(value: int) -> int:
    if value == 0:
        raise MalformedPacketError("packet identifier 0")
    return value


def _publish(flags: int, body: bytes) -> Publish:
    qos = (flags >> 1) & 3
    dup = bool(flags & 8)
    topic_end = 2 + int.from_bytes(body[:2], "big")
    payload_start = topic_end + 2 if qos else topic_end
    if len(body) < max(payload_start, 2):
        raise MalformedPacketError("a field runs over the end of the packet")
    topic = _text(body[2:topic_end])
    if not valid_topic(topic):
        raise MalformedPacketError("PUBLISH topic is empty or holds a wildcard")
    packet_id = _identifier(int.from_bytes(body[topic_end:payload_start], "big")) if qos else 0
    return Publish(topic, body[payload_start:], qos, bool(flags & 1), dup, packet_id)


def _connect(body: bytes) -> Connect:
    reader = _Reader(body)
    name, level = reader.text(), reader.byte()
    if name not in (PROTOCOL_NAME, _OLD_PROTOCOL_NAME):
        raise MalformedPacketError("CONNECT names another protocol")
    if (name, level) != (PROTOCOL_NAME, PROTOCOL_LEVEL):
        raise UnsupportedProtocolError(f"{name} level {level}")
    flags = reader.byte()
    _check_connect_flags(flags)
    keep_alive = reader.short()
    client_id = reader.text()
    will = _will(flags, reader) if flags & 0x04 else None
    username = reader.text() if flags & 0x80 else None
    password = reader.binary() if flags & 0x40 else None
    reader.finish()
    return Connect(client_id, bool(flags & 0x02), keep_alive, username, password, will)


def _check_connect_flags(flags: int) -> None:
    will_qos = (flags >> 3) & 3
    if flags & 0x01:
        raise MalformedPacketError("CONNECT sets its reserved flag")
    if will_qos == 3 or (not flags & 0x04 and flags & 0x38):
        raise MalformedPacketError("CONNECT will flags contradict each other")
    if flags & 0x40 and not flags & 0x80:
        raise MalformedPacketError("CONNECT has a password without a user name")


def _will(flags: int, reader: _Reader) -> Will:
    topic, payload = reader.text(), reader.binary()
    if not valid_topic(topic):
        raise MalformedPacketError("will topic is empty or holds a wildcard")
    return Will(topic, payload, (flags >> 3) & 3, bool(flags & 0x20))


def _subscribe(body: bytes) -> Subscribe:
    reader = _Reader(body)
    packet_id = reader.identifier()
    filters: list[tuple[str, int]] = []
    while not reader.exhausted:
        topic_filter, qos = _filter(reader), reader.byte()
        if qos > 2:
            raise MalformedPacketError("SUBSCRIBE sets reserved bits of a QoS")
        filters.append((topic_filter, qos))
    if not filters:
        raise MalformedPacketError("SUBSCRIBE without a topic filter")
    return Subscribe(packet_id, tuple(filters))


def _unsubscribe(body: bytes) -> Unsubscribe:
    reader = _Reader(body)
    packet_id = reader.identifier()
    filters: list[str] = []
    while not reader.exhausted:
        filters.append(_filter(reader))
    if not filters:
        raise MalformedPacketError("UNSUBSCRIBE without a topic filter")
    return Unsubscribe(packet_id, tuple(filters))


def _filter(reader: _Reader) -> str:
    topic_filter = reader.text()
    if not valid_filter(topic_filter):
        raise MalformedPacketError("invalid topic filter")
    return topic_filter


def _acknowledgement(body: bytes) -> int:
    reader = _Reader(body)
    packet_id = reader.identifier()
    reader.finish()
    return packet_id


def _empty(body: bytes) -> None:
    _Reader(body).finish()


def _pingreq(body: bytes) -> Pingreq:
    _empty(body)
    return Pingreq()


def _disconnect(body: bytes) -> Disconnect:
    _empty(body)
    return Disconnect()


# By first byte: the packet type, and the flags MQTT reserves for it.
_PARSERS: dict[int, Callable[[bytes], Packet]] = {
    0x10: _connect,
    0x40: lambda body: Puback(_acknowledgement(body)),
    0x62: lambda body: Pubrel(_acknowledgement(body)),
    0x82: _subscribe,
    0xA2: _unsubscribe,
    0xC0: _pingreq,
    0xE0: _disconnect,
}
_PUBLISH = 0x30
# QoS 3 does not exist, and DUP says nothing at QoS 0.
_PUBLISH_FLAGS = (0x0, 0x1, 0x2, 0x3, 0x4, 0x5, 0xA, 0xB, 0xC, 0xD)
_FIRST_BYTES = frozenset(_PARSERS) | {_PUBLISH | flags for flags in _PUBLISH_FLAGS}
