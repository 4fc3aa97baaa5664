"""Device shadow 2.6 to 2.9, 2.12, 2.13: inside of fields that are JSON objects."""

from typing import Any

import pytest

from chalicelib.core import shadow_checks
from chalicelib.core.things import DataType, Parameter, Property, Service, ThingModel
from tests.conftest import Calls
from tests.support.clock import FakeClock
from tests.support.fleet import Fleet
from tests.support.gateway import Gateway
from tests.support.shadow_api import Thing, add_thing, code

NOW = 1_700_000_000_000
PARTS = pytest.mark.parametrize("part", ["desired", "reported"])
BATTERY = {"battery": {"open": True, "state": "on"}, "name": "a"}


def write(thing: Thing, part: str, values: Any) -> None:
    assert code(thing.desire(values) if part == "desired" else thing.report(values)) == 0


def read(thing: Thing, part: str) -> Any:
    return thing.state[part]


@PARTS
class TestUpdating:
    def test_inside_of_an_object(self, lamp: Thing, part: str, clock: FakeClock) -> None:
        write(lamp, part, {"setting": BATTERY})
        clock.advance(1)
        reply = lamp.put(part, "setting", "battery.open", False)
        assert reply.json["result"] == {"timestamp": clock.at}
        assert read(lamp, part) == {"setting": {"battery": {"open": False, "state": "on"}, "name": "a"}}
        assert lamp.result["metadata"][part] == {"setting": {"timestamp": clock.at}}

    def test_makes_what_is_not_there(self, lamp: Thing, part: str) -> None:
        assert code(lamp.put(part, "setting", "battery.cells.first", {"a": [1]})) == 0
        assert read(lamp, part) == {"setting": {"battery": {"cells": {"first": {"a": [1]}}}}}
        assert code(lamp.put(part, "setting", "name", None)) == 0
        assert read(lamp, part)["setting"]["name"] is None

    @pytest.mark.parametrize(
        ("key", "path"),
        [("power", "a"), ("setting", "name.first"), ("setting", "list.0"), ("setting", "battery.open.a.b")],
    )
    def test_through_what_is_no_object(self, lamp: Thing, part: str, key: str, path: str) -> None:
        write(lamp, part, {"power": "on", "setting": {**BATTERY, "list": [1]}})
        before = lamp.read().body
        reply = lamp.put(part, key, path, 1)
        assert (reply.status, code(reply)) == (200, 900015)
        assert reply.json["msg"].startswith("字段值不为JSON 对象类型 " + key)
        assert lamp.read().body == before

    def test_the_rule_of_time_is_that_of_the_field(self, lamp: Thing, part: str) -> None:
        write(lamp, part, {"setting": BATTERY})
        write(lamp, part, {"power": "on"})
        assert code(lamp.put(part, "setting", "name", "b", timestamp=NOW)) == 0
        assert code(lamp.put(part, "setting", "name", "c", timestamp=NOW)) == 900010
        assert code(lamp.put(part, "power", "name", "c", timestamp=NOW)) == 900010  # before all else
        assert read(lamp, part)["setting"]["name"] == "b"

    def test_of_what_the_model_does_not_have(self, lamp: Thing, part: str) -> None:
        assert code(lamp.put(part, "nothing", "a", 1)) == 900014
        assert code(lamp.put(part, "level", "a", 1)) == 900014  # would make an object of a number

    def test_costs_two_calls(self, lamp: Thing, part: str, calls: Calls) -> None:
        lamp.read()
        calls.clear()
        lamp.put(part, "setting", "battery.open", False, timestamp=0, messageId="m")
        assert calls.made == ["dynamodb.Query", "dynamodb.TransactWriteItems"]

    @pytest.mark.parametrize(
        ("path", "error"),
        [
            (".", 900014),
            ("a..b", 900014),
            (".a", 900014),
            ("a.", 900014),
            (".".join("a" * 17), 900014),
            ("", 900013),
        ],
    )
    def test_paths_that_are_none(self, lamp: Thing, part: str, path: str, error: int) -> None:
        assert code(lamp.put(part, "setting", path, 1)) == error
        assert code(lamp.cut(part, "setting", path)) == error

    @pytest.mark.parametrize("missing", ["FiledKey", "jsonPath", "value", "productId", "deviceId"])
    def test_parameters_that_have_to_be_there(self, lamp: Thing, part: str, missing: str) -> None:
        body = {**lamp.named, f"{part}FiledKey": "setting", "jsonPath": "a", "value": 1}
        given = {name: value for name, value in body.items() if not name.endswith(missing)}
        reply = lamp.app.put(f"/iot-platform/device-shadow-server/v1/{part}/json/filed/update", given)
        assert (reply.status, code(reply)) == (200, 900013)


@PARTS
class TestUpdatingSeveral:
    def test_in_order(self, lamp: Thing, part: str) -> None:
        write(lamp, part, {"setting": BATTERY})
        updates = [("setting", "battery", {}), ("setting", "battery.open", 1), ("setting", "name", "b")]
        assert code(lamp.put_all(part, updates)) == 0
        assert read(lamp, part) == {"setting": {"battery": {"open": 1}, "name": "b"}}

    def test_of_several_fields_under_one_time(self, free: Thing, part: str) -> None:
        reply = free.put_all(part, [("a", "x", 1), ("b", "y.z", 2)])
        assert read(free, part) == {"a": {"x": 1}, "b": {"y": {"z": 2}}}
        stamp = {"timestamp": reply.json["result"]["timestamp"]}
        assert free.result["metadata"][part] == {"a": stamp, "b": stamp}

    def test_all_or_none(self, free: Thing, part: str) -> None:
        write(free, part, {"a": {"x": 1}, "b": 5})
        before = free.read().body
        reply = free.put_all(part, [("a", "x", 2), ("c", "x", 2), ("b", "x", 2)])
        assert code(reply) == 900015
        assert free.read().body == before

    def test_none_where_one_field_is_newer(self, free: Thing, part: str) -> None:
        write(free, part, {"a": {"x": 1}})
        write(free, part, {"b": {"x": 1}})
        assert code(free.put_all(part, [("a", "x", 2), ("b", "x", 2)], timestamp=NOW)) == 900010
        assert read(free, part) == {"a": {"x": 1}, "b": {"x": 1}}

    @pytest.mark.parametrize(
        ("infos", "error"),
        [
            ([], 900014),
            (None, 900014),
            ([{}], 900013),
            ([5], 900014),
            ([{"FiledKey": "a", "jsonPath": "x", "value": 1}] * 101, 900014),
            ([{"FiledKey": "", "jsonPath": "x", "value": 1}], 900013),
        ],
    )
    def test_errors(self, lamp: Thing, part: str, infos: Any, error: int) -> None:
        if isinstance(infos, list):
            infos = [
                {(part + name if name == "FiledKey" else name): value for name, value in each.items()}
                if isinstance(each, dict)
                else each
                for each in infos
            ]
        body = {**lamp.named, "updateInfos": infos}
        reply = lamp.app.put(f"/iot-platform/device-shadow-server/v1/{part}/json/filed/update/batch", body)
        assert (reply.status, code(reply)) == (200, error)


@PARTS
class TestDeleting:
    def test_inside_of_an_object(self, lamp: Thing, part: str) -> None:
        write(lamp, part, {"setting": BATTERY})
        assert lamp.cut(part, "setting", "battery.open", "name").json["result"] == {"timestamp": NOW + 1}
        assert read(lamp, part) == {"setting": {"battery": {"state": "on"}}}
        assert code(lamp.cut(part, "setting", "battery.state")) == 0
        assert read(lamp, part) == {"setting": {"battery": {}}}

    @pytest.mark.parametrize(
        ("paths", "error"),
        [
            (["nothing"], 900016),
            (["battery.nothing"], 900016),
            (["nothing.open"], 900016),
            (["battery.open.a"], 900015),
            (["name", "battery.nothing"], 900016),
            (["name", "name"], 900016),
            (["battery", "battery.open"], 900016),
        ],
    )
    def test_all_or_none(self, lamp: Thing, part: str, paths: list[str], error: int) -> None:
        write(lamp, part, {"setting": BATTERY})
        before = lamp.read().body
        reply = lamp.cut(part, "setting", *paths)
        assert (reply.status, code(reply)) == (200, error)
        assert lamp.read().body == before

    def test_of_a_field_that_is_not_there(self, lamp: Thing, part: str) -> None:
        reply = lamp.cut(part, "setting", "a")
        assert (reply.status, code(reply)) == (200, 900016)
        assert reply.json["msg"] == "字段值不存在 setting"
        assert code(lamp.cut(part, "nothing", "a")) == 900016

    def test_of_a_field_that_is_no_object(self, lamp: Thing, part: str) -> None:
        write(lamp, part, {"power": "on"})
        assert code(lamp.cut(part, "power", "a")) == 900015

    def test_the_rule_of_time(self, lamp: Thing, part: str) -> None:
        write(lamp, part, {"setting": BATTERY})
        assert code(lamp.cut(part, "setting", "name", timestamp=NOW - 1)) == 900010
        assert code(lamp.cut(part, "setting", "name", timestamp=NOW)) == 0

    @pytest.mark.parametrize(("paths", "error"), [([], 900014), (["a"] * 101, 900014), ([5], 900014)])
    def test_lists_that_are_none(self, lamp: Thing, part: str, paths: list[Any], error: int) -> None:
        assert code(lamp.cut(part, "setting", *paths)) == error


def nested(levels: int) -> Any:
    return {"a": nested(levels - 1)} if levels else 1


@PARTS
class TestBounds:
    def test_of_levels(self, lamp: Thing, free: Thing, part: str) -> None:
        """The document with the field in it counts as one."""
        send = free.desire if part == "desired" else free.report
        assert code(send({"deep": nested(15)})) == 0
        reply = send({"deeper": nested(16)})
        assert code(reply) == 900014
        assert "deeper than 16 levels" in reply.json["msg"]
        assert code(lamp.put(part, "setting", ".".join("a" * 15), 1)) == 0
        assert code(lamp.put(part, "setting", ".".join("a" * 15), {"a": 1})) == 900014
        assert code(send({"far": nested(40)})) == 900014

    def test_of_bytes(self, free: Thing, part: str) -> None:
        send = free.desire if part == "desired" else free.report
        room = shadow_checks.MOST_DOCUMENT - len('{"a":""}')
        assert code(send({"a": "x" * room})) == 0
        reply = send({"a": "x" * (room + 1)})
        assert code(reply) == 900014
        assert "larger than 64 KB" in reply.json["msg"]
        assert code(send({"b": {"x": "x" * 40_000}})) == 0
        assert code(free.put(part, "b", "y", "y" * 40_000)) == 900014  # the whole field counts

    def test_of_the_shadow(self, free: Thing, part: str) -> None:
        send = free.desire if part == "desired" else free.report
        for number in range(5):
            assert code(send({f"f{number}": "x" * 55_000})) == 0
        reply = (free.report if part == "desired" else free.desire)({"g": "x" * 65_000})
        assert code(reply) == 900014
        assert "300 KB" in reply.json["msg"] or "no room" in reply.json["msg"]
        assert len(read(free, part)) == 5


def test_the_whole_field_is_judged(fleet: Fleet, app: Gateway) -> None:
    cell = Property(
        "cell", DataType.STRUCT, method="RW", fields=(Parameter("volts", DataType.INT, min="0", max="9"),)
    )
    thing = add_thing(fleet, app, ThingModel((Service("Battery", properties=(cell,)),)))
    assert code(thing.put("desired", "cell", "volts", 5)) == 0
    reply = thing.put("desired", "cell", "volts", 50)
    assert code(reply) == 900014
    assert "cell.volts is above 9" in reply.json["msg"]
    assert code(thing.put("reported", "cell", "amperes", 5)) == 900014
    assert thing.state == {"desired": {"cell": {"volts": 5}}, "reported": {}}
