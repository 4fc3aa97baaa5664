"""The broker as part of the local cloud: its rules, its limits, and where failed messages go."""

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3

from infra.local.broker import AWS, LENIENT, Broker, RuleError, TopicRule, load_rules
from infra.local.errors import TemplateError
from infra.local.ports import explain

log = logging.getLogger(__name__)

Invoke = Callable[[str, dict[str, Any]], Any]
OnFailure = Callable[[str, dict[str, Any], BaseException], None]
LIMITS = {"aws": AWS, "lenient": LENIENT}


def rules_of(path: Path) -> list[TopicRule]:
    """The topic rules of the edge template. Raises TemplateError."""
    try:
        return load_rules(path)
    except (OSError, RuleError) as error:
        raise TemplateError(f"the topic rules cannot be used: {error}") from error


def start_broker(
    kind: str, invoke: Invoke, rules: list[TopicRule], on_failure: OnFailure, host: str, port: int
) -> Broker:
    """A running broker on `port`, its data plane on a port of its own. Raises PortTaken."""
    broker = Broker(invoke, rules, limits=LIMITS[kind], on_failure=on_failure)
    try:
        broker.start(host, port, 0)
    except OSError as error:
        raise explain(error, host, port, "--mqtt-port") from error
    return broker


def failure_hook(queue_url: str) -> OnFailure:
    """Puts a message whose function failed for good on the failure queue, in Lambda's shape for it."""
    client: Any = boto3.client("sqs")

    def on_failure(function: str, event: dict[str, Any], error: BaseException) -> None:
        record = {
            "version": "1.0",
            "requestContext": {"functionArn": function, "condition": "RetriesExhausted"},
            "requestPayload": event,
            "responsePayload": {"errorType": type(error).__name__, "errorMessage": str(error)},
        }
        client.send_message(QueueUrl=queue_url, MessageBody=json.dumps(record))

    return on_failure
