"""docs/admin.md describes every command of the operator's command line and every option of it."""

import argparse
import re

from infra.admin.__main__ import parser
from tests.docs.markdown import doc, rows, section

EVERYWHERE = {"-h", "--help", "--json", "--state", "--local"}


def children(of: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    for action in of._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def commands() -> dict[str, argparse.ArgumentParser]:
    return {
        f"{noun} {verb}": found
        for noun, of in children(parser()).items()
        for verb, found in children(of).items()
    }


def headings() -> dict[str, str]:
    """The whole heading by command."""
    found = re.findall(r"^### `(([a-z]+ [a-z-]+).*)`$", doc("admin.md"), re.MULTILINE)
    return {command: whole for whole, command in found}


def test_every_command_has_its_part_and_no_other_has() -> None:
    assert headings().keys() == commands().keys()


def test_every_option_is_named_with_its_command() -> None:
    for command, found in commands().items():
        part = f"{headings()[command]} {section(doc('admin.md'), f'### `{headings()[command]}`')}"
        named = set(re.findall(r"--[a-z][a-z-]*", part)) - EVERYWHERE
        options = {name for action in found._actions for name in action.option_strings} - EVERYWHERE
        assert named == options, command


def test_required_options_and_arguments_stand_in_the_heading() -> None:
    for command, found in commands().items():
        for action in found._actions:
            shown = headings()[command]
            if action.required and action.option_strings:
                assert f"{action.option_strings[0]} {action.metavar or 'NAME'}" in shown, command
            elif not action.option_strings:
                assert str(action.metavar) in shown.split(), command


def test_options_of_every_command_are_described() -> None:
    page = doc("admin.md")
    for option in EVERYWHERE - {"-h"}:
        assert f"`{option}" in page
    assert {row[0] for row in rows(section(page, "## Which cloud"))} >= {"`--state DIR`", "`--local`"}
