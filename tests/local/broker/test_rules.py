"""Loading rules from a CloudFormation template."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.local.broker import RuleError, load_rules
from infra.local.broker.rules import RuleSet
from tests.local.broker.support import EDGE_TEMPLATE, rule

TEMPLATE = """
Parameters:
  DoItFunctionArn: {{Type: String}}
Resources:
  Other:
    Type: AWS::Lambda::Permission
    Properties:
      A: !GetAtt Rule.Arn
      B: !Sub ["${{A}}", {{A: 1}}]
      C: !If [A, !Ref B, C]
      D: !Transform {{Name: x}}
  Rule:
    Type: AWS::IoT::TopicRule
    Properties:
      TopicRulePayload:
        AwsIotSqlVersion: {version}
        Sql: {sql}
        RuleDisabled: {disabled}
        Actions: {actions}
        ErrorAction: {{Sqs: {{QueueUrl: !Ref Queue, RoleArn: !GetAtt Role.Arn}}}}
"""


def load(tmp_path: Path, **changed: str) -> list[str]:
    fields = {
        "version": '"2016-03-23"',
        "sql": "SELECT a FROM 'x/+'",
        "disabled": "false",
        "actions": "[Lambda: {FunctionArn: !Ref DoItFunctionArn}]",
        **changed,
    }
    path = tmp_path / "edge.yaml"
    path.write_text(TEMPLATE.format(**fields))
    return [
        f"{each.name} {each.statement.topic_filter} {' '.join(each.functions)}" for each in load_rules(path)
    ]


def test_the_edge_template_loads() -> None:
    rules = {each.name: each for each in load_rules(EDGE_TEMPLATE)}
    assert rules["IngestRule"].functions == ("ingest",)
    assert rules["PresenceRule"].functions == ("presence",)
    assert rules["PresenceRule"].statement.topic_filter == "$aws/events/presence/#"


def test_the_function_is_named_by_its_parameter(tmp_path: Path) -> None:
    assert load(tmp_path) == ["Rule x/+ doIt"]
    two = "[Lambda: {FunctionArn: !Ref AFunctionArn}, Lambda: {FunctionArn: {Ref: BFunctionArn}}]"
    assert load(tmp_path, actions=two) == ["Rule x/+ a b"]


def test_a_disabled_rule_is_left_out(tmp_path: Path) -> None:
    assert load(tmp_path, disabled="true") == []


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("version", '"2015-10-08"', "2015-10-08"),
        ("version", "beta", "beta"),
        ("sql", "SELECT upper(a) FROM 'x'", "upper"),
        ("actions", "[Sqs: {QueueUrl: x}]", "Lambda"),
        ("actions", "[Lambda: {FunctionArn: !GetAtt DoIt.Arn}]", "Ref"),
        ("actions", "[Lambda: {FunctionArn: !Ref DoItArn}]", "FunctionArn"),
        ("actions", "[Lambda: {FunctionArn: !Ref FunctionArn}]", "FunctionArn"),
        ("actions", "[Lambda: {}]", "FunctionArn"),
    ],
)
def test_what_cannot_run_here_is_said_with_the_rules_name(
    field: str, value: str, said: str, tmp_path: Path
) -> None:
    with pytest.raises(RuleError, match=f"edge.yaml: Rule: .*{said}"):
        load(tmp_path, **{field: value})


@pytest.mark.parametrize("text", ["a: [", "- a", "", "just text"])
def test_what_is_no_template_is_said(text: str, tmp_path: Path) -> None:
    path = tmp_path / "edge.yaml"
    path.write_text(text)
    with pytest.raises(RuleError, match="not a CloudFormation template"):
        load_rules(path)


def test_rules_are_found_by_topic() -> None:
    rules = RuleSet(
        [rule("a", "SELECT 1 AS x FROM 'in/+'"), rule("b", "SELECT 1 AS x FROM 'in/#'")],
        hash_matches_parent=False,
    )
    for _ in range(2):
        assert [each.name for each in rules.matching("in/1")] == ["a", "b"]
        assert [each.name for each in rules.matching("in/1/2")] == ["b"]
        assert rules.matching("in") == ()
    for number in range(10_000):
        assert rules.matching(f"out/{number}") == ()
    assert len(rules._by_topic) <= 4096
