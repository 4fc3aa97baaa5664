"""Alink's login: who gets in, by which forms, what it costs, and what may be done then."""

import hashlib
import hmac
import json
import re
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.core import modification, products, registration, removal
from chalicelib.core.modification import Changes
from chalicelib.core.products import NodeType
from chalicelib.core.things import ThingModel
from chalicelib.dialects.feiyan import login
from chalicelib.store.devices import SessionRecord
from infra.local.broker.policy import read_policy
from tests.conftest import Calls
from tests.support.alink import Alink
from tests.support.fleet import Fleet, make_fleet, make_product
from tests.support.mqtt import Mqtt

ARN = "arn:aws:iot:us-east-1:000000000000:"


@pytest.fixture
def fleet(aws: None) -> Fleet:
    return make_fleet()


def register(fleet: Fleet, name: str = "meter-1", **more: Any) -> Alink:
    product = more.pop("product", fleet.product)
    new = registration.NewDevice(name, registration.BY_SECRET, product=product.id, **more)
    made = registration.register(fleet.caller, new)
    return Alink(product.short_id or "", name, made.secret)


def rights(device: Alink) -> Any:
    answer = device.authorize()
    assert answer["isAuthenticated"]
    return read_policy(answer["policyDocuments"], client_id=device.client, prefix=ARN)


class TestForms:
    def test_the_signature_is_the_documented_one(self) -> None:
        """Names sorted, no separators, the timestamp last."""
        text = b"clientId12345deviceNamedeviceproductKeya1B2c3D4e5timestamp789"
        password = hmac.new(b"secret", text, hashlib.sha1).hexdigest()
        client = "12345|securemode=3,signmethod=hmacsha1,timestamp=789|"
        made = login.claim(client, "device&a1B2c3D4e5", password)
        assert made is not None
        assert (made.node, made.product, made.channel) == ("device", "a1B2c3D4e5", None)
        assert made.proves("secret")
        assert not made.proves("Secret")

    @pytest.mark.parametrize("method", ["hmacsha1", "hmacsha256"])
    @pytest.mark.parametrize("stamp", ["1524448722000", None, "0"])
    def test_both_digests_with_and_without_a_timestamp(
        self, fleet: Fleet, method: str, stamp: str | None
    ) -> None:
        device = replace(register(fleet), method=method, stamp=stamp)
        assert device.admitted()
        assert device.admitted(password=device.password.upper())
        assert not device.admitted(password=device.password[:-1])

    def test_what_sdks_add_to_the_client_id_is_no_matter(self, fleet: Fleet) -> None:
        device = register(fleet)
        more = device.client.replace("securemode=2", "securemode=3,_v=sdk-c-3.2.0,lan=C,ext=1")
        assert device.admitted(clientId=more)

    @pytest.mark.parametrize(
        "changed",
        [
            {"clientId": "sdk-1"},
            {"clientId": "sdk-1|securemode=2,signmethod=hmacsha256"},
            {"clientId": "|securemode=2,signmethod=hmacsha256|"},
            {"clientId": "sdk-1||"},
            {"clientId": "sdk-1|securemode=2,signmethod=hmacsha256|x"},
            {"clientId": "sdk-1|securemode=2,signmethod=hmacsha256|\n"},
            {"clientId": "sdk-1|securemode=1,signmethod=hmacsha256|"},
            {"clientId": "sdk-1|signmethod=hmacsha256|"},
            {"clientId": "sdk-1|securemode=2,signmethod=hmacmd5|"},
            {"clientId": "sdk-1|securemode=2|"},
            {"clientId": "sdk-1|securemode=2,securemode=2,signmethod=hmacsha256|"},
            {"clientId": "sdk-1|securemode=2,signmethod=hmacsha256,|"},
            {"clientId": "sdk-1|securemode=2,signmethod=hmacsha256,timestamp=|"},
            {"clientId": "sdk-1|securemode=2,signmethod=hmacsha256,timestamp=1e9|"},
            {"clientId": "sdk-1|securemode=2,signmethod=hmacsha256,timestamp=٢٠|"},
            {"clientId": "*|securemode=2,signmethod=hmacsha256|"},
            {"clientId": "${x}|securemode=2,signmethod=hmacsha256|"},
            {"clientId": "a/b|securemode=2,signmethod=hmacsha256|"},
            {"clientId": "x" * 95 + "|securemode=2,signmethod=hmacsha256|"},
            {"username": "meter-1"},
            {"username": "meter-1&"},
            {"username": "meter-1&*"},
            {"username": "&a1B2c3D4e5"},
            {"username": "a/b&a1B2c3D4e5"},
            {"username": "+&a1B2c3D4e5"},
            {"username": "meter-1&a1B2c3D4e5&x"},
            {"username": "meter-1&a1B2c3D4e"},
            {"username": "meter-1&a1B2c3D4e5fG"},
            {"username": "meter-1&a1B2c3D4e5f"},
            {"username": "x" * 101 + "&a1B2c3D4e5"},
            {"password": "0" * 65},
        ],
    )
    def test_a_malformed_login_costs_no_call(
        self, fleet: Fleet, calls: Calls, changed: dict[str, str]
    ) -> None:
        device = register(fleet)
        calls.clear()
        assert not device.admitted(**changed)
        assert calls.made == []

    def test_the_longest_client_id_is_iot_cores(self, fleet: Fleet) -> None:
        device = register(fleet)
        device.ident = "x" * (128 - len(device.client) + len(device.ident))
        assert len(device.client) == 128
        assert device.admitted()
        device.ident += "x"
        assert not device.admitted()


class TestWho:
    def test_three_calls_and_a_session(self, fleet: Fleet, calls: Calls) -> None:
        device = register(fleet)
        calls.clear()
        assert device.admitted()
        assert calls.made == ["dynamodb.Query", "dynamodb.BatchGetItem", "dynamodb.TransactWriteItems"]
        session = SessionRecord.get(device.client)
        assert (session.dialect, session.tenant) == ("feiyan", fleet.tenant)
        assert session.topic_id == f"{device.product}/meter-1"

    def test_of_another_product_nobody(self, fleet: Fleet) -> None:
        device = register(fleet)
        other = make_product(fleet.tenant, model="M2")
        assert not replace(device, product=other.short_id or "").admitted()
        assert not replace(device, product="0000000000").admitted()

    def test_of_another_tenants_product_nobody(self, fleet: Fleet) -> None:
        device, theirs = register(fleet), make_fleet("other")
        twin = register(theirs, secret=device.secret)
        assert not replace(device, product="x" * 10).admitted()
        assert device.admitted()
        mine = SessionRecord.get(device.client).device
        twin.ident = "sdk-2"
        assert twin.admitted()
        assert SessionRecord.get(twin.client).device != mine

    def test_one_that_was_moved_to_another_product(self, fleet: Fleet) -> None:
        device = register(fleet)
        assert device.admitted()
        ident = SessionRecord.get(device.client).device
        other = make_product(fleet.tenant, model="M2")
        modification.modify(fleet.caller, ident, Changes(product=other.id))
        assert not device.admitted()
        assert replace(device, product=other.short_id or "").admitted()

    def test_a_deleted_one_never(self, fleet: Fleet) -> None:
        device = register(fleet)
        assert device.admitted()
        removal.delete(fleet.caller, SessionRecord.get(device.client).device)
        assert not device.admitted()

    def test_a_device_registered_elsewhere_has_its_id_for_a_name(self, fleet: Fleet) -> None:
        new = registration.NewDevice(None, registration.BY_SECRET, product=fleet.product.id)
        made = registration.register(fleet.caller, new)
        device = Alink(fleet.product.short_id or "", made.device.device, made.secret)
        assert device.admitted()
        assert Mqtt(made.device.device, made.secret).authorize()["isAuthenticated"]

    def test_the_most_namesakes_still_fit_one_read(self, fleet: Fleet) -> None:
        device = register(fleet)
        for number in range(3):
            register(make_fleet(f"tenant-{number}"), secret=f"{number}" * 20)
        assert device.admitted()


LONGEST = "x" * 100


class TestRights:
    def test_a_device_has_its_own_topics_alone(self, fleet: Fleet) -> None:
        device = register(fleet)
        may = rights(device)
        own, other = device.own, f"/sys/{device.product}/meter-10"
        for topic in (
            "thing/event/property/post",
            "thing/service/property/set_reply",
            "thing/service/x_reply",
        ):
            assert may.may_publish(f"{own}/{topic}", retain=False)
            assert not may.may_publish(f"{other}/{topic}", retain=False)
        assert may.may_publish(f"/ota/device/inform/{device.product}/meter-1", retain=False)
        assert not may.may_publish(f"/ota/device/inform/{device.product}/meter-10", retain=False)
        assert not may.may_publish(f"/ext/session/{device.product}/meter-1/combine/login", retain=False)
        assert not may.may_publish(f"{own}/app/up/account/bind", retain=False)
        for topic in ("thing/service/property/set", "thing/event/+/post_reply", "thing/#"):
            assert may.may_subscribe(f"{own}/{topic}")
            assert not may.may_subscribe(f"{other}/{topic}")
        for wide in ("#", "/sys/#", f"/sys/{device.product}/#", f"/sys/{device.product}/+/thing/#", "/ota/#"):
            assert not may.may_subscribe(wide)
        assert may.may_receive(f"{own}/thing/service/property/set")
        assert may.may_receive(f"/ota/device/upgrade/{device.product}/meter-1")
        assert not may.may_receive(f"{other}/thing/service/property/set")

    def test_a_gateway_speaks_for_children_only_upwards(self, fleet: Fleet) -> None:
        product = make_product(fleet.tenant, NodeType.GATEWAY, model="G1")
        device = register(fleet, "gateway-1", product=product)
        may = rights(device)
        child = "/sys/aaaaaaaaaa/child-1"
        for topic in (
            "thing/event/property/post",
            "thing/event/Fault/post",
            "thing/service/property/set_reply",
            "thing/service/reboot_reply",
            "thing/property/desired/get",
        ):
            assert may.may_publish(f"{child}/{topic}", retain=False)
        for topic in (
            "thing/service/property/set",
            "thing/service/reboot",
            "thing/event/property/post_reply",
            "thing/topo/add",
            "thing/topo/add_reply",
            "app/down/thing/properties",
            "app/down/thing/status",
            "app/up/account/bind",
        ):
            assert not may.may_publish(f"{child}/{topic}", retain=False)
        assert not may.may_publish("/ota/device/upgrade/aaaaaaaaaa/child-1", retain=False)
        assert not may.may_subscribe(f"{child}/thing/service/property/set")
        assert not may.may_subscribe("/sys/+/+/thing/#")
        assert may.may_receive(f"{child}/thing/service/property/set")
        assert may.may_publish(f"/ext/session/{product.short_id}/gateway-1/combine/login", retain=False)
        assert not may.may_publish("/ext/session/aaaaaaaaaa/child-1/combine/login", retain=False)
        assert not may.may_receive("/sys/aaaaaaaaaa/child-1/app/down/properties")

    @pytest.mark.parametrize("node_type", [NodeType.ENDPOINT, NodeType.GATEWAY])
    def test_policies_of_the_longest_names_fit(self, fleet: Fleet, node_type: NodeType) -> None:
        product = products.create(fleet.tenant, "Long", ThingModel(), node_type=node_type)
        device = register(fleet, LONGEST, product=product)
        device.ident = "x" * (128 - len(device.client) + len(device.ident))
        answer = device.authorize()
        assert 1 <= len(answer["policyDocuments"]) <= 10
        for document in answer["policyDocuments"]:
            assert len(json.dumps(document, separators=(",", ":"))) <= 2048
            for statement in document["Statement"]:
                assert statement["Resource"]
        assert re.fullmatch("[A-Za-z0-9]{1,128}", answer["principalId"])
