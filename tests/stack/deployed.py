"""Polything deployed to ministack: API Gateway, Lambda workers, streams, queues and schedules.

ministack has no custom authorizer and no direct messages to MQTT clients: the local broker stands in for
IoT Core, and invokes the deployed functions.
"""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import yaml

from infra.deploy import stacks, templates
from infra.local.aws import ROOT, Emulator
from infra.local.mqtt import rules_of, start_broker

SERVICES = (
    "apigateway,cloudformation,cloudwatch,dynamodb,dynamodbstreams,events,iam,iot,kms,lambda,logs,"
    "s3,sns,sqs,ssm,sts"
)
REGION = "us-east-1"
CODE = "polything-code"
STACK = "polything-dev"
UNKNOWN = ("DeviceAuthorizer", "AuthorizerPermission", "MqttDomain")  # ministack has no IoT authorizers
DOMAIN = "api.polything.test"
CERTIFICATE = f"certificate/{'0' * 8}-0000-0000-0000-{'0' * 12}"
PARAMETERS = {
    "HttpDomainName": DOMAIN,
    "HttpCertificateArn": f"arn:aws:acm:{REGION}:000000000000:{CERTIFICATE}",
}
EDGE = ROOT / "infra" / "edge.yaml"
NOBODY: dict[str, Any] = {"clientId": "nobody", "eventType": "connected"}
SAID: dict[str, Any] = {"id": "0", "topic": "none", "client": "nobody", "at": 0, "payload": ""}
NOTHING: dict[str, dict[str, Any]] = {  # events that change nothing
    **{name: {"Records": []} for name in ("dispatch", "deliver", "redeliver", "work")},
    "authorizer": {},
    "ingest": SAID,
    "presence": NOBODY,
}


class Aws(Emulator):
    """ministack with all that a deployed stage needs. Its functions call it at its own port."""

    PROGRAM = "tests.stack.emulator"

    def start(self) -> None:
        """Without the settings of this process: the functions would take them for theirs."""
        ours = [name for name in os.environ if name.startswith(("POLYTHING_", "POWERTOOLS_"))]
        kept = {name: os.environ.pop(name) for name in ours}
        try:
            super().start()
        finally:
            os.environ.update(kept)

    def _settings(self) -> dict[str, str]:
        return {
            **super()._settings(),
            "GATEWAY_PORT": str(self.port),
            "SERVICES": SERVICES,
            "PERSIST_STATE": "0",
            "MINISTACK_HOST": "127.0.0.1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
            "TMPDIR": str(self.directory),  # where its functions unpack their code, 80 MB each
            "AUTH": "true",  # policies count: a function may do what its role allows, and no more
        }


def understood(template: templates.Template) -> templates.Template:
    """The template without what ministack does not know."""
    for name in UNKNOWN:
        template["Resources"].pop(name)
    template["Outputs"].pop("MqttConfiguration")
    return template


def code_in(template: templates.Template, bucket: str, key: str) -> templates.Template:
    """The template with its functions' code in S3."""
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = {"Bucket": bucket, "Key": key}
    return template


class Deployed:
    def __init__(self, aws: Aws, folder: Path) -> None:
        self.aws = aws
        self.folder = folder
        self.broker: Any = None
        self.outputs: dict[str, str] = {}
        self._functions: dict[str, str] = {}

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.aws.endpoint,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def start_broker(self) -> None:
        """Before the stack: its functions are told where the data plane is."""
        rules = rules_of(EDGE)
        self.broker = start_broker("aws", self.invoke, rules, lambda *_: None, "127.0.0.1", 0)

    def deploy(self, template: Path) -> None:
        """The template and the zip beside it."""
        s3 = self.client("s3")
        s3.create_bucket(Bucket=CODE)
        key = f"{time.time_ns()}.zip"
        s3.upload_file(str(template.parent / "deployment.zip"), CODE, key)
        made = understood(yaml.safe_load(template.read_text(encoding="utf-8")))
        made = code_in(made, CODE, key)
        for resource in made["Resources"].values():
            if resource["Type"] == "AWS::Serverless::Function":
                resource["Properties"]["Environment"]["Variables"].update(
                    AWS_ENDPOINT_URL_IOT_DATA_PLANE=f"http://127.0.0.1:{self.broker.data_port}",
                    POLYTHING_CALLBACK_ALLOW="127.0.0.0/8",
                )
        s3.put_object(Bucket=CODE, Key="template.json", Body=json.dumps(made))
        url = f"{self.aws.endpoint}/{CODE}/template.json"
        self.outputs = stacks.apply(
            self.client("cloudformation"), STACK, {"TemplateURL": url}, PARAMETERS, poll=0.2
        )
        found = self.client("cloudformation").describe_stack_resources(StackName=STACK)["StackResources"]
        self._functions = {
            each["LogicalResourceId"].lower(): each["PhysicalResourceId"]
            for each in found
            if each["ResourceType"] == "AWS::Lambda::Function"
        }

    def warm_up(self) -> None:
        """Have each function started: a machine that is busy may take longer for it than a client waits."""
        for name, event in NOTHING.items():
            self.invoke(name, event)
        with urllib.request.urlopen(f"{self.http}/openapi.json", timeout=120):
            pass

    @property
    def api(self) -> str:
        return self.outputs["RestAPIId"]

    @property
    def http(self) -> str:
        """The API's URL, its stage in the path."""
        return f"{self.aws.endpoint}/restapis/{self.api}/api/_user_request_"

    @property
    def gateway(self) -> str:
        """API Gateway's own name for the API. No name server knows it."""
        return f"{self.api}.execute-api.127.0.0.1"

    @property
    def mqtt(self) -> tuple[str, int]:
        return "127.0.0.1", int(self.broker.mqtt_port)

    def invoke(self, name: str, event: dict[str, Any]) -> Any:
        """Run a function of the stack as IoT Core would."""
        answer = self.client("lambda").invoke(
            FunctionName=self._functions[name], Payload=json.dumps(event).encode()
        )
        payload = json.loads(answer["Payload"].read() or b"null")
        if "FunctionError" in answer:
            raise RuntimeError(f"{name}: {payload}")
        return payload

    def seed(self) -> dict[str, Any]:
        """What demo.json holds of a local cloud: addresses, and the demo tenant's credentials."""
        seeded = self._run(
            "import json; from infra.local import seed; print(json.dumps(seed.credentials({})))"
        )
        host, port = self.mqtt
        return {"http": self.http, "mqtt": {"host": host, "port": port}, **json.loads(seeded)}

    def operator(self) -> str:
        """The key of an operator who may do everything."""
        made = "create('stack', list(Scope), 'cli')"
        return self._run(f"from chalicelib.core.operators import Scope, create; print({made}[1])").strip()

    def _run(self, program: str) -> str:
        """What a program prints that works on the stack's tables."""
        ran = subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            env={
                **{name: value for name, value in os.environ.items() if not name.startswith("POLYTHING_")},
                "AWS_ENDPOINT_URL": self.aws.endpoint,
                "AWS_ACCESS_KEY_ID": "test",
                "AWS_SECRET_ACCESS_KEY": "test",
                "AWS_DEFAULT_REGION": REGION,
                "POLYTHING_PREFIX": STACK,
                "POLYTHING_KMS_KEY": self.outputs["DataKey"],
            },
            capture_output=True,
            text=True,
            check=False,
        )
        if ran.returncode:
            raise RuntimeError(ran.stdout + ran.stderr)
        return ran.stdout


@contextlib.contextmanager
def deployed() -> Iterator[Deployed]:
    """An empty account, with a broker in front of it."""
    with tempfile.TemporaryDirectory(prefix="polything-stack-", ignore_cleanup_errors=True) as temporary:
        folder = Path(temporary)
        aws = Aws(folder, _free_port())
        aws.start()
        stack = Deployed(aws, folder)
        try:
            aws.wait_ready()
            stack.start_broker()
            yield stack
        finally:
            if stack.broker is not None:
                stack.broker.stop()
            aws.stop()


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
