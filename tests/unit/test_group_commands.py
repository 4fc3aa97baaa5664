"""Commands to groups: what is lost on the way, what has changed meanwhile, and whose they are."""

import pytest

from chalicelib.core import batch_ends, command_queries, group_commands, groups, products, registration
from chalicelib.core.batches import Order
from chalicelib.core.errors import GroupNotFound, ProductNotFound, WrongSecret
from chalicelib.core.group_commands import GroupCommand, NewGroupCommand
from chalicelib.core.groups import Group
from chalicelib.core.product_claims import Claim
from chalicelib.core.registration import NewDevice
from chalicelib.store.batches import BATCH, BatchItem
from chalicelib.store.groups import GroupRecord
from tests.conftest import Calls
from tests.support.clock import FakeClock
from tests.support.fleet import Fleet, make_fleet, make_product
from tests.support.queues import WorkQueue

ORDER = Order("Meter", "SET_LEVEL", {"value": 7})


@pytest.fixture
def fleet(aws: None) -> Fleet:
    return make_fleet()


@pytest.fixture
def group(fleet: Fleet) -> Group:
    new = [NewDevice(f"meter-{n}", registration.BY_SECRET, product=fleet.product.id) for n in range(3)]
    members = [registration.register(fleet.caller, each).device.device for each in new]
    return groups.create(fleet.caller, "One", members=members)


def claim(fleet: Fleet, key: str | None = None) -> Claim:
    assert fleet.product.number is not None
    return Claim(fleet.product.number, key)


def create(fleet: Fleet, group: Group, expire: int | None = None) -> GroupCommand:
    new = NewGroupCommand(group.number, ORDER, "ctwing", expire)
    return group_commands.create(fleet.caller, new, claim(fleet))


def commands(fleet: Fleet) -> int:
    return command_queries.of_owner(fleet.caller, None, None, 0, 100).total


def test_it_costs_three_calls(fleet: Fleet, group: Group, calls: Calls) -> None:
    calls.clear()
    create(fleet, group)
    assert len(calls.made) == 3, calls.made


def test_each_member_gets_one_command_however_often_the_job_comes(
    fleet: Fleet, group: Group, work: WorkQueue
) -> None:
    made = create(fleet, group)
    work.run()
    assert commands(fleet) == 3
    for chunk in batch_ends.read(made.id)[1]:
        batch_ends.send_out([chunk])
    work.run()
    assert commands(fleet) == 3


def test_a_job_that_was_lost_is_sent_again(
    fleet: Fleet, group: Group, work: WorkQueue, clock: FakeClock
) -> None:
    create(fleet, group)
    work.lose()
    clock.advance(31)
    assert batch_ends.sweep() == 1
    work.run()
    assert commands(fleet) == 3


def test_a_group_deleted_a_moment_ago_is_not_commanded(fleet: Fleet, group: Group) -> None:
    """Its number was read before it was deleted."""
    GroupRecord(group.id).update([GroupRecord.deleted.set(True)])
    with pytest.raises(GroupNotFound):
        create(fleet, group)
    assert list(BatchItem.scan()) == []


def test_a_command_that_is_over_reaches_nobody(
    fleet: Fleet, group: Group, work: WorkQueue, clock: FakeClock
) -> None:
    made = create(fleet, group, expire=5)
    clock.advance(5)
    work.run()
    assert commands(fleet) == 0
    batch_ends.look(made.id)
    found = BatchItem.get(made.id, BATCH)
    assert found.finished


def test_whose_product_it_is_said_to_be(fleet: Fleet, group: Group) -> None:
    """Of another tenant, of another make, of nobody; with a key, its own."""
    new = NewGroupCommand(group.number, ORDER, "ctwing")
    other = make_fleet("other").product
    for number in (other.number or 0, 0, 1):
        with pytest.raises(ProductNotFound):
            group_commands.create(fleet.caller, new, Claim(number))
    for key in ("", "x", "é", products.key_of(make_product(fleet.tenant, model="M2"))):
        with pytest.raises(WrongSecret):
            group_commands.create(fleet.caller, new, claim(fleet, key))
    group_commands.create(fleet.caller, new, claim(fleet, products.key_of(fleet.product)))
