"""Creating, reading and canceling commands. Source: Huawei 1.9.1 to 1.9.3"""

import pytest

from chalicelib.aws import addresses
from chalicelib.core import clock as core_clock
from chalicelib.core import command_queries, commands, errors, registration, removal
from chalicelib.core.commands import NewCommand
from chalicelib.store.commands import CommandRecord
from chalicelib.store.devices import DEVICE, DeviceRecord
from tests.conftest import Calls
from tests.support.clock import FakeClock
from tests.support.fleet import make_fleet
from tests.support.iot import Rig, make_rig

HOUR, DAY = 3600, 86_400


@pytest.fixture
def rig(aws: None, clock: FakeClock) -> Rig:
    return make_rig(clock)


def test_an_offline_device_costs_two_calls(rig: Rig, calls: Calls) -> None:
    rig.create()
    calls.clear()
    command = rig.create()
    assert calls.made == ["dynamodb.BatchGetItem", "dynamodb.TransactWriteItems"]
    assert rig.work.waiting() == []
    assert rig.state(command) == "PENDING"


def test_one_that_is_online_or_immediate_costs_the_job_besides(rig: Rig, calls: Calls) -> None:
    rig.create(expire=0)
    calls.clear()
    rig.create(expire=0)
    three = ["dynamodb.BatchGetItem", "dynamodb.TransactWriteItems", "sqs.SendMessageBatch"]
    assert calls.made == three
    rig.device.connect()
    calls.clear()
    rig.create()
    assert calls.made == three


def test_the_queue_keeps_the_order_of_creation(rig: Rig) -> None:
    names = [rig.create(value) for value in range(3)]
    assert rig.queue() == (names, None)


def test_an_immediate_command_is_pending_and_not_queued(rig: Rig) -> None:
    command = rig.create(expire=0)
    assert rig.state(command) == "PENDING"
    assert rig.queue() == ([], None)


def test_expiry_is_honoured_before_any_sweep(rig: Rig, clock: FakeClock) -> None:
    given, default = rig.create(expire=60), rig.create()
    clock.advance(59.9)
    assert rig.state(given) == "PENDING"
    clock.advance(0.2)
    assert rig.state(given) == "EXPIRED"
    with pytest.raises(errors.CommandSettled):
        commands.cancel(rig.fleet.caller, rig.device.id + given)
    clock.advance(48 * HOUR - 61)
    assert rig.state(default) == "PENDING"
    clock.advance(1)
    assert rig.state(default) == "EXPIRED"


def test_a_record_outlives_its_expiry(rig: Rig) -> None:
    """TTL takes no command that may still be sent."""
    record = rig.record(rig.create(expire=2_147_483_647))
    assert int(record.ttl) * 1000 > int(record.created) + 2_147_483_647_000


def test_twenty_wait_at_most(rig: Rig) -> None:
    for _ in range(20):
        rig.create()
    with pytest.raises(errors.TooManyPending):
        rig.create()
    rig.create(expire=0)  # needs no place


def test_what_waits_no_more_takes_no_place(rig: Rig, clock: FakeClock) -> None:
    """Expired ones, swept or not, and names whose command is gone or has ended."""
    over = [rig.create(expire=60) for _ in range(2)]
    lasting = [rig.create() for _ in range(18)]
    clock.advance(61)
    CommandRecord(rig.device.id, lasting[0]).delete()
    last = rig.create()
    assert rig.queue() == ([*lasting[1:], last], None)
    assert [rig.record(name).status for name in over] == ["EXPIRED"] * 2
    assert ("command.changed", "EXPIRED") in rig.events()


def test_room_is_made_beside_a_sweep(rig: Rig, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another worker ends the expired ones between this one's reading and writing."""
    over = [rig.create(expire=60) for _ in range(20)]
    clock.advance(61)
    read = CommandRecord.batch_get

    def read_then_swept(*args: object, **more: object) -> object:
        monkeypatch.setattr(CommandRecord, "batch_get", read)
        found = list(read(*args, **more))
        rig.pass_time(0)
        return found

    monkeypatch.setattr(CommandRecord, "batch_get", read_then_swept)
    last = rig.create()
    assert rig.queue() == ([last], None)
    assert {rig.state(name) for name in over} == {"EXPIRED"}


def test_a_device_silent_for_a_week_takes_no_command(rig: Rig, clock: FakeClock) -> None:
    rig.create()  # never active is not silent
    rig.device.connect()
    rig.device.disconnect()
    clock.advance(7 * DAY - 1)
    rig.create()
    clock.advance(2)
    with pytest.raises(errors.DeviceZombie):
        rig.create()
    rig.device.connect()
    rig.create()


def test_a_device_that_stays_connected_is_no_zombie(rig: Rig, clock: FakeClock) -> None:
    rig.device.connect()
    clock.advance(8 * DAY)
    rig.create()


@pytest.mark.parametrize(
    ("new", "error"),
    [
        ({"device": "0" * 32}, errors.DeviceNotFound),
        ({"service": "Nope"}, errors.ServiceNotFound),
        ({"method": "NOPE"}, errors.CommandTypeNotFound),
        ({"paras": {}}, errors.InvalidInput),
        ({"paras": {"value": 101}}, errors.InvalidInput),
        ({"callback": "http://93.184.215.14/cmd"}, errors.CallbackRefused),
    ],
)
def test_what_is_refused(rig: Rig, new: dict[str, object], error: type[Exception]) -> None:
    given = {
        "device": rig.device.id,
        "service": "Meter",
        "method": "SET_LEVEL",
        "paras": {"value": 1},
        "dialect": "huawei",
    } | new
    with pytest.raises(error):
        commands.create(rig.fleet.caller, NewCommand(**given))  # type: ignore[arg-type]
    assert rig.queue() == ([], None)


def test_parameters_must_fit_a_message(rig: Rig) -> None:
    device = DeviceRecord.find(rig.device.id, DEVICE)
    assert device is not None
    large = NewCommand(rig.device.id, "Meter", "SET_LEVEL", {"value": "x" * 110_000}, "huawei")
    with pytest.raises(errors.InvalidInput):
        commands.new_record(device, large, commands.Mode.CACHED)


def test_a_callback_is_kept(rig: Rig) -> None:
    addresses.use(lambda _host, _port: ["93.184.215.14"])
    try:
        command = rig.create(callback="http://app.example:9999/cmd")
    finally:
        addresses.use(None)
    assert rig.record(command).callback == "http://app.example:9999/cmd"


def test_a_strangers_device_is_absent(rig: Rig) -> None:
    command = rig.create()
    stranger = make_fleet("other").caller
    with pytest.raises(errors.DeviceNotFound):
        commands.create(stranger, NewCommand(rig.device.id, "Meter", "SET_LEVEL", {"value": 1}, "huawei"))
    with pytest.raises(errors.CommandNotFound):
        commands.cancel(stranger, rig.device.id + command)
    with pytest.raises(errors.DeviceNotFound):
        command_queries.of_device(stranger, rig.device.id, None, None, 0, 10)
    assert command_queries.of_owner(stranger, None, None, 0, 10).items == []


def test_no_command_is_accepted_beside_a_deletion(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The device is deleted between reading it and storing the command."""
    check = commands.check

    def deleted_meanwhile(*args: object) -> None:
        check(*args)  # type: ignore[arg-type]
        removal.delete(rig.fleet.caller, rig.device.id)

    monkeypatch.setattr(commands, "check", deleted_meanwhile)
    with pytest.raises(errors.DeviceNotFound):
        rig.create()
    assert list(CommandRecord.query(rig.device.id)) == []


def test_cancel_takes_two_calls_and_the_place(rig: Rig, calls: Calls) -> None:
    names = [rig.create() for _ in range(3)]
    calls.clear()
    canceled = commands.cancel(rig.fleet.caller, rig.device.id + names[1])
    assert calls.made == ["dynamodb.BatchGetItem", "dynamodb.TransactWriteItems"]
    assert canceled.status.value == "CANCELED"
    assert canceled.executed is None
    assert rig.queue() == ([names[0], names[2]], None)
    with pytest.raises(errors.CommandSettled):
        commands.cancel(rig.fleet.caller, rig.device.id + names[1])
    assert rig.events().count(("command.changed", "CANCELED")) == 1


def test_an_immediate_command_can_be_canceled_before_it_is_sent(rig: Rig) -> None:
    rig.device.connect()
    command = rig.create(expire=0)
    commands.cancel(rig.fleet.caller, rig.device.id + command)
    rig.work.run()
    assert rig.iot.arrived == []


@pytest.mark.parametrize("public", ["", "x", "0" * 32, "0" * 64, "é" * 64])
def test_an_unknown_command_is_not_found(rig: Rig, public: str) -> None:
    with pytest.raises(errors.CommandNotFound):
        commands.cancel(rig.fleet.caller, public)


def test_queries_are_newest_first_within_their_bounds(rig: Rig, clock: FakeClock) -> None:
    start = core_clock.now()
    names = []
    for _ in range(5):
        clock.advance(10)
        names.append(rig.create())
    newest = names[::-1]

    def listed(first: int | None, last: int | None, number: int = 0, size: int = 10) -> tuple[list[str], int]:
        of_device = command_queries.of_device(rig.fleet.caller, rig.device.id, first, last, number, size)
        of_owner = command_queries.of_owner(rig.fleet.caller, first, last, number, size)
        assert (of_device.items, of_device.total) == (of_owner.items, of_owner.total)
        return [command.command for command in of_device.items], of_device.total

    assert listed(None, None) == (newest, 5)
    assert listed(None, None, 0, 2) == (newest[:2], 5)
    assert listed(None, None, 1, 2) == (newest[2:4], 5)
    assert listed(None, None, 2, 2) == (newest[4:], 5)
    assert listed(None, None, 3, 2) == ([], 5)
    assert listed(start + 20_000, start + 41_000) == (newest[1:4], 3)


def test_queries_read_overdue_states_as_they_are(rig: Rig, clock: FakeClock) -> None:
    rig.create(expire=5)
    clock.advance(6)
    found = command_queries.of_owner(rig.fleet.caller, None, None, 0, 10)
    assert [command.status.value for command in found.items] == ["EXPIRED"]


def test_a_query_costs_two_calls_and_the_cursors(rig: Rig, calls: Calls) -> None:
    rig.create()
    calls.clear()
    command_queries.of_device(rig.fleet.caller, rig.device.id, None, None, 0, 10)
    assert calls.made == ["dynamodb.GetItem", "dynamodb.Query", "dynamodb.DeleteItem"]
    calls.clear()
    command_queries.of_owner(rig.fleet.caller, None, None, 0, 10)
    assert calls.made == ["dynamodb.Query", "dynamodb.DeleteItem", "dynamodb.BatchGetItem"] or calls.made == [
        "dynamodb.Query",
        "dynamodb.BatchGetItem",
        "dynamodb.DeleteItem",
    ]


def test_an_interval_has_both_ends_in_order() -> None:
    command_queries.interval(None, None)
    command_queries.interval(1, 2)
    for start, end in ((1, None), (None, 1), (2, 2), (3, 2)):
        with pytest.raises(errors.InvalidInput):
            command_queries.interval(start, end)


def test_another_device_of_the_tenant_has_a_queue_of_its_own(rig: Rig) -> None:
    rig.create()
    new = registration.NewDevice("meter-2", registration.BY_SECRET, product=rig.fleet.product.id)
    other = registration.register(rig.fleet.caller, new).device.device
    commands.create(rig.fleet.caller, NewCommand(other, "Meter", "SET_LEVEL", {"value": 1}, "huawei"))
    assert len(rig.queue()[0]) == 1
