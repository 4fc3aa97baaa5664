"""Getting commands to devices, and what comes of it. Source: Huawei 1.9.1, 1.9.7, 2.4, 2.5"""

from collections import Counter
from typing import Any

import pytest

from chalicelib.core import command_machine, commands, errors, products, removal, sending
from chalicelib.core.products import NodeType
from chalicelib.store.commands import CommandRecord
from chalicelib.store.devices import DEVICE, MID, QUEUE, DeviceItem, DeviceRecord, MidRecord, QueueRecord
from tests.conftest import Calls
from tests.support.clock import FakeClock
from tests.support.fleet import make_product
from tests.support.iot import FakeDevice, Reaction, Rig, add_device, make_rig

SENDING = [
    "dynamodb.BatchGetItem",  # device, link, queue
    "dynamodb.GetItem",  # the command
    "dynamodb.TransactWriteItems",
    "iot-data.SendDirectMessage",
    "dynamodb.TransactWriteItems",  # what came of it
]


@pytest.fixture
def rig(aws: None, clock: FakeClock) -> Rig:
    return make_rig(clock)


def mids(rig: Rig) -> list[str]:
    found = DeviceItem.query(rig.device.id, DeviceItem.item.startswith(MID))
    return [item.item.removeprefix(MID) for item in found]


def test_a_waiting_command_goes_out_when_the_device_comes(rig: Rig, calls: Calls) -> None:
    command = rig.create(4)
    rig.device.connect()
    calls.clear()
    assert rig.work.run() == ["drain"]
    assert calls.made == SENDING
    (message,) = rig.iot.arrived
    assert message.topic == f"/huawei/v1/devices/{rig.device.id}/command/json"
    assert message.json == {
        "msgType": "cloudReq",
        "serviceId": "Meter",
        "cmd": "SET_LEVEL",
        "paras": {"value": 4},
        "mid": 1,
    }
    assert message.confirmed
    record = rig.record(command)
    assert (record.status, int(record.issued), int(record.sent)) == ("DELIVERED", 1, rig.clock.at)
    assert rig.queue() == ([], command)


def test_an_answer_costs_three_calls_and_a_look_at_the_queue(rig: Rig, calls: Calls) -> None:
    command = rig.create()
    rig.device.connect()
    rig.work.run()
    calls.clear()
    rig.device.answer(1, 0, {"result": 7})
    assert calls.made == [
        "dynamodb.GetItem",
        "dynamodb.GetItem",
        "dynamodb.TransactWriteItems",
        "dynamodb.BatchGetItem",
    ]
    assert rig.state(command) == "SUCCESSFUL"
    assert rig.record(command).result == '{"code":0,"body":{"result":7}}'
    assert rig.record(command).deadline is None
    assert rig.queue() == ([], None)
    assert mids(rig) == []


def test_one_at_a_time_in_order(rig: Rig) -> None:
    names = [rig.create(value) for value in range(3)]
    rig.device.connect()
    rig.work.run()
    rig.create(3)
    rig.work.run()
    assert [message.json["paras"]["value"] for message in rig.iot.arrived] == [0]
    rig.device.answer(1, 1)
    assert [message.json["paras"]["value"] for message in rig.iot.arrived] == [0, 1]
    for mid in (2, 3, 4):
        rig.device.answer(mid)
    assert [message.json["paras"]["value"] for message in rig.iot.arrived] == [0, 1, 2, 3]
    assert [rig.state(name) for name in names] == ["FAILED", "SUCCESSFUL", "SUCCESSFUL"]
    assert rig.iot.mids == [1, 2, 3, 4]


def test_every_state_is_told(rig: Rig) -> None:
    rig.create()
    rig.device.connect()
    rig.work.run()
    rig.device.answer(1)
    assert Counter(rig.events()) == {
        ("command.changed", "SENT"): 1,
        ("command.changed", "DELIVERED"): 1,
        ("command.changed", "SUCCESSFUL"): 1,
        ("command.answered", "SUCCESSFUL"): 1,
    }


def test_immediate_ones_are_sent_beside_the_queue(rig: Rig, calls: Calls) -> None:
    rig.device.connect()
    cached = rig.create()
    rig.work.run()
    immediate = rig.create(expire=0)
    calls.clear()
    assert rig.work.run() == ["send"]
    assert Counter(calls.made) == Counter(SENDING)
    assert rig.queue() == ([], cached)
    rig.device.answer(2)
    assert (rig.state(immediate), rig.state(cached)) == ("SUCCESSFUL", "DELIVERED")


def test_an_immediate_one_to_an_offline_device_times_out(rig: Rig) -> None:
    command = rig.create(expire=0)
    rig.work.run()
    assert rig.state(command) == "SENT"
    for _ in range(3):
        rig.pass_time(61)
    rig.device.connect()
    rig.pass_time(181)
    assert rig.state(command) == "TIMEOUT"
    assert rig.iot.arrived == []
    assert mids(rig) == []


def test_an_answer_before_the_acknowledgement_is_recorded(rig: Rig) -> None:
    """The device answers while the sender still waits for its PUBACK: the answer stands."""
    command = rig.create()
    rig.device.connect()
    rig.iot.before = lambda _client: rig.device.answer(1)
    rig.work.run()
    assert rig.state(command) == "SUCCESSFUL"
    assert rig.queue() == ([], None)
    assert rig.record(command).delivered is not None


def test_the_acknowledgement_between_reading_and_answering(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """DELIVERED is written while the answer is on its way: the answer is not lost."""
    command = rig.create()
    rig.device.connect(Reaction.SILENT)
    rig.work.run()
    end = command_machine.end

    def delivered_meanwhile(record: CommandRecord, *args: Any, **more: Any) -> Any:
        monkeypatch.setattr(command_machine, "end", end)
        command_machine.deliver(record)
        return end(record, *args, **more)

    monkeypatch.setattr(command_machine, "end", delivered_meanwhile)
    rig.device.answer(1)
    assert rig.state(command) == "SUCCESSFUL"


def test_late_repeated_and_unknown_answers_change_nothing(rig: Rig) -> None:
    command = rig.create()
    rig.device.connect()
    rig.work.run()
    rig.device.answer(2)
    assert rig.state(command) == "DELIVERED"
    rig.device.answer(1, 0, {"result": 1})
    before, told = rig.record(command).values(), rig.events()
    rig.device.answer(1, 1, {"result": 2})
    assert (rig.record(command).values(), rig.events()) == (before, told)


def test_an_answer_after_the_time_is_over_is_too_late_before_any_sweep(rig: Rig) -> None:
    command, following = rig.create(), rig.create()
    rig.device.connect()
    rig.work.run()
    rig.clock.advance(180)
    assert rig.state(command) == "TIMEOUT"
    rig.device.answer(1)
    assert rig.state(command) == "TIMEOUT"
    assert rig.record(command).status == "TIMEOUT"
    assert rig.queue() == ([], following)  # and the next one went out


def test_no_connection_puts_it_back_first_with_its_mid(rig: Rig) -> None:
    first, second = rig.create(1), rig.create(2)
    rig.device.connect()
    rig.device.vanish()
    rig.work.run()
    record = rig.record(first)
    assert (rig.state(first), int(record.issued), record.sent) == ("PENDING", 0, None)
    assert rig.queue() == ([first, second], None)
    rig.device.connect()
    rig.work.run()
    assert rig.iot.mids == [1]
    assert rig.state(first) == "DELIVERED"
    rig.device.answer(1)
    assert rig.iot.mids == [1, 2]


def test_an_earlier_attempt_may_be_answered_while_it_waits_again(rig: Rig) -> None:
    """It arrived unconfirmed, the link broke, the repeat found nobody; then the answer comes."""
    command, other = rig.create(), rig.create()
    rig.device.connect(Reaction.SILENT)
    rig.work.run()
    rig.device.vanish()
    rig.pass_time(16)
    assert (rig.state(command), int(rig.record(command).issued)) == ("PENDING", 1)
    rig.device.answer(1)
    assert rig.state(command) == "SUCCESSFUL"
    assert rig.queue()[0] == [other]


def test_a_device_that_comes_back_while_no_connection_is_recorded(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own wake-up found the command still in flight: the sender has to look once more."""
    command = rig.create()
    rig.device.connect()
    rig.device.vanish()
    put_back = command_machine.put_back

    def comes_back(record: CommandRecord) -> None:
        monkeypatch.setattr(command_machine, "put_back", put_back)
        rig.device.connect(wake=False)
        sending.drain(rig.device.id)
        put_back(record)

    monkeypatch.setattr(command_machine, "put_back", comes_back)
    rig.work.run()
    assert rig.state(command) == "DELIVERED"
    assert rig.iot.mids == [1]


@pytest.mark.parametrize("reaction", [Reaction.SILENT, Reaction.LOST, Reaction.STALLS])
def test_what_is_not_acknowledged_is_repeated_under_the_same_mid(rig: Rig, reaction: Reaction) -> None:
    command = rig.create(retransmit=2)
    rig.device.connect(reaction)
    rig.work.run()
    for issued in (2, 3):
        assert rig.state(command) == "SENT"
        rig.clock.advance(16)
        assert rig.work.run() == ["retry"]  # no sweep is needed
        assert int(rig.record(command).issued) == issued
    rig.clock.advance(16)
    assert rig.work.run() == []
    assert len(rig.iot.tried) == 3
    assert set(rig.iot.mids) <= {1}
    rig.clock.advance(170)
    assert rig.state(command) == "TIMEOUT"


def test_nothing_is_repeated_where_the_app_said_so(rig: Rig) -> None:
    command = rig.create(retransmit=0)
    rig.device.connect(Reaction.SILENT)
    rig.work.run()
    for _ in range(4):
        rig.pass_time(50)
    assert len(rig.iot.arrived) == 1
    assert rig.state(command) == "TIMEOUT"


def test_nothing_is_repeated_after_its_expiry(rig: Rig) -> None:
    command = rig.create(expire=40)
    rig.device.connect(Reaction.SILENT)
    rig.work.run()
    for _ in range(6):
        rig.pass_time(16)
    assert len(rig.iot.arrived) == 3  # at 0, 16 and 32 s
    assert rig.state(command) == "SENT"
    rig.device.answer(1)
    assert rig.state(command) == "SUCCESSFUL"


def test_an_expired_head_does_not_hold_up_the_next(rig: Rig) -> None:
    over, good = rig.create(expire=30), rig.create()
    rig.clock.advance(31)
    rig.device.connect()
    rig.work.run()
    assert (rig.record(over).status, rig.state(good)) == ("EXPIRED", "DELIVERED")
    assert rig.queue() == ([], good)


def test_a_vanished_command_does_not_hold_up_the_next(rig: Rig) -> None:
    """Purged or ended by TTL, named in `waiting` or in `flying`."""
    gone, good, last = rig.create(), rig.create(), rig.create()
    CommandRecord(rig.device.id, gone).delete()
    rig.device.connect()
    rig.work.run()
    assert rig.queue() == ([last], good)
    CommandRecord(rig.device.id, good).delete()
    sending.drain(rig.device.id)
    assert rig.queue() == ([], last)


def test_a_settled_command_that_still_flies_is_cleared(rig: Rig) -> None:
    done, following = rig.create(), rig.create()
    rig.device.connect()
    rig.work.run()
    CommandRecord(rig.device.id, done).update([CommandRecord.status.set("SUCCESSFUL")])
    sending.drain(rig.device.id)
    assert rig.queue() == ([], following)


def test_a_command_that_flies_unnoticed_by_its_queue_still_ends(rig: Rig) -> None:
    command = rig.create()
    rig.device.connect()
    rig.work.run()
    QueueRecord(rig.device.id, QUEUE).update([QueueRecord.flying.remove()])
    rig.device.answer(1)
    assert rig.state(command) == "SUCCESSFUL"


def test_two_workers_send_once(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.create(), rig.create()
    rig.device.connect()
    rig.work.run()
    rig.device.answer(1)
    third = rig.create()
    transmit = sending.transmit

    def other_first(route: Any, record: CommandRecord) -> Any:
        monkeypatch.setattr(sending, "transmit", transmit)
        sending.drain(rig.device.id)
        return transmit(route, record)

    monkeypatch.setattr(sending, "transmit", other_first)
    rig.device.answer(2)
    assert rig.iot.mids == [1, 2, 3]
    assert rig.queue() == ([], third)


def test_a_mid_taken_by_another_delays_no_cached_command(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A direct command takes the next mid between reading the queue and sending from it."""
    command = rig.create()
    rig.device.connect()
    transmit = sending.transmit

    def other_first(route: Any, record: CommandRecord) -> Any:
        monkeypatch.setattr(sending, "transmit", transmit)
        rig.send()
        return transmit(route, record)

    monkeypatch.setattr(sending, "transmit", other_first)
    rig.work.run()
    assert (rig.state(command), int(rig.record(command).mid)) == ("DELIVERED", 2)


def test_canceled_between_reading_and_sending(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    command, following = rig.create(1), rig.create(2)
    rig.device.connect()
    transmit = sending.transmit

    def canceled_first(route: Any, record: CommandRecord) -> Any:
        monkeypatch.setattr(sending, "transmit", transmit)
        commands.cancel(rig.fleet.caller, rig.device.id + command)
        return transmit(route, record)

    monkeypatch.setattr(sending, "transmit", canceled_first)
    rig.work.run()
    assert [message.json["paras"]["value"] for message in rig.iot.arrived] == [2]
    assert (rig.state(command), rig.queue()) == ("CANCELED", ([], following))


def test_sent_between_reading_and_canceling(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    command = rig.create()
    rig.device.connect(wake=False)
    end = command_machine.end

    def sent_first(*args: Any, **more: Any) -> Any:
        monkeypatch.setattr(command_machine, "end", end)
        sending.drain(rig.device.id)
        return end(*args, **more)

    monkeypatch.setattr(command_machine, "end", sent_first)
    rig.work.run()
    with pytest.raises(errors.CommandSettled):
        commands.cancel(rig.fleet.caller, rig.device.id + command)
    assert rig.state(command) == "DELIVERED"


def test_mids_wrap_and_pass_over_what_is_outstanding(rig: Rig) -> None:
    rig.create(), rig.create()
    rig.device.connect()
    rig.work.run()  # 1 is outstanding
    QueueRecord(rig.device.id, QUEUE).update([QueueRecord.mid.set(65534)])
    sent = [rig.send().mid for _ in range(2)]
    assert sent == [65535, 2]
    assert int(QueueRecord.get(rig.device.id, QUEUE).mid) == 2
    assert MidRecord.get(rig.device.id, f"{MID}1").command == rig.queue()[1]
    rig.device.answer(1)
    assert rig.iot.mids == [1, 65535, 2, 3]


def test_a_lost_presence_event_does_not_keep_a_reporting_device_waiting(rig: Rig) -> None:
    command = rig.create()
    rig.device.connect(wake=False)
    rig.device.disconnect()  # as the cloud has it
    rig.iot.connect(rig.device.client)
    DeviceRecord(rig.device.id, DEVICE).update([DeviceRecord.status.set("ONLINE")])  # it reported
    sending.drain(rig.device.id)
    assert rig.state(command) == "DELIVERED"


def test_a_command_its_layout_cannot_hold_fails_and_the_next_goes(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chalicelib.core import downlink
    from chalicelib.core.layouts import LayoutMismatch

    bad, good = rig.create(1), rig.create(2)
    rig.device.connect()
    encode = downlink.encode

    def strict(dialect: str, made: downlink.Downlink) -> downlink.Message:
        if made.command.paras["value"] == 1:
            raise LayoutMismatch("value has no field in Meter.SET_LEVEL")
        return encode(dialect, made)

    monkeypatch.setattr(downlink, "encode", strict)
    rig.work.run()
    assert (rig.state(bad), rig.state(good)) == ("FAILED", "DELIVERED")
    assert "no field" in rig.record(bad).result
    assert rig.queue() == ([], good)


def test_a_deleted_device_gets_nothing(rig: Rig) -> None:
    flying, _ = rig.create(), rig.create()
    rig.device.connect(Reaction.SILENT)
    rig.work.run()
    removal.delete(rig.fleet.caller, rig.device.id)
    rig.pass_time(16)
    rig.device.answer(1)
    assert len(rig.iot.arrived) == 1
    rig.pass_time(1000)
    assert list(CommandRecord.query(rig.device.id)) == []
    assert list(DeviceItem.query(rig.device.id)) == []
    assert flying


def test_deleted_between_reading_and_sending(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.create()
    rig.device.connect()
    transmit = sending.transmit

    def deleted_first(route: Any, record: CommandRecord) -> Any:
        monkeypatch.setattr(sending, "transmit", transmit)
        removal.delete(rig.fleet.caller, rig.device.id)
        return transmit(route, record)

    monkeypatch.setattr(sending, "transmit", deleted_first)
    rig.work.run()
    assert rig.iot.arrived == []
    assert list(DeviceItem.query(rig.device.id)) == []


def test_direct_costs_three_calls_and_one_for_the_acknowledgement(rig: Rig, calls: Calls) -> None:
    rig.device.connect()
    rig.send()
    calls.clear()
    made = rig.send()
    assert calls.made == [
        "dynamodb.BatchGetItem",
        "dynamodb.TransactWriteItems",
        "iot-data.SendDirectMessage",
        "dynamodb.TransactWriteItems",
    ]
    assert (made.status.value, made.mid, made.mode.value) == ("DELIVERED", 2, "direct")
    calls.clear()
    assert rig.send(confirm=False).status.value == "SENT"
    assert len(calls.made) == 3
    assert [message.confirmed for message in rig.iot.arrived] == [True, True, False]


def test_direct_fails_at_once_for_an_offline_device(rig: Rig, calls: Calls) -> None:
    with pytest.raises(errors.DeviceOffline):
        rig.send()
    rig.device.connect()
    rig.device.disconnect()
    calls.clear()
    with pytest.raises(errors.DeviceOffline):
        rig.send()
    assert calls.made == ["dynamodb.BatchGetItem"]
    assert list(CommandRecord.query(rig.device.id)) == []


def test_direct_to_a_connection_that_is_gone_fails(rig: Rig) -> None:
    rig.device.connect()
    rig.device.vanish()
    with pytest.raises(errors.DeviceOffline):
        rig.send()
    (record,) = CommandRecord.query(rig.device.id)
    assert record.status == "FAILED"
    assert mids(rig) == []


def test_direct_is_sent_once_and_times_out(rig: Rig) -> None:
    rig.device.connect(Reaction.SILENT)
    made = rig.send()
    assert made.status.value == "SENT"
    for _ in range(5):
        rig.pass_time(45)
    assert len(rig.iot.arrived) == 1
    assert rig.state(made.command) == "TIMEOUT"


def test_direct_answered_before_the_acknowledgement_is_delivered(rig: Rig) -> None:
    rig.device.connect()
    rig.iot.before = lambda _client: rig.device.answer(1)
    made = rig.send()
    assert (made.status.value, made.delivered) == ("SUCCESSFUL", rig.clock.at)


@pytest.mark.parametrize("reaction", [Reaction.THROTTLED, Reaction.FORBIDDEN, Reaction.CUT])
def test_direct_that_aws_refuses_fails(rig: Rig, reaction: Reaction) -> None:
    rig.device.connect(reaction)
    with pytest.raises(Exception, match=r"Throttl|Forbidden|closed"):
        rig.send()
    (record,) = CommandRecord.query(rig.device.id)
    assert record.status == "FAILED"


def child_of(rig: Rig) -> tuple[FakeDevice, FakeDevice]:
    product = make_product(rig.fleet.tenant, NodeType.GATEWAY, model="G1")
    gateway = add_device(rig.fleet, rig.iot, "gateway")
    DeviceRecord(gateway.id, DEVICE).update([DeviceRecord.product.set(product.id)])
    DeviceRecord(rig.device.id, DEVICE).update([DeviceRecord.gateway.set(gateway.id)])
    products.forget()
    return gateway, rig.device


def test_a_child_is_reached_through_its_gateway(rig: Rig) -> None:
    gateway, child = child_of(rig)
    with pytest.raises(errors.GatewayOffline):
        rig.send()
    command = rig.create()
    gateway.connect()
    made = rig.send()
    assert made.status.value == "DELIVERED"
    sending.drain(child.id)  # the child reported
    assert rig.state(command) == "DELIVERED"
    for message in rig.iot.arrived:
        assert message.client == gateway.client
        assert message.topic == f"/huawei/v1/devices/{child.id}/command/json"
    gateway.vanish()
    with pytest.raises(errors.GatewayOffline):
        rig.send()


def test_a_child_of_a_deleted_gateway_is_not_reached(rig: Rig) -> None:
    gateway, child = child_of(rig)
    gateway.connect()
    DeviceRecord(gateway.id, DEVICE).update([DeviceRecord.deleted.set(True)])
    rig.create()
    sending.drain(child.id)
    assert rig.iot.tried == []
