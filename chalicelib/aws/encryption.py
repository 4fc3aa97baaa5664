"""Secrets that must be replayed (for an HMAC, say) are AES-GCM encrypted.

Text form: `<key version>:<base64 of nonce and ciphertext>`. The additional data names tenant,
record and field, so a ciphertext moved elsewhere does not decrypt.

Several versions of the data key may be in use (`keyring.py`). Version 1 is that of `POLYTHING_DATA_KEY`
where it is set; else the first process that needs it makes it. The highest version encrypts, every version
decrypts. Each is unwrapped once per process, whenever the first text under it is met.

A process need not know a version before another writes under it: whoever meets a text of a version that it
does not know reads the keyring again, which already names it, because the version is stored before anybody
encrypts under it. The other way round it takes time: a process goes on encrypting under an older version
for up to `FRESH` after a newer one was made. Whoever wants no text under the old one has to wait for that
(`core/key_versions.py`).

AWS calls: none while a process knows the key, and for `encrypt` has read the keyring within `FRESH`; one to
read the keyring, one to unwrap a key.
"""

import base64
import binascii
import os
import time
from dataclasses import replace
from threading import Lock

from ..settings import settings
from . import keyring
from .keyring import FIRST, NONCE, Ring

FRESH = 55  # s that the current version is taken for the current one


class UnknownVersion(Exception):
    """No data key of the keyring has this version."""


_ring: tuple[float, Ring] | None = None  # with the time its read began, s
_keys: dict[int, bytes] = {}
_lock = Lock()


def encrypt(plain: str, tenant: str, record: str, field: str) -> str:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    version = current()
    nonce = os.urandom(NONCE)
    sealed = AESGCM(_key(version)).encrypt(nonce, plain.encode(), _bound(tenant, record, field))
    return f"{version}:{base64.b64encode(nonce + sealed).decode()}"


def decrypt(text: str, tenant: str, record: str, field: str) -> str:
    """Raises `cryptography.exceptions.InvalidTag` when moved or changed, UnknownVersion where its key is
    gone.
    """
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    raw = base64.b64decode(text.partition(":")[2])
    key = _key(version_of(text))
    return AESGCM(key).decrypt(raw[:NONCE], raw[NONCE:], _bound(tenant, record, field)).decode()


def version_of(text: str) -> int:
    """Raises UnknownVersion for what is no encrypted text."""
    version, _, body = text.partition(":")
    try:
        base64.b64decode(body, validate=True)
        return int(version)
    except (binascii.Error, ValueError) as error:
        raise UnknownVersion("a text that is not encrypted") from error


def current() -> int:
    """The version that encrypts now. One AWS call where the keyring was not read within `FRESH`."""
    held = _ring
    if held is not None and 0 <= time.time() - held[0] < FRESH:
        return held[1].current
    return ring().current


def ring() -> Ring:
    """The keyring, read anew, with its first key made where there is none. One AWS call, three for that."""
    if not settings().kms_key and not settings().data_key:
        raise RuntimeError(
            "neither POLYTHING_KMS_KEY nor POLYTHING_DATA_KEY is set: no secret can be stored or read"
        )
    began = time.time()
    found = keyring.read()
    if found.first is None and FIRST in found.versions() and not settings().data_key:
        found = replace(found, first=keyring.make_first())
    return _learnt(found, began)


def _learnt(found: Ring, began: float) -> Ring:
    """What was read later counts, whichever thread comes first."""
    global _ring
    with _lock:
        if _ring is None or _ring[1].edition <= found.edition:
            _ring = (began, found)
    return found


def forget_ring() -> None:
    """Read the keyring anew before the next text is encrypted: this process has changed it."""
    global _ring
    with _lock:
        _ring = None


def forget() -> None:
    """Empty this process's memory of data keys."""
    global _ring
    with _lock:
        _ring = None
        _keys.clear()


def _key(version: int) -> bytes:
    key = _keys.get(version)
    if key is None:
        key = _keys[version] = _found(version)
    return key


def _found(version: int) -> bytes:
    if version == FIRST:
        given = keyring.of_environment()
        if given is not None:
            return given
    held = _ring[1] if _ring is not None else None
    for found in (held, None) if held else (None,):
        known = found or ring()
        if version == FIRST and known.first is not None:
            return keyring.unwrap(known.first)
        if version in known.later:
            return keyring.opened(version, known.later[version])
    raise UnknownVersion(f"no data key has the version {version}")


def _bound(tenant: str, record: str, field: str) -> bytes:
    return "\x00".join((tenant, record, field)).encode()
