"""What an operator makes on the command line is there for apps and devices at once."""

import json
from pathlib import Path
from typing import Any

import pytest

from infra.local.clients import App, Receiver
from tests.e2e.conftest import DEVICES, SERVICE, World, run
from tests.local_cloud import CloudProcess
from tests.support.fleet import METER


def admin(cloud: CloudProcess, *line: object) -> Any:
    done = run("infra.admin", *line, "--json", "--state", cloud.state)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    path = tmp_path / "meter.json"
    path.write_text(json.dumps(METER), encoding="utf-8")
    return path


def test_a_gateway_speaks_for_the_child_that_was_attached(
    cloud: CloudProcess, profile: Path, tmp_path: Path
) -> None:
    tenant = admin(cloud, "tenant", "create", "Acme")["id"]
    made = admin(cloud, "application", "create", "--tenant", tenant, "--name", "Billing")
    imported = ("product", "import", "--tenant", tenant, "--profile")
    meters = admin(cloud, *imported, profile)["id"]
    other = tmp_path / "gateway.json"
    other.write_text(json.dumps(METER).replace('"M1"', '"G1"'), encoding="utf-8")
    gateways = admin(cloud, *imported, other, "--node-type", "gateway")["id"]
    app = App(cloud.http, made["id"], made["secret"])
    app.login()
    with Receiver() as receiver:
        world = World(cloud, app, receiver)
        tell_of_a_child(world, made["id"], gateways, meters)
        world.close()


def tell_of_a_child(world: World, application: str, gateways: str, meters: str) -> None:
    world.subscribe("deviceDatasChanged")
    (gateway, secret), (child, _) = world.register(gateways), world.register(meters)
    link = world.device(gateway, secret)
    link.connect()
    line = ("--application", application, "--device", child)
    assert admin(world.cloud, "device", "attach", *line, "--gateway", gateway)["gateway"] == gateway
    link.report(SERVICE, {"level": 3}, child=child)
    push = world.pushed("deviceDatasChanged", child)
    assert push.body["gatewayId"] == gateway
    command = world.command(child, 8)
    got = link.commands.wait(lambda _: True, "command for the child")
    link.answer(got["mid"], {"result": 1}, child=child)
    world.told(command, "SUCCESSFUL")
    link.close()
    world.until(lambda: world.status(gateway) == "OFFLINE", "the gateway went offline")
    waiting = world.command(child, 9)
    world.cloud.wait_idle()  # it was tried, in vain
    link = world.device(gateway, secret)
    link.connect()
    got = link.commands.wait(
        lambda sent: sent["paras"] == {"value": 9}, "command that waited for the gateway"
    )
    link.answer(got["mid"], {"result": 1}, child=child)
    world.told(waiting, "SUCCESSFUL")
    admin(world.cloud, "device", "detach", *line)
    link.report(SERVICE, {"level": 4}, child=child)
    world.cloud.wait_idle()
    assert len(world.pushes("deviceDatasChanged", child)) == 1
    assert world.app.get(f"{DEVICES}/{child}")["gatewayId"] == child
