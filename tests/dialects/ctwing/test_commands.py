"""CTWing CreateCommandLwm2mProfile: what it answers, refuses and does."""

import json
import re
from typing import Any

import pytest

from chalicelib.core import applications, batch_ends, batch_marks, groups, keys, products
from chalicelib.core.products import Facts
from chalicelib.core.things import ThingModel
from chalicelib.handlers import wiring
from chalicelib.store.batches import BATCH, OPEN, BatchRecord, OpenRecord, opened
from tests.conftest import Calls
from tests.dialects.huawei.conftest import log_in
from tests.support.clock import FakeClock
from tests.support.ctwing import PATH
from tests.support.fleet import Fleet, make_fleet, make_product
from tests.support.gateway import Gateway, Reply
from tests.support.iot import FakeIot, Rig, add_device
from tests.support.queues import WorkQueue

from .conftest import Client, client_of, order, register

HUAWEI = "/iocm/app/cmd/v1.4.0/deviceCommands"
ABSENT = "f" * 32


def said(reply: Reply) -> tuple[int, int]:
    assert set(reply.json) == {"code", "msg"}
    assert reply.headers["content-type"] == "application/json;charset=UTF-8"
    return reply.status, reply.json["code"]


@pytest.fixture
def rig(fleet: Fleet, clock: FakeClock) -> Rig:
    iot = FakeIot()
    iot.install()
    wiring.wire()
    return Rig(fleet, clock, iot, WorkQueue(clock), add_device(fleet, iot))


def test_the_answer_is_as_documented(client: Client, fleet: Fleet, device: str, master: str) -> None:
    reply = client.post(order(fleet, device, ttl=60, level=1), master)
    assert reply.status == 200
    assert reply.headers["content-type"] == "application/json;charset=UTF-8"
    ident = reply.json["result"]["commandId"]
    assert re.fullmatch("[0-9a-f]{64}", ident)
    assert reply.json == {
        "code": 0,
        "msg": "ok",
        "result": {
            "commandId": ident,
            "command": '{"serviceId":"Meter","method":"SET_LEVEL","paras":{"value":7}}',
            "commandStatus": "指令已保存",
            "deviceId": device,
            "productId": fleet.product.number,
            "createBy": "ann",
            "createTime": 1_700_000_000_000,
        },
    }
    assert list(reply.json["result"]) == [
        "commandId",
        "command",
        "commandStatus",
        "deviceId",
        "productId",
        "createBy",
        "createTime",
    ]


def test_a_command_goes_its_way_and_huawei_sees_it(client: Client, rig: Rig) -> None:
    ident = client.post(order(rig.fleet, rig.device.id)).json["result"]["commandId"]
    rig.device.connect()
    rig.work.run()
    rig.device.answer(1, 0, {"result": 0})
    app = log_in(rig.fleet)
    (found,) = app.get(f"{HUAWEI}?deviceId={rig.device.id}").json["data"]
    assert (found["commandId"], found["status"]) == (ident, "SUCCESSFUL")
    assert found["command"] == {"serviceId": "Meter", "method": "SET_LEVEL", "paras": {"value": 7}}


@pytest.mark.parametrize(
    ("ttl", "kept"), [({}, 7200), ({"ttl": None}, 7200), ({"ttl": 864_000}, 864_000), ({"ttl": 1}, 1)]
)
def test_ttl_is_how_long_it_waits(
    client: Client, fleet: Fleet, clock: FakeClock, device: str, ttl: dict[str, int], kept: int
) -> None:
    ident = client.post(order(fleet, device, **ttl)).json["result"]["commandId"]
    app = log_in(fleet)

    def found() -> Any:
        return next(x for x in app.get(f"{HUAWEI}?deviceId={device}").json["data"] if x["commandId"] == ident)

    assert (found()["expireTime"], found()["status"]) == (kept, "PENDING")
    clock.advance(kept - 0.001)
    app = log_in(fleet)
    assert found()["status"] == "PENDING"
    clock.advance(0.001)
    assert found()["status"] == "EXPIRED"


def test_ttl_0_sends_at_once(client: Client, rig: Rig) -> None:
    rig.device.connect()
    client.post(order(rig.fleet, rig.device.id, ttl=0))
    rig.work.run()
    assert len(rig.iot.to(rig.device.client)) == 1


def test_what_a_command_costs(client: Client, fleet: Fleet, device: str, master: str, calls: Calls) -> None:
    client.post(order(fleet, device), master)
    calls.clear()
    assert client.post(order(fleet, device), master).json["code"] == 0
    assert calls.made == ["dynamodb.BatchGetItem", "dynamodb.TransactWriteItems"]


def test_what_one_to_an_online_device_costs(client: Client, rig: Rig, calls: Calls) -> None:
    client.post(order(rig.fleet, rig.device.id))
    rig.device.connect()
    rig.work.run()
    for ttl in (0, 60):
        calls.clear()
        assert client.post(order(rig.fleet, rig.device.id, ttl=ttl)).json["code"] == 0
        assert len(calls.made) == 3, calls.made


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"command": None}, "command"),
        ({"command": {"serviceId": "Meter"}}, "command.method"),
        ({"command": {"serviceId": "", "method": "SET_LEVEL"}}, "command.serviceId"),
        ({"command": {"serviceId": "Meter", "method": "SET_LEVEL", "paras": 5}}, "command.paras"),
        ({"command": {"serviceId": "Meter", "method": "SET_LEVEL", "paras": {}}}, "paras.value is missing"),
        ({"command": {"serviceId": "Meter", "method": "SET_LEVEL"}}, "paras.value is missing"),
        ({"command": {"serviceId": "Meter", "method": "SET_LEVEL", "paras": {"value": 101}}}, "paras.value"),
        (
            {"command": {"serviceId": "Meter", "method": "SET_LEVEL", "paras": {"value": 1, "x": 2}}},
            "paras.x",
        ),
        ({"operator": None}, "operator"),
        ({"operator": ""}, "operator"),
        ({"productId": None}, "productId"),
        ({"productId": "x"}, "productId"),
        ({"productId": -1}, "productId"),
        ({"productId": 2**63}, "productId"),
        ({"ttl": -1}, "ttl"),
        ({"ttl": 864_001}, "ttl"),
        ({"ttl": 1.5}, "ttl"),
        ({"level": 0}, "level"),
        ({"level": 4}, "level"),
        ({"deviceId": None}, "deviceId is missing"),
        ({"deviceId": ""}, "deviceId is missing"),
        ({"deviceId": "x" * 65}, "deviceId"),
        ({"deviceGroupId": 5}, "deviceGroupId must be empty"),
        ({"deviceGroupId": 5, "level": 2}, "deviceGroupId must be empty"),
        ({"deviceGroupId": 5, "deviceId": None}, "deviceGroupId must be empty"),
        ({"level": 3}, "deviceId must be empty"),
        ({"level": 3, "deviceGroupId": 5}, "deviceId must be empty"),
        ({"level": 3, "deviceId": None}, "deviceGroupId is missing"),
        ({"level": 3, "deviceId": "", "deviceGroupId": 0}, "deviceGroupId is missing"),
    ],
)
def test_bad_requests_name_the_field(
    client: Client, fleet: Fleet, device: str, change: dict[str, Any], field: str
) -> None:
    reply = client.post(order(fleet, device) | change)
    assert said(reply) == (400, 400)
    assert reply.json["msg"].startswith("Bad request. ")
    assert field in reply.json["msg"]


@pytest.mark.parametrize("body", ["", "{", "[]", '"x"', '{"productId": ' + "[" * 40 + "]" * 40 + "}", "null"])
def test_what_is_no_body(client: Client, body: str) -> None:
    assert said(client.post(body)) == (400, 400)


@pytest.mark.parametrize("level", [{}, {"level": None}, {"level": 1}, {"level": 2}, {"level": "1"}])
def test_levels_of_a_device(client: Client, fleet: Fleet, device: str, level: dict[str, Any]) -> None:
    assert client.post(order(fleet, device, deviceGroupId=0, **level)).json["code"] == 0
    assert client.post(order(fleet, device, deviceGroupId=None, **level)).json["code"] == 0


def test_ids_may_be_text(client: Client, fleet: Fleet, device: str) -> None:
    reply = client.post(order(fleet, device, productId=str(fleet.product.number), ttl="60"))
    assert reply.json["result"]["productId"] == fleet.product.number


def test_a_product_without_a_profile_takes_anything(client: Client, fleet: Fleet) -> None:
    bare = products.create(fleet.tenant, "Bare", ThingModel(), Facts())
    device = register(fleet, "bare-1", bare.id)
    command = {"serviceId": "Any", "method": "THING", "paras": {"deep": [1, {"x": None}]}}
    reply = client.post(order(fleet, device, productId=bare.number, command=command))
    assert json.loads(reply.json["result"]["command"]) == command


def refusals(fleet: Fleet, device: str) -> list[tuple[dict[str, Any], tuple[int, int]]]:
    command = {"serviceId": "Meter", "method": "SET_LEVEL", "paras": {"value": 7}}
    return [
        (order(fleet, ABSENT), (200, 1002)),
        (order(fleet, "x"), (200, 1002)),
        (order(fleet, device, productId=1), (200, 1001)),
        (order(fleet, device, productId=0), (200, 1001)),
        (order(fleet, device, command=command | {"serviceId": "Nope"}), (200, 1004)),
        (order(fleet, device, command=command | {"method": "NOPE"}), (200, 1005)),
    ]


def test_business_errors_have_codes(client: Client, fleet: Fleet, device: str, clock: FakeClock) -> None:
    for body, code in refusals(fleet, device):
        assert said(client.post(body)) == code
    for _ in range(20):
        assert client.post(order(fleet, device)).json["code"] == 0
    assert said(client.post(order(fleet, device))) == (200, 1006)


def test_a_device_that_has_been_silent_for_a_week(client: Client, rig: Rig) -> None:
    rig.device.connect()
    rig.device.disconnect()
    rig.clock.advance(7 * 86_400 + 1)
    assert said(client.post(order(rig.fleet, rig.device.id))) == (200, 1007)


def test_a_device_of_another_product_is_none_of_this(client: Client, fleet: Fleet, device: str) -> None:
    other = make_product(fleet.tenant, model="M2")
    assert said(client.post(order(fleet, device, productId=other.number))) == (200, 1001)


def test_a_master_key_is_the_products_own(client: Client, fleet: Fleet, device: str, master: str) -> None:
    other = make_product(fleet.tenant, model="M2")
    for wrong in (products.key_of(other), master[:-1], master.swapcase(), "x" * 5000):
        assert said(client.post(order(fleet, device), wrong)) == (401, 4012)
        assert said(client.post(order(fleet, device), url=f"{PATH}?MasterKey={wrong}")) == (401, 4012)
    assert log_in(fleet).get(f"{HUAWEI}?deviceId={device}").json["data"] == []


def test_another_application_sees_nothing(
    client: Client, fleet: Fleet, clock: FakeClock, device: str
) -> None:
    """Of another tenant, of the same one, and of another product: each as if it did not exist."""
    stranger = client_of(make_fleet("other"), clock)
    assert said(stranger.post(order(fleet, device))) == (200, 1002)
    second = applications.create_application(fleet.tenant, "second")[0].id
    key, secret = keys.create(second)
    sibling = Client(key.id, secret, clock, Gateway())
    assert said(sibling.post(order(fleet, device))) == (200, 1002)


@pytest.mark.parametrize(
    ("version", "status"), [("", 200), ("20191231141545", 200), ("20180101000000", 400), ("x", 400)]
)
def test_versions(client: Client, fleet: Fleet, device: str, version: str, status: int) -> None:
    reply = client.post(order(fleet, device), headers={"version": version})
    assert reply.status == status
    if status == 400:
        assert "version" in reply.json["msg"]


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", PATH, "POST"),
        ("DELETE", PATH, "POST"),
        ("POST", "/aep_device_command_lwm_profile/other", None),
        ("GET", "/aep_device_command_lwm_profile", None),
        ("POST", "/echo", "GET"),
        ("GET", "/echo/x", None),
    ],
)
def test_unknown_paths_and_verbs(aws: None, method: str, path: str, allow: str | None) -> None:
    reply = Gateway().call(method, path)
    assert said(reply) == (404, 404)
    assert reply.headers.get("allow") == allow


def test_a_defect_shows_no_detail(
    client: Client, fleet: Fleet, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the secret is 42")

    monkeypatch.setattr("chalicelib.core.commands.create", broken)
    reply = client.post(order(fleet, device))
    assert said(reply) == (500, 500)
    assert "42" not in reply.body


def group_of(fleet: Fleet, *members: str) -> groups.Group:
    return groups.create(fleet.caller, "Group1", members=members)


def to_group(fleet: Fleet, group: groups.Group, **more: Any) -> dict[str, Any]:
    return order(fleet, None, level=3, deviceGroupId=group.number, **more)


def test_a_group_is_commanded_where_it_is_of_the_product(client: Client, rig: Rig, master: str) -> None:
    other = make_product(rig.fleet.tenant, model="M2")
    second, foreign = register(rig.fleet, "meter-2"), register(rig.fleet, "meter-3", other.id)
    outside = register(rig.fleet, "meter-4")
    group = group_of(rig.fleet, rig.device.id, second, foreign)
    rig.device.connect()
    reply = client.post(to_group(rig.fleet, group, deviceId=""), master)
    result = reply.json["result"]
    assert (reply.json["code"], result["deviceId"], result["commandStatus"]) == (0, "", "指令已保存")
    assert result["productId"] == rig.fleet.product.number
    rig.work.run()
    assert [each.json["paras"] for each in rig.iot.to(rig.device.client)] == [{"value": 7}]
    app = log_in(rig.fleet)
    found = {x["deviceId"]: x for x in app.get(HUAWEI + "?pageNo=0").json["data"]}
    assert found.keys() == {rig.device.id, second}
    assert found[second]["status"] == "PENDING"
    assert 7190 <= found[second]["expireTime"] <= 7200
    assert outside not in found
    task = app.get(f"/iocm/app/batchtask/v1.1.0/tasks/{result['commandId']}").json
    assert (task["totalCnt"], task["timeout"]) == (2, 7200)


def test_members_of_many_pages_are_found(client: Client, rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages without a single device of the product, too."""
    monkeypatch.setattr(batch_marks, "CHUNK_SIZE", 2)
    other = make_product(rig.fleet.tenant, model="M2")
    meant = {register(rig.fleet, f"a-{number}") for number in range(5)}
    foreign = {register(rig.fleet, f"b-{number}", other.id) for number in range(7)}
    group = group_of(rig.fleet, *meant, *foreign)
    ident = client.post(to_group(rig.fleet, group)).json["result"]["commandId"]
    rig.work.run()
    app = log_in(rig.fleet)
    assert {x["deviceId"] for x in app.get(HUAWEI + "?pageNo=0").json["data"]} == meant
    assert app.get(f"/iocm/app/batchtask/v1.1.0/tasks/{ident}").json["totalCnt"] == 5


def test_a_command_to_a_group_ends_and_leaves_the_ten_tasks_alone(client: Client, rig: Rig) -> None:
    group = group_of(rig.fleet, rig.device.id)
    ident = client.post(to_group(rig.fleet, group, ttl=60)).json["result"]["commandId"]
    rig.work.run()
    rig.clock.advance(61)
    batch_ends.look(ident)
    task = log_in(rig.fleet).get(f"/iocm/app/batchtask/v1.1.0/tasks/{ident}").json
    assert (task["status"], task["expiredCnt"]) == ("Timeout", 1)
    assert BatchRecord.get(ident, BATCH).finished
    assert OpenRecord.find(opened(rig.fleet.application), OPEN) is None


def test_what_a_command_to_a_group_costs(client: Client, rig: Rig, calls: Calls) -> None:
    group = group_of(rig.fleet, rig.device.id)
    client.post(to_group(rig.fleet, group))
    calls.clear()
    assert client.post(to_group(rig.fleet, group)).json["code"] == 0
    assert calls.made == ["dynamodb.BatchGetItem", "dynamodb.TransactWriteItems", "sqs.SendMessageBatch"]


def test_an_immediate_command_to_a_group_does_not_arrive_late(client: Client, rig: Rig) -> None:
    group = group_of(rig.fleet, rig.device.id)
    client.post(to_group(rig.fleet, group, ttl=0))
    rig.work.run()
    rig.clock.advance(181)
    rig.device.connect()
    rig.work.run()
    assert rig.iot.to(rig.device.client) == []


def test_more_than_ten_commands_to_groups_may_run(client: Client, rig: Rig) -> None:
    group = group_of(rig.fleet, rig.device.id)
    for _ in range(12):
        assert client.post(to_group(rig.fleet, group)).json["code"] == 0


def test_groups_and_products_that_are_not_the_callers(client: Client, fleet: Fleet, clock: FakeClock) -> None:
    other = make_fleet("other")
    theirs = groups.create(other.caller, "Group1")
    mine = group_of(fleet)
    assert said(client.post(to_group(fleet, theirs))) == (200, 1003)
    assert said(client.post(order(fleet, None, level=3, deviceGroupId=1))) == (200, 1003)
    assert said(client.post(to_group(fleet, mine, productId=other.product.number))) == (200, 1001)
    assert said(client.post(to_group(fleet, mine, productId=1))) == (200, 1001)
    second = applications.create_application(fleet.tenant, "second")[0].id
    key, secret = keys.create(second)
    sibling = Client(key.id, secret, clock, Gateway())
    assert said(sibling.post(to_group(fleet, mine))) == (200, 1003)
    groups.delete(fleet.caller, mine.id)
    assert said(client.post(to_group(fleet, mine))) == (200, 1003)


def test_a_command_to_a_group_is_checked_as_one_to_a_device(client: Client, fleet: Fleet) -> None:
    group = group_of(fleet)
    command = {"serviceId": "Meter", "method": "SET_LEVEL", "paras": {"value": 7}}
    assert said(client.post(to_group(fleet, group), "x" * 16)) == (401, 4012)
    for change, code in (
        ({"serviceId": "Nope"}, (200, 1004)),
        ({"method": "NOPE"}, (200, 1005)),
        ({"paras": {"value": 101}}, (400, 400)),
        ({"paras": {"x": "y" * 200_000}}, (400, 400)),
    ):
        assert said(client.post(to_group(fleet, group, command=command | change))) == code
