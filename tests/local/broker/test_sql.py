"""The rules SQL: what it computes, and what it refuses when a rule is loaded."""

from __future__ import annotations

import base64
import json
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.local.broker.sql import Message, SqlError
from infra.local.broker.sql_parser import parse

DOCUMENT = {
    "a": {"b": {"c": 5}},
    "text": "x",
    "n": 1.5,
    "yes": True,
    "nothing": None,
    "list": [1, 2],
    "it's": 1,
}


def run(sql: str, payload: Any = DOCUMENT, *, topic: str = "one/two", client: str | None = "dev") -> Any:
    raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return parse(sql).evaluate(Message(topic, raw, client, 1_700_000_000_123))


@pytest.mark.parametrize(
    ("selected", "event"),
    [
        ("a.b.c", {"c": 5}),
        ("a.b AS inner", {"inner": {"c": 5}}),
        ("text, n AS number", {"text": "x", "number": 1.5}),
        ("missing", {}),
        ("a.missing.c, text.x AS y, list.a AS z", {}),
        ("nothing", {"nothing": None}),
        ("'it''s' AS quote, 5 AS five, -1.5 AS less, true AS t, FALSE AS f",
         {"quote": "it's", "five": 5, "less": -1.5, "t": True, "f": False}),
        ("topic(), clientid(), timestamp()",
         {"topic": "one/two", "clientid": "dev", "timestamp": 1_700_000_000_123}),
        ("topic(1) AS first, topic(2) AS second, topic(3) AS third", {"first": "one", "second": "two"}),
        ("TOPIC() AS t", {"t": "one/two"}),
        ("encode(text, 'base64') AS e", {"e": base64.b64encode(b"x").decode()}),
        ("encode(a.b, 'base64') AS e", {"e": base64.b64encode(b'{"c":5}').decode()}),
        ("encode(missing, 'base64') AS e", {}),
    ],
)  # fmt: skip
def test_select(selected: str, event: dict[str, Any]) -> None:
    assert run(f"SELECT {selected} FROM 'x'") == event


def test_a_star_is_the_document() -> None:
    assert run("SELECT * FROM 'x'") == DOCUMENT
    assert run("SELECT * FROM 'x'", [1]) == [1]
    assert run("SELECT *, topic() AS topic, 'y' AS text FROM 'x'") == DOCUMENT | {
        "topic": "one/two",
        "text": "y",
    }


def test_any_bytes_can_be_encoded_whole() -> None:
    assert run("SELECT encode(*, 'base64') AS p FROM 'x'", b"\x00\xff") == {"p": "AP8="}


def test_uuids_differ() -> None:
    first, second = run("SELECT newuuid() AS id FROM 'x'"), run("SELECT newuuid() AS id FROM 'x'")
    assert uuid.UUID(first["id"]) != uuid.UUID(second["id"])


def test_a_message_of_no_client() -> None:
    assert run("SELECT clientid() AS c FROM 'x'", client=None) == {"c": "n/a"}


@pytest.mark.parametrize(
    ("where", "passes"),
    [
        ("text = 'x'", True),
        ("text <> 'x'", False),
        ("n = 1.5", True),
        ("yes = true", True),
        ("yes = 1", False),
        ("1 <> true", True),
        ("missing = 'x'", False),
        ("missing <> 'x'", False),
        ("topic(1) = 'one' AND clientid() = 'dev'", True),
        ("text = 'y' OR n = 1.5 AND yes = true", True),
        ("(text = 'y' OR n = 1.5) AND yes = false", False),
        ("a.b.c = 5", True),
        ("topic() = text", False),
    ],
)
def test_where(where: str, passes: bool) -> None:
    assert (run(f"SELECT text FROM 'x' WHERE {where}") is not None) is passes


@pytest.mark.parametrize(
    "sql",
    [
        "",
        "SELECT",
        "SELECT * FROM",
        "SELECT * FROM x",
        "SELECT * FROM 'a#'",
        "SELECT * FROM ''",
        "SELECT * 'x'",
        "SELECT *, FROM 'x'",
        "SELECT a b FROM 'x'",
        "SELECT a. FROM 'x'",
        "SELECT 'literal' FROM 'x'",
        "SELECT * AS all FROM 'x'",
        "SELECT a, b.a FROM 'x'",
        "SELECT *, * FROM 'x'",
        "SELECT a + 1 AS b FROM 'x'",
        "SELECT a[0] FROM 'x'",
        "SELECT a AS select FROM 'x'",
        "SELECT VALUE * FROM 'x'",
        "SELECT (SELECT a FROM b) AS c FROM 'x'",
        "SELECT CASE a WHEN 1 THEN 2 END AS c FROM 'x'",
        "SELECT {'a': 1} AS c FROM 'x'",
        "SELECT upper(a) AS b FROM 'x'",
        "SELECT encode(*) AS b FROM 'x'",
        "SELECT encode(*, 'hex') AS b FROM 'x'",
        "SELECT topic(0) FROM 'x'",
        "SELECT topic('1') FROM 'x'",
        "SELECT topic(true) FROM 'x'",
        "SELECT topic(1, 2) FROM 'x'",
        "SELECT timestamp(*) FROM 'x'",
        "SELECT newuuid FROM 'x' WHERE",
        "SELECT a FROM 'x' WHERE a",
        "SELECT a FROM 'x' WHERE a > 1",
        "SELECT a FROM 'x' WHERE a != 1",
        "SELECT a FROM 'x' WHERE NOT a = 1",
        "SELECT a FROM 'x' WHERE a = 1 AND",
        "SELECT a FROM 'x' WHERE (a = 1",
        "SELECT a FROM 'x' WHERE * = 1",
        "SELECT a FROM 'x' GROUP BY a",
        "SELECT a FROM 'x'; DROP",
        "SELECT 'open FROM x",
    ],
)
def test_what_is_not_supported_is_said_when_parsing(sql: str) -> None:
    with pytest.raises(SqlError, match="rule SQL"):
        parse(sql)


def test_case_and_white_space_do_not_matter() -> None:
    assert run("select\n  text\tas t ,n\nfrom 'a/+/#' where text='x' ") == {"t": "x", "n": 1.5}
    assert parse("SELECT a FROM 'a/+/#'").topic_filter == "a/+/#"


@pytest.mark.parametrize(
    "sql", ["SELECT * FROM 'x'", "SELECT a FROM 'x'", "SELECT 1 AS a FROM 'x' WHERE a = 1"]
)
def test_a_payload_that_is_no_json(sql: str) -> None:
    with pytest.raises(SqlError, match="not JSON"):
        run(sql, b"\xff")


def test_a_payload_that_is_no_object() -> None:
    with pytest.raises(SqlError, match="not a JSON object"):
        run("SELECT *, topic() AS t FROM 'x'", [1])
    assert run("SELECT a FROM 'x'", [1]) == {}


@given(st.text(max_size=60))
def test_any_text_parses_or_is_refused(text: str) -> None:
    for sql in (text, f"SELECT {text} FROM 'x'", f"SELECT a FROM 'x' WHERE {text}"):
        try:
            parse(sql)
        except SqlError:
            continue


@given(st.text(max_size=30))
def test_any_string_can_be_a_literal(text: str) -> None:
    quoted = text.replace("'", "''")
    assert run(f"SELECT '{quoted}' AS s FROM 'x'") == {"s": text}


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_any_document_passes_through(document: Any) -> None:
    assert run("SELECT * FROM 'x'", document) == document
    assert run("SELECT encode(*, 'base64') AS p FROM 'x'", document) == {
        "p": base64.b64encode(json.dumps(document).encode()).decode()
    }
