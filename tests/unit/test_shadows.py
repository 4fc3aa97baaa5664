"""Desired values: stored, sent, settled, superseded."""

import json
from typing import Any

import pytest

from chalicelib.core import devices, shadow_sending, shadows, thing_values
from chalicelib.core.desired_history import DesiredChange, Filter, page
from chalicelib.core.errors import (
    DeviceNotFound,
    HistoryNotFound,
    InvalidInput,
    PropertyNotFound,
    PropertyNotWritable,
    ServiceNotFound,
)
from chalicelib.core.shadow_changes import Status
from chalicelib.core.shadows import Desired
from chalicelib.core.things import DataType, Property, Service, ThingModel
from chalicelib.store.devices import QUEUE, SHADOW, QueueRecord, ShadowRecord
from chalicelib.store.history import DesiredRecord
from tests.conftest import Calls
from tests.support.clock import FakeClock
from tests.support.fleet import Fleet, make_fleet
from tests.support.iot import FakeIot, Reaction
from tests.support.queues import WorkQueue
from tests.support.shadows import MODEL, ShadowDevice, add_shadow_device

READ, WRITE, QUEUE_UP = "dynamodb.BatchGetItem", "dynamodb.TransactWriteItems", "sqs.SendMessageBatch"


@pytest.fixture
def fleet(aws: None) -> Fleet:
    return make_fleet()


@pytest.fixture
def device(fleet: Fleet, iot: FakeIot) -> ShadowDevice:
    return add_shadow_device(fleet, iot)


def sweep(work: WorkQueue, clock: FakeClock, seconds: float) -> None:
    """Let time pass, with a sweep at its end."""
    clock.advance(seconds)
    shadow_sending.sweep()
    work.run()
    assert work.failures == []


def waiting(device: ShadowDevice) -> set[str]:
    queue = QueueRecord.find(device.id, QUEUE)
    return set(queue.shadows or ()) if queue else set()


class TestSetting:
    def test_an_offline_device_costs_two_calls(self, device: ShadowDevice, calls: Calls) -> None:
        device.want(level=35)
        calls.clear()
        device.want_all({"Meter": {"level": 36}, "Light": {"on": True}})
        assert calls.made == [READ, WRITE]

    def test_is_kept_beside_what_is_reported(self, device: ShadowDevice, clock: FakeClock) -> None:
        device.report(flow=1.5)
        clock.advance(10)
        device.want(level=35)
        device.want(period=60)
        shadow = device.shadow()
        assert shadow.reported == {"flow": 1.5}
        assert shadow.desired == {"level": 35, "period": 60}
        assert shadow.at == clock.at - 10_000

    def test_reading_costs_one_call(self, device: ShadowDevice, fleet: Fleet, calls: Calls) -> None:
        device.want_all({"Meter": {"level": 35}, "Light": {"on": True}})
        calls.clear()
        _, found = shadows.read(fleet.caller, device.id)
        assert calls.made == ["dynamodb.Query"]
        assert [each.service for each in found] == ["Light", "Meter"]

    def test_before_the_first_report_the_time_is_that_of_the_newest_value(
        self, device: ShadowDevice, clock: FakeClock
    ) -> None:
        device.want(level=1)
        clock.advance(60)
        device.want(period=5)
        assert device.shadow().at == clock.at

    def test_no_report_is_made_of_it(self, device: ShadowDevice, fleet: Fleet) -> None:
        device.want(level=35)
        assert devices.get_with_services(fleet.caller, device.id)[1] == []
        assert devices.states([(device.id, "Meter")]) == {}

    @pytest.mark.parametrize(
        ("values", "error"),
        [
            ({"Meter": {"flow": 1}}, PropertyNotWritable),
            ({"Meter": {"nope": 1}}, PropertyNotFound),
            ({"Nope": {"level": 1}}, ServiceNotFound),
            ({"Meter": {"level": 101}}, InvalidInput),
            ({"Meter": {"level": "much"}}, InvalidInput),
            ({"Meter": {"level": None}}, InvalidInput),
            ({"Meter": {}}, InvalidInput),
            ({"Meter": {"label": "x" * 102_400}}, InvalidInput),
            ({}, InvalidInput),
            ({str(number): {"a": 1} for number in range(31)}, InvalidInput),
        ],
    )
    def test_is_all_or_nothing(
        self, device: ShadowDevice, values: dict[str, dict[str, Any]], error: type[Exception]
    ) -> None:
        with pytest.raises(error):
            device.want_all({"Light": {"on": True}, **values} if values else {})
        assert device.states == []
        assert ShadowRecord.find(device.id, SHADOW + "Light") is None

    def test_of_a_strangers_device(self, device: ShadowDevice, fleet: Fleet) -> None:
        other = make_fleet("other")
        with pytest.raises(DeviceNotFound):
            shadows.set_desired(other.caller, device.id, [Desired("Meter", {"level": 1})])
        with pytest.raises(DeviceNotFound):
            shadows.read(other.caller, device.id)

    def test_a_service_named_twice_is_one_change(self, device: ShadowDevice, fleet: Fleet) -> None:
        twice = [Desired("Meter", {"level": 1, "period": 5}), Desired("Meter", {"level": 2})]
        shadows.set_desired(fleet.caller, device.id, twice)
        assert device.states == ["PENDING"]
        assert device.shadow().desired == {"level": 2, "period": 5}

    def test_a_shadow_has_bounds(self, fleet: Fleet, iot: FakeIot) -> None:
        """Checked before the write, of desired and reported values together."""
        free = add_shadow_device(fleet, iot, "free", ThingModel())
        text = "x" * 90_000
        free.report("any", a=text, b=text)
        free.want("any", c=text)
        with pytest.raises(InvalidInput, match="no room"):
            free.want("any", d=text)
        free.report("any", e=text)  # what there is no room for is dropped
        assert free.shadow("any").reported.keys() == {"a", "b"}
        assert free.shadow("any").desired == {"c": text}

    def test_a_stamp_never_repeats(self, device: ShadowDevice) -> None:
        stamps = []
        for number in range(3):
            device.want(level=number)
            stamps.append(int(ShadowRecord.get(device.id, SHADOW + "Meter").stamp))
        assert stamps == [stamps[0], stamps[0] + 1, stamps[0] + 2]


class TestSending:
    def test_an_online_device_is_sent_it_at_once(
        self, device: ShadowDevice, work: WorkQueue, calls: Calls
    ) -> None:
        device.connect()
        device.report("Light", on=True)
        calls.clear()
        device.want(level=35)
        assert calls.made == [READ, WRITE, QUEUE_UP]
        assert work.waiting() == [{"job": "shadow", "device": device.id}]
        calls.clear()
        work.run()
        assert calls.made == [READ, READ, WRITE, "iot-data.SendDirectMessage", WRITE]
        [message] = device.iot.arrived
        assert message.topic == f"/huawei/v1/devices/{device.id}/command/json"
        assert message.json == {"msgType": "cloudDesired", "serviceId": "Meter", "desired": {"level": 35}}
        assert waiting(device) == set()

    def test_nothing_to_do_costs_one_call(self, device: ShadowDevice, work: WorkQueue, calls: Calls) -> None:
        device.connect()
        device.want(level=35)
        work.run()
        calls.clear()
        shadow_sending.deliver(device.id)
        assert calls.made == [READ]

    def test_an_offline_device_is_sent_it_when_it_connects(
        self, device: ShadowDevice, work: WorkQueue
    ) -> None:
        device.want(level=35)
        device.want("Light", on=True)
        assert work.run() == []
        assert waiting(device) == {"Meter", "Light"}
        device.connect()
        assert work.run() == ["shadow"]
        assert device.got == [{"on": True}, {"level": 35}]
        device.connect()
        assert work.run() == []

    def test_or_when_it_reports(self, device: ShadowDevice, work: WorkQueue) -> None:
        device.want(level=35)
        device.connect(wake=False)
        device.report(flow=1)
        assert work.run() == ["shadow"]
        device.report(flow=2)
        assert work.run() == []
        assert device.got == [{"level": 35}]

    def test_values_of_several_changes_go_out_in_one_message(
        self, device: ShadowDevice, work: WorkQueue
    ) -> None:
        device.want(level=35)
        device.want(period=60)
        device.connect()
        work.run()
        assert device.got == [{"level": 35, "period": 60}]

    def test_large_values_go_out_in_several(self, fleet: Fleet, iot: FakeIot, work: WorkQueue) -> None:
        free = add_shadow_device(fleet, iot, "free", ThingModel())
        for name in "abc":
            free.want("any", **{name: "x" * 60_000})
        free.connect()
        work.run()
        assert [list(each) for each in free.got] == [["a"], ["b"], ["c"]]

    def test_no_connection_means_waiting_for_the_next(
        self, device: ShadowDevice, work: WorkQueue, clock: FakeClock
    ) -> None:
        device.connect()
        device.vanish()
        device.want(level=35)
        work.run()
        assert device.got == []
        assert waiting(device) == {"Meter"}
        sweep(work, clock, 1000)
        assert device.states == ["PENDING"]
        device.connect()
        work.run()
        assert device.got == [{"level": 35}]

    def test_a_device_that_comes_back_while_that_is_written_down(
        self, device: ShadowDevice, work: WorkQueue, clock: FakeClock, iot: FakeIot
    ) -> None:
        device.connect()
        device.vanish()
        device.want(level=35)

        def come_back(_client: str) -> None:
            iot.before = None
            clock.advance(1)
            tried = device.client
            device.connect(wake=False)  # its wake-up found nothing that waits
            assert iot.clients.pop(tried, None) is None

        iot.before = come_back
        work.run()
        assert device.got == [{"level": 35}]

    def test_without_acknowledgement_it_is_repeated_and_fails(
        self, device: ShadowDevice, work: WorkQueue, clock: FakeClock
    ) -> None:
        device.connect(Reaction.SILENT)
        device.want(level=35)
        work.run()
        for _ in range(3):
            assert device.states == ["PENDING"]
            clock.advance(16)
            work.run()
        assert device.got == [{"level": 35}] * 4
        clock.advance(16)
        work.run()
        assert len(device.got) == 4
        sweep(work, clock, 179 - 16)
        assert device.told == []
        sweep(work, clock, 2)
        assert device.told == [("Meter", {"level": 35}, "FAILED")]
        assert device.states == ["FAILED"]

    def test_one_that_was_not_acknowledged_is_sent_to_the_next_connection(
        self, device: ShadowDevice, work: WorkQueue, clock: FakeClock
    ) -> None:
        device.connect(Reaction.LOST)
        device.want(level=35)
        work.run()
        device.disconnect()
        clock.advance(16)
        work.run()
        assert waiting(device) == {"Meter"}
        sweep(work, clock, 3600)
        device.connect()
        work.run()
        assert device.got == [{"level": 35}]
        device.report(level=35)
        assert device.told == [("Meter", {"level": 35}, "DELIVERED")]

    def test_a_newer_value_never_overtakes_an_older_one(
        self, device: ShadowDevice, work: WorkQueue, iot: FakeIot
    ) -> None:
        """While the older is on its way another job does not send; the first job does, afterwards."""
        device.connect()
        device.want(level=35)

        def meanwhile(_client: str) -> None:
            iot.before = None
            device.want(level=36)
            job = work.take()
            assert job is not None
            work.work(job)
            assert device.got == []

        iot.before = meanwhile
        work.run()
        assert work.failures == []
        assert device.got == [{"level": 35}, {"level": 36}]
        assert device.states == ["SUPERSEDED", "PENDING"]

    def test_a_silent_device_does_not_hold_up_a_job_for_long(
        self, fleet: Fleet, iot: FakeIot, work: WorkQueue, clock: FakeClock
    ) -> None:
        free = add_shadow_device(fleet, iot, "free", ThingModel())
        free.connect(Reaction.SILENT)
        iot.before = lambda _client: clock.advance(5)
        free.want_all({f"s{number:02d}": {"a": 1} for number in range(8)})
        job = work.take()
        assert job is not None
        work.work(job)
        assert work.failures == []
        assert len(free.got) == 4  # 20 s
        assert waiting(free) == {f"s{number:02d}" for number in range(4, 8)}

    def test_a_binary_device_with_a_layout_has_no_form_for_it(
        self, fleet: Fleet, iot: FakeIot, work: WorkQueue
    ) -> None:
        layout = {"reports": [{"service": "Meter", "fields": [{"name": "level", "type": "uint8"}]}]}
        binary = add_shadow_device(fleet, iot, "binary", layout=json.dumps(layout))
        binary.want(level=35)
        binary.connect()
        work.run()
        assert binary.got == []
        assert binary.told == [("Meter", {"level": 35}, "FAILED")]

    def test_a_device_that_is_gone_is_sent_nothing(
        self, device: ShadowDevice, work: WorkQueue, fleet: Fleet
    ) -> None:
        from chalicelib.core import removal

        device.connect()
        device.want(level=35)
        removal.delete(fleet.caller, device.id)
        work.run()
        assert work.failures == []
        assert device.got == []
        assert device.states == []


class TestSettling:
    def test_a_report_of_the_same_value_settles_it_in_the_same_calls(
        self, device: ShadowDevice, work: WorkQueue, calls: Calls
    ) -> None:
        device.connect()
        device.want(level=35)
        work.run()
        device.report(flow=1)
        calls.clear()
        device.report(level=35)
        assert calls.made == [READ, WRITE]
        assert device.told == [("Meter", {"level": 35}, "DELIVERED")]
        assert device.states == ["DELIVERED"]
        device.report(level=35)
        assert len(device.told) == 1

    @pytest.mark.parametrize("value", [35.0, "35", "35.0"])
    def test_numbers_are_compared_as_such(self, device: ShadowDevice, value: object) -> None:
        device.want(level=35)
        device.report(level=value)
        assert device.states == ["DELIVERED"]

    def test_another_value_does_not(self, device: ShadowDevice) -> None:
        device.want(level=35)
        device.report(level=34)
        assert device.states == ["PENDING"]

    def test_all_values_of_a_change_are_needed(self, device: ShadowDevice) -> None:
        device.want(level=35, period=60)
        device.report(level=35)
        assert device.told == []
        device.report(level=99)  # it has taken the value over once
        device.report(period=60)
        assert device.told == [("Meter", {"level": 35, "period": 60}, "DELIVERED")]

    def test_changes_of_different_properties_end_by_themselves(self, device: ShadowDevice) -> None:
        device.want(level=35)
        device.want(period=60)
        device.report(period=60)
        assert device.told == [("Meter", {"period": 60}, "DELIVERED")]
        assert device.states == ["PENDING", "DELIVERED"]

    def test_a_late_report_of_an_older_value_is_none(self, device: ShadowDevice, clock: FakeClock) -> None:
        device.report(level=20)
        clock.advance(10)
        device.want(level=35)
        device.report(at=clock.at - 60_000, level=35)
        assert device.states == ["PENDING"]
        assert device.shadow().reported == {"level": 20}

    def test_what_the_device_has_already_is_delivered_and_not_sent(
        self, device: ShadowDevice, work: WorkQueue, calls: Calls
    ) -> None:
        device.connect()
        device.report(level=35)
        calls.clear()
        device.want(level=35)
        assert calls.made == [READ, WRITE]
        assert work.run() == []
        assert device.told == [("Meter", {"level": 35}, "DELIVERED")]
        assert device.states == ["DELIVERED"]

    def test_it_fails_where_the_device_says_nothing_in_time(
        self, device: ShadowDevice, work: WorkQueue, clock: FakeClock
    ) -> None:
        device.connect()
        device.want(level=35, period=60)
        work.run()
        device.report(level=35)
        sweep(work, clock, 179)
        assert device.told == []
        sweep(work, clock, 1)
        assert device.told == [("Meter", {"level": 35, "period": 60}, "FAILED")]
        sweep(work, clock, 600)
        assert len(device.told) == 1
        assert device.got == [{"level": 35, "period": 60}]

    def test_the_deadline_counts_before_the_sweep(
        self, device: ShadowDevice, work: WorkQueue, clock: FakeClock
    ) -> None:
        device.connect()
        device.want(level=35)
        work.run()
        clock.advance(180)
        device.report(level=35)
        assert device.told == [("Meter", {"level": 35}, "FAILED")]
        assert device.shadow().reported == {"level": 35}

    def test_while_it_waits_no_time_runs(
        self, device: ShadowDevice, work: WorkQueue, clock: FakeClock
    ) -> None:
        device.want(level=35)
        for _ in range(30):
            sweep(work, clock, 86_400)
        assert device.states == ["PENDING"]
        device.report(level=35)
        assert device.states == ["DELIVERED"]

    def test_looking_at_what_waits_becomes_rare(
        self, device: ShadowDevice, work: WorkQueue, clock: FakeClock
    ) -> None:
        device.want(level=35)
        looks = 0
        for _ in range(24 * 12):
            clock.advance(300)
            looks += shadow_sending.sweep()
            work.run()
        assert 5 <= looks <= 15

    def test_more_changes_than_a_transaction_holds_are_told_one_after_the_other(
        self, fleet: Fleet, iot: FakeIot, work: WorkQueue, clock: FakeClock
    ) -> None:
        free = add_shadow_device(fleet, iot, "free", ThingModel())
        values = {f"p{number}": number for number in range(60)}
        for name, value in values.items():
            free.want("any", **{name: value})
        free.report("any", **values)
        assert len(free.told) == 25
        sweep(work, clock, 1)
        sweep(work, clock, 1)
        assert len(free.told) == 60
        assert {status for _, _, status in free.told} == {"DELIVERED"}
        assert set(free.states) == {"DELIVERED"}

    def test_a_report_of_thirty_services_settles_in_one_transaction(
        self, fleet: Fleet, iot: FakeIot, calls: Calls
    ) -> None:
        from chalicelib.core import clock, telemetry
        from chalicelib.core.telemetry import Report, Reported

        free = add_shadow_device(fleet, iot, "free", ThingModel())
        names = [f"s{number}" for number in range(30)]
        free.want_all({name: {"a": 1} for name in names})
        calls.clear()
        said = tuple(Reported(name, {"a": 1}) for name in names)
        telemetry.report(Report(free.id, free.id, said, "m", clock.now()))
        assert calls.made[:2] == [READ, WRITE]
        assert len(free.told) == 25


class TestSuperseding:
    def test_a_newer_value_takes_over(self, device: ShadowDevice, work: WorkQueue) -> None:
        device.want(level=35)
        device.want(level=36)
        assert device.states == ["SUPERSEDED", "PENDING"]
        device.connect()
        work.run()
        assert device.got == [{"level": 36}]
        device.report(level=35)
        assert device.told == []
        device.report(level=36)
        assert device.told == [("Meter", {"level": 36}, "DELIVERED")]

    def test_what_is_left_of_the_older_is_judged(self, device: ShadowDevice) -> None:
        device.want(level=35, period=60)
        device.want(level=36)
        assert device.states == ["PENDING", "PENDING"]
        device.report(period=60)
        assert device.told == [("Meter", {"period": 60}, "DELIVERED")]

    def test_the_older_may_be_complete_then(self, device: ShadowDevice) -> None:
        device.want(level=35, period=60)
        device.report(period=60)
        device.want(level=36)
        assert device.told == [("Meter", {"period": 60}, "DELIVERED")]
        assert device.states == ["DELIVERED", "PENDING"]

    def test_the_newers_time_is_its_own(
        self, device: ShadowDevice, work: WorkQueue, clock: FakeClock
    ) -> None:
        device.connect()
        device.want(level=35)
        work.run()
        clock.advance(170)
        device.want(level=36)
        work.run()
        sweep(work, clock, 60)
        assert device.told == []
        sweep(work, clock, 120)
        assert device.told == [("Meter", {"level": 36}, "FAILED")]


class TestHistory:
    def changes(self, device: ShadowDevice, number: int = 0, size: int = 25, **wanted: Any) -> list[Any]:
        assert device.fleet is not None
        _, found = page(device.fleet.caller, device.id, None, Filter(**wanted), number, size)
        self.total = found.total
        return [each.desired for each in found.items]

    def test_newest_first_with_states(self, device: ShadowDevice, clock: FakeClock, fleet: Fleet) -> None:
        device.want(level=35)
        at = clock.at
        clock.advance(5)
        device.want_all({"Meter": {"level": 36}, "Light": {"on": True}})
        device.report(flow=1)  # a report is no change of desired values
        _, found = page(fleet.caller, device.id, device.id, Filter(), 0, 25)
        assert found.items == [
            DesiredChange("Light", {"on": True}, clock.at, Status.PENDING),
            DesiredChange("Meter", {"level": 36}, clock.at, Status.PENDING),
            DesiredChange("Meter", {"level": 35}, at, Status.SUPERSEDED, clock.at),
        ]

    def test_filters(self, device: ShadowDevice, clock: FakeClock) -> None:
        start = clock.at
        for number in range(4):
            device.want_all({"Meter": {"level": number, "period": 9} if number else {"level": number}})
            device.want("Light", on=bool(number % 2))
            clock.advance(1)
        assert self.changes(device, service="Light") == [{"on": bool(n % 2)} for n in (3, 2, 1, 0)]
        assert [each["level"] for each in self.changes(device, name="period")] == [3, 2, 1]
        assert self.total == 3
        within = self.changes(device, service="Meter", after=start + 1000, before=start + 3000)
        assert [each["level"] for each in within] == [2, 1]
        assert self.changes(device, name="perio") == []

    def test_pages(self, device: ShadowDevice, clock: FakeClock) -> None:
        for number in range(7):
            device.want(level=number)
            clock.advance(1)
        seen = [each["level"] for at in range(3) for each in self.changes(device, at, 3)]
        assert seen == [6, 5, 4, 3, 2, 1, 0]
        assert self.changes(device, 5, 3) == []
        assert self.total == 7

    def test_calls(self, device: ShadowDevice, fleet: Fleet, calls: Calls) -> None:
        device.want(level=35)
        calls.clear()
        page(fleet.caller, device.id, None, Filter(service="Meter", name="level"), 0, 25)
        assert calls.made == ["dynamodb.GetItem", "dynamodb.Query", "dynamodb.DeleteItem"]

    def test_reports_history_does_not_show_it(self, device: ShadowDevice, fleet: Fleet) -> None:
        from chalicelib.core import history

        device.report(flow=1)
        device.want(level=35)
        _, found = history.page(fleet.caller, device.id, None, 0, 10)
        assert [each.data for each in found.items] == [{"flow": 1}]

    def test_it_ends_ninety_days_after_the_change_does(self, device: ShadowDevice, clock: FakeClock) -> None:
        device.want(level=35)
        clock.advance(200 * 86_400)
        assert self.changes(device) == [{"level": 35}]
        device.report(level=35)
        clock.advance(90 * 86_400 - 1)
        assert self.changes(device) == [{"level": 35}]
        clock.advance(2)
        assert self.changes(device) == []

    def test_of_another_gateways_device(self, device: ShadowDevice, fleet: Fleet) -> None:
        with pytest.raises(HistoryNotFound):
            page(fleet.caller, device.id, "f" * 32, Filter(), 0, 1)
        with pytest.raises(HistoryNotFound):
            page(make_fleet("other").caller, device.id, None, Filter(), 0, 1)

    def test_deleting_the_device_deletes_it(
        self, device: ShadowDevice, fleet: Fleet, work: WorkQueue
    ) -> None:
        from chalicelib.core import removal

        device.want(level=35)
        removal.delete(fleet.caller, device.id)
        work.run()
        assert list(DesiredRecord.query(device.id)) == []


@pytest.mark.parametrize(
    ("kind", "one", "other", "same"),
    [
        (DataType.INT, 35, "35", True),
        (DataType.DECIMAL, 0.1, "0.10", True),
        (DataType.DECIMAL, 0.1, 0.2, False),
        (DataType.STRING, "01", "1", False),
        (DataType.STRING, "a", "a", True),
        (DataType.BOOL, True, 1, True),
        (DataType.ENUM, 1, "1", True),
        (DataType.OBJECT, {"a": [1]}, {"a": [1.0]}, True),
    ],
)
def test_values_that_mean_the_same(kind: DataType, one: object, other: object, same: bool) -> None:
    model = ThingModel((Service("s", properties=(Property("p", kind),)),))
    assert thing_values.same_value(model, "s", "p", one, other) is same


def test_a_child_is_sent_it_over_its_gateway(fleet: Fleet, iot: FakeIot, work: WorkQueue) -> None:
    from chalicelib.core import products, registration
    from chalicelib.core.products import NodeType
    from chalicelib.core.registration import NewDevice
    from chalicelib.store.devices import DEVICE, DeviceRecord

    child = add_shadow_device(fleet, iot, "child")
    product = products.create(fleet.tenant, "gateway", MODEL, node_type=NodeType.GATEWAY)
    made = registration.register(
        fleet.caller, NewDevice("gateway", registration.BY_SECRET, product=product.id)
    )
    gateway = ShadowDevice(made.device.device, iot, fleet=fleet)
    DeviceRecord(child.id, DEVICE).update([DeviceRecord.gateway.set(gateway.id)])
    gateway.connect()
    child.want(level=35)
    shadow_sending.deliver(child.id)
    [message] = iot.arrived
    assert message.client == gateway.client
    assert message.topic == f"/huawei/v1/devices/{child.id}/command/json"
