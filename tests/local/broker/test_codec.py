"""The codec alone: every packet survives a round trip, however the stream is cut."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.local.broker import packets
from infra.local.broker.decoder import (
    Decoder,
    MalformedPacketError,
    PacketTooLargeError,
    UnsupportedProtocolError,
)
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
from tests.local.broker.support import frame, string

LIMIT = 300_000

characters = st.characters(exclude_characters="\0", exclude_categories=["Cs"])
texts = st.text(characters, max_size=40)
topics = st.text(st.characters(exclude_characters="\0+#", exclude_categories=["Cs"]), min_size=1, max_size=40)
levels = st.one_of(
    st.just("+"), st.text(st.characters(exclude_characters="\0+#/", exclude_categories=["Cs"]))
)
filters = st.builds(
    lambda parts, tail: "/".join([*parts, *tail]), st.lists(levels, min_size=1), st.sampled_from([[], ["#"]])
).filter(bool)
ids = st.integers(1, 0xFFFF)
payloads = st.one_of(st.binary(max_size=300), st.integers(120, 200_000).map(bytes))
publishes = st.builds(
    lambda topic, payload, qos, retain, dup, packet_id: Publish(
        topic, payload, qos, retain, dup and qos > 0, packet_id if qos else 0
    ),
    topics,
    payloads,
    st.integers(0, 2),
    st.booleans(),
    st.booleans(),
    ids,
)
wills = st.builds(Will, topics, st.binary(max_size=50), st.integers(0, 2), st.booleans())
connects = st.builds(
    lambda client_id, clean, keep_alive, username, password, will: Connect(
        client_id, clean, keep_alive, username, password if username is not None else None, will
    ),
    texts,
    st.booleans(),
    st.integers(0, 0xFFFF),
    st.none() | texts,
    st.none() | st.binary(max_size=50),
    st.none() | wills,
)
subscribes = st.builds(
    Subscribe, ids, st.lists(st.tuples(filters, st.integers(0, 2)), min_size=1, max_size=9).map(tuple)
)
unsubscribes = st.builds(Unsubscribe, ids, st.lists(filters, min_size=1, max_size=9).map(tuple))
any_packet = st.one_of(
    publishes,
    connects,
    subscribes,
    unsubscribes,
    st.builds(Puback, ids),
    st.builds(Pubrel, ids),
    st.just(Pingreq()),
    st.just(Disconnect()),
)


def encode(packet: Packet) -> bytes:
    """What a client sends. Written from the specification, not from the decoder."""
    match packet:
        case Publish():
            return packets.publish(packet)
        case Connect():
            return _connect(packet)
        case Subscribe(packet_id, wanted):
            body = b"".join(string(name) + bytes([qos]) for name, qos in wanted)
            return frame(0x82, packet_id.to_bytes(2, "big") + body)
        case Unsubscribe(packet_id, dropped):
            return frame(0xA2, packet_id.to_bytes(2, "big") + b"".join(map(string, dropped)))
        case Puback(packet_id):
            return packets.puback(packet_id)
        case Pubrel(packet_id):
            return frame(0x62, packet_id.to_bytes(2, "big"))
        case Pingreq():
            return b"\xc0\x00"
        case Disconnect():
            return b"\xe0\x00"


def _connect(packet: Connect) -> bytes:
    flags = packet.clean_session << 1
    fields = string(packet.client_id)
    if packet.will is not None:
        flags |= 0x04 | packet.will.qos << 3 | packet.will.retain << 5
        fields += string(packet.will.topic) + string(packet.will.payload)
    if packet.username is not None:
        flags |= 0x80
        fields += string(packet.username)
    if packet.password is not None:
        flags |= 0x40
        fields += string(packet.password)
    return frame(0x10, string("MQTT") + bytes([4, flags]) + packet.keep_alive.to_bytes(2, "big") + fields)


def decode(*chunks: bytes) -> list[Packet]:
    decoder = Decoder(LIMIT)
    found: list[Packet] = []
    for chunk in chunks:
        decoder.feed(chunk)
        while (packet := decoder.next()) is not None:
            found.append(packet)
    return found


@given(st.lists(any_packet, max_size=5), st.lists(st.integers(0, 400), max_size=8))
def test_any_stream_cut_anywhere_decodes_to_what_was_sent(sent: list[Packet], cuts: list[int]) -> None:
    stream = b"".join(map(encode, sent))
    edges = [0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]
    assert decode(*(stream[a:b] for a, b in pairwise(edges))) == sent


@given(st.binary(max_size=200))
def test_any_bytes_decode_or_fail_cleanly(noise: bytes) -> None:
    try:
        decode(noise)
    except (MalformedPacketError, UnsupportedProtocolError):
        return


@given(any_packet, st.data())
def test_a_damaged_packet_decodes_or_fails_cleanly(packet: Packet, data: st.DataObject) -> None:
    stream = bytearray(encode(packet)[:500])
    index = data.draw(st.integers(0, len(stream) - 1))
    stream[index] ^= data.draw(st.integers(1, 255))
    try:
        decode(bytes(stream))
    except (MalformedPacketError, UnsupportedProtocolError):
        return


@pytest.mark.parametrize("size", [0, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152, 268_435_455])
def test_the_remaining_length_at_its_edges(size: int) -> None:
    encoded = packets.remaining_length(size)
    decoder = Decoder(268_435_454)
    decoder.feed(b"\x30" + encoded)
    assert len(encoded) == next(n for n in (1, 2, 3, 4) if size < 128**n)
    if size > 268_435_454:
        with pytest.raises(PacketTooLargeError, match=str(size)):
            decoder.next()
    elif size:
        assert decoder.next() is None


def test_too_large_is_said_before_the_body_comes() -> None:
    decoder = Decoder(10)
    decoder.feed(packets.publish(Publish("a", b"1234567", 0, False, False, 0)))
    assert decoder.next() is not None
    decoder.feed(packets.publish(Publish("a", b"12345678", 0, False, False, 0))[:2])
    with pytest.raises(PacketTooLargeError):
        decoder.next()


@pytest.mark.parametrize(
    ("built", "expected"),
    [
        (packets.connack(packets.ConnackCode.ACCEPTED, session_present=True), b"\x20\x02\x01\x00"),
        (packets.connack(packets.ConnackCode.NOT_AUTHORIZED), b"\x20\x02\x00\x05"),
        (packets.puback(0x1234), b"\x40\x02\x12\x34"),
        (packets.pubrec(1), b"\x50\x02\x00\x01"),
        (packets.pubcomp(1), b"\x70\x02\x00\x01"),
        (packets.suback(7, [0, 1, 0x80]), b"\x90\x05\x00\x07\x00\x01\x80"),
        (packets.unsuback(7), b"\xb0\x02\x00\x07"),
        (packets.publish(Publish("a", b"x", 1, True, True, 2)), b"\x3b\x06\x00\x01a\x00\x02x"),
    ],
)
def test_what_the_broker_sends(built: bytes, expected: bytes) -> None:
    assert built == expected
