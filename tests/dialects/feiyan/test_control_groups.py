"""Control groups, as an app sees them. Source: Feiyan 6.8.21 to 6.8.33"""

from typing import Any

import pytest

from chalicelib.core import bindings, shadow_fields
from chalicelib.core.home_groups import FIRST_ADDRESS, MOST_GROUPS
from chalicelib.store.commands import CommandRecord
from tests.conftest import Calls
from tests.support import bound
from tests.support.clock import FakeClock
from tests.support.homes import FIRST, House, make_house, with_facts
from tests.support.iot import FakeIot
from tests.support.queues import WorkQueue
from tests.support.things import Lamp


@pytest.fixture
def house(iot: FakeIot, clock: FakeClock) -> House:
    made = make_house(iot, clock)
    with_facts(made, category_key="Light", image="https://x/lamp.png")
    return made


def create(house: House, lamps: list[Lamp], name: str = "controlGroupName", **more: Any) -> str:
    given: dict[str, Any] = {
        "homeId": house.home,
        "name": name,
        "productKey": house.product.short_id,
        "iotIdList": [each.id for each in lamps],
        **more,
    }
    made: str = house.ask("home/controlgroup/create", **given)
    return made


def refused(house: House, lamps: list[str], **more: Any) -> int:
    given: dict[str, Any] = {
        "homeId": house.home,
        "name": "another",
        "productKey": house.product.short_id,
        "iotIdList": lamps,
        **more,
    }
    return house.code("home/controlgroup/create", **given)


def test_a_group_is_made_and_read(house: House) -> None:
    group = create(house, house.lamps[:2], enableLocalControl=True)
    assert len(group) == 32
    shown = house.ask("home/controlgroup/get", homeId=house.home, controlGroupId=group)
    assert shown == {
        "controlGroupId": group,
        "name": "controlGroupName",
        "productKey": house.product.short_id,
        "productImage": "https://x/lamp.png",
        "createMillis": house.clock.at,
    }
    assert house.ask("home/controlgroup/query", homeId=house.home, pageNo=1, pageSize=20) == {
        "total": 1,
        "pageNo": 1,
        "pageSize": 20,
        "data": [shown],
    }


def test_a_group_among_the_elements(house: House) -> None:
    lamps = house.lamps[1:3]
    group = create(house, lamps)
    bindings.set_nickname(house.alice.id, lamps[0].id, "设备昵称")
    found = house.ask(
        "home/element/query",
        homeId=house.home,
        propertyIdentifiers=["power"],
        elementType="CONTROL_GROUP",
        **FIRST,
    )
    assert found["total"] == 1
    assert found["items"] == [
        {
            "elementType": "CONTROL_GROUP",
            "elementId": group,
            "name": "controlGroupName",
            "productKey": house.product.short_id,
            "productName": house.product.name,
            "productImage": "https://x/lamp.png",
            "protocol": "",
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
            "deviceCnt": 2,
            "deviceOnlineCnt": 1,
            "masterDeviceId": lamps[0].id,
            "masterDeviceIotId": lamps[0].id,
            "controlGroupStatus": "NORMAL",
            "groupAddress": FIRST_ADDRESS,
        }
    ]
    whole = house.ask("home/element/query", homeId=house.home, **FIRST)
    assert [each["name"] for each in whole["items"]] == [
        "lamp-0",
        "设备昵称",
        "lamp-2",
        "lamp-3",
        "controlGroupName",
    ]
    house.ask("home/element/reorder", homeId=house.home, elementId=group, targetOrder=0)
    whole = house.ask("home/element/query", homeId=house.home, **FIRST)
    assert whole["items"][0]["elementId"] == group


def test_a_group_that_is_invalid(house: House) -> None:
    def status() -> str:
        found = house.ask("home/element/query", homeId=house.home, elementType="CONTROL_GROUP", **FIRST)
        return str(found["items"][0]["controlGroupStatus"])

    create(house, house.lamps[:2])
    assert status() == "NORMAL"
    bindings.unbind(house.alice.id, house.lamps[0].id)
    assert status() == "INVALID"
    group = house.ask("home/controlgroup/query", homeId=house.home, **FIRST)["data"][0]["controlGroupId"]
    ids = [each.id for each in house.lamps[2:]]
    given = {"homeId": house.home, "controlGroupId": group}
    house.ask("home/controlgroup/device/full/update", **given, iotIdList=ids)
    assert status() == "INVALID"


def test_the_devices_of_a_group(house: House) -> None:
    group = create(house, house.lamps[:3])
    given = {"homeId": house.home, "controlGroupId": group}
    room = house.ask("home/room/create", homeId=house.home, name="kitchen")
    lamp = house.lamps[0]
    house.ask("home/device/move", homeId=house.home, roomId=room, deviceList=[{"iotId": lamp.id}])
    found = house.ask("home/controlgroup/device/query", **given, propertyIdentifiers=["brightness"], **FIRST)
    assert (found["total"], found["pageNo"], found["pageSize"]) == (3, 1, 20)
    first = found["items"][0]
    assert (first["iotId"], first["roomId"], first["roomName"]) == (lamp.id, room, "kitchen")
    assert first["propertyList"][0]["value"] == "7"
    assert first["propertyList"][0]["dataType"] == "INT"
    assert first["categoryKey"] == "Light"
    assert "panelPageRouteUrl" not in first
    order = [house.lamps[3].id, house.lamps[0].id]
    assert house.ask("home/controlgroup/device/full/update", **given, iotIdList=order) is None
    page = house.ask("home/controlgroup/device/query", **given, pageNo=2, pageSize=1)
    assert [each["deviceName"] for each in page["items"]] == ["lamp-0"]
    assert house.names("home/device/query", boundControlGroup=False) == ["lamp-1", "lamp-2"]
    assert house.names("home/device/query", boundControlGroup=True) == ["lamp-0", "lamp-3"]


def test_a_group_is_renamed_moved_and_deleted(house: House) -> None:
    one, two = create(house, house.lamps[:2], "one"), create(house, house.lamps[2:], "two")
    given = {"homeId": house.home, "controlGroupId": one}
    assert house.ask("home/controlgroup/reorder", **given, targetOrder=1) is None

    def names() -> list[str]:
        found = house.ask("home/controlgroup/query", homeId=house.home, **FIRST)["data"]
        return [each["name"] for each in found]

    assert names() == ["two", "one"]
    house.ask("home/controlgroup/update", **given, name="first 1")
    assert names() == ["two", "first 1"]
    for name, code in (("two", 28804), ("a_b", 28805), ("", 28805), ("组" * 41, 28813)):
        assert house.code("home/controlgroup/update", **given, name=name) == code
        assert refused(house, [], name=name) == 28820  # looked at first
    assert house.ask("home/controlgroup/delete", **given) == str(FIRST_ADDRESS)
    third = create(house, house.lamps[:2], "three")
    wrong = {"homeId": house.home, "controlGroupIdList": [two, one]}
    assert house.code("home/controlgroup/batch/delete", **wrong) == 28604
    assert house.code("home/controlgroup/batch/delete", homeId=house.home, controlGroupIdList=[]) == 20050
    both = house.ask("home/controlgroup/batch/delete", homeId=house.home, controlGroupIdList=[two, third])
    assert both == f"{FIRST_ADDRESS + 1},{FIRST_ADDRESS}"
    assert names() == []


def test_what_a_group_refuses(house: House) -> None:
    ids = [each.id for each in house.lamps]
    meters = [bound.device(house.fleet, f"meter-{number}") for number in range(2)]
    for each in meters:
        bindings.bind(house.fleet.caller, house.alice.id, each)
    create(house, house.lamps[:2], "one")
    assert refused(house, ids[:1]) == 28820
    assert refused(house, []) == 28820
    assert refused(house, [f"{number:032x}" for number in range(101)]) == 28823
    assert refused(house, ids[1:3]) == 28811
    assert refused(house, ids[2:], name="one") == 28804
    assert refused(house, ids[2:], name="a_b") == 28805
    assert refused(house, ids[2:], name="组" * 41) == 28813
    assert refused(house, [ids[2], "0" * 32]) == 2065
    assert refused(house, [ids[2], ids[2]]) == 460
    assert refused(house, ids[2:], productKey="another") == 460
    assert refused(house, [ids[2], meters[0]]) == 460
    assert refused(house, meters, productKey=house.fleet.product.short_id) == 28571
    assert refused(house, ids[2:], homeId="0" * 32) == 460
    for name in ("homeId", "name", "productKey", "iotIdList"):
        given = {"homeId": house.home, "name": "x", "productKey": "x", "iotIdList": ids[2:]}
        del given[name]
        assert house.code("home/controlgroup/create", **given) == 20050
    group = {"homeId": house.home, "controlGroupId": create(house, house.lamps[2:], "two")}
    update = "home/controlgroup/device/full/update"
    for what in (update, "home/controlgroup/mesh/preupdate"):
        assert house.code(what, **group, iotIdList=ids[2:3]) == 28820
        assert house.code(what, **group, iotIdList=[f"{number:032x}" for number in range(101)]) == 28823
        assert house.code(what, **group, iotIdList=ids) == 28811
        assert house.code(what, **group, iotIdList=[ids[2], meters[0]]) == 460
        assert house.code(what, **group, iotIdList=[ids[2], "0" * 32]) == 2065
        assert house.code(what, homeId=house.home, controlGroupId="x", iotIdList=ids[2:]) == 28604


def test_twenty_groups(house: House) -> None:
    for number in range(2 * MOST_GROUPS - 4, -2, -1):
        house.add(f"more-{number}")
    lamps = house.names("home/device/query", pageNo=1)
    assert len(lamps) == 20
    everything = [
        each["iotId"]
        for page in (1, 2, 3)
        for each in house.ask("home/device/query", pageNo=page, pageSize=20)["items"]
    ]
    for number in range(MOST_GROUPS):
        pair = everything[2 * number : 2 * number + 2]
        given = {"homeId": house.home, "productKey": house.product.short_id, "iotIdList": pair}
        house.ask("home/controlgroup/create", name=f"group {number}", **given)
    assert refused(house, everything[2 * MOST_GROUPS :][:2]) == 28821


def test_products_that_are_grouped(house: House) -> None:
    assert house.ask("home/controlgroup/product/query", homeId=house.home, pageNo=1, pageSize=10) == {
        "total": 1,
        "pageNo": 1,
        "pageSize": 10,
        "data": [
            {
                "productKey": house.product.short_id,
                "productName": house.product.name,
                "productImage": "https://x/lamp.png",
            }
        ],
    }
    create(house, house.lamps[:3])
    assert (
        house.ask("home/controlgroup/product/query", homeId=house.home, pageNo=1, pageSize=50)["total"] == 0
    )
    assert house.code("home/controlgroup/product/query", homeId=house.home, pageNo=1, pageSize=51) == 460


def test_the_address_of_a_group_in_a_mesh(house: House) -> None:
    group = create(house, house.lamps[:2])
    given = {"homeId": house.home, "controlGroupId": group}
    found = house.ask(
        "home/controlgroup/mesh/preupdate", **given, iotIdList=[each.id for each in house.lamps]
    )
    assert found == str(FIRST_ADDRESS)
    assert house.ask("home/controlgroup/device/query", **given, **FIRST)["total"] == 2


def test_all_devices_are_set(house: House, work: WorkQueue) -> None:
    group = create(house, house.lamps[:3])
    given = {"controlGroupId": group}
    assert house.ask("controlgroup/properties/set", **given, items={"power": 1, "brightness": 20}) is None
    work.run()
    for number, lamp in enumerate(house.lamps):
        held = shadow_fields.whole(lamp.id)
        assert held is not None
        wanted = {"power": 1, "brightness": 20} if number < 3 else {}
        assert shadow_fields.document(held).desired == wanted
    for items in ({}, {"watts": 1}, {"nothing": 1}, {"brightness": 101}):
        assert house.code("controlgroup/properties/set", **given, items=items) == 460
    assert house.code("controlgroup/properties/set", **given) == 20050
    assert house.code("controlgroup/properties/set", **given, items='{"power": 1}') == 20004
    assert house.code("controlgroup/properties/set", controlGroupId="x", items={"power": 1}) == 28604


def test_a_service_of_all_devices(house: House, work: WorkQueue) -> None:
    group = create(house, house.lamps[:3])
    given = {"controlGroupId": group}
    assert house.ask("controlgroup/service/invoke", **given, identifier="Toggle", args={}) is None
    work.run()
    counted = [len(list(CommandRecord.query(each.id))) for each in house.lamps]
    assert counted == [1, 1, 1, 0]
    for name, args in (("Nothing", {}), ("Toggle", {"x": 1}), ("Measure", {"times": 99})):
        assert house.code("controlgroup/service/invoke", **given, identifier=name, args=args) == 460
    assert house.code("controlgroup/service/invoke", **given, identifier="Toggle") == 20050
    named = {"identifier": "Toggle", "args": {}}
    assert house.code("controlgroup/service/invoke", controlGroupId="x", **named) == 28604


def test_another_persons_group_is_absent(house: House) -> None:
    group = create(house, house.lamps[:2])
    theirs = house.ask("home/create", house.bob, name="theirs")
    ids = [each.id for each in house.lamps[2:]]
    asked: dict[str, dict[str, Any]] = {
        "home/controlgroup/delete": {},
        "home/controlgroup/update": {"name": "x"},
        "home/controlgroup/get": {},
        "home/controlgroup/device/query": FIRST,
        "home/controlgroup/reorder": {"targetOrder": 0},
        "home/controlgroup/device/full/update": {"iotIdList": ids},
        "home/controlgroup/mesh/preupdate": {"iotIdList": ids},
    }
    for what, params in asked.items():
        for ident in (group, "0" * 32):
            given = {"controlGroupId": ident, **params}
            assert house.code(what, house.bob, homeId=theirs, **given) == 28604, what
            assert house.code(what, house.bob, homeId=house.home, **given) == 460, what
    for what in ("home/controlgroup/query", "home/controlgroup/product/query"):
        assert house.code(what, house.bob, homeId=house.home, **FIRST) == 460
    gone = {"homeId": theirs, "controlGroupIdList": [group]}
    assert house.code("home/controlgroup/batch/delete", house.bob, **gone) == 28604
    for ident in (group, "0" * 32):
        given = {"controlGroupId": ident}
        assert house.code("controlgroup/properties/set", house.bob, **given, items={"power": 1}) == 28604
        call = {**given, "identifier": "Toggle", "args": {}}
        assert house.code("controlgroup/service/invoke", house.bob, **call) == 28604
    made = {"name": "mine", "productKey": house.product.short_id, "iotIdList": ids}
    assert house.code("home/controlgroup/create", house.bob, homeId=theirs, **made) == 2065
    assert house.ask("home/controlgroup/query", homeId=house.home, **FIRST)["total"] == 1


def test_calls_behind_the_gateway(house: House, calls: Calls) -> None:
    group = create(house, house.lamps[:2])

    def cost(what: str, **params: Any) -> list[str]:
        calls.clear()
        house.ask(what, **params)
        return [each.partition(".")[2] for each in calls.made]

    gate = len(cost("home/query", **FIRST)) - 1
    key = {"homeId": house.home, "controlGroupId": group}
    assert cost("home/controlgroup/get", **key)[gate:] == ["Query"]
    assert cost("home/controlgroup/update", **key, name="x")[gate:] == ["Query", "TransactWriteItems"]
    made = cost("controlgroup/service/invoke", controlGroupId=group, identifier="Toggle", args={})
    assert made[gate:] == ["Query", "TransactWriteItems", "SendMessageBatch"]
    made = cost("controlgroup/properties/set", controlGroupId=group, items={"power": 0})
    each = ["Query", "TransactWriteItems", "SendMessageBatch"]  # both are online
    assert sorted(made[gate:]) == sorted(["Query", *each, *each])
