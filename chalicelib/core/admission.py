"""Whether a device that connects is who it says, and the session it then has.

Runs in the authorizer, which has to answer within seconds on a cold start: it speaks to DynamoDB
through botocore alone. A device id costs two AWS calls (credentials; session), a node id one more:
equal node ids of different tenants are told apart by whose secret made the password.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..aws import encryption
from ..aws.clients import client
from ..settings import settings
from . import clock

MOST_CANDIDATES = 20
SESSION_LASTS = 7 * clock.DAY
DEVICE, CREDENTIALS, LINK = "#device", "W#credentials", "W#link"  # as store/devices.py has them

Item = Mapping[str, Any]


@dataclass(frozen=True)
class Claim:
    """What a CONNECT asserts. `device` or `node` is named; `proves` judges a candidate's secret."""

    dialect: str
    client: str
    device: str | None
    node: str | None
    proves: Callable[[str], bool]


@dataclass(frozen=True)
class Admitted:
    """`topic_id` is the id the device's topics carry; a gateway may publish for its children."""

    device: str
    tenant: str
    topic_id: str
    gateway: bool


def admit(claim: Claim) -> Admitted | None:
    """The device, with its session recorded, or None."""
    for item, credentials in _candidates(claim):
        if not _may_connect(item) or "secret" not in credentials:
            continue
        device, tenant = item["device"]["S"], item["tenant"]["S"]
        secret = encryption.decrypt(credentials["secret"]["S"], tenant, device, "secret")
        if claim.proves(secret):
            gateway = credentials.get("for_children", {}).get("BOOL", False)
            admitted = Admitted(device, tenant, claim.node or device, gateway)
            _record(claim, admitted)
            return admitted
    return None


def _may_connect(item: Item) -> bool:
    overdue = "deadline" in item and int(item["deadline"]["N"]) <= clock.now()
    return "deleted" not in item and not overdue


def _candidates(claim: Claim) -> list[tuple[Item, Item]]:
    devices = [claim.device] if claim.device else _named(claim.node or "")
    if not devices:
        return []
    table = _table("devices")
    keys = [_key(device, item) for device in devices for item in (DEVICE, CREDENTIALS)]
    wanted = {table: {"Keys": keys, "ConsistentRead": True}}
    found: dict[tuple[str, str], Item] = {}
    while wanted:
        answer = client("dynamodb").batch_get_item(RequestItems=wanted)
        for item in answer["Responses"].get(table, ()):
            found[item["device"]["S"], item["item"]["S"]] = item
        wanted = answer.get("UnprocessedKeys") or {}
    return [
        (found[device, DEVICE], found[device, CREDENTIALS])
        for device in devices
        if (device, DEVICE) in found and (device, CREDENTIALS) in found
    ]


def _named(node: str) -> list[str]:
    """Devices of any tenant that have this node id."""
    answer = client("dynamodb").query(
        TableName=_table("aliases"),
        KeyConditionExpression="#n = :n",
        ExpressionAttributeNames={"#n": "name"},
        ExpressionAttributeValues={":n": {"S": f"node#{node}"}},
        ConsistentRead=True,
        Limit=MOST_CANDIDATES,
    )
    return [item["target"]["S"] for item in answer["Items"]]


def _record(claim: Claim, admitted: Admitted) -> None:
    """The session of this client id, and the device's current link, in one transaction.

    The link before it is remembered, so that its connection is ended once this one is announced.
    """
    now = clock.now()
    session = {
        "client": {"S": claim.client},
        "device": {"S": admitted.device},
        "tenant": {"S": admitted.tenant},
        "dialect": {"S": claim.dialect},
        "topic_id": {"S": admitted.topic_id},
        "since": {"N": str(now)},
        "ttl": {"N": str((now + SESSION_LASTS) // clock.SECOND)},
    }
    link = {
        "Key": _key(admitted.device, LINK),
        "TableName": _table("devices"),
        "UpdateExpression": (
            "SET previous = if_not_exists(client, :client), client = :client, dialect = :dialect,"
            " topic_id = :topic, since = :since, kind = :kind, #online = if_not_exists(#online, :off)"
            " REMOVE #session"
        ),
        "ExpressionAttributeNames": {"#session": "session", "#online": "online"},  # reserved words
        "ExpressionAttributeValues": {
            ":client": {"S": claim.client},
            ":dialect": {"S": claim.dialect},
            ":topic": {"S": admitted.topic_id},
            ":since": {"N": str(now)},
            ":kind": {"S": "link"},
            ":off": {"BOOL": False},
        },
    }
    client("dynamodb").transact_write_items(
        TransactItems=[{"Put": {"TableName": _table("sessions"), "Item": session}}, {"Update": link}]
    )


def _key(device: str, item: str) -> dict[str, dict[str, str]]:
    return {"device": {"S": device}, "item": {"S": item}}


def _table(aggregate: str) -> str:
    return f"{settings().prefix}-{aggregate}"
