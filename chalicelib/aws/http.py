"""POST to addresses that apps have named: pinned, bounded in time and size, never redirected.

The standard library's client on a socket of ours: the connection goes to an address that was
judged, TLS is verified against the name in the URL, no proxy is asked, nothing is followed, and
one deadline covers everything, a server that sends byte by byte included.
"""

import http.client
import io
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from . import addresses
from .addresses import Endpoint

TIMEOUT = 10.0
CONNECT_WITHIN = 4.0  # s for one address, so that the next gets its chance
DRAIN_WITHIN = 1.0
MOST_BODY = 4096  # an answer's body is read only to use the connection again


class Failed(Exception):
    """No answer. `timed_out` where time was what ran out; the text names no address."""

    def __init__(self, reason: str, *, timed_out: bool = False) -> None:
        super().__init__(reason)
        self.timed_out = timed_out


@dataclass(frozen=True)
class Reply:
    """`seconds` from the start of the name look-up to the status line."""

    status: int
    seconds: float


class _Reader(io.RawIOBase):
    """Reads of a socket that all end at one deadline."""

    def __init__(self, wire: "_Wire") -> None:
        self._wire = wire

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._wire.timed().recv_into(buffer)


class _Wire:
    """What http.client needs of a socket. `deadline` is of the monotonic clock."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock = sock
        self.deadline = deadline

    def timed(self) -> socket.socket:
        self._sock.settimeout(left(self.deadline))
        return self._sock

    def sendall(self, data: Any) -> None:
        self.timed().sendall(data)

    def makefile(self, *_mode: Any) -> io.BufferedReader:
        return io.BufferedReader(_Reader(self))

    def close(self) -> None:
        self._sock.close()


class Client:
    """Posts one after the other; the connection to the last origin is kept for the next post.

    Not for several threads at once. `timeout` in s, for one post.
    """

    def __init__(self, *, timeout: float | None = None, tls: ssl.SSLContext | None = None) -> None:
        self._timeout = TIMEOUT if timeout is None else timeout
        self._tls = tls
        self._kept: tuple[str, http.client.HTTPConnection, _Wire] | None = None

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        if self._kept is not None:
            self._kept[1].close()
            self._kept = None

    def post(self, place: Endpoint, body: bytes, headers: Mapping[str, str]) -> Reply:
        """Raises addresses.Refused where the URL may not be called, Failed where no answer came."""
        began = time.monotonic()
        deadline = began + self._timeout
        try:
            status = self._kept_or_new(place, body, headers, deadline)
        except addresses.Refused:
            raise
        except TimeoutError as error:
            self.close()
            raise Failed("no answer in time", timed_out=True) from error
        except ssl.SSLError as error:
            self.close()
            raise Failed(f"TLS: {error.reason or 'failed'}") from error
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise Failed(f"the connection failed: {type(error).__name__}") from error
        return Reply(status, time.monotonic() - began)

    def _kept_or_new(self, place: Endpoint, body: bytes, headers: Mapping[str, str], deadline: float) -> int:
        if self._kept is not None and self._kept[0] == place.origin:
            try:
                return self._exchange(place, body, headers, deadline)
            except (http.client.RemoteDisconnected, ConnectionError):
                pass  # it was closed while idle, which is its right: a fresh one decides
        self.close()
        self._open(place, deadline)
        return self._exchange(place, body, headers, deadline)

    def _open(self, place: Endpoint, deadline: float) -> None:
        sock = _connected(place, deadline)
        if place.scheme == "https":
            context = self._tls or _verifying()
            sock.settimeout(left(deadline))  # the handshake as a whole
            try:
                sock = context.wrap_socket(sock, server_hostname=place.host.rstrip("."))
            except BaseException:
                sock.close()
                raise
        wire = _Wire(sock, deadline)
        connection = http.client.HTTPConnection(place.host, place.port)
        connection.sock = wire
        self._kept = (place.origin, connection, wire)

    def _exchange(self, place: Endpoint, body: bytes, headers: Mapping[str, str], deadline: float) -> int:
        assert self._kept is not None  # noqa: S101 - `_open` has just set it, for the type checker
        _, connection, wire = self._kept
        wire.deadline = deadline
        connection.request("POST", place.path, body, {"Host": place.authority, **headers})
        answer = connection.getresponse()
        if not self._drained(answer, wire):
            self.close()
        return answer.status

    def _drained(self, answer: http.client.HTTPResponse, wire: _Wire) -> bool:
        """Whether the answer was read to its end, and the connection is good for another."""
        if answer.will_close or answer.length is None or answer.length > MOST_BODY:
            return False
        wire.deadline = min(wire.deadline, time.monotonic() + DRAIN_WITHIN)
        try:
            answer.read()
        except (OSError, http.client.HTTPException):
            return False  # the status, which is all that counts, has come
        return True


def left(deadline: float) -> float:
    """Seconds until then. Raises TimeoutError at once where it is past."""
    rest = deadline - time.monotonic()
    if rest <= 0:
        raise TimeoutError("deadline")
    return rest


def _connected(place: Endpoint, deadline: float) -> socket.socket:
    """A connection to the first address of the host that takes one."""
    failure: OSError = TimeoutError("deadline")
    for address in addresses.addresses(place, left(deadline)):
        try:
            sock = socket.create_connection((address, place.port), min(left(deadline), CONNECT_WITHIN))
        except OSError as error:
            failure = error
            continue
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock
    raise failure


@cache
def _verifying() -> ssl.SSLContext:
    return ssl.create_default_context()
