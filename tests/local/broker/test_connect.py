"""CONNECT: the authorizer's event and answer, CONNACK codes, takeover, time-outs."""

from __future__ import annotations

import base64
import logging
import threading
import uuid
from dataclasses import replace
from typing import Any

import pytest

from infra.local.broker import AWS, Broker
from tests.local.broker.support import (
    ACCEPTED,
    ARN,
    PINGREQ,
    PINGRESP,
    FakeLambda,
    allow,
    answer,
    connect_packet,
    deny,
    running,
    string,
    until,
)


def test_the_authorizer_gets_the_event_aws_sends(broker: Broker, functions: FakeLambda, device: Any) -> None:
    device(broker, "sensor-1", username="user?x=1", password="pä")

    (event,) = functions.events("authorizer")
    connection = event.pop("connectionMetadata")
    assert event == {
        "signatureVerified": False,
        "protocols": ["tls", "mqtt"],
        "protocolData": {
            "tls": {"serverName": "localhost"},
            "mqtt": {
                "username": "user?x=1",
                "password": base64.b64encode("pä".encode()).decode(),
                "clientId": "sensor-1",
            },
        },
    }
    assert uuid.UUID(connection["id"])


def test_credentials_that_were_not_sent_are_absent(broker: Broker, functions: FakeLambda, raw: Any) -> None:
    raw(broker, connect=connect_packet("anonymous", flags=0x02, fields=b""))

    assert functions.events("authorizer")[0]["protocolData"]["mqtt"] == {"clientId": "anonymous"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"isAuthenticated": False}, "not authenticated"),
        (answer(isAuthenticated="true"), "not authenticated"),
        (None, "NoneType"),
        (answer(principalId="with-dash"), "principalId"),
        (answer(policyDocuments="{}"), "policyDocuments"),
        (answer(policyDocuments=["{"]), "not JSON"),
        (answer(disconnectAfterInSeconds=1), "disconnectAfterInSeconds"),
        (answer(refreshAfterInSeconds=100_000), "refreshAfterInSeconds"),
        (answer(allow("iot:Publish")), "no iot:Connect"),
        (answer(allow(), deny("iot:Connect")), "no iot:Connect"),
        (answer(allow("iot:Connect", resource=f"{ARN}client/other")), "no iot:Connect"),
    ],
)
def test_a_refusal_is_connack_5_and_one_log_line(
    given: Any,
    said: str,
    broker: Broker,
    functions: FakeLambda,
    device: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    functions.authorize = lambda _event: given
    with caplog.at_level(logging.WARNING):
        refused = device(broker, "unwanted", password="very-secret")
        refused.wait_gone()

    assert refused.return_code == 135  # paho's translation of CONNACK 5
    (line,) = [record.getMessage() for record in caplog.records if "refused" in record.getMessage()]
    assert said in line
    assert "unwanted" in line
    assert "very-secret" not in caplog.text


def test_an_authorizer_that_raises_refuses(
    broker: Broker, functions: FakeLambda, raw: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_event: Any) -> Any:
        raise ValueError("no table")

    functions.authorize = fail
    client = raw(broker)
    client.send(connect_packet())

    assert client.read(4) == b"\x20\x02\x00\x05"
    assert client.closed_by_broker()
    assert "no table" in caplog.text


def test_a_slow_authorizer_is_given_up(functions: FakeLambda, raw: Any) -> None:
    release = threading.Event()
    functions.authorize = lambda _event: release.wait(5)
    with running(functions, limits=replace(AWS, authorizer_timeout=0.1)) as broker:
        client = raw(broker)
        client.send(connect_packet())
        assert client.read(4) == b"\x20\x02\x00\x05"
        release.set()


def test_a_waiting_authorizer_blocks_nobody_else(broker: Broker, functions: FakeLambda, raw: Any) -> None:
    release = threading.Event()

    def authorize(event: dict[str, Any]) -> Any:
        if event["protocolData"]["mqtt"]["clientId"] == "slow":
            release.wait(5)
        return answer()

    functions.authorize = authorize
    slow = raw(broker)
    # A ping sent before CONNACK waits its turn.
    slow.send(connect_packet("slow"), PINGREQ)
    raw(broker, connect=connect_packet("quick"))
    assert slow.silent(0.05)
    release.set()
    assert slow.read(4) == ACCEPTED
    assert slow.read(2) == PINGRESP


def test_policies_may_be_json_strings(broker: Broker, functions: FakeLambda, device: Any) -> None:
    document = '{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}'
    functions.authorize = lambda _event: answer(policyDocuments=[document])

    assert device(broker).return_code == 0


@pytest.mark.parametrize(("clean", "will", "attributes"), [
    (True, None, []),
    (False, None, ["PersistentConnect"]),
    (True, ("gone", b"", 0, False), ["LastWill"]),
    (False, ("gone", b"", 0, False), ["PersistentConnect", "LastWill"]),
])  # fmt: skip
@pytest.mark.parametrize(
    "allowed", [[], ["PersistentConnect"], ["LastWill"], ["PersistentConnect", "LastWill"]]
)
def test_connect_attributes_are_checked(
    clean: bool,
    will: Any,
    attributes: list[str],
    allowed: list[str],
    broker: Broker,
    functions: FakeLambda,
    device: Any,
) -> None:
    condition = {"ForAllValues:StringEquals": {"iot:ConnectAttributes": allowed or ["none"]}}
    functions.authorize = lambda _event: answer(
        allow("iot:Connect", resource=f"{ARN}client/${{iot:ClientId}}", Condition=condition),
        allow("iot:Publish"),
    )

    accepted = device(broker, clean=clean, will=will).return_code == 0
    assert accepted == (set(attributes) <= set(allowed))


def test_a_will_the_policy_forbids_refuses_the_connection(
    broker: Broker, functions: FakeLambda, device: Any
) -> None:
    functions.authorize = lambda _event: answer(allow("iot:Connect"), allow("iot:Publish"))

    assert device(broker, "a", will=("gone", b"", 1, False)).return_code == 0
    assert device(broker, "b", will=("gone", b"", 1, True)).return_code == 135
    (event,) = until(lambda: [e for e in functions.presence("b") if e["eventType"] == "connect_failed"])
    assert event["connectFailureReason"] == "AUTHORIZATION_FAILED"
    assert event["principalIdentifier"] == "tester"
    assert event["ipAddress"] == "127.0.0.1"


def test_an_empty_client_id_is_generated_for_a_clean_session_only(
    broker: Broker, functions: FakeLambda, raw: Any
) -> None:
    raw(broker, connect=connect_packet(""))
    refused = raw(broker)
    refused.send(connect_packet("", flags=0xC0))

    assert refused.read(4) == b"\x20\x02\x00\x02"
    (event,) = functions.events("authorizer")
    assert "clientId" not in event["protocolData"]["mqtt"]
    (presence,) = until(lambda: functions.events("presence"))
    assert presence["clientId"].startswith("$GEN/")


@pytest.mark.parametrize(("name", "level"), [("MQTT", 5), ("MQIsdp", 3)])
def test_other_mqtt_versions_are_answered_and_closed(name: str, level: int, broker: Broker, raw: Any) -> None:
    client = raw(broker)
    # MQTT 5 puts properties where 3.1.1 has the client id.
    client.send(frame_with_properties(name, level))

    assert client.read(4) == b"\x20\x02\x00\x01"
    assert client.closed_by_broker()


def frame_with_properties(name: str, level: int) -> bytes:
    body = string(name) + bytes([level, 0x02, 0, 60, 5, 0x11, 0, 0, 0, 10]) + string("five")
    return bytes([0x10, len(body)]) + body


def test_the_same_client_id_takes_over(broker: Broker, functions: FakeLambda, device: Any) -> None:
    first = device(broker, "twin")
    second = device(broker, "twin")

    first.wait_gone()
    assert functions.disconnected("twin")["disconnectReason"] == "DUPLICATE_CLIENTID"
    second.subscribe(("still/alive", 1))
    second.publish("still/alive", b"yes")
    assert second.received() == [("still/alive", b"yes")]
    broker.wait_idle()
    kinds = [(event["eventType"], event["versionNumber"]) for event in functions.presence("twin")]
    assert sorted(kinds) == [("connected", 0), ("connected", 1), ("disconnected", 0)]


def test_silence_ends_the_connection_at_one_and_a_half_keep_alives(functions: FakeLambda, raw: Any) -> None:
    with running(functions, limits=replace(AWS, keep_alive_min=1)) as broker:
        quiet = raw(broker, connect=connect_packet("quiet", keep_alive=1))
        alive = raw(broker, connect=connect_packet("alive", keep_alive=1))
        assert quiet.silent(0.9)
        alive.send(PINGREQ)
        assert quiet.closed_by_broker()
        assert functions.disconnected("quiet")["disconnectReason"] == "MQTT_KEEP_ALIVE_TIMEOUT"
        alive.send(PINGREQ)
        assert alive.read(4) == PINGRESP * 2


def test_the_authorizers_time_limit_ends_the_connection(functions: FakeLambda, device: Any) -> None:
    functions.authorize = lambda _event: answer(disconnectAfterInSeconds=1)
    with running(functions, limits=replace(AWS, disconnect_after_min=1)) as broker:
        expired = device(broker, "expired")
        assert not expired.gone.wait(0.8)
        expired.wait_gone()
        assert functions.disconnected("expired")["disconnectReason"] == "CUSTOMAUTH_TTL_EXPIRATION"
