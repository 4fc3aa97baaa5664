"""The topic rules of infra/edge.yaml: the very template that is deployed is what runs locally."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from infra.local.broker.sql import SqlError, Statement
from infra.local.broker.sql_parser import parse
from infra.local.broker.topics import matches

RULE_TYPE = "AWS::IoT::TopicRule"
SQL_VERSION = "2016-03-23"
_ARN_SUFFIX = "FunctionArn"
_MAX_CACHED_TOPICS = 4096


class RuleError(Exception):
    """A rule of the template this broker cannot run; raised while loading, never later."""


@dataclass(frozen=True, slots=True)
class TopicRule:
    """A rule: its logical id in the template, its SQL, and the local names of the functions it invokes."""

    name: str
    statement: Statement
    functions: tuple[str, ...]


class RuleSet:
    """All rules, looked up by topic."""

    def __init__(self, rules: Iterable[TopicRule], *, hash_matches_parent: bool) -> None:
        self._rules = tuple(rules)
        self._hash_matches_parent = hash_matches_parent
        self._by_topic: dict[str, tuple[TopicRule, ...]] = {}

    def matching(self, topic: str) -> tuple[TopicRule, ...]:
        """The rules whose FROM matches; remembered, for devices repeat their topics."""
        known = self._by_topic.get(topic)
        if known is None:
            if len(self._by_topic) >= _MAX_CACHED_TOPICS:
                self._by_topic.clear()
            known = tuple(rule for rule in self._rules if self._matches(rule, topic))
            self._by_topic[topic] = known
        return known

    def _matches(self, rule: TopicRule, topic: str) -> bool:
        return matches(rule.statement.topic_filter, topic, hash_matches_parent=self._hash_matches_parent)


def load_rules(path: Path | str) -> list[TopicRule]:
    """Every enabled rule of a CloudFormation template. Raises RuleError for one that cannot run here."""
    try:
        # A subclass of SafeLoader: it builds plain values only.
        template = yaml.load(Path(path).read_text(encoding="utf-8"), Loader=_TemplateLoader)  # noqa: S506
    except yaml.YAMLError as error:
        raise RuleError(f"{path}: not a CloudFormation template: {error}") from error
    if not isinstance(template, Mapping):
        raise RuleError(f"{path}: not a CloudFormation template")
    resources: Mapping[str, Any] = template.get("Resources") or {}
    return [
        _rule(f"{path}: {name}", name, resource["Properties"]["TopicRulePayload"])
        for name, resource in resources.items()
        if resource.get("Type") == RULE_TYPE and not _disabled(resource)
    ]


def _disabled(resource: Mapping[str, Any]) -> bool:
    return resource["Properties"]["TopicRulePayload"].get("RuleDisabled", False) is True


def _rule(where: str, name: str, payload: Mapping[str, Any]) -> TopicRule:
    version = payload.get("AwsIotSqlVersion")
    if version != SQL_VERSION:
        raise RuleError(f"{where}: AwsIotSqlVersion {version!r} is not supported, only {SQL_VERSION!r}")
    try:
        statement = parse(payload["Sql"])
    except SqlError as error:
        raise RuleError(f"{where}: {error}") from error
    return TopicRule(name, statement, tuple(_function(where, action) for action in payload["Actions"]))


def _function(where: str, action: Mapping[str, Any]) -> str:
    reference = action["Lambda"].get("FunctionArn") if set(action) == {"Lambda"} else None
    parameter = reference.get("Ref") if isinstance(reference, Mapping) else None
    if not isinstance(parameter, str) or not parameter.endswith(_ARN_SUFFIX) or parameter == _ARN_SUFFIX:
        raise RuleError(f"{where}: an action must be a Lambda with 'FunctionArn: !Ref <Name>{_ARN_SUFFIX}'")
    function = parameter.removesuffix(_ARN_SUFFIX)
    return function[0].lower() + function[1:]


class _TemplateLoader(yaml.SafeLoader):
    """YAML with CloudFormation's short tags, `!Ref X` becoming `{"Ref": "X"}`."""


def _short_tag(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    elif isinstance(node, yaml.MappingNode):
        value = loader.construct_mapping(node, deep=True)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_TemplateLoader.add_multi_constructor("!", _short_tag)
