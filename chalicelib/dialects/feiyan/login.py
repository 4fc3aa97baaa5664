"""How Alink devices, and apps for their long connection, log in over MQTT, and what they may then do.

clientId `{id}|securemode=2,signmethod=hmacsha256,timestamp=1524448722000|`, user name
`{deviceName}&{productKey}`, password the hex HMAC under the device's secret of
`clientId{id}deviceName{deviceName}productKey{productKey}timestamp{timestamp}`, the last left out where the
clientId has none. Nothing limits how old a timestamp may be: devices without a clock send a fixed one.

A product's key has 10 characters, that of an application's channels 11: they are told apart before any AWS
call. Imported by the authorizer: standard library only.

Source: Alibaba Living IoT, MQTT connection
"""

import hashlib
import hmac
import re

from ...core.admission import Admitted, Claim

LONGEST_CLIENT_ID = 128  # bytes, IoT Core's limit
CLIENT_ID = re.compile(r"(?P<id>[A-Za-z0-9._:&@-]{1,100})\|(?P<facts>[A-Za-z0-9._:=,@-]{1,120})\|")
USERNAME = re.compile(r"(?P<name>[A-Za-z0-9._:-]{1,100})&(?P<product>[A-Za-z0-9]{10,11})")
CHANNEL = re.compile(r"[0-9a-f]{32}")
CHANNEL_KEY = 11  # characters
TIMESTAMP = re.compile(r"[0-9]{1,19}")
MODES = ("2", "3")  # over TLS, and without: on AWS there is only TLS
METHODS = {"hmacsha1": hashlib.sha1, "hmacsha256": hashlib.sha256}
LONGEST_PASSWORD = 64  # hex digits


def claim(client_id: str, username: str, password: str) -> Claim | None:
    """None for what is no Alink login, or malformed: no AWS call is made."""
    client, user = CLIENT_ID.fullmatch(client_id), USERNAME.fullmatch(username)
    if client is None or user is None or len(client_id) > LONGEST_CLIENT_ID:
        return None
    facts = _facts(client["facts"])
    if facts is None or facts.get("securemode") not in MODES or len(password) > LONGEST_PASSWORD:
        return None
    method, stamp = METHODS.get(facts.get("signmethod", "")), facts.get("timestamp")
    if method is None or (stamp is not None and not TIMESTAMP.fullmatch(stamp)):
        return None
    name, product = user["name"], user["product"]
    signed = f"clientId{client['id']}deviceName{name}productKey{product}"
    signed += f"timestamp{stamp}" if stamp is not None else ""
    for_channel = len(product) == CHANNEL_KEY
    if for_channel and not CHANNEL.fullmatch(name):
        return None

    def proves(secret: str) -> bool:
        made = hmac.new(secret.encode(), signed.encode(), method).hexdigest()
        return hmac.compare_digest(made.encode(), password.lower().encode())

    return Claim(
        dialect="feiyan",
        client=client_id,
        device=None,
        node=None if for_channel else name,
        proves=proves,
        product=product,
        channel=name if for_channel else None,
    )


def _facts(text: str) -> dict[str, str] | None:
    """None where one has no name, or comes twice."""
    facts: dict[str, str] = {}
    for pair in text.split(","):
        name, equals, value = pair.partition("=")
        if not name or not equals or name in facts:
            return None
        facts[name] = value
    return facts


def topics(admitted: Admitted) -> tuple[list[str], list[str], list[str]]:
    """Topics that may be published to, subscribed to and received on.

    A device publishes below its own name alone. A gateway publishes for children too, but only on topics
    that carry messages upwards: on others it could pass for the cloud. Whose the children are now, ingest
    and core decide. Notices travel on `_thing`.
    """
    own = admitted.topic_id  # {productKey}/{deviceName}
    if admitted.channel:
        down = [f"/sys/{own}/app/down/*"]
        return [f"/sys/{own}/app/up/*"], down, down
    publish = [f"/sys/{own}/*thing/*", *(f"/ota/device/{kind}/{own}" for kind in UPGRADE_UP)]
    subscribe = [f"/sys/{own}/*thing/*", f"/ota/device/upgrade/{own}"]
    if not admitted.gateway:
        return publish, subscribe, subscribe
    sessions = f"/ext/session/{own}/combine/*"
    publish = [f"/sys/{own}/*thing/*", sessions, *CHILDREN_UP]
    return publish, [*subscribe, sessions], ["/sys/*thing/*", "/ota/device/upgrade/*", sessions]


UPGRADE_UP = ("inform", "progress", "request")
CHILDREN_UP = (
    "/sys/*/thing/event/*/post",
    "/sys/*/thing/property/desired/get",
    "/sys/*/thing/service/*_reply",
    "/sys/*/_thing/event/notify_reply",
    *(f"/ota/device/{kind}/*" for kind in UPGRADE_UP),
)
