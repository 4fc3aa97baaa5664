"""Upgrades over Alink: what a device is told, and what its words come to."""

import hashlib
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.core import devices, upgrades
from chalicelib.core.packages import Type
from chalicelib.core.products import NodeType
from chalicelib.core.upgrade_states import Policy, Status, Target
from chalicelib.core.upgrades import NewUpgrade
from tests.conftest import Calls
from tests.dialects.feiyan.test_devices import add
from tests.support.alink import Alink
from tests.support.boilers import boiler
from tests.support.clock import FakeClock
from tests.support.fleet import make_product
from tests.support.iot import FakeIot
from tests.support.upgrades import CONTENT, UpgradeRig, make_package


@pytest.fixture
def rig(aws: None, iot: FakeIot, clock: FakeClock) -> UpgradeRig:
    made = UpgradeRig(clock, iot=iot)
    made.package = make_package(made.fleet, Type.FIRMWARE)
    return made


@pytest.fixture
def device(rig: UpgradeRig) -> Alink:
    made = boiler(rig.fleet, rig.iot)
    made.connect()
    return made


def start(rig: UpgradeRig, *some: Alink) -> str:
    listed = tuple(each.device for each in some)
    new = NewUpgrade(rig.package.type, rig.package.id, Target(), Policy(), listed)
    made = upgrades.create(rig.fleet.caller, new)
    rig.work.run()
    return made


def say(device: Alink, kind: str, **params: Any) -> None:
    device.raw(f"/ota/device/{kind}/{device.product}/{device.name}", {"id": "1", "params": params})


def told(device: Alink) -> list[dict[str, Any]]:
    return device.got(f"/ota/device/upgrade/{device.product}/{device.name}")


def part(rig: UpgradeRig, upgrade: str, device: Alink) -> Any:
    return rig.parts(upgrade)[device.device]


def fw_version(rig: UpgradeRig, device: Alink) -> str | None:
    return devices.get(rig.fleet.caller, device.device).fw_version


def test_the_message(rig: UpgradeRig, device: Alink) -> None:
    start(rig, device)
    [message] = told(device)
    assert (message["code"], message["message"]) == ("1000", "success")
    data = message["data"]
    assert data.pop("url").startswith("https://")
    assert data == {
        "size": len(CONTENT),
        "version": "2.0",
        "signMethod": "SHA256",
        "sign": hashlib.sha256(CONTENT).hexdigest(),
        "isDiff": 0,
        "module": "default",
    }


def test_steps_and_success(rig: UpgradeRig, device: Alink) -> None:
    say(device, "inform", version="1.0")
    assert fw_version(rig, device) == "1.0"
    upgrade = start(rig, device)
    say(device, "progress", step="30", desc="on its way")
    assert (part(rig, upgrade, device).status, part(rig, upgrade, device).progress) == (Status.PROCESSING, 30)
    say(device, "progress", step=100)
    assert part(rig, upgrade, device).status is Status.PROCESSING, "it is downloaded, not yet running"
    say(device, "inform", version="2.0")
    found = part(rig, upgrade, device)
    assert (found.status, found.source_version, found.current_version) == (Status.SUCCESS, "1.0", "2.0")
    assert fw_version(rig, device) == "2.0"
    assert device.messages()[1:] == [], "nothing of this is answered"


def test_a_device_that_starts_with_its_old_version_has_not_failed(rig: UpgradeRig, device: Alink) -> None:
    upgrade = start(rig, device)
    say(device, "inform", version="1.0")
    assert part(rig, upgrade, device).status is Status.PROCESSING
    say(device, "inform", version="2.0", module="modem")
    assert part(rig, upgrade, device).status is Status.PROCESSING, "of another module"


@pytest.mark.parametrize("step", ["-1", "-2", "-3", "-4"])
def test_failures(rig: UpgradeRig, device: Alink, step: str) -> None:
    upgrade = start(rig, device)
    say(device, "progress", step=step, desc="no room")
    found = part(rig, upgrade, device)
    assert (found.status, found.error, found.detail) == (Status.FAILED, step, "no room")
    say(device, "progress", step="50")
    assert part(rig, upgrade, device).status is Status.FAILED


@pytest.mark.parametrize("params", [{"step": "x"}, {"step": "101"}, {"step": "-5"}, {}, {"step": None}])
def test_odd_steps_change_nothing(rig: UpgradeRig, device: Alink, params: dict[str, Any]) -> None:
    upgrade = start(rig, device)
    before = part(rig, upgrade, device)
    say(device, "progress", **params)
    say(device, "nothing")
    for version in (None, "", 5, "x" * 257):
        say(device, "inform", version=version)
    assert part(rig, upgrade, device) == before


def test_another_url(rig: UpgradeRig, device: Alink) -> None:
    start(rig, device)
    say(device, "request", version="1.0")
    rig.work.run()
    assert len(told(device)) == 2


def test_without_an_upgrade(rig: UpgradeRig, device: Alink, calls: Calls) -> None:
    for kind in ("progress", "request"):
        say(device, kind, step="5")
    say(device, "inform", version="1.0")
    calls.clear()
    say(device, "inform", version="1.0")
    assert calls.made == ["dynamodb.BatchGetItem"]


def test_of_a_child(rig: UpgradeRig) -> None:
    product = make_product(rig.fleet.tenant, NodeType.GATEWAY, model="G1")
    gateway = boiler(replace(rig.fleet, product=product), rig.iot, "gateway-1")
    gateway.connect()
    child = boiler(rig.fleet, rig.iot, "child-1")
    add(gateway, child)
    gateway.ask_at(f"{child.own}/thing/event/property/post", {"Meter.level": 1, "level": 1})
    upgrade = start(rig, child)
    topic = f"/ota/device/upgrade/{child.product}/{child.name}"
    [message] = gateway.got(topic)
    assert message["data"]["version"] == "2.0"
    gateway.raw(f"/ota/device/progress/{child.product}/{child.name}", {"params": {"step": "10"}})
    assert part(rig, upgrade, child).progress == 10
    gateway.raw(f"/ota/device/inform/{child.product}/{child.name}", {"params": {"version": "2.0"}})
    assert part(rig, upgrade, child).status is Status.SUCCESS
