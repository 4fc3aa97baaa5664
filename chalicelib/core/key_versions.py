"""Versions of the data key: making one, seeing how many secrets stand under each, retiring one.

A rotation makes a version and starts a job that encrypts every stored secret anew under it. One rotation
runs at a time: who asks for another meanwhile is answered the job of the one that runs, which is queued
again in case its message was lost.

A version can be retired once a walk that began after everybody had stopped to encrypt under it found no
secret there. Its key is then gone for good: a backup from before the rotation cannot be read any more.
"""

from collections.abc import Callable
from dataclasses import replace

import msgspec

from ..aws import encryption, keyring
from ..aws.keyring import FIRST, Count, Ring
from ..store.base import as_struct
from ..store.deliveries import REALM, JobRecord
from ..store.keyring import KeyringRecord
from ..store.transactions import ConditionFailed, Transaction, pause
from . import clock, jobs
from .errors import Busy, KeyVersionInUse, KeyVersionNotFound, NoMasterKey
from .jobs import Job

# encryption.FRESH, the longest run of a function (60 s), and what clocks may differ: see encryption.py
SETTLED = 3 * clock.MINUTE
TRIES = 5
ROTATE, COUNT = "rotate-keys", "count-secrets"  # kinds of jobs: `reencryption.py`


class KeyVersion(msgspec.Struct, frozen=True):
    """`made` in ms, None for the first; `secrets` is None where they were not counted yet."""

    version: int
    current: bool
    made: int | None
    secrets: int | None


class Held(msgspec.Struct, frozen=True):
    """`counted` is when the last count began, in ms; `unreadable` are secrets that no key decrypts."""

    versions: list[KeyVersion]
    counted: int | None
    unreadable: int
    job: str | None


def show() -> Held:
    """One AWS call."""
    ring = encryption.ring()
    counts = ring.count.secrets if ring.count else None
    return Held(
        versions=[
            KeyVersion(
                version=each,
                current=each == ring.current,
                made=ring.later[each].made if each in ring.later else None,
                secrets=None if counts is None else counts.get(each, 0),
            )
            for each in ring.versions()
        ],
        counted=ring.count.began if ring.count else None,
        unreadable=sum(n for each, n in (counts or {}).items() if each not in ring.versions()),
        job=ring.job or None,
    )


def rotate() -> Job:
    """A new version, and the job that takes every secret to it. Five AWS calls, four in a local cloud,
    one less for the first rotation. Raises NoMasterKey, Busy.
    """
    for attempt in range(TRIES):
        ring = encryption.ring()
        held = JobRecord.find(REALM, ring.job) if ring.job else None
        if held is not None and held.state == jobs.State.RUNNING.value:
            jobs.go_on(held.id)
            return as_struct(Job, held)
        now, version = clock.now(), ring.current + 1
        try:
            made = keyring.make(version, now)
        except keyring.NoMasterKey as error:
            raise NoMasterKey(str(error)) from error
        record = jobs.prepared(ROTATE, version=version, due=now + SETTLED)
        change = Transaction()
        change.put(record)
        later = {**ring.later, version: made}
        _write(change, ring, replace(ring, current=version, later=later, job=record.id))
        try:
            change.commit()
        except ConditionFailed:
            pause(attempt)
            continue
        encryption.forget_ring()
        jobs.go_on(record.id)
        return as_struct(Job, record)
    raise Busy("the keyring")


def count() -> Job:
    """Start to count the secrets under each version. Two AWS calls."""
    return jobs.create(COUNT)


def check(version: int) -> None:
    """Whether it may be retired. One AWS call. Raises KeyVersionNotFound, KeyVersionInUse."""
    _check(encryption.ring(), version)


def retire(version: int) -> None:
    """Destroy the key of a version for good. Two AWS calls. Raises KeyVersionNotFound, KeyVersionInUse,
    Busy.
    """

    def without(ring: Ring) -> Ring:
        _check(ring, version)
        later = {each: held for each, held in ring.later.items() if each != version}
        return replace(ring, later=later, retired=(*ring.retired, version))

    _changed(without, drop_first=version == FIRST)


def note(count: Count) -> None:
    """Keep what a walk found. Two AWS calls. Harmless to repeat. Raises Busy."""
    _changed(lambda ring: replace(ring, count=count))


def _check(ring: Ring, version: int) -> None:
    if version not in ring.versions():
        raise KeyVersionNotFound(str(version))
    if version == ring.current:
        raise KeyVersionInUse(f"version {version} encrypts what is stored now")
    settled = ring.later[ring.current].made + SETTLED
    if ring.count is None or ring.count.began < settled:
        raise KeyVersionInUse("secrets were not counted since the last rotation: wait for its job")
    left = ring.count.secrets.get(version, 0)
    if left:
        raise KeyVersionInUse(f"{left} secrets were left under version {version}")


def _changed(make: Callable[[Ring], Ring], *, drop_first: bool = False) -> None:
    for attempt in range(TRIES):
        ring = encryption.ring()
        change = Transaction()
        _write(change, ring, make(ring), drop_first=drop_first)
        try:
            change.commit()
        except ConditionFailed:
            pause(attempt)
            continue
        encryption.forget_ring()
        return
    raise Busy("the keyring")


def _write(change: Transaction, old: Ring, new: Ring, *, drop_first: bool = False) -> None:
    actions = [
        KeyringRecord.ring.set(keyring.text_of(new)),
        KeyringRecord.edition.set(old.edition + 1),
    ]
    if drop_first:
        actions.append(KeyringRecord.wrapped.remove())
    edition = KeyringRecord.edition
    unchanged = edition == old.edition if old.edition else edition.does_not_exist()
    change.update(KeyringRecord(str(FIRST)), actions, unchanged)
