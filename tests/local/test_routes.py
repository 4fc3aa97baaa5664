"""Route look-up as API Gateway does it."""

import pytest

from infra.local.gateway import origin_form
from infra.local.routes import RouteMatcher

ROUTES = [
    "/",
    "/{proxy+}",
    "/devices",
    "/devices/{id}",
    "/devices/all",
    "/devices/{id}/commands",
    "/files/{path+}",
]


@pytest.mark.parametrize(
    ("path", "route", "captured"),
    [
        ("/", "/", {}),
        ("/devices", "/devices", {}),
        ("/devices/", "/devices", {}),
        ("/devices/all", "/devices/all", {}),
        ("/devices/7", "/devices/{id}", {"id": "7"}),
        ("/devices/all/commands", "/devices/{id}/commands", {"id": "all"}),
        ("/devices/7/else", "/{proxy+}", {"proxy": "devices/7/else"}),
        ("/files/a/b/c", "/files/{path+}", {"path": "a/b/c"}),
        ("/files", "/{proxy+}", {"proxy": "files"}),
        ("/unknown/path/", "/{proxy+}", {"proxy": "unknown/path"}),
        ("/devices/a%2Fb%20c", "/devices/{id}", {"id": "a%2Fb%20c"}),
        ("/devices/a;v=1", "/devices/{id}", {"id": "a;v=1"}),
        ("/a//b", "/{proxy+}", {"proxy": "a//b"}),
    ],
)
def test_literal_before_variable_before_greedy(path: str, route: str, captured: dict[str, str]) -> None:
    match = RouteMatcher(ROUTES).match_route(path)
    assert (match.route, match.captured) == (route, captured)


def test_blank_and_repeated_query_values_are_kept() -> None:
    match = RouteMatcher(ROUTES).match_route("/devices?a=1&b=&a=2&c&d=x%20y+z")
    assert match.query_params == {"a": ["1", "2"], "b": [""], "c": [""], "d": ["x y z"]}


def test_no_route() -> None:
    with pytest.raises(ValueError, match="no route"):
        RouteMatcher(["/a"]).match_route("/b")


@pytest.mark.parametrize(
    ("target", "path"),
    [("/a?b", "/a?b"), ("http://host:1/a?b=c", "/a?b=c"), ("http://host", "/"), ("*", "*")],
)
def test_a_whole_url_as_target(target: str, path: str) -> None:
    assert origin_form(target) == path
