"""A product that Alink devices are of, with properties, commands and events in two services."""

from dataclasses import replace
from typing import Any

from chalicelib.core import products, registration
from chalicelib.core.products import NodeType, Product
from chalicelib.core.things import (
    Command,
    DataType,
    Event,
    Parameter,
    Property,
    Response,
    Service,
    ThingModel,
)
from tests.support.alink import Alink
from tests.support.fleet import Fleet
from tests.support.iot import FakeIot

PLACE = (Parameter("value", DataType.INT), Parameter("unit", DataType.STRING))
MODEL = ThingModel(
    (
        Service(
            "",
            properties=(
                Property("power", DataType.BOOL, method="RWE"),
                Property("heat", DataType.INT, min="0", max="100", method="RWE"),
                Property("place", DataType.STRUCT, fields=PLACE, method="RWE"),
            ),
            commands=(
                Command(
                    "reboot",
                    (Parameter("delay", DataType.INT),),
                    (Response("reply", (Parameter("done", DataType.BOOL),)),),
                ),
            ),
            events=(Event("Fault", "error", parameters=(Parameter("code", DataType.INT, max="99"),)),),
        ),
        Service(
            "Pump",
            properties=(
                Property("speed", DataType.INT, method="RWE"),
                Property("heat", DataType.INT, method="R"),
            ),
            commands=(Command("prime"),),
            events=(Event("Fault", "alert"),),
        ),
    )
)


def with_product(fleet: Fleet, node_type: NodeType = NodeType.ENDPOINT, **more: Any) -> Fleet:
    made = products.create(fleet.tenant, "Boiler", MODEL, node_type=node_type, **more)
    return replace(fleet, product=made)


def boiler(fleet: Fleet, iot: FakeIot, name: str = "boiler-1", product: Product | None = None) -> Alink:
    """Registered, not connected."""
    of = product or fleet.product
    new = registration.NewDevice(name, registration.BY_SECRET, product=of.id)
    made = registration.register(fleet.caller, new)
    return Alink(of.short_id or "", name, made.secret, iot, ident=f"sdk-{name}", device=made.device.device)
