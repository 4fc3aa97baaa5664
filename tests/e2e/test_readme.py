"""The README's curl lines, run as they stand against a local cloud, and answered as it shows."""

import json
import re
import shutil
import subprocess

import pytest

from tests.docs.markdown import FENCE, ROOT, text
from tests.local_cloud import CloudProcess, cloud

__all__ = ["cloud"]

README = text(ROOT / "README.md")
pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
SHOWN = "http://127.0.0.1:8743"


def steps() -> list[tuple[str, dict[str, object]]]:
    """Each command with the answer that is shown below it."""
    [block] = [block for _, block in FENCE.findall(README) if block.startswith("curl ")]
    found = []
    for part in block.strip().split("\n\n"):
        command, _, answer = part.rpartition("\n")
        found.append((command, json.loads(answer)))
    return found


def test_each_line_is_answered_as_shown(cloud: CloudProcess) -> None:
    huawei = cloud.huawei
    known = {"appId=": huawei["appId"], "secret=": huawei["secret"], "app_key: ": huawei["appId"]}
    known['"productId": "'] = huawei["productId"]
    for command, shown in steps():
        line = command.replace(SHOWN, cloud.http)
        for name, value in known.items():
            line = line.replace(f"{name}…", f"{name}{value}")
        assert "…" not in line
        done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=30, check=True)
        answer = json.loads(done.stdout)
        assert list(answer) == list(shown)
        for name, value in shown.items():
            if isinstance(value, str) and ("…" in value or re.fullmatch(r"[0-9a-f]{32}", value)):
                assert str(answer[name]).startswith(value.partition("…")[0] if "…" in value else "")
            else:
                assert answer[name] == value
        known["Bearer "] = str(answer.get("accessToken", ""))


def test_the_page_that_it_names_is_there(cloud: CloudProcess) -> None:
    [url] = re.findall(rf"`({SHOWN}/\w+)`", README)
    done = subprocess.run(
        ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", url.replace(SHOWN, cloud.http)],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert done.stdout == "200"
