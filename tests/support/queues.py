"""The work queue on a test's own clock: messages wait in moto, are taken from it and worked in order."""

import json
from dataclasses import dataclass, field
from typing import Any

from tests.support.clock import FakeClock

VISIBILITY = 120  # s, as infra/data.yaml has it
MOST_RECEIVES = 5


@dataclass
class Job:
    due: int  # ms
    body: str
    receives: int = 0

    @property
    def message(self) -> dict[str, Any]:
        read: dict[str, Any] = json.loads(self.body)
        return read


@dataclass
class WorkQueue:
    """`failures` are what jobs raised; such a job comes again, as SQS would have it, then goes to `dead`."""

    clock: FakeClock
    jobs: list[Job] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)
    dead: list[Job] = field(default_factory=list)

    def waiting(self) -> list[dict[str, Any]]:
        """The messages, due or not, oldest first."""
        self._collect()
        return [job.message for job in self.jobs]

    def run(self, most: int = 200) -> list[str]:
        """Work what is due until nothing is; answers the names of the jobs worked."""
        worked: list[str] = []
        while (job := self.take()) is not None:
            worked.append(job.message["job"])
            assert len(worked) <= most, "the work queue does not come to rest"
            self.work(job)
        return worked

    def take(self) -> Job | None:
        """The next message that is due, no longer in the queue."""
        self._collect()
        for job in self.jobs:
            if job.due <= self.clock.at:
                self.jobs.remove(job)
                return job
        return None

    def work(self, job: Job) -> None:
        """Hand one message to the handler."""
        from chalicelib.handlers import queues

        record = {"messageId": "m", "receiptHandle": "r", "body": job.body, "eventSourceARN": "q"}
        try:
            queues.work({"Records": [record]})
        except Exception as error:  # noqa: BLE001 - what SQS does with a failure is what is simulated
            self.failures.append(error)
            job.receives += 1
            job.due = self.clock.at + VISIBILITY * 1000
            (self.dead if job.receives >= MOST_RECEIVES else self.jobs).append(job)

    def lose(self) -> None:
        """All that waits is gone."""
        self._collect()
        self.jobs.clear()

    def _collect(self) -> None:
        from moto.core import DEFAULT_ACCOUNT_ID
        from moto.sqs.models import sqs_backends

        queue = sqs_backends[DEFAULT_ACCOUNT_ID]["us-east-1"].queues["polything-test-work"]
        for message in queue._messages:
            delay = round((message.delayed_until - (message.sent_timestamp or 0)) / 1000)
            self.jobs.append(Job(self.clock.at + max(0, delay) * 1000, message.body))
        queue._messages.clear()
