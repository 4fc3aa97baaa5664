"""The demo tenant: an application, a product, and their credentials in `.local/demo.json`.

Made once. A second start finds the credentials in the file and the records in the tables.
"""

import json
from typing import Any

from infra.local.cloud import LocalCloud
from infra.local.state import write_private

TENANT = "Demo"
FACTS = {
    "manufacturer_id": "PolythingDemo",
    "manufacturer_name": "Polything",
    "device_type": "WaterMeter",
    "model": "PT-1",
    "protocol_type": "MQTT",
}


def seed(cloud: LocalCloud) -> dict[str, Any]:
    """What `demo.json` holds: the addresses of now and each dialect's credentials."""
    path = cloud.state.demo
    demo: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    if not _works(demo.get("huawei")):
        demo["huawei"] = _huawei()
    host, port = cloud.mqtt
    demo.update(http=cloud.http, mqtt={"host": host, "port": port})
    write_private(path, json.dumps(demo, indent=2) + "\n")
    return demo


def _works(kept: dict[str, str] | None) -> bool:
    """Whether kept credentials still belong to a record: the tables may be others than last time."""
    from chalicelib.core import applications
    from chalicelib.core.errors import WrongSecret

    if kept is None:
        return False
    try:
        applications.verify(kept["appId"], kept["secret"])
    except WrongSecret:
        return False
    return True


def _huawei() -> dict[str, str]:
    from chalicelib.core import applications, products

    tenant = applications.create_tenant(TENANT)
    application, secret = applications.create_application(tenant.id, "Demo application")
    product = products.create(tenant.id, "Demo water meter", meter(), products.Facts(**FACTS))
    return {"appId": application.id, "secret": secret, "productId": product.id}


def meter() -> Any:
    """Service Meter: a settable `level`, a reported `flow`, and SET_LEVEL."""
    from chalicelib.core.things import Command, DataType, Parameter, Property, Service, ThingModel

    level = Property(name="level", data_type=DataType.INT, min="0", max="100", unit="%", method="RWE")
    flow = Property(name="flow", data_type=DataType.DECIMAL, unit="l/min", method="RE")
    value = Parameter(name="value", data_type=DataType.INT, required=True, min="0", max="100")
    command = Command(name="SET_LEVEL", parameters=(value,))
    return ThingModel((Service(id="Meter", type="Meter", properties=(level, flow), commands=(command,)),))
