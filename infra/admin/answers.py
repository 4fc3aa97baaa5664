"""What a command has to say, for a person or, with --json, for a program."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

SHOWN_ONCE = "The secret is shown only now: keep it."


@dataclass(frozen=True)
class Answer:
    """`value` is what --json prints; `text` says the same in words."""

    value: Any
    text: str


def printed(answer: Answer, *, as_json: bool) -> str:
    return json.dumps(answer.value, indent=2, ensure_ascii=False) if as_json else answer.text


def fields(pairs: dict[str, Any]) -> str:
    """Names and values below each other; what has no value is left out."""
    shown = {name: value for name, value in pairs.items() if value not in (None, "")}
    width = max(map(len, shown), default=0)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in shown.items())


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], *, empty: str) -> str:
    """Rows in columns, or `empty` where there are none."""
    if not rows:
        return empty
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (heads, *rows)
    ]
    return "\n".join(lines)


def time_text(at: int) -> str:
    """Milliseconds as ISO 8601, UTC."""
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
