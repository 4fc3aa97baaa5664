"""Tokens: what ends them, what reading them costs, and what two processes know of each other."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from chalicelib.core import tokens
from chalicelib.core.errors import InvalidRefreshToken, InvalidToken
from chalicelib.store.tokens import GrantRecord
from tests.conftest import Calls
from tests.support.clock import FakeClock
from tests.support.faults import Faults

pytestmark = pytest.mark.usefixtures("aws")


class Process:
    """A Lambda's memory of grants, kept apart from that of others."""

    def __init__(self) -> None:
        self.memory: list[Any] = [{}, set(), {}]

    @contextmanager
    def __call__(self) -> Iterator[None]:
        parts = [tokens._loaded, tokens._ended, tokens._guesses]
        for part, mine in zip(parts, self.memory, strict=True):
            part.clear()
            part.update(mine)
        yield
        self.memory = [part.copy() for part in parts]
        tokens.forget()


@pytest.fixture
def here() -> Process:
    return Process()


@pytest.fixture
def there() -> Process:
    return Process()


def issue() -> tokens.Tokens:
    return tokens.issue("huawei-app", "app", "tenant")


def refused(token: str) -> bool:
    try:
        tokens.check(token)
    except InvalidToken:
        return True
    return False


def test_a_token_stands_for_its_grant_and_lasts_an_hour(clock: FakeClock) -> None:
    pair = issue()
    assert pair.expires_in == 3600
    grant = tokens.check(pair.access)
    assert (grant.grant, grant.subject, grant.tenant) == ("huawei-app", "app", "tenant")
    clock.advance(3599.9)
    tokens.check(pair.access)
    clock.advance(0.1)
    assert refused(pair.access)


def test_only_hashes_are_stored() -> None:
    pair = issue()
    stored = str(GrantRecord.get("huawei-app").attribute_values)
    for text in (pair.access, pair.refresh):
        assert text.rpartition(".")[2] not in stored


def test_checking_costs_a_read_once_in_55_seconds(clock: FakeClock, calls: Calls) -> None:
    pair = issue()
    tokens.forget()
    calls.clear()
    tokens.check(pair.access)
    clock.advance(54.9)
    tokens.check(pair.access)
    assert calls.made == ["dynamodb.GetItem"]
    clock.advance(0.1)
    tokens.check(pair.access)
    assert len(calls.made) == 2


def test_a_frozen_process_does_not_count_its_sleep_as_freshness(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = issue()
    tokens.forget()
    faults = Faults.installed(monkeypatch)
    faults.before("GetItem", lambda: clock.advance(50))
    tokens.check(pair.access)
    GrantRecord("huawei-app").delete()
    clock.advance(6)
    assert refused(pair.access)


def test_a_new_login_ends_the_tokens_before_it_here_at_once_and_elsewhere_in_a_minute(
    clock: FakeClock, here: Process, there: Process
) -> None:
    with here():
        old = issue()
    with there():
        tokens.check(old.access)
    with here():
        new = issue()
        assert refused(old.access)
        tokens.check(new.access)
    with there():
        tokens.check(old.access)  # within the minute
    clock.advance(56)
    with there():
        assert refused(old.access)


def test_a_login_elsewhere_counts_here_at_once(here: Process, there: Process) -> None:
    with here():
        old = issue()
    with there():
        new = issue()
    with here():
        tokens.check(new.access)
        assert refused(old.access)


def test_logout_is_known_here_at_once_and_elsewhere_within_a_minute(
    clock: FakeClock, here: Process, there: Process
) -> None:
    with here():
        pair = issue()
    with there():
        tokens.check(pair.access)
    with here():
        tokens.end(pair.access)
        assert refused(pair.access)
        with pytest.raises(InvalidRefreshToken):
            tokens.refresh(pair.refresh, "app")
    clock.advance(56)
    with there():
        assert refused(pair.access)


def test_a_logout_here_does_not_refuse_a_login_elsewhere(here: Process, there: Process) -> None:
    with here():
        tokens.end(issue().access)
    with there():
        new = issue()
    with here():
        tokens.check(new.access)


def test_a_logout_with_a_token_that_ended_elsewhere_leaves_the_newer_alive(
    here: Process, there: Process
) -> None:
    with here():
        old = issue()
    with there():
        new = issue()
    with here():
        tokens.end(old.access)  # in memory it is alive still
        tokens.check(new.access)
        assert refused(old.access)


def test_a_slower_thread_does_not_bring_back_an_ended_token(monkeypatch: pytest.MonkeyPatch) -> None:
    pair = issue()
    tokens.forget()
    held = GrantRecord.get("huawei-app")

    def find(name: str) -> GrantRecord:
        monkeypatch.undo()  # between its read and its remembering, another thread logs out
        tokens.end(pair.access)
        return held

    monkeypatch.setattr(GrantRecord, "find", find)
    tokens.check(pair.access)
    assert refused(pair.access)


def test_guesses_at_a_grant_cost_few_reads_a_second(clock: FakeClock, calls: Calls) -> None:
    pair = issue()
    calls.clear()
    assert all(refused(f"huawei-app.{number}") for number in range(100))
    assert len(calls.made) == tokens.MOST_GUESSES
    tokens.check(pair.access)
    clock.advance(1)
    assert refused("huawei-app.x")
    assert len(calls.made) == tokens.MOST_GUESSES + 1


@pytest.mark.parametrize("text", ["", ".", "x", "." * 300, "g" * 3000 + ".x", "unknown.x", "☃.☃"])
def test_no_text_is_a_token_by_chance(text: str, calls: Calls) -> None:
    assert refused(text)
    assert len(calls.made) <= 1
    with pytest.raises(InvalidRefreshToken):
        tokens.refresh(text, "app")


def test_refreshing_ends_both_old_tokens(clock: FakeClock) -> None:
    old = issue()
    clock.advance(2 * 3600)
    new = tokens.refresh(old.refresh, "app")
    assert new.expires_in == 3600
    tokens.check(new.access)
    assert refused(old.access)
    with pytest.raises(InvalidRefreshToken):
        tokens.refresh(old.refresh, "app")
    tokens.refresh(new.refresh, "app")


def test_a_refresh_token_lasts_a_day_and_is_its_applications_own(clock: FakeClock) -> None:
    pair = issue()
    with pytest.raises(InvalidRefreshToken):
        tokens.refresh(pair.refresh, "other")
    with pytest.raises(InvalidRefreshToken):
        tokens.refresh(pair.access, "app")
    clock.advance(24 * 3600)
    with pytest.raises(InvalidRefreshToken):
        tokens.refresh(pair.refresh, "app")


def test_of_two_who_refresh_with_one_token_one_gets_the_pair(monkeypatch: pytest.MonkeyPatch) -> None:
    pair = issue()
    faults = Faults.installed(monkeypatch)
    won: list[tokens.Tokens] = []
    faults.before("UpdateItem", lambda: won.append(tokens.refresh(pair.refresh, "app")))
    with pytest.raises(InvalidRefreshToken):
        tokens.refresh(pair.refresh, "app")
    tokens.check(won[0].access)


def test_a_refresh_whose_answer_was_lost_still_answers_its_pair(monkeypatch: pytest.MonkeyPatch) -> None:
    pair = issue()
    Faults.installed(monkeypatch).lose_answer("UpdateItem")
    new = tokens.refresh(pair.refresh, "app")
    tokens.forget()
    tokens.check(new.access)


def test_a_logout_whose_answer_was_lost_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    pair = issue()
    Faults.installed(monkeypatch).lose_answer("DeleteItem")
    tokens.end(pair.access)
    assert refused(pair.access)


def test_the_sweep_takes_what_is_over_and_nothing_else(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    issue()
    clock.advance(3600)
    kept = tokens.issue("huawei-other", "other", "tenant")
    clock.advance(23 * 3600)
    assert tokens.sweep() == 1
    assert GrantRecord.find("huawei-app") is None
    clock.advance(3600)
    faults = Faults.installed(monkeypatch)
    renewed = GrantRecord.refresh_until.set(clock.at + 5000)
    faults.before("DeleteItem", lambda: GrantRecord("huawei-other").update([renewed]))
    assert tokens.sweep() == 0
    tokens.refresh(kept.refresh, "other")
