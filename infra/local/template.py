"""Reads a CloudFormation template as far as `infra/data.yaml` goes: Ref, Sub and GetAtt of queues."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from infra.local.errors import TemplateError

DATA = Path(__file__).resolve().parents[1] / "data.yaml"
# known only where the resource is made: left for whoever makes it
PSEUDO = {"AWS::AccountId": "{account}", "AWS::Region": "{region}", "AWS::Partition": "aws"}
_VARIABLE = re.compile(r"\$\{([A-Za-z0-9:]+)\}")


@dataclass(frozen=True)
class Attribute:
    """`!GetAtt resource.name`: known only once the resource is made."""

    resource: str
    name: str


@dataclass(frozen=True)
class Resource:
    logical: str
    type: str
    properties: dict[str, Any]


class _Loader(yaml.SafeLoader):
    """SafeLoader that keeps CloudFormation's short tags as ("!Tag", value)."""


def _tag(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> tuple[str, Any]:
    if not isinstance(node, yaml.ScalarNode):
        raise TemplateError(f"!{suffix} of a list or map is not understood in local mode")
    return (f"!{suffix}", loader.construct_scalar(node))


_Loader.add_multi_constructor("!", _tag)


class _Resolver:
    def __init__(self, parameters: dict[str, str]) -> None:
        self.parameters = parameters

    def value(self, node: Any) -> Any:
        if isinstance(node, dict):
            return {key: self.value(item) for key, item in node.items()}
        if isinstance(node, list):
            return [self.value(item) for item in node]
        if isinstance(node, tuple):
            return self._tagged(*node)
        return node

    def _tagged(self, tag: str, text: str) -> Any:
        if tag == "!Ref":
            return self._parameter(text)
        if tag == "!Sub":
            return _VARIABLE.sub(lambda match: self._parameter(match.group(1)), text)
        if tag == "!GetAtt":
            resource, _, name = text.partition(".")
            return Attribute(resource, name)
        raise TemplateError(f"{tag} {text} is not understood in local mode")

    def _parameter(self, name: str) -> str:
        try:
            return self.parameters[name]
        except KeyError:
            raise TemplateError(f"the template names {name}, which is no parameter") from None


@cache
def _document(path: Path, _modified: int) -> Any:
    # cached for the unit tests, which provision once a test; the loader is a SafeLoader
    return yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506


def resources(path: Path, **parameters: str) -> Sequence[Resource]:
    """The template's resources in their order, with parameters put in. Raises TemplateError."""
    document = _document(path, path.stat().st_mtime_ns)
    known = {
        name: str(item["Default"])
        for name, item in document.get("Parameters", {}).items()
        if "Default" in item
    }
    resolver = _Resolver({**PSEUDO, **known, **parameters})
    return [
        Resource(logical, item["Type"], resolver.value(item.get("Properties", {})))
        for logical, item in document["Resources"].items()
    ]
