"""Declarations: one per operation, from which come validation, answer, errors and OpenAPI.

A view's own signature declares its types:

    @api.get("/things/{thingId}", source="Vendor 1.2", raises=(ThingNotFound,))
    def query_thing(call: Call[ThingPath, ThingQuery, None]) -> ThingAnswer:
        '''Query a thing.'''
        return mapping.thing(things.get(call.caller, call.path.thing_id))

Path, query and body types are msgspec structs (None where there is nothing to give); bounds stand
in their annotations. A view that reads headers takes a `HeadedCall`, whose fourth type declares them.
An answer of None goes out as an empty body.
"""

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, get_args, get_type_hints

from ..core.errors import PolythingError
from . import validation
from .cors import Cors
from .request import Answer, Request

P = TypeVar("P")
Q = TypeVar("Q")
B = TypeVar("B")
H = TypeVar("H")
View = Callable[[Any], Any]  # of a Call


@dataclass(frozen=True)
class Fault:
    """How one error goes out: HTTP status, the dialect's code and text."""

    status: int
    code: str
    text: str


def nearest(
    kind: type[PolythingError], *tables: Mapping[type[PolythingError], Fault], unknown: Fault
) -> Fault:
    """The entry of the nearest ancestor of an error; of one ancestor, that of the first table."""
    for ancestor in kind.__mro__:
        for table in tables:
            if ancestor in table:
                return table[ancestor]
    return unknown


@dataclass(frozen=True)
class Call(Generic[P, Q, B]):
    """What a view works on: the caller and the validated parts of the request."""

    caller: Any
    path: P
    query: Q
    body: B
    request: Request


@dataclass(frozen=True)
class HeadedCall(Call[P, Q, B], Generic[P, Q, B, H]):
    """A call with the validated headers that its operation declares."""

    headers: H


@dataclass(frozen=True)
class Operation:
    name: str
    method: str
    path: str
    also: tuple[str, ...]  # older paths that the same code answers
    source: str
    summary: str
    description: str
    path_type: type[Any] | None
    query_type: type[Any] | None
    body_type: type[Any] | None
    headers_type: type[Any] | None
    answer_type: Any
    status: int
    raises: tuple[type[PolythingError], ...]
    faults: Mapping[type[PolythingError], Fault]  # where this operation answers otherwise than its dialect
    public: bool
    form: bool  # the body may be a form as well as JSON
    raw: tuple[str, ...]  # media types of a body that the view reads as it is
    about: Any  # what the dialect itself has to know of it
    view: View


@dataclass(frozen=True)
class Webhook:
    """A notification pushed to an app."""

    name: str
    source: str
    summary: str
    body_type: type[Any]


class Api:
    """All operations of one dialect and how it speaks."""

    def __init__(
        self,
        name: str,
        title: str,
        *,
        authenticate: Callable[[Request, Operation], Any],
        render: Callable[[Exception, Operation | None], Answer],
        fault: Callable[[type[PolythingError], Operation | None], Fault],
        error_type: type[Any],
        encode: Callable[[Any, int], Answer],
        security: Mapping[str, Any],
        defaults: Sequence[type[PolythingError]] = (),
        cors: Cors | None = None,
        lax: bool = False,
    ) -> None:
        self.name = name
        self.title = title
        self.authenticate = authenticate
        self.render = render
        self.fault = fault
        self.error_type = error_type
        self.encode = encode
        self.security = security
        self.defaults = tuple(defaults)  # errors that every operation with a caller may answer
        self.cors = cors
        self.lax = lax  # a body may give a number or a truth value as text: "1", "true"
        self.operations: list[Operation] = []
        self.webhooks: list[Webhook] = []
        self._tree = _Tree()

    def operation(
        self,
        method: str,
        path: str,
        *,
        source: str,
        also: Sequence[str] = (),
        status: int = 200,
        raises: Sequence[type[PolythingError]] = (),
        faults: Mapping[type[PolythingError], Fault] | None = None,
        public: bool = False,
        form: bool = False,
        raw: Sequence[str] = (),
        about: Any = None,
    ) -> Callable[[View], View]:
        def declare(view: View) -> View:
            hints = get_type_hints(view)
            parts = [None if part is type(None) else part for part in get_args(hints["call"])]
            path_type, query_type, body_type, headers_type = (*parts, None)[:4]
            summary, _, description = inspect.cleandoc(view.__doc__ or "").partition("\n")
            made = Operation(
                name=view.__name__,
                method=method,
                path=path,
                also=tuple(also),
                source=source,
                summary=summary.strip(),
                description=description.strip(),
                path_type=path_type,
                query_type=query_type,
                body_type=body_type,
                headers_type=headers_type,
                answer_type=hints["return"],
                status=status,
                raises=tuple(raises),
                faults=dict(faults or {}),
                public=public,
                form=form,
                raw=tuple(raw),
                about=about,
                view=view,
            )
            self.operations.append(made)
            for route in (path, *made.also):
                self._tree.add(method, route, made)
            return view

        return declare

    def get(self, path: str, **rest: Any) -> Callable[[View], View]:
        return self.operation("GET", path, **rest)

    def post(self, path: str, **rest: Any) -> Callable[[View], View]:
        return self.operation("POST", path, **rest)

    def put(self, path: str, **rest: Any) -> Callable[[View], View]:
        return self.operation("PUT", path, **rest)

    def delete(self, path: str, **rest: Any) -> Callable[[View], View]:
        return self.operation("DELETE", path, **rest)

    def webhook(self, name: str, body_type: type[Any], *, source: str, summary: str) -> None:
        self.webhooks.append(Webhook(name, source, summary, body_type))

    def match(self, method: str, segments: tuple[str, ...]) -> "Match":
        return self._tree.match(method, segments)

    # What a dialect does otherwise whose requests and answers come in an envelope of its own.

    def find(self, request: Request) -> "Match":
        return self.match(request.method, request.segments)

    def body(self, operation: Operation, kind: type[Any], request: Request) -> Any:
        """The body as its declared type. Raises InvalidInput."""
        return validation.body(request.body, kind, form=operation.form, lax=self.lax)

    def answer(self, operation: Operation, request: Request, value: Any) -> Answer:
        return self.encode(value, operation.status)

    def refuse(self, operation: Operation | None, request: Request | None, error: Exception) -> Answer:
        """`request` is None where an example is wanted."""
        return self.render(error, operation)

    def body_type(self, operation: Operation) -> Any:
        """What the whole body holds, for the OpenAPI document."""
        return operation.body_type

    def answer_type(self, operation: Operation) -> Any:
        return operation.answer_type


@dataclass(frozen=True)
class Match:
    """`operation` is None where nothing matches; then `allowed` names the verbs the path does know."""

    operation: Operation | None
    values: Mapping[str, str] = field(default_factory=dict)
    allowed: tuple[str, ...] = ()


@dataclass
class _Node:
    literal: dict[str, "_Node"] = field(default_factory=dict)
    variable: "_Node | None" = None
    routes: dict[str, tuple[Operation, tuple[str, ...]]] = field(default_factory=dict)


class _Tree:
    """Routes by segment: a literal before a variable, whatever the order of declaration."""

    def __init__(self) -> None:
        self._root = _Node()

    def add(self, method: str, path: str, operation: Operation) -> None:
        node, names = self._root, []
        for part in path.strip("/").split("/"):
            variable = re.fullmatch(r"\{(\w+)\}", part)
            if variable:
                names.append(variable[1])
                node.variable = node.variable or _Node()
                node = node.variable
            else:
                node = node.literal.setdefault(part, _Node())
        if method in node.routes:
            raise ValueError(f"{method} {path} is declared twice")
        node.routes[method] = (operation, tuple(names))

    def match(self, method: str, segments: tuple[str, ...]) -> Match:
        allowed: set[str] = set()
        for node, values in self._leaves(self._root, segments, ()):
            if method in node.routes:
                operation, names = node.routes[method]
                return Match(operation, dict(zip(names, values, strict=True)))
            allowed |= set(node.routes)
        return Match(None, {}, tuple(sorted(allowed)))

    def _leaves(self, node: _Node, rest: tuple[str, ...], values: tuple[str, ...]) -> Any:
        if not rest:
            if node.routes:
                yield node, values
            return
        literal = node.literal.get(rest[0])
        if literal is not None:
            yield from self._leaves(literal, rest[1:], values)
        if node.variable is not None and rest[0]:
            yield from self._leaves(node.variable, rest[1:], (*values, rest[0]))
