"""Properties and events by time: both directions, nothing lost or read twice. Source: Feiyan 6.4.2, 6.4.3"""

from dataclasses import dataclass
from typing import Any

import pytest

from chalicelib.core import clock as core_clock
from chalicelib.core import device_events, devices, errors, modification, timelines
from chalicelib.core.device_events import Told
from chalicelib.core.modification import Changes
from chalicelib.core.telemetry import Report
from chalicelib.core.timelines import Range
from tests.conftest import Calls
from tests.support.clock import FakeClock
from tests.support.fleet import Fleet, make_fleet
from tests.support.iot import FakeIot
from tests.support.things import Lamp, add_lamp


@dataclass
class World:
    fleet: Fleet
    clock: FakeClock
    lamp: Lamp
    messages: int = 0

    @property
    def device(self) -> Any:
        return devices.get(self.fleet.caller, self.lamp.id)

    def tell(self, at: int, event: str = "Error", **values: Any) -> None:
        self.messages += 1
        said = Report(self.lamp.id, self.lamp.id, (), f"event-{self.messages}", core_clock.now())
        device_events.note(Told(said, "", event, values, at))

    def walk(self, what: str, start: int, end: int, limit: int, *, newest_first: bool) -> list[Any]:
        """The whole of it, stretch by stretch, by times alone as apps do."""
        found: list[Any] = []
        for _ in range(500):
            wanted = Range(start, end, limit, newest_first)
            stretch: Any = (
                timelines.of_property(self.device, what, wanted)
                if what[0].islower()
                else timelines.of_event(self.device, what, None, wanted)
            )
            found += stretch.items
            if stretch.following is None:
                return found
            start, end = (start, stretch.following) if newest_first else (stretch.following, end)
        raise AssertionError("does not end")


@pytest.fixture
def world(iot: FakeIot, clock: FakeClock) -> World:
    fleet = make_fleet()
    return World(fleet, clock, add_lamp(fleet, iot))


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize("limit", [1, 2, 3, 7, 200])
def test_a_walk_meets_every_value_once(world: World, limit: int, newest_first: bool) -> None:
    now = world.clock.at
    times = [now - 900, now - 800, now - 800, now - 800, now - 700, now - 600, now - 600, now - 500]
    for number, at in enumerate(times):
        world.lamp.report(at=at, brightness=number)
        world.lamp.report(at=at, watts=0.5)
    found = world.walk("brightness", now - 1000, now, limit, newest_first=newest_first)
    assert sorted(each.value for each in found) == list(range(len(times)))
    assert [each.at for each in found] == sorted(times, reverse=newest_first)


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize("limit", [1, 2, 3, 200])
def test_a_walk_meets_every_event_once(world: World, limit: int, newest_first: bool) -> None:
    now = world.clock.at
    times = [now - 900, now - 800, now - 800, now - 800, now - 700, now - 600]
    for number, at in enumerate(times):
        world.tell(at, errorCode=number)
        world.tell(at, "Tick")
    found = world.walk("Error", now - 1000, now, limit, newest_first=newest_first)
    assert sorted(each.data["errorCode"] for each in found) == list(range(len(times)))
    assert [each.at for each in found] == sorted(times, reverse=newest_first)


def test_bounds_are_included(world: World) -> None:
    now = world.clock.at
    for at in (now - 3, now - 2, now - 1):
        world.lamp.report(at=at, brightness=1)
        world.tell(at, errorCode=1)
    for what in ("brightness", "Error"):
        found = world.walk(what, now - 3, now - 2, 10, newest_first=False)
        assert [each.at for each in found] == [now - 3, now - 2]


def test_one_look_costs_one_call(world: World, calls: Calls) -> None:
    for number in range(30):
        world.lamp.report(at=world.clock.at - number, brightness=number)
        world.tell(world.clock.at - number, errorCode=1)
    device = world.device
    calls.clear()
    wanted = Range(0, world.clock.at, 10)
    assert len(timelines.of_property(device, "brightness", wanted).items) == 10
    assert calls.made == ["dynamodb.Query"]
    calls.clear()
    assert len(timelines.of_event(device, "Error", None, wanted).items) == 10
    assert calls.made == ["dynamodb.Query"]


def test_a_rare_property_is_read_for_a_bounded_time(
    world: World, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timelines, "MOST_READS", 2)
    monkeypatch.setattr(timelines, "LEAST_EXAMINED", 4)
    monkeypatch.setattr(timelines, "MOST_EXAMINED", 8)
    now = world.clock.at
    for number in range(40):
        world.lamp.report(
            at=now - 100 + number, **({"scene": f"s{number}"} if number % 19 == 7 else {"watts": 1})
        )
    calls.clear()
    first = timelines.of_property(world.device, "scene", Range(now - 100, now, 2))
    assert calls.made.count("dynamodb.Query") == 2
    assert first.following is not None
    found = world.walk("scene", now - 100, now, 2, newest_first=False)
    assert [each.value for each in found] == ["s7", "s26"]
    found = world.walk("scene", now - 100, now, 2, newest_first=True)
    assert [each.value for each in found] == ["s26", "s7"]


def test_a_name_that_stands_inside_a_value_is_no_property(world: World) -> None:
    world.lamp.report(scene='{"brightness":7}')
    assert world.walk("brightness", 0, world.clock.at, 10, newest_first=False) == []


def test_how_far_back_it_reaches(world: World) -> None:
    modification.modify(world.fleet.caller, world.lamp.id, Changes(ageing=1000))
    now = world.clock.at
    for age in (timelines.PROPERTIES_BACK + 1000, timelines.PROPERTIES_BACK - 1000):
        world.lamp.report(at=now - age, brightness=1)
    for age in (timelines.EVENTS_BACK + 1000, timelines.EVENTS_BACK - 1000):
        world.tell(now - age, errorCode=1)
    assert len(world.walk("brightness", 0, now, 10, newest_first=False)) == 1
    assert len(world.walk("Error", 0, now, 10, newest_first=True)) == 1


def test_events_of_another_type_are_left_out(world: World) -> None:
    world.tell(world.clock.at, errorCode=1)
    wanted = Range(0, world.clock.at, 10)
    assert len(timelines.of_event(world.device, "Error", "error", wanted).items) == 1
    assert timelines.of_event(world.device, "Error", "info", wanted).items == []


@pytest.mark.parametrize("wanted", [Range(0, 1, 0), Range(0, 1, 201), Range(3, 1, 5), Range(0, 1, -1)])
def test_a_wrong_range(world: World, wanted: Range) -> None:
    with pytest.raises(errors.InvalidInput):
        timelines.of_property(world.device, "brightness", wanted)
    with pytest.raises(errors.InvalidInput):
        timelines.of_event(world.device, "Error", None, wanted)


def test_what_is_produced_keeps_what_its_timelines_reach_back_to() -> None:
    from chalicelib.core import production_work

    assert max(timelines.EVENTS_BACK, timelines.PROPERTIES_BACK) <= production_work.AGEING * core_clock.DAY
