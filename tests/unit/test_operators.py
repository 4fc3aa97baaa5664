"""Operators' keys: what is stored, what a key may do, how one is changed without a gap, who guesses."""

import hashlib
from threading import Thread

import pytest

from chalicelib.core import operators
from chalicelib.core.attempts import MOST
from chalicelib.core.errors import (
    InvalidInput,
    InvalidToken,
    OperatorNotFound,
    ScopeMissing,
    TooManyFailures,
    WrongSecret,
)
from chalicelib.core.operators import Scope
from chalicelib.store.operators import REALM, OperatorRecord
from tests.conftest import Calls
from tests.support.clock import FakeClock

HERE = "203.0.113.7"


def make(name: str = "Ann", *scopes: Scope, expires: int | None = None) -> tuple[operators.Operator, str]:
    return operators.create(name, scopes or (Scope.READ,), "cli test", expires)


def test_only_a_hash_is_stored(aws: None, calls: Calls) -> None:
    calls.clear()
    made, key = make()
    assert calls.made == ["dynamodb.TransactWriteItems"]
    mark, _, secret = key.partition(".")
    assert mark == f"op_{made.id}"
    assert len(secret) == 32
    record = OperatorRecord.find(REALM, made.id)
    assert record is not None
    assert record.secret_hash == hashlib.sha256(secret.encode()).hexdigest()
    assert secret not in str(record.values())


def test_a_key_is_read_once_a_minute(aws: None, calls: Calls, clock: FakeClock) -> None:
    made, key = make()
    calls.clear()
    for _ in range(5):
        assert operators.verify(key, HERE) == made
        clock.advance(10)
    assert calls.made == ["dynamodb.GetItem"] * 2
    clock.advance(5)
    operators.verify(key, HERE)
    assert len(calls.made) == 4


def test_keys_are_changed_without_a_gap(aws: None) -> None:
    old, old_key = make("old")
    operators.verify(old_key, HERE)
    new, new_key = make("new")
    assert operators.verify(old_key, HERE) == old
    assert operators.verify(new_key, HERE) == new
    operators.revoke(old.id)
    with pytest.raises(WrongSecret):
        operators.verify(old_key, HERE)
    assert operators.verify(new_key, HERE) == new


def test_a_key_revoked_elsewhere_ends_here_within_a_minute(aws: None, clock: FakeClock) -> None:
    made, key = make()
    operators.verify(key, HERE)
    OperatorRecord(REALM, made.id).delete()
    operators.verify(key, HERE)
    clock.advance(55)
    with pytest.raises(WrongSecret):
        operators.verify(key, HERE)


def test_a_read_that_a_revocation_overtakes_is_not_kept(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    made, key = make()
    read = OperatorRecord.find

    def slow(hash_key: str, range_key: str | None = None) -> OperatorRecord | None:
        found = read(hash_key, range_key)
        monkeypatch.setattr(OperatorRecord, "find", read)
        other = Thread(target=operators.revoke, args=(made.id,))
        other.start()
        other.join()
        return found

    monkeypatch.setattr(OperatorRecord, "find", slow)
    operators.verify(key, HERE)
    with pytest.raises(WrongSecret):
        operators.verify(key, HERE)


def wrong_keys(made: operators.Operator, key: str) -> list[str]:
    return [
        "",
        "op_",
        "op_.",
        "x",
        key + "0",
        key[:-1],
        key.removeprefix("op_"),
        f"op_{made.id}.",
        f"op_{made.id}.{'0' * 32}",
        f"op_{'f' * 32}.{key.partition('.')[2]}",
        "op_" + "y" * 5000 + ".x",
        "op_é.é",
        "op_\ud800.\ud800",
    ]


def test_whatever_is_wrong_is_answered_alike(aws: None) -> None:
    made, key = make()
    for number, wrong in enumerate(wrong_keys(made, key)):
        with pytest.raises(WrongSecret, match="no such key"):
            operators.verify(wrong, f"203.0.113.{number}")


def test_who_guesses_is_stopped_whatever_keys_are_named(aws: None, clock: FakeClock, calls: Calls) -> None:
    _, key = make()
    for number in range(MOST):
        with pytest.raises(WrongSecret):
            operators.verify(f"op_{number:032x}.x", HERE)
    calls.clear()
    with pytest.raises(TooManyFailures):
        operators.verify(key, HERE)
    assert calls.made == ["dynamodb.GetItem"]
    assert operators.verify(key, "203.0.113.8")
    assert operators.verify(key, HERE), "one that was proven a moment ago goes on"
    clock.advance(300)
    assert operators.verify(key, HERE)


def test_a_key_expires(aws: None, clock: FakeClock) -> None:
    _, key = make(expires=clock.at + 1000)
    operators.verify(key, HERE)
    clock.advance(0.999)
    operators.verify(key, HERE)
    clock.advance(0.001)
    with pytest.raises(InvalidToken):
        operators.verify(key, HERE)
    clock.advance(100)
    with pytest.raises(InvalidToken):
        operators.verify(key, HERE)


def test_scopes(aws: None) -> None:
    made, _ = make("Ann", Scope.READ, Scope.WRITE)
    made.require(())
    made.require((Scope.READ, Scope.WRITE))
    with pytest.raises(ScopeMissing, match="lacks destroy, secrets"):
        made.require((Scope.SECRETS, Scope.READ, Scope.DESTROY))


@pytest.mark.parametrize(
    ("name", "scopes", "expires"),
    [("", Scope, None), (" ", Scope, None), ("n" * 129, Scope, None), ("n", (), None), ("n", Scope, 1)],
)
def test_what_no_key_can_be(aws: None, name: str, scopes: tuple[Scope, ...], expires: int | None) -> None:
    with pytest.raises(InvalidInput):
        operators.create(name, tuple(scopes), "cli test", expires)
    assert operators.list_operators() == []


def test_listing_and_finding(aws: None, clock: FakeClock) -> None:
    first, _ = make("first")
    clock.advance(1)
    second, _ = make("second")
    assert operators.list_operators() == [first, second]
    assert operators.find(second.id) == second
    for absent in ("f" * 32, "x", "é"):
        with pytest.raises(OperatorNotFound):
            operators.find(absent)
        with pytest.raises(OperatorNotFound):
            operators.revoke(absent)
