"""The environment is set for the app and put back as it was."""

import os

import pytest

from infra.local.environment import MISLEADING, Environment, emulated, own, unproxied


def test_changes_are_undone_whatever_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "work")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    before = dict(os.environ)
    changes = Environment()
    changes.unset(MISLEADING)
    changes.set(emulated("http://127.0.0.1:1"))
    changes.set({"AWS_REGION": "a", "NEW_HERE": "b"})
    changes.default({"AWS_REGION": "c", "OTHER_HERE": "d"})
    assert "AWS_PROFILE" not in os.environ
    assert (os.environ["AWS_REGION"], os.environ["OTHER_HERE"]) == ("a", "d")
    changes.restore()
    assert dict(os.environ) == before


def test_streams_are_where_the_tables_are() -> None:
    found = own({"AWS_ENDPOINT_URL_DYNAMODB": "http://a", "AWS_REGION": "eu-west-1"})
    assert found["AWS_ENDPOINT_URL_DYNAMODB_STREAMS"] == "http://a"
    assert found["AWS_DEFAULT_REGION"] == "eu-west-1"


def test_a_proxy_is_not_asked_for_this_machine() -> None:
    assert unproxied({"NO_PROXY": "corp"})["NO_PROXY"] == "corp,127.0.0.1,localhost,::1"
