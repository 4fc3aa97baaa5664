"""Lifecycle events: what IoT Core publishes when a client comes, goes or is refused.

Source: AWS IoT developer guide, "Lifecycle events".
"""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Any

_TOPIC = "$aws/events/presence/{event}/{client_id}"


class DisconnectReason(StrEnum):
    """Why a connection ended, in the words of the "disconnected" event."""

    AUTH_ERROR = "AUTH_ERROR"
    CLIENT_INITIATED_DISCONNECT = "CLIENT_INITIATED_DISCONNECT"
    CLIENT_ERROR = "CLIENT_ERROR"
    CONNECTION_LOST = "CONNECTION_LOST"
    DUPLICATE_CLIENTID = "DUPLICATE_CLIENTID"
    MQTT_KEEP_ALIVE_TIMEOUT = "MQTT_KEEP_ALIVE_TIMEOUT"
    SERVER_ERROR = "SERVER_ERROR"
    SERVER_INITIATED_DISCONNECT = "SERVER_INITIATED_DISCONNECT"
    API_INITIATED_DISCONNECT = "API_INITIATED_DISCONNECT"
    THROTTLED = "THROTTLED"
    CUSTOMAUTH_TTL_EXPIRATION = "CUSTOMAUTH_TTL_EXPIRATION"


class Identity:
    """Who a connection is, the same in all its events."""

    __slots__ = ("client_id", "ip_address", "principal_id", "session_id", "version")

    def __init__(self, client_id: str, principal_id: str, session_id: str, ip_address: str) -> None:
        self.client_id = client_id
        self.principal_id = principal_id
        self.session_id = session_id
        self.ip_address = ip_address
        self.version = 0


Event = tuple[str, bytes]
"""Topic and payload."""


def has_events(client_id: str) -> bool:
    """Whether the client gets lifecycle events: not when its id would put a wildcard into their topic."""
    return "#" not in client_id and "+" not in client_id


def connected(identity: Identity, now_ms: int) -> Event:
    """A client connected."""
    return _event(
        identity,
        "connected",
        now_ms,
        ipAddress=identity.ip_address,
        versionNumber=identity.version,
    )


def disconnected(identity: Identity, now_ms: int, reason: DisconnectReason) -> Event:
    """A client left; the version number is that of its "connected" event."""
    return _event(
        identity,
        "disconnected",
        now_ms,
        clientInitiatedDisconnect=reason is DisconnectReason.CLIENT_INITIATED_DISCONNECT,
        disconnectReason=reason.value,
        versionNumber=identity.version,
    )


def connect_failed(identity: Identity, now_ms: int) -> Event:
    """An authenticated client whose policy forbids the connection or its will."""
    return _event(
        identity,
        "connect_failed",
        now_ms,
        connectFailureReason="AUTHORIZATION_FAILED",
        ipAddress=identity.ip_address,
    )


def _event(identity: Identity, event: str, now_ms: int, **fields: Any) -> Event:
    document = {
        "clientId": identity.client_id,
        "timestamp": now_ms,
        "eventType": event,
        "sessionIdentifier": identity.session_id,
        "principalIdentifier": identity.principal_id,
        **fields,
    }
    return _TOPIC.format(event=event, client_id=identity.client_id), json.dumps(document).encode()
