"""Examples in the OpenAPI document: every operation has them, and each is what its schema allows."""

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

import app
from chalicelib.handlers import http
from chalicelib.web import examples


@cache
def document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(http.openapi(tuple(sorted(set(app.DIALECTS.values())))))
    return found


def operations() -> Iterator[dict[str, Any]]:
    for item in (*document()["paths"].values(), *document()["webhooks"].values()):
        yield from item.values()


def wrong(value: Any, schema: dict[str, Any]) -> list[str]:
    whole = {**schema, "components": document()["components"]}
    return [error.message for error in Draft202012Validator(whole).iter_errors(value)]


def resolved(example: dict[str, Any]) -> Any:
    if "$ref" in example:
        example = document()["components"]["examples"][example["$ref"].rpartition("/")[2]]
    return example["value"]


@pytest.mark.parametrize("operation", list(operations()), ids=lambda each: each["operationId"])
def test_every_part_has_an_example_that_its_schema_allows(operation: dict[str, Any]) -> None:
    for parameter in operation.get("parameters", ()):
        assert "example" in parameter or not parameter["required"]
        assert wrong(parameter.get("example", parameter["schema"].get("default")), parameter["schema"]) == []
    for media in operation.get("requestBody", {}).get("content", {}).values():
        if not media:  # a document in one of several formats, each described elsewhere
            assert operation["operationId"].startswith("operator")
            continue
        assert wrong(media["example"], media["schema"]) == []
    for status, answer in operation["responses"].items():
        media = answer.get("content", {}).get("application/json")
        if media is None:
            continue
        assert media["examples"]
        for name, example in media["examples"].items():
            assert wrong(resolved(example), media["schema"]) == [], (status, name)


def test_every_error_that_a_status_may_mean_is_shown_as_the_dialect_renders_it() -> None:
    shown = document()["components"]["examples"]
    creation = document()["paths"]["/iocm/app/cmd/v1.4.0/deviceCommands"]["post"]["responses"]
    absent = creation["200"]["content"]["application/json"]["examples"]["DeviceNotFound"]
    assert resolved(absent) == {"error_code": "100418", "error_desc": "The deviceData is not existed."}
    used = {
        example["$ref"].rpartition("/")[2]
        for operation in operations()
        for answer in operation["responses"].values()
        for example in answer.get("content", {}).get("application/json", {}).get("examples", {}).values()
        if "$ref" in example
    }
    assert used == set(shown)


def test_an_example_looks_like_its_field() -> None:
    body = document()["paths"]["/iocm/app/cmd/v1.4.0/deviceCommands"]["post"]["requestBody"]
    assert body["content"]["application/json"]["example"] == {
        "deviceId": examples.HEX,
        "command": {"serviceId": "Meter", "method": "SET_LEVEL", "paras": {"value": 70}},
    }


BOUNDS = st.fixed_dictionaries(
    {"type": st.just("string")},
    optional={"minLength": st.integers(0, 40), "pattern": st.sampled_from(["^[0-9a-fA-F]{16}$", "^[!-~]*$"])},
)
NUMBERS = st.builds(
    lambda kind, least, more: {"type": kind, "minimum": least, "maximum": least + more},
    st.sampled_from(["integer", "number"]),
    st.integers(-1000, 1000),
    st.integers(0, 1000),
)


@given(NUMBERS | BOUNDS, st.sampled_from(["deviceId", "level", "version", "status", "name"]))
def test_an_example_keeps_the_bounds(schema: dict[str, Any], name: str) -> None:
    whole = {"type": "object", "properties": {name: schema}, "required": [name]}
    try:
        made = examples.of(whole, {})
    except examples.NoExample:
        assert "pattern" in schema
        return
    assert list(Draft202012Validator(whole).iter_errors(made)) == []


def test_a_type_that_holds_itself_ends() -> None:
    node = {"type": "object", "properties": {"child": {"anyOf": [{"$ref": "#/c/Node"}, {"type": "null"}]}}}
    assert examples.of({"$ref": "#/c/Node"}, {"Node": node})["child"] is not None


def test_a_declarations_own_example_comes_first() -> None:
    schema = {"type": "object", "properties": {"name": {"type": "string", "examples": ["own"]}, "b": {}}}
    assert examples.of(schema, {}, full=False) == {"name": "own"}


def test_what_has_no_example_says_so() -> None:
    with pytest.raises(examples.NoExample):
        examples.of({"type": "string", "pattern": "^never-[xyz]{3}$"}, {})
