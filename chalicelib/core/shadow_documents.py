"""The shadow of one service as a value: what was reported and desired, field by field, with its time.

Changing one makes another; nothing here knows of AWS beyond the form of the item. A field is
overwritten only by what is not older. The shadow's own time, its stamp, never repeats: it is now, or
one millisecond past the stamp before it.

Source: Huawei 1.5.8, 1.5.9
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from ..store.devices import SHADOW, ShadowRecord
from . import shadow_changes
from .shadow_changes import Change, Changes

MOST_BYTES = 300 * 1024  # of the documents and their times; an item holds 400 KB

Same = Callable[[str, Any, Any], bool]  # a property, and two values that may mean the same


class Shadow(msgspec.Struct, frozen=True):
    """Times in ms; `at` is that of the newest report, 0 before the first. `busy`: until when a message
    may be on its way.
    """

    reported: dict[str, Any] = {}
    times: dict[str, int] = {}
    at: int = 0
    desired: dict[str, Any] = {}
    desired_times: dict[str, int] = {}
    stamp: int = 0
    changes: Changes = ()
    busy: int = 0


def read(record: ShadowRecord | None) -> Shadow:
    """That of a service of which nothing is known yet where there is no record."""
    if record is None:
        return Shadow()
    return Shadow(
        reported=msgspec.json.decode(record.reported),
        times=msgspec.json.decode(record.times),
        at=int(record.at),
        desired=msgspec.json.decode(record.desired or "{}"),
        desired_times=msgspec.json.decode(record.desired_times or "{}"),
        stamp=int(record.stamp or 0),
        changes=msgspec.json.decode(record.changes or "[]", type=Changes),
        busy=int(record.busy or 0),
    )


def record_of(device: str, service: str, shadow: Shadow, version: int) -> ShadowRecord:
    """The item that holds the shadow. Its `shard` is given by whoever wants it found when it is due."""
    record = ShadowRecord(
        device,
        SHADOW + service,
        reported=_text(shadow.reported),
        times=_text(shadow.times),
        at=shadow.at,
        stamp=shadow.stamp,
        version=version,
    )
    if shadow.desired:
        record.desired, record.desired_times = _text(shadow.desired), _text(shadow.desired_times)
    if shadow.changes:
        record.changes = _text(shadow.changes)
        record.deadline = shadow_changes.earliest(shadow.changes)
    if shadow.busy:
        record.busy = shadow.busy
    return record


def size(shadow: Shadow) -> int:
    """Bytes that count against MOST_BYTES."""
    parts = (shadow.reported, shadow.times, shadow.desired, shadow.desired_times, shadow.changes)
    return sum(len(msgspec.json.encode(part)) for part in parts if part)


def next_stamp(shadow: Shadow, now: int) -> int:
    return max(now, shadow.stamp + 1)


def merged(
    values: Mapping[str, Any], times: Mapping[str, int], news: Mapping[str, Any], at: int
) -> tuple[dict[str, Any], dict[str, int]]:
    """A document and its times with what is not older in it."""
    newer = {name: value for name, value in news.items() if times.get(name, -1) <= at}
    return {**values, **newer}, {**times, **dict.fromkeys(newer, at)}


def report(shadow: Shadow, values: Mapping[str, Any], at: int, now: int, same: Same) -> Shadow:
    """The device has reported `values` as of `at` ms. What it was to take counts as delivered then."""
    reported, times = merged(shadow.reported, shadow.times, values, at)
    after = msgspec.structs.replace(
        shadow,
        reported=reported,
        times=times,
        at=max(times.values(), default=shadow.at),
        stamp=next_stamp(shadow, now),
    )
    return _judged(after, now, same)


def desire(shadow: Shadow, values: Mapping[str, Any], ident: str, now: int, same: Same) -> Shadow:
    """An app wants `values`; this is the change `ident`. What the device has reported as its present
    value already is delivered.
    """
    stamp = next_stamp(shadow, now)
    desired, times = merged(shadow.desired, shadow.desired_times, values, stamp)
    names = tuple(values)
    new = Change(ident, now, names, names, due=shadow_changes.look_again(now, now))
    after = msgspec.structs.replace(
        shadow,
        desired=desired,
        desired_times=times,
        stamp=stamp,
        changes=shadow_changes.added(shadow.changes, new),
    )
    return _judged(after, now, same)


def with_changes(shadow: Shadow, change: Callable[[Change], Change]) -> Shadow:
    return msgspec.structs.replace(shadow, changes=tuple(map(change, shadow.changes)))


def values_of(shadow: Shadow, change: Change) -> dict[str, Any]:
    """What the change wants: a newer change would have taken the property over."""
    return {name: shadow.desired[name] for name in change.names}


def _judged(shadow: Shadow, now: int, same: Same) -> Shadow:
    def reported(name: str) -> bool:
        return name in shadow.reported and same(name, shadow.desired[name], shadow.reported[name])

    if not shadow.changes:
        return shadow
    changes = shadow_changes.crossed_off(shadow.changes, reported, now)
    return msgspec.structs.replace(shadow, changes=changes)


def _text(value: Any) -> str:
    return msgspec.json.encode(value).decode()
