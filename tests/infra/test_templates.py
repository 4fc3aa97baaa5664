"""The stacks' templates: valid, within the limits, and one of three."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from cfnlint import api as cfnlint

from infra import policies
from infra.deploy import build, templates

MOST_BODY = 51_200  # bytes of a template that goes by value, as the data stack's does
# A certificate's default is empty; the condition beside it is not seen by the rule.
ACCEPTED = {"W1030"}


@pytest.fixture(scope="module")
def packaged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """What Chalice makes of the project, without the packages in the zip: these need a registry."""
    folder = tmp_path_factory.mktemp("project")
    build.project(folder)
    (folder / "requirements.txt").write_text("")
    out = folder / "packed"
    build.chalice(folder, "package", "--stage", "dev", str(out))
    made: dict[str, Any] = json.loads((out / "sam.json").read_text())
    return out, made


@pytest.fixture(scope="module")
def composed(packaged: tuple[Path, dict[str, Any]]) -> dict[str, Any]:
    return templates.compose("polything-dev", packaged[1])


def faults(text: str) -> list[str]:
    found = cfnlint.lint(text)
    return [str(each) for each in found if each.rule.id not in ACCEPTED]


@pytest.mark.parametrize("path", [templates.DATA, templates.EDGE], ids=lambda path: path.name)
def test_each_stack_is_valid(path: Path) -> None:
    assert faults(path.read_text()) == []


def test_the_one_template_is_valid(composed: dict[str, Any]) -> None:
    assert faults(templates.text(composed)) == []


def test_nothing_in_it_is_an_alias_which_cloudformation_does_not_read(composed: dict[str, Any]) -> None:
    tokens = list(yaml.scan(templates.text(composed)))
    assert not [each for each in tokens if isinstance(each, yaml.AliasToken | yaml.AnchorToken)]


def test_it_names_its_own_resources_only(composed: dict[str, Any]) -> None:
    text = json.dumps(composed)
    known = {*composed["Resources"], *composed["Parameters"]}
    named = {*re.findall(r'"Ref": "([^"]+)"', text), *re.findall(r'"Fn::GetAtt": \["([^"]+)"', text)}
    assert {name for name in named if not name.startswith("AWS::")} - known == set()
    assert "${Prefix}" not in text


def test_every_event_source_is_a_resource_of_the_template(composed: dict[str, Any]) -> None:
    sources = {
        name: [json.dumps(event["Properties"]) for event in resource["Properties"].get("Events", {}).values()]
        for name, resource in composed["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    }
    assert '"OutboxTable", "StreamArn"' in sources["Dispatch"][0]
    assert '"DispatchFailuresQueue"' in sources["Dispatch"][0]
    for function, queue in (
        ("Deliver", "CallbacksFifoQueue"),
        ("Redeliver", "CallbackRetriesQueue"),
        ("Work", "WorkQueue"),
    ):
        assert f'"{queue}", "Arn"' in sources[function][0]


def test_every_function_is_told_where_it_is(composed: dict[str, Any]) -> None:
    resources = composed["Resources"].values()
    functions = [each for each in resources if each["Type"] == "AWS::Serverless::Function"]
    assert len(functions) == len(policies.GRANTS)
    for function in functions:
        assert set(templates.SURROUNDINGS) <= set(function["Properties"]["Environment"]["Variables"])


def test_the_limits_of_cloudformation_and_api_gateway_are_kept(
    composed: dict[str, Any], packaged: tuple[Path, dict[str, Any]]
) -> None:
    assert len(templates.text(composed).encode()) < templates.MOST_BYTES
    assert len(templates.DATA.read_bytes()) < MOST_BODY
    assert templates.api_resources(packaged[1]) < templates.MOST_API_RESOURCES


def test_resources_of_an_api_are_the_parts_of_its_paths() -> None:
    paths = ("/", "/a", "/a/b", "/a/{x}/c", "/d/{proxy+}")
    body = {"paths": {path: {} for path in paths}}
    api = {"Resources": {"RestAPI": {"Properties": {"DefinitionBody": body}}}}
    assert templates.api_resources(api) == 1 + len({"a", "a/b", "a/x", "a/x/c", "d", "d/proxy"})


def test_only_the_application_is_shipped(tmp_path: Path) -> None:
    build.project(tmp_path)
    found = {path.relative_to(tmp_path).parts[0] for path in tmp_path.rglob("*") if path.is_file()}
    assert found == {"app.py", "chalicelib", "requirements.txt", ".chalice"}
    assert not list(tmp_path.rglob("__pycache__"))


def test_a_template_that_is_too_large_is_refused() -> None:
    with pytest.raises(ValueError, match="more than"):
        templates.text({"Description": "x" * templates.MOST_BYTES})


def test_a_queue_that_nobody_makes_is_refused(packaged: tuple[Path, dict[str, Any]]) -> None:
    with pytest.raises(ValueError, match="does not make"):
        templates.compose("another-prefix", packaged[1])


def test_functions_have_a_policy_a_time_and_memory_in_every_stage() -> None:
    for stage, settings in build.stages().items():
        assert set(settings["lambda_functions"]) == set(policies.GRANTS), stage
        for function in settings["lambda_functions"].values():
            assert {"lambda_timeout", "lambda_memory_size", "iam_policy_file"} <= set(function)
        assert settings["lambda_functions"]["authorizer"]["lambda_timeout"] == 5
    config = json.loads((build.ROOT / ".chalice/config.json").read_text())
    assert config["api_gateway_endpoint_type"] == "REGIONAL"


def test_every_alarm_leads_to_its_entry_in_the_runbook() -> None:
    alarms = [
        each["Properties"]
        for each in templates.load(templates.EDGE)["Resources"].values()
        if each["Type"] == "AWS::CloudWatch::Alarm"
    ]
    runbook = (build.ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
    entries = re.findall(r"^### `([a-z-]+)`$", runbook, re.M)
    assert sorted(entries) == sorted(
        each["AlarmName"]["Fn::Sub"].removeprefix("${Prefix}-") for each in alarms
    )
    for alarm in alarms:
        page, _, anchor = alarm["AlarmDescription"].partition("#")
        assert (page, f"${{Prefix}}-{anchor}") == ("docs/runbook.md", alarm["AlarmName"]["Fn::Sub"])
