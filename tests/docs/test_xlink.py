"""docs/xlink.md: notifications, errors, types and costs; test_operations.py looks at its operations."""

import json
import re
from typing import Any

import msgspec
import pytest

from chalicelib.core import accounts, flow, keys, rules
from chalicelib.core.things import DataType
from chalicelib.dialects.xlink import errors
from chalicelib.dialects.xlink.notify import DevicePush, PipePush, SyncPush
from chalicelib.dialects.xlink.routes import api
from chalicelib.dialects.xlink.routes.points import NEAREST, TYPES
from tests.conftest import Calls
from tests.docs.markdown import FENCE, doc, rows, section
from tests.support.fleet import make_fleet
from tests.support.gateway import Gateway
from tests.support.xlink import key_caller

PAGE = doc("xlink.md")
PRODUCT = "/v2/product/{product_id}"
DEVICE = f"{PRODUCT}/device/{{device_id}}"


def codes(heading: str) -> set[str]:
    return {row[0] for row in rows(section(PAGE, heading))}


def test_every_code_that_occurs_is_told_and_no_other() -> None:
    found = {fault.code for fault in (errors.INTERNAL, errors.NO_URL, errors.MISSING)}
    for operation in api.operations:
        for kind in (*operation.raises, *(() if operation.public else api.defaults)):
            found.add(api.fault(kind, operation).code)
    assert codes("## Errors") == found
    assert not codes("## Codes that do not occur") & found


def test_every_notification_is_told() -> None:
    told = {row[1].strip("`"): row[0] for row in rows(section(PAGE, "## Forwarding rules")) if row[1]}
    held = {hook.name: re.findall(r"\((\d)\)", hook.summary)[0] for hook in api.webhooks}
    assert told == held


def test_the_messages_in_the_page_are_those_that_are_sent() -> None:
    [(_, shown)] = FENCE.findall(section(PAGE, "## Forwarding rules"))
    lines = shown.replace("\n ", " ").splitlines()
    kinds: list[Any] = [DevicePush, PipePush, SyncPush]
    for line, kind in zip(lines, kinds, strict=True):
        read = msgspec.json.decode(line, type=kind)
        assert json.loads(msgspec.json.encode(read)) == json.loads(line)


def test_types_of_data_points() -> None:
    shown: dict[DataType, int] = {}
    for number, own, nearest in rows(section(PAGE, "## Data points")):
        names = re.findall(r"`(\w+)`", own)
        assert TYPES[int(number)] is DataType(names[0])
        for name in (*names, *re.findall(r"`(\w+)`", nearest)):
            shown[DataType(name)] = int(number)
    assert shown == NEAREST


def test_how_many_rules() -> None:
    assert f"at most {rules.MOST} rules" in PAGE


def told() -> dict[str, tuple[int, int]]:
    found = {}
    for row in rows(section(PAGE, "## Operations")):
        call, numbers = re.findall(r"`([A-Z]+ /\S+)`", row[1]), re.match(r"(\d+)(?: to (\d+))?", row[2])
        assert numbers, row
        found[call[0]] = int(numbers[1]), int(numbers[2] or numbers[1])
    return found


POINT = {"name": "level", "type": 4, "index": 3, "description": "", "symbol": ""}
FIRMWARE = {
    "mod": "m",
    "version": 1,
    "file_url": "http://files.example/1",
    "file_md5": "0" * 32,
    "file_size": 1,
    "description": "",
    "release_date": "2015-10-09T08:15:40.843Z",
    "is_release": False,
}
RULE = {"data_type": [1], "destination": {"type": 2}}
STEPS: list[tuple[str, str, Any]] = [  # one after the other; an answer's `id` is the next one's, by kind
    ("POST", "/v2/product", {"name": "n", "description": "", "link_type": 1}),
    ("PUT", PRODUCT, {"name": "x"}),
    ("GET", PRODUCT, None),
    ("GET", f"{PRODUCT}/key", None),
    ("GET", "/v2/products", None),
    ("POST", f"{PRODUCT}/firmware", FIRMWARE),
    ("PUT", f"{PRODUCT}/firmware/{{firmware_id}}", {"mod": "n"}),
    ("GET", f"{PRODUCT}/firmwares", None),
    ("DELETE", f"{PRODUCT}/firmware/{{firmware_id}}", None),
    ("POST", f"{PRODUCT}/datapoint", POINT),
    ("PUT", f"{PRODUCT}/datapoint/{{datapoint_id}}", {"index": 4}),
    ("GET", f"{PRODUCT}/datapoint/{{datapoint_id}}", None),
    ("GET", f"{PRODUCT}/datapoints", None),
    ("DELETE", f"{PRODUCT}/datapoint/{{datapoint_id}}", None),
    ("POST", f"{PRODUCT}/dds", RULE),
    ("PUT", f"{PRODUCT}/dds/{{dispatch_id}}", RULE),
    ("GET", f"{PRODUCT}/dds_list", None),
    ("DELETE", f"{PRODUCT}/dds/{{dispatch_id}}", None),
    ("POST", f"{PRODUCT}/device", {"mac": "AABBCCDDEEFF"}),
    ("POST", f"{PRODUCT}/device_batch", ["AABBCCDDEEF0"]),
    ("POST", f"{PRODUCT}/devices", {}),
    ("GET", DEVICE, None),
    ("PUT", DEVICE, {"name": "d"}),
    ("POST", f"{DEVICE}/property", {"a": 1}),
    ("PUT", f"{DEVICE}/property", {"a": 2}),
    ("GET", f"{DEVICE}/property", None),
    ("GET", f"{DEVICE}/property/{{key}}", None),
    ("DELETE", f"{DEVICE}/property/{{key}}", None),
    ("DELETE", DEVICE, None),
    ("DELETE", PRODUCT, None),
]
KINDS = {
    "/v2/product": "product_id",
    f"{PRODUCT}/firmware": "firmware_id",
    f"{PRODUCT}/datapoint": "datapoint_id",
    f"{PRODUCT}/dds": "dispatch_id",
}


def test_calls_are_as_told(aws: None, calls: Calls) -> None:
    app = key_caller(make_fleet())
    known = {"key": "a"}
    made: dict[str, int] = {}
    app.get("/v2/products")
    for method, path, body in STEPS:
        flow._leases[next(iter(flow._leases))].left = 9
        where = path.format(**known)
        if path.startswith(PRODUCT) and path != PRODUCT:
            app.get(f"{PRODUCT.format(**known)}/dds_list")  # the product is known
        calls.clear()
        reply = app.call(method, where, body)
        assert reply.status == 200, (method, path, reply.body)
        made[f"{method} {path}"] = len(calls.made)
        if method == "POST" and path in KINDS:
            known[KINDS[path]] = reply.json["id"]
        if path.endswith("/devices"):
            known["device_id"] = reply.json["list"][0]["id"]
    assert_as_told(made)


def test_logins_are_as_told(aws: None, calls: Calls) -> None:
    fleet = make_fleet()
    key, secret = keys.create(fleet.application)
    accounts.create(fleet.application, "ann@example.com", "correct horse")
    app, made = Gateway(), {}
    bodies = {
        "/v2/corp_auth": {"account": "ann@example.com", "password": "correct horse"},
        "/v2/accesskey_auth": {"id": key.id, "secret": secret},
    }
    for path, body in bodies.items():
        calls.clear()
        tokens = app.post(path, body).json
        made[f"POST {path}"] = len(calls.made)
    app.headers = {"Access-Token": tokens["access_token"]}
    calls.clear()
    assert app.post("/v2/corp/token/refresh", {"refresh_token": tokens["refresh_token"]}).status == 200
    made["POST /v2/corp/token/refresh"] = len(calls.made)
    assert_as_told(made)


def assert_as_told(made: dict[str, int]) -> None:
    table = told()
    wrong = {
        name: (count, table[name])
        for name, count in made.items()
        if not table[name][0] <= count <= table[name][1]
    }
    assert not wrong


def test_every_operation_is_measured() -> None:
    logins = {f"POST /v2/{name}" for name in ("corp_auth", "accesskey_auth", "corp/token/refresh")}
    assert {f"{method} {path}" for method, path, _ in STEPS} | logins == told().keys()


@pytest.mark.parametrize("name", ["Access-Token", "Retry-After"])
def test_headers(name: str) -> None:
    assert f"`{name}" in PAGE
    assert api.cors is not None
    assert name in (*api.cors.headers, *api.cors.shown)
