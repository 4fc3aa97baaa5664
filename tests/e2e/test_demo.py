"""`make demo` and the operator's command line, against a cloud that runs."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from infra.local.aws import ROOT
from infra.local.clients import App
from tests.e2e.conftest import REGISTRATION
from tests.local_cloud import CloudProcess
from tests.support.fleet import METER


def run(module: str, *line: object) -> subprocess.CompletedProcess[str]:
    """A command as an operator's shell would run it: nothing in the environment names a cloud."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("POLYTHING_", "AWS_"))}
    command = [sys.executable, "-m", module, *map(str, line)]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=90, check=False)


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


def test_what_an_operator_makes_works_at_once(cloud: CloudProcess, tmp_path: Path) -> None:
    def admin(*line: object) -> Any:
        done = run("infra.admin", *line, "--json", "--state", cloud.state)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    profile = tmp_path / "meter.json"
    profile.write_text(json.dumps(METER), encoding="utf-8")
    tenant = admin("tenant", "create", "Acme")["id"]
    made = admin("application", "create", "--tenant", tenant, "--name", "Billing")
    product = admin("product", "import", "--tenant", tenant, "--profile", profile)["id"]
    app = App(cloud.http, made["id"], made["secret"])
    app.login()
    device = app.post(REGISTRATION, {"deviceInfo": {"nodeId": "meter-1"}, "productId": product})["deviceId"]
    assert app.get(f"/iocm/app/dm/v1.4.0/devices/{device}")["deviceInfo"]["model"] == "M1"
