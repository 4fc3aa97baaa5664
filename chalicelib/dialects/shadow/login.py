"""How a device logs in over MQTT to speak of its shadow, and what it may then do.

clientId `shadow_{deviceId}`, user name the device id, password the device's secret itself: TLS is needed.
Any device may log in so, whichever system it was registered by. Imported by the authorizer: standard
library only.

Ours: the vendor's MQTT document is not public.
"""

import hmac
import re

from ...core.admission import Admitted, Claim

CLIENT_ID = re.compile(r"shadow_(?P<id>[0-9a-f]{32})")
LONGEST_PASSWORD = 256
UP = ("get", "report", "response")
DOWN = ("state", "desired", "reported", "answer", "command")


def claim(client_id: str, username: str, password: str) -> Claim | None:
    """None for what is no login of this kind: no AWS call is made."""
    found = CLIENT_ID.fullmatch(client_id)
    if not found or found["id"] != username or not 1 <= len(password) <= LONGEST_PASSWORD:
        return None

    def proves(secret: str) -> bool:
        return hmac.compare_digest(secret.encode(), password.encode())

    return Claim(dialect="shadow", client=client_id, device=username, node=None, proves=proves)


def topics(admitted: Admitted) -> tuple[list[str], list[str], list[str]]:
    """Topics the device may publish to, subscribe to and receive on.

    A gateway publishes and receives for its children; whose they are now, ingest and core
    decide.
    """
    own = f"shadow/v1/{admitted.topic_id}"
    subscribe = [f"{own}/down/{kind}" for kind in DOWN]
    if admitted.gateway:
        return ["shadow/v1/*/up/*"], subscribe, ["shadow/v1/*/down/*"]
    return [f"{own}/up/{kind}" for kind in UP], subscribe, subscribe
