"""SQS to handlers (`@app.on_sqs_message`): Lambda's event source mapping for queues.

One thread receives, several handle. A batch whose handler returns is deleted; one whose handler raises
becomes visible again after a few seconds, not after the queue's two minutes. Order in FIFO queues is the
queue's own doing: SQS gives out nothing of a message group while one of its messages is in flight.
"""

import queue
import threading
from collections.abc import Iterable, Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra.local.functions import Handler
from infra.local.runners import Runner, describe, log

Message = dict[str, Any]

TURN_SECONDS = 1  # between looks at whether to stop, and after a failure
SHORT_POLL_SECONDS = 0.05
LARGEST_BATCH = 10
_COUNTS = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
_DELAYED = "ApproximateNumberOfMessagesDelayed"


class QueueRunner(Runner):
    def __init__(
        self,
        client: Any,
        url: str,
        handler: Handler,
        *,
        batch_size: int = 1,
        workers: int = 4,
        retry_after: int = 2,
        long_poll: int = 1,
    ) -> None:
        """Handle messages of the queue at `url`; a failed batch comes again after `retry_after` seconds.

        `long_poll` seconds bound how long a stop takes; 0 polls shortly and often.
        """
        super().__init__(f"queue {url.rpartition('/')[2]}")
        self.client = client
        self.url = url
        self.handler = handler
        self.batch_size = min(batch_size, LARGEST_BATCH)
        self.workers = workers
        self.retry_after = retry_after
        self.long_poll = long_poll
        self.arn = ""
        self._free = threading.Semaphore(workers)
        self._batches: queue.SimpleQueue[list[Message] | None] = queue.SimpleQueue()

    def start(self) -> None:
        answer = self.client.get_queue_attributes(QueueUrl=self.url, AttributeNames=["QueueArn"])
        self.arn = answer["Attributes"]["QueueArn"]
        self._spawn(self._receive_loop)
        for number in range(self.workers):
            self._spawn(self._work_loop, f" worker {number + 1}")

    def idle(self, delayed: bool = False) -> bool:
        """Whether nothing is visible and nothing in flight, nor, if asked, delayed."""
        names = [*_COUNTS, _DELAYED] if delayed else list(_COUNTS)
        answer = self.client.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)
        counts = answer["Attributes"]
        return not any(int(counts[name]) for name in names)

    def _receive_loop(self) -> None:
        while not self._stopping.is_set():
            if not self._free.acquire(timeout=TURN_SECONDS):
                continue
            messages = self._receive()
            if messages:
                self._batches.put(messages)
            else:
                self._free.release()
                if not self.long_poll:
                    self._stopping.wait(SHORT_POLL_SECONDS)
        for _ in range(self.workers):
            self._batches.put(None)

    def _receive(self) -> list[Message]:
        try:
            answer = self.client.receive_message(
                QueueUrl=self.url,
                MaxNumberOfMessages=self.batch_size,
                WaitTimeSeconds=self.long_poll,
                AttributeNames=["All"],
                MessageAttributeNames=["All"],
            )
        except (BotoCoreError, ClientError) as error:
            if not self._stopping.wait(TURN_SECONDS):
                log.error("%s: receiving failed and is retried: %s", self.name, describe(error))
            return []
        messages: list[Message] = answer.get("Messages", [])
        return messages

    def _work_loop(self) -> None:
        while (messages := self._batches.get()) is not None:
            try:
                self._handle(messages)
            finally:
                self._free.release()

    def _handle(self, messages: list[Message]) -> None:
        event = {"Records": [self._record(message) for message in messages]}
        done = self._attempt(lambda: self.handler(event), f"a batch of {len(messages)}")
        try:
            if done:
                self.client.delete_message_batch(QueueUrl=self.url, Entries=_entries(messages))
            else:
                self._return(messages)
        except (BotoCoreError, ClientError) as error:
            # the visibility timeout gives the batch back: handlers are idempotent
            log.error("%s: settling a batch failed: %s", self.name, describe(error))

    def _return(self, messages: Sequence[Message]) -> None:
        # an entry that the handler deleted itself, because it had succeeded, is refused: as it should be
        self.client.change_message_visibility_batch(
            QueueUrl=self.url, Entries=_entries(messages, VisibilityTimeout=self.retry_after)
        )

    def _record(self, message: Message) -> dict[str, Any]:
        return {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message.get("Attributes", {}),
            "messageAttributes": {
                name: _attribute(value) for name, value in message.get("MessageAttributes", {}).items()
            },
            "md5OfBody": message.get("MD5OfBody", ""),
            "eventSource": "aws:sqs",
            "eventSourceARN": self.arn,
            "awsRegion": self.client.meta.region_name,
        }


def _entries(messages: Iterable[Message], **more: Any) -> Any:
    return [
        {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"], **more}
        for number, message in enumerate(messages)
    ]


def _attribute(value: Message) -> dict[str, Any]:
    return {
        "stringValue": value.get("StringValue"),
        "binaryValue": value.get("BinaryValue"),
        "stringListValues": [],
        "binaryListValues": [],
        "dataType": value["DataType"],
    }
