"""People of an application: their names, passwords and profiles, and what is left of one who goes."""

from collections.abc import Iterator

import pytest

from chalicelib.core import bindings, passwords, unregistration, users
from chalicelib.core.bindings import Role
from chalicelib.core.errors import (
    Busy,
    InvalidInput,
    InvalidToken,
    LoginTaken,
    NotBound,
    ReceiverNotFound,
    UserNotFound,
    WrongSecret,
)
from chalicelib.core.users import Changes, NewUser
from chalicelib.store.products import AliasRecord
from chalicelib.store.users import BINDING, USER, BindingRecord, UserItem, UserRecord
from tests.conftest import Calls
from tests.support.bound import assert_whole, device, person, stranger, told
from tests.support.clock import FakeClock
from tests.support.faults import Crash, Faults
from tests.support.fleet import Fleet, make_fleet
from tests.support.queues import WorkQueue

ABSENT = "f" * 32
PASSWORD = "correct horse"
WRITE, READ, QUERY, BATCH = (
    f"dynamodb.{name}" for name in ("TransactWriteItems", "GetItem", "Query", "BatchGetItem")
)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Less work for each hash: how much it is has tests of its own."""
    monkeypatch.setattr(passwords, "N", 2)


@pytest.fixture
def fleet(aws: None) -> Fleet:
    return make_fleet()


def ann(fleet: Fleet) -> users.User:
    new = NewUser(
        login="Ann",
        phone="138 0013 8000",
        location_code="0086",
        email="Ann@Acme.example",
        open_id="wx-1",
        password=PASSWORD,
        nickname="Annie",
        avatar="",
    )
    return users.create(fleet.caller, new)


# names


def test_a_person_is_made_and_found_by_each_name(fleet: Fleet, calls: Calls, clock: FakeClock) -> None:
    calls.clear()
    made = ann(fleet)
    assert calls.made == [WRITE]
    assert (made.tenant, made.owner, made.created, made.bindings) == (
        fleet.tenant,
        fleet.application,
        clock.at,
        0,
    )
    assert (made.phone, made.location_code, made.nickname, made.avatar) == (
        "13800138000",
        "86",
        "Annie",
        None,
    )
    for spelling in ("ANN", "ann@acme.EXAMPLE", "13800138000", "+8613800138000", "138-0013-8000"):
        calls.clear()
        assert users.find_by_login(fleet.application, spelling) == made
        assert calls.made == [READ] * 2
    assert users.find_by_open_id(fleet.application, "wx-1") == made
    assert users.find(made.id) == users.get(fleet.caller, made.id) == made
    assert made.person == users.Person(
        tenant=fleet.tenant, application=fleet.application, owner=fleet.application, user=made.user
    )


def test_the_same_number_in_another_country_is_another(fleet: Fleet) -> None:
    made = ann(fleet)
    other = users.create(fleet.caller, NewUser(phone="13800138000", location_code="65"))
    assert users.find_by_login(fleet.application, "13800138000", "65") == other
    assert users.find_by_login(fleet.application, "13800138000") == made
    assert users.find_by_login(fleet.application, "+65 13800138000", "86") == other


def test_a_name_is_one_persons_of_the_application(fleet: Fleet) -> None:
    ann(fleet)
    for taken in (
        NewUser(login="ANN"),
        NewUser(phone="+86 13800138000".replace("+86 ", "")),
        NewUser(email="ann@acme.example"),
        NewUser(open_id="wx-1"),
        NewUser(login="+8613800138000"),
    ):
        with pytest.raises(LoginTaken):
            users.create(fleet.caller, taken)
    assert ann(Fleet(fleet.tenant, stranger(fleet).owner, "", fleet.product)).login == "Ann"
    assert ann(make_fleet("other")).login == "Ann"


@pytest.mark.parametrize(
    "wrong",
    [
        NewUser(login="two words"),
        NewUser(login="x" * 255),
        NewUser(phone="call me"),
        NewUser(phone="+8613800138000"),
        NewUser(phone="13800138000", location_code="CN"),
        NewUser(email="nowhere"),
        NewUser(nickname="x" * 1025),
        NewUser(login="ann", password="short"),
    ],
)
def test_what_is_no_name(fleet: Fleet, wrong: NewUser) -> None:
    with pytest.raises(InvalidInput):
        users.create(fleet.caller, wrong)
    assert users.list_users(fleet.caller, 0, 10).items == []


def test_a_person_without_any_name(fleet: Fleet) -> None:
    made = users.create(fleet.caller, NewUser())
    assert users.find(made.user).shown == ""


def test_strangers_do_not_see_a_person(fleet: Fleet, calls: Calls) -> None:
    made, other = ann(fleet), make_fleet("other")
    for caller in (stranger(fleet), other.caller):
        with pytest.raises(UserNotFound):
            users.get(caller, made.user)
        with pytest.raises(ReceiverNotFound):
            users.find_by_login(caller.owner, "ann")
        with pytest.raises(UserNotFound):
            users.find_by_open_id(caller.owner, "wx-1")
        assert users.get_all(caller, [made.user]) == {}
        assert users.list_users(caller, 0, 10).total == 0
    for nobody in (ABSENT, "", "ann", "#user"):
        with pytest.raises(UserNotFound):
            users.find(nobody)
    for nobody in ("bob", "", "two words", "x" * 300):
        with pytest.raises(ReceiverNotFound):
            users.find_by_login(fleet.application, nobody)
    calls.clear()
    assert users.get_all(fleet.caller, [made.user, ABSENT, "", made.user]) == {made.user: made}
    assert calls.made == [BATCH]


# passwords


def test_the_password_and_nothing_else_lets_in(fleet: Fleet, calls: Calls) -> None:
    made = ann(fleet)
    silent = users.create(fleet.caller, NewUser(login="silent"))
    calls.clear()
    assert users.verify(fleet.application, "ann", PASSWORD) == made
    assert calls.made == [READ] * 2
    for login, secret in (("ann", "wrong horse"), ("bob", PASSWORD), ("silent", ""), ("two words", PASSWORD)):
        with pytest.raises(WrongSecret):
            users.verify(fleet.application, login, secret)
    with pytest.raises(WrongSecret):
        users.verify(make_fleet("other").application, "ann", PASSWORD)
    users.set_password(silent.user, PASSWORD)
    assert users.verify(fleet.application, "silent", PASSWORD).version == 2


def test_an_unknown_login_is_as_much_work_as_a_known_one(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    worked: list[str] = []
    work = passwords._work
    monkeypatch.setattr(passwords, "_work", lambda *args: worked.append("") or work(*args))
    with pytest.raises(WrongSecret):
        users.verify(fleet.application, "nobody", PASSWORD)
    assert len(worked) == 1


def test_a_new_password_ends_the_tokens(fleet: Fleet, calls: Calls, clock: FakeClock) -> None:
    made = ann(fleet)
    token = users.subject(made)
    assert users.of_subject(token) == made
    calls.clear()
    assert users.of_subject(token) == made
    assert calls.made == []
    users.set_password(made.user, "another horse")
    with pytest.raises(InvalidToken):
        users.of_subject(token)
    with pytest.raises(UserNotFound):
        users.set_password(ABSENT, "another horse")
    with pytest.raises(InvalidInput):
        users.set_password(made.user, "short")


def test_elsewhere_tokens_end_within_a_minute(fleet: Fleet, clock: FakeClock) -> None:
    made = ann(fleet)
    users.of_subject(users.subject(made))
    UserRecord(made.user, USER).update([UserRecord.version.add(1)])  # by another process
    assert users.of_subject(users.subject(made)) == made
    clock.at += users.FRESH
    with pytest.raises(InvalidToken):
        users.of_subject(users.subject(made))


# profiles


def test_changes_move_the_names_along(fleet: Fleet, calls: Calls, clock: FakeClock) -> None:
    made = ann(fleet)
    clock.at += 5
    calls.clear()
    changed = users.change(made.user, Changes(phone="13900139000", nickname="Nan", email=None, gender="F"))
    assert calls.made == [READ, WRITE]
    assert users.find(made.user) == changed
    assert (changed.phone, changed.nickname, changed.email, changed.gender) == (
        "13900139000",
        "Nan",
        None,
        "F",
    )
    assert (changed.login, changed.modified) == ("Ann", clock.at)
    assert users.find_by_login(fleet.application, "13900139000") == changed
    for free in ("13800138000", "ann@acme.example"):
        with pytest.raises(ReceiverNotFound):
            users.find_by_login(fleet.application, free)
    users.create(fleet.caller, NewUser(email="ann@acme.example"))
    with pytest.raises(LoginTaken):
        users.change(made.user, Changes(email="Ann@acme.example", nickname="no"))
    assert users.find(made.user) == changed
    with pytest.raises(InvalidInput):
        users.change(made.user, Changes(phone="x"))
    with pytest.raises(UserNotFound):
        users.change(ABSENT, Changes(nickname="x"))


def test_the_countrys_code_alone_moves_the_name(fleet: Fleet) -> None:
    made = ann(fleet)
    users.change(made.user, Changes(location_code="65"))
    assert users.find_by_login(fleet.application, "13800138000", "65").user == made.user
    with pytest.raises(ReceiverNotFound):
        users.find_by_login(fleet.application, "13800138000")


def test_two_changes_in_one_millisecond(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    made = ann(fleet)
    faults = Faults.installed(monkeypatch)
    faults.before("TransactWriteItems", lambda: users.change(made.user, Changes(phone="13900139000")))
    users.change(made.user, Changes(phone="13700137000"))
    assert users.find_by_login(fleet.application, "13700137000").user == made.user
    with pytest.raises(ReceiverNotFound):
        users.find_by_login(fleet.application, "13900139000")


def test_a_person_that_others_keep_changing(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    made = ann(fleet)
    monkeypatch.setattr(users, "TRIES", 1)
    faults = Faults.installed(monkeypatch)
    other = lambda: UserRecord(made.user, USER).update([UserRecord.modified.add(1)])  # noqa: E731
    faults.before("TransactWriteItems", other, times=2)
    with pytest.raises(Busy):
        users.change(made.user, Changes(nickname="x"))
    with pytest.raises(Busy):
        users.remove(made.user)


# listing


def test_pages_newest_first(fleet: Fleet, clock: FakeClock, calls: Calls) -> None:
    made: list[str] = []
    for number in range(5):
        clock.at += 1
        made.append(person(fleet, f"p{number}"))
    newest = made[::-1]
    seen: list[str] = []
    for number in range(3):
        page = users.list_users(fleet.caller, number * 2, 2)
        assert page.total == 5
        seen += [each.user for each in page.items]
    assert seen == newest
    calls.clear()
    some = users.list_users(fleet.caller, 0, 10)
    assert [each.user for each in some.items] == newest
    assert calls.made[:2] == [QUERY, BATCH]
    assert [each.user for each in users.list_users(fleet.caller, 3, 10).items] == newest[3:]
    assert users.list_users(fleet.caller, 9, 10).items == []
    users.remove(made[2])
    assert [each.user for each in users.list_users(fleet.caller, 0, 10).items] == [
        each for each in newest if each != made[2]
    ]


# unregistering


@pytest.fixture
def household(fleet: Fleet) -> Iterator[tuple[str, str, list[str]]]:
    """Ann manages three devices, bob is a member of the first and manages a fourth, where ann is one."""
    first, second = ann(fleet).user, person(fleet, "bob")
    made = [device(fleet, f"d{number}") for number in range(4)]
    for each in made[:3]:
        bindings.bind(fleet.caller, first, each)
    bindings.bind(fleet.caller, second, made[0], Role.MEMBER)
    bindings.bind(fleet.caller, second, made[3])
    bindings.bind(fleet.caller, first, made[3], Role.MEMBER)
    bindings.place(first, {made[0]: 2})
    yield first, second, made
    assert_whole()


Household = tuple[str, str, list[str]]


def assert_gone(fleet: Fleet, household: Household) -> None:
    first, second, made = household
    assert list(UserItem.query(first)) == []
    assert [each.device for each in bindings.of_user(second)] == [made[3]]
    assert [each.user for each in bindings.of_device(made[3])] == [second]
    for each in made[:3]:
        assert bindings.of_device(each) == []
    names = ("user-login#ann", "user-login#+8613800138000", "user-login#ann@acme.example", "user-openid#wx-1")
    assert [AliasRecord.find(name, fleet.application) for name in names] == [None] * 4


def test_who_unregisters_is_gone_at_once(
    fleet: Fleet, household: Household, work: WorkQueue, calls: Calls
) -> None:
    first, second, made = household
    token = users.subject(users.known(first))
    calls.clear()
    users.remove(first)
    assert calls.made == [READ, WRITE, "sqs.SendMessageBatch"]
    for gone in (users.find, users.known, users.remove):
        with pytest.raises(UserNotFound):
            gone(first)
    with pytest.raises(InvalidToken):
        users.of_subject(token)
    with pytest.raises(WrongSecret):
        users.verify(fleet.application, "ann", PASSWORD)
    assert ann(fleet).user != first  # the names are free
    with pytest.raises(UserNotFound):
        bindings.bind(fleet.caller, first, device(fleet, "new"))
    assert [each.user for each in bindings.of_device(made[0])] == [first, second]
    assert work.run() == ["unregister"]
    assert list(UserItem.query(first)) == []
    assert told(first) == [("user.removed", {"user": first})]
    _, ended = told(made[0])[-1]
    assert ended["reason"] == "user_removed"
    assert {each["user"] for each in ended["users"]} == {first, second}
    with pytest.raises(NotBound):
        bindings.get(second, made[0])


def test_bit_by_bit(
    fleet: Fleet, household: Household, work: WorkQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unregistration, "BINDINGS_AT_ONCE", 1)
    monkeypatch.setattr(unregistration, "ERASED_AT_ONCE", 2)
    first = household[0]
    for number in range(3):  # of a kind that this process does not know
        UserItem._get_connection().put_item(first, f"N#{number}", attributes={"kind": {"S": "unheard of"}})
    users.remove(first)
    assert work.run() == ["unregister"] * 5
    assert_gone(fleet, household)


@pytest.mark.parametrize(
    ("operation", "skip"),
    [
        ("GetItem", 0),
        ("TransactWriteItems", 0),
        ("TransactWriteItems", 1),
        ("TransactWriteItems", 3),
        ("Query", 4),
        ("BatchWriteItem", 0),
        ("DeleteItem", 0),
    ],
)
def test_a_clearing_that_dies_anywhere_comes_again(
    fleet: Fleet,
    household: Household,
    work: WorkQueue,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
    operation: str,
    skip: int,
) -> None:
    users.remove(household[0])
    faults = Faults.installed(monkeypatch)
    faults.crash(operation, skip=skip)
    work.run()
    assert faults.met
    assert_whole()
    work.lose()
    assert unregistration.sweep() == 0
    clock.at += users.UNREGISTER_AGAIN
    assert unregistration.sweep() == 1
    assert unregistration.sweep() == 0
    work.run()
    work.run()
    assert_gone(fleet, household)
    assert unregistration.sweep() == 0


def test_a_job_that_was_never_sent_is_found_by_the_sweep(
    fleet: Fleet, household: Household, work: WorkQueue, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults = Faults.installed(monkeypatch)
    faults.crash("SendMessageBatch")
    with pytest.raises(Crash):
        users.remove(household[0])
    with pytest.raises(UserNotFound):
        users.find(household[0])
    clock.at += users.UNREGISTER_AGAIN
    assert unregistration.sweep() == 1
    work.run()
    assert_gone(fleet, household)


def test_the_job_leaves_who_did_not_go(fleet: Fleet, household: Household) -> None:
    unregistration.perform(household[0])
    unregistration.perform(ABSENT)
    assert len(bindings.of_user(household[0])) == 4


def test_a_member_who_goes_himself_meanwhile(
    fleet: Fleet, household: Household, work: WorkQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, made = household
    users.remove(first)
    faults = Faults.installed(monkeypatch)
    faults.before("TransactWriteItems", lambda: bindings.unbind(second, made[3]))
    work.run()
    work.run()
    assert list(UserItem.query(first)) == []
    assert bindings.of_device(made[3]) == []


def test_one_side_that_was_left_alone_does_not_keep_a_person(fleet: Fleet, work: WorkQueue) -> None:
    user = person(fleet, "ann")
    BindingRecord(user, BINDING + ABSENT, role="member", bound=1, modified=1).save()
    users.remove(user)
    assert work.run() == ["unregister"]
    assert list(UserItem.query(user)) == []
