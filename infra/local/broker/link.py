"""One TCP connection: bytes in, bytes out, and the orderly end. What packets mean is `client.py`'s."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from infra.local.broker import packets
from infra.local.broker.decoder import Decoder, MalformedPacketError, UnsupportedProtocolError
from infra.local.broker.packets import ConnackCode, Connect, Packet
from infra.local.broker.presence import DisconnectReason

if TYPE_CHECKING:
    from infra.local.broker.client import Client
    from infra.local.broker.hub import Hub

log = logging.getLogger(__name__)

FLUSH_SECONDS = 2.0
"""How long a closing connection may take to accept its last bytes."""


class Link(asyncio.Protocol):
    """Reads packets until told to pause; `client` is set once CONNECT is accepted."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.client: Client | None = None
        self.closed = False
        self.last_seen = 0.0
        self._loop = asyncio.get_running_loop()
        # Before CONNECT is accepted nothing larger than a CONNECT may be buffered.
        self._decoder = Decoder(hub.limits.connect_bytes)
        self._transport: asyncio.Transport | None = None
        self._paused = False
        self._connecting = False
        self._draining = False
        self._connect_timer: asyncio.TimerHandle | None = None

    @property
    def transport(self) -> asyncio.Transport:
        """The connection's transport; only used once connected."""
        if self._transport is None:
            raise RuntimeError("the link is not connected")
        return self._transport

    @property
    def congested(self) -> bool:
        """Whether the client leaves so many bytes unread that nothing more should be written."""
        return self.transport.get_write_buffer_size() > self.hub.limits.outbound_buffer

    def address(self, name: str) -> tuple[str, int]:
        """IP and port of `peername` (the client) or `sockname` (the broker)."""
        found = self.transport.get_extra_info(name)
        return (str(found[0]), int(found[1])) if found else ("", 0)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the clock for CONNECT."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - create_server makes no other
        self._transport = transport
        transport.set_write_buffer_limits(high=self.hub.limits.outbound_buffer)
        self.hub.links.add(self)
        self._connect_timer = self._loop.call_later(self.hub.limits.connect_timeout, self._no_connect)

    def data_received(self, data: bytes) -> None:
        """Decode and handle what came."""
        self.last_seen = self._loop.time()
        self._decoder.feed(data)
        self._drain()

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is gone; without an earlier `close` nobody meant it to."""
        # asyncio passes on what a handler raised: that is our defect, not the network's.
        lost = exc is None or isinstance(exc, OSError)
        self.close(DisconnectReason.CONNECTION_LOST if lost else DisconnectReason.SERVER_ERROR)
        self.hub.link_lost(self)

    def resume_writing(self) -> None:
        """The client has read again: messages may be waiting for that."""
        if self.client is not None and not self.closed:
            self.client.pump()

    def pause(self) -> None:
        """Handle and read nothing more until `resume`: TCP then slows the client down."""
        self._paused = True
        if not self.closed:
            self.transport.pause_reading()

    def resume(self) -> None:
        """Go on where `pause` stopped."""
        if self.closed or not self._paused:
            return
        self._paused = False
        # The client may have been sending all along, unread.
        self.last_seen = self._loop.time()
        self.transport.resume_reading()
        self._drain()

    @property
    def paused(self) -> bool:
        """Whether the client is being held back, so that its silence means nothing."""
        return self._paused

    def accept(self, client: Client) -> None:
        """CONNECT is granted: from now on packets go to the client."""
        self.client = client
        self._decoder.max_length = self.hub.limits.packet_bytes

    def write(self, data: bytes) -> None:
        """Send; after `close` there is nobody to send to.

        Messages are held back while the link is congested, so a buffer twice the bound means a client
        that asks (pings, publishes) and never reads the answers.
        """
        if self.closed:
            return
        limits = self.hub.limits
        if self.transport.get_write_buffer_size() > 2 * limits.outbound_buffer + limits.message_bytes:
            log.warning("closing %s: it does not read what it is sent", self._who())
            self.close(DisconnectReason.THROTTLED, abort=True)
        else:
            self.transport.write(data)

    def refuse(self, code: ConnackCode) -> None:
        """Answer CONNECT with an error and hang up."""
        self.write(packets.connack(code))
        self.close(DisconnectReason.AUTH_ERROR)

    def close(self, reason: DisconnectReason, *, abort: bool = False, will: bool = True) -> None:
        """End the connection, once. `abort` drops unsent bytes, `will` false suppresses the will."""
        if self.closed:
            return
        self.closed = True
        if self._connect_timer is not None:
            self._connect_timer.cancel()
        if abort:
            self.transport.abort()
        else:
            self.transport.close()
            self._loop.call_later(FLUSH_SECONDS, self.transport.abort)
        if self.client is not None:
            self.client.ended(reason, will=will)

    def _drain(self) -> None:
        # A handler may resume this link while it handles; the outer loop goes on then.
        if self._draining:
            return
        self._draining = True
        try:
            while not (self.closed or self._paused):
                packet = self._decoder.next()
                if packet is None:
                    return
                self._handle(packet)
        except MalformedPacketError as error:
            log.warning("closing %s: %s", self._who(), error)
            self.close(DisconnectReason.CLIENT_ERROR)
        except UnsupportedProtocolError as error:
            log.warning("refusing %s: only MQTT 3.1.1 is spoken here, not %s", self._who(), error)
            self.refuse(ConnackCode.UNACCEPTABLE_PROTOCOL)
        finally:
            self._draining = False

    def _handle(self, packet: Packet) -> None:
        if self.client is not None and not isinstance(packet, Connect):
            self.client.handle(packet)
        elif isinstance(packet, Connect) and not self._connecting:
            self._connecting = True
            if self._connect_timer is not None:
                self._connect_timer.cancel()
            self.pause()
            self.hub.admit(self, packet)
        else:
            raise MalformedPacketError("CONNECT must come first, and only once")

    def _no_connect(self) -> None:
        log.warning("closing %s: no CONNECT within %s s", self._who(), self.hub.limits.connect_timeout)
        self.close(DisconnectReason.CLIENT_ERROR, abort=True)

    def _who(self) -> str:
        if self.client is not None:
            return f"client {self.client.client_id!r}"
        return "{}:{}".format(*self.address("peername"))
