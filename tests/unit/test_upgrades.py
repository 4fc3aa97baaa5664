"""Upgrades: what they cost, whom they reach, and counters that equal a recount."""

import hashlib
from collections import Counter

import pytest

from chalicelib.core import (
    devices,
    groups,
    packages,
    registration,
    removal,
    upgrade_ends,
    upgrade_moves,
    upgrade_queries,
    upgrade_sending,
    upgrade_targets,
    upgrade_work,
    upgrades,
)
from chalicelib.core.errors import (
    DeviceNotFound,
    GroupNotFound,
    InvalidInput,
    PackageMismatch,
    PackageNotFound,
    UpgradeNotFound,
)
from chalicelib.core.packages import Type
from chalicelib.core.upgrade_queries import Filter
from chalicelib.core.upgrade_states import Policy, PolicyKind, Status, Step, Target
from chalicelib.core.upgrades import NewUpgrade
from chalicelib.store.devices import DEVICE, QUEUE, DeviceRecord, QueueRecord
from chalicelib.store.outbox import EventRecord
from chalicelib.store.upgrades import UPGRADE, UpgradeItem
from tests.conftest import Calls
from tests.support.clock import FakeClock
from tests.support.fleet import make_fleet, make_product
from tests.support.iot import FakeDevice, Reaction
from tests.support.upgrades import CONTENT, UpgradeRig, make_package

ONLINE = Policy(PolicyKind.ONLINE)
MINUTE = 60


@pytest.fixture
def rig(aws: None, clock: FakeClock) -> UpgradeRig:
    return UpgradeRig(clock)


def window(rig: UpgradeRig, start: int = 10, end: int = 20, retries: int | None = None) -> Policy:
    """In minutes from now."""
    now = rig.clock.at
    return Policy(PolicyKind.WINDOW, now + start * MINUTE * 1000, now + end * MINUTE * 1000, retries)


# the way of one device


def test_a_device_is_told_reports_and_is_through(rig: UpgradeRig) -> None:
    [device] = rig.devices(1)
    upgrade = rig.start([device])
    [told] = rig.told(device)
    url = told.pop("url")
    assert url.startswith("https://")
    assert f"/{rig.fleet.application}/{rig.package.id}?" in url
    assert "X-Amz-Expires=3600" in url
    assert told == {
        "msgType": "cloudUpgrade",
        "operationId": upgrade,
        "attempt": 1,
        "type": "software",
        "name": rig.package.name,
        "version": "2.0",
        "size": len(CONTENT),
        "sha256": hashlib.sha256(CONTENT).hexdigest(),
        "urlExpires": "20231114T231320Z",
    }
    assert rig.part(upgrade, device).status is Status.PROCESSING
    rig.clock.advance(5)
    rig.say(device, Step.DOWNLOADING, progress=40)
    rig.clock.advance(10)
    rig.say(device, Step.DOWNLOADED)
    rig.say(device, Step.UPDATING)
    rig.clock.advance(20)
    rig.say(device, succeeded=True, version="2.0")
    part = rig.part(upgrade, device)
    assert part.status is Status.SUCCESS
    assert (part.source_version, part.current_version, part.target_version) == ("", "2.0", "2.0")
    assert part.started is not None
    assert part.stopped is not None
    assert part.fetching is not None
    assert part.fetched is not None
    assert (part.stopped - part.started, part.fetched - part.fetching) == (35_000, 10_000)
    found = rig.get(upgrade)
    assert (found.status, found.stopped) == (Status.SUCCESS, part.stopped)
    assert devices.get(rig.fleet.caller, device.id).sw_version == "2.0"
    steps = [("upgrade.stepped", step) for step in (1, 2, 3, 0)]
    assert rig.events(device) == [*steps, ("upgrade.settled", "success")]
    changed = [each.type for each in EventRecord.query(device.id) if each.type == "device.changed"]
    assert len(changed) == 1


def test_firmware_settles_in_its_own_field(rig: UpgradeRig) -> None:
    [device] = rig.devices(1)
    rig.start([device], package=make_package(rig.fleet, Type.FIRMWARE))
    rig.finish(device)
    found = devices.get(rig.fleet.caller, device.id)
    assert (found.sw_version, found.fw_version) == (None, "2.0")


def test_what_each_hop_costs(rig: UpgradeRig, calls: Calls) -> None:
    [device] = rig.devices(1)
    calls.clear()
    upgrade = rig.create([device])
    assert len(calls.made) == 4, calls.made
    rig.work.work(take(rig, "upgrade-look"))
    rig.work.work(take(rig, "upgrade-chunk"))
    job = take(rig, "upgrade")
    calls.clear()
    rig.work.work(job)
    assert len(calls.made) == 5, calls.made
    calls.clear()
    upgrade_sending.deliver(device.id)
    assert len(calls.made) == 1, calls.made
    for more in ({"step": Step.DOWNLOADING}, {"progress": 3}, {"succeeded": True}):
        calls.clear()
        rig.say(device, **more)  # type: ignore[arg-type]
        assert len(calls.made) == 2, calls.made
    calls.clear()
    assert rig.get(upgrade).status is Status.SUCCESS
    assert len(calls.made) == 1
    calls.clear()
    upgrade_queries.parts(rig.fleet.caller, upgrade)
    assert len(calls.made) == 2
    calls.clear()
    upgrade_queries.page(rig.fleet.caller, Filter(), 0, 10)
    assert len(calls.made) == 4, calls.made


def take(rig: UpgradeRig, name: str):  # type: ignore[no-untyped-def]
    job = rig.work.take()
    assert job is not None
    assert job.message["job"] == name
    return job


def test_the_most_devices_cost_eight_calls(rig: UpgradeRig, calls: Calls) -> None:
    made = put(rig, 256)
    calls.clear()
    upgrade = rig.create(made)
    assert len(calls.made) == 8, calls.made
    assert rig.get(upgrade).counts.wait == 256
    assert rig.get(upgrade).devices == tuple(device.id for device in made)


def put(rig: UpgradeRig, number: int) -> list[FakeDevice]:
    """Devices by the hundred: moto copies a table for every transaction, so without any."""
    known = DeviceRecord.get(rig.devices(1, online=False)[0].id, DEVICE).values()
    made = [f"{each:032x}" for each in range(number)]
    with DeviceRecord.batch_write() as batch:
        for device in made:
            batch.save(DeviceRecord(**{**known, "device": device, "gateway": device}))
    return [FakeDevice(device, rig.iot) for device in made]


def test_a_chunk_of_devices_costs_few_calls(rig: UpgradeRig, calls: Calls) -> None:
    made = rig.devices(30, online=False)
    rig.create(made, ONLINE)
    calls.clear()
    rig.work.run()
    assert len(calls.made) <= 12, Counter(calls.made)


def test_a_repeated_report_changes_nothing(rig: UpgradeRig) -> None:
    [device] = rig.devices(1)
    upgrade = rig.start([device])
    for _ in range(2):
        rig.say(device, Step.DOWNLOADED)
        rig.say(device, Step.DOWNLOADING)  # late
    assert rig.part(upgrade, device).step == 2
    for _ in range(2):
        rig.say(device, succeeded=True)
        rig.say(device, succeeded=False)
    assert rig.part(upgrade, device).status is Status.SUCCESS
    kinds = [kind for kind, _ in rig.events(device)]
    assert kinds == ["upgrade.stepped", "upgrade.stepped", "upgrade.settled"]


def test_a_report_of_another_attempt_or_device_changes_nothing(rig: UpgradeRig) -> None:
    one, other = rig.devices(2)
    upgrade = rig.start([one])
    rig.say(one, attempt=2, succeeded=True)
    rig.say(one, upgrade="0" * 32, succeeded=True)
    from chalicelib.core.upgrade_reports import Said, report

    report(Said(other.id, upgrade, 1, succeeded=True))
    assert rig.statuses(upgrade) == [Status.PROCESSING]
    assert devices.get(rig.fleet.caller, other.id).sw_version is None


def test_a_device_that_runs_another_version_has_failed(rig: UpgradeRig) -> None:
    [device] = rig.devices(1)
    upgrade = rig.start([device])
    rig.say(device, succeeded=True, version="1.9")
    part = rig.part(upgrade, device)
    assert (part.status, part.detail) == (Status.FAILED, "The device runs version 1.9.")
    assert rig.get(upgrade).status is Status.FAILED


# failures and retries


def test_a_failure_is_tried_again_as_often_as_the_policy_says(rig: UpgradeRig) -> None:
    [device] = rig.devices(1)
    upgrade = rig.start([device], Policy(retries=2))
    for number in (1, 2):
        rig.say(device, Step.DOWNLOADING)
        rig.say(device, succeeded=False, error="7", description="no memory")
        part = rig.part(upgrade, device)
        assert (part.status, part.detail, part.error) == (Status.WAIT, "no memory", "7")
        assert rig.work.run() == []  # not at once
        rig.clock.advance(number * 10)
        assert rig.work.run() == ["upgrade"]
        assert [told["attempt"] for told in rig.told(device)] == list(range(1, number + 2))
        assert rig.part(upgrade, device).status is Status.PROCESSING
    rig.say(device, succeeded=False, description="no memory")
    assert rig.part(upgrade, device).status is Status.FAILED
    kinds = [("upgrade.stepped", 1), ("upgrade.stepped", 0)] * 2
    assert rig.events(device) == [*kinds, ("upgrade.settled", "failed")]


def test_a_retry_that_finds_no_device_waits_without_work(rig: UpgradeRig) -> None:
    [device] = rig.devices(1)
    upgrade = rig.start([device], Policy(PolicyKind.ONLINE, retries=1))
    rig.say(device, succeeded=False)
    device.disconnect()
    rig.work.run()
    for _ in range(10):
        rig.pass_time(90 * MINUTE)
    assert "upgrade-again" not in rig.pass_time(90 * MINUTE)
    device.connect()
    rig.work.run()
    rig.finish(device)
    assert rig.part(upgrade, device).status is Status.SUCCESS


def test_a_failure_of_an_attempt_counts_once(rig: UpgradeRig) -> None:
    """The broker repeats what it was not acknowledged for: a second failure would eat a retry."""
    [device] = rig.devices(1)
    upgrade = rig.start([device], Policy(retries=1))
    rig.say(device, succeeded=False)
    rig.say(device, succeeded=False)
    rig.work.run()
    rig.clock.advance(10)
    rig.work.run()
    rig.say(device, attempt=1, succeeded=False)
    assert rig.part(upgrade, device).status is Status.PROCESSING
    rig.finish(device)
    part = rig.part(upgrade, device)
    assert (part.status, part.detail, part.error) == (Status.SUCCESS, None, None)


def test_now_fails_for_a_device_that_is_not_online(rig: UpgradeRig) -> None:
    [device] = rig.devices(1, online=False)
    upgrade = rig.start([device])
    part = rig.part(upgrade, device)
    assert (part.status, part.detail, part.started) == (Status.FAILED, "The device is not online.", None)
    assert rig.events(device) == [("upgrade.settled", "failed")]


def test_now_with_retries_reaches_a_device_that_comes_in_time(rig: UpgradeRig) -> None:
    [device] = rig.devices(1, online=False)
    upgrade = rig.start([device], Policy(retries=1))
    assert rig.part(upgrade, device).status is Status.WAIT
    device.connect(wake=False)
    rig.clock.advance(10)
    rig.work.run()
    rig.finish(device)
    assert rig.part(upgrade, device).status is Status.SUCCESS


def test_a_device_that_says_nothing_times_out(rig: UpgradeRig) -> None:
    """So does one that knows only the vendor's messages."""
    [device] = rig.devices(1)
    upgrade = rig.start([device])
    rig.pass_time(59 * MINUTE)
    assert rig.part(upgrade, device).status is Status.PROCESSING
    rig.pass_time(2 * MINUTE)
    part = rig.part(upgrade, device)
    assert (part.status, part.timed_out) == (Status.FAILED, True)
    assert len(rig.told(device)) == 1
    assert QueueRecord.find(device.id, QUEUE).upgrading is None  # type: ignore[union-attr]


def test_each_word_of_a_device_gives_it_more_time(rig: UpgradeRig) -> None:
    [device] = rig.devices(1)
    upgrade = rig.start([device])
    for progress in range(3):
        rig.pass_time(50 * MINUTE)
        rig.say(device, Step.DOWNLOADING, progress=progress)
    assert rig.part(upgrade, device).status is Status.PROCESSING
    rig.pass_time(61 * MINUTE)
    assert rig.part(upgrade, device).timed_out


@pytest.mark.parametrize("reaction", [Reaction.SILENT, Reaction.LOST, Reaction.STALLS])
def test_what_is_not_acknowledged_is_sent_again_as_the_same_attempt(
    rig: UpgradeRig, reaction: Reaction
) -> None:
    [device] = rig.devices(1, online=False)
    device.connect(reaction)
    upgrade = rig.start([device])
    for _ in range(6):
        rig.clock.advance(16)
        rig.work.run()
    assert len(rig.iot.tried) == 4
    assert {told["attempt"] for told in rig.told(device)} <= {1}
    part = rig.part(upgrade, device)
    assert (part.status, part.timed_out) == (Status.FAILED, True)


def test_a_device_that_reports_before_it_acknowledges_is_heard(rig: UpgradeRig) -> None:
    [device] = rig.devices(1, online=False)
    device.connect(Reaction.SILENT)
    upgrade = rig.start([device])
    rig.say(device, Step.DOWNLOADING)
    rig.clock.advance(16)
    rig.work.run()
    assert len(rig.told(device)) == 1
    rig.finish(device)
    assert rig.part(upgrade, device).status is Status.SUCCESS


@pytest.mark.parametrize("reaction", [Reaction.CUT, Reaction.THROTTLED, Reaction.FORBIDDEN])
def test_a_failure_of_aws_costs_no_attempt(rig: UpgradeRig, reaction: Reaction) -> None:
    [device] = rig.devices(1, online=False)
    device.connect(reaction)
    upgrade = rig.start([device])
    assert len(rig.work.failures) == 1
    assert rig.part(upgrade, device).status is Status.WAIT
    rig.iot.connect(device.client)
    rig.clock.advance(121)
    rig.work.run()
    rig.finish(device)
    assert rig.part(upgrade, device).status is Status.SUCCESS


def test_a_fresh_url_is_given_to_whoever_asks_while_at_work(rig: UpgradeRig) -> None:
    [device] = rig.devices(1)
    upgrade = rig.start([device])
    rig.clock.advance(50 * MINUTE)
    rig.say(device, Step.DOWNLOADING, new_url=True)
    rig.work.run()
    first, second = rig.told(device)
    assert first["attempt"] == second["attempt"]
    assert second["urlExpires"] == "20231115T000320Z"
    rig.finish(device)
    rig.say(device, new_url=True)
    rig.work.run()
    assert len(rig.told(device)) == 2
    assert rig.part(upgrade, device).status is Status.SUCCESS


# policies


def test_device_online_waits_for_the_device(rig: UpgradeRig) -> None:
    [device] = rig.devices(1, online=False)
    upgrade = rig.start([device], ONLINE)
    rig.pass_time(24 * 60 * MINUTE)
    assert rig.part(upgrade, device).status is Status.WAIT
    assert rig.iot.tried == []
    device.connect()
    rig.work.run()
    rig.finish(device)
    assert rig.part(upgrade, device).status is Status.SUCCESS


def test_a_device_whose_coming_went_unnoticed_is_told_at_the_next_look(rig: UpgradeRig) -> None:
    [device] = rig.devices(1, online=False)
    upgrade = rig.start([device], ONLINE)
    device.connect(wake=False)
    rig.pass_time(31)
    assert rig.part(upgrade, device).status is Status.PROCESSING


def test_a_connection_that_is_gone_costs_no_attempt(rig: UpgradeRig) -> None:
    [device] = rig.devices(1)
    device.vanish()
    upgrade = rig.start([device], ONLINE)
    assert rig.part(upgrade, device).status is Status.WAIT
    device.connect()
    rig.work.run()
    rig.finish(device)
    assert rig.part(upgrade, device).status is Status.SUCCESS


def test_device_online_ends_after_thirty_days(rig: UpgradeRig) -> None:
    [device] = rig.devices(1, online=False)
    upgrade = rig.start([device], ONLINE)
    rig.clock.advance(30 * 24 * 60 * MINUTE)
    part = rig.part(upgrade, device)  # before any sweep
    assert (part.status, part.timed_out, rig.get(upgrade).status) == (Status.FAILED, True, Status.FAILED)
    device.connect()
    rig.work.run()
    assert rig.told(device) == []
    rig.pass_time(0)
    assert rig.events(device) == [("upgrade.settled", "failed")]


def test_a_window_begins_and_stops_what_is_left(rig: UpgradeRig) -> None:
    at_work, done, absent = rig.devices(3)
    absent.disconnect()
    upgrade = rig.start([at_work, done, absent], window(rig))
    assert (rig.get(upgrade).status, rig.get(upgrade).started) == (Status.WAIT, None)
    rig.pass_time(9 * MINUTE)
    assert rig.iot.arrived == []
    rig.pass_time(1 * MINUTE)
    assert rig.get(upgrade).status is Status.PROCESSING
    rig.finish(done)
    rig.say(at_work, Step.UPDATING)
    assert rig.statuses(upgrade) == [Status.PROCESSING, Status.SUCCESS, Status.WAIT]
    rig.clock.advance(10 * MINUTE)
    expected = [Status.STOPPED, Status.SUCCESS, Status.STOPPED]
    assert rig.statuses(upgrade) == expected  # before any sweep
    found = rig.get(upgrade)
    assert (found.status, found.stopped) == (Status.STOPPED, found.policy.end)
    rig.pass_time(0)
    assert rig.statuses(upgrade) == expected
    assert rig.get(upgrade).stopped == found.policy.end
    for device in (at_work, absent):
        assert rig.events(device)[-1] == ("upgrade.settled", "stopped")
        queue = QueueRecord.find(device.id, QUEUE)
        assert queue is None or (queue.upgrading, queue.upgrades) == (None, None)
    absent.connect()
    rig.work.run()
    assert rig.told(absent) == []


def test_a_success_after_the_end_only_tells_the_version(rig: UpgradeRig) -> None:
    [device] = rig.devices(1)
    upgrade = rig.start([device], window(rig))
    rig.pass_time(10 * MINUTE)
    rig.clock.advance(11 * MINUTE)
    rig.say(device, succeeded=True, version="2.0")
    assert rig.part(upgrade, device).status is Status.STOPPED
    assert devices.get(rig.fleet.caller, device.id).sw_version == "2.0"
    rig.pass_time(0)
    assert rig.part(upgrade, device).status is Status.STOPPED


def test_a_late_retry_is_not_begun_behind_the_end(rig: UpgradeRig) -> None:
    [device] = rig.devices(1)
    upgrade = rig.start([device], window(rig, retries=5))
    rig.pass_time(10 * MINUTE)
    rig.clock.advance(10 * MINUTE - 5)
    rig.say(device, succeeded=False)
    assert rig.part(upgrade, device).status is Status.FAILED


# one upgrade at a time


def test_a_device_does_one_upgrade_after_the_other(rig: UpgradeRig) -> None:
    [device] = rig.devices(1)
    firmware = make_package(rig.fleet, Type.FIRMWARE, version="9")
    first = rig.start([device])
    rig.clock.advance(1)
    second = rig.start([device], ONLINE, package=firmware)
    third = rig.start([device])
    assert [each["operationId"] for each in rig.told(device)] == [first]
    assert rig.part(second, device).status is Status.WAIT
    rig.finish(device)
    rig.work.run()
    rig.finish(device, version="9")
    rig.work.run()
    assert [each["operationId"] for each in rig.told(device)] == [first, second, third]
    found = devices.get(rig.fleet.caller, device.id)
    assert (found.sw_version, found.fw_version) == ("2.0", "9")


def test_while_one_waits_for_its_retry_another_goes_on(rig: UpgradeRig) -> None:
    [device] = rig.devices(1)
    first = rig.start([device], Policy(retries=1))
    second = rig.start([device])
    rig.say(device, succeeded=False)
    rig.work.run()
    assert rig.told(device)[-1]["operationId"] == second
    rig.clock.advance(10)
    rig.work.run()
    assert rig.part(first, device).status is Status.WAIT
    rig.finish(device)
    rig.work.run()
    assert rig.told(device)[-1]["operationId"] == first


def test_a_device_takes_only_so_many(rig: UpgradeRig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upgrade_work, "MOST_WAITING", 2)
    [device] = rig.devices(1, online=False)
    made = [rig.start([device], ONLINE) for _ in range(3)]
    assert [rig.part(each, device).status for each in made] == [Status.WAIT, Status.WAIT, Status.FAILED]


# whom it reaches


def test_other_peoples_devices_are_absent(rig: UpgradeRig) -> None:
    other = UpgradeRig(rig.clock, make_fleet("other"), rig.iot)
    [foreign] = other.devices(1)
    [mine] = rig.devices(1)
    with pytest.raises(DeviceNotFound):
        rig.create([mine, foreign])
    with pytest.raises(PackageNotFound):
        rig.create([mine], package=other.package)
    with pytest.raises(UpgradeNotFound):
        other.get(rig.create([mine]))
    groups.create(other.fleet.caller, "hall", members=[foreign.id])
    with pytest.raises(GroupNotFound):
        rig.create([], groups=("hall",), device_type="Meter", model="M1", manufacturer_name="Acme")
    rig.work.run()
    assert other.told(foreign) == []


def test_devices_of_another_make_are_refused(rig: UpgradeRig) -> None:
    product = make_product(rig.fleet.tenant, model="M2")
    new = registration.NewDevice("two", registration.BY_SECRET, product=product.id)
    odd = FakeDevice(registration.register(rig.fleet.caller, new).device.device, rig.iot)
    [device] = rig.devices(1)
    for target in ([device, odd],):
        with pytest.raises(PackageMismatch):
            rig.create(target)
    with pytest.raises(PackageMismatch):
        rig.create([device], model="M2")
    with pytest.raises(InvalidInput):
        upgrades.create(
            rig.fleet.caller, NewUpgrade(Type.FIRMWARE, rig.package.id, Target(), Policy(), (device.id,))
        )


def test_of_groups_the_devices_of_the_make_take_part(rig: UpgradeRig, calls: Calls) -> None:
    product = make_product(rig.fleet.tenant, model="M2")
    new = registration.NewDevice("two", registration.BY_SECRET, product=product.id)
    odd = registration.register(rig.fleet.caller, new).device.device
    one, other, apart = rig.devices(3)
    groups.create(rig.fleet.caller, "hall", members=[one.id, odd])
    groups.create(rig.fleet.caller, "roof", members=[other.id])
    make = {"device_type": "Meter", "model": "M1", "manufacturer_name": "Acme"}
    calls.clear()
    upgrade = rig.create([], groups=("hall", "roof"), **make)
    assert len(calls.made) == 5, calls.made
    rig.work.run()
    assert set(rig.parts(upgrade)) == {one.id, other.id}
    assert rig.told(apart) == []
    assert rig.get(upgrade).devices == ()
    rig.finish(one)
    rig.finish(other)
    assert rig.get(upgrade).status is Status.SUCCESS


def test_an_upgrade_without_devices_has_succeeded(rig: UpgradeRig) -> None:
    groups.create(rig.fleet.caller, "empty")
    make = {"device_type": "Meter", "model": "M1", "manufacturer_name": "Acme"}
    upgrade = rig.start([], groups=("empty",), **make)
    assert (rig.get(upgrade).status, rig.get(upgrade).counts.total) == (Status.SUCCESS, 0)


def test_a_device_in_two_groups_while_it_moves_takes_part_once(
    rig: UpgradeRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved, other = rig.devices(2)
    hall = groups.create(rig.fleet.caller, "hall", members=[moved.id])
    roof = groups.create(rig.fleet.caller, "roof", members=[other.id])
    make = {"device_type": "Meter", "model": "M1", "manufacturer_name": "Acme"}
    monkeypatch.setattr(upgrade_targets, "PAGES_AT_ONCE", 1)
    upgrade = rig.create([], ONLINE, groups=("hall", "roof"), **make)
    rig.work.work(take(rig, "upgrade-look"))
    groups.remove(rig.fleet.caller, hall.id, [moved.id])
    groups.add(rig.fleet.caller, roof.id, [moved.id])
    rig.work.run()
    assert sorted(rig.parts(upgrade)) == sorted([moved.id, other.id])


def test_more_devices_than_a_chunk_holds(rig: UpgradeRig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upgrades, "CHUNK_SIZE", 2)
    made = rig.devices(5)
    upgrade = rig.start(made)
    for device in made:
        rig.finish(device)
    assert rig.statuses(upgrade) == [Status.SUCCESS] * 5
    assert rig.get(upgrade).devices == tuple(device.id for device in made)


@pytest.mark.parametrize("online", [True, False])
def test_a_deleted_device_fails(rig: UpgradeRig, online: bool) -> None:
    device, other = rig.devices(2, online=online)
    upgrade = rig.start([device, other], ONLINE)
    removal.delete(rig.fleet.caller, device.id)
    rig.work.run()
    part = rig.part(upgrade, device)
    assert (part.status, part.detail) == (Status.FAILED, "The device was deleted.")


def test_a_device_deleted_before_the_start_fails(rig: UpgradeRig) -> None:
    device, other = rig.devices(2)
    upgrade = rig.start([device, other], window(rig))
    removal.delete(rig.fleet.caller, device.id)
    rig.work.run()
    rig.pass_time(10 * MINUTE)
    assert rig.statuses(upgrade) == [Status.FAILED, Status.PROCESSING]


def test_a_deleted_package_reaches_nobody_else(rig: UpgradeRig) -> None:
    told, waiting = rig.devices(2)
    waiting.disconnect()
    upgrade = rig.start([told, waiting], ONLINE)
    packages.delete(rig.fleet.caller, rig.package.id)
    waiting.connect()
    rig.work.run()
    assert rig.statuses(upgrade) == [Status.PROCESSING, Status.FAILED]
    assert rig.told(waiting) == []
    rig.finish(told)
    assert rig.get(upgrade).status is Status.FAILED
    with pytest.raises(PackageNotFound):
        rig.create([told])


def test_a_look_ends_what_waits_for_a_deleted_package(rig: UpgradeRig) -> None:
    [waiting] = rig.devices(1, online=False)
    upgrade = rig.start([waiting], ONLINE)
    packages.delete(rig.fleet.caller, rig.package.id)
    rig.pass_time(31)
    assert rig.part(upgrade, waiting).detail == upgrade_sending.PACKAGE_GONE


# crashes, repeats, races


def test_every_lost_job_is_made_up_for(rig: UpgradeRig) -> None:
    [device] = rig.devices(1)
    upgrade = rig.create([device], Policy(retries=1))
    rig.work.lose()
    rig.pass_time(31)
    assert len(rig.told(device)) == 1
    rig.say(device, succeeded=False)
    rig.work.lose()
    rig.pass_time(41)
    assert len(rig.told(device)) == 2
    rig.finish(device)
    assert rig.part(upgrade, device).status is Status.SUCCESS


def test_a_worker_that_dies_before_sending_is_made_up_for(
    rig: UpgradeRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Dead(BaseException):
        pass

    def die(*_: object) -> None:
        raise Dead

    [device] = rig.devices(1)
    upgrade = rig.create([device])
    with monkeypatch.context() as patched:
        patched.setattr(upgrade_sending, "_send", die)
        with pytest.raises(Dead):
            rig.work.run()
    rig.work.lose()
    assert rig.part(upgrade, device).status is Status.PROCESSING
    rig.pass_time(16)
    assert [told["attempt"] for told in rig.told(device)] == [1]
    rig.finish(device)
    assert rig.part(upgrade, device).status is Status.SUCCESS


def test_every_job_may_come_twice(rig: UpgradeRig) -> None:
    made = rig.devices(3)
    made[2].disconnect()
    upgrade = rig.create(made, ONLINE)
    for _ in range(30):
        job = rig.work.take()
        if job is None:
            break
        rig.work.work(job)
        if job.message["job"].startswith("upgrade"):
            rig.work.work(job)
    assert [len(rig.told(device)) for device in made] == [1, 1, 0]
    assert rig.statuses(upgrade) == [Status.PROCESSING, Status.PROCESSING, Status.WAIT]
    for device in made[:2]:
        rig.finish(device)
    rig.work.run()
    upgrade_ends.look(upgrade)
    assert rig.statuses(upgrade) == [Status.SUCCESS, Status.SUCCESS, Status.WAIT]


def test_two_workers_of_a_chunk_queue_each_device_once(
    rig: UpgradeRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = rig.devices(4)
    upgrade = rig.create(made, ONLINE)
    [chunk] = [item for item in UpgradeItem.query(upgrade) if item.item.startswith("C#")]
    queue, raced = upgrade_work._queue, []

    def second(part, portion):  # type: ignore[no-untyped-def]
        if not raced:
            raced.append(True)
            upgrade_work.perform(upgrade, chunk.item)
        queue(part, portion)

    monkeypatch.setattr(upgrade_work, "_queue", second)
    upgrade_work.perform(upgrade, chunk.item)
    rig.work.run()
    assert [len(rig.told(device)) for device in made] == [1] * 4
    assert rig.statuses(upgrade) == [Status.PROCESSING] * 4


def test_a_success_and_the_timeout_at_once(rig: UpgradeRig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sweep has read the part as silent when its success is written."""
    [device] = rig.devices(1)
    upgrade = rig.start([device])
    fail = upgrade_moves.fail

    def late(*args, **more):  # type: ignore[no-untyped-def]
        rig.say(device, succeeded=True)
        fail(*args, **more)

    monkeypatch.setattr(upgrade_sending.upgrade_moves, "fail", late)
    rig.pass_time(61 * MINUTE)
    assert rig.part(upgrade, device).status is Status.SUCCESS
    assert [kind for kind, _ in rig.events(device)] == ["upgrade.settled"]


def test_a_closed_upgrade_is_looked_at_no_more(rig: UpgradeRig) -> None:
    [device] = rig.devices(1)
    upgrade = rig.start([device])
    rig.finish(device)
    assert "upgrade-look" in rig.pass_time(31)
    record = UpgradeItem.find(upgrade, UPGRADE)
    assert record is not None
    assert record.deadline is None
    assert rig.pass_time(24 * 60 * MINUTE) == []


# asking


def test_upgrades_by_page_and_filter(rig: UpgradeRig) -> None:
    one, other = rig.devices(2)
    firmware = make_package(rig.fleet, Type.FIRMWARE)
    made = []
    for devices_, package in (([one], None), ([other], firmware), ([one, other], None)):
        rig.clock.advance(1)
        made.append(rig.start(devices_, ONLINE, package=package))
    rig.finish(one)
    caller = rig.fleet.caller

    def found(number: int = 0, size: int = 10, **wanted: object) -> tuple[list[str], int]:
        page = upgrade_queries.page(caller, Filter(**wanted), number, size)  # type: ignore[arg-type]
        return [each.id for each in page.items], page.total

    newest = made[::-1]
    assert found() == (newest, 3)
    assert [found(number, 1) for number in range(4)] == [*(([each], 3) for each in newest), ([], 3)]
    assert found(type=Type.FIRMWARE) == ([made[1]], 1)
    assert found(status=Status.SUCCESS) == ([made[0]], 1)
    assert found(status=Status.PROCESSING)[1] == 2
    assert found(device=one.id) == ([made[2], made[0]], 2)
    assert found(device=one.id, status=Status.SUCCESS) == ([made[0]], 1)
    assert found(model="M1", manufacturer_name="Acme", device_type="Meter") == (newest, 3)
    assert found(model="M2") == ([], 0)
    assert upgrade_queries.page(make_fleet("other").caller, Filter(device=one.id), 0, 10).total == 0


def test_core_checks_what_it_relies_on(rig: UpgradeRig) -> None:
    [device] = rig.devices(1)
    bad = [
        ([], {}),
        ([device], {"groups": ("hall",)}),
        ([device] * 257, {}),
        ([device], {"policy": Policy(retries=6)}),
        ([device], {"policy": Policy(retries=0)}),
        ([device], {"policy": window(rig, -1, 10)}),
        ([device], {"policy": window(rig, 1, 5)}),
        ([device], {"policy": Policy(PolicyKind.WINDOW)}),
    ]
    for listed, more in bad:
        with pytest.raises(InvalidInput):
            rig.create(listed, **more)  # type: ignore[arg-type]
