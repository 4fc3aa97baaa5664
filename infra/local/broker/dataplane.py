"""IoT Core's data plane over HTTP, in the shapes of botocore's `iot-data` model.

Signatures are not checked: whoever reaches the loopback port may call.

    ApiError
    ├── 400 InvalidRequestException
    ├── 403 ForbiddenException          the receiver's policy has no iot:Receive on the topic
    ├── 404 ResourceNotFoundException   no such connection, or no such retained message
    ├── 405 MethodNotAllowedException   no such operation
    ├── 413 RequestEntityTooLargeException
    ├── 429 ThrottlingException         the receiver has too many unacknowledged messages
    ├── 500 InternalFailureException    a defect of this broker
    └── 504 GatewayTimeoutException     no PUBACK in time, or the client left before it
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import uuid
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import unquote

from infra.local.broker import packets
from infra.local.broker.checks import publish_problem
from infra.local.broker.client import Client
from infra.local.broker.http_server import Request, Response
from infra.local.broker.hub import Hub
from infra.local.broker.packets import Publish
from infra.local.broker.paging import page
from infra.local.broker.presence import DisconnectReason
from infra.local.broker.session import Message
from infra.local.broker.topics import valid_topic

log = logging.getLogger(__name__)

DEFAULT_CONFIRMATION_SECONDS = 5

_NOT_CONNECTED = "The target client ID is not connected"
_OFFLINE = "The target client ID is not connected, but it has an active persistent session"


class ApiError(Exception):
    """An answer other than success: status, AWS's error type, message."""

    def __init__(self, status: int, error_type: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.error_type = error_type


class DataPlane:
    """One method for each operation; `handle` finds it."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def handle(self, request: Request) -> Response:
        """Answer a request, errors included."""
        trace_id = str(uuid.uuid4())
        try:
            operation, subject = self._route(request)
            result = await operation(request, subject)
        except ApiError as error:
            return _failure(error, trace_id)
        except Exception:
            log.exception("the data plane failed on %s %s", request.method, request.path)
            return _failure(ApiError(500, "InternalFailureException", "see the broker's log"), trace_id)
        return _response(
            200, {**result, "traceId": trace_id} if "message" in result else result, trace_id, {}
        )

    def _route(self, request: Request) -> tuple[Callable[[Request, str], Awaitable[dict[str, Any]]], str]:
        root, *rest = request.path.strip("/").split("/")
        if root == "topics" and rest:
            # A topic may come with its slashes encoded, as SDKs do, or plain, as in the documentation.
            rest = ["/".join(rest)]
        if root == "retainedMessage" and rest:
            rest = ["/".join(rest)]
        shape = "/".join(
            [request.method, root, *("{}" if index == 0 else part for index, part in enumerate(rest))]
        )
        operations = {
            "POST/connections/{}/messages": self._send_direct_message,
            "DELETE/connections/{}": self._delete_connection,
            "GET/connections/{}": self._get_connection,
            "GET/connections/{}/subscriptions": self._list_subscriptions,
            "POST/topics/{}": self._publish,
            "GET/retainedMessage/{}": self._get_retained,
            "GET/retainedMessage": self._list_retained,
        }
        if shape not in operations:
            raise ApiError(
                405, "MethodNotAllowedException", f"No operation for {request.method} {request.path}"
            )
        return operations[shape], unquote(rest[0]) if rest else ""

    async def _send_direct_message(self, request: Request, client_id: str) -> dict[str, Any]:
        topic = request.query.get("topic", "")
        self._check_message(topic, request.body)
        confirmation = _flag(request, "confirmation")
        timeout = _integer(
            request, "timeout", DEFAULT_CONFIRMATION_SECONDS, 1, self._hub.limits.direct_timeout_max
        )
        client = self._connected(client_id)
        if not client.policy.may_receive(topic):
            raise ApiError(403, "ForbiddenException", f"The receiver has no iot:Receive on {topic}")
        if confirmation:
            await _send_confirmed(client, topic, request.body, timeout)
        else:
            client.link.write(packets.publish(Publish(topic, request.body, 0, False, False, 0)))
        return {"message": "OK"}

    async def _delete_connection(self, request: Request, client_id: str) -> dict[str, Any]:
        clean_session = _flag(request, "cleanSession")
        prevent_will = _flag(request, "preventWillMessage")
        client = self._connected(client_id)
        client.link.close(DisconnectReason.API_INITIATED_DISCONNECT, will=not prevent_will)
        if clean_session:
            self._hub.forget_session(client_id)
        return {}

    async def _get_connection(self, request: Request, client_id: str) -> dict[str, Any]:
        record = self._hub.records.get(_client_id(client_id))
        if record is None:
            raise ApiError(404, "ResourceNotFoundException", _NOT_CONNECTED)
        found: dict[str, Any] = {
            "clientId": client_id,
            "connected": record.client is not None,
            "cleanSession": record.clean,
            "keepAliveDuration": record.requested_keep_alive,
            "sessionExpiry": 0 if record.clean else int(self._hub.limits.session_expiry),
        }
        if record.client is None:
            found |= {"disconnectedSince": record.disconnected_at, "disconnectReason": record.reason}
            return found
        found["connectedSince"] = record.connected_at
        if _flag(request, "includeSocketInformation"):
            found["sourceIp"], found["sourcePort"] = record.client.link.address("peername")
            found["targetIp"], found["targetPort"] = record.client.link.address("sockname")
        return found

    async def _list_subscriptions(self, request: Request, client_id: str) -> dict[str, Any]:
        record = self._hub.records.get(_client_id(client_id))
        if record is None or record.session is None:
            raise ApiError(404, "ResourceNotFoundException", _NOT_CONNECTED)
        subscriptions = record.session.subscriptions
        chosen, token = _page(request, sorted(subscriptions))
        listed = [{"topicFilter": name, "qos": subscriptions[name]} for name in chosen]
        return {"subscriptions": listed, **token}

    async def _publish(self, request: Request, topic: str) -> dict[str, Any]:
        qos = _integer(request, "qos", 0, 0, 1)
        self._check_message(topic, request.body)
        message = Message(topic, request.body, qos, None)
        self._hub.publish(message, retain=_flag(request, "retain"))
        return {"message": "OK"}

    async def _get_retained(self, _: Request, topic: str) -> dict[str, Any]:
        found = self._hub.retained.get(topic)
        if found is None:
            raise ApiError(404, "ResourceNotFoundException", f"No retained message on {topic}")
        message, stored_at = found
        payload = base64.b64encode(message.payload).decode()
        return {"topic": topic, "payload": payload, "qos": message.qos, "lastModifiedTime": stored_at}

    async def _list_retained(self, request: Request, _: str) -> dict[str, Any]:
        chosen, token = _page(request, self._hub.retained.topics())
        summaries = []
        for topic in chosen:
            found = self._hub.retained.get(topic)
            if found is not None:
                message, stored_at = found
                summaries.append(
                    {
                        "topic": topic,
                        "payloadSize": len(message.payload),
                        "qos": message.qos,
                        "lastModifiedTime": stored_at,
                    }
                )
        return {"retainedTopics": summaries, **token}

    def _connected(self, client_id: str) -> Client:
        record = self._hub.records.get(_client_id(client_id))
        if record is None or record.client is None:
            offline = record is not None and record.session is not None
            raise ApiError(404, "ResourceNotFoundException", _OFFLINE if offline else _NOT_CONNECTED)
        return record.client

    def _check_message(self, topic: str, payload: bytes) -> None:
        if len(payload) > self._hub.limits.message_bytes:
            raise ApiError(413, "RequestEntityTooLargeException", f"Payload of {len(payload)} bytes")
        if not valid_topic(topic) or topic.startswith("$"):
            raise ApiError(400, "InvalidRequestException", f"Topic {topic!r} is reserved or not valid")
        problem = publish_problem(self._hub.limits, topic, payload, 0)
        if problem is not None:
            raise ApiError(400, "InvalidRequestException", problem)


async def _send_confirmed(client: Client, topic: str, payload: bytes, timeout: int) -> None:
    if not client.session.window_open or client.link.congested:
        raise ApiError(429, "ThrottlingException", "The receiver has too many unacknowledged messages")
    confirmation = asyncio.get_running_loop().create_future()
    packet = client.session.start_direct(topic, payload, confirmation)
    client.link.write(packets.publish(packet))
    try:
        await asyncio.wait_for(confirmation, timeout)
    except (TimeoutError, ConnectionResetError) as error:
        # Either way nobody knows whether the client took it.
        raise ApiError(504, "GatewayTimeoutException", "The receiver did not send a PUBACK") from error


def _client_id(client_id: str) -> str:
    if not client_id or client_id.startswith("$") or len(client_id) > 128:
        raise ApiError(400, "InvalidRequestException", f"Client ID {client_id!r} is not valid")
    return client_id


def _page(request: Request, items: list[str]) -> tuple[list[str], dict[str, str]]:
    size = _integer(request, "maxResults", 20, 1, 200)
    try:
        return page(items, request.query.get("nextToken"), size)
    except ValueError as error:
        raise ApiError(400, "InvalidRequestException", "nextToken is not valid") from error


def _flag(request: Request, name: str) -> bool:
    value = request.query.get(name, "false").lower()
    if value not in ("true", "false"):
        raise ApiError(400, "InvalidRequestException", f"{name} must be true or false")
    return value == "true"


def _integer(request: Request, name: str, default: int, low: int, high: int) -> int:
    raw = request.query.get(name, str(default))
    if not raw.isascii() or not raw.isdigit() or not low <= int(raw) <= high:
        raise ApiError(400, "InvalidRequestException", f"{name} must be an integer from {low} to {high}")
    return int(raw)


def _failure(error: ApiError, trace_id: str) -> Response:
    body = {"message": str(error), "traceId": trace_id}
    return _response(error.status, body, trace_id, {"x-amzn-ErrorType": error.error_type})


def _response(status: int, body: dict[str, Any], trace_id: str, headers: dict[str, str]) -> Response:
    common = {"Content-Type": "application/json", "x-amzn-RequestId": trace_id}
    return Response(status, common | headers, json.dumps(body).encode())
