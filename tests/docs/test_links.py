"""Links lead somewhere, and no document names a place that only its writer has."""

import re
from pathlib import Path

import pytest

from tests.docs.markdown import DOCS, ROOT, anchors, documents, prose, text

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
# a checkout's or a home's place, a package index; said in pieces, so that this file does not name one
FOREIGN = re.compile(
    r"(?<!/living)/(?:wor"
    r"k|hom"
    r"e|roo"
    r"t|User"
    r"s|op"
    r"t)/"
    r"|\bpypi\b|pythonhosted|localhost:\d{4,}|\.internal\b",
    re.I,
)


def relative_links(path: Path) -> list[str]:
    links = LINK.findall(prose(text(path)))
    return [link for link in links if not re.match(r"[a-z]+:", link)]


@pytest.mark.parametrize("path", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_relative_link_resolves(path: Path) -> None:
    for link in relative_links(path):
        target, _, anchor = link.partition("#")
        place = (path.parent / target).resolve() if target else path
        assert place.exists(), f"{link} leads nowhere"
        assert place.is_relative_to(ROOT), f"{link} leads out of the project"
        if anchor:
            assert anchor in anchors(text(place)), f"{link}: no such heading"


@pytest.mark.parametrize("path", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_document_names_a_place_of_its_writer(path: Path) -> None:
    found = FOREIGN.search(text(path))
    assert found is None, f"{found and found[0]!r}"
    assert str(ROOT) not in text(path)


def test_every_page_is_reached_from_the_readme() -> None:
    linked = {(ROOT / link.partition("#")[0]).resolve() for link in relative_links(ROOT / "README.md")}
    pages = set(DOCS.glob("*.md")) | {
        ROOT / "CONTRIBUTING.md",
        ROOT / "CHANGELOG.md",
        DOCS / "adr",
    }
    assert pages <= linked


def test_every_decision_is_cited() -> None:
    """A decision that no document leads to is not found by whom it concerns; the first is about the rest."""
    cited = {
        link.partition("#")[0].rpartition("/")[2] for path in documents() for link in relative_links(path)
    }
    numbered = {path.name for path in (DOCS / "adr").glob("*.md")} - {"0001-records-of-decisions.md"}
    assert numbered - cited <= {"0003-pynamodb-on-one-connection.md"}
