"""Persistent sessions: what survives the connection, what is repeated, when it ends."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from infra.local.broker import AWS, Broker
from tests.local.broker.support import (
    ACCEPTED,
    ARN,
    FakeLambda,
    allow,
    answer,
    connect_packet,
    frame,
    running,
    subscribe_packet,
    until,
)

RESUMED = b"\x20\x02\x01\x00"


def connect(*, clean: bool = False) -> bytes:
    return connect_packet("sleeper", flags=0xC2 if clean else 0xC0)


def subscribed_sleeper(broker: Broker, raw: Any) -> Any:
    client = raw(broker)
    client.send(connect(), subscribe_packet("a/+"))
    assert client.read(4) == ACCEPTED
    assert client.packet() == (0x90, b"\x00\x01\x01")
    return client


def gone(functions: FakeLambda) -> bool:
    return any(event["eventType"] == "disconnected" for event in functions.presence("sleeper"))


def test_qos_1_waits_for_an_offline_client(
    broker: Broker, functions: FakeLambda, raw: Any, device: Any
) -> None:
    subscribed_sleeper(broker, raw).close()
    until(lambda: gone(functions))
    writer = device(broker, "writer")
    writer.publish("a/1", b"lost", 0)
    writer.publish("a/1", b"kept", 1)
    writer.publish("a/2", b"too", 1)

    client = raw(broker)
    client.send(connect())
    assert client.read(4) == RESUMED
    first, second = client.packet(), client.packet()
    assert (first[0], first[1][-4:]) == (0x32, b"kept")
    assert (second[0], second[1][-3:]) == (0x32, b"too")
    writer.publish("a/3", b"now", 0)
    assert client.packet() == (0x30, b"\x00\x03a/3now")


def test_unacknowledged_messages_are_repeated_with_dup(
    broker: Broker, functions: FakeLambda, raw: Any, device: Any
) -> None:
    client = subscribed_sleeper(broker, raw)
    writer = device(broker, "writer")
    for payload in (b"1", b"2", b"3"):
        writer.publish("a/x", payload)
    sent = [client.packet() for _ in range(3)]
    assert [first for first, _ in sent] == [0x32] * 3
    acknowledged = sent[1][1][5:7]
    client.send(frame(0x40, acknowledged))
    client.close()
    until(lambda: gone(functions))

    again = raw(broker)
    again.send(connect())
    assert again.read(4) == RESUMED
    assert [again.packet() for _ in range(2)] == [(0x3A, sent[0][1]), (0x3A, sent[2][1])]
    again.send(frame(0x40, sent[0][1][5:7]), frame(0x40, sent[2][1][5:7]))
    again.close()
    until(lambda: len(functions.presence("sleeper")) == 4)
    last = raw(broker)
    last.send(connect())
    assert last.read(4) == RESUMED
    assert last.silent(0.1)


def test_a_clean_connect_ends_the_session(
    broker: Broker, functions: FakeLambda, raw: Any, device: Any
) -> None:
    subscribed_sleeper(broker, raw).close()
    until(lambda: gone(functions))
    device(broker, "writer").publish("a/1", b"gone")

    clean = raw(broker)
    clean.send(connect(clean=True))
    assert clean.read(4) == ACCEPTED
    assert clean.silent(0.05)
    clean.close()
    until(lambda: len(functions.presence("sleeper")) == 4)
    fresh = raw(broker)
    fresh.send(connect())
    assert fresh.read(4) == ACCEPTED


def test_a_session_expires(functions: FakeLambda, raw: Any) -> None:
    with running(functions, limits=replace(AWS, session_expiry=0.2)) as broker:
        client = subscribed_sleeper(broker, raw)
        client.close()
        until(lambda: gone(functions))
        back = raw(broker)
        back.send(connect())
        assert back.read(4) == RESUMED
        back.close()
        until(lambda: len(functions.presence("sleeper")) == 4)

        def present() -> bool:
            probe = raw(broker)
            probe.send(connect())
            resumed: bool = probe.read(4) == RESUMED
            return resumed

        assert raw(broker).silent(0.4)
        assert not present()
        # The version number starts again with the forgotten client.
        until(lambda: [event["versionNumber"] for event in functions.presence("sleeper")].count(0) == 3)


def test_a_resumed_session_does_not_expire(functions: FakeLambda, raw: Any, device: Any) -> None:
    with running(functions, limits=replace(AWS, session_expiry=0.2)) as broker:
        subscribed_sleeper(broker, raw).close()
        until(lambda: gone(functions))
        client = raw(broker)
        client.send(connect())
        assert client.read(4) == RESUMED
        assert client.silent(0.4)
        device(broker, "writer").publish("a/1", b"x", 0)
        assert client.packet() == (0x30, b"\x00\x03a/1x")


def test_a_full_queue_of_an_offline_client_drops_the_newest(
    functions: FakeLambda, raw: Any, device: Any
) -> None:
    with running(functions, limits=replace(AWS, queued_messages=2)) as broker:
        subscribed_sleeper(broker, raw).close()
        until(lambda: gone(functions))
        writer = device(broker, "writer")
        for payload in (b"1", b"2", b"3"):
            writer.publish("a/x", payload)
        client = raw(broker)
        client.send(connect())
        assert client.read(4) == RESUMED
        assert [client.packet()[1][-1:] for _ in range(2)] == [b"1", b"2"]
        assert client.silent(0.05)


def test_waiting_messages_obey_the_policy_of_the_new_connection(
    broker: Broker, functions: FakeLambda, raw: Any, device: Any
) -> None:
    subscribed_sleeper(broker, raw).close()
    until(lambda: gone(functions))
    writer = device(broker, "writer")
    writer.publish("a/hidden", b"1")
    writer.publish("a/seen", b"2")
    functions.authorize = lambda _event: answer(
        allow("iot:Connect"), allow("iot:Receive", resource=f"{ARN}topic/a/seen")
    )
    client = raw(broker)
    client.send(connect())
    assert client.read(4) == RESUMED
    assert client.packet()[1][-1:] == b"2"
    assert client.silent(0.05)


def test_a_takeover_resumes_the_session(broker: Broker, raw: Any, device: Any) -> None:
    first = subscribed_sleeper(broker, raw)
    second = raw(broker)
    second.send(connect())
    assert second.read(4) == RESUMED
    assert first.closed_by_broker()
    device(broker, "writer").publish("a/1", b"x", 0)
    assert second.packet() == (0x30, b"\x00\x03a/1x")
