"""Every bound in docs/limits.md is the constant's value."""

import re
from importlib import import_module
from typing import Any

import pytest

from tests.docs.markdown import doc, rows

UNITS = {  # a unit in the document: what the constant may count in
    "": (1,),
    "characters": (1,),
    "levels": (1,),
    "KB": (1024,),
    "MB": (1024**2,),
    "s": (1, 1000),
    "min": (60, 60_000),
    "h": (1, 3600, 3_600_000),
    "days": (1, 86_400, 86_400_000),
}
ROWS = [row for row in rows(doc("limits.md")) if len(row) == 3]


def constant(path: str) -> Any:
    module, _, name = path.strip("`").rpartition(".")
    whole = module if module.startswith("infra.") else f"chalicelib.{module}"
    return getattr(import_module(whole), name)


@pytest.mark.parametrize("row", ROWS, ids=[row[2].strip("`") for row in ROWS])
def test_the_bound_is_the_constant(row: list[str]) -> None:
    _, bound, path = row
    value = constant(path)
    found = re.fullmatch(r"(?P<numbers>[\d, ]+?)(?P<unit> [A-Za-z]+)?(, at most \d+)?", bound)
    assert found, f"{bound!r} is no bound"
    numbers = [int(part) for part in found["numbers"].split(",")]
    factors = UNITS[(found["unit"] or "").strip()]
    held = list(value) if isinstance(value, tuple) else [value]
    assert held in [[number * factor for number in numbers] for factor in factors]


def test_page_sizes_are_those_of_the_types() -> None:
    from chalicelib.dialects.huawei.routes import commands, queries, subscriptions

    document = doc("limits.md")
    for kind, shown in (
        (queries.DevicesQuery, "25, at most 250"),
        (queries.HistoryQuery, "1, at most 2000"),
        (commands.CommandQuery, "1000, at most 1000"),
    ):
        least, most = kind().page_size, kind.__annotations__["page_size"].__metadata__[0].le
        assert f"{least}, at most {most}" == shown
        assert f"| {shown} |" in document
    assert subscriptions.ListQuery().page_size == 10


def test_the_table_is_not_empty() -> None:
    assert len(ROWS) > 50
