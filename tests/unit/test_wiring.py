"""A function that serves nothing but HTTP can write commands for devices too."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import app
from chalicelib.handlers import {first}
{run}
from chalicelib.core import downlink
assert downlink._find("huawei") is not None
"""


@pytest.mark.parametrize(
    ("first", "run"),
    [
        ("http", "http.api_of('huawei')"),
        ("queues", "queues.work({'Records': []})"),
        ("iot", "iot.presence({'eventType': 'connect_failed', 'clientId': 'x'})"),
    ],
)
def test_each_function_is_wired_by_itself(first: str, run: str) -> None:
    """In a process of its own: another handler's wiring would hide what is missing."""
    program = PROGRAM.format(first=first, run=run)
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
