"""Request bodies: by length or in chunks, never above API Gateway's 10 MB."""

import http
import re
import socket
from collections.abc import Mapping
from typing import IO

LARGEST_BODY = 10 * 1024 * 1024
_LONGEST_LINE = 8192
_LINGER_SECONDS, _LINGER_BYTES = 2.0, 64 * 1024 * 1024


class BodyError(Exception):
    """The body is not to be read; `status` and the text are the answer."""

    def __init__(self, status: http.HTTPStatus, text: str) -> None:
        super().__init__(text)
        self.status = status


def _bad(text: str) -> BodyError:
    return BodyError(http.HTTPStatus.BAD_REQUEST, text)


_TOO_LONG = "Request Too Long"


def declared_length(headers: Mapping[str, str]) -> int | None:
    """Content-Length, or None for a chunked body. Raises BodyError."""
    length, coding = headers.get("Content-Length"), headers.get("Transfer-Encoding")
    if coding is not None:
        if coding.strip().lower() != "chunked":
            raise BodyError(http.HTTPStatus.LENGTH_REQUIRED, "Content-Length required")
        if length is not None:
            # two framings: what follows could be read as another request
            raise _bad("Content-Length and Transfer-Encoding exclude each other")
        return None
    if length is None:
        return 0
    if not re.fullmatch(r"[0-9]{1,18}", length.strip()):
        raise _bad("Content-Length is no number")
    if int(length) > LARGEST_BODY:
        raise BodyError(http.HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _TOO_LONG)
    return int(length)


def read_body(stream: IO[bytes], headers: Mapping[str, str]) -> bytes | None:
    """The whole body, None where there is none. Raises BodyError; ConnectionError where the client went."""
    length = declared_length(headers)
    if length is None:
        return _chunks(stream) or None
    if length == 0:
        return None
    return _exactly(stream, length)


def _exactly(stream: IO[bytes], length: int) -> bytes:
    body = stream.read(length)
    if len(body) < length:
        raise ConnectionResetError("the client went before its body ended")
    return body


def _line(stream: IO[bytes]) -> bytes:
    line = stream.readline(_LONGEST_LINE)
    if not line.endswith(b"\n"):
        raise _bad("a chunk is not framed as one")
    return line.rstrip(b"\r\n")


def _chunks(stream: IO[bytes]) -> bytes:
    parts: list[bytes] = []
    total = 0
    while True:
        size_text = _line(stream).partition(b";")[0].strip()
        if not re.fullmatch(rb"[0-9A-Fa-f]{1,8}", size_text):
            raise _bad("a chunk is not framed as one")
        size = int(size_text, 16)
        total += size
        if total > LARGEST_BODY:
            raise BodyError(http.HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _TOO_LONG)
        if size == 0:
            break
        parts.append(_exactly(stream, size))
        if _line(stream):
            raise _bad("a chunk is not framed as one")
    while _line(stream):
        pass  # trailers
    return b"".join(parts)


def drain(connection: socket.socket) -> None:
    """End our side, then throw away what is under way.

    Closing at once with data unread would reset the connection, and the client would lose the answer.
    """
    try:
        connection.shutdown(socket.SHUT_WR)
        connection.settimeout(_LINGER_SECONDS)
        left = _LINGER_BYTES
        while left > 0 and (part := connection.recv(65536)):
            left -= len(part)
    except OSError:
        return  # the client is gone or silent: nobody waits for the answer any more
