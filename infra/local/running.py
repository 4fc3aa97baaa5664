"""How other programs find a running local cloud: the environment that leads to it, in `.local/cloud.env`.

The file is shell syntax, so that `set -a; . .local/cloud.env` lets any AWS tool look into the local cloud.
It stays behind after a crash, so whoever reads it is also told whether something answers there.
"""

import os
import shlex
import socket
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from infra.local.state import write_private

NAMES = (
    "POLYTHING_STAGE",
    "POLYTHING_PREFIX",
    "POLYTHING_ACCOUNT",
    "POLYTHING_QUEUE_BASE",
    "POLYTHING_PACKAGES",
    "POLYTHING_DATA_KEY",
    "POLYTHING_CALLBACK_ALLOW",
    "POLYTHING_CODE_SENDER",
    "POLYTHING_DEEP_TOPICS",
    "POLYTHING_MQTT_ENDPOINT",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
)
ENDPOINTS = "AWS_ENDPOINT_URL"
CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
FAKE = "local"
TABLES = ("AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL")
PROBE_SECONDS = 2.0


def announce(state: Path, env: Mapping[str, str] = os.environ) -> None:
    """Write what leads to the cloud that this process runs; an operator's own credentials are left out."""
    values = {name: env[name] for name in sorted(env) if name in NAMES or name.startswith(ENDPOINTS)}
    if env.get(CREDENTIALS[0]) == FAKE:
        values |= {name: env[name] for name in CREDENTIALS}
    lines = (f"{name}={shlex.quote(value)}\n" for name, value in values.items())
    write_private(_file(state), "".join(lines))


def find(state: Path) -> dict[str, str] | None:
    """The environment of the local cloud that keeps its state there; None where none runs."""
    try:
        text = _file(state).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    pairs = (word.partition("=") for word in shlex.split(text))
    values = {name: value for name, _, value in pairs}
    tables = next((values[name] for name in TABLES if name in values), "")
    return values if answers(tables) else None


def answers(url: str) -> bool:
    """Whether something listens where the URL leads."""
    parts = urlsplit(url)
    if not parts.hostname:
        return False
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
    try:
        socket.create_connection((parts.hostname, port), PROBE_SECONDS).close()
    except OSError:
        return False
    return True


def _file(state: Path) -> Path:
    return state / "cloud.env"
