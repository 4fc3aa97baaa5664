"""Streams: order, retries without skipping, checkpoints over restarts, shards that close."""

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from infra.local.checkpoints import CLOSED, Checkpoints
from infra.local.provision import provision
from infra.local.runners import Runner
from infra.local.stream_runner import StreamRunner
from tests.local.waiting import eventually

Aws = Callable[[str], Any]
Run = Callable[[Runner], Runner]
Event = dict[str, Any]


class Outbox:
    """The toy table and what a handler saw of its stream."""

    def __init__(self, aws: Aws, prefix: str, template: Path) -> None:
        self.aws, self.table = aws, f"{prefix}-outbox"
        self.arn = provision(prefix, template=template).outbox_stream
        self.seen: list[str] = []
        self.events: list[Event] = []

    def put(self, *names: str) -> None:
        for name in names:
            self.aws("dynamodb").put_item(
                TableName=self.table, Item={"id": {"S": name}, "raw": {"B": b"\x00\xff"}}
            )

    def handler(self, event: Event) -> None:
        self.events.append(event)
        self.seen.extend(record["dynamodb"]["Keys"]["id"]["S"] for record in event["Records"])

    def runner(self, checkpoints: Checkpoints, handler: Any = None, batch_size: int = 3) -> StreamRunner:
        return StreamRunner(
            self.aws("dynamodbstreams"),
            self.arn,
            handler or self.handler,
            checkpoints,
            name="dispatch",
            batch_size=batch_size,
        )


@pytest.fixture
def outbox(aws: Aws, prefix: str, toy_template: Path) -> Outbox:
    return Outbox(aws, prefix, toy_template)


def names(*numbers: int) -> list[str]:
    return [f"n{number:02}" for number in numbers]


def test_the_event_is_lambdas(outbox: Outbox, running: Run) -> None:
    outbox.put("a")
    running(outbox.runner(Checkpoints(None)))
    eventually(lambda: outbox.events)
    [record] = outbox.events[0]["Records"]
    assert record["eventName"] == "INSERT"
    assert record["eventSource"] == "aws:dynamodb"
    assert record["eventSourceARN"] == outbox.arn
    assert record["dynamodb"]["Keys"] == {"id": {"S": "a"}}
    assert record["dynamodb"]["NewImage"]["raw"] == {"B": base64.b64encode(b"\x00\xff").decode()}
    assert isinstance(record["dynamodb"]["ApproximateCreationDateTime"], float)
    assert record["dynamodb"]["SequenceNumber"]


def test_what_was_written_before_the_first_start_is_dispatched_in_order(outbox: Outbox, running: Run) -> None:
    outbox.put(*names(*range(10)))
    runner = running(outbox.runner(Checkpoints(None)))
    eventually(runner.idle)
    assert outbox.seen == names(*range(10))
    assert max(len(event["Records"]) for event in outbox.events) <= 3


def test_a_new_record_is_dispatched_soon_and_idle_tells(outbox: Outbox, running: Run) -> None:
    runner = running(outbox.runner(Checkpoints(None)))
    assert runner.idle()
    outbox.put("late")
    runner.nudge()
    eventually(lambda: outbox.seen == ["late"])
    eventually(runner.idle)


def test_a_failing_batch_is_tried_until_it_succeeds_and_nothing_overtakes(
    outbox: Outbox, running: Run, caplog: pytest.LogCaptureFixture
) -> None:
    attempts: list[str] = []

    def handler(event: Event) -> None:
        first = event["Records"][0]["dynamodb"]["Keys"]["id"]["S"]
        attempts.append(first)
        if first == "n00" and attempts.count("n00") < 4:
            raise RuntimeError("not yet")
        outbox.handler(event)

    outbox.put(*names(*range(6)))
    runner = running(outbox.runner(Checkpoints(None), handler))
    eventually(runner.idle)
    assert attempts == ["n00"] * 4 + ["n03"]
    assert outbox.seen == names(*range(6))
    assert sum("not yet" in line.getMessage() for line in caplog.records) == 3


def test_a_restart_goes_on_behind_the_checkpoint(outbox: Outbox, tmp_path: Path) -> None:
    path = tmp_path / "checkpoints.json"
    for numbers in (range(4), range(4, 8)):
        outbox.put(*names(*numbers))
        runner = outbox.runner(Checkpoints(path))
        runner.start()
        eventually(runner.idle)
        runner.stop()
    assert outbox.seen == names(*range(8))


def test_a_batch_that_failed_until_the_stop_comes_first_next_time(outbox: Outbox, tmp_path: Path) -> None:
    path = tmp_path / "checkpoints.json"
    tried: list[Event] = []

    def failing(event: Event) -> None:
        tried.append(event)
        raise RuntimeError("never")

    outbox.put(*names(*range(5)))
    runner = outbox.runner(Checkpoints(path), failing)
    runner.start()
    eventually(lambda: len(tried) > 1)
    runner.stop()
    again = outbox.runner(Checkpoints(path))
    again.start()
    eventually(again.idle)
    again.stop()
    assert outbox.seen == names(*range(5))


def test_a_position_that_the_stream_no_longer_has_goes_on_with_the_oldest(
    outbox: Outbox, running: Run, caplog: pytest.LogCaptureFixture
) -> None:
    checkpoints = Checkpoints(None)
    runner = outbox.runner(checkpoints)
    checkpoints.advance(runner.reader, "shardId-00000000000000000000-00000000", "0" * 30)
    outbox.put("a")
    running(runner)
    eventually(lambda: outbox.seen == ["a"])
    assert any("older than the stream" in line.getMessage() for line in caplog.records)


class Shards:
    """Stands in for a stream whose shard closed and was split, which ministack has not."""

    class exceptions:
        class ExpiredIteratorException(Exception):
            pass

        class TrimmedDataAccessException(Exception):
            pass

    def __init__(self) -> None:
        self.expired = False
        self.records = {"parent": ["p1", "p2"], "left": ["l1"], "right": ["r1"]}

    def describe_stream(self, StreamArn: str, **more: str) -> Any:
        pages = {
            "": {"Shards": [self._shard("left"), self._shard("parent")], "LastEvaluatedShardId": "parent"},
            "parent": {"Shards": [self._shard("right")]},
        }
        return {"StreamDescription": pages[more.get("ExclusiveStartShardId", "")]}

    def _shard(self, name: str) -> dict[str, str]:
        return {"ShardId": name, "ParentShardId": "trimmed" if name == "parent" else "parent"}

    def get_shard_iterator(self, ShardId: str, **place: str) -> dict[str, str]:
        after = place.get("SequenceNumber")
        return {"ShardIterator": f"{ShardId} {self.records[ShardId].index(after) + 1 if after else 0}"}

    def get_records(self, ShardIterator: str, Limit: int) -> dict[str, Any]:
        shard, start = ShardIterator.split()
        if ShardIterator == "parent 1" and not self.expired:
            self.expired = True
            raise self.exceptions.ExpiredIteratorException
        page = self.records[shard][int(start) : int(start) + 1]
        records = [{"dynamodb": {"SequenceNumber": name}} for name in page]
        closed = shard == "parent" and int(start) + 1 >= len(self.records[shard])
        following = {} if closed else {"NextShardIterator": f"{shard} {int(start) + len(page)}"}
        return {"Records": records, **following}


def test_children_follow_their_closed_parent_and_an_expired_iterator_is_renewed(running: Run) -> None:
    seen: list[str] = []
    checkpoints = Checkpoints(None)
    runner = StreamRunner(
        Shards(),
        "arn",
        lambda event: seen.extend(record["dynamodb"]["SequenceNumber"] for record in event["Records"]),
        checkpoints,
        name="dispatch",
    )
    running(runner)
    eventually(lambda: len(seen) == 4)
    assert seen[:2] == ["p1", "p2"]
    assert sorted(seen[2:]) == ["l1", "r1"]
    eventually(lambda: checkpoints.get(runner.reader) == {"parent": CLOSED, "left": "l1", "right": "r1"})


def test_shards_that_are_gone_are_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "checkpoints.json"
    checkpoints = Checkpoints(path)
    checkpoints.advance("r", "old", "1")
    checkpoints.advance("r", "new", "2")
    checkpoints.keep_only("r", {"new"})
    assert Checkpoints(path).get("r") == {"new": "2"}
