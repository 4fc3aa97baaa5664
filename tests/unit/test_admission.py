"""CONNECT: who gets in, what it costs, what it leaves."""

import hashlib
import hmac
import json
import subprocess
import sys
from typing import Any

import pytest

from chalicelib.core import registration, removal
from chalicelib.core.products import NodeType
from chalicelib.store.devices import LINK, LinkRecord, SessionRecord
from tests.conftest import Calls
from tests.support.clock import FakeClock
from tests.support.faults import Faults
from tests.support.fleet import Fleet, make_fleet, make_product
from tests.support.mqtt import Mqtt, stamp

READ, WRITE = "dynamodb.BatchGetItem", "dynamodb.TransactWriteItems"


@pytest.fixture
def fleet(aws: None) -> Fleet:
    return make_fleet()


def register(fleet: Fleet, node_id: str = "meter-1", **more: Any) -> registration.Registered:
    new = registration.NewDevice(node_id, registration.BY_SECRET, **{"product": fleet.product.id, **more})
    return registration.register(fleet.caller, new)


def by_id(made: registration.Registered, **more: Any) -> Mqtt:
    return Mqtt(made.device.device, made.secret, **more)


def by_node(made: registration.Registered, **more: Any) -> Mqtt:
    return Mqtt(made.device.node_id, made.secret, kind=2, **more)


def admitted(mqtt: Mqtt, **changed: str) -> bool:
    return bool(mqtt.authorize(**changed)["isAuthenticated"])


def test_the_password_is_the_documented_one(fleet: Fleet) -> None:
    """HMAC-SHA256, the time stamp as key, the secret as message, lower case hex."""
    made = register(fleet)
    password = hmac.new(b"2018072417", made.secret.encode(), hashlib.sha256).hexdigest()
    assert admitted(by_id(made, mode=0, stamp="2018072417"), password=password)
    assert not admitted(by_id(made, mode=0, stamp="2018072417"), password=password.upper())


def test_by_device_id_and_by_node_id(fleet: Fleet, calls: Calls, clock: FakeClock) -> None:
    made = register(fleet)
    calls.clear()
    assert admitted(by_id(made))
    assert calls.made == [READ, WRITE]
    calls.clear()
    assert admitted(by_node(made))
    assert calls.made == ["dynamodb.Query", READ, WRITE]
    session = SessionRecord.get(by_node(made).client)
    assert (session.device, session.tenant, session.topic_id) == (made.device.device, fleet.tenant, "meter-1")
    link = LinkRecord.get(made.device.device, LINK)
    assert (link.client, link.online, link.admitted) == (by_id(made).client, False, clock.at)


def test_equal_node_ids_of_two_tenants_are_told_apart_by_their_secrets(fleet: Fleet) -> None:
    other = make_fleet("other")
    mine, theirs = register(fleet), register(other)
    for made in (mine, theirs, mine):
        assert admitted(by_node(made))
        assert SessionRecord.get(by_node(made).client).device == made.device.device


def test_a_password_that_fits_two_devices_of_one_name_lets_neither_in(fleet: Fleet) -> None:
    other = make_fleet("other")
    mine = register(fleet, secret="0" * 20)
    register(other, secret="0" * 20)
    assert not admitted(by_node(mine))
    assert admitted(by_id(mine))


def test_a_connected_device_keeps_its_client_id(fleet: Fleet) -> None:
    mine, theirs = register(fleet), register(make_fleet("other"))
    by_node(mine).connect()
    assert not admitted(by_node(theirs))
    assert SessionRecord.get(by_node(mine).client).device == mine.device.device
    removal.delete(fleet.caller, mine.device.device)
    assert admitted(by_node(theirs))


def test_a_device_registered_anew_has_its_old_client_id(fleet: Fleet) -> None:
    first = register(fleet)
    by_node(first).connect()
    removal.delete(fleet.caller, first.device.device)
    again = register(fleet)
    assert admitted(by_node(again))
    assert SessionRecord.get(by_node(again).client).device == again.device.device


NAMES = ["*", "?", "+", "#", "a/b", "${iot:ClientId}", "a*", "", "a" * 101, "mäh", "a b", "a\n", "a\x00"]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_with_a_wildcard_is_refused_before_any_call(fleet: Fleet, name: str, calls: Calls) -> None:
    calls.clear()
    assert not admitted(Mqtt(name, "0" * 20, kind=2))
    assert calls.made == []


@pytest.mark.parametrize(
    "changed",
    [
        {"clientId": "meter-1"},
        {"clientId": "meter-1_1_1_2023111422"},
        {"clientId": "meter-1_2_3_2023111422"},
        {"clientId": "meter-1_2_1_202311142"},
        {"clientId": "meter-1_2_1_٢٠٢٣١١١٤٢٢"},
        {"clientId": "meter-1_2_1_2023111422\n"},
        {"clientId": "meter-1_0_1_2023111422"},
        {"username": "meter-2"},
        {"username": ""},
    ],
)
def test_a_malformed_login_is_refused_before_any_call(
    fleet: Fleet, changed: dict[str, str], calls: Calls
) -> None:
    calls.clear()
    assert not admitted(Mqtt("meter-1", "0" * 20, kind=2), **changed)
    assert calls.made == []


@pytest.mark.parametrize("event", [{}, {"protocolData": None}, {"protocolData": {"mqtt": {"password": "%"}}}])
def test_what_is_no_mqtt_login_is_refused(event: dict[str, Any]) -> None:
    from chalicelib.handlers.authorizer import authorize

    assert authorize(event) == {"isAuthenticated": False}


def test_the_hour_is_checked_before_the_password_and_only_in_mode_1(fleet: Fleet, calls: Calls) -> None:
    made = register(fleet)
    for hours in (-1, 0, 1):
        assert admitted(by_id(made, stamp=stamp(hours)))
    calls.clear()
    for wrong in (stamp(-2), stamp(2), "9999999999", "0000000000"):
        assert not admitted(by_id(made, stamp=wrong))
    assert calls.made == []
    for any_time in (stamp(-2), "2018072417", "9999999999"):
        assert admitted(by_id(made, mode=0, stamp=any_time))


def test_a_wrong_password_leaves_nothing(fleet: Fleet) -> None:
    made = register(fleet)
    assert not admitted(Mqtt(made.device.device, "f" * 20))
    assert not admitted(Mqtt("f" * 32, made.secret))
    assert not admitted(Mqtt("meter-9", made.secret, kind=2))
    assert list(SessionRecord.scan()) == []


def test_a_deleted_device_and_an_expired_registration_are_refused(fleet: Fleet, clock: FakeClock) -> None:
    made = register(fleet)
    brief = register(fleet, "meter-2", timeout=60)
    assert admitted(by_id(brief))
    removal.delete(fleet.caller, made.device.device)
    clock.advance(60)
    for gone in (made, brief):
        assert not admitted(by_id(gone))
        assert not admitted(by_node(gone))


def test_a_device_deleted_while_it_is_judged_is_refused(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = register(fleet)
    faults = Faults.installed(monkeypatch)
    faults.before("TransactWriteItems", lambda: removal.delete(fleet.caller, made.device.device))
    assert not admitted(by_id(made))
    assert LinkRecord.find(made.device.device, LINK) is None


def test_a_conflict_with_another_change_is_tried_again(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    made = register(fleet)
    Faults.installed(monkeypatch).conflict(2)
    assert admitted(by_id(made))


def allowed(policy: dict[str, Any], action: str) -> Any:
    document = policy["policyDocuments"][0]
    assert {statement["Effect"] for statement in document["Statement"]} == {"Allow"}
    return next(each["Resource"] for each in document["Statement"] if each["Action"] == action)


def test_the_policy_covers_exactly_the_devices_topics(fleet: Fleet) -> None:
    made = register(fleet)
    for mqtt in (by_id(made), by_node(made)):
        policy = mqtt.authorize()
        arn, own = "arn:aws:iot:us-east-1:000000000000", f"/huawei/v1/devices/{mqtt.name}"
        commands = [f"{own}/command/json", f"{own}/command/binary"]
        assert allowed(policy, "iot:Connect") == f"{arn}:client/{mqtt.client}"
        assert allowed(policy, "iot:Publish") == [f"{arn}:topic/{own}/data/{c}" for c in ("json", "binary")]
        assert allowed(policy, "iot:Subscribe") == [f"{arn}:topicfilter/{each}" for each in commands]
        assert allowed(policy, "iot:Receive") == [f"{arn}:topic/{each}" for each in commands]
        assert policy["principalId"] == made.device.device


def test_a_gateway_may_publish_for_children_but_subscribes_to_its_own(fleet: Fleet) -> None:
    product = make_product(fleet.tenant, NodeType.GATEWAY, model="G1")
    made = register(fleet, "gateway-1", product=product.id)
    policy = by_id(made).authorize()
    arn = "arn:aws:iot:us-east-1:000000000000"
    assert allowed(policy, "iot:Publish") == [f"{arn}:topic//huawei/v1/devices/*/data/*"]
    own = f"/huawei/v1/devices/{made.device.device}/command"
    assert allowed(policy, "iot:Subscribe") == [f"{arn}:topicfilter/{own}/{c}" for c in ("json", "binary")]


def test_the_authorizer_starts_without_pynamodb_and_msgspec() -> None:
    code = (
        "import json, sys, chalicelib.handlers.authorizer;"
        "print(json.dumps([m for m in sys.modules if m.split('.')[0] in"
        " ('pynamodb', 'msgspec', 'aws_lambda_powertools', 'cryptography', 'boto3')]))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(answer.stdout) == []
