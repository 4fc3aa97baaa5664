"""People and their devices on the wire: lists both ways, names, order, and the end of bindings."""

from typing import Any

import pytest

from chalicelib.core import bindings, children, homes, products, push_channels, removal, users
from chalicelib.core.bindings import Role
from chalicelib.store.devices import DEVICE, DeviceRecord
from chalicelib.store.products import ProductRecord
from tests.conftest import Calls
from tests.support.bound import assert_whole, device, gateway_with
from tests.support.clock import FakeClock
from tests.support.feiyan import Program, Someone, app_of, someone
from tests.support.fleet import Fleet, make_application, make_fleet, make_product
from tests.support.iot import FakeIot
from tests.support.queues import WorkQueue

LIST, BY_DEVICE = "/uc/listBindingByAccount", "/uc/listBindingByDev"
NICKNAME, SORT, RELATION = "/uc/setDeviceNickName", "/uc/sortDevices", "/uc/getByAccountAndDev"
UNBIND, BY_MANAGER = "/uc/unbindAccountAndDev", "/uc/unbindByManager"
CHILDREN, CHILD_LIST = "/living/device/subdevice/query", "/subdevices/list"
ABSENT = "f" * 32
REQUIRED, WRONG, NOT_BOUND, NOT_MANAGER, NO_DEVICE = 20050, 460, 2065, 2066, 2063


@pytest.fixture
def lamp(fleet: Fleet, alice: Someone) -> str:
    made = device(fleet, "lamp")
    bindings.bind(fleet.caller, alice.id, made)
    return made


def listed(app: Program, user: Someone, **params: Any) -> dict[str, Any]:
    found: dict[str, Any] = app.ok(LIST, "1.0.8", {"pageNo": 1, "pageSize": 100, **params}, user=user.token)
    return found


def ids(found: dict[str, Any]) -> list[str]:
    return [each["iotId"] for each in found["data"]]


def share(fleet: Fleet, user: Someone, lamp: str) -> None:
    bindings.bind(fleet.caller, user.id, lamp, Role.MEMBER)


# a person's devices


def test_a_list_as_clients_read_it(
    fleet: Fleet, app: Program, alice: Someone, lamp: str, clock: FakeClock
) -> None:
    ProductRecord(fleet.product.id).update(
        [
            ProductRecord.image.set("https://img.example/lamp.png"),
            ProductRecord.net_type.set("wifi"),
            ProductRecord.category_key.set("Light"),
            ProductRecord.panel.set("link://router/lamp"),
        ]
    )
    products.forget()
    assert listed(app, someone(fleet, "nobody")) == {"total": 0, "pageNo": 1, "pageSize": 100, "data": []}
    bindings.set_nickname(alice.id, lamp, "Desk")
    found = listed(app, alice)
    assert found == {
        "total": 1,
        "pageNo": 1,
        "pageSize": 100,
        "data": [
            {
                "identityId": alice.id,
                "identityAlias": "alice@example.com",
                "iotId": lamp,
                "productKey": fleet.product.short_id,
                "deviceName": "lamp",
                "productName": "Meter",
                "productImage": "https://img.example/lamp.png",
                "productModel": "M1",
                "categoryImage": "https://img.example/lamp.png",
                "categoryKey": "Light",
                "panelPageRouterUrl": "link://router/lamp",
                "nickName": "Desk",
                "netType": "NET_WIFI",
                "thingType": "DEVICE",
                "nodeType": "DEVICE",
                "status": 0,
                "owned": 1,
                "gmtModified": clock.at,
                "bindTime": clock.at,
                "subDevice": False,
                "isSubDevice": False,
                "isEdgeGateway": False,
            }
        ],
    }


def test_a_page_costs_two_calls_whatever_is_on_it(
    fleet: Fleet, app: Program, alice: Someone, calls: Calls
) -> None:
    listed(app, alice)
    for count in (1, 12):
        for number in range(count):
            bindings.bind(fleet.caller, alice.id, device(fleet, f"d{count}-{number}"))
        calls.clear()
        assert listed(app, alice)["total"] in (1, 13)
        assert calls.made == ["dynamodb.Query", "dynamodb.BatchGetItem"]


def test_devices_of_many_products_cost_one_call_more(
    fleet: Fleet, app: Program, alice: Someone, calls: Calls
) -> None:
    for number in range(4):
        product = make_product(fleet.tenant, model=f"M{number}x")
        bindings.bind(fleet.caller, alice.id, device(fleet, f"d{number}", product.id))
    listed(app, alice)
    products.forget()
    calls.clear()
    assert len(listed(app, alice)["data"]) == 4
    assert calls.made == ["dynamodb.Query"] + ["dynamodb.BatchGetItem"] * 2


def test_pages_and_what_a_list_can_be_asked_for(
    fleet: Fleet, app: Program, alice: Someone, bob: Someone, clock: FakeClock
) -> None:
    gateway, below = gateway_with(fleet, 3)
    for each in (gateway, *below):
        clock.at += 1
        bindings.bind(fleet.caller, alice.id, each)
    clock.at += 1
    bobs = device(fleet, "bobs")
    bindings.bind(fleet.caller, bob.id, bobs)
    bindings.bind(fleet.caller, alice.id, bobs, Role.MEMBER)
    newest = [bobs, *reversed(below), gateway]
    assert ids(listed(app, alice)) == newest
    pages = [listed(app, alice, pageNo=number, pageSize=2) for number in (1, 2, 3, 4)]
    assert [each for page in pages for each in ids(page)] == newest
    assert {page["total"] for page in pages} == {5}
    assert ids(listed(app, alice, owned=0)) == [bobs]
    assert ids(listed(app, alice, owned=1)) == newest[1:]
    assert ids(listed(app, alice, owned="1")) == newest[1:]
    assert ids(listed(app, alice, nodeType="GATEWAY")) == [gateway]
    assert ids(listed(app, alice, isSubDevice=True)) == list(reversed(below))
    assert ids(listed(app, alice, isSubDevice=False)) == [bobs, gateway]
    page = listed(app, alice, isSubDevice=True, pageNo=2, pageSize=2)
    assert (page["total"], ids(page)) == (3, [below[0]])
    assert ids(listed(app, alice, thingType="DEVICE")) == newest
    assert listed(app, alice, thingType="VIRTUAL")["total"] == 0
    child = next(each for each in listed(app, alice)["data"] if each["iotId"] == below[0])
    assert child["subDevice"] is child["isSubDevice"] is True


def test_devices_of_a_home_and_of_a_room(fleet: Fleet, app: Program, alice: Someone, bob: Someone) -> None:
    from chalicelib.core import home_rooms

    person = users.find(alice.id).person
    first, second = device(fleet, "first"), device(fleet, "second")
    for each in (first, second):
        bindings.bind(fleet.caller, alice.id, each)
    home = homes.create_home(person, "Home")
    room = home_rooms.create(person, home, "Hall")
    home_rooms.move(person, home, room, [second])
    assert set(ids(listed(app, alice, groupId=home))) == {first, second}
    assert ids(listed(app, alice, groupId=room)) == [second]
    for space in (ABSENT, home):
        who = bob if space == home else alice
        params = {"pageNo": 1, "pageSize": 10, "groupId": space}
        assert app.code(LIST, "1.0.8", params, user=who.token) == WRONG
    before = ids(listed(app, alice, groupId=home))
    moves = [{"iotId": before[1], "fromOrder": 2, "toOrder": 1}]
    app.ok(SORT, "1.0.6", {"groupId": home, "sortDeviceDTOList": moves}, user=alice.token)
    assert ids(listed(app, alice, groupId=home)) == before[::-1]
    stranger = [{"iotId": ABSENT, "toOrder": 1}]
    refused = {"groupId": home, "sortDeviceDTOList": stranger}
    assert app.code(SORT, "1.0.6", refused, user=alice.token) == NOT_BOUND


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"pageSize": 10}, REQUIRED),
        ({"pageNo": 1}, REQUIRED),
        ({"pageNo": 0, "pageSize": 10}, WRONG),
        ({"pageNo": 1, "pageSize": 0}, WRONG),
        ({"pageNo": 1, "pageSize": 101}, WRONG),
        ({"pageNo": 1, "pageSize": 10, "owned": 2}, WRONG),
        ({"pageNo": 1, "pageSize": 10, "nodeType": "ROUTER"}, WRONG),
        ({"pageNo": 1, "pageSize": 10, "thingType": "TOY"}, WRONG),
    ],
)
def test_wrong_lists(app: Program, alice: Someone, params: dict[str, Any], code: int) -> None:
    assert app.code(LIST, "1.0.8", params, user=alice.token) == code


def test_a_deleted_device_is_out_of_the_list_before_it_is_purged(
    fleet: Fleet, app: Program, alice: Someone, lamp: str, iot: FakeIot, work: WorkQueue
) -> None:
    kept = device(fleet, "kept")
    bindings.bind(fleet.caller, alice.id, kept)
    removal.delete(fleet.caller, lamp)
    found = listed(app, alice)
    assert (found["total"], ids(found)) == (1, [kept])
    assert (
        app.code(BY_DEVICE, "1.0.6", {"iotId": lamp, "pageNo": 1, "pageSize": 9}, user=alice.token)
        == NOT_BOUND
    )
    assert app.code(RELATION, "1.0.6", {"iotId": lamp}, user=alice.token) == NO_DEVICE
    work.run()
    assert ids(listed(app, alice)) == [kept]


# a device's people


def test_who_is_bound_to_a_device(
    fleet: Fleet, app: Program, alice: Someone, bob: Someone, lamp: str, calls: Calls, clock: FakeClock
) -> None:
    bound = clock.at
    clock.at += 5
    share(fleet, bob, lamp)
    bindings.set_nickname(bob.id, lamp, "Bob's")
    params = {"iotId": lamp, "pageNo": 1, "pageSize": 10}
    app.ok(BY_DEVICE, "1.0.6", params, user=bob.token)
    calls.clear()
    found = app.ok(BY_DEVICE, "1.0.6", params, user=bob.token)
    assert calls.made == ["dynamodb.Query", "dynamodb.BatchGetItem"]
    facts = {
        "iotId": lamp,
        "productKey": fleet.product.short_id,
        "deviceName": "lamp",
        "productName": "Meter",
        "productImage": "",
        "productModel": "M1",
        "categoryImage": "",
        "netType": "NET_OTHER",
        "thingType": "DEVICE",
        "nodeType": 0,
        "status": 0,
    }
    assert found == {
        "total": 2,
        "pageNo": 1,
        "pageSize": 10,
        "data": [
            {
                "identityId": alice.id,
                "identityAlias": "alice@example.com",
                "owned": 1,
                "gmtModified": bound,
                **facts,
            },
            {
                "identityId": bob.id,
                "identityAlias": "bob@example.com",
                "owned": 0,
                "nickName": "Bob's",
                "gmtModified": bound + 5,
                **facts,
            },
        ],
    }
    one = app.ok(BY_DEVICE, "1.0.6", {"deviceId": lamp, "pageNo": 2, "pageSize": 1}, user=alice.token)
    assert (one["total"], [each["identityId"] for each in one["data"]]) == (2, [bob.id])
    owners = app.ok(BY_DEVICE, "1.0.6", {**params, "owned": 1}, user=alice.token)
    assert [each["identityId"] for each in owners["data"]] == [alice.id]
    assert app.code(BY_DEVICE, "1.0.6", {"pageNo": 1, "pageSize": 1}, user=alice.token) == REQUIRED


def test_how_a_person_is_bound_to_a_device(
    fleet: Fleet, app: Program, alice: Someone, bob: Someone, lamp: str, calls: Calls, clock: FakeClock
) -> None:
    app.ok(RELATION, "1.0.6", {"iotId": lamp}, user=alice.token)
    calls.clear()
    found = app.ok(RELATION, "1.0.6", {"iotId": lamp}, user=alice.token)
    assert calls.made == ["dynamodb.BatchGetItem"]
    assert found == {
        "identityId": alice.id,
        "identityAlias": "alice@example.com",
        "iotId": lamp,
        "productKey": fleet.product.short_id,
        "deviceName": "lamp",
        "productName": "Meter",
        "productImage": "",
        "productModel": "M1",
        "categoryImage": "",
        "netType": "NET_OTHER",
        "thingType": "DEVICE",
        "nodeType": "DEVICE",
        "status": 0,
        "owned": 1,
        "gmtModified": clock.at,
    }
    assert app.ok(RELATION, "1.0.6", {"iotId": lamp}, user=bob.token) == {}
    for nothing in (ABSENT, "lamp"):
        assert app.code(RELATION, "1.0.6", {"iotId": nothing}, user=alice.token) == NO_DEVICE


# whose a device is not


def test_to_others_a_device_is_not_bound(fleet: Fleet, app: Program, bob: Someone, lamp: str) -> None:
    """Of the same application, of another one of the tenant, of another tenant, and no device at all."""
    other = make_fleet("other")
    sister = Fleet(fleet.tenant, make_application(fleet), "", fleet.product)
    theirs = device(other, "theirs")
    bindings.bind(other.caller, someone(other, "eve").id, theirs)
    answers: list[Any] = []
    for where, who, thing in (
        (app, bob, lamp),
        (app, bob, theirs),
        (app, bob, ABSENT),
        (app_of(other), someone(other, "mallory"), lamp),
        (app_of(sister), someone(sister, "sister"), lamp),
    ):
        said = []
        for path, version, params in (
            (BY_DEVICE, "1.0.6", {"iotId": thing, "pageNo": 1, "pageSize": 10}),
            (SORT, "1.0.6", {"sortDeviceDTOList": [{"iotId": thing, "toOrder": 1}]}),
            (NICKNAME, "1.0.6", {"iotId": thing, "nickName": "mine"}),
            (UNBIND, "1.0.9", {"iotId": thing, "unbindSubdevice": True}),
            (BY_MANAGER, "1.0.6", {"iotIdList": [thing], "targetIdentityId": who.id}),
            (CHILDREN, "1.0.0", {"iotId": thing, "pageNo": 1, "pageSize": 10, "lang": "zh-CN"}),
            (CHILD_LIST, "1.0.6", {"iotId": thing, "pageNo": 1, "pageSize": 10}),
        ):
            reply = where.call(path, version, params, user=who.token).json
            said.append((reply["code"], reply["message"], reply["data"]))
        answers.append(said)
    assert {code for said in answers for code, _, _ in said} == {NOT_BOUND}
    assert all(said == answers[0] for said in answers)
    assert_whole()


# names and order


def test_a_nickname_is_the_persons_own(
    fleet: Fleet, app: Program, alice: Someone, bob: Someone, lamp: str, calls: Calls
) -> None:
    share(fleet, bob, lamp)
    listed(app, alice)
    calls.clear()
    params = {"iotId": lamp, "nickName": "台灯", "groupId": ABSENT}
    reply = app.call(NICKNAME, "1.0.6", params, user=alice.token)
    assert calls.made == ["dynamodb.TransactWriteItems"]
    assert reply.json["code"] == 200
    assert "data" not in reply.json
    assert listed(app, alice)["data"][0]["nickName"] == "台灯"
    assert "nickName" not in listed(app, bob)["data"][0]
    app.ok(NICKNAME, "1.0.6", {"iotId": lamp, "nickName": ""}, user=alice.token)
    assert "nickName" not in listed(app, alice)["data"][0]
    assert app.code(NICKNAME, "1.0.6", {"iotId": lamp}, user=alice.token) == REQUIRED
    assert app.code(NICKNAME, "1.0.6", {"nickName": "x"}, user=alice.token) == REQUIRED
    assert app.code(NICKNAME, "1.0.6", {"iotId": lamp, "nickName": "x" * 257}, user=alice.token) == WRONG


@pytest.mark.parametrize("low", [0, 1])
def test_sorting_whether_the_app_counts_from_0_or_1(
    fleet: Fleet, app: Program, alice: Someone, clock: FakeClock, calls: Calls, low: int
) -> None:
    made = [device(fleet, f"d{number}") for number in range(4)]
    for each in reversed(made):
        clock.at += 1
        bindings.bind(fleet.caller, alice.id, each)
    a, b, c, d = made

    def sort(*moves: tuple[str, int, int]) -> None:
        line = [{"iotId": each, "fromOrder": at + low, "toOrder": to + low} for each, at, to in moves]
        app.ok(SORT, "1.0.6", {"sortDeviceDTOList": line}, user=alice.token)

    assert ids(listed(app, alice)) == [a, b, c, d]
    calls.clear()
    sort((a, 0, 1), (b, 1, 0))
    assert calls.made == ["dynamodb.Query", "dynamodb.TransactWriteItems"]
    assert ids(listed(app, alice)) == [b, a, c, d]
    sort((d, 3, 0))
    assert ids(listed(app, alice)) == [d, b, a, c]
    sort((d, 0, 3))
    assert ids(listed(app, alice)) == [b, a, c, d]


def test_sorting_in_the_vendors_double_brackets(
    fleet: Fleet, app: Program, alice: Someone, lamp: str
) -> None:
    other = device(fleet, "other")
    bindings.bind(fleet.caller, alice.id, other)
    first = ids(listed(app, alice))[0]
    line = [[{"iotId": first, "fromOrder": 1, "toOrder": 2}]]
    app.ok(SORT, "1.0.6", {"sortDeviceDTOList": line}, user=alice.token)
    assert ids(listed(app, alice))[1] == first
    for wrong in ([], [{"iotId": lamp}], [{"iotId": lamp, "toOrder": -1}], "x"):
        found = app.code(SORT, "1.0.6", {"sortDeviceDTOList": wrong}, user=alice.token)
        assert found in (WRONG, REQUIRED, 20004)


# ends


def test_a_member_unbinds_himself_and_the_manager_everybody(
    fleet: Fleet, app: Program, alice: Someone, bob: Someone, lamp: str, calls: Calls
) -> None:
    share(fleet, bob, lamp)
    listed(app, bob)
    calls.clear()
    assert app.ok(UNBIND, "1.0.9", {"iotId": lamp}, user=bob.token) == {}
    assert calls.made == ["dynamodb.Query", "dynamodb.TransactWriteItems"]
    assert ids(listed(app, alice)) == [lamp]
    assert app.code(UNBIND, "1.0.9", {"iotId": lamp}, user=bob.token) == NOT_BOUND
    share(fleet, bob, lamp)
    app.ok(UNBIND, "1.0.9", {"iotId": lamp, "homeId": ABSENT, "unbindSubdevice": True}, user=alice.token)
    assert listed(app, alice)["total"] == listed(app, bob)["total"] == 0
    assert app.code(UNBIND, "1.0.9", {}, user=alice.token) == REQUIRED
    assert_whole()


def test_a_gateway_with_or_without_what_is_behind_it(
    fleet: Fleet, app: Program, alice: Someone, bob: Someone
) -> None:
    gateway, below = gateway_with(fleet, 3)

    def bound() -> set[str]:
        return set(ids(listed(app, alice)))

    for each in (gateway, *below):
        bindings.bind(fleet.caller, alice.id, each)
    share(fleet, bob, gateway)
    share(fleet, bob, below[0])
    app.ok(UNBIND, "1.0.9", {"iotId": gateway, "unbindSubdevice": True}, user=bob.token)
    assert set(ids(listed(app, bob))) == {below[0]}  # the gateway is not bob's to empty
    app.ok(UNBIND, "1.0.9", {"iotId": gateway, "unbindSubdevice": False}, user=alice.token)
    assert bound() == set(below)
    bindings.bind(fleet.caller, alice.id, gateway)
    app.ok(UNBIND, "1.0.9", {"iotId": gateway, "unbindSubdevice": "true"}, user=alice.token)
    assert bound() == set(ids(listed(app, bob))) == set()
    assert_whole()


def test_the_manager_unbinds_members_of_several_devices(
    fleet: Fleet, app: Program, alice: Someone, bob: Someone, lamp: str
) -> None:
    second, third = device(fleet, "second"), device(fleet, "third")
    bindings.bind(fleet.caller, alice.id, second)
    bindings.bind(fleet.caller, bob.id, third)
    share(fleet, bob, lamp)
    share(fleet, bob, second)
    share(fleet, alice, third)

    def code(user: Someone, target: Someone, *wanted: str) -> int:
        params = {"targetIdentityId": target.id, "iotIdList": list(wanted)}
        return app.code(BY_MANAGER, "1.0.6", params, user=user.token)

    assert code(bob, alice, lamp) == NOT_MANAGER
    assert code(alice, bob, lamp, third) == NOT_MANAGER
    assert code(alice, bob, lamp, ABSENT) == NOT_BOUND
    assert code(alice, someone(make_fleet("other"), "eve"), lamp) == NOT_BOUND
    assert set(ids(listed(app, bob))) == {lamp, second, third}  # nothing has ended
    assert code(alice, bob, lamp, second, lamp) == 200
    assert ids(listed(app, bob)) == [third]
    missing = {"targetIdentityId": bob.id}
    assert app.code(BY_MANAGER, "1.0.6", missing, user=alice.token) == REQUIRED
    assert app.code(BY_MANAGER, "1.0.6", {"iotIdList": [lamp]}, user=alice.token) == REQUIRED
    many = {"targetIdentityId": bob.id, "iotIdList": [lamp] * 21}
    assert app.code(BY_MANAGER, "1.0.6", many, user=alice.token) == WRONG
    scenes = {"targetIdentityId": bob.id, "sceneIdList": ["x"]}
    assert app.code(BY_MANAGER, "1.0.6", scenes, user=alice.token) == 200
    assert_whole()


def test_the_manager_unbinds_a_member_of_a_home(
    fleet: Fleet, app: Program, alice: Someone, bob: Someone, lamp: str
) -> None:
    person = users.find(alice.id).person
    foreign = device(fleet, "foreign")
    bindings.bind(fleet.caller, bob.id, foreign)
    share(fleet, alice, foreign)
    share(fleet, bob, lamp)
    home = homes.create_home(person, "Home")
    params = {"targetIdentityId": bob.id, "groupId": home}
    app.ok(BY_MANAGER, "1.0.6", params, user=alice.token)
    assert ids(listed(app, bob)) == [foreign]
    assert app.code(BY_MANAGER, "1.0.6", {**params, "groupId": ABSENT}, user=alice.token) == WRONG
    assert_whole()


# behind a gateway


def test_what_is_behind_a_gateway(fleet: Fleet, app: Program, alice: Someone, calls: Calls) -> None:
    gateway, below = gateway_with(fleet, 3)
    for each in (gateway, below[1]):
        bindings.bind(fleet.caller, alice.id, each)
    bindings.set_nickname(alice.id, below[1], "Bulb")
    params = {"iotId": gateway, "pageNo": 1, "pageSize": 2, "lang": "zh-CN"}
    app.ok(CHILDREN, "1.0.0", params, user=alice.token)
    calls.clear()
    found = app.ok(CHILDREN, "1.0.0", params, user=alice.token)
    assert calls.made == ["dynamodb.BatchGetItem", "dynamodb.Query", "dynamodb.BatchGetItem"]
    key = fleet.product.short_id
    first = {"iotId": below[0], "deviceName": "below-0", "productKey": key, "bound": 0, "status": 0}
    second = {"iotId": below[1], "deviceName": "below-1", "productKey": key, "bound": 1, "status": 0}
    assert (found["total"], found["pageNo"], found["pageSize"], len(found["data"])) == (3, 1, 2, 2)
    rest = app.ok(CHILDREN, "1.0.0", {**params, "pageNo": 2}, user=alice.token)
    both = {each["iotId"]: each for each in found["data"] + rest["data"]}
    assert set(both) == set(below)
    assert both[below[0]] == first
    assert both[below[1]] == {**second, "nickName": "Bulb"}
    product = products.load(DeviceRecord.find(gateway, DEVICE).product)
    names = {
        "productKey": product.short_id,
        "deviceName": "gateway",
        "pageNo": 1,
        "pageSize": 20,
        "lang": "en",
    }
    assert app.ok(CHILDREN, "1.0.0", names, user=alice.token)["total"] == 3
    for wrong, code in (
        ({**names, "deviceName": "other"}, NOT_BOUND),
        ({**names, "productKey": key}, NOT_BOUND),
        ({"pageNo": 1, "pageSize": 20, "lang": "en"}, REQUIRED),
        ({**params, "pageSize": 21}, WRONG),
        ({"iotId": gateway, "pageNo": 1, "pageSize": 20}, REQUIRED),
    ):
        assert app.code(CHILDREN, "1.0.0", wrong, user=alice.token) == code
    calls.clear()
    plain = app.ok(CHILD_LIST, "1.0.6", {"iotId": gateway, "pageNo": 1, "pageSize": 150}, user=alice.token)
    assert calls.made == ["dynamodb.BatchGetItem", "dynamodb.Query", "dynamodb.BatchGetItem"]
    assert (plain["total"], plain["pageNo"], plain["pageSize"]) == (3, 1, 150)
    shown = {each["iotId"]: each for each in plain["data"]}
    assert shown[below[1]] == {
        "iotId": below[1],
        "productKey": key,
        "deviceName": "below-1",
        "nickName": "Bulb",
        "image": "",
        "status": 0,
    }
    assert shown[below[0]]["nickName"] == "Meter"
    children.detach(fleet.caller, below[0])
    assert (
        app.ok(CHILD_LIST, "1.0.6", {"iotId": gateway, "pageNo": 1, "pageSize": 9}, user=alice.token)["total"]
        == 2
    )


# phones and the profile


def test_a_phone_is_one_persons(
    fleet: Fleet, app: Program, alice: Someone, bob: Someone, clock: FakeClock, work: WorkQueue, calls: Calls
) -> None:
    def bind(user: Someone, phone: str = "phone", kind: str = "iOS") -> None:
        params = {"deviceId": phone, "deviceType": kind}
        app.ok("/uc/bindPushChannel", "1.0.6", params, user=user.token)

    def phones(user: Someone) -> list[tuple[str, str]]:
        return [(each.phone, each.system) for each in push_channels.of_user(user.id)]

    listed(app, alice)
    calls.clear()
    bind(alice)
    assert calls.made == ["dynamodb.GetItem", "dynamodb.Query", "dynamodb.TransactWriteItems"]
    bind(alice)
    assert phones(alice) == [("phone", "IOS")]
    bind(bob, kind="android")
    assert (phones(alice), phones(bob)) == ([], [("phone", "ANDROID")])
    end = {"deviceId": "phone"}
    app.ok("/uc/unbindPushChannel", "1.0.6", end, user=alice.token)
    assert phones(bob) == [("phone", "ANDROID")]
    calls.clear()
    app.ok("/uc/unbindPushChannel", "1.0.6", end, user=bob.token)
    assert calls.made == ["dynamodb.TransactWriteItems"]
    assert phones(bob) == []
    for number in range(push_channels.MOST + 2):
        clock.at += 1
        bind(alice, f"p{number:02}")
    assert [each for each, _ in phones(alice)] == [f"p{number:02}" for number in range(2, 22)]
    bind(bob, "p00")
    users.remove(alice.id)
    work.run()
    bind(bob, "p05")
    assert {each for each, _ in phones(bob)} == {"p00", "p05"}
    for wrong, code in (
        ({"deviceId": "x", "deviceType": "Symbian"}, WRONG),
        ({"deviceId": "x"}, REQUIRED),
        ({"deviceType": "iOS"}, REQUIRED),
    ):
        assert app.code("/uc/bindPushChannel", "1.0.6", wrong, user=bob.token) == code
    assert app.code("/uc/unbindPushChannel", "1.0.6", {}, user=bob.token) == REQUIRED


def test_a_profile(fleet: Fleet, app: Program, alice: Someone, bob: Someone, lamp: str, calls: Calls) -> None:
    def profile(user: Someone) -> Any:
        return app.ok("/living/user/profile/get", "1.0.0", {}, user=user.token)

    assert profile(bob) == {"sharedDeviceCnt": 0, "sharedDeviceOnlineCnt": 0}
    share(fleet, bob, lamp)
    other = device(fleet, "other")
    bindings.bind(fleet.caller, alice.id, other)
    share(fleet, bob, other)
    bindings.bind(fleet.caller, bob.id, device(fleet, "own"))
    DeviceRecord(lamp, DEVICE).update([DeviceRecord.status.set("ONLINE"), DeviceRecord.activated.set(True)])
    home = homes.create_home(users.find(bob.id).person, "Home")
    calls.clear()
    assert profile(bob) == {"sharedDeviceCnt": 2, "sharedDeviceOnlineCnt": 1, "currentHomeId": home}
    assert calls.made == ["dynamodb.Query", "dynamodb.BatchGetItem", "dynamodb.GetItem"]
    assert profile(alice)["sharedDeviceCnt"] == 0


def test_without_a_person_nothing_is_told(fleet: Fleet, app: Program, alice: Someone) -> None:
    for token in (None, "x", alice.token[:-1]):
        params = {"pageNo": 1, "pageSize": 10}
        assert app.code(LIST, "1.0.8", params, user=token) == 401
    users.remove(alice.id)
    assert app.code(LIST, "1.0.8", {"pageNo": 1, "pageSize": 10}, user=alice.token) == 401
