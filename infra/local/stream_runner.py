"""DynamoDB streams to handlers (`@app.on_dynamodb_record`): Lambda's event source mapping for streams.

Shards are read in their order, parents before children. A batch that fails is tried again until it
succeeds: nothing is skipped, and nothing behind it overtakes. The position is kept after each batch.
"""

import base64
import datetime
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra.local.checkpoints import CLOSED, Checkpoints
from infra.local.functions import Handler
from infra.local.runners import Runner, describe, log

BUSY_SECONDS = 0.02  # between polls while records come
IDLE_SECONDS = 0.1  # between polls when it has been quiet; a nudge cuts it short
REFRESH_SECONDS = 30.0  # between looks for new shards
FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS = 0.1, 5.0
ASK_SECONDS = 2.0  # how long idle() waits for a poll


@dataclass
class _Pass:
    """Counts polls of all shards, so that idle() can ask for one that began after the question."""

    started: int = 0
    empty: int = 0
    full: int = 0


class StreamRunner(Runner):
    def __init__(
        self,
        client: Any,
        arn: str,
        handler: Handler,
        checkpoints: Checkpoints,
        *,
        name: str,
        batch_size: int = 25,
    ) -> None:
        super().__init__(f"stream {name}")
        self.client = client
        self.arn = arn
        self.handler = handler
        self.checkpoints = checkpoints
        self.reader = f"{name} {arn}"
        self.batch_size = batch_size
        self._open: dict[str, str] = {}  # iterator by shard
        self._refreshed = 0.0
        self._pass = _Pass()
        self._passed = threading.Condition()

    def start(self) -> None:
        self._spawn(self._loop)

    def idle(self, delayed: bool = False) -> bool:
        """Whether a poll that began after this call found nothing."""
        with self._passed:
            asked = self._pass.started
            self.nudge()
            self._passed.wait_for(lambda: max(self._pass.empty, self._pass.full) > asked, ASK_SECONDS)
            return self._pass.empty > asked

    def _loop(self) -> None:
        pause = IDLE_SECONDS
        while not self._stopping.is_set():
            try:
                found = self._poll()
            except (BotoCoreError, ClientError) as error:
                if not self._stopping.wait(1.0):
                    log.error("%s: reading failed and is retried: %s", self.name, describe(error))
                self._open.clear()
                self._refreshed = 0.0
                continue
            pause = BUSY_SECONDS if found else min(pause * 1.5, IDLE_SECONDS)
            self._stopping.wait(BUSY_SECONDS)  # nudges come in bursts: one poll answers them all
            self._pause(pause - BUSY_SECONDS)

    def _poll(self) -> bool:
        """One look at every open shard; whether anything was there."""
        with self._passed:
            self._pass.started += 1
            number = self._pass.started
        if time.monotonic() - self._refreshed > REFRESH_SECONDS or not self._open:
            self._refresh()
        found = [self._read(shard, iterator) for shard, iterator in list(self._open.items())]
        with self._passed:
            if any(found):
                self._pass.full = number
            else:
                self._pass.empty = number
            self._passed.notify_all()
        return any(found)

    def _refresh(self) -> None:
        """Open shards that are not read to their end and whose parents are."""
        shards = self._shards()
        self.checkpoints.keep_only(self.reader, set(shards))
        positions = self.checkpoints.get(self.reader)
        for shard, parent in shards.items():
            ended = parent is None or parent not in shards or positions.get(parent) == CLOSED
            if ended and shard not in self._open and positions.get(shard) != CLOSED:
                self._open[shard] = self._iterator(shard, positions.get(shard))
        self._refreshed = time.monotonic()

    def _shards(self) -> dict[str, str | None]:
        """Parent by shard, over all pages."""
        shards: dict[str, str | None] = {}
        more: dict[str, Any] = {}
        while True:
            page = self.client.describe_stream(StreamArn=self.arn, **more)["StreamDescription"]
            for shard in page["Shards"]:
                shards[shard["ShardId"]] = shard.get("ParentShardId")
            if not (last := page.get("LastEvaluatedShardId")):
                return shards
            more = {"ExclusiveStartShardId": last}

    def _iterator(self, shard: str, position: str | None) -> str:
        place = {"StreamArn": self.arn, "ShardId": shard}
        get: Callable[..., dict[str, str]] = self.client.get_shard_iterator
        if position is not None:
            after = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": position}
            try:
                return get(**place, **after)["ShardIterator"]
            except self.client.exceptions.TrimmedDataAccessException:
                log.warning("%s: its position is older than the stream: going on with the oldest", self.name)
        return get(**place, ShardIteratorType="TRIM_HORIZON")["ShardIterator"]

    def _read(self, shard: str, iterator: str) -> bool:
        errors = self.client.exceptions
        try:
            answer = self.client.get_records(ShardIterator=iterator, Limit=self.batch_size)
        except (errors.ExpiredIteratorException, errors.TrimmedDataAccessException):
            self._open[shard] = self._iterator(shard, self.checkpoints.get(self.reader).get(shard))
            return True
        records = answer["Records"]
        if records and not self._deliver(shard, records):
            return True
        if following := answer.get("NextShardIterator"):
            self._open[shard] = following
        else:
            del self._open[shard]
            self.checkpoints.advance(self.reader, shard, CLOSED)
            self._refreshed = 0.0
        return bool(records)

    def _deliver(self, shard: str, records: list[dict[str, Any]]) -> bool:
        """Hand the batch over until its handler succeeds; False when stopped before that."""
        event = {"Records": [{**_plain(record), "eventSourceARN": self.arn} for record in records]}
        pause = FIRST_RETRY_SECONDS
        while not self._attempt(lambda: self.handler(event), f"a batch of {len(records)}"):
            if self._stopping.wait(pause):
                return False
            pause = min(pause * 2, LAST_RETRY_SECONDS)
        self.checkpoints.advance(self.reader, shard, records[-1]["dynamodb"]["SequenceNumber"])
        return True


def _plain(value: Any) -> Any:
    """As in Lambda's JSON: base64 text for bytes, epoch seconds for times."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | set):
        return [_plain(item) for item in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, datetime.datetime):
        return value.timestamp()
    return value
