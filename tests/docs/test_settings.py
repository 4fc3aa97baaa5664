"""docs/settings.md names every environment variable that the code reads or sets, and no other."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from infra.local.aws import Emulator
from tests.docs.markdown import ROOT, doc, rows, section, text

NAMED = re.compile(r"(POLYTHING|AWS|POWERTOOLS)_[A-Z0-9_]*[A-Z0-9]|NO_PROXY|no_proxy")
MAPPINGS = {"environ", "env"}
MAKE = "## Of make"


def sources() -> list[Path]:
    return [ROOT / "app.py", *(ROOT / "chalicelib").rglob("*.py"), *(ROOT / "infra").rglob("*.py")]


def is_environment(node: ast.expr) -> bool:
    name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", None)
    return name in MAPPINGS


def read_in(tree: ast.AST) -> Iterator[str]:
    """Names that are looked up in an environment, and constants that look like a variable's name."""
    for node in ast.walk(tree):
        found: ast.expr | None = None
        if isinstance(node, ast.Subscript) and is_environment(node.value):
            found = node.slice
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr in ("get", "getenv") and is_environment(node.func.value) and node.args:
                found = node.args[0]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and NAMED.fullmatch(node.value):
            found = node
        if isinstance(found, ast.Constant):
            yield str(found.value)


def used() -> set[str]:
    names = {name for path in sources() for name in read_in(ast.parse(text(path)))}
    return names | set(re.findall(r'"(POLYTHING_\w+)":', text(ROOT / ".chalice" / "config.json")))


def documented() -> set[str]:
    page = doc("settings.md").replace(section(doc("settings.md"), MAKE), "")
    cells = [row[0] for row in rows(page)]
    return {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}


def test_every_variable_is_documented() -> None:
    assert used() - documented() == set()


def test_every_documented_variable_is_used() -> None:
    assert documented() - used() == set()


def test_the_finder_finds() -> None:
    tree = ast.parse("os.environ['A']; env.get('B', 1); NAMES = ('AWS_X',); other.get('C')")
    assert set(read_in(tree)) == {"A", "B", "AWS_X"}


def test_the_settings_that_the_application_has_no_default_for_say_so() -> None:
    shown = {row[0]: row[1] for row in rows(section(doc("settings.md"), "## Of the application"))}
    for name in ("POLYTHING_QUEUE_BASE", "POLYTHING_DATA_KEY", "POLYTHING_CALLBACK_ALLOW"):
        assert shown[f"`{name}`"] == "none"
    assert shown["`POLYTHING_STAGE`"] == "`dev`"
    assert shown["`POLYTHING_ACCOUNT`"] == "`000000000000`"


def test_the_emulators_settings_are_its_own(tmp_path: Path) -> None:
    assert "LOG_LEVEL" in Emulator(tmp_path)._settings()
    assert documented().isdisjoint(Emulator(tmp_path)._settings().keys() - {"LOG_LEVEL"})


def test_make_variables_are_documented() -> None:
    makefile = text(ROOT / "Makefile")
    shown = {row[0].strip("`") for row in rows(section(doc("settings.md"), MAKE))}
    assert shown == set(re.findall(r"^(\w+) \?=", makefile, re.MULTILINE)) | set(
        re.findall(r"\$\((ARGS)\)", makefile)
    )
