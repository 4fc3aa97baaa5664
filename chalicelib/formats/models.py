"""Thing models by the name of their format."""

import json
from enum import Enum
from typing import Any

import msgspec

from ..core import things
from ..core.errors import InvalidInput
from ..core.products import Facts, Product
from ..core.things import ThingModel
from . import feiyan_tsl, huawei_profile, xlink_points


class Format(Enum):
    HUAWEI = "huawei"  # device profile: JSON with both keys, or a zip
    FEIYAN = "feiyan"  # TSL
    XLINK = "xlink"  # data points
    POLYTHING = "polything"  # the model as it is stored: nothing is lost


class Read(msgspec.Struct, frozen=True):
    """`facts` are those that a profile says; other formats say none."""

    things: ThingModel
    facts: Facts = Facts()


def read(kind: Format, data: bytes) -> Read:
    """Raises InvalidInput that names the field."""
    if kind is Format.HUAWEI:
        found = huawei_profile.read(data)
        return Read(found.things, found.facts)
    if kind is Format.FEIYAN:
        return Read(feiyan_tsl.read(data))
    if kind is Format.XLINK:
        return Read(xlink_points.read(data))
    try:
        return Read(things.decode(data.decode()))
    except UnicodeDecodeError as error:
        raise InvalidInput("model", "is not UTF-8 text") from error


def write(kind: Format, product: Product, model: ThingModel) -> Any:
    """As JSON can hold it."""
    if kind is Format.HUAWEI:
        facts = {name: getattr(product, name) for name in Facts.__struct_fields__}
        return huawei_profile.write(Facts(**facts), model)
    if kind is Format.FEIYAN:
        return feiyan_tsl.write(model, product.id)
    if kind is Format.XLINK:
        return msgspec.to_builtins(xlink_points.write(model))
    return json.loads(things.encode(model))
