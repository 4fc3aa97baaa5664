"""Secrets at rest: bound to their place, under a data key that KMS wraps."""

import base64
import threading
from collections.abc import Iterator
from threading import Barrier, Thread

import boto3
import pytest
from cryptography.exceptions import InvalidTag

from chalicelib import settings
from chalicelib.aws import encryption, keyring
from chalicelib.aws.clients import client
from tests.conftest import Calls


@pytest.fixture
def wrapped(aws: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A stage whose data key is in the keyring, as none is yet."""
    key: str = boto3.client("kms").create_key()["KeyMetadata"]["Arn"]
    monkeypatch.setenv("POLYTHING_KMS_KEY", key)
    monkeypatch.delenv("POLYTHING_DATA_KEY")
    forget()
    yield key
    monkeypatch.undo()
    forget()


def forget() -> None:
    settings.settings.cache_clear()
    encryption.forget()


def test_what_was_moved_elsewhere_does_not_decrypt(aws: None) -> None:
    sealed = encryption.encrypt("hush", "tenant", "record", "field")
    assert "hush" not in sealed
    assert encryption.decrypt(sealed, "tenant", "record", "field") == "hush"
    for place in (("other", "record", "field"), ("tenant", "other", "field"), ("tenant", "record", "other")):
        with pytest.raises(InvalidTag):
            encryption.decrypt(sealed, *place)


def test_the_first_secret_makes_the_data_key_and_later_processes_read_it(wrapped: str, calls: Calls) -> None:
    sealed = encryption.encrypt("hush", "t", "r", "f")
    assert calls.made == [
        "dynamodb.GetItem",
        "kms.GenerateDataKeyWithoutPlaintext",
        "dynamodb.PutItem",
        "kms.Decrypt",
    ]
    forget()  # another process
    calls.clear()
    assert encryption.decrypt(sealed, "t", "r", "f") == "hush"
    assert encryption.encrypt("more", "t", "r", "f") != sealed
    assert calls.made == ["dynamodb.GetItem", "kms.Decrypt"]


def test_the_kept_key_is_wrapped_for_this_use_only(wrapped: str) -> None:
    encryption.encrypt("hush", "t", "r", "f")
    item = client("dynamodb").get_item(
        TableName=f"{settings.settings().prefix}-keyring", Key={"version": {"S": "1"}}
    )["Item"]
    assert encryption._key(1) not in bytes(item["wrapped"]["B"])
    kms = boto3.client("kms")
    with pytest.raises(kms.exceptions.InvalidCiphertextException):
        kms.decrypt(CiphertextBlob=item["wrapped"]["B"], EncryptionContext={"use": "another"})


def test_processes_that_start_at_once_end_with_one_key(wrapped: str, monkeypatch: pytest.MonkeyPatch) -> None:
    together, read, looked = Barrier(2), keyring.read, threading.local()

    def both_look_before_either_writes() -> keyring.Ring:
        found = read()
        if not hasattr(looked, "once"):
            looked.once = True
            together.wait(30)
        return found

    monkeypatch.setattr(keyring, "read", both_look_before_either_writes)
    keys: list[bytes | None] = []
    threads = [Thread(target=lambda: keys.append(encryption.ring().first)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(keys) == 2
    assert len(set(keys)) == 1


def test_a_wrapped_key_may_be_given(aws: None, monkeypatch: pytest.MonkeyPatch, calls: Calls) -> None:
    kms = boto3.client("kms")
    made = kms.generate_data_key_without_plaintext(
        KeyId=kms.create_key()["KeyMetadata"]["Arn"],
        KeySpec="AES_256",
        EncryptionContext={"use": "polything"},
    )
    monkeypatch.setenv("POLYTHING_DATA_KEY", base64.b64encode(made["CiphertextBlob"]).decode())
    forget()
    calls.clear()
    assert encryption.decrypt(encryption.encrypt("hush", "t", "r", "f"), "t", "r", "f") == "hush"
    assert calls.made == ["dynamodb.GetItem", "kms.Decrypt"]
    monkeypatch.undo()
    forget()


def test_without_any_key_nothing_is_stored(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("POLYTHING_DATA_KEY")
    forget()
    with pytest.raises(RuntimeError, match="POLYTHING_KMS_KEY"):
        encryption.encrypt("hush", "t", "r", "f")
    monkeypatch.undo()
    forget()
