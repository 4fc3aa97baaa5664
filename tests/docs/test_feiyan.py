"""docs/feiyan.md: errors and versions; test_operations.py looks at its operations."""

import re

from chalicelib.dialects.feiyan import errors
from chalicelib.dialects.feiyan.dictionary import DICTIONARY
from chalicelib.dialects.feiyan.routes import api
from tests.docs.markdown import doc, rows, section

PAGE = doc("feiyan.md")


def test_every_code_that_occurs_is_told_and_no_other() -> None:
    found = {200, errors.REQUIRED, int(errors.INTERNAL.code)}
    for operation in api.operations:
        for kind in (*operation.raises, *api.defaults):
            found.add(int(api.fault(kind, operation).code))
    told = {int(code): said for code, said in rows(section(PAGE, "## Errors"))}
    assert set(told) == found
    for code, said in told.items():
        assert said == DICTIONARY[code].english.format(field="xxx")


def test_versions_are_those_that_are_served() -> None:
    told = {}
    for row in rows(section(PAGE, "## Operations")):
        path = re.search(r"`POST (/\S+)`", row[1])
        assert path is not None
        told[path[1]] = row[2]
    served = {each.path: each.about.version if each.about else "" for each in api.operations}
    assert told == served
