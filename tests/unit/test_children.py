"""Children: who may be behind whom."""

import pytest

from chalicelib.core import children, devices, registration, removal
from chalicelib.core.errors import Busy, DeviceNotFound, InvalidInput
from chalicelib.core.products import NodeType, Product
from chalicelib.store.devices import DEVICE, DeviceRecord
from chalicelib.store.outbox import EventRecord
from tests.conftest import Calls
from tests.support.faults import Faults
from tests.support.fleet import Fleet, make_fleet, make_product


@pytest.fixture
def fleet(aws: None) -> Fleet:
    return make_fleet()


@pytest.fixture
def hub(fleet: Fleet) -> Product:
    return make_product(fleet.tenant, NodeType.GATEWAY, model="G1")


def register(fleet: Fleet, node_id: str, product: Product | None = None) -> str:
    new = registration.NewDevice(node_id, registration.BY_SECRET, product=(product or fleet.product).id)
    return registration.register(fleet.caller, new).device.device


def test_attaching_moves_a_device_behind_a_gateway_and_tells_it(
    fleet: Fleet, hub: Product, calls: Calls
) -> None:
    gateway, child = register(fleet, "g", hub), register(fleet, "c")
    calls.clear()
    assert children.attach(fleet.caller, gateway, child).gateway == gateway
    assert calls.made == ["dynamodb.BatchGetItem", "dynamodb.Query", "dynamodb.TransactWriteItems"]
    assert devices.get(fleet.caller, child).gateway == gateway
    assert list(children.children_of(gateway)) == [child]
    children.attach(fleet.caller, gateway, child)
    assert [event.type for event in EventRecord.query(child)].count("device.changed") == 1


def test_it_leaves_the_gateway_it_had(fleet: Fleet, hub: Product) -> None:
    first, second = register(fleet, "g1", hub), register(fleet, "g2", hub)
    child = register(fleet, "c")
    children.attach(fleet.caller, first, child)
    children.attach(fleet.caller, second, child)
    assert list(children.children_of(first)) == []
    assert list(children.children_of(second)) == [child]


def test_detaching_makes_it_direct(fleet: Fleet, hub: Product) -> None:
    gateway, child = register(fleet, "g", hub), register(fleet, "c")
    children.attach(fleet.caller, gateway, child)
    assert children.detach(fleet.caller, child).gateway == child
    assert children.detach(fleet.caller, child).gateway == child
    assert [event.type for event in EventRecord.query(child)].count("device.changed") == 2


def test_what_cannot_be_behind_what(fleet: Fleet, hub: Product) -> None:
    gateway, other_gateway, child = (
        register(fleet, "g", hub),
        register(fleet, "g2", hub),
        register(fleet, "c"),
    )
    endpoint = register(fleet, "e")
    for above, below in ((gateway, gateway), (gateway, other_gateway), (endpoint, child)):
        with pytest.raises(InvalidInput):
            children.attach(fleet.caller, above, below)
    children.attach(fleet.caller, gateway, child)
    for node_type, device in ((NodeType.GATEWAY, child), (NodeType.ENDPOINT, gateway)):
        # as another product would make it
        DeviceRecord(device, DEVICE).update([DeviceRecord.node_type.set(node_type.value)])
    with pytest.raises(InvalidInput):
        children.attach(fleet.caller, child, endpoint)  # itself behind a gateway
    with pytest.raises(InvalidInput):
        children.attach(fleet.caller, other_gateway, gateway)  # has a child


def test_strangers_devices_are_absent(fleet: Fleet, hub: Product) -> None:
    gateway, child = register(fleet, "g", hub), register(fleet, "c")
    other = make_fleet("other")
    for caller, above, below in (
        (other.caller, gateway, child),
        (fleet.caller, gateway, register(other, "c")),
        (fleet.caller, "f" * 32, child),
    ):
        with pytest.raises(DeviceNotFound):
            children.attach(caller, above, below)
    with pytest.raises(DeviceNotFound):
        children.detach(other.caller, child)


def test_a_gateway_deleted_meanwhile_gets_no_child(
    fleet: Fleet, hub: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway, child = register(fleet, "g", hub), register(fleet, "c")
    Faults.installed(monkeypatch).before("TransactWriteItems", lambda: removal.delete(fleet.caller, gateway))
    with pytest.raises(Busy):
        children.attach(fleet.caller, gateway, child)
    assert devices.get(fleet.caller, child).gateway == child
