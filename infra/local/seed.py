"""The demo tenant: an application, a product, and their credentials in `.local/demo.json`.

Made once: a second start finds the credentials in the file and the records in the tables. Where the
file was lost, an alias in the tables still leads to the application, which gets a new secret and keeps
its devices; where the tables were lost, everything is made anew.
"""

import json
from typing import Any

from infra.local import running
from infra.local.cloud import LocalCloud
from infra.local.state import write_private

TENANT = "Demo"
RATE = 100_000  # calls a minute: a demo, its tests and measurements are not to be slowed down
ALIAS = ("seed#demo", "*")  # leads to the demo application
FACTS = {
    "manufacturer_id": "PolythingDemo",
    "manufacturer_name": "Polything",
    "device_type": "WaterMeter",
    "model": "PT-1",
    "protocol_type": "MQTT",
}


def seed(cloud: LocalCloud) -> dict[str, Any]:
    """What `demo.json` holds: the addresses of now and each dialect's credentials."""
    demo = {
        "http": cloud.http,
        "mqtt": dict(zip(("host", "port"), cloud.mqtt, strict=True)),
        "huawei": credentials(_kept(cloud)),
    }
    write_private(cloud.state.demo, json.dumps(demo, indent=2) + "\n")
    running.announce(cloud.state.path)
    return demo


def _kept(cloud: LocalCloud) -> dict[str, str]:
    """The credentials in the file; empty where it is lost or spoilt."""
    try:
        held = json.loads(cloud.state.demo.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    found = held.get("huawei") if isinstance(held, dict) else None
    return found if isinstance(found, dict) else {}


def credentials(kept: dict[str, str]) -> dict[str, str]:
    """`kept` where it still works, else new ones, of the same application where the tables know it."""
    from chalicelib.core import applications
    from chalicelib.core.errors import ApplicationNotFound, WrongSecret

    try:
        application, secret = applications.verify(kept.get("appId", "-"), kept.get("secret", "")), ""
    except WrongSecret:
        try:
            application = applications.find(_known() or "-")
            secret = applications.rotate_secret(application.id)
        except ApplicationNotFound:
            application, secret = _made()
    if application.rate < RATE:
        applications.set_rate(application.id, RATE)
    return {
        "appId": application.id,
        "secret": secret or kept["secret"],
        "productId": _product(application.tenant),
    }


def _known() -> str | None:
    from chalicelib.store.products import AliasRecord

    alias = AliasRecord.find(*ALIAS)
    return alias.target if alias else None


def _made() -> tuple[Any, str]:
    from chalicelib.core import applications
    from chalicelib.store.products import AliasRecord

    tenant = applications.create_tenant(TENANT)
    application, secret = applications.create_application(tenant.id, "Demo application")
    AliasRecord(*ALIAS, target=application.id).save()
    return application, secret


def _product(tenant: str) -> str:
    """The tenant's demo product, made where it is missing."""
    from chalicelib.core import products
    from chalicelib.core.errors import ProductNotFound

    facts = products.Facts(**FACTS)
    try:
        return products.find_by_model(tenant, facts).id
    except ProductNotFound:
        return products.create(tenant, "Demo water meter", meter(), facts).id


def meter() -> Any:
    """Service Meter: a settable `level`, a reported `flow`, and SET_LEVEL."""
    from chalicelib.core import things
    from chalicelib.core.things import DataType, Parameter, Property

    level = Property(name="level", data_type=DataType.INT, min="0", max="100", unit="%", method="RWE")
    flow = Property(name="flow", data_type=DataType.DECIMAL, unit="l/min", method="RE")
    value = Parameter(name="value", data_type=DataType.INT, required=True, min="0", max="100")
    result = Parameter(name="result", data_type=DataType.INT, min="0", max="100")
    command = things.Command(
        name="SET_LEVEL", parameters=(value,), responses=(things.Response("SET_LEVEL_RSP", (result,)),)
    )
    service = things.Service(id="Meter", type="Meter", properties=(level, flow), commands=(command,))
    return things.ThingModel((service,))
