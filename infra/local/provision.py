"""Makes the tables, queues and buckets of `infra/data.yaml` where they are missing, on any endpoint.

CloudFormation does this in an account; here plain API calls do, because DynamoDB Local, ElasticMQ and
moto have no CloudFormation, and because 25 calls take a fraction of a second.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.exceptions import ClientError

from infra.local.errors import StateUnusable, TemplateError
from infra.local.template import DATA, Attribute, Resource, resources

_TABLE = "AWS::DynamoDB::Table"
_QUEUE = "AWS::SQS::Queue"
_BUCKET = "AWS::S3::Bucket"
# what only an account has: encryption keys, backups
_NOT_LOCAL = {"PointInTimeRecoverySpecification", "SSESpecification", "SqsManagedSseEnabled", "Tags"}
_APART = {"TimeToLiveSpecification", "StreamSpecification"}


@dataclass(frozen=True)
class Provisioned:
    queue_base: str  # queue URLs are <queue_base>/<name>
    streams: dict[str, str]  # stream ARN by the table's logical name in the template
    buckets: dict[str, str]  # name by logical name

    @property
    def account(self) -> str:
        return self.queue_base.rpartition("/")[2]

    @property
    def outbox_stream(self) -> str:
        return self.streams["OutboxTable"]

    @property
    def packages(self) -> str:
        """The bucket of version packages; empty where there is none."""
        return self.buckets.get("PackagesBucket", "")


def provision(prefix: str, *, template: Path = DATA) -> Provisioned:
    """Create what is missing; twice is harmless. Raises StateUnusable where a table's key differs."""
    made = resources(template, Prefix=prefix)
    known = {_TABLE, _QUEUE, _BUCKET}
    for resource in made:
        ours = resource.type.startswith(("AWS::DynamoDB::", "AWS::SQS::Queue", "AWS::S3::"))
        if ours and resource.type not in known:
            raise TemplateError(f"{resource.type} is not understood in local mode")
    tables = _Tables()
    streams = {item.logical: tables.ensure(item) for item in made if item.type == _TABLE}
    queues = _Queues()
    # dead-letter queues first: the others name their ARN
    wanted = [item for item in made if item.type == _QUEUE]
    for item in sorted(wanted, key=lambda queue: "RedrivePolicy" in queue.properties):
        queues.ensure(item)
    found = {logical: arn for logical, arn in streams.items() if arn}
    account = queues.base.rpartition("/")[2]
    wanted = [item for item in made if item.type == _BUCKET] if _objects_are_meant() else []
    buckets = {item.logical: _ensure_bucket(item, account) for item in wanted}
    return Provisioned(queues.base, found, buckets)


def _objects_are_meant() -> bool:
    """Not where an operator's own endpoints leave S3 out: the bucket would be made in a real account."""
    named = {name for name in os.environ if name.startswith("AWS_ENDPOINT_URL") and os.environ[name]}
    return not named or bool(named & {"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"})


def _ensure_bucket(bucket: Resource, account: str) -> str:
    """Closed to the public and encrypted, as in an account. Answers its name."""
    client: Any = boto3.client("s3")
    region = client.meta.region_name
    name: str = bucket.properties["BucketName"].format(account=account, region=region)
    place = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    try:
        client.create_bucket(Bucket=name, **place)
    except (client.exceptions.BucketAlreadyOwnedByYou, client.exceptions.BucketAlreadyExists):
        return name
    client.put_public_access_block(
        Bucket=name, PublicAccessBlockConfiguration=bucket.properties["PublicAccessBlockConfiguration"]
    )
    rules = bucket.properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    named = [{"ApplyServerSideEncryptionByDefault": rule["ServerSideEncryptionByDefault"]} for rule in rules]
    client.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": named})
    return name


class _Tables:
    def __init__(self) -> None:
        self.client: Any = boto3.client("dynamodb")

    def ensure(self, table: Resource) -> str | None:
        """The table's stream ARN, where it has a stream."""
        wanted = {key: value for key, value in table.properties.items() if key not in _NOT_LOCAL | _APART}
        if stream := table.properties.get("StreamSpecification"):
            wanted["StreamSpecification"] = {"StreamEnabled": True, **stream}
        try:
            description = self.client.create_table(**wanted)["TableDescription"]
        except self.client.exceptions.ResourceInUseException:
            description = self._complete(wanted)
        self._wait(description)
        if ttl := table.properties.get("TimeToLiveSpecification"):
            self._expire(wanted["TableName"], ttl)
        arn: str | None = description.get("LatestStreamArn")
        return arn

    def _wait(self, description: Any) -> None:
        if description["TableStatus"] != "ACTIVE":
            self.client.get_waiter("table_exists").wait(
                TableName=description["TableName"], WaiterConfig={"Delay": 1, "MaxAttempts": 120}
            )

    def _complete(self, wanted: dict[str, Any]) -> Any:
        """Add to an older table what the template gained since: indexes and a stream."""
        name = wanted["TableName"]
        description = self.client.describe_table(TableName=name)["Table"]
        if _key(description) != _key(wanted):
            raise StateUnusable(
                f"table {name} has another key than {DATA.name} says: start once with --reset"
            )
        present = {index["IndexName"]: index for index in description.get("GlobalSecondaryIndexes", [])}
        for index in wanted.get("GlobalSecondaryIndexes", []):
            if index["IndexName"] not in present:
                self._add_index(wanted, index)
            elif _shape(present[index["IndexName"]]) != _shape(index):
                place = f"index {index['IndexName']} of table {name}"
                raise StateUnusable(f"{place} differs from {DATA.name}: start once with --reset")
        if "StreamSpecification" in wanted and "LatestStreamArn" not in description:
            self.client.update_table(TableName=name, StreamSpecification=wanted["StreamSpecification"])
        return self.client.describe_table(TableName=name)["Table"]

    def _add_index(self, wanted: dict[str, Any], index: dict[str, Any]) -> None:
        self.client.update_table(
            TableName=wanted["TableName"],
            AttributeDefinitions=wanted["AttributeDefinitions"],
            GlobalSecondaryIndexUpdates=[{"Create": index}],
        )
        self._wait(self.client.describe_table(TableName=wanted["TableName"])["Table"])

    def _expire(self, name: str, ttl: dict[str, Any]) -> None:
        try:
            self.client.update_time_to_live(TableName=name, TimeToLiveSpecification=ttl)
        except ClientError as error:
            # the only way the API tells that it is so already
            if "already enabled" not in str(error):
                raise


def _key(table: Any) -> list[tuple[str, str]]:
    return sorted((part["KeyType"], part["AttributeName"]) for part in table["KeySchema"])


def _shape(index: Any) -> tuple[Any, ...]:
    projection = index["Projection"]
    return (_key(index), projection["ProjectionType"], sorted(projection.get("NonKeyAttributes", [])))


class _Queues:
    def __init__(self) -> None:
        self.client: Any = boto3.client("sqs")
        self.base = ""
        self._urls: dict[str, str] = {}

    def ensure(self, queue: Resource) -> None:
        name = queue.properties["QueueName"]
        attributes = {
            key: self._text(value)
            for key, value in queue.properties.items()
            if key != "QueueName" and key not in _NOT_LOCAL and not (key == "FifoQueue" and value is False)
        }
        try:
            url = self.client.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        except self.client.exceptions.QueueNameExists:
            # there, with attributes that the template had before
            url = self.client.get_queue_url(QueueName=name)["QueueUrl"]
            attributes.pop("FifoQueue", None)
            self.client.set_queue_attributes(QueueUrl=url, Attributes=attributes)
        # a kept queue may be listed under the port of an earlier run: the host is the endpoint's
        endpoint = urlsplit(self.client.meta.endpoint_url)
        self.base = f"{endpoint.scheme}://{endpoint.netloc}{urlsplit(url).path.rpartition('/')[0]}"
        self._urls[queue.logical] = f"{self.base}/{name}"

    def _text(self, value: Any) -> str:
        if isinstance(value, dict):
            return json.dumps({key: self._plain(item) for key, item in value.items()})
        if isinstance(value, bool):
            return "true" if value else "false"
        return str(value)

    def _plain(self, value: Any) -> Any:
        if isinstance(value, Attribute):
            return self._arn(value)
        return value

    def _arn(self, attribute: Attribute) -> str:
        if attribute.name != "Arn" or attribute.resource not in self._urls:
            raise TemplateError(
                f"!GetAtt {attribute.resource}.{attribute.name} is not understood in local mode"
            )
        url = self._urls[attribute.resource]
        answer = self.client.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        arn: str = answer["Attributes"]["QueueArn"]
        return arn
