"""Extended properties: ten of any JSON type, all of a call or none, and no writer loses another's."""

import json
from typing import Any

import msgspec
import pytest

from chalicelib.core import applications, extended_properties, registration, removal
from chalicelib.core.applications import Caller
from chalicelib.core.errors import (
    DeviceNotFound,
    ExtendedPropertyExists,
    ExtendedPropertyNotFound,
    InvalidInput,
    TooManyProperties,
)
from chalicelib.core.registration import BY_SECRET, NewDevice
from chalicelib.store.devices import PROPERTIES, DeviceItem, PropertiesRecord
from tests.conftest import Calls
from tests.support.clock import FakeClock
from tests.support.faults import Faults
from tests.support.fleet import Fleet, make_fleet
from tests.support.queues import WorkQueue


@pytest.fixture
def fleet(aws: None) -> Fleet:
    return make_fleet()


@pytest.fixture
def device(fleet: Fleet) -> str:
    new = NewDevice(None, BY_SECRET, product=fleet.product.id)
    return registration.register(fleet.caller, new).device.device


def raw(text: str) -> dict[str, msgspec.Raw]:
    return msgspec.json.decode(text, type=dict[str, msgspec.Raw])


def held(fleet: Fleet, device: str) -> str:
    return msgspec.json.encode(extended_properties.read(fleet.caller, device)).decode()


def named(amount: int, start: int = 0) -> dict[str, msgspec.Raw]:
    return raw(json.dumps({f"p{number}": number for number in range(start, start + amount)}))


def test_values_stay_as_they_came(fleet: Fleet, device: str) -> None:
    text = '{"a":1.0,"b":1,"c":null,"d":"\\u00e9\\n","e":[1.50,{"x":{}}],"f":true,"g":12345678901234567890}'
    extended_properties.add(fleet.caller, device, raw(text))
    assert held(fleet, device) == text
    assert bytes(extended_properties.get(fleet.caller, device, "a")) == b"1.0"


def test_a_device_without_any_has_an_empty_object(fleet: Fleet, device: str) -> None:
    assert held(fleet, device) == "{}"
    with pytest.raises(ExtendedPropertyNotFound):
        extended_properties.get(fleet.caller, device, "a")
    with pytest.raises(ExtendedPropertyNotFound):
        extended_properties.remove(fleet.caller, device, "a")


def test_ten_and_no_more(fleet: Fleet, device: str) -> None:
    extended_properties.add(fleet.caller, device, named(8))
    with pytest.raises(TooManyProperties):
        extended_properties.add(fleet.caller, device, named(3, 8))
    assert held(fleet, device) == msgspec.json.encode(named(8)).decode()
    extended_properties.add(fleet.caller, device, named(2, 8))
    with pytest.raises(TooManyProperties):
        extended_properties.add(fleet.caller, device, named(1, 10))
    extended_properties.remove(fleet.caller, device, "p0")
    extended_properties.add(fleet.caller, device, named(1, 10))
    with pytest.raises(TooManyProperties):
        extended_properties.add(fleet.caller, device, named(1, 20))


def test_a_call_does_all_or_nothing(fleet: Fleet, device: str) -> None:
    extended_properties.add(fleet.caller, device, raw('{"a":1,"b":2}'))
    with pytest.raises(ExtendedPropertyExists):
        extended_properties.add(fleet.caller, device, raw('{"c":3,"b":4}'))
    with pytest.raises(ExtendedPropertyNotFound):
        extended_properties.change(fleet.caller, device, raw('{"a":5,"c":6}'))
    assert held(fleet, device) == '{"a":1,"b":2}'
    extended_properties.change(fleet.caller, device, raw('{"b":"x"}'))
    assert held(fleet, device) == '{"a":1,"b":"x"}'


@pytest.mark.parametrize(
    "given",
    [
        "{}",
        '{"":1}',
        json.dumps({"n" * 65: 1}),
        '{"a":1e999}',
        json.dumps({"a": "x" * 32 * 1024}),
        '{"a":' + "[" * 40 + "]" * 40 + "}",
    ],
)
def test_what_is_refused_changes_nothing(fleet: Fleet, device: str, given: str) -> None:
    with pytest.raises(InvalidInput):
        extended_properties.add(fleet.caller, device, raw(given))
    assert held(fleet, device) == "{}"


def test_the_bytes_of_all_together_are_bounded(fleet: Fleet, device: str) -> None:
    extended_properties.add(fleet.caller, device, raw(json.dumps({"a": "x" * 16_000, "b": 1})))
    for act in (extended_properties.add, extended_properties.change):
        name = "c" if act is extended_properties.add else "b"
        with pytest.raises(InvalidInput):
            act(fleet.caller, device, raw(json.dumps({name: "x" * 17_000})))
    extended_properties.change(fleet.caller, device, raw(json.dumps({"a": "x" * 32_000})))


def test_calls(fleet: Fleet, device: str, calls: Calls) -> None:
    def cost(act: Any, *given: Any) -> list[str]:
        calls.clear()
        act(fleet.caller, device, *given)
        return [each.removeprefix("dynamodb.") for each in calls.made]

    assert cost(extended_properties.add, named(2)) == ["BatchGetItem", "TransactWriteItems"]
    assert cost(extended_properties.change, named(1)) == ["BatchGetItem", "TransactWriteItems"]
    assert cost(extended_properties.read) == ["BatchGetItem"]
    assert cost(extended_properties.get, "p1") == ["BatchGetItem"]
    assert cost(extended_properties.remove, "p1") == ["BatchGetItem", "TransactWriteItems"]


@pytest.mark.parametrize("first", [True, False])
def test_of_writers_at_the_same_time_none_loses_anything(
    fleet: Fleet, device: str, monkeypatch: pytest.MonkeyPatch, first: bool
) -> None:
    if not first:
        extended_properties.add(fleet.caller, device, named(1))
    faults = Faults.installed(monkeypatch)
    other = lambda: extended_properties.add(fleet.caller, device, named(1, 1))  # noqa: E731
    faults.before("TransactWriteItems", other)
    extended_properties.add(fleet.caller, device, named(1, 2))
    assert faults.met == 1
    assert set(extended_properties.read(fleet.caller, device)) == {"p1", "p2"} | (
        {"p0"} if not first else set()
    )


def test_two_who_add_the_same_name_cannot_both(
    fleet: Fleet, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults = Faults.installed(monkeypatch)
    faults.before(
        "TransactWriteItems", lambda: extended_properties.add(fleet.caller, device, raw('{"a":"theirs"}'))
    )
    with pytest.raises(ExtendedPropertyExists):
        extended_properties.add(fleet.caller, device, raw('{"a":"mine"}'))
    assert held(fleet, device) == '{"a":"theirs"}'


def test_a_version_does_not_come_again_when_all_were_deleted(
    fleet: Fleet, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer who read before all was deleted and written anew would else undo that."""
    extended_properties.add(fleet.caller, device, raw('{"a":1}'))
    faults = Faults.installed(monkeypatch)

    def anew() -> None:
        extended_properties.remove(fleet.caller, device, "a")
        extended_properties.add(fleet.caller, device, raw('{"b":2}'))

    faults.before("TransactWriteItems", anew)
    extended_properties.add(fleet.caller, device, raw('{"c":3}'))
    assert held(fleet, device) == '{"b":2,"c":3}'


def test_a_strangers_device_is_absent(fleet: Fleet, device: str) -> None:
    extended_properties.add(fleet.caller, device, named(1))
    sibling, _ = applications.create_application(fleet.tenant, "sibling")
    for stranger in (make_fleet("other").caller, Caller(fleet.tenant, sibling.id, sibling.id)):
        for act, given in (
            (extended_properties.add, named(1, 1)),
            (extended_properties.change, named(1)),
            (extended_properties.remove, "p0"),
            (extended_properties.get, "p0"),
        ):
            with pytest.raises(DeviceNotFound):
                act(stranger, device, given)  # type: ignore[operator]
        with pytest.raises(DeviceNotFound):
            extended_properties.read(stranger, device)
    assert held(fleet, device) == '{"p0":0}'


def test_they_go_with_their_device(
    fleet: Fleet, device: str, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = WorkQueue(clock)
    extended_properties.add(fleet.caller, device, named(1))
    faults = Faults.installed(monkeypatch)
    faults.before("TransactWriteItems", lambda: removal.delete(fleet.caller, device))
    with pytest.raises(DeviceNotFound):
        extended_properties.change(fleet.caller, device, named(1))
    assert PropertiesRecord.find(device, PROPERTIES) is not None
    work.run()
    assert list(DeviceItem.query(device)) == []
