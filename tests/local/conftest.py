"""One emulator a worker; each test has tables and queues under its own prefix."""

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from infra.local import environment
from infra.local.aws import Emulator
from infra.local.runners import Runner


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    emulator = Emulator(tmp_path_factory.mktemp("emulator"))
    emulator.start()
    emulator.wait_ready()
    yield emulator
    emulator.stop()


@pytest.fixture
def aws(emulator: Emulator) -> Iterator[Callable[[str], Any]]:
    """Makes clients of the emulator; boto3 elsewhere finds it too, for the length of the test."""
    changes = environment.Environment()
    changes.set(environment.emulated(emulator.endpoint))
    yield boto3.client
    changes.restore()


@pytest.fixture
def prefix() -> str:
    return f"t{secrets.token_hex(4)}"


@pytest.fixture
def running() -> Iterator[Callable[[Runner], Runner]]:
    """Starts runners and stops them after the test."""
    runners: list[Runner] = []

    def run(runner: Runner) -> Runner:
        runners.append(runner)
        runner.start()
        return runner

    yield run
    for runner in runners:
        runner.end()
    for runner in runners:
        runner.stop()


@pytest.fixture
def toy_template(tmp_path: Path) -> Path:
    path = tmp_path / "data.yaml"
    path.write_text(TOY, encoding="utf-8")
    return path


TOY = """
Parameters:
  Prefix: {Type: String, Default: toy}
Resources:
  OutboxTable:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: !Sub "${Prefix}-outbox"
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      KeySchema: [{AttributeName: id, KeyType: HASH}]
      TimeToLiveSpecification: {AttributeName: ttl, Enabled: true}
      StreamSpecification: {StreamViewType: NEW_IMAGE}
  JobsQueue:
    Type: AWS::SQS::Queue
    Properties:
      QueueName: !Sub "${Prefix}-jobs"
      VisibilityTimeout: 120
      RedrivePolicy: {deadLetterTargetArn: !GetAtt DeadQueue.Arn, maxReceiveCount: 3}
  DeadQueue:
    Type: AWS::SQS::Queue
    Properties: {QueueName: !Sub "${Prefix}-jobs-dlq"}
  OrderedQueue:
    Type: AWS::SQS::Queue
    Properties:
      QueueName: !Sub "${Prefix}-ordered.fifo"
      FifoQueue: true
      VisibilityTimeout: 120
  FailuresQueue:
    Type: AWS::SQS::Queue
    Properties: {QueueName: !Sub "${Prefix}-ingest-failures"}
"""
