"""The runner of `make verify-aws`; tests/stack runs the checks themselves."""

import contextlib
import json
from typing import Any

import boto3
import pytest

from app import DIALECTS
from infra.deploy import stacks
from infra.deploy.errors import DeployError
from infra.verify import __main__ as command_line
from infra.verify import deployed
from infra.verify.checks import Check, Skipped, Unproven, performed, require
from infra.verify.stage import Stage
from tests.support.gateway import Gateway


def test_what_checks_come_to() -> None:
    def failing(_: Any) -> str:
        require(False, "no such thing")
        return ""

    def skipping(_: Any) -> str:
        raise Skipped("not here")

    def breaking(_: Any) -> str:
        raise KeyError("x")

    told: list[Any] = []
    runs = {"good": lambda _: "fine", "bad": failing, "off": skipping, "broken": breaking}
    checks = [Check(name, "s", "", run) for name, run in runs.items()]
    stage: Any = object()
    results = performed(checks, stage, told.append)
    assert told == results
    assert [(each.outcome, each.reason) for each in results] == [
        ("pass", "fine"),
        ("fail", "Unproven: no such thing"),
        ("skip", "not here"),
        ("fail", "KeyError: 'x'"),
    ]
    with pytest.raises(Unproven):
        require(0, "")


def test_what_no_dialect_serves_is_told_of_each_dialect() -> None:
    """The check of a stage, against the application itself."""

    class Here:
        url = "here"

        def call(self, method: str, path: str) -> tuple[int, Any]:
            reply = Gateway().call(method, path)
            return reply.status, reply.json

    stage: Any = Here()
    assert deployed.api_answers(stage)
    named = {DIALECTS.get(path.split("/")[1], "") for _, path, _, _ in deployed.NOWHERE}
    assert named == set(DIALECTS.values())


def test_an_answer_in_another_shape_is_a_failure() -> None:
    class Elsewhere:
        url = "elsewhere"

        def call(self, _method: str, path: str) -> tuple[int, Any]:
            return (200, {"paths": {"/operator/v1/me": {}}}) if path == "/openapi.json" else (404, {})

    stage: Any = Elsewhere()
    with pytest.raises(Unproven, match="/iocm/app/nowhere"):
        deployed.api_answers(stage)


def test_without_credentials_one_line_says_what_to_set(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    assert command_line.main([]) == 1
    error = capsys.readouterr().err
    assert "AWS_DEFAULT_REGION" in error
    assert error.count("\n") == 1


def test_a_stage_that_is_not_deployed(
    aws: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(*_: object) -> dict[str, str]:
        raise DeployError("there is no stack")

    monkeypatch.setattr(stacks, "outputs", absent)
    assert command_line.main(["--stage", "prod"]) == 1
    assert "make deploy STAGE=prod" in capsys.readouterr().err
    assert command_line.main(["--stage", "nope"]) == 1


def test_tables_and_json(
    aws: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Stage, "find", lambda self: setattr(self, "prefix", "polything-test"))
    assert command_line.main(["--only", "tables"]) == 1
    assert "no point-in-time recovery" in capsys.readouterr().out
    dynamodb = boto3.client("dynamodb")
    for name in dynamodb.list_tables()["TableNames"]:
        dynamodb.update_continuous_backups(
            TableName=name, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
        )
        with contextlib.suppress(dynamodb.exceptions.ClientError):
            dynamodb.update_time_to_live(
                TableName=name, TimeToLiveSpecification={"AttributeName": "ttl", "Enabled": True}
            )
    code = command_line.main(["--only", "tables", "--only", "mqtt-login", "--json"])
    tables, login = json.loads(capsys.readouterr().out)
    assert login["outcome"] == "skip"
    assert "POLYTHING_OPERATOR_KEY" in login["reason"]
    assert (tables["outcome"], code) == ("pass", 0), tables
