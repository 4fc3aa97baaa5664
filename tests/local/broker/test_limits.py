"""Every number of limits.py: IoT Core enforces it, lenient mode lifts it."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from infra.local.broker import AWS, LENIENT, Broker, Limits
from infra.local.broker.checks import topic_problem
from tests.local.broker.support import (
    ACCEPTED,
    PINGREQ,
    FakeLambda,
    answer,
    connect_packet,
    frame,
    publish_packet,
    running,
    string,
    subscribe_packet,
    until,
)

BOTH = pytest.mark.parametrize("limits", [AWS, LENIENT], ids=["aws", "lenient"])
REJECTED_ID = b"\x20\x02\x00\x02"


def survives(broker: Broker, functions: FakeLambda, raw: Any, *packets: bytes) -> bool:
    """Whether a client that sends these packets still gets its pings answered; else CLIENT_ERROR."""
    client = raw(broker, connect=connect_packet("probe"))
    client.send(*packets, PINGREQ)
    try:
        while client.packet()[0] != 0xD0:
            pass
    except (AssertionError, ConnectionResetError):
        assert functions.disconnected("probe")["disconnectReason"] == "CLIENT_ERROR"
        return False
    return True


WITHIN = {
    "slashes": publish_packet("/".join("12345678")),
    "topic bytes": publish_packet("é" * 128),
    "payload": publish_packet("a", b"x" * 131_072),
    "filters": subscribe_packet(*"12345678"),
    "subscriptions": b"".join(
        subscribe_packet(*(f"{group}-{n}" for n in range(size))) for group, size in enumerate([8] * 6 + [2])
    ),
    "qos": publish_packet("a", qos=1),
}
BEYOND = {
    "slashes": publish_packet("/".join("123456789")),
    "topic bytes": publish_packet("é" * 128 + "x"),
    "payload": publish_packet("a", b"x" * 131_073),
    "filters": subscribe_packet(*"123456789"),
    "subscriptions": b"".join(
        subscribe_packet(*(f"{group}-{n}" for n in range(size))) for group, size in enumerate([8] * 6 + [3])
    ),
    "qos": publish_packet("a", qos=2),
    "reserved topic": publish_packet("$oc/devices/x/sys/properties/report"),
    "events topic": publish_packet("$aws/events/presence/connected/forged", b'{"clientId": "forged"}'),
}


@BOTH
@pytest.mark.parametrize("kind", WITHIN)
def test_up_to_the_limit(kind: str, limits: Limits, functions: FakeLambda, raw: Any) -> None:
    with running(functions, limits=limits) as broker:
        assert survives(broker, functions, raw, WITHIN[kind])


@BOTH
@pytest.mark.parametrize("kind", BEYOND)
def test_beyond_the_limit(kind: str, limits: Limits, functions: FakeLambda, raw: Any) -> None:
    with running(functions, limits=limits) as broker:
        assert survives(broker, functions, raw, BEYOND[kind]) is (limits is LENIENT)


def test_lenient_mode_ignores_reserved_topics(functions: FakeLambda, device: Any) -> None:
    with running(functions, limits=LENIENT) as broker:
        client = device(broker)
        assert client.subscribe(("$oc/#", 1), ("$aws/events/presence/connected/forged", 1)) == [1, 1]
        client.publish("$oc/x", b"ignored")
        client.publish("$aws/events/presence/connected/forged", b'{"clientId": "forged"}')
        client.subscribe(("end", 1))
        client.publish("end", b"")
        assert client.received() == [("end", b"")]
        broker.wait_idle()
    assert functions.presence("forged") == []


@BOTH
def test_filters_have_the_topics_limits(limits: Limits, functions: FakeLambda, device: Any) -> None:
    with running(functions, limits=limits) as broker:
        granted = device(broker).subscribe(("+/" * 7 + "#", 1), ("+/" * 8 + "#", 1), ("x" * 257, 1))
    assert granted == ([1, 1, 1] if limits is LENIENT else [1, 0x80, 0x80])


def test_a_subscription_repeated_is_not_counted_again(
    broker: Broker, functions: FakeLambda, raw: Any
) -> None:
    fifty = WITHIN["subscriptions"]
    assert survives(broker, functions, raw, fifty, fifty)


@BOTH
@pytest.mark.parametrize(("client_id", "fits"), [("é" * 64, True), ("é" * 64 + "x", False), ("$x", False)])
def test_client_ids(client_id: str, fits: bool, limits: Limits, functions: FakeLambda, raw: Any) -> None:
    with running(functions, limits=limits) as broker:
        client = raw(broker)
        client.send(connect_packet(client_id))
        assert client.read(4) == (ACCEPTED if fits or limits is LENIENT else REJECTED_ID)


@BOTH
def test_credentials_and_will_share_the_size_of_a_connect(
    limits: Limits, functions: FakeLambda, raw: Any
) -> None:
    with running(functions, limits=limits) as broker:
        most = connect_packet("a", fields=string("u" * 65_535) + string("p" * 65_500))
        raw(broker, connect=most)
        event = functions.events("authorizer")[0]
        assert len(event["protocolData"]["mqtt"]["username"]) == 65_535
        more = raw(broker)
        more.send(connect_packet("b", fields=string("u" * 65_535) + string("p" * 65_535)))
        if limits is LENIENT:
            assert more.read(4) == ACCEPTED
        else:
            assert more.closed_by_broker()
            assert len(functions.events("authorizer")) == 1


@BOTH
@pytest.mark.parametrize(
    "will",
    [("$aws/x", b"", 0), ("a/b/c/d/e/f/g/h/i", b"", 0), ("a", b"", 2)],
    ids=["topic", "slashes", "qos"],
)
def test_a_will_has_the_limits_of_a_publish(
    will: tuple[str, bytes, int], limits: Limits, functions: FakeLambda, device: Any
) -> None:
    with running(functions, limits=limits) as broker:
        assert device(broker, will=(*will, False)).return_code == (0 if limits is LENIENT else 135)


@pytest.mark.parametrize(
    ("limits", "requested", "applied"),
    [
        (AWS, 0, 1200),
        (AWS, 1, 30),
        (AWS, 30, 30),
        (AWS, 77, 77),
        (AWS, 1200, 1200),
        (AWS, 65_535, 1200),
        (LENIENT, 0, 0),
        (LENIENT, 1, 1),
        (LENIENT, 65_535, 65_535),
    ],
)
def test_keep_alive_is_clamped(limits: Limits, requested: int, applied: int) -> None:
    assert limits.keep_alive(requested) == applied


@BOTH
def test_a_short_keep_alive_is_raised(limits: Limits, functions: FakeLambda, raw: Any) -> None:
    with running(functions, limits=limits) as broker:
        quiet = raw(broker, connect=connect_packet("quiet", keep_alive=1))
        quiet.socket.settimeout(1.7)
        assert quiet.closed_by_broker() is (limits is LENIENT)


@BOTH
@pytest.mark.parametrize(
    "changed",
    [
        {"policyDocuments": [{"Version": "2012-10-17", "Statement": []}] * 10 + answer()["policyDocuments"]},
        {"policyDocuments": [{**answer()["policyDocuments"][0], "Id": "x" * 2048}]},
        {"principalId": "a-b"},
        {"principalId": "a" * 129},
        {"disconnectAfterInSeconds": 299},
        {"disconnectAfterInSeconds": 86_401},
        {"refreshAfterInSeconds": 299},
    ],
    ids=str,
)
def test_the_authorizers_answer(
    changed: dict[str, Any], limits: Limits, functions: FakeLambda, raw: Any
) -> None:
    functions.authorize = lambda _event: answer(**changed)
    with running(functions, limits=limits) as broker:
        client = raw(broker)
        client.send(connect_packet())
        assert client.read(4) == (ACCEPTED if limits is LENIENT else b"\x20\x02\x00\x05")


def test_white_space_does_not_count_in_a_policy(broker: Broker, functions: FakeLambda, raw: Any) -> None:
    document = answer()["policyDocuments"][0]
    roomy = str(document).replace("'", '"').replace(" ", " " * 1000)
    functions.authorize = lambda _event: answer(policyDocuments=[roomy])
    raw(broker, connect=connect_packet())


@BOTH
def test_unacknowledged_messages_out(limits: Limits, functions: FakeLambda, raw: Any, device: Any) -> None:
    with running(functions, limits=limits) as broker:
        reader = raw(broker, connect=connect_packet("reader"))
        reader.send(subscribe_packet("a"))
        reader.packet()
        writer = device(broker, "writer")
        for number in range(101):
            writer.paho.publish("a", bytes([number]), 1)
        until(lambda: len(writer.acknowledged) == 101)
        sent = [reader.packet() for _ in range(100)]
        assert reader.silent(0.05) is (limits is AWS)
        reader.send(frame(0x40, sent[0][1][3:5]))
        assert reader.packet()[1][-1] == 100


def test_the_published_numbers() -> None:
    """The table itself, so that no number changes by accident. Source: AWS General Reference, IoT Core."""
    assert {
        name: getattr(AWS, name)
        for name in (
            "topic_slashes",
            "topic_bytes",
            "message_bytes",
            "client_id_bytes",
            "filters_per_subscribe",
            "subscriptions",
            "publish_qos",
            "keep_alive_min",
            "keep_alive_max",
            "inbound_unacked",
            "outbound_unacked",
            "session_expiry",
            "authorizer_timeout",
            "direct_timeout_max",
        )
    } == {
        "topic_slashes": 7,
        "topic_bytes": 256,
        "message_bytes": 131_072,
        "client_id_bytes": 128,
        "filters_per_subscribe": 8,
        "subscriptions": 50,
        "publish_qos": 1,
        "keep_alive_min": 30,
        "keep_alive_max": 1200,
        "inbound_unacked": 100,
        "outbound_unacked": 100,
        "session_expiry": 3600,
        "authorizer_timeout": 5,
        "direct_timeout_max": 15,
    }


def test_every_limit_is_documented_and_lifted() -> None:
    document = Limits.__doc__
    assert document is not None
    for field in dataclasses.fields(Limits):
        assert field.name in document
        assert getattr(AWS, field.name) != getattr(LENIENT, field.name), field.name


def test_topic_problems_name_the_number() -> None:
    assert topic_problem(AWS, "a/b") is None
    assert "9 slashes, at most 7" in str(topic_problem(AWS, "/" * 9))
    assert "257 bytes, at most 256" in str(topic_problem(AWS, "a" * 257))
