"""The Chalice application: which trigger runs which handler, and nothing else.

Handlers and dialects are imported by the first event that needs them: a Lambda function
pays at start only for what it runs.
"""

import os
from typing import Any

from chalice import Chalice, Rate, Response
from chalice.app import DynamoDBEvent, SQSEvent

DIALECTS = {"iocm": "huawei", "iodm": "huawei", "": "huawei"}  # by first path segment; "": all others
VERBS = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"]
PREFIX = os.environ.get("POLYTHING_PREFIX", f"polything-{os.environ.get('POLYTHING_STAGE', 'dev')}")
OUTBOX_STREAM = os.environ.get("POLYTHING_OUTBOX_STREAM", "arn:aws:dynamodb:::table/outbox/stream/unset")

app = Chalice(app_name="polything")


@app.route("/", methods=VERBS, content_types=[])
def root() -> Response:
    from chalicelib.handlers import http

    return http.serve(app.current_request, DIALECTS)


app.route("/{proxy+}", methods=VERBS, content_types=[], name="proxy")(root)


@app.lambda_function(name="authorizer")
def authorizer(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    from chalicelib.handlers import authorizer as handler

    return handler.authorize(event)


@app.lambda_function(name="ingest")
def ingest(event: dict[str, Any], _context: Any) -> None:
    from chalicelib.handlers import iot

    iot.ingest(event)


@app.lambda_function(name="presence")
def presence(event: dict[str, Any], _context: Any) -> None:
    from chalicelib.handlers import iot

    iot.presence(event)


@app.on_dynamodb_record(
    stream_arn=OUTBOX_STREAM, batch_size=25, starting_position="TRIM_HORIZON", name="dispatch"
)
def dispatch(event: DynamoDBEvent) -> None:
    from chalicelib.handlers import outbox

    outbox.dispatch(event.to_dict())


@app.on_sqs_message(queue=f"{PREFIX}-callbacks.fifo", batch_size=5, name="deliver")
def deliver(event: SQSEvent) -> None:
    from chalicelib.handlers import queues

    queues.deliver(event.to_dict())


app.on_sqs_message(queue=f"{PREFIX}-callback-retries", batch_size=5, name="redeliver")(deliver)


@app.on_sqs_message(queue=f"{PREFIX}-work", batch_size=5, name="work")
def work(event: SQSEvent) -> None:
    from chalicelib.handlers import queues

    queues.work(event.to_dict())


@app.schedule(Rate(1, unit=Rate.MINUTES), name="sweep")
def sweep(_event: Any) -> None:
    from chalicelib.handlers import schedules

    schedules.sweep()
