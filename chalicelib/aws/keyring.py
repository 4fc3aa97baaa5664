"""The keyring: the data keys that encrypt secrets, wrapped, with the version each is of.

All of it is one item of the table `keyring`, so one read tells everything and one conditional write changes
it. The item stands under the first version, whose data key is its `wrapped`; `ring` is JSON text with what
came later.

A data key is wrapped by KMS where `POLYTHING_KMS_KEY` is set. Where it is not, and the environment gives a
key as `local:`, that one wraps it: AES-GCM, the version bound in.
"""

import base64
import json
import os
from dataclasses import asdict, dataclass, field
from typing import Any

from ..settings import settings
from .clients import client

FIRST = 1
ITEM = {"version": {"S": str(FIRST)}}
CONTEXT = {"use": "polything"}
KMS, LOCAL = "kms", "local"  # what wraps a data key
MARK = "local:"  # of a key in the environment that is not wrapped
NONCE = 12
BYTES = 32


class NoMasterKey(Exception):
    """Nothing here can wrap a new data key."""


@dataclass(frozen=True)
class Wrapped:
    """Base64 of a wrapped data key, what wraps it, and when it was made, in ms."""

    text: str
    by: str
    made: int


@dataclass(frozen=True)
class Count:
    """How many secrets stand under each version, as the walk of a job that began at `began` (ms) found."""

    began: int
    secrets: dict[int, int]


@dataclass(frozen=True)
class Ring:
    """`edition` counts changes. `first` is the wrapped key of version 1, None where the environment holds
    it or it was never made. `job` is that of the last rotation.
    """

    edition: int = 0
    first: bytes | None = None
    current: int = FIRST
    later: dict[int, Wrapped] = field(default_factory=dict)
    retired: tuple[int, ...] = ()
    job: str = ""
    count: Count | None = None

    def versions(self) -> list[int]:
        """Those that decrypt, oldest first."""
        return [each for each in (FIRST, *sorted(self.later)) if each not in self.retired]


def read() -> Ring:
    """One AWS call."""
    found = client("dynamodb").get_item(TableName=_table(), Key=ITEM, ConsistentRead=True)
    return parsed(found.get("Item", {}))


def parsed(item: dict[str, Any]) -> Ring:
    """Of an item as DynamoDB writes it."""
    first = bytes(item["wrapped"]["B"]) if "wrapped" in item else None
    if "ring" not in item:
        return Ring(first=first)
    held = json.loads(item["ring"]["S"])
    count = held["count"]
    return Ring(
        edition=int(item["edition"]["N"]),
        first=first,
        current=held["current"],
        later={int(version): Wrapped(**each) for version, each in held["later"].items()},
        retired=tuple(held["retired"]),
        job=held["job"],
        count=count and Count(count["began"], {int(each): n for each, n in count["secrets"].items()}),
    )


def text_of(ring: Ring) -> str:
    """What is stored as `ring`."""
    held = asdict(ring)
    return json.dumps({name: held[name] for name in ("current", "later", "retired", "job", "count")})


def make_first() -> bytes:
    """The wrapped key of version 1: a new one, or what another process has put there meanwhile. Two AWS
    calls, three where another was first.
    """
    made = _made()
    dynamodb = client("dynamodb")
    try:
        dynamodb.put_item(
            TableName=_table(),
            Item={**ITEM, "wrapped": {"B": made}},
            ConditionExpression="attribute_not_exists(version)",
        )
    except dynamodb.exceptions.ConditionalCheckFailedException:
        kept = read().first
        if kept is None:
            raise
        return kept
    return made


def make(version: int, now: int) -> Wrapped:
    """A new data key, not yet in the keyring. One AWS call, none in a local cloud. Raises NoMasterKey."""
    if settings().kms_key:
        return Wrapped(base64.b64encode(_made()).decode(), KMS, now)
    if not settings().data_key.startswith(MARK):
        raise NoMasterKey("POLYTHING_KMS_KEY is not set: nothing wraps a new data key")
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = os.urandom(NONCE)
    sealed = AESGCM(local_key()).encrypt(nonce, os.urandom(BYTES), _bound(version))
    return Wrapped(base64.b64encode(nonce + sealed).decode(), LOCAL, now)


def opened(version: int, wrapped: Wrapped) -> bytes:
    """The data key itself. One AWS call, none where a local key wraps it."""
    raw = base64.b64decode(wrapped.text)
    if wrapped.by == KMS:
        return unwrap(raw)
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(local_key()).decrypt(raw[:NONCE], raw[NONCE:], _bound(version))


def unwrap(wrapped: bytes) -> bytes:
    """By KMS: one AWS call."""
    return bytes(client("kms").decrypt(CiphertextBlob=wrapped, EncryptionContext=CONTEXT)["Plaintext"])


def of_environment() -> bytes | None:
    """The data key of version 1 where the environment gives it: one AWS call, none for a local one."""
    text = settings().data_key
    if not text:
        return None
    return local_key() if text.startswith(MARK) else unwrap(base64.b64decode(text))


def local_key() -> bytes:
    text = settings().data_key
    if not text.startswith(MARK):
        raise NoMasterKey(f"POLYTHING_DATA_KEY is not the {MARK}… key that wraps this cloud's data keys")
    return base64.b64decode(text.removeprefix(MARK))


def _made() -> bytes:
    answer = client("kms").generate_data_key_without_plaintext(
        KeyId=settings().kms_key, KeySpec="AES_256", EncryptionContext=CONTEXT
    )
    return bytes(answer["CiphertextBlob"])


def _bound(version: int) -> bytes:
    return f"keyring\x00{version}".encode()


def _table() -> str:
    return f"{settings().prefix}-keyring"
