"""Messages and presence of devices, as IoT Core's topic rules bring them.

The device is who the session says, never what the topic text says.
"""

import base64
from collections.abc import Mapping
from importlib import import_module
from time import perf_counter
from typing import Any

from .. import context, metrics
from ..core import links
from ..metrics import count
from . import wiring

# by first level of the topic
DIALECTS = {"huawei": "huawei", "shadow": "shadow", "sys": "feiyan", "ota": "feiyan", "ext": "feiyan"}
CONNECTED, DISCONNECTED = "connected", "disconnected"
MESSAGE = "device_message"  # its name among the operations


def ingest(event: Mapping[str, Any]) -> None:
    """`{payload (base64), topic, client, at (ms), id}`; harmless to repeat."""
    began, status = perf_counter(), metrics.SERVER_ERROR
    context.begin(request=event["id"], operation=MESSAGE)
    try:
        _ingest(event)
        status = metrics.TAKEN
    finally:
        dialect = context.current().get("dialect", "unknown")
        metrics.request(dialect, MESSAGE, status, (perf_counter() - began) * 1000)


def _ingest(event: Mapping[str, Any]) -> None:
    wiring.wire()
    topic, client = str(event["topic"]), str(event["client"])
    dialect = DIALECTS.get(topic.strip("/").partition("/")[0])
    session = links.session_of(client)
    if dialect is None or session is None or session.dialect != dialect:
        count("DeviceMessageRefused", reason="no session")
        return
    context.note(dialect=dialect, tenant=session.tenant, device=session.device)
    speaks = "channel" if session.channel else "device"
    handle = import_module(f"chalicelib.dialects.{dialect}.{speaks}").handle
    message = (topic, base64.b64decode(event["payload"]), int(event["at"]), str(event["id"]))
    if handle(session, *message):
        return
    # the client may be another device's by now: deleted and registered again, say
    anew = links.session_of(client, anew=True)
    if anew is None or anew.device == session.device or not handle(anew, *message):
        count("DeviceMessageRefused", reason="not the device's own")


def presence(event: Mapping[str, Any]) -> None:
    """AWS's presence event; may come late, twice and out of order."""
    wiring.wire()
    context.begin(operation="presence")
    client, session = str(event.get("clientId", "")), str(event.get("sessionIdentifier", ""))
    kind, at = event.get("eventType"), int(event.get("timestamp") or 0)
    if kind == CONNECTED:
        links.connected(client, session, at, str(event.get("ipAddress") or ""))
    elif kind == DISCONNECTED:
        links.disconnected(client, session, at)
