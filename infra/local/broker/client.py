"""One accepted MQTT connection: what each packet of it means, under its policy and the limits."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING

from infra.local.broker import packets
from infra.local.broker.authorizer import Grant
from infra.local.broker.checks import filter_problem, publish_problem
from infra.local.broker.packets import (
    Connect,
    Packet,
    Puback,
    Publish,
    Pubrel,
    Subscribe,
    Unsubscribe,
)
from infra.local.broker.presence import DisconnectReason, Identity
from infra.local.broker.session import Message, Session

if TYPE_CHECKING:
    from infra.local.broker.hub import Hub
    from infra.local.broker.link import Link

log = logging.getLogger(__name__)

KEEP_ALIVE_FACTOR = 1.5


class Client:
    """A connected client. It ends through `link.close`, which calls `ended`."""

    def __init__(self, link: Link, connect: Connect, identity: Identity, grant: Grant) -> None:
        self.link = link
        self.hub: Hub = link.hub
        self.client_id = identity.client_id
        self.identity = identity
        self.policy = grant.policy
        self.will = connect.will
        self.clean = connect.clean_session
        self.requested_keep_alive = connect.keep_alive
        self.session = Session(self.client_id, clean=self.clean, limits=self.hub.limits)
        self._parked: deque[Publish] = deque()
        self._loop = asyncio.get_running_loop()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._patience = KEEP_ALIVE_FACTOR * self.hub.limits.keep_alive(connect.keep_alive)
        if self._patience:
            self._watch(self._patience)
        self._timers["expiry"] = self._loop.call_later(
            grant.disconnect_after, link.close, DisconnectReason.CUSTOMAUTH_TTL_EXPIRATION
        )

    def handle(self, packet: Packet) -> None:
        """Act on one packet after CONNECT."""
        match packet:
            case Publish():
                self._on_publish(packet)
            case Puback(packet_id):
                self.session.acknowledge(packet_id)
                self.pump()
            case Pubrel(packet_id):
                self.session.received.discard(packet_id)
                self.link.write(packets.pubcomp(packet_id))
            case Subscribe():
                self._on_subscribe(packet)
            case Unsubscribe(packet_id, filters):
                for topic_filter in filters:
                    self.hub.unsubscribe(self.session, topic_filter)
                self.link.write(packets.unsuback(packet_id))
            case packets.Pingreq():
                self.link.write(packets.PINGRESP)
            case packets.Disconnect():
                self.link.close(DisconnectReason.CLIENT_INITIATED_DISCONNECT)

    def deliver(self, message: Message, qos: int, *, retain: bool = False) -> None:
        """Send a message of a subscription, as its policy and its own speed allow."""
        if not self.policy.may_receive(message.topic):
            log.info("not delivered to %r: no iot:Receive on %r", self.client_id, message.topic)
        elif qos == 0:
            self._deliver_at_most_once(message, retain=retain)
        elif self.session.enqueue(message, retain=retain):
            self.pump()
        else:
            log.warning("closing client %r: it takes messages too slowly", self.client_id)
            self.link.close(DisconnectReason.THROTTLED, abort=True)

    def pump(self) -> None:
        """Send waiting QoS 1 messages while the window is open and the client reads."""
        while not self.link.congested and (packet := self.session.next_outgoing()) is not None:
            # Waiting messages were admitted by an earlier connection's policy, maybe.
            if self.policy.may_receive(packet.topic):
                self.link.write(packets.publish(packet))
            else:
                self.session.acknowledge(packet.packet_id)

    def ended(self, reason: DisconnectReason, *, will: bool) -> None:
        """The link closed."""
        for timer in self._timers.values():
            timer.cancel()
        if reason is DisconnectReason.CLIENT_INITIATED_DISCONNECT:
            # Sent before the DISCONNECT: a client that leaves politely must not lose them.
            for packet in self._parked:
                self._route(packet)
        self._parked.clear()
        self.hub.detach(self, reason, will=will)

    def unpark(self) -> None:
        """Rule invocations have room again: accept what was held back."""
        while self._parked and not self.hub.saturated and not self.link.closed:
            self._accept(self._parked.popleft())
        if not self._parked:
            self.hub.parked.discard(self)
        if len(self._parked) < self.hub.limits.inbound_unacked:
            self.link.resume()

    def _deliver_at_most_once(self, message: Message, *, retain: bool) -> None:
        if self.link.congested:
            log.info("dropped for %r, which reads too slowly: %r", self.client_id, message.topic)
        elif retain:
            packet = Publish(message.topic, message.payload, 0, True, False, 0)
            self.link.write(packets.publish(packet))
        else:
            self.link.write(message.wire())

    def _on_publish(self, packet: Publish) -> None:
        problem = publish_problem(self.hub.limits, packet.topic, packet.payload, packet.qos)
        if problem is not None:
            self._fail(f"PUBLISH {problem}", DisconnectReason.CLIENT_ERROR)
        elif not self.policy.may_publish(packet.topic, retain=packet.retain):
            right = "iot:Publish and iot:RetainPublish" if packet.retain else "iot:Publish"
            self._fail(f"no {right} on {packet.topic!r}", DisconnectReason.AUTH_ERROR)
        elif self._parked or self.hub.saturated:
            self._park(packet)
        else:
            self._accept(packet)

    def _park(self, packet: Publish) -> None:
        self._parked.append(packet)
        self.hub.parked.add(self)
        if len(self._parked) >= self.hub.limits.inbound_unacked:
            self.link.pause()

    def _accept(self, packet: Publish) -> None:
        if packet.qos == 2:
            self._accept_exactly_once(packet)
            return
        self._route(packet)
        if packet.qos:
            self.link.write(packets.puback(packet.packet_id))

    def _accept_exactly_once(self, packet: Publish) -> None:
        if packet.packet_id not in self.session.received:
            self.session.received.add(packet.packet_id)
            self._route(packet)
        self.link.write(packets.pubrec(packet.packet_id))

    def _route(self, packet: Publish) -> None:
        if packet.topic.startswith("$"):
            # Only lenient mode comes here; routing it would let a device forge lifecycle events.
            return
        message = Message(packet.topic, packet.payload, min(packet.qos, 1), self.client_id)
        self.hub.publish(message, retain=packet.retain)

    def _on_subscribe(self, packet: Subscribe) -> None:
        limits = self.hub.limits
        wanted = {topic_filter for topic_filter, _ in packet.filters}
        if len(packet.filters) > limits.filters_per_subscribe:
            self._fail(f"SUBSCRIBE with {len(packet.filters)} filters", DisconnectReason.CLIENT_ERROR)
        elif len(wanted | self.session.subscriptions.keys()) > limits.subscriptions:
            self._fail(f"more than {limits.subscriptions} subscriptions", DisconnectReason.CLIENT_ERROR)
        else:
            granted = [self._subscribe(*subscription) for subscription in packet.filters]
            self.link.write(packets.suback(packet.packet_id, granted))
            for (topic_filter, _), code in zip(packet.filters, granted, strict=True):
                if code != packets.SUBACK_FAILURE:
                    self.hub.send_retained(self, topic_filter, code)

    def _subscribe(self, topic_filter: str, qos: int) -> int:
        problem = filter_problem(self.hub.limits, topic_filter)
        if problem is None and not self.policy.may_subscribe(topic_filter):
            problem = "no iot:Subscribe"
        if problem is not None:
            log.warning("refused to client %r: subscription %r: %s", self.client_id, topic_filter, problem)
            return packets.SUBACK_FAILURE
        granted = min(qos, 1)
        self.hub.subscribe(self.session, topic_filter, granted)
        return granted

    def _fail(self, problem: str, reason: DisconnectReason) -> None:
        log.warning("closing client %r: %s", self.client_id, problem)
        self.link.close(reason)

    def _watch(self, delay: float) -> None:
        self._timers["keep-alive"] = self._loop.call_later(delay, self._check_alive)

    def _check_alive(self) -> None:
        silent = 0.0 if self.link.paused else self._loop.time() - self.link.last_seen
        if silent >= self._patience:
            log.warning("closing client %r: silent for %.1f s", self.client_id, silent)
            self.link.close(DisconnectReason.MQTT_KEEP_ALIVE_TIMEOUT, abort=True)
        else:
            self._watch(self._patience - silent)
