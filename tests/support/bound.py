"""People and devices for tests of bindings, and what must hold between both sides of every binding."""

from collections import Counter
from typing import Any

from chalicelib.core import children, registration, users
from chalicelib.core.applications import Caller
from chalicelib.store.devices import DEVICE, DeviceItem, DeviceRecord, HolderRecord, ManagerRecord
from chalicelib.store.users import BINDING, BindingRecord, UserItem, UserRecord
from tests.support.fleet import Fleet, make_product


def person(fleet: Fleet, name: str) -> str:
    return users.create(fleet.caller, users.NewUser(login=name)).user


def device(fleet: Fleet, name: str, product: str | None = None) -> str:
    new = registration.NewDevice(name, registration.BY_SECRET, product=product or fleet.product.id)
    return registration.register(fleet.caller, new).device.device


def gateway_with(fleet: Fleet, count: int) -> tuple[str, list[str]]:
    from chalicelib.core.products import NodeType

    made = device(fleet, "gateway", make_product(fleet.tenant, NodeType.GATEWAY, model="G1").id)
    below = [device(fleet, f"below-{number}") for number in range(count)]
    for each in below:
        children.attach(fleet.caller, made, each)
    return made, below


def stranger(fleet: Fleet) -> Caller:
    """Who calls for another application of the same tenant."""
    from tests.support.fleet import make_application

    application = make_application(fleet)
    return Caller(tenant=fleet.tenant, application=application, owner=application)


def assert_whole(*, deleted: bool = False) -> None:
    """Both sides of every binding are there and say the same; counts and managers are right.

    With `deleted` devices that are being deleted may still be bound.
    """
    held: dict[tuple[str, str], str] = {}
    managers: dict[str, ManagerRecord] = {}
    present: dict[str, DeviceRecord] = {}
    for record in DeviceItem.scan(consistent_read=True):
        if isinstance(record, HolderRecord):
            held[record.item.removeprefix("U#"), record.device] = record.role
        elif isinstance(record, ManagerRecord):
            managers[record.device] = record
        elif isinstance(record, DeviceRecord) and record.item == DEVICE:
            present[record.device] = record
    bound: dict[tuple[str, str], str] = {}
    people: dict[str, UserRecord] = {}
    for item in UserItem.scan(consistent_read=True):
        if isinstance(item, BindingRecord):
            bound[item.user, item.item.removeprefix(BINDING)] = item.role
        elif isinstance(item, UserRecord):
            people[item.user] = item
    assert held == bound
    per_device: Counter[str] = Counter(each for _, each in held)
    per_person: Counter[str] = Counter(each for each, _ in held)
    assert set(managers) == set(per_device)
    for each, record in managers.items():
        assert int(record.holders) == per_device[each]
        assert [user for (user, on), role in held.items() if on == each and role == "manager"] == [
            record.user
        ]
        assert each in present
        assert deleted or not present[each].deleted
    for user, found in people.items():
        assert int(found.bindings) == per_person[user]
    assert set(per_person) <= set(people)


def told(source: str) -> list[tuple[str, Any]]:
    """The events of people and this source, oldest first."""
    from chalicelib.core import events
    from chalicelib.store.outbox import EventRecord

    found = sorted((events.read(record) for record in EventRecord.query(source)), key=lambda each: each.id)
    return [(each.type.value, each.data) for each in found if each.type.value.startswith("user.")]
