"""Groups: all or nothing whatever dies in between, one group a device, counts that stay right."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError
from pynamodb.exceptions import PynamoDBException

from chalicelib.core import claims, disbanding, groups, memberships, registration, regrouping, removal
from chalicelib.core.applications import Caller
from chalicelib.core.claims import Kind
from chalicelib.core.errors import (
    Busy,
    DeviceNotFound,
    GroupFull,
    GroupNameTaken,
    GroupNotFound,
    InvalidInput,
    MembershipRefused,
    TooManyGroups,
)
from chalicelib.store.devices import DEVICE, MEMBER, DeviceItem, DeviceRecord, MemberRecord
from chalicelib.store.groups import GroupRecord, OperationRecord
from tests.conftest import Calls
from tests.support.clock import FakeClock
from tests.support.faults import Crash, Faults
from tests.support.fleet import Fleet, make_fleet
from tests.support.queues import WorkQueue

FEW = 4  # devices of a transaction, in tests of what takes several


@pytest.fixture
def fleet(aws: None) -> Fleet:
    return make_fleet()


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several transactions for a dozen devices; nobody waits long for another."""
    monkeypatch.setattr(regrouping, "AT_ONCE", FEW)
    monkeypatch.setattr(regrouping, "CLEARED_AT_ONCE", FEW)
    monkeypatch.setattr(claims, "TRIES", 3)
    monkeypatch.setattr(regrouping, "TRIES", 3)


def register(fleet: Fleet, count: int, prefix: str = "meter") -> list[str]:
    new = (
        registration.NewDevice(f"{prefix}-{number}", registration.BY_SECRET, product=fleet.product.id)
        for number in range(count)
    )
    return sorted(registration.register(fleet.caller, each).device.device for each in new)


def put(fleet: Fleet, count: int) -> list[str]:
    """Devices by the hundred: moto copies a table for every transaction, so these are written without."""
    (first,) = register(fleet, 1)
    known = DeviceRecord.find(first, DEVICE).values()
    made = [f"{number:032x}" for number in range(count)]
    with DeviceRecord.batch_write() as batch:
        for device in made:
            batch.save(DeviceRecord(**{**known, "device": device, "gateway": device}))
    return made


def listed(caller: Caller, group: str) -> list[str]:
    return groups.members(caller, group, 0, 1000).items


def right(caller: Caller, group: str, expected: list[str]) -> bool:
    """The list, the count and each device's own item agree."""
    found = listed(caller, group)
    assert groups.get(caller, group).members == len(found) == groups.members(caller, group, 0, 1000).total
    assert all(memberships.group_of(device) == group for device in found)
    return found == sorted(expected)


# what dies in between


STEPS = [*(("TransactWriteItems", step) for step in range(7)), ("UpdateItem", 0), ("PutItem", 0)]


@pytest.mark.parametrize(("operation", "step"), STEPS)
@pytest.mark.parametrize("kind", ["join", "leave", "found"])
@pytest.mark.parametrize("loses", ["call", "answer"])
def test_a_change_that_was_killed_is_all_or_nothing_and_is_finished_by_the_sweep(
    fleet: Fleet,
    clock: FakeClock,
    work: WorkQueue,
    small: None,
    monkeypatch: pytest.MonkeyPatch,
    operation: str,
    step: int,
    kind: str,
    loses: str,
) -> None:
    devices = put(fleet, 3 * FEW - 2)
    before, after, run, named = _scene(fleet, kind, devices)
    faults = Faults.installed(monkeypatch)
    (faults.crash if loses == "call" else faults.cut)(operation, skip=step)
    with suppress(Crash, ReadTimeoutError, PynamoDBException):
        run()
    assert faults.met == 1
    faults.rules.clear()
    group = named()
    seen = listed(fleet.caller, group) if group else []
    assert seen in (before, after), "a part of the change shows"
    for _ in range(3):
        clock.advance(61)
        regrouping.sweep()
        work.run()
    group = named()
    left = listed(fleet.caller, group) if group else []
    assert left in (before, after)
    if seen == after:
        assert left == after
    if group:
        assert right(fleet.caller, group, left)
    items = [DeviceItem.find(device, MEMBER) for device in devices]
    assert all(item is None or not item.operation for item in items), "a claim was left"
    assert len([item for item in items if item]) == len(left)


def _scene(
    fleet: Fleet, kind: str, devices: list[str]
) -> tuple[list[str], list[str], Callable[[], Any], Callable[[], str | None]]:
    caller = fleet.caller
    if kind == "found":

        def named() -> str | None:
            found = groups.page(caller, "hall", 0, 10).items
            return found[0].id if found else None

        return [], devices, lambda: groups.create(caller, "hall", members=devices), named
    group = groups.create(caller, "hall").id
    if kind == "join":
        return [], devices, lambda: groups.add(caller, group, devices), lambda: group
    groups.add(caller, group, devices)
    return devices, [], lambda: groups.remove(caller, group, devices), lambda: group


def test_what_nobody_finishes_blocks_nobody_for_longer_than_a_minute(
    fleet: Fleet, clock: FakeClock, small: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    devices = register(fleet, 3 * FEW)
    first, second = (groups.create(fleet.caller, name).id for name in ("first", "second"))
    faults = Faults.installed(monkeypatch)
    faults.crash("TransactWriteItems", skip=2)
    with pytest.raises(Crash):
        groups.add(fleet.caller, first, devices)
    with pytest.raises(Busy):
        groups.add(fleet.caller, second, devices[:1])
    clock.advance(61)
    groups.add(fleet.caller, second, devices[:1])
    assert right(fleet.caller, second, devices[:1])
    assert right(fleet.caller, first, [])


def test_an_operation_worked_twice_at_a_time_counts_once(
    fleet: Fleet, clock: FakeClock, small: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another worker takes the operation up before each of the first one's calls."""
    devices = register(fleet, 3 * FEW)
    group = groups.create(fleet.caller, "hall").id
    faults = Faults.installed(monkeypatch)
    for step in range(3):
        faults.before("TransactWriteItems", _take_up_all, skip=step)
    groups.add(fleet.caller, group, devices)
    assert right(fleet.caller, group, devices)


def _take_up_all() -> None:
    for record in OperationRecord.scan():  # a test may
        regrouping.take_up(record.id)


def test_a_slow_worker_claims_nothing_for_an_operation_that_was_refused(
    fleet: Fleet, small: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused and cleared up between two of its portions; it dies before it could clear up again."""
    devices = put(fleet, 3 * FEW)
    group = groups.create(fleet.caller, "hall").id
    faults = Faults.installed(monkeypatch)
    faults.before("TransactWriteItems", _refuse_all, skip=1)
    faults.crash("TransactWriteItems", skip=3)
    with suppress(Crash, Busy):
        groups.add(fleet.caller, group, devices)
    assert not list(DeviceItem.batch_get([(device, MEMBER) for device in devices]))


def _refuse_all() -> None:
    for record in OperationRecord.scan():
        assert memberships.abort(record.id)
        regrouping.take_up(record.id)


# races


@pytest.mark.parametrize("size", [1, 3 * FEW])
def test_of_two_calls_for_one_device_one_wins_and_the_other_is_refused_whole(
    fleet: Fleet, small: None, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    mine, yours = register(fleet, size, "mine"), register(fleet, size, "yours")
    both = register(fleet, 1, "both")
    first, second = (groups.create(fleet.caller, name).id for name in ("first", "second"))
    faults = Faults.installed(monkeypatch)
    faults.before("TransactWriteItems", lambda: groups.add(fleet.caller, second, [*yours, *both]))
    with pytest.raises(MembershipRefused):
        groups.add(fleet.caller, first, [*mine, *both])
    assert right(fleet.caller, first, [])
    assert right(fleet.caller, second, [*yours, *both])


def test_the_limit_holds_where_two_fill_the_last_place(
    fleet: Fleet, small: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = register(fleet, 2)
    group = groups.create(fleet.caller, "hall", most=1).id
    faults = Faults.installed(monkeypatch)
    faults.before("TransactWriteItems", lambda: groups.add(fleet.caller, group, [a]))
    with pytest.raises(GroupFull):
        groups.add(fleet.caller, group, [b])
    assert right(fleet.caller, group, [a])


def test_a_device_deleted_while_it_joins_leaves_the_count_right(
    fleet: Fleet, small: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is gone, so the whole change is refused as for any unknown device."""
    devices = register(fleet, 3 * FEW)
    group = groups.create(fleet.caller, "hall").id
    faults = Faults.installed(monkeypatch)
    faults.before("TransactWriteItems", lambda: removal.delete(fleet.caller, devices[0]), skip=2)
    with pytest.raises((DeviceNotFound, MembershipRefused, Busy)):
        groups.add(fleet.caller, group, devices)
    assert right(fleet.caller, group, [])
    groups.add(fleet.caller, group, devices[1:])
    assert right(fleet.caller, group, devices[1:])


def test_a_device_that_joins_while_it_is_deleted_is_not_counted(
    fleet: Fleet, small: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    (device,) = register(fleet, 1)
    group = groups.create(fleet.caller, "hall").id
    faults = Faults.installed(monkeypatch)
    faults.before("TransactWriteItems", lambda: groups.add(fleet.caller, group, [device]))
    removal.delete(fleet.caller, device)
    assert right(fleet.caller, group, [])


def test_a_group_deleted_while_devices_join_takes_none(
    fleet: Fleet, small: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    devices = register(fleet, 3 * FEW)
    group, other = (groups.create(fleet.caller, name).id for name in ("hall", "other"))
    faults = Faults.installed(monkeypatch)
    faults.before("TransactWriteItems", lambda: groups.delete(fleet.caller, group), skip=1)
    with pytest.raises(GroupNotFound):
        groups.add(fleet.caller, group, devices)
    groups.add(fleet.caller, other, devices)
    assert right(fleet.caller, other, devices)


# many


def test_hundreds_join_and_leave_as_a_whole(fleet: Fleet, calls: Calls) -> None:
    """A thousand do on ministack: tests/faults/test_large.py."""
    devices = put(fleet, 101)
    group = groups.create(fleet.caller, "hall").id
    calls.clear()
    groups.add(fleet.caller, group, devices)
    assert len(calls.made) <= 20
    assert right(fleet.caller, group, devices)
    groups.remove(fleet.caller, group, devices)
    assert right(fleet.caller, group, [])
    with pytest.raises(DeviceNotFound):
        groups.add(fleet.caller, group, [*devices, "f" * 32])
    assert right(fleet.caller, group, [])
    assert not any(DeviceItem.batch_get([(each, MEMBER) for each in devices]))


@pytest.mark.parametrize("change", [groups.add, groups.remove])
def test_a_call_takes_a_thousand_devices(
    fleet: Fleet, change: Callable[[Caller, str, list[str]], None]
) -> None:
    group = groups.create(fleet.caller, "hall").id
    with pytest.raises(GroupFull):
        change(fleet.caller, group, [f"{number:032x}" for number in range(1001)])


def test_a_far_page_is_reached_in_a_bounded_number_of_calls(fleet: Fleet, calls: Calls) -> None:
    devices = put(fleet, 300)
    group = groups.create(fleet.caller, "hall", most=300).id
    with MemberRecord.batch_write() as batch:
        for device in devices:
            batch.save(MemberRecord(device, MEMBER, group=group))
    GroupRecord(group).update([GroupRecord.members.set(300)])
    calls.clear()
    page = groups.members(fleet.caller, group, 28, 10)
    assert (page.items, page.total) == (devices[280:290], 300)
    assert len(calls.made) <= 6
    calls.clear()
    assert groups.members(fleet.caller, group, 29, 10).items == devices[290:]
    assert len(calls.made) <= 4
    assert groups.members(fleet.caller, group, 30, 10).items == []


# one call each


def test_few_members_cost_few_calls(fleet: Fleet, calls: Calls) -> None:
    devices = register(fleet, 48)
    calls.clear()
    group = groups.create(fleet.caller, "hall", members=devices[:20]).id
    assert calls.made == ["dynamodb.BatchGetItem", "dynamodb.TransactWriteItems"]
    calls.clear()
    groups.add(fleet.caller, group, devices[20:])
    assert len(calls.made) == 4
    calls.clear()
    groups.remove(fleet.caller, group, devices)
    assert len(calls.made) == 3
    calls.clear()
    assert memberships.group_of(devices[0]) is None
    assert calls.made == ["dynamodb.GetItem"]


def test_members_already_may_join_again(fleet: Fleet) -> None:
    devices = register(fleet, 3)
    group = groups.create(fleet.caller, "hall", most=3, members=devices[:2]).id
    groups.add(fleet.caller, group, [*devices, *devices])
    groups.add(fleet.caller, group, devices)
    assert right(fleet.caller, group, devices)


def test_who_is_not_a_member_cannot_leave(fleet: Fleet) -> None:
    inside, outside = register(fleet, 2)
    group = groups.create(fleet.caller, "hall", members=[inside]).id
    groups.create(fleet.caller, "other", members=[outside])
    for refused in (outside, "f" * 32):
        with pytest.raises(MembershipRefused):
            groups.remove(fleet.caller, group, [inside, refused])
    assert right(fleet.caller, group, [inside])


def test_a_group_takes_only_devices_of_its_application(fleet: Fleet) -> None:
    (mine,) = register(fleet, 1)
    stranger = make_fleet("other")
    (yours,) = register(stranger, 1)
    group = groups.create(fleet.caller, "hall").id
    for devices in ([mine, yours], [mine, "f" * 32]):
        with pytest.raises(DeviceNotFound):
            groups.add(fleet.caller, group, devices)
        with pytest.raises(DeviceNotFound):
            groups.create(fleet.caller, "new", members=devices)
    assert right(fleet.caller, group, [])
    for call in (
        lambda: groups.get(stranger.caller, group),
        lambda: groups.modify(stranger.caller, group, "mine", None, 0),
        lambda: groups.delete(stranger.caller, group),
        lambda: groups.members(stranger.caller, group, 0, 10),
        lambda: groups.add(stranger.caller, group, [yours]),
        lambda: groups.remove(stranger.caller, group, [yours]),
        lambda: groups.named(stranger.caller, ["hall"]),
        lambda: groups.all_of(stranger.caller, [group]),
    ):
        with pytest.raises(GroupNotFound):
            call()
    assert groups.page(stranger.caller, None, 0, 10).items == []
    assert groups.page(stranger.caller, "hall", 0, 10).total == 0
    assert groups.create(stranger.caller, "hall").name == "hall"


def test_a_deleted_device_leaves_its_group(fleet: Fleet, clock: FakeClock, work: WorkQueue) -> None:
    devices = register(fleet, 3)
    group = groups.create(fleet.caller, "hall", members=devices).id
    removal.delete(fleet.caller, devices[0])
    assert right(fleet.caller, group, devices[1:])
    work.run()
    assert right(fleet.caller, group, devices[1:])


def test_a_registration_that_is_over_leaves_its_group(fleet: Fleet, clock: FakeClock) -> None:
    new = registration.NewDevice("late", registration.BY_SECRET, product=fleet.product.id, timeout=60)
    device = registration.register(fleet.caller, new).device.device
    group = groups.create(fleet.caller, "hall", members=[device]).id
    clock.advance(61)
    with pytest.raises(MembershipRefused):
        groups.create(fleet.caller, "other", members=[device])
    other = registration.NewDevice("over", registration.BY_SECRET, product=fleet.product.id, timeout=60)
    over = registration.register(fleet.caller, other).device.device
    clock.advance(61)
    with pytest.raises(DeviceNotFound):
        groups.create(fleet.caller, "other", members=[over])
    registration.sweep()
    assert right(fleet.caller, group, [])


def test_deleting_a_group_frees_its_members_at_once(fleet: Fleet, clock: FakeClock, work: WorkQueue) -> None:
    devices = register(fleet, 5)
    group = groups.create(fleet.caller, "hall", members=devices).id
    groups.delete(fleet.caller, group)
    with pytest.raises(GroupNotFound):
        groups.get(fleet.caller, group)
    assert memberships.group_of(devices[0]) is None
    assert groups.page(fleet.caller, None, 0, 10).total == 0
    again = groups.create(fleet.caller, "hall", members=devices[:2]).id
    work.run()
    assert right(fleet.caller, again, devices[:2])
    assert DeviceItem.find(devices[4], MEMBER) is None
    assert GroupRecord.find(group) is not None, "a member may still come out of the index"
    clock.advance(11)
    work.run()
    assert GroupRecord.find(group) is None
    assert right(fleet.caller, again, devices[:2])


def test_a_lost_clearing_is_sent_again(fleet: Fleet, clock: FakeClock, work: WorkQueue) -> None:
    group = groups.create(fleet.caller, "hall", members=register(fleet, 2)).id
    groups.delete(fleet.caller, group)
    work.lose()
    clock.advance(601)
    assert disbanding.sweep() == 1
    work.run()
    assert GroupRecord.find(group) is None


def test_names_are_checked_and_unique_in_the_application(fleet: Fleet) -> None:
    first, second = (groups.create(fleet.caller, name).id for name in ("first", "second"))
    with pytest.raises(GroupNameTaken):
        groups.create(fleet.caller, "first")
    with pytest.raises(GroupNameTaken):
        groups.modify(fleet.caller, second, "first", None, 0)
    assert groups.modify(fleet.caller, first, "third", "new", 5).name == "third"
    assert groups.create(fleet.caller, "first").name == "first"
    assert groups.get(fleet.caller, first).description == "new"
    for name in ("", "a b", "x" * 51, "组", "a-b"):
        with pytest.raises(InvalidInput):
            groups.create(fleet.caller, name)
        with pytest.raises(InvalidInput):
            groups.modify(fleet.caller, first, name, None, 0)


def test_the_limit_cannot_go_below_the_members(fleet: Fleet) -> None:
    group = groups.create(fleet.caller, "hall", members=register(fleet, 2)).id
    with pytest.raises(GroupFull):
        groups.modify(fleet.caller, group, "hall", None, 1)
    assert groups.modify(fleet.caller, group, "hall", None, 2).most == 2
    assert groups.modify(fleet.caller, group, "hall", None, 0).most == 0


def test_an_application_has_a_bounded_number_of_groups(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regrouping, "MOST_GROUPS", 2)
    first = groups.create(fleet.caller, "first").id
    groups.create(fleet.caller, "second")
    with pytest.raises(TooManyGroups):
        groups.create(fleet.caller, "third")
    groups.delete(fleet.caller, first)
    groups.create(fleet.caller, "third")


def test_groups_are_listed_newest_first_with_their_number(fleet: Fleet, clock: FakeClock) -> None:
    for number in range(7):
        groups.create(fleet.caller, f"group{number}")
        clock.advance(1)
    page = groups.page(fleet.caller, None, 1, 3)
    assert ([each.name for each in page.items], page.total) == (["group3", "group2", "group1"], 7)
    assert [each.name for each in groups.page(fleet.caller, None, 2, 3).items] == ["group0"]
    assert groups.page(fleet.caller, "group5", 0, 3).items[0].name == "group5"
    assert groups.page(fleet.caller, "group9", 0, 3).total == 0


def test_kinds_are_stored_by_their_value() -> None:
    assert [kind.value for kind in Kind] == ["join", "leave"]
