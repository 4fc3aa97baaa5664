"""Accounts on the wire: identities, changes of them, avatars, linked accounts, unregistering."""

import base64
import json
from urllib.parse import urlsplit

import boto3
import pytest
import requests

from chalicelib.core import avatars, bindings, keys, user_sessions, users
from chalicelib.core.errors import UserNotFound
from chalicelib.store.belongings import PartnerRecord
from chalicelib.store.users import UserItem
from tests.conftest import Calls
from tests.support.bound import assert_whole, device
from tests.support.feiyan import Program, Someone, app_of, someone
from tests.support.fleet import Fleet, make_fleet
from tests.support.queues import WorkQueue

ABSENT = "f" * 32
BUCKET = "polything-test-packages-123456789012-us-east-1"
LIST, MODIFY = ("/iotx/account/queryIdentityList", "1.0.6"), ("/iotx/account/modifyAccount", "1.0.7")
CHECK, QUERY = ("/user/account/regcheck", "1.0.0"), ("/user/account/identity/query", "1.0.0")
AVATAR = ("/living/user/avatar/upload/signature/get", "1.0.2")
BIND, LINKED = ("/account/taobao/bind", "1.0.5"), ("/account/thirdparty/get", "1.0.5")
UNBIND, UNREGISTER = ("/account/thirdparty/unbind", "1.0.5"), ("/account/unregister", "1.0.6")
TAOBAO = {"accountType": "TAOBAO"}


@pytest.fixture
def carol(fleet: Fleet) -> users.User:
    return users.create(
        fleet.caller,
        users.NewUser(
            login="carol",
            phone="13900000000",
            email="carol@example.com",
            nickname="Carol",
            open_id="ext-1",
            avatar="https://cdn.example.com/c.jpg",
        ),
    )


def test_people_by_their_ids(
    app: Program, fleet: Fleet, carol: users.User, bob: Someone, calls: Calls
) -> None:
    calls.clear()
    data = app.ok(*LIST, {"identityIds": [carol.id, ABSENT, bob.id, "x", carol.id]})
    assert calls.made.count("dynamodb.BatchGetItem") == 1
    assert data[0] == {
        "tenantId": fleet.tenant,
        "identityId": carol.id,
        "nickName": "Carol",
        "loginName": "carol",
        "phone": "13900000000",
        "email": "carol@example.com",
        "avatarUrl": "https://cdn.example.com/c.jpg",
    }
    assert [each["identityId"] for each in data] == [carol.id, bob.id]
    assert app_of(make_fleet("other")).ok(*LIST, {"identityIds": [carol.id]}) == []
    assert app.code(*LIST, {}) == 20050
    assert app.code(*LIST, {"identityIds": ["x"] * 101}) == 460


def test_changing_a_person(app: Program, carol: users.User, bob: Someone, calls: Calls) -> None:
    app.ok(*LIST, {"identityIds": []})
    calls.clear()
    change = {
        "identityId": carol.id,
        "avatarUrl": "https://cdn.example.com/d.jpg",
        "email": "c@example.org",
        "loginName": "",
        "mobileLocationCode": "44",
        "modifier": "system",
        "nickName": "Caro",
        "phone": "700900000",
    }
    reply = app.call(*MODIFY, change)
    assert reply.json["code"] == 200
    assert "data" not in reply.json
    assert calls.made[-3:] == ["dynamodb.GetItem", "dynamodb.GetItem", "dynamodb.TransactWriteItems"]
    found = users.find(carol.id)
    assert (found.email, found.phone, found.location_code) == ("c@example.org", "700900000", "44")
    assert (found.login, found.nickname) == ("carol", "Caro")
    assert app.ok(*CHECK, {"email": "carol@example.com"}) is False
    named = {"identityId": carol.id, "loginName": "bob@example.com"}
    assert app.code(*MODIFY, named) == 400
    assert app.code(*MODIFY, {"identityId": carol.id, "nickName": "x"}) == 20050
    assert app.code(*MODIFY, {"identityId": carol.id, "email": "nonsense"}) == 460
    assert app.code(*MODIFY, {"loginName": "x"}) == 20050


def test_only_oneself_with_a_token(app: Program, carol: users.User, bob: Someone) -> None:
    assert app.code(*MODIFY, {"identityId": carol.id, "loginName": "mine"}, user=bob.token) == 403
    app.ok(*MODIFY, {"identityId": bob.id, "loginName": "mine"}, user=bob.token)
    assert users.find(bob.id).login == "mine"


def test_nobody_of_another_project_is_changed(app: Program, carol: users.User) -> None:
    other = app_of(make_fleet("other"))
    for ident in (carol.id, ABSENT, "x"):
        named = {"identityId": ident, "loginName": "y"}
        assert other.code(*MODIFY, named) == 2062
    assert users.find(carol.id).login == "carol"


def test_whether_somebody_is_registered(app: Program, carol: users.User) -> None:
    assert app.ok(*CHECK, {"phone": "139 0000 0000"}) is True
    assert app.ok(*CHECK, {"phone": "13911111111", "email": "Carol@example.com"}) is True
    assert app.ok(*CHECK, {"email": "nobody@example.com"}) is False
    assert app_of(make_fleet("other")).ok(*CHECK, {"phone": "13900000000"}) is False
    assert app.code(*CHECK, {}) == 20050


@pytest.mark.parametrize(
    "named",
    [
        {"opType": 1, "loginId": "ext-1", "loginSource": "openAccount"},
        {"opType": 2, "phone": "13900000000", "email": "ignored"},
        {"opType": 3, "email": "carol@example.com"},
    ],
)
def test_finding_a_person(app: Program, carol: users.User, named: dict[str, object]) -> None:
    expected = {
        "phone": "13900000000",
        "identityId": carol.id,
        "nickName": "Carol",
        "loginId": "ext-1",
        "avatarUrl": "https://cdn.example.com/c.jpg",
        "loginName": "carol",
        "loginSource": "openAccount",
    }
    assert app.ok(*QUERY, named) == expected
    assert app_of(make_fleet("other")).code(*QUERY, named) in (2062, 2077)


@pytest.mark.parametrize(
    ("named", "code"),
    [
        ({"opType": 4}, 460),
        ({}, 20050),
        ({"opType": 1, "loginId": "ext-1"}, 20050),
        ({"opType": 1, "loginSource": "openAccount"}, 20050),
        ({"opType": 1, "loginId": "ext-1", "loginSource": "other"}, 460),
        ({"opType": 1, "loginId": "ext-2", "loginSource": "openAccount"}, 2062),
        ({"opType": 2}, 20050),
        ({"opType": 2, "phone": "13911111111"}, 2077),
        ({"opType": 3, "email": "nobody@example.com"}, 2077),
    ],
)
def test_who_is_not_found(app: Program, carol: users.User, named: dict[str, object], code: int) -> None:
    assert app.code(*QUERY, named) == code


def test_an_avatar_is_uploaded_by_a_form_and_shown_by_a_signed_url(
    app: Program, fleet: Fleet, bob: Someone, calls: Calls
) -> None:
    calls.clear()
    data = app.ok(*AVATAR, {"fileSize": 248}, user=bob.token)
    assert not [each for each in calls.made if each.startswith("s3.")]
    assert data["dir"] == f"avatars/{fleet.application}/{bob.id}"
    assert data["expire"] == 1_700_000_000_000 + 600_000
    assert data["host"] == urlsplit(data["url"]).netloc
    fields = data["fields"]
    assert fields["key"] == data["dir"]
    assert data["policy"] == fields["policy"]
    assert data["signature"] == fields["x-amz-signature"]
    assert fields["x-amz-credential"].startswith(data["accessKey"] + "/")
    policy = json.loads(base64.b64decode(data["policy"]))
    assert ["content-length-range", 248, 248] in policy["conditions"]
    assert ["starts-with", "$Content-Type", "image/"] in policy["conditions"]
    assert {"key": data["dir"]} in policy["conditions"]
    assert {"bucket": BUCKET} in policy["conditions"]
    app.ok(
        *MODIFY, {"identityId": bob.id, "loginName": "bob", "avatarUrl": data["avatarUrl"]}, user=bob.token
    )
    (shown,) = app.ok(*LIST, {"identityIds": [bob.id]})
    assert urlsplit(shown["avatarUrl"]).path.endswith(data["dir"])
    assert "X-Amz-Signature" in shown["avatarUrl"]


def test_the_form_is_one_that_s3_takes(app: Program, bob: Someone) -> None:
    data = app.ok(*AVATAR, {"fileSize": 3}, user=bob.token)
    form = {**data["fields"], "Content-Type": "image/png"}
    reply = requests.post(data["url"], data=form, files={"file": b"png"}, timeout=5)
    assert reply.status_code == 204
    stored = boto3.client("s3").get_object(Bucket=BUCKET, Key=data["dir"])
    assert stored["Body"].read() == b"png"


@pytest.mark.parametrize(("size", "code"), [(0, 460), (10_485_761, 460), ("x", 460), (None, 20050)])
def test_sizes_of_an_avatar(app: Program, bob: Someone, size: object, code: int) -> None:
    params = {} if size is None else {"fileSize": size}
    assert app.code(*AVATAR, params, user=bob.token) == code
    assert app.ok(*AVATAR, {"fileSize": 10_485_760}, user=bob.token)["policy"]


def test_an_address_in_anothers_place_is_not_signed(app: Program, fleet: Fleet, bob: Someone) -> None:
    for address in (
        f"https://x/avatars/{fleet.application}/{ABSENT}",
        f"https://x/{fleet.application}/{ABSENT}",
    ):
        users.change(bob.id, users.Changes(avatar=address))
        assert avatars.shown(users.find(bob.id)) == address


def test_a_taobao_account(app: Program, bob: Someone, calls: Calls) -> None:
    assert app.ok(*LINKED, TAOBAO, user=bob.token) is None
    assert app.code(*UNBIND, TAOBAO, user=bob.token) == 460
    calls.clear()
    linked = app.ok(*BIND, {"authCode": "code-1"}, user=bob.token)
    assert calls.made[-1] == "dynamodb.TransactWriteItems"
    assert set(linked) == {"accountId", "accountType"}
    assert linked["accountType"] == "TAOBAO"
    assert app.ok(*LINKED, TAOBAO, user=bob.token) == linked
    other = app.ok(*BIND, {"authCode": "code-2"}, user=bob.token)
    assert other != linked
    assert app.ok(*UNBIND, TAOBAO, user=bob.token) == other
    assert app.ok(*LINKED, TAOBAO, user=bob.token) is None
    assert app.code(*LINKED, {"accountType": "WECHAT"}, user=bob.token) == 460
    assert app.code(*BIND, {}, user=bob.token) == 20050
    for empty in ("", "   "):
        assert app.code(*BIND, {"authCode": empty}, user=bob.token) == 20050
    assert app.code(*BIND, {"authCode": "x" * 1025}, user=bob.token) == 460


def test_the_code_of_another_system_is_not_kept(app: Program, bob: Someone, alice: Someone) -> None:
    app.ok(*BIND, {"authCode": "very-secret-code"}, user=bob.token)
    records = [item for item in UserItem.query(bob.id) if isinstance(item, PartnerRecord)]
    assert len(records) == 1
    assert "very-secret-code" not in str(records[0].attribute_values)
    assert app.ok(*LINKED, TAOBAO, user=alice.token) is None


def test_unregistering(app: Program, fleet: Fleet, bob: Someone, alice: Someone, work: WorkQueue) -> None:
    meter = device(fleet, "meter")
    bindings.bind(fleet.caller, bob.id, meter)
    app.ok(*BIND, {"authCode": "x"}, user=bob.token)
    key = avatars.key_of(fleet.application, bob.id)
    boto3.client("s3").put_object(Bucket=BUCKET, Key=key, Body=b"x")
    app.ok(*UNREGISTER, {}, user=bob.token)
    assert app.code(*UNREGISTER, {}, user=bob.token) == 401
    assert app.ok(*CHECK, {"email": "bob@example.com"}) is False
    with pytest.raises(UserNotFound):
        user_sessions.open(bob.id)
    assert "unregister" in work.run()
    assert list(UserItem.query(bob.id)) == []
    assert "Contents" not in boto3.client("s3").list_objects_v2(Bucket=BUCKET)
    assert_whole()
    someone(fleet, "bob")


@pytest.mark.parametrize("operation", [AVATAR, BIND, LINKED, UNBIND, UNREGISTER])
def test_a_token_is_needed(app: Program, operation: tuple[str, str]) -> None:
    assert app.code(*operation, {"fileSize": 1, "authCode": "x", **TAOBAO}) == 401


def test_a_key_that_stands_in_apps_changes_nobody_without_a_token(
    fleet: Fleet, alice: Someone, bob: Someone
) -> None:
    made, secret = keys.create(fleet.application, "app", keys.Use.APP)
    phone = Program(made.id, secret)
    wanted = {"identityId": alice.id, "phone": "13800000000"}
    call = ("/iotx/account/modifyAccount", "1.0.7", wanted)
    assert phone.code(*call) == 401
    assert phone.code(*call, user=bob.token) == 403
    assert users.find(alice.id).phone is None
    assert phone.code(*call, user=alice.token) == 200
    assert users.find(alice.id).phone == "13800000000"
