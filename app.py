"""The Chalice application: which trigger runs which handler, and nothing else.

Handlers and dialects are imported by the first event that needs them: a Lambda function
pays at start only for what it runs.
"""

import os
from importlib import import_module
from typing import Any

from chalice import Chalice, Rate
from chalice.app import CloudWatchEvent, DynamoDBEvent, Response, SQSEvent

DIALECTS = {  # by the first path segment, or two; "": all others
    **dict.fromkeys(("iocm", "iodm", "api", ""), "huawei"),
    **dict.fromkeys(("account", "app", "awss", "cloud", "datacenter", "iotx", "kit", "living"), "feiyan"),
    **dict.fromkeys(("subdevices", "thing", "uc", "user", "api/prd"), "feiyan"),
    **dict.fromkeys(("aep_device_command_lwm_profile", "echo"), "ctwing"),
    "iot-platform": "shadow",
    "operator": "operator",
    "v2": "xlink",
}
VERBS = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"]
PREFIX = os.environ.get("POLYTHING_PREFIX", f"polything-{os.environ.get('POLYTHING_STAGE', 'dev')}")
OUTBOX_STREAM = os.environ.get("POLYTHING_OUTBOX_STREAM", "arn:aws:dynamodb:::table/outbox/stream/unset")

app = Chalice(app_name="polything")


def handler(name: str) -> Any:
    return import_module(f"chalicelib.handlers.{name}")


@app.route("/", methods=VERBS, content_types=[])
@app.route("/{proxy+}", methods=VERBS, content_types=[])
def serve() -> Response:
    return handler("http").serve(app.current_request, DIALECTS)


@app.lambda_function()
def authorizer(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    return handler("authorizer").authorize(event)


@app.lambda_function()
def ingest(event: dict[str, Any], _context: Any) -> None:
    handler("iot").ingest(event)


@app.lambda_function()
def presence(event: dict[str, Any], _context: Any) -> None:
    handler("iot").presence(event)


@app.on_dynamodb_record(stream_arn=OUTBOX_STREAM, batch_size=25, starting_position="TRIM_HORIZON")
def dispatch(event: DynamoDBEvent) -> None:
    handler("outbox").dispatch(event.to_dict())


@app.on_sqs_message(queue=f"{PREFIX}-callbacks.fifo", batch_size=5)
def deliver(event: SQSEvent) -> None:
    handler("queues").deliver(event.to_dict())


@app.on_sqs_message(queue=f"{PREFIX}-callback-retries", batch_size=5)
def redeliver(event: SQSEvent) -> None:
    handler("queues").deliver(event.to_dict())


@app.on_sqs_message(queue=f"{PREFIX}-work", batch_size=5)
def work(event: SQSEvent) -> None:
    handler("queues").work(event.to_dict())


@app.schedule(Rate(1, unit=Rate.MINUTES))
def sweep(_event: CloudWatchEvent) -> None:
    handler("schedules").sweep()
