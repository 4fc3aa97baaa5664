"""Device shadow 2.2 to 2.5, 2.10, 2.11: the whole shadow, its fields, their deletion."""

from typing import Any

import msgspec
import pytest

from chalicelib.core import history, shadows
from chalicelib.store.devices import DEVICE, SHADOW, DeviceRecord, ShadowRecord
from chalicelib.store.history import DesiredRecord
from chalicelib.store.outbox import EventRecord
from tests.conftest import Calls
from tests.support.clock import FakeClock
from tests.support.fleet import Fleet, make_fleet
from tests.support.gateway import Gateway
from tests.support.shadow_api import FREE, Thing, add_thing, code, log_in
from tests.support.shadows import MODEL

NOW = 1_700_000_000_000  # what the clock shows
EMPTY: dict[str, Any] = {"desired": {}, "reported": {}}
QUERY, WRITE, READ = "dynamodb.Query", "dynamodb.TransactWriteItems", "dynamodb.GetItem"


class TestReading:
    def test_as_the_document_shows_it(self, lamp: Thing, clock: FakeClock) -> None:
        lamp.report({"power": "on", "level": 5})
        clock.advance(1)
        lamp.desire({"power": "off"})
        reply = lamp.read()
        assert reply.status == 200
        assert reply.headers["content-type"] == "application/json; charset=UTF-8"
        assert reply.json == {
            "code": 0,
            "msg": "ok",
            "err_code": 10000,
            "result": {
                "state": {"desired": {"power": "off"}, "reported": {"power": "on", "level": 5}},
                "metadata": {
                    "desired": {"power": {"timestamp": NOW + 1000}},
                    "reported": {"power": {"timestamp": NOW}, "level": {"timestamp": NOW}},
                },
                "timestamp": NOW + 1000,
            },
        }

    def test_of_a_shadow_that_nobody_has_written_to(self, lamp: Thing) -> None:
        assert lamp.result == {"state": EMPTY, "metadata": EMPTY, "timestamp": 0}

    def test_costs_one_call(self, lamp: Thing, calls: Calls) -> None:
        lamp.desire({"power": "off"})
        calls.clear()
        lamp.read()
        assert calls.made == [QUERY]

    def test_of_no_device_of_ones_own(self, lamp: Thing, app: Gateway, fleet: Fleet) -> None:
        """Unknown, of another product, of another application: the same answer."""
        answers = []
        other = add_thing(fleet, app)
        stranger = log_in(make_fleet("other"))
        for asking, product, device in (
            (app, lamp.product.short_id, "0" * 32),
            (app, lamp.product.short_id, "x"),
            (app, other.product.short_id, lamp.id),
            (app, "nothing", lamp.id),
            (stranger, lamp.product.short_id, lamp.id),
        ):
            reply = asking.get(
                f"/iot-platform/device-shadow-server/v1/get?productId={product}&deviceId={device}"
            )
            assert (reply.status, code(reply)) == (200, 900014)
            answers.append(reply.body)
        assert len(set(answers)) == 1

    def test_of_a_deleted_device(self, lamp: Thing, fleet: Fleet) -> None:
        from chalicelib.core import removal

        removal.delete(fleet.caller, lamp.id)
        assert code(lamp.read()) == 900014
        assert code(lamp.desire({"power": "on"})) == 900014

    def test_never_of_two_times(self, fleet: Fleet, app: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
        """A query is no transaction: one that saw a half of one is made again."""
        from chalicelib.core import shadow_fields
        from chalicelib.core.shadow_fields import Held

        meter = add_thing(fleet, app, MODEL)
        meter.report({"flow": 1, "on": True})
        before = shadow_fields.load(meter.id)
        meter.report({"flow": 2, "on": False})
        after = shadow_fields.load(meter.id)
        assert before is not None
        assert after is not None
        reads: list[Held] = []
        for light, whole in ((before, after), (after, before)):
            records = {"Light": light.records["Light"], "Meter": whole.records["Meter"]}
            for mark in (before.mark, after.mark):
                reads.append(msgspec.structs.replace(after, records=records, mark=mark))
        assert len(reads) == 4
        monkeypatch.setattr(shadow_fields, "load", lambda _device: reads.pop(0) if reads else after)
        assert meter.state["reported"] == {"flow": 2, "on": False}
        assert reads == []


class TestReporting:
    def test_answers_the_new_time(self, lamp: Thing) -> None:
        assert lamp.report({"power": "on"}).json["result"] == {"timestamp": NOW}
        assert lamp.report({"power": "off"}).json["result"] == {"timestamp": NOW + 1}
        assert lamp.time == NOW + 1

    def test_what_is_not_named_stays(self, lamp: Thing) -> None:
        lamp.report({"power": "on"})
        lamp.report({"level": 5})
        assert lamp.state["reported"] == {"power": "on", "level": 5}

    def test_is_a_report(self, lamp: Thing, fleet: Fleet) -> None:
        """Kept in history, told, seen by systems with services; but the device itself was not heard."""
        lamp.report({"level": 5}, messageId="m1")
        _, found = history.page(fleet.caller, lamp.id, None, 0, 10)
        assert [(each.service, each.data, each.at) for each in found.items] == [("", {"level": 5}, NOW)]
        [event] = [each for each in EventRecord.query(lamp.id) if each.type == "data.reported"]
        assert '"level":5' in event.data
        assert '"request":"m1"' in event.data
        record = DeviceRecord.get(lamp.id, DEVICE)
        assert (record.status, record.activated) == ("INACTIVE", False)

    def test_settles_desired_values(self, lamp: Thing) -> None:
        lamp.desire({"level": 5})
        lamp.report({"level": "5"})
        [change] = DesiredRecord.query(lamp.id, DesiredRecord.entry.startswith("D#"))
        assert change.status == "DELIVERED"

    def test_is_stored_whatever_the_device_said_of_a_later_time(self, lamp: Thing) -> None:
        from chalicelib.core import telemetry
        from chalicelib.core.telemetry import Report, Reported

        ahead = Reported("", {"level": 1}, NOW + 60_000)
        telemetry.report(Report(lamp.id, lamp.id, (ahead,), "m", NOW))
        lamp.report({"level": 2})
        assert lamp.state["reported"] == {"level": 2}

    def test_costs_two_calls(self, lamp: Thing, calls: Calls) -> None:
        lamp.read()
        calls.clear()
        lamp.report({"power": "on"}, messageId="m")
        assert calls.made == [QUERY, WRITE]

    @pytest.mark.parametrize(
        ("values", "said"),
        [
            ({"nothing": 1}, "nothing is not in the model"),
            ({"level": 101}, "level is above 100"),
            ({"power": "on", "level": "high"}, "level is not an integer"),
            ({"setting": 5}, "setting is not a JSON object"),
            ({}, "no field is named"),
            ({"": 1}, "is no key"),
            ({"x" * 257: 1}, "is no key"),
            (None, "stateReported expected object, got null"),
            ([], "stateReported expected object, got array"),
        ],
    )
    def test_what_the_model_does_not_take(self, lamp: Thing, values: Any, said: str) -> None:
        reply = lamp.report(values)
        assert (reply.status, code(reply)) == (200, 900014)
        assert reply.json["msg"].startswith("参数格式错误 ")
        assert said in reply.json["msg"]
        assert lamp.result["timestamp"] == 0

    def test_without_a_model_anything_goes(self, free: Thing) -> None:
        values = {"a": [1, {"b": None}], "c.d": 1.0, "e": None}
        assert code(free.report(values)) == 0
        assert free.state["reported"] == values

    def test_of_a_muted_device(self, lamp: Thing) -> None:
        DeviceRecord(lamp.id, DEVICE).update([DeviceRecord.mute.set(True)])
        reply = lamp.report({"level": 5})
        assert code(reply) == 900014
        assert "muted" in reply.json["msg"]


class TestDesiring:
    def test_answers_the_new_time(self, lamp: Thing, clock: FakeClock) -> None:
        assert lamp.desire({"power": "on"}).json["result"] == {"timestamp": NOW}
        clock.advance(1)
        assert lamp.desire({"level": 4}).json["result"] == {"timestamp": NOW + 1000}
        assert lamp.state["desired"] == {"power": "on", "level": 4}

    def test_systems_with_services_see_it(self, fleet: Fleet, app: Gateway) -> None:
        meter = add_thing(fleet, app, MODEL)
        meter.desire({"level": 5, "on": True})
        _, found = shadows.read(fleet.caller, meter.id)
        assert {each.service: each.desired for each in found} == {
            "Meter": {"level": 5},
            "Light": {"on": True},
        }
        shadows.set_desired(fleet.caller, meter.id, [shadows.Desired("Meter", {"period": 60})])
        assert meter.state["desired"] == {"level": 5, "on": True, "period": 60}

    def test_costs_two_calls_for_an_offline_device(self, lamp: Thing, calls: Calls) -> None:
        lamp.read()
        calls.clear()
        lamp.desire({"power": "on"}, timestamp=0, messageId="m")
        assert calls.made == [QUERY, WRITE]

    @pytest.mark.parametrize(
        ("values", "said"),
        [
            ({"flow": 1}, "flow is not writable"),
            ({"nothing": 1}, "nothing is not in the model"),
            ({"level": 101}, "level is above 100"),
            ({"power": None}, "power is null"),
            ({}, "no field is named"),
        ],
    )
    def test_what_the_model_does_not_take(self, lamp: Thing, values: Any, said: str) -> None:
        reply = lamp.desire({"power": "on", **values} if values else values)
        assert (reply.status, code(reply)) == (200, 900014)
        assert said in reply.json["msg"]
        assert lamp.state == EMPTY

    def test_of_a_stranger(self, lamp: Thing) -> None:
        stranger = Thing(log_in(make_fleet("other")), lamp.product, lamp.id, "")
        assert code(stranger.desire({"power": "on"})) == 900014
        assert code(stranger.report({"power": "on"})) == 900014
        assert code(stranger.clean()) == 900014
        assert code(stranger.delete("desired", "power", 0)) == 900014
        assert lamp.state == EMPTY


class TestTheTime:
    """Of callers that know an older shadow, and of the shadow itself."""

    def test_the_shadows_own_is_taken(self, lamp: Thing, clock: FakeClock) -> None:
        lamp.report({"power": "on"})
        clock.advance(1)
        lamp.desire({"power": "off"})
        assert code(lamp.report({"power": "off"}, timestamp=lamp.time)) == 0

    def test_an_older_one_where_the_field_is_not_newer(self, lamp: Thing) -> None:
        first = lamp.desire({"power": "on"}).json["result"]["timestamp"]
        lamp.desire({"level": 5})
        lamp.report({"power": "off"})
        assert code(lamp.desire({"power": "off"}, timestamp=first)) == 0
        assert lamp.state["desired"] == {"power": "off", "level": 5}

    @pytest.mark.parametrize("part", ["desired", "reported"])
    def test_an_older_one_than_any_field_of_the_change_is_a_conflict(self, lamp: Thing, part: str) -> None:
        write = lamp.desire if part == "desired" else lamp.report
        first = write({"power": "on"}).json["result"]["timestamp"]
        write({"level": 5})
        before = lamp.read().body
        reply = write({"power": "off", "level": 6}, timestamp=first)
        assert (reply.status, code(reply)) == (200, 900010)
        assert reply.json["msg"].startswith("影子版本冲突。")
        assert lamp.read().body == before

    def test_a_newer_one_is_not_older_than_any_field(self, lamp: Thing) -> None:
        lamp.report({"power": "on"})
        assert code(lamp.report({"power": "off"}, timestamp=NOW + 99_999)) == 0

    def test_a_field_that_is_not_there_has_no_time(self, lamp: Thing) -> None:
        lamp.report({"power": "on"})
        assert code(lamp.report({"level": 5}, timestamp=0)) == 0
        lamp.clean()
        assert code(lamp.report({"power": "on"}, timestamp=0)) == 0

    def test_without_one_nothing_is_asked(self, lamp: Thing) -> None:
        lamp.report({"power": "on"})
        assert code(lamp.report({"power": "off"})) == 0
        assert code(lamp.report({"power": "on"}, timestamp=None)) == 0

    def test_the_fields_time_is_that_of_its_write_and_not_of_its_report(
        self, lamp: Thing, clock: FakeClock
    ) -> None:
        from chalicelib.core import telemetry
        from chalicelib.core.telemetry import Report, Reported

        clock.advance(60)
        late = Reported("", {"level": 1}, NOW)
        telemetry.report(Report(lamp.id, lamp.id, (late,), "m", clock.at))
        assert lamp.result["metadata"]["reported"] == {"level": {"timestamp": clock.at}}
        assert code(lamp.report({"level": 2}, timestamp=NOW)) == 900010

    def test_never_repeats_nor_runs_back(self, fleet: Fleet, app: Gateway, clock: FakeClock) -> None:
        """Within a millisecond, under a clock that jumps back, over all services and kinds of writers."""
        from chalicelib.core import telemetry
        from chalicelib.core.telemetry import Report, Reported

        meter = add_thing(fleet, app, MODEL)
        times = [0]

        def look() -> None:
            times.append(meter.time)

        for number in range(4):
            clock.at -= 5_000 if number == 2 else 0
            meter.report({"flow": number})
            look()
            meter.desire({"on": True})
            look()
            said = (Reported("Light", {"on": bool(number % 2)}, clock.at),)
            telemetry.report(Report(meter.id, meter.id, said, f"m{number}", clock.at))
            look()
            shadows.set_desired(fleet.caller, meter.id, [shadows.Desired("Meter", {"level": number})])
            look()
            meter.put("reported", "flow", "a", 1)  # refused: no object
            meter.clean()
            look()
        assert times == sorted(set(times))
        assert times[1] == NOW

    def test_goes_on_where_a_model_gets_a_second_service(
        self, fleet: Fleet, app: Gateway, clock: FakeClock
    ) -> None:
        """Before it, the only service's time is the device's."""
        from chalicelib.core import products
        from chalicelib.core.things import ThingModel

        meter = add_thing(fleet, app, ThingModel(MODEL.services[:1]))
        for _ in range(3):
            meter.report({"flow": 1})
        assert ShadowRecord.get(meter.id, SHADOW + "Meter").version == 3
        products.set_model(fleet.tenant, meter.product.id, MODEL)
        meter.report({"on": True})
        assert meter.time == NOW + 3
        assert ShadowRecord.get(meter.id, SHADOW + "Meter").version == 4  # who did not know has to read again
        products.set_model(fleet.tenant, meter.product.id, ThingModel(MODEL.services[:1]))
        meter.report({"flow": 2})
        assert meter.time == NOW + 4

    def test_the_first_write_of_several_services_costs_no_more(
        self, fleet: Fleet, app: Gateway, calls: Calls
    ) -> None:
        meter = add_thing(fleet, app, MODEL)
        meter.read()
        calls.clear()
        meter.report({"flow": 1, "on": True})
        assert calls.made == [QUERY, WRITE]


class TestDeleting:
    @pytest.mark.parametrize("part", ["desired", "reported"])
    def test_takes_the_field_out(self, lamp: Thing, part: str, clock: FakeClock) -> None:
        for write in (lamp.report, lamp.desire):
            write({"power": "on", "level": 5})
        clock.advance(1)
        reply = lamp.delete(part, "power")
        assert reply.json["result"] == {"timestamp": clock.at}
        both = {"power": "on", "level": 5}
        assert lamp.state == {"desired": both, "reported": both, part: {"level": 5}}
        assert list(lamp.result["metadata"][part]) == ["level"]
        assert lamp.time == clock.at

    @pytest.mark.parametrize("part", ["desired", "reported"])
    def test_needs_exactly_the_shadows_time(self, lamp: Thing, part: str) -> None:
        lamp.report({"power": "on"})
        lamp.desire({"power": "on"})
        for timestamp in (NOW, NOW + 2, 0):
            assert code(lamp.delete(part, "power", timestamp)) == 900010
        assert code(lamp.delete(part, "power", NOW + 1)) == 0

    @pytest.mark.parametrize("part", ["desired", "reported"])
    def test_what_is_not_there_changes_nothing(self, lamp: Thing, part: str, calls: Calls) -> None:
        lamp.report({"level": 5})
        before = lamp.read().body
        calls.clear()
        reply = lamp.delete(part, "power", NOW)
        assert reply.json["result"] == {"timestamp": NOW}
        assert calls.made == [QUERY]
        assert code(lamp.delete(part, "no.such.thing", NOW)) == 0
        assert lamp.read().body == before
        assert code(lamp.delete(part, "power", NOW - 1)) == 900010

    def test_costs_two_calls(self, lamp: Thing, calls: Calls) -> None:
        lamp.report({"power": "on"})
        calls.clear()
        lamp.delete("reported", "power", NOW)
        assert calls.made == [QUERY, WRITE]

    def test_a_deleted_desired_value_waits_no_more(self, lamp: Thing) -> None:
        lamp.desire({"power": "on"})
        lamp.desire({"level": 5})
        lamp.delete("desired", "power")
        states = [each.status for each in DesiredRecord.query(lamp.id, DesiredRecord.entry.startswith("D#"))]
        assert states == ["SUPERSEDED", "PENDING"]

    @pytest.mark.parametrize("missing", ["timestamp", "productId", "deviceId", "FiledKey"])
    def test_parameters_that_have_to_be_there(self, lamp: Thing, missing: str) -> None:
        query = {**lamp.named, "timestamp": "0", "desiredFiledKey": "power"}
        given = "&".join(f"{name}={value}" for name, value in query.items() if not name.endswith(missing))
        reply = lamp.app.delete(f"/iot-platform/device-shadow-server/v1/desired?{given}")
        assert (reply.status, code(reply)) == (200, 900013)
        assert reply.json["msg"].startswith("缺少参数 ")
        assert missing in reply.json["msg"]


class TestCleaning:
    def test_takes_all_out_and_time_goes_on(self, lamp: Thing, fleet: Fleet) -> None:
        lamp.report({"power": "on"})
        lamp.desire({"level": 5})
        assert lamp.clean().json["result"] == {"timestamp": NOW + 2}
        assert lamp.result == {"state": EMPTY, "metadata": EMPTY, "timestamp": NOW + 2}
        assert shadows.read(fleet.caller, lamp.id)[1] == []
        [change] = DesiredRecord.query(lamp.id, DesiredRecord.entry.startswith("D#"))
        assert change.status == "SUPERSEDED"

    @pytest.mark.parametrize("model", [FREE, MODEL, None])
    def test_of_a_shadow_that_nobody_has_written_to(self, fleet: Fleet, app: Gateway, model: Any) -> None:
        thing = add_thing(fleet, app, *([model] if model is not None else []))
        assert thing.clean().json["result"] == {"timestamp": NOW}
        assert thing.clean().json["result"] == {"timestamp": NOW + 1}
        assert thing.time == NOW + 1
        assert thing.report({"flow": 1}).json["result"] == {"timestamp": NOW + 2}

    def test_costs_two_calls(self, lamp: Thing, calls: Calls) -> None:
        lamp.report({"power": "on"})
        calls.clear()
        lamp.clean()
        assert calls.made == [QUERY, WRITE]

    def test_of_more_services_than_a_transaction_holds(self, free: Thing, fleet: Fleet) -> None:
        for first in (0, 20, 40, 60):
            wanted = [shadows.Desired(f"s{number:02d}", {"a": 1}) for number in range(first, first + 20)]
            shadows.set_desired(fleet.caller, free.id, wanted)
        assert len(free.state["desired"]) == 80
        free.report({"b": 1})
        assert code(free.clean()) == 0
        assert free.state == EMPTY
