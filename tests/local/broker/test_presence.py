"""Wills and lifecycle events."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from infra.local.broker import Broker
from tests.local.broker.support import FakeLambda, connect_packet, running, until

WILL = ("will/gone", b"bye", 1, False)


def test_the_events_have_awss_shape(functions: FakeLambda, device: Any) -> None:
    with running(functions, clock=lambda: 1_700_000_000.125) as broker:
        device(broker, "sensor-1").close()
        functions.disconnected("sensor-1")
        broker.wait_idle()

    connected, disconnected = sorted(functions.presence("sensor-1"), key=lambda e: e["eventType"])
    common = {
        "clientId": "sensor-1",
        "timestamp": 1_700_000_000_125,
        "sessionIdentifier": connected["sessionIdentifier"],
        "principalIdentifier": "tester",
        "versionNumber": 0,
    }
    assert uuid.UUID(connected["sessionIdentifier"])
    assert connected == common | {
        "eventType": "connected",
        "ipAddress": "127.0.0.1",
        "topic": "$aws/events/presence/connected/sensor-1",
    }
    assert disconnected == common | {
        "eventType": "disconnected",
        "clientInitiatedDisconnect": True,
        "disconnectReason": "CLIENT_INITIATED_DISCONNECT",
        "topic": "$aws/events/presence/disconnected/sensor-1",
    }


def test_the_version_number_grows_with_each_connection(
    broker: Broker, functions: FakeLambda, device: Any
) -> None:
    for number in range(3):
        device(broker, "sensor").close()
        until(lambda number=number: len(functions.presence("sensor")) == 2 * number + 2)

    versions = sorted(event["versionNumber"] for event in functions.presence("sensor"))
    assert versions == [0, 0, 1, 1, 2, 2]
    assert len({event["sessionIdentifier"] for event in functions.presence("sensor")}) == 3


def test_a_lost_connection_says_so(broker: Broker, functions: FakeLambda, device: Any) -> None:
    device(broker, "sensor").drop()

    event = functions.disconnected("sensor")
    assert event["disconnectReason"] == "CONNECTION_LOST"
    assert event["clientInitiatedDisconnect"] is False


@pytest.mark.parametrize("client_id", ["a+b", "a#b"])
def test_wildcard_client_ids_get_no_events(
    client_id: str, broker: Broker, functions: FakeLambda, device: Any
) -> None:
    device(broker, client_id)
    device(broker, "plain")

    until(lambda: functions.presence("plain"))
    assert functions.presence(client_id) == []


def test_stopping_tells_why(functions: FakeLambda, device: Any) -> None:
    with running(functions) as broker:
        device(broker, "sensor", will=WILL)
    assert functions.disconnected("sensor")["disconnectReason"] == "SERVER_INITIATED_DISCONNECT"


def test_a_will_is_published_for_a_lost_client(broker: Broker, device: Any) -> None:
    watcher = device(broker, "watcher")
    watcher.subscribe(("will/#", 1))
    device(broker, "polite", will=("will/polite", b"", 1, False)).close()
    device(broker, "lost", will=WILL).drop()

    assert watcher.received() == [("will/gone", b"bye")]
    assert watcher.messages[0].qos == 1


def test_a_will_is_published_at_a_takeover_and_may_be_retained(broker: Broker, device: Any) -> None:
    device(broker, "twin", will=("will/gone", b"bye", 0, True))
    device(broker, "twin")
    late = device(broker, "late")
    late.subscribe(("will/gone", 0))

    assert late.received() == [("will/gone", b"bye")]
    assert late.messages[0].retain


def test_a_protocol_error_publishes_the_will(broker: Broker, functions: FakeLambda, device: Any) -> None:
    watcher = device(broker, "watcher")
    watcher.subscribe(("will/gone", 1))
    clumsy = device(broker, "clumsy", will=WILL)
    sock = clumsy.paho.socket()
    assert sock is not None
    sock.sendall(connect_packet("clumsy"))

    assert watcher.received() == [("will/gone", b"bye")]
    assert functions.disconnected("clumsy")["disconnectReason"] == "CLIENT_ERROR"
