"""Accounts: login names, passwords, and which tokens a change ends."""

import hashlib
from typing import Any

import pytest

from chalicelib.core import accounts, passwords
from chalicelib.core.errors import (
    AccountNotFound,
    ApplicationNotFound,
    InvalidInput,
    InvalidToken,
    LoginTaken,
    WrongSecret,
)
from chalicelib.store.accounts import AccountRecord
from chalicelib.store.products import AliasRecord
from tests.conftest import Calls
from tests.support.clock import FakeClock
from tests.support.fleet import Fleet, make_fleet

ABSENT = "f" * 32
PASSWORD = "correct horse"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Less work for each hash: how much it is has tests of its own."""
    monkeypatch.setattr(passwords, "N", 2)


@pytest.fixture
def fleet(aws: None) -> Fleet:
    return make_fleet()


def make(fleet: Fleet, login: str = "ann@acme.example") -> accounts.Account:
    return accounts.create(fleet.application, login, PASSWORD)


def test_an_account_logs_in_and_acts_for_its_application(fleet: Fleet, calls: Calls) -> None:
    calls.clear()
    made = make(fleet)
    assert calls.made == ["dynamodb.GetItem", "dynamodb.TransactWriteItems"]
    calls.clear()
    assert accounts.verify("ann@acme.example", PASSWORD) == made
    assert calls.made == ["dynamodb.GetItem"] * 2
    assert made.caller == fleet.caller


@pytest.mark.parametrize(
    ("login", "spellings"),
    [
        ("Ann@Acme.Example", ("ann@acme.example", " ANN@ACME.EXAMPLE\t", "ann＠acme.example")),
        ("+86 138-0013 8000", ("+8613800138000", "+86 (138) 0013.8000", "+８６13800138000")),
        ("021 555/0100", ("0215550100",)),
    ],
)
def test_spellings_of_one_login(fleet: Fleet, login: str, spellings: tuple[str, ...]) -> None:
    made = make(fleet, login)
    for spelling in spellings:
        assert accounts.verify(spelling, PASSWORD) == made
        with pytest.raises(LoginTaken):
            make(fleet, spelling)


@pytest.mark.parametrize(
    "login",
    [
        "",
        " ",
        "ann",
        "@acme",
        "ann@",
        "a@b@c",
        "a b@c",
        "a\x00@c",
        "1234",
        "+",
        "1" * 21,
        "x@" + "y" * 253,
        "x" * 9000,
    ],
)
def test_what_is_no_login(fleet: Fleet, login: str) -> None:
    with pytest.raises(InvalidInput):
        make(fleet, login)
    with pytest.raises(WrongSecret):
        accounts.verify(login, PASSWORD)


@pytest.mark.parametrize("password", ["", "1234567", "x" * 257])
def test_what_is_no_password(fleet: Fleet, password: str) -> None:
    with pytest.raises(InvalidInput):
        accounts.create(fleet.application, "ann@acme.example", password)
    made = make(fleet)
    with pytest.raises(InvalidInput):
        accounts.set_password(made.id, password)
    with pytest.raises(WrongSecret):
        accounts.verify(made.login, password)
    assert accounts.verify(made.login, PASSWORD) == made


def test_another_tenant_cannot_have_the_login_nor_sees_the_account(fleet: Fleet) -> None:
    other = make_fleet("other")
    mine = make(fleet)
    with pytest.raises(LoginTaken):
        make(other)
    theirs = make(other, "bob@other.example")
    assert accounts.list_accounts(fleet.tenant) == [mine]
    assert accounts.list_accounts(other.tenant) == [theirs]
    assert accounts.verify("bob@other.example", PASSWORD).tenant == other.tenant


def test_a_refused_account_leaves_nothing(fleet: Fleet) -> None:
    make(fleet)
    with pytest.raises(LoginTaken):
        make(fleet)
    for application in (ABSENT, "y" * 5000):
        with pytest.raises(ApplicationNotFound):
            accounts.create(application, "bob@acme.example", PASSWORD)
    assert len(accounts.list_accounts(fleet.tenant)) == 1
    make(fleet, "bob@acme.example")


def test_a_wrong_password_and_an_unknown_login_cost_the_same_work(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make(fleet)
    monkeypatch.setattr(passwords, "NOBODY", AccountRecord.get(made.id).password)
    work: list[tuple[Any, ...]] = []
    scrypt = hashlib.scrypt

    def counted(plain: bytes, **how: Any) -> bytes:
        work.append((how["n"], how["r"], how["p"]))
        return scrypt(plain, **how)

    monkeypatch.setattr(hashlib, "scrypt", counted)
    for login, password in ((made.login, "wrong horse"), ("bob@acme.example", PASSWORD), ("no login", "x")):
        with pytest.raises(WrongSecret):
            accounts.verify(login, password)
    assert work == [(2, passwords.R, passwords.P)] * 3


def test_a_new_password_ends_the_tokens_of_the_old_one(fleet: Fleet, calls: Calls) -> None:
    made = make(fleet)
    subject = accounts.subject(made)
    assert accounts.of_subject(subject) == made
    calls.clear()
    accounts.of_subject(subject)
    assert calls.made == []
    accounts.set_password(made.id, "another horse")
    assert len(calls.made) == 1
    with pytest.raises(InvalidToken):
        accounts.of_subject(subject)
    with pytest.raises(WrongSecret):
        accounts.verify(made.login, PASSWORD)
    now = accounts.verify(made.login, "another horse")
    assert accounts.of_subject(accounts.subject(now)) == now


def test_elsewhere_they_end_within_a_minute(fleet: Fleet, clock: FakeClock) -> None:
    made = make(fleet)
    accounts.find(made.id)
    AccountRecord(made.id).update([AccountRecord.version.add(1)])  # by another process
    accounts.of_subject(accounts.subject(made))
    clock.advance(55)
    with pytest.raises(InvalidToken):
        accounts.of_subject(accounts.subject(made))


def test_a_read_that_a_change_overtakes_is_not_kept(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    made = make(fleet)
    read = AccountRecord.find

    def slow(account: str) -> AccountRecord | None:
        found = read(account)
        accounts.set_password(made.id, "another horse")
        return found

    with monkeypatch.context() as patch:
        patch.setattr(AccountRecord, "find", slow)
        accounts.find(made.id)
    assert accounts.find(made.id).version == 2


def test_a_deleted_account_is_gone_with_its_tokens_and_its_login_is_free(fleet: Fleet, calls: Calls) -> None:
    made = make(fleet)
    accounts.find(made.id)
    calls.clear()
    accounts.delete(made.id)
    assert len(calls.made) == 2
    with pytest.raises(InvalidToken):
        accounts.of_subject(accounts.subject(made))
    with pytest.raises(WrongSecret):
        accounts.verify(made.login, PASSWORD)
    again = make(make_fleet("other"))
    assert (again.login, again.id) != (made.login, made.id)
    for account in (made.id, ABSENT, "y" * 5000):
        with pytest.raises(AccountNotFound):
            accounts.delete(account)
    assert accounts.verify(again.login, PASSWORD) == again


@pytest.mark.parametrize("subject", ["", "#1", ABSENT, ABSENT + "#1", "y" * 5000])
def test_a_subject_of_nobody(fleet: Fleet, subject: str) -> None:
    with pytest.raises(InvalidToken):
        accounts.of_subject(subject)


def test_a_login_whose_account_was_deleted_half_way_is_nobody(fleet: Fleet) -> None:
    made = make(fleet)
    AccountRecord(made.id).delete()
    with pytest.raises(WrongSecret):
        accounts.verify(made.login, PASSWORD)
    with pytest.raises(AccountNotFound):
        accounts.set_password(made.id, PASSWORD)
    assert AliasRecord.find("login#ann@acme.example", "*") is not None
