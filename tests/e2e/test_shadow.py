"""Desired values over real HTTP, real MQTT and a real callback receiver."""

from typing import Any

from infra.local.clients import Device, Push
from tests.e2e.conftest import SERVICE, World

SHADOW = "/iocm/app/shadow/v1.5.0/devices"
HISTORY = "/iocm/app/shadow/v1.5.0/deviceDesiredHistory"
KIND = "deviceDesiredPropertiesModifyStatusChanged"


def want(world: World, device: str, **values: Any) -> None:
    body = {"serviceDesireds": [{"serviceId": SERVICE, "desired": values}]}
    assert world.app.put(f"{SHADOW}/{device}", body) is None


def take_over(device: Device, count: int = 1) -> dict[str, Any]:
    """Report the `count`th desired values as a device does that has taken them over."""
    got = device.desired.wait(lambda _: True, "desired values", count)
    device.report(got["serviceId"], got["desired"])
    values: dict[str, Any] = got["desired"]
    return values


def outcome(push: Push) -> tuple[Any, str]:
    return push.body["properties"], push.body["status"]


def test_an_online_device_takes_a_value_over(world: World) -> None:
    world.subscribe(KIND)
    device = world.online()
    device.report(SERVICE, {"level": 20})
    want(world, device.device, level=35)
    assert take_over(device) == {"level": 35}
    push = world.pushed(KIND, device.device)
    assert push.body == {
        "notifyType": KIND,
        "deviceId": device.device,
        "serviceId": SERVICE,
        "properties": {"level": 35},
        "status": "DELIVERED",
    }
    [service] = world.app.get(f"{SHADOW}/{device.device}")["services"]
    assert (service["reportedProps"], service["desiredProps"]) == ({"level": 35}, {"level": 35})
    assert device.commands.all() == []


def test_an_offline_device_gets_the_newest_value_when_it_connects(world: World) -> None:
    world.subscribe(KIND)
    ident, secret = world.register()
    for level in (34, 35):
        want(world, ident, level=level)
    world.cloud.wait_idle()
    device = world.device(ident, secret)
    device.connect()
    assert take_over(device) == {"level": 35}
    assert outcome(world.pushed(KIND, ident)) == ({"level": 35}, "DELIVERED")
    world.cloud.wait_idle()
    assert len(world.pushes(KIND, ident)) == len(device.desired.all()) == 1
    kept = world.app.get(HISTORY, deviceId=ident, gatewayId=ident, property="level")
    assert [each["desired"]["level"] for each in kept["DeviceDesiredHistoryDTO"]] == [35, 34]


def test_a_value_is_sent_again_after_a_reconnection_that_nobody_noticed(world: World) -> None:
    """The device was gone while the cloud thought it online; its next connection gets the value."""
    ident, secret = world.register()
    first = world.device(ident, secret)
    first.connect()
    world.until(lambda: world.status(ident) == "ONLINE", "the device to be ONLINE")
    first.close()
    want(world, ident, level=36)
    world.cloud.wait_idle()
    again = world.device(ident, secret)
    again.connect()
    assert take_over(again) == {"level": 36}


def test_commands_and_desired_values_do_not_disturb_each_other(world: World) -> None:
    world.subscribe(KIND)
    device = world.online()
    command = world.command(device.device, 70)
    want(world, device.device, level=37)
    got = device.commands.wait(lambda _: True, "command")
    take_over(device)
    device.answer(got["mid"], {"result": 1})
    world.told(command, "SUCCESSFUL")
    assert outcome(world.pushed(KIND, device.device)) == ({"level": 37}, "DELIVERED")
