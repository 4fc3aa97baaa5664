"""Virtual users on the wire, and two who change one at once."""

import pytest

from chalicelib.core import users, virtual_users
from chalicelib.core.errors import Busy, TooManyVirtualUsers, UserNotFound, VirtualUserNotFound
from chalicelib.core.virtual_users import Edit
from chalicelib.store.belongings import VirtualCountRecord
from tests.conftest import Calls
from tests.support.faults import Faults
from tests.support.feiyan import Program, Someone, app_of, someone
from tests.support.fleet import Fleet, make_fleet

ABSENT = "f" * 32
CREATE, DELETE = ("/uc/virtual/user/create", "1.0.6"), ("/uc/virtual/user/delete", "1.0.6")
UPDATE, LIST = ("/uc/virtual/user/update", "1.0.6"), ("/uc/virtual/user/list", "1.0.6")
QUERY = ("/uc/virtual/user/query", "1.0.6")


def attributes(**given: str) -> list[dict[str, str]]:
    return [{"attrKey": name, "attrValue": value} for name, value in given.items()]


def create(app: Program, who: Someone, **given: str) -> str:
    return str(app.ok(*CREATE, {"attrList": attributes(**given)}, user=who.token)["userId"])


def test_a_virtual_user_comes_changes_and_goes(app: Program, bob: Someone, calls: Calls) -> None:
    more = {"userId": "t", "userType": "TAOBAO", "origin": "TmallGenie", "sceneId": "s"}
    app.ok(*LIST, {"pageNo": 1, "pageSize": 1}, user=bob.token)
    calls.clear()
    made = app.ok(*CREATE, {"attrList": attributes(name="Tom"), **more}, user=bob.token)
    assert calls.made[-1] == "dynamodb.TransactWriteItems"
    assert made == {"userId": made["userId"], "attrList": attributes(name="Tom")}
    named = {"virtualUserId": made["userId"], "origin": "TmallGenie"}
    assert app.ok(*QUERY, named, user=bob.token) == made
    for kind, given, left in (
        (1, attributes(age="7"), attributes(name="Tom", age="7")),
        ("2", attributes(name="Tim"), attributes(name="Tim", age="7")),
        (3, [{"attrKey": "age"}], attributes(name="Tim")),
    ):
        changed = app.ok(*UPDATE, {**named, "opType": kind, "attrList": given}, user=bob.token)
        assert changed == {"userId": made["userId"], "attrList": left}
    assert app.ok(*DELETE, named, user=bob.token)["attrList"] == attributes(name="Tim")
    for operation in (QUERY, DELETE):
        assert app.code(*operation, named, user=bob.token) == 28532


def test_one_without_attributes(app: Program, bob: Someone) -> None:
    made = app.ok(*CREATE, {}, user=bob.token)
    assert made["attrList"] == []
    page = app.ok(*LIST, {"pageNo": 1, "pageSize": 10}, user=bob.token)
    assert page == {"total": 1, "pageNo": 1, "pageSize": 10, "data": [made]}


def test_pages(app: Program, bob: Someone, alice: Someone) -> None:
    made = [create(app, bob, name=str(number)) for number in range(5)]
    create(app, alice, name="hers")
    pages = [app.ok(*LIST, {"pageNo": number, "pageSize": 2}, user=bob.token) for number in (1, 2, 3, 4)]
    assert [[each["userId"] for each in page["data"]] for page in pages] == [
        made[:2],
        made[2:4],
        made[4:],
        [],
    ]
    assert {page["total"] for page in pages} == {5}
    for wrong in ({"pageNo": 0, "pageSize": 1}, {"pageNo": 1, "pageSize": 0}):
        assert app.code(*LIST, wrong, user=bob.token) == 460


def test_each_error(app: Program, bob: Someone) -> None:
    named = {"virtualUserId": create(app, bob, name="Tom")}
    update = {**named, "opType": 1, "attrList": attributes(age="7")}
    for wrong, code in (
        ({"opType": 4}, 28528),
        ({"attrList": []}, 28529),
        ({"virtualUserId": ABSENT}, 28532),
        ({"virtualUserId": "x"}, 28532),
        ({"attrList": attributes(name="Tim")}, 460),
        ({"opType": 2}, 460),
        ({"attrList": [{"attrValue": "x"}]}, 20050),
        ({"attrList": attributes(**{f"a{number}": "x" for number in range(20)})}, 460),
        ({"attrList": attributes(**{"a" * 65: "x"})}, 460),
        ({"attrList": attributes(a="x" * 1025)}, 460),
    ):
        assert app.code(*UPDATE, update | wrong, user=bob.token) == code
    assert app.code(*UPDATE, named | {"attrList": []}, user=bob.token) == 20050
    many = attributes(**{f"a{number}": "x" for number in range(21)})
    assert app.code(*CREATE, {"attrList": many}, user=bob.token) == 460
    assert app.ok(*QUERY, named, user=bob.token)["attrList"] == attributes(name="Tom")


def test_nobody_else_sees_them(app: Program, bob: Someone, alice: Someone) -> None:
    named = {"virtualUserId": create(app, bob, name="Tom")}
    other = make_fleet("other")
    for program, who in ((app, alice), (app_of(other), someone(other, "mallory"))):
        assert program.code(*QUERY, named, user=who.token) == 28532
        assert program.code(*DELETE, named, user=who.token) == 28532
        change = {**named, "opType": 1, "attrList": attributes(a="b")}
        assert program.code(*UPDATE, change, user=who.token) == 28532
        assert program.ok(*LIST, {"pageNo": 1, "pageSize": 1}, user=who.token)["total"] == 0


def test_a_hundred_at_most(app: Program, bob: Someone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(virtual_users, "MOST", 2)
    first = create(app, bob)
    create(app, bob)
    assert app.code(*CREATE, {}, user=bob.token) == 400
    app.ok(*DELETE, {"virtualUserId": first}, user=bob.token)
    create(app, bob)
    count = VirtualCountRecord.find(bob.id, "V")
    assert count is not None
    assert int(count.total) == 2


def test_the_last_place_is_taken_once(fleet: Fleet, bob: Someone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(virtual_users, "MOST", 1)
    person = users.find(bob.id).person
    faults = Faults.installed(monkeypatch)
    faults.before("TransactWriteItems", lambda: virtual_users.create(person, {}))
    with pytest.raises(TooManyVirtualUsers):
        virtual_users.create(person, {})
    assert len(virtual_users.list_all(person)) == 1


def test_two_who_change_one_at_once(fleet: Fleet, bob: Someone, monkeypatch: pytest.MonkeyPatch) -> None:
    person = users.find(bob.id).person
    made = virtual_users.create(person, {"name": "Tom"})
    faults = Faults.installed(monkeypatch)
    faults.before("TransactWriteItems", lambda: virtual_users.edit(person, made.id, Edit.ADD, {"a": "1"}))
    virtual_users.edit(person, made.id, Edit.ADD, {"b": "2"})
    assert virtual_users.get(person, made.id).attributes == {"name": "Tom", "a": "1", "b": "2"}
    faults.before("TransactWriteItems", lambda: virtual_users.delete(person, made.id))
    with pytest.raises((VirtualUserNotFound, Busy)):
        virtual_users.edit(person, made.id, Edit.ADD, {"c": "3"})
    assert virtual_users.list_all(person) == []


def test_two_who_delete_one_count_it_once(
    fleet: Fleet, bob: Someone, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = users.find(bob.id).person
    made = virtual_users.create(person, {})
    virtual_users.create(person, {})
    Faults.installed(monkeypatch).before("TransactWriteItems", lambda: virtual_users.delete(person, made.id))
    with pytest.raises(VirtualUserNotFound):
        virtual_users.delete(person, made.id)
    count = VirtualCountRecord.find(bob.id, "V")
    assert count is not None
    assert int(count.total) == 1


def test_who_is_gone_makes_none(fleet: Fleet, bob: Someone) -> None:
    person = users.find(bob.id).person
    users.remove(bob.id)
    with pytest.raises(UserNotFound):
        virtual_users.create(person, {})
