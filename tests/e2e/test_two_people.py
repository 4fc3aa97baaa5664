"""Two people and a device, told with nothing but demo.json: it is provisioned by a token, bound, put into a
room, shared, controlled by both, seen by both over their long connections, and unbound.
"""

import json
import secrets
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.e2e.conftest import DEVICES, World
from tests.support.alink_link import Link
from tests.support.feiyan import Program, Someone, sign
from tests.support.web import Web

PUSHED = "app/down/thing/properties"
UP = "thing/event/property/post"
SET = "thing/service/property/set"


def form(app: Program, path: str, fields: dict[str, str]) -> Any:
    headers = {
        "Accept": "application/json",
        "Content-Type": "application/x-www-form-urlencoded; charset=utf-8",
        "X-Ca-Key": app.key,
        "X-Ca-Timestamp": str(time.time_ns() // 1_000_000),
    }
    shown = sign(app.secret, "POST", path, headers, ["X-Ca-Key", "X-Ca-Timestamp"], fields)
    names = {"X-Ca-Signature-Headers": "X-Ca-Key,X-Ca-Timestamp", "X-Ca-Signature": shown}
    reply = app.gateway.post(path, urlencode(fields), headers={**headers, **names})
    assert reply.status == 200, reply.body
    return reply.json


def log_in(app: Program, person: dict[str, str]) -> Someone:
    """Through the chain of published clients."""
    assert app.ok("/living/account/region/get", "1.0.2", {"type": "EMAIL", "email": person["loginId"]})
    form(app, "/api/prd/connect.json", {"request": "{}"})
    named = {"loginId": person["loginId"], "password": person["password"]}
    first = form(app, "/api/prd/login.json", named)["data"]["loginSuccessResult"]["sid"]
    asked = {"loginByOauthRequest": json.dumps({"authCode": first})}
    sid = form(app, "/api/prd/loginbyoauth.json", asked)["data"]["loginSuccessResult"]["sid"]
    made = app.ok(
        "/account/createSessionByAuthCode",
        "1.0.4",
        {"request": {"authCode": sid, "accountType": "OA_SESSION", "appKey": app.key}},
    )
    assert made["identityId"] == person["identityId"]
    return Someone(made["identityId"], made["iotToken"])


@pytest.fixture
def links() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def long_connection(world: World, app: Program, who: Someone, links: ExitStack) -> Link:
    """An app's own connection, on which it is told of the person's devices."""
    named = {"authInfo": {"clientId": secrets.token_hex(8), "deviceSn": "1", "sign": "", "timestamp": "1"}}
    made = app.ok("/app/aepauth/handle", "1.0.0", named)
    link = Link(world.cloud.mqtt, made["productKey"], made["deviceName"], made["deviceSecret"])
    links.callback(link.close)
    link.connect("app/down/#")

    def bind(token: str) -> int:
        asked = link.say("app/up/account/bind", {"iotToken": token}, request={"clientId": "c"})
        return int(link.answer("app/down/account/bind_reply", asked)["code"])

    assert (bind("x"), bind(who.token)) == (2043, 200)
    return link


def level(link: Link, value: int) -> bool:
    return any(each["params"]["items"].get("level", {}).get("value") == value for each in link.all(PUSHED))


def test_two_people_and_a_device(world: World, links: ExitStack) -> None:
    demo = world.cloud.demo["feiyan"]
    app = Program(demo["appKey"], demo["appSecret"], gateway=Web(url=world.cloud.http))
    cloud = Program(demo["appKey"], demo["appSecret"], gateway=Web(url=world.cloud.http))
    project = {"grantType": "project", "res": demo["projectId"]}
    cloud.cloud_token = cloud.ok("/cloud/token", "1.0.1", project)["cloudToken"]
    ann, ben = (log_in(app, person) for person in demo["people"])

    # the maker has a device made, and it comes for the first time
    batch = cloud.ok(
        "/cloud/amount/device/generate", "1.1.2", {"productKey": demo["productKey"], "amount": 1}
    )
    page = {"applyId": batch, "pageNo": 1, "pageSize": 10}
    [made] = cloud.ok("/living/device/apply/query", "1.0.1", page)["items"]
    thing = {"iotId": made["iotId"]}
    status = ("/cloud/thing/status/get", "1.0.2", thing)
    world.until(lambda: cloud.code(*status) == 200, "the device to be registered")
    device = Link(world.cloud.mqtt, made["productKey"], made["deviceName"], made["deviceSecret"])
    links.callback(device.close)
    device.connect("thing/#")

    # Ann has a home; the newest is the one she is in
    new_home = {"name": f"Home {secrets.token_hex(3)}"}
    home = app.ok("/living/home/create", "1.1.0", new_home, user=ann.token)

    # she gives the device a token with the network's password, and binds by it
    token = app.ok("/living/awss/token/create", "1.0.0", user=ann.token)["token"]
    check = ("/awss/token/check", "1.0.10", {"token": token})
    assert app.code(*check, user=ann.token) == 6608
    assert device.ask("thing/awss/enrollee/match", {"token": token})["code"] == 200
    world.until(lambda: app.code(*check, user=ann.token) == 200, "the token to be known")
    name = {"productKey": made["productKey"], "deviceName": made["deviceName"]}
    assert app.code("/thing/properties/get", "1.0.4", thing, user=ann.token) == 401
    bound = app.ok("/awss/token/user/bind", "1.0.8", {**name, "token": token}, user=ann.token)
    assert bound["iotId"] == made["iotId"]
    assert app.code("/awss/token/user/bind", "1.0.8", {**name, "token": token}, user=ben.token) == 6608

    # it stands in her home, and then in a room of it
    new = {"homeId": home, "name": f"Room {secrets.token_hex(3)}"}
    room = app.ok("/living/home/room/create", "1.0.1", new, user=ann.token)
    move = {"homeId": home, "roomId": room, "deviceList": [thing]}
    app.ok("/living/home/device/move", "1.0.0", move, user=ann.token)
    asked = {"homeId": home, "roomId": room, "pageNo": 1, "pageSize": 10}
    [shown] = app.ok("/living/home/room/device/query", "1.0.2", asked, user=ann.token)["items"]
    assert shown["iotId"] == made["iotId"]

    # she shares it with Ben
    listing = ("/uc/listBindingByAccount", "1.0.8", {"pageNo": 1, "pageSize": 20})
    assert app.code("/thing/properties/get", "1.0.4", thing, user=ben.token) == 401
    key = app.ok("/uc/generateShareQrCode", "1.0.6", {"iotIdList": [made["iotId"]]}, user=ann.token)
    scanned = app.ok("/uc/scanBindByShareQrCode", "1.0.8", key, user=ben.token)
    assert scanned["iotIdList"] == [made["iotId"]]
    [ours] = [each for each in app.ok(*listing, user=ben.token)["data"] if each["iotId"] == made["iotId"]]
    assert (ours["owned"], ours["deviceName"]) == (0, made["deviceName"])

    # both see what it reports, both control it
    phones = [long_connection(world, app, who, links) for who in (ann, ben)]
    assert device.ask(UP, {"level": 41})["code"] == 200
    for phone in phones:
        world.until(lambda phone=phone: level(phone, 41), "the report on a phone")
    for number, (who, value) in enumerate(((ann, 42), (ben, 43)), 1):
        app.ok("/thing/properties/set", "1.0.5", {**thing, "items": {"level": value}}, user=who.token)
        wanted = device.got(SET, number)
        assert wanted["params"] == {"level": value}
        device.reply(SET, wanted)
        assert device.ask(UP, {"level": value})["code"] == 200
        for phone in phones:
            world.until(lambda phone=phone, value=value: level(phone, value), "the new value on a phone")
    state = app.ok("/thing/properties/get", "1.0.4", thing, user=ben.token)
    assert state["level"]["value"] == 43
    assert world.app.get(f"{DEVICES}/{made['iotId']}")["services"][0]["data"]["level"] == 43

    # Ann unbinds it: gone for Ben too, and nobody is told any more
    app.ok("/uc/unbindAccountAndDev", "1.0.9", thing, user=ann.token)
    for who in (ann, ben):
        assert app.code("/thing/properties/get", "1.0.4", thing, user=who.token) == 401
        items = {**thing, "items": {"level": 1}}
        assert app.code("/thing/properties/set", "1.0.5", items, user=who.token) == 401
        bindings = app.ok(*listing, user=who.token)["data"]
        assert made["iotId"] not in [each["iotId"] for each in bindings]
    assert app.ok("/living/home/room/device/query", "1.0.2", asked, user=ann.token)["items"] == []
    assert device.ask(UP, {"level": 77})["code"] == 200
    stored = ("/cloud/thing/properties/get", "1.0.2", thing)
    world.until(lambda: "77" in json.dumps(cloud.ok(*stored)), "the report to be stored")
    assert not any(level(phone, 77) for phone in phones)
