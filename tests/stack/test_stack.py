"""The packaged application, deployed to an emulated account and used through its URLs."""

import http.client
import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from infra.deploy import build
from infra.local.clients import App, Receiver
from infra.local.demo import DEVICES, Story, Teller
from tests.stack.deployed import DOMAIN, Deployed


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
