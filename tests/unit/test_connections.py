"""How many devices are connected: the links say, whatever comes late, twice or at the same time."""

from typing import Any

import pytest

from chalicelib.core import connections, links, registration, removal
from chalicelib.handlers import schedules
from chalicelib.store.devices import LINK, LinkRecord
from tests.conftest import Calls
from tests.support.clock import FakeClock
from tests.support.faults import Faults
from tests.support.fleet import Fleet, make_fleet
from tests.support.iot import FakeIot
from tests.support.metrics import named
from tests.support.mqtt import Mqtt, presence, stamp
from tests.support.queues import WorkQueue


@pytest.fixture
def fleet(aws: None) -> Fleet:
    FakeIot().install()
    return make_fleet()


def device(fleet: Fleet, node: str) -> Mqtt:
    new = registration.NewDevice(node, registration.BY_SECRET, product=fleet.product.id)
    made = registration.register(fleet.caller, new)
    return Mqtt(made.device.device, made.secret)


def test_each_device_counts_once_over_takeovers_and_repeated_events(fleet: Fleet) -> None:
    one, two = device(fleet, "one"), device(fleet, "two")
    assert connections.total() == 0
    one.connect()
    two.connect()
    assert connections.total() == 2
    session = LinkRecord.get(one.name, LINK).session
    presence(one.client, str(session), "connected", 0)
    assert connections.total() == 2
    other = Mqtt(one.name, one.secret, mode=0, stamp=stamp(1))
    other.connect()
    assert connections.total() == 2


def test_who_leaves_is_counted_out_once(fleet: Fleet, clock: FakeClock) -> None:
    work = WorkQueue(clock)
    one = device(fleet, "one")
    one.connect()
    session = str(LinkRecord.get(one.name, LINK).session)
    at = clock.at
    for _ in range(2):
        presence(one.client, session, "disconnected", at)
    work.waiting()  # what was sent until now
    clock.advance(6)
    work.run()
    assert work.failures == []
    assert connections.total() == 0
    one.connect()
    assert connections.total() == 1


def test_a_device_deleted_while_connected_is_counted_out_once(fleet: Fleet, clock: FakeClock) -> None:
    work = WorkQueue(clock)
    one = device(fleet, "one")
    one.connect()
    session = str(LinkRecord.get(one.name, LINK).session)
    presence(one.client, session, "disconnected", clock.at)
    removal.delete(fleet.caller, one.name)
    assert connections.total() == 0
    work.waiting()  # what was sent until now
    clock.advance(6)
    work.run()
    assert work.failures == []
    assert connections.total() == 0


def test_one_who_comes_while_it_is_deleted_does_not_stay_in_the_count(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The deletion has read that it is not connected; then its connection is announced."""
    one = device(fleet, "one")
    read = removal._read
    came: list[bool] = []

    def and_then_it_comes(ident: str) -> Any:
        found = read(ident)
        if not came:
            came.append(True)
            one.connect()
        return found

    monkeypatch.setattr(removal, "_read", and_then_it_comes)
    removal.delete(fleet.caller, one.name)
    assert came
    assert connections.total() == 0


def test_one_deleted_while_its_end_is_judged_is_counted_out_once(
    fleet: Fleet, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = device(fleet, "one")
    one.connect()
    session = str(LinkRecord.get(one.name, LINK).session)
    read = links._parts
    gone: list[bool] = []

    def and_then_it_is_deleted(ident: str) -> Any:
        found = read(ident)
        if not gone:
            gone.append(True)
            removal.delete(fleet.caller, one.name)
        return found

    monkeypatch.setattr(links, "_parts", and_then_it_is_deleted)
    links.gone(one.client, session, clock.at)
    assert gone
    assert connections.total() == 0


def test_an_answer_lost_after_the_write_counts_once(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    one = device(fleet, "one")
    faults = Faults.installed(monkeypatch)
    faults.lose_answer("TransactWriteItems", skip=1)  # the login comes first
    one.connect()
    assert connections.total() == 1


def test_the_sweep_writes_the_number(fleet: Fleet, calls: Calls, capsys: pytest.CaptureFixture[str]) -> None:
    device(fleet, "one").connect()
    capsys.readouterr()
    schedules.sweep()
    [fields] = named(capsys.readouterr().out, "ConnectedDevices")
    assert fields["ConnectedDevices"] == 1
    calls.clear()
    connections.measure()
    assert calls.made == ["dynamodb.BatchGetItem"]


def test_a_report_that_comes_before_the_connections_announcement_counts_it(
    fleet: Fleet, clock: FakeClock
) -> None:
    one = device(fleet, "one")
    assert one.authorize()["isAuthenticated"]
    clock.advance(1)
    one.report("Meter", {"level": 1})
    assert connections.total() == 1
    presence(one.client, "session-1", "connected")
    assert connections.total() == 1
