"""A person's homes in the store: where bound devices are, races, and what each call costs."""

import itertools
from collections.abc import Callable

import pytest

from chalicelib.core import bindings, home_documents, home_rooms, homes, households, removal, users
from chalicelib.core.errors import (
    Busy,
    HomeNotFound,
    HouseholdNameTaken,
    NotBound,
    TooManyHomes,
    UserNotFound,
)
from chalicelib.core.users import Person
from chalicelib.store.homes import HOME, HomeRecord
from tests.conftest import Calls
from tests.support import bound
from tests.support.clock import FakeClock
from tests.support.faults import TRANSACTION, Faults
from tests.support.fleet import Fleet, make_fleet

QUERY, WRITE, GET, BATCH = (
    f"dynamodb.{each}" for each in ("Query", "TransactWriteItems", "GetItem", "BatchGetItem")
)


@pytest.fixture
def fleet(aws: None) -> Fleet:
    return make_fleet()


@pytest.fixture
def ann(fleet: Fleet) -> Person:
    return users.find(bound.person(fleet, "ann")).person


@pytest.fixture
def device(fleet: Fleet, ann: Person, clock: FakeClock) -> Callable[..., str]:
    """One more device that Ann is bound to."""
    numbers = itertools.count()

    def bind(home: str | None = None) -> str:
        made = bound.device(fleet, f"device-{next(numbers)}")
        clock.advance(1)
        bindings.bind(fleet.caller, ann.user, made, home=home)
        return made

    return bind


@pytest.fixture
def faults(ann: Person, monkeypatch: pytest.MonkeyPatch) -> Faults:
    monkeypatch.setattr(households, "pause", lambda _attempt: None)
    return Faults.installed(monkeypatch)


def where(person: Person) -> dict[str, list[str]]:
    """Devices by home's name. Every device the person is bound to is in exactly one."""
    household = households.read(person)
    found = {each.name: home_documents.devices(each) for each in household.homes}
    placed = sorted(device for devices in found.values() for device in devices)
    assert placed == sorted(household.holdings)
    return found


def test_the_first_home_takes_in_what_is_bound_already(ann: Person, device: Callable[..., str]) -> None:
    first = device()
    assert homes.list_homes(ann) == []
    assert homes.current_home(ann.user) is None
    assert households.read(ann).home_of(first) is None
    home = homes.create_home(ann, "one")
    assert homes.current_home(ann.user) == home
    assert where(ann) == {"one": [first]}


def test_devices_are_in_the_home_that_was_current_when_they_were_bound(
    ann: Person, device: Callable[..., str]
) -> None:
    homes.create_home(ann, "one")
    first = device()
    homes.create_home(ann, "two")
    second = device()
    assert where(ann) == {"one": [first], "two": [second]}
    one = homes.list_homes(ann)[0].id
    homes.set_current(ann, one)
    third = device()
    assert where(ann) == {"one": [first, third], "two": [second]}


def test_a_device_is_bound_for_a_home(ann: Person, fleet: Fleet, device: Callable[..., str]) -> None:
    one = homes.create_home(ann, "one")
    homes.create_home(ann, "two")
    first = device(one)
    assert where(ann) == {"one": [first], "two": []}
    with pytest.raises(HomeNotFound):
        device("0" * 32)
    bob = users.find(bound.person(fleet, "bob")).person
    with pytest.raises(HomeNotFound):
        bindings.bind(fleet.caller, bob.user, bound.device(fleet, "bobs"), home=one)
    homes.delete_home(ann, one)
    assert where(ann) == {"two": [first]}


def test_what_is_bound_no_longer_is_in_no_home_and_comes_back_as_new(
    ann: Person, fleet: Fleet, device: Callable[..., str], clock: FakeClock, calls: Calls
) -> None:
    home = homes.create_home(ann, "one")
    first, second = device(), device()
    room = home_rooms.create(ann, home, "kitchen")
    home_rooms.fill(ann, home, room, [second, first])
    calls.clear()
    bindings.unbind(ann.user, first)
    assert calls.made == [QUERY, WRITE]  # of the binding's own
    assert where(ann) == {"one": [second]}
    assert home_rooms.get(ann, home, room).room.devices == (second,)
    clock.advance(1)
    bindings.bind(fleet.caller, ann.user, first)
    assert where(ann) == {"one": [second, first]}
    assert home_rooms.get(ann, home, room).room.devices == (second,)


def test_what_comes_back_into_another_home_is_there_alone(
    ann: Person, fleet: Fleet, device: Callable[..., str], clock: FakeClock
) -> None:
    """Though the document of the home it was in before has not been tidied."""
    one = homes.create_home(ann, "one")
    first = device()
    home_rooms.fill(ann, one, home_rooms.create(ann, one, "kitchen"), [first])
    two = homes.create_home(ann, "two")
    bindings.unbind(ann.user, first)
    clock.advance(1)
    bindings.bind(fleet.caller, ann.user, first)
    home_rooms.fill(ann, two, home_rooms.create(ann, two, "hall"), [first])
    assert where(ann) == {"one": [], "two": [first]}


def test_a_deleted_device_leaves_at_once(ann: Person, fleet: Fleet, device: Callable[..., str]) -> None:
    home = homes.create_home(ann, "one")
    first, second = device(), device()
    removal.delete(fleet.caller, first)
    assert homes.get_home(ann, home).devices == 1
    removal.purge(first)
    assert where(ann) == {"one": [second]}


def test_another_persons_homes_are_absent(ann: Person, fleet: Fleet, device: Callable[..., str]) -> None:
    home = homes.create_home(ann, "one")
    mine = device()
    bob = users.find(bound.person(fleet, "bob")).person
    theirs = homes.create_home(bob, "one")
    for act in (
        lambda: homes.get_home(bob, home),
        lambda: homes.delete_home(bob, home),
        lambda: homes.rename_home(bob, home, "x"),
        lambda: homes.set_current(bob, home),
        lambda: home_rooms.create(bob, home, "kitchen"),
        lambda: home_rooms.move(ann, theirs, None, [mine]),
    ):
        with pytest.raises(HomeNotFound):
            act()
    with pytest.raises(NotBound):
        home_rooms.move(bob, theirs, None, [mine])
    assert where(ann) == {"one": [mine]}


def test_calls(ann: Person, device: Callable[..., str], calls: Calls) -> None:
    one = homes.create_home(ann, "one")
    first = device()
    two = homes.create_home(ann, "two")
    room = home_rooms.create(ann, one, "kitchen")

    def cost(act: Callable[[], object]) -> list[str]:
        calls.clear()
        act()
        return calls.made

    write, counted = [QUERY, WRITE], [QUERY, BATCH]
    assert cost(lambda: homes.list_homes(ann)) == [GET]
    assert cost(lambda: homes.current_home(ann.user)) == [GET]
    assert cost(lambda: homes.get_home(ann, one)) == counted
    assert cost(lambda: home_rooms.get(ann, one, room)) == [QUERY]  # an empty one
    assert cost(lambda: home_rooms.move(ann, one, room, [first])) == write
    assert cost(lambda: home_rooms.get(ann, one, room)) == counted
    assert cost(lambda: home_rooms.list_rooms(ann, one, 0, 20)) == counted
    assert cost(lambda: home_rooms.fill(ann, one, room, [])) == write
    assert cost(lambda: home_rooms.move(ann, two, None, [first])) == write
    assert cost(lambda: home_rooms.change(ann, one, room, "hall", None)) == write
    assert cost(lambda: home_rooms.order(ann, one, [room])) == [QUERY]  # nothing to change
    assert cost(lambda: home_rooms.delete(ann, one, room)) == write
    assert cost(lambda: homes.rename_home(ann, one, "1")) == write
    assert cost(lambda: homes.set_current(ann, one)) == write
    assert cost(lambda: homes.create_home(ann, "three")) == write
    assert cost(lambda: homes.delete_home(ann, two)) == write


def test_a_lost_answer_makes_no_second_home(ann: Person, faults: Faults) -> None:
    faults.lose_answer(TRANSACTION)
    homes.create_home(ann, "one")
    assert [each.name for each in homes.list_homes(ann)] == ["one"]


def test_two_first_homes_at_once(ann: Person, faults: Faults, device: Callable[..., str]) -> None:
    first = device()
    faults.before(TRANSACTION, lambda: homes.create_home(ann, "one"))
    with pytest.raises(HouseholdNameTaken):
        homes.create_home(ann, "one")
    assert where(ann) == {"one": [first]}


def test_two_tenth_homes_at_once(ann: Person, faults: Faults) -> None:
    for number in range(9):
        homes.create_home(ann, f"home {number}")
    faults.before(TRANSACTION, lambda: homes.create_home(ann, "another"))
    with pytest.raises(TooManyHomes):
        homes.create_home(ann, "tenth")
    assert len(homes.list_homes(ann)) == 10


def test_nobody_who_is_unregistered_gets_a_home(ann: Person, faults: Faults) -> None:
    faults.before(TRANSACTION, lambda: users.remove(ann.user))
    with pytest.raises(UserNotFound):
        homes.create_home(ann, "one")


def test_a_move_and_another_at_once_leave_the_device_in_one_home(
    ann: Person, faults: Faults, device: Callable[..., str]
) -> None:
    one = homes.create_home(ann, "one")
    first = device()
    two, three = homes.create_home(ann, "two"), homes.create_home(ann, "three")
    faults.before(TRANSACTION, lambda: home_rooms.move(ann, two, None, [first]))
    home_rooms.move(ann, three, None, [first])
    assert where(ann) == {"one": [], "two": [], "three": [first]}
    home_rooms.move(ann, one, None, [first])


def test_a_home_that_is_deleted_meanwhile_takes_nothing(
    ann: Person, faults: Faults, device: Callable[..., str]
) -> None:
    one = homes.create_home(ann, "one")
    first = device()
    two = homes.create_home(ann, "two")
    homes.set_current(ann, one)
    faults.before(TRANSACTION, lambda: homes.delete_home(ann, two))
    with pytest.raises(HomeNotFound):
        home_rooms.move(ann, two, None, [first])
    assert where(ann) == {"one": [first]}


RIVALS: list[Callable[[Person, dict[str, str], str], object]] = [
    lambda ann, ids, _: homes.set_current(ann, ids["one"]),
    lambda ann, ids, first: home_rooms.move(ann, ids["one"], None, [first]),
    lambda ann, ids, _: homes.create_home(ann, "new"),
    lambda ann, ids, _: homes.delete_home(ann, ids["two"]),
    lambda ann, ids, first: bindings.unbind(ann.user, first),
    lambda ann, ids, _: home_rooms.create(ann, ids["two"], "kitchen"),
    lambda ann, ids, first: home_rooms.reorder_device(ann, ids["two"], first, 0),
]


@pytest.mark.parametrize("rival", range(len(RIVALS)))
@pytest.mark.parametrize("act", range(len(RIVALS)))
def test_a_device_that_was_never_written_down_gets_into_one_home(
    act: int, rival: int, ann: Person, faults: Faults, device: Callable[..., str]
) -> None:
    """Whatever meets whatever: it is in the current home until somebody moves it."""
    ids = {name: homes.create_home(ann, name) for name in ("one", "two")}
    first = device()
    faults.before(TRANSACTION, lambda: RIVALS[rival](ann, ids, first))
    try:
        RIVALS[act](ann, ids, first)
    except (HomeNotFound, HouseholdNameTaken, NotBound):
        assert rival in (2, 3, 4) or act == rival
    homes.create_home(ann, "last")
    found = where(ann)
    assert found["last"] == []


def test_who_never_gets_through_gives_up(ann: Person, faults: Faults) -> None:
    home = homes.create_home(ann, "one")
    numbers = itertools.count()

    def interfere() -> None:
        record = HomeRecord.find(ann.user, HOME + home)
        assert record is not None
        record.version = 1000 + next(numbers)
        record.save()

    faults.before(TRANSACTION, interfere, times=households.TRIES)
    with pytest.raises(Busy):
        home_rooms.create(ann, home, "kitchen")
    home_rooms.create(ann, home, "kitchen")


def test_what_cannot_have_been_is_read_again(ann: Person, faults: Faults, device: Callable[..., str]) -> None:
    """A query reads one item after another: it may see a device leave one home before it is in the next."""
    one = homes.create_home(ann, "one")
    first = device()
    homes.create_home(ann, "two")
    record = HomeRecord.find(ann.user, HOME + one)
    assert record is not None
    double = HomeRecord(ann.user, HOME + homes.list_homes(ann)[1].id, document=record.document, version=9)
    held = HomeRecord.find(ann.user, double.item)
    assert held is not None
    double.save()
    faults.before("Query", lambda: held.save(), skip=1)
    assert where(ann) == {"one": [first], "two": []}
    double.save()
    with pytest.raises(Busy):
        households.read(ann)
