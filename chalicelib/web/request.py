"""An HTTP request and answer as the dialects see them: no Chalice, no API Gateway."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

import msgspec


class Request(msgspec.Struct, frozen=True):
    """`segments` are the decoded parts of the path; header names are lower case.

    `full_path` is the path as the client wrote it, with the stage where its URL has one.
    """

    method: str
    path: str
    segments: tuple[str, ...]
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes
    source_ip: str
    request_id: str
    full_path: str = ""

    def header(self, name: str) -> str | None:
        """By name, whatever its case; API Gateway renames some headers to `x-amzn-remapped-…`."""
        name = name.lower()
        return self.headers.get(name) or self.headers.get(f"x-amzn-remapped-{name}")


class Answer(msgspec.Struct, frozen=True):
    status: int
    body: bytes = b""
    headers: Mapping[str, str] = {}


def from_gateway(event: Mapping[str, Any], body: bytes) -> Request:
    """From API Gateway's proxy event, whose body the framework has decoded."""
    context = event["requestContext"]
    path = event.get("path") or context.get("path") or "/"
    return Request(
        method=context["httpMethod"],
        path=path,
        segments=split(path),
        query=event.get("multiValueQueryStringParameters") or {},
        headers={name.lower(): value for name, value in (event.get("headers") or {}).items()},
        body=body,
        source_ip=(context.get("identity") or {}).get("sourceIp") or "",
        request_id=context.get("requestId") or "",
        full_path=context.get("path") or path,
    )


def split(path: str) -> tuple[str, ...]:
    """A trailing slash names the same resource, as on API Gateway."""
    return tuple(unquote(part) for part in path.strip("/").split("/"))
