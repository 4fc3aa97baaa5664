"""Products with their thing models at the wire."""

import base64
import io
import json
import zipfile
from typing import Any

import pytest

from chalicelib.core import devices, products
from chalicelib.formats.models import Format
from tests.support.fleet import METER, Fleet
from tests.support.gateway import Gateway
from tests.support.operators import BASE, add_device, audit_of, problem

ABSENT = "f" * 32
OTHER = json.dumps(METER).replace('"M1"', '"M2"')
BODIES = {
    "huawei": OTHER,
    "feiyan": json.dumps(
        {"properties": [{"identifier": "level", "accessMode": "r", "dataType": {"type": "int", "specs": {}}}]}
    ),
    "xlink": '[{"name": "level", "type": 4, "index": 0}]',
    "polything": '{"services": [{"id": "", "properties": [{"name": "level", "data_type": "int"}]}]}',
}


def imported(root: Gateway, fleet: Fleet, kind: str = "huawei", body: str = OTHER, **query: str) -> Any:
    text = "&".join(f"{name}={value}" for name, value in {"format": kind, **query}.items())
    return root.post(f"{BASE}/tenants/{fleet.tenant}/products?{text}", body)


@pytest.mark.parametrize("kind", sorted(BODIES))
def test_a_product_of_each_format(root: Gateway, fleet: Fleet, kind: str) -> None:
    reply = imported(root, fleet, kind, BODIES[kind], name="Probe", nodeType="GATEWAY")
    assert reply.status == 201, reply.body
    made = reply.json
    assert (made["name"], made["nodeType"], made["tenantId"]) == ("Probe", "GATEWAY", fleet.tenant)
    assert root.get(f"{BASE}/products/{made['id']}").json == made
    shown = root.get(f"{BASE}/tenants/{fleet.tenant}/products").json["products"]
    assert {each["id"] for each in shown} == {fleet.product.id, made["id"]}
    for other in Format:
        out = root.get(f"{BASE}/products/{made['id']}/model?format={other.value}")
        assert out.status == 200
        assert "level" in out.body
        again = root.put(f"{BASE}/products/{made['id']}/model?format={kind}", BODIES[kind])
        assert again.status == 200


def test_a_profile_says_what_the_product_is(root: Gateway, fleet: Fleet) -> None:
    made = imported(root, fleet).json
    assert (made["name"], made["model"], made["manufacturerId"]) == ("M2", "M2", "acme")
    other = imported(root, fleet, model="M3", manufacturerName="Beta").json
    assert (other["name"], other["model"], other["manufacturerName"]) == ("M3", "M3", "Beta")
    assert problem(imported(root, fleet)) == (409, "product-exists")
    assert audit_of(root)[0]["outcome"] == "refused"


def test_a_zip(root: Gateway, fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    target, document = io.BytesIO(), json.loads(OTHER)
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("profile/devicetype-capability.json", json.dumps({"devices": document["devices"]}))
        archive.writestr(
            "service/Meter/profile/servicetype-capability.json",
            json.dumps({"services": document["services"]}),
        )
    event_body = base64.b64encode(target.getvalue()).decode()
    reply = sent_binary(root, f"{BASE}/tenants/{fleet.tenant}/products", event_body)
    assert reply["statusCode"] == 201, reply["body"]
    assert json.loads(reply["body"])["model"] == "M2"


def sent_binary(root: Gateway, path: str, body: str) -> Any:
    from app import app

    headers = {**root.headers, "Content-Type": "application/zip"}
    event = {
        "path": path,
        "resource": "/{proxy+}",
        "httpMethod": "POST",
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "multiValueQueryStringParameters": {"format": ["huawei"]},
        "pathParameters": {"proxy": path.lstrip("/")},
        "stageVariables": None,
        "requestContext": {
            "resourcePath": "/{proxy+}",
            "path": path,
            "httpMethod": "POST",
            "requestId": "r",
            "identity": {"sourceIp": "203.0.113.7"},
        },
        "body": body,
        "isBase64Encoded": True,
    }
    return app(event, None)


@pytest.mark.parametrize(
    ("kind", "body", "field"),
    [
        ("huawei", "{", "profile"),
        ("huawei", "{}", "profile: devices"),
        ("huawei", "PKxx", ""),
        ("feiyan", "[]", ""),
        ("xlink", '[{"name": "x"}]', "[0].type"),
        ("polything", "[]", "model"),
        ("polything", "[" * 40 + "]" * 40, ""),
        ("csv", "", "format"),
    ],
)
def test_what_is_no_model(root: Gateway, fleet: Fleet, kind: str, body: str, field: str) -> None:
    for reply in (
        imported(root, fleet, kind, body, name="n"),
        root.put(f"{BASE}/products/{fleet.product.id}/model?format={kind}", body),
    ):
        assert problem(reply) == (400, "invalid-input")
        assert field in reply.json.get("field", "")


def test_a_product_without_a_model_needs_a_name(root: Gateway, fleet: Fleet) -> None:
    assert problem(imported(root, fleet, "feiyan", "")) == (400, "invalid-input")
    made = imported(root, fleet, "feiyan", "", name="Bare").json
    assert root.get(f"{BASE}/products/{made['id']}/model?format=polything").json == {}


def test_a_new_model_counts_and_devices_stay(root: Gateway, fleet: Fleet) -> None:
    ident = add_device(fleet, "meter-1")
    path = f"{BASE}/products/{fleet.product.id}/model"
    assert root.put(f"{path}?format=xlink", BODIES["xlink"]).status == 200
    assert [each.id for each in products.model_of(products.find(fleet.product.id)).services] == [""]
    assert devices.get(fleet.caller, ident).node_id == "meter-1"


def test_a_key_is_shown_and_that_is_recorded(root: Gateway, fleet: Fleet) -> None:
    shown = root.get(f"{BASE}/products/{fleet.product.id}/key").json
    assert shown == {"id": fleet.product.id, "key": products.key_of(fleet.product)}
    (entry,) = audit_of(root)
    assert (entry["action"], entry["target"]) == ("product.show-key", {"product": fleet.product.id})
    assert shown["key"] not in json.dumps(entry)


LAYOUT = {"reports": [{"service": "Meter", "fields": [{"name": "level", "type": "uint8"}]}]}


def test_a_layout_is_set_and_removed(root: Gateway, fleet: Fleet) -> None:
    path = f"{BASE}/products/{fleet.product.id}/layout"
    assert root.put(path, LAYOUT).json["hasLayout"] is True
    assert root.delete(f"{path}?dryRun=true").json["dryRun"] is True
    assert products.find(fleet.product.id).layout
    assert root.delete(path).status == 200
    assert products.find(fleet.product.id).layout is None
    assert problem(root.put(path, "{")) == (400, "invalid-input")


def test_a_product_is_deleted_where_it_has_no_devices(root: Gateway, fleet: Fleet) -> None:
    path = f"{BASE}/products/{fleet.product.id}"
    add_device(fleet, "meter-1")
    for query in ("", "?dryRun=true"):
        assert problem(root.delete(path + query)) == (409, "product-in-use")
    other = imported(root, fleet).json["id"]
    assert root.delete(f"{BASE}/products/{other}?dryRun=true").json["name"] == "M2"
    assert root.get(f"{BASE}/products/{other}").status == 200
    assert root.delete(f"{BASE}/products/{other}").status == 200
    assert problem(root.delete(f"{BASE}/products/{other}")) == (404, "product-not-found")


def test_what_is_not_there(root: Gateway, fleet: Fleet) -> None:
    path = f"{BASE}/products/{ABSENT}"
    for reply in (
        root.get(path),
        root.get(f"{path}/key"),
        root.get(f"{path}/model?format=huawei"),
        root.put(f"{path}/model?format=huawei", OTHER),
        root.put(f"{path}/layout", LAYOUT),
        root.delete(f"{path}/layout"),
        root.delete(path),
    ):
        assert problem(reply) == (404, "product-not-found")
    assert problem(root.get(f"{BASE}/tenants/{ABSENT}/products")) == (404, "tenant-not-found")
    elsewhere = f"{BASE}/tenants/{ABSENT}/products?format=huawei"
    assert problem(root.post(elsewhere, OTHER)) == (404, "tenant-not-found")


DETAILS = {
    "category": 61,
    "categoryKey": "Light",
    "categoryName": "灯",
    "netType": "wifi",
    "shareMode": "shared",
    "image": "https://example.com/lamp.png",
    "panel": "page/lamp",
    "description": "a lamp",
    "guides": [{"strategy": "softap", "text": "turn it on"}],
}


def test_what_apps_are_told_of_a_product(root: Gateway, fleet: Fleet) -> None:
    path = f"{BASE}/products/{fleet.product.id}/details"
    bare = root.get(path).json
    assert (bare["id"], bare["name"], bare["released"], bare["guides"]) == (
        fleet.product.id,
        "Meter",
        True,
        [],
    )
    assert root.put(path, {"released": False}).json["released"] is False
    reply = root.put(path, DETAILS)
    assert reply.status == 200, reply.body
    shown = root.get(path).json
    assert reply.json == shown
    assert {name: shown[name] for name in DETAILS} == DETAILS
    assert shown["name"] == "Meter"
    assert audit_of(root)[0]["action"] == "product.set-details"
    changed = root.put(path, {"categoryName": None, "guides": None, "name": "Lamp", "released": True}).json
    assert (changed["name"], changed["released"], changed["guides"]) == ("Lamp", True, [])
    assert changed.get("categoryName") is None
    assert changed["categoryKey"] == "Light"
    assert root.put(path, {"image": "https://example.com/new.png"}).status == 200  # released or not
    assert problem(root.put(path, {"released": False})) == (409, "already-released")


@pytest.mark.parametrize(
    "body",
    [
        {"name": ""},
        {"name": None},
        {"category": 0},
        {"netType": "pigeon"},
        {"shareMode": "none"},
        {"guides": [{}] * 21},
        {"guides": [{"order": -1}]},
        {"children": 65},
        {"children": 4},
        {"childProduct": ABSENT},
    ],
)
def test_details_that_are_none(root: Gateway, fleet: Fleet, body: dict[str, Any]) -> None:
    reply = root.put(f"{BASE}/products/{fleet.product.id}/details", body)
    assert reply.status == 400, reply.body


def test_what_is_made_with_a_gateway(root: Gateway, fleet: Fleet) -> None:
    from chalicelib.core.products import NodeType
    from tests.support.fleet import make_fleet, make_product

    gateway = make_product(fleet.tenant, NodeType.GATEWAY, model="NVR")
    path = f"{BASE}/products/{gateway.id}/details"
    shown = root.put(path, {"childProduct": fleet.product.id, "children": 4}).json
    assert (shown["childProduct"], shown["children"]) == (fleet.product.id, 4)
    for wrong in (gateway.id, make_fleet("other").product.id):
        assert root.put(path, {"childProduct": wrong}).status == 400
    assert problem(root.put(f"{BASE}/products/{ABSENT}/details", {})) == (404, "product-not-found")
