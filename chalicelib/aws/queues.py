"""SQS: background work and callback deliveries."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..settings import settings
from .clients import client

WORK = "work"
BATCH = 10
MOST_DELAY = 900


@dataclass(frozen=True)
class Message:
    """`group` and `duplicate` are for FIFO queues only; `delay` (s) for the others."""

    body: str
    delay: int = 0
    group: str | None = None
    duplicate: str | None = None


def url(name: str) -> str:
    return f"{settings().queue_base}/{settings().prefix}-{name}"


def send(name: str, messages: Sequence[Message]) -> None:
    """One AWS call per ten messages. Raises when any was not taken."""
    for start in range(0, len(messages), BATCH):
        entries = [_entry(str(i), m) for i, m in enumerate(messages[start : start + BATCH])]
        answer = client("sqs").send_message_batch(QueueUrl=url(name), Entries=entries)
        failed = answer.get("Failed")
        if failed:
            raise RuntimeError(
                f"queue {name} refused {len(failed)} of {len(entries)} messages: {failed[0].get('Code')}"
            )


def _entry(ident: str, message: Message) -> dict[str, Any]:
    entry: dict[str, Any] = {"Id": ident, "MessageBody": message.body}
    if message.group is not None:
        entry["MessageGroupId"] = message.group
    if message.duplicate is not None:
        entry["MessageDeduplicationId"] = message.duplicate
    if message.delay:
        entry["DelaySeconds"] = min(message.delay, MOST_DELAY)
    return entry


@dataclass(frozen=True)
class Received:
    """`sent` in ms; `receipt` names it to `forget`."""

    body: str
    sent: int
    receipt: str


def receive(name: str, most: int) -> list[Received]:
    """Up to `most` (10) messages, which stay hidden for the queue's time. One AWS call."""
    answer = client("sqs").receive_message(
        QueueUrl=url(name), MaxNumberOfMessages=most, AttributeNames=["SentTimestamp"], WaitTimeSeconds=1
    )
    return [
        Received(each["Body"], int(each["Attributes"]["SentTimestamp"]), each["ReceiptHandle"])
        for each in answer.get("Messages", [])
    ]


def forget(name: str, received: Sequence[Received]) -> None:
    """Delete messages, ten at most. One AWS call, none for none."""
    entries = [{"Id": str(i), "ReceiptHandle": each.receipt} for i, each in enumerate(received)]
    if entries:
        client("sqs").delete_message_batch(QueueUrl=url(name), Entries=entries)


def work(job: str, delay: int = 0, **arguments: Any) -> None:
    """Put one background job on the work queue; handlers/queues.py names the jobs."""
    send(WORK, [job_message(job, delay, **arguments)])


def job_message(job: str, delay: int = 0, **arguments: Any) -> Message:
    """A background job as `send` takes it to the work queue."""
    return Message(json.dumps({"job": job, **arguments}, separators=(",", ":")), delay)
