"""Packages at the wire: announced, put by a signed URL, completed, listed, deleted."""

import base64
import hashlib
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from chalicelib.aws.clients import client
from chalicelib.core import packages
from chalicelib.settings import settings
from tests.support.fleet import Fleet, make_fleet
from tests.support.gateway import Gateway
from tests.support.operators import BASE, audit_of, problem

CONTENT = b"\x00firmware" * 1000
ABSENT = "f" * 32


def body(content: bytes = CONTENT, **changes: Any) -> dict[str, Any]:
    return {
        "type": "firmware",
        "name": "meter",
        "version": "2.0",
        "deviceType": "Meter",
        "model": "M1",
        "manufacturerName": "Acme",
        "made": "2023-11-14",
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    } | changes


def put(fleet: Fleet, ident: str, content: bytes = CONTENT) -> None:
    """As S3 does it for the signed URL, whose check of the digest emulators do not have."""
    client("s3").put_object(
        Bucket=settings().packages,
        Key=packages.object_key(fleet.application, ident),
        Body=content,
        ChecksumAlgorithm="SHA256",
        ChecksumSHA256=base64.b64encode(hashlib.sha256(content).digest()).decode(),
    )


@pytest.fixture
def path(fleet: Fleet) -> str:
    return f"{BASE}/applications/{fleet.application}/packages"


def test_from_announcement_to_deletion(root: Gateway, fleet: Fleet, path: str) -> None:
    offered = root.post(f"{path}/uploads", body())
    assert offered.status == 200, offered.body
    ident = offered.json["id"]
    assert offered.json["expires"] == "2023-11-14T23:13:20Z"
    put(fleet, ident)
    made = root.put(f"{path}/{ident}", body())
    assert made.status == 200, made.body
    assert made.json == body() | {
        "id": ident,
        "applicationId": fleet.application,
        "uploaded": "2023-11-14T22:13:20Z",
    }
    assert root.put(f"{path}/{ident}", body()).json == made.json, "harmless to repeat"
    assert root.get(f"{BASE}/packages/{ident}").json == made.json
    assert root.get(path).json == {"packages": [made.json], "total": 1}
    assert problem(root.post(f"{path}/uploads", body())) == (409, "package-exists")
    assert root.delete(f"{BASE}/packages/{ident}?dryRun=true").json["name"] == "meter 2.0"
    assert root.delete(f"{BASE}/packages/{ident}").status == 200
    assert problem(root.delete(f"{BASE}/packages/{ident}")) == (404, "package-not-found")
    assert client("s3").list_objects_v2(Bucket=settings().packages).get("Contents", []) == []
    assert [each["action"] for each in audit_of(root)][:2] == ["package.delete", "package.delete"]


def test_the_url_is_for_this_file_only(root: Gateway, fleet: Fleet, path: str) -> None:
    offered = root.post(f"{path}/uploads", body()).json
    parts = urlsplit(offered["url"])
    query = parse_qs(parts.query)
    assert packages.object_key(fleet.application, offered["id"]) in parts.path
    assert query["X-Amz-Expires"] == ["3600"]
    signed = set(query["X-Amz-SignedHeaders"][0].split(";"))
    assert signed == {"content-length", "content-type", "host", "x-amz-checksum-sha256"}
    digest = base64.b64encode(hashlib.sha256(CONTENT).digest()).decode()
    assert offered["headers"]["x-amz-checksum-sha256"] == digest
    assert offered["headers"]["Content-Length"] == str(len(CONTENT))


def test_what_was_not_put_makes_no_package(root: Gateway, fleet: Fleet, path: str) -> None:
    ident = root.post(f"{path}/uploads", body()).json["id"]
    assert problem(root.put(f"{path}/{ident}", body())) == (409, "upload-incomplete")
    put(fleet, ident, CONTENT[:-1])
    assert problem(root.put(f"{path}/{ident}", body())) == (409, "upload-incomplete")
    put(fleet, ident, bytes(len(CONTENT)))
    assert problem(root.put(f"{path}/{ident}", body())) == (409, "upload-incomplete")
    for wrong in ("x", ABSENT, "..%2F..%2Fx"):
        assert problem(root.put(f"{path}/{wrong}", body())) == (409, "upload-incomplete")
    assert root.get(path).json == {"packages": [], "total": 0}


def test_another_application_has_no_part_in_it(root: Gateway, fleet: Fleet, path: str) -> None:
    other = make_fleet("other")
    ident = root.post(f"{path}/uploads", body()).json["id"]
    put(fleet, ident)
    elsewhere = f"{BASE}/applications/{other.application}/packages"
    assert problem(root.put(f"{elsewhere}/{ident}", body())) == (409, "upload-incomplete")
    root.put(f"{path}/{ident}", body())
    assert root.get(elsewhere).json["packages"] == []


def test_two_uploads_of_one_version_make_one_package(root: Gateway, fleet: Fleet, path: str) -> None:
    one, two = (root.post(f"{path}/uploads", body()).json["id"] for _ in range(2))
    put(fleet, one)
    put(fleet, two)
    assert root.put(f"{path}/{one}", body()).status == 200
    assert problem(root.put(f"{path}/{two}", body())) == (409, "package-exists")
    assert root.get(path).json["total"] == 1


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"size": 0}, "size"),
        ({"size": 2**40}, "size"),
        ({"sha256": "x"}, "sha256"),
        ({"sha256": "A" * 64}, "sha256"),
        ({"type": "hardware"}, "type"),
        ({"name": ""}, "name"),
        ({"name": " "}, "name"),
        ({"version": "v" * 257}, "version"),
        ({"made": "yesterday"}, "made"),
        ({"madeOn": "2023-11-14"}, ""),
    ],
)
def test_bad_announcements(root: Gateway, path: str, change: dict[str, Any], field: str) -> None:
    reply = root.post(f"{path}/uploads", body() | change)
    assert problem(reply) == (400, "invalid-input")
    assert reply.json.get("field", "") == field


def test_what_is_not_there(root: Gateway, fleet: Fleet) -> None:
    path = f"{BASE}/applications/{ABSENT}/packages"
    for reply in (root.get(path), root.post(f"{path}/uploads", body()), root.put(f"{path}/{ABSENT}", body())):
        assert problem(reply) == (404, "application-not-found")
    assert problem(root.get(f"{BASE}/packages/{ABSENT}")) == (404, "package-not-found")
