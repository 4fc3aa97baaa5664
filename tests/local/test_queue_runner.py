"""Queues: Lambda's event shape, retries into the dead-letter queue, order in groups, prompt stops."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from infra.local.provision import provision
from infra.local.queue_runner import QueueRunner
from infra.local.runners import Runner
from tests.local.waiting import eventually

Aws = Callable[[str], Any]
Run = Callable[[Runner], Runner]


@pytest.fixture
def base(aws: Aws, prefix: str, toy_template: Path) -> str:
    """What queue names are appended to."""
    return f"{provision(prefix, template=toy_template).queue_base}/{prefix}"


def quick(aws: Aws, url: str, handler: Any, **more: Any) -> QueueRunner:
    """A runner that stops at once."""
    return QueueRunner(aws("sqs"), url, handler, long_poll=0, **more)


def test_the_event_is_lambdas(aws: Aws, base: str, running: Run) -> None:
    events: list[dict[str, Any]] = []
    attributes = {"kind": {"StringValue": "a", "DataType": "String"}}
    sent = aws("sqs").send_message(QueueUrl=f"{base}-jobs", MessageBody="hello", MessageAttributes=attributes)
    running(quick(aws, f"{base}-jobs", events.append, batch_size=5))
    eventually(lambda: events)
    [record] = events[0]["Records"]
    assert record["messageId"] == sent["MessageId"]
    assert record["body"] == "hello"
    assert record["receiptHandle"]
    assert record["attributes"]["ApproximateReceiveCount"] == "1"
    assert record["attributes"]["SentTimestamp"]
    assert record["messageAttributes"]["kind"]["stringValue"] == "a"
    assert record["eventSource"] == "aws:sqs"
    assert record["eventSourceARN"].endswith("-jobs")
    assert record["awsRegion"] == "us-east-1"


def test_a_handled_batch_is_deleted_and_the_runner_idle(aws: Aws, base: str, running: Run) -> None:
    seen: list[str] = []
    entries = [{"Id": str(number), "MessageBody": str(number)} for number in range(10)]
    aws("sqs").send_message_batch(QueueUrl=f"{base}-jobs", Entries=entries)

    def handler(event: dict[str, Any]) -> None:
        seen.extend(record["body"] for record in event["Records"])

    runner = running(quick(aws, f"{base}-jobs", handler, batch_size=3))
    eventually(runner.idle)
    assert sorted(seen) == [str(number) for number in range(10)]


def test_a_failing_message_is_retried_and_then_redriven(
    aws: Aws, base: str, running: Run, caplog: pytest.LogCaptureFixture
) -> None:
    counts: list[str] = []

    def handler(event: dict[str, Any]) -> None:
        counts.extend(record["attributes"]["ApproximateReceiveCount"] for record in event["Records"])
        raise ValueError("not today")

    aws("sqs").send_message(QueueUrl=f"{base}-jobs", MessageBody="poison")
    runner = running(quick(aws, f"{base}-jobs", handler, retry_after=0))
    eventually(runner.idle)
    assert counts == ["1", "2", "3"]
    [dead] = aws("sqs").receive_message(QueueUrl=f"{base}-jobs-dlq")["Messages"]
    assert dead["Body"] == "poison"
    lines = [line for line in caplog.records if "not today" in line.getMessage()]
    assert len(lines) == 3
    assert "\n" not in lines[0].getMessage()
    assert lines[0].exc_info


def test_a_record_that_the_handler_deleted_itself_does_not_come_again(
    aws: Aws, base: str, running: Run
) -> None:
    seen: list[str] = []

    def handler(event: dict[str, Any]) -> None:
        bad = False
        for record in event["Records"]:
            seen.append(record["body"])
            if record["body"] == "good" or seen.count("bad") > 1:
                aws("sqs").delete_message(QueueUrl=f"{base}-jobs", ReceiptHandle=record["receiptHandle"])
            else:
                bad = True
        if bad:
            raise RuntimeError("one of the batch failed")

    entries = [{"Id": body, "MessageBody": body} for body in ("good", "bad")]
    aws("sqs").send_message_batch(QueueUrl=f"{base}-jobs", Entries=entries)
    runner = running(quick(aws, f"{base}-jobs", handler, batch_size=5, retry_after=0))
    eventually(runner.idle)
    assert sorted(seen) == ["bad", "bad", "good"]


def test_groups_of_a_fifo_queue_stay_in_order_over_failures(aws: Aws, base: str, running: Run) -> None:
    done: dict[str, list[int]] = {"a": [], "b": [], "c": []}
    failed: set[str] = set()
    lock = threading.Lock()

    def handler(event: dict[str, Any]) -> None:
        for record in event["Records"]:
            group, number = record["body"].split()
            assert record["attributes"]["MessageGroupId"] == group
            with lock:
                if record["body"] in ("a 1", "b 2") and record["body"] not in failed:
                    failed.add(record["body"])
                    raise RuntimeError("once")
                if int(number) not in done[group]:  # at least once, as everywhere
                    done[group].append(int(number))

    for number in range(5):
        for group in done:
            aws("sqs").send_message(
                QueueUrl=f"{base}-ordered.fifo",
                MessageBody=f"{group} {number}",
                MessageGroupId=group,
                MessageDeduplicationId=f"{group}{number}",
            )
    runner = running(quick(aws, f"{base}-ordered.fifo", handler, batch_size=4, retry_after=0))
    eventually(runner.idle)
    assert failed == {"a 1", "b 2"}
    assert done == {group: [0, 1, 2, 3, 4] for group in "abc"}


def test_batches_are_handled_side_by_side(aws: Aws, base: str, running: Run) -> None:
    together = threading.Barrier(3)
    for number in range(3):
        aws("sqs").send_message(QueueUrl=f"{base}-jobs", MessageBody=str(number))
    runner = running(quick(aws, f"{base}-jobs", lambda _: together.wait(15), workers=3))
    eventually(runner.idle)
    assert runner.handled == 3
    assert not together.broken


def test_a_delayed_message_counts_only_when_asked(aws: Aws, base: str, running: Run) -> None:
    aws("sqs").send_message(QueueUrl=f"{base}-jobs", MessageBody="later", DelaySeconds=900)
    runner = running(quick(aws, f"{base}-jobs", lambda _: None))
    assert runner.idle()
    assert not runner.idle(delayed=True)


def test_a_stop_waits_for_the_batch_under_way(aws: Aws, base: str) -> None:
    begun, go = threading.Event(), threading.Event()
    finished: list[bool] = []

    def handler(_: dict[str, Any]) -> None:
        begun.set()
        finished.append(go.wait(10))

    aws("sqs").send_message(QueueUrl=f"{base}-jobs", MessageBody="x")
    runner = QueueRunner(aws("sqs"), f"{base}-jobs", handler)
    runner.start()
    assert begun.wait(10)
    assert not runner.idle()
    runner.end()
    go.set()
    runner.stop()
    assert finished == [True]
    assert runner.idle()
