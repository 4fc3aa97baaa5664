"""Finds a request's route as API Gateway does: literal segments before {x} before {proxy+}.

Stands in for `chalice.local.RouteMatcher`, which matches one segment of a greedy path variable only
(github.com/aws/chalice/issues/2118).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from chalice import local


@dataclass
class _Node:
    """What may follow a path prefix."""

    route: str | None = None
    literals: dict[str, "_Node"] = field(default_factory=dict)
    variable: tuple[str, "_Node"] | None = None
    greedy: tuple[str, str] | None = None  # variable name, route


class RouteMatcher(local.RouteMatcher):
    def __init__(self, routes: Iterable[str]) -> None:
        self._root = _Node()
        for route in routes:
            self._add(route)

    def _add(self, route: str) -> None:
        node = self._root
        for segment in _segments(route):
            if segment.startswith("{") and segment.endswith("+}"):
                node.greedy = (segment[1:-2], route)
                return
            if segment.startswith("{") and segment.endswith("}"):
                node.variable = node.variable or (segment[1:-1], _Node())
                node = node.variable[1]
            else:
                node = node.literals.setdefault(segment, _Node())
        node.route = route

    def match_route(self, url: str) -> local.MatchResult:
        """The route, its path parameters as they arrived, and the decoded query. Raises ValueError."""
        path, _, query = url.partition("?")
        captured: dict[str, str] = {}
        route = _find(self._root, _segments(path), captured)
        if route is None:
            raise ValueError(f"no route for {path}")
        return local.MatchResult(route, captured, parse_qs(query, keep_blank_values=True) if query else {})


def _segments(path: str) -> list[str]:
    # API Gateway finds /a/ where /a is: one trailing slash is no segment
    trimmed = path.removeprefix("/").removesuffix("/")
    return trimmed.split("/") if trimmed else []


def _find(node: _Node, segments: Sequence[str], captured: dict[str, str]) -> str | None:
    if not segments:
        return node.route
    head, rest = segments[0], segments[1:]
    literal = node.literals.get(head)
    if literal is not None and (route := _find(literal, rest, captured)) is not None:
        return route
    if node.variable is not None and head:
        name, following = node.variable
        if (route := _find(following, rest, captured)) is not None:
            captured[name] = head
            return route
    if node.greedy is not None:
        name, route = node.greedy
        captured[name] = "/".join(segments)
        return route
    return None
