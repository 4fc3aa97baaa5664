"""Groups, batch tasks and imports at size and in races, on ministack: `python -m tests.faults.large NAME`.

Prints one JSON object of what happened; tests/faults/test_large.py judges it. moto copies a table for
every transaction, which takes minutes for a thousand devices.
"""

import sys
from collections import Counter
from typing import Any

from tests.faults import races


def members(fleet: Any) -> dict[str, Any]:
    """A thousand devices join and leave one group; two groups want the same five hundred at once."""
    from chalicelib.core import groups
    from chalicelib.store.devices import DeviceItem

    devices = _devices(fleet, 1000)
    caller = fleet.caller
    one, two = (groups.create(caller, name).id for name in ("one", "two"))
    groups.add(caller, one, devices)
    joined = (groups.get(caller, one).members, groups.members(caller, one, 9, 100).items == devices[900:])
    groups.remove(caller, one, devices)
    left = (groups.get(caller, one).members, groups.members(caller, one, 0, 1000).items)
    outcomes = races.together(
        [lambda: groups.add(caller, one, devices[:500]), lambda: groups.add(caller, two, devices[400:900])]
    )
    held = DeviceItem.batch_get([(device, "W#group") for device in devices])
    return {
        "joined": joined,
        "left": left,
        "outcomes": outcomes,
        "counts": sorted([groups.get(caller, one).members, groups.get(caller, two).members]),
        "listed": sorted(len(groups.members(caller, each, 0, 1000).items) for each in (one, two)),
        "items": Counter(str(item.operation) for item in held),
    }


def batch(fleet: Any) -> dict[str, Any]:
    """A task to ten thousand devices that do not exist and two hundred that do; each chunk is worked twice
    at the same time.
    """
    from chalicelib.core import batch_ends, batch_work, batches
    from chalicelib.core.batches import NewBatch, Order, Target, TargetKind
    from chalicelib.store.commands import CommandRecord

    devices = _devices(fleet, 200)
    nobody = [f"{number:064x}" for number in range(10_000)]
    order = Order("Meter", "SET_LEVEL", {"value": 5})
    new = NewBatch("night", 600, Target(TargetKind.DEVICES), order, "huawei", (*devices, *nobody))
    made = batches.create(fleet.caller, new)
    _, chunks = batch_ends.read(made)
    names = [chunk.item for chunk in chunks]
    outcomes = races.together([lambda name=name: batch_work.perform(made, name) for name in names * 2])
    counts = batches.get(fleet.caller, made).counts
    return {
        "outcomes": outcomes,
        "chunks": len(names),
        "counts": [counts.total, counts.failed, counts.complete, counts.progress],
        "commands": Counter(len(list(CommandRecord.query(device))) for device in devices),
        "pending": batches.details(fleet.caller, made, batches.Stage.PENDING).total,
    }


def answers(fleet: Any) -> dict[str, Any]:
    """The devices of one chunk all answer at once: one item takes a hundred changes."""
    from chalicelib.core import batch_ends, batch_work, batches, command_machine
    from chalicelib.core.batches import NewBatch, Order, Target, TargetKind
    from chalicelib.core.command_states import Status
    from chalicelib.store.commands import CommandRecord

    devices = _devices(fleet, 100)
    order = Order("Meter", "SET_LEVEL", {"value": 5})
    new = NewBatch("night", 600, Target(TargetKind.DEVICES), order, "huawei", tuple(devices))
    made = batches.create(fleet.caller, new)
    batch_work.perform(made, batch_ends.read(made)[1][0].item)
    records = [next(iter(CommandRecord.query(device))) for device in devices]
    states = (Status.FAILED, Status.CANCELED)
    outcomes = races.together(
        [
            lambda record=record, number=number: command_machine.end(record, states[number % 2])
            for number, record in enumerate(records * 2)
        ]
    )
    counts = batches.get(fleet.caller, made).counts
    return {"outcomes": outcomes, "counts": [counts.total, counts.failed, counts.complete]}


def imported(fleet: Any) -> dict[str, Any]:
    """Ten thousand MAC addresses accepted twice, every part of both worked twice, all at the same time."""
    from chalicelib.core import imports, registration
    from chalicelib.store import counters
    from chalicelib.store.devices import CREDENTIALS, DeviceItem, DeviceRecord
    from chalicelib.store.imports import ImportRecord
    from chalicelib.store.outbox import EventRecord
    from chalicelib.store.products import AliasRecord

    names = [f"{number:012X}" for number in range(10_000)]
    accepted = [imports.accept(fleet.caller, fleet.product.id, names) for _ in range(2)]
    parts = [f"{each}#{number}" for number in range(100) for each in accepted]
    outcomes = races.together([lambda part=part: imports.perform(part) for part in parts * 2])
    again = [part for part in parts if ImportRecord.find(part) is not None]  # SQS would send these again
    for part in again:
        imports.perform(part)
    found = list(DeviceRecord.by_product.query(fleet.product.id))
    ids = [record.device for record in found]
    aliases = [registration.mac_alias(name, fleet.product.id, "") for name in names]
    held = AliasRecord.batch_get([(each.name, each.scope) for each in aliases])
    return {
        "outcomes": outcomes,
        "again": len(again),
        "devices": len(found),
        "names": len({record.mac_key for record in found}),
        "numbers": len({int(record.number) for record in found}),
        "aliases": len({each.target for each in held} & set(ids)),
        "credentials": sum(1 for _ in DeviceItem.batch_get([(each, CREDENTIALS) for each in ids])),
        "told": sum(len(list(EventRecord.query(each))) for each in ids[:200]),
        "lists": _lists(fleet, names),
        "totals": [
            counters.total(registration.total_name(fleet.application)),
            counters.total(registration.total_name(fleet.application, fleet.product.id)),
        ],
    }


def bound(fleet: Any) -> dict[str, Any]:
    """A person bound to as many devices as may be: the last page, an order, and unregistering, by workers
    that come twice at the same time.
    """
    from chalicelib.core import binding_lists, bindings, unregistration, users
    from chalicelib.core.binding_lists import Wanted
    from chalicelib.core.bindings import Role
    from chalicelib.core.errors import TooManyBindings
    from chalicelib.core.products import NodeType
    from chalicelib.store.users import UserItem
    from tests.support.bound import assert_whole, person

    devices = _devices(fleet, bindings.MOST + 1)
    collector, friend = person(fleet, "collector"), person(fleet, "friend")
    made = races.together(
        [lambda each=each: bindings.bind(fleet.caller, collector, each) for each in devices]
    )
    held = [each.device for each in bindings.of_user(collector)]
    bindings.bind(fleet.caller, friend, held[0], Role.MEMBER)
    last = binding_lists.of_person(fleet.caller, collector, Wanted(), 900, 100)
    ends = binding_lists.of_person(fleet.caller, collector, Wanted(node_type=NodeType.ENDPOINT), 999, 100)
    bindings.place(collector, {held[-1]: 0})
    first = binding_lists.of_person(fleet.caller, collector, Wanted(), 0, 1).items[0].device.device
    try:
        bindings.bind(fleet.caller, collector, (set(devices) - set(held)).pop())
    except TooManyBindings:
        refused = True
    else:
        refused = False
    users.remove(collector)
    steps = 0
    while list(UserItem.query(collector)):
        steps += 1
        races.together([lambda: unregistration.perform(collector)] * 2)
    assert_whole()
    return {
        "made": made,
        "last": [last.total, [each.device.device for each in last.items] == held[900:]],
        "ends": [ends.total, [each.device.device for each in ends.items] == held[999:]],
        "first": first == held[-1],
        "refused": refused,
        "steps": steps,
        "friends": len(bindings.of_user(friend)),
    }


def _lists(fleet: Any, names: list[str]) -> dict[str, Any]:
    """What walks over all of them show: as they were made, sorted, selected, and far away."""
    from chalicelib.core import product_devices
    from chalicelib.core.device_query import Condition, Field, Operator, Order, Selection

    def part(selection: Selection, offset: int, limit: int) -> tuple[list[Any], int]:
        found = product_devices.part(fleet.caller, fleet.product.id, selection, offset, limit)
        return [each.device.mac_key for each in found.items], found.total

    down = Selection(orders=(Order(Field.MAC, descending=True),))
    some = Selection(
        (Condition(Field.MAC, Operator.LIKE, "FF"), Condition(Field.MAC, Operator.LESS, names[8000]))
    )
    walks = {
        name: [mac for offset in range(0, 11_000, 1000) for mac in part(selection, offset, 1000)[0]]
        for name, selection in (("made", Selection()), ("down", down))
    }
    return {
        "made": sorted(walks["made"]) == names,
        "down": walks["down"] == names[::-1],
        "far": part(Selection(), 7_777, 3) == (walks["made"][7_777:7_780], 10_000),
        "some": sorted(part(some, 0, 1000)[0]) == [name for name in names[:8000] if "FF" in name],
    }


def _devices(fleet: Any, count: int) -> list[str]:
    """Written at once, after the example of one that is registered."""
    from chalicelib.store.devices import DEVICE, DeviceRecord

    known = DeviceRecord.find(races._registered(fleet, "first"), DEVICE).values()
    made = [f"{number:032x}" for number in range(count)]
    with DeviceRecord.batch_write() as batch:
        for device in made:
            batch.save(DeviceRecord(**{**known, "device": device, "gateway": device}))
    return made


SCENES = {scene.__name__: scene for scene in (members, batch, answers, imported, bound)}


if __name__ == "__main__":
    races.RACES.update(SCENES)
    races.main(sys.argv[1])
