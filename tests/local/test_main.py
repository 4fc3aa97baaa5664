"""`python -m infra.local` as a person meets it: what it prints, how it ends, what it refuses."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from infra.local.aws import ROOT
from infra.local.ports import listen
from tests.local_cloud import running_cloud


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "infra.local", *map(str, arguments)]


def refused(*arguments: object) -> tuple[int, str]:
    """Exit code and standard error of a start that must fail, having printed nothing else."""
    line = command(*arguments)
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    assert done.stdout == ""
    return done.returncode, done.stderr


def run_once(state: Path, stop: signal.Signals) -> dict[str, Any]:
    """Start, wait until ready, stop; the demo file."""
    arguments = command("--state", state, "--port", 0, "--mqtt-port", 0)
    with subprocess.Popen(
        arguments, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert "ready" in process.stdout.readline()
        code, error = refused("--state", state, "--port", 0, "--mqtt-port", 0)
        assert (code, error.count("\n")) == (1, 1)
        assert "in use" in error
        process.send_signal(stop)
        rest = process.stdout.read()
        process.wait(30)
    assert process.returncode == 0
    assert rest.rstrip().endswith(f"stopped; everything is kept in {state}")
    demo: dict[str, Any] = json.loads((state / "demo.json").read_text(encoding="utf-8"))
    for text in (demo["http"], demo["huawei"]["secret"], "curl", "mosquitto_pub", "mosquitto_sub"):
        assert text in rest
    return demo


def test_it_prints_credentials_keeps_them_and_stops_cleanly(tmp_path: Path) -> None:
    first = run_once(tmp_path / "state", signal.SIGINT)
    second = run_once(tmp_path / "state", signal.SIGTERM)
    assert first["huawei"] == second["huawei"]
    assert set(first["huawei"]) == {"appId", "secret", "productId"}
    assert set(first["mqtt"]) == {"host", "port"}
    assert (tmp_path / "state" / "demo.json").stat().st_mode & 0o777 == 0o600


def test_help_needs_nothing_running() -> None:
    done = subprocess.run(command("--help"), cwd=ROOT, capture_output=True, text=True, timeout=30, check=True)
    for option in ("--host", "--port", "--mqtt-port", "--broker", "--state", "--reset", "--sweep-every"):
        assert option in done.stdout


@pytest.mark.parametrize("option", ["--port", "--mqtt-port"])
def test_a_taken_port_is_one_line(tmp_path: Path, option: str) -> None:
    with listen("127.0.0.1", 0) as taken:
        ports: dict[str, Any] = {"--port": 0, "--mqtt-port": 0, option: taken.getsockname()[1]}
        code, error = refused("--state", tmp_path, *(item for pair in ports.items() for item in pair))
    assert (code, error.count("\n")) == (1, 1)
    assert "taken" in error
    assert option in error


def test_an_unusable_state_directory_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    code, error = refused("--state", tmp_path / "file" / "state", "--port", 0)
    assert (code, error.count("\n")) == (1, 1)
    assert "--state" in error


@pytest.mark.parametrize("arguments", [("--port", "99999"), ("--sweep-every", "0"), ("--broker", "other")])
def test_a_wrong_option_is_exit_code_2(arguments: tuple[str, str]) -> None:
    code, error = refused(*arguments)
    assert code == 2
    assert arguments[0] in error


def test_the_cloud_of_the_end_to_end_tests_restarts_and_survives_a_crash(tmp_path: Path) -> None:
    with running_cloud(tmp_path / "cloud") as cloud:
        address, credentials = cloud.http, cloud.huawei
        cloud.restart()
        assert (cloud.http, cloud.huawei) == (address, credentials)
        cloud.kill()
        cloud.start()
        assert (cloud.http, cloud.huawei) == (address, credentials)


def test_own_endpoints_without_credentials_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    code, error = refused("--state", tmp_path / "state", "--port", 0, "--mqtt-port", 0)
    assert (code, error.count("\n")) == (1, 1)
    assert "AWS_ACCESS_KEY_ID" in error
