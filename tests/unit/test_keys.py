"""Access keys: who acts with one, for how long, at what cost, and what is stored of its secret."""

from threading import Thread

import pytest
from cryptography.exceptions import InvalidTag

from chalicelib.aws import encryption
from chalicelib.core import applications, keys
from chalicelib.core.errors import ApplicationNotFound, InvalidKey, WrongSecret
from chalicelib.store.keys import KeyRecord
from tests.conftest import Calls
from tests.support.clock import FakeClock
from tests.support.fleet import Fleet, make_fleet

ABSENT = "f" * 32
NO_KEYS = (ABSENT, "", "x", "*", "é" * 32, "y" * 5000)


@pytest.fixture
def fleet(aws: None) -> Fleet:
    return make_fleet()


def test_a_key_acts_for_its_application_only(fleet: Fleet, calls: Calls) -> None:
    calls.clear()
    made, secret = keys.create(fleet.application, "reports")
    assert calls.made == ["dynamodb.GetItem", "dynamodb.TransactWriteItems"]
    assert (made.tenant, made.application, made.name) == (fleet.tenant, fleet.application, "reports")
    assert made.caller == fleet.caller
    assert len(secret) == 32
    assert keys.load(made.id) == (made, secret)
    assert keys.find(made.id) == keys.verify(made.id, secret) == made


def test_a_key_that_stands_in_apps_opens_nothing_that_acts_for_all(fleet: Fleet) -> None:
    made, secret = keys.create(fleet.application, "app", keys.Use.APP)
    with pytest.raises(InvalidKey):
        keys.load(made.id)
    with pytest.raises(WrongSecret):
        keys.verify(made.id, secret)
    assert keys.load(made.id, keys.Use.APP) == (made, secret)
    assert keys.list_keys(fleet.application) == [made]
    assert keys.find(made.id).use is keys.Use.APP


def test_a_key_of_clouds_is_none_of_apps(fleet: Fleet) -> None:
    made, secret = keys.create(fleet.application, "cloud", keys.Use.CLOUD)
    assert keys.load(made.id) == (made, secret)
    with pytest.raises(InvalidKey):
        keys.load(made.id, keys.Use.APP)


def test_a_key_is_read_once_a_minute(fleet: Fleet, calls: Calls, clock: FakeClock) -> None:
    made, _ = keys.create(fleet.application)
    calls.clear()
    for _ in range(5):
        keys.load(made.id)
        keys.find(made.id)
        clock.advance(10)
    assert calls.made == ["dynamodb.GetItem"]
    clock.advance(5)
    keys.find(made.id)
    assert len(calls.made) == 2


def test_a_login_with_a_key_asks_for_it_as_it_is_now(fleet: Fleet) -> None:
    made, secret = keys.create(fleet.application)
    keys.find(made.id)
    KeyRecord(made.id).delete()  # by another process
    with pytest.raises(WrongSecret):
        keys.verify(made.id, secret)


def test_a_revoked_key_ends_here_at_once_and_elsewhere_within_a_minute(
    fleet: Fleet, clock: FakeClock
) -> None:
    made, _ = keys.create(fleet.application)
    other, _ = keys.create(fleet.application)
    keys.find(made.id)
    keys.revoke(made.id)
    with pytest.raises(InvalidKey):
        keys.load(made.id)
    keys.find(other.id)
    KeyRecord(other.id).delete()  # by another process
    keys.find(other.id)
    clock.advance(55)
    with pytest.raises(InvalidKey):
        keys.find(other.id)


def test_a_read_that_a_revocation_overtakes_is_not_kept(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, _ = keys.create(fleet.application)
    read = KeyRecord.find

    def slow(key: str) -> KeyRecord | None:
        found = read(key)
        keys.revoke(made.id)
        return found

    with monkeypatch.context() as patch:
        patch.setattr(KeyRecord, "find", slow)
        keys.find(made.id)
    with pytest.raises(InvalidKey):
        keys.find(made.id)


def test_a_clock_that_was_set_back_does_not_keep_a_key_longer(fleet: Fleet, clock: FakeClock) -> None:
    made, _ = keys.create(fleet.application)
    keys.find(made.id)
    KeyRecord(made.id).delete()
    clock.advance(-100)
    with pytest.raises(InvalidKey):
        keys.find(made.id)


def test_a_refusal_is_not_kept(fleet: Fleet) -> None:
    made, _ = keys.create(fleet.application)
    record = KeyRecord.get(made.id)
    record.delete()
    with pytest.raises(InvalidKey):
        keys.find(made.id)
    record.save()
    assert keys.find(made.id) == made


def test_what_is_no_key_is_refused_and_only_what_may_be_one_is_looked_up(fleet: Fleet, calls: Calls) -> None:
    made, secret = keys.create(fleet.application)
    calls.clear()
    for key in NO_KEYS:
        with pytest.raises(InvalidKey):
            keys.load(key)
        with pytest.raises(WrongSecret):
            keys.verify(key, secret)
        with pytest.raises(WrongSecret):
            keys.verify(key, "")
    assert len(calls.made) == 3
    for wrong in ("", secret[:-1], secret.upper(), secret + " ", "é"):
        with pytest.raises(WrongSecret):
            keys.verify(made.id, wrong)


def test_the_secret_is_encrypted_for_this_key_and_tenant(fleet: Fleet) -> None:
    made, secret = keys.create(fleet.application)
    stored = KeyRecord.get(made.id)
    assert secret not in str(stored.attribute_values)
    other, _ = keys.create(make_fleet("other").application)
    moved = KeyRecord.get(other.id)
    moved.update([KeyRecord.secret.set(stored.secret)])
    with pytest.raises(InvalidTag):
        keys.load(other.id)
    assert encryption.decrypt(stored.secret, made.tenant, made.id, keys.FIELD) == secret


def test_keys_are_changed_without_a_gap(fleet: Fleet, clock: FakeClock) -> None:
    old, old_secret = keys.create(fleet.application, "old")
    clock.advance(1)
    new, new_secret = keys.create(fleet.application, "new")
    assert keys.list_keys(fleet.application) == [old, new]
    assert keys.verify(old.id, old_secret) == old
    assert keys.verify(new.id, new_secret) == new
    keys.revoke(old.id)
    assert keys.list_keys(fleet.application) == [new]
    assert keys.verify(new.id, new_secret) == new


def test_each_application_has_its_own(fleet: Fleet) -> None:
    other = make_fleet("other")
    second = applications.create_application(fleet.tenant, "second")[0].id
    mine, _ = keys.create(fleet.application)
    keys.create(other.application)
    keys.create(second)
    assert keys.list_keys(fleet.application) == [mine]


def test_there_is_no_key_without_an_application(fleet: Fleet) -> None:
    for application in (ABSENT, "", "y" * 5000):
        with pytest.raises(ApplicationNotFound):
            keys.create(application)
    assert keys.list_keys(ABSENT) == []


def test_what_is_revoked_cannot_be_revoked_again(fleet: Fleet) -> None:
    made, _ = keys.create(fleet.application)
    keys.revoke(made.id)
    for key in (made.id, ABSENT, "", "y" * 5000):
        with pytest.raises(InvalidKey):
            keys.revoke(key)


def test_many_threads_read_one_key(fleet: Fleet) -> None:
    made, secret = keys.create(fleet.application)
    found: list[str] = []
    threads = [Thread(target=lambda: found.append(keys.load(made.id)[1])) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [secret] * 8
