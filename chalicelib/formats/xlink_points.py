"""XLink data points: a flat list of properties with one of six types.

Read, they make the service without a name. What comes from a model with services has keys in place of
names (`core/points.py`), so it does not become services again; what a point does not say (bounds,
commands, events) is lost.

Source: XLink 11 to 15
"""

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from ..core import points, things
from ..core.errors import InvalidInput
from ..core.points import NAMELESS
from ..core.things import DataType, Property, Service, ThingModel
from ..web.validation import explain

TYPES = {
    1: DataType.BOOL,
    2: DataType.BYTE,
    3: DataType.INT16,
    4: DataType.INT32,
    5: DataType.FLOAT,
    6: DataType.STRING,
}
NEAREST = {kind: number for number, kind in TYPES.items()} | {
    DataType.INT: 4,
    DataType.UINT16: 4,
    DataType.UINT32: 4,
    DataType.DECIMAL: 5,
    DataType.DOUBLE: 5,
    DataType.BYTES: 6,
    DataType.DATETIME: 6,
    DataType.DATE: 6,
    DataType.ENUM: 6,
    DataType.OBJECT: 6,
    DataType.STRUCT: 6,
    DataType.ARRAY: 6,
}
METHOD = "RWE"


class Point(Struct, frozen=True):
    """`id` is not read: points keep the one that their name had."""

    name: Annotated[str, Meta(min_length=1, max_length=256)]
    type: Annotated[int, Meta(ge=1, le=6)]
    index: Annotated[int, Meta(ge=0, le=points.HIGHEST)] | None = None
    description: str = ""
    symbol: str = ""
    is_collect: bool = False
    id: str = ""


def read(data: bytes) -> ThingModel:
    """Raises InvalidInput that names the field."""
    try:
        found = msgspec.json.decode(data, type=list[Point])
    except msgspec.ValidationError as error:
        raise explain(error) from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidInput("", f"is not JSON: {error}") from error
    if not found:
        return ThingModel()
    properties = tuple(
        Property(
            name=each.name,
            data_type=TYPES[each.type],
            index=each.index,
            description=each.description or None,
            unit=each.symbol or None,
            collect=each.is_collect,
            method=METHOD,
        )
        for each in found
    )
    return things.decode(
        things.encode(points.numbered(ThingModel((Service(NAMELESS, properties=properties),))))
    )


def write(model: ThingModel) -> list[Point]:
    """In the order of their indexes."""
    found = [
        Point(
            name=each.key,
            type=NEAREST[each.property.data_type],
            index=each.property.index or 0,
            description=each.property.description or "",
            symbol=each.property.unit or "",
            is_collect=each.property.collect,
            id=each.property.ref or "",
        )
        for each in points.points(points.numbered(model))
    ]
    return sorted(found, key=lambda each: each.index or 0)
