"""The subset of IoT Core's rules SQL that we deploy, evaluated against one message.

`SELECT <item>, … FROM '<topic filter>' [WHERE <comparison> [AND|OR …]]`, an item being `*` or an
expression with an optional `AS name`. Expressions: string and number literals, true, false, field paths
(`a.b`), and the functions of `FUNCTIONS`. `sql_parser` refuses everything else when a rule is loaded.
"""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final


class SqlError(Exception):
    """A statement outside the subset, or a message a statement cannot be applied to."""


class _Undefined:
    """IoT SQL's Undefined: a value that is not there. Left out of the result, never equal to anything."""

    def __repr__(self) -> str:
        return "Undefined"


UNDEFINED: Final = _Undefined()


class Message:
    """What a statement sees: the payload (parsed once, and only when asked for) and its circumstances."""

    __slots__ = ("_document", "client_id", "now_ms", "payload", "topic")

    def __init__(self, topic: str, payload: bytes, client_id: str | None, now_ms: int) -> None:
        self.topic = topic
        self.payload = payload
        self.client_id = client_id
        self.now_ms = now_ms
        self._document: Any = UNDEFINED

    @property
    def document(self) -> Any:
        """The payload as JSON. Raises SqlError when it is none."""
        if self._document is UNDEFINED:
            try:
                self._document = json.loads(self.payload)
            except ValueError as error:
                raise SqlError(f"the payload on {self.topic!r} is not JSON") from error
        return self._document


@dataclass(frozen=True, slots=True)
class Star:
    """`*`: the whole document, or the raw payload as argument of encode."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant of the statement."""

    value: str | int | float | bool


@dataclass(frozen=True, slots=True)
class Path:
    """A field of the document, `a.b.c`."""

    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """A function of `FUNCTIONS` with its arguments."""

    name: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """`left = right`, or `<>` when negated."""

    left: Expression
    right: Expression
    negated: bool


@dataclass(frozen=True, slots=True)
class Logical:
    """AND (`every`) or OR of conditions."""

    every: bool
    terms: tuple[Condition, ...]


Expression = Star | Literal | Path | Call
Condition = Comparison | Logical


@dataclass(frozen=True, slots=True)
class SelectItem:
    """One output field; `alias` is None for `*` only."""

    expression: Expression
    alias: str | None


@dataclass(frozen=True, slots=True)
class Statement:
    """A parsed rule."""

    items: tuple[SelectItem, ...]
    topic_filter: str
    where: Condition | None

    def evaluate(self, message: Message) -> Any | None:
        """The event of the rule's actions, or None when WHERE says no.

        Raises SqlError when the statement needs JSON and the payload is none.
        """
        if self.where is not None and not holds(self.where, message):
            return None
        if len(self.items) == 1 and self.items[0].alias is None:
            return evaluate(self.items[0].expression, message)
        event: dict[str, Any] = {}
        for item in self.items:
            if item.alias is None:
                event.update(_object(message))
                continue
            value = evaluate(item.expression, message)
            if value is not UNDEFINED:
                event[item.alias] = value
        return event


def _object(message: Message) -> dict[str, Any]:
    if not isinstance(message.document, dict):
        raise SqlError(f"the payload on {message.topic!r} is not a JSON object")
    return message.document


def evaluate(expression: Expression, message: Message) -> Any:
    """The value of an expression, `UNDEFINED` when there is none."""
    match expression:
        case Literal(value):
            return value
        case Path(keys):
            return _field(message.document, keys)
        case Call(name, arguments):
            return FUNCTIONS[name].apply(message, arguments)
        case Star():
            return message.document


def _field(document: Any, keys: tuple[str, ...]) -> Any:
    for key in keys:
        if not isinstance(document, dict) or key not in document:
            return UNDEFINED
        document = document[key]
    return document


def holds(condition: Condition, message: Message) -> bool:
    """Whether a WHERE clause lets the message through."""
    match condition:
        case Logical(every, terms):
            outcomes = (holds(term, message) for term in terms)
            return all(outcomes) if every else any(outcomes)
        case Comparison(left, right, negated):
            first, second = evaluate(left, message), evaluate(right, message)
            if first is UNDEFINED or second is UNDEFINED:
                return False
            return _equal(first, second) is not negated


def _equal(first: Any, second: Any) -> bool:
    # Python calls True and 1 equal; IoT SQL has booleans and numbers apart.
    return isinstance(first, bool) == isinstance(second, bool) and bool(first == second)


@dataclass(frozen=True, slots=True)
class Function:
    """How a function is computed, and the numbers of arguments it takes."""

    apply: Callable[[Message, tuple[Expression, ...]], Any]
    arity: tuple[int, ...]


def _encode(message: Message, arguments: tuple[Expression, ...]) -> Any:
    if isinstance(arguments[0], Star):
        return base64.b64encode(message.payload).decode()
    value = evaluate(arguments[0], message)
    if value is UNDEFINED:
        return UNDEFINED
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
    return base64.b64encode(text.encode()).decode()


def _topic(message: Message, arguments: tuple[Expression, ...]) -> Any:
    if not arguments:
        return message.topic
    levels = message.topic.split("/")
    number = arguments[0].value if isinstance(arguments[0], Literal) else 0
    return levels[int(number) - 1] if 1 <= int(number) <= len(levels) else UNDEFINED


FUNCTIONS: dict[str, Function] = {
    "encode": Function(_encode, (2,)),
    "topic": Function(_topic, (0, 1)),
    # "n/a" is what AWS says for a message no MQTT client sent.
    "clientid": Function(lambda message, _: message.client_id or "n/a", (0,)),
    "timestamp": Function(lambda message, _: message.now_ms, (0,)),
    "newuuid": Function(lambda _message, _: str(uuid.uuid4()), (0,)),
}
