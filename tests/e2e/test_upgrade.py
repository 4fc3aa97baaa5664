"""Upgrades over real HTTP, real MQTT, real downloads and a real callback receiver."""

import hashlib
import json
import secrets
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.local.clients import App, Device
from tests.e2e.conftest import SUBSCRIPTIONS, World, run

OPERATIONS = "/iodm/northbound/v1.5.0/operations"
PACKAGES = "/iodm/northbound/v1.5.0/category"
SUBSCRIBE = "/iodm/app/sub/v1.1.0/subscribe"
STATE, RESULT = "fwUpgradeStateChangeNotify", "fwUpgradeResultNotify"
CONTENT = secrets.token_bytes(300_000)


def admin(world: World, *line: object) -> Any:
    done = run("infra.admin", *line, "--json", "--state", world.cloud.state)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def package(world: World, tmp_path: Path) -> str:
    """Firmware 2.0 for the demo product, uploaded as an operator does it."""
    path = tmp_path / "meter-2.bin"
    path.write_bytes(CONTENT)
    huawei = world.cloud.huawei
    made = admin(
        world,
        *("package", "upload", path, "--application", huawei["appId"], "--type", "firmware"),
        *("--name", f"meter-{secrets.token_hex(4)}", "--version", "2.0", "--product", huawei["productId"]),
    )
    return str(made["id"])


def start(world: World, package: str, *devices: Device, **policy: Any) -> str:
    targets = {"devices": [device.device for device in devices]}
    body = {"fileId": package, "targets": targets, "policy": {"executeType": "now", **policy}}
    return str(world.app.post(f"{OPERATIONS}/firmwareUpgrade", body)["operationId"])


def told(device: Device, count: int = 1) -> dict[str, Any]:
    return device.upgrades.wait(lambda _: True, "upgrade", count)


def install(device: Device, upgrade: dict[str, Any], heard: Callable[[str], object] = str) -> None:
    """What a device does with an upgrade: download, check, install, restart, tell.

    `heard` waits until the app knows of a step: two messages at once may overtake each other.
    """
    device.tell(upgrade, step="downloading", progress=0)
    heard("downloading")
    with urllib.request.urlopen(upgrade["url"], timeout=20) as answer:
        content = answer.read()
    assert len(content) == upgrade["size"]
    assert hashlib.sha256(content).hexdigest() == upgrade["sha256"]
    assert content == CONTENT
    for step in ("downloaded", "updating"):
        device.tell(upgrade, step=step)
        heard(step)
    device.tell(upgrade, result="success", version=upgrade["version"])


@pytest.fixture
def subscribed(world: World) -> Iterator[None]:
    for kind in (STATE, RESULT):
        world.app.post(SUBSCRIBE, {"notifyType": kind, "callbackUrl": world.receiver.url(kind)})
    yield
    for kind in (STATE, RESULT):
        world.app.delete(f"{SUBSCRIPTIONS}?notifyType={kind}")


def found(world: World, operation: str) -> Any:
    return world.app.get(f"{OPERATIONS}/{operation}")


def test_a_device_does_the_whole_upgrade(world: World, package: str, subscribed: None) -> None:
    device, other = world.online(), world.online()
    operation = start(world, package, device)
    upgrade = told(device)
    assert upgrade["operationId"] == operation
    install(
        device,
        upgrade,
        lambda step: world.pushed(STATE, device.device, lambda push: push.body["stepDesc"] == step),
    )
    push = world.pushed(RESULT, device.device)
    assert push.body["status"] == "SUCCESS"
    assert (push.body["curVersion"], push.body["targetVersion"]) == ("2.0", "2.0")
    world.pushed(STATE, device.device, lambda push: push.body["stepDesc"] == "idle")
    assert found(world, operation)["status"] == "success"
    info = world.app.get(f"/iocm/app/dm/v1.4.0/devices/{device.device}")["deviceInfo"]
    assert info["fwVersion"] == "2.0"
    assert other.upgrades.all() == []


def test_a_device_that_fails_midway_tries_again(world: World, package: str, subscribed: None) -> None:
    device = world.online()
    operation = start(world, package, device, retryType=True, retryTimes=1)
    first = told(device)
    device.tell(first, step="downloading")
    device.tell(first, result="fail", errorCode=5, description="flash error")
    world.until(lambda: found(world, operation)["staResult"]["wait"] == 1, "the failure to be noted")
    [sub] = world.app.get(f"{OPERATIONS}/{operation}/subOperations")["data"]
    assert sub["detailInfo"] == "flash error"
    again = told(device, 2)
    assert (again["operationId"], again["attempt"]) == (operation, 2)
    device.tell(again, step="downloading")
    device.tell(again, result="fail", errorCode=5, description="flash error")
    push = world.pushed(RESULT, device.device)
    assert push.body["status"] == "FAIL"
    sums = found(world, operation)["staResult"]
    assert (sums["total"], sums["fail"]) == (1, 1)
    world.cloud.wait_idle()
    assert len(device.upgrades.all()) == 2


def test_an_offline_device_is_told_when_it_connects(world: World, package: str) -> None:
    device = world.device(*world.register())
    operation = start(world, package, device, executeType="device_online")
    world.cloud.wait_idle()
    assert found(world, operation)["staResult"]["wait"] == 1
    device.connect()
    install(device, told(device))
    world.until(lambda: found(world, operation)["status"] == "success", "the upgrade to succeed")


def test_a_device_of_another_tenant_is_never_upgraded(world: World, package: str) -> None:
    tenant = admin(world, "tenant", "create", "Other")["id"]
    made = admin(world, "application", "create", "--tenant", tenant, "--name", "Other")
    other = App(world.cloud.http, made["id"], made["secret"])
    other.login()
    mine = world.online()
    body = {"fileId": package, "targets": {"devices": [mine.device]}}
    from infra.local.clients import CallFailed

    with pytest.raises(CallFailed) as refused:
        other.post(f"{OPERATIONS}/firmwareUpgrade", body)
    assert (refused.value.status, refused.value.code) == (404, "123002")
    assert other.get(PACKAGES)["data"] == []
    world.cloud.wait_idle()
    assert mine.upgrades.all() == []


def test_a_deleted_package_cannot_be_downloaded(world: World, package: str) -> None:
    device = world.online()
    start(world, package, device)
    upgrade = told(device)
    world.app.delete(f"{PACKAGES}/{package}")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(upgrade["url"], timeout=20)
    with refused.value:
        assert refused.value.code == 404
    device.tell(upgrade, result="fail", description="no such object")
