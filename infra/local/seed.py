"""The demo tenant: an application, a product, and their credentials in `.local/demo.json`.

Made once: a second start finds the credentials in the file and the records in the tables. Where the
file was lost, an alias in the tables still leads to the application, which gets a new secret and keeps
its devices; where the tables were lost, everything is made anew.
"""

import json
from typing import Any

from infra.local import running
from infra.local.cloud import LocalCloud
from infra.local.errors import StateUnusable
from infra.local.state import write_private

TENANT = "Demo"
ACCOUNT = "demo@polything.test"
RATE = 100_000  # calls a minute: a demo, its tests and measurements are not to be slowed down
ALIAS = ("seed#demo", "*")  # leads to the demo application
FACTS = {
    "manufacturer_id": "PolythingDemo",
    "manufacturer_name": "Polything",
    "device_type": "WaterMeter",
    "model": "PT-1",
    "protocol_type": "MQTT",
}
PEOPLE = {"ann@example.com": "Ann", "ben@example.com": "Ben"}  # who use the demo app


def seed(cloud: LocalCloud) -> dict[str, Any]:
    """What `demo.json` holds: the addresses of now and each dialect's credentials."""
    demo = {
        "http": cloud.http,
        "mqtt": dict(zip(("host", "port"), cloud.mqtt, strict=True)),
        **credentials(_kept(cloud)),
    }
    write_private(cloud.state.demo, json.dumps(demo, indent=2) + "\n")
    running.announce(cloud.state.path)
    return demo


def _kept(cloud: LocalCloud) -> dict[str, Any]:
    """What the file holds; empty where it is lost or spoilt."""
    try:
        held = json.loads(cloud.state.demo.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return held if isinstance(held, dict) else {}


def credentials(kept: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """By dialect: `kept` where it still works, else new ones, of the same application where it is known.

    All dialects' credentials lead to one application, so one fleet is seen through all of them.
    """
    from chalicelib.core import products

    application, secret = _application(_part(kept, "huawei"))
    product = _product(application.tenant)
    if product.short_id is None:
        raise StateUnusable("the kept demo product is of an older version: start once with --reset")
    xlink, ctwing = _part(kept, "xlink"), _part(kept, "ctwing")
    key, key_secret = _key(application.id, "XLink demo", xlink, "accessKeyId", "accessKeySecret")
    app_key, app_secret = _key(application.id, "CTWing demo", ctwing, "appKey", "appSecret")
    feiyan = _part(kept, "feiyan")
    feiyan_key, feiyan_secret = _key(application.id, "Feiyan demo", feiyan, "appKey", "appSecret")
    return {
        "huawei": {"appId": application.id, "secret": secret, "productId": product.id},
        "xlink": {
            "account": ACCOUNT,
            "password": _password(application.id, xlink),
            "accessKeyId": key,
            "accessKeySecret": key_secret,
            "productId": product.id,
        },
        "shadow": {"key": application.id, "secret": secret, "productId": product.short_id},
        "ctwing": {
            "appKey": app_key,
            "appSecret": app_secret,
            "masterKey": products.key_of(product),
            "productId": product.number,
        },
        "feiyan": {
            "appKey": feiyan_key,
            "appSecret": feiyan_secret,
            "projectId": application.id,
            "productKey": product.short_id,
            "people": _people(application, feiyan.get("people")),
        },
    }


def _part(kept: dict[str, Any], dialect: str) -> dict[str, str]:
    found = kept.get(dialect)
    return found if isinstance(found, dict) else {}


def _application(kept: dict[str, str]) -> tuple[Any, str]:
    """The demo application and its secret."""
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
    return application, secret or kept["secret"]


def _key(application: str, name: str, kept: dict[str, str], ident: str, secret: str) -> tuple[str, str]:
    """An access key of the demo application; those whose secret was lost are revoked."""
    from chalicelib.core import keys
    from chalicelib.core.errors import WrongSecret

    try:
        held = keys.verify(kept.get(ident) or "-", kept.get(secret) or "-")
    except WrongSecret:
        held = None
    if held is not None and held.application == application:
        return held.id, kept[secret]
    for lost in keys.list_keys(application):
        if lost.name == name:
            keys.revoke(lost.id)
    made, made_secret = keys.create(application, name)
    return made.id, made_secret


def _password(application: str, kept: dict[str, str]) -> str:
    """The password of the demo account, which is made where it is missing."""
    from chalicelib.core import accounts, ids
    from chalicelib.core.errors import LoginTaken, WrongSecret

    password = kept.get("password") or ids.secret()
    try:
        if accounts.verify(ACCOUNT, password).application == application:
            return password
    except WrongSecret:
        pass
    try:
        accounts.create(application, ACCOUNT, password)
    except LoginTaken:
        held = next(each for each in accounts.list_accounts(_tenant(application)) if each.login == ACCOUNT)
        accounts.set_password(held.id, password)
    return password


def _people(application: Any, kept: object) -> list[dict[str, str]]:
    """The demo people, who may log in by these passwords; who is missing is made."""
    from chalicelib.core import ids, users
    from chalicelib.core.applications import Caller
    from chalicelib.core.errors import ReceiverNotFound, WrongSecret

    listed = kept if isinstance(kept, list) else []
    known = {each.get("loginId"): each for each in listed if isinstance(each, dict)}
    caller = Caller(application.tenant, application.id, application.id)
    found = []
    for login, name in PEOPLE.items():
        password = str(known.get(login, {}).get("password") or ids.secret())
        try:
            person = users.verify(application.id, login, password)
        except WrongSecret:
            try:
                person = users.find_by_login(application.id, login)
                users.set_password(person.id, password)
            except ReceiverNotFound:
                new = users.NewUser(email=login, nickname=name, password=password)
                person = users.create(caller, new)
        found.append({"loginId": login, "password": password, "identityId": person.id})
    return found


def _tenant(application: str) -> str:
    from chalicelib.core import applications

    return applications.find(application).tenant


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


def _product(tenant: str) -> Any:
    """The tenant's demo product, made where it is missing."""
    from chalicelib.core import products
    from chalicelib.core.errors import ProductNotFound

    facts = products.Facts(**FACTS)
    try:
        return products.find_by_model(tenant, facts)
    except ProductNotFound:
        return products.create(tenant, "Demo water meter", meter(), facts)


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
