"""What an event makes of an automation's conditions, and whether that starts it. Calls no AWS.

A condition on a device is a state: it holds or does not. It starts something only when it turns true,
never while it stays so. A time is no state: it is now, or it is not. With the logic `any` each condition
that turns true starts the automation; with `all` one that does while all others hold.
"""

from typing import Any

import msgspec
from msgspec import Struct

from . import automation_rules, automation_times
from .automation_rules import Condition, PropertyCondition, Rule, StatusCondition
from .devices import Status
from .events import Event, EventType

STATUS = "status"
LONGEST = 256  # characters of a value that are kept


class Held(Struct, frozen=True, array_like=True):
    """What a condition came to: by `value`, as of `at` ms."""

    holds: bool
    at: int
    value: Any = None


States = dict[str, Held]  # by condition
Facts = dict[str, tuple[Any, int]]  # what is known of a device: a value and its time, ms


class News(Struct, frozen=True):
    """What an event says of a device; `gone`: it was deleted."""

    device: str
    facts: Facts
    gone: bool = False


class Reason(Struct, frozen=True):
    """Why an automation started: the condition, what satisfied it, and the time of that, ms."""

    condition: Condition
    at: int
    value: Any = None


class Verdict(Struct, frozen=True):
    """The states after an event; `reasons` where it starts the automation."""

    states: States
    reasons: tuple[Reason, ...] = ()


def read(text: str) -> States:
    return msgspec.json.decode(text, type=States)


def text_of(states: States) -> str:
    return msgspec.json.encode(states).decode()


def fact_of(condition: PropertyCondition | StatusCondition) -> str:
    if isinstance(condition, StatusCondition):
        return STATUS
    return msgspec.json.encode([condition.service, condition.property]).decode()


def facts_of(rule: Rule, device: str) -> set[str]:
    """What the rule looks at of the device."""
    looking = (each for each in rule.conditions if isinstance(each, PropertyCondition | StatusCondition))
    return {fact_of(each) for each in looking if each.device == device}


def news(event: Event) -> News | None:
    """None where no automation can be concerned: the event itself says whether its device is looked at."""
    device = event.data.get("device")
    if not device or not device.get("automations"):
        return None
    if event.type is EventType.DATA_REPORTED:
        return News(event.source, _reported(event))
    if event.type is EventType.DEVICE_CHANGED:
        return News(event.source, {STATUS: (device["status"], event.at)})
    expired = event.type is EventType.DEVICE_BOUND and event.data.get("result") == "expired"
    if event.type is EventType.DEVICE_DELETED or expired:
        return News(event.source, {}, gone=True)
    return None


def _reported(event: Event) -> Facts:
    """The newest value of each property, but for those that were late: a newer one was known before."""
    facts: Facts = {}
    for each in event.data["services"]:
        at, late = int(each["at"]), each.get("late", ())
        for name, value in each["data"].items():
            fact = msgspec.json.encode([each["service"], name]).decode()
            if name not in late and (fact not in facts or facts[fact][1] <= at):
                facts[fact] = (value, at)
    return facts


def seen(rule: Rule, facts: dict[str, Facts]) -> States:
    """The states to begin with; `facts` by device."""
    states: States = {}
    for condition in rule.conditions:
        if isinstance(condition, PropertyCondition | StatusCondition):
            known = facts.get(condition.device, {}).get(fact_of(condition))
            if known is not None:
                states[condition.id] = Held(_holds(condition, known[0]), known[1], _kept(known[0]))
    return states


def _holds(condition: PropertyCondition | StatusCondition, value: Any) -> bool:
    if isinstance(condition, StatusCondition):
        return condition.status is Status(value)
    return automation_rules.satisfied(condition, value)


def _kept(value: Any) -> Any:
    """Of a value what is kept as the reason: a long text's beginning, nothing of structures."""
    if isinstance(value, str):
        return value[:LONGEST]
    return None if isinstance(value, dict | list) else value


def judge(rule: Rule, states: States, said: News, at: int) -> Verdict:
    """What the news, told at `at` ms, makes of the states. What is older than a state changes nothing."""
    after, turned = dict(states), set[str]()
    for condition in rule.conditions:
        if not isinstance(condition, PropertyCondition | StatusCondition):
            continue
        if condition.device != said.device:
            continue
        before, known = states.get(condition.id), said.facts.get(fact_of(condition))
        if said.gone:
            after[condition.id] = Held(False, at)
        elif known is not None and (before is None or before.at <= known[1]):
            holds = _holds(condition, known[0])
            if before is None or before.holds is not holds:
                after[condition.id] = Held(holds, known[1], _kept(known[0]))
                turned |= {condition.id} if holds else set()
    return Verdict(after, _reasons(rule, after, turned, {}, at))


def strike(rule: Rule, states: States, times: dict[str, int]) -> Verdict:
    """What it means that these conditions' times are now; `times` in ms."""
    return Verdict(states, _reasons(rule, states, set(times), times, max(times.values(), default=0)))


def _reasons(
    rule: Rule, states: States, turned: set[str], times: dict[str, int], at: int
) -> tuple[Reason, ...]:
    """Empty where nothing starts, also outside the rule's window."""
    if not turned or (rule.window is not None and not _open(rule, at)):
        return ()
    found = []
    for condition in rule.conditions:
        held = states.get(condition.id)
        if condition.id in times:
            found.append(Reason(condition, times[condition.id]))
        elif held is not None and held.holds and (rule.logic == "all" or condition.id in turned):
            found.append(Reason(condition, held.at, held.value))
        elif rule.logic == "all":
            return ()
    return tuple(found)


def _open(rule: Rule, at: int) -> bool:
    window = rule.window
    return window is None or automation_times.within(window.start, window.end, window.days, window.zone, at)
