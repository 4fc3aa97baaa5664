"""What a broken or hostile client sends, and what a slow one costs."""

from __future__ import annotations

import logging
import socket
import time
from dataclasses import replace
from typing import Any

import pytest

from infra.local.broker import AWS, Broker
from infra.local.broker.link import Link
from tests.local.broker.support import (
    PINGREQ,
    FakeLambda,
    connect_packet,
    frame,
    publish_packet,
    running,
    string,
    subscribe_packet,
    until,
)

BEFORE_CONNECT = {
    "not CONNECT": PINGREQ,
    "publish": publish_packet("a"),
    "http": b"GET / HTTP/1.1\r\n\r\n",
    "reserved type 0": frame(0x00, b""),
    "connect flags in header": frame(0x11, b""),
    "reserved connect flag": connect_packet(flags=0xC3),
    "will qos 3": connect_packet(flags=0xDE, fields=string("t") + string("") + string("u") + string("p")),
    "will qos without will": connect_packet(flags=0xCA),
    "will retain without will": connect_packet(flags=0xE2),
    "password without user": connect_packet(flags=0x42, fields=string("p")),
    "missing password": connect_packet(flags=0xC2, fields=string("u")),
    "trailing bytes": connect_packet(flags=0x02, fields=b"\x00"),
    "other protocol": connect_packet(name="HTTP"),
    "client id not utf-8": frame(0x10, string("MQTT") + b"\x04\x02\x00\x3c" + string(b"\xff")),
    "client id with a surrogate": frame(0x10, string("MQTT") + b"\x04\x02\x00\x3c" + string(b"\xed\xa0\x80")),
    "client id with nul": connect_packet("a\0b"),
    "will topic with a wildcard": connect_packet(flags=0x06, fields=string("a/#") + string("")),
    "empty": frame(0x10, b""),
    "length of five bytes": b"\x10\xff\xff\xff\xff\x01",
}
AFTER_CONNECT = {
    "second CONNECT": connect_packet(),
    "publish with wildcard +": publish_packet("a/+"),
    "publish with wildcard #": publish_packet("#"),
    "publish to nothing": publish_packet(""),
    "publish not utf-8": frame(0x30, string(b"\xc3")),
    "publish with nul": publish_packet("a\0"),
    "publish qos 3": frame(0x36, string("a") + b"\x00\x01"),
    "publish dup at qos 0": frame(0x38, string("a")),
    "publish id 0": publish_packet("a", qos=1, packet_id=0),
    "publish without id": frame(0x32, string("a") + b"\x01"),
    "publish shorter than its topic": frame(0x30, b"\x00\x09abc"),
    "publish of nothing": frame(0x30, b""),
    "subscribe flags": frame(0x80, b"\x00\x01" + string("a") + b"\x00"),
    "subscribe id 0": subscribe_packet("a", packet_id=0),
    "subscribe to nothing": frame(0x82, b"\x00\x01"),
    "subscribe qos 3": subscribe_packet("a", qos=3),
    "subscribe without qos": frame(0x82, b"\x00\x01" + string("a")),
    "filter a#": subscribe_packet("a#"),
    "filter #/a": subscribe_packet("#/a"),
    "filter a+": subscribe_packet("a+/b"),
    "empty filter": subscribe_packet(""),
    "unsubscribe flags": frame(0xA0, b"\x00\x01" + string("a")),
    "unsubscribe from nothing": frame(0xA2, b"\x00\x01"),
    "unsubscribe invalid": frame(0xA2, b"\x00\x01" + string("a#")),
    "puback too long": frame(0x40, b"\x00\x01\x00"),
    "puback too short": frame(0x40, b"\x01"),
    "puback flags": frame(0x42, b"\x00\x01"),
    "ping with a body": frame(0xC0, b"\x00"),
    "disconnect with a body": frame(0xE0, b"\x00"),
    "connack from a client": frame(0x20, b"\x00\x00"),
    "auth of MQTT 5": frame(0xF0, b""),
}


@pytest.mark.parametrize("packet", BEFORE_CONNECT.values(), ids=BEFORE_CONNECT.keys())
def test_malformed_openings_are_closed(
    packet: bytes, broker: Broker, functions: FakeLambda, raw: Any
) -> None:
    client = raw(broker)
    client.send(packet)
    assert client.closed_by_broker()
    assert functions.calls == []


@pytest.mark.parametrize("packet", AFTER_CONNECT.values(), ids=AFTER_CONNECT.keys())
def test_malformed_packets_close_the_link(
    packet: bytes, broker: Broker, functions: FakeLambda, raw: Any
) -> None:
    client = raw(broker, connect=connect_packet("bad"))
    client.send(packet, PINGREQ)
    assert client.closed_by_broker()
    assert functions.disconnected("bad")["disconnectReason"] == "CLIENT_ERROR"


def test_one_bad_client_harms_no_other(broker: Broker, raw: Any, device: Any) -> None:
    good = device(broker, "good")
    good.subscribe(("a", 1))
    raw(broker, connect=connect_packet("bad")).send(b"\x00\xff" * 1000)
    good.publish("a", b"fine")
    assert good.received() == [("a", b"fine")]


@pytest.mark.parametrize("connected", [False, True])
def test_an_announced_giant_is_refused_before_it_is_sent(connected: bool, broker: Broker, raw: Any) -> None:
    client = raw(broker, connect=connect_packet() if connected else None)
    client.send(b"\x30\xff\xff\xff\x7f" if connected else b"\x10\xff\xff\xff\x7f")
    assert client.closed_by_broker()


def test_packets_may_arrive_byte_by_byte_or_all_at_once(broker: Broker, raw: Any) -> None:
    client = raw(broker)
    stream = connect_packet() + subscribe_packet("a") + publish_packet("a", b"x" * 300) + PINGREQ
    for index in range(len(stream)):
        client.send(stream[index : index + 1])
    slow = [client.packet() for _ in range(4)]
    quick = raw(broker)
    quick.send(stream)
    assert [quick.packet() for _ in range(4)] == slow
    assert [first for first, _ in slow] == [0x20, 0x90, 0x30, 0xD0]


def test_connect_must_come_soon(functions: FakeLambda, raw: Any) -> None:
    with running(functions, limits=replace(AWS, connect_timeout=0.1)) as broker:
        client = raw(broker)
        client.send(connect_packet()[:5])
        begun = time.monotonic()
        assert client.closed_by_broker()
        assert time.monotonic() - begun < 2
        settled = raw(broker, connect=connect_packet())
        assert settled.silent(0.2)


def test_a_client_that_never_reads_loses_qos_0_only(functions: FakeLambda, raw: Any, device: Any) -> None:
    with running(functions, limits=replace(AWS, outbound_buffer=64 * 1024)) as broker:
        slow = raw(broker, connect=connect_packet("slow"))
        slow.send(subscribe_packet("bulk"), subscribe_packet("note"))
        assert [slow.packet()[0] for _ in range(2)] == [0x90, 0x90]
        writer = device(broker, "writer")
        payload = b"x" * 100_000
        for _ in range(200):
            writer.publish("bulk", payload, 0)
        writer.publish("note", b"last", 1)
        first, body, bulk = 0, b"", 0
        while first != 0x32:
            first, body = slow.packet()
            bulk += first == 0x30
        assert body[-4:] == b"last"
        assert 0 < bulk < 200


def test_a_client_that_never_acknowledges_is_disconnected(
    functions: FakeLambda, raw: Any, device: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        caplog.at_level(logging.WARNING),
        running(functions, limits=replace(AWS, queued_messages=5, outbound_unacked=5)) as broker,
    ):
        slow = raw(broker, connect=connect_packet("slow"))
        slow.send(subscribe_packet("a"))
        slow.packet()
        writer = device(broker, "writer")
        for _ in range(10):
            writer.publish("a")
        assert [slow.packet()[0] for _ in range(5)] == [0x32] * 5
        assert slow.silent(0.05)
        writer.publish("a")
        assert slow.closed_by_broker()
        assert functions.disconnected("slow")["disconnectReason"] == "THROTTLED"
        assert "too slowly" in caplog.text


def test_a_client_that_asks_and_never_reads_is_disconnected(
    functions: FakeLambda, raw: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept = Link.connection_made

    def with_small_buffers(link: Link, transport: Any) -> None:
        # The kernel would swallow megabytes of answers before the broker noticed.
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        accept(link, transport)

    monkeypatch.setattr(Link, "connection_made", with_small_buffers)
    with running(functions, limits=replace(AWS, outbound_buffer=1024, message_bytes=1024)) as broker:
        deaf = raw(broker, connect=connect_packet("deaf"), receive_buffer=4096)
        # Few enough for the kernel's buffers on the way in, too many for those on the way out.
        deaf.send(PINGREQ * 30_000)
        assert functions.disconnected("deaf")["disconnectReason"] == "THROTTLED"


def test_a_defect_costs_one_connection(
    broker: Broker, functions: FakeLambda, raw: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("defect")

    client = raw(broker, connect=connect_packet("unlucky"))
    monkeypatch.setattr("infra.local.broker.client.filter_problem", fail)
    client.send(subscribe_packet("a"))
    assert client.closed_by_broker()
    assert functions.disconnected("unlucky")["disconnectReason"] == "SERVER_ERROR"
    monkeypatch.setattr("infra.local.broker.admission.read_answer", fail)
    waiting = raw(broker)
    waiting.send(connect_packet("waiting"))
    assert waiting.closed_by_broker()
    monkeypatch.undo()
    raw(broker, connect=connect_packet("fine"))


def test_churn_leaves_nothing_behind(functions: FakeLambda, raw: Any) -> None:
    with running(functions, limits=replace(AWS, session_expiry=0.05)) as broker:
        for number in range(20):
            client = raw(broker, connect=connect_packet(f"c{number}"))
            client.send(subscribe_packet(f"a/{number}/+", "#"))
            client.packet()
            client.close()
        hub = broker._hub
        until(lambda: not hub.records and not hub.links)
        assert hub._index._root.children == {}
