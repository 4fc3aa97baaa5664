"""Binding by token and within a time: once, by whom it is for, and never somebody else's device."""

import pytest

from chalicelib.core import (
    applications,
    bind_tokens,
    bindings,
    children,
    devices,
    products,
    provisioning,
    removal,
    users,
)
from chalicelib.core.applications import Caller
from chalicelib.core.bindings import Role
from chalicelib.core.errors import (
    BindTokenNotFound,
    BindWindowOver,
    BoundAlready,
    BoundByOther,
    DeviceNotFound,
    HomeNotFound,
    InvalidInput,
    NotBound,
    NotManager,
    ProductNotFound,
)
from chalicelib.core.products import ShareMode
from chalicelib.core.users import Person
from chalicelib.store.codes import BindTokenRecord
from chalicelib.store.devices import BIND_TOKEN, DEVICE, DeviceBindTokenRecord, DeviceRecord
from tests.conftest import Calls
from tests.support import bound
from tests.support.clock import FakeClock
from tests.support.faults import Faults
from tests.support.fleet import Fleet, make_fleet
from tests.support.iot import FakeIot
from tests.support.mqtt import Mqtt

TOKEN = "4786F0F6E1CC7BF86017FD4D1429EE4F"  # as devices make them
NAME = "lamp"


@pytest.fixture
def fleet(aws: None) -> Fleet:
    return make_fleet()


@pytest.fixture
def lamp(fleet: Fleet) -> str:
    return bound.device(fleet, NAME)


@pytest.fixture
def alice(fleet: Fleet) -> Person:
    return someone(fleet, "alice")


@pytest.fixture
def bob(fleet: Fleet) -> Person:
    return someone(fleet, "bob")


def someone(fleet: Fleet, name: str) -> Person:
    return users.find(bound.person(fleet, name)).person


def key(fleet: Fleet) -> str:
    assert fleet.product.short_id is not None
    return fleet.product.short_id


def share(fleet: Fleet, mode: ShareMode) -> None:
    products.revise(fleet.tenant, fleet.product.id, lambda _record, _change: {"share_mode": mode.value})


def bind(fleet: Fleet, person: Person, token: str = TOKEN, name: str = NAME) -> str:
    return provisioning.bind_by_token(person, key(fleet), name, token)[0].device


def holders(device: str) -> list[tuple[str, Role]]:
    return [(each.user, each.role) for each in bindings.of_device(device)]


# tokens


def test_an_app_makes_a_token_the_device_reports_it_and_the_person_is_bound(
    fleet: Fleet, lamp: str, alice: Person, calls: Calls, clock: FakeClock
) -> None:
    calls.clear()
    made = bind_tokens.create(alice)
    assert calls.made == ["dynamodb.TransactWriteItems"]
    assert made.until == clock.at + 30 * 60 * 1000
    assert len(made.token) == 32
    assert made.random.isdigit()
    with pytest.raises(BindTokenNotFound):  # the device has not come yet
        bind_tokens.device_of(alice, made.token)
    calls.clear()
    assert bind_tokens.report(lamp, made.token)
    assert calls.made == ["dynamodb.GetItem", "dynamodb.TransactWriteItems"] * 2
    calls.clear()
    assert bind_tokens.device_of(alice, made.token).device == lamp
    assert calls.made == ["dynamodb.GetItem"] * 2
    products.load(fleet.product.id)
    calls.clear()
    device, binding = provisioning.bind_by_token(alice, key(fleet), NAME, made.token)
    assert calls.made == [*["dynamodb.GetItem"] * 2, "dynamodb.TransactWriteItems"]
    assert (device.device, binding.role, binding.user) == (lamp, Role.MANAGER, alice.user)
    assert holders(lamp) == [(alice.user, Role.MANAGER)]
    bound.assert_whole()


def test_a_device_makes_its_own_token(fleet: Fleet, lamp: str, alice: Person, calls: Calls) -> None:
    calls.clear()
    assert bind_tokens.report(lamp, TOKEN)
    assert calls.made == ["dynamodb.GetItem", "dynamodb.TransactWriteItems"]
    assert bind(fleet, alice) == lamp


def test_tokens_are_stored_as_hashes_and_encrypted(fleet: Fleet, lamp: str) -> None:
    bind_tokens.report(lamp, TOKEN)
    kept = [each.attribute_values for each in BindTokenRecord.scan()]
    kept.append(DeviceBindTokenRecord.get(lamp, BIND_TOKEN).attribute_values)
    assert len(kept) == 2
    assert TOKEN not in str(kept)


def test_a_token_is_used_once(fleet: Fleet, lamp: str, alice: Person, bob: Person) -> None:
    bind_tokens.report(lamp, TOKEN)
    bind(fleet, alice)
    with pytest.raises(BoundAlready):
        bind(fleet, alice)
    with pytest.raises(BindTokenNotFound):
        bind(fleet, bob)
    bindings.unbind(alice.user, lamp)
    for person in (alice, bob):
        with pytest.raises(BindTokenNotFound):
            bind(fleet, person)
    assert bind_tokens.report(lamp, TOKEN)  # again, after a reconnection: it stays used
    with pytest.raises(BindTokenNotFound):
        bind(fleet, bob)
    assert holders(lamp) == []


@pytest.mark.parametrize("mode", list(ShareMode))
def test_two_people_at_once_use_a_token_once(
    fleet: Fleet, lamp: str, alice: Person, bob: Person, mode: ShareMode, monkeypatch: pytest.MonkeyPatch
) -> None:
    share(fleet, mode)
    bind_tokens.report(lamp, TOKEN)
    faults = Faults.installed(monkeypatch)
    faults.before("TransactWriteItems", lambda: bind(fleet, bob))
    with pytest.raises((BoundByOther, BindTokenNotFound)):
        bind(fleet, alice)
    assert faults.met == 1
    assert holders(lamp) == [(bob.user, Role.MANAGER)]
    bound.assert_whole()


@pytest.mark.parametrize(("early", "good"), [(1, True), (0, False)])
def test_a_token_is_good_to_its_last_millisecond(
    fleet: Fleet, lamp: str, alice: Person, clock: FakeClock, early: int, good: bool
) -> None:
    bind_tokens.report(lamp, TOKEN)
    clock.at += bind_tokens.LASTS - early
    if good:
        assert bind(fleet, alice) == lamp
        return
    for ask in (lambda: bind(fleet, alice), lambda: bind_tokens.device_of(alice, TOKEN)):
        with pytest.raises(BindTokenNotFound):
            ask()
    assert bind_tokens.report(lamp, TOKEN)  # reported anew it is a new one
    assert bind(fleet, alice) == lamp


def test_a_token_that_ends_while_it_is_used(
    fleet: Fleet, lamp: str, alice: Person, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    bind_tokens.report(lamp, TOKEN)
    clock.at += bind_tokens.LASTS - 1
    real = bindings.take

    def late(*given: object, **named: object) -> object:
        clock.at += 1
        return real(*given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(bindings, "take", late)
    with pytest.raises(BindTokenNotFound):
        bind(fleet, alice)
    assert holders(lamp) == []


def test_an_apps_token_binds_its_person_only(fleet: Fleet, lamp: str, alice: Person, bob: Person) -> None:
    token = bind_tokens.create(alice).token
    bind_tokens.report(lamp, token)
    for ask in (lambda: bind(fleet, bob, token), lambda: bind_tokens.device_of(bob, token)):
        with pytest.raises(BindTokenNotFound):
            ask()
    assert bind(fleet, alice, token) == lamp


def test_an_apps_token_that_is_over_before_the_device_comes(
    fleet: Fleet, lamp: str, alice: Person, bob: Person, clock: FakeClock
) -> None:
    """Then it is the device's own, for whoever is near."""
    token = bind_tokens.create(alice).token
    clock.at += bind_tokens.LASTS
    assert bind_tokens.report(lamp, token)
    assert bind(fleet, bob, token) == lamp


def test_a_token_belongs_to_the_first_device_that_reports_it(
    fleet: Fleet, lamp: str, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = bound.device(fleet, "other")
    bind_tokens.report(lamp, TOKEN)
    assert not bind_tokens.report(other, TOKEN)
    assert bind_tokens.report(lamp, TOKEN)
    assert bind_tokens.device_of(alice, TOKEN).device == lamp
    token = bind_tokens.create(alice).token
    faults = Faults.installed(monkeypatch)
    faults.before("TransactWriteItems", lambda: bind_tokens.report(other, token), skip=1)
    assert not bind_tokens.report(lamp, token)
    assert faults.met == 1
    assert bind_tokens.device_of(alice, token).device == other


def test_the_same_token_elsewhere_is_another(fleet: Fleet, lamp: str, alice: Person) -> None:
    """In another tenant, and in another application of the same."""
    theirs = make_fleet("other")
    sibling, _ = applications.create_application(fleet.tenant, "sibling")
    for caller in (theirs.caller, Caller(fleet.tenant, sibling.id, sibling.id)):
        stranger = users.create(caller, users.NewUser(login="s")).person
        bind_tokens.report(lamp, TOKEN)
        with pytest.raises(BindTokenNotFound):
            bind_tokens.device_of(stranger, TOKEN)
        with pytest.raises((BindTokenNotFound, ProductNotFound)):
            provisioning.bind_by_token(stranger, key(fleet), NAME, TOKEN)
    other = bound.device(theirs, NAME)
    assert bind_tokens.report(other, TOKEN)
    assert bind_tokens.device_of(alice, TOKEN).device == lamp


def test_a_token_with_the_wrong_names(fleet: Fleet, lamp: str, alice: Person) -> None:
    bind_tokens.report(lamp, TOKEN)
    bound.device(fleet, "other")
    with pytest.raises(DeviceNotFound):
        bind(fleet, alice, name="other")
    with pytest.raises(ProductNotFound):
        provisioning.bind_by_token(alice, "nope", NAME, TOKEN)
    for token in ("", "x" * 129, "unknown"):
        with pytest.raises(BindTokenNotFound):
            bind(fleet, alice, token)
    assert holders(lamp) == []


@pytest.mark.parametrize("token", ["", "x" * 129])
def test_reports_of_no_token(fleet: Fleet, lamp: str, token: str) -> None:
    with pytest.raises(InvalidInput):
        bind_tokens.report(lamp, token)


def test_a_device_that_is_gone(fleet: Fleet, lamp: str, alice: Person) -> None:
    bind_tokens.report(lamp, TOKEN)
    removal.delete(fleet.caller, lamp)
    assert not bind_tokens.report(lamp, "another")
    with pytest.raises(DeviceNotFound):
        bind(fleet, alice)


def test_a_token_that_is_refused_is_not_used_up(fleet: Fleet, lamp: str, alice: Person, bob: Person) -> None:
    bind_tokens.report(lamp, TOKEN)
    bindings.bind(fleet.caller, alice.user, lamp)
    with pytest.raises(BoundByOther):
        bind(fleet, bob)
    with pytest.raises(HomeNotFound):
        provisioning.bind_by_token(bob, key(fleet), NAME, TOKEN, provisioning.Place("nope"))
    bindings.unbind(alice.user, lamp)
    assert bind(fleet, bob) == lamp


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (ShareMode.SHARED, [("alice", Role.MANAGER), ("bob", Role.MEMBER)]),
        (ShareMode.SEIZED, [("bob", Role.MANAGER)]),
    ],
)
def test_a_device_with_a_manager_is_joined_or_seized_as_its_product_says(
    fleet: Fleet, lamp: str, alice: Person, bob: Person, mode: ShareMode, expected: list[tuple[str, Role]]
) -> None:
    share(fleet, mode)
    bindings.bind(fleet.caller, alice.user, lamp)
    bind_tokens.report(lamp, TOKEN)
    bind(fleet, bob)
    names = {alice.user: "alice", bob.user: "bob"}
    assert [(names[user], role) for user, role in holders(lamp)] == expected
    with pytest.raises(BindTokenNotFound):
        bind(fleet, someone(fleet, "carol"))
    bound.assert_whole()


# the time window


def connect(fleet: Fleet, device: str) -> Mqtt:
    from chalicelib.core import credentials
    from chalicelib.store.devices import CREDENTIALS, CredentialsRecord

    made = Mqtt(device, credentials.secret_of(CredentialsRecord.get(device, CREDENTIALS)))
    made.connect()
    return made


@pytest.mark.parametrize(("early", "good"), [(1, True), (0, False)])
def test_the_window_to_its_last_millisecond(
    fleet: Fleet, lamp: str, alice: Person, iot: FakeIot, clock: FakeClock, early: int, good: bool
) -> None:
    connect(fleet, lamp)
    clock.at += provisioning.WINDOW - early
    if good:
        assert provisioning.bind_in_window(alice, key(fleet), NAME)[0].device == lamp
        return
    with pytest.raises(BindWindowOver):
        provisioning.bind_in_window(alice, key(fleet), NAME)
    connect(fleet, lamp)  # switched off and on
    assert provisioning.bind_in_window(alice, key(fleet), NAME)[0].device == lamp


def test_what_a_binding_in_the_window_costs(
    fleet: Fleet, lamp: str, alice: Person, iot: FakeIot, calls: Calls
) -> None:
    connect(fleet, lamp)
    products.load(fleet.product.id)
    calls.clear()
    provisioning.bind_in_window(alice, key(fleet), NAME)
    assert calls.made == [*["dynamodb.GetItem"] * 2, "dynamodb.TransactWriteItems"]


def test_one_that_never_came_and_names_that_are_none(
    fleet: Fleet, lamp: str, alice: Person, iot: FakeIot
) -> None:
    with pytest.raises(BindWindowOver):
        provisioning.bind_in_window(alice, key(fleet), NAME)
    connect(fleet, lamp)
    with pytest.raises(DeviceNotFound):
        provisioning.bind_in_window(alice, key(fleet), "other")
    with pytest.raises(ProductNotFound):
        provisioning.bind_in_window(alice, "nope", NAME)
    theirs = make_fleet("other")
    stranger = users.create(theirs.caller, users.NewUser(login="s")).person
    with pytest.raises(ProductNotFound):
        provisioning.bind_in_window(stranger, key(fleet), NAME)
    sibling, _ = applications.create_application(fleet.tenant, "sibling")
    other = users.create(Caller(fleet.tenant, sibling.id, sibling.id), users.NewUser(login="s")).person
    with pytest.raises(DeviceNotFound):
        provisioning.bind_in_window(other, key(fleet), NAME)


def test_a_device_of_another_stays_theirs(
    fleet: Fleet, lamp: str, alice: Person, bob: Person, iot: FakeIot
) -> None:
    connect(fleet, lamp)
    provisioning.bind_in_window(alice, key(fleet), NAME)
    with pytest.raises(BoundByOther):
        provisioning.bind_in_window(bob, key(fleet), NAME)
    with pytest.raises(BoundAlready):
        provisioning.bind_in_window(alice, key(fleet), NAME)


def test_a_device_behind_a_gateway_counts_from_when_it_was_heard_of(
    fleet: Fleet, alice: Person, clock: FakeClock
) -> None:
    _, (below,) = bound.gateway_with(fleet, 1)
    with pytest.raises(BindWindowOver):
        provisioning.bind_in_window(alice, key(fleet), "below-0")
    record = DeviceRecord.get(below, DEVICE)
    record.update([DeviceRecord.last_seen.set(clock.at)])
    clock.at += provisioning.WINDOW - 1
    assert provisioning.bind_in_window(alice, key(fleet), "below-0")[0].device == below


# gateways


def test_the_manager_of_a_gateway_takes_a_device_from_behind_it(
    fleet: Fleet, alice: Person, bob: Person, calls: Calls
) -> None:
    gateway, (below, stays) = bound.gateway_with(fleet, 2)
    bindings.bind(fleet.caller, alice.user, gateway)
    bindings.bind(fleet.caller, bob.user, gateway, Role.MEMBER)
    with pytest.raises(NotManager):
        provisioning.remove_topology(bob, gateway, below)
    with pytest.raises(NotBound):
        provisioning.remove_topology(someone(fleet, "carol"), gateway, below)
    calls.clear()
    provisioning.remove_topology(alice, gateway, below)
    assert calls.made == [*["dynamodb.BatchGetItem"] * 2, "dynamodb.TransactWriteItems"]
    assert list(children.children_of(gateway)) == [stays]
    for child in (below, gateway, "nope", bound.device(fleet, "direct")):
        with pytest.raises(DeviceNotFound):
            provisioning.remove_topology(alice, gateway, child)


def test_another_gateways_child_is_not_touched(fleet: Fleet, alice: Person) -> None:
    from chalicelib.core.products import NodeType
    from tests.support.fleet import make_product

    _, (below,) = bound.gateway_with(fleet, 1)
    mine = bound.device(fleet, "mine", make_product(fleet.tenant, NodeType.GATEWAY, model="G2").id)
    bindings.bind(fleet.caller, alice.user, mine)
    with pytest.raises(DeviceNotFound):
        provisioning.remove_topology(alice, mine, below)
    assert devices.get(fleet.caller, below).gateway != below


@pytest.mark.parametrize("manager", [True, False])
def test_unbinding_a_child_ends_its_topology_where_the_manager_does_it(
    fleet: Fleet, alice: Person, bob: Person, manager: bool, calls: Calls
) -> None:
    gateway, (below,) = bound.gateway_with(fleet, 1)
    bindings.bind(fleet.caller, alice.user, below)
    bindings.bind(fleet.caller, bob.user, below, Role.MEMBER)
    products.load(fleet.product.id)
    calls.clear()
    provisioning.unbind_child(alice if manager else bob, key(fleet), "below-0")
    assert len(calls.made) == (7 if manager else 5)
    assert holders(below) == ([] if manager else [(alice.user, Role.MANAGER)])
    assert devices.get(fleet.caller, below).gateway == (below if manager else gateway)
    bound.assert_whole()
    with pytest.raises(NotBound):
        provisioning.unbind_child(bob, key(fleet), "below-0")


def test_unbinding_that_died_half_way_is_finished_by_a_repetition(
    fleet: Fleet, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.support.faults import Crash

    _, (below,) = bound.gateway_with(fleet, 1)
    bindings.bind(fleet.caller, alice.user, below)
    Faults.installed(monkeypatch).crash("TransactWriteItems", skip=1)
    with pytest.raises(Crash):
        provisioning.unbind_child(alice, key(fleet), "below-0")
    provisioning.unbind_child(alice, key(fleet), "below-0")
    assert holders(below) == []
    assert devices.get(fleet.caller, below).gateway == below
