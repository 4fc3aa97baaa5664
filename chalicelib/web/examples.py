"""An example of each declared type, made from the JSON schema that the declaration gives.

A declaration's own `examples` come first, then a value that is usual for a field of that name, then the
least that the bounds allow. A test validates every example against its schema.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]

HEX = "3f6a0c9e1b7d4825a3e05c1f9d82b746"
DEEPEST = 8  # types that hold themselves end there
# By a field's name in lower case without signs; the first that its bounds allow.
USUAL: Mapping[str, tuple[Any, ...]] = {
    "deviceid": (HEX, 1144502871),
    "gatewayid": (HEX,),
    "productid": ("f86e7bff0fb3bd22f05db6b52d4e7c18", "PQSPqf0Pro", 9033681),
    "appid": ("53ad5263b1d3438ecf340209b839c6bc",),
    "nodeid": ("meter-1",),
    "mac": ("A0B1C2D3E4F5",),
    "name": ("Hall meter",),
    "serviceid": ("Meter",),
    "devicetype": ("WaterMeter",),
    "model": ("PT-1",),
    "protocoltype": ("MQTT",),
    "method": ("SET_LEVEL",),
    "paras": ({"value": 70},),
    "data": ({"level": 70},),
    "desired": ({"level": 70},),
    "reported": ({"level": 70},),
    "notifytype": ("deviceDatasChanged",),
    "callbackurl": ("https://app.example.com:443/callbacks",),
    "url": ("https://app.example.com:443/callbacks",),
    "eventtime": ("20260101T080000Z",),
    "creationtime": ("20260101T080000Z",),
    "createtime": ("20260101T080000Z", 1767254400000),
    "timestamp": ("20260101T080000Z", 1767254400000),
    "version": ("V1.2", 1),
    "status": ("ONLINE", 1),
    "email": ("ops@example.com",),
    "expirein": (3600,),
    "expiresin": (3600,),
}
_SPELLINGS = ("TRUE", *(HEX[:length] for length in (32, 20, 16, 8)), "a1", "0")


class NoExample(Exception):
    """No value is known that a schema allows: its declaration needs `examples`."""


def of(schema: Schema, components: Mapping[str, Schema], *, full: bool = True) -> Any:
    """A value that the schema allows. `full` has every field, else those that have to be given or say
    an example themselves; where there are none, every field. Raises NoExample.
    """
    return _Maker(components, full).make("", schema, 0)


class _Maker:
    def __init__(self, components: Mapping[str, Schema], full: bool) -> None:
        self.components = components
        self.full = full

    def make(self, name: str, schema: Schema, depth: int) -> Any:
        schema = self._resolved(schema)
        for key in ("examples", "enum"):
            if schema.get(key):
                return schema[key][0]
        if "const" in schema:
            return schema["const"]
        for key in ("anyOf", "oneOf"):
            if key in schema:
                return self._either(name, schema[key], depth)
        usual = next((value for value in USUAL.get(_plain(name), ()) if fits(value, schema)), None)
        if usual is not None and not schema.get("properties"):
            return usual
        return self._of_kind(name, schema, depth)

    def _either(self, name: str, choices: list[Schema], depth: int) -> Any:
        real = [one for one in choices if one.get("type") != "null"]
        return self.make(name, real[0], depth) if real and depth < DEEPEST else None

    def _of_kind(self, name: str, schema: Schema, depth: int) -> Any:
        kind = schema.get("type")
        if kind == "object":
            return self._object(schema, depth)
        if kind == "array":
            return self._array(name, schema, depth)
        if kind == "string":
            return _text(schema)
        if kind in ("integer", "number"):
            return _number(schema)
        return {"boolean": True, "null": None}.get(str(kind), "any")

    def _object(self, schema: Schema, depth: int) -> dict[str, Any]:
        fields = schema.get("properties", {})
        needed = set(schema.get("required", ()))
        wanted = [name for name in fields if name in needed or self._says(fields[name])]
        values = schema.get("additionalProperties")
        if isinstance(values, Mapping) and values and not fields:
            return {"level": self.make("level", values, depth + 1)}
        if depth >= DEEPEST:
            wanted = [name for name in fields if name in needed]
        elif self.full or not wanted:
            wanted = list(fields)
        return {name: self.make(name, fields[name], depth + 1) for name in wanted}

    def _says(self, schema: Schema) -> bool:
        return bool(self._resolved(schema).get("examples"))

    def _array(self, name: str, schema: Schema, depth: int) -> list[Any]:
        if depth >= DEEPEST and not schema.get("minItems"):
            return []
        prefix = [self.make(name, one, depth + 1) for one in schema.get("prefixItems", ())]
        items = schema.get("items")
        if not isinstance(items, Mapping):
            return prefix
        singular = name.removesuffix("s")
        more = max(schema.get("minItems", 1) - len(prefix), 0 if prefix else 1)
        return prefix + [self.make(singular, items, depth + 1) for _ in range(more)]

    def _resolved(self, schema: Schema) -> Schema:
        if "$ref" in schema:
            return self._resolved(self.components[schema["$ref"].rpartition("/")[2]])
        return schema


def fits(value: Any, schema: Schema) -> bool:
    """Whether the schema's own bounds allow the value; what an object holds is not looked at."""
    kind = schema.get("type")
    if isinstance(value, str):
        return kind in ("string", None) and _fits_text(value, schema)
    if isinstance(value, int | float):
        whole = kind == "integer" and isinstance(value, int)
        return (whole or kind in ("number", None)) and _number(schema, value) == value
    return kind in ("object", None) and not schema.get("additionalProperties")


def _fits_text(value: str, schema: Schema) -> bool:
    long_enough = schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value))
    return long_enough and ("pattern" not in schema or re.search(schema["pattern"], value) is not None)


def _text(schema: Schema) -> str:
    for value in _texts(schema):
        if _fits_text(value, schema):
            return value
    raise NoExample(str(schema))


def _texts(schema: Schema) -> Iterator[str]:
    yield "text"
    yield from _SPELLINGS
    yield "a" * max(schema.get("minLength", 0), 1)
    yield ""


def _number(schema: Schema, wished: float = 1) -> Any:
    """The wished number where it lies within the bounds, else the bound next to it."""
    least = schema.get("minimum", schema.get("exclusiveMinimum", wished - 1) + 1)
    most = schema.get("maximum", schema.get("exclusiveMaximum", wished + 1) - 1)
    return min(max(wished, least), max(most, least))


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
