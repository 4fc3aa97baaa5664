"""How Huawei's devices log in over MQTT, and what they may then do.

clientId `{id}_{0|2}_{0|1}_{YYYYMMDDHH}`: 0 names the device by its id, 2 by its node id; then
whether the time is checked; then the hour, UTC, that keys the password's HMAC-SHA256 over the
device's secret. The username is the same id. Imported by the authorizer: standard library only.

Source: Huawei 2.2
"""

import hashlib
import hmac
import re
from datetime import UTC, datetime

from ...core import clock
from ...core.admission import Admitted, Claim

CLIENT_ID = re.compile(r"(?P<id>[A-Za-z0-9._:-]{1,100})_(?P<kind>[02])_(?P<mode>[01])_(?P<stamp>[0-9]{10})")
DEVICE_ID = re.compile(r"[0-9a-f]{32}")
BY_DEVICE = "0"
CHECKED = "1"
TOLERANCE = 1  # hours either way
CODECS = ("json", "binary")


def claim(client_id: str, username: str, password: str) -> Claim | None:
    """None for what is no Huawei login, malformed, or (mode 1) of another hour: no AWS call is made."""
    found = CLIENT_ID.fullmatch(client_id)
    if not found or found["id"] != username:
        return None
    if found["mode"] == CHECKED and not _is_now(found["stamp"]):
        return None
    by_device = found["kind"] == BY_DEVICE
    if by_device and not DEVICE_ID.fullmatch(username):
        return None

    def proves(secret: str) -> bool:
        made = hmac.new(found["stamp"].encode(), secret.encode(), hashlib.sha256).hexdigest()
        return hmac.compare_digest(made.encode(), password.encode())

    return Claim(
        dialect="huawei",
        client=client_id,
        device=username if by_device else None,
        node=None if by_device else username,
        proves=proves,
    )


def _is_now(stamp: str) -> bool:
    try:
        hour = datetime.strptime(stamp, "%Y%m%d%H").replace(tzinfo=UTC)
    except ValueError:
        return False
    apart = clock.now() // clock.HOUR - int(hour.timestamp()) * clock.SECOND // clock.HOUR
    return abs(apart) <= TOLERANCE


def topics(admitted: Admitted) -> tuple[list[str], list[str], list[str]]:
    """Topics the device may publish to, subscribe to and receive on.

    A gateway publishes and receives for its children; whose they are now, ingest and core decide.
    """
    own = f"/huawei/v1/devices/{admitted.topic_id}"
    subscribe = [f"{own}/command/{codec}" for codec in CODECS]
    if admitted.gateway:
        return ["/huawei/v1/devices/*/data/*"], subscribe, ["/huawei/v1/devices/*/command/*"]
    return [f"{own}/data/{codec}" for codec in CODECS], subscribe, subscribe
