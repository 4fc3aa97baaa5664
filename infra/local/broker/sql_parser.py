"""Reads a rule's SQL into `sql.Statement`; whatever the subset lacks is an error here, at start-up."""

from __future__ import annotations

import re
from typing import NamedTuple

from infra.local.broker.sql import (
    FUNCTIONS,
    Call,
    Comparison,
    Condition,
    Expression,
    Literal,
    Logical,
    Path,
    SelectItem,
    SqlError,
    Star,
    Statement,
)
from infra.local.broker.topics import valid_filter

_TOKEN = re.compile(
    r"\s*(?:(?P<string>'(?:[^']|'')*')|(?P<number>-?\d+(?:\.\d+)?)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)|(?P<symbol><>|[*,().=]))"
)
_KEYWORDS = frozenset({"select", "from", "where", "and", "or", "as"})


class _Token(NamedTuple):
    kind: str
    text: str


def parse(sql: str) -> Statement:
    """The statement of one rule. Raises SqlError naming what is not supported."""
    try:
        return _Parser(_tokens(sql)).statement()
    except SqlError as error:
        raise SqlError(f"{error} in rule SQL: {sql!r}") from None


def _tokens(sql: str) -> list[_Token]:
    tokens: list[_Token] = []
    position = 0
    end = len(sql.rstrip())
    while position < end:
        found = _TOKEN.match(sql, position)
        if found is None or found.lastgroup is None:
            raise SqlError(f"not supported at {sql[position:].strip()[:20]!r}")
        text = found[found.lastgroup]
        is_keyword = found.lastgroup == "name" and text.lower() in _KEYWORDS
        tokens.append(_Token("keyword", text.lower()) if is_keyword else _Token(found.lastgroup, text))
        position = found.end()
    tokens.append(_Token("end", "the end"))
    return tokens


class _Parser:
    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._position = 0

    def statement(self) -> Statement:
        self._expect("keyword", "select")
        items = [self._item()]
        while self._accept("symbol", ","):
            items.append(self._item())
        self._expect("keyword", "from")
        topic_filter = _unquoted(self._expect("string"))
        if not valid_filter(topic_filter):
            raise SqlError(f"{topic_filter!r} is no topic filter")
        where = self._any_of() if self._accept("keyword", "where") else None
        self._expect("end")
        return Statement(_distinct(items), topic_filter, where)

    def _item(self) -> SelectItem:
        expression = self._expression()
        alias = self._expect("name") if self._accept("keyword", "as") else _implied_alias(expression)
        if isinstance(expression, Star) and alias is not None:
            raise SqlError("'* AS name' is not supported")
        return SelectItem(expression, alias)

    def _any_of(self) -> Condition:
        terms = [self._all_of()]
        while self._accept("keyword", "or"):
            terms.append(self._all_of())
        return terms[0] if len(terms) == 1 else Logical(every=False, terms=tuple(terms))

    def _all_of(self) -> Condition:
        terms = [self._term()]
        while self._accept("keyword", "and"):
            terms.append(self._term())
        return terms[0] if len(terms) == 1 else Logical(every=True, terms=tuple(terms))

    def _term(self) -> Condition:
        if self._accept("symbol", "("):
            inner = self._any_of()
            self._expect("symbol", ")")
            return inner
        left = self._expression()
        negated = self._accept("symbol", "<>")
        if not negated:
            self._expect("symbol", "=")
        right = self._expression()
        if isinstance(left, Star) or isinstance(right, Star):
            raise SqlError("'*' is not supported in a comparison")
        return Comparison(left, right, negated)

    def _expression(self) -> Expression:
        token = self._next()
        match token.kind:
            case "symbol" if token.text == "*":
                return Star()
            case "string":
                return Literal(_unquoted(token.text))
            case "number":
                return Literal(float(token.text) if "." in token.text else int(token.text))
            case "name" if token.text.lower() in ("true", "false"):
                return Literal(token.text.lower() == "true")
            case "name":
                return self._call(token.text) if self._accept("symbol", "(") else self._path(token.text)
        raise SqlError(f"expected an expression, found {token.text!r}")

    def _path(self, first: str) -> Path:
        keys = [first]
        while self._accept("symbol", "."):
            keys.append(self._expect("name"))
        return Path(tuple(keys))

    def _call(self, name: str) -> Call:
        arguments: list[Expression] = []
        if not self._accept("symbol", ")"):
            arguments.append(self._expression())
            while self._accept("symbol", ","):
                arguments.append(self._expression())
            self._expect("symbol", ")")
        call = Call(name.lower(), tuple(arguments))
        _check_call(call)
        return call

    def _next(self) -> _Token:
        token = self._tokens[self._position]
        self._position = min(self._position + 1, len(self._tokens) - 1)
        return token

    def _accept(self, kind: str, text: str) -> bool:
        if self._tokens[self._position] != (kind, text):
            return False
        self._position += 1
        return True

    def _expect(self, kind: str, text: str | None = None) -> str:
        token = self._next()
        if token.kind != kind or (text is not None and token.text != text):
            raise SqlError(f"expected {(text or kind).upper()}, found {token.text!r}")
        return token.text


def _unquoted(text: str) -> str:
    return text[1:-1].replace("''", "'")


def _implied_alias(expression: Expression) -> str | None:
    match expression:
        case Star():
            return None
        case Path(keys):
            return keys[-1]
        case Call(name, _):
            return name
        case Literal(value):
            raise SqlError(f"the literal {value!r} needs an AS")


def _distinct(items: list[SelectItem]) -> tuple[SelectItem, ...]:
    names = [item.alias for item in items]
    repeated = sorted({str(name) for name in names if names.count(name) > 1})
    if repeated:
        raise SqlError(f"selected twice: {', '.join(repeated)}")
    return tuple(items)


def _check_call(call: Call) -> None:
    function = FUNCTIONS.get(call.name)
    if function is None:
        raise SqlError(f"function {call.name}() is not supported")
    if len(call.arguments) not in function.arity:
        raise SqlError(f"{call.name}() does not take {len(call.arguments)} arguments")
    if call.name == "encode" and call.arguments[1] != Literal("base64"):
        raise SqlError("encode() supports 'base64' only")
    if call.name == "topic" and call.arguments:
        number = call.arguments[0]
        # bool is an int to Python.
        if not isinstance(number, Literal) or type(number.value) is not int or number.value < 1:
            raise SqlError("topic() takes the number of a level, from 1")
