"""Properties by identifier, services by identifier, and who may. Source: Feiyan 6.4, 7.3"""

from dataclasses import dataclass
from typing import Any

import pytest

from chalicelib.core import (
    bindings,
    errors,
    extended_properties,
    identifiers,
    removal,
    thing_access,
    thing_calls,
)
from chalicelib.core.things import Command, DataType, Event, Property, Service, ThingModel
from chalicelib.core.users import Person
from chalicelib.store.commands import CommandRecord
from tests.conftest import Calls
from tests.support.clock import FakeClock
from tests.support.fleet import Fleet, make_application, make_fleet
from tests.support.iot import FakeIot, Reaction
from tests.support.queues import WorkQueue
from tests.support.things import Lamp, add_lamp, member, person

WAIT = 6_000


@dataclass
class World:
    fleet: Fleet
    clock: FakeClock
    iot: FakeIot
    work: WorkQueue
    lamp: Lamp
    owner: Person

    def invoke(self, who: Any, identifier: str = "Measure", wait: int = WAIT, **args: Any) -> Any:
        return thing_calls.invoke(who, self.lamp.id, identifier, args, dialect="huawei", wait=wait)


@pytest.fixture
def world(iot: FakeIot, clock: FakeClock) -> World:
    fleet = make_fleet()
    lamp = add_lamp(fleet, iot)
    return World(fleet, clock, iot, WorkQueue(clock), lamp, person(fleet, "ann", lamp))


def strangers(world: World) -> list[Person]:
    """A person who is not bound, and one of another application who is to a device of its own."""
    other = Fleet(world.fleet.tenant, make_application(world.fleet), "", world.fleet.product)
    return [person(world.fleet, "eve"), person(other, "mallory", add_lamp(other, world.iot, "lamp-2"))]


def callers(world: World) -> list[Any]:
    another = make_fleet("other", manufacturer_id="other")
    same_tenant = Fleet(world.fleet.tenant, make_application(world.fleet), "", world.fleet.product)
    return [another.caller, same_tenant.caller]


def test_getting_costs_one_call_and_names_what_was_reported(world: World, calls: Calls) -> None:
    world.lamp.report(at=world.clock.at - 5_000, power=1)
    world.lamp.report(watts=3.5)
    calls.clear()
    states = thing_calls.get_properties(world.owner, world.lamp.id)
    assert calls.made == ["dynamodb.Query"]
    assert [(each.identifier, each.value, each.at) for each in states] == [
        ("power", 1, world.clock.at - 5_000),
        ("watts", 3.5, world.clock.at),
    ]
    assert states[0].property is not None
    assert states[0].property.data_type is DataType.BOOL
    assert thing_calls.get_properties(world.fleet.caller, world.lamp.id) == states
    assert thing_calls.get_properties(member(world.fleet, "bob", world.lamp), world.lamp.id) == states


def test_setting_costs_three_calls_with_an_online_device(world: World, calls: Calls) -> None:
    world.lamp.connect()
    calls.clear()
    message = thing_calls.set_properties(world.owner, world.lamp.id, {"power": 1, "brightness": 40})
    assert calls.made == ["dynamodb.Query", "dynamodb.TransactWriteItems", "sqs.SendMessageBatch"]
    assert message.isdigit()
    world.work.run()
    (arrived,) = world.iot.to(world.lamp.client)
    assert arrived.json["desired"] == {"power": 1, "brightness": 40}
    assert thing_calls.set_properties(world.owner, world.lamp.id, {"power": 0}) > message


def test_setting_costs_two_calls_with_an_offline_one_and_is_sent_when_it_comes(
    world: World, calls: Calls
) -> None:
    calls.clear()
    thing_calls.set_properties(member(world.fleet, "bob", world.lamp), world.lamp.id, {"power": 1})
    assert calls.made[-2:] == ["dynamodb.Query", "dynamodb.TransactWriteItems"]
    world.lamp.connect()
    world.work.run()
    (arrived,) = world.iot.to(world.lamp.client)
    assert arrived.json["desired"] == {"power": 1}


@pytest.mark.parametrize(
    "values",
    [{}, {"watts": 1}, {"brightness": 101}, {"brightness": "x"}, {"unknown": 1}, {"power": 1, "nothing": 0}],
)
def test_a_wrong_value_changes_nothing(world: World, values: dict[str, Any]) -> None:
    with pytest.raises(errors.InvalidInput):
        thing_calls.set_properties(world.owner, world.lamp.id, values)
    world.lamp.connect()
    world.work.run()
    assert not world.iot.arrived


def test_a_stranger_learns_nothing_of_a_device_not_even_by_wrong_values(world: World) -> None:
    world.lamp.connect()
    for who in strangers(world):
        for device in (world.lamp.id, "0" * 32):
            for act in (
                lambda who=who, device=device: thing_calls.get_properties(who, device),
                lambda who=who, device=device: thing_calls.set_properties(who, device, {"power": "?"}),
                lambda who=who, device=device: thing_calls.invoke(
                    who, device, "Nonsense", {}, dialect="huawei"
                ),
                lambda who=who, device=device: thing_calls.invoke(
                    who, device, "Measure", {}, dialect="huawei", wait=WAIT
                ),
                lambda who=who, device=device: thing_access.read(who, device),
                lambda who=who, device=device: extended_properties.read(who, device),
            ):
                with pytest.raises(errors.NotBound):
                    act()
    assert not world.iot.tried


def test_another_application_finds_no_device(world: World) -> None:
    for who in callers(world):
        for act in (
            lambda who=who: thing_calls.get_properties(who, world.lamp.id),
            lambda who=who: thing_calls.set_properties(who, world.lamp.id, {"power": 1}),
            lambda who=who: world.invoke(who, "Toggle"),
            lambda who=who: world.invoke(who, times=1),
            lambda who=who: thing_access.read(who, world.lamp.id),
        ):
            with pytest.raises(errors.DeviceNotFound):
                act()


def test_who_is_unbound_may_no_more(world: World) -> None:
    thing_calls.set_properties(world.owner, world.lamp.id, {"power": 1})
    bindings.unbind(world.owner.user, world.lamp.id)
    with pytest.raises(errors.NotBound):
        thing_calls.set_properties(world.owner, world.lamp.id, {"power": 0})
    with pytest.raises(errors.NotBound):
        thing_calls.get_properties(world.owner, world.lamp.id)


def test_a_device_that_is_deleted_is_not_bound(world: World) -> None:
    removal.delete(world.fleet.caller, world.lamp.id)
    with pytest.raises(errors.NotBound):
        thing_calls.get_properties(world.owner, world.lamp.id)


def test_an_asynchronous_service_is_not_waited_for(world: World, calls: Calls) -> None:
    world.lamp.connect()
    calls.clear()
    called = world.invoke(world.owner, "Toggle")
    assert calls.made == ["dynamodb.BatchGetItem", "dynamodb.TransactWriteItems", "sqs.SendMessageBatch"]
    assert called.output is None
    assert not world.clock.waits
    world.work.run()
    (arrived,) = world.iot.to(world.lamp.client)
    assert (arrived.json["cmd"], arrived.json["paras"]) == ("Toggle", {})


def test_a_synchronous_one_answers_what_the_device_says(world: World, calls: Calls) -> None:
    world.lamp.connect()

    def device() -> None:
        if len(world.clock.waits) == 2:
            world.lamp.answer(world.iot.arrived[-1].mid, 0, {"watts": 4.5})

    world.clock.meanwhile = device
    calls.clear()
    called = world.invoke(world.owner, times=2)
    assert called.output == {"watts": 4.5}
    assert calls.made[:3] == [
        "dynamodb.BatchGetItem",
        "dynamodb.TransactWriteItems",
        "iot-data.SendDirectMessage",
    ]
    assert calls.made.count("dynamodb.GetItem") == 2 + 2  # two looks; the answer reads mid and command
    assert world.clock.waits == [250, 500]


def test_an_answer_at_the_last_moment_counts(world: World) -> None:
    world.lamp.connect()

    def device() -> None:
        if len(world.clock.waits) == 5:
            world.lamp.answer(world.iot.arrived[-1].mid, 0, None)

    world.clock.meanwhile = device
    assert world.invoke(world.owner, times=1).output == {}


def test_a_silent_device_is_given_up_at_its_time(world: World, calls: Calls) -> None:
    world.lamp.connect()
    began = world.clock.at
    calls.clear()
    with pytest.raises(errors.DeviceSilent):
        world.invoke(world.owner, times=1)
    assert world.clock.at - began == WAIT
    assert len(world.clock.waits) == 5
    assert world.clock.waits == sorted(world.clock.waits)
    assert calls.made.count("dynamodb.GetItem") == 5
    (record,) = list(CommandRecord.query(world.lamp.id))
    world.lamp.answer(int(record.mid), 0, {"watts": 1})  # late: it is still written down
    assert CommandRecord.find(world.lamp.id, record.command).status == "SUCCESSFUL"  # type: ignore[union-attr]


def test_a_device_that_refuses(world: World) -> None:
    world.lamp.connect()
    world.clock.meanwhile = lambda: world.lamp.answer(world.iot.arrived[-1].mid, 7, {})
    with pytest.raises(errors.DeviceRefused) as refused:
        world.invoke(world.owner, times=1)
    assert refused.value.code == 7


def test_an_offline_device_is_not_waited_for(world: World) -> None:
    with pytest.raises(errors.DeviceOffline):
        world.invoke(world.owner, times=1)
    world.lamp.connect()
    world.lamp.vanish()
    with pytest.raises(errors.DeviceOffline):
        world.invoke(world.owner, times=1)
    assert not world.clock.waits


def test_a_device_that_is_deleted_while_it_is_waited_for(world: World) -> None:
    world.lamp.connect(Reaction.SILENT)

    def gone() -> None:
        removal.delete(world.fleet.caller, world.lamp.id)
        world.work.run()
        world.clock.meanwhile = None

    world.clock.meanwhile = gone
    with pytest.raises(errors.DeviceSilent):
        world.invoke(world.owner, times=1)


def test_arguments_are_judged(world: World) -> None:
    world.lamp.connect()
    for identifier, args in (("Measure", {"times": 0}), ("Measure", {"more": 1}), ("Toggle", {"x": 1})):
        with pytest.raises(errors.InvalidInput):
            world.invoke(world.owner, identifier, **args)
    with pytest.raises(errors.CommandTypeNotFound):
        world.invoke(world.owner, "Nonsense")
    lamp = add_lamp(world.fleet, world.iot, "meter-9", world.fleet.product)
    with pytest.raises(errors.ServiceNotFound):
        thing_calls.invoke(world.fleet.caller, lamp.id, "Nonsense", {}, dialect="huawei")


def test_finding_by_product_and_name(world: World, calls: Calls) -> None:
    assert world.lamp.product is not None
    short = str(world.lamp.product.short_id)
    thing_calls.find(world.owner, short, "lamp-1")
    calls.clear()
    assert thing_calls.find(world.owner, short, "lamp-1") == world.lamp.id
    assert calls.made == ["dynamodb.GetItem"]
    for product, name in (
        (short, "lamp-9"),
        ("x" * 10, "lamp-1"),
        (str(world.fleet.product.short_id), "lamp-1"),
    ):
        with pytest.raises(errors.NotBound):
            thing_calls.find(world.owner, product, name)
        with pytest.raises(errors.DeviceNotFound):
            thing_calls.find(world.fleet.caller, product, name)


MODEL = ThingModel(
    (
        Service("", commands=(Command("Toggle"),), events=(Event("Error"),)),
        Service("left", commands=(Command("Toggle"), Command("Dim")), events=(Event("Error"), Event("Hot"))),
        Service("a.b", properties=(Property("x", DataType.INT),), commands=(Command("Dim"),)),
    )
)


@pytest.mark.parametrize(
    ("kind", "key", "place"),
    [
        ("commands", "Toggle", ("", "Toggle")),
        ("commands", "left.Toggle", ("left", "Toggle")),
        ("commands", "left.Dim", ("left", "Dim")),
        ("commands", "a.b.Dim", ("a.b", "Dim")),
        ("commands", "nothing", ("", "nothing")),
        ("commands", "a.b.nothing", ("a.b", "nothing")),
        ("events", "Error", ("", "Error")),
        ("events", "left.Error", ("left", "Error")),
        ("events", "Hot", ("left", "Hot")),
    ],
)
def test_identifiers_go_both_ways(kind: Any, key: str, place: tuple[str, str]) -> None:
    assert identifiers.place(MODEL, kind, key) == place
    assert identifiers.key_of(MODEL, kind, *place) == key
