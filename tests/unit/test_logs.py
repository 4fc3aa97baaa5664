"""Log lines: declared fields only, with what is worked on, and without secrets."""

import ast
import json
import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib import context, logs, redaction
from tests.docs.markdown import ROOT, text

SECRET = "s3cr3tValue"


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Any:
    """What is written from here on, one dictionary a line."""
    written: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            written.append(made.format(record))

    log = logs.logger()
    made = log.registered_formatter
    handler = Keep()
    log.addHandler(handler)
    yield lambda: [json.loads(line) for line in written]
    log.removeHandler(handler)


def test_a_line_carries_what_is_worked_on(lines: Any) -> None:
    context.begin(request="r1", dialect="huawei", tenant="t1")
    context.note(device="d1", operation="query_device", application="")
    logs.logger().info("swept", extra={"sweep": "tokens", "count": 2})
    [line] = lines()
    assert line["message"] == "swept"
    assert (line["request"], line["dialect"], line["tenant"], line["device"]) == ("r1", "huawei", "t1", "d1")
    assert (line["sweep"], line["count"]) == ("tokens", 2)
    assert "application" not in line


def test_a_field_of_the_line_wins_over_the_context(lines: Any) -> None:
    context.begin(device="gateway")
    logs.logger().info("swept", extra={"device": "child"})
    assert lines()[0]["device"] == "child"


def test_a_field_that_is_not_declared_is_left_out_and_named(lines: Any) -> None:
    logs.logger().info("swept", extra={"password": SECRET, "body": {"x": SECRET}})
    [line] = lines()
    assert SECRET not in json.dumps(line)
    assert line["dropped"] == ["body", "password"]


def test_the_trace_of_an_error_holds_no_secret(lines: Any) -> None:
    try:
        raise ValueError(f"login with secret={SECRET} and Authorization: Bearer {SECRET} failed")
    except ValueError:
        logs.logger().exception("unhandled error")
    [line] = lines()
    assert SECRET not in json.dumps(line)
    assert "Traceback" in line["exception"]
    assert line["exception_name"] == "ValueError"


@pytest.mark.parametrize(
    "said",
    [
        f"secret={SECRET}",
        f'{{"appSecret": "{SECRET}"}}',
        f"{{'refreshToken': '{SECRET}'}}",
        f"access_token={SECRET}&x=1",
        f"Access-Token: {SECRET}",
        f"Authorization: Bearer {SECRET}",
        f"bearer {SECRET}",
        f"psk = {SECRET}",
        f"verifyCode:{SECRET}",
        f"POLYTHING_DATA_KEY=local:{SECRET}",
        f"https://app.example:443/hooks/{SECRET}?t={SECRET}",
        f"https://user:{SECRET}@app.example/",
    ],
)
def test_text_that_looks_secret_is_masked(said: str) -> None:
    assert SECRET not in redaction.text(said)
    assert redaction.MASK in redaction.text(said)


def test_what_is_needed_to_find_a_fault_stays() -> None:
    said = "POST https://app.example:443/hook failed: HTTP 503, device 0123abcd, token has ended"
    assert redaction.text(said).startswith(
        "POST https://app.example:443/*** failed: HTTP 503, device 0123abcd"
    )
    assert redaction.text("the token has ended") == "the token has ended"


@given(st.text(alphabet=st.characters(codec="ascii", categories=["Lu", "Ll", "Nd"]), min_size=8))
def test_no_value_behind_a_secret_name_survives(value: str) -> None:
    masked = redaction.text(f"secret={value}")
    assert masked == f"secret={redaction.MASK}"


def test_a_value_of_the_context_is_bounded() -> None:
    context.begin(device="d" * 5000)
    assert len(context.current()["device"]) == context.LONGEST


def test_the_context_has_declared_fields_only() -> None:
    with pytest.raises(TypeError):
        context.note(password=SECRET)


def keys_of(node: ast.expr, named: dict[str, set[str]]) -> set[str]:
    """Keys of a dictionary, also of those that are spread in it; `named` are dictionaries by variable."""
    if isinstance(node, ast.Name):
        return named.get(node.id, set())
    found: set[str] = set()
    if isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            found |= {str(key.value)} if isinstance(key, ast.Constant) else keys_of(value, named)
    return found


def keys_of_extra(tree: ast.AST) -> set[str]:
    """Keys of what is given as `extra=`, wherever in the module it was put together."""
    named: dict[str, set[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            named.setdefault(node.targets[0].id, set()).update(keys_of(node.value, {}))
    given = [node.value for node in ast.walk(tree) if isinstance(node, ast.keyword) and node.arg == "extra"]
    return {key for value in given for key in keys_of(value, named)}


def test_the_finder_finds() -> None:
    code = "told = {'a': 1}; log(extra={'b': 2, **told}); log(extra=told)"
    assert keys_of_extra(ast.parse(code)) == {"a", "b"}


def test_every_field_that_the_code_logs_is_declared() -> None:
    used: set[str] = set()
    for path in (ROOT / "chalicelib").rglob("*.py"):
        used |= keys_of_extra(ast.parse(text(path)))
    assert used
    assert used <= logs.FIELDS | set(context.FIELDS)


@pytest.mark.parametrize(
    "part", ["a-", "secret", "token ", "x", "https://", "a://", "bearer ", " ", "secret=bearer "]
)
@pytest.mark.timeout(20)
def test_no_text_keeps_the_redaction_busy(part: str) -> None:
    """Quadratic time would be minutes here."""
    redaction.text(part * 50_000)
