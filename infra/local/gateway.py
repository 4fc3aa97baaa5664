"""API Gateway's part between a parsed HTTP request and the Chalice app, on Chalice's own LocalGateway."""

import base64
import time
import uuid
from typing import Any
from urllib.parse import urlsplit

from chalice.app import Chalice
from chalice.local import LambdaEventConverter, LocalChalice, LocalGateway, LocalGatewayAuthorizer

from infra.local.functions import Context
from infra.local.routes import RouteMatcher

Headers = dict[str, str]


def isolate_requests(app: Chalice) -> Chalice:
    """Give every thread its own `current_request`: Lambda serves one request at a time, we do not."""
    if not isinstance(app, LocalChalice):
        app.__class__ = type("ThreadedChalice", (LocalChalice, app.__class__), {})
    return app


def origin_form(target: str) -> str:
    """The request target as path and query; a proxy's client sends a whole URL."""
    if target.startswith("/"):
        return target
    parts = urlsplit(target)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


class EventConverter(LambdaEventConverter):
    """Builds the event of a REST API's Lambda proxy integration."""

    def create_lambda_event(
        self, method: str, path: str, headers: Headers, body: bytes | None = None
    ) -> dict[str, Any]:
        event: dict[str, Any] = super().create_lambda_event(method, path, headers)
        plain = path.partition("?")[0]
        event.update(resource=event["requestContext"]["resourcePath"], path=plain, httpMethod=method)
        event["requestContext"].update(
            accountId="000000000000",
            apiId="local",
            stage="local",
            protocol="HTTP/1.1",
            path=plain,
            requestId=str(uuid.uuid4()),
            requestTimeEpoch=int(time.time() * 1000),
        )
        event["isBase64Encoded"] = body is not None and self._is_binary(event["headers"])
        event["body"] = self._text(body, event["isBase64Encoded"])
        return event

    def _is_binary(self, headers: Headers) -> bool:
        media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        return media_type in self._binary_types

    def _text(self, body: bytes | None, encoded: bool) -> str | None:
        if body is None:
            return None
        # API Gateway passes what is no binary type on as text, mending what is no UTF-8
        return base64.b64encode(body).decode("ascii") if encoded else body.decode("utf-8", "replace")


class Gateway(LocalGateway):
    """LocalGateway without the parts that Chalice builds anew for every connection."""

    def __init__(self, app: Chalice) -> None:
        self._app_object = isolate_requests(app)
        self.event_converter = EventConverter(RouteMatcher(app.routes), app.api.binary_types)
        self._authorizer = LocalGatewayAuthorizer(app)
        self.client = "127.0.0.1"

    def of_client(self, address: str) -> "Gateway":
        """The gateway as one connection sees it; routes and app are shared."""
        own = Gateway.__new__(Gateway)
        own.__dict__.update(self.__dict__, client=address)
        return own

    def _generate_lambda_context(self) -> Context:  # type: ignore[override]
        return Context("api_handler")

    def _generate_lambda_event(
        self, method: str, path: str, headers: Headers, body: bytes | None
    ) -> dict[str, Any]:
        event = self.event_converter.create_lambda_event(method, path, headers, body)
        identity = {"sourceIp": self.client, "userAgent": event["headers"].get("user-agent")}
        event["requestContext"]["identity"] = identity
        return event
