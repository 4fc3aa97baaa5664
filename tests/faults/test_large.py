"""Groups, batch tasks and imports at size and in races, on ministack."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


def scene(name: str, within: int = 200) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.faults.large", name]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=within, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.timeout(240)
def test_a_thousand_members_as_a_whole_and_of_two_who_want_them_one_wins() -> None:
    found = scene("members")
    assert found["joined"] == [1000, True]
    assert found["left"] == [0, []]
    assert found["outcomes"] == {"ok": 1, "MembershipRefused": 1}
    assert found["counts"] == found["listed"] == [0, 500]
    assert found["items"] == {"None": 500}


@pytest.mark.timeout(240)
def test_a_task_to_ten_thousand_whose_chunks_are_worked_twice_at_a_time() -> None:
    found = scene("batch")
    assert found["outcomes"] == {"ok": 2 * found["chunks"]}
    assert found["counts"] == [10_200, 10_000, 10_000, 980]
    assert found["commands"] == {"1": 200}
    assert found["pending"] == 200


@pytest.mark.timeout(240)
def test_a_hundred_sub_tasks_of_one_chunk_end_at_once() -> None:
    found = scene("answers")
    assert found["outcomes"] == {"ok": 200}
    assert found["counts"] == [100, 100, 100]


@pytest.mark.timeout(440)
def test_ten_thousand_devices_imported_twice_by_workers_that_come_twice() -> None:
    found = scene("imported", within=400)
    assert set(found["outcomes"]) <= {"ok", "Contention"}
    assert (found["devices"], found["names"], found["numbers"]) == (10_000, 10_000, 10_000)
    assert (found["aliases"], found["credentials"]) == (10_000, 10_000)
    assert found["told"] == 200  # of two hundred devices
    assert all(found["lists"].values()), found["lists"]
    assert found["totals"] == [10_000, 10_000]


@pytest.mark.timeout(440)
def test_a_person_with_a_thousand_devices_leaves_nothing_behind() -> None:
    found = scene("bound", within=400)
    assert found["made"] == {"ok": 1000, "TooManyBindings": 1}
    assert found["last"] == found["ends"] == [1000, True]
    assert found["first"] is found["refused"] is True
    assert found["steps"] == 10
    assert found["friends"] == 0
