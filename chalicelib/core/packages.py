"""Version packages: software and firmware that devices are upgraded to.

A package belongs to an application, and its name and version are unique there for its type. The record
is written once the bytes are stored, and deleted once they are gone, so what is listed can be downloaded.
Deleting is never refused: it is how an application keeps a bad version from further devices. Those that
were not told yet fail; those that are downloading lose the object.

Source: Huawei 1.12.1 to 1.12.3
"""

import hashlib
from enum import Enum
from functools import partial, reduce
from operator import and_
from typing import Any, BinaryIO

import msgspec

from ..aws import files
from ..store.base import as_struct
from ..store.packages import PackageRecord
from ..store.products import AliasRecord
from ..store.transactions import ConditionFailed, Transaction
from ..store.walks import Key, Walk
from . import clock, ids, paging
from .applications import Caller
from .errors import InvalidInput, PackageExists, PackageNotFound, UploadIncomplete
from .paging import Page, Source

MOST_BYTES = 1024 * 1024 * 1024
LONGEST = 256  # characters of each fact
PIECE = 1024 * 1024  # read at once
UPLOAD_LASTS = clock.HOUR  # a signed URL to put a package by
DIGEST = 32  # bytes of a SHA-256


class Type(Enum):
    SOFTWARE = "software"
    FIRMWARE = "firmware"


class Package(msgspec.Struct, frozen=True):
    """`made` is a day, yyyy-MM-dd; `uploaded` in ms; `size` in bytes; `sha256` lower-case hex."""

    id: str
    tenant: str
    owner: str
    type: Type
    name: str
    version: str
    device_type: str
    model: str
    manufacturer_name: str
    made: str
    uploaded: int
    size: int
    sha256: str
    protocol_type: str | None = None
    description: str | None = None


class NewPackage(msgspec.Struct, frozen=True):
    """For which devices the package is, and what it is called."""

    type: Type
    name: str
    version: str
    device_type: str
    model: str
    manufacturer_name: str
    made: str
    protocol_type: str | None = None
    description: str | None = None


class Upload(msgspec.Struct, frozen=True):
    """`id` is the package's, once it is complete. PUT to `url` with these `headers` before `expires` (ms)."""

    id: str
    url: str
    headers: dict[str, str]
    expires: int


class Filter(msgspec.Struct, frozen=True):
    type: Type | None = None
    device_type: str | None = None
    model: str | None = None
    manufacturer_name: str | None = None
    version: str | None = None


def object_key(owner: str, package: str) -> str:
    return f"{owner}/{package}"


def create(caller: Caller, new: NewPackage, source: BinaryIO) -> Package:
    """Store the bytes of `source`, from its beginning, and make the package. Three AWS calls.

    The digest is taken first and given with the upload, so what is stored is what was read. Where the
    process dies in between, an object without a package stays behind. Raises InvalidInput, PackageExists.
    """
    _check(new)
    size, digest = _measured(source)
    _check_free(caller.owner, new)
    ident = ids.random_id()
    key = object_key(caller.owner, ident)
    source.seek(0)
    files.put(key, source, digest)
    try:
        return _enter(caller, ident, new, size, digest)
    except PackageExists:
        files.delete(key)
        raise


def prepare(caller: Caller, new: NewPackage, size: int, sha256: bytes) -> Upload:
    """Where to put the bytes of a package that `complete` makes then. One AWS call.

    What is put and never completed stays behind as an object that nothing names. Raises InvalidInput,
    PackageExists.
    """
    _check(new)
    if not 0 < size <= MOST_BYTES:
        raise InvalidInput("size", f"must be 1 to {MOST_BYTES} bytes")
    if len(sha256) != DIGEST:
        raise InvalidInput("sha256", "is no SHA-256")
    _check_free(caller.owner, new)
    ident = ids.random_id()
    url, headers = files.signed_upload(
        object_key(caller.owner, ident), size, sha256, UPLOAD_LASTS // clock.SECOND
    )
    return Upload(ident, url, headers, clock.now() + UPLOAD_LASTS)


def complete(caller: Caller, ident: str, new: NewPackage, size: int, sha256: bytes) -> Package:
    """Make the package of what was put. Two AWS calls; harmless to repeat, for one more.

    Raises InvalidInput, UploadIncomplete, PackageExists.
    """
    _check(new)
    if not ids.is_random_id(ident):
        raise UploadIncomplete(ident)
    held = files.stored(object_key(caller.owner, ident))
    if held is None or held[0] != size or held[1] not in (None, sha256):
        raise UploadIncomplete("the file is not there, or of another size or SHA-256")
    try:
        return _enter(caller, ident, new, size, sha256)
    except PackageExists:
        record = PackageRecord.find(ident)
        if record is None or (record.owner, record.sha256) != (caller.owner, sha256.hex()):
            raise
        return _package(record)


def _check_free(owner: str, new: NewPackage) -> None:
    alias = _alias(owner, new)
    if AliasRecord.find(alias.name, alias.scope) is not None:
        raise PackageExists(f"{new.name} {new.version}")


def _alias(owner: str, new: NewPackage | Package, target: str = "") -> AliasRecord:
    return AliasRecord(f"package#{new.type.value}#{new.name}#{new.version}", owner, target=target)


def _enter(caller: Caller, ident: str, new: NewPackage, size: int, digest: bytes) -> Package:
    """Write the record of bytes that are stored. One AWS call. Raises PackageExists."""
    now = clock.now()
    record = PackageRecord(
        ident,
        tenant=caller.tenant,
        owner=caller.owner,
        listing=ids.listing_key(now, ident),
        uploaded=now,
        size=size,
        sha256=digest.hex(),
        **(msgspec.structs.asdict(new) | {"type": new.type.value}),
    )
    taken = PackageExists(f"{new.name} {new.version}")
    change = Transaction()
    change.put(record, PackageRecord.id.does_not_exist(), taken)
    change.put(_alias(caller.owner, new, ident), AliasRecord.name.does_not_exist(), taken)
    change.commit()
    return _package(record)


def _check(new: NewPackage) -> None:
    for field in ("name", "version", "device_type", "model", "manufacturer_name"):
        if not getattr(new, field).strip():
            raise InvalidInput(field, "is empty", missing=True)
    for field, value in msgspec.structs.asdict(new).items():
        if isinstance(value, str) and len(value) > LONGEST:
            raise InvalidInput(field, f"is longer than {LONGEST} characters")


def _measured(source: BinaryIO) -> tuple[int, bytes]:
    """Size and SHA-256. Raises InvalidInput."""
    size, digest = 0, hashlib.sha256()
    while piece := source.read(PIECE):
        size += len(piece)
        if size > MOST_BYTES:
            raise InvalidInput("file", f"is larger than {MOST_BYTES // 1024 // 1024} MB")
        digest.update(piece)
    if not size:
        raise InvalidInput("file", "is empty")
    return size, digest.digest()


def _package(record: PackageRecord) -> Package:
    return as_struct(Package, record)


def get(caller: Caller, package: str) -> Package:
    """Raises PackageNotFound. One AWS call. Source: Huawei 1.12.2"""
    record = PackageRecord.find(package)
    if record is None or (record.tenant, record.owner) != (caller.tenant, caller.owner):
        raise PackageNotFound(package)
    return _package(record)


def find(package: str) -> Package:
    """Whoever asks: for operators. Raises PackageNotFound. One AWS call."""
    record = PackageRecord.find(package)
    if record is None:
        raise PackageNotFound(package)
    return _package(record)


def delete(caller: Caller, package: str) -> None:
    """The bytes first: what a crash leaves is listed, and deleted by another call. Three AWS calls.

    Raises PackageNotFound. Source: Huawei 1.12.3
    """
    found = get(caller, package)
    files.delete(object_key(found.owner, package))
    change = Transaction()
    change.delete(PackageRecord(package), PackageRecord.id.exists(), PackageNotFound(package))
    change.delete(_alias(found.owner, found), AliasRecord.target == package)
    try:
        change.commit()
    except ConditionFailed as error:
        raise PackageNotFound(package) from error


def page(caller: Caller, wanted: Filter, number: int, size: int) -> Page[Package]:
    """Newest first. AWS calls: a query, and those of `paging`. Raises ListTooLong. Source: Huawei 1.12.1"""
    facts = {name: value for name, value in _values(wanted).items() if value is not None}
    conditions: list[Any] = [getattr(PackageRecord, name) == value for name, value in facts.items()]
    walk = Walk(
        PackageRecord,
        caller.owner,
        PackageRecord.listing,
        index="by_owner",
        forward=False,
        holds=reduce(and_, conditions) if conditions else None,
    )
    name = paging.name(caller.tenant, caller.owner, "packages", facts, size)
    return paging.page(name, number, size, Source(partial(_read, walk), walk.skip, walk.count))


def _values(wanted: Filter) -> dict[str, Any]:
    values = msgspec.structs.asdict(wanted)
    return values | {"type": wanted.type.value if wanted.type else None}


def _read(walk: Walk[PackageRecord], start: Key | None, limit: int) -> tuple[list[Package], Key | None]:
    records, following = walk.read(start, limit)
    return [_package(record) for record in records], following
