"""Whether a device that connects is who it says, and the session it then has.

Runs in the authorizer, which has to answer within seconds on a cold start: it speaks to DynamoDB
through botocore alone. A device id costs two AWS calls (credentials; session), a node id one more:
equal node ids of different tenants are told apart by whose secret made the password. A login that names
the product beside the node id costs no more than that; an app's channel costs two (`channel_admission`).
"""

import random
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..aws import encryption
from ..aws.clients import client
from ..settings import settings
from . import clock

MOST_CANDIDATES = 49  # two items each, and a product's name: one batch read
SESSION_LASTS = 7 * clock.DAY
TRIES = 5
DELAY = 0.05  # s, the most before the second try; doubles
RETRYABLE = {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}
DEVICE, CREDENTIALS, LINK = "#device", "W#credentials", "W#link"  # as store/devices.py has them
SHORT_ID, EVERYWHERE = "short#", "*"  # the alias of a product's short id, as core/products.py writes it

Item = Mapping[str, Any]
Key = dict[str, dict[str, str]]


@dataclass(frozen=True)
class Claim:
    """What a CONNECT asserts. `device`, `node` or an app's `channel` is named; `proves` judges a candidate's
    secret. Where `product`, a short id, is named, the topics carry it before the name.
    """

    dialect: str
    client: str
    device: str | None
    node: str | None
    proves: Callable[[str], bool]
    product: str | None = None
    channel: str | None = None


@dataclass(frozen=True)
class Admitted:
    """`topic_id` is the id the device's topics carry; a gateway may publish for its children. What is an
    app's `channel` is no device.
    """

    device: str
    tenant: str
    topic_id: str
    gateway: bool
    channel: bool = False


class _Changed(Exception):
    """The credentials are no longer those the password was judged by."""


class _Held(Exception):
    """The client id is another device's."""


def admit(claim: Claim) -> Admitted | None:
    """The device, with its session recorded, or None.

    Where the password fits several devices of one name nobody can tell whose it is: None. Credentials that
    change meanwhile are looked at once more: the same secret may stand there under a new key.
    """
    try:
        return _admitted(claim)
    except _Changed:
        pass
    try:
        return _admitted(claim)
    except _Changed:
        return None


def _admitted(claim: Claim) -> Admitted | None:
    """Raises _Changed."""
    proven = [credentials for item, credentials in _candidates(claim) if _proves(claim, item, credentials)]
    if len(proven) != 1:
        return None
    device, tenant = proven[0]["device"]["S"], proven[0]["tenant"]["S"]
    gateway = proven[0].get("for_children", {}).get("BOOL", False)
    name = claim.node or device
    admitted = Admitted(device, tenant, f"{claim.product}/{name}" if claim.product else name, gateway)
    try:
        _record(claim, admitted, proven[0]["secret"])
    except _Held:
        holder = _former_holder(claim.client)
        if holder is None:
            return None
        try:
            _record(claim, admitted, proven[0]["secret"], holder)
        except _Held:
            return None
    return admitted


def _proves(claim: Claim, item: Item, credentials: Item) -> bool:
    overdue = "deadline" in item and int(item["deadline"]["N"]) <= clock.now()
    if "deleted" in item or overdue or "secret" not in credentials:
        return False
    device, tenant = credentials["device"]["S"], credentials["tenant"]["S"]
    return claim.proves(encryption.decrypt(credentials["secret"]["S"], tenant, device, "secret"))


def _candidates(claim: Claim) -> list[tuple[Item, Item]]:
    devices = [claim.device] if claim.device else _named(claim.node or "")
    keys = [(device, item) for device in devices for item in (DEVICE, CREDENTIALS)]
    name = f"{SHORT_ID}{claim.product}" if claim.product and keys else None
    found = _read(keys, name)
    product = found[name, EVERYWHERE]["target"] if name and (name, EVERYWHERE) in found else None
    return [
        (found[device, DEVICE], found[device, CREDENTIALS])
        for device in devices
        if (device, DEVICE) in found
        and (device, CREDENTIALS) in found
        and (name is None or (product is not None and found[device, DEVICE].get("product") == product))
    ]


def _read(keys: Iterable[tuple[str, str]], name: str | None = None) -> dict[tuple[str, str], Item]:
    """Items of devices, and what bears the name everywhere, consistently. One AWS call, none for no keys."""
    devices, names = table("devices"), table("aliases")
    asked = [_key(device, item) for device, item in keys]
    wanted: Any = {devices: {"Keys": asked, "ConsistentRead": True}} if asked else {}
    if name is not None:
        wanted[names] = {"Keys": [{"name": {"S": name}, "scope": {"S": EVERYWHERE}}], "ConsistentRead": True}
    found: dict[tuple[str, str], Item] = {}
    for attempt in range(TRIES):
        if not wanted:
            return found
        _pause(attempt)
        answer = client("dynamodb").batch_get_item(RequestItems=wanted)
        for item in answer["Responses"].get(devices, ()):
            found[item["device"]["S"], item["item"]["S"]] = item
        for item in answer["Responses"].get(names, ()):
            found[item["name"]["S"], item["scope"]["S"]] = item
        wanted = answer.get("UnprocessedKeys")
    raise TimeoutError("DynamoDB did not serve all keys")


def _named(node: str) -> list[str]:
    """Devices of any tenant that have this node id."""
    answer = client("dynamodb").query(
        TableName=table("aliases"),
        KeyConditionExpression="#n = :n",
        ExpressionAttributeNames={"#n": "name"},
        ExpressionAttributeValues={":n": {"S": f"node#{node}"}},
        ConsistentRead=True,
        Limit=MOST_CANDIDATES,
    )
    return [item["target"]["S"] for item in answer["Items"]]


def _former_holder(client_id: str) -> str | None:
    """Whose the client id was; None where that device is connected by it.

    Devices of two tenants may have one node id and so the same client id. The broker would end one's
    connection for the other's, and one's messages would be taken for the other's: the first stays.
    """
    answer = client("dynamodb").get_item(
        TableName=table("sessions"), Key={"client": {"S": client_id}}, ConsistentRead=True
    )
    if "Item" not in answer:
        return ""  # ended meanwhile
    device: str = answer["Item"]["device"]["S"]
    found = _read([(device, DEVICE), (device, LINK)])
    gone = (device, DEVICE) not in found or "deleted" in found[device, DEVICE]
    link = found.get((device, LINK), {})
    connected = link.get("client", {}).get("S") == client_id and link.get("online", {}).get("BOOL", False)
    return None if connected and not gone else device


def _record(claim: Claim, admitted: Admitted, secret: Item, holder: str = "") -> None:
    """The session of this client id and the device's current link, in one transaction that holds only
    while the secret stands. `holder` may lose the client id.

    The link goes on naming the connection before it, until this one is announced. Raises _Changed, _Held.
    """
    now = clock.now()
    writes = [
        {"ConditionCheck": _same_secret(admitted.device, secret)},
        {"Put": _session(claim, admitted, now, holder)},
        {"Update": _link(claim, admitted, now)},
    ]
    for attempt in range(TRIES):
        _pause(attempt)
        failed = _write(writes)
        if failed == "":
            return
        if failed == "ConditionCheck":
            raise _Changed(admitted.device)
        if failed == "Put":
            raise _Held(claim.client)
    raise TimeoutError(f"others keep changing the link of {admitted.device}")


def _write(writes: list[dict[str, Any]]) -> str:
    """The kind of write whose condition failed, "" for none, "conflict" where another try is due."""
    dynamodb = client("dynamodb")
    try:
        dynamodb.transact_write_items(TransactItems=writes)
    except dynamodb.exceptions.TransactionCanceledException as error:
        codes = [reason.get("Code") for reason in error.response["CancellationReasons"]]
        for write, code in zip(writes, codes, strict=True):
            if code == "ConditionalCheckFailed":
                return next(iter(write))
        if not RETRYABLE.intersection(codes):
            raise
        return "conflict"
    return ""


def _same_secret(device: str, secret: Item) -> dict[str, Any]:
    return {
        "TableName": table("devices"),
        "Key": _key(device, CREDENTIALS),
        "ConditionExpression": "secret = :secret",
        "ExpressionAttributeValues": {":secret": secret},
    }


def _session(claim: Claim, admitted: Admitted, now: int, holder: str) -> dict[str, Any]:
    return {
        "TableName": table("sessions"),
        "Item": {
            "client": {"S": claim.client},
            "device": {"S": admitted.device},
            "tenant": {"S": admitted.tenant},
            "dialect": {"S": claim.dialect},
            "topic_id": {"S": admitted.topic_id},
            "since": {"N": str(now)},
            "ttl": {"N": str((now + SESSION_LASTS) // clock.SECOND)},
        },
        "ConditionExpression": "attribute_not_exists(client) OR device = :device OR device = :holder",
        "ExpressionAttributeValues": {":device": {"S": admitted.device}, ":holder": {"S": holder}},
    }


def _link(claim: Claim, admitted: Admitted, now: int) -> dict[str, Any]:
    return {
        "Key": _key(admitted.device, LINK),
        "TableName": table("devices"),
        "UpdateExpression": (
            "SET client = if_not_exists(client, :client), dialect = if_not_exists(dialect, :dialect),"
            " topic_id = if_not_exists(topic_id, :topic), admitted = :now,"
            " since = if_not_exists(since, :never), kind = :kind,"
            " #online = if_not_exists(#online, :off)"
        ),
        "ExpressionAttributeNames": {"#online": "online"},
        "ExpressionAttributeValues": {
            ":client": {"S": claim.client},
            ":dialect": {"S": claim.dialect},
            ":topic": {"S": admitted.topic_id},
            ":now": {"N": str(now)},
            ":never": {"N": "0"},
            ":kind": {"S": "link"},
            ":off": {"BOOL": False},
        },
    }


def _pause(attempt: int) -> None:
    """Full jitter, growing; none before the first try."""
    if attempt:
        time.sleep(random.uniform(0, DELAY * 2**attempt))


def _key(device: str, item: str) -> Key:
    return {"device": {"S": device}, "item": {"S": item}}


def table(aggregate: str) -> str:
    return f"{settings().prefix}-{aggregate}"
