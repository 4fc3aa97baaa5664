"""Huawei 1.11: device groups."""

from typing import Any

import pytest

from chalicelib.core import memberships, regrouping
from tests.support.fleet import Fleet, make_application, make_fleet
from tests.support.gateway import Gateway, Reply

from .conftest import log_in
from .test_queries import register

GROUPS = "/iocm/app/devgroup/v1.3.0/devGroups"
MEMBERS = "/iocm/app/dm/v1.2.0/devices/ids"
ADD = "/iocm/app/dm/v1.1.0/devices/addDevGroupTagToDevices"
REMOVE = "/iocm/app/dm/v1.1.0/devices/deleteDevGroupTagFromDevices"
GONE = (200, "100603")
NOBODY = "0" * 32


def refused(reply: Reply) -> tuple[int, str]:
    assert set(reply.json) == {"error_code", "error_desc"}
    assert all(isinstance(value, str) for value in reply.json.values())
    return reply.status, reply.json["error_code"]


def create(app: Gateway, name: str = "Hall1", **more: Any) -> Any:
    reply = app.post(GROUPS, {"name": name, **more})
    assert reply.status == 200, reply.body
    return reply.json


def members(app: Gateway, group: str) -> list[str]:
    ids: list[str] = app.get(f"{MEMBERS}?devGroupId={group}&pageSize=1000").json["deviceIds"]
    return ids


def test_create(app: Gateway, fleet: Fleet) -> None:
    device = register(fleet)
    made = create(app, description="ground floor", maxDevNum=5, deviceIds=[device])
    assert made == {
        "name": "Hall1",
        "description": "ground floor",
        "id": made["id"],
        "appId": fleet.application,
        "maxDevNum": 5,
        "curDevNum": 1,
        "deviceIds": [device],
    }
    assert 1 <= len(made["id"]) <= 50
    assert memberships.group_of(device) == made["id"]
    bare = create(app, "bare", appId=fleet.application)
    assert (bare["description"], bare["maxDevNum"], bare["curDevNum"], bare["deviceIds"]) == (None, 0, 0, [])


def test_create_refuses(app: Gateway, fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = register(fleet, "one"), register(fleet, "two")
    taken = create(app, deviceIds=[one])
    for body in (
        {},
        {"name": ""},
        {"name": "a b"},
        {"name": "a" * 51},
        {"name": "new", "description": "x" * 1025},
        {"name": "new", "maxDevNum": -1},
        {"name": "new", "deviceIds": [""]},
        {"name": "new", "deviceIds": "x"},
        {"name": "new", "deviceIds": [two, NOBODY]},
        {"name": "new", "deviceIds": [one, two]},
    ):
        assert refused(app.post(GROUPS, body)) == (400, "50400"), body
    assert refused(app.post(GROUPS, {"name": "Hall1"})) == (200, "100602")
    too_many = {"name": "new", "maxDevNum": 1, "deviceIds": [one, two]}
    assert refused(app.post(GROUPS, too_many)) == (400, "100609")
    many = {"name": "new", "deviceIds": [f"{number:032x}" for number in range(1001)]}
    assert refused(app.post(GROUPS, many)) == (400, "100609")
    monkeypatch.setattr(regrouping, "MOST_GROUPS", 1)
    assert refused(app.post(GROUPS, {"name": "new"})) == (200, "100607")
    assert app.get(f"{GROUPS}?pageSize=10").json["totalCount"] == 1
    assert members(app, taken["id"]) == [one]
    assert memberships.group_of(two) is None


def test_delete(app: Gateway, fleet: Fleet) -> None:
    device = register(fleet)
    group = create(app, deviceIds=[device])["id"]
    reply = app.delete(f"{GROUPS}/{group}?accessAppId={fleet.application}")
    assert (reply.status, reply.body) == (200, "")
    assert refused(app.delete(f"{GROUPS}/{group}")) == GONE
    assert refused(app.get(f"{GROUPS}/{group}")) == GONE
    assert create(app, deviceIds=[device])["curDevNum"] == 1


def test_modify(app: Gateway, fleet: Fleet) -> None:
    devices = [register(fleet, "one"), register(fleet, "two")]
    group = create(app, description="old", deviceIds=devices)["id"]
    reply = app.put(f"{GROUPS}/{group}", {"name": "Roof", "description": "new", "maxDevNum": 2})
    assert reply.status == 200
    assert reply.json == {
        "name": "Roof",
        "description": "new",
        "id": group,
        "appId": fleet.application,
        "maxDevNum": 2,
        "curDevNum": 2,
    }
    reply = app.put(f"{GROUPS}/{group}", {"name": "Roof"})
    assert (reply.json["description"], reply.json["maxDevNum"]) == ("new", 0)
    assert app.get(f"{GROUPS}?name=Hall1").json["totalCount"] == 0
    create(app, "other")
    assert refused(app.put(f"{GROUPS}/{group}", {"name": "other"})) == (200, "100602")
    assert refused(app.put(f"{GROUPS}/{group}", {"name": "Roof", "maxDevNum": 1})) == (200, "100601")
    assert refused(app.put(f"{GROUPS}/{NOBODY}", {"name": "x"})) == GONE
    for body in ({}, {"name": "a-b"}, {"name": "x", "maxDevNum": "many"}):
        assert refused(app.put(f"{GROUPS}/{group}", body)) == (400, "50400")


def test_list(app: Gateway, fleet: Fleet) -> None:
    made = [create(app, f"group{number}") for number in range(3)]
    reply = app.get(GROUPS)
    assert (reply.status, set(reply.json)) == (200, {"totalCount", "pageNo", "pageSize", "list"})
    assert [reply.json[name] for name in ("totalCount", "pageNo", "pageSize")] == [3, 0, 1]
    pages = [app.get(f"{GROUPS}?pageNo={number}&pageSize=2").json for number in range(3)]
    assert [len(page["list"]) for page in pages] == [2, 1, 0]
    assert {each["id"] for page in pages for each in page["list"]} == {each["id"] for each in made}
    (found,) = app.get(f"{GROUPS}?name=group1&pageSize=500").json["list"]
    facts = {name: made[1][name] for name in made[1] if name != "deviceIds"}
    assert found == {**facts, "creator": fleet.application}
    for query in ("pageNo=-1", "pageSize=0", "pageSize=501", "pageNo=x"):
        assert refused(app.get(f"{GROUPS}?{query}")) == (400, "50400")


def test_get(app: Gateway, fleet: Fleet) -> None:
    made = create(app)
    reply = app.get(f"{GROUPS}/{made['id']}?accessAppId={fleet.application}")
    assert reply.status == 200
    assert reply.json == {**{k: v for k, v in made.items() if k != "deviceIds"}, "creator": fleet.application}
    assert refused(app.get(f"{GROUPS}/{NOBODY}")) == GONE


def test_members(app: Gateway, fleet: Fleet) -> None:
    devices = sorted(register(fleet, f"meter{number}") for number in range(12))
    group = create(app, deviceIds=devices)["id"]
    reply = app.get(f"{MEMBERS}?devGroupId={group}")
    assert reply.status == 200
    assert reply.json == {"totalCount": 12, "pageNo": 0, "pageSize": 10, "deviceIds": devices[:10]}
    assert app.get(f"{MEMBERS}?devGroupId={group}&pageNo=1").json["deviceIds"] == devices[10:]
    assert app.get(f"{MEMBERS}?devGroupId={group}&pageNo=9").json["deviceIds"] == []
    assert refused(app.get(f"{MEMBERS}?devGroupId={NOBODY}")) == GONE
    for query in ("", f"devGroupId={group}&pageSize=1001", f"devGroupId={group}&pageNo=-1"):
        assert refused(app.get(f"{MEMBERS}?{query}")) == (400, "50400")


def test_add_and_remove(app: Gateway, fleet: Fleet) -> None:
    devices = [register(fleet, f"meter{number}") for number in range(3)]
    group = create(app, maxDevNum=3)["id"]
    body = {"devGroupId": group, "deviceIds": devices}
    reply = app.post(f"{ADD}?accessAppId={fleet.application}", body)
    assert (reply.status, reply.json) == (200, body)
    assert app.get(f"{GROUPS}/{group}").json["curDevNum"] == 3
    reply = app.post(REMOVE, {"devGroupId": group, "deviceIds": devices[:2]})
    assert (reply.status, reply.body) == (200, "")
    assert members(app, group) == [devices[2]]
    assert app.get(f"{GROUPS}/{group}").json["curDevNum"] == 1


def test_add_refuses_the_whole_call(app: Gateway, fleet: Fleet) -> None:
    one, two, three = (register(fleet, name) for name in ("one", "two", "three"))
    group, other = create(app, maxDevNum=1)["id"], create(app, "other", deviceIds=[two])["id"]
    foreign = register(make_fleet("foreign"), "foreign")
    for device, expected in (
        (NOBODY, (400, "100604")),
        (two, (400, "100604")),
        (foreign, (400, "100604")),
        (three, (200, "100601")),
    ):
        reply = app.post(ADD, {"devGroupId": group, "deviceIds": [one, device]})
        assert refused(reply) in (expected, (200, "100601")), device
        assert members(app, group) == []
    app.put(f"{GROUPS}/{group}", {"name": "Hall1"})
    for device in (NOBODY, two, foreign):
        assert refused(app.post(ADD, {"devGroupId": group, "deviceIds": [one, device]})) == (400, "100604")
    assert refused(app.post(ADD, {"devGroupId": NOBODY, "deviceIds": [one]})) == GONE
    many = [f"{number:032x}" for number in range(1001)]
    for path in (ADD, REMOVE):
        assert refused(app.post(path, {"devGroupId": group, "deviceIds": many})) == (200, "100601")
        for body in ({}, {"devGroupId": group}, {"devGroupId": group, "deviceIds": []}, {"deviceIds": [one]}):
            assert refused(app.post(path, body)) == (400, "50400")
    assert members(app, other) == [two]


def test_remove_refuses_the_whole_call(app: Gateway, fleet: Fleet) -> None:
    one, two = register(fleet, "one"), register(fleet, "two")
    group = create(app, deviceIds=[one])["id"]
    for device in (two, NOBODY):
        reply = app.post(REMOVE, {"devGroupId": group, "deviceIds": [one, device]})
        assert refused(reply) == (400, "100604")
    assert refused(app.post(REMOVE, {"devGroupId": NOBODY, "deviceIds": [one]})) == GONE
    assert members(app, group) == [one]


def test_another_applications_groups_do_not_exist(app: Gateway, fleet: Fleet) -> None:
    group = create(app)["id"]
    stranger_fleet = make_fleet("stranger")
    stranger = log_in(stranger_fleet)
    device = register(stranger_fleet)
    calls = (
        stranger.get(f"{GROUPS}/{group}"),
        stranger.delete(f"{GROUPS}/{group}"),
        stranger.put(f"{GROUPS}/{group}", {"name": "mine"}),
        stranger.get(f"{MEMBERS}?devGroupId={group}"),
        stranger.post(ADD, {"devGroupId": group, "deviceIds": [device]}),
        stranger.post(REMOVE, {"devGroupId": group, "deviceIds": [device]}),
    )
    assert [refused(reply) for reply in calls] == [GONE] * 6
    assert stranger.get(GROUPS).json["totalCount"] == 0
    assert create(stranger)["name"] == "Hall1"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", GROUPS, 200),
        ("GET", f"{GROUPS}/{NOBODY}", 200),
        ("DELETE", f"{GROUPS}/{NOBODY}", 200),
        ("PUT", f"{GROUPS}/{NOBODY}", 200),
        ("GET", f"{MEMBERS}", 403),
        ("POST", ADD, 403),
        ("POST", REMOVE, 403),
    ],
)
def test_the_application_named_must_have_allowed_it(
    app: Gateway, fleet: Fleet, method: str, path: str, status: int
) -> None:
    other = make_application(fleet)
    body = {"name": "x", "devGroupId": NOBODY, "deviceIds": [NOBODY]}
    query = f"accessAppId={other}&devGroupId={NOBODY}"
    given = body if method in ("PUT", "POST") else None
    assert refused(app.call(method, f"{path}?{query}", given)) == (status, "100217")
    for unseen in ("9" * 32, make_fleet("other").application):
        unknown = f"accessAppId={unseen}&devGroupId={NOBODY}"
        assert refused(app.call(method, f"{path}?{unknown}", given)) == (status, "100203")


def test_an_application_is_named_in_the_body_at_creation(app: Gateway, fleet: Fleet) -> None:
    other = make_application(fleet)
    assert refused(app.post(GROUPS, {"name": "x", "appId": other})) == (200, "100217")
