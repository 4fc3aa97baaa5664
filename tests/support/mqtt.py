"""Huawei devices' MQTT clients, as the authorizer, the topic rule and the presence rule show them."""

import base64
import hashlib
import hmac
import itertools
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

_numbers = itertools.count(1)


def stamp(hours: int = 0) -> str:
    from chalicelib.core import clock

    return datetime.fromtimestamp(clock.now() / 1000 + hours * 3600, UTC).strftime("%Y%m%d%H")


@dataclass
class Mqtt:
    """`name` is a device id (kind 0) or a node id (kind 2)."""

    name: str
    secret: str
    kind: int = 0
    mode: int = 1
    stamp: str = field(default_factory=stamp)
    session: str = ""

    @property
    def client(self) -> str:
        return f"{self.name}_{self.kind}_{self.mode}_{self.stamp}"

    @property
    def password(self) -> str:
        return hmac.new(self.stamp.encode(), self.secret.encode(), hashlib.sha256).hexdigest()

    def authorize(self, **changed: str) -> dict[str, Any]:
        from chalicelib.handlers.authorizer import authorize

        given = {"clientId": self.client, "username": self.name, "password": self.password, **changed}
        given["password"] = base64.b64encode(given["password"].encode()).decode()
        return authorize({"protocolData": {"mqtt": given}})

    def connect(self, address: str | None = None) -> str:
        """Admitted and announced, from this IP address; answers the broker's session id."""
        assert self.authorize()["isAuthenticated"]
        self.session = f"session-{next(_numbers)}"
        presence(self.client, self.session, "connected", address=address)
        return self.session

    def disconnect(self) -> None:
        """Announced; what it means is judged by a job in the work queue."""
        presence(self.client, self.session, "disconnected")

    def publish(
        self,
        payload: Any,
        *,
        topic_id: str | None = None,
        codec: str = "json",
        at: int | None = None,
        message: str | None = None,
    ) -> None:
        """A payload that is no bytes is sent as JSON."""
        publish(self.client, f"/huawei/v1/devices/{topic_id or self.name}/data/{codec}", payload, at, message)

    def report(self, service: str, values: dict[str, Any], event_time: Any = None, **how: Any) -> None:
        data = {"serviceId": service, "serviceData": values}
        if event_time is not None:
            data["eventTime"] = event_time
        self.publish({"msgType": "deviceReq", "data": [data]}, **how)


def publish(client: str, topic: str, payload: Any, at: int | None = None, message: str | None = None) -> None:
    from chalicelib.core import clock
    from chalicelib.handlers.iot import ingest

    raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    ingest(
        {
            "payload": base64.b64encode(raw).decode(),
            "topic": topic,
            "client": client,
            "at": clock.now() if at is None else at,
            "id": message or f"message-{next(_numbers)}",
        }
    )


def presence(client: str, session: str, kind: str, at: int | None = None, address: str | None = None) -> None:
    from chalicelib.core import clock
    from chalicelib.handlers import iot

    iot.presence(
        {
            "clientId": client,
            "timestamp": clock.now() if at is None else at,
            "eventType": kind,
            "sessionIdentifier": session,
            "principalIdentifier": "p",
            "versionNumber": 0,
            **({"ipAddress": address} if address is not None else {}),
        }
    )
