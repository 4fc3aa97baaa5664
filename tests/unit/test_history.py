"""A device's history: order, time, ageing, sizes, and what reading it costs."""

import json

import pytest

from chalicelib.core import history, registration
from chalicelib.core.errors import HistoryNotFound, InvalidInput
from chalicelib.core.modification import Changes, modify
from chalicelib.core.registration import BY_CODE, NewDevice
from chalicelib.store.devices import DEVICE, DeviceRecord
from chalicelib.store.history import HistoryRecord
from chalicelib.store.transactions import Transaction
from tests.conftest import Calls
from tests.support.clock import FakeClock
from tests.support.fleet import Fleet, make_fleet

DAY = 24 * 3600


@pytest.fixture
def home(aws: None) -> Fleet:
    return make_fleet()


@pytest.fixture
def device(home: Fleet) -> str:
    new = NewDevice("meter", BY_CODE, product=home.product.id)
    return registration.register(home.caller, new).device.device


def report(
    device: str, at: int, message: str = "m", level: int = 1, position: int = 0, ageing: int | None = None
) -> None:
    change = Transaction()
    data = json.dumps({"level": level})
    history.entry(change, device, at, message, position, "Meter", data, ageing)
    change.commit()


def levels(home: Fleet, device: str, size: int = 100, number: int = 0, **bounds: int) -> list[int]:
    return [each.data["level"] for each in read(home, device, size, number, **bounds).items]


def read(
    home: Fleet, device: str, size: int = 100, number: int = 0, **bounds: int
) -> history.Page[history.Entry]:
    return history.page(home.caller, device, None, number, size, **bounds)[1]


def test_reports_come_newest_first_also_two_in_one_second(home: Fleet, device: str, clock: FakeClock) -> None:
    report(device, clock.at, "b", level=2)
    report(device, clock.at, "c", level=3)
    report(device, clock.at, "c", level=4, position=1)
    report(device, clock.at - 1, "d", level=1)
    assert levels(home, device) == [4, 3, 2, 1]
    first = read(home, device).items[0]
    assert (first.service, first.at) == ("Meter", clock.at)


def test_a_repeated_message_is_one_report(home: Fleet, device: str, clock: FakeClock) -> None:
    report(device, clock.at)
    report(device, clock.at)
    assert read(home, device).total == 1


def test_pages_follow_each_other_and_end(home: Fleet, device: str, clock: FakeClock) -> None:
    for number in range(7):
        report(device, clock.at - number, str(number), level=number)
    pages = [read(home, device, 3, number) for number in range(4)]
    assert [[each.data["level"] for each in page.items] for page in pages] == [
        [0, 1, 2],
        [3, 4, 5],
        [6],
        [],
    ]
    assert {page.total for page in pages} == {7}
    assert levels(home, device, 2, 3) == [6]


def test_times_bound_what_is_read(home: Fleet, device: str, clock: FakeClock) -> None:
    for number in range(5):
        report(device, clock.at - number * 1000, level=number)
    assert levels(home, device, after=clock.at - 3000) == [0, 1, 2, 3]
    assert levels(home, device, before=clock.at - 1000) == [2, 3, 4]
    page = read(home, device, size=1, after=clock.at - 3000, before=clock.at)
    assert (page.total, page.items[0].data) == (3, {"level": 1})
    assert read(home, device, after=clock.at, before=clock.at) == history.Page([], 0, 0, 100)


def test_a_page_reads_only_what_it_answers(home: Fleet, device: str, clock: FakeClock, calls: Calls) -> None:
    for number in range(5):
        report(device, clock.at - number, str(number))
    calls.clear()
    read(home, device, 2)
    assert calls.made == [
        "dynamodb.GetItem",  # the device
        "dynamodb.Query",
        "dynamodb.Query",  # the total, once a walk
        "dynamodb.PutItem",
    ]
    calls.clear()
    read(home, device, 2, 1)
    assert calls.made == ["dynamodb.GetItem", "dynamodb.GetItem", "dynamodb.Query", "dynamodb.PutItem"]
    calls.clear()
    read(home, device, 10)
    assert calls.made == ["dynamodb.GetItem", "dynamodb.Query", "dynamodb.DeleteItem"]


def test_data_ages_by_the_time_of_its_report(home: Fleet, device: str, clock: FakeClock) -> None:
    report(device, clock.at)
    report(device, clock.at - 6 * DAY * 1000, "late", level=2)
    report(device, clock.at - 7 * DAY * 1000, "too late", level=3)
    assert levels(home, device) == [1, 2]
    clock.advance(DAY - 1)
    assert levels(home, device) == [1, 2]
    clock.advance(1)
    assert levels(home, device) == [1]
    clock.advance(6 * DAY)
    assert levels(home, device) == []


def test_a_shorter_ageing_hides_at_once_and_a_longer_one_brings_back_what_it_kept(
    home: Fleet, device: str, clock: FakeClock
) -> None:
    report(device, clock.at)
    clock.advance(2 * DAY)
    report(device, clock.at, level=2)
    modify(home.caller, device, Changes(ageing=1))
    page = read(home, device)
    assert ([each.data for each in page.items], page.total) == ([{"level": 2}], 1)
    modify(home.caller, device, Changes(ageing=0))
    assert levels(home, device) == []
    modify(home.caller, device, Changes(ageing=90))
    assert levels(home, device) == [2, 1]
    clock.advance(5 * DAY)
    assert levels(home, device) == [2]  # the first came when seven days were its end


def test_an_ageing_of_zero_keeps_nothing(home: Fleet, device: str, clock: FakeClock) -> None:
    report(device, clock.at, ageing=0)
    assert list(HistoryRecord.query(device)) == []


def test_a_report_from_the_future_ages_from_its_arrival(home: Fleet, device: str, clock: FakeClock) -> None:
    report(device, clock.at + 1000 * DAY * 1000, ageing=1)
    assert levels(home, device) == [1]
    clock.advance(DAY)
    assert levels(home, device) == []


def test_a_walk_that_its_bound_overtakes_ends(home: Fleet, device: str, clock: FakeClock) -> None:
    for number in range(4):
        report(device, clock.at - number * 1000, level=number)
    clock.advance(7 * DAY - 2)
    assert levels(home, device, 2) == [0, 1]
    clock.advance(2)
    assert levels(home, device, 2, 1) == []
    assert levels(home, device, 2) == []


def test_a_stranger_and_another_gateway_are_answered_as_absent(home: Fleet, device: str) -> None:
    stranger = make_fleet("other").caller
    DeviceRecord(device, DEVICE).update([DeviceRecord.gateway.set("gateway")])
    assert history.page(home.caller, device, "gateway", 0, 1)[0].device == device
    for caller, ident, gateway in (
        (stranger, device, None),
        (home.caller, "f" * 32, None),
        (home.caller, device, device),
    ):
        with pytest.raises(HistoryNotFound):
            history.page(caller, ident, gateway, 0, 1)


def test_a_page_of_more_than_its_bytes_is_refused(
    home: Fleet, device: str, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        report(device, clock.at - number, str(number))
    monkeypatch.setattr(history, "MOST_BYTES", 4 * (history.AROUND_DATA + len('{"level": 1}')))
    assert len(levels(home, device, 4)) == 4
    with pytest.raises(InvalidInput, match="pageSize"):
        levels(home, device, 5)


def test_sixteen_megabytes_are_a_page(home: Fleet, device: str, clock: FakeClock) -> None:
    text = json.dumps({"text": "x" * 350_000})

    def keep(number: int) -> None:
        entry, ttl = f"{clock.at - number:013d}#m#000", clock.at // 1000 + 60
        HistoryRecord(device, entry, service="Meter", data=text, at=clock.at, ttl=ttl).save()

    for number in range(47):
        keep(number)
    assert len(read(home, device, 2000).items) == 47
    keep(48)
    with pytest.raises(InvalidInput, match="16 MB"):
        read(home, device, 2000)
