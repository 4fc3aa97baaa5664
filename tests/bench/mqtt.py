"""Device reports a second through broker, ingest and tables."""

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from infra.local.broker import Broker
from infra.local.clients import App, Device
from tests.local_cloud import running_cloud

REPORTS = 300
CLIENTS = 4
ALLOW = {
    "isAuthenticated": True,
    "principalId": "bench",
    "policyDocuments": [
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iot:*", "Resource": "*"}]}
    ],
}


def run() -> Iterator[str]:
    """Reports stored a second, against messages the broker alone acknowledges."""
    broker = Broker(lambda _name, _event: ALLOW, [])
    broker.start("127.0.0.1", 0, 0)
    try:
        devices = [Device(("127.0.0.1", broker.mqtt_port), f"bench{n}", "secret") for n in range(CLIENTS)]
        floor = _rate(devices, lambda: None)
    finally:
        broker.stop()
    yield f"floor (QoS 1, acknowledged by the broker, no rule): {floor:.0f}/s"
    with tempfile.TemporaryDirectory() as folder, running_cloud(Path(folder)) as cloud:
        app = App(cloud.http, cloud.huawei["appId"], cloud.huawei["secret"])
        app.login()
        devices = [_registered(app, cloud.huawei["productId"], cloud.mqtt, n) for n in range(CLIENTS)]
        rate = _rate(devices, lambda: cloud.wait_idle(120))
    yield f"stored with shadow, history and event: {rate / floor:.3f} of the floor ({rate:.0f}/s)"


def _registered(app: App, product: str, mqtt: tuple[str, int], number: int) -> Device:
    body = {"deviceInfo": {"nodeId": f"bench-{number}"}, "productId": product}
    made = app.post("/iocm/app/reg/v2.0.0/deviceCredentials", body)
    return Device(mqtt, made["deviceId"], made["secret"])


def _rate(devices: list[Device], settled: Callable[[], object]) -> float:
    for device in devices:
        device.connect()
    start = time.perf_counter()
    for number in range(REPORTS):
        devices[number % len(devices)].report("Meter", {"level": number % 101})
    settled()
    spent = time.perf_counter() - start
    for device in devices:
        device.close()
    return REPORTS / spent
