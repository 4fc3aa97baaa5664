"""All of a person's homes as one value, and changing it.

The homes are read together with the person's bindings, in one query. A device stands in the document of
its home, with the time it was bound; one that stands in none has come since, and is in the home it was
bound for, else in the current one. Whoever writes such a device down makes sure in the same transaction
that no home, and not which one is current, has changed since the read, and a device that moves between
two homes changes both documents: so no device is ever in two. One that is bound no longer is in none,
whether or not the document was tidied: `home_documents.keep`.

A change is a pure function of the household, written on condition that nothing it was made from has
changed, and asked again where something has.

Source: Feiyan 6.8
"""

from collections.abc import Callable, Sequence

import msgspec
from msgspec.structs import replace
from pynamodb.expressions.condition import Condition

from ..store.homes import AFTER_HOMES, HOME, HOUSEHOLD, HomeRecord, HouseholdRecord
from ..store.transactions import ConditionFailed, Transaction, pause
from ..store.users import BINDING, USER, BindingRecord, UserItem, UserRecord
from . import home_documents, users
from .errors import Busy, HomeNotFound, NotBound, UserNotFound
from .home_documents import ControlGroup, Home, Room
from .users import Person

TRIES = 16


class Holding(msgspec.Struct, frozen=True):
    """A device the person is bound to, since `bound` ms; `home` where it was bound for one."""

    device: str
    role: str
    bound: int
    nickname: str | None = None
    home: str | None = None


class Household(msgspec.Struct, frozen=True):
    """Homes, oldest first, and devices as they were bound. `current` is None where there is no home."""

    homes: tuple[Home, ...] = ()
    current: str | None = None
    holdings: dict[str, Holding] = {}

    def home(self, ident: str) -> Home:
        """Raises HomeNotFound."""
        for each in self.homes:
            if each.id == ident:
                return each
        raise HomeNotFound(ident)

    def home_of(self, device: str) -> Home | None:
        """None where the person has no home."""
        return next((each for each in self.homes if device in each.bound), None)


Edit = Callable[[Household], Household]


class Listed(msgspec.Struct, frozen=True):
    id: str
    name: str
    created: int


class _Content(msgspec.Struct, frozen=True, omit_defaults=True):
    bound: dict[str, int] = {}
    order: tuple[str, ...] = ()
    rooms: tuple[Room, ...] = ()
    groups: tuple[ControlGroup, ...] = ()


class _Stored(msgspec.Struct, frozen=True):
    """What was read: the household, the version of each item, and homes with devices not written down."""

    household: Household
    version: int | None  # of the list of homes
    versions: dict[str, int]
    unwritten: frozenset[str]


def read(person: Person) -> Household:
    """One AWS call for some thousand devices."""
    return _read(person.user).household


def change(person: Person, edit: Edit) -> Household:
    """Put what `edit` makes of the household in its place; what it raises is passed on.

    Two AWS calls; one where nothing changes. Raises UserNotFound, Busy.
    """
    for attempt in range(TRIES):
        stored = _read(person.user)
        wanted = edit(stored.household)
        change = _difference(person.user, stored, wanted)
        try:
            change.commit()
        except ConditionFailed:
            pause(attempt)
        else:
            return wanted
    raise Busy(person.user)


def change_home(person: Person, home: str, edit: Callable[[Home], Home]) -> None:
    """As `change`, within one home. Raises HomeNotFound too."""
    change(person, lambda household: with_homes(household, edit(household.home(home))))


def need_bound(household: Household, wanted: Sequence[str]) -> None:
    """Raises NotBound."""
    for each in wanted:
        if each not in household.holdings:
            raise NotBound(each)


def with_homes(household: Household, *changed: Home) -> Household:
    """With these in place of the homes of their ids."""
    new = {each.id: each for each in changed}
    return replace(household, homes=tuple(new.get(each.id, each) for each in household.homes))


def _read(user: str) -> _Stored:
    """A query is no snapshot: one that met a change half way is made again. Raises Busy."""
    for attempt in range(TRIES):
        if attempt:
            pause(attempt)
        stored = _query(user)
        if stored is not None:
            return stored
    raise Busy(user)


def _query(user: str) -> _Stored | None:
    """None where the homes cannot have been so at any time."""
    index: HouseholdRecord | None = None
    records: dict[str, HomeRecord] = {}
    holdings: list[Holding] = []
    for record in UserItem.query(user, UserItem.item.between(BINDING, AFTER_HOMES), consistent_read=True):
        if isinstance(record, BindingRecord):
            holdings.append(_holding(record))
        elif isinstance(record, HouseholdRecord):
            index = record
        elif isinstance(record, HomeRecord):
            records[record.item.removeprefix(HOME)] = record
    holdings.sort(key=lambda each: (each.bound, each.device))
    held = {each.device: each for each in holdings}
    known = listed(index) if index is not None else []
    if any(each.id not in records for each in known):
        return None
    bound = {each.device: each.bound for each in holdings}
    homes = tuple(home_documents.keep(_home(each, records[each.id]), bound) for each in known)
    if sum(len(each.bound) for each in homes) > len({device for each in homes for device in each.bound}):
        return None
    current = index.current if index is not None else None
    household, unwritten = settled(Household(homes, current, held))
    return _Stored(
        household,
        int(index.version) if index is not None else None,
        {each.id: int(records[each.id].version) for each in known},
        unwritten,
    )


def settled(household: Household) -> tuple[Household, frozenset[str]]:
    """The household with what is bound now in its homes, and the homes that have devices which only the
    present current home, or a home's end, put there.
    """
    bound = {each.device: each.bound for each in household.holdings.values()}
    homes = {each.id: home_documents.keep(each, bound) for each in household.homes}
    placed = {device for each in homes.values() for device in each.bound}
    unwritten: set[str] = set()
    for device, holding in household.holdings.items():
        if device in placed or household.current is None:
            continue
        target = household.current
        if holding.home in homes:
            target = str(holding.home)
        else:
            unwritten.add(target)
        homes[target] = home_documents.with_devices(homes[target], {device: holding.bound})
    return replace(household, homes=tuple(homes.values())), frozenset(unwritten)


def _difference(user: str, stored: _Stored, wanted: Household) -> Transaction:
    """What makes the stored household the wanted one, if nobody has changed what it depends on."""
    change = Transaction()
    before = {each.id: each for each in stored.household.homes}
    after = {each.id: each for each in wanted.homes}
    moved = wanted.current != stored.household.current
    gone = before.keys() - after.keys()
    changed = {
        ident
        for ident, home in after.items()
        if ident not in before
        or _content(before[ident]) != _content(home)
        or (moved and ident in stored.unwritten)
    }
    for ident in sorted(changed):
        version = stored.versions.get(ident)
        record = HomeRecord(user, HOME + ident, document=_encoded(after[ident]), version=(version or 0) + 1)
        change.put(record, _same_home(version))
    for ident in sorted(gone):
        change.delete(HomeRecord(user, HOME + ident), _same_home(stored.versions[ident]))
    relies = not stored.unwritten.isdisjoint(changed | gone)
    if relies:
        for ident in sorted(before.keys() - changed - gone):
            change.check(HomeRecord(user, HOME + ident), _same_home(stored.versions[ident]))
    index = HouseholdRecord(user, HOUSEHOLD)
    if moved or _index(wanted) != _index(stored.household):
        index.homes, index.current = _index(wanted), wanted.current
        index.version = (stored.version or 0) + 1
        change.put(index, _same_index(stored.version))
        if after.keys() - before.keys():
            change.check(UserRecord(user, USER), users.alive(), UserNotFound(user))
    elif relies:
        change.check(index, _same_index(stored.version))
    return change


def _same_home(version: int | None) -> Condition:
    """As it was read; None where it was not there."""
    same: Condition = HomeRecord.user.does_not_exist() if version is None else HomeRecord.version == version
    return same


def _same_index(version: int | None) -> Condition:
    same: Condition = (
        HouseholdRecord.user.does_not_exist() if version is None else HouseholdRecord.version == version
    )
    return same


def _index(household: Household) -> str:
    return msgspec.json.encode(
        [Listed(each.id, each.name, each.created) for each in household.homes]
    ).decode()


def listed(record: HouseholdRecord) -> list[Listed]:
    return msgspec.json.decode(record.homes, type=list[Listed])


def _home(known: Listed, record: HomeRecord) -> Home:
    content = msgspec.json.decode(record.document, type=_Content)
    return Home(
        known.id, known.name, known.created, content.bound, content.order, content.rooms, content.groups
    )


def _content(home: Home) -> _Content:
    return _Content(home.bound, home.order, home.rooms, home.groups)


def _encoded(home: Home) -> str:
    return msgspec.json.encode(_content(home)).decode()


def _holding(record: BindingRecord) -> Holding:
    return Holding(
        device=record.item.removeprefix(BINDING),
        role=record.role,
        bound=int(record.bound),
        nickname=record.nickname,
        home=record.home,
    )
