"""Sixteen writers of one device's shadow at once, and what has to be true of what they were answered.

Run by `tests.faults.races`: replays the acknowledged changes in the order of their stamps.
"""

import copy
import itertools
import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from chalicelib.core import products, registration, shadow_edits, shadow_fields
from chalicelib.core.errors import FieldNotFound, VersionConflict
from chalicelib.core.products import NodeType
from chalicelib.core.registration import NewDevice
from chalicelib.core.shadow_documents import Part
from chalicelib.core.shadow_edits import PathValue, Target
from chalicelib.core.things import DataType, Property, Service, ThingModel
from chalicelib.store.history import HistoryRecord

WRITERS = 16
MODEL = ThingModel(
    tuple(
        Service(
            name,
            properties=tuple(
                Property(f"{name}{number}", DataType.OBJECT, method="RW") for number in range(4)
            ),
        )
        for name in ("a", "b")
    )
)
KEYS = [f"{name}{number}" for name in "ab" for number in range(4)]
Fields = dict[str, Any]


@dataclass
class Call:
    """One change: `begun` and `ended` are places in the order of all that happened."""

    part: Part
    kind: str  # fields, path, cut or delete
    keys: tuple[str, ...]
    path: str
    value: Any
    timestamp: int | None
    begun: int = 0
    ended: int = 0
    stamp: int | None = None
    error: str = ""


@dataclass
class State:
    """What a replay has come to."""

    stamp: int = 0
    fields: dict[Part, Fields] = field(default_factory=lambda: {part: {} for part in Part})
    stamps: dict[Part, dict[str, int]] = field(default_factory=lambda: {part: {} for part in Part})

    def takes(self, call: Call) -> bool:
        """Whether the rule of time lets the change through."""
        if call.timestamp is None or call.timestamp == self.stamp:
            return True
        if call.kind == "delete":
            return False
        return all(self.stamps[call.part].get(key, 0) <= call.timestamp for key in call.keys)

    def apply(self, call: Call) -> None:
        assert call.stamp is not None
        fields, stamps = self.fields[call.part], self.stamps[call.part]
        for key in call.keys:
            if call.kind == "delete":
                fields.pop(key, None)
                stamps.pop(key, None)
                continue
            if call.kind == "fields":
                fields[key] = copy.deepcopy(call.value)
            elif call.kind == "path":
                fields.setdefault(key, {})[call.path] = call.value
            else:
                del fields[key][call.path]
            stamps[key] = call.stamp
        self.stamp = call.stamp


def run(fleet: Any, updates: int) -> dict[str, Any]:
    product = products.create(fleet.tenant, "raced", MODEL, node_type=NodeType.ENDPOINT)
    device = registration.register(
        fleet.caller, NewDevice("raced", registration.BY_SECRET, product=product.id)
    ).device.device
    target, order = Target(str(product.short_id), device), itertools.count(1)
    calls: list[Call] = []

    def write(number: int) -> None:
        chance, known = random.Random(number), 0
        for turn in range(updates):
            if chance.random() < 0.3:
                known = shadow_fields.read(fleet.caller, target.product, device).stamp
            call = _call(chance, number * updates + turn, known)
            call.begun = next(order)
            try:
                call.stamp = known = _perform(fleet, target, call)
            except (VersionConflict, FieldNotFound) as error:
                call.error = type(error).__name__
            except Exception as error:  # noqa: BLE001 - the outcome is what is asked for
                call.error = f"unexpected {error!r}"
            call.ended = next(order)
            calls.append(call)

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(write, range(WRITERS)))
    return _judge(calls, shadow_fields.read(fleet.caller, target.product, device))


def _call(chance: random.Random, value: int, known: int) -> Call:
    kind = chance.choices(("fields", "path", "cut", "delete"), (4, 4, 1, 1))[0]
    keys = tuple(chance.sample(KEYS, 1 if kind in ("cut", "delete") else chance.choice((1, 1, 2))))
    path = chance.choice("xyz")
    timed = kind == "delete" or chance.random() < 0.5
    given = {path: value} if kind == "fields" else value
    return Call(chance.choice(list(Part)), kind, keys, path, given, known if timed else None)


def _perform(fleet: Any, target: Target, call: Call) -> int:
    acts: dict[str, Callable[[], int]] = {
        "fields": lambda: shadow_edits.put_fields(
            fleet.caller, target, call.part, dict.fromkeys(call.keys, call.value), call.timestamp
        ),
        "path": lambda: shadow_edits.put_paths(
            fleet.caller,
            target,
            call.part,
            [PathValue(key, call.path, call.value) for key in call.keys],
            call.timestamp,
        ),
        "cut": lambda: shadow_edits.cut_paths(
            fleet.caller, target, call.part, call.keys[0], [call.path], call.timestamp
        ),
        "delete": lambda: shadow_edits.delete_field(
            fleet.caller, target, call.part, call.keys[0], call.timestamp or 0
        ),
    }
    return acts[call.kind]()


def _judge(calls: list[Call], found: shadow_fields.Document) -> dict[str, Any]:
    """`undue`: refusals for which there was no reason while they were made; `wrong`: changes that were
    taken and should not have been; `repeated`: stamps of two changes.
    """
    taken = sorted((call for call in calls if call.stamp is not None), key=_place)
    state, before, wrong, repeated = State(), dict[int, State](), 0, 0
    for call in taken:
        idle = call.kind == "delete" and call.keys[0] not in state.fields[call.part]
        if idle and call.stamp == state.stamp:
            continue  # there was nothing to delete, so nothing was changed
        before[id(call)] = copy.deepcopy(state)
        wrong += not state.takes(call)
        repeated += call.stamp == state.stamp
        state.apply(call)
    states = [*before.values(), state]
    refused = [call for call in calls if call.error in ("VersionConflict", "FieldNotFound")]
    applied = [call for call in taken if id(call) in before]
    return {
        "acknowledged": len(taken),
        "refused": Counter(call.error for call in refused),
        "unexpected": Counter(call.error for call in calls if call.error.startswith("unexpected")),
        "wrong": wrong,
        "repeated": repeated,
        "undue": sum(not _due(call, states, applied) for call in refused),
        "same": found.reported == state.fields[Part.REPORTED]
        and found.desired == state.fields[Part.DESIRED]
        and found.reported_stamps == state.stamps[Part.REPORTED]
        and found.desired_stamps == state.stamps[Part.DESIRED]
        and found.stamp == state.stamp,
    }


def _place(call: Call) -> tuple[int, bool]:
    """A deletion of what is not there is answered the stamp that it named, so comes behind that."""
    return call.stamp or 0, call.stamp == call.timestamp


def _due(call: Call, states: list[State], applied: list[Call]) -> bool:
    """Whether some state that the shadow may have had during the call refuses it: from the newest change
    that had ended before it began, to the newest that had begun before it ended.
    """
    first = max((n for n, other in enumerate(applied, 1) if other.ended < call.begun), default=0)
    last = max((n for n, other in enumerate(applied, 1) if other.begun < call.ended), default=0)
    for state in states[first : last + 1]:
        if call.error == "VersionConflict" and not state.takes(call):
            return True
        if call.error == "FieldNotFound":
            value = state.fields[call.part].get(call.keys[0])
            if value is None or call.path not in value:
                return True
    return False


def repeat(fleet: Any) -> dict[str, Any]:
    """One message sent by all at once, timed and not, of each kind: how many answers, and how many stamps."""
    product = products.create(fleet.tenant, "repeated", MODEL, node_type=NodeType.ENDPOINT)
    device = registration.register(
        fleet.caller, NewDevice("repeated", registration.BY_SECRET, product=product.id)
    ).device.device
    short, moved = str(product.short_id), list[int]()
    answers: list[int] = []
    for number in range(20):
        part, before = list(Part)[number % 2], shadow_fields.read(fleet.caller, short, device).stamp
        target = Target(short, device, f"message-{number}")
        timestamp = before if number % 4 < 2 else None
        puts = [PathValue("a0", "x", number), PathValue("b0", "y", number)]
        send = partial(shadow_edits.put_paths, fleet.caller, target, part, puts, timestamp)
        with ThreadPoolExecutor(WRITERS) as pool:
            sent = [pool.submit(send) for _ in range(WRITERS)]
        answers.append(len({each.result() for each in sent}))
        moved.append(shadow_fields.read(fleet.caller, short, device).stamp)
    return {
        "answers": Counter(answers),
        "stamps": len(set(moved)),
        "history": len(list(HistoryRecord.query(device, HistoryRecord.entry < ":"))),
    }
