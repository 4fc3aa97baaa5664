"""README.md and CONTRIBUTING.md: commands that are quoted run, targets and versions are those there are."""

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib

import pytest

import app
from chalicelib.handlers import http
from chalicelib.version import VERSION
from infra.local import demo
from infra.local.__main__ import parser as local_parser
from infra.local.instructions import instructions
from tests.docs.markdown import FENCE, ROOT, doc, rows, section, text

README = text(ROOT / "README.md")
CONTRIBUTING = text(ROOT / "CONTRIBUTING.md")
TARGET = re.compile(r"\bmake (?:-s )?([a-z][a-z-]*)")


def targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):.*##", text(ROOT / "Makefile"), re.MULTILINE))


def run(*words: str) -> str:
    done = subprocess.run(
        words,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=os.environ | {"COLUMNS": "200"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_target_is_described_and_no_other() -> None:
    shown = {name for row in rows(section(CONTRIBUTING, "## Set-up")) for name in TARGET.findall(row[0])}
    assert shown == targets()


def test_every_target_that_a_document_names_exists() -> None:
    for page in (README, CONTRIBUTING, *(text(path) for path in (ROOT / "docs").glob("*.md"))):
        quoted = "\n".join([*re.findall(r"`([^`\n]+)`", page), *(block for _, block in FENCE.findall(page))])
        assert set(TARGET.findall(quoted)) <= targets()


def test_make_lists_its_targets_by_default() -> None:
    assert {line.split()[0] for line in run("make", "-s").splitlines()} == targets()


def test_make_openapi_prints_the_document_and_nothing_else() -> None:
    """The interpreter's own call, as the target makes it: make itself could begin to install."""
    assert "-m infra.openapi" in text(ROOT / "Makefile")
    assert json.loads(run(sys.executable, "-m", "infra.openapi"))["info"]["version"] == VERSION


@pytest.mark.parametrize("module", ["infra.local", "infra.local.demo", "infra.admin"])
def test_help_of_the_quoted_commands(module: str) -> None:
    assert f"usage: python -m {module}" in run(sys.executable, "-m", module, "--help")


def test_the_version_is_one() -> None:
    project = tomllib.loads(text(ROOT / "pyproject.toml"))["project"]
    assert project["version"] == VERSION
    assert f"Version {VERSION} " in README
    assert f"Python {project['requires-python'].removeprefix('>=')} or later" in README


def test_what_run_prints_is_shown() -> None:
    shown = next(block for _, block in FENCE.findall(README) if "local cloud is ready" in block)
    names = re.findall(r"^ +(?:demo )?(\w+) +\S", shown, re.MULTILINE)
    values = dict(re.findall(r"^ +(\w+) +(\w{32})$", shown, re.MULTILINE))
    at = {
        "http": "http://127.0.0.1:8743",
        "mqtt": {"host": "127.0.0.1", "port": 1883},
        "huawei": values,
        "xlink": {"accessKeyId": "id", "accessKeySecret": "secret"},
        "shadow": {"productId": "Py35WQalC5"},
        "feiyan": {"appKey": "key", "appSecret": "secret"},
    }
    printed = instructions(at, ".local")  # type: ignore[arg-type]
    assert names == ["APIs", "MQTT", "state", "log", "tenant", "appId", "secret", "productId"]
    head, _, rest = shown.partition("…\n")
    assert printed.startswith(head)
    assert printed.endswith(rest)


def test_the_demos_steps_are_shown() -> None:
    shown = re.findall(r"^ \d\. (.*)$", README, re.MULTILINE)
    told = re.findall(r'tell\(\s*"([^"]+)"', text(ROOT / "infra" / "local" / "demo.py"))
    assert shown == told
    assert demo.__doc__ is not None
    assert f"All {len(shown)} steps came true" in README


def test_every_dialect_that_is_built_has_a_page_and_a_row() -> None:
    built = {
        path.name
        for path in (ROOT / "chalicelib" / "dialects").iterdir()
        if (path / "routes").is_dir() or (path / "routes.py").is_file()
    }
    assert built == set(app.DIALECTS.values())
    state = section(README, "## What works")
    assert all(f"docs/{name}.md" in state for name in built)
    assert all(doc(f"{name}.md") for name in built)


def test_every_test_folder_is_described() -> None:
    told = {
        part for row in rows(section(CONTRIBUTING, "## Tests")) for part in re.findall(r"tests/(\w+)", row[0])
    }
    there = {
        path.name
        for path in (ROOT / "tests").iterdir()
        if any(path.glob("test_*.py")) or any(path.glob("*/test_*.py"))
    }
    assert there - {"__pycache__"} <= told
    assert all((ROOT / "tests" / name).is_dir() for name in told)


def test_the_changelog_has_a_part_for_what_is_not_released() -> None:
    assert re.search(r"^## Unreleased$", text(ROOT / "CHANGELOG.md"), re.MULTILINE)


CHINESE = text(ROOT / "README.zh.md")


def blocks(page: str) -> list[str]:
    """Fenced blocks but the one that explains folders in words."""
    return [block for _, block in FENCE.findall(page) if not block.startswith("app.py ")]


def commands(page: str) -> list[str]:
    """What a reader may paste: lines of blocks, and what stands between backticks."""
    lines = [line for block in blocks(page) for line in block.splitlines()]
    quoted = re.findall(r"`([^`\n]+)`", FENCE.sub("", page))
    return [line for line in (*lines, *quoted) if re.match(r"make |curl |\.venv/bin/python ", line)]


def test_both_languages_tell_of_the_same_commands_and_pages() -> None:
    assert blocks(README) == blocks(CHINESE)
    assert sorted(commands(README)) == sorted(commands(CHINESE))
    links = [set(re.findall(r"\]\(([\w./-]+)\)", page)) for page in (README, CHINESE)]
    assert links[0] - {"README.zh.md"} == links[1] - {"README.md"}
    sizes = [
        [len(rows(f"{part}")) for part in re.split(r"^## ", page, flags=re.M)] for page in (README, CHINESE)
    ]
    assert sizes[0] == sizes[1]
    folders = [
        [
            line.split()[0]
            for _, block in FENCE.findall(page)
            if block.startswith("app.py ")
            for line in block.splitlines()
        ]
        for page in (README, CHINESE)
    ]
    assert folders[0] == folders[1]
    assert f"{VERSION} " in CHINESE


def test_every_make_command_of_the_readme_is_one_that_make_would_run() -> None:
    made = [line for line in commands(README) if line.startswith("make ")]
    assert {"make run", "make test", "make demo", "make -s openapi"} <= set(made)
    for line in made:
        run(*shlex.split(line.replace("make ", "make -n ", 1)))
        options = re.search(r'ARGS="([^"]*)"', line)
        if options and "make run" in line:
            local_parser().parse_args(shlex.split(options[1]))


def test_every_other_command_of_the_readme_runs() -> None:
    """Those with curl are run against a cloud, in tests/e2e/test_readme.py."""
    others = [line for line in commands(README) if not line.startswith(("make ", "curl "))]
    assert others == [".venv/bin/python -m infra.admin --help"]
    for line in others:
        assert "usage" in run(sys.executable, *shlex.split(line)[1:])


def test_the_pages_of_our_own_are_told_in_both_languages() -> None:
    for page in (README, CHINESE):
        told = set(re.findall(r"`(?:http://127.0.0.1:8743)?/([\w.]+)`", page))
        assert told >= http.PAGES
