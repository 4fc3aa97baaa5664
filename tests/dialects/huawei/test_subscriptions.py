"""Huawei 1.7.1 to 1.7.6: subscriptions."""

import re
from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest

from chalicelib.aws import addresses
from chalicelib.core import subscriptions
from tests.conftest import Calls
from tests.support.fleet import Fleet, make_application, make_fleet
from tests.support.gateway import Gateway, Reply

from .conftest import log_in

PATH = "/iocm/app/sub/v1.2.0/subscriptions"
OLD = "/iocm/app/sub/v1.1.0/subscribe"
MANAGEMENT = "/iodm/app/sub/v1.1.0/subscribe"
URL = "https://hooks.example:443/huawei"
BUSINESS = [
    "deviceAdded",
    "bindDevice",
    "deviceInfoChanged",
    "deviceDataChanged",
    "deviceDatasChanged",
    "deviceCapabilitiesChanged",
    "deviceCapabilitiesAdded",
    "deviceCapabilitiesDeleted",
    "deviceDeleted",
    "messageConfirm",
    "commandRsp",
    "ruleEvent",
    "deviceDesiredPropertiesModifyStatusChanged",
]
UPGRADES = [
    "swUpgradeStateChangeNotify",
    "swUpgradeResultNotify",
    "fwUpgradeStateChangeNotify",
    "fwUpgradeResultNotify",
]


@pytest.fixture(autouse=True)
def _public_names() -> Iterator[None]:
    """Every name is a public host, but `inside.example`."""
    addresses.use(lambda host, _port: ["10.0.0.1"] if host.startswith("inside") else ["93.184.215.14"])
    yield
    addresses.use(None)


def subscribe(app: Gateway, notify_type: str = "deviceAdded", url: str = URL) -> str:
    reply = app.post(PATH, {"notifyType": notify_type, "callbackUrl": url})
    assert reply.status == 201, reply.body
    return str(reply.json["subscriptionId"])


def listed(app: Gateway, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = app.get(PATH + query).json["subscriptions"]
    return found


def error(reply: Reply) -> tuple[int, str]:
    assert set(reply.json) == {"error_code", "error_desc"}
    assert all(isinstance(value, str) for value in reply.json.values())
    return reply.status, reply.json["error_code"]


def test_subscribe_answers_as_documented_and_is_found(app: Gateway) -> None:
    for notify_type in BUSINESS:
        reply = app.post(PATH + "?ownerFlag=false", {"notifyType": notify_type, "callbackUrl": URL})
        assert reply.status == 201
        assert reply.json == {
            "subscriptionId": reply.json["subscriptionId"],
            "notifyType": notify_type,
            "callbackUrl": URL,
        }
        assert re.fullmatch("[0-9a-f]{32}", reply.json["subscriptionId"])
        one = app.get(f"{PATH}/{reply.json['subscriptionId']}")
        assert (one.status, one.json) == (200, reply.json)


def test_each_operation_costs_few_calls(app: Gateway, calls: Calls) -> None:
    ident = subscribe(app)
    assert calls.made == ["dynamodb.TransactWriteItems"]
    calls.clear()
    app.get(f"{PATH}/{ident}")
    assert calls.made == ["dynamodb.GetItem"]
    calls.clear()
    app.get(PATH)
    assert calls.made == ["dynamodb.Query"]
    calls.clear()
    app.delete(f"{PATH}/{ident}")
    assert calls.made == ["dynamodb.GetItem", "dynamodb.TransactWriteItems"]
    subscribe(app)
    calls.clear()
    app.delete(PATH)
    assert calls.made == ["dynamodb.Query", "dynamodb.TransactWriteItems"]


def test_either_path_and_spelling_of_the_url_is_taken(app: Gateway) -> None:
    for number, (path, name) in enumerate(product((PATH, OLD), ("callbackUrl", "callbackurl"))):
        reply = app.post(path, {"notifyType": "deviceAdded", name: f"{URL}/{number}"})
        assert (reply.status, reply.json["callbackUrl"]) == (201, f"{URL}/{number}")


def test_the_same_type_and_url_twice_conflict(app: Gateway, fleet: Fleet) -> None:
    subscribe(app)
    reply = app.post(OLD, {"notifyType": "deviceAdded", "callbackUrl": URL})
    assert error(reply) == (409, "100227")
    assert reply.json["error_desc"] == "The resource is conflicted."
    subscribe(app, "deviceDeleted")
    subscribe(app, "deviceAdded", URL + "/2")
    assert len(listed(app)) == 3
    subscribe(log_in(make_fleet("other")))  # another application's is another subscription


ILLEGAL = [
    "https://hooks.example/huawei",
    "ftp://hooks.example:21/",
    "https://user:pw@hooks.example:443/",
    "https://hooks.example:443/#x",
    "http://inside.example:80/",
    "http://127.0.0.1:9999/cmd/callbackUrl",
    "http://169.254.169.254:80/latest/meta-data/",
    "http://[fd00:ec2::254]:80/",
    "not a url",
]


def test_an_illegal_callback_url_is_refused(app: Gateway) -> None:
    texts = {PATH: "The request callbackurl is illegal.", MANAGEMENT: "Internal server error."}
    types = {PATH: "deviceAdded", MANAGEMENT: "swUpgradeResultNotify"}
    for path, url in product((PATH, MANAGEMENT), ILLEGAL):
        reply = app.post(path, {"notifyType": types[path], "callbackUrl": url})
        assert error(reply) == (400, "100222"), url
        assert reply.json["error_desc"].startswith(texts[path])
    assert listed(app) == []


def test_a_refusal_does_not_tell_a_private_name_from_an_unknown_one(app: Gateway) -> None:
    body = {"notifyType": "deviceAdded", "callbackUrl": "http://inside.example:80/"}
    private = app.post(PATH, body).body
    addresses.use(lambda _host, _port: [])
    assert app.post(PATH, body).body == private
    assert "10.0.0" not in private


INVALID: list[Any] = [
    {"notifyType": "deviceAdded"},
    {"callbackUrl": URL},
    {"notifyType": "deviceAdded", "callbackUrl": 5},
    {"notifyType": "nonsense", "callbackUrl": URL},
    {"notifyType": "swUpgradeResultNotify", "callbackUrl": URL},
    {"notifyType": "deviceAdded", "callbackUrl": f"{URL}/{'a' * 1024}"},
    [],
]


def test_invalid_input_of_a_business_subscription(app: Gateway) -> None:
    for body in INVALID:
        assert error(app.post(PATH, body)) == (400, "50400"), body


def test_subscribe_to_upgrades_answers_empty(app: Gateway) -> None:
    for notify_type in UPGRADES:
        reply = app.post(MANAGEMENT, {"notifyType": notify_type, "callbackurl": URL})
        assert (reply.status, reply.body) == (200, "")
        (found,) = listed(app, f"?notifyType={notify_type}")
        assert found["callbackUrl"] == URL
        again = app.post(MANAGEMENT, {"notifyType": notify_type, "callbackUrl": URL})
        assert error(again) == (409, "100227")


def test_errors_of_a_management_subscription(app: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    for body in ({"notifyType": "deviceAdded", "callbackUrl": URL}, {"notifyType": UPGRADES[0]}, {}):
        assert error(app.post(MANAGEMENT, body)) == (400, "100228")
    body = {"notifyType": UPGRADES[0], "callbackUrl": URL}
    assert error(app.post(MANAGEMENT, {**body, "appId": "another"})) == (403, "100203")
    assert error(app.post(MANAGEMENT, body, headers={"app_key": ""})) == (500, "100229")
    assert error(app.post(MANAGEMENT, body, headers={"Authorization": "Bearer x"})) == (403, "1010005")
    assert listed(app) == []
    subscribe(app)
    monkeypatch.setattr(subscriptions, "MOST", 1)
    assert error(app.post(MANAGEMENT, body)) == (500, "100244")


def test_only_the_callers_own_application_may_be_named(app: Gateway, fleet: Fleet) -> None:
    body = {"notifyType": "deviceAdded", "callbackUrl": URL}
    another = make_application(fleet)
    assert error(app.post(PATH, {**body, "appId": another})) == (403, "100217")
    for unseen in ("another", make_fleet("other").application):
        assert error(app.post(PATH, {**body, "appId": unseen})) == (403, "100203")
    assert app.post(PATH, {**body, "appId": fleet.application}).status == 201
    for method, path in (("GET", PATH), ("DELETE", PATH), ("DELETE", f"{PATH}/x")):
        assert error(app.call(method, f"{path}?appId={another}")) == (403, "100217")
    assert len(listed(app, f"?appId={fleet.application}")) == 1


def test_a_wrong_token_is_refused(app: Gateway) -> None:
    for method, path in (("POST", PATH), ("GET", PATH), ("GET", f"{PATH}/x"), ("DELETE", PATH)):
        reply = app.call(method, path, headers={"Authorization": "Bearer wrong"})
        assert error(reply) == (403, "1010005")


def test_an_application_has_a_bounded_number(app: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscriptions, "MOST", 2)
    first = subscribe(app, url=URL + "/1")
    subscribe(app, url=URL + "/2")
    body = {"notifyType": "deviceAdded", "callbackUrl": URL + "/3"}
    assert error(app.post(PATH, body)) == (400, "100224")
    app.delete(f"{PATH}/{first}")
    assert app.post(PATH, body).status == 201


def test_the_list_is_paged_from_zero_with_a_total(app: Gateway) -> None:
    made = [subscribe(app, url=f"{URL}/{number}") for number in range(12)]
    subscribe(app, "deviceDeleted")
    first = app.get(PATH)
    assert first.status == 200
    assert (first.json["totalCount"], first.json["pageNo"], first.json["pageSize"]) == (13, 0, 10)
    assert len(first.json["subscriptions"]) == 10
    second = app.get(PATH + "?notifyType=deviceAdded&pageNo=1&pageSize=10").json
    assert second["totalCount"] == 12
    assert len(second["subscriptions"]) == 2
    pages = [listed(app, f"?notifyType=deviceAdded&pageSize=5&pageNo={n}") for n in range(4)]
    walked = [one["subscriptionId"] for page in pages for one in page]
    assert sorted(walked) == sorted(made)
    assert listed(app, "?notifyType=unknown") == []
    assert listed(app, "?pageNo=99") == []
    for query in ("?pageSize=0", "?pageNo=-1", "?pageSize=x"):
        assert error(app.get(PATH + query)) == (400, "50400")


def test_a_list_that_is_too_long_is_refused(app: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscriptions, "LONGEST_LIST", 2)
    for notify_type in ("deviceAdded", "deviceDeleted"):
        subscribe(app, notify_type)
    assert app.get(PATH).status == 200
    subscribe(app, url=URL + "/3")
    assert error(app.get(PATH)) == (400, "100224")
    assert len(listed(app, "?notifyType=deviceAdded")) == 2


def test_delete_ends_one_subscription(app: Gateway) -> None:
    gone, kept = subscribe(app), subscribe(app, "deviceDeleted")
    reply = app.delete(f"{PATH}/{gone}")
    assert (reply.status, reply.body) == (204, "")
    assert [one["subscriptionId"] for one in listed(app)] == [kept]
    for method in ("GET", "DELETE"):
        assert error(app.call(method, f"{PATH}/{gone}")) == (404, "100225")
    assert subscribe(app) != gone  # the pair is free again


def test_another_tenants_subscription_is_absent(app: Gateway) -> None:
    ident = subscribe(app)
    stranger = log_in(make_fleet("other"))
    for method in ("GET", "DELETE"):
        assert error(stranger.call(method, f"{PATH}/{ident}")) == (404, "100225")
    assert error(stranger.delete(PATH)) == (404, "100225")
    assert listed(stranger) == []
    assert len(listed(app)) == 1


DELETIONS = [
    ("", []),
    ("?channel=HTTP", []),
    ("?channel=", []),
    ("?notifyType=deviceAdded", ["deviceDeleted"]),
    (f"?callbackUrl={URL}", ["deviceAdded"]),
    (f"?callbackurl={URL}", ["deviceAdded"]),
    (f"?notifyType=deviceAdded&callbackUrl={URL}", ["deviceAdded", "deviceDeleted"]),
    ("?channel=FTP", ["deviceAdded", "deviceAdded", "deviceDeleted"]),
]


def test_bulk_deletion(app: Gateway) -> None:
    for query, left in DELETIONS:
        for notify_type, url in (("deviceAdded", URL), ("deviceAdded", URL + "/2"), ("deviceDeleted", URL)):
            app.post(PATH, {"notifyType": notify_type, "callbackUrl": url})
        reply = app.delete(PATH + query)
        assert (reply.status, reply.body) == (204, "")
        assert sorted(one["notifyType"] for one in listed(app)) == left, query


def test_bulk_deletion_of_nothing_is_not_found(app: Gateway) -> None:
    subscribe(app)
    for query in ("notifyType=deviceDeleted", "notifyType=nonsense", "callbackUrl=x", "channel=MQTTS"):
        assert error(app.delete(f"{PATH}?{query}")) == (404, "100225")
    assert len(listed(app)) == 1


def test_bulk_deletion_of_more_than_a_transaction_holds(app: Gateway, fleet: Fleet) -> None:
    for number in range(60):
        subscriptions.create(fleet.caller, "huawei", "deviceAdded", f"{URL}/{number}")
    assert app.delete(PATH).status == 204
    assert listed(app) == []
    subscribe(app)
