"""A minimal HTTP/1.1 server for the data plane: keep-alive, Content-Length bodies, nothing else."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

log = logging.getLogger(__name__)

MAX_HEAD_BYTES = 64 * 1024


class Request(NamedTuple):
    """A request; `path` is still percent-encoded, for an encoded slash is not a separator."""

    method: str
    path: str
    query: Mapping[str, str]
    body: bytes


class Response(NamedTuple):
    """What a handler answers."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class _BadRequestError(Exception):
    """Bytes that cannot be read as a request; the connection ends after the answer."""

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status.phrase)
        self.status = status


Handler = Callable[[Request], Awaitable[Response]]


class HttpServer:
    """Serves `handle` on one port. asyncio sets TCP_NODELAY on every connection it accepts."""

    def __init__(self, handle: Handler, *, max_body: int) -> None:
        self._handle = handle
        self._max_body = max_body
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def start(self, host: str, port: int) -> int:
        """Listen; the port, chosen by the system when 0 is asked. Raises OSError."""
        self._server = await asyncio.start_server(self._serve, host, port, limit=MAX_HEAD_BYTES)
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Stop listening and drop every connection."""
        if self._server is not None:
            self._server.close()
        for task in self._connections:
            task.cancel()
        if self._connections:
            await asyncio.wait(self._connections)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine always runs in a task
        self._connections.add(task)
        try:
            await self._serve_requests(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            # The client hung up: the ordinary end of a connection.
            log.debug("a data plane client went away")
        except asyncio.CancelledError:
            # `close` cancels; asyncio's stream callback would log a re-raised cancellation as an error.
            log.debug("a data plane connection was closed by the server")
        finally:
            self._connections.discard(task)
            writer.close()

    async def _serve_requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                request, keep_alive = await self._read(reader, writer)
            except _BadRequestError as error:
                writer.write(_encode(Response(error.status, {}, b""), keep_alive=False))
                await writer.drain()
                return
            if request is None:
                return
            writer.write(_encode(await self._handle(request), keep_alive=keep_alive))
            await writer.drain()
            if not keep_alive:
                return

    async def _read(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> tuple[Request | None, bool]:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError as error:
            if error.partial:
                raise
            return None, False
        except asyncio.LimitOverrunError as error:
            raise _BadRequestError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE) from error
        method, target, version, headers = _parse_head(head)
        length = self._body_length(headers)
        if headers.get("expect", "").lower() == "100-continue":
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = await reader.readexactly(length) if length else b""
        connection = headers.get("connection", "").lower()
        keep_alive = connection != "close" if version == "HTTP/1.1" else connection == "keep-alive"
        url = urlsplit(target)
        query = dict(parse_qsl(url.query, keep_blank_values=True))
        return Request(method, url.path, query, body), keep_alive

    def _body_length(self, headers: Mapping[str, str]) -> int:
        if "transfer-encoding" in headers:
            raise _BadRequestError(HTTPStatus.LENGTH_REQUIRED)
        length = headers.get("content-length", "0")
        if not length.isascii() or not length.isdigit():
            raise _BadRequestError(HTTPStatus.BAD_REQUEST)
        if int(length) > self._max_body:
            raise _BadRequestError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        return int(length)


def _parse_head(head: bytes) -> tuple[str, str, str, dict[str, str]]:
    lines = head.decode("latin-1").split("\r\n")
    start = lines[0].split(" ")
    if len(start) != 3 or not start[2].startswith("HTTP/1."):
        raise _BadRequestError(HTTPStatus.BAD_REQUEST)
    headers: dict[str, str] = {}
    for line in lines[1:-2]:
        name, colon, value = line.partition(":")
        if not colon:
            raise _BadRequestError(HTTPStatus.BAD_REQUEST)
        headers[name.lower()] = value.strip()
    return start[0], start[1], start[2], headers


def _encode(response: Response, *, keep_alive: bool) -> bytes:
    phrase = HTTPStatus(response.status).phrase
    lines = [f"HTTP/1.1 {response.status} {phrase}"]
    lines += [f"{name}: {value}" for name, value in response.headers.items()]
    lines += [
        f"Content-Length: {len(response.body)}",
        f"Connection: {'keep-alive' if keep_alive else 'close'}",
        "",
        "",
    ]
    return "\r\n".join(lines).encode("latin-1") + response.body
