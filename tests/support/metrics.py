"""The metrics that were written, as CloudWatch would read them."""

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Line:
    """One line in the embedded format. `sets` are the sets of dimensions of each of its metrics."""

    namespace: str
    sets: list[list[str]]
    units: dict[str, str]
    fields: dict[str, Any]


def read(printed: str) -> list[Line]:
    """Raises AssertionError for a line that CloudWatch would not take."""
    found = []
    for text in printed.splitlines():
        if not text.startswith('{"_aws"'):
            continue
        fields = json.loads(text)
        about = fields.pop("_aws")
        assert isinstance(about["Timestamp"], int)
        [declared] = about["CloudWatchMetrics"]
        units = {each["Name"]: each["Unit"] for each in declared["Metrics"]}
        assert all(isinstance(fields[name], int | float) for name in units)
        for dimensions in declared["Dimensions"]:
            assert all(isinstance(fields[name], str) and fields[name] for name in dimensions)
        found.append(Line(declared["Namespace"], declared["Dimensions"], units, fields))
    return found


def named(printed: str, name: str) -> list[dict[str, Any]]:
    """Fields of the lines that carry this metric."""
    return [line.fields for line in read(printed) if name in line.units]
