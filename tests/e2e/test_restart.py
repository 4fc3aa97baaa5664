"""What was accepted is still there after the cloud has stopped, or crashed, and come back."""

from pathlib import Path

import pytest

from infra.local.clients import App, Receiver
from tests.e2e.conftest import World
from tests.local_cloud import running_cloud


@pytest.mark.parametrize("crash", [False, True])
def test_a_waiting_command_outlives_a_restart(tmp_path: Path, crash: bool) -> None:
    with running_cloud(tmp_path / "cloud") as cloud, Receiver() as receiver:
        app = App(cloud.http, cloud.huawei["appId"], cloud.huawei["secret"])
        app.login()
        world = World(cloud, app, receiver)
        ident, secret = world.register()
        command = world.command(ident, 7)
        cloud.wait_idle()
        if crash:
            cloud.kill()
            cloud.start()
        else:
            cloud.restart()
        device = world.device(ident, secret)
        device.connect()
        got = device.commands.wait(lambda _: True, "command")
        device.answer(got["mid"], {"result": 1})
        world.told(command, "SUCCESSFUL")
        world.close()
