"""Tables of what a thing reported: filters, figures, bounds. Source: Feiyan 6.11.1"""

from dataclasses import dataclass
from typing import Any

import pytest

from chalicelib.core import aggregates
from tests.conftest import Calls
from tests.support.clock import FakeClock
from tests.support.feiyan import Program, Someone, app_of, someone
from tests.support.fleet import Fleet, make_fleet
from tests.support.iot import FakeIot
from tests.support.things import Lamp, add_lamp, bind

PATH = ("/datacenter/data/aggregate/query", "1.0.1")
HOUR = 3600


@dataclass
class Desk:
    app: Program
    lamp: Lamp
    alice: Someone
    clock: FakeClock

    def ask(self, **more: Any) -> Any:
        return self.app.ok(*PATH, self.params(**more), user=self.alice.token)

    def code(self, **more: Any) -> int:
        given = {name: value for name, value in self.params(**more).items() if value is not None}
        return self.app.code(*PATH, given, user=self.alice.token)

    def params(self, **more: Any) -> dict[str, Any]:
        return {
            "iotId": self.lamp.id,
            "cols": {},
            "tableName": "properties",
            "expr": {},
            "orderBy": {},
            "pageNo": 1,
            "pageSize": 100,
            **more,
        }


@pytest.fixture
def desk(fleet: Fleet, app: Program, iot: FakeIot, clock: FakeClock) -> Desk:
    """Six reports, one every half hour; the clock began at 22:13:20."""
    lamp = add_lamp(fleet, iot)
    for number in range(6):
        power = {"power": number % 2} if number < 4 else {}
        lamp.report(brightness=10 * number, **power)
        clock.advance(HOUR / 2)
    alice = someone(fleet, "alice")
    bind(fleet, alice.id, lamp.id)
    made = Desk(app, lamp, alice, clock)
    made.ask()
    return made


def filters(op: str, *found: Any) -> dict[str, Any]:
    return {"op": op, "filters": [dict(zip(("col", "op", "value"), each, strict=True)) for each in found]}


def test_all_rows(desk: Desk, calls: Calls) -> None:
    calls.clear()
    rows = desk.ask()
    assert calls.made == ["dynamodb.BatchGetItem", "dynamodb.Query"]
    assert len(rows) == 6
    assert rows[1] == {
        "id": 2,
        "time": 1_700_000_000_000 + 1800 * 1000,
        "dim_time": "2023-11-14 22:43:20",
        "dim_minute": "2023-11-14 22:43",
        "dim_hour": "2023-11-14 22",
        "dim_day": "2023-11-14",
        "brightness": 10,
        "power": 1,
    }


def test_columns_order_and_pages(desk: Desk) -> None:
    cols, order = ["dim_time", "brightness"], [{"col": "brightness", "type": "desc"}]
    first = desk.ask(cols=cols, orderBy=order, pageSize=2)
    assert first == [
        {"dim_time": "2023-11-15 00:43:20", "brightness": 50},
        {"dim_time": "2023-11-15 00:13:20", "brightness": 40},
    ]
    assert [each["brightness"] for each in desk.ask(cols=cols, orderBy=order, pageSize=2, pageNo=3)] == [
        10,
        0,
    ]
    assert desk.ask(cols=cols, orderBy=order, pageSize=2, pageNo=4) == []


@pytest.mark.parametrize(
    ("expr", "found"),
    [
        (filters("and", ("brightness", ">=", 20), ("brightness", "<", "40")), [20, 30]),
        (filters("or", ("brightness", "=", 0), ("brightness", "=", 50.0)), [0, 50]),
        (filters("and", ("power", "=", 1)), [10, 30]),
        (filters("and", ("power", "!=", 1)), [0, 20]),
        (filters("and", ("brightness", "in", [10, 40, 99])), [10, 40]),
        (filters("and", ("dim_day", "=", "2023-11-15")), [40, 50]),
        (filters("and", ("dim_time", ">", "2023-11-14 23:50:00")), [40, 50]),
        (filters("and", ("id", "<=", 2)), [0, 10]),
        (filters("and", ("nothing", "=", 2)), []),
        (filters("and", ("brightness", ">", "abc")), []),
        (
            {"op": "and", "exprs": [filters("or", ("power", "=", 0)), filters("or", ("brightness", ">", 5))]},
            [20],
        ),
        ({"op": "or", "filters": [{"col": "brightness", "value": 0}], "exprs": []}, [0]),
    ],
)
def test_filters(desk: Desk, expr: Any, found: list[int]) -> None:
    assert [each["brightness"] for each in desk.ask(cols=["brightness"], expr=expr)] == found


def test_figures(desk: Desk) -> None:
    cols = ["count(*)", "count(power)", "sum(brightness)", "avg(brightness)", "min(brightness)"]
    assert desk.ask(cols=[*cols, "max(brightness)", "first(power)", "last(power)", "avg(scene)"]) == [
        {
            "count(*)": 6,
            "count(power)": 4,
            "sum(brightness)": 150,
            "avg(brightness)": 25,
            "min(brightness)": 0,
            "max(brightness)": 50,
            "first(power)": 0,
            "last(power)": 1,
            "avg(scene)": None,
        }
    ]


def test_groups(desk: Desk) -> None:
    cols = [{"col": "dim_hour", "alias": "hour"}, {"col": "brightness", "func": "AVG", "alias": "mean"}]
    rows = desk.ask(cols=cols, orderBy=[{"col": "hour", "type": "desc"}])
    assert rows == [
        {"hour": "2023-11-15 00", "mean": 45},
        {"hour": "2023-11-14 23", "mean": 25},
        {"hour": "2023-11-14 22", "mean": 5},
    ]
    assert desk.ask(
        cols={"n": "count(*)", "power": "power"}, expr=filters("and", ("power", "in", [0, 1]))
    ) == [
        {"n": 2, "power": 0},
        {"n": 2, "power": 1},
    ]
    assert desk.ask(cols=["count(*)"], expr=filters("and", ("id", ">", 99))) == [{"count(*)": 0}]


def test_a_time_narrows_what_is_read(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aggregates, "MOST_ROWS", 2)
    began = 1_700_000_000_000
    assert desk.code() == 460  # too many reports
    near = filters("and", ("time", ">=", began + 1000), ("time", "<=", began + 3600_000))
    assert [each["brightness"] for each in desk.ask(cols=["brightness"], expr=near)] == [10, 20]
    either = {
        "op": "or",
        "exprs": [filters("and", ("time", "=", began)), filters("and", ("time", "=", began + 1800_000))],
    }
    assert len(desk.ask(expr=either)) == 2
    loose = {"op": "or", "filters": [{"col": "time", "value": began}, {"col": "power", "value": 1}]}
    assert desk.code(expr=loose) == 460


def test_what_is_read_is_bounded(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aggregates, "MOST_GROUPS", 2)
    assert desk.code(cols=["dim_hour", "count(*)"]) == 460
    monkeypatch.setattr(aggregates, "MOST_READS", 0)
    reply = desk.app.call(*PATH, desk.params(), user=desk.alice.token).json
    assert reply["code"] == 460
    assert "shorter time" in reply["message"]


def nested(levels: int) -> dict[str, Any]:
    expr: dict[str, Any] = {}
    for _ in range(levels):
        expr = {"op": "and", "exprs": [expr]}
    return expr


@pytest.mark.parametrize(
    "wrong",
    [
        {"tableName": "users"},
        {"cols": ["__import__('os')(x)"]},
        {"cols": ["median(brightness)"]},
        {"cols": ["sum(*)"]},
        {"cols": ["a"] * 51},
        {"expr": {"op": "xor"}},
        {"expr": filters("and", ("brightness", "like", 1))},
        {"expr": filters("and", ("brightness", "in", 1))},
        {"expr": filters("and", ("brightness", "in", [1] * 101))},
        {"expr": filters("and", ("brightness", "=", {"a": 1}))},
        {"expr": filters("and", *[("brightness", "=", 1)] * 101)},
        {"expr": nested(8)},
        {"expr": nested(40)},
        {"orderBy": [{"col": "id", "type": "up"}]},
        {"orderBy": [{"col": "id"}] * 6},
        {"pageNo": 0},
        {"pageSize": 0},
        {"pageSize": 201},
    ],
)
def test_wrong_questions(desk: Desk, wrong: dict[str, Any]) -> None:
    assert desk.code(**wrong) == 460


@pytest.mark.parametrize("name", ["cols", "expr", "tableName", "iotId", "pageNo", "pageSize"])
def test_what_is_missing(desk: Desk, name: str) -> None:
    assert desk.code(**{name: None}) == 20050


def test_json_as_text(desk: Desk) -> None:
    assert desk.code(expr="{}") == 20004


def test_who_is_not_bound(desk: Desk, fleet: Fleet) -> None:
    eve = someone(fleet, "eve")
    other = make_fleet("other", manufacturer_id="o")
    assert desk.app.code(*PATH, desk.params(), user=eve.token) == 401
    assert app_of(other).code(*PATH, desk.params(), user=someone(other, "mallory").token) == 401
    assert desk.app.code(*PATH, desk.params(iotId="nothing"), user=desk.alice.token) == 401
