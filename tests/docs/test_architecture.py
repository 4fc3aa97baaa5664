"""docs/architecture.md: every function, table, queue and metric, and what is remembered for how long."""

import ast
import re
from typing import Any

import app
from chalicelib import context
from chalicelib.aws import encryption
from chalicelib.core import accounts, authority, keys, links, operators, products, rules, tokens, users
from chalicelib.logs import FIELDS
from chalicelib.metrics import OF_JOBS, OF_REQUESTS
from infra.local.template import DATA, resources
from tests.docs.markdown import ROOT, code, doc, rows, section, text

PAGE = doc("architecture.md")


def declared(kind: str) -> list[dict[str, Any]]:
    return [item.properties for item in resources(DATA, Prefix="p") if item.type == kind]


def names(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_tables_with_their_keys_and_indexes() -> None:
    told = {names(row[0])[0]: (names(row[1]), names(row[2])) for row in rows(section(PAGE, "## Tables"))}
    held = {
        table["TableName"].removeprefix("p-"): (
            [part["AttributeName"] for part in sorted(table["KeySchema"], key=lambda part: part["KeyType"])],
            [index["IndexName"] for index in table.get("GlobalSecondaryIndexes", [])],
        )
        for table in declared("AWS::DynamoDB::Table")
    }
    assert told == held


def test_queues_with_their_dead_letter_queues() -> None:
    told = {names(row[0])[0]: names(row[2]) for row in rows(section(PAGE, "## Queues"))}
    queues = [item for item in resources(DATA, Prefix="p") if item.type == "AWS::SQS::Queue"]
    short = {item.logical: item.properties["QueueName"].removeprefix("p-") for item in queues}
    held: dict[str, list[str]] = {}
    for item in queues:
        redrive = item.properties.get("RedrivePolicy")
        held[short[item.logical]] = [short[redrive["deadLetterTargetArn"].resource]] if redrive else []
        assert redrive is None or redrive["maxReceiveCount"] == 5
    assert told == held


def test_functions() -> None:
    told = {names(row[0])[0] for row in rows(section(PAGE, "## Functions"))}
    plain = {function.name for function in app.app.pure_lambda_functions}
    assert told == plain | {source.name for source in app.app.event_sources} | {"api_handler"}


def metrics() -> set[str]:
    """First arguments of every call of `count` or `gauge` that is a text, and those of requests and jobs."""
    found = set()
    for path in (ROOT / "chalicelib").rglob("*.py"):
        for node in ast.walk(ast.parse(text(path))):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            first = node.args[0]
            if (
                called in ("count", "gauge")
                and isinstance(first, ast.Constant)
                and re.match("[A-Z]", str(first.value))
            ):
                found.add(str(first.value))
    return found | {*OF_REQUESTS, *OF_JOBS}


def test_metrics() -> None:
    told = {names(row[0])[0] for row in rows(section(PAGE, "## Logs and metrics"))}
    assert told == metrics()
    assert {"CallbackGivenUp", "ConnectedDevices", "Requests"} <= told


def test_fields_of_log_lines_and_of_the_context() -> None:
    told = code(section(PAGE, "## Logs and metrics").partition("**Metrics**")[0])
    assert told - {"polything", "dropped"} == FIELDS | set(context.FIELDS)


def test_what_is_remembered() -> None:
    told = [row[1] for row in rows(section(PAGE, "## What a process remembers"))]
    kept_for = (
        tokens.FRESH,
        authority.FRESH,
        keys.FRESH,
        operators.FRESH,
        accounts.FRESH,
        users.FRESH,
        rules.FRESH,
        products.FRESH,
        products.FRESH,
        links.FRESH,
        encryption.FRESH * 1000,
    )
    assert [cell for cell in told if cell.endswith(" s")] == [f"{kept // 1000} s" for kept in kept_for]


def test_everything_that_is_remembered_is_told() -> None:
    """A module of core that remembers has a `forget`; the last rows are of data keys, and of what lives with
    the process.
    """
    remembering = [
        path for path in (ROOT / "chalicelib" / "core").glob("*.py") if "\ndef forget(" in text(path)
    ]
    assert len(rows(section(PAGE, "## What a process remembers"))) == len(remembering) + 2
