"""Every minute: each sweep by itself."""

import pytest

from chalicelib.handlers import schedules


def test_a_failing_sweep_is_raised_after_the_others_ran(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ran: list[str] = []

    def fine() -> int:
        ran.append("fine")
        return 3

    def failing() -> int:
        ran.append("failing")
        raise RuntimeError("broken")

    monkeypatch.setattr(schedules, "SWEEPS", (("a", failing), ("b", fine), ("c", failing), ("d", fine)))
    with pytest.raises(RuntimeError, match="broken"):
        schedules.sweep()
    assert ran == ["failing", "fine", "failing", "fine"]


def test_an_idle_account_is_swept_without_a_trace(aws: None) -> None:
    schedules.sweep()
