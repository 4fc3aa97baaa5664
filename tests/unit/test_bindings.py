"""Bindings: one manager whatever happens at once, both sides or none, limits, order, and their ends."""

import msgspec
import pytest
from pynamodb.exceptions import PynamoDBException

from chalicelib.core import (
    binding_ends,
    binding_reads,
    bindings,
    extended_properties,
    homes,
    households,
    registration,
    removal,
    users,
)
from chalicelib.core.bindings import Mode, Reason, Role
from chalicelib.core.errors import (
    BindRefused,
    BoundAlready,
    BoundByOther,
    Busy,
    DeviceNotFound,
    HomeNotFound,
    InvalidInput,
    NotBound,
    NotManager,
    TooManyBindings,
    TooManyHolders,
    UserNotFound,
)
from chalicelib.handlers import outbox
from chalicelib.store.devices import CREDENTIALS, DEVICE, CredentialsRecord, DeviceItem, DeviceRecord
from chalicelib.store.transactions import Transaction
from chalicelib.store.users import USER, UserRecord
from tests.conftest import Calls
from tests.support.bound import assert_whole, device, gateway_with, person, stranger, told
from tests.support.clock import FakeClock
from tests.support.faults import Crash, Faults
from tests.support.fleet import Fleet, make_fleet
from tests.support.iot import FakeIot
from tests.support.queues import WorkQueue
from tests.support.triggers import received, stream

ABSENT = "f" * 32
WRITE = "dynamodb.TransactWriteItems"
QUERY = "dynamodb.Query"


@pytest.fixture
def fleet(aws: None) -> Fleet:
    return make_fleet()


@pytest.fixture
def ann(fleet: Fleet) -> str:
    return person(fleet, "ann")


@pytest.fixture
def bob(fleet: Fleet) -> str:
    return person(fleet, "bob")


@pytest.fixture
def lamp(fleet: Fleet) -> str:
    return device(fleet, "lamp")


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bindings, "MOST", 2)
    monkeypatch.setattr(bindings, "MOST_HOLDERS", 3)


def person_of(fleet: Fleet, user: str) -> users.Person:
    return users.get(fleet.caller, user).person


def shared(fleet: Fleet, ann: str, bob: str, lamp: str) -> None:
    bindings.bind(fleet.caller, ann, lamp)
    bindings.bind(fleet.caller, bob, lamp, Role.MEMBER)


# making them


def test_the_first_is_the_manager_in_one_call_and_it_is_told(
    fleet: Fleet, ann: str, lamp: str, clock: FakeClock, calls: Calls
) -> None:
    calls.clear()
    made = bindings.bind(fleet.caller, ann, lamp)
    assert calls.made == [WRITE]
    assert (made.user, made.device, made.role, made.bound) == (ann, lamp, Role.MANAGER, clock.at)
    calls.clear()
    assert bindings.of_user(ann) == [made]
    assert calls.made == [QUERY]
    calls.clear()
    [holder] = bindings.of_device(lamp)
    assert calls.made == [QUERY]
    assert (holder.user, holder.role) == (ann, Role.MANAGER)
    assert bindings.get(ann, lamp) == made
    assert told(lamp) == [("user.bound", {"user": ann, "role": "manager"})]
    assert_whole()


def test_the_second_is_refused_or_a_member(fleet: Fleet, ann: str, bob: str, lamp: str) -> None:
    bindings.bind(fleet.caller, ann, lamp)
    with pytest.raises(BoundByOther):
        bindings.bind(fleet.caller, bob, lamp)
    with pytest.raises(BoundAlready):
        bindings.bind(fleet.caller, ann, lamp)
    with pytest.raises(BoundAlready):
        bindings.bind(fleet.caller, ann, lamp, Role.MEMBER)
    assert bindings.bind(fleet.caller, bob, lamp, Role.MEMBER).role is Role.MEMBER
    assert [(each.user, each.role) for each in bindings.of_device(lamp)] == [
        (ann, Role.MANAGER),
        (bob, Role.MEMBER),
    ]
    with pytest.raises(BoundAlready):
        bindings.bind(fleet.caller, bob, lamp)
    assert_whole()


def test_a_member_needs_a_manager_and_the_one_who_was_named(
    fleet: Fleet, ann: str, bob: str, lamp: str
) -> None:
    with pytest.raises(BindRefused):
        bindings.bind(fleet.caller, bob, lamp, Role.MEMBER)
    bindings.bind(fleet.caller, ann, lamp)
    with pytest.raises(NotManager):
        bindings.bind(fleet.caller, bob, lamp, Role.MEMBER, by=ABSENT)
    bindings.bind(fleet.caller, bob, lamp, Role.MEMBER, by=ann)
    assert_whole()


def test_who_was_refused_for_what_is_over_by_now_is_bound(
    fleet: Fleet, ann: str, bob: str, lamp: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The manager comes between the refusal and the look for its reason."""
    faults = Faults.installed(monkeypatch)
    faults.before("GetItem", lambda: bindings.bind(fleet.caller, ann, lamp), skip=1)
    assert bindings.bind(fleet.caller, bob, lamp, Role.MEMBER).role is Role.MEMBER
    assert_whole()


def test_a_device_is_bound_for_a_home_of_the_persons(
    fleet: Fleet, ann: str, bob: str, lamp: str, calls: Calls
) -> None:
    homes.create_home(person_of(fleet, ann), "first")
    theirs = homes.create_home(person_of(fleet, bob), "bobs")
    for unknown in (ABSENT, theirs):
        with pytest.raises(HomeNotFound):
            bindings.bind(fleet.caller, ann, lamp, home=unknown)
        with pytest.raises(HomeNotFound):
            bindings.take(fleet.caller, ann, lamp, Mode.SEIZED, unknown)
    own = homes.list_homes(person_of(fleet, ann))[0].id
    homes.create_home(person_of(fleet, ann), "second")
    calls.clear()
    bindings.take(fleet.caller, ann, lamp, Mode.SEIZED, own)
    assert calls.made == [WRITE]
    assert list(households.read(person_of(fleet, ann)).home(own).bound) == [lamp]
    bindings.take(fleet.caller, bob, lamp, Mode.SEIZED, theirs)
    assert list(households.read(person_of(fleet, bob)).home(theirs).bound) == [lamp]
    assert households.read(person_of(fleet, ann)).home(own).bound == {}
    assert_whole()


def test_what_goes_beside_is_of_the_same_change(fleet: Fleet, ann: str, lamp: str) -> None:
    def refuse(change: Transaction) -> None:
        change.check(UserRecord(ABSENT, USER), UserRecord.user.exists(), InvalidInput("beside"))

    with pytest.raises(InvalidInput):
        bindings.bind(fleet.caller, ann, lamp, beside=refuse)
    assert bindings.of_device(lamp) == []
    assert told(lamp) == []
    assert_whole()


@pytest.mark.parametrize("role", Role)
def test_anothers_device_and_person_are_absent(fleet: Fleet, ann: str, lamp: str, role: Role) -> None:
    other = make_fleet("other")
    for caller in (stranger(fleet), other.caller):
        with pytest.raises(DeviceNotFound):
            bindings.bind(caller, ann, lamp, role)
    theirs, thing = person(other, "eve"), device(other, "thing")
    with pytest.raises(DeviceNotFound):
        bindings.bind(fleet.caller, ann, thing, role)
    with pytest.raises(UserNotFound):
        bindings.bind(fleet.caller, theirs, lamp, role)
    for nobody in (ABSENT, "", "ann"):
        with pytest.raises(UserNotFound):
            bindings.bind(fleet.caller, nobody, lamp, role)
        with pytest.raises(DeviceNotFound):
            bindings.bind(fleet.caller, ann, nobody, role)
    assert_whole()


def test_a_registration_that_is_over_is_no_device(fleet: Fleet, ann: str, clock: FakeClock) -> None:
    new = registration.NewDevice("late", registration.BY_SECRET, product=fleet.product.id, timeout=60)
    late = registration.register(fleet.caller, new).device.device
    clock.at += 60_000
    with pytest.raises(DeviceNotFound):
        bindings.bind(fleet.caller, ann, late)


def test_a_person_who_leaves_is_bound_to_nothing_more(fleet: Fleet, ann: str, lamp: str) -> None:
    users.remove(ann)
    with pytest.raises(UserNotFound):
        bindings.bind(fleet.caller, ann, lamp)


def test_limits(fleet: Fleet, ann: str, lamp: str, few: None) -> None:
    bindings.bind(fleet.caller, ann, lamp)
    bindings.bind(fleet.caller, ann, device(fleet, "second"))
    with pytest.raises(TooManyBindings):
        bindings.bind(fleet.caller, ann, device(fleet, "third"))
    for name in ("b", "c"):
        bindings.bind(fleet.caller, person(fleet, name), lamp, Role.MEMBER)
    late = person(fleet, "d")
    with pytest.raises(TooManyHolders):
        bindings.bind(fleet.caller, late, lamp, Role.MEMBER)
    bindings.unbind(ann, lamp)
    bindings.bind(fleet.caller, late, lamp)
    bindings.bind(fleet.caller, ann, lamp, Role.MEMBER)
    assert_whole()


def test_all_the_people_a_device_takes_end_in_one_transaction(
    fleet: Fleet, lamp: str, work: WorkQueue
) -> None:
    people = [person(fleet, f"p{number}") for number in range(bindings.MOST_HOLDERS)]
    bindings.bind(fleet.caller, people[0], lamp)
    for each in people[1:]:
        bindings.bind(fleet.caller, each, lamp, Role.MEMBER)
    late = person(fleet, "late")
    taken = bindings.take(fleet.caller, late, lamp, Mode.SEIZED)
    assert sorted(taken.ended) == sorted(people)
    assert_whole()
    for each in people[1:]:
        bindings.bind(fleet.caller, each, lamp, Role.MEMBER)
    assert len(bindings.unbind(late, lamp)) == bindings.MOST_HOLDERS
    assert_whole()


# what becomes of who comes second


def test_modes(fleet: Fleet, ann: str, bob: str, lamp: str, calls: Calls) -> None:
    first = bindings.take(fleet.caller, ann, lamp, Mode.AUTHORIZED)
    assert (first.binding.role, first.ended) == (Role.MANAGER, [])
    with pytest.raises(BoundByOther):
        bindings.take(fleet.caller, bob, lamp, Mode.AUTHORIZED)
    calls.clear()
    second = bindings.take(fleet.caller, bob, lamp, Mode.SHARED)
    assert calls.made == [WRITE] * 2
    assert (second.binding.role, second.ended) == (Role.MEMBER, [])
    third = person(fleet, "cat")
    calls.clear()
    seized = bindings.take(fleet.caller, third, lamp, Mode.SEIZED)
    assert calls.made == [WRITE, QUERY, WRITE]
    assert (seized.binding.role, sorted(seized.ended)) == (Role.MANAGER, sorted([ann, bob]))
    assert [each.user for each in bindings.of_device(lamp)] == [third]
    (kind, ended), (_, bound) = told(lamp)[-2:]
    assert (kind, ended["reason"]) == ("user.unbound", "seized")
    assert sorted(each["user"] for each in ended["users"]) == sorted([ann, bob])
    assert bound["user"] == third
    with pytest.raises(BoundAlready):
        bindings.take(fleet.caller, third, lamp, Mode.SEIZED)
    assert_whole()


def test_seizing_sees_who_came_meanwhile(
    fleet: Fleet, ann: str, bob: str, lamp: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bindings.bind(fleet.caller, ann, lamp)
    cat = person(fleet, "cat")
    faults = Faults.installed(monkeypatch)
    join = lambda: bindings.bind(fleet.caller, bob, lamp, Role.MEMBER)  # noqa: E731
    faults.before("TransactWriteItems", join, skip=1)
    taken = bindings.take(fleet.caller, cat, lamp, Mode.SEIZED)
    assert sorted(taken.ended) == sorted([ann, bob])
    assert_whole()


def test_a_member_to_be_becomes_the_manager_where_that_one_has_just_gone(
    fleet: Fleet, ann: str, bob: str, lamp: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bindings.bind(fleet.caller, ann, lamp)
    faults = Faults.installed(monkeypatch)
    faults.before("TransactWriteItems", lambda: bindings.unbind(ann, lamp), skip=1)
    assert bindings.take(fleet.caller, bob, lamp, Mode.SHARED).binding.role is Role.MANAGER
    assert_whole()


# two at once, and a device on its way out


@pytest.mark.parametrize("role", [None, Role.MANAGER])
def test_of_two_managers_at_once_one_wins(
    fleet: Fleet, ann: str, bob: str, lamp: str, monkeypatch: pytest.MonkeyPatch, role: Role | None
) -> None:
    faults = Faults.installed(monkeypatch)
    faults.before("TransactWriteItems", lambda: bindings.bind(fleet.caller, bob, lamp, role))
    with pytest.raises(BoundByOther):
        bindings.bind(fleet.caller, ann, lamp, role)
    assert [each.user for each in bindings.of_device(lamp)] == [bob]
    assert bindings.of_user(ann) == []
    assert_whole()


def test_binding_loses_against_a_deletion_that_came_first(
    fleet: Fleet, ann: str, lamp: str, work: WorkQueue, iot: FakeIot, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults = Faults.installed(monkeypatch)
    faults.before("TransactWriteItems", lambda: removal.delete(fleet.caller, lamp))
    with pytest.raises(DeviceNotFound):
        bindings.bind(fleet.caller, ann, lamp)
    work.run()
    assert list(DeviceItem.query(lamp)) == []
    assert_whole()


def test_a_deletion_ends_what_was_bound_just_before(
    fleet: Fleet,
    ann: str,
    bob: str,
    lamp: str,
    work: WorkQueue,
    iot: FakeIot,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bindings.bind(fleet.caller, ann, lamp)
    faults = Faults.installed(monkeypatch)
    faults.before("TransactWriteItems", lambda: bindings.bind(fleet.caller, bob, lamp, Role.MEMBER))
    removal.delete(fleet.caller, lamp)
    assert_whole(deleted=True)
    with pytest.raises(NotBound):
        bindings.need(person_of(fleet, ann), lamp)
    work.run()
    assert list(DeviceItem.query(lamp)) == []
    assert bindings.of_user(ann) == bindings.of_user(bob) == []
    assert told(lamp)[-1][1]["reason"] == "device_deleted"
    assert_whole()


@pytest.mark.parametrize(
    ("operation", "skip"),
    [
        ("GetItem", 0),
        ("Query", 0),
        ("TransactWriteItems", 0),
        ("Query", 3),
        ("BatchWriteItem", 0),
        ("DeleteItem", 0),
    ],
)
def test_a_purge_that_dies_anywhere_comes_again(
    fleet: Fleet,
    ann: str,
    bob: str,
    lamp: str,
    work: WorkQueue,
    iot: FakeIot,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
    operation: str,
    skip: int,
) -> None:
    shared(fleet, ann, bob, lamp)
    extended_properties.add(fleet.caller, lamp, {"note": msgspec.Raw(b"1")})
    removal.delete(fleet.caller, lamp)
    faults = Faults.installed(monkeypatch)
    faults.crash(operation, skip=skip)
    work.run()
    assert faults.met
    assert_whole(deleted=True)
    faults.rules.clear()
    work.lose()
    clock.at += removal.PURGE_AGAIN
    registration.sweep()
    work.run()
    assert list(DeviceItem.query(lamp)) == []
    assert bindings.of_user(ann) == bindings.of_user(bob) == []
    assert_whole()


def test_a_purge_whose_answer_was_lost_tells_the_end_once(
    fleet: Fleet, ann: str, lamp: str, work: WorkQueue, iot: FakeIot, monkeypatch: pytest.MonkeyPatch
) -> None:
    bindings.bind(fleet.caller, ann, lamp)
    removal.delete(fleet.caller, lamp)
    faults = Faults.installed(monkeypatch)
    faults.cut("TransactWriteItems")
    with pytest.raises(PynamoDBException):
        removal.purge(lamp)
    removal.purge(lamp)
    removal.purge(lamp)
    assert [kind for kind, _ in told(lamp)] == ["user.bound", "user.unbound"]
    assert_whole()


# their ends


def test_a_member_leaves_alone(fleet: Fleet, ann: str, bob: str, lamp: str, calls: Calls) -> None:
    shared(fleet, ann, bob, lamp)
    calls.clear()
    assert [each.user for each in bindings.unbind(bob, lamp)] == [bob]
    assert calls.made == [QUERY, WRITE]
    assert [each.user for each in bindings.of_device(lamp)] == [ann]
    said = {"users": [{"user": bob, "role": "member"}], "reason": "unbound"}
    assert told(lamp)[-1] == ("user.unbound", said)
    with pytest.raises(NotBound):
        bindings.unbind(bob, lamp)
    assert_whole()


def test_with_the_manager_everybody_goes_and_the_device_is_free(
    fleet: Fleet, ann: str, bob: str, lamp: str, calls: Calls
) -> None:
    shared(fleet, ann, bob, lamp)
    calls.clear()
    assert {each.user for each in bindings.unbind(ann, lamp)} == {ann, bob}
    assert calls.made == [QUERY, WRITE]
    assert bindings.of_device(lamp) == bindings.of_user(bob) == []
    assert {each["user"] for each in told(lamp)[-1][1]["users"]} == {ann, bob}
    assert bindings.bind(fleet.caller, bob, lamp).role is Role.MANAGER
    assert_whole()


def test_who_came_meanwhile_goes_with_the_manager(
    fleet: Fleet, ann: str, bob: str, lamp: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bindings.bind(fleet.caller, ann, lamp)
    faults = Faults.installed(monkeypatch)
    faults.before("TransactWriteItems", lambda: bindings.bind(fleet.caller, bob, lamp, Role.MEMBER))
    assert {each.user for each in bindings.unbind(ann, lamp)} == {ann, bob}
    assert_whole()


def test_one_came_and_one_went_meanwhile(
    fleet: Fleet, ann: str, bob: str, lamp: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The number of people is as it was, but they are others."""
    shared(fleet, ann, bob, lamp)
    cat = person(fleet, "cat")

    def swap() -> None:
        bindings.unbind(bob, lamp)
        bindings.bind(fleet.caller, cat, lamp, Role.MEMBER)

    faults = Faults.installed(monkeypatch)
    faults.before("TransactWriteItems", swap)
    assert {each.user for each in bindings.unbind(ann, lamp)} == {ann, cat}
    assert_whole()


def test_a_device_that_changes_hands_all_the_time_keeps_nobody_waiting_for_ever(
    fleet: Fleet, ann: str, bob: str, lamp: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(binding_ends, "TRIES", 2)
    bindings.bind(fleet.caller, ann, lamp)
    some = iter([bob, person(fleet, "cat")])
    faults = Faults.installed(monkeypatch)
    for skip in (0, 1):
        join = lambda: bindings.bind(fleet.caller, next(some), lamp, Role.MEMBER)  # noqa: E731
        faults.before("TransactWriteItems", join, skip=skip)
    with pytest.raises(Busy):
        bindings.unbind(ann, lamp)
    assert_whole()


def test_the_manager_sends_a_member_away(fleet: Fleet, ann: str, bob: str, lamp: str, calls: Calls) -> None:
    shared(fleet, ann, bob, lamp)
    cat = person(fleet, "cat")
    with pytest.raises(NotManager):
        bindings.unbind_by_manager(bob, ann, lamp)
    for manager, user in ((cat, bob), (ann, cat)):
        with pytest.raises(NotBound):
            bindings.unbind_by_manager(manager, user, lamp)
    calls.clear()
    bindings.unbind_by_manager(ann, bob, lamp)
    assert calls.made == [QUERY, WRITE]
    assert [each.user for each in bindings.of_device(lamp)] == [ann]
    assert told(lamp)[-1][1]["reason"] == "by_manager"
    bindings.unbind_by_manager(ann, ann, lamp)
    assert bindings.of_device(lamp) == []
    assert_whole()


def test_all_ends_at_the_applications_word(fleet: Fleet, ann: str, bob: str, lamp: str, calls: Calls) -> None:
    shared(fleet, ann, bob, lamp)
    assert {each.user for each in bindings.end_all(lamp, Reason.BY_APPLICATION)} == {ann, bob}
    calls.clear()
    assert bindings.end_all(lamp, Reason.BY_APPLICATION) == []
    assert calls.made == [QUERY]
    assert_whole()


def test_a_gateway_goes_with_what_is_behind_it(
    fleet: Fleet, ann: str, bob: str, clock: FakeClock, work: WorkQueue
) -> None:
    gateway, below = gateway_with(fleet, 5)
    for each in (gateway, *below[:4]):
        bindings.bind(fleet.caller, ann, each)
    bindings.bind(fleet.caller, bob, below[0], Role.MEMBER)
    bindings.bind(fleet.caller, bob, below[4])
    at = clock.at
    bindings.unbind(ann, gateway)
    bindings.unbind_children(ann, gateway, at, most=2)
    assert len(bindings.of_user(ann)) == 2
    clock.at += 1
    [late] = [each for each in below[:4] if each not in {one.device for one in bindings.of_user(ann)}][:1]
    bindings.bind(fleet.caller, ann, late)
    assert work.run() == ["unbind-children"]
    assert [each.device for each in bindings.of_user(ann)] == [late]
    assert [each.device for each in bindings.of_user(bob)] == [below[4]]
    binding_ends.unbind_children(ann, gateway, at)
    assert [each.device for each in bindings.of_user(ann)] == [late]
    assert_whole()


# reading


def test_a_binding_and_its_device_are_one_call(
    fleet: Fleet, ann: str, bob: str, lamp: str, calls: Calls
) -> None:
    bindings.bind(fleet.caller, ann, lamp)
    calling = person_of(fleet, ann)
    calls.clear()
    reach = bindings.need(calling, lamp, CREDENTIALS)
    assert calls.made == ["dynamodb.BatchGetItem"]
    assert (reach.binding.role, reach.device.device) == (Role.MANAGER, lamp)
    assert reach.get(CREDENTIALS, CredentialsRecord) is not None
    assert reach.get(CREDENTIALS, DeviceRecord) is None
    assert reach.get("W#link", CredentialsRecord) is None
    with pytest.raises(NotBound):
        bindings.need(person_of(fleet, bob), lamp)
    for nothing in (ABSENT, "", "lamp", "B#"):
        with pytest.raises(NotBound):
            bindings.need(calling, nothing)
        with pytest.raises(NotBound):
            bindings.get(ann, nothing)


def test_many_are_read_a_hundred_items_at_a_time(fleet: Fleet, ann: str, calls: Calls) -> None:
    made = [device(fleet, f"d{number}") for number in range(4)]
    for each in made[:3]:
        bindings.bind(fleet.caller, ann, each)
    calling = person_of(fleet, ann)
    calls.clear()
    assert list(bindings.need_all(calling, made[:3])) == made[:3]
    assert calls.made == ["dynamodb.BatchGetItem"]
    with pytest.raises(NotBound):
        bindings.need_all(calling, made)
    assert set(bindings.reach_all(calling, ann, made)) == set(made[:3])


def test_reads_of_more_than_a_hundred_items_are_several(
    fleet: Fleet, ann: str, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(binding_reads, "MOST_KEYS", 4)
    made = [device(fleet, f"d{number}") for number in range(3)]
    for each in made:
        bindings.bind(fleet.caller, ann, each)
    calling = person_of(fleet, ann)
    calls.clear()
    assert list(bindings.need_all(calling, made)) == made
    assert calls.made == ["dynamodb.BatchGetItem"] * 2


def test_a_write_checks_the_binding_without_a_read(fleet: Fleet, ann: str, bob: str, lamp: str) -> None:
    shared(fleet, ann, bob, lamp)

    def written(user: str, role: Role | None = None) -> None:
        change = Transaction()
        bindings.check(change, user, lamp, role)
        change.update(DeviceRecord(lamp, DEVICE), [DeviceRecord.name.set("x")])
        change.commit()

    written(ann)
    written(ann, Role.MANAGER)
    written(bob)
    with pytest.raises(NotBound):
        written(bob, Role.MANAGER)
    with pytest.raises(NotBound):
        written(person(fleet, "cat"))


# the person's own list


def order(user: str) -> list[str]:
    found = bindings.of_user(user)
    assert [each.order for each in found] == list(range(len(found)))
    return [each.device for each in found]


def five(fleet: Fleet, ann: str, clock: FakeClock) -> list[str]:
    made = [device(fleet, f"d{number}") for number in range(5)]
    for each in reversed(made):
        clock.at += 1
        bindings.bind(fleet.caller, ann, each)
    return made


def test_the_newest_comes_first_until_the_person_says_otherwise(
    fleet: Fleet, ann: str, clock: FakeClock, calls: Calls
) -> None:
    a, b, c, d, e = five(fleet, ann, clock)
    assert order(ann) == [a, b, c, d, e]
    calls.clear()
    bindings.place(ann, {e: 1})
    assert calls.made == [QUERY, WRITE]
    assert order(ann) == [a, e, b, c, d]
    bindings.place(ann, {a: 4, d: 0})
    assert order(ann) == [d, e, b, c, a]
    bindings.place(ann, {b: 99})
    assert order(ann) == [d, e, c, a, b]
    bindings.unbind(ann, c)
    assert order(ann) == [d, e, a, b]
    clock.at += 1
    bindings.bind(fleet.caller, ann, c)
    assert order(ann) == [c, d, e, a, b]
    with pytest.raises(NotBound):
        bindings.place(ann, {device(fleet, "other"): 0})


def test_places_among_those_of_one_role(fleet: Fleet, ann: str, bob: str, clock: FakeClock) -> None:
    a, b, c, d, e = five(fleet, ann, clock)
    clock.at += 1
    bindings.bind(fleet.caller, bob, c, Role.MEMBER)
    clock.at += 1
    own = device(fleet, "own")
    bindings.bind(fleet.caller, bob, own)
    clock.at += 1
    bindings.bind(fleet.caller, bob, a, Role.MEMBER)
    assert order(bob) == [a, own, c]
    bindings.place(bob, {c: 0}, Role.MEMBER)
    assert order(bob) == [c, own, a]
    with pytest.raises(NotBound):
        bindings.place(bob, {own: 0}, Role.MEMBER)
    assert order(ann) == [a, b, c, d, e]


def test_two_orders_at_once_are_one_after_the_other(
    fleet: Fleet, ann: str, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b, c, d, e = five(fleet, ann, clock)
    faults = Faults.installed(monkeypatch)
    faults.before("TransactWriteItems", lambda: bindings.place(ann, {e: 0}))
    bindings.place(ann, {a: 4})
    assert order(ann) == [e, b, c, d, a]


def test_what_a_person_calls_a_device_is_his_own(
    fleet: Fleet, ann: str, bob: str, lamp: str, calls: Calls, clock: FakeClock
) -> None:
    shared(fleet, ann, bob, lamp)
    clock.at += 5
    calls.clear()
    bindings.set_nickname(ann, lamp, "Kitchen")
    assert calls.made == [WRITE]
    assert bindings.get(ann, lamp).nickname == "Kitchen"
    assert bindings.get(ann, lamp).modified == clock.at
    assert bindings.get(bob, lamp).nickname is None
    bindings.set_nickname(ann, lamp, "")
    assert bindings.get(ann, lamp).nickname is None
    with pytest.raises(InvalidInput):
        bindings.set_nickname(ann, lamp, "x" * 257)
    with pytest.raises(NotBound):
        bindings.set_nickname(person(fleet, "cat"), lamp, "x")
    assert_whole()


def test_conflicts_are_tried_again(
    fleet: Fleet, ann: str, lamp: str, monkeypatch: pytest.MonkeyPatch, calls: Calls
) -> None:
    faults = Faults.installed(monkeypatch)
    faults.conflict(times=2)
    bindings.bind(fleet.caller, ann, lamp)
    faults.crash("TransactWriteItems")
    with pytest.raises(Crash):
        bindings.unbind(ann, lamp)
    assert_whole()
    bindings.unbind(ann, lamp)
    assert_whole()


def test_systems_that_know_no_people_are_told_nothing(
    fleet: Fleet, ann: str, bob: str, lamp: str, work: WorkQueue
) -> None:
    shared(fleet, ann, bob, lamp)
    bindings.unbind(ann, lamp)
    users.remove(bob)
    work.run()
    happened = stream()
    kinds = {each["dynamodb"]["NewImage"]["type"]["S"] for each in happened["Records"]}
    assert {"user.bound", "user.unbound", "user.removed"} <= kinds
    outbox.dispatch(happened)
    assert received("callback-dlq")["Records"] == []
