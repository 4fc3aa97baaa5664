"""The data plane through boto3, unchanged, and its HTTP server on a raw socket."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from infra.local.broker import Broker
from tests.local.broker.support import (
    ARN,
    PATIENCE,
    FakeLambda,
    Raw,
    allow,
    answer,
    connect_packet,
    deny,
    frame,
    rule,
    running,
    subscribe_packet,
    until,
)


def client_of(broker: Broker) -> Any:
    return boto3.client(
        "iot-data",
        endpoint_url=f"http://127.0.0.1:{broker.data_port}",
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=Config(retries={"total_max_attempts": 1}, max_pool_connections=20),
    )


@pytest.fixture
def iot(broker: Broker) -> Iterator[Any]:
    client = client_of(broker)
    yield client
    client.close()


@pytest.fixture
def http(broker: Broker) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", broker.data_port), timeout=PATIENCE) as connection:
        yield connection


def test_a_direct_message_needs_no_subscription(broker: Broker, iot: Any, device: Any) -> None:
    target = device(broker, "sensor/1 ü")
    reply = iot.send_direct_message(clientId="sensor/1 ü", topic="cmd/ü/x y", payload=b"\x00go")

    assert target.received() == [("cmd/ü/x y", b"\x00go")]
    assert target.messages[0].qos == 0
    assert reply["message"]
    assert reply["traceId"]


def test_a_confirmed_message_returns_after_the_puback(broker: Broker, iot: Any, raw: Any) -> None:
    target = raw(broker, connect=connect_packet("sensor"))
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(
            iot.send_direct_message, clientId="sensor", topic="cmd", payload=b"go", confirmation=True
        )
        first, body = target.packet()
        assert (first, body[:5], body[7:]) == (0x32, b"\x00\x03cmd", b"go")
        time.sleep(0.05)
        assert not call.done()
        target.send(frame(0x40, body[5:7]))
        assert call.result(PATIENCE)["message"]


def test_without_a_puback_it_times_out(broker: Broker, iot: Any, raw: Any) -> None:
    target = raw(broker, connect=connect_packet("sensor"))
    begun = time.monotonic()
    with pytest.raises(iot.exceptions.GatewayTimeoutException) as caught:
        iot.send_direct_message(clientId="sensor", topic="cmd", confirmation=True, timeout=1)

    assert 0.9 < time.monotonic() - begun < 3
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 504
    assert caught.value.response["Error"]["Message"]
    first, body = target.packet()
    assert first == 0x32
    # A late PUBACK is harmless.
    target.send(frame(0x40, body[5:7]), b"\xc0\x00")
    assert target.packet()[0] == 0xD0


def test_a_receiver_that_leaves_is_a_timeout_and_nothing_is_queued(
    broker: Broker, functions: FakeLambda, iot: Any, raw: Any
) -> None:
    target = raw(broker, connect=connect_packet("sensor", flags=0xC0))
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(iot.send_direct_message, clientId="sensor", topic="cmd", confirmation=True)
        assert target.packet()[0] == 0x32
        target.close()
        with pytest.raises(iot.exceptions.GatewayTimeoutException):
            call.result(2)
    again = raw(broker)
    again.send(connect_packet("sensor", flags=0xC0))
    assert again.read(4) == b"\x20\x02\x01\x00"
    assert again.silent(0.1)


def test_a_direct_message_runs_no_rule(functions: FakeLambda, device: Any) -> None:
    with running(functions, rule("all", "SELECT topic() AS t FROM 'cmd/#'")) as broker:
        target = device(broker, "sensor")
        client = client_of(broker)
        client.send_direct_message(clientId="sensor", topic="cmd/x", payload=b"{}")
        target.received()
        client.close()
        broker.wait_idle()
    assert functions.events("all") == []


def test_the_receivers_policy_decides(broker: Broker, functions: FakeLambda, iot: Any, device: Any) -> None:
    functions.authorize = lambda _event: answer(allow(), deny("iot:Receive", resource=f"{ARN}topic/no"))
    target = device(broker, "sensor")
    with pytest.raises(iot.exceptions.ForbiddenException):
        iot.send_direct_message(clientId="sensor", topic="no")
    iot.send_direct_message(clientId="sensor", topic="yes")

    assert target.received() == [("yes", b"")]


def test_an_absent_client_is_not_found(broker: Broker, functions: FakeLambda, iot: Any, device: Any) -> None:
    with pytest.raises(iot.exceptions.ResourceNotFoundException) as caught:
        iot.send_direct_message(clientId="nobody", topic="cmd")
    assert "persistent" not in str(caught.value)
    device(broker, "sleeper", clean=False).close()
    functions.disconnected("sleeper")
    with pytest.raises(iot.exceptions.ResourceNotFoundException, match="persistent session"):
        iot.send_direct_message(clientId="sleeper", topic="cmd")


@pytest.mark.parametrize(
    "wrong",
    [
        {"timeout": 0},
        {"timeout": 16},
        {"topic": "$aws/x"},
        {"topic": "a/+"},
        {"topic": "a/b/c/d/e/f/g/h/i"},
        {"topic": "x" * 257},
        {"clientId": "$GEN"},
    ],
)
def test_invalid_requests(wrong: dict[str, Any], broker: Broker, iot: Any, device: Any) -> None:
    device(broker, "sensor")
    with pytest.raises(iot.exceptions.InvalidRequestException):
        iot.send_direct_message(**{"clientId": "sensor", "topic": "cmd", "confirmation": True, **wrong})


def test_a_payload_has_a_limit(broker: Broker, iot: Any, device: Any) -> None:
    target = device(broker, "sensor")
    iot.send_direct_message(clientId="sensor", topic="cmd", payload=b"x" * 131072)
    with pytest.raises(iot.exceptions.RequestEntityTooLargeException):
        iot.send_direct_message(clientId="sensor", topic="cmd", payload=b"x" * 131073)
    assert len(target.received()) == 1


def test_too_many_unconfirmed_messages_are_throttled(broker: Broker, iot: Any, raw: Any, device: Any) -> None:
    target = raw(broker, connect=connect_packet("sensor"))
    target.send(subscribe_packet("fill"))
    assert target.packet()[0] == 0x90
    writer = device(broker, "writer")
    for _ in range(100):
        writer.publish("fill", qos=1)
    with pytest.raises(iot.exceptions.ThrottlingException):
        iot.send_direct_message(clientId="sensor", topic="cmd", confirmation=True, timeout=1)


def test_delete_connection(broker: Broker, functions: FakeLambda, iot: Any, device: Any) -> None:
    watcher = device(broker, "watcher")
    watcher.subscribe(("will/#", 1))
    quiet = device(broker, "quiet", clean=False, will=("will/quiet", b"", 1, False))
    iot.delete_connection(clientId="quiet", preventWillMessage=True)
    quiet.wait_gone()
    loud = device(broker, "loud", will=("will/loud", b"", 1, False))
    iot.delete_connection(clientId="loud")
    loud.wait_gone()

    assert watcher.received() == [("will/loud", b"")]
    assert functions.disconnected("loud")["disconnectReason"] == "API_INITIATED_DISCONNECT"
    with pytest.raises(iot.exceptions.ResourceNotFoundException):
        iot.delete_connection(clientId="loud")
    assert device(broker, "quiet", clean=False).session_present
    iot.delete_connection(clientId="quiet", cleanSession=True)
    assert not device(broker, "quiet", clean=False).session_present


def test_publish_reaches_subscribers_and_rules(functions: FakeLambda, device: Any) -> None:
    with running(functions, rule("all", "SELECT a, clientid() AS c FROM 'in/#'")) as broker:
        reader = device(broker, "reader")
        reader.subscribe(("in/#", 1))
        client = client_of(broker)
        client.publish(topic="in/a b/ü", qos=1, payload=b'{"a": 1}', retain=True)
        assert reader.received() == [("in/a b/ü", b'{"a": 1}')]
        assert reader.messages[0].qos == 1
        broker.wait_idle()
        assert functions.events("all") == [{"a": 1, "c": "n/a"}]
        with pytest.raises(client.exceptions.InvalidRequestException):
            client.publish(topic="$aws/events/presence/connected/x", payload=b"{}")
        client.close()


def test_retained_messages_are_listed(iot: Any) -> None:
    for number in range(3):
        iot.publish(topic=f"state/{number}", qos=1, payload=b"x" * number, retain=True)

    found = iot.get_retained_message(topic="state/2")
    assert (found["topic"], found["payload"], found["qos"]) == ("state/2", b"xx", 1)
    assert abs(found["lastModifiedTime"] / 1000 - time.time()) < 60
    with pytest.raises(iot.exceptions.ResourceNotFoundException):
        iot.get_retained_message(topic="state/0")
    first = iot.list_retained_messages(maxResults=1)
    second = iot.list_retained_messages(maxResults=1, nextToken=first["nextToken"])
    assert [(item["topic"], item["payloadSize"]) for item in first["retainedTopics"]] == [("state/1", 1)]
    assert [item["topic"] for item in second["retainedTopics"]] == ["state/2"]
    assert "nextToken" not in second
    with pytest.raises(iot.exceptions.InvalidRequestException):
        iot.list_retained_messages(nextToken="no token")


def test_get_connection(broker: Broker, functions: FakeLambda, iot: Any, device: Any) -> None:
    with pytest.raises(iot.exceptions.ResourceNotFoundException):
        iot.get_connection(clientId="sensor")
    client = device(broker, "sensor", clean=False)
    client.subscribe(("b", 0), ("a", 1))
    online = iot.get_connection(clientId="sensor", includeSocketInformation=True)
    assert (online["connected"], online["cleanSession"], online["keepAliveDuration"]) == (True, False, 60)
    assert (online["sourceIp"], online["targetPort"]) == ("127.0.0.1", broker.mqtt_port)
    assert online["connectedSince"]
    assert iot.list_subscriptions(clientId="sensor")["subscriptions"] == [
        {"topicFilter": "a", "qos": 1},
        {"topicFilter": "b", "qos": 0},
    ]
    client.close()
    functions.disconnected("sensor")
    offline = iot.get_connection(clientId="sensor")
    assert (offline["connected"], offline["disconnectReason"]) == (False, "CLIENT_INITIATED_DISCONNECT")
    assert offline["disconnectedSince"] >= online["connectedSince"]


def test_an_unknown_operation(http: socket.socket) -> None:
    http.sendall(b"GET /things/x/shadow HTTP/1.1\r\nHost: x\r\n\r\n")
    reply = http.recv(65536)
    assert reply.startswith(b"HTTP/1.1 405 ")
    assert b"x-amzn-ErrorType: MethodNotAllowedException" in reply


def test_many_calls_at_once(broker: Broker, iot: Any) -> None:
    receivers = [Raw(broker, connect=connect_packet(f"r{number}")) for number in range(20)]

    def acknowledge(receiver: Raw) -> None:
        _, body = receiver.packet()
        receiver.send(frame(0x40, body[5:7]))

    # Nobody acknowledges before all calls are under way: they must be served side by side.
    with ThreadPoolExecutor(20) as pool:
        calls = [
            pool.submit(iot.send_direct_message, clientId=f"r{n}", topic="cmd", confirmation=True)
            for n in range(20)
        ]
        acknowledgers = [threading.Thread(target=acknowledge, args=(each,)) for each in reversed(receivers)]
        for thread in acknowledgers:
            thread.start()
            thread.join(PATIENCE)
        assert all(call.result(PATIENCE)["message"] for call in calls)
    for receiver in receivers:
        receiver.close()


def test_keep_alive_pipelining_and_plain_slashes(broker: Broker, http: socket.socket, device: Any) -> None:
    reader = device(broker, "reader")
    reader.subscribe(("a/b", 0))
    request = b"POST /topics/a/b?qos=0 HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n"
    http.sendall(request + b"1" + request + b"2")
    assert reader.received(2) == [("a/b", b"1"), ("a/b", b"2")]
    replies = b""
    while replies.count(b"HTTP/1.1 200 OK") < 2:
        replies += http.recv(65536)


def test_expect_continue(http: socket.socket) -> None:
    http.sendall(b"POST /topics/a HTTP/1.1\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n")
    assert http.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
    http.sendall(b"x")
    assert http.recv(65536).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/2\r\n\r\n", 400),
        (b"POST /topics/a HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"POST /topics/a HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST /topics/a HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n", 413),
        (b"POST /topics/a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 411),
        (b"GET / HTTP/1.1\r\nx: " + b"y" * 70000 + b"\r\n\r\n", 431),
    ],
)
def test_unreadable_requests_are_answered_and_closed(
    request_bytes: bytes, status: int, http: socket.socket
) -> None:
    http.sendall(request_bytes)
    reply = b""
    try:
        while chunk := http.recv(65536):
            reply += chunk
    except ConnectionResetError:
        # The broker may hang up before it read all of a head that is far too long.
        assert status == 431
    assert reply.startswith(f"HTTP/1.1 {status} ".encode())


def test_connection_close_is_obeyed(http: socket.socket) -> None:
    http.sendall(b"POST /topics/a HTTP/1.1\r\nConnection: close\r\n\r\n")
    assert http.recv(65536).startswith(b"HTTP/1.1 200 ")
    assert http.recv(10) == b""


def test_a_defect_is_a_typed_error(broker: Broker, iot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("defect")

    monkeypatch.setattr("infra.local.broker.hub.Hub.publish", fail)
    with pytest.raises(iot.exceptions.InternalFailureException):
        iot.publish(topic="a", payload=b"")
    monkeypatch.undo()
    iot.publish(topic="a", payload=b"")


def test_a_typed_error_is_a_client_error(iot: Any) -> None:
    with pytest.raises(ClientError) as caught:
        iot.delete_connection(clientId="nobody")
    assert caught.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_stopping_ends_idle_connections(functions: FakeLambda) -> None:
    with running(functions) as broker:
        connection = socket.create_connection(("127.0.0.1", broker.data_port), timeout=PATIENCE)
        connection.sendall(b"POST /topics/a HTTP/1.1\r\n\r\n")
        until(lambda: connection.recv(65536))
    assert connection.recv(10) == b""
    connection.close()
