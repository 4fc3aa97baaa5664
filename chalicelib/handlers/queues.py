"""Queues: deliveries to apps, and background work.

Chalice has no partial answer for a batch. So every record is worked; where some failed, those that
did not are deleted here and the rest comes again by raising.
"""

import json
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from .. import context, metrics
from ..aws.clients import client
from ..core import callbacks, deliveries
from ..core.callbacks import Delivery
from ..logs import logger
from ..settings import settings
from . import wiring

Received = Mapping[str, Any]

JOBS = {  # job: module and function, called with the message's other keys
    "automation-run": ("automation_runs", "perform"),
    "automation-time": ("automation_watch", "strike"),
    "batch": ("batch_targets", "perform"),
    "batch-chunk": ("batch_work", "perform"),
    "batch-look": ("batch_ends", "look"),
    "age": ("ageing", "look"),
    "clear-product": ("product_changes", "clear"),
    "cancel": ("tasks", "perform"),
    "disband": ("disbanding", "perform"),
    "drain": ("sending", "drain"),
    "factory-reset": ("factory_resets", "perform"),
    "gone": ("links", "gone"),
    "import": ("imports", "perform"),
    "lora": ("lora_sending", "deliver"),
    "operate": ("operating", "perform"),
    "produce": ("production_work", "perform"),
    "purge": ("removal", "purge"),
    "regroup": ("regrouping", "take_up"),
    "retry": ("overdue", "take_up"),
    "send": ("sending", "send"),
    "shadow": ("shadow_sending", "deliver"),
    "unbind-behind": ("forced_unbinding", "perform"),
    "unbind-children": ("binding_ends", "unbind_children"),
    "unregister": ("unregistration", "perform"),
    "upgrade": ("upgrade_sending", "deliver"),
    "upgrade-again": ("upgrade_sending", "take_up"),
    "upgrade-chunk": ("upgrade_work", "perform"),
    "upgrade-look": ("upgrade_ends", "look"),
    "upgrade-url": ("upgrade_sending", "renew"),
    "wake": ("waking", "wake"),
}


def deliver(event: Mapping[str, Any]) -> None:
    """POST what the messages hold. A failed POST is queued again, so only AWS and defects raise."""
    context.begin(operation="deliver")
    received, defect = _deliveries(event["Records"])
    attempted = deliveries.attempt([delivery for _, delivery in received])
    try:
        deliveries.settle(attempted)
    except Exception:
        _delete([received[result.index][0] for result in attempted.results if result.settled])
        raise
    defect = attempted.defect or defect
    if defect is not None:
        _delete([received[result.index][0] for result in attempted.results])
        raise defect


def work(event: Mapping[str, Any]) -> None:
    """Run the background jobs of a batch, each by itself."""
    wiring.wire()
    done: list[Received] = []
    defect: Exception | None = None
    for record in event["Records"]:
        try:
            _run(record["messageId"], json.loads(record["body"]))
        except Exception as error:  # noqa: BLE001 - raised below, once the other records are worked
            logger().exception("a background job failed", extra={"message_id": record["messageId"]})
            defect = error
        else:
            done.append(record)
    if defect is not None:
        _delete(done)
        raise defect


def _deliveries(records: Sequence[Received]) -> tuple[list[tuple[Received, Delivery]], Exception | None]:
    read: list[tuple[Received, Delivery]] = []
    defect: Exception | None = None
    for record in records:
        try:
            read.append((record, callbacks.read(record["body"])))
        except ValueError as error:
            logger().exception("a message is no delivery", extra={"message_id": record["messageId"]})
            defect = error
    return read, defect


def _run(ident: str, message: dict[str, Any]) -> None:
    job = message.pop("job")
    context.begin(request=ident, operation=job, device=message.get("device"))
    module, function = JOBS[job]
    with metrics.job(job):
        getattr(import_module(f"chalicelib.core.{module}"), function)(**message)


def _delete(records: Sequence[Received]) -> None:
    """All of one batch come from one queue."""
    if not records:
        return
    name = str(records[0]["eventSourceARN"]).rpartition(":")[2]
    entries = [{"Id": str(i), "ReceiptHandle": one["receiptHandle"]} for i, one in enumerate(records)]
    client("sqs").delete_message_batch(QueueUrl=f"{settings().queue_base}/{name}", Entries=entries)
