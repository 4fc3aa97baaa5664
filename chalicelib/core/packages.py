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
from .errors import InvalidInput, PackageExists, PackageNotFound
from .paging import Page, Source

MOST_BYTES = 1024 * 1024 * 1024
LONGEST = 256  # characters of each fact
PIECE = 1024 * 1024  # read at once


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
    alias = AliasRecord(f"package#{new.type.value}#{new.name}#{new.version}", caller.owner)
    if AliasRecord.find(alias.name, alias.scope) is not None:
        raise PackageExists(f"{new.name} {new.version}")
    now, ident = clock.now(), ids.random_id()
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
    key = object_key(caller.owner, ident)
    source.seek(0)
    files.put(key, source, digest)
    alias.target = ident
    change = Transaction()
    change.put(record)
    change.put(alias, AliasRecord.name.does_not_exist(), PackageExists(f"{new.name} {new.version}"))
    try:
        change.commit()
    except PackageExists:
        files.delete(key)
        raise
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
    alias = AliasRecord(f"package#{found.type.value}#{found.name}#{found.version}", found.owner)
    change.delete(alias, AliasRecord.target == package)
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
