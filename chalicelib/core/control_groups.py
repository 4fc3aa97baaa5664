"""Control groups: devices of one product in one home that are told things together.

Only lights and sockets are grouped; `CATEGORIES` says which products those are.

Source: Feiyan 6.8.21 to 6.8.30, 6.8.33
"""

from collections.abc import Mapping, Sequence

import msgspec

from . import clock, home_documents, home_groups, homes, households, ids, products
from .devices import Device
from .errors import InvalidInput, NotGroupable
from .home_documents import ControlGroup, Home
from .home_groups import FEWEST_MEMBERS
from .households import Household
from .products import Product
from .users import Person

# a product's category or, where it has none, its device type, whatever the case
CATEGORIES = frozenset({"light", "lamp", "lighting", "outlet", "socket", "plug"})


class GroupFacts(msgspec.Struct, frozen=True):
    group: ControlGroup
    product: Product | None


def groupable(product: Product) -> bool:
    """Whether devices of this product may be in a control group."""
    return (product.category_key or product.device_type or "").casefold() in CATEGORIES


def create(
    person: Person, home: str, name: str, product: str, devices: Sequence[str], *, local: bool = False
) -> str:
    """A new group of these devices, which are of the product with this short id; the group's id.

    Three AWS calls, and one where the product was not read seconds ago. Raises HomeNotFound, NotBound,
    NotGroupable, TooManyControlGroups, ControlGroupTooSmall, ControlGroupFull, InOtherControlGroup,
    InvalidInput, what `home_documents.check_name` raises, and Busy.

    Source: Feiyan 6.8.21
    """
    known = _read(person, devices)
    ident, at = ids.random_id(), clock.now()

    def created(household: Household) -> Household:
        found = household.home(home)
        households.need_bound(household, devices)
        of = _common_product(known, devices)
        if of is None or of.short_id != product:
            raise InvalidInput("productKey", "is not the product of the devices")
        if not groupable(of):
            raise NotGroupable(product)
        new = ControlGroup(ident, name, of.id, at, 0, tuple(devices), local)
        return households.with_homes(household, home_groups.add(found, new))

    households.change(person, created)
    return ident


def delete(person: Person, home: str, groups: Sequence[str]) -> list[int]:
    """All of the groups or none; answers the group addresses that are free again.

    Two AWS calls. Raises HomeNotFound, ControlGroupNotFound, InvalidInput, Busy.

    Source: Feiyan 6.8.22, 6.8.23
    """
    freed: list[int] = []

    def deleted(found: Home) -> Home:
        freed[:] = [home_documents.group(found, each).address for each in groups]
        return home_groups.remove(found, groups)

    if not groups:
        raise InvalidInput("controlGroupIdList", "is empty", missing=True)
    home_documents.check_distinct("controlGroupIdList", groups)
    households.change_home(person, home, deleted)
    return freed


def rename(person: Person, home: str, group: str, name: str) -> None:
    """Two AWS calls. Raises HomeNotFound, ControlGroupNotFound, what `home_documents.check_name` raises,
    Busy.

    Source: Feiyan 6.8.24
    """
    households.change_home(person, home, lambda found: home_groups.rename(found, group, name))


def get(person: Person, home: str, group: str) -> GroupFacts:
    """One AWS call, and one where its product was not read seconds ago. Raises HomeNotFound,
    ControlGroupNotFound.

    Source: Feiyan 6.8.25
    """
    found = home_documents.group(households.read(person).home(home), group)
    return GroupFacts(found, products.load(found.product))


def list_groups(person: Person, home: str, number: int, size: int) -> tuple[list[GroupFacts], int]:
    """A page in the order of the home, counted from 0, and how many there are. AWS calls as `get`. Raises
    HomeNotFound.

    Source: Feiyan 6.8.26
    """
    found = home_documents.groups(households.read(person).home(home))
    page = found[number * size : (number + 1) * size]
    known = products.load_all(each.product for each in page)
    return [GroupFacts(each, known.get(each.product)) for each in page], len(found)


def fill(person: Person, home: str, group: str, devices: Sequence[str]) -> None:
    """The group holds these devices of its home in this order, and no others. Costs as `create`.

    Raises HomeNotFound, ControlGroupNotFound, NotBound, ControlGroupTooSmall, ControlGroupFull,
    InOtherControlGroup, InvalidInput, Busy.

    Source: Feiyan 6.8.28
    """
    known = _read(person, devices)

    def filled(household: Household) -> Household:
        found = household.home(home)
        _check(household, found, group, devices, known)
        return households.with_homes(household, home_groups.fill(found, group, devices))

    households.change(person, filled)


def address_for(person: Person, home: str, group: str, devices: Sequence[str]) -> int:
    """The address in a mesh that these devices have to listen to as members of the group. Nothing changes.

    Two AWS calls, and one where the product was not read seconds ago. Raises as `fill`, but Busy.

    Source: Feiyan 6.8.33
    """
    known = _read(person, devices)
    household = households.read(person)
    found = household.home(home)
    _check(household, found, group, devices, known)
    home_groups.check(found, group, devices)
    return home_documents.group(found, group).address


def reorder(person: Person, home: str, group: str, place: int) -> None:
    """`place` from 0, among the home's groups. Two AWS calls. Raises HomeNotFound, ControlGroupNotFound,
    InvalidInput, Busy.

    Source: Feiyan 6.8.30
    """
    households.change_home(person, home, lambda found: home_groups.reorder(found, group, place))


def list_products(person: Person, home: str) -> list[Product]:
    """Products of which the home has devices for one more group: enough that may be in one and are in none.

    Two AWS calls, and one where a product was not read seconds ago. Raises HomeNotFound.

    Source: Feiyan 6.8.29
    """
    found = households.read(person).home(home)
    free = [each for each in home_documents.devices(found) if home_documents.group_of(found, each) is None]
    counted: dict[str, int] = {}
    for device in homes.read_devices(person, free).values():
        counted[device.product] = counted.get(device.product, 0) + 1
    enough = products.load_all(each for each, number in counted.items() if number >= FEWEST_MEMBERS)
    return sorted(filter(groupable, enough.values()), key=lambda each: (each.created, each.id))


def _read(person: Person, devices: Sequence[str]) -> dict[str, Device]:
    """Raises ControlGroupTooSmall, ControlGroupFull."""
    home_groups.check_size(devices)
    return homes.read_devices(person, devices)


def _check(
    household: Household, home: Home, group: str, devices: Sequence[str], known: Mapping[str, Device]
) -> None:
    """Raises ControlGroupNotFound, NotBound, InvalidInput."""
    found = home_documents.group(home, group)
    households.need_bound(household, devices)
    of = _common_product(known, devices)
    if of is None or of.id != found.product:
        raise InvalidInput("iotIdList", "names a device that is not of the group's product")


def _common_product(known: Mapping[str, Device], devices: Sequence[str]) -> Product | None:
    """None where they are of several, or one is not there."""
    found = {known[each].product if each in known else None for each in devices}
    only = found.pop() if len(found) == 1 else None
    return products.load(only) if only is not None else None
