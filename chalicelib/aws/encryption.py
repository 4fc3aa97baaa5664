"""Secrets that must be replayed (for an HMAC, say) are AES-GCM encrypted.

Text form: `<key version>:<base64 of nonce and ciphertext>`. The additional data names tenant,
record and field, so a ciphertext moved elsewhere does not decrypt. The data key is wrapped by
KMS and unwrapped once per process. It stands in the table `keyring`, where the first process that
needs one puts it (`POLYTHING_KMS_KEY` names the key that wraps it), or in `POLYTHING_DATA_KEY`; a
local cloud gives the key itself as `local:<base64 of 32 bytes>`.
"""

import base64
import os
from functools import cache

from ..settings import settings
from .clients import client

VERSION = "1"
NONCE = 12


CONTEXT = {"use": "polything"}


@cache
def _key() -> bytes:
    text = settings().data_key
    if text.startswith("local:"):
        return base64.b64decode(text.removeprefix("local:"))
    if text:
        return _unwrap(base64.b64decode(text))
    if settings().kms_key:
        return _unwrap(_kept() or _made())
    raise RuntimeError(
        "neither POLYTHING_KMS_KEY nor POLYTHING_DATA_KEY is set: no secret can be stored or read"
    )


def _unwrap(wrapped: bytes) -> bytes:
    return bytes(client("kms").decrypt(CiphertextBlob=wrapped, EncryptionContext=CONTEXT)["Plaintext"])


def _kept() -> bytes | None:
    """The wrapped key of the keyring. One AWS call."""
    found = client("dynamodb").get_item(
        TableName=_keyring(), Key={"version": {"S": VERSION}}, ConsistentRead=True
    )
    return bytes(found["Item"]["wrapped"]["B"]) if "Item" in found else None


def _made() -> bytes:
    """A new wrapped key in the keyring, or the one that another process has put there meanwhile."""
    made = client("kms").generate_data_key_without_plaintext(
        KeyId=settings().kms_key, KeySpec="AES_256", EncryptionContext=CONTEXT
    )["CiphertextBlob"]
    dynamodb = client("dynamodb")
    try:
        dynamodb.put_item(
            TableName=_keyring(),
            Item={"version": {"S": VERSION}, "wrapped": {"B": made}},
            ConditionExpression="attribute_not_exists(version)",
        )
    except dynamodb.exceptions.ConditionalCheckFailedException:
        kept = _kept()
        if kept is None:
            raise
        return kept
    return bytes(made)


def _keyring() -> str:
    return f"{settings().prefix}-keyring"


def encrypt(plain: str, tenant: str, record: str, field: str) -> str:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = os.urandom(NONCE)
    sealed = AESGCM(_key()).encrypt(nonce, plain.encode(), _bound(tenant, record, field))
    return f"{VERSION}:{base64.b64encode(nonce + sealed).decode()}"


def decrypt(text: str, tenant: str, record: str, field: str) -> str:
    """Raises `cryptography.exceptions.InvalidTag` when moved or changed."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    version, _, body = text.partition(":")
    if version != VERSION:
        raise RuntimeError(f"secret of {record} was encrypted under the unknown key version {version!r}")
    raw = base64.b64decode(body)
    return AESGCM(_key()).decrypt(raw[:NONCE], raw[NONCE:], _bound(tenant, record, field)).decode()


def _bound(tenant: str, record: str, field: str) -> bytes:
    return "\x00".join((tenant, record, field)).encode()
