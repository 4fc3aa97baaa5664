"""What Chalice deploys: every function is configured, and policies are those of infra/policies.py."""

import json
from pathlib import Path

import pytest

import app
from infra import policies

CONFIG = json.loads((policies.FOLDER / "config.json").read_text())
ROOT = Path(app.__file__).parent


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
