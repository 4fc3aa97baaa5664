"""Lists of a product's devices: walks, far offsets, conditions, orders, who sees what, what each costs."""

from collections.abc import Iterator

import pytest

from chalicelib.core import applications, extended_properties, paging, product_devices, registration, removal
from chalicelib.core.applications import Caller
from chalicelib.core.device_query import Condition, Field, Operator, Order, Selection
from chalicelib.core.errors import ListTooLong, ProductNotFound
from chalicelib.core.registration import BY_SECRET, NewDevice
from chalicelib.store import walks
from chalicelib.store.devices import DEVICE, DeviceRecord
from tests.conftest import Calls
from tests.support.clock import FakeClock
from tests.support.fleet import Fleet, make_fleet, make_product

EVERYTHING = Selection()
NEWEST = Selection(orders=(Order(Field.CREATED, descending=True),))
INACTIVE = Selection((Condition(Field.ONLINE, Operator.EQUAL, False),))


@pytest.fixture
def fleet(aws: None) -> Fleet:
    return make_fleet()


def mac(number: int) -> str:
    return f"{number:012X}"


def add(fleet: Fleet, number: int, caller: Caller | None = None) -> str:
    new = NewDevice(None, BY_SECRET, product=fleet.product.id, mac_key=mac(number))
    return registration.register(caller or fleet.caller, new).device.device


def add_many(fleet: Fleet, clock: FakeClock, amount: int) -> list[str]:
    """One a second, oldest first."""
    made = []
    for number in range(amount):
        clock.advance(1)
        made.append(add(fleet, number))
    return made


def update(device: str, **values: object) -> None:
    actions = [getattr(DeviceRecord, name).set(value) for name, value in values.items()]
    DeviceRecord(device, DEVICE).update(actions)


def part(
    fleet: Fleet,
    selection: Selection = EVERYTHING,
    offset: int = 0,
    limit: int = 10,
    caller: Caller | None = None,
) -> tuple[list[str], int]:
    found = product_devices.part(caller or fleet.caller, fleet.product.id, selection, offset, limit)
    return [each.device.device for each in found.items], found.total


def walk(fleet: Fleet, selection: Selection, limit: int) -> Iterator[list[str]]:
    for offset in range(0, 10_000, limit):
        found, _ = part(fleet, selection, offset, limit)
        if not found:
            return
        yield found


@pytest.mark.parametrize("selection", [EVERYTHING, INACTIVE, NEWEST])
def test_a_walk_shows_every_device_once(fleet: Fleet, clock: FakeClock, selection: Selection) -> None:
    made = add_many(fleet, clock, 13)
    expected = made[::-1] if selection is NEWEST else made
    walked = list(walk(fleet, selection, 4))
    assert [device for page in walked for device in page] == expected
    assert [len(page) for page in walked] == [4, 4, 4, 1]
    assert part(fleet, selection, 0, 4)[1] == 13


@pytest.mark.parametrize("selection", [EVERYTHING, INACTIVE])
def test_offsets_need_not_be_those_of_pages(fleet: Fleet, clock: FakeClock, selection: Selection) -> None:
    made = add_many(fleet, clock, 13)
    for offset, limit in [(0, 3), (3, 5), (8, 2), (10, 10), (5, 1), (7, 3), (12, 1), (1, 50)]:
        assert part(fleet, selection, offset, limit) == (made[offset : offset + limit], 13), offset
    for far in (13, 14, 50_000, 2**31 - 1):
        assert part(fleet, selection, far, 5) == ([], 13)


@pytest.mark.parametrize("selection", [EVERYTHING, INACTIVE, NEWEST])
def test_what_is_added_or_deleted_during_a_walk_moves_no_page(
    fleet: Fleet, clock: FakeClock, selection: Selection
) -> None:
    made = add_many(fleet, clock, 12)
    pages = walk(fleet, selection, 4)
    seen = next(pages)
    clock.advance(1)
    late = add(fleet, 100)
    removal.delete(fleet.caller, seen[0])
    gone = (made[::-1] if selection is NEWEST else made)[9]
    removal.delete(fleet.caller, gone)
    for page in pages:
        seen += page
    assert len(set(seen)) == len(seen)
    assert set(made) - {gone} <= set(seen) <= set(made) - {gone} | {late}


def test_the_total_follows_additions_and_deletions(fleet: Fleet, clock: FakeClock) -> None:
    made = add_many(fleet, clock, 5)
    assert part(fleet, limit=2)[1] == 5
    removal.delete(fleet.caller, made[4])
    assert part(fleet, limit=2) == (made[:2], 4)


def test_only_the_callers_devices_of_this_product_are_listed(fleet: Fleet, clock: FakeClock) -> None:
    made = add_many(fleet, clock, 3)
    sibling, _ = applications.create_application(fleet.tenant, "sibling")
    theirs = Caller(fleet.tenant, sibling.id, sibling.id)
    their_own = [add(fleet, number, theirs) for number in range(10, 15)]
    other = make_product(fleet.tenant, model="M2").id
    registration.register(fleet.caller, NewDevice("elsewhere", BY_SECRET, product=other))
    named = Selection((Condition(Field.MAC, Operator.IN, (mac(0), mac(10))),))
    for selection in (EVERYTHING, INACTIVE):
        for limit in (1, 2, 10):
            assert part(fleet, selection, 0, limit) == (made[:limit], 3)
            assert part(fleet, selection, 2, limit) == (made[2:], 3)
        assert set(part(fleet, selection, caller=theirs)[0]) == set(their_own)
    assert part(fleet, named) == (made[:1], 1)
    assert part(fleet, named, caller=theirs) == ([their_own[0]], 1)
    for selection in (EVERYTHING, INACTIVE, named):
        with pytest.raises(ProductNotFound):
            part(fleet, selection, caller=make_fleet("other").caller)


def test_two_callers_walk_apart(fleet: Fleet, clock: FakeClock) -> None:
    add_many(fleet, clock, 6)
    sibling, _ = applications.create_application(fleet.tenant, "sibling")
    theirs = Caller(fleet.tenant, sibling.id, sibling.id)
    part(fleet, INACTIVE, 0, 2)
    part(fleet, EVERYTHING, 0, 2)
    for selection in (INACTIVE, EVERYTHING):
        assert part(fleet, selection, 2, 2, theirs) == ([], 0)


def test_conditions(fleet: Fleet, clock: FakeClock) -> None:
    made = add_many(fleet, clock, 6)
    numbers = [int(DeviceRecord.get(device, DEVICE).number) for device in made]
    for at, version in enumerate(["1", "2", "10", "text", "3"]):
        update(made[at], fw_version=version)
    update(made[1], status="ONLINE", last_seen=clock.at)
    low, high = sorted(numbers)[1], sorted(numbers)[4]

    def found(*conditions: tuple[Field, Operator, object]) -> set[int]:
        selection = Selection(tuple(Condition(*each) for each in conditions))
        return {made.index(device) for device in part(fleet, selection)[0]}

    assert found((Field.FIRMWARE, Operator.AT_LEAST, 2)) == {1, 2, 4}
    assert found((Field.FIRMWARE, Operator.MORE, 2), (Field.FIRMWARE, Operator.LESS, 10)) == {4}
    assert found((Field.FIRMWARE, Operator.IN, (0, 10))) == {2, 3, 5}
    assert found((Field.ONLINE, Operator.EQUAL, True)) == {1}
    assert found((Field.ONLINE, Operator.IN, (True, False))) == set(range(6))
    assert found((Field.MAC, Operator.LIKE, "5")) == {5}
    assert found((Field.MAC, Operator.LESS, mac(2))) == {0, 1}
    assert found((Field.NUMBER, Operator.EQUAL, numbers[3])) == {3}
    assert found((Field.NUMBER, Operator.IN, (numbers[3], numbers[1], numbers[3], 0))) == {1, 3}
    assert found((Field.NUMBER, Operator.MORE, low), (Field.NUMBER, Operator.AT_MOST, high)) == {
        at for at, number in enumerate(numbers) if low < number <= high
    }
    assert found((Field.MAC, Operator.EQUAL, mac(3)), (Field.FIRMWARE, Operator.EQUAL, 0)) == {3}
    assert found((Field.MAC, Operator.EQUAL, mac(3)), (Field.FIRMWARE, Operator.EQUAL, 1)) == set()
    assert found((Field.MAC, Operator.EQUAL, mac(99))) == set()


def test_orders(fleet: Fleet, clock: FakeClock) -> None:
    made = add_many(fleet, clock, 4)
    for at, (name, login) in enumerate([("b", 30), ("a", 20), ("b", 10), ("a", 40)]):
        update(made[at], name=name, last_login=login)

    def order(*fields: tuple[Field, bool]) -> list[int]:
        found, total = part(fleet, Selection(orders=tuple(Order(*each) for each in fields)), limit=3)
        rest, _ = part(fleet, Selection(orders=tuple(Order(*each) for each in fields)), offset=3, limit=3)
        assert total == 4
        return [made.index(device) for device in found + rest]

    assert order((Field.NAME, False)) == [1, 3, 0, 2]
    assert order((Field.NAME, True)) == [0, 2, 1, 3]
    assert order((Field.NAME, False), (Field.LAST_LOGIN, True)) == [3, 1, 0, 2]
    assert order((Field.LAST_LOGIN, False)) == [2, 1, 0, 3]
    assert order((Field.CREATED, True)) == [3, 2, 1, 0]
    assert order((Field.MAC, True)) == [3, 2, 1, 0]
    assert sorted(order((Field.NUMBER, False))) == [0, 1, 2, 3]
    named = Selection(
        (Condition(Field.MAC, Operator.IN, tuple(map(mac, range(4)))),),
        (Order(Field.NAME), Order(Field.MAC, True)),
    )
    assert [made.index(device) for device in part(fleet, named)[0]] == [3, 1, 2, 0]
    assert [made.index(device) for device in part(fleet, named, 1, 2)[0]] == [1, 2]


def test_what_no_longer_matches_is_left_out_of_a_later_page(fleet: Fleet, clock: FakeClock) -> None:
    made = add_many(fleet, clock, 6)
    part(fleet, INACTIVE, 0, 3)
    update(made[4], status="ONLINE", last_seen=clock.at)
    assert part(fleet, INACTIVE, 3, 3) == ([made[3], made[5]], 6)


def test_an_ended_registration_is_hidden(fleet: Fleet, clock: FakeClock) -> None:
    made = add_many(fleet, clock, 2)
    new = NewDevice("brief", BY_SECRET, product=fleet.product.id, timeout=60)
    registration.register(fleet.caller, new)
    clock.advance(60)
    assert [part(fleet, selection)[0] for selection in (EVERYTHING, INACTIVE)] == [made, made]


def test_calls(fleet: Fleet, clock: FakeClock, calls: Calls) -> None:
    add_many(fleet, clock, 12)

    def cost(offset: int, selection: Selection = EVERYTHING, limit: int = 5, **also: bool) -> list[str]:
        product_devices.products.load(fleet.product.id)
        calls.clear()
        product_devices.part(fleet.caller, fleet.product.id, selection, offset, limit, **also)
        return [each.removeprefix("dynamodb.") for each in calls.made]

    assert cost(0) == ["Query", "BatchGetItem", "BatchGetItem", "PutItem"]  # the second is the total
    assert cost(5) == ["GetItem", "Query", "BatchGetItem", "PutItem"]
    assert cost(10) == ["GetItem", "Query", "BatchGetItem", "DeleteItem"]
    assert cost(0, limit=50) == ["Query", "BatchGetItem", "DeleteItem"]
    assert cost(7, limit=3) == ["GetItem", "BatchGetItem", "Query", "Query", "BatchGetItem", "PutItem"]
    assert cost(100) == ["GetItem", "BatchGetItem"]
    assert cost(0, INACTIVE) == ["Query", "BatchWriteItem", "BatchGetItem"]
    assert cost(5, INACTIVE) == ["BatchGetItem", "BatchGetItem"]
    assert cost(3, INACTIVE, 7) == ["BatchGetItem", "BatchGetItem"]
    assert cost(100, INACTIVE) == ["BatchGetItem"]
    named = Selection((Condition(Field.MAC, Operator.EQUAL, mac(3)),))
    assert cost(0, named) == ["BatchGetItem", "BatchGetItem", "BatchGetItem"]
    assert cost(0, secrets=True, properties=True, limit=50) == ["Query", "BatchGetItem", "DeleteItem"]


def test_a_page_reads_by_the_hundred_items(fleet: Fleet, clock: FakeClock, calls: Calls) -> None:
    for device in add_many(fleet, clock, 34):
        extended_properties.add(fleet.caller, device, {"a": extended_properties.msgspec.Raw(b"1.0")})
    for secrets, properties, reads in ((False, False, 1), (True, False, 1), (True, True, 2)):
        calls.clear()
        found = product_devices.part(
            fleet.caller, fleet.product.id, EVERYTHING, 0, 50, secrets=secrets, properties=properties
        )
        assert calls.made.count("dynamodb.BatchGetItem") == reads
        assert {(bool(each.secret), len(each.properties)) for each in found.items} == {
            (secrets, 1 if properties else 0)
        }


def test_a_list_that_needs_too_much_is_refused(
    fleet: Fleet, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_many(fleet, clock, 3)
    monkeypatch.setattr(paging, "MOST_LISTED", 2)
    with pytest.raises(ListTooLong):
        part(fleet, INACTIVE, 0, 1)
    assert len(part(fleet, Selection((Condition(Field.MAC, Operator.LESS, mac(2)),)), 0, 1)[0]) == 1
    monkeypatch.setattr(walks, "MOST_READS", 0)
    for selection in (EVERYTHING, INACTIVE):
        with pytest.raises(ListTooLong):
            part(fleet, selection, 0, 2)
