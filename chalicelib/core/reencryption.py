"""The job that walks all stored secrets, encrypts each anew under the current data key, and counts.

It begins once no process encrypts under an older key any more, so one walk of the tables is enough. A
secret is replaced only where it is as it was read: what an application wrote meanwhile is looked at again,
never overwritten. A step that is repeated finds its secrets done; it counts them once, because the counts
so far are part of the place where the next step begins.
"""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec

from ..aws import encryption, keyring
from ..logs import logger
from ..store import secrets
from ..store.secrets import Key, Sealed
from . import clock, key_versions
from .jobs import Step, Work
from .key_versions import COUNT, ROTATE

WORKERS = 8
TRIES = 5
UNREADABLE = 0  # counted as under this version: no key decrypts it


class Place(msgspec.Struct):
    """The table, where in it, since when (ms), and how many secrets were found under each version so far."""

    began: int
    table: int = 0
    key: Key | None = None
    counts: dict[int, int] = {}


def _rotate(parameters: dict[str, Any], place: str) -> Step:
    """AWS calls: one, and one for each item whose secrets stand under another version."""
    wait = int(parameters["due"]) - clock.now()
    if not place and wait > 0:
        return Step("", 0, wait=-(-wait // clock.SECOND))
    if encryption.current() < parameters["version"]:
        encryption.ring()
    return _walked(place, renew=True)


def _count(_: dict[str, Any], place: str) -> Step:
    """One AWS call."""
    return _walked(place, renew=False)


def _walked(text: str, *, renew: bool) -> Step:
    place = msgspec.json.decode(text, type=Place) if text else Place(clock.now())
    current = encryption.current()
    found, following = secrets.page(secrets.TABLES[place.table], place.key)
    counts, done = Counter(place.counts), 0
    with ThreadPoolExecutor(WORKERS) as pool:
        work = _renewed if renew else _versions
        for versions, changed in pool.map(lambda each: work(each, current), found):
            counts.update(versions)
            done += changed
    left_out = _left(counts, current) - _left(place.counts, current) if renew else 0
    if following is None and place.table == len(secrets.TABLES) - 1:
        key_versions.note(keyring.Count(place.began, dict(counts)))
        return Step(None, done, left_out)
    table = place.table if following else place.table + 1
    on = Place(place.began, table, following, dict(counts))
    return Step(msgspec.json.encode(on).decode(), done, left_out)


def _left(counts: dict[int, int], current: int) -> int:
    return sum(n for version, n in counts.items() if version != current)


def _versions(held: Sealed, current: int) -> tuple[list[int], int]:
    """The version of each of its secrets, and how many a rotation would change."""
    versions = [_version(text) for text in held.texts.values()]
    return versions, sum(version != current for version in versions)


def _renewed(held: Sealed, current: int) -> tuple[list[int], int]:
    """The version that each of its secrets has now, and how many were changed."""
    found: Sealed | None = held
    for _ in range(TRIES):
        if found is None:
            return [], 0
        versions = {field: _version(text) for field, text in found.texts.items()}
        older = {field: found.texts[field] for field, version in versions.items() if version != current}
        fresh = {field: new for field, text in older.items() if (new := _anew(found, field, text))}
        if not fresh:
            return list(versions.values()), 0
        if secrets.replace(found, fresh):
            versions |= {field: _version(text) for field, text in fresh.items()}
            return list(versions.values()), len(fresh)
        found = secrets.again(found)
    return _versions(found, current)[0] if found else [], 0


def _anew(held: Sealed, field: str, text: str) -> str | None:
    from cryptography.exceptions import InvalidTag

    name = held.bound or field
    try:
        plain = encryption.decrypt(text, held.tenant, held.record, name)
    except (InvalidTag, encryption.UnknownVersion, ValueError) as error:
        reason = f"{field}: {type(error).__name__}"
        logger().error("a secret cannot be read", extra={"source": held.record, "reason": reason})
        return None
    return encryption.encrypt(plain, held.tenant, held.record, name)


def _version(text: str) -> int:
    try:
        return encryption.version_of(text)
    except encryption.UnknownVersion:
        return UNREADABLE


WORKS: dict[str, Work] = {ROTATE: _rotate, COUNT: _count}
