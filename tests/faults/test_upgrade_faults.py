"""Upgrades whose workers die and whose messages come twice: each device is through once."""

import json
from contextlib import suppress

import pytest
from botocore.exceptions import ReadTimeoutError
from pynamodb.exceptions import PynamoDBException

from chalicelib.core import groups
from chalicelib.core.upgrade_states import Policy, PolicyKind, Status
from chalicelib.store.devices import QUEUE, QueueRecord
from chalicelib.store.outbox import EventRecord
from tests.support.clock import FakeClock
from tests.support.faults import Crash, Faults
from tests.support.iot import FakeDevice
from tests.support.upgrades import UpgradeRig

SEND, WRITE, READ, POST = "SendDirectMessage", "TransactWriteItems", "BatchGetItem", "SendMessageBatch"
KILLS = [
    *((WRITE, step) for step in range(8)),
    *((READ, step) for step in range(0, 12, 2)),
    (SEND, 0),
    (SEND, 1),
    (POST, 0),
    (POST, 1),
    ("Query", 0),
]
ONLINE = Policy(PolicyKind.ONLINE)
MAKE = {"device_type": "Meter", "model": "M1", "manufacturer_name": "Acme"}
DIED = (Crash, ReadTimeoutError, PynamoDBException)


@pytest.fixture
def rig(aws: None, clock: FakeClock) -> UpgradeRig:
    return UpgradeRig(clock)


def carry_on(rig: UpgradeRig, upgrade: str, devices: list[FakeDevice]) -> None:
    """Time passes, devices come and do what they are told, until all are through."""
    for _ in range(6):
        for device in devices:
            if device.client not in rig.iot.clients:
                device.connect()
        rig.pass_time(130)
        for device, part in zip(devices, map(rig.parts(upgrade).get, (d.id for d in devices)), strict=True):
            if part is not None and part.status is Status.PROCESSING and rig.told(device):
                rig.finish(device)


def check(rig: UpgradeRig, upgrade: str, devices: list[FakeDevice]) -> None:
    assert rig.statuses(upgrade) == [Status.SUCCESS] * len(devices)
    assert rig.get(upgrade).status is Status.SUCCESS
    for device in devices:
        settled = [each for each in EventRecord.query(device.id) if each.type == "upgrade.settled"]
        assert [json.loads(each.data)["upgrade"]["status"] for each in settled] == ["success"]
        queue = QueueRecord.find(device.id, QUEUE)
        assert queue is None or not (queue.upgrades or queue.upgrading)
    assert rig.work.dead == []


@pytest.mark.parametrize(("operation", "step"), KILLS)
@pytest.mark.parametrize("loses", ["call", "answer"])
def test_a_worker_killed_anywhere_leaves_each_device_through_once(
    rig: UpgradeRig, monkeypatch: pytest.MonkeyPatch, operation: str, step: int, loses: str
) -> None:
    """Two devices of a group are connected, one is not; SQS brings the message again."""
    devices = rig.devices(3)
    devices[2].disconnect()
    groups.create(rig.fleet.caller, "hall", members=[device.id for device in devices])
    upgrade = rig.create([], ONLINE, groups=("hall",), **MAKE)
    faults = Faults.installed(monkeypatch)
    (faults.crash if loses == "call" else faults.cut)(operation, skip=step)
    rig.work.run()
    faults.rules.clear()
    carry_on(rig, upgrade, devices)
    check(rig, upgrade, devices)


@pytest.mark.parametrize("operation", [WRITE, READ])
@pytest.mark.parametrize("step", range(4))
@pytest.mark.parametrize("loses", ["call", "answer"])
def test_a_report_whose_handler_dies_comes_again(
    rig: UpgradeRig, monkeypatch: pytest.MonkeyPatch, operation: str, step: int, loses: str
) -> None:
    """Lambda invokes the handler of a device's message again."""
    [device] = rig.devices(1)
    upgrade = rig.start([device], Policy(retries=1))
    faults = Faults.installed(monkeypatch)
    (faults.crash if loses == "call" else faults.cut)(operation, skip=step)
    for said in ({"succeeded": False}, {"succeeded": True}):
        for _ in range(2):
            with suppress(*DIED):
                rig.say(device, **said)  # type: ignore[arg-type]
        rig.work.run()
        rig.clock.advance(130)
        rig.work.run()
    faults.rules.clear()
    carry_on(rig, upgrade, [device])
    check(rig, upgrade, [device])
