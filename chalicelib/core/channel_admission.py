"""Whether an app that opens its long connection is who it says. As `admission`: in the authorizer, through
botocore alone. Two AWS calls.

A client id that a device has is not given away. One of the application's own other channels is: an app that
was installed anew has another certificate and may keep its client id.
"""

from typing import Any

from ..aws import encryption
from ..aws.clients import client
from . import clock
from .admission import SESSION_LASTS, Admitted, Claim, table

CHANNEL = "#channel"  # as store/app_channels.py has it
SECRET = "app_channel"  # noqa: S105 - what is bound into the encrypted secret


def admit(claim: Claim) -> Admitted | None:
    """The channel, with its session recorded, or None."""
    channel, product = claim.channel or "", claim.product or ""
    key = {"user": {"S": channel}, "item": {"S": CHANNEL}}
    answer = client("dynamodb").get_item(TableName=table("users"), Key=key, ConsistentRead=True)
    item = answer.get("Item")
    if item is None or item["product_key"]["S"] != product:
        return None
    tenant = item["tenant"]["S"]
    if not claim.proves(encryption.decrypt(item["secret"]["S"], tenant, channel, SECRET)):
        return None
    admitted = Admitted(channel, tenant, f"{product}/{channel}", gateway=False, channel=True)
    return admitted if _record(claim, admitted) else None


def _record(claim: Claim, admitted: Admitted) -> bool:
    """False where the client id is a device's, or another application's."""
    now, dynamodb = clock.now(), client("dynamodb")
    item: dict[str, Any] = {
        "client": {"S": claim.client},
        "device": {"S": admitted.device},
        "tenant": {"S": admitted.tenant},
        "dialect": {"S": claim.dialect},
        "topic_id": {"S": admitted.topic_id},
        "since": {"N": str(now)},
        "channel": {"BOOL": True},
        "ttl": {"N": str((now + SESSION_LASTS) // clock.SECOND)},
    }
    try:
        dynamodb.put_item(
            TableName=table("sessions"),
            Item=item,
            ConditionExpression=(
                "attribute_not_exists(client) OR device = :device"
                " OR (#channel = :yes AND begins_with(topic_id, :product))"
            ),
            ExpressionAttributeNames={"#channel": "channel"},
            ExpressionAttributeValues={
                ":device": {"S": admitted.device},
                ":yes": {"BOOL": True},
                ":product": {"S": f"{claim.product}/"},
            },
        )
    except dynamodb.exceptions.ConditionalCheckFailedException:
        return False
    return True
