"""Secrets that must be replayed (for an HMAC, say) are AES-GCM encrypted.

Text form: `<key version>:<base64 of nonce and ciphertext>`. The additional data names tenant,
record and field, so a ciphertext moved elsewhere does not decrypt. The data key is wrapped by
KMS (`POLYTHING_DATA_KEY` holds the wrapped key) and unwrapped once per process; a local cloud
gives the key itself as `local:<base64 of 32 bytes>`.
"""

import base64
import os
from functools import cache

from ..settings import settings
from .clients import client

VERSION = "1"
NONCE = 12


@cache
def _key() -> bytes:
    text = settings().data_key
    if not text:
        raise RuntimeError("POLYTHING_DATA_KEY is not set: no secret can be stored or read")
    if text.startswith("local:"):
        return base64.b64decode(text.removeprefix("local:"))
    answer = client("kms").decrypt(
        CiphertextBlob=base64.b64decode(text), EncryptionContext={"use": "polything"}
    )
    return bytes(answer["Plaintext"])


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
