"""Tables and queues from the template: complete, idempotent, and honest about what it cannot change."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from infra.local.errors import StateUnusable, TemplateError
from infra.local.provision import provision
from infra.local.template import DATA, resources

Aws = Callable[[str], Any]


def edited(path: Path, tmp_path: Path, old: str, new: str) -> Path:
    text = path.read_text(encoding="utf-8")
    assert old in text
    changed = tmp_path / "changed.yaml"
    changed.write_text(text.replace(old, new), encoding="utf-8")
    return changed


def test_the_real_template_is_made_whole_and_twice_is_harmless(aws: Aws, prefix: str) -> None:
    first = provision(prefix)
    assert provision(prefix) == first
    tables = [
        item.properties for item in resources(DATA, Prefix=prefix) if item.type == "AWS::DynamoDB::Table"
    ]
    assert len(tables) >= 10
    for wanted in tables:
        made = aws("dynamodb").describe_table(TableName=wanted["TableName"])["Table"]
        assert made["KeySchema"] == wanted["KeySchema"]
        indexes = {index["IndexName"] for index in wanted.get("GlobalSecondaryIndexes", [])}
        assert {index["IndexName"] for index in made.get("GlobalSecondaryIndexes", [])} == indexes
        ttl = aws("dynamodb").describe_time_to_live(TableName=wanted["TableName"])["TimeToLiveDescription"]
        assert ttl.get("AttributeName") == wanted.get("TimeToLiveSpecification", {}).get("AttributeName")


def test_buckets_are_made_once_and_closed(aws: Aws, prefix: str) -> None:
    made = provision(prefix)
    assert provision(prefix).packages == made.packages == f"{prefix}-packages-000000000000-us-east-1"
    closed = aws("s3").get_public_access_block(Bucket=made.packages)["PublicAccessBlockConfiguration"]
    assert set(closed.values()) == {True}
    sealed = aws("s3").get_bucket_encryption(Bucket=made.packages)["ServerSideEncryptionConfiguration"]
    assert sealed["Rules"][0]["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}


def test_no_bucket_is_made_where_own_endpoints_leave_s3_out(
    aws: Aws, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3", raising=False)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:1")
    assert provision(prefix).packages == ""


def test_queues_redrive_into_their_dead_letter_queues(aws: Aws, prefix: str, toy_template: Path) -> None:
    made = provision(prefix, template=toy_template)
    sqs = aws("sqs")
    jobs = sqs.get_queue_attributes(QueueUrl=f"{made.queue_base}/{prefix}-jobs", AttributeNames=["All"])
    assert f":{prefix}-jobs-dlq" in jobs["Attributes"]["RedrivePolicy"]
    assert jobs["Attributes"]["VisibilityTimeout"] == "120"
    assert made.account == "000000000000"


def test_the_outbox_stream_is_the_tables_current_one(aws: Aws, prefix: str, toy_template: Path) -> None:
    made = provision(prefix, template=toy_template)
    table = aws("dynamodb").describe_table(TableName=f"{prefix}-outbox")["Table"]
    assert made.outbox_stream == table["LatestStreamArn"]
    assert table["StreamSpecification"] == {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}


def test_a_queue_follows_the_template(aws: Aws, prefix: str, toy_template: Path, tmp_path: Path) -> None:
    provision(prefix, template=toy_template)
    changed = edited(toy_template, tmp_path, "VisibilityTimeout: 120", "VisibilityTimeout: 60")
    made = provision(prefix, template=changed)
    for name in (f"{prefix}-jobs", f"{prefix}-ordered.fifo"):
        answer = aws("sqs").get_queue_attributes(QueueUrl=f"{made.queue_base}/{name}", AttributeNames=["All"])
        assert answer["Attributes"]["VisibilityTimeout"] == "60"


def test_a_new_index_is_added_to_a_kept_table(
    aws: Aws, prefix: str, toy_template: Path, tmp_path: Path
) -> None:
    provision(prefix, template=toy_template)
    index = (
        "KeySchema: [{AttributeName: id, KeyType: HASH}]\n"
        "      GlobalSecondaryIndexes:\n"
        "        - {IndexName: again, KeySchema: [{AttributeName: id, KeyType: HASH}],"
        " Projection: {ProjectionType: KEYS_ONLY}}"
    )
    key = "KeySchema: [{AttributeName: id, KeyType: HASH}]"
    changed = edited(toy_template, tmp_path, key, index)
    provision(prefix, template=changed)
    table = aws("dynamodb").describe_table(TableName=f"{prefix}-outbox")["Table"]
    assert [each["IndexName"] for each in table["GlobalSecondaryIndexes"]] == ["again"]
    with pytest.raises(StateUnusable, match="--reset"):
        provision(prefix, template=edited(changed, tmp_path, "KEYS_ONLY", "ALL"))


def test_another_key_needs_a_reset(aws: Aws, prefix: str, toy_template: Path, tmp_path: Path) -> None:
    provision(prefix, template=toy_template)
    changed = edited(toy_template, tmp_path, "AttributeName: id", "AttributeName: key")
    with pytest.raises(StateUnusable, match="--reset"):
        provision(prefix, template=changed)


def test_it_works_on_moto(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        made = provision("unit")
        assert provision("unit") == made
        assert made.queue_base.startswith("https://sqs.us-east-1.amazonaws.com/")
        assert "unit-outbox" in made.outbox_stream
        assert "unit-devices" in boto3.client("dynamodb").list_tables()["TableNames"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("!GetAtt DeadQueue.Arn", "!GetAtt DeadQueue.QueueName"),
        ("!GetAtt DeadQueue.Arn", "!ImportValue Dead"),
        ("${Prefix}-outbox", "${Unknown}-outbox"),
        ("AWS::SQS::Queue\n", "AWS::SQS::QueuePolicy\n"),
    ],
)
def test_what_it_does_not_understand_is_said(
    aws: Aws, prefix: str, toy_template: Path, tmp_path: Path, old: str, new: str
) -> None:
    with pytest.raises(TemplateError):
        provision(prefix, template=edited(toy_template, tmp_path, old, new))
