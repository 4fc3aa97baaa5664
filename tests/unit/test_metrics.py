"""Metrics in the embedded format, and what every request, message and job leaves of them."""

import json
import subprocess
import sys
from typing import Any

import pytest

from chalicelib import context, metrics
from chalicelib.handlers import queues
from tests.support.clock import FakeClock
from tests.support.fleet import make_fleet
from tests.support.gateway import Gateway
from tests.support.metrics import named, read

LOGIN = "/iocm/app/sec/v1.1.0/login"
DEVICES = "/iocm/app/dm/v1.4.0/devices"


@pytest.fixture
def app(aws: None) -> Gateway:
    fleet = make_fleet()
    gateway = Gateway()
    token = gateway.post(LOGIN, {"appId": fleet.application, "secret": fleet.secret}).json["accessToken"]
    gateway.headers = {"app_key": fleet.application, "Authorization": f"Bearer {token}"}
    return gateway


def test_a_count_carries_its_dimensions_and_what_is_worked_on(
    clock: FakeClock, capsys: pytest.CaptureFixture[str]
) -> None:
    context.begin(request="r1", device="d1")
    metrics.count("Things", 3, reason="none")
    [line] = read(capsys.readouterr().out)
    assert (line.namespace, line.sets, line.units) == ("polything-test", [["reason"]], {"Things": "Count"})
    assert line.fields == {"request": "r1", "device": "d1", "reason": "none", "Things": 3}


def test_a_request_is_counted_for_all_its_dialect_and_its_operation(
    app: Gateway, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert app.get(f"{DEVICES}?pageNo=0&pageSize=1").status == 200
    [line] = read(capsys.readouterr().out)
    assert line.sets == [[], ["dialect"], ["dialect", "operation"]]
    assert line.units == {"Requests": "Count", "Latency": "Milliseconds"}
    assert (line.fields["dialect"], line.fields["operation"]) == ("huawei", "query_devices")
    assert (line.fields["Requests"], line.fields["status"]) == (1, 200)
    assert line.fields["application"] == app.headers["app_key"]
    assert line.fields["request"]
    assert line.fields["tenant"]


def test_a_refusal_names_its_error_and_the_device_asked_for(
    app: Gateway, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    app.get(f"{DEVICES}/{'0' * 32}")
    [fields] = named(capsys.readouterr().out, "ClientErrors")
    assert (fields["error"], fields["device"]) == ("DeviceNotFound", "0" * 32)
    assert "ServerErrors" not in fields


def test_an_error_answered_with_status_200_is_an_error(
    app: Gateway, capsys: pytest.CaptureFixture[str]
) -> None:
    command = {"serviceId": "Meter", "method": "SET_LEVEL", "paras": {"value": 1}}
    capsys.readouterr()
    reply = app.post("/iocm/app/cmd/v1.4.0/deviceCommands", {"deviceId": "0" * 32, "command": command})
    [fields] = named(capsys.readouterr().out, "ClientErrors")
    assert (reply.status, fields["status"], fields["error"]) == (200, 200, "DeviceNotFound")


def test_a_defect_is_a_server_error(
    app: Gateway, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from chalicelib.core import devices

    def fail(*_: Any) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(devices, "get_with_services", fail)
    capsys.readouterr()
    assert app.get(f"{DEVICES}/{'0' * 32}").status == 500
    [fields] = named(capsys.readouterr().out, "ServerErrors")
    assert (fields["error"], fields["operation"]) == ("RuntimeError", "query_device")


def test_what_no_operation_matches_makes_one_metric_only(
    app: Gateway, capsys: pytest.CaptureFixture[str]
) -> None:
    """A caller must not be able to make metrics, which cost money, of its own."""
    capsys.readouterr()
    for path in ("/a", "/b", f"{DEVICES}/x/y/z", "/v2/nothing"):
        app.get(path)
    found = named(capsys.readouterr().out, "Requests")
    assert {(each["dialect"], each["operation"]) for each in found} == {
        ("huawei", "unknown"),
        ("xlink", "unknown"),
    }


def test_a_browsers_question_before_the_call_is_an_operation(
    app: Gateway, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    app.call("OPTIONS", "/v2/products")
    [fields] = named(capsys.readouterr().out, "Requests")
    assert (fields["dialect"], fields["operation"]) == ("xlink", "preflight")


def test_nothing_of_a_request_is_left_for_the_next(app: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    app.get(f"{DEVICES}/{'0' * 32}")
    capsys.readouterr()
    Gateway().get("/openapi.json")
    [fields] = named(capsys.readouterr().out, "Requests")
    assert fields.keys().isdisjoint({"tenant", "application", "device", "error", "ClientErrors"})


def test_a_job_is_counted_whether_it_fails_or_not(
    aws: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def event(**message: Any) -> dict[str, Any]:
        arn = "arn:aws:sqs:us-east-1:123456789012:polything-test-work"
        record = {"messageId": "m1", "body": json.dumps(message), "receiptHandle": "h", "eventSourceARN": arn}
        return {"Records": [record]}

    queues.work(event(job="purge", device="0" * 32))
    [fields] = named(capsys.readouterr().out, "Jobs")
    assert (fields["job"], fields["request"], fields["device"]) == ("purge", "m1", "0" * 32)
    assert "JobErrors" not in fields
    with pytest.raises(TypeError):
        queues.work(event(job="purge", wrong=1))
    [fields] = named(capsys.readouterr().out, "JobErrors")
    assert fields["job"] == "purge"


def test_a_request_that_logs_nothing_imports_no_logger() -> None:
    code = (
        "import sys, app\n"
        "from chalicelib import context, metrics\n"
        "context.begin(request='r'); metrics.request('huawei', 'login', 200, 1.0)\n"
        "from chalicelib.handlers import http\nhttp.api_of('huawei')\n"
        "print([name for name in sys.modules if name.startswith('aws_lambda_powertools')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
