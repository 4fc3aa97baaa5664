"""Version packages: stored whole or not at all, unique, and closed to everybody else."""

import base64
import hashlib

import pytest

from chalicelib.aws.clients import client
from chalicelib.core import packages
from chalicelib.core.errors import InvalidInput, PackageExists, PackageNotFound
from chalicelib.core.packages import Type
from chalicelib.settings import settings
from tests.conftest import Calls
from tests.support.fleet import Fleet, make_fleet
from tests.support.upgrades import make_package


@pytest.fixture
def fleet(aws: None) -> Fleet:
    return make_fleet()


def objects() -> list[str]:
    found = client("s3").list_objects_v2(Bucket=settings().packages)
    return [each["Key"] for each in found.get("Contents", [])]


def test_a_package_is_stored_with_its_digest(fleet: Fleet, calls: Calls) -> None:
    content = b"\x00\xff" * 3_000_000
    calls.clear()
    made = make_package(fleet, content=content)
    assert sorted(calls.made) == ["dynamodb.GetItem", "dynamodb.TransactWriteItems", "s3.PutObject"]
    assert (made.size, made.sha256) == (6_000_000, hashlib.sha256(content).hexdigest())
    key = packages.object_key(fleet.application, made.id)
    stored = client("s3").get_object(Bucket=settings().packages, Key=key)["Body"].read()
    assert stored == content
    assert packages.get(fleet.caller, made.id) == packages.find(made.id) == made


def test_the_bucket_is_closed_and_encrypted(fleet: Fleet) -> None:
    from infra.local.template import DATA, resources

    [bucket] = [each.properties for each in resources(DATA) if each.logical == "PackagesBucket"]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    rules = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rules == [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]


def test_name_and_version_are_unique_for_a_type_and_an_application(fleet: Fleet) -> None:
    make_package(fleet, name="meter")
    with pytest.raises(PackageExists):
        make_package(fleet, name="meter")
    make_package(fleet, name="meter", version="3.0")
    make_package(fleet, Type.FIRMWARE, name="meter")
    make_package(make_fleet("other"), name="meter")
    assert len(objects()) == 4


def test_of_two_uploads_at_once_one_wins_and_the_other_leaves_nothing(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = packages.files.put
    raced: list[packages.Package] = []

    def slow(key, source, digest):  # type: ignore[no-untyped-def]
        put(key, source, digest)
        monkeypatch.setattr(packages.files, "put", put)
        raced.append(make_package(fleet, name="meter"))

    monkeypatch.setattr(packages.files, "put", slow)
    with pytest.raises(PackageExists):
        make_package(fleet, name="meter")
    assert objects() == [packages.object_key(fleet.application, raced[0].id)]


def test_the_digest_goes_with_the_upload(fleet: Fleet) -> None:
    """So S3 refuses what is not what was read; the emulators do not compare."""
    asked: list[dict[str, str]] = []
    client("s3").meta.events.register(
        "before-parameter-build.s3.PutObject", lambda params, **_: asked.append(params)
    )
    made = make_package(fleet)
    assert base64.b64decode(asked[0]["ChecksumSHA256"]).hex() == made.sha256


@pytest.mark.parametrize("content", [b"", b"12345"])
def test_sizes_that_are_refused(fleet: Fleet, content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "MOST_BYTES", 4)
    with pytest.raises(InvalidInput):
        make_package(fleet, content=content)
    assert objects() == []


@pytest.mark.parametrize("field", ["name", "version", "device_type", "model", "manufacturer_name"])
@pytest.mark.parametrize("value", [" ", "x" * 257])
def test_facts_that_are_refused(fleet: Fleet, field: str, value: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        make_package(fleet, **{field: value})
    assert caught.value.field == field


def test_two_deletions_at_once(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    made = make_package(fleet)
    delete, raced = packages.files.delete, []

    def slow(key: str) -> None:
        delete(key)
        if not raced:
            raced.append(True)
            packages.delete(fleet.caller, made.id)

    monkeypatch.setattr(packages.files, "delete", slow)
    with pytest.raises(PackageNotFound):
        packages.delete(fleet.caller, made.id)
    assert objects() == []
