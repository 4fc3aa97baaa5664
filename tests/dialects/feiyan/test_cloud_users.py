"""People and their devices as the project's cloud sees them."""

from typing import Any

import pytest

from chalicelib.core import bindings, forced_unbinding, products, registration, users
from chalicelib.core.bindings import Mode, Role
from chalicelib.core.products import ShareMode
from chalicelib.core.users import NewUser
from chalicelib.settings import settings
from chalicelib.store.products import ProductRecord
from tests.conftest import Calls
from tests.support.bound import assert_whole, device, gateway_with, told
from tests.support.clock import FakeClock
from tests.support.feiyan import Program, Someone, app_of, cloud_of, someone
from tests.support.fleet import Fleet, make_application, make_fleet
from tests.support.queues import WorkQueue

BY_OPEN_ID, BY_ID = "/cloud/account/getByOpenId", "/cloud/account/getByIdentityid"
OPEN_ID, UPDATE = "/cloud/account/openId/getByIdentityId", "/user/account/info/update"
REGION, ACCOUNTS = "/living/cloud/user/region/get", "/cloud/account/queryidentitydescbypage"
DEVICES, UNBIND = "/cloud/device/queryByUser", "/cloud/user/device/unbind"
FORCE, USERS = "/living/cloud/user/binding/device/unbind", "/living/user/device/binding/query"
DISTRIBUTE, BIND = "/living/cloud/device/region/distribute", "/living/cloud/user/binding/device/batch/bind"
WHERE = "/living/account/region/get"
ABSENT = "f" * 32
REQUIRED, WRONG, NO_USER, NO_DEVICE, NOT_BOUND, NO_PROJECT, NOBODY = 20050, 460, 2062, 2063, 2065, 28501, 2077
WRITE, QUERY, READ, BATCH = (
    f"dynamodb.{name}" for name in ("TransactWriteItems", "Query", "GetItem", "BatchGetItem")
)


@pytest.fixture
def carol(fleet: Fleet, cloud: Program) -> users.User:
    """Known by an id of another system."""
    new = NewUser(
        phone="13800138000",
        email="carol@example.com",
        open_id="wx-carol",
        nickname="Carol",
        avatar="https://img.example/carol.png",
        gender="F",
        app_key=cloud.key,
        source="THIRD",
    )
    return users.create(fleet.caller, new)


@pytest.fixture
def lamp(fleet: Fleet, alice: Someone, bob: Someone) -> str:
    """Alice manages it, bob is a member."""
    made = device(fleet, "lamp")
    bindings.bind(fleet.caller, alice.id, made)
    bindings.bind(fleet.caller, bob.id, made, Role.MEMBER)
    return made


def account(fleet: Fleet, cloud: Program, user: users.User) -> dict[str, Any]:
    return {
        "identityId": user.id,
        "loginId": user.id,
        "tenantId": fleet.tenant,
        "scopeId": fleet.application,
        "status": "0",
        "loginSource": "THIRD",
        "gmtCreate": user.created,
        "gmtModified": user.modified,
        "onlineStatus": 0,
        "createAppKey": cloud.key,
        "nickName": "Carol",
        "loginName": "13800138000",
        "phone": "13800138000",
        "email": "carol@example.com",
        "avatarUrl": "https://img.example/carol.png",
        "gender": "F",
    }


# accounts


def test_an_account_by_either_id(fleet: Fleet, cloud: Program, carol: users.User, calls: Calls) -> None:
    known = {"openId": "wx-carol", "openIdAppKey": cloud.key}
    cloud.ok(BY_OPEN_ID, "1.0.5", known)
    calls.clear()
    assert cloud.ok(BY_OPEN_ID, "1.0.5", known) == account(fleet, cloud, carol)
    assert calls.made == [READ] * 2
    calls.clear()
    assert cloud.ok(BY_ID, "1.0.4", {"identityId": carol.id}) == [account(fleet, cloud, carol)]
    assert calls.made == [READ]
    names = {"identityId": carol.id, "openIdAppKey": cloud.key}
    assert cloud.ok(OPEN_ID, "1.0.4", names) == "wx-carol"
    plain = someone(fleet, "plain")
    assert cloud.ok(OPEN_ID, "1.0.4", {**names, "identityId": plain.id}) == ""
    [bare] = cloud.ok(BY_ID, "1.0.4", {"identityId": plain.id})
    assert bare["onlineStatus"] == 1
    assert bare["loginName"] == "plain@example.com"
    assert not {"phone", "email", "avatarUrl", "gender"} & bare.keys()


def test_people_that_are_not_there(fleet: Fleet, cloud: Program, carol: users.User) -> None:
    """Another tenant's, another application's, and nobody."""
    other = make_fleet("other")
    sister = Fleet(fleet.tenant, make_application(fleet), "", fleet.product)
    foreign = [cloud_of(other), cloud_of(sister)]
    eve = users.create(other.caller, NewUser(open_id="wx-eve")).id
    asked: list[tuple[Program, str, str, str]] = [
        (cloud, eve, "wx-eve", cloud.key),
        (cloud, ABSENT, "nobody", cloud.key),
        (cloud, "carol", "wx-carol", foreign[0].key),
        (cloud, "carol", "wx-carol", "unknown"),
        (foreign[0], carol.id, "wx-carol", foreign[0].key),
        (foreign[0], carol.id, "wx-carol", cloud.key),
        (foreign[1], carol.id, "wx-carol", foreign[1].key),
    ]
    for program, user, open_id, key in asked:
        whom = {"openId": open_id, "openIdAppKey": key}
        for path, version, params in (
            (BY_OPEN_ID, "1.0.5", whom),
            (BY_ID, "1.0.4", {"identityId": user}),
            (OPEN_ID, "1.0.4", {"identityId": user, "openIdAppKey": key}),
            (UPDATE, "1.0.1", {**whom, "nickName": "x"}),
            (UPDATE, "1.0.1", {"identityId": user, "openIdAppKey": key, "nickName": "x"}),
            (DEVICES, "1.0.6", whom),
            (DEVICES, "1.0.6", {"identityId": user}),
            (UNBIND, "1.0.5", {"identityId": user, "iotId": ABSENT}),
            (UNBIND, "1.0.5", {**whom, "iotId": ABSENT}),
        ):
            assert program.code(path, version, params) == NO_USER, (path, params)
    assert users.find(carol.id).nickname == "Carol"


@pytest.mark.parametrize(
    ("path", "version", "params"),
    [
        (BY_OPEN_ID, "1.0.5", {"openId": "x"}),
        (BY_OPEN_ID, "1.0.5", {"openIdAppKey": "x"}),
        (BY_ID, "1.0.4", {}),
        (OPEN_ID, "1.0.4", {"identityId": ABSENT}),
        (UPDATE, "1.0.1", {"openIdAppKey": "x", "identityId": ABSENT}),
        (UPDATE, "1.0.1", {"nickName": "x", "identityId": ABSENT}),
        (DEVICES, "1.0.6", {}),
        (DEVICES, "1.0.6", {"openId": "x"}),
        (UNBIND, "1.0.5", {"iotId": ABSENT}),
        (FORCE, "1.0.1", {}),
        (USERS, "1.0.0", {"pageNo": 1, "pageSize": 1}),
        (USERS, "1.0.0", {"iotId": ABSENT}),
        (REGION, "1.0.1", {}),
        (ACCOUNTS, "1.0.0", {"offset": 0}),
        (ACCOUNTS, "1.0.0", {"count": 1}),
        (DISTRIBUTE, "1.0.0", {"productKey": "x", "deviceNames": ["x"], "bindingCheck": True}),
        (BIND, "1.0.1", {"identityId": ABSENT, "deviceList": [{"iotId": ABSENT}]}),
    ],
)
def test_what_is_missing_is_named(cloud: Program, path: str, version: str, params: dict[str, Any]) -> None:
    assert cloud.code(path, version, params) == REQUIRED


def test_a_nickname(fleet: Fleet, cloud: Program, carol: users.User, calls: Calls) -> None:
    new = {"openIdAppKey": cloud.key, "identityId": carol.id, "nickName": "Caro"}
    cloud.ok(BY_ID, "1.0.4", {"identityId": carol.id})
    cloud.ok(UPDATE, "1.0.1", new)
    calls.clear()
    assert cloud.ok(UPDATE, "1.0.1", {**new, "nickName": "Karo"}) == {}
    assert calls.made == [READ, READ, WRITE]
    assert users.find(carol.id).nickname == "Karo"
    by_open_id = {"openIdAppKey": cloud.key, "openId": "wx-carol", "nickName": "Carola"}
    cloud.ok(UPDATE, "1.0.1", by_open_id)
    assert users.find(carol.id).nickname == "Carola"


def test_where_a_person_is_registered(fleet: Fleet, cloud: Program, carol: users.User) -> None:
    for params in (
        {"phone": "138 0013 8000", "phoneLocationCode": "86"},
        {"phone": "13800138000"},
        {"email": "Carol@example.com"},
        {"openId": "wx-carol"},
    ):
        assert cloud.ok(REGION, "1.0.1", params) == "us-east-1"
    assert cloud.code(REGION, "1.0.1", {"phone": "13800138000", "phoneLocationCode": "65"}) == NOBODY
    assert cloud.code(REGION, "1.0.1", {"email": "eve@example.com"}) == NOBODY
    assert cloud.code(REGION, "1.0.1", {"openId": "wx-eve"}) == NO_USER
    assert cloud_of(make_fleet("other")).code(REGION, "1.0.1", {"phone": "13800138000"}) == NOBODY


def test_the_projects_people_newest_first(fleet: Fleet, cloud: Program, clock: FakeClock) -> None:
    made: list[str] = []
    for number in range(5):
        clock.at += 1
        made.append(someone(fleet, f"p{number}").id)

    def page(offset: Any, count: int) -> list[str]:
        found = cloud.ok(ACCOUNTS, "1.0.0", {"offset": offset, "count": count})
        return [each["identityId"] for each in found]

    assert page(0, 10) == made[::-1]
    assert page("3", 10) == made[1::-1]
    assert page(1, 2) == made[3:1:-1]
    assert page(9, 2) == []
    for wrong in ({"offset": -1, "count": 1}, {"offset": 0, "count": 0}, {"offset": 0, "count": 101}):
        assert cloud.code(ACCOUNTS, "1.0.0", wrong) == WRONG
    assert cloud_of(make_fleet("other")).ok(ACCOUNTS, "1.0.0", {"offset": 0, "count": 9}) == []


# bindings


def test_a_persons_devices(
    fleet: Fleet, cloud: Program, alice: Someone, lamp: str, calls: Calls, clock: FakeClock
) -> None:
    clock.at += 1
    second = device(fleet, "second")
    bindings.bind(fleet.caller, alice.id, second)
    bindings.set_nickname(alice.id, lamp, "Desk")
    cloud.ok(DEVICES, "1.0.6", {"identityId": alice.id})
    calls.clear()
    found = cloud.ok(DEVICES, "1.0.6", {"identityId": alice.id, "offset": 1, "limit": 1})
    assert calls.made == [READ, QUERY, BATCH]
    assert found == {
        "code": 200,
        "message": "success",
        "data": [
            {
                "identityId": alice.id,
                "iotId": lamp,
                "productKey": fleet.product.short_id,
                "deviceName": "lamp",
                "productName": "Meter",
                "productImage": "",
                "productModel": "M1",
                "categoryImage": "",
                "nickName": "Desk",
                "netType": "NET_OTHER",
                "thingType": "DEVICE",
                "status": 0,
                "owned": 1,
            }
        ],
    }
    everything = cloud.ok(DEVICES, "1.0.6", {"identityId": alice.id})["data"]
    assert [each["iotId"] for each in everything] == [second, lamp]
    for wrong in ({"limit": 0}, {"limit": 101}, {"offset": -1}):
        assert cloud.code(DEVICES, "1.0.6", {"identityId": alice.id, **wrong}) == WRONG


def test_the_people_of_a_device(
    fleet: Fleet, cloud: Program, alice: Someone, bob: Someone, lamp: str, calls: Calls
) -> None:
    params = {"iotId": lamp, "pageNo": 1, "pageSize": 10}
    cloud.ok(USERS, "1.0.0", params)
    calls.clear()
    found = cloud.ok(USERS, "1.0.0", params)
    assert calls.made == [QUERY, BATCH]
    facts = {
        "iotId": lamp,
        "productKey": fleet.product.short_id,
        "deviceName": "lamp",
        "productName": "Meter",
    }
    assert found == {
        "total": 2,
        "accountDevList": [
            {"identityId": alice.id, "owned": 1, **facts},
            {"identityId": bob.id, "owned": 0, **facts},
        ],
    }
    second = cloud.ok(USERS, "1.0.0", {**params, "pageNo": 2, "pageSize": 1})
    assert [each["identityId"] for each in second["accountDevList"]] == [bob.id]
    free = device(fleet, "free")
    assert cloud.ok(USERS, "1.0.0", {**params, "iotId": free}) == {"total": 0, "accountDevList": []}


def test_a_binding_is_ended(
    fleet: Fleet, cloud: Program, alice: Someone, bob: Someone, lamp: str, calls: Calls
) -> None:
    cloud.ok(DEVICES, "1.0.6", {"identityId": bob.id})
    calls.clear()
    assert cloud.ok(UNBIND, "1.0.5", {"identityId": bob.id, "iotId": lamp}) == ""
    assert calls.made == [READ, QUERY, WRITE]
    assert cloud.code(UNBIND, "1.0.5", {"identityId": bob.id, "iotId": lamp}) == NOT_BOUND
    assert [each.user for each in bindings.of_device(lamp)] == [alice.id]
    names = {"productKey": fleet.product.short_id, "deviceName": "lamp"}
    assert cloud.ok(UNBIND, "1.0.5", {"identityId": alice.id, **names}) == ""
    assert bindings.of_device(lamp) == []
    assert told(lamp)[-1][1]["reason"] == "by_application"
    missing = {"identityId": alice.id, **names, "deviceName": "other"}
    assert cloud.code(UNBIND, "1.0.5", missing) == NO_DEVICE
    assert cloud.code(UNBIND, "1.0.5", {"identityId": alice.id}) == REQUIRED
    assert_whole()


def test_all_bindings_of_a_gateway_and_what_is_behind_it_end(
    fleet: Fleet,
    cloud: Program,
    alice: Someone,
    bob: Someone,
    work: WorkQueue,
    monkeypatch: pytest.MonkeyPatch,
    clock: FakeClock,
) -> None:
    monkeypatch.setattr(forced_unbinding, "CHILDREN_AT_ONCE", 2)
    gateway, below = gateway_with(fleet, 5)
    for each in (gateway, *below[1:]):
        bindings.bind(fleet.caller, alice.id, each)
    bindings.bind(fleet.caller, bob.id, below[1], Role.MEMBER)
    found = cloud.ok(FORCE, "1.0.1", {"iotId": gateway})
    assert [each["success"] for each in found] == [True] * 3
    assert found[0]["iotId"] == gateway
    assert {each["deviceName"] for each in found[1:]} <= {f"below-{number}" for number in range(5)}
    assert found[1]["productKey"] == fleet.product.short_id
    assert "message" not in found[0]
    clock.at += 1
    late = sorted(below)[-1]
    if bindings.of_device(late):
        bindings.end_all(late, bindings.Reason.UNBOUND)
    bindings.bind(fleet.caller, bob.id, late)
    assert work.run() == ["unbind-behind"] * 2
    assert [each.user for each in bindings.of_device(late)] == [bob.id]
    assert [each.device for each in bindings.of_user(bob.id)] == [late]
    assert bindings.of_user(alice.id) == []
    assert cloud.ok(FORCE, "1.0.1", {"iotId": gateway})[0]["success"] is True
    assert_whole()


def test_a_device_whose_bindings_do_not_stand_still(
    fleet: Fleet, cloud: Program, lamp: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chalicelib.core import binding_ends

    monkeypatch.setattr(binding_ends, "TRIES", 0)
    [found] = cloud.ok(FORCE, "1.0.1", {"iotId": lamp})
    assert found["success"] is False
    assert found["message"]


def test_devices_that_are_not_there(fleet: Fleet, cloud: Program, alice: Someone, lamp: str) -> None:
    other = make_fleet("other")
    theirs = device(other, "theirs")
    sister = Fleet(fleet.tenant, make_application(fleet), "", fleet.product)
    for program, thing in (
        (cloud, theirs),
        (cloud, ABSENT),
        (cloud, "lamp"),
        (cloud_of(other), lamp),
        (cloud_of(sister), lamp),
    ):
        for path, version, params in (
            (FORCE, "1.0.1", {"iotId": thing}),
            (USERS, "1.0.0", {"iotId": thing, "pageNo": 1, "pageSize": 1}),
        ):
            assert program.code(path, version, params) == NO_DEVICE
    assert cloud.code(UNBIND, "1.0.5", {"identityId": alice.id, "iotId": theirs}) == NOT_BOUND
    assert len(bindings.of_device(lamp)) == 2


# many at once


def bound(cloud: Program, fleet: Fleet, user: str, *things: dict[str, Any]) -> list[Any]:
    params = {"projectId": fleet.application, "identityId": user, "deviceList": list(things)}
    found = cloud.ok(BIND, "1.0.1", params)
    return [each["bindCode"] for each in found]


def of_mode(fleet: Fleet, mode: ShareMode) -> None:
    ProductRecord(fleet.product.id).update([ProductRecord.share_mode.set(mode.value)])
    products.forget()


def test_many_devices_are_bound_by_id_and_by_name(
    fleet: Fleet, cloud: Program, carol: users.User, lamp: str, calls: Calls
) -> None:
    first, second = device(fleet, "first"), device(fleet, "second")
    key = fleet.product.short_id
    theirs = make_fleet("other")
    things = [
        {"iotId": first},
        {"productKey": key, "deviceName": "second"},
        {"iotId": lamp, "productKey": "x", "deviceName": "y"},
        {"productKey": "wrong", "deviceName": "second"},
        {"iotId": device(theirs, "theirs")},
        {"iotId": ABSENT},
    ]
    params = {"projectId": fleet.application, "openId": "wx-carol", "openIdAppKey": cloud.key}
    cloud.ok(BIND, "1.0.1", {**params, "deviceList": [{"iotId": ABSENT}]})
    calls.clear()
    found = cloud.ok(BIND, "1.0.1", {**params, "deviceList": things})
    assert calls.made == [READ, READ, BATCH, BATCH, WRITE, WRITE, WRITE]
    assert found[:2] == [
        {"bindCode": 0, "iotId": first, "productKey": key, "deviceName": "first"},
        {"bindCode": 0, "iotId": second, "productKey": key, "deviceName": "second"},
    ]
    assert [each["bindCode"] for each in found] == [0, 0, 1, 7, 7, 7]
    assert found[3] == {"bindCode": 7, "productKey": "wrong", "deviceName": "second"}
    again = cloud.ok(BIND, "1.0.1", {**params, "deviceList": things})
    assert [each["bindCode"] for each in again] == [0, 0, 1, 7, 7, 7]
    assert {each.device for each in bindings.of_user(carol.id)} == {first, second}
    assert_whole()


def test_each_way_of_a_product(
    fleet: Fleet, cloud: Program, carol: users.User, alice: Someone, bob: Someone, lamp: str
) -> None:
    free, other = device(fleet, "free"), device(fleet, "other")
    of_mode(fleet, ShareMode.SHARED)
    assert bound(cloud, fleet, carol.id, {"iotId": lamp}, {"iotId": free}) == [2, 3]
    assert bound(cloud, fleet, carol.id, {"iotId": lamp}, {"iotId": free}) == [2, 3]
    of_mode(fleet, ShareMode.AUTHORIZED)
    assert bound(cloud, fleet, carol.id, {"iotId": lamp}) == [1]
    of_mode(fleet, ShareMode.SEIZED)
    dave = someone(fleet, "dave").id
    assert bound(cloud, fleet, dave, {"iotId": lamp}, {"iotId": other}) == [5, 4]
    assert [each.user for each in bindings.of_device(lamp)] == [dave]
    assert bindings.of_user(alice.id) == bindings.of_user(bob.id) == []
    assert {mode.value for mode in Mode} == {mode.value for mode in ShareMode}
    assert_whole()


def test_a_person_with_all_the_devices_there_may_be(
    fleet: Fleet, cloud: Program, carol: users.User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bindings, "MOST", 1)
    first, second = device(fleet, "first"), device(fleet, "second")
    assert bound(cloud, fleet, carol.id, {"iotId": first}, {"iotId": second}) == [0, 8]


def test_wrong_batches(fleet: Fleet, cloud: Program, carol: users.User, lamp: str) -> None:
    good = {"projectId": fleet.application, "identityId": carol.id, "deviceList": [{"iotId": lamp}]}
    other = make_fleet("other")
    for change, code in (
        ({"projectId": other.application}, NO_PROJECT),
        ({"projectId": ABSENT}, NO_PROJECT),
        ({"identityId": ABSENT}, NO_USER),
        ({"deviceList": []}, WRONG),
        ({"deviceList": [{"iotId": lamp}] * 21}, WRONG),
        ({"deviceList": [{}]}, REQUIRED),
        ({"deviceList": [{"productKey": "x"}]}, REQUIRED),
        ({"deviceList": "x"}, 20004),
    ):
        assert cloud.code(BIND, "1.0.1", {**good, **change}) == code, change


# regions


def test_devices_are_where_they_are(fleet: Fleet, cloud: Program, lamp: str, calls: Calls) -> None:
    free = registration.NewDevice("free", registration.BY_SECRET, product=fleet.product.id)
    registration.register(fleet.caller, free)
    key = fleet.product.short_id
    asked = {
        "productKey": key,
        "deviceNames": ["lamp", "free", "none"],
        "bindingCheck": True,
        "pushDeviceRegionSwitch": False,
    }
    cloud.ok(DISTRIBUTE, "1.0.0", asked)
    calls.clear()
    found = cloud.ok(DISTRIBUTE, "1.0.0", asked)
    assert calls.made == [BATCH, BATCH]
    assert found == [
        {"productKey": key, "deviceName": "lamp", "succeed": False, "resultCode": "28612"},
        {"productKey": key, "deviceName": "free", "succeed": True, "resultCode": "0"},
        {"productKey": key, "deviceName": "none", "succeed": False, "resultCode": "6100"},
    ]
    unchecked = cloud.ok(DISTRIBUTE, "1.0.0", {**asked, "bindingCheck": False})
    assert [each["resultCode"] for each in unchecked] == ["0", "0", "6100"]
    unknown = cloud.ok(DISTRIBUTE, "1.0.0", {**asked, "productKey": "unknown"})
    assert {each["resultCode"] for each in unknown} == {"28505"}
    none = cloud.ok(DISTRIBUTE, "1.0.0", {**asked, "deviceNames": ["none"]})
    assert [each["resultCode"] for each in none] == ["6100"]
    strange = cloud_of(make_fleet("other")).ok(DISTRIBUTE, "1.0.0", asked)
    assert {each["resultCode"] for each in strange} == {"28505"}
    for names in ([], ["x"] * 101, "x"):
        assert cloud.code(DISTRIBUTE, "1.0.0", {**asked, "deviceNames": names}) in (WRONG, 20004)


def test_apps_and_clouds_learn_where_to_connect(
    fleet: Fleet, app: Program, cloud: Program, monkeypatch: pytest.MonkeyPatch, calls: Calls
) -> None:
    monkeypatch.setenv("POLYTHING_MQTT_ENDPOINT", "ssl://mqtt.example:8883")
    settings.cache_clear()
    app.call("/kit/debug/ping", "1.0.0", {"input": "1"})
    calls.clear()
    asked = {"type": "PHONE", "phone": "13800138000", "phoneLocationCode": "86", "countryCode": ""}
    found = app.call(WHERE, "1.0.2", asked, headers={"Host": "api.example"}).json["data"]
    assert calls.made == []
    assert found == {
        "regionId": "us-east-1",
        "shortRegionId": "us",
        "regionEnglishName": "US East",
        "mqttEndpoint": "ssl://mqtt.example:8883",
        "apiGatewayEndpoint": "api.example",
        "oaApiGatewayEndpoint": "api.example",
        "pushChannelEndpoint": "",
    }
    monkeypatch.delenv("POLYTHING_MQTT_ENDPOINT")
    settings.cache_clear()
    assert app.ok(WHERE, "1.0.2", {"type": "COUNTRY_CODE", "countryCode": "CN"})["mqttEndpoint"] == ""
    for kind, name in (
        ("EMAIL", "email"),
        ("GOOGLE_AUTHCODE", "authCode"),
        ("THIRD_AUTHCODE", "authCode"),
        ("COUNTRY_CODE", "countryCode"),
        ("PHONE", "phone"),
    ):
        assert cloud.ok(WHERE, "1.0.2", {"type": kind, name: "x"})["regionId"] == "us-east-1"
        assert app.code(WHERE, "1.0.2", {"type": kind}) == REQUIRED
    assert app.code(WHERE, "1.0.2", {"type": "SMOKE"}) == WRONG
    assert app.code(WHERE, "1.0.2", {}) == REQUIRED


def test_a_cloud_needs_its_token_and_an_apps_is_not_one(
    fleet: Fleet, cloud: Program, alice: Someone, lamp: str
) -> None:
    app = app_of(fleet)
    params = {"iotId": lamp, "pageNo": 1, "pageSize": 1}
    assert app.code(USERS, "1.0.0", params) in (401, 20017)
    app.cloud_token = "x"
    assert app.code(USERS, "1.0.0", params) == 20017
