"""The command line's data keys."""

import pytest

from chalicelib.core import audit, key_versions
from tests.infra.test_admin import Operator
from tests.support.clock import FakeClock
from tests.support.fleet import make_fleet
from tests.support.queues import WorkQueue


@pytest.fixture
def operator(capsys: pytest.CaptureFixture[str]) -> Operator:
    return Operator(capsys)


def test_a_rotation(operator: Operator, aws: None, clock: FakeClock, work: WorkQueue) -> None:
    make_fleet()
    assert operator.run("encryption", "show") == 0
    assert "not counted" in operator.out
    assert operator.json("encryption", "rotate", "--dry-run")["kind"] == "count-secrets"
    work.run()
    assert operator.json("encryption", "show")["versions"] == [
        {"version": 1, "current": True, "made": None, "secrets": 1}
    ]
    job = operator.json("encryption", "rotate")
    assert "secrets were not counted" in operator.refused("encryption", "retire", 1)
    work.run()
    clock.advance(key_versions.SETTLED // 1000)
    work.run()
    assert operator.json("job", "show", job["id"], "--wait")["done"] == 1
    assert operator.json("encryption", "retire", 1, "--dry-run")["dryRun"] is True
    assert operator.run("encryption", "retire", 1) == 0
    assert operator.run("encryption", "show") == 0
    assert "2        current" in operator.out
    assert "key version not found" in operator.refused("encryption", "retire", 1)
    entries = audit.page(None, None, None, 50).entries
    assert [each.action for each in entries].count("encryption.rotate") == 1
    assert entries[0].target == {"version": "1"}
