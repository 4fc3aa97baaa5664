"""What the broker keeps for one client: subscriptions, messages in flight, messages waiting."""

from __future__ import annotations

import asyncio
from collections import deque

from infra.local.broker import packets
from infra.local.broker.limits import Limits
from infra.local.broker.packets import Publish

MAX_PACKET_ID = 0xFFFF


class Message:
    """An accepted message on its way to subscribers. `client_id` is None when no MQTT client sent it."""

    __slots__ = ("_wire", "client_id", "payload", "qos", "topic")

    def __init__(self, topic: str, payload: bytes, qos: int, client_id: str | None) -> None:
        self.topic = topic
        self.payload = payload
        self.qos = qos
        self.client_id = client_id
        self._wire: bytes | None = None

    def wire(self) -> bytes:
        """The QoS 0 packet, encoded once however many subscribers there are."""
        if self._wire is None:
            self._wire = packets.publish(Publish(self.topic, self.payload, 0, False, False, 0))
        return self._wire


class _Inflight:
    __slots__ = ("confirmation", "packet")

    def __init__(self, packet: Publish, confirmation: asyncio.Future[None] | None) -> None:
        self.packet = packet
        self.confirmation = confirmation


class Session:
    """A client's state. A persistent one (`clean` false) survives its connection."""

    def __init__(self, client_id: str, *, clean: bool, limits: Limits) -> None:
        self.client_id = client_id
        self.clean = clean
        self.subscriptions: dict[str, int] = {}
        self.received: set[int] = set()
        """Packet ids of QoS 2 publishes between PUBLISH and PUBREL."""
        self._limits = limits
        self._waiting: deque[tuple[Message, bool]] = deque()
        self._inflight: dict[int, _Inflight] = {}
        self._redeliver: deque[int] = deque()
        self._last_id = 0

    @property
    def window_open(self) -> bool:
        """Whether one more QoS 1 message may be sent before a PUBACK."""
        return len(self._inflight) < self._limits.outbound_unacked

    def enqueue(self, message: Message, *, retain: bool = False) -> bool:
        """Let a QoS 1 message wait for the window; False when too many wait already."""
        if len(self._waiting) >= self._limits.queued_messages:
            return False
        self._waiting.append((message, retain))
        return True

    def next_outgoing(self) -> Publish | None:
        """The next QoS 1 packet to send: first what is to be repeated, then what waits for the window."""
        while self._redeliver:
            repeated = self._inflight.get(self._redeliver.popleft())
            if repeated is not None:
                return repeated.packet._replace(dup=True)
        if not self._waiting or not self.window_open:
            return None
        message, retain = self._waiting.popleft()
        return self._start(message.topic, message.payload, retain=retain, confirmation=None)

    def start_direct(self, topic: str, payload: bytes, confirmation: asyncio.Future[None]) -> Publish:
        """A direct message's packet; `confirmation` is resolved by its PUBACK. The window must be open."""
        return self._start(topic, payload, retain=False, confirmation=confirmation)

    def acknowledge(self, packet_id: int) -> None:
        """The client took a message. An unknown id is ignored: it may be a late repeat."""
        taken = self._inflight.pop(packet_id, None)
        if taken is not None and taken.confirmation is not None and not taken.confirmation.done():
            taken.confirmation.set_result(None)

    def reconnect(self) -> None:
        """Repeat, marked DUP and in order, what the last connection left unacknowledged."""
        self._redeliver = deque(self._inflight)

    def disconnect(self) -> None:
        """Forget direct messages: they belong to the connection, and AWS never queues them."""
        for packet_id, inflight in list(self._inflight.items()):
            if inflight.confirmation is not None:
                del self._inflight[packet_id]
                if not inflight.confirmation.done():
                    inflight.confirmation.set_exception(ConnectionResetError("the client is gone"))

    def _start(
        self, topic: str, payload: bytes, *, retain: bool, confirmation: asyncio.Future[None] | None
    ) -> Publish:
        packet = Publish(topic, payload, 1, retain, False, self._free_id())
        self._inflight[packet.packet_id] = _Inflight(packet, confirmation)
        return packet

    def _free_id(self) -> int:
        # Terminates: the window is far smaller than the 65,535 ids.
        while True:
            self._last_id = self._last_id % MAX_PACKET_ID + 1
            if self._last_id not in self._inflight:
                return self._last_id
