"""Devices nearby: what bound devices have found, and what of it a person could bind."""

import pytest

from chalicelib.core import bind_tokens, bindings, discovery, product_details, products, removal, users
from chalicelib.core.bindings import Role
from chalicelib.core.discovery import Sighting
from chalicelib.core.errors import DeviceNotFound, InvalidInput, NothingDiscovers
from chalicelib.core.product_details import Details
from chalicelib.core.products import ShareMode
from chalicelib.core.users import Person
from tests.conftest import Calls
from tests.support import bound
from tests.support.clock import FakeClock
from tests.support.faults import Faults
from tests.support.fleet import Fleet, make_fleet


@pytest.fixture
def fleet(aws: None) -> Fleet:
    return make_fleet()


@pytest.fixture
def alice(fleet: Fleet) -> Person:
    return users.find(bound.person(fleet, "alice")).person


@pytest.fixture
def finder(fleet: Fleet, alice: Person) -> str:
    made = bound.device(fleet, "finder")
    bindings.bind(fleet.caller, alice.user, made)
    return made


def seen(fleet: Fleet, name: str, rssi: str = "-40") -> Sighting:
    return Sighting(fleet.product.short_id or "", name, ssid="home", bssid="aa:bb", rssi=rssi)


def names(person: Person, **more: bool) -> list[str]:
    page = discovery.discovered(person, 0, 20, **more)
    assert page.total == len(page.items)
    return [each.found.device.node_id for each in page.items]


def test_what_a_device_finds_is_shown_to_who_is_bound_to_it(
    fleet: Fleet, alice: Person, finder: str, clock: FakeClock, calls: Calls
) -> None:
    lamp = bound.device(fleet, "lamp")
    calls.clear()
    discovery.report(finder, [seen(fleet, "lamp")])
    assert calls.made == ["dynamodb.GetItem", "dynamodb.TransactWriteItems"]
    first = clock.at
    clock.at += 5000
    discovery.report(finder, [seen(fleet, "lamp", "-50")])
    products.load(fleet.product.id)
    calls.clear()
    page = discovery.discovered(alice, 0, 10)
    assert calls.made == ["dynamodb.Query", *["dynamodb.BatchGetItem"] * 3]
    (item,) = page.items
    assert (item.finder.device, item.found.device.device) == (finder, lamp)
    assert (item.sighting.first, item.sighting.last, item.sighting.rssi) == (first, clock.at, "-50")
    other = users.find(bound.person(fleet, "bob")).person
    with pytest.raises(NothingDiscovers):
        discovery.discovered(other, 0, 10)
    bindings.bind(fleet.caller, other.user, bound.device(fleet, "blind"))
    assert names(other) == []


def test_what_was_found_is_forgotten_after_a_time(
    fleet: Fleet, alice: Person, finder: str, clock: FakeClock
) -> None:
    bound.device(fleet, "lamp")
    discovery.report(finder, [seen(fleet, "lamp")])
    clock.at += discovery.LIFE - 1
    assert names(alice) == ["lamp"]
    clock.at += 1
    assert names(alice) == []


def test_what_is_bound_gone_or_not_of_the_application_is_not_shown(
    fleet: Fleet, alice: Person, finder: str
) -> None:
    there = [bound.device(fleet, name) for name in ("mine", "theirs", "gone", "free")]
    bindings.bind(fleet.caller, alice.user, there[0])
    bindings.bind(fleet.caller, bound.person(fleet, "bob"), there[1])
    removal.delete(fleet.caller, there[2])
    bound.device(make_fleet("other"), "foreign")
    found = [seen(fleet, name) for name in ("mine", "theirs", "gone", "free", "foreign", "nobody")]
    found.append(Sighting("nope", "free"))
    discovery.report(finder, found)
    assert names(alice) == ["free"]


def test_one_with_a_manager_is_shown_where_its_product_lets_others_bind_it(
    fleet: Fleet, alice: Person, finder: str
) -> None:
    lamp = bound.device(fleet, "lamp")
    bindings.bind(fleet.caller, bound.person(fleet, "bob"), lamp)
    discovery.report(finder, [seen(fleet, "lamp")])
    for mode, shown in (
        (ShareMode.AUTHORIZED, []),
        (ShareMode.SHARED, ["lamp"]),
        (ShareMode.SEIZED, ["lamp"]),
    ):
        product_details.describe(fleet.tenant, fleet.product.id, Details(share_mode=mode))
        assert names(alice) == shown
    bindings.bind(fleet.caller, alice.user, lamp, Role.MEMBER)
    assert names(alice) == []


def test_each_device_once_newest_first_and_in_pages(
    fleet: Fleet, alice: Person, finder: str, clock: FakeClock
) -> None:
    second = bound.device(fleet, "second")
    bindings.bind(fleet.caller, alice.user, second)
    for number in range(5):
        bound.device(fleet, f"lamp-{number}")
        discovery.report(finder, [seen(fleet, f"lamp-{number}")])
        clock.at += 1
    discovery.report(second, [seen(fleet, "lamp-0")])
    assert names(alice) == ["lamp-0", "lamp-4", "lamp-3", "lamp-2", "lamp-1"]
    page = discovery.discovered(alice, 2, 2)
    assert [each.found.device.node_id for each in page.items] == ["lamp-3", "lamp-2"]
    assert page.total == 5
    assert discovery.discovered(alice, 0, 1).items[0].finder.device == second


def test_products_that_are_released_or_not(fleet: Fleet, alice: Person, finder: str) -> None:
    bound.device(fleet, "lamp")
    discovery.report(finder, [seen(fleet, "lamp")])
    assert names(alice, released=True) == ["lamp"]
    assert names(alice, released=False) == []
    product_details.describe(fleet.tenant, fleet.product.id, Details(released=False))
    assert names(alice, released=True) == []
    assert names(alice, released=False) == ["lamp"]


def test_the_newest_fifty_are_kept(fleet: Fleet, finder: str, alice: Person, clock: FakeClock) -> None:
    for number in range(3):
        bound.device(fleet, f"n{number}")
    discovery.report(finder, [seen(fleet, f"n{number}") for number in range(50)])
    clock.at += 1
    discovery.report(finder, [seen(fleet, "other"), seen(fleet, "n1")])
    assert set(names(alice)) == {"n1", "n2"}
    for wrong in ([], [seen(fleet, str(number)) for number in range(51)]):
        with pytest.raises(InvalidInput):
            discovery.report(finder, wrong)


def test_two_reports_at_once_both_count(
    fleet: Fleet, alice: Person, finder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        bound.device(fleet, name)
    faults = Faults.installed(monkeypatch)
    faults.before("TransactWriteItems", lambda: discovery.report(finder, [seen(fleet, "b")]))
    discovery.report(finder, [seen(fleet, "a")])
    assert faults.met == 1
    assert sorted(names(alice)) == ["a", "b"]


def test_a_finder_that_is_gone(fleet: Fleet, finder: str) -> None:
    removal.delete(fleet.caller, finder)
    with pytest.raises(DeviceNotFound):
        discovery.report(finder, [seen(fleet, "a")])


def test_a_token_is_shown_while_it_is_good(
    fleet: Fleet, alice: Person, clock: FakeClock, calls: Calls
) -> None:
    name = (fleet.product.short_id or "", "lamp")
    lamp = bound.device(fleet, "lamp")
    bind_tokens.report(lamp, "a token")
    products.load(fleet.product.id)
    calls.clear()
    assert discovery.nearby(alice, [name])[name].token == "a token"
    assert calls.made == ["dynamodb.BatchGetItem"] * 2
    clock.at += bind_tokens.LASTS
    assert discovery.nearby(alice, [name])[name].token is None
    bindings.bind(fleet.caller, alice.user, lamp)
    assert discovery.nearby(alice, [name]) == {}
    assert name in discovery.nearby(alice, [name], also_own=[name])
