"""What Lambda's event sources hand to the handlers: the outbox's stream, messages of a queue."""

from typing import Any

from chalicelib.aws import queues
from chalicelib.aws.clients import client
from chalicelib.settings import settings


def stream(*, kind: str = "INSERT", clear: bool = True) -> dict[str, Any]:
    """The events in the outbox as its stream shows them, oldest first; `clear` forgets them."""
    dynamodb = client("dynamodb")
    table = f"{settings().prefix}-outbox"
    items = sorted(dynamodb.scan(TableName=table)["Items"], key=lambda item: item["event"]["S"])
    if clear:
        for item in items:
            dynamodb.delete_item(TableName=table, Key={name: item[name] for name in ("source", "event")})
    return {"Records": [{"eventName": kind, "dynamodb": {"NewImage": item}} for item in items]}


def received(name: str, most: int = 10) -> dict[str, Any]:
    """Up to ten messages that are visible now, as Lambda hands them over."""
    answer = client("sqs").receive_message(
        QueueUrl=queues.url(name), MaxNumberOfMessages=most, AttributeNames=["All"]
    )
    return {
        "Records": [
            {
                "messageId": message["MessageId"],
                "receiptHandle": message["ReceiptHandle"],
                "body": message["Body"],
                "attributes": message["Attributes"],
                "eventSource": "aws:sqs",
                "eventSourceARN": f"arn:aws:sqs:us-east-1:123456789012:{settings().prefix}-{name}",
            }
            for message in answer.get("Messages", [])
        ]
    }


def waiting(name: str) -> tuple[int, int, int]:
    """Messages of a queue: visible, in flight, delayed."""
    names = [f"ApproximateNumberOfMessages{kind}" for kind in ("", "NotVisible", "Delayed")]
    answer = client("sqs").get_queue_attributes(QueueUrl=queues.url(name), AttributeNames=names)
    visible, flying, delayed = (int(answer["Attributes"][kind]) for kind in names)
    return visible, flying, delayed


def delete(name: str, event: dict[str, Any]) -> None:
    """What the event source does once its handler has returned."""
    for record in event["Records"]:
        client("sqs").delete_message(QueueUrl=queues.url(name), ReceiptHandle=record["receiptHandle"])
