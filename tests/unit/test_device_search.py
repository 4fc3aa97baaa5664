"""Finding a device by whatever one was told, in its own tenant only."""

import pytest

from chalicelib.core import device_search, devices, removal
from chalicelib.core.errors import InvalidInput, ListTooLong, ProductNotFound
from chalicelib.store.walks import WalkTooLong
from tests.conftest import Calls
from tests.support.clock import FakeClock
from tests.support.fleet import Fleet, make_fleet, make_product
from tests.support.operators import add_device

MAC = "0A1B2C3D4E5F"


@pytest.fixture
def fleet(aws: None) -> Fleet:
    return make_fleet()


def found(fleet: Fleet, text: str, product: str | None = None) -> list[str]:
    return [each.device for each in device_search.by_id(fleet.tenant, text, product)]


def spellings(fleet: Fleet, ident: str) -> list[str]:
    device = devices.get(fleet.caller, ident)
    mac = device.mac_key or ""
    pairs = [mac[at : at + 2] for at in range(0, 12, 2)]
    spelt = (mac, mac.lower(), ":".join(pairs), "-".join(pairs).lower(), ".".join(pairs))
    return [ident, device.node_id, str(device.number), *spelt]


def test_every_spelling_finds_it(fleet: Fleet, calls: Calls) -> None:
    ident = add_device(fleet, "meter-1", mac_key=MAC)
    add_device(fleet, "meter-2")
    for text in spellings(fleet, ident):
        calls.clear()
        assert found(fleet, text) == [ident], text
        assert len(calls.made) <= 3
        calls.clear()
        assert found(fleet, text, fleet.product.id) == [ident], text
        assert calls.made == ["dynamodb.BatchGetItem"] * 2


def test_another_tenant_finds_nothing(fleet: Fleet) -> None:
    other = make_fleet("other")
    ident = add_device(fleet, "meter-1", mac_key=MAC)
    for text in spellings(fleet, ident):
        assert found(other, text) == []
        assert found(other, text, fleet.product.id) == []


def test_a_number_or_mac_of_several_products(fleet: Fleet, clock: FakeClock) -> None:
    second = make_product(fleet.tenant, model="M2").id
    one = add_device(fleet, "meter-1", mac_key=MAC)
    clock.advance(1)
    two = add_device(fleet, "meter-2", second, mac_key=MAC)
    other = make_fleet("other")
    add_device(other, "meter-3", mac_key=MAC)
    assert found(fleet, MAC) == [one, two]
    assert found(fleet, MAC, second) == [two]
    assert found(fleet, "meter-1", second) == []


def test_what_is_gone_is_not_found(fleet: Fleet, clock: FakeClock) -> None:
    ident = add_device(fleet, "meter-1", timeout=60)
    gone = add_device(fleet, "meter-2")
    removal.delete(fleet.caller, gone)
    assert found(fleet, gone) == []
    clock.advance(61)
    assert found(fleet, "meter-1") == found(fleet, ident) == []


@pytest.mark.parametrize(
    "text", ["x", "0", "00012", "2147483648", "99999999999", "f" * 32, "é", "٣", "a" * 256]
)
def test_what_nothing_is_called(fleet: Fleet, text: str) -> None:
    add_device(fleet, "meter-1")
    assert found(fleet, text) == []


def test_names(fleet: Fleet, clock: FakeClock) -> None:
    made = []
    for number in range(3):
        made.append(add_device(fleet, f"meter-{number}", name="roof" if number != 1 else "hall"))
        clock.advance(1)
    named = device_search.by_name(fleet.tenant, fleet.product.id, "roof")
    assert [each.device for each in named] == [made[0], made[2]]
    assert device_search.by_name(fleet.tenant, fleet.product.id, "cellar") == []
    with pytest.raises(InvalidInput):
        device_search.by_name(fleet.tenant, fleet.product.id, "")
    with pytest.raises(ProductNotFound):
        device_search.by_name(make_fleet("other", model="X").tenant, fleet.product.id, "roof")


def test_names_are_found_far_behind(fleet: Fleet, clock: FakeClock, calls: Calls) -> None:
    """What a query looks at is not bounded by what it is to find."""
    for number in range(120):
        add_device(fleet, f"meter-{number}")
    clock.advance(1)
    last = add_device(fleet, "last", name="roof")
    calls.clear()
    (named,) = device_search.by_name(fleet.tenant, fleet.product.id, "roof")
    assert named.device == last
    assert calls.made == ["dynamodb.Query", "dynamodb.BatchGetItem"]


def test_at_most_a_hundred_of_a_name(fleet: Fleet) -> None:
    for number in range(device_search.MOST_NAMED + 5):
        add_device(fleet, f"meter-{number}", name="roof")
    found_ = device_search.by_name(fleet.tenant, fleet.product.id, "roof")
    assert len(found_) == device_search.MOST_NAMED


def test_too_many_devices_to_look_for_a_name(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    def endless(*_: object) -> object:
        raise WalkTooLong

    monkeypatch.setattr(device_search.Walk, "batches", endless)
    with pytest.raises(ListTooLong):
        device_search.by_name(fleet.tenant, fleet.product.id, "roof")
