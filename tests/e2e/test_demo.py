"""`make demo`: its verdict, its secrets, and its one line where there is nothing to tell."""

import json
from pathlib import Path

from tests.e2e.conftest import run
from tests.local_cloud import CloudProcess


def test_the_demo_tells_its_story_on_a_running_cloud(cloud: CloudProcess) -> None:
    done = run("infra.local.demo", "--state", cloud.state)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"Talking to the local cloud at {cloud.http}" in done.stdout
    assert "All 9 steps came true" in done.stdout
    assert cloud.huawei["secret"] not in done.stdout
    assert f"secret={cloud.huawei['secret'][:6]}…" in done.stdout


def test_the_demo_starts_a_cloud_where_none_runs(tmp_path: Path) -> None:
    done = run("infra.local.demo", "--state", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "starting one on free ports" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_demo_that_cannot_be_told_is_one_line(cloud: CloudProcess, tmp_path: Path) -> None:
    nowhere = run("infra.local.demo", "--state", cloud.state, "--url", "http://127.0.0.1:1")
    assert nowhere.returncode == 1
    assert nowhere.stderr.strip() == "FAILED at step 0: nothing answers at http://127.0.0.1:1"
    spoilt = {**cloud.demo, "huawei": {**cloud.huawei, "secret": "wrong"}}
    (tmp_path / "demo.json").write_text(json.dumps(spoilt), encoding="utf-8")
    refused = run("infra.local.demo", "--state", tmp_path)
    assert refused.returncode == 1
    assert refused.stderr.startswith("\nFAILED at step 1: POST /iocm/app/sec/v1.1.0/login was answered 401")
