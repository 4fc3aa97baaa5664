"""Each dialect's page tells its operations, with their sections and older paths, and no other."""

import json
import re
from functools import cache
from typing import Any

import pytest

import app
from chalicelib.handlers import http
from tests.docs.markdown import DOCS, doc, rows, section

CALL = re.compile(r"`([A-Z]+) (/\S+)`")
SECTION = re.compile(r"\d+(?:\.\d+)*")
SOURCE = re.compile(r"Source: [\w ]+? (\d+(?:\.\d+)*)")
DIALECTS = sorted(set(app.DIALECTS.values()))
PAGES = [name for name in DIALECTS if (DOCS / f"{name}.md").is_file()]  # test_readme.py misses the others


@cache
def paths() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(http.openapi(tuple(DIALECTS)))["paths"]
    return found


def operations(dialect: str, *, deprecated: bool) -> set[tuple[str, str, str]]:
    """Verb, path, section; "" where the vendor's document has none."""
    found = set()
    for path, item in paths().items():
        for verb, operation in item.items():
            if operation.get("deprecated", False) is deprecated and dialect in operation["tags"]:
                number = SOURCE.search(operation["description"])
                found.add((verb.upper(), path, number[1] if number else ""))
    return found


def told(dialect: str) -> set[tuple[str, str, str]]:
    table = rows(section(doc(f"{dialect}.md"), "## Operations"))
    calls = [(CALL.search(row[1]), row[0]) for row in table if len(row) > 1]
    return {(call[1], call[2], cell if SECTION.fullmatch(cell) else "") for call, cell in calls if call}


def told_older(dialect: str) -> set[tuple[str, str]]:
    """Path and section."""
    page = doc(f"{dialect}.md")
    if "### Older paths" not in page:
        return set()
    return {
        (path, number)
        for row in rows(section(page, "### Older paths"))
        for path in re.findall(r"`(/\S+)`", row[0])
        for number in SECTION.findall(row[1])
    }


@pytest.mark.parametrize("dialect", PAGES)
def test_every_operation_is_told_and_no_other(dialect: str) -> None:
    assert told(dialect) == operations(dialect, deprecated=False)


@pytest.mark.parametrize("dialect", PAGES)
def test_every_older_path_is_told_and_no_other(dialect: str) -> None:
    assert told_older(dialect) == {(path, number) for _, path, number in operations(dialect, deprecated=True)}


def test_the_finder_finds() -> None:
    assert len(told("huawei")) > 40
    assert len(told_older("huawei")) > 10
