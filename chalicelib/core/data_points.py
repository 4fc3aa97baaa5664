"""Adding, changing and deleting single data points of a product: properties of its thing model.

New ones belong to the service without a name. Nothing changes once the product is released.

Source: XLink 11 to 15
"""

import operator
from collections.abc import Callable

import msgspec

from . import points, products
from .errors import PointIndexTaken, PointNameTaken, PointNotFound, ProductReleased
from .points import NAMELESS, Point
from .products import Product
from .things import DataType, Property, Service, ThingModel

Same = Callable[[DataType, DataType], bool]

METHOD = "RWE"
SHAPE = {  # of a value; another type begins without
    "min": None,
    "max": None,
    "step": None,
    "max_length": None,
    "enum_list": None,
    "labels": None,
    "type_text": None,
    "fields": (),
    "element": None,
}


class Changes(msgspec.Struct, frozen=True):
    """New values for a point; None leaves one as it is. `unit` is its symbol."""

    name: str | None = None
    data_type: DataType | None = None
    index: int | None = None
    description: str | None = None
    unit: str | None = None
    collect: bool | None = None


def create(tenant: str, product: str, name: str, data_type: DataType, rest: Changes) -> Point:
    """`rest` gives the others; without an index it gets the lowest that is free. Two AWS calls.

    Raises ProductNotFound, ProductReleased, PointNameTaken, PointIndexTaken, InvalidInput, Busy.
    """

    def edit(model: ThingModel) -> ThingModel:
        _check(model, None, name, rest.index)
        service = model.service(NAMELESS) or Service(NAMELESS)
        made = _changed(Property(name, data_type, method=METHOD), rest)
        return _with(model, msgspec.structs.replace(service, properties=(*service.properties, made)))

    changed = products.edit_model(tenant, product, _open(edit))
    return next(each for each in list_points(changed) if (each.service, each.key) == (NAMELESS, name))


def change(tenant: str, product: str, ref: str, changes: Changes, same: Same = operator.is_) -> Point:
    """`ref` is the point's id, which stays. Two AWS calls.

    `same` says whether the type that a point has is as good as the one given: then it keeps its own.

    Raises ProductNotFound, ProductReleased, PointNotFound, PointNameTaken, PointIndexTaken, InvalidInput,
    Busy.
    """

    def edit(model: ThingModel) -> ThingModel:
        point = _found(points.points(model), ref)
        _check(model, point, changes.name, changes.index)
        held, given = point.property, changes
        if given.name == point.key:
            given = msgspec.structs.replace(given, name=None)
        if given.data_type is not None and same(held.data_type, given.data_type):
            given = msgspec.structs.replace(given, data_type=None)
        return _replaced(model, point, (_changed(held, given),))

    return _found(list_points(products.edit_model(tenant, product, _open(edit))), ref)


def delete(tenant: str, product: str, ref: str) -> None:
    """Two AWS calls. Raises ProductNotFound, ProductReleased, PointNotFound, Busy."""

    def edit(model: ThingModel) -> ThingModel:
        return _replaced(model, _found(points.points(model), ref), ())

    products.edit_model(tenant, product, _open(edit))


def get(product: Product, ref: str) -> Point:
    """Raises PointNotFound."""
    return _found(list_points(product), ref)


def list_points(product: Product) -> list[Point]:
    """By index."""
    found = points.points(products.model_of(product))
    return sorted(found, key=lambda each: each.property.index or 0)


def _open(edit: Callable[[ThingModel], ThingModel]) -> Callable[[Product, ThingModel], ThingModel]:
    def guarded(product: Product, model: ThingModel) -> ThingModel:
        if product.released:
            raise ProductReleased(product.id)
        return edit(model)

    return guarded


def _found(listed: list[Point], ref: str) -> Point:
    for each in listed:
        if each.property.ref == ref:
            return each
    raise PointNotFound(ref)


def _check(model: ThingModel, own: Point | None, name: str | None, index: int | None) -> None:
    """Whether another point than `own` has the name or the index."""
    for each in points.points(model):
        if own is not None and each.property.ref == own.property.ref:
            continue
        if name is not None and each.key == name:
            raise PointNameTaken(name)
        if index is not None and each.property.index == index:
            raise PointIndexTaken(str(index))


def _changed(old: Property, changes: Changes) -> Property:
    values = {name: value for name, value in msgspec.structs.asdict(changes).items() if value is not None}
    if values.get("data_type", old.data_type) is not old.data_type:
        values |= SHAPE
    return msgspec.structs.replace(old, **values)


def _replaced(model: ThingModel, point: Point, properties: tuple[Property, ...]) -> ThingModel:
    """The model with `properties` in the place of the point. A nameless service that holds nothing goes."""
    service = model.service(point.service) or Service(point.service)
    kept: list[Property] = []
    for each in service.properties:
        kept += properties if each.name == point.property.name else (each,)
    service = msgspec.structs.replace(service, properties=tuple(kept))
    if service.id == NAMELESS and not (service.properties or service.commands or service.events):
        return ThingModel(tuple(each for each in model.services if each.id != NAMELESS))
    return _with(model, service)


def _with(model: ThingModel, service: Service) -> ThingModel:
    """The model with this service in the place of the one of its id, else at its end."""
    if model.service(service.id) is None:
        return ThingModel((*model.services, service))
    return ThingModel(tuple(service if each.id == service.id else each for each in model.services))
