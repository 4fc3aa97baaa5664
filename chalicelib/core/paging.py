"""Pages by number or by offset, with a total, over what DynamoDB reads by key only.

Two ways. `page` follows a range an index serves: each served page keeps where the next one
starts, so walking costs one pass, and a jump a count and a read of keys up to the page. `listed`
is for orders and filters no index serves: the first page keeps the whole list of entries (ids,
say), later pages are cut from it. What a walk keeps is used for LIFE ms, then found anew.

A page that is named by its offset is a part (`part`, `part_listed`); its size may differ from the
one before it.

A walk is named by a hash of whose it is, what is asked and, for pages by number, the page size
(`name`): nobody can reach into another's.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Generic, TypeVar

import msgspec

from ..store.counters import CursorRecord
from ..store.walks import Key, WalkTooLong
from . import clock, ids
from .errors import ListTooLong

T = TypeVar("T")

LIFE = 10 * clock.MINUTE
MOST_LISTED = 50_000  # entries of a list
CHUNK = 2_500  # entries an item, of up to 150 bytes each: an item holds 400 KB, a batch write 25 items


class Part(msgspec.Struct, Generic[T], frozen=True):
    """Some items of a walk; `total` is over the whole of it."""

    items: list[T]
    total: int


class Page(msgspec.Struct, Generic[T], frozen=True):
    """`number` counts from 0; `total` is over all pages."""

    items: list[T]
    total: int
    number: int
    size: int


@dataclass(frozen=True)
class Source(Generic[T]):
    """What `page` reads from.

    `fetch(start, limit)` answers up to `limit` items after `start` and where to go on, None at the
    end. `skip(count)` passes over the first `count` items: how many there were and where to go on.
    """

    fetch: Callable[[Key | None, int], tuple[list[T], Key | None]]
    skip: Callable[[int], tuple[int, Key | None]]
    count: Callable[[], int]


def name(*parts: Any) -> str:
    """The walk's name; `parts` are what makes it another walk, as JSON can hold them."""
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()


def page(walk: str, number: int, size: int, source: Source[T]) -> Page[T]:
    """The part that begins at `number` times `size`."""
    found = part(walk, number * size, size, source)
    return Page(found.items, found.total, number, size)


def part(walk: str, offset: int, size: int, source: Source[T]) -> Part[T]:
    """Raises ListTooLong where a jump or a count would read too much.

    AWS calls beside those of `fetch`: one that writes where the next part starts, or that there is
    none; on the first part `count`, unless it holds everything; on a later one a call that reads its
    start, and where a jump finds none `count` and `skip`. The last part knows the exact total.
    """
    start, total = None, None
    if offset:
        held = _held(_place(walk, offset))
        if held is not None:
            start, total = msgspec.json.decode(held.start or "null"), int(held.total or 0)
        else:
            total, start = _jump(offset, source)
            if start is None:
                return Part([], total)
    items, following = _bounded(lambda: source.fetch(start, size))
    after = _place(walk, offset + size)
    if following is None:
        CursorRecord(after).delete()  # a walk before this one may have gone further
        return Part(items, offset + len(items))
    if total is None:
        total = _bounded(source.count)
    _record(after, start=msgspec.json.encode(following).decode(), total=total).save()
    return Part(items, total)


def listed(
    walk: str,
    number: int,
    size: int,
    collect: Callable[[], Iterable[str]],
    fetch: Callable[[list[str]], list[T]],
) -> Page[T]:
    """The part of a list that begins at `number` times `size`."""
    found = part_listed(walk, number * size, size, collect, fetch)
    return Page(found.items, found.total, number, size)


def part_listed(
    walk: str,
    offset: int,
    size: int,
    collect: Callable[[], Iterable[str]],
    fetch: Callable[[list[str]], list[T]],
) -> Part[T]:
    """Some of the entries that `collect` finds, at most MOST_LISTED, else ListTooLong.

    The first part collects anew. AWS calls beside those of `collect` and `fetch`: first part one
    that keeps the list, or ends an older one where it holds everything; later part one, and those of
    a first one where the list is gone. `fetch` may answer fewer items than it is given entries.
    """
    found = _cut(walk, offset, size) if offset else None
    if found is None:
        entries = _bounded(lambda: list(islice(collect(), MOST_LISTED + 1)))
        if len(entries) > MOST_LISTED:
            raise ListTooLong(f"more than {MOST_LISTED}")
        if len(entries) > size:
            _keep(walk, entries)
        else:
            CursorRecord(_head(walk)).delete()
        found = entries[offset : offset + size], len(entries)
    wanted, total = found
    return Part(fetch(wanted) if wanted else [], total)


def _jump(count: int, source: Source[T]) -> tuple[int, Key | None]:
    """The total, and the start after `count` items; None where there is nothing after them."""
    total = _bounded(source.count)
    if count >= total:
        return total, None
    skipped, start = _bounded(lambda: source.skip(count))
    return (skipped if start is None else total), start


def _bounded(read: Callable[[], T]) -> T:
    try:
        return read()
    except WalkTooLong as error:
        raise ListTooLong("too much to read") from error


def _held(key: str) -> CursorRecord | None:
    record = CursorRecord.find(key)
    return record if record is not None and _fresh(record) else None


def _fresh(record: CursorRecord) -> bool:
    return int(record.ttl) > clock.now() // clock.SECOND


def _record(key: str, **values: Any) -> CursorRecord:
    return CursorRecord(key, ttl=(clock.now() + LIFE) // clock.SECOND, **values)


def _keep(walk: str, entries: Sequence[str]) -> None:
    """Write head and chunks. `build` tells chunks of two that are written at once apart."""
    build = ids.random_id()
    with CursorRecord.batch_write() as batch:
        for at in range(0, len(entries), CHUNK):
            text = "\n".join(entries[at : at + CHUNK])
            batch.save(_record(_chunk(walk, at // CHUNK), build=build, entries=text))
        batch.save(_record(_head(walk), build=build, total=len(entries)))


def _cut(walk: str, first: int, size: int) -> tuple[list[str], int] | None:
    """Entries of the list from `first` on, and the list's length; None where any of it is gone."""
    after = first + size
    chunks = [_chunk(walk, at) for at in range(first // CHUNK, (after - 1) // CHUNK + 1)]
    keys = [_head(walk), *chunks] if first < MOST_LISTED else [_head(walk)]
    found = {record.walk: record for record in CursorRecord.batch_get(keys, consistent_read=True)}
    head = found.get(_head(walk))
    if head is None or not _fresh(head):
        return None
    total = int(head.total or 0)
    entries: list[str] = []
    for at, key in enumerate(chunks, first // CHUNK):
        if at * CHUNK >= total:
            break
        chunk = found.get(key)
        if chunk is None or chunk.build != head.build:
            return None
        entries += (chunk.entries or "").split("\n")
    offset = first // CHUNK * CHUNK
    return entries[first - offset : after - offset], total


def _place(walk: str, offset: int) -> str:
    return f"{walk}@{offset}"


def _head(walk: str) -> str:
    return f"{walk}#list"


def _chunk(walk: str, number: int) -> str:
    return f"{walk}#list#{number}"
