"""The emulator as a child process: what it keeps, and when it ends."""

import importlib.util
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest

from infra.local.aws import ROOT, Emulator, has_own_endpoints
from infra.local.errors import DependencyMissing, EmulatorFailed, EndpointsIncomplete
from tests.local.waiting import eventually

PARENT = """
import pathlib, sys, time
from infra.local.aws import Emulator
emulator = Emulator(pathlib.Path(sys.argv[1]))
emulator.start()
emulator.wait_ready()
print(emulator.port, flush=True)
time.sleep(600)
"""


def client(service: str, port: int) -> Any:
    return boto3.client(
        service,
        endpoint_url=f"http://127.0.0.1:{port}",
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
    )


def fill(port: int) -> str:
    """An item with its stream record, and a message; the stream's ARN."""
    table = client("dynamodb", port).create_table(
        TableName="kept",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )
    client("dynamodb", port).put_item(TableName="kept", Item={"id": {"S": "a"}, "raw": {"B": b"\x00\xff"}})
    url = client("sqs", port).create_queue(QueueName="kept")["QueueUrl"]
    client("sqs", port).send_message(QueueUrl=url, MessageBody="hello")
    arn: str = table["TableDescription"]["LatestStreamArn"]
    return arn


def assert_kept(port: int, arn: str) -> None:
    item = client("dynamodb", port).get_item(TableName="kept", Key={"id": {"S": "a"}})["Item"]
    assert item == {"id": {"S": "a"}, "raw": {"B": b"\x00\xff"}}
    sqs, streams = client("sqs", port), client("dynamodbstreams", port)
    # made again, as provisioning does at each start: still the same queue
    url = sqs.create_queue(QueueName="kept")["QueueUrl"]
    assert [message["Body"] for message in sqs.receive_message(QueueUrl=url)["Messages"]] == ["hello"]
    [shard] = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
    iterator = streams.get_shard_iterator(
        StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    [record] = streams.get_records(ShardIterator=iterator)["Records"]
    assert record["dynamodb"]["NewImage"] == item


def refuses(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def test_tables_queues_and_streams_survive_a_clean_stop_and_another_port(tmp_path: Path) -> None:
    first = Emulator(tmp_path)
    first.start()
    first.wait_ready()
    arn = fill(first.port)
    first.stop()
    assert not first.alive
    second = Emulator(tmp_path)
    second.start()
    try:
        second.wait_ready()
        assert second.port != first.port
        assert_kept(second.port, arn)
    finally:
        second.stop()


def test_the_child_saves_and_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PARENT, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        port = int(parent.stdout.readline())
        arn = fill(port)
        parent.send_signal(signal.SIGKILL)
    eventually(lambda: refuses(port))
    eventually(lambda: (tmp_path / "aws" / "sqs.json").exists())
    again = Emulator(tmp_path)
    again.start()
    try:
        again.wait_ready()
        assert_kept(again.port, arn)
    finally:
        again.stop()


def test_a_child_that_cannot_start_is_reported_with_its_log(tmp_path: Path) -> None:
    (tmp_path / "aws").write_text("in the way")
    emulator = Emulator(tmp_path)
    emulator.start()
    emulator._process.kill()  # type: ignore[union-attr]
    with pytest.raises(EmulatorFailed, match=r"aws\.log"):
        emulator.wait_ready()
    eventually(lambda: not emulator.alive)
    emulator.stop()
    emulator.stop()


def test_without_ministack_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(DependencyMissing, match="make install"):
        Emulator(tmp_path).start()


@pytest.mark.parametrize(
    ("env", "own"),
    [
        ({}, False),
        ({"AWS_ENDPOINT_URL": "http://a"}, True),
        ({"AWS_ENDPOINT_URL_DYNAMODB": "http://a", "AWS_ENDPOINT_URL_SQS": "http://b"}, True),
    ],
)
def test_own_endpoints_are_recognised(env: dict[str, str], own: bool) -> None:
    assert has_own_endpoints(env) is own


def test_one_endpoint_without_the_other_is_refused() -> None:
    with pytest.raises(EndpointsIncomplete, match="AWS_ENDPOINT_URL_SQS is not"):
        has_own_endpoints({"AWS_ENDPOINT_URL_DYNAMODB": "http://a"})
