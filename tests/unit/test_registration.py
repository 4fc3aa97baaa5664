"""Registrations: names are taken once, and a registration nobody used ends on the minute."""

import json

import msgspec
import pytest

from chalicelib.core import devices, ids, registration, removal, renewal
from chalicelib.core.errors import (
    BadVerifyCode,
    DeviceNotFound,
    InvalidInput,
    MacTaken,
    NodeIdTaken,
    ProductNotFound,
)
from chalicelib.core.products import Facts
from chalicelib.core.registration import BY_SECRET, NewDevice, Registered, register
from chalicelib.store import counters
from chalicelib.store.devices import CREDENTIALS, DEVICE, CredentialsRecord, DeviceRecord
from chalicelib.store.outbox import EventRecord
from tests.conftest import Calls
from tests.support.clock import FakeClock
from tests.support.faults import Faults
from tests.support.fleet import Fleet, make_fleet, make_product
from tests.support.mqtt import Mqtt


@pytest.fixture
def fleet(aws: None) -> Fleet:
    return make_fleet()


def by_secret(fleet: Fleet, node_id: str = "meter-1", **more: object) -> Registered:
    return _register(fleet, NewDevice(node_id, registration.BY_SECRET, **more))  # type: ignore[arg-type]


def by_code(fleet: Fleet, node_id: str = "meter-1", **more: object) -> Registered:
    return _register(fleet, NewDevice(node_id, registration.BY_CODE, **more))  # type: ignore[arg-type]


def _register(fleet: Fleet, new: NewDevice) -> Registered:
    return registration.register(fleet.caller, msgspec.structs.replace(new, product=fleet.product.id))


def told(device: str) -> list[tuple[str, str | None]]:
    return [(event.type, json.loads(event.data).get("result")) for event in EventRecord.query(device)]


def total(fleet: Fleet) -> int:
    return counters.total(registration.total_name(fleet.application))


def test_a_registration_is_counted_and_told(fleet: Fleet) -> None:
    made = by_secret(fleet)
    assert total(fleet) == 1
    assert told(made.device.device) == [("device.added", None)]


def test_secrets_are_stored_encrypted(fleet: Fleet) -> None:
    made = by_code(fleet, psk="ABCDEF0123456789", verify_code="my-code")
    stored = str(CredentialsRecord.get(made.device.device, CREDENTIALS).attribute_values)
    assert "my-code" not in stored
    assert "ABCDEF0123456789" not in stored


def test_a_product_is_found_by_its_facts(fleet: Fleet) -> None:
    facts = Facts(manufacturer_id="acme", device_type="Meter", model="M1")
    made = registration.register(fleet.caller, NewDevice("m", registration.BY_CODE, facts=facts))
    assert made.device.product == fleet.product.id
    assert (made.device.manufacturer_name, made.device.protocol_type) == ("Acme", "MQTT")
    for wrong in (Facts(), Facts(manufacturer_id="acme", device_type="Meter", model="M2")):
        with pytest.raises(ProductNotFound):
            registration.register(fleet.caller, NewDevice("m2", registration.BY_CODE, facts=wrong))
    with pytest.raises(ProductNotFound):
        registration.register(
            make_fleet("other").caller, NewDevice("m", registration.BY_CODE, product=fleet.product.id)
        )


def test_names_that_are_wildcards_are_refused_for_mqtt_only(fleet: Fleet) -> None:
    for name in ("a/b", "a+", "#", "*", "?", "${iot:ClientId}", "a" * 101, "a\n"):
        with pytest.raises(InvalidInput):
            by_secret(fleet, name)
    by_code(fleet, "urn:imei:123/4")


def test_a_taken_name_costs_little_and_changes_nothing(fleet: Fleet, calls: Calls) -> None:
    by_secret(fleet)
    calls.clear()
    with pytest.raises(NodeIdTaken):
        by_secret(fleet)
    assert calls.made == [
        "dynamodb.TransactWriteItems",
        "dynamodb.BatchGetItem",
        "dynamodb.BatchGetItem",
    ]
    assert total(fleet) == 1


def test_a_verify_code_is_unique_over_all_tenants(fleet: Fleet) -> None:
    by_code(fleet, verify_code="same")
    with pytest.raises(BadVerifyCode):
        by_code(make_fleet("other"), verify_code="same")


def test_the_sweep_ends_what_is_over_and_tells_it(fleet: Fleet, clock: FakeClock) -> None:
    brief, longer = by_code(fleet, "a", timeout=60), by_code(fleet, "b", timeout=120)
    forever = by_code(fleet, "c", timeout=0)
    clock.advance(59)
    assert registration.sweep() == 0
    clock.advance(1)
    assert registration.sweep() == 1
    assert registration.sweep() == 0
    assert told(brief.device.device) == [("device.added", None), ("device.bound", "expired")]
    assert total(fleet) == 2
    for alive in (longer, forever):
        devices.get(fleet.caller, alive.device.device)
    with pytest.raises(DeviceNotFound):
        devices.get(fleet.caller, brief.device.device)
    by_code(fleet, "a")


def test_a_name_is_free_the_moment_its_registration_is_over(fleet: Fleet, clock: FakeClock) -> None:
    """No sweep has run."""
    brief = by_code(fleet, "a", timeout=60, verify_code="a")
    clock.advance(60)
    again = by_code(fleet, "a", verify_code="a")
    assert again.device.device != brief.device.device
    assert told(brief.device.device)[-1] == ("device.bound", "expired")
    assert total(fleet) == 1
    assert registration.sweep() == 0


def test_a_code_is_free_the_moment_its_registration_is_over(fleet: Fleet, clock: FakeClock) -> None:
    by_code(fleet, "a", timeout=60, verify_code="code")
    clock.advance(60)
    by_code(make_fleet("other"), "b", verify_code="code")


def test_a_device_that_connects_just_before_the_end_stays(
    fleet: Fleet, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sweep has read it as overdue when its activation is committed."""
    made = by_code(fleet, "a", timeout=60)
    clock.advance(60)
    bound = [DeviceRecord.activated.set(True), DeviceRecord.deadline.remove(), DeviceRecord.shard.remove()]
    Faults.installed(monkeypatch).before(
        "TransactWriteItems", lambda: DeviceRecord(made.device.device, DEVICE).update(bound)
    )
    assert registration.sweep() == 0
    assert devices.get(fleet.caller, made.device.device).activated


def test_an_activated_device_does_not_expire(fleet: Fleet, clock: FakeClock) -> None:
    made = by_code(fleet, "a", timeout=60)
    mqtt = Mqtt(made.device.device, made.verify_code)
    mqtt.connect()
    clock.advance(61)
    assert registration.sweep() == 0
    assert devices.get(fleet.caller, made.device.device).activated


def test_one_registration_that_cannot_be_ended_does_not_keep_the_others(
    fleet: Fleet, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b", "c"):
        by_code(fleet, name, timeout=60)
    clock.advance(60)
    Faults.installed(monkeypatch).crash("TransactWriteItems")
    with pytest.raises(Exception, match="TransactWriteItems"):
        registration.sweep()
    assert total(fleet) == 1
    assert registration.sweep() == 1


def offline(made: Registered) -> str:
    device = made.device.device
    Mqtt(device, made.secret).connect()
    DeviceRecord(device, DEVICE).update([DeviceRecord.status.set("OFFLINE")])
    return device


@pytest.fixture
def iot(aws: None) -> None:
    from tests.support.iot import FakeIot

    FakeIot().install()


def test_a_refresh_takes_the_new_name_and_code_and_frees_the_old(fleet: Fleet, iot: None) -> None:
    device = offline(by_secret(fleet, "a"))
    assert renewal.refresh(fleet.caller, device, "b", "code-1", 0) == ("code-1", 0)
    by_code(fleet, "a")
    with pytest.raises(NodeIdTaken):
        by_code(fleet, "b")
    renewal.refresh(fleet.caller, device, None, "code-2", 0)
    by_code(fleet, "c", verify_code="code-1")
    with pytest.raises(BadVerifyCode):
        by_code(fleet, "d", verify_code="code-2")
    assert Mqtt(device, "code-2").authorize()["isAuthenticated"]
    assert not Mqtt(device, "code-1").authorize()["isAuthenticated"]


def test_a_refresh_costs_a_read_a_transaction_and_the_end_of_the_link(
    fleet: Fleet, iot: None, calls: Calls
) -> None:
    device = offline(by_secret(fleet))
    calls.clear()
    renewal.refresh(fleet.caller, device, None, None, 180)
    assert calls.made[:2] == ["dynamodb.BatchGetItem", "dynamodb.TransactWriteItems"]
    assert [each.partition(".")[2] for each in calls.made[2:]] == ["DeleteConnection"]


def test_a_refresh_may_take_the_name_of_a_registration_that_is_over(
    fleet: Fleet, iot: None, clock: FakeClock
) -> None:
    device = offline(by_secret(fleet, "a"))
    by_code(fleet, "b", timeout=60)
    clock.advance(60)
    renewal.refresh(fleet.caller, device, "b", None, 0)


def test_an_unused_refresh_ends_the_device(fleet: Fleet, iot: None, clock: FakeClock) -> None:
    device = offline(by_secret(fleet, "a"))
    renewal.refresh(fleet.caller, device, None, None, 180)
    clock.advance(180)
    assert registration.sweep() == 1
    assert told(device)[-1] == ("device.bound", "expired")


def test_of_two_refreshes_at_once_the_later_wins_wholly(
    fleet: Fleet, iot: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = offline(by_secret(fleet, "a"))
    Faults.installed(monkeypatch).before(
        "TransactWriteItems", lambda: renewal.refresh(fleet.caller, device, "b", "code-1", 0)
    )
    renewal.refresh(fleet.caller, device, "c", "code-2", 0)
    assert Mqtt(device, "code-2").authorize()["isAuthenticated"]
    by_code(fleet, "x", verify_code="code-1")
    by_code(fleet, "b")
    with pytest.raises(NodeIdTaken):
        by_code(fleet, "c")


def test_a_device_has_a_number_and_a_mac_address_of_its_own(fleet: Fleet) -> None:
    one, two = (register(fleet.caller, NewDevice(name, BY_SECRET, fleet.product.id)).device for name in "ab")
    for device in (one, two):
        assert 0 < (device.number or 0) < 2**31
        assert device.mac_key == "02" + device.device[:10].upper()
    assert one.number != two.number


def test_without_a_node_id_the_device_id_is_one(fleet: Fleet) -> None:
    device = register(fleet.caller, NewDevice(None, BY_SECRET, fleet.product.id)).device
    assert device.node_id == device.device


def test_a_mac_address_is_taken_once_in_a_product(fleet: Fleet) -> None:
    mac = "A0B1C2D3E4F5"
    first = NewDevice(None, BY_SECRET, fleet.product.id, mac_key=mac)
    device = register(fleet.caller, first).device
    with pytest.raises(MacTaken):
        register(fleet.caller, first)
    other = make_product(fleet.tenant, model="M2")
    register(fleet.caller, msgspec.structs.replace(first, product=other.id))
    removal.delete(fleet.caller, device.device)
    register(fleet.caller, first)


@pytest.mark.parametrize("mac", ["A0B1C2D3E4F", "A0B1C2D3E4FG", "a0b1c2d3e4f5", "A0:B1:C2:D3:E4"])
def test_a_malformed_mac_address_is_refused(fleet: Fleet, mac: str) -> None:
    with pytest.raises(InvalidInput, match="mac"):
        register(fleet.caller, NewDevice(None, BY_SECRET, fleet.product.id, mac_key=mac))


def test_a_mac_address_is_free_once_its_registration_is_over(fleet: Fleet, clock: FakeClock) -> None:
    new = NewDevice(None, BY_SECRET, fleet.product.id, mac_key="A0B1C2D3E4F5", timeout=10)
    register(fleet.caller, new)
    clock.advance(11)
    assert register(fleet.caller, new).device.mac_key == "A0B1C2D3E4F5"


def test_a_number_that_is_taken_is_drawn_again(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    first = register(fleet.caller, NewDevice("a", BY_SECRET, fleet.product.id)).device
    drawn = iter([first.number, first.number, 4711])
    monkeypatch.setattr(ids, "number", lambda: next(drawn))
    assert register(fleet.caller, NewDevice("b", BY_SECRET, fleet.product.id)).device.number == 4711


def test_devices_of_a_product_are_counted(fleet: Fleet) -> None:
    device = register(fleet.caller, NewDevice("a", BY_SECRET, fleet.product.id)).device
    register(fleet.caller, NewDevice("b", BY_SECRET, fleet.product.id))
    name = registration.total_name(fleet.application, fleet.product.id)
    assert counters.total(name) == 2
    removal.delete(fleet.caller, device.device)
    assert counters.total(name) == 1
