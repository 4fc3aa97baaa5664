"""`make deploy`: the data stack, then Chalice, then the edge stack. Every step is safe to repeat.

Chalice makes a new API where it does not know of one, so what it remembers of a stage is kept in the
stage's deploy bucket: a second operator's machine updates the same API. What a `chalice deploy` resets,
and what it cannot say, is applied after it.
"""

import json
import tempfile
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from infra.deploy import build, stacks, templates
from infra.deploy.errors import DeployError
from infra.deploy.stacks import Say

STATE = "chalice/deployed/{stage}.json"  # key in the deploy bucket
PARAMETERS = ("HttpDomainName", "HttpCertificateArn", "MqttDomainName", "MqttCertificateArn", "AlarmEmail")


class Deployment:
    """One stage in the account and region that the AWS environment names."""

    def __init__(self, stage: str, say: Say, poll: float = stacks.POLL) -> None:
        self.stage, self.say, self.poll = stage, say, poll
        self.prefix = build.prefix_of(stage)
        self._session = boto3.Session()
        if not self._session.region_name:
            raise DeployError("no region is set: set AWS_DEFAULT_REGION, or a region in the AWS profile")

    def client(self, service: str) -> Any:
        return self._session.client(service)

    @property
    def data_stack(self) -> str:
        return f"{self.prefix}-data"

    @property
    def edge_stack(self) -> str:
        return f"{self.prefix}-edge"

    def deploy(self, parameters: Mapping[str, str]) -> str:
        """Answers the URL of the APIs. What `parameters` does not name stays as it was deployed before."""
        with _explained():
            data = self._deploy_data()
            made = self._deploy_chalice(data)
            self._deploy_edge(data, made, parameters)
            self._finish(data, made)
        return str(made["rest_api"]["rest_api_url"])

    def _deploy_data(self) -> dict[str, str]:
        """The bucket for templates is part of the data stack, so the first template goes by value."""
        body = templates.DATA.read_text(encoding="utf-8")
        place = {"TemplateBody": body}
        return stacks.apply(
            self.client("cloudformation"),
            self.data_stack,
            place,
            {"Prefix": self.prefix},
            self.say,
            self.poll,
        )

    def _deploy_chalice(self, data: Mapping[str, str]) -> dict[str, Any]:
        """The resources that Chalice made or updated, by name."""
        with tempfile.TemporaryDirectory(prefix="polything-") as temporary:
            folder = Path(temporary)
            build.project(folder)
            surroundings = self._surroundings(data)
            _tell_functions(folder / ".chalice" / "config.json", self.stage, surroundings)
            state = folder / ".chalice" / "deployed" / f"{self.stage}.json"
            state.parent.mkdir()
            self._fetch_state(data["DeployBucket"], state)
            self.say("chalice: packaging and deploying the functions and the API")
            try:
                build.chalice(folder, "deploy", "--stage", self.stage, **surroundings)
            finally:
                self._keep_state(data["DeployBucket"], state)
            resources = json.loads(state.read_text(encoding="utf-8"))["resources"]
        return {each["name"]: each for each in resources}

    def _surroundings(self, data: Mapping[str, str]) -> dict[str, str]:
        account = self.client("sts").get_caller_identity()["Account"]
        region = self._session.region_name
        suffix = "amazonaws.com.cn" if str(region).startswith("cn-") else "amazonaws.com"
        return {
            "POLYTHING_ACCOUNT": account,
            "POLYTHING_QUEUE_BASE": f"https://sqs.{region}.{suffix}/{account}",
            "POLYTHING_OUTBOX_STREAM": data["OutboxStream"],
            "POLYTHING_KMS_KEY": data["DataKey"],
            "POLYTHING_PACKAGES": data["PackagesBucket"],
            "POLYTHING_PREFIX": self.prefix,
        }

    def _fetch_state(self, bucket: str, path: Path) -> None:
        try:
            kept = self.client("s3").get_object(Bucket=bucket, Key=STATE.format(stage=self.stage))
        except ClientError as error:
            if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
                return
            raise
        path.write_bytes(kept["Body"].read())

    def _keep_state(self, bucket: str, path: Path) -> None:
        """Also of a deployment that failed half-way: what it made must be found again."""
        if path.exists():
            self.client("s3").put_object(
                Bucket=bucket, Key=STATE.format(stage=self.stage), Body=path.read_bytes()
            )

    def _deploy_edge(
        self, data: Mapping[str, str], made: Mapping[str, Any], given: Mapping[str, str]
    ) -> None:
        edge = templates.load(templates.EDGE)
        parameters = {"Prefix": self.prefix, "RestApi": made["rest_api"]["rest_api_id"], **given}
        for function in templates.FUNCTIONS:
            arn = str(made[_snake(function)]["lambda_arn"])
            for kind, value in (("FunctionArn", arn), ("FunctionName", arn.rpartition(":")[2])):
                if function + kind in edge["Parameters"]:
                    parameters[function + kind] = value
        key = "edge.yaml"
        self.client("s3").upload_file(str(templates.EDGE), data["DeployBucket"], key)
        stacks.apply(
            self.client("cloudformation"),
            self.edge_stack,
            {"TemplateURL": self._url(data["DeployBucket"], key)},
            parameters,
            self.say,
            self.poll,
        )

    def _url(self, bucket: str, key: str) -> str:
        s3 = self.client("s3")
        url: str = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": key})
        return url.partition("?")[0]

    def _finish(self, data: Mapping[str, str], made: Mapping[str, Any]) -> None:
        """What Chalice cannot say, and what only counts once the API is deployed again."""
        functions = self.client("lambda")
        lost = {"OnFailure": {"Destination": data["DispatchFailuresQueue"]}}
        dispatch = made["dispatch"]["lambda_arn"]
        for source in functions.list_event_source_mappings(FunctionName=dispatch)["EventSourceMappings"]:
            functions.update_event_source_mapping(UUID=source["UUID"], DestinationConfig=lost)
        self.client("apigateway").create_deployment(
            restApiId=made["rest_api"]["rest_api_id"],
            stageName=build.stages()[self.stage]["api_gateway_stage"],
            description="gateway responses of the edge stack",
        )

    def destroy(self, *, data: bool) -> None:
        """Take functions, API and edge away, and, where `data` says so, the data stack.

        Tables, keys and buckets are retained by their template even then: they are deleted by hand.
        """
        with _explained():
            stacks.remove(self.client("cloudformation"), self.edge_stack, self.say, self.poll)
            self._delete_chalice()
            if data:
                stacks.remove(self.client("cloudformation"), self.data_stack, self.say, self.poll)

    def _delete_chalice(self) -> None:
        try:
            bucket = stacks.outputs(self.client("cloudformation"), self.data_stack)["DeployBucket"]
        except DeployError:
            self.say("chalice: nothing is known to be deployed")
            return
        with tempfile.TemporaryDirectory(prefix="polything-") as temporary:
            folder = Path(temporary)
            build.project(folder)
            state = folder / ".chalice" / "deployed" / f"{self.stage}.json"
            state.parent.mkdir()
            self._fetch_state(bucket, state)
            if not state.exists():
                self.say("chalice: nothing is known to be deployed")
                return
            self.say("chalice: deleting the functions and the API")
            try:
                build.chalice(folder, "delete", "--stage", self.stage)
            finally:
                self._keep_state(bucket, state)


def answers(url: str) -> bool:
    """Whether the APIs answer at the URL."""
    try:
        with urllib.request.urlopen(f"{url.rstrip('/')}/openapi.json", timeout=60) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except (urllib.error.URLError, TimeoutError):
        return False


def _tell_functions(config: Path, stage: str, surroundings: Mapping[str, str]) -> None:
    """Chalice reads functions' environment from its configuration alone."""
    told = json.loads(config.read_text(encoding="utf-8"))
    told["stages"][stage]["environment_variables"].update(surroundings)
    config.write_text(json.dumps(told, indent=2), encoding="utf-8")


def _snake(function: str) -> str:
    """`ApiHandler` as Chalice's state names it."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in function).strip("_")


class _explained:  # noqa: N801 - reads as the context it is
    """AWS's refusals as one line."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, ClientError | BotoCoreError):
            raise DeployError(f"AWS refused: {error}") from error
