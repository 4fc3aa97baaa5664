"""Huawei 1.12.1 to 1.12.3: version packages."""

from typing import Any

import pytest

from chalicelib.aws.clients import client
from chalicelib.core import packages
from chalicelib.core.packages import Type
from chalicelib.settings import settings
from tests.conftest import Calls
from tests.support.clock import FakeClock
from tests.support.fleet import Fleet, make_fleet
from tests.support.gateway import Gateway, Reply
from tests.support.upgrades import make_package

from .conftest import log_in

BASE = "/iodm/northbound/v1.5.0/category"
INFO = {
    "fileId",
    "name",
    "version",
    "fileType",
    "deviceType",
    "model",
    "manufacturerName",
    "protocolType",
    "description",
    "date",
    "uploadTime",
}


def refused(reply: Reply) -> tuple[int, str]:
    assert set(reply.json) == {"error_code", "error_desc"}
    return reply.status, reply.json["error_code"]


def listed(app: Gateway, query: str = "") -> Any:
    reply = app.get(f"{BASE}{query}")
    assert reply.status == 200, reply.body
    assert set(reply.json) == {"data", "pageNo", "pageSize", "totalCount"}
    assert all(set(each) == INFO for each in reply.json["data"])
    return reply.json


def test_a_package(app: Gateway, fleet: Fleet) -> None:
    made = make_package(fleet, name="meter", description="faster", protocol_type="MQTT")
    reply = app.get(f"{BASE}/{made.id}")
    assert reply.status == 200
    assert reply.json == {
        "fileId": made.id,
        "name": "meter",
        "version": "2.0",
        "fileType": "softwarePackage",
        "deviceType": "Meter",
        "model": "M1",
        "manufacturerName": "Acme",
        "protocolType": "MQTT",
        "description": "faster",
        "date": "2023-11-14",
        "uploadTime": "20231114T221320Z",
    }
    assert listed(app)["data"] == [reply.json]


def test_packages_by_page(app: Gateway, fleet: Fleet, clock: FakeClock) -> None:
    made = []
    for number in range(3):
        clock.advance(1)
        made.append(make_package(fleet, version=str(number)).id)
    first = listed(app, "?pageNo=0&pageSize=2")
    assert [each["fileId"] for each in first["data"]] == [made[2], made[1]]
    assert (first["pageNo"], first["pageSize"], first["totalCount"]) == (0, 2, 3)
    second = listed(app, "?pageNo=1&pageSize=2")
    assert [each["fileId"] for each in second["data"]] == [made[0]]
    assert second["totalCount"] == 3
    assert listed(app)["pageSize"] == 10
    assert listed(app, "?pageNo=9")["data"] == []


@pytest.mark.parametrize(
    ("query", "number"),
    [
        ("fileType=firmwarePackage", 1),
        ("fileType=softwarePackage", 2),
        ("version=2.0", 2),
        ("model=M9", 1),
        ("deviceType=Meter&manufacturerName=Acme&model=M1", 2),
        ("deviceType=Lamp", 0),
        ("manufactureName=Acme", 3),
        ("manufactureName=Other", 0),
        ("model=", 3),
    ],
)
def test_packages_by_what_they_are_for(app: Gateway, fleet: Fleet, query: str, number: int) -> None:
    make_package(fleet)
    make_package(fleet, version="3.0", model="M9")
    make_package(fleet, Type.FIRMWARE)
    assert listed(app, f"?{query}")["totalCount"] == number


def test_deleting_a_package(app: Gateway, fleet: Fleet, calls: Calls) -> None:
    made = make_package(fleet)
    keys = client("s3").list_objects_v2(Bucket=settings().packages)
    assert [each["Key"] for each in keys["Contents"]] == [f"{fleet.application}/{made.id}"]
    calls.clear()
    reply = app.delete(f"{BASE}/{made.id}")
    assert (reply.status, reply.body) == (200, "")
    assert len(calls.made) == 3
    assert client("s3").list_objects_v2(Bucket=settings().packages)["KeyCount"] == 0
    for act in (app.get, app.delete):
        assert refused(act(f"{BASE}/{made.id}")) == (404, "123002")
    make_package(fleet, name=made.name)  # its name is free again


def test_what_a_crash_in_a_deletion_leaves_is_deleted_by_another(
    app: Gateway, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make_package(fleet)
    with monkeypatch.context() as patched:
        patched.setattr(packages.Transaction, "commit", lambda _: 1 / 0)
        assert app.delete(f"{BASE}/{made.id}").status == 500
    assert app.delete(f"{BASE}/{made.id}").status == 200


def test_packages_of_others_are_absent(app: Gateway, fleet: Fleet) -> None:
    made = make_package(make_fleet("other"))
    for act in (app.get, app.delete):
        assert refused(act(f"{BASE}/{made.id}")) == (404, "123002")
    assert listed(app)["data"] == []
    other = log_in(make_fleet("third"))
    mine = make_package(fleet)
    assert refused(other.get(f"{BASE}/{mine.id}")) == (404, "123002")


@pytest.mark.parametrize("query", ["pageNo=-1", "pageSize=0", "pageSize=101"])
def test_pages_out_of_range(app: Gateway, query: str) -> None:
    assert refused(app.get(f"{BASE}?{query}")) == (400, "123029")


@pytest.mark.parametrize("query", ["pageNo=x", "fileType=music", "version=" + "9" * 257])
def test_bad_queries(app: Gateway, query: str) -> None:
    assert refused(app.get(f"{BASE}?{query}")) == (400, "120015")


def test_bad_file_ids(app: Gateway) -> None:
    for act in (app.get, app.delete):
        assert refused(act(f"{BASE}/{'x' * 257}")) == (400, "120015")


def test_without_a_good_token(app: Gateway, fleet: Fleet) -> None:
    app.headers["Authorization"] = "Bearer nobody"
    for reply in (app.get(BASE), app.get(f"{BASE}/1"), app.delete(f"{BASE}/1")):
        assert refused(reply) == (403, "1010005")
