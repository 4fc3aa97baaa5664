"""docs/security.md names every line that is logged."""

import ast
from collections.abc import Iterator

from tests.docs.markdown import ROOT, code, doc, section, text

LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}


def logged(tree: ast.AST) -> Iterator[str]:
    """Messages of `logger().info("…")` and its like."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in LEVELS
            and isinstance(node.func.value, ast.Call)
            and isinstance(node.args[0], ast.Constant)
        ):
            yield str(node.args[0].value)


def test_every_line_is_named_and_no_other() -> None:
    held = {line for path in (ROOT / "chalicelib").rglob("*.py") for line in logged(ast.parse(text(path)))}
    table = "\n".join(
        line.split("|")[1]
        for line in section(doc("security.md"), "## What is logged").splitlines()
        if "|" in line
    )
    assert code(table) == held


def test_the_finder_finds() -> None:
    assert list(logged(ast.parse("logger().info('a', extra={}); _log().exception('b'); math.log('c')"))) == [
        "a",
        "b",
    ]
