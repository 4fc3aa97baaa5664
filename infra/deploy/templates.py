"""One CloudFormation template out of three: the data stack, what Chalice packages, and the edge stack.

Chalice names queues, tables and streams by text, for it knows nothing of the data stack. Beside the data
stack in one template the texts become references, so that CloudFormation makes things in the right order.
"""

import copy
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from chalice.package import YAMLTemplateSerializer  # type: ignore[import-untyped]

INFRA = Path(__file__).resolve().parents[1]
DATA, EDGE = INFRA / "data.yaml", INFRA / "edge.yaml"
MOST_BYTES = 1024 * 1024  # CloudFormation's limit of a template in S3
MOST_API_RESOURCES = 300  # API Gateway's limit of a REST API

Template = dict[str, Any]

# Logical names of the functions as Chalice packages them: the edge takes each by ARN or by name.
FUNCTIONS = (
    "ApiHandler",
    "Authorizer",
    "Ingest",
    "Presence",
    "Dispatch",
    "Deliver",
    "Redeliver",
    "Work",
    "Sweep",
)
PACKAGED = {"ApiHandler": "APIHandler"}  # where Chalice spells one otherwise
API = "RestAPI"
# What every function is told of its surroundings; the stage's own values stand in config.json.
SURROUNDINGS: Mapping[str, Any] = {
    "POLYTHING_ACCOUNT": {"Ref": "AWS::AccountId"},
    "POLYTHING_QUEUE_BASE": {"Fn::Sub": "https://sqs.${AWS::Region}.${AWS::URLSuffix}/${AWS::AccountId}"},
    "POLYTHING_OUTBOX_STREAM": {"Fn::GetAtt": ["OutboxTable", "StreamArn"]},
    "POLYTHING_KMS_KEY": {"Fn::GetAtt": ["DataKey", "Arn"]},
    "POLYTHING_PACKAGES": {"Ref": "PackagesBucket"},
}


def load(path: Path) -> Template:
    """A YAML template with its short tags written out."""
    loaded: Template = YAMLTemplateSerializer().load_template(path.read_text(encoding="utf-8"), path.name)
    return json.loads(json.dumps(loaded, default=str))  # type: ignore[no-any-return]


def compose(prefix: str, packaged: Template) -> Template:
    """`packaged` is what `chalice package` wrote for the stage whose names begin with `prefix`."""
    data, edge = load(DATA), load(EDGE)
    clash = [name for name in edge["Resources"] if name in packaged["Resources"] or name in data["Resources"]]
    if clash:
        raise ValueError(f"the edge and another stack both name {', '.join(sorted(clash))}")
    composed = copy.deepcopy(packaged)
    composed["Description"] = "Polything: data, functions, HTTP API and what IoT Core does with devices"
    for part in (data, edge):
        composed["Resources"].update(part["Resources"])
        composed.setdefault("Outputs", {}).update(part.get("Outputs", {}))
        for section in ("Parameters", "Conditions"):
            if part.get(section):
                composed.setdefault(section, {}).update(part[section])
    values = {"Prefix": prefix, **_functions()}
    for parameter in values:
        composed["Parameters"].pop(parameter, None)
    for name, resource in composed["Resources"].items():
        if resource["Type"] == "AWS::Serverless::Function":
            _join(name, resource["Properties"], data, prefix)
    return _put_in(composed, values)  # type: ignore[no-any-return]


def _functions() -> dict[str, Template]:
    """What stands for the edge's parameters for functions and the API: references to them."""
    references: dict[str, Template] = {"RestApi": {"Ref": API}}
    for function in FUNCTIONS:
        logical = PACKAGED.get(function, function)
        references[f"{function}FunctionName"] = {"Ref": logical}
        references[f"{function}FunctionArn"] = {"Fn::GetAtt": [logical, "Arn"]}
    return references


def _join(name: str, function: Template, data: Template, prefix: str) -> None:
    function["Environment"]["Variables"].update(SURROUNDINGS)
    for source in function.get("Events", {}).values():
        properties = source["Properties"]
        if source["Type"] == "DynamoDB":
            properties["Stream"] = SURROUNDINGS["POLYTHING_OUTBOX_STREAM"]
            lost = {"Type": "SQS", "Destination": {"Fn::GetAtt": ["DispatchFailuresQueue", "Arn"]}}
            properties["DestinationConfig"] = {"OnFailure": lost}
        elif source["Type"] == "SQS":
            properties["Queue"] = {"Fn::GetAtt": [_queue(name, properties["Queue"], data, prefix), "Arn"]}


def _queue(function: str, told: Any, data: Template, prefix: str) -> str:
    """The logical name of the queue that an event source names by its ARN."""
    name = json.dumps(told).rstrip('"}').rpartition(":")[2]
    for logical, resource in data["Resources"].items():
        if resource["Type"] == "AWS::SQS::Queue":
            pattern = resource["Properties"]["QueueName"]["Fn::Sub"]
            if pattern.replace("${Prefix}", prefix) == name:
                return str(logical)
    raise ValueError(f"{function} reads the queue {name}, which {DATA.name} does not make")


def _put_in(node: Any, values: Mapping[str, Any]) -> Any:
    """The node with values in the place of parameters; those that are text, also within text."""
    if isinstance(node, dict):
        if len(node) == 1 and node.get("Ref") in values:
            return values[node["Ref"]]
        return {key: _put_in(item, values) for key, item in node.items()}
    if isinstance(node, list):
        return [_put_in(item, values) for item in node]
    if isinstance(node, str):
        for name, value in values.items():
            if isinstance(value, str):
                node = node.replace(f"${{{name}}}", value)
    return node


class _Plain(yaml.SafeDumper):
    """Without aliases, which CloudFormation does not read."""

    def ignore_aliases(self, _data: Any) -> bool:
        return True


def text(template: Template) -> str:
    """As YAML that CloudFormation reads; raises ValueError where it is too large."""
    written = yaml.dump(template, Dumper=_Plain, sort_keys=False, width=110)
    if len(written.encode()) > MOST_BYTES:
        raise ValueError(f"the template has {len(written.encode())} bytes, more than {MOST_BYTES}")
    return written


def api_resources(packaged: Template) -> int:
    """How many resources API Gateway makes: one for each part of a path."""
    paths = packaged["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]["paths"]
    parts = [path.strip("/").split("/") for path in paths if path != "/"]
    return 1 + len({tuple(each[: at + 1]) for each in parts for at in range(len(each))})
