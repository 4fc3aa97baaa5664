"""messageId: a repeat within a day gets the same answer and changes nothing."""

from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.store.history import HistoryRecord
from chalicelib.store.outbox import EventRecord
from chalicelib.store.receipts import ReceiptRecord
from tests.conftest import Calls
from tests.support.clock import FakeClock
from tests.support.faults import Faults
from tests.support.gateway import Reply
from tests.support.shadow_api import Thing, code

NOW = 1_700_000_000_000
QUERY, WRITE, READ = "dynamodb.Query", "dynamodb.TransactWriteItems", "dynamodb.GetItem"
DAY = 24 * 3600

CALLS: dict[str, Callable[[Thing, Any], Reply]] = {
    "report": lambda thing, more: thing.report({"power": "on"}, **more),
    "desire": lambda thing, more: thing.desire({"power": "on"}, **more),
    "put desired": lambda thing, more: thing.put("desired", "setting", "a.b", 1, **more),
    "put reported": lambda thing, more: thing.put("reported", "setting", "a.b", 1, **more),
    "put all desired": lambda thing, more: thing.put_all("desired", [("setting", "a", 1)], **more),
    "put all reported": lambda thing, more: thing.put_all("reported", [("setting", "a", 1)], **more),
    "cut desired": lambda thing, more: thing.cut("desired", "setting", "x", **more),
    "cut reported": lambda thing, more: thing.cut("reported", "setting", "x", **more),
    "delete desired": lambda thing, more: thing.delete("desired", "level", **more),
    "delete reported": lambda thing, more: thing.delete("reported", "level", **more),
}


@pytest.fixture
def lamp(lamp: Thing) -> Thing:
    for write in (lamp.report, lamp.desire):
        write({"setting": {"x": 1}, "level": 5})
    return lamp


@pytest.mark.parametrize("name", CALLS)
class TestARepeat:
    def test_is_answered_the_same(self, lamp: Thing, name: str, clock: FakeClock) -> None:
        """Also after the shadow went on, and where by now it would be refused."""
        more = {"timestamp": lamp.time, "messageId": "m1"}
        first = CALLS[name](lamp, more)
        assert code(first) == 0
        lamp.report({"flow": 1})
        lamp.desire({"power": "off"})
        lamp.report({"power": "off"})
        clock.advance(60)
        before = lamp.read().body
        assert CALLS[name](lamp, more).body == first.body
        assert lamp.read().body == before

    def test_also_where_it_names_no_time(self, lamp: Thing, name: str) -> None:
        """What was deleted is not there any more, what was written into is no object by now."""
        if name.startswith("delete"):
            return  # these have to name one
        first = CALLS[name](lamp, {"messageId": "m1"})
        assert code(first) == 0
        if name.startswith("put"):
            for part in ("desired", "reported"):
                lamp.delete(part, "setting")
                lamp.put(part, "setting", "a", [])
        before = lamp.read().body
        assert CALLS[name](lamp, {"messageId": "m1"}).body == first.body
        assert lamp.read().body == before

    def test_counts_for_a_day(self, lamp: Thing, name: str, clock: FakeClock) -> None:
        more = {"timestamp": lamp.time, "messageId": "m1"}
        first = CALLS[name](lamp, more)
        clock.advance(DAY - 1)
        lamp.app.headers = refreshed(lamp)
        assert CALLS[name](lamp, more).body == first.body
        clock.advance(1)
        lamp.app.headers = refreshed(lamp)
        again = CALLS[name](lamp, more)
        assert again.body != first.body or name.startswith("delete")


def refreshed(thing: Thing) -> dict[str, str]:
    from chalicelib.core import tokens
    from chalicelib.store.devices import DEVICE, DeviceRecord

    device = DeviceRecord.get(thing.id, DEVICE)
    pair = tokens.issue(f"shadow-{device.owner}", device.owner, device.tenant)
    return {"auth-token": pair.access}


def test_costs_one_more_call(lamp: Thing, calls: Calls) -> None:
    body = {"timestamp": lamp.time, "messageId": "m1"}
    lamp.report({"power": "on"}, **body)
    calls.clear()
    lamp.report({"power": "on"}, **body)
    assert calls.made == [QUERY, READ]  # refused by its time
    lamp.desire({"power": "on"}, messageId="m2")
    calls.clear()
    lamp.desire({"power": "on"}, messageId="m2")
    assert calls.made == [QUERY, WRITE, READ]


def test_a_report_is_kept_and_told_once(lamp: Thing) -> None:
    def kept() -> tuple[int, int]:
        told = [each for each in EventRecord.query(lamp.id) if each.type == "data.reported"]
        return len(list(HistoryRecord.query(lamp.id, HistoryRecord.entry < ":"))), len(told)

    before = kept()
    for _ in range(3):
        lamp.report({"power": "on"}, messageId="m1")
    assert kept() == (before[0] + 1, before[1] + 1)


def test_a_refused_message_may_be_sent_again(lamp: Thing) -> None:
    assert code(lamp.desire({"level": 6}, timestamp=0, messageId="m1")) == 900010
    assert code(lamp.desire({"level": 6}, timestamp=lamp.time, messageId="m1")) == 0


def test_another_devices_message_of_this_id_is_another(lamp: Thing, free: Thing) -> None:
    assert code(lamp.desire({"level": 6}, messageId="m1")) == 0
    assert code(free.desire({"a": 6}, messageId="m1")) == 0
    assert free.state["desired"] == {"a": 6}


@pytest.mark.parametrize("ident", [None, ""])
def test_without_one_each_is_new(lamp: Thing, ident: str | None) -> None:
    first = lamp.desire({"level": 6}, messageId=ident)
    assert lamp.desire({"level": 6}, messageId=ident).body != first.body
    assert list(ReceiptRecord.scan()) == []


def test_one_that_is_too_long(lamp: Thing) -> None:
    assert code(lamp.desire({"level": 6}, messageId="m" * 33)) == 900014
    assert code(lamp.desire({"level": 6}, messageId="m" * 32)) == 0


@pytest.mark.parametrize("timed", [True, False])
def test_of_two_that_race_one_is_applied(lamp: Thing, monkeypatch: pytest.MonkeyPatch, timed: bool) -> None:
    """The second comes between the read and the write of the first."""
    more = {"timestamp": lamp.time} if timed else {}
    faults, replies = Faults.installed(monkeypatch), []
    faults.before(
        WRITE.partition(".")[2], lambda: replies.append(lamp.desire({"level": 7}, messageId="m", **more))
    )
    first = lamp.desire({"level": 7}, messageId="m", **more)
    assert faults.met == 1
    assert [reply.body for reply in replies] == [first.body]
    assert code(first) == 0
    assert lamp.time == first.json["result"]["timestamp"]


def test_one_whose_answer_was_lost(lamp: Thing, monkeypatch: pytest.MonkeyPatch) -> None:
    faults = Faults.installed(monkeypatch)
    faults.cut("TransactWriteItems")
    assert lamp.desire({"level": 7}, messageId="m").status == 500
    before = lamp.time
    again = lamp.desire({"level": 7}, messageId="m")
    assert again.json["result"] == {"timestamp": before}
    assert lamp.time == before


def test_a_receipt_is_swept_after_it_has_expired(lamp: Thing) -> None:
    lamp.desire({"level": 7}, messageId="m")
    [receipt] = ReceiptRecord.scan()
    assert int(receipt.expires) == NOW + DAY * 1000
    assert int(receipt.ttl) * 1000 > int(receipt.expires)
