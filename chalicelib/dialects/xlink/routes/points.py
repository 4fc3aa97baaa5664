"""Data points: the product's thing model in one flat list. Source: XLink 11 to 15"""

from typing import Annotated

from msgspec import Meta

from ....core import data_points, products
from ....core import errors as core
from ....core.data_points import Changes
from ....core.points import HIGHEST, Point
from ....core.things import DataType
from ....formats.xlink_points import NEAREST, TYPES
from ....web.operations import Call
from .. import errors
from ..api import api
from ..schema import Id, ProductPath, Text32, Text250, Wire

CLOSED = {core.ProductReleased: errors.POINT_RELEASED}
WRITES = (
    core.InvalidInput,
    errors.UnknownDataType,
    core.ProductNotFound,
    core.ProductReleased,
    core.PointIndexTaken,
    core.PointNameTaken,
    core.Busy,
)

Index = Annotated[int, Meta(ge=0, le=HIGHEST)]
Symbol = Annotated[str, Meta(max_length=10)]
Type = Annotated[int, Meta(description="1 bool, 2 byte, 3 int16, 4 int32, 5 float, 6 string")]


class PointPath(ProductPath, frozen=True):
    datapoint_id: Id


class NewPoint(Wire, frozen=True):
    name: Text32
    type: Type
    index: Index
    description: Text250
    symbol: Symbol
    is_collect: bool = False


class PointChange(Wire, frozen=True):
    """What is left out stays as it is."""

    name: Text32 | None = None
    type: Type | None = None
    index: Index | None = None
    description: Text250 | None = None
    symbol: Symbol | None = None
    is_collect: bool | None = None


class PointShown(Wire, frozen=True):
    """`type` is the nearest of XLink's where another system's app has made the point."""

    id: str
    name: str
    type: int
    index: int
    description: str
    symbol: str
    is_collect: bool


@api.post("/v2/product/{product_id}/datapoint", source="XLink 11", raises=WRITES, faults=CLOSED)
def create_point(call: Call[ProductPath, None, NewPoint]) -> PointShown:
    """Add a data point to a product that is not released."""
    body = call.body
    rest = Changes(index=body.index, description=body.description, unit=body.symbol, collect=body.is_collect)
    data_type = _type(body.type)
    name = _name(body.name)
    return _shown(data_points.create(call.caller.tenant, call.path.product_id, name, data_type, rest))


@api.put(
    "/v2/product/{product_id}/datapoint/{datapoint_id}",
    source="XLink 12",
    raises=(*WRITES, core.PointNotFound),
    faults=CLOSED,
)
def change_point(call: Call[PointPath, None, PointChange]) -> None:
    """Change a data point of a product that is not released; it keeps its id."""
    body = call.body
    changes = Changes(
        name=None if body.name is None else _name(body.name),
        data_type=None if body.type is None else _type(body.type),
        index=body.index,
        description=body.description,
        unit=body.symbol,
        collect=body.is_collect,
    )
    data_points.change(call.caller.tenant, call.path.product_id, call.path.datapoint_id, changes, _same)


@api.delete(
    "/v2/product/{product_id}/datapoint/{datapoint_id}",
    source="XLink 13",
    raises=(core.ProductNotFound, core.ProductReleased, core.PointNotFound, core.Busy),
    faults=CLOSED,
)
def delete_point(call: Call[PointPath, None, None]) -> None:
    """Delete a data point of a product that is not released."""
    data_points.delete(call.caller.tenant, call.path.product_id, call.path.datapoint_id)


@api.get(
    "/v2/product/{product_id}/datapoint/{datapoint_id}",
    source="XLink 14",
    raises=(core.ProductNotFound, core.PointNotFound),
)
def get_point(call: Call[PointPath, None, None]) -> PointShown:
    """Query a data point."""
    product = products.fresh(call.caller.tenant, call.path.product_id)
    return _shown(data_points.get(product, call.path.datapoint_id))


@api.get("/v2/product/{product_id}/datapoints", source="XLink 15", raises=(core.ProductNotFound,))
def list_points(call: Call[ProductPath, None, None]) -> list[PointShown]:
    """List a product's data points by index."""
    product = products.fresh(call.caller.tenant, call.path.product_id)
    return [_shown(each) for each in data_points.list_points(product)]


def _name(name: str) -> str:
    if not name.strip():
        raise core.InvalidInput("name", "is empty", missing=True)
    return name


def _type(number: int) -> DataType:
    if number not in TYPES:
        raise errors.UnknownDataType("type", f"is {number}")
    return TYPES[number]


def _same(held: DataType, given: DataType) -> bool:
    """Whether XLink has one number for both: then the finer one stays."""
    return NEAREST[held] == NEAREST[given]


def _shown(point: Point) -> PointShown:
    held = point.property
    return PointShown(
        id=held.ref or "",
        name=point.key,
        type=NEAREST[held.data_type],
        index=held.index or 0,
        description=held.description or "",
        symbol=held.unit or "",
        is_collect=held.collect,
    )
