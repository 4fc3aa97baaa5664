"""Hashes of passwords that people choose: scrypt with a random salt.

Text form: `scrypt$<n>$<r>$<p>$<salt>$<hash>`, the last two in base64; so a later release can ask for
more work and still read what is stored. One check takes 16 MB and a few tenths of a second.
"""

import base64
import hashlib
import hmac
import os
import unicodedata

from .errors import InvalidInput

SHORTEST, LONGEST = 8, 256  # characters
N, R, P = 2**14, 8, 5
MEMORY = 64 * 1024 * 1024  # bytes that a check may take
SALT, LENGTH = 16, 32  # bytes
NOBODY = "scrypt${}${}${}${}${}".format(
    N, R, P, *(base64.b64encode(bytes(n)).decode() for n in (SALT, LENGTH))
)


def hashed(password: str) -> str:
    """Raises InvalidInput where it is too short or too long."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise InvalidInput("password", f"must have {SHORTEST} to {LONGEST} characters")
    salt = os.urandom(SALT)
    parts = (salt, _work(password, salt, N, R, P, LENGTH))
    return "$".join(["scrypt", str(N), str(R), str(P), *(base64.b64encode(each).decode() for each in parts)])


def matches(password: str, text: str | None) -> bool:
    """In constant time, and with the same work where there is no hash to compare."""
    _, n, r, p, salt, known = (text or NOBODY).split("$")
    expected = base64.b64decode(known)
    found = _work(password[:LONGEST], base64.b64decode(salt), int(n), int(r), int(p), len(expected))
    return hmac.compare_digest(found, expected) and text is not None and len(password) <= LONGEST


def _work(password: str, salt: bytes, n: int, r: int, p: int, length: int) -> bytes:
    plain = unicodedata.normalize("NFKC", password).encode()
    return hashlib.scrypt(plain, salt=salt, n=n, r=r, p=p, maxmem=MEMORY, dklen=length)
