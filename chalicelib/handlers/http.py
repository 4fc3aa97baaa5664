"""An HTTP request: find its dialect, let it answer.

A dialect is imported by the first request for it.
"""

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from time import perf_counter
from typing import Any

from chalice.app import Response

from .. import context, metrics
from ..version import VERSION
from ..web import request as web_request
from ..web.operations import Api
from ..web.request import Answer, Request
from ..web.serving import serve as serve_dialect

JSON = {"Content-Type": "application/json"}
OWN, UNKNOWN = "polything", "unknown"  # the dialect of the pages, and what no operation matched
PAGES = {"openapi.json", "docs"}


def serve(chalice_request: Any, dialects: Mapping[str, str]) -> Response:
    """`dialects` names the dialect of the first path segment, or of two; "" is where all others go."""
    began = perf_counter()
    request = web_request.from_gateway(chalice_request.to_original_event(), chalice_request.raw_body or b"")
    dialect = OWN if request.segments[0] in PAGES else _dialect(request, dialects)
    context.begin(request=request.request_id, dialect=dialect)
    answer = _answer(request, dialects)
    operation = context.current().get("operation", UNKNOWN)
    metrics.request(dialect, operation, answer.status, (perf_counter() - began) * 1000)
    return Response(body=answer.body.decode(), status_code=answer.status, headers=dict(answer.headers))


def _answer(request: Request, dialects: Mapping[str, str]) -> Answer:
    if request.segments == ("openapi.json",) and request.method == "GET":
        context.note(operation="openapi")
        return Answer(200, openapi(tuple(sorted(set(dialects.values())))), JSON)
    if request.segments[0] == "docs":
        from ..web import docs

        context.note(operation="docs")
        return docs.serve(request)
    return serve_dialect(api_of(_dialect(request, dialects)), request)


def _dialect(request: Request, dialects: Mapping[str, str]) -> str:
    two = "/".join(request.segments[:2])
    return dialects.get(two) or dialects.get(request.segments[0], dialects[""])


@cache
def api_of(name: str) -> Api:
    """A dialect's operations; with the first of them, what core leaves open is filled in too."""
    from . import wiring

    wiring.wire()
    api: Api = import_module(f"chalicelib.dialects.{name}.routes").api
    return api


@cache
def openapi(names: tuple[str, ...]) -> bytes:
    import msgspec

    from ..web.openapi import document

    return msgspec.json.encode(document([api_of(name) for name in names], VERSION))
