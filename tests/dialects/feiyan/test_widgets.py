"""What a person has on the phone's home screen. Source: Feiyan 6.5"""

from typing import Any

import pytest

from chalicelib.core import bindings, product_details, products, removal
from chalicelib.core.product_details import Details
from tests.conftest import Calls
from tests.support.alink import Alink
from tests.support.feiyan import Program, Someone, app_of, someone
from tests.support.fleet import Fleet, make_fleet
from tests.support.iot import FakeIot
from tests.support.things import alink_lamp

LIST = ("/iotx/ilop/queryComponentProduct", "1.0.0")
UPDATE = ("/iotx/ilop/updateComponentProduct", "1.0.0")
PROPERTIES = ("/iotx/ilop/queryComponentProperty", "1.0.3")


@pytest.fixture
def lamp(fleet: Fleet, alice: Someone, iot: FakeIot) -> Alink:
    made = alink_lamp(fleet, iot)
    made.connect()
    bindings.bind(fleet.caller, alice.id, made.device)
    bindings.set_nickname(alice.id, made.device, "desk")
    product = products.find_by_short_id(fleet.tenant, made.product)
    product_details.describe(fleet.tenant, product.id, Details(image="https://example.com/lamp.png"))
    return made


def put(app: Program, who: Someone, *components: Any) -> int:
    return int(app.ok(*UPDATE, {"componentProductList": list(components)}, user=who.token))


def test_widgets_are_put_and_shown(
    app: Program, alice: Someone, fleet: Fleet, lamp: Alink, calls: Calls
) -> None:
    assert app.ok(*LIST, {}, user=alice.token) == []
    lamp.say("thing/event/property/post", {"power": 1})
    chosen = [{"propertyIdentifier": "power", "propertyName": "x"}]
    given = {"iotId": lamp.device, "productKey": lamp.product, "properties": chosen}
    calls.clear()
    assert put(app, alice, given) == 1
    assert calls.made[-2:] == ["dynamodb.BatchGetItem", "dynamodb.TransactWriteItems"]
    products.load(products.find_by_short_id(fleet.tenant, lamp.product).id)
    calls.clear()
    (found,) = app.ok(*LIST, {}, user=alice.token)
    assert calls.made[-2:] == ["dynamodb.BatchGetItem"] * 2
    properties = found.pop("properties")
    assert found == {
        "productKey": lamp.product,
        "deviceName": lamp.name,
        "iotId": lamp.device,
        "nickName": "desk",
        "productName": found["productName"],
        "iconUrl": "https://example.com/lamp.png",
        "deviceStatus": 1,
    }
    (shown,) = properties
    assert set(shown) == {"propertyIdentifier", "propertyName", "propertyValue", "propertyDataType"}
    assert (shown["propertyIdentifier"], shown["propertyValue"]) == ("power", "1")


def test_the_list_is_replaced_and_is_the_persons_own(
    app: Program, alice: Someone, bob: Someone, lamp: Alink, fleet: Fleet, iot: FakeIot
) -> None:
    second = alink_lamp(fleet, iot, "lamp-2")
    bindings.bind(fleet.caller, alice.id, second.device)
    assert put(app, alice, [{"iotId": lamp.device}, {"deviceId": second.device}]) == 2  # a list in a list
    assert [each["iotId"] for each in app.ok(*LIST, {}, user=alice.token)] == [lamp.device, second.device]
    assert app.ok(*LIST, {}, user=bob.token) == []
    assert put(app, alice, {"iotId": second.device, "properties": ["power"]}) == 1
    (shown,) = app.ok(*LIST, {}, user=alice.token)
    assert shown["properties"][0]["propertyValue"] is None
    assert put(app, alice) == 0
    assert app.ok(*LIST, {}, user=alice.token) == []


def test_what_cannot_be_a_widget(app: Program, alice: Someone, bob: Someone, lamp: Alink) -> None:
    put(app, alice, {"iotId": lamp.device})

    def code(*components: Any, who: Someone = alice) -> int:
        return app.code(*UPDATE, {"componentProductList": list(components)}, user=who.token)

    assert code({"iotId": lamp.device}, {"iotId": "nope"}) == 401
    assert code({"iotId": lamp.device}, who=bob) == 401
    assert code({"iotId": lamp.device}, {"iotId": lamp.device}) == 460
    assert code({}) == 20050
    assert code(*({"iotId": str(number)} for number in range(101))) == 460
    assert code([{"iotId": str(n)} for n in range(60)], [{"iotId": str(n)} for n in range(60, 101)]) == 460
    assert code({"iotId": lamp.device, "properties": [str(n) for n in range(51)]}) == 460
    assert app.code(*UPDATE, {}, user=alice.token) == 20050
    assert len(app.ok(*LIST, {}, user=alice.token)) == 1


def test_a_device_that_is_unbound_or_gone_is_shown_no_more(
    app: Program, alice: Someone, lamp: Alink, fleet: Fleet, iot: FakeIot
) -> None:
    second = alink_lamp(fleet, iot, "lamp-2")
    bindings.bind(fleet.caller, alice.id, second.device)
    put(app, alice, {"iotId": lamp.device}, {"iotId": second.device})
    bindings.unbind(alice.id, lamp.device)
    removal.delete(fleet.caller, second.device)
    assert app.ok(*LIST, {}, user=alice.token) == []


def test_the_properties_of_a_widget(
    app: Program, alice: Someone, bob: Someone, lamp: Alink, fleet: Fleet
) -> None:
    lamp.say("thing/event/property/post", {"power": 1})
    put(app, alice, {"iotId": lamp.device, "properties": ["power", "no such"]})
    asked = {"iotId": lamp.device, "productKey": lamp.product, "query": {}}
    found = {each["propertyIdentifier"]: each for each in app.ok(*PROPERTIES, asked, user=alice.token)}
    assert len(found) > 1
    assert [name for name, each in found.items() if each["added_component"]] == ["power"]
    power = found["power"]
    assert set(power) == {
        *("productKey", "propertyName", "propertyIdentifier", "propertyValue", "propertyDataType"),
        *("dataType", "added_component"),
    }
    assert (power["propertyValue"], power["dataType"]) == ("1", power["propertyDataType"])
    assert app.code(*PROPERTIES, asked, user=bob.token) == 401
    assert app.code(*PROPERTIES, {**asked, "productKey": "nope"}, user=alice.token) == 401
    assert app.code(*PROPERTIES, {"iotId": lamp.device}, user=alice.token) == 20050
    theirs = make_fleet("other")
    assert app_of(theirs).code(*PROPERTIES, asked, user=someone(theirs, "eve").token) == 401
