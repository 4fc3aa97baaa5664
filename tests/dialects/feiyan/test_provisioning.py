"""Devices on their way in, from the app and from the device. Source: Feiyan 6.9"""

import hashlib
from dataclasses import dataclass
from typing import Any

import pytest

from chalicelib.core import (
    bind_tokens,
    bindings,
    children,
    credentials,
    homes,
    product_details,
    products,
    provisioning,
    registration,
    users,
)
from chalicelib.core.bindings import Role
from chalicelib.core.product_details import Details
from chalicelib.core.products import NetType, NodeType, Product, ShareMode
from chalicelib.store.devices import CREDENTIALS, CredentialsRecord
from tests.conftest import Calls
from tests.support.alink import Alink
from tests.support.clock import FakeClock
from tests.support.feiyan import Program, Someone, app_of, someone
from tests.support.fleet import Fleet, make_fleet, make_product
from tests.support.iot import FakeIot, Reaction
from tests.support.mqtt import Mqtt

TOKEN = "4786F0F6E1CC7BF86017FD4D1429EE4F"
RANDOM = "000102030405060708090a0b0c0d0e0f"
MATCH, FOUND, CIPHER = "thing/awss/enrollee/match", "thing/awss/enrollee/found", "thing/cipher/get"
LIST = ("/awss/enrollee/list/get", "1.0.7")
FILTER = ("/awss/enrollee/product/filter", "1.0.9")
CHECK = ("/awss/token/check", "1.0.10")
BY_TOKEN = ("/awss/token/user/bind", "1.0.8")
IN_WINDOW = ("/awss/time/window/user/bind", "1.0.8")
GET_CIPHER = ("/awss/cipher/get", "1.0.8")
PERMIT = ("/thing/gateway/permit", "1.0.6")
REMOVE = ("/thing/topo/remove", "1.0.6")
CREATE = ("/living/awss/token/create", "1.0.0")
UNBIND = ("/awss/subdevice/unbind", "1.0.7")
PAGE = {"pageSize": 10, "pageNum": 1}


def alink(fleet: Fleet, iot: FakeIot, name: str, product: Product) -> Alink:
    new = registration.NewDevice(name, registration.BY_SECRET, product=product.id)
    made = registration.register(fleet.caller, new)
    return Alink(product.short_id or "", name, made.secret, iot, f"sdk-{name}", device=made.device.device)


@pytest.fixture
def product(fleet: Fleet) -> Product:
    details = Details(
        category=61,
        category_key="Light",
        category_name="灯",
        net_type=NetType.WIFI,
        image="https://example.com/lamp.png",
        panel="page/lamp",
        released=False,
    )
    fleet.product = product_details.describe(fleet.tenant, fleet.product.id, details)
    return fleet.product


@pytest.fixture
def lamp(fleet: Fleet, product: Product, iot: FakeIot) -> Alink:
    made = alink(fleet, iot, "lamp", product)
    made.connect()
    return made


@dataclass
class Gateway:
    gateway: Alink
    child: Alink


@pytest.fixture
def zigbee(fleet: Fleet, product: Product, iot: FakeIot, alice: Someone) -> Gateway:
    """Alice's gateway, connected, with a device behind it that nobody has bound."""
    of = make_product(fleet.tenant, NodeType.GATEWAY, model="G1")
    gateway, child = alink(fleet, iot, "gateway", of), alink(fleet, iot, "child", product)
    children.attach(fleet.caller, gateway.device, child.device)
    gateway.connect()
    bindings.bind(fleet.caller, alice.id, gateway.device)
    return Gateway(gateway, child)


def named(device: Alink) -> dict[str, str]:
    return {"productKey": device.product, "deviceName": device.name}


def holders(device: Alink) -> list[tuple[str, Role]]:
    return [(each.user, each.role) for each in bindings.of_device(device.device)]


# tokens


def test_an_app_gives_a_token_to_a_device_and_binds_it(
    app: Program, alice: Someone, lamp: Alink, clock: FakeClock, calls: Calls
) -> None:
    made = app.ok(*CREATE, {"bssid": "AA:BB:CC:DD:EE:FF"}, user=alice.token)
    until = str(clock.at + bind_tokens.LASTS)
    assert set(made) == {"token", "random", "expiredTime", "expirationTime"}
    assert (made["expiredTime"], made["expirationTime"]) == (until, until)
    reply = app.call(*CHECK, {"token": made["token"]}, user=alice.token)
    assert (reply.json["code"], reply.json["message"]) == (6608, "token not found")
    answer = lamp.ask(MATCH, {"token": made["token"]}, method="thing.awss.enrollee.match")
    assert (answer["code"], answer["data"]) == (200, {})
    found = app.ok(*CHECK, {"token": made["token"], **named(lamp)}, user=alice.token)
    assert found == {**named(lamp), "iotId": lamp.device}
    calls.clear()
    bound = app.ok(*BY_TOKEN, {"token": made["token"], **named(lamp)}, user=alice.token)
    assert calls.made == [*["dynamodb.GetItem"] * 2, "dynamodb.TransactWriteItems"]
    assert bound == {"iotId": lamp.device, "categoryKey": "Light", "pageRouterUrl": "page/lamp"}
    assert holders(lamp) == [(alice.id, Role.MANAGER)]


def test_a_devices_own_token_is_found_nearby_and_used_once(
    app: Program, alice: Someone, bob: Someone, lamp: Alink
) -> None:
    assert lamp.ask(MATCH, {"token": TOKEN})["code"] == 200
    assert lamp.ask(MATCH, {"token": TOKEN})["code"] == 200  # again, for want of an answer
    (found,) = app.ok(*FILTER, {"iotDevices": [named(lamp)]}, user=alice.token)
    assert found["token"] == TOKEN
    app.ok(*BY_TOKEN, {"token": TOKEN, **named(lamp)}, user=alice.token)
    assert app.code(*BY_TOKEN, {"token": TOKEN, **named(lamp)}, user=alice.token) == 2087
    assert app.code(*BY_TOKEN, {"token": TOKEN, **named(lamp)}, user=bob.token) == 6608
    assert app.code(*CHECK, {"token": TOKEN}, user=bob.token) == 6608
    assert app.ok(*FILTER, {"iotDevices": [named(lamp)]}, user=bob.token) == []


def test_a_token_of_another_person_tenant_or_device(
    app: Program, alice: Someone, bob: Someone, lamp: Alink, fleet: Fleet, product: Product, iot: FakeIot
) -> None:
    token = app.ok(*CREATE, {}, user=alice.token)["token"]
    lamp.ask(MATCH, {"token": token})
    theirs = make_fleet("other")
    eve = someone(theirs, "eve")
    for program, who in ((app, bob), (app_of(theirs), eve)):
        assert program.code(*CHECK, {"token": token}, user=who.token) == 6608
        assert program.code(*BY_TOKEN, {"token": token, **named(lamp)}, user=who.token) == 6608
    other = alink(fleet, iot, "other", product)
    other.connect()
    answer = other.ask(MATCH, {"token": token})
    assert (answer["code"], answer["data"]) == (460, {"reason": "another device has the token"})
    assert app.code(*BY_TOKEN, {"token": token, **named(other)}, user=alice.token) == 6100
    wrong = {"token": token, "productKey": "nope", "deviceName": "lamp"}
    assert app.code(*BY_TOKEN, wrong, user=alice.token) == 5005
    assert app.code(*CHECK, {"token": token, **named(other)}, user=alice.token) == 6100
    reply = app.call(*CHECK, {"token": token, "deviceName": "lamp"}, user=alice.token)
    assert (reply.json["code"], reply.json["message"]) == (20050, "productKey required")
    assert holders(lamp) == []


def test_a_token_that_is_over(app: Program, alice: Someone, lamp: Alink, clock: FakeClock) -> None:
    lamp.ask(MATCH, {"token": TOKEN})
    clock.at += bind_tokens.LASTS
    assert app.code(*CHECK, {"token": TOKEN}, user=alice.token) == 6608
    assert app.code(*BY_TOKEN, {"token": TOKEN, **named(lamp)}, user=alice.token) == 6608


@pytest.mark.parametrize("params", [{}, {"token": ""}, {"token": "x" * 129}, {"token": 7}, []])
def test_reports_of_no_token(lamp: Alink, params: Any) -> None:
    assert lamp.ask(MATCH, params)["code"] == 460


def test_a_device_reports_no_token_of_another(lamp: Alink, fleet: Fleet, iot: FakeIot) -> None:
    other = alink(fleet, iot, "other", fleet.product)
    lamp.raw(f"{other.own}/{MATCH}", {"id": "1", "params": {"token": TOKEN}})
    assert lamp.messages() == []


def test_a_device_with_a_manager(
    app: Program, alice: Someone, bob: Someone, fleet: Fleet, lamp: Alink
) -> None:
    app.ok(*IN_WINDOW, named(lamp), user=alice.token)
    lamp.ask(MATCH, {"token": TOKEN})
    for operation, more in ((BY_TOKEN, {"token": TOKEN}), (IN_WINDOW, {})):
        assert app.code(*operation, {**named(lamp), **more}, user=bob.token) == 28573
    details = Details(share_mode=ShareMode.SEIZED)
    product_details.describe(fleet.tenant, fleet.product.id, details)
    app.ok(*BY_TOKEN, {**named(lamp), "token": TOKEN}, user=bob.token)
    assert holders(lamp) == [(bob.id, Role.MANAGER)]


# the time window


@pytest.mark.parametrize(("early", "code"), [(1, 200), (0, 607)])
def test_the_window_to_its_last_millisecond(
    app: Program, alice: Someone, lamp: Alink, clock: FakeClock, early: int, code: int
) -> None:
    clock.at += provisioning.WINDOW - early
    alice = Someone(alice.id, renewed(alice))
    reply = app.call(*IN_WINDOW, {**named(lamp), "groupIds": {}}, user=alice.token)
    assert reply.json["code"] == code
    if code == 200:
        assert reply.json["data"] == {
            "iotId": lamp.device,
            "categoryKey": "Light",
            "pageRouterUrl": "page/lamp",
        }


def renewed(who: Someone) -> str:
    from chalicelib.core import user_sessions

    return user_sessions.open(who.id).access


def test_what_cannot_be_bound_in_the_window(
    app: Program, alice: Someone, lamp: Alink, fleet: Fleet, iot: FakeIot
) -> None:
    silent = alink(fleet, iot, "silent", fleet.product)
    assert app.code(*IN_WINDOW, named(silent), user=alice.token) == 607
    absent = {"productKey": lamp.product, "deviceName": "nobody"}
    assert app.code(*IN_WINDOW, absent, user=alice.token) == 6100
    assert app.code(*IN_WINDOW, {**absent, "productKey": "nope"}, user=alice.token) == 5005
    theirs = make_fleet("other")
    assert app_of(theirs).code(*IN_WINDOW, named(lamp), user=someone(theirs, "eve").token) == 5005
    assert app.code(*IN_WINDOW, {"productKey": lamp.product}, user=alice.token) == 20050
    assert app.code(*IN_WINDOW, named(lamp)) == 401


def test_a_device_is_bound_into_a_room(app: Program, alice: Someone, lamp: Alink) -> None:
    from chalicelib.core import home_rooms, households

    person = users.find(alice.id).person
    home = homes.create_home(person, "flat")
    room = home_rooms.create(person, home, "kitchen")
    homes.create_home(person, "cabin")
    for place, code in ((("nope", []), 460), ((home, ["nope"]), 460)):
        asked = {**named(lamp), "homeId": place[0], "groupIds": place[1]}
        assert app.code(*IN_WINDOW, asked, user=alice.token) == code
    assert holders(lamp) == []
    app.ok(*IN_WINDOW, {**named(lamp), "homeId": home, "groupIds": [room]}, user=alice.token)
    found = households.read(person)
    assert found.home_of(lamp.device) is found.home(home)
    assert home_rooms.get(person, home, room).devices == 1


# what is nearby


def test_what_a_device_finds(
    app: Program, alice: Someone, bob: Someone, lamp: Alink, fleet: Fleet, iot: FakeIot, clock: FakeClock
) -> None:
    assert app.code(*LIST, PAGE, user=alice.token) == 28551
    bindings.bind(fleet.caller, alice.id, lamp.device)
    new = alink(fleet, iot, "new", fleet.product)
    said = {"awssVer": "1.0", "type": 1, "ssid": "home", "bssid": "aa:bb", "rssi": -40}
    assert lamp.ask(FOUND, {**said, "payload": [named(new)]})["code"] == 200
    data = app.ok(*LIST, {**PAGE, "groupId": "x", "productStatusEnv": "dev"}, user=alice.token)
    assert data == {
        "totalNum": 1,
        "items": [
            {
                "gmtCreate": clock.at,
                "gmtModified": clock.at,
                "regIotId": lamp.device,
                "regProductKey": lamp.product,
                "regDeviceName": "lamp",
                "regProductName": "Meter",
                "enrolleeIotId": new.device,
                "enrolleeProductKey": new.product,
                "enrolleeDeviceName": "new",
                "enrolleeProductName": "Meter",
                "bssid": "aa:bb",
                "ssid": "home",
                "rssi": "-40",
                "type": 1,
                "status": 0,
            }
        ],
    }
    assert app.ok(*LIST, {**PAGE, "productStatusEnv": "release"}, user=alice.token)["items"] == []
    assert app.code(*LIST, PAGE, user=bob.token) == 28551
    for wrong in ({"pageSize": 21, "pageNum": 1}, {"pageSize": 10, "pageNum": 0}):
        assert app.code(*LIST, wrong, user=alice.token) == 460
    for params in ({}, {"payload": ["ab12"]}, {"payload": 7}, {"payload": [named(new)] * 51}):
        assert lamp.ask(FOUND, {**said, **params})["code"] == 460


def test_what_an_app_finds(
    app: Program, alice: Someone, bob: Someone, lamp: Alink, fleet: Fleet, iot: FakeIot
) -> None:
    mine, theirs = (alink(fleet, iot, name, fleet.product) for name in ("mine", "theirs"))
    bindings.bind(fleet.caller, alice.id, mine.device)
    bindings.bind(fleet.caller, bob.id, theirs.device)
    foreign = make_fleet("other")
    known = [lamp, mine, theirs]
    asked = [named(each) for each in known]
    asked += [{"productKey": foreign.product.short_id or "", "deviceName": "lamp"}, {"productKey": "nope"}]
    found = app.ok(*FILTER, {"iotDevices": asked, "productStatusEnv": "dev"}, user=alice.token)
    assert found == [
        {
            "productKey": lamp.product,
            "deviceName": "lamp",
            "token": None,
            "productName": "Meter",
            "netType": 3,
            "nodeType": 0,
            "categoryKey": "Light",
            "categoryName": "灯",
            "categoryId": 61,
            "image": "https://example.com/lamp.png",
        }
    ]
    again = [{**each, "reset": True} for each in asked[:2]]
    found = app.ok(*FILTER, {"iotDevices": again}, user=alice.token)
    assert [each["deviceName"] for each in found] == ["lamp", "mine"]
    assert app.ok(*FILTER, {"iotDevices": asked, "productStatusEnv": "release"}, user=alice.token) == []
    assert app.ok(*FILTER, {"iotDevices": []}, user=alice.token) == []
    by_product = [{"productId": str(fleet.product.number)}]
    (found,) = app.ok(*FILTER, {"iotDevices": by_product}, user=alice.token)
    assert (found["productKey"], found["deviceName"]) == (lamp.product, None)
    assert app.code(*FILTER, {"iotDevices": [named(lamp)] * 201}, user=alice.token) == 460


# keys through the air


def test_the_key_is_that_which_the_device_makes(
    app: Program, alice: Someone, lamp: Alink, fleet: Fleet
) -> None:
    def made(secret: str) -> str:
        return hashlib.sha256(secret.encode() + b"," + bytes.fromhex(RANDOM)).digest()[:16].hex()

    facts: dict[str, Any] = {**named(lamp), "random": RANDOM, "params": {}}
    shared = made(products.key_of(fleet.product))
    own = made(credentials.secret_of(CredentialsRecord.get(lamp.device, CREDENTIALS)))
    for kind, key in ((None, shared), (3, shared), (4, own)):
        asked = {"deviceInfoForCipher": {**facts, "cipherType": kind}}
        assert app.ok(*GET_CIPHER, asked, user=alice.token) == key
    answer = lamp.ask(CIPHER, {"awssVer": "1.0", **named(lamp), "random": RANDOM})
    assert answer["data"] == {**named(lamp), "secret": shared}
    ble = {"random": RANDOM, "productId": f"{fleet.product.number:x}", "params": {"mac": "aabb"}}
    key = app.ok(*GET_CIPHER, {"deviceInfoForCipher": ble}, user=alice.token)
    assert len(bytes.fromhex(key)) == 16
    assert key != shared
    for change, code in (
        ({"productKey": "nope"}, 5005),
        ({"productKey": make_fleet("other").product.short_id}, 5005),
        ({"productKey": None}, 20050),
        ({"random": "00"}, 460),
        ({"random": None}, 460),
        ({"cipherType": 5}, 460),
        ({"cipherType": 4, "deviceName": "nobody"}, 6100),
        ({"cipherType": 4, "deviceName": None}, 20050),
    ):
        asked = {"deviceInfoForCipher": {**facts, **change}}
        assert app.code(*GET_CIPHER, asked, user=alice.token) == code
    assert app.code(*GET_CIPHER, {"deviceInfoForCipher": named(lamp)}, user=alice.token) == 20050
    assert app.code(*GET_CIPHER, {}, user=alice.token) == 20050
    assert lamp.ask(CIPHER, {"productKey": "nope", "random": RANDOM})["code"] == 6100
    assert lamp.ask(CIPHER, {**named(lamp), "random": "x"})["code"] == 460


# gateways


@pytest.mark.parametrize("seconds", [0, 60, 65_535])
def test_a_gateway_is_told_to_take_devices(
    app: Program, alice: Someone, zigbee: Gateway, calls: Calls, seconds: int
) -> None:
    app.ok(*LIST, PAGE, user=alice.token)
    calls.clear()
    asked = {"iotId": zigbee.gateway.device, "time": seconds, "productKey": zigbee.child.product}
    reply = app.call(*PERMIT, asked, user=alice.token)
    assert reply.json["code"] == 200
    assert reply.json.get("data") is None
    assert [each for each in calls.made if "Alias" not in each] == [
        "dynamodb.BatchGetItem",
        "dynamodb.GetItem",
        "iot-data.SendDirectMessage",
    ]
    (told,) = zigbee.gateway.got(f"{zigbee.gateway.own}/thing/gateway/permit")
    assert told.pop("id").isdigit()
    assert told == {
        "version": "1.0",
        "method": "thing.gateway.permit",
        "params": {"time": seconds, "productKey": zigbee.child.product},
    }
    zigbee.gateway.say("thing/gateway/permit_reply", {}, ident="1", code=200, data={})
    assert len(zigbee.gateway.messages()) == 1


def test_gateways_that_are_not_told(
    app: Program, alice: Someone, bob: Someone, zigbee: Gateway, lamp: Alink, fleet: Fleet
) -> None:
    gateway = {"iotId": zigbee.gateway.device, "time": 60}
    assert app.code(*PERMIT, gateway, user=bob.token) == 401
    assert app.code(*PERMIT, {**gateway, "iotId": "nope"}, user=alice.token) == 401
    theirs = make_fleet("other")
    assert app_of(theirs).code(*PERMIT, gateway, user=someone(theirs, "eve").token) == 401
    for time in (-1, 65_536, "soon"):
        assert app.code(*PERMIT, {**gateway, "time": time}, user=alice.token) == 460
    assert app.code(*PERMIT, {**gateway, "productKey": "nope"}, user=alice.token) == 5005
    assert app.code(*PERMIT, {"iotId": zigbee.gateway.device}, user=alice.token) == 20050
    bindings.bind(fleet.caller, alice.id, lamp.device)
    assert app.code(*PERMIT, {**gateway, "iotId": lamp.device}, user=alice.token) == 460
    assert zigbee.gateway.messages() == []


@pytest.mark.parametrize(("reaction", "code"), [(Reaction.CONFIRMS, 200), (Reaction.SILENT, 503)])
def test_a_gateway_that_does_not_acknowledge(
    app: Program, alice: Someone, zigbee: Gateway, iot: FakeIot, reaction: Reaction, code: int
) -> None:
    iot.connect(zigbee.gateway.client, reaction)
    assert app.code(*PERMIT, {"iotId": zigbee.gateway.device, "time": 1}, user=alice.token) == code


def test_a_gateway_that_is_not_there(
    app: Program, alice: Someone, zigbee: Gateway, fleet: Fleet, iot: FakeIot
) -> None:
    asked = {"iotId": zigbee.gateway.device, "time": 1}
    iot.drop(zigbee.gateway.client)
    assert app.code(*PERMIT, asked, user=alice.token) == 28504
    never = alink(fleet, iot, "never", make_product(fleet.tenant, NodeType.GATEWAY, model="G2"))
    bindings.bind(fleet.caller, alice.id, never.device)
    assert app.code(*PERMIT, {**asked, "iotId": never.device}, user=alice.token) == 28504


def test_a_gateway_of_another_system_cannot_be_told(
    app: Program, alice: Someone, fleet: Fleet, iot: FakeIot
) -> None:
    product = make_product(fleet.tenant, NodeType.GATEWAY, model="G2")
    made = alink(fleet, iot, "huawei", product)
    device = Mqtt(made.device, made.secret)
    iot.connect(device.client)
    device.connect()
    bindings.bind(fleet.caller, alice.id, made.device)
    assert app.code(*PERMIT, {"iotId": made.device, "time": 1}, user=alice.token) == 460


@pytest.mark.parametrize("name", ["subIotId", "subIotid"])
def test_topology_is_ended_by_the_manager_of_the_gateway(
    app: Program, alice: Someone, bob: Someone, zigbee: Gateway, fleet: Fleet, lamp: Alink, name: str
) -> None:
    asked = {"iotId": zigbee.gateway.device, name: zigbee.child.device}
    assert app.code(*REMOVE, asked, user=bob.token) == 401
    bindings.bind(fleet.caller, bob.id, zigbee.gateway.device, Role.MEMBER)
    assert app.code(*REMOVE, asked, user=bob.token) == 2066
    assert app.code(*REMOVE, {**asked, name: lamp.device}, user=alice.token) == 2063
    assert app.code(*REMOVE, {"iotId": zigbee.gateway.device}, user=alice.token) == 20050
    reply = app.call(*REMOVE, asked, user=alice.token)
    assert reply.json["code"] == 200
    assert list(children.children_of(zigbee.gateway.device)) == []
    assert app.code(*REMOVE, asked, user=alice.token) == 2063


def test_a_subdevice_is_unbound(
    app: Program, alice: Someone, bob: Someone, zigbee: Gateway, fleet: Fleet
) -> None:
    child = zigbee.child
    assert app.code(*UNBIND, named(child), user=alice.token) == 2065
    bindings.bind(fleet.caller, alice.id, child.device)
    bindings.bind(fleet.caller, bob.id, child.device, Role.MEMBER)
    app.ok(*UNBIND, named(child), user=bob.token)
    assert holders(child) == [(alice.id, Role.MANAGER)]
    assert list(children.children_of(zigbee.gateway.device)) == [child.device]
    app.ok(*UNBIND, {**named(child), "homeId": "x"}, user=alice.token)
    assert holders(child) == []
    assert list(children.children_of(zigbee.gateway.device)) == []
    assert app.code(*UNBIND, {**named(child), "deviceName": "nobody"}, user=alice.token) == 6100
    assert app.code(*UNBIND, {**named(child), "productKey": "nope"}, user=alice.token) == 5005
