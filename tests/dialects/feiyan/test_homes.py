"""Homes, rooms and what is in them, as an app sees them. Source: Feiyan 6.8.1 to 6.8.20"""

from typing import Any

import pytest

from chalicelib.core import bindings, children, registration, unregistration, users
from chalicelib.core.home_documents import MOST_DEVICES, MOST_ROOMS
from chalicelib.core.homes import MOST_HOMES
from chalicelib.core.products import NodeType
from chalicelib.core.registration import NewDevice
from chalicelib.store.users import UserItem
from tests.conftest import Calls
from tests.support.clock import FakeClock
from tests.support.fleet import make_product
from tests.support.homes import FIRST, VERSIONS, House, make_house, with_facts
from tests.support.iot import FakeIot

NOW = 1_700_000_000_000


@pytest.fixture
def house(iot: FakeIot, clock: FakeClock) -> House:
    return make_house(iot, clock)


def test_a_home_is_made_and_read(house: House) -> None:
    assert len(house.home) == 32
    house.ask("home/room/create", homeId=house.home, name="kitchen")
    assert house.ask("home/get", homeId=house.home) == {
        "homeId": house.home,
        "name": "xxx的别墅",
        "myRole": "ADMIN",
        "currentHome": True,
        "roomCnt": 1,
        "deviceCnt": 4,
        "deviceOnlineCnt": 2,
        "createMillis": NOW,
    }


def test_homes_are_listed(house: House) -> None:
    house.clock.advance(1)
    second = house.ask("home/create", name="2")
    found = house.ask("home/query", pageNo=1, pageSize=10)
    assert found == {
        "total": 2,
        "pageNo": 1,
        "pageSize": 10,
        "data": [
            {
                "homeId": house.home,
                "name": "xxx的别墅",
                "myRole": "ADMIN",
                "currentHome": False,
                "createMillis": NOW,
            },
            {
                "homeId": second,
                "name": "2",
                "myRole": "ADMIN",
                "currentHome": True,
                "createMillis": found["data"][1]["createMillis"],
            },
        ],
    }
    page = house.ask("home/query", pageNo=2, pageSize=1)
    assert [each["homeId"] for each in page["data"]] == [second]
    assert house.ask("home/query", house.bob, pageNo=1, pageSize=20)["total"] == 0


def test_answers_without_data(house: House) -> None:
    """As the examples: null where the table has `data`, an empty object where they show one."""
    room = house.ask("home/room/create", homeId=house.home, name="kitchen")
    second = house.ask("home/create", name="2")
    assert house.ask("home/current/update", homeId=house.home) == {}
    assert house.ask("home/update", homeId=house.home, name="xxx的家") is None
    assert house.ask("home/delete", homeId=second) is None
    assert house.ask("home/room/order/refresh", homeId=house.home, roomIdList=[room]) is None
    assert house.ask("home/room/delete", homeId=house.home, roomId=room) is None
    reply = house.app.call(
        "/living/home/delete", "1.0.0", {"homeId": house.home}, user=house.alice.token
    ).json
    assert (reply["code"], reply["data"]) == (28810, None)


def test_a_home_is_renamed_and_chosen(house: House) -> None:
    second = house.ask("home/create", name="second")
    house.ask("home/update", homeId=house.home, name="xxx的家")
    house.ask("home/update", homeId=house.home)  # nothing to change
    house.ask("home/current/update", homeId=house.home)
    found = house.ask("home/query", **FIRST)["data"]
    assert [(each["name"], each["currentHome"]) for each in found] == [("xxx的家", True), ("second", False)]
    assert house.code("home/update", homeId=second, name="xxx的家") == 28804


def test_a_home_is_deleted_and_its_devices_move(house: House) -> None:
    second = house.ask("home/create", name="second")
    extra = house.add("extra")
    house.ask("home/delete", homeId=second)
    assert house.code("home/get", homeId=second) == 460
    assert house.names("home/device/query") == [*(each.name for each in house.lamps), extra.name]
    assert house.ask("home/get", homeId=house.home)["currentHome"] is True
    assert house.code("home/delete", homeId=house.home) == 28810


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("", 28805),
        (" ", 28805),
        ("a-b", 28805),
        ("家!", 28805),
        ("é", 28805),
        ("a" * 21, 28812),
        ("家" * 21, 28812),
        ("xxx的别墅", 28804),
        ("a" * 257, 460),
        (17, 460),
    ],
)
def test_names_of_homes(house: House, name: Any, code: int) -> None:
    assert house.code("home/create", name=name) == code


def test_what_is_missing_or_out_of_range(house: House) -> None:
    room = house.ask("home/room/create", homeId=house.home, name="kitchen")
    assert house.code("home/create") == 20050
    for what in ("delete", "update", "current/update", "get", "element/query", "room/query"):
        assert house.code(f"home/{what}", pageNo=1, pageSize=1) == 20050
    assert house.code("home/query", pageNo=1) == 20050
    for page in ({"pageNo": 0, "pageSize": 1}, {"pageNo": 1, "pageSize": 21}, {"pageNo": 1, "pageSize": 0}):
        assert house.code("home/query", **page) == 460
        assert house.code("home/element/query", homeId=house.home, **page) == 460
        assert house.code("home/room/query", homeId=house.home, **page) == 460
        assert house.code("home/device/query", **page) == 460
        assert house.code("home/room/device/query", homeId=house.home, roomId=room, **page) == 460
    lamp = house.lamps[0].id
    assert house.code("home/device/reorder", homeId=house.home, iotId=lamp, targetOrder=-1) == 460
    assert house.code("home/device/reorder", homeId=house.home, iotId=lamp) == 20050
    assert house.code("home/device/reorder", homeId=house.home, targetOrder=1) == 20050
    moved = {"homeId": house.home, "roomId": room}
    assert house.code("home/room/device/reorder", **moved, iotId=lamp, targetOrder=0) == 460
    assert house.code("home/room/device/reorder", **moved, targetOrder=1) == 20050
    assert house.code("home/device/move", homeId=house.home, deviceList=[]) == 20050
    assert house.code("home/device/move", homeId=house.home, deviceList='[{"iotId": "x"}]') == 20004
    assert house.code("home/element/query", homeId=house.home, elementType="SCENE", **FIRST) == 460
    assert house.code("home/device/query", deviceNodeType="OTHER", **FIRST) == 460


def test_numbers_may_be_text(house: House) -> None:
    assert house.ask("home/query", pageNo="1", pageSize="20")["total"] == 1


def test_ten_homes(house: House) -> None:
    for number in range(MOST_HOMES - 1):
        house.ask("home/create", name=f"home {number}")
    assert house.code("home/create", name="eleventh") == 28809


def test_a_room_in_full(house: House) -> None:
    image = "https://xxx.png"
    room = house.ask("home/room/create", homeId=house.home, name="房间名称", backgroundImage=image)
    devices = [{"iotId": each.id} for each in house.lamps[1:4]]
    house.ask("home/device/move", homeId=house.home, roomId=room, deviceList=devices)
    shown = {
        "roomId": room,
        "name": "房间名称",
        "backgroundImage": image,
        "deviceCnt": 3,
        "deviceOnlineCnt": 1,
        "createMillis": house.ask("home/room/get", homeId=house.home, roomId=room)["createMillis"],
    }
    assert house.ask("home/room/get", homeId=house.home, roomId=room) == shown
    assert house.ask("home/room/query", homeId=house.home, pageNo=1, pageSize=10) == {
        "total": 1,
        "pageNo": 1,
        "pageSize": 10,
        "items": [shown],
    }
    house.ask("home/room/update", homeId=house.home, roomId=room, name="hall", backgroundImage="")
    changed = house.ask("home/room/get", homeId=house.home, roomId=room)
    assert (changed["name"], changed["backgroundImage"]) == ("hall", "")
    house.ask("home/room/delete", homeId=house.home, roomId=room)
    assert house.code("home/room/get", homeId=house.home, roomId=room) == 460
    assert len(house.names("home/device/query")) == 4


@pytest.mark.parametrize(
    ("name", "code"), [("", 28805), ("a_b", 28805), ("房" * 41, 28813), ("kitchen", 28804)]
)
def test_names_of_rooms(house: House, name: str, code: int) -> None:
    house.ask("home/room/create", homeId=house.home, name="kitchen")
    room = house.ask("home/room/create", homeId=house.home, name="房" * 40)
    assert house.code("home/room/create", homeId=house.home, name=name) == code
    assert house.code("home/room/update", homeId=house.home, roomId=room, name=name) == code


def test_the_vendors_own_example_of_a_taken_name(house: House) -> None:
    house.ask("home/room/create", homeId=house.home, name="kitchen")
    reply = house.app.call(
        "/living/home/room/create",
        "1.0.1",
        {"homeId": house.home, "name": "kitchen"},
        user=house.alice.token,
    ).json
    assert (reply["code"], reply["data"]) == (28804, None)


def test_twenty_rooms(house: House) -> None:
    for number in range(MOST_ROOMS):
        house.ask("home/room/create", homeId=house.home, name=f"room {number}")
    assert house.code("home/room/create", homeId=house.home, name="one more") == 28808


def test_rooms_have_an_order(house: House) -> None:
    ids = [house.ask("home/room/create", homeId=house.home, name=name) for name in "abc"]
    house.ask("home/room/order/refresh", homeId=house.home, roomIdList=[ids[2], ids[0], ids[1]])
    assert list(house.rooms()) == ["c", "a", "b"]
    for wrong in ([ids[0], "x"], [ids[0], ids[0]]):
        assert house.code("home/room/order/refresh", homeId=house.home, roomIdList=wrong) == 460


def test_devices_move_between_rooms_and_homes(house: House) -> None:
    one = house.ask("home/room/create", homeId=house.home, name="one")
    two = house.ask("home/room/create", homeId=house.home, name="two")
    ids = [{"iotId": each.id} for each in house.lamps]
    house.ask("home/device/move", homeId=house.home, roomId=one, deviceList=ids[:3])
    house.ask("home/device/move", homeId=house.home, roomId=two, deviceList=ids[1:2])
    assert house.rooms() == {"one": ["lamp-0", "lamp-2"], "two": ["lamp-1"]}
    house.ask("home/device/move", homeId=house.home, deviceList=ids[:1])
    house.ask("home/device/move", homeId=house.home, roomId="", deviceList=ids[1:2])
    assert house.rooms() == {"one": ["lamp-2"], "two": []}
    other = house.ask("home/create", name="other")
    house.ask("home/device/move", homeId=other, deviceList=ids[2:])
    assert house.rooms() == {"one": [], "two": []}
    assert house.names("home/device/query") == ["lamp-0", "lamp-1"]
    assert house.names("home/device/query", homeId=other) == ["lamp-2", "lamp-3"]
    assert house.code("home/device/move", homeId=other, roomId=one, deviceList=ids[2:]) == 460
    many = [{"iotId": f"{number:032x}"} for number in range(MOST_DEVICES + 1)]
    assert house.code("home/device/move", homeId=other, deviceList=many) == 28807


def test_a_room_is_filled(house: House) -> None:
    one = house.ask("home/room/create", homeId=house.home, name="one")
    two = house.ask("home/room/create", homeId=house.home, name="two")
    ids = [each.id for each in house.lamps]
    given = {"homeId": house.home, "roomId": one}
    assert house.ask("home/room/device/full/update", **given, iotIdList=ids[:3]) is None
    house.ask("home/room/device/full/update", homeId=house.home, roomId=two, iotIdList=[ids[3], ids[1]])
    assert house.rooms() == {"one": ["lamp-0", "lamp-2"], "two": ["lamp-3", "lamp-1"]}
    house.ask("home/room/device/full/update", **given, iotIdList=[ids[2], ids[3]])
    assert house.rooms() == {"one": ["lamp-2", "lamp-3"], "two": ["lamp-1"]}
    house.ask("home/room/device/full/update", **given, iotIdList=[])
    assert house.rooms() == {"one": [], "two": ["lamp-1"]}
    many = [f"{number:032x}" for number in range(MOST_DEVICES + 1)]
    assert house.code("home/room/device/full/update", **given, iotIdList=many) == 28807
    assert house.code("home/room/device/full/update", **given, iotIdList=["0" * 32]) == 2065
    assert house.code("home/room/device/full/update", **given, iotIdList=[ids[0], ids[0]]) == 460


def test_orders_of_devices(house: House) -> None:
    ids = [each.id for each in house.lamps]
    house.ask("home/device/reorder", homeId=house.home, iotId=ids[3], targetOrder=0)
    assert house.names("home/device/query") == ["lamp-3", "lamp-0", "lamp-1", "lamp-2"]
    named = {"productKey": house.product.short_id, "deviceName": "lamp-3"}
    house.ask("home/device/reorder", homeId=house.home, **named, targetOrder=99)
    assert house.names("home/device/query") == ["lamp-0", "lamp-1", "lamp-2", "lamp-3"]
    assert house.ask("home/element/reorder", homeId=house.home, elementId=ids[0], targetOrder=1) is None
    assert house.names("home/device/query") == ["lamp-1", "lamp-0", "lamp-2", "lamp-3"]
    assert house.code("home/element/reorder", homeId=house.home, elementId="x", targetOrder=1) == 460
    room = house.ask("home/room/create", homeId=house.home, name="one")
    house.ask("home/room/device/full/update", homeId=house.home, roomId=room, iotIdList=ids[:3])
    moved = {"homeId": house.home, "roomId": room}
    assert house.ask("home/room/device/reorder", **moved, iotId=ids[2], targetOrder=1) == {}
    assert house.rooms() == {"one": ["lamp-2", "lamp-0", "lamp-1"]}
    house.ask("home/room/device/reorder", **moved, deviceId=ids[2], targetOrder=2)
    assert house.rooms() == {"one": ["lamp-0", "lamp-2", "lamp-1"]}
    assert house.code("home/room/device/reorder", **moved, iotId=ids[3], targetOrder=1) == 460


def test_a_device_in_a_list(house: House, iot: FakeIot) -> None:
    image, panel = "https://x/lamp.png", "page/lamp"
    with_facts(house, image=image, category_key="Camera", panel=panel, protocol_type="mqtt", net_type="wifi")
    room = house.ask("home/room/create", homeId=house.home, name="Xbox 游戏室")
    lamp = house.lamps[0]
    house.ask("home/device/move", homeId=house.home, roomId=room, deviceList=[{"iotId": lamp.id}])
    bindings.set_nickname(house.alice.id, lamp.id, "设备昵称")
    for what in ("home/room/device/query", "home/device/query"):
        found = house.ask(
            what, homeId=house.home, roomId=room, propertyIdentifiers=["power"], pageNo=1, pageSize=10
        )
        assert found["items"] == found["data"]
        del found["data"]
        assert found == {
            "total": 1,
            "pageNo": 1,
            "pageSize": 10,
            "items": [
                {
                    "iotId": lamp.id,
                    "deviceName": "lamp-0",
                    "myRole": "OWNED",
                    "homeId": house.home,
                    "homeName": "xxx的别墅",
                    "roomId": room,
                    "roomName": "Xbox 游戏室",
                    "productKey": house.product.short_id,
                    "productName": house.product.name,
                    "productImage": image,
                    "productModel": house.product.model,
                    "categoryKey": "Camera",
                    "categoryImage": image,
                    "panelPageRouteUrl": panel,
                    "nickName": "设备昵称",
                    "netType": "NET_WIFI",
                    "thingType": "DEVICE",
                    "status": 1,
                    "nodeType": "DEVICE",
                    "description": "",
                    "protocol": "mqtt",
                    "propertyList": [
                        {
                            "identifier": "power",
                            "name": "Power",
                            "value": "1",
                            "dataType": "BOOL",
                            "imageUrl": "",
                            "latestUpdateMillis": found["items"][0]["propertyList"][0]["latestUpdateMillis"],
                        }
                    ],
                }
            ],
        }


def test_filters_of_the_device_list(house: House) -> None:
    fleet, clock = house.fleet, house.clock
    with_facts(house, category_key="Light")
    room = house.ask("home/room/create", homeId=house.home, name="one")
    ids = [each.id for each in house.lamps]
    house.ask("home/room/device/full/update", homeId=house.home, roomId=room, iotIdList=[ids[1]])
    other = house.ask("home/create", name="other")
    made = make_product(fleet.tenant, NodeType.GATEWAY, model="G1")
    gateway = registration.register(
        fleet.caller, NewDevice("gateway", registration.BY_SECRET, product=made.id)
    )
    clock.advance(1)
    bindings.bind(fleet.caller, house.alice.id, gateway.device.device)
    children.attach(fleet.caller, gateway.device.device, ids[3])

    def found(**params: Any) -> list[str]:
        answer = house.ask("home/device/query", **FIRST, **params)
        assert answer["total"] == len(answer["items"])
        return [each["deviceName"] for each in answer["items"]]

    lamps = [each.name for each in house.lamps]
    assert found() == [*lamps, "gateway"]
    assert found(homeId=house.home) == lamps
    assert found(homeId=other) == ["gateway"]
    assert found(excludedHomeId=house.home) == ["gateway"]
    assert found(roomId=room) == ["lamp-1"]
    assert found(homeId=house.home, excludedRoomId=room) == ["lamp-0", "lamp-2", "lamp-3"]
    assert found(productKey=house.product.short_id, homeId="", roomId="") == lamps
    assert found(categoryKey="Light", excludedRoomId=room) == ["lamp-0", "lamp-2", "lamp-3"]
    assert found(deviceNodeType="GATEWAY") == ["gateway"]
    assert found(boundControlGroup="true") == []
    assert found(boundControlGroup="false") == [*lamps, "gateway"]
    shown = house.ask("home/device/query", **FIRST, deviceNodeType="GATEWAY")["items"][0]
    assert shown["subDeviceIotIdList"] == [ids[3]]
    assert shown["nodeType"] == "GATEWAY"
    assert house.code("home/device/query", **FIRST, homeId="x") == 460
    assert house.code("home/device/query", **FIRST, homeId=other, roomId=room) == 460


def test_elements(house: House) -> None:
    lamp = house.lamps[0]
    with_facts(house, image="https://x/lamp.png", protocol_type="mesh")
    found = house.ask(
        "home/element/query", homeId=house.home, propertyIdentifiers=["power"], pageNo=1, pageSize=20
    )
    assert found["items"] == found["data"]
    assert (found["total"], found["pageNo"], found["pageSize"]) == (4, 1, 20)
    assert found["items"][0] == {
        "elementType": "DEVICE",
        "elementId": lamp.id,
        "name": "lamp-0",
        "deviceName": "lamp-0",
        "productKey": house.product.short_id,
        "productName": house.product.name,
        "productImage": "https://x/lamp.png",
        "productModel": house.product.model,
        "categoryKey": "",
        "categoryImage": "https://x/lamp.png",
        "nickName": "",
        "netType": "NET_OTHER",
        "thingType": "DEVICE",
        "status": 1,
        "nodeType": "DEVICE",
        "description": "",
        "protocol": "mesh",
        "propertyList": [
            {
                "identifier": "power",
                "name": "Power",
                "value": "1",
                "dataType": "BOOL",
                "imageUrl": "",
                "latestUpdateMillis": found["items"][0]["propertyList"][0]["latestUpdateMillis"],
            }
        ],
    }
    assert [each["status"] for each in found["items"]] == [1, 1, 0, 0]


def test_the_examples_type_of_elements_is_both(house: House) -> None:
    for kind, total in (("DEVICE, CONTROL_GROUP", 4), ("DEVICE", 4), ("CONTROL_GROUP", 0), ("", 4)):
        found = house.ask("home/element/query", homeId=house.home, elementType=kind, **FIRST)
        assert found["total"] == total


def test_another_persons_home_is_absent(house: House) -> None:
    """As one that never was: in every operation, and with a home of one's own."""
    room = house.ask("home/room/create", homeId=house.home, name="kitchen")
    theirs = house.ask("home/create", house.bob, name="theirs")
    lamp = house.lamps[0].id
    move = {"deviceList": [{"iotId": lamp}]}
    asked: dict[str, dict[str, Any]] = {
        "home/delete": {},
        "home/update": {"name": "x"},
        "home/current/update": {},
        "home/get": {},
        "home/element/query": FIRST,
        "home/element/reorder": {"elementId": lamp, "targetOrder": 0},
        "home/device/reorder": {"iotId": lamp, "targetOrder": 0},
        "home/room/create": {"name": "x"},
        "home/room/delete": {"roomId": room},
        "home/room/update": {"roomId": room, "name": "x"},
        "home/room/get": {"roomId": room},
        "home/room/query": FIRST,
        "home/room/device/query": {"roomId": room, **FIRST},
        "home/device/query": FIRST,
        "home/room/device/reorder": {"roomId": room, "iotId": lamp, "targetOrder": 1},
        "home/room/order/refresh": {"roomIdList": [room]},
        "home/device/move": move,
        "home/room/device/full/update": {"roomId": room, "iotIdList": [lamp]},
    }
    for what, params in asked.items():
        codes = [house.code(what, house.bob, homeId=home, **params) for home in (house.home, "0" * 32)]
        assert codes == [460, 460], what
    assert house.code("home/device/move", house.bob, homeId=theirs, **move) == 2065
    assert house.code("home/device/reorder", house.bob, homeId=theirs, iotId=lamp, targetOrder=0) == 2065
    named = {"productKey": house.product.short_id, "deviceName": "lamp-0"}
    assert house.code("home/device/reorder", house.bob, homeId=theirs, **named, targetOrder=0) == 2065
    assert house.ask("home/device/query", house.bob, **FIRST)["total"] == 0
    assert house.rooms() == {"kitchen": []}


def test_a_person_is_needed(house: House) -> None:
    for path, version in VERSIONS.items():
        assert house.app.code(path, version, {"homeId": house.home}) in (401, 403), path


def test_a_member_has_the_device_in_homes_of_his_own(house: House) -> None:
    home = house.ask("home/create", house.bob, name="bobs")
    lamp = house.lamps[0].id
    bindings.bind(house.fleet.caller, house.bob.id, lamp, bindings.Role.MEMBER)
    shown = house.ask("home/device/query", house.bob, homeId=home, **FIRST)["items"]
    assert [(each["iotId"], each["myRole"]) for each in shown] == [(lamp, "SHARED")]
    bindings.unbind(house.alice.id, lamp)
    assert house.ask("home/device/query", house.bob, homeId=home, **FIRST)["total"] == 0
    assert house.ask("home/get", homeId=house.home)["deviceCnt"] == 3


def test_homes_end_with_the_person(house: House) -> None:
    users.remove(house.alice.id)
    unregistration.perform(house.alice.id)
    assert list(UserItem.query(house.alice.id)) == []


def test_calls_behind_the_gateway(house: House, calls: Calls) -> None:
    """What the operation itself costs; the gateway's own comes before it."""
    room = house.ask("home/room/create", homeId=house.home, name="kitchen")

    def cost(what: str, **params: Any) -> list[str]:
        house.ask("home/query", **FIRST)
        calls.clear()
        house.ask(what, **params)
        return calls.made

    gate = cost("home/query", **FIRST)
    assert gate[-1] == "dynamodb.GetItem"
    before = gate[:-1]

    def own(what: str, **params: Any) -> list[str]:
        made = cost(what, **params)
        assert made[: len(before)] == before
        return [each.removeprefix("dynamodb.") for each in made[len(before) :]]

    assert own("home/get", homeId=house.home) == ["Query", "BatchGetItem"]
    assert own("home/update", homeId=house.home, name="x") == ["Query", "TransactWriteItems"]
    listed = ["Query", "BatchGetItem", "BatchGetItem"]
    assert own("home/device/query", **FIRST) == listed
    assert own("home/element/query", homeId=house.home, **FIRST) == listed
    assert own("home/room/device/query", homeId=house.home, roomId=room, **FIRST) == ["Query"]
