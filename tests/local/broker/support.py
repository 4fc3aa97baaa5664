"""What the broker's tests share: a recording stand-in for Lambda, MQTT clients, raw sockets, patience."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from infra.local.broker import AWS, Broker, Limits, TopicRule
from infra.local.broker.sql_parser import parse

PATIENCE = 5.0
EDGE_TEMPLATE = Path(__file__).parents[3] / "infra" / "edge.yaml"
ARN = "arn:aws:iot:us-east-1:000000000000:"


def until(condition: Callable[[], Any], timeout: float = PATIENCE) -> Any:
    """Poll until the condition is truthy and return its value; fail with a clear message otherwise."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.005)


def rule(name: str, sql: str, *functions: str) -> TopicRule:
    return TopicRule(name, parse(sql), functions or (name,))


PRESENCE_RULE = rule("presence", "SELECT *, topic() AS topic FROM '$aws/events/presence/#'")


def allow(*actions: str, resource: str | list[str] = "*", **fields: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions) or "iot:*", "Resource": resource, **fields}


def deny(*actions: str, resource: str | list[str] = "*", **fields: Any) -> dict[str, Any]:
    return {**allow(*actions, resource=resource, **fields), "Effect": "Deny"}


def answer(*statements: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """What an authorizer function answers; by default everything is allowed."""
    document = {"Version": "2012-10-17", "Statement": list(statements) or [allow()]}
    return {
        "isAuthenticated": True,
        "principalId": "tester",
        "disconnectAfterInSeconds": 86400,
        "refreshAfterInSeconds": 86400,
        "policyDocuments": [document],
        **fields,
    }


class FakeLambda:
    """Records invocations. `authorize` decides connections; `handlers` may make a function fail or wait."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.authorize: Callable[[dict[str, Any]], Any] = lambda _event: answer()
        self.handlers: dict[str, Callable[[dict[str, Any]], Any]] = {}

    def __call__(self, function_name: str, event: dict[str, Any]) -> Any:
        self.calls.append((function_name, event))
        if function_name == "authorizer":
            return self.authorize(event)
        return self.handlers.get(function_name, lambda _event: None)(event)

    def events(self, function_name: str) -> list[dict[str, Any]]:
        return [event for name, event in list(self.calls) if name == function_name]

    def presence(self, client_id: str) -> list[dict[str, Any]]:
        return [event for event in self.events("presence") if event["clientId"] == client_id]

    def disconnected(self, client_id: str) -> dict[str, Any]:
        """The client's first "disconnected" event, waited for."""

        def first() -> dict[str, Any] | None:
            gone = [event for event in self.presence(client_id) if event["eventType"] == "disconnected"]
            return gone[0] if gone else None

        found: dict[str, Any] = until(first)
        return found


@contextmanager
def running(
    functions: FakeLambda, *rules: TopicRule, limits: Limits = AWS, **options: Any
) -> Iterator[Broker]:
    options.setdefault("retry_delays", (0.01, 0.01))
    broker = Broker(functions, [PRESENCE_RULE, *rules], limits=limits, **options)
    broker.start()
    try:
        yield broker
    finally:
        broker.stop(grace=1.0)


class Device:
    """A paho client in its own thread that remembers everything that happened to it."""

    def __init__(
        self,
        broker: Broker,
        client_id: str = "device",
        *,
        clean: bool = True,
        will: tuple[str, bytes, int, bool] | None = None,
        username: str | None = "user",
        password: str | None = "secret",
        ssl_context: Any = None,
        manual_ack: bool = False,
    ) -> None:
        self.messages: list[paho.MQTTMessage] = []
        self.granted: dict[int, list[int]] = {}
        self.acknowledged: set[int] = set()
        self.return_code: int | None = None
        self.session_present: bool | None = None
        self.gone = threading.Event()
        self._connected = threading.Event()
        self.paho = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id,
            clean_session=clean,
            protocol=paho.MQTTv311,
            reconnect_on_failure=False,
            manual_ack=manual_ack,
        )
        if username is not None:
            self.paho.username_pw_set(username, password)
        if will is not None:
            self.paho.will_set(*will)
        if ssl_context is not None:
            self.paho.tls_set_context(ssl_context)
        self.paho.on_connect = self._on_connect
        self.paho.on_disconnect = lambda *_: self.gone.set()
        self.paho.on_message = lambda _client, _data, message: self.messages.append(message)
        self.paho.on_subscribe = self._on_subscribe
        self.paho.on_publish = lambda _client, _data, mid, *_: self.acknowledged.add(mid)
        self.paho.connect("127.0.0.1", broker.mqtt_port, keepalive=60)
        self.paho.loop_start()
        assert self._connected.wait(PATIENCE), "no CONNACK"

    def _on_connect(self, _client: Any, _data: Any, flags: Any, reason: Any, _properties: Any) -> None:
        self.return_code = reason.value
        self.session_present = flags.session_present
        self._connected.set()

    def _on_subscribe(self, _client: Any, _data: Any, mid: int, codes: list[Any], *_: Any) -> None:
        self.granted[mid] = [code.value for code in codes]

    def subscribe(self, *filters: tuple[str, int]) -> list[int]:
        _, mid = self.paho.subscribe(list(filters))
        assert mid is not None
        granted: list[int] = until(lambda: self.granted.get(mid))
        return granted

    def publish(self, topic: str, payload: bytes | str = b"", qos: int = 1, *, retain: bool = False) -> None:
        """Publish; at QoS 1 wait for the PUBACK."""
        sent = self.paho.publish(topic, payload, qos, retain)
        if qos:
            until(lambda: sent.mid in self.acknowledged)

    def received(self, count: int = 1) -> list[tuple[str, bytes]]:
        """The first `count` messages, waited for."""
        until(lambda: len(self.messages) >= count)
        return [(message.topic, message.payload) for message in self.messages]

    def wait_gone(self, timeout: float = PATIENCE) -> None:
        assert self.gone.wait(timeout), "the broker did not disconnect"

    def drop(self) -> None:
        """Cut the connection without DISCONNECT."""
        sock = self.paho.socket()
        assert sock is not None
        sock.shutdown(socket.SHUT_RDWR)
        self.wait_gone()

    def close(self) -> None:
        self.paho.disconnect()
        self.paho.loop_stop()


def string(text: str | bytes) -> bytes:
    raw = text.encode() if isinstance(text, str) else text
    return len(raw).to_bytes(2, "big") + raw


def frame(first_byte: int, body: bytes) -> bytes:
    length = len(body)
    header = bytearray([first_byte])
    while True:
        length, digit = divmod(length, 128)
        header.append(digit | (0x80 if length else 0))
        if not length:
            return bytes(header) + body


def connect_packet(
    client_id: str = "raw",
    *,
    flags: int = 0xC2,
    keep_alive: int = 60,
    level: int = 4,
    name: str = "MQTT",
    fields: bytes | None = None,
) -> bytes:
    """A CONNECT with user name and password, unless other `flags` and payload `fields` are given."""
    payload = string("user") + string("secret") if fields is None else fields
    body = string(name) + bytes([level, flags]) + keep_alive.to_bytes(2, "big") + string(client_id) + payload
    return frame(0x10, body)


def publish_packet(topic: str, payload: bytes = b"", *, qos: int = 0, packet_id: int = 1) -> bytes:
    identifier = packet_id.to_bytes(2, "big") if qos else b""
    return frame(0x30 | qos << 1, string(topic) + identifier + payload)


def subscribe_packet(*filters: str, qos: int = 1, packet_id: int = 1) -> bytes:
    body = b"".join(string(topic_filter) + bytes([qos]) for topic_filter in filters)
    return frame(0x82, packet_id.to_bytes(2, "big") + body)


PINGREQ, PINGRESP, DISCONNECT = b"\xc0\x00", b"\xd0\x00", b"\xe0\x00"
ACCEPTED = b"\x20\x02\x00\x00"


class Raw:
    """A bare socket, for what no decent client sends."""

    def __init__(
        self, broker: Broker, *, connect: bytes | None = None, receive_buffer: int | None = None
    ) -> None:
        self.socket = socket.socket()
        self.socket.settimeout(PATIENCE)
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.connect(("127.0.0.1", broker.mqtt_port))
        self._buffer = b""
        if connect is not None:
            self.send(connect)
            assert self.read(4)[:1] == b"\x20"

    def send(self, *packets: bytes) -> None:
        self.socket.sendall(b"".join(packets))

    def read(self, size: int) -> bytes:
        while len(self._buffer) < size:
            chunk = self.socket.recv(65536)
            assert chunk, f"the broker closed after {self._buffer!r}"
            self._buffer += chunk
        taken, self._buffer = self._buffer[:size], self._buffer[size:]
        return taken

    def packet(self) -> tuple[int, bytes]:
        """The next packet: its first byte and its body."""
        first = self.read(1)[0]
        length = shift = 0
        while True:
            byte = self.read(1)[0]
            length |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                return first, self.read(length)

    def silent(self, seconds: float) -> bool:
        """Whether nothing arrives for a while."""
        if self._buffer:
            return False
        self.socket.settimeout(seconds)
        try:
            self._buffer = self.socket.recv(65536)
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(PATIENCE)
        return False

    def closed_by_broker(self) -> bool:
        """Whether the broker hangs up; what it still sends before is skipped."""
        try:
            while self.socket.recv(65536):
                pass
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False
        return True

    def close(self) -> None:
        self.socket.close()
