"""Failed logins: ten in five minutes for each account and address."""

import pytest

from chalicelib.core import attempts
from chalicelib.core.errors import TooManyFailures, WrongSecret
from tests.conftest import Calls
from tests.support.clock import FakeClock
from tests.support.faults import Faults

pytestmark = pytest.mark.usefixtures("aws")


def fail(account: str = "app", address: str = "203.0.113.7") -> None:
    with pytest.raises(WrongSecret), attempts.limited("login", account, address):
        raise WrongSecret(account)


def succeed(account: str = "app", address: str = "203.0.113.7") -> None:
    with attempts.limited("login", account, address):
        pass


def test_after_ten_failures_even_the_right_secret_is_refused_until_the_time_is_over(clock: FakeClock) -> None:
    for _ in range(10):
        fail()
    with pytest.raises(TooManyFailures):
        succeed()
    clock.advance(299)
    with pytest.raises(TooManyFailures):
        succeed()
    clock.advance(1)
    succeed()
    for _ in range(9):
        fail()
    succeed()


def test_others_are_not_held_liable() -> None:
    for _ in range(10):
        fail()
    succeed(account="other")
    succeed(address="203.0.113.8")


def test_the_window_begins_with_the_first_failure(clock: FakeClock) -> None:
    clock.advance(299)
    for _ in range(9):
        fail()
    clock.advance(10)
    fail()
    with pytest.raises(TooManyFailures):
        succeed()


def test_what_it_costs(calls: Calls) -> None:
    succeed()
    assert calls.made == ["dynamodb.GetItem"]
    calls.clear()
    fail()
    assert calls.made == ["dynamodb.GetItem", "dynamodb.UpdateItem"]


def test_two_first_failures_at_once_both_count(monkeypatch: pytest.MonkeyPatch) -> None:
    faults = Faults.installed(monkeypatch)
    faults.before("UpdateItem", fail)
    fail()
    for _ in range(8):
        fail()
    with pytest.raises(TooManyFailures):
        succeed()
