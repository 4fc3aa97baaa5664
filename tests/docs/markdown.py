"""The project's documents, and what these tests look for in them."""

import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def documents() -> list[Path]:
    """Every Markdown file of the project."""
    folders = (DOCS, ROOT / "infra", ROOT / "tests", ROOT / "chalicelib")
    return sorted([*ROOT.glob("*.md"), *(path for folder in folders for path in folder.rglob("*.md"))])


@cache
def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def doc(name: str) -> str:
    """The text of a page in docs/."""
    return text(DOCS / name)


def prose(markdown: str) -> str:
    """Without what stands in fenced blocks."""
    return FENCE.sub("", markdown)


def code(markdown: str) -> set[str]:
    """What stands between single backticks."""
    return set(re.findall(r"`([^`\n]+)`", prose(markdown)))


def section(markdown: str, heading: str) -> str:
    """From a heading to the next of its level or a higher one. Raises ValueError where there is none."""
    marks = heading.partition(" ")[0]
    start = f"\n{markdown}".index(f"\n{heading}\n")
    after = markdown[start + len(heading) :]
    end = re.search(rf"^#{{1,{len(marks)}}} ", after, re.MULTILINE)
    return after[: end.start()] if end else after


def rows(markdown: str) -> list[list[str]]:
    """The cells of every table row but heads and rules."""
    found: list[list[str]] = []
    lines = prose(markdown).splitlines()
    for number, line in enumerate(lines):
        head = number + 1 < len(lines) and set(lines[number + 1]) <= set("|-: ") and "-" in lines[number + 1]
        if line.startswith("|") and not head and set(line) - set("|-: "):
            found.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))])
    return found


def slug(heading: str) -> str:
    """The anchor that GitHub makes of a heading."""
    plain = heading.replace("`", "").strip().lower()
    return re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")


def anchors(markdown: str) -> set[str]:
    return {slug(line.lstrip("#")) for line in prose(markdown).splitlines() if re.match(r"#{1,6} ", line)}
