"""One field of a binary layout: its bytes to a value and back.

Types, scale and offset are explained in `layouts`.
"""

import math
import re
import string
import struct
from decimal import Decimal
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from .things import Name, number

MAX_DIGITS = 20  # no integer type here has more
TOLERANCE = Decimal("0.001")  # of a raw step

Endian = Literal["big", "little"]
Factor = Annotated[int, Meta(ge=-(10**15), le=10**15)] | Annotated[float, Meta(ge=-1e15, le=1e15)]

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
_NUMBERS = _CODES.keys() - {"bool"}
_SIZED = re.compile(r"(string|bytes)\(([1-9][0-9]{0,4})\)", re.ASCII)
_ORDER = {"big": ">", "little": "<"}


class LayoutMismatch(ValueError):
    """A payload or a command that the product's layout does not describe."""


class Field(Struct, frozen=True, forbid_unknown_fields=True):
    name: Name
    type: str
    endian: Endian | None = None
    scale: Factor = 1
    offset: Factor = 0

    @property
    def width(self) -> int:
        """Bytes in the frame."""
        sized = _SIZED.fullmatch(self.type)
        return int(sized[2]) if sized else struct.calcsize(">" + _CODES[self.type])

    def flaw(self) -> tuple[str, str] | None:
        """The key that is wrong and why; None when the field can be used."""
        if self.type not in _CODES and not _SIZED.fullmatch(self.type):
            return "type", f"is not a known type: {self.type}"
        if self.type not in _NUMBERS and (self.scale, self.offset) != (1, 0):
            return "scale", f"has no meaning for {self.type}"
        if self.scale == 0:
            return "scale", "is zero"
        return None


def unpack(field: Field, endian: Endian, raw: bytes) -> Any:
    """The value in `raw`, which is `field.width` bytes long. Raises LayoutMismatch."""
    if field.type == "bool":
        return any(raw)
    if field.type.startswith("bytes"):
        return raw.hex()
    if field.type.startswith("string"):
        try:
            return raw.rstrip(b"\0").decode()
        except UnicodeDecodeError as error:
            raise LayoutMismatch(f"{field.name} is not UTF-8") from error
    value = struct.unpack(_ORDER[endian] + _CODES[field.type], raw)[0]
    if isinstance(value, float) and not math.isfinite(value):
        return value  # judged with the other values of the report, which may be right
    if field.type == "float32":
        value = _shortest(value)
    if (field.scale, field.offset) == (1, 0):
        return value
    parts = (value, field.scale, field.offset)
    value, scale, offset = map(_exact, parts)
    scaled = value * scale + offset
    return int(scaled) if all(isinstance(each, int) for each in parts) else float(scaled)


def _shortest(value: float) -> float:
    """The double with the fewest digits that is `value` as a float32: 3.1, not 3.0999999046."""
    digits = (float(f"{value:.{count}g}") for count in range(6, 9))
    return next((each for each in digits if struct.pack(">f", each) == struct.pack(">f", value)), value)


def pack(field: Field, endian: Endian, value: object) -> bytes:
    """The `field.width` bytes of `value`, a number also as text. Raises LayoutMismatch."""
    if field.type.startswith("string"):
        return _pack_string(field, value)
    if field.type.startswith("bytes"):
        return _pack_bytes(field, value)
    if field.type == "bool":
        if isinstance(value, int) and value in (0, 1):
            return bytes([value])
        raise LayoutMismatch(f"{field.name} is not a boolean")
    exact = number(value)
    if exact is None:
        raise LayoutMismatch(f"{field.name} is not a number")
    raw = (exact - _exact(field.offset)) / _exact(field.scale)
    try:
        packed = _fraction(raw) if field.type in _FLOATS else _whole(field, raw)
        return struct.pack(_ORDER[endian] + _CODES[field.type], packed)
    except (struct.error, OverflowError) as error:
        raise LayoutMismatch(f"{field.name} does not fit {field.type}") from error


def _fraction(raw: Decimal) -> float:
    value = float(raw)
    if not math.isfinite(value):
        raise OverflowError
    return value


def _whole(field: Field, raw: Decimal) -> int:
    if raw.adjusted() > MAX_DIGITS:
        raise OverflowError
    nearest = raw.to_integral_value()
    # a double holds 17 digits, so what was decoded with a long scale comes back with a tiny error
    if abs(raw - nearest) > TOLERANCE:
        raise LayoutMismatch(f"{field.name} is not a multiple of {field.scale}")
    return int(nearest)


def _pack_string(field: Field, value: object) -> bytes:
    try:
        data = value.encode() if isinstance(value, str) else b""
    except UnicodeEncodeError as error:
        raise LayoutMismatch(f"{field.name} is not valid Unicode") from error
    if not isinstance(value, str) or data.endswith(b"\0"):
        raise LayoutMismatch(f"{field.name} is not a string without a zero at its end")
    if len(data) > field.width:
        raise LayoutMismatch(f"{field.name} is longer than {field.width} bytes")
    return data.ljust(field.width, b"\0")


def _pack_bytes(field: Field, value: object) -> bytes:
    digits = 2 * field.width
    if not isinstance(value, str) or len(value) != digits or not set(value) <= set(string.hexdigits):
        raise LayoutMismatch(f"{field.name} is not {digits} hex digits")
    return bytes.fromhex(value)


def _exact(value: int | float) -> Decimal:
    return Decimal(repr(value))
