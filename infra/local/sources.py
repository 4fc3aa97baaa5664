"""From what Chalice registered to the runners that feed it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from chalice.app import Chalice, DynamoDBEventConfig, ScheduledEventConfig, SQSEventConfig

from infra.local.checkpoints import Checkpoints
from infra.local.errors import TemplateError
from infra.local.functions import Functions
from infra.local.queue_runner import QueueRunner
from infra.local.runners import Runner
from infra.local.schedule_runner import ScheduleRunner
from infra.local.stream_runner import StreamRunner

# every worker of every queue may settle a batch while the receivers poll; runners retry by themselves
CLIENT = Config(max_pool_connections=64, connect_timeout=2, retries={"total_max_attempts": 1})


@dataclass(frozen=True)
class Pace:
    """How eager the runners are."""

    sweep_every: float = 5.0  # seconds between runs of scheduled functions
    workers: int = 4  # batches of one queue handled at a time
    retry_after: int = 2  # seconds until a failed queue batch is tried again
    long_poll: int = 1  # seconds a queue is asked to wait for messages; bounds how long a stop takes


def runners_of(app: Chalice, queue_base: str, checkpoints: Path | None, pace: Pace) -> list[Runner]:
    """One runner for each event source, not yet started. Raises TemplateError for a kind unknown here."""
    sources = _Sources(app, queue_base, Checkpoints(checkpoints), pace)
    return [sources.runner(source) for source in app.event_sources]


class _Sources:
    def __init__(self, app: Chalice, queue_base: str, checkpoints: Checkpoints, pace: Pace) -> None:
        self.functions = Functions(app)
        self.queue_base = queue_base
        self.checkpoints = checkpoints
        self.pace = pace
        self.sqs: Any = boto3.client("sqs", config=CLIENT)
        self.streams: Any = boto3.client("dynamodbstreams", config=CLIENT)

    def runner(self, source: Any) -> Runner:
        if isinstance(source, SQSEventConfig):
            return self._queue(source)
        if isinstance(source, DynamoDBEventConfig):
            return self._stream(source)
        if isinstance(source, ScheduledEventConfig):
            handler = self.functions.handler(source.name)
            return ScheduleRunner(source.name, handler, self.pace.sweep_every)
        raise TemplateError(f"{type(source).__name__} of {source.name} has no runner in local mode")

    def _queue(self, source: SQSEventConfig) -> QueueRunner:
        name = source.queue or str(source.queue_arn).rpartition(":")[2]
        return QueueRunner(
            self.sqs,
            f"{self.queue_base}/{name}",
            self.functions.handler(source.name),
            batch_size=source.batch_size,
            workers=self.pace.workers,
            retry_after=self.pace.retry_after,
            long_poll=self.pace.long_poll,
        )

    def _stream(self, source: DynamoDBEventConfig) -> StreamRunner:
        return StreamRunner(
            self.streams,
            source.stream_arn,
            self.functions.handler(source.name),
            self.checkpoints,
            name=source.name,
            batch_size=source.batch_size,
        )
