"""docs/ctwing.md: codes, times and the signature that it tells are those of the code."""

import re

from chalicelib.core import clock, command_queue, command_states
from chalicelib.dialects.ctwing import auth, errors, routes, schema
from chalicelib.web.operations import Fault
from tests.docs.markdown import doc, rows, section

PAGE = doc("ctwing.md").replace("\n", " ").replace("  ", " ")


def produced() -> set[tuple[str, str]]:
    """Status and code of every error that some operation can answer."""
    faults: list[Fault] = [errors.NO_OPERATION, errors.INTERNAL]
    for operation in routes.api.operations:
        kinds = (*operation.raises, *(() if operation.public else routes.api.defaults))
        faults += [errors.fault(kind, operation) for kind in kinds]
    return {(str(each.status), each.code) for each in faults}


def test_every_error_is_told_and_no_other() -> None:
    told = {(row[0], row[1]) for row in rows(section(doc("ctwing.md"), "## Errors"))}
    assert told == produced()


def test_times() -> None:
    assert f"{auth.WINDOW // clock.MINUTE} minutes" in PAGE
    assert f"absent it is {schema.DEFAULT_TTL:,} s" in PAGE
    assert f"within {command_states.IMMEDIATE_LASTS} s never leaves" in PAGE
    assert f"version {schema.VERSION})" in PAGE
    assert command_queue.MOST_WAITING == 20


def test_the_signed_text_is_the_one_that_is_shown() -> None:
    shown = re.findall(r"^(\w+):<\w+>$", section(doc("ctwing.md"), "## Signature"), re.MULTILINE)
    text = auth._text("key", "5", {"b": "2", "MasterKey": "1"}, b"{}").decode()
    assert [line.partition(":")[0] for line in text.splitlines()] == [*shown, "MasterKey", "b", "{}"]
