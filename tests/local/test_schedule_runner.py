"""Schedules: they run, again and again, and never two at once."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from infra.local.runners import Runner
from infra.local.schedule_runner import ScheduleRunner
from tests.local.waiting import eventually

Run = Callable[[Runner], Runner]


def test_it_runs_again_also_after_a_failure(running: Run, caplog: pytest.LogCaptureFixture) -> None:
    events: list[dict[str, Any]] = []

    def handler(event: dict[str, Any]) -> None:
        events.append(event)
        if len(events) == 1:
            raise RuntimeError("first time")

    running(ScheduleRunner("sweep", handler, 0.01))
    eventually(lambda: len(events) >= 3)
    assert events[0]["detail-type"] == "Scheduled Event"
    assert events[0]["source"] == "aws.events"
    assert len({event["id"] for event in events}) == len(events)
    assert any("first time" in line.getMessage() for line in caplog.records)


def test_runs_never_overlap(running: Run) -> None:
    inside, most, count = [0], [0], [0]

    def handler(_: dict[str, Any]) -> None:
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        threading.Event().wait(0.02)
        inside[0] -= 1
        count[0] += 1

    runner = ScheduleRunner("sweep", handler, 0.001)
    running(runner)
    threads = [threading.Thread(target=runner.run_now) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    eventually(lambda: count[0] >= 6)
    assert most == [1]


def test_a_stop_does_not_wait_for_the_next_turn() -> None:
    runner = ScheduleRunner("sweep", lambda _: None, 3600)
    runner.start()
    runner.stop()
    assert runner.idle()
    assert runner.handled == 0


def test_run_now_says_whether_it_succeeded() -> None:
    def failing(_: dict[str, Any]) -> None:
        raise RuntimeError

    assert ScheduleRunner("sweep", lambda _: None, 3600).run_now()
    assert not ScheduleRunner("sweep", failing, 3600).run_now()
