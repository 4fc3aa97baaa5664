"""docs/local-cloud.md: options of the local cloud and the demo, files, limits of the broker."""

import argparse
import re
from dataclasses import fields
from pathlib import Path

from infra.local import __main__ as local
from infra.local import demo, running
from infra.local.broker import AWS, LENIENT, Limits
from infra.local.sources import Pace
from infra.local.state import _KEPT, StateDirectory
from tests.docs.markdown import doc, rows, section

PAGE = doc("local-cloud.md")


def options(parser: argparse.ArgumentParser) -> dict[str, object]:
    """Default by long name."""
    return {
        name: action.default
        for action in parser._actions
        for name in action.option_strings
        if name.startswith("--")
    }


def shown(heading: str) -> dict[str, str]:
    return {row[0].strip("`"): row[1] for row in rows(section(PAGE, heading)) if row[0].startswith("`--")}


def check(heading: str, parser: argparse.ArgumentParser) -> None:
    defaults, told = options(parser), shown(heading)
    assert told.keys() == defaults.keys()
    for name, default in defaults.items():
        if isinstance(default, str | int | float | Path) and default not in (argparse.SUPPRESS, False):
            assert told[name] == f"`{default}`", name
        elif default is False:
            assert told[name] == "off", name


def test_options_of_the_local_cloud() -> None:
    check("## Options", local.parser())


def test_options_of_the_demo() -> None:
    check("## The demo", demo.parser())


def test_files_of_the_state_directory(tmp_path: Path) -> None:
    part = section(PAGE, "## The state directory")
    told = {name for row in rows(part) for name in re.findall(r"`([\w.]+)`", row[0])}
    ours = {path.name for path in (StateDirectory(tmp_path).checkpoints, StateDirectory(tmp_path).demo)}
    assert told == {*_KEPT, *ours, "polything.log", "lock", running._file(tmp_path).name}
    forgotten = re.search(r"`--reset` removes (.*?) and begins", part.replace("\n", " "))
    assert forgotten
    assert set(re.findall(r"`([\w.]+)`", forgotten[1])) == set(_KEPT)


def number(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def test_limits_of_the_broker() -> None:
    told = {
        row[0].split("`")[1]: (row[1], row[2])
        for row in rows(section(PAGE, "## The broker"))
        if row[0].startswith("`")
    }
    held = {
        each.name: (number(getattr(AWS, each.name)), number(getattr(LENIENT, each.name)))
        for each in fields(Limits)
    }
    assert told == held


def test_paces_that_differ_from_aws() -> None:
    pace = Pace()
    assert f"come again after {pace.retry_after} s" in PAGE
    assert f"run every {pace.sweep_every:g} s" in PAGE
