"""What apps and clouds learn of products, and devices made in numbers. Source: Feiyan 6.3, 7.2"""

from typing import Any

import pytest

from chalicelib.core import product_details, products
from chalicelib.core.product_details import Details, Guide
from chalicelib.core.products import NetType, NodeType, Product
from tests.conftest import Calls
from tests.support import bound
from tests.support.alink import Alink
from tests.support.clock import FakeClock
from tests.support.feiyan import Program, Someone, cloud_of
from tests.support.fleet import Fleet, make_fleet, make_product
from tests.support.iot import FakeIot
from tests.support.queues import WorkQueue

GENERATE = ("/cloud/amount/device/generate", "1.1.2")
UPLOAD = ("/cloud/device/name/upload", "1.1.2")
GENERATE_NAMED = ("/cloud/name/device/generate", "1.1.2")
CERTIFICATES = ("/living/device/apply/query", "1.0.1")
RECORDERS = ("/living/cloud/product/nvr/device/generate", "1.0.0")
RECORDER_CERTIFICATES = ("/living/cloud/product/nvr/device/cert/query", "1.0.0")
PAGE = {"pageNo": 1, "pageSize": 10}


def describe(product: Product, **details: Any) -> Product:
    return product_details.describe(product.tenant, product.id, Details(**details))


@pytest.fixture
def lamp(fleet: Fleet) -> Product:
    """The fleet's product with all that can be said of it."""
    fleet.product = describe(
        fleet.product,
        released=True,
        category=61,
        category_key="Light",
        category_name="灯",
        net_type=NetType.WIFI,
        image="https://example.com/lamp.png",
        panel="page/lamp",
        description="a lamp",
        guides=[
            Guide(strategy="ble", order=1, text="hold it near"),
            Guide(
                strategy="softap",
                text="turn it on",
                icon="i",
                button="it blinks",
                help_title="it does not",
                help_icon="h",
                help_text="hold the button",
                alert="agree",
            ),
        ],
    )
    return fleet.product


def recorder(fleet: Fleet, camera: Product, children: int) -> Product:
    made = make_product(fleet.tenant, NodeType.GATEWAY, model="NVR")
    return describe(made, released=True, child_product=camera.id, children=children)


# apps


def test_the_product_of_a_thing(app: Program, fleet: Fleet, lamp: Product, calls: Calls) -> None:
    device = bound.device(fleet, "lamp")
    app.ok("/kit/debug/ping", "1.0.0", {"input": "x"})
    products.load(lamp.id)
    calls.clear()
    data = app.ok("/thing/detailInfo/queryProductInfo", "1.1.4", {"iotId": device})
    assert calls.made.count("dynamodb.GetItem") == 1
    assert data == {
        "productKey": lamp.short_id,
        "dataFormat": "ALINK_FORMAT",
        "netType": "NET_WIFI",
        "productSecret": products.key_of(lamp),
        "nodeType": "DEVICE",
        "domain": lamp.short_id,
        "name": "Meter",
        "region": "us-east-1",
        "ownerDomain": lamp.short_id,
        "categoryId": 61,
        "categoryKey": "Light",
        "categoryName": "灯",
        "accessMethod": "DATA_DIRECT",
        "status": "RELEASE_STATUS",
        "gmtCreate": lamp.created,
        "gmtModified": lamp.modified,
        "creator": fleet.tenant,
        "modifier": fleet.tenant,
        "productId": lamp.number,
        "aliyunCommodityCode": "",
        "connectMode": "softap,ble",
        "rbacTenantId": fleet.tenant,
        "tenantId": fleet.tenant,
        "image": "https://example.com/lamp.png",
        "productModel": "M1",
    }


def test_the_product_of_another_projects_thing_is_absent(app: Program, fleet: Fleet) -> None:
    theirs = make_fleet("other")
    for ident in (bound.device(theirs, "lamp"), "nope"):
        assert app.code("/thing/detailInfo/queryProductInfo", "1.1.4", {"iotId": ident}) == 6100
    assert app.code("/thing/detailInfo/queryProductInfo", "1.1.4", {}) == 20050


@pytest.mark.parametrize("name", ["productkey", "productKey"])
def test_a_product_by_its_key(app: Program, alice: Someone, lamp: Product, name: str) -> None:
    path = "/thing/allProductInfo/getByProductKey"
    data = app.ok(path, "1.1.5", {name: lamp.short_id, "replaceOrigin": True}, user=alice.token)
    assert (data["productKey"], data["status"], data["tenantId"]) == (
        lamp.short_id,
        "RELEASE_STATUS",
        lamp.tenant,
    )
    assert app.code(path, "1.1.5", {name: lamp.short_id}) == 401
    other = make_fleet("other").product.short_id
    assert app.code(path, "1.1.5", {name: other}, user=alice.token) == 5005
    reply = app.call(path, "1.1.5", {}, user=alice.token)
    assert (reply.json["code"], reply.json["message"]) == (20050, "productkey required")


def test_what_an_operator_has_not_said_has_a_word_nevertheless(
    app: Program, alice: Someone, fleet: Fleet
) -> None:
    params = {"productkey": fleet.product.short_id}
    data = app.ok("/thing/allProductInfo/getByProductKey", "1.1.5", params, user=alice.token)
    assert (data["netType"], data["categoryId"], data["categoryKey"]) == ("NET_OTHER", 0, "")
    assert (data["image"], data["connectMode"], data["status"]) == ("", "", "RELEASE_STATUS")


def test_products_of_a_category(app: Program, fleet: Fleet, lamp: Product, clock: FakeClock) -> None:
    make_fleet("other")
    clock.advance(1)
    gateway = describe(make_product(fleet.tenant, NodeType.GATEWAY, model="G"), category=61, released=False)
    for category in ("61", 61):
        found = app.ok("/thing/productInfo/getByCategory", "1.1.5", {"categoryId": category})
        assert [each["productKey"] for each in found] == [lamp.short_id, gateway.short_id]
        assert [each["status"] for each in found] == [1, 0]
        assert [each["nodeType"] for each in found] == ["DEVICE", "GATEWAY"]
    assert app.ok("/thing/productInfo/getByCategory", "1.1.5", {"categoryId": "9"}) == []
    assert app.code("/thing/productInfo/getByCategory", "1.1.5", {"categoryId": "lamps"}) == 460


def test_guides_in_their_order(app: Program, alice: Someone, fleet: Fleet, lamp: Product) -> None:
    path = "/awss/enrollee/guide/get"
    first, second = app.ok(path, "1.1.6", {"productKey": lamp.short_id}, user=alice.token)
    assert first == {
        "id": 1,
        "productKey": lamp.short_id,
        "dnGuideIcon": "i",
        "dnCopywriting": "turn it on",
        "buttonCopywriting": "it blinks",
        "helpTitle": "it does not",
        "helpIcon": "h",
        "helpCopywriting": "hold the button",
        "strategy": "softap",
        "order": 0,
        "alertMessage": "agree",
        "gmtCreate": lamp.created,
        "gmtModified": lamp.modified,
    }
    assert (second["strategy"], second["order"]) == ("ble", 1)
    bare = make_product(fleet.tenant, model="bare").short_id
    assert app.ok(path, "1.1.6", {"productKey": bare}, user=alice.token) == []
    assert app.code(path, "1.1.6", {"productKey": "nope"}, user=alice.token) == 5005


def test_products_to_set_up(
    app: Program, alice: Someone, fleet: Fleet, lamp: Product, clock: FakeClock
) -> None:
    path = "/thing/productInfo/getByAppKey"
    clock.advance(1)
    gateway = describe(
        make_product(fleet.tenant, NodeType.GATEWAY, model="G"), net_type=NetType.ZIGBEE, released=False
    )
    first, second = app.ok(path, "1.1.7", {})
    assert first == {
        "gmtCreate": lamp.created,
        "gmtModified": lamp.modified,
        "name": "Meter",
        "categoryId": 61,
        "description": "a lamp",
        "tenantId": fleet.tenant,
        "region": "us-east-1",
        "status": 1,
        "productKey": lamp.short_id,
        "netType": 3,
        "dataFormat": 1,
        "nodeType": 0,
        "categoryKey": "Light",
        "categoryName": "灯",
        "image": "https://example.com/lamp.png",
        "accessMethod": 0,
    }
    assert (second["productKey"], second["netType"], second["nodeType"]) == (gateway.short_id, 4, 1)
    for env, key in (("dev", gateway.short_id), ("release", lamp.short_id)):
        found = app.ok(path, "1.1.7", {"productStatusEnv": env}, user=alice.token)
        assert [each["productKey"] for each in found] == [key]
    assert app.code(path, "1.1.7", {"productStatusEnv": "beta"}) == 460


def test_a_product_with_a_layout_has_a_format_of_its_own(app: Program, fleet: Fleet) -> None:
    products.revise(fleet.tenant, fleet.product.id, lambda _record, _change: {"layout": "{}"})
    (found,) = app.ok("/thing/productInfo/getByAppKey", "1.1.7", {})
    assert found["dataFormat"] == 0


def test_the_key_of_a_product(app: Program, fleet: Fleet) -> None:
    path = "/thing/productInfo/queryProductKey"
    ident = str(fleet.product.number)
    assert app.ok(path, "1.1.4", {"productId": ident}) == {"productKey": fleet.product.short_id}
    other = str(make_fleet("other").product.number)
    for wrong in (other, "0", "-1", "x", "9" * 30):
        assert app.code(path, "1.1.4", {"productId": wrong}) == 5005


# clouds


def test_a_page_of_products(cloud: Program, fleet: Fleet, lamp: Product, clock: FakeClock) -> None:
    make_fleet("other")
    clock.advance(1)
    second = describe(make_product(fleet.tenant, NodeType.GATEWAY, model="G"), released=False)
    path = "/cloud/thing/productList/get"
    found = cloud.ok(path, "1.1.2", PAGE)
    assert [each["productKey"] for each in found] == [lamp.short_id, second.short_id]
    assert found[0] == {
        "productKey": lamp.short_id,
        "dataFormat": "ALINK_FORMAT",
        "netType": "NET_WIFI",
        "productSecret": products.key_of(lamp),
        "nodeType": "DEVICE",
        "name": "Meter",
        "region": "us-east-1",
        "categoryId": 61,
        "status": 1,
        "gmtCreate": lamp.created,
        "gmtModified": lamp.modified,
        "productId": lamp.number,
        "rbacTenantId": fleet.tenant,
        "image": "https://example.com/lamp.png",
        "productModel": "M1",
    }
    (last,) = cloud.ok(path, "1.1.2", {"pageNo": 2, "pageSize": 1})
    assert (last["productKey"], last["nodeType"], last["status"]) == (second.short_id, "GATEWAY", 0)
    assert cloud.ok(path, "1.1.2", {"pageNo": 3, "pageSize": 1}) == []
    assert cloud.code(path, "1.1.2", {"pageNo": 0, "pageSize": 1}) == 460
    assert cloud.code(path, "1.1.2", {"pageNo": 1}) == 20050


def test_one_product(cloud: Program, app: Program, lamp: Product) -> None:
    path = "/cloud/thing/product/get"
    data = cloud.ok(path, "1.1.2", {"productKey": lamp.short_id})
    assert (data["status"], data["productSecret"]) == ("RELEASE_STATUS", products.key_of(lamp))
    for wrong in ("nope", make_fleet("other").product.short_id):
        assert cloud.code(path, "1.1.2", {"productKey": wrong}) == 5005
    assert app.code(path, "1.1.2", {"productKey": lamp.short_id}) == 20017


def test_the_project_of_the_token(cloud: Program, fleet: Fleet, lamp: Product) -> None:
    from chalicelib.core import applications

    describe(make_product(fleet.tenant, model="draft"), released=False)
    applications.create_application(fleet.tenant, "sibling")
    path = "/living/cloud/project/list"
    data = cloud.ok(path, "1.0.0", PAGE)
    project = data.pop("data")
    assert data == {"total": 1, "pageNo": 1, "pageSize": 10}
    assert project == [
        {
            "tenantId": fleet.tenant,
            "projectId": fleet.application,
            "isolationId": fleet.application,
            "name": "app",
            "description": "app",
            "productCount": 2,
            "appCount": 1,
            "accountCount": 0,
            "developCount": 1,
            "publishCount": 1,
            "gmtCreate": applications.find(fleet.application).created,
            "share": False,
        }
    ]
    assert cloud.ok(path, "1.0.0", {"pageNo": 2, "pageSize": 10})["data"] == []
    assert cloud.code(path, "1.0.0", {"pageNo": 1, "pageSize": 21}) == 460


def test_devices_are_made_in_numbers(
    cloud: Program, fleet: Fleet, lamp: Product, work: WorkQueue, iot: FakeIot, calls: Calls
) -> None:
    reply = cloud.call(*GENERATE, {"productKey": lamp.short_id, "amount": "3"})
    batch = reply.json["data"]
    assert isinstance(batch, str)
    assert reply.json == {
        "id": "1509086454180",
        "code": 200,
        "message": "success",
        "data": batch,
        "batchId": batch,
        "localizedMsg": None,
    }
    page = {"applyId": batch, "pageNo": 1, "pageSize": 2}
    before = cloud.ok(*CERTIFICATES, page)
    assert (before["totalNum"], before["pageNo"], before["pageSize"], len(before["items"])) == (3, 1, 2, 2)
    assert {each["status"] for each in before["items"]} == {0}
    work.run()
    calls.clear()
    data = cloud.ok(*CERTIFICATES, page)
    assert calls.made.count("dynamodb.BatchGetItem") == 2
    assert data == before
    first = data["items"][0]
    assert set(first) == {
        *("iotId", "productKey", "deviceName", "deviceSecret", "activeTime", "status", "deviceId")
    }
    assert (first["productKey"], first["activeTime"]) == (lamp.short_id, None)
    assert first["deviceId"] == first["deviceName"]
    Alink(first["productKey"], first["deviceName"], first["deviceSecret"], iot).connect()
    shown = cloud.ok(*CERTIFICATES, page)["items"][0]
    assert shown["status"] == 1
    assert shown["activeTime"].isdigit()
    assert len(cloud.ok(*CERTIFICATES, {**page, "pageNo": 2})["items"]) == 1


@pytest.mark.parametrize("operation", [GENERATE, RECORDERS])
@pytest.mark.parametrize("amount", [0, -1, 10_001])
def test_wrong_amounts(
    cloud: Program, fleet: Fleet, lamp: Product, operation: tuple[str, str], amount: int
) -> None:
    product = recorder(fleet, lamp, 1)
    reply = cloud.call(*operation, {"productKey": product.short_id, "amount": amount})
    assert reply.status == 200
    assert reply.json["code"] == 460
    assert reply.json["message"].startswith("batch device amount invalid")
    assert cloud.code(*operation, {"productKey": product.short_id}) == 20050
    assert cloud.code(*operation, {"productKey": product.short_id, "amount": "many"}) == 460


@pytest.mark.parametrize(
    ("operation", "more"),
    [(GENERATE, {"amount": 1}), (RECORDERS, {"amount": 1}), (UPLOAD, {"deviceNames": ["a"]})],
)
def test_products_of_which_none_is_made(
    cloud: Program, fleet: Fleet, operation: tuple[str, str], more: dict[str, Any]
) -> None:
    draft = describe(make_product(fleet.tenant, NodeType.GATEWAY, model="draft"), released=False)
    other = describe(make_fleet("other").product, released=True)
    assert cloud.code(*operation, {"productKey": draft.short_id, **more}) == 28038
    assert cloud.code(*operation, {"productKey": other.short_id, **more}) == 5005
    assert cloud.code(*operation, {"productKey": "nope", **more}) == 5005
    assert cloud.code(*operation, more) == 20050


def test_devices_are_made_by_name(cloud: Program, lamp: Product, work: WorkQueue) -> None:
    batch = cloud.ok(*UPLOAD, {"productKey": lamp.short_id, "deviceNames": ["a", "b", "a/b", "a"]})
    page = {"applyId": batch, "pageNo": 1, "pageSize": 200}
    assert cloud.ok(*CERTIFICATES, page) == {"totalNum": 0, "pageNo": 1, "pageSize": 200, "items": []}
    asked = {"productKey": lamp.short_id, "batchId": batch}
    assert cloud.ok(*GENERATE_NAMED, asked) == batch
    assert cloud.code(*GENERATE_NAMED, asked) == 28046
    work.run()
    assert [each["deviceName"] for each in cloud.ok(*CERTIFICATES, page)["items"]] == ["a", "b"]
    taken = cloud.ok(*UPLOAD, {"productKey": lamp.short_id, "deviceNames": ["a", "b"]})
    assert cloud.code(*GENERATE_NAMED, {**asked, "batchId": taken}) == 28044


def test_lists_of_names_that_are_none(cloud: Program, lamp: Product) -> None:
    key = lamp.short_id
    assert cloud.code(*UPLOAD, {"productKey": key}) == 20050
    assert cloud.code(*UPLOAD, {"productKey": key, "deviceNames": []}) == 20050
    assert cloud.code(*UPLOAD, {"productKey": key, "deviceNames": '["a"]'}) == 20004
    assert cloud.code(*UPLOAD, {"productKey": key, "deviceNames": [str(n) for n in range(1001)]}) == 460
    assert cloud.code(*UPLOAD, {"productKey": key, "deviceNames": [{"a": 1}]}) == 460


def test_batches_that_are_none_of_the_callers(
    cloud: Program, fleet: Fleet, lamp: Product, work: WorkQueue
) -> None:
    theirs = make_fleet("other")
    describe(theirs.product, released=True)
    batch = cloud.ok(*UPLOAD, {"productKey": lamp.short_id, "deviceNames": ["a"]})
    stranger = cloud_of(theirs)
    for program, ident in ((stranger, batch), (cloud, "nope"), (cloud, "0" * 32)):
        key = theirs.product.short_id if program is stranger else lamp.short_id
        assert program.code(*CERTIFICATES, {"applyId": ident, "pageNo": 1, "pageSize": 1}) == 460
        assert program.code(*GENERATE_NAMED, {"productKey": key, "batchId": ident}) == 460
        asked = {"productKey": key, "batchId": ident, **PAGE}
        assert program.code(*RECORDER_CERTIFICATES, asked) == 460
    assert cloud.code(*CERTIFICATES, {"applyId": batch, "pageNo": 1, "pageSize": 201}) == 460


def test_recorders_with_their_cameras(cloud: Program, fleet: Fleet, lamp: Product, work: WorkQueue) -> None:
    product = recorder(fleet, lamp, 2)
    batch = cloud.ok(*RECORDERS, {"productKey": product.short_id, "amount": 3})
    work.run()
    asked = {"productKey": product.short_id, "batchId": batch, "pageNo": 1, "pageSize": 2}
    data = cloud.ok(*RECORDER_CERTIFICATES, asked)
    found = data.pop("NvrDeviceCertList")
    assert data == {"total": 3, "totalNum": 3, "pageNo": 1, "pageSize": 2}
    assert len(found) == 2
    for each in found:
        assert set(each) == {"ipcNum", "nvrDeviceCertInfo", "subDeviceCertList"}
        assert each["ipcNum"] == len(each["subDeviceCertList"]) == 2
        assert each["nvrDeviceCertInfo"]["productKey"] == product.short_id
        for child in each["subDeviceCertList"]:
            assert set(child) == {"iotId", "productKey", "deviceName", "deviceSecret"}
            assert child["productKey"] == lamp.short_id
    assert len(cloud.ok(*RECORDER_CERTIFICATES, {**asked, "pageNo": 2})["NvrDeviceCertList"]) == 1
    assert cloud.code(*RECORDER_CERTIFICATES, {**asked, "pageSize": 21}) == 460
    assert cloud.code(*RECORDERS, {"productKey": lamp.short_id, "amount": 3}) == 460


def test_an_app_makes_no_devices_and_reads_no_certificates(app: Program, lamp: Product) -> None:
    assert app.code(*GENERATE, {"productKey": lamp.short_id, "amount": 1}) == 20017
    assert app.code(*CERTIFICATES, {"applyId": "x", **PAGE}) == 20017
