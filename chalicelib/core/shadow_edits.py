"""Changing a device's shadow as one document: whole fields, paths inside of them, deletions.

A caller may say which time it knows the shadow by. Its change is taken where that is the shadow's time, or
not older than any field it writes; else nothing is stored. A reported value is a report: judged, kept in
history, told. A desired value goes to the device. What one call changes is one transaction, or is not at all.

Source: device shadow 2.3 to 2.13
"""

import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec

from ..aws import queues
from ..store.devices import DEVICE, DeviceRecord, ShadowRecord
from ..store.transactions import Contention, Transaction, pause
from . import (
    clock,
    devices,
    receipts,
    shadow_changes,
    shadow_checks,
    shadow_documents,
    shadow_fields,
    shadow_paths,
    shadow_stamps,
    shadow_sync,
    shadow_writes,
    shadows,
    telemetry,
    thing_access,
    thing_values,
)
from .applications import Caller
from .errors import (
    Busy,
    DeviceNotFound,
    FieldNotFound,
    InvalidInput,
    VersionConflict,
)
from .shadow_documents import Part, Shadow
from .shadow_fields import Held
from .shadow_stamps import Stamps
from .shadow_writes import Edit, Stale
from .telemetry import Report, Reported

MOST_SERVICES = 30  # of one call: two items of a transaction each
TRIES = 50

Services = dict[str, dict[str, Any]]  # values by service and name


class Target(msgspec.Struct, frozen=True):
    """What is changed, and by which message; a repeat of `message` within a day changes nothing. `product` is
    the short id of the device's, None where the caller does not say it.
    """

    product: str | None
    device: str
    message: str | None = None


class PathValue(msgspec.Struct, frozen=True):
    key: str
    path: str
    value: Any


class _Plan(msgspec.Struct):
    """What a call makes of what was read."""

    edits: list[Edit]
    stamps: Stamps
    stamp: int
    services: Collection[str]
    wanted: bool
    reported: tuple[Reported, ...] = ()
    shown: Mapping[str, Any] = {}  # reported fields, by key, that the device is told of


class _Done(msgspec.Struct):
    """`held` is as it was before the change; None for a repeat."""

    stamp: int
    held: Held | None = None


Planner = Callable[[Held], _Plan | None]  # None: nothing is to be changed


def put_fields(
    caller: Caller, target: Target, part: Part, values: Mapping[str, Any], timestamp: int | None
) -> int:
    """Write whole fields; answers the new stamp. Two AWS calls, one more where a desired value is sent at
    once, and one for a repeat.

    Raises DeviceNotFound, NotBound to a person, VersionConflict, InvalidInput, Busy.
    """
    return _commit(caller, target, lambda held: _writing(held, part, values, timestamp)).stamp


def put_paths(
    caller: Caller, target: Target, part: Part, puts: Sequence[PathValue], timestamp: int | None
) -> int:
    """Write inside of fields, in this order, all or none; a field that is not there begins as an empty
    object. Costs and raises as `put_fields`, and NotAnObject; one more AWS call where a connected device
    is told what was reported for it.
    """
    parsed = [(each, shadow_paths.parse(each.path, shadow_checks.MOST_LEVELS)) for each in puts]

    def plan(held: Held) -> _Plan:
        keys = {each.key for each in puts}
        shadow_checks.check_time(held, part, keys, timestamp)
        values = {key: held.value(part, key, {}) for key in keys}
        for each, names in parsed:
            values[each.key] = shadow_paths.put(values[each.key], names, each.value, each.key)
        return _shown(_writing(held, part, values, timestamp), part, values)

    return _commit(caller, target, plan).stamp


def cut_paths(
    caller: Caller, target: Target, part: Part, key: str, paths: Sequence[str], timestamp: int | None
) -> int:
    """Delete inside of a field, in this order, all or none. Costs and raises as `put_paths`, and
    FieldNotFound.
    """
    parsed = [shadow_paths.parse(each, shadow_checks.MOST_LEVELS) for each in paths]

    def plan(held: Held) -> _Plan:
        shadow_checks.check_time(held, part, {key}, timestamp)
        missing = object()
        value = held.value(part, key, missing)
        if value is missing:
            raise FieldNotFound(key)
        for names in parsed:
            value = shadow_paths.cut(value, names, key)
        return _shown(_writing(held, part, {key: value}, timestamp), part, {key: value})

    return _commit(caller, target, plan).stamp


def delete_field(caller: Caller, target: Target, part: Part, key: str, timestamp: int) -> int:
    """Delete a field; one that is not there is left at that. `timestamp` has to be the shadow's.

    Two AWS calls, and one for a repeat. Raises DeviceNotFound, VersionConflict, Busy.
    """

    def plan(held: Held) -> _Plan | None:
        if timestamp != held.stamp:
            raise VersionConflict(f"the shadow's time is {held.stamp}")
        service, name = held.keys.place(key)
        if name not in held.shadow(service).values(part):
            return None
        return _deleting(held, {service: {part: [name]}})

    return _commit(caller, target, plan).stamp


def clean(caller: Caller, target: Target) -> int:
    """Delete all fields. Its time goes on. Two AWS calls, one more for each further 30 services.

    Raises DeviceNotFound, Busy.
    """

    def plan(held: Held) -> _Plan:
        own = [each.id for each in held.model.services] if len(held.model.services) == 1 else []
        names = _full(held)[:MOST_SERVICES] or own
        return _deleting(
            held,
            {service: {part: list(held.shadow(service).values(part)) for part in Part} for service in names},
        )

    while True:
        done = _commit(caller, target, plan)
        if done.held is None or len(_full(done.held)) <= MOST_SERVICES:
            return done.stamp


def _full(held: Held) -> list[str]:
    return [service for service, each in held.shadows.items() if each.reported or each.desired]


def _commit(caller: Caller, target: Target, plan: Planner) -> _Done:
    receipt = f"shadow#{target.device}#{target.message}" if target.message else None
    for attempt in range(TRIES):
        if attempt:
            pause(attempt)
        held = shadow_fields.load(target.device)
        if held is None:
            raise thing_access.absent(caller, target.device)
        shadow_fields.check(held, caller, target.product)
        try:
            planned = plan(held)
        except (VersionConflict, InvalidInput, FieldNotFound):
            seen = receipts.find(receipt) if receipt else None
            if seen is None:
                raise
            return _Done(seen)
        try:
            return _Done(_store(held, target, planned, receipt), held)
        except Stale:
            continue
        except Contention:
            raise Busy(target.device) from None
        except receipts.Repeated:
            seen = receipts.find(str(receipt))
            if seen is not None:
                return _Done(seen)
    raise Busy(target.device)


def _store(held: Held, target: Target, planned: _Plan | None, receipt: str | None) -> int:
    """The stamp of the change. Raises Stale, Repeated, DeviceNotFound."""
    change, record = Transaction(), held.device
    stamp = held.stamp if planned is None else planned.stamp
    written: list[ShadowRecord] = []
    if planned is not None:
        change.check(DeviceRecord(record.device, DEVICE), devices.alive(), DeviceNotFound(record.device))
        marked = set(held.queue.shadows or ()) if held.queue else set()
        written = shadow_writes.write(change, record, planned.edits, marked)
        shadow_stamps.move(change, record, planned.stamps, stamp, planned.services, wanted=planned.wanted)
    if planned is not None and planned.reported:
        message = target.message or secrets.token_hex(16)
        given = Report(record.device, record.device, planned.reported, message, stamp)
        telemetry.keep(change, record, given, [(each, stamp) for each in planned.reported])
    if receipt is not None:
        receipts.add(change, receipt, stamp)
    change.commit()
    if any(map(shadow_writes.waits, written)) and shadows.reachable(record, held.link):
        queues.work(shadow_changes.SEND, device=record.device)
    if planned is not None and planned.shown:
        shadow_sync.show(held, planned.shown, stamp)
    return stamp


def _writing(held: Held, part: Part, values: Mapping[str, Any], timestamp: int | None) -> _Plan:
    shadow_checks.check_time(held, part, values, timestamp)
    shadow_checks.check_document(values)
    services = _by_service(held, values)
    stamps = _stamps(held, services)
    if part is Part.DESIRED:
        shadow_checks.check_desired(held, values)
        edits = shadows.edits_of(
            held.device.device,
            held.model,
            services,
            {service: held.records.get(service) for service in services},
            stamps,
        )
        plan = _Plan(edits, stamps, edits[0].shadow.stamp, list(services), wanted=True)
    else:
        shadow_checks.check_reported(held, values)
        plan = _reporting(held, services, stamps)
    shadow_checks.check_room(held, plan.edits)
    return plan


def _shown(plan: _Plan, part: Part, values: Mapping[str, Any]) -> _Plan:
    """What is changed inside of a reported field the device is told: the whole field."""
    return msgspec.structs.replace(plan, shown=values) if part is Part.REPORTED else plan


def _reporting(held: Held, services: Services, stamps: Stamps) -> _Plan:
    now, stamp = clock.now(), stamps.following()
    edits = []
    for service, values in services.items():
        same = partial(thing_values.same_value, held.model, service)
        shadow = shadow_documents.report(held.shadow(service), values, stamp, stamp, now, same, force=True)
        edits.append(Edit(service, held.records.get(service), shadow))
    said = tuple(Reported(service, values, stamp) for service, values in services.items())
    return _Plan(edits, stamps, stamp, list(services), wanted=False, reported=said)


def _deleting(held: Held, names: Mapping[str, Mapping[Part, Sequence[str]]]) -> _Plan:
    """Without these fields, by service and part."""
    stamps = _stamps(held, names)
    stamp, edits = stamps.following(), []
    for service, parts in names.items():
        shadow: Shadow = held.shadow(service)
        for part, gone in parts.items():
            shadow = shadow_documents.delete(shadow, part, gone, stamp)
        edits.append(Edit(service, held.records.get(service), shadow))
    wanted = any(parts.get(Part.DESIRED) for parts in names.values())
    return _Plan(edits, stamps, stamp, list(names), wanted=wanted)


def _stamps(held: Held, services: Collection[str]) -> Stamps:
    known = held.records.values()
    return shadow_stamps.of(held.device.device, held.model, held.mark, services, known, whole=True)


def _by_service(held: Held, values: Mapping[str, Any]) -> Services:
    services: Services = {}
    for key, value in values.items():
        service, name = held.keys.place(key)
        services.setdefault(service, {})[name] = value
    if len(services) > MOST_SERVICES:
        raise InvalidInput("", f"the fields are of more than {MOST_SERVICES} services")
    return services
