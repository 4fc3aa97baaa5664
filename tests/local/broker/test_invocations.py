"""Topic rules at work: the event, retries, failures, back-pressure, idleness."""

from __future__ import annotations

import base64
import logging
import threading
import uuid
from dataclasses import replace
from typing import Any

import pytest

from infra.local.broker import AWS, Broker, load_rules
from tests.local.broker.support import (
    DISCONNECT,
    EDGE_TEMPLATE,
    PINGREQ,
    FakeLambda,
    connect_packet,
    frame,
    publish_packet,
    rule,
    running,
    until,
)

INGEST = rule("ingest", "SELECT encode(*, 'base64') AS payload, topic(2) AS second FROM 'in/#'")


def test_the_deployed_rules_run(functions: FakeLambda, device: Any) -> None:
    with running(functions, *load_rules(EDGE_TEMPLATE), clock=lambda: 1_700_000_000.5) as broker:
        client = device(broker, "4711_0_1")
        client.publish("/huawei/v1/devices/4711/data/binary", b"\x01\xff")
        client.publish("/huawei/v1/devices/4711/data", b"not ours")
        broker.wait_idle()

    (event,) = functions.events("ingest")
    assert uuid.UUID(event.pop("id"))
    assert event == {
        "payload": base64.b64encode(b"\x01\xff").decode(),
        "topic": "/huawei/v1/devices/4711/data/binary",
        "client": "4711_0_1",
        "at": 1_700_000_000_500,
    }


def test_a_failing_function_is_tried_three_times_and_handed_over(
    functions: FakeLambda, device: Any, caplog: pytest.LogCaptureFixture
) -> None:
    failures: list[tuple[str, dict[str, Any], BaseException]] = []

    def fail(event: dict[str, Any]) -> None:
        assert "payload" in event, "an earlier attempt changed the event"
        event.clear()
        raise ValueError("broken")

    functions.handlers["ingest"] = fail
    with (
        caplog.at_level(logging.ERROR),
        running(functions, INGEST, on_failure=lambda *failure: failures.append(failure)) as broker,
    ):
        client = device(broker)
        client.publish("in/x", b"1")
        broker.wait_idle()
        assert not client.gone.is_set()

    assert len(functions.events("ingest")) == 3
    ((name, event, error),) = failures
    assert (name, event["second"], str(error)) == ("ingest", "x", "broken")
    (line,) = [record.getMessage() for record in caplog.records if "ingest" in record.getMessage()]
    assert "broken" in line


def test_a_function_that_recovers_is_no_failure(
    functions: FakeLambda, device: Any, caplog: pytest.LogCaptureFixture
) -> None:
    attempts: list[int] = []

    def flaky(_event: dict[str, Any]) -> None:
        attempts.append(1)
        if len(attempts) < 3:
            raise ValueError("not yet")

    functions.handlers["ingest"] = flaky
    with running(functions, INGEST) as broker:
        device(broker).publish("in/x", b"1")
        broker.wait_idle()
    assert len(attempts) == 3
    assert "giving up" not in caplog.text


def test_a_failing_failure_hook_is_logged(
    functions: FakeLambda, device: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> None:
        raise ValueError("broken")

    functions.handlers["ingest"] = fail
    with running(functions, INGEST, on_failure=fail) as broker:
        device(broker).publish("in/x", b"1")
        broker.wait_idle()
    assert "failure hook" in caplog.text


def test_puback_does_not_wait_for_the_function(functions: FakeLambda, device: Any) -> None:
    release = threading.Event()
    functions.handlers["ingest"] = lambda _event: release.wait(5)
    with running(functions, INGEST) as broker:
        device(broker).publish("in/x", b"1", qos=1)
        assert not broker.idle()
        with pytest.raises(TimeoutError):
            broker.wait_idle(0.01)
        release.set()
        broker.wait_idle()
        assert broker.idle()


def test_a_payload_the_rule_cannot_read_is_one_error_line(
    functions: FakeLambda, device: Any, caplog: pytest.LogCaptureFixture
) -> None:
    wants_json = rule("wantsJson", "SELECT a.b AS value FROM 'in/#' WHERE kind = 'x'")
    with running(functions, wants_json, INGEST) as broker:
        client = device(broker)
        client.publish("in/x", b"\xff")
        client.publish("in/x", b'{"kind": "y"}')
        client.publish("in/x", b'{"kind": "x", "a": {"b": [1]}}')
        broker.wait_idle()

    assert functions.events("wantsJson") == [{"value": [1]}]
    assert len(functions.events("ingest")) == 3
    assert len([record for record in caplog.records if "wantsJson" in record.getMessage()]) == 1


def test_one_rule_may_have_several_functions(functions: FakeLambda, device: Any) -> None:
    with running(functions, rule("both", "SELECT topic() AS t FROM 'in/+'", "first", "second")) as broker:
        device(broker).publish("in/x")
        broker.wait_idle()
    assert functions.events("first") == functions.events("second") == [{"t": "in/x"}]


def test_stop_waits_for_running_functions(functions: FakeLambda, device: Any) -> None:
    done: list[int] = []
    started = threading.Event()

    def slow(_event: dict[str, Any]) -> None:
        started.set()
        threading.Event().wait(0.2)
        done.append(1)

    functions.handlers["ingest"] = slow
    with running(functions, INGEST) as broker:
        device(broker).publish("in/x")
        assert started.wait(5)
    assert done == [1]


def test_stop_gives_up_on_stuck_functions(
    functions: FakeLambda, device: Any, caplog: pytest.LogCaptureFixture
) -> None:
    release = threading.Event()
    functions.handlers["ingest"] = lambda _event: release.wait(10)
    broker = Broker(functions, [INGEST])
    broker.start()
    device(broker).publish("in/x")
    broker.stop(grace=0.05)
    release.set()
    assert "1 rule invocations unfinished" in caplog.text


@pytest.mark.parametrize(("limit", "answered"), [(3, False), (50, True)])
def test_functions_that_fall_behind_hold_publishers_back(
    limit: int, answered: bool, functions: FakeLambda, raw: Any
) -> None:
    release = threading.Event()
    functions.handlers["ingest"] = lambda _event: release.wait(10)
    limits = replace(AWS, inbound_unacked=limit)
    with running(functions, INGEST, limits=limits, workers=1, backlog=2) as broker:
        client = raw(broker, connect=connect_packet("busy"))
        until(lambda: functions.presence("busy") and broker.idle())
        sent = [publish_packet("in/x", qos=1, packet_id=number) for number in range(1, 11)]
        client.send(*sent, PINGREQ)
        # Two are accepted, the rest waits for room; at the limit nothing more is even read.
        assert [client.packet() for _ in range(2)] == [(0x40, b"\x00\x01"), (0x40, b"\x00\x02")]
        assert client.silent(0.1) is not answered
        release.set()
        rest = [client.packet() for _ in range(9)]
        assert sorted(body[-1] for first, body in rest if first == 0x40) == list(range(3, 11))
        broker.wait_idle()
    assert len(functions.events("ingest")) == 10


def test_a_polite_goodbye_loses_no_held_back_message(functions: FakeLambda, raw: Any) -> None:
    release = threading.Event()
    functions.handlers["ingest"] = lambda _event: release.wait(10)
    with running(functions, INGEST, workers=1, backlog=1) as broker:
        client = raw(broker, connect=connect_packet("busy"))
        until(lambda: functions.presence("busy") and broker.idle())
        client.send(*[publish_packet("in/x")] * 5, DISCONNECT)
        assert client.closed_by_broker()
        release.set()
        broker.wait_idle()
    assert len(functions.events("ingest")) == 5


def test_a_held_back_client_is_not_taken_for_dead(functions: FakeLambda, raw: Any) -> None:
    release = threading.Event()
    functions.handlers["ingest"] = lambda _event: release.wait(10)
    limits = replace(AWS, inbound_unacked=1, keep_alive_min=1)
    with running(functions, INGEST, limits=limits, workers=1, backlog=1) as broker:
        client = raw(broker, connect=connect_packet("busy", keep_alive=1))
        until(lambda: functions.presence("busy") and broker.idle())
        client.send(*(publish_packet("in/x", qos=1, packet_id=number) for number in (1, 2)))
        assert client.packet()[0] == 0x40
        assert client.silent(1.8)
        release.set()
        assert client.packet() == (0x40, b"\x00\x02")
        client.send(frame(0xC0, b""))
        assert client.packet()[0] == 0xD0
