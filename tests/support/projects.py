"""A Feiyan project with one of everything, all of it one person's, and the names of these things.

`Names` are as in `worlds`: what a call's `{kind}` is filled with.
"""

import zlib
from dataclasses import dataclass
from typing import Any

from chalicelib.core import (
    applications,
    bind_tokens,
    bindings,
    children,
    discovery,
    keys,
    product_details,
    registration,
    upgrades,
    user_sessions,
    users,
)
from chalicelib.core.bindings import Role
from chalicelib.core.discovery import Sighting
from chalicelib.core.packages import Type
from chalicelib.core.product_details import Details
from chalicelib.core.products import NodeType, Product
from chalicelib.core.registration import NewDevice
from chalicelib.core.upgrade_states import Policy, PolicyKind, Target
from chalicelib.core.upgrades import NewUpgrade
from chalicelib.core.users import NewUser
from chalicelib.store.devices import DEVICE, LINK, DeviceRecord, LinkRecord
from chalicelib.store.transactions import Transaction
from tests.support import things
from tests.support.clock import FakeClock
from tests.support.feiyan import Program, Someone, app_of, cloud_of
from tests.support.fleet import Fleet, make_fleet, make_product
from tests.support.iot import FakeIot
from tests.support.queues import WorkQueue
from tests.support.things import Lamp
from tests.support.upgrades import make_package

PASSWORD = "correct horse"


@dataclass
class Site:
    """Where projects are made: the broker, the clock and the work queue of a test."""

    iot: FakeIot
    clock: FakeClock
    work: WorkQueue


@dataclass
class Range:
    """A tenant's products: a lamp, a gateway, a meter with packages, a recorder with a camera."""

    lamp: Product
    gateway: Product
    meter: Product
    recorder: Product


@dataclass
class Project:
    """An application, its programs, and a person; `names` are of what is the person's or the project's."""

    fleet: Fleet
    products: Range
    app: Program
    cloud: Program
    person: Someone
    friend: Someone
    names: dict[str, str]


def make_range(tenant: str, meter: Product) -> Range:
    lamp = _released(things.make_lamp_product(tenant))
    gateway = make_product(tenant, NodeType.GATEWAY, model="G1")
    recorder = make_product(tenant, NodeType.GATEWAY, model="NVR")
    return Range(lamp, gateway, meter, _released(recorder, child_product=lamp.id, children=1))


def _released(product: Product, **more: Any) -> Product:
    return product_details.describe(product.tenant, product.id, Details(released=True, category=61, **more))


def make_project(site: Site, name: str, *, beside: Project | None = None) -> Project:
    """In a tenant of its own, or as another application of a project's tenant."""
    if beside is None:
        fleet = make_fleet(name)
        of = make_range(fleet.tenant, fleet.product)
    else:
        application, secret = applications.create_application(beside.fleet.tenant, name)
        of = beside.products
        fleet = Fleet(beside.fleet.tenant, application.id, secret, of.meter)
    applications.set_rate(fleet.application, 100_000)
    app, cloud = app_of(fleet), cloud_of(fleet)
    person, friend = _person(fleet, name), _person(fleet, f"{name}-friend")
    project = Project(fleet, of, app, cloud, person, friend, {})
    project.names |= _of_project(project, name, site)
    project.names |= _of_person(project, name, site)
    return project


def settle_in(site: Site, project: Project, name: str) -> Project:
    """Another person of the project, with one of everything that is a person's."""
    person, friend = _person(project.fleet, name), _person(project.fleet, f"{name}-friend")
    made = Project(
        project.fleet, project.products, project.app, project.cloud, person, friend, {**project.names}
    )
    made.names |= _of_person(made, name, site)
    return made


def _person(fleet: Fleet, name: str) -> Someone:
    new = NewUser(
        login=f"{name}@example.com",
        phone=f"139{zlib.crc32(name.encode()) % 10**8:08d}",
        open_id=f"open-{name}",
        password=PASSWORD,
        nickname=f"nick-{name}",
    )
    made = users.create(fleet.caller, new)
    return Someone(made.id, user_sessions.open(made.id).access)


def _of_project(project: Project, name: str, site: Site) -> dict[str, str]:
    """What the project's cloud has and knows."""
    fleet, of, cloud = project.fleet, project.products, project.cloud
    key, _ = keys.create(fleet.application, "another app")
    named = cloud.ok(
        "/cloud/device/name/upload",
        "1.1.2",
        {"productKey": of.lamp.short_id, "deviceNames": [f"{name}-made-1", f"{name}-made-2"]},
    )
    applied = cloud.ok(
        "/cloud/amount/device/generate", "1.1.2", {"productKey": of.lamp.short_id, "amount": 2}
    )
    recorders = cloud.ok(
        "/living/cloud/product/nvr/device/generate",
        "1.0.0",
        {"productKey": of.recorder.short_id, "amount": 1},
    )
    site.work.run()
    return {
        "project": fleet.application,
        "app_key": key.id,
        "product": str(of.lamp.short_id),
        "product_number": str(of.lamp.number),
        "gateway_product": str(of.gateway.short_id),
        "meter_product": str(of.meter.short_id),
        "recorder": str(of.recorder.short_id),
        "name_batch": str(named),
        "batch": str(applied),
        "recorder_batch": str(recorders),
        "cloud_token": str(cloud.cloud_token),
        "fresh_name": _fresh(project, name, site),
    }


def _fresh(project: Project, name: str, site: Site) -> str:
    """A device that has just come online, for whoever binds it."""
    fresh = f"{name}-fresh"
    new = NewDevice(fresh, registration.BY_SECRET, product=project.products.lamp.id)
    made = Lamp(registration.register(project.fleet.caller, new).device.device, site.iot)
    made.connect()
    DeviceRecord(made.id, DEVICE).update([DeviceRecord.last_login.set(site.clock())])
    return fresh


def _of_person(project: Project, name: str, site: Site) -> dict[str, str]:
    fleet, app, person = project.fleet, project.app, project.person
    at = _devices(project, name, site)
    made = {"user": person.id, "friend": project.friend.id, "iot_token": person.token}
    made |= {kind: each.id for kind, each in at.items()}
    made |= {f"{kind}_name": each.name for kind, each in at.items()}
    known, friend = users.find(person.id), users.find(project.friend.id)
    made["friend_login"] = str(friend.login)
    made |= {"login": str(known.login), "phone": str(known.phone), "open_id": str(known.open_id)}

    def ok(path: str, version: str, **params: Any) -> Any:
        site.clock.advance(0.001)
        return app.ok(path, version, params, user=person.token)

    home = ok("/living/home/create", "1.1.0", name=f"{name}的家")
    empty = ok("/living/home/create", "1.1.0", name="空家")
    ok("/living/home/current/update", "1.0.0", homeId=home)
    room = ok("/living/home/room/create", "1.0.1", homeId=home, name="Kitchen")
    bare = ok("/living/home/room/create", "1.0.1", homeId=home, name="Cellar")
    made |= {"home": home, "empty_home": empty, "room": room, "bare_room": bare}
    lamps = [at["lamp"].id, at["second"].id]
    ok("/living/home/room/device/full/update", "1.0.0", homeId=home, roomId=room, iotIdList=lamps)
    for kind, some in (("group", lamps), ("spare_group", [at["third"].id, at["fourth"].id])):
        made[kind] = ok(
            "/living/home/controlgroup/create",
            "1.0.3",
            homeId=home,
            name=kind.replace("_", ""),
            productKey=project.products.lamp.short_id,
            iotIdList=some,
        )
    made |= _shares(project, at, site)
    attributes = [{"attrKey": "name", "attrValue": "v"}]
    made["virtual"] = ok("/uc/virtual/user/create", "1.0.6", attrList=attributes)["userId"]
    ok("/thing/extended/property/set", "1.0.4", iotId=at["lamp"].id, dataKey="colour", dataValue="blue")
    widget = {"iotId": at["lamp"].id, "properties": ["power"]}
    ok("/iotx/ilop/updateComponentProduct", "1.0.0", componentProductList=[widget])
    made["phone_id"] = f"handset-of-{name}"
    ok("/uc/bindPushChannel", "1.0.6", deviceId=made["phone_id"], deviceType="iOS")
    made["reset"] = ok("/living/device/reset", "1.0.1", iotId=at["third"].id, offlineReset=True)
    ok("/account/taobao/bind", "1.0.5", authCode=f"code-of-{name}")
    _upgrade(project, at, site)
    made |= _arrivals(project, at)
    for kind in ("refresh_token", "other_refresh_token"):
        made[kind] = user_sessions.open(person.id).refresh
    made["other_iot_token"] = user_sessions.open(person.id).access
    for kind in ("code", "sid"):
        made[kind] = user_sessions.auth_code(users.find(person.id), Transaction())
    certificate = app.ok("/app/aepauth/handle", "1.0.0", {"authInfo": {"clientId": made["phone_id"]}})
    made["channel"] = certificate["deviceName"]
    assert bindings.get(person.id, at["lamp"].id).role is Role.MANAGER
    assert fleet.application == project.names["project"]
    return made


def _devices(project: Project, name: str, site: Site) -> dict[str, Lamp]:
    """All of the person's but one that nobody has, and two of the friend's."""
    fleet, of = project.fleet, project.products
    kinds = {
        "lamp": of.lamp,
        "second": of.lamp,
        "third": of.lamp,
        "fourth": of.lamp,
        "spare": of.lamp,
        "gateway": of.gateway,
        "child": of.lamp,
        "other_child": of.lamp,
        "meter": of.meter,
        "loaded": of.meter,
        "lent": of.lamp,
        "offered": of.lamp,
        "newcomer": of.lamp,
    }
    at = {}
    for kind, product in kinds.items():
        new = NewDevice(f"{name}-{kind}", registration.BY_SECRET, product=product.id)
        ident = registration.register(fleet.caller, new).device.device
        at[kind] = Lamp(ident, site.iot, name=f"{name}-{kind}", product=product)
        site.clock.advance(0.001)
    for child in ("child", "other_child"):
        children.attach(fleet.caller, at["gateway"].id, at[child].id)
    for kind in kinds:
        if kind != "newcomer":
            lender = kind in ("lent", "offered")
            bindings.bind(fleet.caller, (project.friend if lender else project.person).id, at[kind].id)
    bindings.bind(fleet.caller, project.friend.id, at["lamp"].id, Role.MEMBER)
    bindings.bind(fleet.caller, project.friend.id, at["second"].id, Role.MEMBER)
    bindings.bind(fleet.caller, project.person.id, at["lent"].id, Role.MEMBER)
    for kind in ("lamp", "gateway", "newcomer"):
        at[kind].connect()
    LinkRecord(at["gateway"].id, LINK).update([LinkRecord.dialect.set("feiyan")])
    at["lamp"].report(power=True, brightness=7)
    return at


def _shares(project: Project, at: dict[str, Lamp], site: Site) -> dict[str, str]:
    """An offer of the person's, one to the person, and a code to scan."""
    made: dict[str, str] = {}
    for kind, giver, taker, what in (
        ("share", project.person, project.friend, at["spare"]),
        ("offer", project.friend, project.person, at["offered"]),
    ):
        site.clock.advance(0.001)
        wanted = {"iotIdList": [what.id], "targetIdentityId": taker.id}
        project.app.ok("/uc/shareDevicesAndScenes", "1.0.8", wanted, user=giver.token)
        page = {"pageNo": 1, "pageSize": 1}
        found = project.app.ok("/uc/getShareNoticeList", "1.0.9", page, user=giver.token)["data"][0]
        made |= {f"{kind}_record": found["recordId"], f"{kind}_batch": found["batchId"]}
    made["qr"] = project.app.ok(
        "/uc/generateShareQrCode", "1.0.6", {"iotIdList": [at["fourth"].id]}, user=project.person.token
    )["qrKey"]
    return made


def _upgrade(project: Project, at: dict[str, Lamp], site: Site) -> None:
    """One that waits until the person confirms it, and one that waits for the device."""
    package = make_package(project.fleet, Type.FIRMWARE)
    for kind, confirm in (("meter", True), ("loaded", False)):
        policy = Policy(PolicyKind.ONLINE, confirm=confirm)
        new = NewUpgrade(package.type, package.id, Target(), policy, (at[kind].id,))
        upgrades.create(project.fleet.caller, new)
    site.work.run()


def _arrivals(project: Project, at: dict[str, Lamp]) -> dict[str, str]:
    """A device that has reported a token, and one that the gateway has found."""
    made = project.app.ok("/living/awss/token/create", "1.0.0", {}, user=project.person.token)
    assert bind_tokens.report(at["newcomer"].id, made["token"])
    found = Sighting(str(project.products.lamp.short_id), project.names["fresh_name"])
    discovery.report(at["gateway"].id, [found])
    return {"bind_token": made["token"]}
