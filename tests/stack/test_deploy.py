"""`make deploy` and `make destroy`, against an emulated account."""

import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from infra.deploy import __main__ as command_line
from infra.deploy import templates
from tests.stack.deployed import REGION, Deployed, deployed, understood


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployed]:
    """An empty account that the environment names, and an edge stack that it understands."""
    edge = tmp_path / "edge.yaml"
    edge.write_text(yaml.safe_dump(understood(templates.load(templates.EDGE))))
    monkeypatch.setattr(templates, "EDGE", edge)
    for name in ("POLYTHING_PREFIX", "POLYTHING_DATA_KEY", "POLYTHING_QUEUE_BASE"):
        monkeypatch.delenv(name, raising=False)
    with deployed() as made:
        monkeypatch.setenv("AWS_ENDPOINT_URL", made.aws.endpoint)
        monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
        yield made


def test_a_stage_comes_stays_the_same_and_goes(
    account: Deployed, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert command_line.main(["deploy", "--stage", "dev"]) == 0, capsys.readouterr().err
    [api] = account.client("apigateway").get_rest_apis()["items"]
    url = f"{account.aws.endpoint}/restapis/{api['id']}/api/_user_request_/openapi.json"
    assert urllib.request.urlopen(url, timeout=60).status == 200
    functions = {
        each["FunctionName"]: each for each in account.client("lambda").list_functions()["Functions"]
    }
    assert functions["polything-dev-authorizer"]["Timeout"] == 5
    told = functions["polything-dev-work"]["Environment"]["Variables"]
    assert told["POLYTHING_OUTBOX_STREAM"].startswith("arn:aws:dynamodb:")
    [source] = account.client("lambda").list_event_source_mappings(FunctionName="polything-dev-dispatch")[
        "EventSourceMappings"
    ]
    assert source["DestinationConfig"]["OnFailure"]["Destination"].endswith("polything-dev-dispatch-failures")

    # each deployment works in a fresh copy: what Chalice remembers comes from the account alone
    assert command_line.main(["deploy", "--stage", "dev"]) == 0, capsys.readouterr().err
    assert [each["id"] for each in account.client("apigateway").get_rest_apis()["items"]] == [api["id"]]
    assert urllib.request.urlopen(url, timeout=60).status == 200

    assert command_line.main(["destroy", "--stage", "dev"]) == 1
    assert "--yes dev" in capsys.readouterr().err
    assert command_line.main(["destroy", "--stage", "dev", "--yes", "dev"]) == 0
    assert account.client("apigateway").get_rest_apis()["items"] == []
    tables = account.client("dynamodb").get_paginator("list_tables").paginate()
    assert "polything-dev-devices" in {name for page in tables for name in page["TableNames"]}
    assert command_line.main(["destroy", "--stage", "dev", "--yes", "dev"]) == 0, "twice is harmless"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["deploy", "--stage", "test"], "there is no stage test"),
        (["package", "--stage", "test"], "there is no stage test"),
        (["destroy", "--stage", "prod", "--yes", "dev"], "--yes prod"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command_line.main(arguments) == 1
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_a_stack_that_fails_names_what_failed_and_can_be_tried_again(
    account: Deployed, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = templates.load(templates.DATA)
    data["Resources"]["Broken"] = {"Type": "AWS::IoT::Authorizer", "Properties": {}}
    broken = tmp_path / "data.yaml"
    broken.write_text(yaml.safe_dump(data))
    good = templates.DATA
    monkeypatch.setattr(templates, "DATA", broken)
    assert command_line.main(["deploy", "--stage", "dev"]) == 1
    assert "polything-dev-data" in capsys.readouterr().err
    monkeypatch.setattr(templates, "DATA", good)
    from infra.deploy.deployment import Deployment

    outputs = Deployment("dev", lambda text: None, poll=0.2)._deploy_data()
    assert outputs["DeployBucket"].startswith("polything-dev-deploy-")
