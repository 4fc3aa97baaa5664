"""The broker's heart: who is connected, who subscribed to what, and where a message goes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from infra.local.broker import packets, presence, sql
from infra.local.broker.admission import admit
from infra.local.broker.client import Client
from infra.local.broker.invoker import Invoke, Invoker
from infra.local.broker.limits import Limits
from infra.local.broker.link import FLUSH_SECONDS, Link
from infra.local.broker.packets import ConnackCode, Connect
from infra.local.broker.presence import DisconnectReason, Identity
from infra.local.broker.retained import RetainedMessages
from infra.local.broker.rules import RuleSet, TopicRule
from infra.local.broker.session import Message, Session
from infra.local.broker.topics import SubscriptionIndex

log = logging.getLogger(__name__)

AUTHORIZER_WORKERS = 8


@dataclass(slots=True)
class Record:
    """What is known of a client id, until `session_expiry` after its last connection."""

    version: int = -1
    client: Client | None = None
    session: Session | None = None
    clean: bool = True
    requested_keep_alive: int = 0
    connected_at: int = 0
    disconnected_at: int = 0
    reason: DisconnectReason | None = None
    expiry: asyncio.TimerHandle | None = None


class Hub:
    """All state of the broker. Lives on the event loop's thread and is never touched from another."""

    def __init__(
        self,
        *,
        invoke: Invoke,
        invoker: Invoker,
        rules: Iterable[TopicRule],
        limits: Limits,
        authorizer: str,
        server_name: str,
        arn_prefix: str,
        clock: Callable[[], float],
    ) -> None:
        self.invoke = invoke
        self.limits = limits
        self.authorizer = authorizer
        self.server_name = server_name
        self.arn_prefix = arn_prefix
        self.authorizers = ThreadPoolExecutor(AUTHORIZER_WORKERS, thread_name_prefix="broker-authorizer")
        self.links: set[Link] = set()
        self.parked: set[Client] = set()
        self.records: dict[str, Record] = {}
        self.retained = RetainedMessages()
        self._index = SubscriptionIndex(hash_matches_parent=limits.hash_matches_parent)
        self._rules = RuleSet(rules, hash_matches_parent=limits.hash_matches_parent)
        self._invoker = invoker
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()
        self._deserted = asyncio.Event()
        invoker.on_room = self._unpark

    @property
    def saturated(self) -> bool:
        """Whether rule invocations are so far behind that publishers must wait."""
        return self._invoker.saturated

    def now_ms(self) -> int:
        """The injected clock, in the milliseconds AWS speaks."""
        return int(self._clock() * 1000)

    def link_lost(self, link: Link) -> None:
        """A socket is gone for good."""
        self.links.discard(link)
        if not self.links:
            self._deserted.set()

    def admit(self, link: Link, connect: Connect) -> None:
        """Decide about a CONNECT without blocking the loop."""
        self._spawn(admit(self, link, connect))

    def attach(self, client: Client) -> None:
        """Let an authorized client in: take over its id, resume its session, tell the world."""
        record = self.records.setdefault(client.client_id, Record())
        if record.client is not None:
            record.client.link.close(DisconnectReason.DUPLICATE_CLIENTID)
        if record.expiry is not None:
            record.expiry.cancel()
            record.expiry = None
        present = record.session is not None and not client.clean
        if record.session is not None and present:
            client.session = record.session
        else:
            self._drop_session(record)
        record.session, record.client, record.clean = client.session, client, client.clean
        record.requested_keep_alive = client.requested_keep_alive
        record.version += 1
        record.connected_at = self.now_ms()
        client.identity.version = record.version
        client.link.accept(client)
        client.link.write(packets.connack(ConnackCode.ACCEPTED, session_present=present))
        client.session.reconnect()
        client.pump()
        self._announce(client.client_id, presence.connected(client.identity, record.connected_at))

    def detach(self, client: Client, reason: DisconnectReason, *, will: bool) -> None:
        """A client's link closed: keep or drop its session, publish its will, tell the world."""
        self.parked.discard(client)
        record = self.records[client.client_id]
        record.client = None
        record.reason = reason
        record.disconnected_at = self.now_ms()
        client.session.disconnect()
        if client.clean:
            self._drop_session(record)
        record.expiry = asyncio.get_running_loop().call_later(
            self.limits.session_expiry, self._expire, client.client_id
        )
        clean_exit = reason is DisconnectReason.CLIENT_INITIATED_DISCONNECT
        if client.will is not None and will and not clean_exit:
            topic, payload, qos, retain = client.will
            self.publish(Message(topic, payload, min(qos, 1), client.client_id), retain=retain)
        self._announce(
            client.client_id, presence.disconnected(client.identity, record.disconnected_at, reason)
        )

    def connect_failed(self, identity: Identity) -> None:
        """An authenticated client was refused by its own policy."""
        self._announce(identity.client_id, presence.connect_failed(identity, self.now_ms()))

    def forget_session(self, client_id: str) -> None:
        """Delete a client's persistent session, connected or not."""
        self._drop_session(self.records[client_id])

    def publish(self, message: Message, *, retain: bool = False) -> None:
        """Route an accepted message: retained store, subscribers, topic rules."""
        if retain:
            self.retained.store(message, self.now_ms())
        for client_id, qos in self._index.subscribers(message.topic).items():
            self._deliver(client_id, message, min(qos, message.qos))
        rules = self._rules.matching(message.topic)
        if rules:
            seen = sql.Message(message.topic, message.payload, message.client_id, self.now_ms())
            for rule in rules:
                self._run_rule(rule, seen)

    def subscribe(self, session: Session, topic_filter: str, qos: int) -> None:
        """Add or change a subscription."""
        session.subscriptions[topic_filter] = qos
        self._index.add(topic_filter, session.client_id, qos)

    def unsubscribe(self, session: Session, topic_filter: str) -> None:
        """Drop a subscription, if there is one."""
        if session.subscriptions.pop(topic_filter, None) is not None:
            self._index.remove(topic_filter, session.client_id)

    def send_retained(self, client: Client, topic_filter: str, qos: int) -> None:
        """What a new subscription gets at once."""
        for message in self.retained.matching(
            topic_filter,
            wildcards=self.limits.retained_on_wildcards,
            hash_matches_parent=self.limits.hash_matches_parent,
        ):
            client.deliver(message, min(qos, message.qos), retain=True)

    async def close(self) -> None:
        """Disconnect everybody."""
        for link in list(self.links):
            link.close(DisconnectReason.SERVER_INITIATED_DISCONNECT)
        await self._flushed()
        for record in self.records.values():
            if record.expiry is not None:
                record.expiry.cancel()
        if self._tasks:
            for task in self._tasks:
                task.cancel()
            await asyncio.wait(self._tasks)
        self.authorizers.shutdown(wait=False, cancel_futures=True)

    async def _flushed(self) -> None:
        if not self.links:
            return
        self._deserted.clear()
        try:
            await asyncio.wait_for(self._deserted.wait(), FLUSH_SECONDS)
        except TimeoutError:
            log.warning("%d clients did not take their last bytes", len(self.links))
            for link in list(self.links):
                link.transport.abort()
            await self._deserted.wait()

    def _deliver(self, client_id: str, message: Message, qos: int) -> None:
        record = self.records[client_id]
        if record.client is not None:
            record.client.deliver(message, qos)
        elif qos and record.session is not None and not record.session.enqueue(message):
            log.warning("dropped for the offline client %r: its queue is full", client_id)

    def _run_rule(self, rule: TopicRule, message: sql.Message) -> None:
        try:
            event = rule.statement.evaluate(message)
        except sql.SqlError as error:
            # On AWS the rule's error action; a log line is ours.
            log.error("rule %s failed: %s", rule.name, error)
            return
        if event is not None:
            for function in rule.functions:
                self._invoker.submit(function, event)

    def _announce(self, client_id: str, event: presence.Event) -> None:
        if presence.has_events(client_id):
            topic, payload = event
            self.publish(Message(topic, payload, 1, None))

    def _drop_session(self, record: Record) -> None:
        session, record.session = record.session, None
        if session is not None:
            for topic_filter in list(session.subscriptions):
                self.unsubscribe(session, topic_filter)

    def _expire(self, client_id: str) -> None:
        self._drop_session(self.records.pop(client_id))

    def _unpark(self) -> None:
        for client in list(self.parked):
            client.unpark()

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
