"""Messages and presence of devices, as IoT Core's topic rules bring them.

The device is who the session says, never what the topic text says.
"""

import base64
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from ..core import links
from ..metrics import count
from . import wiring

DIALECTS = {"huawei": "huawei"}  # by first level of the topic
CONNECTED, DISCONNECTED = "connected", "disconnected"


def ingest(event: Mapping[str, Any]) -> None:
    """`{payload (base64), topic, client, at (ms), id}`; harmless to repeat."""
    wiring.wire()
    topic = str(event["topic"])
    dialect = DIALECTS.get(topic.strip("/").partition("/")[0])
    session = links.session_of(str(event["client"]))
    if dialect is None or session is None or session.dialect != dialect:
        count("DeviceMessageRefused", reason="no session")
        return
    device = import_module(f"chalicelib.dialects.{dialect}.device")
    device.handle(session, topic, base64.b64decode(event["payload"]), int(event["at"]), str(event["id"]))


def presence(event: Mapping[str, Any]) -> None:
    """AWS's presence event; may come late, twice and out of order."""
    wiring.wire()
    client, session = str(event.get("clientId", "")), str(event.get("sessionIdentifier", ""))
    kind = event.get("eventType")
    if kind == CONNECTED:
        links.connected(client, session)
    elif kind == DISCONNECTED:
        links.disconnected(client, session, int(event.get("timestamp", 0)))
