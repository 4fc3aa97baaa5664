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

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from msgspec import DecodeError, Meta, Struct, json

from .errors import InvalidInput
from .layout_fields import Endian, Field, LayoutMismatch, pack, unpack
from .things import Name, ServiceId

MAX_SIZE = 100 * 1024  # characters of a layout
MAX_FRAME = 64 * 1024  # bytes of a frame
MAX_MID = 65_535

IdByte = Annotated[int, Meta(ge=0, le=255)]

__all__ = [
    "CommandFrame",
    "Endian",
    "Field",
    "Layout",
    "LayoutMismatch",
    "Report",
    "ReportFrame",
    "ResponseFrame",
    "decode",
    "encode_command",
    "parse",
]


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
    """The layout in a JSON document.

    Raises InvalidInput, in its field or its reason naming the place: `reports[0].fields[1].type`.
    """
    if len(text) > MAX_SIZE:
        raise InvalidInput("layout", f"is larger than {MAX_SIZE}")
    try:
        layout = json.decode(text, type=Layout)
    except (DecodeError, RecursionError, UnicodeError) as error:
        raise InvalidInput("layout", f"is not a field layout: {error}") from error
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
        reader.integer(1)
    if isinstance(frame, ReportFrame):
        report = Report("data", frame.service, reader.values(frame.fields))
    else:
        mid = reader.integer(2) if frame.mid else None
        errcode = reader.integer(1) if frame.errcode else None
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
        parts.append(mid.to_bytes(2, layout.endian))
    for field in frame.fields:
        if field.name not in paras:
            raise LayoutMismatch(f"{field.name} is missing")
        parts.append(pack(field, field.endian or layout.endian, paras[field.name]))
    return b"".join(parts)


class _Reader:
    """Walks a payload from its first byte to its last."""

    def __init__(self, endian: Endian, payload: bytes) -> None:
        self._endian: Endian = endian
        self._payload = payload
        self._at = 0

    def integer(self, width: int) -> int:
        return int.from_bytes(self._bytes(width, "the header"), self._endian)

    def values(self, fields: Iterable[Field]) -> dict[str, Any]:
        return {
            each.name: unpack(each, each.endian or self._endian, self._bytes(each.width, each.name))
            for each in fields
        }

    def finish(self) -> None:
        surplus = len(self._payload) - self._at
        if surplus:
            raise LayoutMismatch(f"payload is {surplus} bytes too long")

    def _bytes(self, width: int, name: str) -> bytes:
        end = self._at + width
        if end > len(self._payload):
            raise LayoutMismatch(f"payload ends within {name}: {len(self._payload)} bytes")
        taken, self._at = self._payload[self._at : end], end
        return taken


def _up(layout: Layout) -> list[ReportFrame | ResponseFrame]:
    return [*layout.reports, *layout.responses]


def _frame_of(layout: Layout, payload: bytes) -> ReportFrame | ResponseFrame:
    frames = _up(layout)
    if len(frames) == 1 and frames[0].id is None:
        return frames[0]
    if not payload:
        raise LayoutMismatch("payload is empty")
    for frame in frames:
        if frame.id == payload[0]:
            return frame
    raise LayoutMismatch(f"no report or response with the id {payload[0]} in the layout")


def _check_ids(layout: Layout) -> None:
    ids = [each.id for each in _up(layout)]
    if len(ids) > 1 and None in ids:
        raise InvalidInput("layout", "needs an id for every report and response, as there are several")
    if len(set(ids)) < len(ids):
        raise InvalidInput("layout", "gives one id to two reports or responses")


def _check_methods(commands: tuple[CommandFrame, ...]) -> None:
    seen = {(each.service, each.method) for each in commands}
    if len(seen) < len(commands):
        raise InvalidInput("commands", "describe one method of a service twice")


def _check_fields(at: str, fields: tuple[Field, ...]) -> None:
    if len({each.name for each in fields}) < len(fields):
        raise InvalidInput(at, "name one field twice")
    for index, field in enumerate(fields):
        reason = field.flaw()
        if reason:
            raise InvalidInput(f"{at}[{index}].{reason[0]}", reason[1])
    if sum(each.width for each in fields) > MAX_FRAME:
        raise InvalidInput(at, f"take more than {MAX_FRAME} bytes")
