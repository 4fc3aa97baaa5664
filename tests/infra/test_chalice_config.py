"""What Chalice deploys: every function is configured, and policies are those of infra/policies.py."""

import json
from pathlib import Path

import pytest

import app
from infra import policies
from infra.grants import ACTIONS
from infra.local.template import DATA, resources

CONFIG = json.loads((policies.FOLDER / "config.json").read_text())
ROOT = Path(app.__file__).parent
PREFIX = "polything-dev"
MOST_CHARACTERS = 10_240  # of all inline policies of a role, white space not counted


def functions() -> set[str]:
    named = {function.name for function in app.app.pure_lambda_functions}
    return named | {source.name for source in app.app.event_sources} | {"api_handler"}


@pytest.mark.parametrize("stage", policies.STAGES)
def test_every_function_has_memory_timeout_and_its_own_policy(stage: str) -> None:
    configured = CONFIG["stages"][stage]["lambda_functions"]
    assert set(configured) == functions() == set(policies.GRANTS)
    for name, settings in configured.items():
        assert settings["iam_policy_file"] == f"policy-{stage}-{name}.json"
        assert settings["lambda_memory_size"] >= 256
        assert settings["lambda_timeout"] >= 5
    assert configured["authorizer"]["lambda_timeout"] == 5


@pytest.mark.parametrize("stage", policies.STAGES)
@pytest.mark.parametrize("function", sorted(policies.GRANTS))
def test_policy_files_are_current(stage: str, function: str) -> None:
    """Write them anew with `python -m infra.policies`."""
    assert policies.path(stage, function).read_text() == policies.text(stage, function)


@pytest.mark.parametrize("stage", policies.STAGES)
def test_nothing_is_generated_and_the_endpoint_is_regional(stage: str) -> None:
    assert CONFIG["stages"][stage]["autogen_policy"] is False
    assert CONFIG["api_gateway_endpoint_type"] == "REGIONAL"


def test_app_stays_small() -> None:
    assert len((ROOT / "app.py").read_text().splitlines()) < 80


@pytest.mark.parametrize("function", sorted(policies.GRANTS))
def test_a_policy_names_only_what_the_data_stack_makes(function: str) -> None:
    tables = {
        each.properties["TableName"]: {
            index["IndexName"] for index in each.properties.get("GlobalSecondaryIndexes", ())
        }
        for each in resources(DATA, Prefix=PREFIX)
        if each.type == "AWS::DynamoDB::Table"
    }
    for table, words in policies.GRANTS[function].items():
        assert set(words.split()) - set(ACTIONS) <= tables[f"{PREFIX}-{table}"], table


@pytest.mark.parametrize("function", sorted(policies.GRANTS))
def test_a_policy_fits_into_a_role(function: str) -> None:
    assert len(json.dumps(policies.policy("prod", function), separators=(",", ":"))) < MOST_CHARACTERS
