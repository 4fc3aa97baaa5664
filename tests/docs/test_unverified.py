"""docs/unverified.md: every check of `make verify-aws` names a statement that stands there."""

import re

from infra.verify.__main__ import CHECKS
from tests.docs.markdown import doc

STATEMENTS = [
    " ".join(each.split())
    for each in re.split(r"\n(?=- |\n|#)", doc("unverified.md"))
    if each.startswith("- ")
]


def test_every_check_proves_a_statement() -> None:
    for check in CHECKS:
        [found] = [each for each in STATEMENTS if each.startswith(f"- {check.proves}")]
        assert f"(`{check.name}`)" in found, check.name


def test_no_statement_names_a_check_that_is_not_there() -> None:
    told = {name for each in STATEMENTS for name in re.findall(r"\(`([a-z-]+)`\)", each)}
    assert told == {each.name for each in CHECKS}
