"""The packaged application, deployed to an emulated account and used through its URLs."""

import http.client
import json
import time
import urllib.request
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from infra.deploy import build
from infra.local.clients import App, Receiver
from infra.local.demo import DEVICES, Story, Teller
from infra.verify import __main__ as verify
from tests.stack.deployed import DOMAIN, REGION, Deployed


@pytest.fixture(scope="module")
def demo(stack: Deployed) -> dict[str, Any]:
    return stack.seed()


def apis(stack: Deployed) -> list[str]:
    return [each["id"] for each in stack.client("apigateway").get_rest_apis()["items"]]


def test_the_zip_and_the_template_are_small_and_hold_the_application_only(package: Path) -> None:
    assert (package.parent / build.ZIP).stat().st_size < build.MOST_ZIP
    build._check_zip(package.parent / build.ZIP)


def test_the_main_story_through_the_deployed_url(demo: dict[str, Any]) -> None:
    with Receiver() as receiver:
        story = Story(demo, receiver, Teller())
        try:
            story.tell()
            story.clean_up()
        finally:
            if story.device is not None:
                story.device.close()


def test_an_xlink_console_through_the_deployed_url(demo: dict[str, Any]) -> None:
    """A product, its data point, and devices that background jobs import."""

    def call(method: str, path: str, body: Any = None) -> Any:
        text = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(demo["http"] + path, text, headers, method=method)
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
    macs = [f"A0B1C2D3E4{number:02X}" for number in range(20)]
    assert call("POST", f"{base}/device_batch", macs) is None
    deadline = time.monotonic() + 60
    while (listed := call("POST", f"{base}/devices", {"limit": 50}))["count"] < len(macs):
        assert time.monotonic() < deadline, f"{listed['count']} of {len(macs)} were imported"
        time.sleep(0.5)
    assert sorted(each["mac"] for each in listed["list"]) == macs


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


def test_what_can_be_verified_here_is(
    stack: Deployed,
    demo: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The rest is skipped, with a reason."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", stack.aws.endpoint)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("POLYTHING_OPERATOR_KEY", stack.operator())
    host, port = stack.mqtt
    code = verify.main(["--url", stack.http, "--mqtt", f"{host}:{port}", "--json"])
    results = {each["name"]: each for each in json.loads(capsys.readouterr().out)}
    skipped = {name for name, each in results.items() if each["outcome"] == "skip"}
    failed = [f"{name}: {each['reason']}" for name, each in results.items() if each["outcome"] == "fail"]
    assert (failed, code) == ([], 0)
    assert skipped <= {"gateway-responses", "http-domain", "api-kept", "mqtt-tls", "policies", "tables"}
    assert all(each["reason"] for each in results.values())
