"""A phone is one person's, also where two want it at once."""

import pytest

from chalicelib.core import push_channels, users
from chalicelib.core.errors import Busy, UserNotFound
from chalicelib.core.users import NewUser, Person
from tests.support.bound import stranger
from tests.support.clock import FakeClock
from tests.support.faults import Faults
from tests.support.fleet import Fleet, make_fleet


@pytest.fixture
def fleet(aws: None) -> Fleet:
    return make_fleet()


def made(fleet: Fleet, name: str) -> Person:
    return users.create(fleet.caller, NewUser(login=name)).person


def phones(person: Person) -> list[str]:
    return [each.phone for each in push_channels.of_user(person.user)]


def test_of_two_at_once_the_later_has_the_phone(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, clock: FakeClock
) -> None:
    ann, bob = made(fleet, "ann"), made(fleet, "bob")
    faults = Faults.installed(monkeypatch)
    faults.before("TransactWriteItems", lambda: push_channels.bind(bob, "phone", "IOS"))
    push_channels.bind(ann, "phone", "IOS")
    assert (phones(ann), phones(bob)) == (["phone"], [])


def test_a_phone_that_changes_hands_all_the_time(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    ann, bob = made(fleet, "ann"), made(fleet, "bob")
    monkeypatch.setattr(push_channels, "TRIES", 1)
    faults = Faults.installed(monkeypatch)
    faults.before("TransactWriteItems", lambda: push_channels.bind(bob, "phone", "IOS"))
    with pytest.raises(Busy):
        push_channels.bind(ann, "phone", "IOS")
    assert (phones(ann), phones(bob)) == ([], ["phone"])


def test_the_same_phone_in_another_application_is_another(fleet: Fleet) -> None:
    ann = made(fleet, "ann")
    other = Fleet(fleet.tenant, stranger(fleet).owner, "", fleet.product)
    eve = made(other, "eve")
    push_channels.bind(ann, "phone", "IOS")
    push_channels.bind(eve, "phone", "IOS")
    assert phones(ann) == phones(eve) == ["phone"]
    push_channels.unbind(eve, "phone")
    assert phones(ann) == ["phone"]


def test_who_has_left_gets_no_phone(fleet: Fleet) -> None:
    ann = made(fleet, "ann")
    users.remove(ann.user)
    with pytest.raises(UserNotFound):
        push_channels.bind(ann, "phone", "IOS")
