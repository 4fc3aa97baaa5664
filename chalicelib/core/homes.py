"""A person's homes: making, naming and ending them, and which is the current one.

`core/households.py` says how they are kept.

Source: Feiyan 6.8.1 to 6.8.6
"""

from collections.abc import Mapping, Sequence

import msgspec
from msgspec.structs import replace

from ..store.devices import DEVICE, DeviceRecord
from ..store.homes import HOUSEHOLD, HouseholdRecord
from ..store.reading import Key, find_all
from . import clock, devices, home_documents, households, ids
from .devices import Device, Status
from .errors import HomeNotEmpty, LastHome, TooManyHomes
from .home_documents import LONGEST_HOME_NAME, MOST_DEVICES, Home
from .households import Household, with_homes
from .users import Person

MOST_HOMES = 10
AT_ONCE = 100  # devices of one read


class HomeFacts(msgspec.Struct, frozen=True):
    """`created` in ms; `devices` and `online` count what the person is bound to."""

    id: str
    name: str
    created: int
    current: bool
    rooms: int = 0
    devices: int = 0
    online: int = 0


def create_home(person: Person, name: str) -> str:
    """A new home, which is the current one from now on; its id. The person's first takes in all devices.

    Two AWS calls. Raises TooManyHomes, what `home_documents.check_name` raises, UserNotFound, Busy.

    Source: Feiyan 6.8.1, 6.8.4
    """
    new = Home(ids.random_id(), name, clock.now())
    households.change(person, lambda household: with_home(household, new))
    return new.id


def delete_home(person: Person, home: str) -> None:
    """Its devices move to the current home, which is the newest of the rest where it was the current one.

    Two AWS calls. Raises HomeNotFound, LastHome, HomeNotEmpty where the devices find no place, Busy.

    Source: Feiyan 6.8.2
    """
    households.change(person, lambda household: without_home(household, home))


def rename_home(person: Person, home: str, name: str | None) -> None:
    """Two AWS calls. Raises HomeNotFound and what `create_home` raises. Source: Feiyan 6.8.3"""
    households.change(person, lambda household: with_name(household, home, name))


def set_current(person: Person, home: str) -> None:
    """Two AWS calls. Raises HomeNotFound. Source: Feiyan 6.8.4"""
    households.change(person, lambda household: replace(household, current=household.home(home).id))


def current_home(user: str) -> str | None:
    """The person's current home. One AWS call. Source: Feiyan 6.6.30"""
    record = HouseholdRecord.find(user, HOUSEHOLD)
    return record.current if isinstance(record, HouseholdRecord) else None


def list_homes(person: Person) -> list[HomeFacts]:
    """Oldest first, without counts. One AWS call. Source: Feiyan 6.8.6"""
    record = HouseholdRecord.find(person.user, HOUSEHOLD)
    if record is None:
        return []
    return [
        HomeFacts(each.id, each.name, each.created, each.id == record.current)
        for each in households.listed(record)
    ]


def get_home(person: Person, home: str) -> HomeFacts:
    """Two AWS calls. Raises HomeNotFound. Source: Feiyan 6.8.5"""
    household = households.read(person)
    found = household.home(home)
    alive = read_devices(person, found.bound)
    return HomeFacts(
        id=home,
        name=found.name,
        created=found.created,
        current=household.current == home,
        rooms=len(found.rooms),
        devices=len(alive),
        online=online(alive, alive),
    )


def read_devices(person: Person, wanted: Mapping[str, object] | Sequence[str]) -> dict[str, Device]:
    """Those of the devices that are there, by id. One AWS call a hundred."""
    given = list(wanted)
    found: dict[str, Device] = {}
    for at in range(0, len(given), AT_ONCE):
        keys: list[Key] = [(DeviceRecord, each, DEVICE) for each in given[at : at + AT_ONCE]]
        for record in find_all(keys).values():
            if isinstance(record, DeviceRecord) and devices.visible(person, record):
                found[record.device] = devices.device_of(record)
    return found


def online(found: Mapping[str, Device], members: Mapping[str, object] | Sequence[str]) -> int:
    """How many of the members are connected."""
    return sum(each in found and found[each].status is Status.ONLINE for each in members)


def with_home(household: Household, new: Home) -> Household:
    """With a new home, the current one. Raises TooManyHomes and what `check_name` raises."""
    _check_name(household, new)
    if len(household.homes) >= MOST_HOMES:
        raise TooManyHomes(new.id)
    if not household.homes:
        new = home_documents.with_devices(
            new, {each.device: each.bound for each in household.holdings.values()}
        )
    return replace(household, homes=(*household.homes, new), current=new.id)


def without_home(household: Household, ident: str) -> Household:
    """Raises HomeNotFound, LastHome, HomeNotEmpty."""
    gone = household.home(ident)
    rest = tuple(each for each in household.homes if each.id != ident)
    if not rest:
        raise LastHome(ident)
    current = rest[-1].id if household.current == ident else household.current
    left = replace(household, homes=rest, current=current)
    if not gone.bound:
        return left
    target = left.home(str(current))
    if len(target.bound) + len(gone.bound) > MOST_DEVICES:
        raise HomeNotEmpty(ident)
    moved = {each: gone.bound[each] for each in home_documents.devices(gone)}
    return with_homes(left, home_documents.with_devices(target, moved))


def with_name(household: Household, ident: str, name: str | None) -> Household:
    """None leaves what is. Raises HomeNotFound and what `check_name` raises."""
    found = household.home(ident)
    if name is None:
        return household
    renamed = replace(found, name=name)
    _check_name(household, renamed)
    return with_homes(household, renamed)


def _check_name(household: Household, home: Home) -> None:
    others = [each.name for each in household.homes if each.id != home.id]
    home_documents.check_name(home.name, LONGEST_HOME_NAME, others)
