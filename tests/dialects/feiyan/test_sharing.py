"""Sharing on the wire: what the two sides see, and each documented error."""

import pytest

from chalicelib.core import bindings, products, removal, telemetry, users
from chalicelib.core.bindings import Role
from chalicelib.core.errors import NotBound
from chalicelib.core.telemetry import Report, Reported
from chalicelib.store.products import ProductRecord
from tests.conftest import Calls
from tests.support.bound import device
from tests.support.clock import FakeClock
from tests.support.feiyan import Program, Someone, app_of, someone
from tests.support.fleet import Fleet, make_fleet
from tests.support.iot import FakeIot

ABSENT = "f" * 32
QR, SCAN = ("/uc/generateShareQrCode", "1.0.6"), ("/uc/scanBindByShareQrCode", "1.0.8")
SHARE, NOTICES = ("/uc/shareDevicesAndScenes", "1.0.8"), ("/uc/getShareNoticeList", "1.0.9")
RECORDS = ("/living/user/device/shared/record/query", "1.0.0")
CANCEL, CONFIRM = ("/uc/cancelShare", "1.0.7"), ("/uc/confirmShare", "1.0.7")
CLEAR = ("/uc/clearShareNoticeList", "1.0.6")
SHARED, REORDER = (
    ("/living/user/device/shared/batch/get", "1.0.0"),
    ("/living/user/device/shared/reorder", "1.0.0"),
)
NOW = 1_700_000_000_000


@pytest.fixture
def eve(fleet: Fleet) -> Someone:
    return someone(fleet, "eve")


@pytest.fixture
def meter(fleet: Fleet, alice: Someone) -> str:
    return managed(fleet, alice, "meter")


def managed(fleet: Fleet, who: Someone, name: str) -> str:
    made = device(fleet, name)
    bindings.bind(fleet.caller, who.id, made)
    return made


def share(app: Program, who: Someone, to: Someone, *devices: str) -> str:
    """The batch."""
    app.ok(*SHARE, {"iotIdList": list(devices), "targetIdentityId": to.id}, user=who.token)
    return str(notices(app, who)[0]["batchId"])


def notices(app: Program, who: Someone, **rest: object) -> list[dict[str, object]]:
    data = app.ok(*NOTICES, {"pageNo": 1, "pageSize": 100, **rest}, user=who.token)
    return list(data["data"])


def role(who: Someone, device: str) -> Role | None:
    try:
        return bindings.get(who.id, device).role
    except NotBound:
        return None


def test_a_code_is_made_and_scanned(
    app: Program, fleet: Fleet, alice: Someone, bob: Someone, meter: str
) -> None:
    data = app.ok(*QR, {"iotIdList": [meter], "sceneIdList": [], "groupId": "home"}, user=alice.token)
    assert set(data) == {"qrKey"}
    assert data["qrKey"].startswith("THING_SHARE_")
    assert app.ok(*SCAN, data, user=bob.token) == {"iotIdList": [meter]}
    assert role(bob, meter) is Role.MEMBER
    assert app.code(*SCAN, data, user=bob.token) == 2087
    assert app.code(*SCAN, data, user=alice.token) == 2086


def test_a_code_that_is_unknown_over_or_anothers(
    app: Program, alice: Someone, bob: Someone, meter: str, clock: FakeClock
) -> None:
    data = app.ok(*QR, {"iotIdList": [meter]}, user=alice.token)
    assert app.call(*SCAN, {"qrKey": "THING_SHARE_x"}, user=bob.token).json["message"] == "qrKey not exist"
    assert app.code(*SCAN, {"qrKey": "THING_SHARE_x"}, user=bob.token) == 2067
    assert app.code(*SCAN, {}, user=bob.token) == 20050
    other = make_fleet("other")
    assert app_of(other).code(*SCAN, data, user=someone(other, "mallory").token) == 2067
    clock.advance(1800)
    assert app.code(*SCAN, data, user=bob.token) == 2096


def test_a_notice_as_both_sides_see_it(
    app: Program, fleet: Fleet, alice: Someone, bob: Someone, meter: str, calls: Calls
) -> None:
    ProductRecord(fleet.product.id).update([ProductRecord.image.set("https://acme.example/m.png")])
    products.forget()
    batch = share(app, alice, bob, meter)
    data = app.ok(*NOTICES, {"pageNo": 1, "pageSize": 500, "groupBy": "NONE"}, user=alice.token)
    assert {name: data[name] for name in ("total", "pageNo", "pageSize")} == {
        "total": 1,
        "pageNo": 1,
        "pageSize": 200,
    }
    sent = data["data"][0]
    expected = {
        "initiatorIdentityId": alice.id,
        "receiverIdentityId": bob.id,
        "gmtCreate": NOW,
        "gmtModified": NOW,
        "targetId": meter,
        "targetType": "DEVICE",
        "categoryImage": "https://acme.example/m.png",
        "productImage": "https://acme.example/m.png",
        "productName": fleet.product.name,
        "description": "向bob共享设备，待确认",
        "recordId": batch + "00",
        "batchId": batch,
        "batchInfo": None,
        "deviceName": "meter",
        "nodeType": "DEVICE",
        "initiatorAlias": "alice",
        "receiverAlias": "bob",
        "isReceiver": 0,
        "status": -1,
    }
    assert sent == expected
    (received,) = notices(app, bob)
    assert received == expected | {"isReceiver": 1, "description": "alice向您共享设备，待确认"}
    app.language = "en-US"
    assert notices(app, bob)[0]["description"] == "Shared with you by alice: waiting for an answer"
    assert notices(app, alice)[0]["description"] == "Shared with bob: waiting for an answer"


def test_notices_by_batches_and_the_records_of_one(
    app: Program, fleet: Fleet, alice: Someone, bob: Someone, meter: str
) -> None:
    other, third = (managed(fleet, alice, name) for name in ("other", "third"))
    share(app, alice, bob, third)
    batch = share(app, alice, bob, meter, other)
    assert len(notices(app, bob)) == 3
    two, one = notices(app, bob, groupBy="BATCH")
    assert (two["batchId"], two["batchInfo"], two["status"]) == (batch, {"recordCount": 2}, -1)
    assert not {"targetId", "deviceName", "recordId"} & set(two)
    assert (one["targetId"], one["batchInfo"]) == (third, None)
    data = app.ok(*RECORDS, {"batchId": batch, "pageNo": 1, "pageSize": 20}, user=bob.token)
    assert (data["total"], data["pageNo"], data["pageSize"]) == (2, 1, 20)
    assert [(each["recordId"], each["targetId"], each["isReceiver"]) for each in data["data"]] == [
        (batch + "00", meter, 1),
        (batch + "01", other, 1),
    ]
    data = app.ok(*RECORDS, {"batchId": batch, "pageNo": 2, "pageSize": 1}, user=alice.token)
    assert ([each["targetId"] for each in data["data"]], data["total"]) == ([other], 2)
    for wrong in ({"batchId": batch, "pageNo": 1, "pageSize": 21}, {"batchId": batch, "pageNo": 0}):
        assert app.code(*RECORDS, {"pageSize": 1, **wrong}, user=bob.token) == 460


@pytest.mark.parametrize(
    "to",
    [
        {"accountAttrType": "EMAIL", "accountAttr": "Carol@Example.com"},
        {"accountAttrType": "MOBILE", "accountAttr": "139 0000 0000", "mobileLocationCode": "86"},
        {"accountAttrType": "MOBILE", "accountAttr": "13900000000"},
    ],
)
def test_to_whom(app: Program, fleet: Fleet, alice: Someone, meter: str, to: dict[str, str]) -> None:
    carol = users.create(fleet.caller, users.NewUser(email="carol@example.com", phone="13900000000"))
    app.ok(*SHARE, {"iotIdList": [meter], "autoAccept": True, **to}, user=alice.token)
    assert notices(app, alice)[0]["receiverIdentityId"] == carol.id
    assert notices(app, alice)[0]["receiverAlias"] == "13900000000"


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"targetIdentityId": ABSENT}, 2062),
        ({"accountAttrType": "EMAIL", "accountAttr": "nobody@example.com"}, 2077),
        ({"accountAttrType": "MOBILE", "accountAttr": "13911111111"}, 2077),
        ({"accountAttrType": "MOBILE", "accountAttr": "bob@example.com"}, 2077),
        ({"accountAttrType": "EMAIL"}, 20050),
        ({"accountAttr": "bob@example.com"}, 20050),
        ({"accountAttrType": "FAX", "accountAttr": "1"}, 460),
        ({}, 20050),
        ({"targetIdentityId": "bob", "iotIdList": []}, 20050),
        ({"targetIdentityId": "bob", "iotIdList": [ABSENT]}, 2065),
        ({"targetIdentityId": "bob", "sceneIdList": ["s1"]}, 2081),
        ({"targetIdentityId": "alice"}, 2086),
    ],
)
def test_what_is_no_offer(
    app: Program, alice: Someone, bob: Someone, meter: str, params: dict[str, object], code: int
) -> None:
    people = {"bob": bob.id, "alice": alice.id}
    target = params.get("targetIdentityId")
    given = {"iotIdList": [meter], **params}
    if isinstance(target, str):
        given["targetIdentityId"] = people.get(target, target)
    assert app.code(*SHARE, given, user=alice.token) == code
    assert notices(app, alice) == []


def test_offers_that_may_not_be_made(
    app: Program, fleet: Fleet, alice: Someone, bob: Someone, eve: Someone, meter: str
) -> None:
    offer = {"iotIdList": [meter], "targetIdentityId": eve.id}
    assert app.code(*SHARE, offer, user=bob.token) == 2065
    bindings.bind(fleet.caller, bob.id, meter, Role.MEMBER)
    assert app.code(*SHARE, offer, user=bob.token) == 2066
    assert app.code(*QR, offer, user=bob.token) == 2066
    assert app.code(*SHARE, offer | {"targetIdentityId": bob.id}, user=alice.token) == 2087
    share(app, alice, eve, meter)
    assert app.code(*SHARE, offer, user=alice.token) == 2088
    many = [managed(fleet, alice, f"m{number}") for number in range(21)]
    assert app.code(*SHARE, offer | {"iotIdList": many}, user=alice.token) == 460
    assert app.code(*QR, {"iotIdList": many}, user=alice.token) == 460
    assert app.code(*QR, {}, user=alice.token) == 20050
    assert app.code(*QR, {"iotIdList": [meter], "sceneIdList": ["s1"]}, user=alice.token) == 2081
    ProductRecord(fleet.product.id).update([ProductRecord.share_mode.set("seized")])
    products.forget()
    assert app.code(*QR, {"iotIdList": [meter]}, user=alice.token) == 2073
    assert app.code(*SHARE, {"iotIdList": [meter], "targetIdentityId": bob.id}, user=alice.token) == 2073


def test_agreeing_and_refusing(
    app: Program, fleet: Fleet, alice: Someone, bob: Someone, meter: str, calls: Calls
) -> None:
    other = managed(fleet, alice, "other")
    batch = share(app, alice, bob, meter, other)
    calls.clear()
    app.ok(*CONFIRM, {"recordIdList": [batch + "00"], "agree": 1}, user=bob.token)
    assert calls.made[-2:] == ["dynamodb.BatchGetItem", "dynamodb.TransactWriteItems"]
    app.ok(*CONFIRM, {"batchId": batch, "agree": "0"}, user=bob.token)
    assert [each["status"] for each in notices(app, alice)] == [1, 0]
    assert (role(bob, meter), role(bob, other)) == (Role.MEMBER, None)


def test_each_end_has_its_code(
    app: Program, fleet: Fleet, alice: Someone, bob: Someone, clock: FakeClock
) -> None:
    devices = [managed(fleet, alice, name) for name in "abcd"]
    batch = share(app, alice, bob, *devices)
    agreed, refused, canceled, expired = ([f"{batch}{number:02x}"] for number in range(4))
    app.ok(*CONFIRM, {"recordIdList": agreed, "agree": 1}, user=bob.token)
    app.ok(*CONFIRM, {"recordIdList": refused, "agree": 0}, user=bob.token)
    app.ok(*CANCEL, {"recordIdList": canceled}, user=alice.token)
    clock.advance(7 * 24 * 3600)
    alice, bob = logged_in(alice), logged_in(bob)
    assert [each["status"] for each in notices(app, bob)] == [3, 2, 1, 0]
    for records, code in ((agreed, 2085), (refused, 2082), (canceled, 2093), (expired, 2096)):
        assert app.code(*CANCEL, {"recordIdList": records}, user=alice.token) == code
        assert app.code(*CONFIRM, {"recordIdList": records, "agree": 1}, user=bob.token) == code
        assert app.code(*CONFIRM, {"recordIdList": records, "agree": 0}, user=bob.token) == code


def logged_in(who: Someone) -> Someone:
    from chalicelib.core import user_sessions

    return Someone(who.id, user_sessions.open(who.id).access)


def test_whose_records_they_are(app: Program, alice: Someone, bob: Someone, eve: Someone, meter: str) -> None:
    batch = share(app, alice, bob, meter)
    for named in ({"recordIdList": [batch + "00"]}, {"batchId": batch}):
        assert app.code(*CANCEL, named, user=bob.token) == 2078
        assert app.code(*CANCEL, named, user=eve.token) == 2097
        assert app.code(*CONFIRM, {**named, "agree": 1}, user=eve.token) == 2097
        assert app.code(*CONFIRM, {**named, "agree": 1}, user=alice.token) == 2097
    assert app.code(*RECORDS, {"batchId": batch, "pageNo": 1, "pageSize": 1}, user=eve.token) == 2097
    other = make_fleet("other")
    mallory = someone(other, "mallory")
    assert app_of(other).code(*CONFIRM, {"batchId": batch, "agree": 1}, user=mallory.token) == 2097
    assert app.code(*CONFIRM, {"agree": 1}, user=bob.token) == 20050
    assert app.code(*CONFIRM, {"batchId": batch}, user=bob.token) == 20050
    assert app.code(*CONFIRM, {"batchId": batch, "agree": 2}, user=bob.token) == 460
    assert app.code(*CANCEL, {}, user=alice.token) == 20050
    records = [f"{number:034x}" for number in range(11)]
    assert app.code(*CONFIRM, {"recordIdList": records, "agree": 1}, user=bob.token) == 460
    assert app.code(*CANCEL, {"recordIdList": records * 4}, user=alice.token) == 460


@pytest.mark.parametrize(("how", "status", "code"), [("deleted", 5, 2063), ("unbound", 6, 2066)])
def test_a_device_that_is_gone(
    app: Program,
    fleet: Fleet,
    iot: FakeIot,
    alice: Someone,
    bob: Someone,
    meter: str,
    how: str,
    status: int,
    code: int,
) -> None:
    batch = share(app, alice, bob, meter)
    if how == "deleted":
        removal.delete(fleet.caller, meter)
    else:
        bindings.unbind(alice.id, meter)
    assert [each["status"] for each in notices(app, bob)] == [status]
    assert app.code(*CONFIRM, {"batchId": batch, "agree": 1}, user=bob.token) == code


def test_clearing_the_list(app: Program, alice: Someone, bob: Someone, meter: str) -> None:
    share(app, alice, bob, meter)
    app.ok(*CLEAR, {}, user=bob.token)
    assert notices(app, bob) == []
    assert len(notices(app, alice)) == 1


def test_whether_devices_are_shared_with_somebody(
    app: Program, fleet: Fleet, alice: Someone, bob: Someone, eve: Someone, meter: str
) -> None:
    other = managed(fleet, alice, "other")
    bindings.bind(fleet.caller, bob.id, other, Role.MEMBER)
    key = fleet.product.short_id
    asked = [{"iotId": meter}, {"productKey": key, "deviceName": "other"}, {"productId": other}]
    data = app.ok(*SHARED, {"targetIdentityId": bob.id, "deviceList": asked}, user=alice.token)
    assert data == [
        {"iotId": meter, "productKey": key, "deviceName": "meter", "shared": False},
        {"iotId": other, "productKey": key, "deviceName": "other", "shared": True},
        {"iotId": other, "productKey": key, "deviceName": "other", "shared": True},
    ]
    question = {"targetIdentityId": eve.id, "deviceList": [{"iotId": other}]}
    assert app.code(*SHARED, question, user=bob.token) == 2066
    assert app.code(*SHARED, question, user=eve.token) == 2065
    assert app.ok(*SHARED, question, user=alice.token)[0]["shared"] is False
    for unknown in ({"iotId": ABSENT}, {"iotId": "x"}, {"productKey": "nokey", "deviceName": "other"}):
        named = {"targetIdentityId": bob.id, "deviceList": [unknown]}
        assert app.code(*SHARED, named, user=alice.token) == 2065
    for wrong, code in (
        ([{}], 20050),
        ([{"productKey": key}], 20050),
        ([], 460),
        ([{"iotId": other}] * 51, 460),
    ):
        named = {"targetIdentityId": bob.id, "deviceList": wrong}
        assert app.code(*SHARED, named, user=alice.token) == code


def test_moving_a_shared_device(
    app: Program, fleet: Fleet, alice: Someone, bob: Someone, clock: FakeClock
) -> None:
    shared = []
    for name in "abc":
        clock.advance(1)
        shared.append(managed(fleet, alice, name))
        bindings.bind(fleet.caller, bob.id, shared[-1], Role.MEMBER)
    own = managed(fleet, bob, "own")

    def listed() -> list[str]:
        return [each.device for each in bindings.of_user(bob.id) if each.role is Role.MEMBER]

    assert listed() == shared[::-1]
    app.ok(*REORDER, {"iotId": shared[0], "targetOrder": 0}, user=bob.token)
    assert listed() == [shared[0], shared[2], shared[1]]
    name = {"productKey": fleet.product.short_id, "deviceName": "a"}
    app.ok(*REORDER, {**name, "targetOrder": 9}, user=bob.token)
    assert listed() == [shared[2], shared[1], shared[0]]
    for each, code in ((own, 2065), (ABSENT, 2065), ("x", 2065)):
        assert app.code(*REORDER, {"iotId": each, "targetOrder": 0}, user=bob.token) == code
    assert app.code(*REORDER, {"iotId": shared[0], "targetOrder": -1}, user=bob.token) == 460
    assert app.code(*REORDER, {"targetOrder": 0}, user=bob.token) == 20050


QUERY = ("/living/user/device/shared/query", "1.0.2")


def test_the_devices_that_others_share(
    app: Program, fleet: Fleet, alice: Someone, bob: Someone, meter: str, clock: FakeClock, calls: Calls
) -> None:
    bindings.bind(fleet.caller, bob.id, meter, Role.MEMBER)
    clock.advance(1)
    later = managed(fleet, alice, "later")
    bindings.bind(fleet.caller, bob.id, later, Role.MEMBER)
    managed(fleet, bob, "own")
    reported = Reported("Meter", {"level": 7, "flow": 1.5}, clock.at)
    telemetry.report(Report(meter, meter, (reported,), "m1", clock.at))
    bindings.set_nickname(bob.id, meter, "cellar")
    app.ok(*QUERY, {"pageNo": 1, "pageSize": 50}, user=bob.token)
    calls.clear()
    asked = {"pageNo": 2, "pageSize": 1, "propertyIdentifiers": ["level", "x"]}
    data = app.ok(*QUERY, asked, user=bob.token)
    assert calls.made == ["dynamodb.Query", *["dynamodb.BatchGetItem"] * 2]
    assert data == {
        "total": 2,
        "pageNo": 2,
        "pageSize": 1,
        "items": [
            {
                "iotId": meter,
                "deviceName": "meter",
                "productKey": fleet.product.short_id,
                "productName": fleet.product.name,
                "productImage": "",
                "productModel": "M1",
                "categoryKey": "",
                "categoryImage": "",
                "nickName": "cellar",
                "netType": "NET_OTHER",
                "thingType": "DEVICE",
                "status": data["items"][0]["status"],
                "nodeType": "DEVICE",
                "description": "",
                "propertyList": [
                    {
                        "identifier": "level",
                        "name": "level",
                        "value": "7",
                        "dataType": "INT",
                        "imageUrl": "",
                        "latestUpdateMillis": clock.at,
                    }
                ],
                "protocol": "MQTT",
            }
        ],
    }
    everything = app.ok(*QUERY, {"pageNo": 1, "pageSize": 50}, user=bob.token)["items"]
    assert [each["iotId"] for each in everything] == [later, meter]
    assert [each["identifier"] for each in everything[1]["propertyList"]] == ["level", "flow"]
    assert app.ok(*QUERY, {"pageNo": 1, "pageSize": 50}, user=alice.token)["total"] == 0
    for wrong in ({"pageNo": 1, "pageSize": 51}, {"pageNo": 0, "pageSize": 1}):
        assert app.code(*QUERY, wrong, user=bob.token) == 460
