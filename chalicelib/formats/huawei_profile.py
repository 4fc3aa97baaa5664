"""Huawei device profiles: from and to the thing model.

A profile says which product it is ("devices") and describes its services ("services"). It comes as
a package of files (see `profile_package`) or as one JSON file with both keys. Published profiles
write null for whatever is optional, numbers as JSON numbers or as text, and 0 for "no limit".

Every error is an InvalidInput that names the file and the field:
`service/Battery/profile/servicetype-capability.json: Battery.batteryLevel.min`.
Source: Huawei 1.6.5 (names and types of all fields)
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from ..core import things
from ..core.errors import InvalidInput
from ..core.products import Facts
from ..core.things import DataType, Option, Parameter, Property, ThingModel
from . import profile_schema as wire
from .profile_package import DEVICE_FILE, MAX_PACKAGE, ZIP_MAGIC, read_folder, unzip

SINGLE_FILE = "profile"  # how errors call the one JSON file with both keys

_TYPES = {
    "int": DataType.INT,
    "decimal": DataType.DECIMAL,
    "float": DataType.FLOAT,
    "double": DataType.DOUBLE,
    "string": DataType.STRING,
    "datetime": DataType.DATETIME,
    "bool": DataType.BOOL,
    "boolean": DataType.BOOL,
    "enum": DataType.ENUM,
    "jsonobject": DataType.OBJECT,
    "array": DataType.ARRAY,
    "list": DataType.ARRAY,
    "string list": DataType.ARRAY,
}
_SPELLINGS = {
    **dict.fromkeys(things.INTEGERS, "int"),
    **dict.fromkeys(things.FRACTIONS, "decimal"),
    DataType.STRING: "string",
    DataType.BYTES: "string",
    DataType.DATE: "string",  # milliseconds are no DateTime of this system
    DataType.DATETIME: "DateTime",
    DataType.BOOL: "boolean",
    DataType.ENUM: "enum",
    DataType.OBJECT: "jsonObject",
    DataType.STRUCT: "jsonObject",
    DataType.ARRAY: "array",
}
_STRING_LIST = "string list"
NAMELESS = "Default"  # the service without a name, in a profile that is written
_OPTIONS = {each.value.lower(): each for each in Option}
_FLAGS = {"true": True, "false": False, "": False}


class Profile(Struct, frozen=True):
    """What a profile says: which product it is, and its thing model."""

    facts: Facts
    things: ThingModel


def read(data: bytes) -> Profile:
    """The profile of an uploaded file: a zip package, or one JSON file with both keys."""
    if data.startswith(ZIP_MAGIC):
        return _from_files(unzip(data))
    if len(data) > MAX_PACKAGE:
        raise InvalidInput(SINGLE_FILE, f"is larger than {MAX_PACKAGE} bytes")
    document = wire.decode(wire.Document, SINGLE_FILE, data)
    services = [(SINGLE_FILE, each) for each in document.services or ()]
    return _profile(SINGLE_FILE, document.devices, services)


def read_directory(folder: Path) -> Profile:
    """The profile of an unpacked package."""
    return _from_files(read_folder(folder))


def to_capabilities(model: ThingModel) -> list[dict[str, Any]]:
    """The model as `serviceCapabilities`. Source: Huawei 1.6.5"""
    return [
        {
            "serviceId": service.id,
            "serviceType": service.type or service.id,
            "option": service.option.value if service.option else None,
            "description": service.description,
            "commands": [_command_out(each) for each in service.commands],
            "properties": [_property_out(each) for each in service.properties],
        }
        for service in model.services
    ]


def write(facts: Facts, model: ThingModel) -> dict[str, Any]:
    """One JSON file with both keys, which `read` makes the same model of where it came from a profile.

    A profile has no events, and no service without a name: that is called NAMELESS here. A fact that is
    not known is an empty text, which cannot be read again.
    """
    capabilities, services = [], dict[str, dict[str, Any]]()
    for service, shown in zip(model.services, to_capabilities(model), strict=True):
        ident = service.id or NAMELESS
        kind = {
            "serviceType": service.type or ident,
            "description": service.description,
            "properties": shown["properties"],
            "commands": shown["commands"],
        }
        if services.get(kind["serviceType"], kind) != kind:
            kind["serviceType"] = ident  # two of one type that differ
        services[kind["serviceType"]] = kind
        capabilities.append(
            {"serviceId": ident, "serviceType": kind["serviceType"], "option": shown["option"]}
        )
    device = {
        "manufacturerId": facts.manufacturer_id or "",
        "manufacturerName": facts.manufacturer_name or "",
        "protocolType": facts.protocol_type or "",
        "deviceType": facts.device_type or "",
        "model": facts.model or "",
        "serviceTypeCapabilities": capabilities,
    }
    return {"devices": [device], "services": list(services.values())}


def _from_files(files: Mapping[str, bytes]) -> Profile:
    devices = wire.decode(wire.DeviceFile, DEVICE_FILE, files[DEVICE_FILE]).devices
    services = [
        (file, each)
        for file, data in files.items()
        if file != DEVICE_FILE
        for each in wire.decode(wire.ServiceFile, file, data).services
    ]
    return _profile(DEVICE_FILE, devices, services)


def _profile(
    file: str, devices: list[wire.Device], definitions: Iterable[tuple[str, wire.ServiceType]]
) -> Profile:
    if len(devices) != 1:
        raise InvalidInput(f"{file}: devices", f"describes {len(devices)} devices instead of one")
    known: dict[str, tuple[str, wire.ServiceType]] = {}
    for where, each in definitions:
        if each.service_type in known:
            raise InvalidInput(f"{where}: {each.service_type}", "is defined twice")
        known[each.service_type] = (where, each)
    device = devices[0]
    services = (_service(file, each, known) for each in device.service_type_capabilities or ())
    model = _checked(file, ThingModel(tuple(services)))
    facts = Facts(
        manufacturer_id=device.manufacturer_id,
        manufacturer_name=device.manufacturer_name,
        device_type=device.device_type,
        model=device.model,
        protocol_type=device.protocol_type,
    )
    return Profile(facts, model)


def _service(
    file: str, capability: wire.Capability, known: Mapping[str, tuple[str, wire.ServiceType]]
) -> things.Service:
    ident, kind = capability.service_id, capability.service_type or capability.service_id
    option = _OPTIONS.get((capability.option or "").lower())
    if capability.option and option is None:
        raise InvalidInput(
            f"{file}: {ident}.option", f"is none of {', '.join(each.value for each in Option)}"
        )
    if kind not in known:
        raise InvalidInput(f"{file}: {ident}.serviceType", f"names {kind}, which no file defines")
    where, raw = known[kind]
    at = f"{where}: {kind}"
    service = things.Service(
        id=ident,
        type=kind,
        description=raw.description,
        option=option,
        properties=tuple(_property(at, each) for each in raw.properties or ()),
        commands=tuple(_command(at, each) for each in raw.commands or ()),
    )
    return _checked(where, ThingModel((service,))).services[0]


def _checked(file: str, model: ThingModel) -> ThingModel:
    try:
        return things.decode(things.encode(model))
    except InvalidInput as error:
        raise InvalidInput(f"{file}: {error.field}", error.reason) from error


def _command(at: str, raw: wire.Command) -> things.Command:
    at = f"{at}.{raw.command_name}"
    responses = (
        things.Response(each.response_name, _parameters(f"{at}.{each.response_name}", each.paras))
        for each in raw.responses or ()
    )
    return things.Command(raw.command_name, _parameters(at, raw.paras), tuple(responses))


def _parameters(at: str, raws: list[wire.Para] | None) -> tuple[Parameter, ...]:
    return tuple(Parameter(raw.para_name, **_field(f"{at}.{raw.para_name}", raw)) for raw in raws or ())


def _property(at: str, raw: wire.Property) -> Property:
    at = f"{at}.{raw.property_name}"
    method = raw.method.upper() if raw.method is not None else None
    if method and not set(method) <= set("RWE"):
        raise InvalidInput(f"{at}.method", f"is no combination of R, W and E: {raw.method}")
    return Property(raw.property_name, **_field(at, raw), method=method)


def _field(at: str, raw: wire.Value) -> dict[str, Any]:
    """What properties and parameters have in common, as arguments of either."""
    text = " ".join(raw.data_type.split())
    data_type = _TYPES.get(text.lower())
    if data_type is None:
        raise InvalidInput(f"{at}.dataType", f"is not a known type: {raw.data_type}")
    limit = wire.whole(f"{at}.maxLength", raw.max_length)
    element = None
    if text.lower() == _STRING_LIST:  # here maxLength is that of each string
        element, limit = Parameter("item", DataType.STRING, max_length=limit), None
    spelling = _STRING_LIST if element else _SPELLINGS[data_type]
    return {
        "data_type": data_type,
        "required": _flag(f"{at}.required", raw.required),
        "min": wire.number_text(raw.min),
        "max": wire.number_text(raw.max),
        "step": wire.number(f"{at}.step", raw.step),
        "max_length": limit,
        "unit": raw.unit,
        "enum_list": None if raw.enum_list is None else tuple(map(wire.member_text, raw.enum_list)),
        "type_text": None if raw.data_type == spelling else raw.data_type,
        "element": element,
    }


def _flag(at: str, raw: bool | str | None) -> bool:
    if isinstance(raw, str):
        if raw.lower() not in _FLAGS:
            raise InvalidInput(at, "is neither true nor false")
        return _FLAGS[raw.lower()]
    return bool(raw)


def _command_out(command: things.Command) -> dict[str, Any]:
    return {
        "commandName": command.name,
        "paras": [_para_out(each) for each in command.parameters],
        "responses": [
            {"responseName": each.name, "paras": [_para_out(para) for para in each.parameters]}
            for each in command.responses
        ],
    }


def _property_out(prop: Property) -> dict[str, Any]:
    return {"propertyName": prop.name, **_field_out(prop), "method": prop.method}


def _para_out(parameter: Parameter) -> dict[str, Any]:
    return {"paraName": parameter.name, **_field_out(parameter)}


def _field_out(field: things.Field) -> dict[str, Any]:
    strings = field.element if field.element and field.element.data_type is DataType.STRING else None
    limit = strings.max_length if strings else field.max_length
    return {
        "dataType": _type_out(field, _STRING_LIST if strings else _SPELLINGS[field.data_type]),
        "required": field.required,
        "min": field.min,
        "max": field.max,
        "step": field.step,
        "maxLength": limit,
        "unit": field.unit,
        "enumList": None if field.enum_list is None else list(field.enum_list),
    }


def _type_out(field: things.Field, spelling: str) -> str:
    # another system's spelling may stand there, which means nothing here
    own = " ".join((field.type_text or "").lower().split())
    return field.type_text if field.type_text and _TYPES.get(own) is field.data_type else spelling
