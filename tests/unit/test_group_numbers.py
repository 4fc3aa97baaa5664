"""Groups' numbers: unique over all tenants, drawn again where taken, free again with their group."""

from collections.abc import Iterator

import pytest

from chalicelib.core import groups, ids, memberships, registration, regrouping
from chalicelib.core.errors import Busy, GroupNameTaken, GroupNotFound
from chalicelib.core.registration import NewDevice
from chalicelib.store.groups import GroupCountRecord, counted
from chalicelib.store.products import AliasRecord
from tests.conftest import Calls
from tests.support.fleet import Fleet, make_fleet


@pytest.fixture
def fleet(aws: None) -> Fleet:
    return make_fleet()


def draw(monkeypatch: pytest.MonkeyPatch, *numbers: int) -> None:
    """The next numbers; the last one for ever."""

    def drawn() -> Iterator[int]:
        yield from numbers
        while True:
            yield numbers[-1]

    source = drawn()
    monkeypatch.setattr(ids, "number", lambda: next(source))


def register(fleet: Fleet, count: int) -> list[str]:
    new = [NewDevice(f"meter-{n}", registration.BY_SECRET, product=fleet.product.id) for n in range(count)]
    return [registration.register(fleet.caller, each).device.device for each in new]


def test_a_group_is_found_by_its_number(fleet: Fleet, calls: Calls) -> None:
    made = groups.create(fleet.caller, "One")
    assert 0 < made.number < 2**31
    calls.clear()
    assert groups.find_by_number(fleet.caller, made.number) == made
    assert calls.made == ["dynamodb.GetItem"] * 2
    assert groups.get(fleet.caller, made.id).number == made.number


def test_another_tenant_does_not_find_it(fleet: Fleet) -> None:
    made = groups.create(fleet.caller, "One")
    for caller, number in ((make_fleet("other").caller, made.number), (fleet.caller, 0), (fleet.caller, -1)):
        with pytest.raises(GroupNotFound):
            groups.find_by_number(caller, number)


@pytest.mark.parametrize("members", [0, 3, 9])
def test_a_number_that_is_taken_is_drawn_again(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, members: int
) -> None:
    """In one transaction, and as an operation of several."""
    monkeypatch.setattr(regrouping, "AT_ONCE", 4)
    devices = register(fleet, members)
    draw(monkeypatch, 7, 7, 7, 8)
    theirs = groups.create(make_fleet("other").caller, "One")
    mine = groups.create(fleet.caller, "One", members=devices)
    assert (theirs.number, mine.number, mine.members) == (7, 8, members)
    assert groups.find_by_number(fleet.caller, 8) == mine
    assert {memberships.group_of(each) for each in devices} <= {mine.id}
    count = GroupCountRecord.find(counted(fleet.application))
    assert count is not None
    assert count.count_ == 1


def test_where_every_number_is_taken_nothing_is_made(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    draw(monkeypatch, 7)
    made = groups.create(fleet.caller, "One")
    with pytest.raises(Busy):
        groups.create(fleet.caller, "Two")
    assert groups.page(fleet.caller, None, 0, 10).items == [made]
    assert groups.page(fleet.caller, "Two", 0, 10).items == []


def test_a_taken_name_is_told_and_leaves_no_number(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    draw(monkeypatch, 7, 8)
    groups.create(fleet.caller, "One")
    with pytest.raises(GroupNameTaken):
        groups.create(fleet.caller, "One")
    alias = regrouping.number_alias(8)
    assert AliasRecord.find(alias.name, alias.scope) is None


def test_renaming_keeps_the_number_and_deleting_frees_it(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw(monkeypatch, 7)
    made = groups.create(fleet.caller, "One")
    assert groups.modify(fleet.caller, made.id, "Two", None, 0).number == 7
    groups.delete(fleet.caller, made.id)
    with pytest.raises(GroupNotFound):
        groups.find_by_number(fleet.caller, 7)
    assert groups.create(make_fleet("other").caller, "One").number == 7


def test_as_many_members_as_one_transaction_takes(fleet: Fleet, calls: Calls) -> None:
    devices = register(fleet, regrouping.AT_ONCE)
    calls.clear()
    assert groups.create(fleet.caller, "One", members=devices).members == regrouping.AT_ONCE
    assert len(calls.made) == 2
