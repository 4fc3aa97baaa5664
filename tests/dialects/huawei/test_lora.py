"""Huawei 1.5.10 to 1.5.15: LoRa gateways and nodes."""

from typing import Any

import pytest

from chalicelib.core import authority, registration, removal
from chalicelib.store import counters
from chalicelib.store.devices import DEVICE, DeviceRecord
from tests.support.clock import FakeClock
from tests.support.faults import Faults
from tests.support.fleet import Fleet, make_application, make_fleet
from tests.support.gateway import Gateway, Reply
from tests.support.iot import FakeIot
from tests.support.lora import EUI, KEY, OTHER_KEY, Site, lora_product, make_site
from tests.support.mqtt import publish
from tests.support.queues import WorkQueue

from .conftest import log_in

GATEWAY = "/api/v3.0/devices/lora/gateway"
NODE = "/api/v3.0/devices/lora/node"
DEVICES = "/iocm/app/dm/v1.4.0/devices"
ABSENT = "0" * 32
ABP = {"joinType": "ABP", "appSKey": KEY, "nwkSKey": OTHER_KEY, "devAddr": "00aaBB11"}


@pytest.fixture
def site(fleet: Fleet) -> Site:
    iot = FakeIot()
    iot.install()
    return make_site(fleet, iot)


def gateway_body(site: Site, **more: Any) -> dict[str, Any]:
    given = {
        "loraServerId": site.server.id,
        "productId": site.gateways.id,
        "gatewayEUI": EUI,
        "name": "roof",
        "gatewaySeq": KEY,
    }
    return _merged(given, more)


def node_body(site: Site, **more: Any) -> dict[str, Any]:
    given = {
        "loraServerId": site.server.id,
        "productId": site.nodes.id,
        "devEUI": EUI,
        "name": "cellar",
        "appEUI": "0" * 16,
        "appKey": KEY,
    }
    return _merged(given, more)


def _merged(given: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """A value of `...` takes the field away."""
    return {name: value for name, value in (given | more).items() if value is not ...}


def refused(reply: Reply) -> tuple[int, str, str]:
    assert set(reply.json) == {"error_code", "error_desc"}
    return reply.status, reply.json["error_code"], reply.json["error_desc"]


def made(reply: Reply) -> Any:
    assert reply.status == 201, reply.body
    return reply.json


def total(site: Site) -> int:
    return counters.total(registration.total_name(site.fleet.application))


def test_a_gateway(app: Gateway, site: Site) -> None:
    body = gateway_body(site)
    told = made(app.post(GATEWAY, body))
    assert told == {**body, "deviceId": told["deviceId"]}
    reply = app.get(f"{GATEWAY}/{told['deviceId']}?ownerAppId={site.fleet.application}")
    assert (reply.status, reply.json) == (200, told)
    reply = app.delete(f"{GATEWAY}/{told['deviceId']}")
    assert (reply.status, reply.body) == (204, "")
    assert refused(app.get(f"{GATEWAY}/{told['deviceId']}"))[:2] == (404, "1200003")
    bare = made(app.post(GATEWAY, gateway_body(site, gatewaySeq=...)))
    assert (bare["gatewayEUI"], bare["gatewaySeq"]) == (EUI, None)


def test_a_node_that_joins_over_the_air(app: Gateway, site: Site) -> None:
    told = made(app.post(NODE, node_body(site, authCode=OTHER_KEY, description="wet", appSKey="")))
    assert told == {
        "deviceId": told["deviceId"],
        "loraServerId": site.server.id,
        "productId": site.nodes.id,
        "devEUI": EUI,
        "name": "cellar",
        "authCode": OTHER_KEY,
        "appEUI": "0" * 16,
        "deviceClass": "classA",
        "joinType": "OTAA",
        "appSKey": None,
        "devAddr": None,
        "nwkSKey": None,
        "appKey": KEY,
        "description": "wet",
    }
    assert app.get(f"{NODE}/{told['deviceId']}").json == told
    assert app.delete(f"{NODE}/{told['deviceId']}").status == 204
    assert refused(app.get(f"{NODE}/{told['deviceId']}"))[:2] == (404, "1200002")


def test_a_node_that_is_personalised(app: Gateway, site: Site) -> None:
    told = made(
        app.post(NODE, node_body(site, **ABP, deviceClass="classC", ownerAppId=site.fleet.application))
    )
    wanted = {**ABP, "deviceClass": "classC", "appKey": None, "authCode": None, "description": None}
    assert {name: told[name] for name in wanted} == wanted
    assert app.get(f"{NODE}/{told['deviceId']}").json == told


def test_a_node_is_a_device_like_any_other(app: Gateway, site: Site, clock: FakeClock) -> None:
    work = WorkQueue(clock)
    node = made(app.post(NODE, node_body(site, description="wet")))["deviceId"]
    assert "lora" in work.run()
    publish(
        _session(site, clock),
        f"/huawei/v1/devices/{node}/data/json",
        {"msgType": "deviceReq", "data": [{"serviceId": "Meter", "serviceData": {"level": 7}}]},
    )
    found = app.get(f"{DEVICES}/{node}").json
    assert (found["gatewayId"], found["deviceInfo"]["nodeId"]) == (site.server.id, EUI)
    assert (found["deviceInfo"]["name"], found["deviceInfo"]["description"]) == ("cellar", "wet")
    assert found["services"][0]["data"] == {"level": 7}
    listed = app.get(f"{DEVICES}?gatewayId={site.server.id}&pageNo=0").json["devices"]
    assert node in [each["deviceId"] for each in listed]
    [entry] = app.get(
        f"/iocm/app/data/v1.2.0/deviceDataHistory?deviceId={node}&gatewayId={site.server.id}"
    ).json["deviceDataHistoryDTOs"]
    assert entry["data"] == {"level": 7}
    assert app.delete(f"{DEVICES}/{node}").status == 204
    work.run()
    assert site.learned() == [("add", node), ("delete", node)]


def _session(site: Site, clock: FakeClock) -> str:
    """The server's client, as the authorizer has let it in."""
    from chalicelib.store.devices import SessionRecord

    SessionRecord(
        site.server.client,
        device=site.server.id,
        tenant=site.fleet.tenant,
        dialect="huawei",
        topic_id=site.server.id,
        since=clock.at,
        ttl=clock.at,
    ).save()
    return site.server.client


@pytest.mark.parametrize(
    ("path", "field", "values"),
    [
        (GATEWAY, "gatewayEUI", [..., "", "1" * 15, "1" * 17, "g" * 16, "1" * 16 + "\n", 1]),
        (GATEWAY, "gatewaySeq", ["1" * 31, "1" * 33, "x" * 32]),
        (GATEWAY, "loraServerId", [..., "", "a" * 257]),
        (GATEWAY, "productId", [..., "", "a" * 65]),
        (GATEWAY, "name", [..., "", "a" * 257]),
        (NODE, "devEUI", [..., "", "1" * 15, "1" * 17, "g" * 16]),
        (NODE, "appEUI", [..., "", "1" * 15, "1" * 17]),
        (NODE, "authCode", ["1" * 31, "x" * 32]),
        (NODE, "appKey", ["1" * 31, "x" * 32]),
        (NODE, "appSKey", ["1" * 33]),
        (NODE, "nwkSKey", ["1" * 31]),
        (NODE, "devAddr", ["1" * 7, "1" * 9, "x" * 8, "1" * 8 + "\n"]),
        (NODE, "deviceClass", ["A", "classD"]),
        (NODE, "joinType", ["otaa", "any"]),
        (NODE, "description", ["a" * 1025]),
        (NODE, "name", [...]),
        (NODE, "ownerAppId", ["a" * 37]),
    ],
)
def test_fields_are_bounded(app: Gateway, site: Site, path: str, field: str, values: list[Any]) -> None:
    make = gateway_body if path == GATEWAY else node_body
    for value in values:
        status, code, text = refused(app.post(path, make(site, **{field: value})))
        assert (status, code) == (400, "50400"), value
        assert field in text
    assert total(site) == 1


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        ({"appKey": ...}, "1200008", "appKey"),
        ({"appKey": "", "joinType": "OTAA"}, "1200008", "appKey"),
        ({"appKey": None}, "1200008", "appKey"),
        ({**ABP, "appSKey": ...}, "1200009", "appSKey"),
        ({**ABP, "nwkSKey": ""}, "1200010", "nwkSKey"),
        ({**ABP, "devAddr": ...}, "1200011", "devAddr"),
    ],
)
def test_keys_that_the_join_needs(
    app: Gateway, site: Site, more: dict[str, Any], code: str, said: str
) -> None:
    text = f"Invalid input. The {said} cannot be empty."
    assert refused(app.post(NODE, node_body(site, **more))) == (400, code, text)


@pytest.mark.parametrize("path", [GATEWAY, NODE])
def test_registrations_that_are_refused(app: Gateway, site: Site, path: str) -> None:
    is_gateway, tenant = path == GATEWAY, site.fleet.tenant
    make = gateway_body if is_gateway else node_body
    eui = "gatewayEUI" if is_gateway else "devEUI"
    right, wrong = (site.gateways, site.nodes) if is_gateway else (site.nodes, site.gateways)
    by_mqtt = lora_product(tenant, right.device_type or "", "MQTT")
    not_allowed = "The operation is not allowed."
    cases = [
        ({"productId": ABSENT}, 400, "106018", "the product not exist."),
        ({"loraServerId": ABSENT}, 404, "1200017", "The LoRa Server is not existed."),
        (
            {"productId": by_mqtt.id},
            403,
            "1200007",
            f"{not_allowed} The protocol of the product model is not LoRaWAN.",
        ),
        (
            {"productId": wrong.id},
            403,
            "1200015" if is_gateway else "1200016",
            f"{not_allowed} The deviceType of the product model "
            + ("must be LoRaGateway." if is_gateway else "cannot be LoRaGateway."),
        ),
        ({"ownerAppId": ABSENT}, 404, "100203", "The application is not existed."),
        (
            {"ownerAppId": make_fleet("other").application},
            404,
            "100203",
            "The application is not existed.",
        ),
        (
            {"ownerAppId": make_application(site.fleet)},
            403,
            "100217",
            "The application hasn't been authorized.",
        ),
    ]
    for more, *wanted in cases:
        assert refused(app.post(path, make(site, **more))) == tuple(wanted), more
    assert total(site) == 1
    made(app.post(path, make(site)))
    exists = "The LoRa gateway already exists." if is_gateway else "The LoRa node already exists."
    code = "1200013" if is_gateway else "1200012"
    assert refused(app.post(path, make(site, **{eui: EUI.lower()}))) == (400, code, exists)
    taken = registration.NewDevice("1" * 16, registration.BY_SECRET, product=site.fleet.product.id)
    registration.register(site.fleet.caller, taken)
    code = "1200019" if is_gateway else "1200018"
    said = f"{not_allowed} The {eui} is duplicated."
    assert refused(app.post(path, make(site, **{eui: "1" * 16}))) == (403, code, said)
    site.server.disconnect()
    said = f"{not_allowed} The LoRa Server is not online."
    assert refused(app.post(path, make(site, **{eui: "2" * 16}))) == (403, "1200006", said)
    assert total(site) == 3


@pytest.mark.parametrize(
    ("path", "code", "said"),
    [
        (GATEWAY, "1200001", "Failed to register the LoRa gateway."),
        (NODE, "1200000", "Failed to register the LoRa node."),
    ],
)
def test_a_registration_that_others_keep_colliding_with(
    app: Gateway, site: Site, monkeypatch: pytest.MonkeyPatch, path: str, code: str, said: str
) -> None:
    Faults.installed(monkeypatch).conflict(times=8)
    make = gateway_body if path == GATEWAY else node_body
    assert refused(app.post(path, make(site))) == (500, code, said)
    assert total(site) == 1


@pytest.mark.parametrize(
    ("path", "code", "said"),
    [
        (GATEWAY, "1200003", "The LoRa gateway does not exist."),
        (NODE, "1200002", "The LoRa node does not exist."),
    ],
)
def test_queries_and_deletions_that_are_refused(
    app: Gateway, site: Site, path: str, code: str, said: str
) -> None:
    node, gateway = site.node("1" * 16).device.device, site.gateway("2" * 16).device.device
    mine, others = (gateway, node) if path == GATEWAY else (node, gateway)
    foreign = make_site(make_fleet("other"), site.iot)
    for absent in (others, site.server.id, ABSENT, foreign.node().device.device, "a" * 256):
        for verb in ("GET", "DELETE"):
            assert refused(app.call(verb, f"{path}/{absent}")) == (404, code, said)
    for verb in ("GET", "DELETE"):
        answer = refused(app.call(verb, f"{path}/{mine}?ownerAppId={ABSENT}"))
        assert answer == (404, "100203", "The application is not existed.")
        answer = refused(app.call(verb, f"{path}/{mine}?ownerAppId={foreign.fleet.application}"))
        assert answer == (404, "100203", "The application is not existed.")
        answer = refused(app.call(verb, f"{path}/{mine}?ownerAppId={make_application(site.fleet)}"))
        assert answer == (403, "100217", "The application hasn't been authorized.")
    site.server.disconnect()
    said = "The operation is not allowed. The LoRa Server is not online."
    assert refused(app.delete(f"{path}/{mine}")) == (403, "1200006", said)
    assert app.get(f"{path}/{mine}").status == 200
    removal.delete(site.fleet.caller, site.server.id, cascade=False)
    assert refused(app.delete(f"{path}/{mine}")) == (404, "1200017", "The LoRa Server is not existed.")
    assert app.get(f"{path}/{mine}").json["loraServerId"] == site.server.id


def test_a_call_without_its_application(app: Gateway, site: Site) -> None:
    app.headers.pop("app_key")
    for verb, path in (
        ("POST", GATEWAY),
        ("POST", NODE),
        ("GET", f"{GATEWAY}/{ABSENT}"),
        ("GET", f"{NODE}/{ABSENT}"),
        ("DELETE", f"{GATEWAY}/{ABSENT}"),
        ("DELETE", f"{NODE}/{ABSENT}"),
    ):
        assert refused(app.call(verb, path)) == (500, "100220", "Get AppKey from header failed.")


def test_for_another_application(app: Gateway, site: Site) -> None:
    owner = make_fleet("owner")
    theirs = make_site(owner, site.iot)
    authority.grant(owner.application, site.fleet.application, across=True)
    query = f"?ownerAppId={owner.application}"
    for path, body in (
        (GATEWAY, gateway_body(theirs, gatewayEUI="1" * 16)),
        (NODE, node_body(theirs, devEUI="2" * 16)),
    ):
        device = made(app.post(path, {**body, "ownerAppId": owner.application}))["deviceId"]
        assert app.get(f"{path}/{device}").status == 404
        assert app.get(f"{path}/{device}{query}").status == 200
        assert refused(app.delete(f"{path}/{device}"))[0] == 404
        assert app.delete(f"{path}/{device}{query}").status == 204


def test_an_unknown_verb(app: Gateway, site: Site) -> None:
    reply = app.put(NODE, {})
    assert (reply.status, reply.headers["allow"]) == (405, "POST")
    assert app.get("/api/v3.0/devices/lora").status == 404


def test_keys_are_told_to_nobody_else(
    app: Gateway, site: Site, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Not in a list, an event, an error or a log line."""
    node = made(app.post(NODE, node_body(site, authCode=OTHER_KEY)))["deviceId"]
    seen = [app.post(NODE, node_body(site)).body, app.get(f"{DEVICES}/{node}").body]
    seen += [app.get(f"{DEVICES}?pageNo=0").body, capsys.readouterr().out, caplog.text]
    assert KEY not in "".join(seen)
    assert OTHER_KEY not in "".join(seen)


def test_another_application_of_the_tenant_sees_nothing(app: Gateway, site: Site) -> None:
    from chalicelib.core import applications

    application, secret = applications.create_application(site.fleet.tenant, "second")
    second = log_in(Fleet(site.fleet.tenant, application.id, secret, site.fleet.product))
    node = made(app.post(NODE, node_body(site)))["deviceId"]
    assert refused(second.get(f"{NODE}/{node}"))[1] == "1200002"
    assert refused(second.post(NODE, node_body(site, devEUI="1" * 16)))[1] == "1200017"
    assert refused(second.delete(f"{NODE}/{node}"))[1] == "1200002"
    assert DeviceRecord.get(node, DEVICE).deleted is None
