"""What an automation says: conditions, when it is active, actions. A file of JSON, judged by itself.

Whether devices, properties and commands exist is asked by `automation_checks`.

    Rule
    ├── conditions   all of them, or any one
    │   ├── property     a reported value compares so
    │   ├── status       a device's status is this one
    │   ├── daily        a time of day, on days of the week, in a time zone
    │   └── moment       one time, once
    ├── window       when it is active at all; always without one
    └── actions      in their order
        ├── command      goes to a device
        ├── desired      values wanted of a device's properties
        └── notification a text for the application
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from . import automation_times, things
from .automation_times import Daily, Moment
from .devices import Status
from .errors import InvalidInput

MOST_BYTES = 32 * 1024  # of a rule
MOST_CONDITIONS = 20
MOST_ACTIONS = 20
MOST_NOTE = 1024  # bytes
MOST_TEXT = 1024  # characters

Operator = Literal["eq", "ne", "lt", "le", "gt", "ge", "between", "in"]
ORDERED = ("lt", "le", "gt", "ge", "between")
Scalar = bool | int | float | str
Id = Annotated[str, Meta(max_length=64)]
Name = Annotated[str, Meta(min_length=1, max_length=256)]
ServiceId = Annotated[str, Meta(max_length=256)]
Note = dict[str, Any]  # free, given back with what is told of a run
Zone = Annotated[str, Meta(min_length=1, max_length=64)]
Clock = Annotated[str, Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
Day = Literal["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"]
Days = Annotated[tuple[Day, ...], Meta(min_length=1, max_length=7)]
EVERY_DAY: tuple[Day, ...] = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")


class Part(Struct, frozen=True, tag_field="type", forbid_unknown_fields=True, omit_defaults=True):
    """`id` is its number where none is given."""


class PropertyCondition(Part, frozen=True, tag="property"):
    """`value`: of `between` the lowest and the highest, of `in` the values; numbers only are ordered."""

    device: Name
    service: ServiceId
    property: Name
    operator: Operator
    value: Scalar | list[Scalar]
    id: Id = ""
    note: Note | None = None


class StatusCondition(Part, frozen=True, tag="status"):
    device: Name
    status: Status
    id: Id = ""
    note: Note | None = None


class DailyCondition(Part, frozen=True, tag="daily"):
    at: Clock
    days: Days = EVERY_DAY
    zone: Zone = "UTC"
    id: Id = ""
    note: Note | None = None


class MomentCondition(Part, frozen=True, tag="moment"):
    at: Annotated[datetime, Meta(tz=True)]
    id: Id = ""
    note: Note | None = None


class Window(
    Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, rename={"start": "from", "end": "to"}
):
    """From `start` up to `end`, past midnight where that is earlier; `days` are those it starts on."""

    start: Clock
    end: Clock
    days: Days = EVERY_DAY
    zone: Zone = "UTC"


class CommandAction(Part, frozen=True, tag="command"):
    """`expire` in s: without it the default, 0 is immediate."""

    device: Name
    service: ServiceId
    method: Name
    paras: dict[str, Any] = {}
    expire: Annotated[int, Meta(ge=0, le=2**31 - 1)] | None = None
    id: Id = ""
    note: Note | None = None


class DesiredAction(Part, frozen=True, tag="desired"):
    device: Name
    service: ServiceId
    values: Annotated[dict[str, Any], Meta(min_length=1)]
    id: Id = ""
    note: Note | None = None


class NotificationAction(Part, frozen=True, tag="notification"):
    text: Annotated[str, Meta(min_length=1, max_length=MOST_TEXT)]
    id: Id = ""
    note: Note | None = None


Condition = PropertyCondition | StatusCondition | DailyCondition | MomentCondition
Timed = DailyCondition | MomentCondition
Action = CommandAction | DesiredAction | NotificationAction
P = TypeVar("P", bound=Part)


class Rule(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    name: Name
    conditions: Annotated[tuple[Condition, ...], Meta(min_length=1, max_length=MOST_CONDITIONS)]
    actions: Annotated[tuple[Action, ...], Meta(min_length=1, max_length=MOST_ACTIONS)]
    logic: Literal["all", "any"] = "all"
    window: Window | None = None
    description: Annotated[str, Meta(max_length=1024)] | None = None


_DECODER = msgspec.json.Decoder(Rule)


def read(text: str) -> Rule:
    """A rule that was judged before."""
    return _DECODER.decode(text)


def text_of(rule: Rule) -> str:
    return msgspec.json.encode(rule).decode()


def parse(text: bytes | str, now: int) -> Rule:
    """What somebody wrote, every part with an id. Raises InvalidInput naming the field."""
    if len(text if isinstance(text, bytes) else text.encode()) > MOST_BYTES:
        raise InvalidInput("rule", f"is larger than {MOST_BYTES // 1024} KB")
    try:
        rule = _DECODER.decode(text)
    except msgspec.ValidationError as error:
        raise _invalid(str(error)) from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidInput("rule", f"is not JSON: {error}") from error
    rule = msgspec.structs.replace(
        rule, conditions=_numbered(rule.conditions), actions=_numbered(rule.actions)
    )
    for name, parts in (("conditions", rule.conditions), ("actions", rule.actions)):
        _check_parts(name, parts)
    for at, condition in enumerate(rule.conditions):
        _check_condition(f"conditions[{at}]", condition, now)
    if rule.logic == "all" and len(timed(rule)) > 1:
        raise InvalidInput("conditions", "have two times: with the logic all they are never both now")
    if rule.window is not None:
        automation_times.zone_of(rule.window.zone, "window.zone")
        if rule.window.start == rule.window.end:
            raise InvalidInput("window", "is empty")
    return rule


def _invalid(message: str) -> InvalidInput:
    """From msgspec's words: "Expected `int`, got `str` - at `$.conditions[0].value`"."""
    reason, _, path = message.partition(" - at ")
    return InvalidInput(path.strip("`").removeprefix("$").lstrip(".") or "rule", f"is refused: {reason}")


def _numbered(parts: Sequence[P]) -> tuple[P, ...]:
    return tuple(
        each if getattr(each, "id", "") else msgspec.structs.replace(each, id=str(number))
        for number, each in enumerate(parts, 1)
    )


def _check_parts(name: str, parts: Iterable[Condition | Action]) -> None:
    seen: set[str] = set()
    for at, part in enumerate(parts):
        if part.id in seen:
            raise InvalidInput(f"{name}[{at}].id", f"{part.id} is taken")
        seen.add(part.id)
        if part.note is not None and len(msgspec.json.encode(part.note)) > MOST_NOTE:
            raise InvalidInput(f"{name}[{at}].note", f"is larger than {MOST_NOTE} bytes")


def _check_condition(at: str, condition: Condition, now: int) -> None:
    if isinstance(condition, DailyCondition):
        automation_times.zone_of(condition.zone, f"{at}.zone")
    elif isinstance(condition, MomentCondition):
        if moment_of(condition).at <= now:
            raise InvalidInput(f"{at}.at", "is over")
    elif isinstance(condition, PropertyCondition):
        _check_operand(f"{at}.value", condition)


def _check_operand(at: str, condition: PropertyCondition) -> None:
    value, operator = condition.value, condition.operator
    listed = value if isinstance(value, list) else [value]
    if isinstance(value, list) is not (operator in ("between", "in")):
        raise InvalidInput(at, f"of {operator} is {'a list' if operator in ('between', 'in') else 'no list'}")
    if operator == "in" and not 1 <= len(listed) <= 100:
        raise InvalidInput(at, "lists not 1 to 100 values")
    if operator in ORDERED and any(isinstance(each, str) or things.number(each) is None for each in listed):
        raise InvalidInput(at, f"of {operator} must be numbers")
    if operator == "between" and (len(listed) != 2 or _above(listed[0], listed[1])):
        raise InvalidInput(at, "of between is not the lowest and the highest")


def _above(one: object, other: object) -> bool:
    low, high = things.number(one), things.number(other)
    return low is not None and high is not None and low > high


def timed(rule: Rule) -> list[Timed]:
    return [each for each in rule.conditions if isinstance(each, DailyCondition | MomentCondition)]


def time_of(condition: Timed) -> Daily | Moment:
    if isinstance(condition, MomentCondition):
        return moment_of(condition)
    return Daily(condition.at, condition.days, condition.zone)


def moment_of(condition: MomentCondition) -> Moment:
    return Moment(int(condition.at.timestamp() * 1000))


def watched_devices(rule: Rule) -> list[str]:
    """Those its conditions look at."""
    looking = (each for each in rule.conditions if isinstance(each, PropertyCondition | StatusCondition))
    return list(dict.fromkeys(each.device for each in looking))


def satisfied(condition: PropertyCondition, value: Any) -> bool:
    """Whether a reported value is as the condition wants it. Devices write numbers as text, too."""
    operand, operator = condition.value, condition.operator
    if isinstance(operand, list):
        if operator == "in":
            return any(_same(each, value) for each in operand)
        return _ordered("ge", value, operand[0]) and _ordered("le", value, operand[1])
    if operator in ("eq", "ne"):
        return _same(operand, value) is (operator == "eq")
    return _ordered(operator, value, operand)


def _same(operand: Scalar, value: Any) -> bool:
    if isinstance(operand, bool) or isinstance(value, bool):
        return operand is value
    if isinstance(operand, str):
        return isinstance(value, str | int | float) and operand == str(value)
    exact = things.number(value)
    return exact is not None and exact == things.number(operand)


def _ordered(operator: str, value: Any, operand: Scalar) -> bool:
    one, other = things.number(value), things.number(operand)
    if one is None or other is None:
        return False
    return {"lt": one < other, "le": one <= other, "gt": one > other, "ge": one >= other}[operator]
