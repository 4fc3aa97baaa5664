"""Control groups of one home: pure functions over its document (`home_documents`).

Source: Feiyan 6.8.21 to 6.8.30
"""

from collections.abc import Sequence

from msgspec.structs import replace

from . import home_documents
from .errors import ControlGroupFull, ControlGroupTooSmall, InOtherControlGroup, TooManyControlGroups
from .home_documents import LONGEST_NAME, ControlGroup, Home, check_members, check_name, group

MOST_GROUPS = 20
FEWEST_MEMBERS = 2
MOST_MEMBERS = 100
FIRST_ADDRESS = 0xC000  # the lowest group address of a Bluetooth mesh


def add(home: Home, new: ControlGroup) -> Home:
    """The group gets an address of its own. Raises TooManyControlGroups, ControlGroupTooSmall,
    ControlGroupFull, InOtherControlGroup, InvalidInput and what `check_name` raises.
    """
    check_name(new.name, LONGEST_NAME, [each.name for each in home.groups])
    if len(home.groups) >= MOST_GROUPS:
        raise TooManyControlGroups(home.id)
    check(home, new.id, new.devices)
    taken = {each.address for each in home.groups}
    address = next(each for each in range(FIRST_ADDRESS, FIRST_ADDRESS + MOST_GROUPS) if each not in taken)
    made = replace(new, address=address)
    return replace(home, groups=(*home.groups, made), order=(*home.order, new.id))


def remove(home: Home, gone: Sequence[str]) -> Home:
    """All or none. Their devices stay in the home. Raises ControlGroupNotFound."""
    for each in gone:
        group(home, each)
    rest = tuple(each for each in home.groups if each.id not in gone)
    return replace(home, groups=rest, order=tuple(each for each in home.order if each not in gone))


def rename(home: Home, ident: str, name: str) -> Home:
    """Raises ControlGroupNotFound and what `check_name` raises."""
    found = group(home, ident)
    check_name(name, LONGEST_NAME, [each.name for each in home.groups if each.id != ident])
    return _with_group(home, replace(found, name=name))


def fill(home: Home, ident: str, wanted: Sequence[str]) -> Home:
    """The group holds these devices of the home in this order, and no others.

    Raises ControlGroupNotFound and what `check` raises.
    """
    found = group(home, ident)
    check(home, ident, wanted)
    return _with_group(home, replace(found, devices=tuple(wanted)))


def check(home: Home, ident: str, wanted: Sequence[str]) -> None:
    """Whether these may be the devices of a group. Raises ControlGroupTooSmall, ControlGroupFull,
    InOtherControlGroup, InvalidInput.

    Source: Feiyan 6.8.21
    """
    check_size(wanted)
    check_members(home, "iotIdList", wanted)
    for each in home.groups:
        if each.id != ident and not set(each.devices).isdisjoint(wanted):
            raise InOtherControlGroup(each.id)


def check_size(wanted: Sequence[str]) -> None:
    """Of a control group. Raises ControlGroupTooSmall, ControlGroupFull."""
    if len(wanted) < FEWEST_MEMBERS:
        raise ControlGroupTooSmall(str(len(wanted)))
    if len(wanted) > MOST_MEMBERS:
        raise ControlGroupFull(str(len(wanted)))


def reorder(home: Home, ident: str, place: int) -> Home:
    """Move a group among the groups. Raises ControlGroupNotFound."""
    group(home, ident)
    return replace(
        home, order=home_documents.moved_among(home.order, ident, place, lambda each: each not in home.bound)
    )


def _with_group(home: Home, new: ControlGroup) -> Home:
    return replace(home, groups=tuple(new if each.id == new.id else each for each in home.groups))
