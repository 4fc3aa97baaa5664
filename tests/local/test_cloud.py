"""All parts together, around a toy app: HTTP to table to stream to queue, MQTT to function, and restarts."""

import http.client
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import paho.mqtt.client as mqtt
import pytest
from chalice.app import Chalice, DynamoDBEvent, Rate, Response, SQSEvent

from infra.local.cloud import LocalCloud
from infra.local.errors import EmulatorFailed, PortTaken, StateInUse, TemplateError
from infra.local.ports import listen
from infra.local.sources import Pace
from tests.local.waiting import eventually

RULES = """
Resources:
  Up:
    Type: AWS::IoT::TopicRule
    Properties:
      TopicRulePayload:
        AwsIotSqlVersion: "2016-03-23"
        Sql: "SELECT encode(*, 'base64') AS payload, topic() AS topic FROM 'up/#'"
        Actions:
          - Lambda: {FunctionArn: !Ref IngestFunctionArn}
"""


class Toy:
    """An app whose every part leaves a trace: POST writes an item, its event becomes a job."""

    def __init__(self) -> None:
        self.jobs: list[str] = []
        self.ingested: list[dict[str, Any]] = []
        self.sweeps = 0

    def load(self) -> Chalice:
        app = Chalice(app_name="toy")
        prefix, base = os.environ["POLYTHING_PREFIX"], os.environ["POLYTHING_QUEUE_BASE"]
        tables, queues = boto3.client("dynamodb"), boto3.client("sqs")

        @app.route("/{proxy+}", methods=["POST"], content_types=[])
        def write() -> Response:
            name = app.current_request.context["path"].strip("/")
            tables.put_item(TableName=f"{prefix}-outbox", Item={"id": {"S": name}})
            return Response(body="", status_code=204)

        @app.on_dynamodb_record(stream_arn=os.environ["POLYTHING_OUTBOX_STREAM"], batch_size=5)
        def dispatch(event: DynamoDBEvent) -> None:
            for record in event:
                queues.send_message(QueueUrl=f"{base}/{prefix}-jobs", MessageBody=record.keys["id"]["S"])

        @app.on_sqs_message(queue=f"{prefix}-jobs", batch_size=2)
        def job(event: SQSEvent) -> None:
            self.jobs.extend(record.body for record in event)

        @app.schedule(Rate(1, unit=Rate.MINUTES))
        def sweep(_: Any) -> None:
            self.sweeps += 1

        self._functions(app, tables, prefix)
        return app

    def _functions(self, app: Chalice, tables: Any, prefix: str) -> None:
        @app.lambda_function()
        def authorizer(event: dict[str, Any], _: Any) -> dict[str, Any]:
            known = event["protocolData"]["mqtt"]["username"] == "device"
            everything = {"Effect": "Allow", "Action": "iot:*", "Resource": "*"}
            return {
                "isAuthenticated": known,
                "principalId": "device",
                "policyDocuments": [{"Version": "2012-10-17", "Statement": [everything]}] if known else [],
                "disconnectAfterInSeconds": 3600,
                "refreshAfterInSeconds": 300,
            }

        @app.lambda_function()
        def ingest(event: dict[str, Any], _: Any) -> None:
            self.ingested.append(event)
            if event["topic"] == "up/poison":
                raise RuntimeError("cannot take it")
            tables.put_item(TableName=f"{prefix}-outbox", Item={"id": {"S": event["topic"]}})


Make = Callable[..., LocalCloud]


@pytest.fixture
def toy() -> Toy:
    return Toy()


@pytest.fixture
def make(tmp_path: Path, toy: Toy, toy_template: Path) -> Iterator[Make]:
    """Makes clouds around the toy app and stops them after the test."""
    rules = tmp_path / "edge.yaml"
    rules.write_text(RULES, encoding="utf-8")
    clouds: list[LocalCloud] = []

    def make(**options: Any) -> LocalCloud:
        defaults: dict[str, Any] = {
            "load_app": toy.load,
            "template": toy_template,
            "rules": rules,
            "prefix": "toy",
            "pace": Pace(sweep_every=3600, retry_after=0, long_poll=0),
        }
        clouds.append(LocalCloud(**{"state_dir": tmp_path / "state", **defaults, **options}))
        return clouds[-1]

    yield make
    for cloud in clouds:
        cloud.stop()


def post(cloud: LocalCloud, name: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", cloud.port, timeout=10)
    try:
        connection.request("POST", f"/{name}", body="x")
        return connection.getresponse().status
    finally:
        connection.close()


def publish(cloud: LocalCloud, topic: str, payload: bytes) -> None:
    device = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="device")
    device.username_pw_set("device", "secret")
    device.connect(*cloud.mqtt)
    device.loop_start()
    device.publish(topic, payload, qos=1).wait_for_publish(10)
    device.disconnect()
    device.loop_stop()


def test_from_http_and_mqtt_to_the_last_handler(make: Make, toy: Toy) -> None:
    before = {key: value for key, value in os.environ.items() if key != "AWS_EXECUTION_ENV"}  # Chalice's
    cloud = make()
    cloud.start()
    assert post(cloud, "a") == 204
    publish(cloud, "up/b", b"\x01\x02")
    eventually(lambda: toy.ingested)
    cloud.wait_idle()
    assert sorted(toy.jobs) == ["a", "up/b"]
    assert toy.ingested[0]["payload"] == "AQI="
    assert cloud.sweep()
    assert toy.sweeps == 1
    assert "IOT_DATA_PLANE" in " ".join(os.environ.keys() - before.keys())
    cloud.check()
    cloud.stop()
    assert {key: value for key, value in os.environ.items() if key != "AWS_EXECUTION_ENV"} == before


def test_a_second_start_finds_state_ports_and_key_again(make: Make, toy: Toy) -> None:
    cloud = make()
    cloud.start()
    ports, key = (cloud.port, cloud.mqtt_port), cloud.state.data_key()
    post(cloud, "a")
    cloud.wait_idle()
    cloud.stop()
    cloud.start()
    assert (cloud.port, cloud.mqtt_port) == ports
    assert cloud.state.data_key() == key
    assert (cloud.state.path / "data.key").stat().st_mode & 0o777 == 0o600
    post(cloud, "b")
    cloud.wait_idle()
    assert toy.jobs == ["a", "b"]
    cloud.stop()
    again = make(reset=True)
    again.start()
    assert again.state.data_key() != key
    assert boto3.client("dynamodb").scan(TableName="toy-outbox")["Count"] == 0


def test_a_message_that_no_function_takes_lands_on_the_failure_queue(make: Make) -> None:
    cloud = make()
    cloud.start()
    url = f"{os.environ['POLYTHING_QUEUE_BASE']}/toy-ingest-failures"
    publish(cloud, "up/poison", b"x")
    [message] = boto3.client("sqs").receive_message(QueueUrl=url, WaitTimeSeconds=10)["Messages"]
    body = json.loads(message["Body"])
    assert body["requestPayload"]["topic"] == "up/poison"
    assert body["responsePayload"] == {"errorType": "RuntimeError", "errorMessage": "cannot take it"}


def test_a_taken_port_a_state_in_use_and_bad_rules_stop_the_start(make: Make, tmp_path: Path) -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortTaken, match="--port"):
            make(port=port).start()
        with pytest.raises(PortTaken, match="--mqtt-port"):
            make(mqtt_port=port).start()
    cloud = make()
    cloud.start()
    with pytest.raises(StateInUse, match=str(os.getpid())):
        make().start()
    cloud.stop()
    with pytest.raises(TemplateError, match="topic rules"):
        make(rules=tmp_path / "absent.yaml").start()


def test_a_passing_state_directory_goes_with_the_stop(make: Make) -> None:
    cloud = make(state_dir=None)
    cloud.start()
    path = cloud.state.path
    assert (path / "lock").exists()
    cloud.stop()
    assert not path.exists()


def test_an_emulator_that_ends_by_itself_is_noticed(make: Make) -> None:
    cloud = make()
    cloud.start()
    cloud._emulator._process.kill()  # type: ignore[union-attr]

    def noticed() -> bool:
        try:
            cloud.check()
        except EmulatorFailed:
            return True
        return False

    eventually(noticed)


def test_own_endpoints_are_used_instead_of_a_child(make: Make, emulator: Any, monkeypatch: Any) -> None:
    for service in ("DYNAMODB", "SQS"):
        monkeypatch.setenv(f"AWS_ENDPOINT_URL_{service}", emulator.endpoint)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "mine")
    cloud = make(prefix="own")
    cloud.start()
    assert not (cloud.state.path / "aws").exists()
    assert os.environ["AWS_ACCESS_KEY_ID"] == "mine"
    assert os.environ["POLYTHING_QUEUE_BASE"].startswith(emulator.endpoint)
    assert post(cloud, "a") == 204
    cloud.wait_idle()
