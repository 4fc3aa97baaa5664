"""Devices of a product: by number, renamed, deleted, moved to another product."""

import pytest

from chalicelib.core import applications, devices, modification, product_devices, registration, removal
from chalicelib.core.applications import Caller
from chalicelib.core.errors import DeviceActive, DeviceNotFound, MacTaken, ProductNotFound
from chalicelib.core.modification import Changes
from chalicelib.core.products import NodeType
from chalicelib.core.registration import BY_CODE, BY_SECRET, NewDevice
from chalicelib.store import counters
from chalicelib.store.devices import DEVICE, DeviceRecord
from chalicelib.store.outbox import EventRecord
from chalicelib.store.products import AliasRecord
from tests.conftest import Calls
from tests.support.clock import FakeClock
from tests.support.faults import Faults
from tests.support.fleet import Fleet, make_fleet, make_product
from tests.support.iot import FakeIot
from tests.support.mqtt import Mqtt
from tests.support.queues import WorkQueue

MAC = "0123456789AB"


@pytest.fixture
def fleet(aws: None) -> Fleet:
    FakeIot().install()
    return make_fleet()


def add(fleet: Fleet, mac: str | None = MAC, caller: Caller | None = None, **more: object) -> devices.Device:
    given = {"registration": BY_SECRET, "product": fleet.product.id, "mac_key": mac} | more
    return registration.register(caller or fleet.caller, NewDevice(None, **given)).device  # type: ignore[arg-type]


def get(fleet: Fleet, number: int | None, product: str | None = None) -> product_devices.Shown:
    return product_devices.get(fleet.caller, product or fleet.product.id, number or 0)


def test_a_device_comes_with_what_proves_it_in_two_calls(fleet: Fleet, calls: Calls) -> None:
    made = add(fleet, secret="s" * 32, psk="p" * 32)
    calls.clear()
    found = get(fleet, made.number)
    assert calls.made == ["dynamodb.GetItem", "dynamodb.BatchGetItem"]
    assert (found.device.device, found.device.mac_key) == (made.device, MAC)
    assert (found.secret, found.psk, found.properties) == ("s" * 32, "p" * 32, {})


def test_what_a_connection_tells_is_shown(fleet: Fleet, clock: FakeClock, calls: Calls) -> None:
    made = add(fleet, secret="s" * 32)
    first = get(fleet, made.number).device
    assert (first.activated, first.activated_at, first.last_login, first.last_login_ip) == (
        *(False, None, None, None),
    )
    work, mqtt = WorkQueue(clock), Mqtt(made.device, "s" * 32)
    mqtt.connect(address="2001:db8::7")
    seen = get(fleet, made.number).device
    assert (seen.activated_at, seen.last_login, seen.last_login_ip) == (clock.at, clock.at, "2001:db8::7")
    activated = clock.at
    mqtt.disconnect()
    work.waiting()
    clock.advance(10)
    work.run()
    seen = get(fleet, made.number).device
    assert (seen.status.value, seen.last_login, seen.last_login_ip) == ("OFFLINE", activated, "2001:db8::7")
    clock.advance(3600)
    again = Mqtt(made.device, "s" * 32)
    again.connect(address="203.0.113.9")
    seen = get(fleet, made.number).device
    assert (seen.activated_at, seen.last_login, seen.last_login_ip) == (activated, clock.at, "203.0.113.9")
    clock.advance(3600)
    Mqtt(made.device, "s" * 32).connect()  # takes over while it is online, and its address is not told
    seen = get(fleet, made.number).device
    assert (seen.activated_at, seen.last_login, seen.last_login_ip) == (activated, clock.at, None)


def test_a_late_announcement_does_not_change_the_last_login(fleet: Fleet, clock: FakeClock) -> None:
    from tests.support.mqtt import presence

    made = add(fleet, secret="s" * 32)
    old = Mqtt(made.device, "s" * 32)
    old.authorize()
    before = clock.at
    clock.advance(3600)
    Mqtt(made.device, "s" * 32).connect(address="203.0.113.9")
    presence(old.client, "late", "connected", at=before)
    seen = get(fleet, made.number).device
    assert (seen.last_login, seen.last_login_ip) == (clock.at, "203.0.113.9")


def test_strangers_and_wrong_numbers(fleet: Fleet) -> None:
    made = add(fleet)
    sibling, _ = applications.create_application(fleet.tenant, "sibling")
    theirs = Caller(fleet.tenant, sibling.id, sibling.id)
    other = make_product(fleet.tenant, model="M2")
    acts = (
        product_devices.get,
        product_devices.delete,
        lambda *given: product_devices.rename(*given, "x"),
    )
    for act in acts:
        with pytest.raises(ProductNotFound):
            act(make_fleet("other").caller, fleet.product.id, made.number)
        with pytest.raises(DeviceNotFound):
            act(theirs, fleet.product.id, made.number)
        with pytest.raises(DeviceNotFound):
            act(fleet.caller, other.id, made.number)
        for number in (0, -1, 2**31, 10**4000, (made.number or 0) % 2**31 + 1):
            with pytest.raises(DeviceNotFound):
                act(fleet.caller, fleet.product.id, number)
    assert get(fleet, made.number).device.name is None


def test_a_registration_that_is_over_is_absent(fleet: Fleet, clock: FakeClock) -> None:
    made = add(fleet, mac=None, timeout=60)
    clock.advance(60)
    with pytest.raises(DeviceNotFound):
        get(fleet, made.number)


def test_renaming_costs_three_calls_and_is_told(fleet: Fleet, calls: Calls) -> None:
    made = add(fleet, secret="s" * 32)
    calls.clear()
    shown = product_devices.rename(fleet.caller, fleet.product.id, made.number or 0, "hall")
    assert calls.made == ["dynamodb.GetItem", "dynamodb.BatchGetItem", "dynamodb.TransactWriteItems"]
    assert (shown.device.name, shown.secret) == ("hall", "s" * 32)
    assert get(fleet, made.number).device.name == "hall"
    assert [event.type for event in EventRecord.query(made.device)] == ["device.added", "device.changed"]


def test_a_device_that_was_never_active_is_deleted(fleet: Fleet, calls: Calls, clock: FakeClock) -> None:
    work = WorkQueue(clock)
    made = add(fleet)
    calls.clear()
    product_devices.delete(fleet.caller, fleet.product.id, made.number or 0)
    assert calls.made == [
        *("dynamodb.GetItem", "dynamodb.BatchGetItem", "dynamodb.TransactWriteItems"),
        "sqs.SendMessageBatch",
    ]
    with pytest.raises(DeviceNotFound):
        get(fleet, made.number)
    work.run()
    assert add(fleet).mac_key == MAC  # the address is free again


def test_an_active_device_is_not_deleted_even_offline(fleet: Fleet, clock: FakeClock) -> None:
    work = WorkQueue(clock)
    made = add(fleet, secret="s" * 32)
    mqtt = Mqtt(made.device, "s" * 32)
    mqtt.connect()
    mqtt.disconnect()
    clock.advance(10)
    work.run()
    with pytest.raises(DeviceActive):
        product_devices.delete(fleet.caller, fleet.product.id, made.number or 0)
    assert get(fleet, made.number).device.activated


def test_a_device_that_comes_while_it_is_deleted_stays(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    made = add(fleet, secret="s" * 32)
    faults = Faults.installed(monkeypatch)
    faults.before("TransactWriteItems", Mqtt(made.device, "s" * 32).connect)
    with pytest.raises(DeviceActive):
        product_devices.delete(fleet.caller, fleet.product.id, made.number or 0)
    assert faults.met == 1
    assert get(fleet, made.number).device.status.value == "ONLINE"


def test_an_active_child_survives_its_gateway(fleet: Fleet) -> None:
    gateways = make_product(fleet.tenant, NodeType.GATEWAY, model="G1")
    gateway = add(fleet, mac=None, product=gateways.id)
    child = add(fleet, gateway=gateway.device)
    DeviceRecord(child.device, DEVICE).update([DeviceRecord.activated.set(True)])
    product_devices.delete(fleet.caller, gateways.id, gateway.number or 0)
    assert get(fleet, child.number).device.gateway == child.device


def totals(fleet: Fleet, *products: str) -> list[int]:
    return [counters.total(registration.total_name(fleet.application, product)) for product in products]


def names() -> set[tuple[str, str]]:
    kinds = ("number#", "mac#")
    return {(each.name, each.scope) for each in AliasRecord.scan() if each.name.startswith(kinds)}


def test_a_device_that_gets_another_product_takes_its_ids_along(fleet: Fleet) -> None:
    made = add(fleet)
    other = make_product(fleet.tenant, model="M2").id
    before = names()
    modification.modify(fleet.caller, made.device, Changes(product=other))
    found = get(fleet, made.number, other).device
    assert (found.device, found.mac_key, found.product) == (made.device, MAC, other)
    with pytest.raises(DeviceNotFound):
        get(fleet, made.number)
    assert totals(fleet, fleet.product.id, other) == [0, 1]
    assert len(names()) == len(before)
    removal.delete(fleet.caller, made.device)
    assert totals(fleet, fleet.product.id, other) == [0, 0]
    assert not {alias for alias in names() if alias[1] in (other, fleet.product.id)}


def test_a_product_that_has_its_mac_address_does_not_take_it(fleet: Fleet) -> None:
    made = add(fleet)
    other = make_product(fleet.tenant, model="M2").id
    add(fleet, product=other)
    with pytest.raises(MacTaken):
        modification.modify(fleet.caller, made.device, Changes(product=other))
    assert get(fleet, made.number).device.product == fleet.product.id
    assert totals(fleet, fleet.product.id, other) == [1, 1]


def test_a_number_that_is_taken_there_is_drawn_anew(fleet: Fleet) -> None:
    made = add(fleet)
    other = make_product(fleet.tenant, model="M2").id
    registration.number_alias(made.number or 0, other, "somebody").save()
    moved = modification.modify(fleet.caller, made.device, Changes(product=other))
    assert moved.number != made.number
    assert get(fleet, moved.number, other).device.device == made.device


def test_two_moves_and_a_deletion_at_once_leave_no_name(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = add(fleet)
    second, third = (make_product(fleet.tenant, model=model).id for model in ("M2", "M3"))
    faults = Faults.installed(monkeypatch)
    move = lambda: modification.modify(fleet.caller, made.device, Changes(product=second))  # noqa: E731
    faults.before("TransactWriteItems", move)
    modification.modify(fleet.caller, made.device, Changes(product=third))
    assert totals(fleet, fleet.product.id, second, third) == [0, 0, 1]
    faults.before("TransactWriteItems", move)
    removal.delete(fleet.caller, made.device)
    assert faults.met == 2
    assert totals(fleet, fleet.product.id, second, third) == [0, 0, 0]
    assert not {alias for alias in names() if alias[1] in (fleet.product.id, second, third)}


def test_a_device_with_a_code_shows_it_as_its_secret(fleet: Fleet) -> None:
    new = NewDevice("n", BY_CODE, product=fleet.product.id, verify_code="the-code")
    made = registration.register(fleet.caller, new)
    assert get(fleet, made.device.number).secret == "the-code"
