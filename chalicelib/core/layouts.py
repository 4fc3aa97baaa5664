"""Binary payloads: a field layout that an operator writes for a product instead of a codec plug-in.

A layout is a JSON document. Frames from the device are told apart by their first byte, `id`; a
layout whose devices send a single kind of frame may leave it out.

    {
      "endian": "big",
      "reports": [
        {"id": 0, "service": "Battery", "fields": [
          {"name": "batteryLevel", "type": "uint8"},
          {"name": "temperature", "type": "int16", "endian": "little", "scale": 0.1, "offset": -40}
        ]}
      ],
      "commands": [
        {"service": "Battery", "method": "SET_REPORT_PERIOD", "id": 1, "mid": true, "fields": [
          {"name": "period", "type": "uint32"}
        ]}
      ],
      "responses": [
        {"id": 2, "service": "Battery", "mid": true, "errcode": true, "fields": [
          {"name": "result", "type": "uint8"}
        ]}
      ]
    }

A frame is, without gaps: the id byte where `id` is given, `mid` as uint16 and `errcode` as uint8
where they are true, then the fields in order. Types: uint8, int8, uint16, int16, uint32, int32,
float32, float64, bool (one byte, 0 is false), string(n) (n bytes of UTF-8, padded with zero bytes)
and bytes(n) (n bytes, as lowercase hex). A number is raw * scale + offset (default 1 and 0).
`endian` is big (the default) or little; a field may differ from its layout.
"""

import re
import struct
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal

from msgspec import DecodeError, Meta, Struct, ValidationError, json

from .errors import InvalidInput
from .things import Name, ServiceId, number

MAX_SIZE = 100 * 1024  # characters of a layout
MAX_FRAME = 64 * 1024  # bytes of a frame
MAX_MID = 65_535

Endian = Literal["big", "little"]
IdByte = Annotated[int, Meta(ge=0, le=255)]

_CODES = {
    "uint8": "B",
    "int8": "b",
    "uint16": "H",
    "int16": "h",
    "uint32": "I",
    "int32": "i",
    "float32": "f",
    "float64": "d",
    "bool": "?",
}
_FLOATS = ("float32", "float64")
_SIZED = re.compile(r"(string|bytes)\(([1-9][0-9]{0,4})\)", re.ASCII)
_ORDER = {"big": ">", "little": "<"}
_AT = re.compile(r"(?P<reason>.*) - at `\$\.?(?P<field>[^`]*)`", re.DOTALL)


class LayoutMismatch(ValueError):
    """A payload or a command that the product's layout does not describe."""


class Field(Struct, frozen=True, forbid_unknown_fields=True):
    name: Name
    type: str
    endian: Endian | None = None
    scale: int | float = 1
    offset: int | float = 0

    @property
    def width(self) -> int:
        """Bytes in the frame."""
        sized = _SIZED.fullmatch(self.type)
        return int(sized[2]) if sized else struct.calcsize(">" + _CODES[self.type])


class ReportFrame(Struct, frozen=True, forbid_unknown_fields=True):
    service: ServiceId
    fields: tuple[Field, ...]
    id: IdByte | None = None


class ResponseFrame(Struct, frozen=True, forbid_unknown_fields=True):
    fields: tuple[Field, ...] = ()
    service: ServiceId = ""
    id: IdByte | None = None
    mid: bool = False
    errcode: bool = False


class CommandFrame(Struct, frozen=True, forbid_unknown_fields=True):
    service: ServiceId
    method: Name
    fields: tuple[Field, ...] = ()
    id: IdByte | None = None
    mid: bool = False


class Layout(Struct, frozen=True, forbid_unknown_fields=True):
    endian: Endian = "big"
    reports: tuple[ReportFrame, ...] = ()
    commands: tuple[CommandFrame, ...] = ()
    responses: tuple[ResponseFrame, ...] = ()


class Report(Struct, frozen=True):
    """A decoded payload: data of a service, or the response to the command `mid`."""

    kind: Literal["data", "response"]
    service: str
    values: dict[str, Any]
    mid: int | None = None
    errcode: int | None = None


def parse(text: str | bytes) -> Layout:
    """The layout in a JSON document. Raises InvalidInput naming the field, as in `reports[0].fields[1].type`."""
    if len(text) > MAX_SIZE:
        raise InvalidInput("layout", f"is larger than {MAX_SIZE}")
    try:
        layout = json.decode(text, type=Layout)
    except ValidationError as error:
        match = _AT.fullmatch(str(error))
        raise InvalidInput(
            match["field"] if match else "layout", match["reason"] if match else str(error)
        ) from error
    except (DecodeError, RecursionError, UnicodeError) as error:
        raise InvalidInput("layout", f"is not JSON: {error}") from error
    _check_ids(layout)
    _check_methods(layout.commands)
    groups: tuple[tuple[str, tuple[ReportFrame | CommandFrame | ResponseFrame, ...]], ...] = (
        ("reports", layout.reports),
        ("commands", layout.commands),
        ("responses", layout.responses),
    )
    for group, frames in groups:
        for at, frame in enumerate(frames):
            _check_fields(f"{group}[{at}].fields", frame.fields)
    return layout


def decode(layout: Layout, payload: bytes) -> Report:
    """What a device's payload says. Raises LayoutMismatch where no frame of the layout fits it exactly."""
    frame = _frame_of(layout, payload)
    reader = _Reader(layout.endian, payload)
    if frame.id is not None:
        reader.take("uint8")
    if isinstance(frame, ReportFrame):
        report = Report("data", frame.service, reader.values(frame.fields))
    else:
        mid = reader.take("uint16") if frame.mid else None
        errcode = reader.take("uint8") if frame.errcode else None
        report = Report("response", frame.service, reader.values(frame.fields), mid, errcode)
    reader.finish()
    return report


def encode_command(layout: Layout, service: str, method: str, paras: Mapping[str, Any], mid: int) -> bytes:
    """The bytes that tell a device to run a command; `mid` is 1 to 65535.

    Raises LayoutMismatch where the layout has no such command or a parameter does not fit its field.
    """
    frame = next((each for each in layout.commands if (each.service, each.method) == (service, method)), None)
    if frame is None:
        raise LayoutMismatch(f"no command {service}.{method} in the layout")
    unknown = paras.keys() - {field.name for field in frame.fields}
    if unknown:
        raise LayoutMismatch(f"{min(unknown)} has no field in {service}.{method}")
    if not 1 <= mid <= MAX_MID:
        raise LayoutMismatch(f"mid {mid} is outside 1 to {MAX_MID}")
    parts = [] if frame.id is None else [bytes([frame.id])]
    if frame.mid:
        parts.append(struct.pack(_ORDER[layout.endian] + "H", mid))
    for field in frame.fields:
        if field.name not in paras:
            raise LayoutMismatch(f"{field.name} is missing")
        parts.append(_pack(field, field.endian or layout.endian, paras[field.name]))
    return b"".join(parts)
