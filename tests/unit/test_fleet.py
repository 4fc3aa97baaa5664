"""Pages of a fleet: order, filters, totals, what is hidden, and what it costs."""

import json
from collections.abc import Iterator

import pytest

from chalicelib.core import applications, fleet, products, registration, removal
from chalicelib.core.applications import Caller
from chalicelib.core.devices import Status
from chalicelib.core.errors import DeviceNotFound, ListTooLong
from chalicelib.core.fleet import Selection
from chalicelib.core.modification import Changes, modify
from chalicelib.core.products import NodeType
from chalicelib.core.registration import BY_CODE, NewDevice
from chalicelib.core.things import Service, ThingModel
from chalicelib.store import walks
from chalicelib.store.devices import DEVICE, SHADOW, DeviceRecord, ShadowRecord
from tests.conftest import Calls
from tests.support.clock import FakeClock
from tests.support.fleet import Fleet, make_fleet, make_product

EVERYTHING = Selection()


@pytest.fixture
def home(aws: None) -> Fleet:
    return make_fleet()


def register(home: Fleet, node_id: str, caller: Caller | None = None, **more: object) -> str:
    given = {"registration": BY_CODE, "product": home.product.id} | more
    made = registration.register(caller or home.caller, NewDevice(node_id, **given))  # type: ignore[arg-type]
    return made.device.device


def register_many(home: Fleet, clock: FakeClock, amount: int) -> list[str]:
    """One a second, oldest first."""
    made = []
    for number in range(amount):
        clock.advance(1)
        made.append(register(home, f"node-{number}"))
    return made


def attach(device: str, gateway: str) -> None:
    DeviceRecord(device, DEVICE).update([DeviceRecord.gateway.set(gateway)])


def shadow(device: str, service: str, at: int = 1, **data: object) -> None:
    ShadowRecord(device, SHADOW + service, reported=json.dumps(data), times="{}", at=at, version=1).save()


def listed(
    home: Fleet, selection: Selection = EVERYTHING, size: int = 25, caller: Caller | None = None
) -> list[str]:
    """Ids of every page, until an empty one."""
    return [each for page in walk(home, selection, size, caller) for each in page]


def walk(home: Fleet, selection: Selection, size: int, caller: Caller | None = None) -> Iterator[list[str]]:
    for number in range(100):
        page = fleet.page(caller or home.caller, selection, number, size)
        if not page.items:
            return
        yield [device.device for device, _ in page.items]
    raise AssertionError("the walk does not end")


def test_a_walk_shows_every_device_once_newest_first(home: Fleet, clock: FakeClock) -> None:
    made = register_many(home, clock, 60)
    assert listed(home) == made[::-1]
    assert listed(home, Selection(ascending=True), size=20) == made
    page = fleet.page(home.caller, EVERYTHING, 2, 25)
    assert (len(page.items), page.total) == (10, 60)


def test_a_jump_shows_what_a_walk_shows(home: Fleet, clock: FakeClock) -> None:
    made = register_many(home, clock, 30)
    page = fleet.page(home.caller, EVERYTHING, 5, 4)
    assert [device.device for device, _ in page.items] == made[::-1][20:24]
    assert page.total == 30
    assert fleet.page(home.caller, EVERYTHING, 10**6, 4).items == []


def test_a_device_that_registers_during_a_walk_moves_no_page(home: Fleet, clock: FakeClock) -> None:
    made = register_many(home, clock, 12)
    pages = walk(home, EVERYTHING, 5)
    seen = next(pages)
    clock.advance(1)
    register(home, "late")
    for page in pages:
        seen += page
    assert seen == made[::-1]


def test_totals_follow_registration_and_deletion(home: Fleet, clock: FakeClock) -> None:
    made = register_many(home, clock, 12)
    assert fleet.page(home.caller, EVERYTHING, 0, 5).total == 12
    clock.advance(1)
    register(home, "one-more")
    assert fleet.page(home.caller, EVERYTHING, 0, 5).total == 13
    for device in made[2:]:
        DeviceRecord(device, DEVICE).update([DeviceRecord.listing.remove(), DeviceRecord.deleted.set(True)])
    assert listed(home, size=5) == [
        fleet.page(home.caller, EVERYTHING, 0, 1).items[0][0].device,
        *made[1::-1],
    ]


def test_a_deleted_device_is_gone_from_list_and_total(home: Fleet, clock: FakeClock) -> None:
    made = register_many(home, clock, 6)
    removal.delete(home.caller, made[5])
    assert fleet.page(home.caller, EVERYTHING, 0, 2).total == 5
    assert listed(home, size=2) == made[4::-1]


def test_another_tenant_and_another_application_see_nothing(home: Fleet, clock: FakeClock) -> None:
    gateway, child = register_many(home, clock, 2)
    attach(child, gateway)
    sibling, _ = applications.create_application(home.tenant, "sibling")
    for stranger in (make_fleet("other").caller, Caller(home.tenant, sibling.id, sibling.id)):
        for selection in (
            EVERYTHING,
            Selection(gateway=gateway),
            Selection(status=Status.INACTIVE),
            Selection(gateway=gateway, status=Status.INACTIVE),
        ):
            assert fleet.page(stranger, selection, 0, 25) == fleet.Page([], 0, 0, 25)
        with pytest.raises(DeviceNotFound):
            fleet.members(stranger, gateway)
    register(home, "theirs", Caller(home.tenant, sibling.id, sibling.id))
    assert len(listed(home)) == 2


def test_another_applications_child_is_not_shown_with_the_gateway(home: Fleet) -> None:
    gateway = register(home, "gateway")
    sibling, _ = applications.create_application(home.tenant, "sibling")
    attach(register(home, "theirs", Caller(home.tenant, sibling.id, sibling.id)), gateway)
    page = fleet.page(home.caller, Selection(gateway=gateway), 0, 25)
    assert ([device.device for device, _ in page.items], page.total) == ([gateway], 1)
    assert [each.device for each in fleet.members(home.caller, gateway)] == [gateway]


def test_an_ended_registration_is_hidden_before_it_is_swept(home: Fleet, clock: FakeClock) -> None:
    made = register_many(home, clock, 4)
    clock.advance(1)
    brief = [register(home, f"brief-{number}", timeout=60) for number in range(2)]
    assert listed(home, size=3) == [*sorted(brief, reverse=True), *made[::-1]]
    clock.advance(60)
    assert [list(page) for page in walk(home, EVERYTHING, 3)] == [made[:0:-1], made[:1]]
    assert listed(home, Selection(status=Status.INACTIVE), size=10) == made[::-1]


def test_a_device_that_vanished_since_the_index_was_read_is_skipped(home: Fleet, clock: FakeClock) -> None:
    made = register_many(home, clock, 3)
    DeviceRecord(made[1], DEVICE).update([DeviceRecord.deleted.set(True)])  # its listing stands still
    assert listed(home) == [made[2], made[0]]


def test_filters_hold_exactly_and_together(home: Fleet, clock: FakeClock) -> None:
    gateways = make_product(home.tenant, NodeType.GATEWAY, model="G1")
    made = register_many(home, clock, 4)
    gateway = register(home, "gateway", product=gateways.id)
    modify(home.caller, made[0], Changes(name="hall", location="here"))
    modify(home.caller, made[1], Changes(name="hall", device_type="Lamp"))
    DeviceRecord(made[2], DEVICE).update([DeviceRecord.status.set(Status.ONLINE.value)])
    attach(made[1], gateway)
    attach(made[3], gateway)
    cases = [
        (Selection(name="hall"), {made[0], made[1]}),
        (Selection(name="hal"), set()),
        (Selection(location="here"), {made[0]}),
        (Selection(device_type="Lamp"), {made[1]}),
        (Selection(status=Status.ONLINE), {made[2]}),
        (Selection(node_type=NodeType.GATEWAY), {gateway}),
        (Selection(node_type=NodeType.ENDPOINT), set(made)),
        (Selection(gateway=gateway), {gateway, made[1], made[3]}),
        (Selection(gateway=gateway, name="hall"), {made[1]}),
        (Selection(gateway=gateway, node_type=NodeType.ENDPOINT, status=Status.INACTIVE), {made[1], made[3]}),
        (Selection(name="hall", location="here", status=Status.ONLINE), set()),
        (Selection(gateway="f" * 32), set()),
    ]
    for selection, expected in cases:
        assert set(listed(home, selection, size=2)) == expected, selection
        assert fleet.page(home.caller, selection, 0, 2).total == len(expected), selection


def test_times_of_registration_select_from_any_order(home: Fleet, clock: FakeClock) -> None:
    start = clock.at
    made = register_many(home, clock, 8)  # at 1 to 8 s
    gateway = made[0]
    for child in made[4:]:
        attach(child, gateway)
    times = {"after": start + 3000, "before": start + 7000}
    assert listed(home, Selection(**times), size=3) == made[5:1:-1]
    assert listed(home, Selection(**times, ascending=True), size=3) == made[2:6]
    assert fleet.page(home.caller, Selection(**times), 0, 3).total == 4
    assert listed(home, Selection(**times, gateway=gateway), size=1) == made[5:3:-1]
    assert listed(home, Selection(**times, status=Status.INACTIVE, ascending=True), size=3) == made[2:6]
    assert listed(home, Selection(after=start + 8000)) == made[7:]
    assert listed(home, Selection(before=start + 1000)) == []
    assert listed(home, Selection(after=start + 2000, before=start + 2000)) == []


def test_a_walk_over_a_filter_is_in_order_and_complete(home: Fleet, clock: FakeClock) -> None:
    made = register_many(home, clock, 23)
    assert listed(home, Selection(status=Status.INACTIVE), size=5) == made[::-1]
    assert listed(home, Selection(status=Status.INACTIVE, ascending=True), size=5) == made


def test_what_no_longer_matches_is_left_out_of_a_later_page(home: Fleet, clock: FakeClock) -> None:
    made = register_many(home, clock, 6)
    selection = Selection(status=Status.INACTIVE)
    fleet.page(home.caller, selection, 0, 3)
    DeviceRecord(made[1], DEVICE).update([DeviceRecord.status.set(Status.ONLINE.value)])
    page = fleet.page(home.caller, selection, 1, 3)
    assert ([device.device for device, _ in page.items], page.total) == ([made[2], made[0]], 6)


def test_services_come_with_their_device(home: Fleet) -> None:
    modelled, other = register(home, "a"), register(home, "b")
    free = products.create(home.tenant, "Free", ThingModel())
    schemaless = register(home, "c", product=free.id)
    shadow(modelled, "Meter", at=5, level=1.0)
    shadow(schemaless, "Anything", level=2)
    shadow(schemaless, "", level=3)
    for selection in (EVERYTHING, Selection(status=Status.INACTIVE)):
        found = {
            device.device: [(each.service, each.data, each.at) for each in states]
            for device, states in fleet.page(home.caller, selection, 0, 25).items
        }
        assert found == {
            modelled: [("Meter", {"level": 1.0}, 5)],
            other: [],
            schemaless: [("", {"level": 3}, 1), ("Anything", {"level": 2}, 1)],
        }


def test_calls_of_a_walk(home: Fleet, clock: FakeClock, calls: Calls) -> None:
    register_many(home, clock, 12)

    def cost(number: int, selection: Selection = EVERYTHING, size: int = 5) -> list[str]:
        calls.clear()
        fleet.page(home.caller, selection, number, size)
        return [each.removeprefix("dynamodb.") for each in calls.made]

    assert cost(0) == ["Query", "BatchGetItem", "BatchGetItem", "PutItem"]  # the second is the total
    assert cost(1) == ["GetItem", "Query", "BatchGetItem", "PutItem"]
    assert cost(2) == ["GetItem", "Query", "BatchGetItem", "DeleteItem"]
    assert cost(3) == ["GetItem", "BatchGetItem"]
    assert cost(0, size=25) == ["Query", "BatchGetItem", "DeleteItem"]
    jump = cost(3, size=3)
    assert jump == ["GetItem", "BatchGetItem", "Query", "Query", "BatchGetItem", "DeleteItem"]
    timed = Selection(after=1)
    assert cost(0, timed) == ["Query", "BatchGetItem", "Query", "PutItem"]
    assert cost(1, timed) == ["GetItem", "Query", "BatchGetItem", "PutItem"]
    filtered = Selection(status=Status.INACTIVE)
    assert cost(0, filtered) == ["Query", "BatchWriteItem", "BatchGetItem"]
    assert cost(1, filtered) == ["BatchGetItem", "BatchGetItem"]
    assert cost(2, filtered) == ["BatchGetItem", "BatchGetItem"]
    assert cost(3, filtered) == ["BatchGetItem"]


def test_a_page_reads_devices_and_services_by_the_hundred(
    home: Fleet, clock: FakeClock, calls: Calls
) -> None:
    model = ThingModel((Service("A"), Service("B")))
    product = products.create(home.tenant, "Two", model)
    clock.advance(1)
    for number in range(34):
        register(home, f"n{number}", product=product.id)
    calls.clear()
    assert len(fleet.page(home.caller, EVERYTHING, 0, 50).items) == 34
    assert calls.made.count("dynamodb.BatchGetItem") == 2  # of 102 items


def test_a_list_that_needs_too_many_reads_is_refused(
    home: Fleet, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    register_many(home, clock, 2)
    monkeypatch.setattr(walks, "MOST_READS", 0)
    for selection in (EVERYTHING, Selection(status=Status.ONLINE)):
        with pytest.raises(ListTooLong):
            fleet.page(home.caller, selection, 0, 5)


def test_members_are_the_gateway_and_its_children(
    home: Fleet, clock: FakeClock, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway, *children = register_many(home, clock, 4)
    for child in children:
        attach(child, gateway)
    calls.clear()
    assert [each.device for each in fleet.members(home.caller, gateway)] == [gateway, *children]
    assert calls.made == ["dynamodb.GetItem", "dynamodb.Query", "dynamodb.BatchGetItem"]
    assert [each.device for each in fleet.members(home.caller, children[0])] == [children[0]]
    monkeypatch.setattr(fleet, "MOST_MEMBERS", 2)
    with pytest.raises(ListTooLong):
        fleet.members(home.caller, gateway)
