"""A tenant with an application and a product, made by the core itself."""

import json
from dataclasses import dataclass
from typing import Any

from chalicelib.core import applications, products
from chalicelib.core.applications import Caller
from chalicelib.core.products import Facts, NodeType, Product
from chalicelib.formats import huawei_profile as profile

METER = {
    "devices": [
        {
            "manufacturerId": "acme",
            "manufacturerName": "Acme",
            "protocolType": "MQTT",
            "deviceType": "Meter",
            "model": "M1",
            "serviceTypeCapabilities": [
                {"serviceId": "Meter", "serviceType": "Meter", "option": "Mandatory"}
            ],
        }
    ],
    "services": [
        {
            "serviceType": "Meter",
            "description": "a meter",
            "properties": [
                {"propertyName": "level", "dataType": "int", "min": "0", "max": "100", "method": "RWE"},
                {"propertyName": "flow", "dataType": "decimal", "min": "0", "max": "1000000", "method": "R"},
            ],
            "commands": [
                {
                    "commandName": "SET_LEVEL",
                    "paras": [
                        {"paraName": "value", "dataType": "int", "required": True, "min": "0", "max": "100"}
                    ],
                    "responses": [
                        {
                            "responseName": "SET_LEVEL_RSP",
                            "paras": [{"paraName": "result", "dataType": "int", "min": "0", "max": "100"}],
                        }
                    ],
                }
            ],
        }
    ],
}


@dataclass
class Fleet:
    tenant: str
    application: str
    secret: str
    product: Product

    @property
    def caller(self) -> Caller:
        return Caller(tenant=self.tenant, application=self.application, owner=self.application)


def make_fleet(name: str = "acme", **facts: Any) -> Fleet:
    tenant = applications.create_tenant(name)
    application, secret = applications.create_application(tenant.id, "app")
    return Fleet(tenant.id, application.id, secret, make_product(tenant.id, **facts))


def make_application(fleet: Fleet) -> str:
    """Another application of the same tenant; its id."""
    return applications.create_application(fleet.tenant, "another")[0].id


def make_product(tenant: str, node_type: NodeType = NodeType.ENDPOINT, **facts: Any) -> Product:
    read = profile.read(json.dumps(METER).encode())
    found, model = read.facts, read.things
    given = {"manufacturer_id": found.manufacturer_id, "model": found.model} | facts
    return products.create(
        tenant,
        "Meter",
        model,
        Facts(
            manufacturer_id=given["manufacturer_id"],
            manufacturer_name=found.manufacturer_name,
            device_type=found.device_type,
            model=given["model"],
            protocol_type=found.protocol_type,
        ),
        node_type=node_type,
    )
