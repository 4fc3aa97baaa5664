"""A broker with IoT Core's limits, and clients that are gone when the test is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from infra.local.broker import Broker
from tests.local.broker.support import Device, FakeLambda, Raw, running


@pytest.fixture
def functions() -> FakeLambda:
    return FakeLambda()


@pytest.fixture
def broker(functions: FakeLambda) -> Iterator[Broker]:
    with running(functions) as started:
        yield started


@pytest.fixture
def device() -> Iterator[Callable[..., Device]]:
    """Makes connected paho clients."""
    made: list[Device] = []

    def make(broker: Broker, client_id: str = "device", **options: Any) -> Device:
        made.append(Device(broker, client_id, **options))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def raw() -> Iterator[Callable[..., Raw]]:
    """Makes raw connections."""
    made: list[Raw] = []

    def make(broker: Broker, **options: Any) -> Raw:
        made.append(Raw(broker, **options))
        return made[-1]

    yield make
    for each in made:
        each.close()
