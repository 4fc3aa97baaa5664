"""Flow control: what is admitted, what is refused, and how few AWS calls it costs."""

import threading
from collections.abc import Callable

import pytest

from chalicelib.core import applications, flow
from chalicelib.core.errors import ApplicationNotFound, InvalidInput, Throttled
from chalicelib.store.counters import RateRecord
from tests.conftest import Calls
from tests.support.clock import FakeClock
from tests.support.fleet import Fleet, make_fleet

APP = "a" * 32


class Process:
    """A Lambda process beside others: its memory is put in place while it admits."""

    def __init__(self) -> None:
        self._memory: dict[str, flow._Lease] = {}

    def admit(self, application: str = APP) -> None:
        own, flow._leases = flow._leases, self._memory
        try:
            flow.admit(application)
        finally:
            flow._leases = own

    def admits(self, calls: int, application: str = APP) -> int:
        """How many of the calls were admitted."""
        return sum(_passes(lambda: self.admit(application)) for _ in range(calls))


def _passes(call: Callable[[], None]) -> bool:
    try:
        call()
    except Throttled:
        return False
    return True


@pytest.fixture
def process(aws: None) -> Process:
    return Process()


def test_a_hundred_calls_a_minute_for_ten_aws_calls(process: Process, calls: Calls) -> None:
    assert process.admits(100) == 100
    assert calls.made == ["dynamodb.UpdateItem"] * 10


def test_who_is_refused_costs_one_more_call_until_the_minute_is_over(
    process: Process, calls: Calls, clock: FakeClock
) -> None:
    assert process.admits(250) == 100
    assert len(calls.made) == 11
    clock.advance(60 - clock.at / 1000 % 60)
    calls.clear()
    assert process.admits(1) == 1
    assert calls.made == ["dynamodb.UpdateItem"]


def test_the_error_names_the_limit_and_the_seconds_left(process: Process, clock: FakeClock) -> None:
    clock.at = 1_700_000_040_000  # the beginning of a minute
    clock.advance(18.5)
    process.admits(100)
    with pytest.raises(Throttled) as refused:
        process.admit()
    assert (refused.value.limit, refused.value.wait) == (100, 42)


def test_many_processes_together_never_get_less_and_little_more(aws: None) -> None:
    processes = [Process() for _ in range(12)]
    admitted = sum(each.admits(1) for _ in range(40) for each in processes)
    assert 100 <= admitted <= 100 + 12 * (flow.LEASE - 1)


def test_idle_processes_take_nothing_from_a_busy_one(process: Process) -> None:
    for _ in range(20):
        Process().admits(1)  # begins a lease and uses one call of it
    assert process.admits(200) == 80


def test_a_process_that_joins_a_minute_pays_one_call_more(process: Process, calls: Calls) -> None:
    Process().admits(1)
    calls.clear()
    assert process.admits(10) == 10
    assert len(calls.made) == 2


def test_applications_do_not_count_for_each_other(process: Process) -> None:
    assert process.admits(150) == 100
    assert process.admits(5, "b" * 32) == 5


def test_what_was_left_of_an_older_minute_is_not_counted(process: Process, clock: FakeClock) -> None:
    process.admits(9)
    clock.advance(60)
    assert process.admits(120) == 100


def test_a_clock_that_runs_a_little_ahead_is_joined_and_one_far_ahead_is_not(
    process: Process, clock: FakeClock
) -> None:
    Process().admits(30)
    window = clock.at // flow.WINDOW
    RateRecord(flow.rate_name(APP)).update([RateRecord.window.set(window + 1)])
    assert process.admits(100) == 70 + 9  # the other's 30 were reported as 21
    RateRecord(flow.rate_name(APP)).update([RateRecord.window.set(window + 500)])
    assert Process().admits(100) == 100
    assert RateRecord.get(flow.rate_name(APP)).window == window


def test_a_conflict_is_tried_again(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    from botocore.exceptions import ClientError
    from pynamodb.exceptions import UpdateError

    update, failures = RateRecord.update, [True]
    refusal = ClientError({"Error": {"Code": "TransactionConflictException"}}, "UpdateItem")

    def conflicting(self: RateRecord, *rest: object, **more: object) -> object:
        if failures:
            failures.pop()
            raise UpdateError("conflict", refusal)
        monkeypatch.undo()
        return update(self, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(RateRecord, "update", conflicting)
    assert process.admits(1) == 1


def test_threads_of_one_process_count_every_call(aws: None) -> None:
    admitted: list[bool] = []
    threads = [
        threading.Thread(target=lambda: admitted.extend(_passes(lambda: flow.admit(APP)) for _ in range(40)))
        for _ in range(8)
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert 100 <= sum(admitted) <= 100 + 8 * flow.LEASE


@pytest.fixture
def fleet(aws: None) -> Fleet:
    return make_fleet()


def test_the_operators_limit_holds_from_the_next_lease_on(fleet: Fleet, process: Process) -> None:
    name = fleet.application
    assert applications.find(name).rate == 100
    assert process.admits(10, name) == 10
    assert applications.set_rate(name, 25).rate == 25
    assert process.admits(50, name) == 15
    assert applications.find(name).rate == 25


def test_a_raised_limit_helps_a_refused_application_in_the_next_minute(
    fleet: Fleet, process: Process, clock: FakeClock
) -> None:
    applications.set_rate(fleet.application, 3)
    assert process.admits(9, fleet.application) == 3
    applications.set_rate(fleet.application, 200)
    assert process.admits(9, fleet.application) == 0
    clock.advance(60)
    assert process.admits(300, fleet.application) == 200


def test_limits_that_make_no_sense_are_refused(fleet: Fleet) -> None:
    for rate in (0, -1, applications.MOST_RATE + 1):
        with pytest.raises(InvalidInput):
            applications.set_rate(fleet.application, rate)
    with pytest.raises(ApplicationNotFound):
        applications.set_rate("f" * 32, 5)
    assert RateRecord.find(flow.rate_name("f" * 32)) is None
