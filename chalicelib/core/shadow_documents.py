"""The shadow of one service as a value: what was reported and desired, field by field, with its time.

Changing one makes another; nothing here knows of AWS beyond the form of the item. A device's report
overwrites only what is not newer. Each change has a stamp, which `shadow_stamps` gives; each field keeps
the stamp under which it was written, and for some time also one that was deleted.

Source: Huawei 1.5.8, 1.5.9; device shadow 2.2
"""

from collections.abc import Callable, Collection, Mapping
from enum import Enum
from typing import Any

import msgspec

from ..store.devices import SHADOW, ShadowRecord
from . import shadow_changes
from .shadow_changes import Change, Changes

MOST_BYTES = 300 * 1024  # of the documents and their times; an item holds 400 KB
MOST_DELETED = 100  # deletions that a document remembers, the newest ones

Same = Callable[[str, Any, Any], bool]  # a property, and two values that may mean the same


class Part(Enum):
    """Of a shadow."""

    REPORTED = "reported"
    DESIRED = "desired"


class Shadow(msgspec.Struct, frozen=True):
    """Times in ms; `at` is that of the newest report, 0 before the first. `times` are the reports' own
    times, `stamps` and `desired_times` the stamps of fields, also of some that were deleted: all deleted
    after `forgotten`. `busy`: until when a message may be on its way.
    """

    reported: dict[str, Any] = {}
    times: dict[str, int] = {}
    stamps: dict[str, int] = {}
    at: int = 0
    desired: dict[str, Any] = {}
    desired_times: dict[str, int] = {}
    forgotten: int = 0
    stamp: int = 0
    changes: Changes = ()
    busy: int = 0

    def values(self, part: Part) -> dict[str, Any]:
        return self.reported if part is Part.REPORTED else self.desired

    def written(self, part: Part) -> dict[str, int]:
        """The stamp of each field, and of each deletion that is remembered."""
        if part is Part.DESIRED:
            return self.desired_times
        # a field that was reported before stamps were kept has its time
        return {**self.times, **self.stamps}


def read(record: ShadowRecord | None) -> Shadow:
    """That of a service of which nothing is known yet where there is no record."""
    if record is None:
        return Shadow()
    return Shadow(
        reported=msgspec.json.decode(record.reported),
        times=msgspec.json.decode(record.times),
        stamps=msgspec.json.decode(record.stamps or "{}"),
        at=int(record.at),
        desired=msgspec.json.decode(record.desired or "{}"),
        desired_times=msgspec.json.decode(record.desired_times or "{}"),
        forgotten=int(record.forgotten or 0),
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
    if shadow.stamps:
        record.stamps = _text(shadow.stamps)
    if shadow.desired_times:
        record.desired, record.desired_times = _text(shadow.desired), _text(shadow.desired_times)
    if shadow.forgotten:
        record.forgotten = shadow.forgotten
    if shadow.changes:
        record.changes = _text(shadow.changes)
        record.deadline = shadow_changes.earliest(shadow.changes)
    if shadow.busy:
        record.busy = shadow.busy
    return record


def size(shadow: Shadow) -> int:
    """Bytes that count against MOST_BYTES."""
    parts = (
        shadow.reported,
        shadow.times,
        shadow.stamps,
        shadow.desired,
        shadow.desired_times,
        shadow.changes,
    )
    return sum(len(msgspec.json.encode(part)) for part in parts if part)


def report(
    shadow: Shadow,
    values: Mapping[str, Any],
    at: int,
    stamp: int,
    now: int,
    same: Same,
    *,
    force: bool = False,
) -> Shadow:
    """The device has reported `values` as of `at` ms. What it was to take counts as delivered then.

    `force` takes them also where a newer report is known.
    """
    late = {} if force else {name for name in values if shadow.times.get(name, -1) > at}
    news = {name: value for name, value in values.items() if name not in late}
    times = {**shadow.times, **{name: max(at, shadow.times.get(name, at)) for name in news}}
    after = msgspec.structs.replace(
        shadow,
        reported={**shadow.reported, **news},
        times=times,
        stamps={**shadow.stamps, **dict.fromkeys(news, stamp)},
        at=max(times.values(), default=shadow.at),
        stamp=stamp,
    )
    return _judged(after, now, same)


def desire(
    shadow: Shadow, values: Mapping[str, Any], ident: str, stamp: int, after: int, now: int, same: Same
) -> Shadow:
    """An app wants `values`; this is the change `ident`. What the device has reported as its present
    value already is delivered. `after` is the stamp of the change before it.
    """
    names = tuple(values)
    taken_over = shadow_changes.taken_over(shadow.changes, names)
    # who has all that was before a change of which nothing is left misses nothing of it
    after = next((each.after for each in taken_over if each.stamp == after and not each.names), after)
    new = Change(ident, now, names, names, due=shadow_changes.look_again(now, now), stamp=stamp, after=after)
    wanted = msgspec.structs.replace(
        shadow,
        desired={**shadow.desired, **values},
        desired_times={**shadow.desired_times, **dict.fromkeys(names, stamp)},
        stamp=stamp,
        changes=(*taken_over, new),
    )
    return _judged(wanted, now, same)


def delete(shadow: Shadow, part: Part, names: Collection[str], stamp: int) -> Shadow:
    """Without these fields; that they were deleted is remembered. No device is to take them any more."""
    if part is Part.REPORTED:
        times = _without(shadow.times, names)
        shadow = msgspec.structs.replace(
            shadow,
            reported=_without(shadow.reported, names),
            times=times,
            at=max(times.values(), default=0),
        )
    else:
        shadow = msgspec.structs.replace(
            shadow,
            desired=_without(shadow.desired, names),
            changes=shadow_changes.taken_over(shadow.changes, names),
        )
    marks = {**shadow.written(part), **dict.fromkeys(names, stamp)}
    left = shadow.values(part)
    deleted = sorted((name for name in marks if name not in left), key=marks.__getitem__, reverse=True)
    over = deleted[MOST_DELETED:]
    forgotten = max((marks[name] for name in over), default=0)
    kept = _without(marks, over)
    field = "stamps" if part is Part.REPORTED else "desired_times"
    return msgspec.structs.replace(
        shadow, **{field: kept}, forgotten=max(shadow.forgotten, forgotten), stamp=stamp
    )


def changed_since(shadow: Shadow, part: Part, stamp: int) -> dict[str, Any] | None:
    """What was written after `stamp`, None standing for what was deleted; None where it is not known."""
    if stamp < shadow.forgotten:
        return None
    values = shadow.values(part)
    return {name: values.get(name) for name, at in shadow.written(part).items() if at > stamp}


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


def _without(values: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in names}


def _text(value: Any) -> str:
    return msgspec.json.encode(value).decode()
