"""The packaged application, deployed to an emulated account and used through its URLs.

The order counts: what is deployed anew starts slowly, so the second deployment comes last.
"""

import http.client
import json
import socket
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from infra.deploy import build
from infra.local.clients import App, Device, Receiver
from infra.local.demo import DEVICES, REGISTRATION, REPORT, SERVICE, Story, Teller
from infra.verify import __main__ as verify
from tests.stack.deployed import DOMAIN, REGION, Deployed
from tests.support.feiyan import Program
from tests.support.gateway import Gateway, Reply


@pytest.fixture(scope="module")
def demo(stack: Deployed) -> dict[str, Any]:
    seeded = stack.seed()
    stack.warm_up()
    return seeded


@dataclass(frozen=True)
class Address:
    """Where clients reach the API. `stage` is the part of the path that is its stage's, "" without one."""

    host: str
    port: int
    stage: str

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}{self.stage}"


@pytest.fixture(params=["with a stage", "without a stage"])
def address(stack: Deployed, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Address:
    """API Gateway's own name and the stage in the path, or a domain of the API's own. Both are found here."""
    own = request.param == "without a stage"
    made = Address(DOMAIN if own else stack.gateway, stack.aws.port, "" if own else "/api")
    find = socket.getaddrinfo

    def found(host: Any, *rest: Any, **named: Any) -> Any:
        return find("127.0.0.1" if host == made.host else host, *rest, **named)

    monkeypatch.setattr(socket, "getaddrinfo", found)
    return made


def apis(stack: Deployed) -> list[str]:
    return [each["id"] for each in stack.client("apigateway").get_rest_apis()["items"]]


def test_the_zip_and_the_template_are_small_and_hold_the_application_only(package: Path) -> None:
    assert (package.parent / build.ZIP).stat().st_size < build.MOST_ZIP
    build._check_zip(package.parent / build.ZIP)


def test_the_main_story_through_the_deployed_url(demo: dict[str, Any], address: Address) -> None:
    with Receiver() as receiver:
        story = Story({**demo, "http": address.url}, receiver, Teller())
        try:
            story.tell()
            story.clean_up()
        finally:
            if story.device is not None:
                story.device.close()


def test_an_xlink_console_through_the_deployed_url(demo: dict[str, Any], address: Address) -> None:
    """A product, its data point, and devices that background jobs import."""

    def call(method: str, path: str, body: Any = None) -> Any:
        text = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(address.url + path, text, headers, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            read = answer.read()
        return json.loads(read) if read else None

    headers = {"Content-Type": "application/json"}
    account = {name: demo["xlink"][name] for name in ("account", "password")}
    headers["Access-Token"] = call("POST", "/v2/corp_auth", account)["access_token"]
    made = call("POST", "/v2/product", {"name": "lamp", "description": "a lamp", "link_type": 1})
    base = f"/v2/product/{made['id']}"
    point = {"name": "level", "type": 4, "index": 3, "description": "", "symbol": "%"}
    assert call("POST", f"{base}/datapoint", point)["index"] == 3
    macs = [f"A0B1C2D3{'E4' if address.stage else 'E5'}{number:02X}" for number in range(20)]
    assert call("POST", f"{base}/device_batch", macs) is None
    deadline = time.monotonic() + 60
    while (listed := call("POST", f"{base}/devices", {"limit": 50}))["count"] < len(macs):
        assert time.monotonic() < deadline, f"{listed['count']} of {len(macs)} were imported"
        time.sleep(0.5)
    assert sorted(each["mac"] for each in listed["list"]) == macs


@dataclass
class Deployment(Gateway):
    """Calls that travel to the deployed API; `before` goes before the path, unknown to who signs it."""

    address: Address | None = None
    before: str = ""

    def call(self, method: str, url: str, body: Any = None, headers: dict[str, str] | None = None) -> Reply:
        assert self.address is not None
        with closing(http.client.HTTPConnection(self.address.host, self.address.port, timeout=60)) as link:
            link.request(method, self.before + url, body, headers or {})
            answer = link.getresponse()
            got = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(answer.status, answer.read().decode(), got)


@pytest.fixture
def reported(stack: Deployed, demo: dict[str, Any]) -> Iterator[str]:
    """A device of the demo product that has said something."""
    app = App(demo["http"], demo["huawei"]["appId"], demo["huawei"]["secret"])
    app.login()
    info = {"nodeId": f"signed-{time.time_ns()}"}
    body = {"deviceInfo": info, "productId": demo["huawei"]["productId"], "mqttConnect": True}
    made = app.post(REGISTRATION, body)
    device = Device(stack.mqtt, made["deviceId"], made["secret"])
    device.connect()
    device.report(SERVICE, REPORT)
    yield device.device
    device.close()
    app.delete(f"{DEVICES}/{device.device}")


def test_signed_feiyan_calls_through_the_deployed_url(
    demo: dict[str, Any], address: Address, reported: str
) -> None:
    """The signature covers the path as the client wrote it."""
    held = demo["feiyan"]
    program = Program(held["appKey"], held["appSecret"], gateway=Deployment(address=address))

    def path(name: str) -> str:
        return address.stage + name

    assert program.ok(path("/kit/debug/ping"), "1.0.0", {"input": "hello"}) == "hello"
    asked = {"grantType": "project", "res": held["projectId"]}
    program.cloud_token = program.ok(path("/cloud/token"), "1.0.1", asked)["cloudToken"]

    def values() -> dict[str, Any]:
        read = program.ok(path("/cloud/thing/properties/get"), "1.0.2", {"iotId": reported})
        return {each["attribute"]: each["value"] for each in read}

    deadline = time.monotonic() + 30
    while (found := values()) != REPORT:
        assert time.monotonic() < deadline, found
        time.sleep(0.2)

    # a client that knows the host only, behind something that adds the stage
    unaware = Program(
        held["appKey"], held["appSecret"], gateway=Deployment(address=address, before=address.stage)
    )
    assert unaware.ok("/kit/debug/ping", "1.0.0", {"input": "hello"}) == "hello"

    body = json.dumps(program.envelope("1.0.0", {"input": "hello"}, None))
    other = Program(held["appKey"], "0" * 32, gateway=Deployment(address=address))
    refused = other.send(path("/kit/debug/ping"), body)
    assert (refused.status, refused.json["code"]) == (401, 401)
    assert refused.headers["x-ca-error-message"].startswith("Invalid Signature")


def test_the_api_answers_under_its_own_domain_without_a_stage_in_the_path(stack: Deployed) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", stack.aws.port, timeout=60)) as connection:
        connection.request("GET", "/openapi.json", headers={"Host": DOMAIN})
        answer = connection.getresponse()
        assert answer.status == 200
        assert json.loads(answer.read())["openapi"].startswith("3.1")


def test_the_page_of_the_apis_and_its_files_are_deployed(stack: Deployed) -> None:
    for path, kind in (("/docs", "text/html"), ("/docs/swagger-ui.js", "text/javascript")):
        with closing(http.client.HTTPConnection("127.0.0.1", stack.aws.port, timeout=60)) as connection:
            connection.request("GET", path, headers={"Host": DOMAIN})
            answer = connection.getresponse()
            assert answer.status == 200
            assert str(answer.getheader("Content-Type")).startswith(kind)
            assert len(answer.read()) > 500


def test_what_can_be_verified_here_is(
    stack: Deployed,
    demo: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The rest is skipped, with a reason. Each check says what it took."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", stack.aws.endpoint)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("POLYTHING_OPERATOR_KEY", stack.operator())
    host, port = stack.mqtt
    code = verify.main(["--url", stack.http, "--mqtt", f"{host}:{port}", "--json"])
    results = {each["name"]: each for each in json.loads(capsys.readouterr().out)}
    print({name: each["seconds"] for name, each in results.items()})
    skipped = {name for name, each in results.items() if each["outcome"] == "skip"}
    failed = [f"{name}: {each['reason']}" for name, each in results.items() if each["outcome"] == "fail"]
    assert (failed, code) == ([], 0)
    assert skipped <= {"gateway-responses", "http-domain", "api-kept", "mqtt-tls", "policies", "tables"}
    assert all(each["reason"] for each in results.values())


def test_a_second_deployment_from_another_copy_keeps_the_api_and_the_data(
    stack: Deployed, demo: dict[str, Any], tmp_path: Path
) -> None:
    app = App(demo["http"], demo["huawei"]["appId"], demo["huawei"]["secret"])
    app.login()
    body = {"deviceInfo": {"nodeId": "kept"}, "productId": demo["huawei"]["productId"]}
    device = app.post("/iocm/app/reg/v2.0.0/deviceCredentials", body)["deviceId"]
    before = apis(stack)
    stack.deploy(build.package("dev", tmp_path))
    assert apis(stack) == before
    assert app.get(f"{DEVICES}/{device}")["deviceInfo"]["nodeId"] == "kept"
