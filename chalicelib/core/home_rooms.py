"""Rooms of a home, the order of what is in it, and moving devices between rooms and homes.

Source: Feiyan 6.8.8 to 6.8.20
"""

from collections.abc import Sequence

import msgspec

from . import clock, home_documents, homes, households, ids
from .errors import HomeFull, InvalidInput
from .home_documents import MOST_DEVICES, Room
from .households import Household
from .users import Person


class RoomFacts(msgspec.Struct, frozen=True):
    room: Room
    devices: int
    online: int


def create(person: Person, home: str, name: str, background: str | None = None) -> str:
    """A new room, the last one of the home; its id.

    Two AWS calls. Raises HomeNotFound, TooManyRooms, what `home_documents.check_name` raises, Busy.

    Source: Feiyan 6.8.10
    """
    new = Room(ids.random_id(), name, clock.now(), background or None)
    households.change_home(person, home, lambda found: home_documents.add_room(found, new))
    return new.id


def delete(person: Person, home: str, room: str) -> None:
    """Its devices stay in the home, in no room. Two AWS calls. Raises HomeNotFound, RoomNotFound, Busy.

    Source: Feiyan 6.8.11
    """
    households.change_home(person, home, lambda found: home_documents.remove_room(found, room))


def change(person: Person, home: str, room: str, name: str | None, background: str | None) -> None:
    """None leaves what is. Two AWS calls. Raises RoomNotFound and what `create` raises.

    Source: Feiyan 6.8.12
    """
    households.change_home(
        person, home, lambda found: home_documents.change_room(found, room, name, background)
    )


def get(person: Person, home: str, room: str) -> RoomFacts:
    """Two AWS calls. Raises HomeNotFound, RoomNotFound. Source: Feiyan 6.8.13"""
    found = home_documents.room(households.read(person).home(home), room)
    return _facts(person, [found])[0]


def list_rooms(person: Person, home: str, number: int, size: int) -> tuple[list[RoomFacts], int]:
    """A page, counted from 0, and how many rooms there are. Two AWS calls. Raises HomeNotFound.

    Source: Feiyan 6.8.14
    """
    rooms = households.read(person).home(home).rooms
    return _facts(person, rooms[number * size : (number + 1) * size]), len(rooms)


def order(person: Person, home: str, rooms: Sequence[str]) -> None:
    """Two AWS calls. Raises HomeNotFound, RoomNotFound, InvalidInput, Busy. Source: Feiyan 6.8.18"""
    households.change_home(person, home, lambda found: home_documents.order_rooms(found, rooms))


def fill(person: Person, home: str, room: str, devices: Sequence[str]) -> None:
    """The room holds these devices of its home in this order, and no others.

    Two AWS calls. Raises HomeNotFound, RoomNotFound, NotBound, HomeFull, InvalidInput, Busy.

    Source: Feiyan 6.8.20
    """
    if len(devices) > MOST_DEVICES:
        raise HomeFull(home)

    def filled(household: Household) -> Household:
        found = household.home(home)
        home_documents.room(found, room)
        households.need_bound(household, devices)
        return households.with_homes(household, home_documents.fill_room(found, room, devices))

    households.change(person, filled)


def move(person: Person, home: str, room: str | None, devices: Sequence[str]) -> None:
    """Devices go to a room, or to a home and into none of its rooms, wherever they were; from another home
    they come without their control group.

    Two AWS calls. Raises HomeNotFound, RoomNotFound, NotBound, HomeFull, InvalidInput, Busy.

    Source: Feiyan 6.8.19
    """
    households.change(person, lambda household: moved(household, home, room, devices))


def moved(household: Household, home: str, room: str | None, devices: Sequence[str]) -> Household:
    target = household.home(home)
    if room is not None:
        home_documents.room(target, room)
    if not devices:
        raise InvalidInput("deviceList", "is empty", missing=True)
    home_documents.check_distinct("deviceList", devices)
    if len(devices) > MOST_DEVICES:
        raise HomeFull(home)
    households.need_bound(household, devices)
    arriving = {each: household.holdings[each].bound for each in devices if each not in target.bound}
    home_documents.check_room_for(target, len(arriving))
    left = [home_documents.without(each, arriving) for each in household.homes if each.id != home]
    target = home_documents.with_devices(target, arriving)
    target = home_documents.put_in_room(target, room, devices)
    return households.with_homes(household, *left, target)


def reorder_in_room(person: Person, home: str, room: str, device: str, place: int) -> None:
    """`place` from 0. Two AWS calls. Raises HomeNotFound, RoomNotFound, NotBound, InvalidInput, Busy.

    Source: Feiyan 6.8.17
    """

    def reordered(household: Household) -> Household:
        found = household.home(home)
        home_documents.room(found, room)
        households.need_bound(household, [device])
        return households.with_homes(household, home_documents.move_in_room(found, room, device, place))

    households.change(person, reordered)


def reorder_device(person: Person, home: str, device: str, place: int) -> None:
    """`place` from 0, among the home's devices. Two AWS calls. Raises HomeNotFound, NotBound,
    InvalidInput, Busy.

    Source: Feiyan 6.8.9
    """

    def reordered(household: Household) -> Household:
        found = household.home(home)
        households.need_bound(household, [device])
        return households.with_homes(household, home_documents.reorder_device(found, device, place))

    households.change(person, reordered)


def reorder_element(person: Person, home: str, element: str, place: int) -> None:
    """`place` from 0, among the home's devices and control groups. Two AWS calls. Raises HomeNotFound,
    InvalidInput, Busy.

    Source: Feiyan 6.8.8
    """
    households.change_home(person, home, lambda found: home_documents.reorder(found, element, place))


def _facts(person: Person, rooms: Sequence[Room]) -> list[RoomFacts]:
    """One AWS call a hundred devices."""
    found = homes.read_devices(person, [device for room in rooms for device in room.devices])
    return [
        RoomFacts(room, sum(each in found for each in room.devices), homes.online(found, room.devices))
        for room in rooms
    ]
