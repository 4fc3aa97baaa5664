"""Scheduled functions (`@app.schedule`): EventBridge's part, never overlapping itself."""

import datetime
import threading
import time
import uuid
from typing import Any

from infra.local.functions import Handler
from infra.local.runners import Runner

_UNIT_SECONDS = {"minute": 60.0, "hour": 3600.0, "day": 86400.0}


def rate_seconds(expression: str) -> float:
    """The period of `rate(5 minutes)`. Raises ValueError for a cron expression.

    >>> rate_seconds("rate(5 minutes)")
    300.0
    """
    if not expression.startswith("rate(") or not expression.endswith(")"):
        raise ValueError(f"only rate(…) schedules run locally, not {expression}")
    count, unit = expression[5:-1].split()
    return int(count) * _UNIT_SECONDS[unit.removesuffix("s")]


class ScheduleRunner(Runner):
    def __init__(self, name: str, handler: Handler, every: float) -> None:
        super().__init__(f"schedule {name}")
        self.handler = handler
        self.every = every
        self._turn = threading.Lock()

    def start(self) -> None:
        self._spawn(self._loop)

    def run_now(self) -> bool:
        """One run, after the one under way; whether it succeeded."""
        with self._turn:
            return self._attempt(lambda: self.handler(self._event()), "a run")

    def idle(self, delayed: bool = False) -> bool:
        return self._running == 0

    def _loop(self) -> None:
        due = time.monotonic() + self.every
        while not self._stopping.wait(max(0.0, due - time.monotonic())):
            self.run_now()
            due = max(due + self.every, time.monotonic())

    def _event(self) -> dict[str, Any]:
        return {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "account": "000000000000",
            "time": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "region": "us-east-1",
            "resources": [f"arn:aws:events:us-east-1:000000000000:rule/{self.name}"],
            "detail": {},
        }
