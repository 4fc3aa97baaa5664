"""The OpenAPI 3.1 document, written from the declarations that validate the requests."""

from collections.abc import Iterable
from typing import Any, get_args

import msgspec

from ..core.errors import PolythingError
from . import examples
from .operations import Api, Operation, Webhook

REF = "#/components/schemas/{name}"
ERROR_REF = "#/components/examples/"
JSON = "application/json"

Errors = dict[str, dict[str, Any]]  # examples of errors, by name


def document(apis: Iterable[Api], version: str) -> dict[str, Any]:
    apis = list(apis)
    kinds = _kinds(apis)
    schemas, components = msgspec.json.schema_components(kinds, ref_template=REF)
    schema_of = dict(zip(map(_key, kinds), schemas, strict=True))
    errors: Errors = {}
    paths: dict[str, dict[str, Any]] = {}
    for api in apis:
        for operation in api.operations:
            for age, path in enumerate((operation.path, *operation.also)):
                item = _operation(api, operation, schema_of, components, errors, age)
                paths.setdefault(path, {})[operation.method.lower()] = item
    hooks = {
        f"{api.name}.{hook.name}": _webhook(api, hook, schema_of, components)
        for api in apis
        for hook in api.webhooks
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Polything",
            "version": version,
            "description": "Device-cloud APIs of several vendors over one shared core.",
        },
        "servers": [{"url": ".", "description": "where this document is"}],  # whatever the stage
        "tags": [{"name": api.name, "description": api.title} for api in apis],
        "paths": dict(sorted(paths.items())),
        "webhooks": hooks,
        "components": {
            "schemas": components,
            "examples": errors,
            "securitySchemes": {name: scheme for api in apis for name, scheme in api.security.items()},
        },
    }


def _key(kind: Any) -> str:
    if get_args(kind):
        return repr(kind)
    return f"{getattr(kind, '__module__', '')}.{getattr(kind, '__qualname__', kind)}"


def _kinds(apis: list[Api]) -> list[Any]:
    found: dict[str, Any] = {}
    for api in apis:
        wanted: list[Any] = [api.error_type]
        for op in api.operations:
            wanted += [op.path_type, op.query_type, op.headers_type]
            wanted += [api.body_type(op), api.answer_type(op)]
        wanted += [hook.body_type for hook in api.webhooks]
        found |= {_key(kind): kind for kind in wanted if kind not in (None, type(None))}
    return list(found.values())


def _operation(
    api: Api,
    op: Operation,
    schema_of: dict[str, Any],
    components: dict[str, Any],
    errors: Errors,
    age: int,
) -> dict[str, Any]:
    description = f"{op.description}\n\nSource: {op.source}.".strip()
    item: dict[str, Any] = {
        "operationId": f"{api.name}.{op.name}" + (f".older{age}" if age else ""),
        "tags": [api.name],
        "summary": op.summary,
        "description": description,
        "parameters": [
            *_parameters(op.path_type, "path", schema_of, components),
            *_parameters(op.query_type, "query", schema_of, components),
            *_parameters(op.headers_type, "header", schema_of, components),
        ],
        "responses": _responses(api, op, schema_of, components, errors),
        "security": [] if op.public else [{name: [] for name in api.security}],
    }
    if age:
        item["deprecated"] = True
    body_type = api.body_type(op)
    if body_type is not None:
        schema = schema_of[_key(body_type)]
        content = {JSON: {"schema": schema, "example": examples.of(schema, components, full=False)}}
        if op.form:
            content["application/x-www-form-urlencoded"] = content[JSON]
        item["requestBody"] = {"required": True, "content": content}
    if op.raw:
        item["requestBody"] = {"required": True, "content": {kind: {} for kind in op.raw}}
    return item


def _parameters(
    kind: type[Any] | None, place: str, schema_of: dict[str, Any], components: dict[str, Any]
) -> list[dict[str, Any]]:
    if kind is None:
        return []
    schema = components[schema_of[_key(kind)]["$ref"].rpartition("/")[2]]
    required = set(schema.get("required", ()))
    return [
        {
            "name": name,
            "in": place,
            "required": place == "path" or name in required,
            "schema": part,
            **(_example(name, part, components) if place == "path" or name in required else {}),
            **({"description": part["description"]} if "description" in part else {}),
        }
        for name, part in schema.get("properties", {}).items()
    ]


def _example(name: str, schema: dict[str, Any], components: dict[str, Any]) -> dict[str, Any]:
    """Of a parameter that has to be given; what may be left out is better not filled in for a reader."""
    return {"example": examples.of({"type": "object", "properties": {name: schema}}, components)[name]}


def _responses(
    api: Api, op: Operation, schema_of: dict[str, Any], components: dict[str, Any], known: Errors
) -> dict[str, Any]:
    good: dict[str, Any] = {"description": "Success"}
    answer_type = api.answer_type(op)
    if answer_type is not type(None):
        schema = schema_of[_key(answer_type)]
        example = {"summary": "Success", "value": examples.of(schema, components)}
        good["content"] = {JSON: {"schema": schema, "examples": {"success": example}}}
    answers: dict[str, Any] = {str(op.status): good}
    errors = dict.fromkeys((*op.raises, *(() if op.public else api.defaults)))
    for kind in errors:
        fault = api.fault(kind, op)
        said = f"{fault.code} {fault.text}"
        answer = answers.setdefault(str(fault.status), {"description": said})
        if said not in answer["description"]:
            answer["description"] += f"; or {said}"
        _allow(answer, schema_of[_key(api.error_type)])
        answer["content"][JSON].setdefault("examples", {})[kind.__name__] = _error(api, op, kind, known)
    return dict(sorted(answers.items()))


def _allow(answer: dict[str, Any], schema: dict[str, Any]) -> None:
    """An error schema beside what the answer has already."""
    media = answer.setdefault("content", {}).setdefault(JSON, {"schema": schema})
    if media["schema"] == schema:
        return
    either = media["schema"].get("anyOf", [media["schema"]])
    if schema not in either:
        media["schema"] = {"anyOf": [*either, schema]}


def _error(api: Api, op: Operation, kind: type[PolythingError], known: Errors) -> dict[str, str]:
    """A reference to the answer as the dialect renders it; equal ones are one."""
    body = msgspec.json.decode(api.refuse(op, None, kind()).body)
    example = {"summary": f"{kind.__name__}: {api.fault(kind, op).text}", "value": body}
    name = f"{api.name}.{kind.__name__}"
    while known.setdefault(name, example) != example:
        name += f".{op.name}"
    return {"$ref": ERROR_REF + name}


def _webhook(
    api: Api, hook: Webhook, schema_of: dict[str, Any], components: dict[str, Any]
) -> dict[str, Any]:
    schema = schema_of[_key(hook.body_type)]
    return {
        "post": {
            "operationId": f"{api.name}.push.{hook.name}",
            "tags": [api.name],
            "summary": hook.summary,
            "description": f"Source: {hook.source}.",
            "requestBody": {
                "required": True,
                "content": {JSON: {"schema": schema, "example": examples.of(schema, components)}},
            },
            "responses": {"200": {"description": "Received; any other status is tried again later."}},
        }
    }
