"""Lists of devices in homes, and control groups: who may be in one, and telling all of one something."""

from collections.abc import Callable

import msgspec
import pytest

from chalicelib.core import (
    batch_ends,
    batch_work,
    bindings,
    control_group_calls,
    control_groups,
    home_devices,
    home_rooms,
    homes,
    removal,
    shadow_fields,
)
from chalicelib.core.command_states import IMMEDIATE_LASTS
from chalicelib.core.errors import (
    Busy,
    CommandTypeNotFound,
    ControlGroupFull,
    ControlGroupNotFound,
    ControlGroupTooSmall,
    HomeNotFound,
    HouseholdNameTaken,
    InOtherControlGroup,
    InvalidInput,
    NotBound,
    NotGroupable,
    PropertyNotFound,
    PropertyNotWritable,
    RoomNotFound,
)
from chalicelib.core.home_devices import Filter, HomeDevice, HomeGroup
from chalicelib.core.home_groups import FIRST_ADDRESS
from chalicelib.core.products import NodeType, Product
from chalicelib.core.users import Person
from chalicelib.store.commands import CommandRecord
from tests.conftest import Calls
from tests.support import bound, things
from tests.support.clock import FakeClock
from tests.support.faults import TRANSACTION, Crash, Faults
from tests.support.fleet import Fleet, make_fleet
from tests.support.iot import FakeIot
from tests.support.queues import WorkQueue
from tests.support.things import Lamp

QUERY, WRITE, GET, BATCH, SEND = (
    *(f"dynamodb.{each}" for each in ("Query", "TransactWriteItems", "GetItem", "BatchGetItem")),
    "sqs.SendMessageBatch",
)
BOTH = {HomeDevice, HomeGroup}


@pytest.fixture
def fleet(aws: None) -> Fleet:
    return make_fleet()


@pytest.fixture
def product(fleet: Fleet) -> Product:
    return things.make_lamp_product(fleet.tenant)


@pytest.fixture
def ann(fleet: Fleet) -> Person:
    return things.person(fleet, "ann")


@pytest.fixture
def home(ann: Person) -> str:
    return homes.create_home(ann, "home")


@pytest.fixture
def lamps(fleet: Fleet, iot: FakeIot, ann: Person, product: Product, clock: FakeClock) -> list[Lamp]:
    """Four, two of which are connected."""
    made = []
    for number in range(4):
        lamp = things.add_lamp(fleet, iot, f"lamp-{number}", product)
        clock.advance(1)
        bindings.bind(fleet.caller, ann.user, lamp.id)
        made.append(lamp)
    for lamp in made[:2]:
        lamp.connect()
        lamp.report(power=1, brightness=7)
    return made


def ids(found: home_devices.Listing) -> list[str]:
    return [each.device.device for each in found.items]


def test_a_list_shows_where_devices_are_and_what_they_reported(
    ann: Person, home: str, lamps: list[Lamp], product: Product
) -> None:
    room = home_rooms.create(ann, home, "kitchen")
    home_rooms.move(ann, home, room, [lamps[1].id])
    found = home_devices.query(ann, Filter(), 0, 20)
    assert ids(found) == [each.id for each in lamps]
    assert found.total == 4
    first, second = found.items[:2]
    assert first.home is not None
    assert first.home.id == home
    assert first.room is None
    assert second.room is not None
    assert second.room.id == room
    assert [(each.identifier, each.value) for each in first.properties] == [("power", 1), ("brightness", 7)]
    assert found.items[2].properties == []
    shown = home_devices.query(ann, Filter(), 0, 20, ["brightness", "nothing"]).items[0]
    assert [each.identifier for each in shown.properties] == ["brightness"]
    assert home_devices.query(ann, Filter(), 0, 20, []).items[0].properties == []


def test_filters(ann: Person, fleet: Fleet, home: str, lamps: list[Lamp], product: Product) -> None:
    other = homes.create_home(ann, "other")
    meter = bound.device(fleet, "meter")
    bindings.bind(fleet.caller, ann.user, meter)
    room = home_rooms.create(ann, home, "kitchen")
    everything = [*(each.id for each in lamps), meter]
    one, two, three, four = everything[:4]
    home_rooms.move(ann, home, room, [two, one])
    control_groups.create(ann, home, "group", str(product.short_id), [three, four])

    def found(**wanted: object) -> list[str]:
        listing = home_devices.query(ann, Filter(**wanted), 0, 20)  # type: ignore[arg-type]
        assert listing.total == len(listing.items)
        return ids(listing)

    assert found() == everything
    assert found(home=other) == [meter]
    assert found(other_home=home) == [meter]
    assert found(room=room) == [one, two]
    assert found(home=home, other_room=room) == [three, four]
    assert found(other_room=room) == [three, four, meter]
    assert found(grouped=True) == [three, four]
    assert found(grouped=False) == [one, two, meter]
    assert found(product=product.short_id) == everything[:4]
    assert found(product=product.short_id, grouped=False, room=room) == [one, two]
    assert found(product="nothing") == []
    assert found(category="Light") == []
    assert found(node_type=NodeType.ENDPOINT) == everything
    assert found(node_type=NodeType.GATEWAY) == []
    with pytest.raises(HomeNotFound):
        found(home="x")
    for wrong in ({"room": "x"}, {"home": other, "room": room}):
        with pytest.raises(RoomNotFound):
            found(**wrong)


def test_pages(ann: Person, home: str, lamps: list[Lamp]) -> None:
    assert ids(home_devices.query(ann, Filter(), 1, 3)) == [lamps[3].id]
    assert home_devices.query(ann, Filter(), 1, 3).total == 4
    assert ids(home_devices.query(ann, Filter(), 9, 3)) == []
    found, total = home_devices.elements(ann, home, BOTH, 1, 3)
    assert (len(found), total) == (1, 4)


def test_without_a_home_devices_are_nowhere(ann: Person, lamps: list[Lamp]) -> None:
    found = home_devices.query(ann, Filter(), 0, 20)
    assert ids(found) == [each.id for each in lamps]
    assert {each.home for each in found.items} == {None}


def test_a_gateway_shows_those_behind_it_that_the_person_has(ann: Person, fleet: Fleet, home: str) -> None:
    gateway, below = bound.gateway_with(fleet, 3)
    for each in (gateway, below[0], below[2]):
        bindings.bind(fleet.caller, ann.user, each)
    found = {each.device.device: each for each in home_devices.query(ann, Filter(), 0, 20).items}
    assert sorted(found[gateway].children or []) == sorted([below[0], below[2]])
    assert found[below[0]].children is None


def test_a_device_that_is_being_deleted_is_shown_no_more(
    ann: Person, fleet: Fleet, home: str, lamps: list[Lamp]
) -> None:
    removal.delete(fleet.caller, lamps[0].id)
    assert ids(home_devices.query(ann, Filter(), 0, 20)) == [each.id for each in lamps[1:]]
    assert len(home_devices.elements(ann, home, BOTH, 0, 20)[0]) == 3


def test_elements_are_devices_and_groups_in_one_order(
    ann: Person, home: str, lamps: list[Lamp], product: Product
) -> None:
    group = control_groups.create(ann, home, "group", str(product.short_id), [each.id for each in lamps[1:3]])
    home_rooms.reorder_element(ann, home, group, 0)
    found, total = home_devices.elements(ann, home, BOTH, 0, 20)
    assert total == 5
    assert isinstance(found[0], HomeGroup)
    assert (found[0].devices, found[0].online, found[0].valid) == (2, 1, True)
    assert found[0].master == lamps[1].id
    assert [each.identifier for each in found[0].properties] == ["power", "brightness"]
    assert home_devices.elements(ann, home, {HomeGroup}, 0, 20)[1] == 1
    assert home_devices.elements(ann, home, {HomeDevice}, 0, 20)[1] == 4


def test_a_group_is_invalid_where_all_are_offline_or_one_is_left(
    ann: Person, home: str, lamps: list[Lamp], product: Product
) -> None:
    control_groups.create(ann, home, "offline", str(product.short_id), [each.id for each in lamps[2:]])
    control_groups.create(ann, home, "mixed", str(product.short_id), [each.id for each in lamps[:2]])

    def valid() -> list[bool]:
        found, _ = home_devices.elements(ann, home, {HomeGroup}, 0, 20)
        return [each.valid for each in found if isinstance(each, HomeGroup)]

    assert valid() == [False, True]
    lamps[2].connect()
    lamps[2].report(power=1)
    assert valid() == [True, True]
    bindings.unbind(ann.user, lamps[0].id)
    assert valid() == [True, False]


def test_calls(ann: Person, home: str, lamps: list[Lamp], product: Product, calls: Calls) -> None:
    group = control_groups.create(ann, home, "group", str(product.short_id), [each.id for each in lamps[1:3]])
    room = home_rooms.create(ann, home, "kitchen")
    home_rooms.move(ann, home, room, [lamps[1].id])
    three = [each.id for each in lamps[:3]]

    def cost(act: Callable[[], object]) -> list[str]:
        calls.clear()
        act()
        return calls.made

    listed = [QUERY, BATCH, BATCH]
    assert cost(lambda: home_devices.query(ann, Filter(), 0, 20)) == listed
    assert cost(lambda: home_devices.query(ann, Filter(product=product.short_id), 0, 20)) == listed
    assert cost(lambda: home_devices.query(ann, Filter(), 0, 20, [])) == listed[:2]
    assert cost(lambda: home_devices.of_room(ann, home, room, 0, 20)) == listed
    assert cost(lambda: home_devices.of_group(ann, home, group, 0, 20)) == listed
    assert cost(lambda: home_devices.elements(ann, home, BOTH, 0, 20)) == listed
    assert cost(lambda: control_groups.get(ann, home, group)) == [QUERY]
    assert cost(lambda: control_groups.list_groups(ann, home, 0, 20)) == [QUERY]
    assert cost(lambda: control_groups.list_products(ann, home)) == [QUERY, BATCH]
    assert cost(lambda: control_groups.fill(ann, home, group, three)) == [BATCH, QUERY, WRITE]
    assert cost(lambda: control_groups.address_for(ann, home, group, three)) == [BATCH, QUERY]
    assert cost(lambda: control_groups.rename(ann, home, group, "g")) == [QUERY, WRITE]
    assert cost(lambda: control_group_calls.invoke(ann, group, "Toggle", {}, dialect="feiyan")) == [
        *(QUERY, WRITE, SEND)
    ]
    made = cost(lambda: control_group_calls.set_properties(ann, group, {"power": 0}))
    assert made[0] == QUERY
    # each a read and a write; the connected ones a job that sends
    assert sorted(made[1:]) == sorted([QUERY, WRITE] * 3 + [SEND] * 2)
    assert cost(lambda: control_groups.delete(ann, home, [group])) == [QUERY, WRITE]
    name = str(product.short_id)
    assert cost(lambda: control_groups.create(ann, home, "g2", name, three)) == [BATCH, QUERY, WRITE]


def test_who_may_be_in_a_group(
    ann: Person, fleet: Fleet, home: str, lamps: list[Lamp], product: Product, iot: FakeIot
) -> None:
    name, all_four = str(product.short_id), [each.id for each in lamps]
    meter, meter2 = bound.device(fleet, "meter"), bound.device(fleet, "meter2")
    for each in (meter, meter2):
        bindings.bind(fleet.caller, ann.user, each)
    strange = things.add_lamp(fleet, iot, "strange", product).id

    def create(devices: list[str], of: str = name, at: str = home, called: str = "group") -> str:
        return control_groups.create(ann, at, called, of, devices)

    with pytest.raises(ControlGroupTooSmall):
        create(all_four[:1])
    with pytest.raises(ControlGroupFull):
        create([f"{number:032x}" for number in range(101)])
    with pytest.raises(NotBound):
        create([*all_four, strange])
    with pytest.raises(NotBound):
        create([*all_four, "0" * 32])
    for devices, of in ((all_four, "other"), ([all_four[0], meter], name), ([meter, meter2], name)):
        with pytest.raises(InvalidInput):
            create(devices, of)
    with pytest.raises(NotGroupable):
        create([meter, meter2], str(fleet.product.short_id))
    with pytest.raises(HomeNotFound):
        create(all_four, at="x")
    other = homes.create_home(ann, "other")
    with pytest.raises(InvalidInput):
        create(all_four, at=other)
    group = create(all_four[:2])
    with pytest.raises(InOtherControlGroup):
        create(all_four[1:3], called="second")
    with pytest.raises(HouseholdNameTaken):
        create(all_four[2:])
    with pytest.raises(InvalidInput):
        control_groups.fill(ann, home, group, [all_four[0], meter])
    with pytest.raises(NotBound):
        control_groups.fill(ann, home, group, [all_four[0], strange])
    with pytest.raises(ControlGroupNotFound):
        control_groups.fill(ann, home, "x", all_four[:2])
    assert control_groups.address_for(ann, home, group, all_four) == FIRST_ADDRESS
    for wrong in (all_four[:1], [all_four[0], all_four[0]]):
        with pytest.raises((ControlGroupTooSmall, InvalidInput)):
            control_groups.address_for(ann, home, group, wrong)


@pytest.mark.parametrize(
    ("category", "device_type", "may"),
    [
        ("Light", None, True),
        ("light", "Meter", True),
        ("Outlet", None, True),
        ("Camera", "Lamp", False),
        (None, "Lamp", True),
        (None, "Meter", False),
        (None, None, False),
    ],
)
def test_lights_and_sockets_are_grouped(
    fleet: Fleet, category: str | None, device_type: str | None, may: bool
) -> None:
    of = msgspec.structs.replace(fleet.product, category_key=category, device_type=device_type)
    assert control_groups.groupable(of) is may


def test_products_for_one_more_group(
    ann: Person, fleet: Fleet, home: str, lamps: list[Lamp], product: Product, iot: FakeIot
) -> None:
    meters = [bound.device(fleet, f"meter-{number}") for number in range(2)]
    single = things.add_lamp(fleet, iot, "single")
    for each in (*meters, single.id):
        bindings.bind(fleet.caller, ann.user, each)
    assert [each.id for each in control_groups.list_products(ann, home)] == [product.id]
    control_groups.create(ann, home, "one", str(product.short_id), [each.id for each in lamps[:3]])
    assert control_groups.list_products(ann, home) == []


def desired(lamp: Lamp) -> dict[str, object]:
    held = shadow_fields.whole(lamp.id)
    assert held is not None
    return shadow_fields.document(held).desired


def test_all_devices_of_a_group_are_set(
    ann: Person, home: str, lamps: list[Lamp], product: Product, work: WorkQueue
) -> None:
    group = control_groups.create(ann, home, "group", str(product.short_id), [each.id for each in lamps[:3]])
    for power in (1, 0):
        control_group_calls.set_properties(ann, group, {"power": power, "brightness": 50})
    work.run()
    assert [desired(each) for each in lamps] == [{"power": 0, "brightness": 50}] * 3 + [{}]


def test_what_one_device_would_refuse_reaches_none(
    ann: Person, home: str, lamps: list[Lamp], product: Product, fleet: Fleet
) -> None:
    group = control_groups.create(ann, home, "group", str(product.short_id), [each.id for each in lamps[:2]])
    for wrong, error in (
        ({}, InvalidInput),
        ({"power": 1, "nothing": 1}, PropertyNotFound),
        ({"power": 1, "watts": 1}, PropertyNotWritable),
        ({"power": 1, "brightness": 101}, InvalidInput),
        ({"power": None}, InvalidInput),
    ):
        with pytest.raises(error):
            control_group_calls.set_properties(ann, group, wrong)
    assert desired(lamps[0]) == {}
    bob = things.person(fleet, "bob")
    homes.create_home(bob, "home")
    with pytest.raises(ControlGroupNotFound):
        control_group_calls.set_properties(bob, group, {"power": 1})
    with pytest.raises(ControlGroupNotFound):
        control_group_calls.invoke(bob, group, "Toggle", {}, dialect="feiyan")


def test_who_cannot_be_set_does_not_keep_the_others_from_it(
    ann: Person, home: str, lamps: list[Lamp], product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = control_groups.create(ann, home, "group", str(product.short_id), [each.id for each in lamps])
    monkeypatch.setattr(control_group_calls, "AT_ONCE", 1)
    faults = Faults.installed(monkeypatch)
    faults.before("Query", lambda: bindings.unbind(ann.user, lamps[0].id), skip=1)
    control_group_calls.set_properties(ann, group, {"power": 1})
    assert [desired(each) for each in lamps] == [{}, *[{"power": 1}] * 3]


def test_a_device_that_could_not_be_written_is_told_of(
    ann: Person, home: str, lamps: list[Lamp], product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = control_groups.create(ann, home, "group", str(product.short_id), [each.id for each in lamps])
    monkeypatch.setattr(control_group_calls, "AT_ONCE", 1)
    monkeypatch.setattr("chalicelib.store.transactions.pause", lambda _attempt: None)
    faults = Faults.installed(monkeypatch)
    faults.conflict(times=8)
    with pytest.raises(Busy):
        control_group_calls.set_properties(ann, group, {"power": 1})
    assert [desired(each) for each in lamps] == [{}, *[{"power": 1}] * 3]
    control_group_calls.set_properties(ann, group, {"power": 1})
    assert desired(lamps[0]) == {"power": 1}


def commands_of(lamp: Lamp) -> list[str]:
    return [record.method for record in CommandRecord.query(lamp.id)]


def test_each_device_of_a_group_gets_one_command(
    ann: Person, home: str, lamps: list[Lamp], product: Product, work: WorkQueue, iot: FakeIot
) -> None:
    group = control_groups.create(ann, home, "group", str(product.short_id), [each.id for each in lamps[:3]])
    control_group_calls.invoke(ann, group, "Toggle", {}, dialect="feiyan")
    job = work.waiting()[0]
    assert job["job"] == "batch-chunk"
    work.run()
    batch_work.perform(job["batch"], job["chunk"])  # the queue delivers it again
    work.run()
    assert work.failures == []
    assert [commands_of(each) for each in lamps] == [["Toggle"]] * 3 + [[]]
    for identifier, args, error in (
        ("Nothing", {}, CommandTypeNotFound),
        ("Toggle", {"x": 1}, InvalidInput),
        ("Measure", {"times": 10}, InvalidInput),
    ):
        with pytest.raises(error):
            control_group_calls.invoke(ann, group, identifier, args, dialect="feiyan")


@pytest.mark.parametrize(("seconds", "made"), [(30, ["Toggle"]), (IMMEDIATE_LASTS, [])])
def test_a_call_that_died_before_the_queue_is_made_good_while_it_lasts(
    ann: Person,
    home: str,
    lamps: list[Lamp],
    product: Product,
    work: WorkQueue,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
    seconds: int,
    made: list[str],
) -> None:
    group = control_groups.create(ann, home, "group", str(product.short_id), [each.id for each in lamps[:2]])
    work.run()
    Faults.installed(monkeypatch).crash("SendMessageBatch")
    with pytest.raises(Crash):
        control_group_calls.invoke(ann, group, "Toggle", {}, dialect="feiyan")
    clock.advance(seconds)
    assert batch_ends.sweep() == 1
    work.run()
    assert [commands_of(each) for each in lamps] == [made, made, [], []]


def test_a_group_of_nobody_is_told_nothing(
    ann: Person, home: str, lamps: list[Lamp], product: Product, calls: Calls
) -> None:
    group = control_groups.create(ann, home, "group", str(product.short_id), [each.id for each in lamps[:2]])
    for each in lamps[:2]:
        bindings.unbind(ann.user, each.id)
    calls.clear()
    control_group_calls.set_properties(ann, group, {"power": 1})
    control_group_calls.invoke(ann, group, "Toggle", {}, dialect="feiyan")
    assert calls.made == [QUERY, QUERY]


def test_the_last_place_in_a_group_at_once(
    ann: Person, home: str, lamps: list[Lamp], product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, four = str(product.short_id), [each.id for each in lamps]
    Faults.installed(monkeypatch).before(
        TRANSACTION, lambda: control_groups.create(ann, home, "one", name, four[:3])
    )
    with pytest.raises(InOtherControlGroup):
        control_groups.create(ann, home, "two", name, four[2:])
    assert [each.group.name for each in control_groups.list_groups(ann, home, 0, 20)[0]] == ["one"]
