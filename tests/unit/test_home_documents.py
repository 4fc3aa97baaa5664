"""One household as a value: whatever is done to it, every device is in one place and the limits hold."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from msgspec.structs import replace

from chalicelib.core import home_documents, home_groups, home_rooms, homes, households
from chalicelib.core.errors import (
    ControlGroupFull,
    ControlGroupNotFound,
    ControlGroupTooSmall,
    HomeFull,
    HomeNotEmpty,
    HomeNotFound,
    HouseholdNameIllegal,
    HouseholdNameTaken,
    HouseholdNameTooLong,
    InOtherControlGroup,
    InvalidInput,
    LastHome,
    NotBound,
    OfPeople,
    RoomNotFound,
    TooManyControlGroups,
    TooManyHomes,
    TooManyRooms,
)
from chalicelib.core.home_documents import ControlGroup, Home, Room
from chalicelib.core.home_groups import FIRST_ADDRESS
from chalicelib.core.households import Holding, Household


def home_of(devices: int = 0, **more: Any) -> Home:
    bound = {f"d{number}": number + 1 for number in range(devices)}
    return Home("h", "home", 1, bound, tuple(bound), **more)


def household_of(*held: Home) -> Household:
    holdings = {
        device: Holding(device, "manager", since) for each in held for device, since in each.bound.items()
    }
    return Household(held, held[-1].id if held else None, holdings)


def group(name: str, *devices: str, ident: str = "") -> ControlGroup:
    return ControlGroup(ident or name, name, "p", 1, 0, devices)


@pytest.mark.parametrize("name", ["a", "A 9", "我的家", "xxx的别墅", "㐀", "\U00020000", "佐々木", "a" * 20])
def test_names_that_are(name: str) -> None:
    home_documents.check_name(name, 20, [])


@pytest.mark.parametrize("name", ["", " ", "   ", "a-b", "é", "家!", "a\n", "a\tb", "😀", "ab_c", "٣", "ａ"])
def test_names_that_are_not(name: str) -> None:
    with pytest.raises(HouseholdNameIllegal):
        home_documents.check_name(name, 20, [])


def test_a_name_has_so_many_characters_whatever_its_bytes() -> None:
    home_documents.check_name("家" * 20, 20, [])
    with pytest.raises(HouseholdNameTooLong):
        home_documents.check_name("家" * 21, 20, [])
    home_documents.add_room(home_of(), Room("r", "房" * 40, 1))
    with pytest.raises(HouseholdNameTooLong):
        home_documents.add_room(home_of(), Room("r", "房" * 41, 1))


def test_names_are_the_only_ones_of_their_kind() -> None:
    home = home_documents.add_room(home_of(4), Room("r1", "one", 1))
    with pytest.raises(HouseholdNameTaken):
        home_documents.add_room(home, Room("r2", "one", 1))
    home = home_documents.add_room(home, Room("r2", "two", 1))
    with pytest.raises(HouseholdNameTaken):
        home_documents.change_room(home, "r2", "one", None)
    home = home_documents.change_room(home, "r2", "two", None)  # its own
    home = home_groups.add(home, group("one", "d0", "d1"))  # a room's name is no group's
    with pytest.raises(HouseholdNameTaken):
        home_groups.add(home, group("one", "d2", "d3", ident="other"))
    home = home_groups.add(home, group("two", "d2", "d3"))
    with pytest.raises(HouseholdNameTaken):
        home_groups.rename(home, "two", "one")
    assert home_groups.rename(home, "two", "two") == home


def test_twenty_rooms_and_twenty_groups() -> None:
    home = home_of(42)
    for number in range(20):
        home = home_documents.add_room(home, Room(f"r{number}", f"room {number}", 1))
        pair = (f"d{2 * number}", f"d{2 * number + 1}")
        home = home_groups.add(home, group(f"group {number}", *pair))
    with pytest.raises(TooManyRooms):
        home_documents.add_room(home, Room("r20", "room 20", 1))
    with pytest.raises(TooManyControlGroups):
        home_groups.add(home, group("group 20", "d40", "d41"))
    assert sorted(each.address for each in home.groups) == list(range(FIRST_ADDRESS, FIRST_ADDRESS + 20))
    home = home_groups.remove(home, ["group 3"])
    home = home_groups.add(home, group("group 20", "d40", "d41"))
    assert home_documents.group(home, "group 20").address == FIRST_ADDRESS + 3


def test_a_group_has_two_to_a_hundred_devices_each_in_one_group() -> None:
    home = home_of(101)
    everything = list(home.bound)
    with pytest.raises(ControlGroupTooSmall):
        home_groups.add(home, group("g", "d0"))
    with pytest.raises(ControlGroupTooSmall):
        home_groups.add(home, group("g"))
    with pytest.raises(ControlGroupFull):
        home_groups.add(home, group("g", *everything))
    with pytest.raises(InvalidInput):
        home_groups.add(home, group("g", "d0", "d0"))
    with pytest.raises(InvalidInput):
        home_groups.add(home, group("g", "d0", "other"))
    home = home_groups.add(home, group("g", *everything[:50]))
    with pytest.raises(InOtherControlGroup):
        home_groups.add(home, group("g2", "d49", "d50"))
    home = home_groups.add(home, group("g2", "d50", "d51"))
    with pytest.raises(InOtherControlGroup):
        home_groups.fill(home, "g2", ["d0", "d50"])
    with pytest.raises(ControlGroupTooSmall):
        home_groups.fill(home, "g2", ["d50"])
    home = home_groups.fill(home, "g2", ["d60", "d51"])
    assert home_documents.group(home, "g2").devices == ("d60", "d51")
    with pytest.raises(ControlGroupNotFound):
        home_groups.fill(home, "g3", ["d60", "d51"])


def test_a_group_is_deleted_and_its_devices_stay() -> None:
    home = home_groups.add(home_of(4), group("one", "d0", "d1"))
    home = home_groups.add(home, group("two", "d2", "d3"))
    with pytest.raises(ControlGroupNotFound):
        home_groups.remove(home, ["one", "three"])
    home = home_groups.remove(home, ["one", "two"])
    assert (home.groups, home_documents.devices(home)) == ((), ["d0", "d1", "d2", "d3"])
    assert home.order == ("d0", "d1", "d2", "d3")


def test_a_room_is_filled_with_adding_removing_and_ordering() -> None:
    home = home_documents.add_room(home_of(5), Room("r1", "one", 1))
    home = home_documents.add_room(home, Room("r2", "two", 1))
    home = home_documents.fill_room(home, "r1", ["d0", "d1", "d2"])
    home = home_documents.fill_room(home, "r2", ["d3", "d2"])
    assert [each.devices for each in home.rooms] == [("d0", "d1"), ("d3", "d2")]
    home = home_documents.fill_room(home, "r2", ["d2", "d4"])
    assert [each.devices for each in home.rooms] == [("d0", "d1"), ("d2", "d4")]
    assert home_documents.room_of(home, "d3") is None
    assert "d3" in home.bound
    home = home_documents.fill_room(home, "r2", [])
    assert [each.devices for each in home.rooms] == [("d0", "d1"), ()]
    for wrong in (["d0", "d0"], ["d9"]):
        with pytest.raises(InvalidInput):
            home_documents.fill_room(home, "r1", wrong)


def test_rooms_get_an_order() -> None:
    home = home_of()
    for name in "abcd":
        home = home_documents.add_room(home, Room(name, name, 1))
    assert [each.id for each in home_documents.order_rooms(home, ["c", "a"]).rooms] == ["c", "a", "b", "d"]
    with pytest.raises(RoomNotFound):
        home_documents.order_rooms(home, ["c", "x"])
    with pytest.raises(InvalidInput):
        home_documents.order_rooms(home, ["c", "c"])


def test_places_count_from_the_first_and_end_at_the_last() -> None:
    home = home_groups.add(home_of(3), group("g", "d0", "d1"))
    home = home_documents.reorder(home, "g", 1)
    assert home.order == ("d0", "g", "d1", "d2")
    moved = home_documents.reorder_device(home, "d2", 0)
    assert moved.order == ("d2", "g", "d0", "d1")  # the group keeps its place among all
    assert home_documents.devices(home_documents.reorder_device(home, "d0", 99)) == ["d1", "d2", "d0"]
    with pytest.raises(InvalidInput):
        home_documents.reorder(home, "g", -1)
    with pytest.raises(InvalidInput):
        home_documents.reorder(home, "x", 0)
    with pytest.raises(InvalidInput):
        home_documents.reorder_device(home, "g", 0)
    with pytest.raises(ControlGroupNotFound):
        home_groups.reorder(home, "d0", 0)


def test_homes_are_one_to_ten_and_the_newest_is_the_current_one() -> None:
    held = Household()
    for number in range(10):
        held = homes.with_home(held, Home(f"h{number}", f"home {number}", number))
        assert held.current == f"h{number}"
    with pytest.raises(TooManyHomes):
        homes.with_home(held, Home("h10", "home 10", 10))
    with pytest.raises(HouseholdNameTaken):
        homes.with_home(held, Home("h10", "home 3", 10))
    held = homes.without_home(held, "h2")
    assert held.current == "h9"
    held = homes.without_home(held, "h9")
    assert held.current == "h8"
    for number in (0, 1, 3, 4, 5, 6, 7):
        held = homes.without_home(held, f"h{number}")
    with pytest.raises(LastHome):
        homes.without_home(held, "h8")
    with pytest.raises(HomeNotFound):
        homes.without_home(held, "h0")


def test_devices_of_a_deleted_home_go_to_the_current_one_where_they_find_place() -> None:
    first = home_documents.add_room(home_of(60), Room("r", "room", 1))
    first = home_documents.fill_room(first, "r", ["d0"])
    second = Home("h2", "second", 2, {f"e{n}": n + 1 for n in range(40)}, tuple(f"e{n}" for n in range(40)))
    held = household_of(first, second)
    merged = homes.without_home(held, "h")
    assert list(merged.home("h2").bound) == [*second.bound, *first.bound]
    assert merged.home("h2").rooms == ()
    crowded = home_documents.with_devices(second, {"f": 1})
    with pytest.raises(HomeNotEmpty):
        homes.without_home(household_of(first, crowded), "h")


def test_a_move_between_homes_leaves_room_and_group() -> None:
    first = home_groups.add(home_of(4), group("g", "d0", "d1", "d2"))
    first = home_documents.add_room(first, Room("r", "room", 1))
    first = home_documents.fill_room(first, "r", ["d0", "d3"])
    second = home_documents.add_room(Home("h2", "second", 2), Room("r2", "room", 1))
    held = home_rooms.moved(household_of(first, second), "h2", "r2", ["d0", "d3"])
    assert held.home("h2").rooms[0].devices == ("d0", "d3")
    assert held.home("h").rooms[0].devices == ()
    assert held.home("h").groups[0].devices == ("d1", "d2")
    back = home_rooms.moved(held, "h", None, ["d0"])
    assert back.home("h2").bound.keys() == {"d3"}
    assert home_documents.room_of(back.home("h"), "d0") is None


def test_a_move_within_a_home_keeps_the_group() -> None:
    home = home_groups.add(home_of(3), group("g", "d0", "d1"))
    home = home_documents.add_room(home, Room("r", "room", 1))
    held = home_rooms.moved(household_of(home), "h", "r", ["d0", "d2"])
    assert held.home("h").rooms[0].devices == ("d0", "d2")
    assert held.home("h").groups[0].devices == ("d0", "d1")
    held = home_rooms.moved(held, "h", None, ["d0"])
    assert held.home("h").rooms[0].devices == ("d2",)


def test_what_a_move_refuses() -> None:
    full, other = home_of(100), Home("h2", "other", 2, {"e": 1, "f": 2}, ("e", "f"))
    held = household_of(full, other)
    with pytest.raises(HomeFull):
        home_rooms.moved(held, "h", None, ["e"])
    with pytest.raises(HomeFull):
        home_rooms.moved(held, "h", None, [f"x{number}" for number in range(101)])
    assert home_rooms.moved(held, "h", None, list(full.bound)) == held  # all of them are there
    with pytest.raises(NotBound):
        home_rooms.moved(held, "h2", None, ["d0", "stranger"])
    for wrong in ([], ["d0", "d0"]):
        with pytest.raises(InvalidInput):
            home_rooms.moved(held, "h2", None, wrong)
    with pytest.raises(RoomNotFound):
        home_rooms.moved(held, "h2", "r", ["d0"])


def test_what_was_bound_again_is_new_in_the_home() -> None:
    home = home_documents.add_room(home_of(2), Room("r", "room", 1))
    home = home_documents.fill_room(home, "r", ["d0"])
    held = household_of(home)
    again = replace(held, holdings={**held.holdings, "d0": Holding("d0", "manager", 99)})
    settled, unwritten = households.settled(again)
    assert settled.homes[0].order == ("d1", "d0")
    assert settled.homes[0].rooms[0].devices == ()
    assert unwritten == {"h"}
    gone = replace(held, holdings={"d1": held.holdings["d1"]})
    settled, unwritten = households.settled(gone)
    assert (settled.homes[0].order, unwritten) == (("d1",), frozenset())


def test_what_is_bound_for_a_home_is_there_while_the_home_is() -> None:
    held = household_of(home_of(1), Home("h2", "second", 2))
    named = Holding("e", "manager", 5, home="h")
    settled, unwritten = households.settled(replace(held, holdings={**held.holdings, "e": named}))
    assert (settled.home("h").order, unwritten) == (("d0", "e"), frozenset())
    lost = Holding("e", "manager", 5, home="gone")
    settled, unwritten = households.settled(replace(held, holdings={**held.holdings, "e": lost}))
    assert (settled.home("h2").order, unwritten) == (("e",), {"h2"})


DEVICES = [f"d{number}" for number in range(8)]
PLACES = st.integers(0, 9)
NAMES = st.sampled_from(["one", "two", "三", "四", "bad!"])
SOME = st.lists(st.sampled_from(DEVICES), max_size=5)


class HouseholdMachine(RuleBasedStateMachine):
    """Anything an app can ask, in any order, with devices that come and go meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self.held = Household()
        self.made = 0
        self.clock = 0

    @initialize()
    def move_in(self) -> None:
        self.held = homes.with_home(self.held, Home(self._id("h"), "first", 1))

    def _id(self, kind: str) -> str:
        self.made += 1
        return f"{kind}{self.made}"

    def _try(self, act: Any) -> None:
        with suppress(OfPeople, InvalidInput):  # and nothing has changed, for it is a value
            self.held = act()

    def _home(self, data: st.DataObject) -> Home:
        return data.draw(st.sampled_from(self.held.homes))

    def _room(self, data: st.DataObject, home: Home) -> str:
        return data.draw(st.sampled_from([*(each.id for each in home.rooms), "nowhere"]))

    def _group(self, data: st.DataObject, home: Home) -> str:
        return data.draw(st.sampled_from([*(each.id for each in home.groups), "none"]))

    @rule(device=st.sampled_from(DEVICES), data=st.data())
    def bind(self, device: str, data: st.DataObject) -> None:
        if device not in self.held.holdings:
            self.clock += 1
            home = data.draw(st.sampled_from([None, "gone", *(each.id for each in self.held.homes)]))
            holding = Holding(device, "manager", self.clock, home=home)
            held = replace(self.held, holdings={**self.held.holdings, device: holding})
            self.held = households.settled(held)[0]
            where = self.held.home_of(device)
            assert where is not None
            assert where.id == (home if home not in (None, "gone") else self.held.current)
            assert home_documents.room_of(where, device) is None

    @rule(device=st.sampled_from(DEVICES))
    def unbind(self, device: str) -> None:
        left = {each: holding for each, holding in self.held.holdings.items() if each != device}
        self.held = households.settled(replace(self.held, holdings=left))[0]

    @rule(name=NAMES)
    def create_home(self, name: str) -> None:
        ident = self._id("h")
        self._try(lambda: homes.with_home(self.held, Home(ident, name, self.made)))

    @rule(data=st.data())
    def delete_home(self, data: st.DataObject) -> None:
        home = self._home(data)
        self._try(lambda: homes.without_home(self.held, home.id))

    @rule(data=st.data(), name=NAMES)
    def rename_home(self, data: st.DataObject, name: str) -> None:
        home = self._home(data)
        self._try(lambda: homes.with_name(self.held, home.id, name))

    @rule(data=st.data(), name=NAMES)
    def create_room(self, data: st.DataObject, name: str) -> None:
        home, new = self._home(data), Room(self._id("r"), name, 1)
        self._edit(home, lambda: home_documents.add_room(home, new))

    @rule(data=st.data())
    def delete_room(self, data: st.DataObject) -> None:
        home = self._home(data)
        room = self._room(data, home)
        self._edit(home, lambda: home_documents.remove_room(home, room))

    @rule(data=st.data(), devices=SOME)
    def fill_room(self, data: st.DataObject, devices: list[str]) -> None:
        home = self._home(data)
        room = self._room(data, home)
        self._edit(home, lambda: home_documents.fill_room(home, room, devices))

    @rule(data=st.data(), devices=SOME)
    def move(self, data: st.DataObject, devices: list[str]) -> None:
        home = self._home(data)
        room = data.draw(st.sampled_from([None, *(each.id for each in home.rooms)]))
        self._try(lambda: home_rooms.moved(self.held, home.id, room, devices))

    @rule(data=st.data(), devices=SOME, name=NAMES)
    def create_group(self, data: st.DataObject, devices: list[str], name: str) -> None:
        home, ident = self._home(data), self._id("g")
        new = ControlGroup(ident, name, "p", 1, 0, tuple(devices))
        self._edit(home, lambda: home_groups.add(home, new))

    @rule(data=st.data())
    def delete_group(self, data: st.DataObject) -> None:
        home = self._home(data)
        ident = self._group(data, home)
        self._edit(home, lambda: home_groups.remove(home, [ident]))

    @rule(data=st.data(), devices=SOME)
    def fill_group(self, data: st.DataObject, devices: list[str]) -> None:
        home = self._home(data)
        ident = self._group(data, home)
        self._edit(home, lambda: home_groups.fill(home, ident, devices))

    @rule(data=st.data(), place=PLACES)
    def reorder(self, data: st.DataObject, place: int) -> None:
        home = self._home(data)
        element = data.draw(st.sampled_from([*home.order, "none"]))

        def reordered() -> Home:
            after = home_documents.reorder(home, element, place)
            assert after.order.index(element) == min(place, len(home.order) - 1)
            return after

        self._edit(home, reordered)

    @rule(data=st.data(), place=PLACES)
    def reorder_device(self, data: st.DataObject, place: int) -> None:
        home = self._home(data)
        device = data.draw(st.sampled_from([*home.bound, "none"]))

        def reordered() -> Home:
            after = home_documents.reorder_device(home, device, place)
            assert home_documents.devices(after).index(device) == min(place, len(home.bound) - 1)
            assert home_documents.groups(after) == home_documents.groups(home)
            return after

        self._edit(home, reordered)

    @rule(data=st.data(), place=PLACES)
    def reorder_group(self, data: st.DataObject, place: int) -> None:
        home = self._home(data)
        ident = self._group(data, home)

        def reordered() -> Home:
            after = home_groups.reorder(home, ident, place)
            ordered = [each.id for each in home_documents.groups(after)]
            assert ordered.index(ident) == min(place, len(home.groups) - 1)
            assert home_documents.devices(after) == home_documents.devices(home)
            return after

        self._edit(home, reordered)

    def _edit(self, home: Home, act: Any) -> None:
        self._try(lambda: households.with_homes(self.held, act()))

    @invariant()
    def every_device_is_in_one_home(self) -> None:
        placed = [device for home in self.held.homes for device in home.bound]
        assert sorted(placed) == sorted(self.held.holdings)

    @invariant()
    def the_orders_hold_everything_once(self) -> None:
        for home in self.held.homes:
            assert sorted(home.order) == sorted([*home.bound, *(each.id for each in home.groups)])

    @invariant()
    def rooms_and_groups_hold_devices_of_the_home_once(self) -> None:
        for home in self.held.homes:
            for holders in (home.rooms, home.groups):
                held = [device for each in holders for device in each.devices]
                assert len(set(held)) == len(held)
                assert set(held) <= home.bound.keys()

    @invariant()
    def names_and_addresses_are_unique(self) -> None:
        for names in (
            [home.name for home in self.held.homes],
            *([room.name for room in home.rooms] for home in self.held.homes),
            *([each.name for each in home.groups] for home in self.held.homes),
            *([each.address for each in home.groups] for home in self.held.homes),
        ):
            assert len(set(names)) == len(names)
            assert "bad!" not in names

    @invariant()
    def one_home_is_the_current_one(self) -> None:
        assert [each.id for each in self.held.homes].count(str(self.held.current)) == (
            1 if self.held.homes else 0
        )


HouseholdMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestHousehold = HouseholdMachine.TestCase
