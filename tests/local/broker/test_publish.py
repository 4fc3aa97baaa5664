"""Publish and subscribe: delivery, QoS, retained messages, and what policies forbid."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import pytest

from infra.local.broker import AWS, LENIENT, Broker
from tests.local.broker.support import (
    ARN,
    PINGREQ,
    FakeLambda,
    allow,
    answer,
    connect_packet,
    deny,
    frame,
    publish_packet,
    running,
    string,
    subscribe_packet,
    until,
)


@pytest.mark.parametrize(
    ("published", "subscribed", "delivered"), [(0, 0, 0), (0, 1, 0), (1, 0, 0), (1, 1, 1), (1, 2, 1)]
)
def test_delivery_has_the_lower_qos(
    published: int, subscribed: int, delivered: int, broker: Broker, device: Any
) -> None:
    reader, writer = device(broker, "reader"), device(broker, "writer")
    assert reader.subscribe(("a/+", subscribed)) == [min(subscribed, 1)]
    writer.publish("a/b", b"\x00\xff", published)

    assert reader.received() == [("a/b", b"\x00\xff")]
    message = reader.messages[0]
    assert (message.qos, message.retain, message.dup) == (delivered, False, False)


def test_overlapping_subscriptions_deliver_once_at_the_highest_qos(broker: Broker, device: Any) -> None:
    client = device(broker)
    client.subscribe(("a/#", 0), ("a/b", 1), ("+/b", 0))
    client.publish("a/b", b"1")
    client.publish("a/c", b"2")

    assert client.received(2) == [("a/b", b"1"), ("a/c", b"2")]
    assert [message.qos for message in client.messages] == [1, 0]


def test_unsubscribing_ends_delivery(broker: Broker, device: Any) -> None:
    client = device(broker)
    client.subscribe(("a", 1), ("b", 1))
    client.paho.unsubscribe(["a", "never/subscribed"])
    client.publish("a", b"1")
    client.publish("b", b"2")

    assert client.received() == [("b", b"2")]


def test_messages_keep_their_order(broker: Broker, device: Any) -> None:
    reader, writer = device(broker, "reader"), device(broker, "writer")
    reader.subscribe(("n", 1))
    for number in range(300):
        writer.paho.publish("n", str(number), qos=number % 2)

    until(lambda: len(reader.messages) == 300)
    confirmed = [int(message.payload) for message in reader.messages if message.qos]
    assert confirmed == list(range(1, 300, 2))


def test_a_retained_message_waits_for_exact_subscriptions(broker: Broker, device: Any) -> None:
    writer = device(broker, "writer")
    writer.publish("state/1", b"old", retain=True)
    writer.publish("state/1", b"on", retain=True)
    writer.publish("state/2", b"x", retain=True)
    writer.publish("state/2", b"", retain=True)
    reader = device(broker, "reader")
    reader.subscribe(("state/2", 1), ("state/+", 1), ("state/1", 0))

    assert reader.received() == [("state/1", b"on")]
    assert reader.messages[0].retain
    assert reader.messages[0].qos == 0
    writer.publish("state/1", b"off", retain=True)
    assert reader.received(2)[1] == ("state/1", b"off")
    assert not reader.messages[1].retain


def test_lenient_gives_retained_messages_to_wildcards(functions: FakeLambda, device: Any) -> None:
    with running(functions, limits=LENIENT) as broker:
        client = device(broker)
        client.publish("state/1", b"on", retain=True)
        client.subscribe(("state/#", 1))
        assert client.received() == [("state/1", b"on")]


def test_a_hash_matches_the_parent_in_lenient_mode_only(functions: FakeLambda, device: Any) -> None:
    for limits, expected in ((AWS, ["a/b"]), (LENIENT, ["a", "a/b"])):
        with running(functions, limits=limits) as broker:
            client = device(broker)
            client.subscribe(("a/#", 1))
            client.publish("a")
            client.publish("a/b")
            assert [topic for topic, _ in client.received(len(expected))] == expected


@pytest.mark.parametrize(("topic", "retain"), [("other", False), ("own", True)])
def test_a_forbidden_publish_disconnects(
    topic: str, retain: bool, broker: Broker, functions: FakeLambda, device: Any, caplog: Any
) -> None:
    functions.authorize = lambda _event: answer(
        allow("iot:Connect"), allow("iot:Publish", resource=f"{ARN}topic/own")
    )
    client = device(broker, "guest")
    client.publish("own", b"fine")
    with caplog.at_level(logging.WARNING):
        client.paho.publish(topic, b"no", 1, retain)
        client.wait_gone()

    assert functions.disconnected("guest")["disconnectReason"] == "AUTH_ERROR"
    assert "iot:Publish" in caplog.text


def test_retaining_needs_both_rights(broker: Broker, functions: FakeLambda, device: Any) -> None:
    functions.authorize = lambda _event: answer(
        allow("iot:Connect"), allow("iot:Publish", "iot:RetainPublish", resource=f"{ARN}topic/own")
    )
    client = device(broker)
    client.publish("own", b"fine", retain=True)
    assert not client.gone.is_set()


def test_a_forbidden_subscription_fails_alone(broker: Broker, functions: FakeLambda, device: Any) -> None:
    functions.authorize = lambda _event: answer(
        allow(),
        deny("iot:Subscribe", resource=f"{ARN}topicfilter/secret/*"),
    )
    client = device(broker)
    assert client.subscribe(("open", 1), ("secret/#", 1), ("$oc/x", 1)) == [1, 0x80, 0x80]
    client.publish("secret/1", b"hidden")
    client.publish("open", b"seen")
    assert client.received() == [("open", b"seen")]


def test_nothing_is_delivered_without_receive(broker: Broker, functions: FakeLambda, device: Any) -> None:
    functions.authorize = lambda _event: answer(
        allow("iot:Connect", "iot:Subscribe", "iot:Publish"),
        allow("iot:Receive", resource=f"{ARN}topic/a/seen"),
    )
    client = device(broker)
    client.subscribe(("a/+", 1))
    for topic in ("a/hidden", "a/seen"):
        client.publish(topic, b"0", 0)
        client.publish(topic, b"1", 1)

    assert client.received(2) == [("a/seen", b"0"), ("a/seen", b"1")]
    assert not client.gone.is_set()


def test_wildcard_subscriptions_do_not_see_dollar_topics(broker: Broker, device: Any) -> None:
    client = device(broker, "watcher")
    client.subscribe(("#", 1), ("+/events/#", 1))
    device(broker, "other")
    client.publish("end", b"")

    assert client.received() == [("end", b"")]


def test_lifecycle_events_can_be_subscribed_to(broker: Broker, device: Any) -> None:
    client = device(broker, "watcher")
    assert client.subscribe(("$aws/events/presence/connected/+", 1)) == [1]
    device(broker, "other")

    ((topic, payload),) = client.received()
    assert topic == "$aws/events/presence/connected/other"
    assert b'"eventType": "connected"' in payload


def test_qos_2_works_in_lenient_mode_exactly_once(functions: FakeLambda, raw: Any) -> None:
    with running(functions, limits=LENIENT) as broker:
        client = raw(broker, connect=connect_packet())
        client.send(subscribe_packet("a", qos=0))
        assert client.packet() == (0x90, b"\x00\x01\x00")
        twice = publish_packet("a", b"x", qos=2, packet_id=7)
        client.send(twice, twice, frame(0x62, b"\x00\x07"), PINGREQ)

        assert client.packet() == (0x30, string("a") + b"x")
        assert client.packet() == (0x50, b"\x00\x07")
        assert client.packet() == (0x50, b"\x00\x07")
        assert client.packet() == (0x70, b"\x00\x07")
        assert client.packet()[0] == 0xD0


def test_the_outbound_window_holds_messages_back(functions: FakeLambda, raw: Any, device: Any) -> None:
    with running(functions, limits=replace(AWS, outbound_unacked=2)) as broker:
        reader = raw(broker, connect=connect_packet("reader"))
        reader.send(subscribe_packet("a"))
        assert reader.packet() == (0x90, b"\x00\x01\x01")
        writer = device(broker, "writer")
        for number in range(3):
            writer.publish("a", bytes([number]))

        bodies = [reader.packet()[1] for _ in range(2)]
        assert [body[-1] for body in bodies] == [0, 1]
        assert reader.silent(0.1)
        reader.send(frame(0x40, bodies[0][3:5]))
        assert reader.packet()[1][-1] == 2
