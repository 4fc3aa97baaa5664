"""Factory resets: the device is told, what the cloud kept goes. Source: Feiyan 6.4.11, 6.4.12"""

from dataclasses import dataclass
from typing import Any

import pytest

from chalicelib.core import bindings, errors, factory_resets, removal, thing_calls
from chalicelib.core.factory_resets import State
from chalicelib.core.users import Person
from chalicelib.store.commands import CommandRecord
from chalicelib.store.history import HistoryRecord
from tests.conftest import Calls
from tests.support.clock import FakeClock
from tests.support.fleet import Fleet, make_application, make_fleet
from tests.support.iot import FakeIot, Reaction
from tests.support.queues import WorkQueue
from tests.support.things import Lamp, add_lamp, member, person


@dataclass
class World:
    fleet: Fleet
    clock: FakeClock
    iot: FakeIot
    work: WorkQueue
    lamp: Lamp
    owner: Person

    def begin(self, who: Any = None, **more: Any) -> str:
        return factory_resets.begin(who or self.owner, self.lamp.id, "huawei", **more)

    def state(self, task: str) -> State:
        return factory_resets.get(self.owner, task).state

    def run(self, seconds: int = 2) -> None:
        for _ in range(seconds):
            self.clock.advance(1)
            self.work.run()

    @property
    def kept(self) -> int:
        return len(list(HistoryRecord.query(self.lamp.id)))

    @property
    def properties(self) -> list[str]:
        return [each.identifier for each in thing_calls.get_properties(self.fleet.caller, self.lamp.id)]


@pytest.fixture
def world(iot: FakeIot, clock: FakeClock) -> World:
    fleet = make_fleet()
    lamp = add_lamp(fleet, iot)
    made = World(fleet, clock, iot, WorkQueue(clock), lamp, person(fleet, "ann", lamp))
    lamp.report(power=1)
    clock.advance(1)
    lamp.report(watts=2.5)
    thing_calls.set_properties(fleet.caller, lamp.id, {"brightness": 5})
    clock.advance(1)
    made.work.run()
    return made


def test_a_connected_device_is_told_and_forgotten(world: World, calls: Calls) -> None:
    world.lamp.connect()
    world.work.run()
    world.iot.arrived.clear()
    calls.clear()
    task = world.begin()
    assert calls.made == ["dynamodb.BatchGetItem", "sqs.SendMessageBatch", "dynamodb.TransactWriteItems"]
    assert world.state(task) is State.RUNNING
    assert world.kept
    world.run(2)
    (told,) = world.iot.to(world.lamp.client)
    assert (told.json["serviceId"], told.json["cmd"]) == ("$platform", "reset")
    world.run(10)
    assert world.state(task) is State.SUCCESS
    assert world.kept == 0
    assert world.properties == []
    world.clock.advance(factory_resets.LASTS)
    assert world.state(task) is State.SUCCESS


def test_what_it_reports_afterwards_stays(world: World) -> None:
    world.lamp.connect()
    task = world.begin()
    world.run(2)
    world.run(10)
    world.lamp.report(power=0)
    assert world.state(task) is State.SUCCESS
    assert world.properties == ["power"]
    assert world.kept == 1


def test_an_offline_device_is_left_alone_unless_asked(world: World) -> None:
    with pytest.raises(errors.DeviceOffline):
        world.begin()
    assert world.kept
    task = world.begin(offline=True)
    world.run(10)
    assert world.state(task) is State.SUCCESS
    assert (world.kept, world.properties) == (0, [])
    world.lamp.connect()
    world.work.run()
    assert [each.json["cmd"] for each in world.iot.to(world.lamp.client)] == ["reset"]


def test_a_device_that_goes_before_it_is_told_keeps_everything(world: World) -> None:
    world.lamp.connect()
    world.work.run()
    task = world.begin()
    world.lamp.disconnect()
    world.run(3)
    assert world.state(task) is State.FAILED
    assert world.kept
    assert world.properties


def test_a_device_that_answers_with_a_failure_keeps_everything(world: World) -> None:
    world.lamp.connect(Reaction.SILENT)
    task = world.begin()
    world.run(2)
    (record,) = [each for each in CommandRecord.query(world.lamp.id) if each.method == "reset"]
    world.lamp.answer(int(record.mid), 5)
    world.run(10)
    assert world.state(task) is State.FAILED
    assert world.kept


def test_silence_ends_at_its_time(world: World) -> None:
    world.lamp.connect(Reaction.SILENT)
    task = world.begin()
    world.run(20)
    assert world.state(task) is State.RUNNING
    world.clock.advance(factory_resets.LASTS / 1000)
    assert world.state(task) is State.TIMEOUT
    world.work.run()
    assert world.state(task) is State.TIMEOUT
    assert world.kept
    assert not [each for each in world.work.waiting() if each["job"] == factory_resets.JOB]


def test_each_job_may_come_twice_and_be_lost_half_way(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(factory_resets, "ERASED_AT_ONCE", 1)
    world.lamp.connect()
    world.work.run()
    world.iot.arrived.clear()
    task = world.begin()
    for _ in range(40):
        world.clock.advance(1)
        while (job := world.work.take()) is not None:
            world.work.work(job)
            if job.message["job"] == factory_resets.JOB:
                world.work.work(job)
        world.work.jobs[:] = world.work.jobs[:20]  # what has doubled comes to nothing
        if world.state(task) is not State.RUNNING:
            break
    assert world.state(task) is State.SUCCESS
    assert world.kept == 0
    assert len(world.iot.arrived) == 1
    assert not world.work.failures


def test_a_job_that_overtakes_its_task_comes_again(world: World) -> None:
    with pytest.raises(errors.TaskNotFound):
        factory_resets.perform(world.lamp.id, "r#nothing", world.clock.at)
    factory_resets.perform(world.lamp.id, "r#nothing", world.clock.at - factory_resets.GIVEN_UP)


def test_a_deleted_device_fails_it(world: World) -> None:
    world.lamp.connect()
    task = world.begin()
    removal.delete(world.fleet.caller, world.lamp.id)
    factory_resets.perform(world.lamp.id, "r#" + task[32:], world.clock.at)
    assert world.state(task) is State.FAILED
    world.run(5)
    with pytest.raises(errors.TaskNotFound):
        world.state(task)


def test_who_may(world: World) -> None:
    world.lamp.connect()
    bob, eve = member(world.fleet, "bob", world.lamp), person(world.fleet, "eve")
    other = Fleet(world.fleet.tenant, make_application(world.fleet), "", world.fleet.product)
    for who in (eve, person(other, "mallory")):
        with pytest.raises(errors.NotBound):
            world.begin(who)
    with pytest.raises(errors.DeviceNotFound):
        world.begin(other.caller)
    task = world.begin(bob)
    assert factory_resets.get(world.owner, task).state is State.RUNNING
    assert factory_resets.get(world.fleet.caller, task).state is State.RUNNING
    for who in (eve, other.caller, person(other, "oscar")):
        with pytest.raises(errors.TaskNotFound):
            factory_resets.get(who, task)
    for wrong in ("", "x", task[:32], task[:-1], task + "0", "0" * 64):
        with pytest.raises(errors.TaskNotFound):
            factory_resets.get(world.owner, wrong)
    bindings.unbind(bob.user, world.lamp.id)
    assert factory_resets.get(bob, task).state is State.RUNNING  # it was his
