"""Feiyan's TSL, from and to the thing model.

What stands at its top is the service without a name, a function block is a service of its own. A TSL's
service is a command, what it answers its response. The events and services by which the cloud itself posts,
sets and gets properties follow from the properties: they are not read, and written anew.

A TSL has fewer types: integers are `int`, a decimal is a `double`, bytes and times as text are `text`. What a
model says beyond (`collect`, options, several responses) is lost.

Source: Alibaba Living IoT, thing specification language
"""

from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from ..core import things
from ..core.errors import InvalidInput
from ..core.points import NAMELESS
from ..core.things import (
    FRACTIONS,
    INTEGERS,
    Command,
    DataType,
    Event,
    Field,
    Parameter,
    Property,
    Response,
    Service,
    ThingModel,
)
from ..web.validation import explain
from . import feiyan_schema as wire

POST, SET, GET = "thing.event.property.post", "thing.service.property.set", "thing.service.property.get"
EVENT_TYPES = ("info", "alert", "error")
ACCESS = {"r": "RE", "rw": "RWE", "w": "W"}
RESPONSE = "reply"
SYNCHRONOUS, ASYNCHRONOUS = "sync", "async"
LONGEST_NAME = 30  # characters of what people call something

TYPES = {
    "int": DataType.INT32,
    "float": DataType.FLOAT,
    "double": DataType.DOUBLE,
    "enum": DataType.ENUM,
    "bool": DataType.BOOL,
    "text": DataType.STRING,
    "date": DataType.DATE,
    "struct": DataType.STRUCT,
    "array": DataType.ARRAY,
}
SPELLINGS = {
    **dict.fromkeys(INTEGERS, "int"),
    **dict.fromkeys(FRACTIONS, "double"),
    **{kind: text for text, kind in TYPES.items()},
    DataType.BYTES: "text",
    DataType.DATETIME: "text",
    DataType.OBJECT: "struct",
}

S = TypeVar("S", bound=Struct)


def read(data: bytes) -> ThingModel:
    """Raises InvalidInput that names the field."""
    document = _decoded(wire.Document, data, "")
    services = [_service(NAMELESS, None, document)] if _says_anything(document) else []
    services += [
        _service(each.function_block_id, each.function_block_name, each) for each in document.function_blocks
    ]
    return things.decode(things.encode(ThingModel(tuple(services))))


def write(model: ThingModel, product_key: str = "") -> dict[str, Any]:
    """As the cloud exports it."""
    bare = next((each for each in model.services if each.id == NAMELESS), Service(NAMELESS))
    blocks = [
        wire.Block(each.id, each.description or each.id, *_parts(each))
        for each in model.services
        if each.id != NAMELESS
    ]
    document = wire.Document(wire.Document().schema, wire.Profile(product_key), *_parts(bare), blocks)
    built: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(document))
    return built


def _says_anything(document: wire.Document) -> bool:
    return bool(document.properties or document.events or document.services)


def _service(ident: str, name: str | None, part: wire.Document | wire.Block) -> Service:
    at = f"{ident}." if ident else ""
    return Service(
        id=ident,
        description=None if name in (None, "", ident) else name,
        properties=tuple(_property(at, each) for each in part.properties),
        commands=tuple(_command(at, each) for each in part.services if each.method not in (SET, GET)),
        events=tuple(_event(at, each) for each in part.events if each.method != POST),
    )


def _property(at: str, raw: wire.Property) -> Property:
    method = ACCESS.get(raw.access_mode)
    if method is None:
        raise InvalidInput(f"{at}{raw.identifier}.accessMode", f"is none of {', '.join(ACCESS)}")
    facts = _facts(f"{at}{raw.identifier}", raw.data_type)
    description = _description(raw.identifier, raw.name, raw.desc)
    return Property(raw.identifier, **facts, required=raw.required, method=method, description=description)


def _command(at: str, raw: wire.Service) -> Command:
    at = f"{at}{raw.identifier}"
    answer = _parameters(at, raw.output_data)
    return Command(
        raw.identifier,
        _parameters(at, raw.input_data),
        (Response(RESPONSE, answer),) if answer else (),
        _description(raw.identifier, raw.name, raw.desc),
        synchronous=raw.call_type == SYNCHRONOUS,
    )


def _event(at: str, raw: wire.Event) -> Event:
    at = f"{at}{raw.identifier}"
    if raw.type not in EVENT_TYPES:
        raise InvalidInput(f"{at}.type", f"is none of {', '.join(EVENT_TYPES)}")
    description = _description(raw.identifier, raw.name, raw.desc)
    return Event(raw.identifier, raw.type, description, _parameters(at, raw.output_data))


def _parameters(at: str, raws: Iterable[wire.Member | str]) -> tuple[Parameter, ...]:
    found = []
    for each in raws:
        if isinstance(each, str):
            raise InvalidInput(at, f"names {each} without its type")
        facts = _facts(f"{at}.{each.identifier}", each.data_type)
        found.append(
            Parameter(each.identifier, **facts, description=_description(each.identifier, each.name, None))
        )
    return tuple(found)


def _facts(at: str, raw: wire.Type) -> dict[str, Any]:
    """What a type says, as arguments of a field."""
    kind = TYPES.get(raw.type)
    if kind is None:
        raise InvalidInput(f"{at}.dataType.type", f"is not a known type: {raw.type}")
    where = f"{at}.dataType.specs"
    if kind in INTEGERS or kind in FRACTIONS:
        return {"data_type": kind, **_bounds(where, _decoded(wire.Bounds, bytes(raw.specs), where))}
    if kind is DataType.STRING:
        length = _decoded(wire.Length, bytes(raw.specs), where).length
        return {"data_type": kind, "max_length": _count(f"{where}.length", length)}
    if kind in (DataType.ENUM, DataType.BOOL):
        members = _decoded(dict[str, str], bytes(raw.specs), where)
        names = {"enum_list": tuple(members)} if kind is DataType.ENUM else {}
        if kind is DataType.BOOL:
            members = {key: members[key] for key in ("0", "1") if key in members}
        return {"data_type": kind, **names, "labels": tuple(members.values()) or None}
    if kind is DataType.STRUCT:
        text = bytes(raw.specs)
        members_ = [] if text == b"{}" else _decoded(list[wire.Member], text, where)
        return {"data_type": kind, "fields": _parameters(at, members_)}
    if kind is DataType.ARRAY:
        items = _decoded(wire.Items, bytes(raw.specs), where)
        element = Parameter("item", **_facts(f"{at}.item", items.item))
        return {"data_type": kind, "max_length": _count(f"{where}.size", items.size), "element": element}
    return {"data_type": kind}


def _bounds(at: str, raw: wire.Bounds) -> dict[str, Any]:
    low, high = (None if value in (None, "") else str(value) for value in (raw.min, raw.max))
    step = things.number(raw.step) if raw.step not in (None, "") else None
    if raw.step not in (None, "") and step is None:
        raise InvalidInput(f"{at}.step", "is not a number")
    return {
        "min": low,
        "max": high,
        "step": None if step is None else int(step) if step == int(step) else float(step),
        "unit": raw.unit or None,
    }


def _count(at: str, raw: str | int | None) -> int | None:
    if raw in (None, ""):
        return None
    text = str(raw)
    if not text.isdecimal() or not text.isascii() or len(text) > 10:
        raise InvalidInput(at, "is not a count")
    return int(text)


def _description(identifier: str, name: str, desc: str | UnsetType | None) -> str | None:
    """A TSL says both; where they say the same as the identifier nothing is kept."""
    return desc or (None if name in ("", identifier) else name)


def _decoded(kind: Any, data: bytes, at: str) -> Any:
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.ValidationError as error:
        found = explain(error)
        raise InvalidInput(
            ".".join(filter(None, (at, found.field))).replace(".[", "["), found.reason, missing=found.missing
        ) from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidInput(at, f"is not JSON: {error}") from error


def _parts(service: Service) -> tuple[list[wire.Property], list[wire.Event], list[wire.Service]]:
    prefix = f"{service.id}:" if service.id else ""
    properties = [_property_out(each) for each in service.properties]
    events = [
        wire.Event(
            each.name,
            _name(each),
            each.type if each.type in EVENT_TYPES else EVENT_TYPES[0],
            desc=each.description or UNSET,
            method=f"thing.event.{prefix}{each.name}.post",
            output_data=_members(each.parameters),
        )
        for each in service.events
    ]
    services = [
        wire.Service(
            each.name,
            _name(each),
            desc=each.description or UNSET,
            method=f"thing.service.{prefix}{each.name}",
            call_type=SYNCHRONOUS if each.synchronous else ASYNCHRONOUS,
            input_data=_members(each.parameters),
            output_data=_members(each.responses[0].parameters) if each.responses else [],
        )
        for each in service.commands
    ]
    if not properties:
        return properties, events, services
    return properties, [_post(service), *events], [*_set_and_get(service), *services]


def _post(service: Service) -> wire.Event:
    desc, data = "post of properties", _members(service.properties)
    return wire.Event("post", "post", required=True, desc=desc, method=POST, output_data=data)


def _set_and_get(service: Service) -> list[wire.Service]:
    writable = _members(each for each in service.properties if each.writable)
    names: list[wire.Member | str] = [each.name for each in service.properties]
    return [
        wire.Service("set", "set", True, "setting of properties", SET, input_data=writable),
        wire.Service(
            "get",
            "get",
            True,
            "getting of properties",
            GET,
            input_data=names,
            output_data=_members(service.properties),
        ),
    ]


def _property_out(prop: Property) -> wire.Property:
    method = prop.method or "R"
    access = "rw" if "W" in method and method != "W" else "w" if method == "W" else "r"
    desc = prop.description or UNSET
    return wire.Property(prop.name, _type_out(prop), _name(prop), access, prop.required, desc)


def _members(fields: Iterable[Field]) -> list[Any]:
    return [wire.Member(each.name, _type_out(each), _name(each)) for each in fields]


def _name(each: Any) -> str:
    return str(each.description or each.name)[:LONGEST_NAME]


def _type_out(field: Field) -> wire.Type:
    kind = SPELLINGS[field.data_type]
    return wire.Type(kind, Raw(msgspec.json.encode(_specs(field, kind))))


def _specs(field: Field, kind: str) -> Any:
    if kind in ("int", "float", "double"):
        step = None if field.step is None else str(field.step)
        given = {"min": field.min, "max": field.max, "step": step, "unit": field.unit, "unitName": field.unit}
        return {name: value for name, value in given.items() if value is not None}
    if kind == "text":
        return {"length": str(field.max_length)} if field.max_length else {}
    if kind == "enum":
        members = field.enum_list or ()
        return dict(zip(members, field.labels or members, strict=False))
    if kind == "bool":
        return dict(zip(("0", "1"), field.labels or ("false", "true"), strict=False))
    if kind == "struct":
        return _members(field.fields)
    if kind == "array":
        element = field.element or Parameter("item", DataType.STRING)
        size = {"size": str(field.max_length)} if field.max_length else {}
        return {**size, "item": _type_out(element)}
    return {}
