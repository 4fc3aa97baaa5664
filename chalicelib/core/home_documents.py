"""What a person has at home: rooms, control groups, and which device is where. Pure functions over one home.

A home is one document. Its devices are those the person is bound to; when each was bound is kept with it,
so that a device that was unbound and bound again is a new one, in no room and no group, though nobody
tidied the document in between. A device is in one room or none, and in one control group or none.

One order holds devices and control groups: an order of the devices alone, or of the groups alone, is that
order without the others, so moving within one leaves the others as they were among themselves.

Source: Feiyan 6.8
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from .errors import (
    ControlGroupNotFound,
    HomeFull,
    HouseholdNameIllegal,
    HouseholdNameTaken,
    HouseholdNameTooLong,
    InvalidInput,
    RoomNotFound,
    TooManyRooms,
)

MOST_ROOMS = 20
MOST_DEVICES = 100  # of a home; of one call, too
LONGEST_HOME_NAME = 20
LONGEST_NAME = 40  # of rooms and control groups
NAME = re.compile(
    "[A-Za-z0-9 \u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+"
)  # letters, digits, spaces and Chinese characters


class Room(msgspec.Struct, frozen=True, omit_defaults=True):
    """`devices` in their order in the room; `created` in ms."""

    id: str
    name: str
    created: int
    background: str | None = None
    devices: tuple[str, ...] = ()


class ControlGroup(msgspec.Struct, frozen=True, omit_defaults=True):
    """Devices of one product that are told things together; the first is their master.

    `address` is the group's own in a mesh of devices, unique in the home. `local` says whether the
    devices may be told without the cloud.
    """

    id: str
    name: str
    product: str
    created: int
    address: int
    devices: tuple[str, ...] = ()
    local: bool = False


class Home(msgspec.Struct, frozen=True, omit_defaults=True):
    """`bound` is when each device was bound to the person, ms. `order` holds all devices and groups."""

    id: str
    name: str
    created: int
    bound: dict[str, int] = {}
    order: tuple[str, ...] = ()
    rooms: tuple[Room, ...] = ()
    groups: tuple[ControlGroup, ...] = ()


H = TypeVar("H", Room, ControlGroup)


def devices(home: Home) -> list[str]:
    """In their order."""
    return [each for each in home.order if each in home.bound]


def groups(home: Home) -> list[ControlGroup]:
    """In their order."""
    by_id = {each.id: each for each in home.groups}
    return [by_id[each] for each in home.order if each in by_id]


def room(home: Home, ident: str) -> Room:
    """Raises RoomNotFound."""
    for each in home.rooms:
        if each.id == ident:
            return each
    raise RoomNotFound(ident)


def group(home: Home, ident: str) -> ControlGroup:
    """Raises ControlGroupNotFound."""
    for each in home.groups:
        if each.id == ident:
            return each
    raise ControlGroupNotFound(ident)


def room_of(home: Home, device: str) -> Room | None:
    return next((each for each in home.rooms if device in each.devices), None)


def group_of(home: Home, device: str) -> ControlGroup | None:
    return next((each for each in home.groups if device in each.devices), None)


def check_name(name: str, longest: int, taken: Collection[str]) -> None:
    """`taken` are the names of the others. Raises HouseholdNameIllegal, HouseholdNameTooLong,
    HouseholdNameTaken.

    Source: Feiyan 2 (28804, 28805, 28812, 28813)
    """
    if not NAME.fullmatch(name) or not name.strip():
        raise HouseholdNameIllegal(name)
    if len(name) > longest:
        raise HouseholdNameTooLong(name)
    if name in taken:
        raise HouseholdNameTaken(name)


def keep(home: Home, bound: Mapping[str, int]) -> Home:
    """The home without the devices that are no longer bound since the time it knows."""
    return without(home, [each for each, since in home.bound.items() if bound.get(each) != since])


def without(home: Home, gone: Collection[str]) -> Home:
    """The home without these devices, in whatever room and group they were."""
    leaving = set(gone) & home.bound.keys()
    if not leaving:
        return home
    return replace(
        home,
        bound={each: since for each, since in home.bound.items() if each not in leaving},
        order=_less(home.order, leaving),
        rooms=_each(home.rooms, leaving),
        groups=_each(home.groups, leaving),
    )


def with_devices(home: Home, arriving: Mapping[str, int]) -> Home:
    """The home with these devices last, in no room; none of them is in it yet."""
    if not arriving:
        return home
    return replace(home, bound={**home.bound, **arriving}, order=(*home.order, *arriving))


def check_room_for(home: Home, arriving: int) -> None:
    """Raises HomeFull."""
    if arriving and len(home.bound) + arriving > MOST_DEVICES:
        raise HomeFull(home.id)


def add_room(home: Home, new: Room) -> Home:
    """Raises TooManyRooms and what `check_name` raises."""
    check_name(new.name, LONGEST_NAME, [each.name for each in home.rooms])
    if len(home.rooms) >= MOST_ROOMS:
        raise TooManyRooms(home.id)
    return replace(home, rooms=(*home.rooms, new))


def remove_room(home: Home, ident: str) -> Home:
    """Its devices stay in the home. Raises RoomNotFound."""
    room(home, ident)
    return replace(home, rooms=tuple(each for each in home.rooms if each.id != ident))


def change_room(home: Home, ident: str, name: str | None, background: str | None) -> Home:
    """None leaves what is. Raises RoomNotFound and what `check_name` raises."""
    found = room(home, ident)
    if name is not None:
        check_name(name, LONGEST_NAME, [each.name for each in home.rooms if each.id != ident])
        found = replace(found, name=name)
    if background is not None:
        found = replace(found, background=background or None)
    return _with_room(home, found)


def order_rooms(home: Home, wanted: Sequence[str]) -> Home:
    """Those not named follow in their present order. Raises RoomNotFound, InvalidInput."""
    check_distinct("roomIdList", wanted)
    first = [room(home, each) for each in wanted]
    return replace(home, rooms=(*first, *(each for each in home.rooms if each.id not in wanted)))


def put_in_room(home: Home, ident: str | None, moved: Sequence[str]) -> Home:
    """Devices of the home come last in the room, or into no room. Those that are there keep their place.

    Raises RoomNotFound.
    """
    target = room(home, ident) if ident is not None else None
    stay = target.devices if target is not None else ()
    leaving = set(moved) - set(stay)
    home = replace(home, rooms=_each(home.rooms, leaving))
    if target is None:
        return home
    arriving = [each for each in moved if each in leaving]
    return _with_room(home, replace(target, devices=(*stay, *arriving)))


def fill_room(home: Home, ident: str, wanted: Sequence[str]) -> Home:
    """The room holds these devices of the home in this order, and no others.

    Raises RoomNotFound, InvalidInput.
    """
    target = room(home, ident)
    check_members(home, "iotIdList", wanted)
    home = replace(home, rooms=_each(home.rooms, set(wanted)))
    return _with_room(home, replace(target, devices=tuple(wanted)))


def move_in_room(home: Home, ident: str, device: str, place: int) -> Home:
    """`place` from 0; beyond the end is the end. Raises RoomNotFound, InvalidInput."""
    target = room(home, ident)
    if device not in target.devices:
        raise InvalidInput("iotId", "is not in the room")
    return _with_room(home, replace(target, devices=moved_to(target.devices, device, place)))


def reorder(home: Home, element: str, place: int) -> Home:
    """Move a device or a group to a place among all of them, from 0; beyond the end is the end.

    Raises InvalidInput.
    """
    if element not in home.order:
        raise InvalidInput("elementId", "is not in the home")
    return replace(home, order=moved_to(home.order, element, place))


def reorder_device(home: Home, device: str, place: int) -> Home:
    """Move a device among the devices. Raises InvalidInput."""
    if device not in home.bound:
        raise InvalidInput("iotId", "is not in the home")
    return replace(home, order=moved_among(home.order, device, place, lambda each: each in home.bound))


def check_distinct(field: str, given: Sequence[str]) -> None:
    if len(set(given)) != len(given):
        raise InvalidInput(field, "names one twice")


def moved_to(order: Sequence[str], element: str, place: int) -> tuple[str, ...]:
    """`place` from 0; beyond the end is the end. Raises InvalidInput."""
    if place < 0:
        raise InvalidInput("targetOrder", "counts from the first place")
    rest = [each for each in order if each != element]
    rest.insert(place, element)
    return tuple(rest)


def moved_among(
    order: Sequence[str], element: str, place: int, like: Callable[[str], bool]
) -> tuple[str, ...]:
    """The order with the elements of one kind in a new order, on the places that they had."""
    own = iter(moved_to([each for each in order if like(each)], element, place))
    return tuple(next(own) if like(each) else each for each in order)


def check_members(home: Home, field: str, wanted: Sequence[str]) -> None:
    """Raises InvalidInput where they are not devices of the home, each named once."""
    check_distinct(field, wanted)
    for each in wanted:
        if each not in home.bound:
            raise InvalidInput(field, "names a device that is not in the home")


def _with_room(home: Home, new: Room) -> Home:
    return replace(home, rooms=tuple(new if each.id == new.id else each for each in home.rooms))


def _less(order: Iterable[str], gone: Collection[str]) -> tuple[str, ...]:
    return tuple(each for each in order if each not in gone)


def _each(holders: tuple[H, ...], gone: Collection[str]) -> tuple[H, ...]:
    """The rooms or groups without these devices."""
    return tuple(
        replace(each, devices=_less(each.devices, gone)) if set(gone).intersection(each.devices) else each
        for each in holders
    )
