"""Fails a run of the whole suite by whose calls the functions' policies do not hold (`tests.rights`).

A narrowed run, or one with failures, calls less than the functions do: it is not judged. What a whole run
called is kept for `make rights`, even where tests failed.
"""

from itertools import pairwise
from pathlib import Path

import pytest

from tests import rights as gate
from tests.support import rights

FOUND = pytest.StashKey[list[str]]()
NARROWING = {  # options of pytest's, each with the value that leaves the suite whole
    "keyword": "",
    "deselect": None,
    "ignore": None,
    "ignore_glob": None,
    "lf": False,
    "stepwise": False,
    "collectonly": False,
    "pyargs": False,
}


def whole(config: pytest.Config) -> bool:
    """Whether nothing narrows the run: all of `testpaths`, the marks of `addopts`, no option that selects."""
    asked = {Path(config.invocation_params.dir, argument).resolve() for argument in config.args}
    paths = {Path(config.rootpath, path).resolve() for path in config.getini("testpaths")}
    return (
        asked == paths
        and any(f"-m {config.option.markexpr}" == option for option in _pairs(config.getini("addopts")))
        and all(getattr(config.option, name, usual) == usual for name, usual in NARROWING.items())
    )


def _pairs(options: list[str]) -> list[str]:
    return [" ".join(pair) for pair in pairwise(options)]


def finish(session: pytest.Session) -> None:
    """Judge a whole run that passed: what is wrong fails it."""
    ended = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
    if session.exitstatus not in ended or not whole(session.config):
        return
    gate.keep(rights.made)
    if session.exitstatus != pytest.ExitCode.OK:
        return
    found = gate.judge(rights.made)
    session.config.stash[FOUND] = found
    if found:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def report(terminal: pytest.TerminalReporter) -> None:
    found = terminal.config.stash.get(FOUND, [])
    if found:
        terminal.section("AWS calls and the functions' policies")
        for line in found:
            terminal.line(line)
