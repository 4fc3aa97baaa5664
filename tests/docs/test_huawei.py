"""docs/huawei.md: every notification, error and message; test_operations.py looks at its operations."""

import json
import re
from typing import Any

import msgspec
import pytest

from chalicelib.core import deliveries
from chalicelib.dialects.huawei import errors
from chalicelib.dialects.huawei.routes import api
from infra.openapi import main as print_openapi
from tests.docs.markdown import doc, rows, section

PAGE = doc("huawei.md")
SECTION = re.compile(r"\d\.\d+\.\d+")


@pytest.fixture(scope="module")
def openapi() -> dict[str, Any]:
    import io
    from contextlib import redirect_stdout

    with redirect_stdout(io.StringIO()) as printed:
        print_openapi()
    found: dict[str, Any] = json.loads(printed.getvalue())
    return found


def test_every_notification_is_told_with_its_section(openapi: dict[str, Any]) -> None:
    shown = {
        row[0].strip("`"): row[1] for row in rows(section(PAGE, "## Callbacks")) if SECTION.match(row[1])
    }
    held = {
        name.partition(".")[2]: SECTION.findall(hook["post"]["description"])[0]
        for name, hook in openapi["webhooks"].items()
        if name.startswith("huawei.")
    }
    assert shown == held


def test_headers_of_callbacks() -> None:
    sent = deliveries._headers(
        deliveries.Delivery(
            "event", "owner", "source", "huawei", "type", "url", 0, deliveries.callbacks.NO_BODY, tries=1
        )
    )
    shown = {
        row[0].strip("`"): row[1] for row in rows(section(PAGE, "## Callbacks")) if row[0].strip("`") in sent
    }
    assert shown.keys() == sent.keys()


def test_success_and_retries() -> None:
    page = PAGE.replace("\n", " ")
    assert f"a status from {deliveries.SUCCESS[0]} to {deliveries.SUCCESS[-1]}" in page
    *most, last = map(str, deliveries.DELAYS)
    assert f"{', '.join(most)} and {last} seconds" in page


def produced() -> set[tuple[int, str]]:
    """Status and code of every error that some operation can answer."""
    found = {
        (fault.status, fault.code) for fault in (errors.INTERNAL, errors.NO_OPERATION, errors.WRONG_VERB)
    }
    for operation in api.operations:
        for kind in (*operation.raises, *(() if operation.public else api.defaults)):
            fault = api.fault(kind, operation)
            found.add((fault.status, fault.code))
    return found


def test_codes_that_never_occur_do_not() -> None:
    """Rows that speak of a code as a whole; those with "at" or "on" or another status speak of some calls."""
    for row in rows(section(PAGE, "## Documented errors that do not occur")):
        codes = re.findall(r"\b\d{5,7}\b", row[0])
        assert codes, row
        if " at " in row[0] or " on " in row[0] or "where" in row[0] or "only" in row[2]:
            continue
        statuses = {int(number) for number in re.findall(r"\b[2345]\d\d\b", row[0])}
        for status, code in produced():
            assert not (code in codes and (not statuses or status in statuses)), (status, code)


def test_the_vendors_mqtt_topics_are_those_of_the_policy() -> None:
    from chalicelib.core.admission import Admitted
    from chalicelib.dialects.huawei import login

    publish, subscribe, _ = login.topics(Admitted("d", "t", "{id}", False))
    assert all(f"`{topic}`" in PAGE for topic in (*publish, *subscribe))


def test_the_layout_in_the_page_is_one() -> None:
    from chalicelib.core import layouts

    [shown] = re.findall(r"```json\n(\{\n  \"endian\".*?)```", PAGE, re.DOTALL)
    parsed = layouts.parse(shown)
    assert (
        layouts.encode_command(parsed, "Battery", "SET_REPORT_PERIOD", {"period": 60}, 7).hex()
        == "0100070000003c"
    )
    assert layouts.decode(parsed, bytes.fromhex("00326400")).values == {
        "batteryLevel": 50,
        "temperature": -30.0,
    }


def test_the_device_messages_in_the_page_are_read() -> None:
    from chalicelib.dialects.huawei.device import DeviceReq, DeviceRsp
    from chalicelib.dialects.huawei.upgrade_messages import DeviceUpgrade

    lines = [line for line in PAGE.splitlines() if line.startswith('{"msgType": "device')]
    read = [msgspec.json.decode(line, type=DeviceReq | DeviceRsp | DeviceUpgrade) for line in lines]
    assert [type(each) for each in read] == [DeviceReq, DeviceRsp, DeviceUpgrade, DeviceUpgrade]
