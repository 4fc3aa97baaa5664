"""Automations at the wire."""

from typing import Any

import pytest

from chalicelib.core import automations
from tests.support.automations import House, level, notify, set_level
from tests.support.clock import FakeClock
from tests.support.fleet import Fleet
from tests.support.gateway import Gateway
from tests.support.operators import BASE, problem
from tests.support.queues import WorkQueue

ABSENT = "f" * 32


@pytest.fixture
def house(fleet: Fleet, clock: FakeClock) -> House:
    return House(fleet, clock, WorkQueue(clock))


def rule(meter: str, valve: str) -> dict[str, Any]:
    return {
        "name": "too full",
        "conditions": [level(meter)],
        "actions": [set_level(valve), notify("look")],
    }


def test_from_a_rule_to_a_run(root: Gateway, house: House) -> None:
    meter, valve = house.add("meter"), house.add("valve")
    path = f"{BASE}/applications/{house.fleet.application}/automations"
    made = root.post(path, {"rule": rule(meter, valve)})
    assert made.status == 201, made.body
    assert (made.json["enabled"], made.json["rule"]["name"]) == (True, "too full")
    one = f"{BASE}/automations/{made.json['id']}"
    assert root.get(one).json == made.json
    assert root.get(path).json == {"automations": [made.json], "total": 1}
    house.report(meter, level=85)
    house.settle()
    (run,) = root.get(f"{one}/runs").json["runs"]
    assert run["status"] == "DONE"
    assert run["reasons"][0]["value"] == 85
    assert len(run["results"]) == 2


def test_it_is_switched_and_deleted(root: Gateway, house: House) -> None:
    meter, valve = house.add("meter"), house.add("valve")
    path = f"{BASE}/applications/{house.fleet.application}/automations"
    made = root.post(path, {"rule": rule(meter, valve), "enabled": False}).json
    one = f"{BASE}/automations/{made['id']}"
    assert made["enabled"] is False
    for enabled in (True, True, False):
        assert root.put(f"{one}/enabled", {"enabled": enabled}).json["enabled"] is enabled
        assert automations.find(made["id"]).enabled is enabled
    assert root.delete(f"{one}?dryRun=true").json["name"] == "too full"
    assert root.get(one).status == 200
    assert root.delete(one).status == 200
    assert problem(root.get(one)) == (404, "automation-not-found")


def test_what_is_wrong_with_a_rule(root: Gateway, house: House) -> None:
    meter = house.add("meter")
    path = f"{BASE}/applications/{house.fleet.application}/automations"
    for bad in ({}, {"rule": 5}, {"rule": {}}, {"rule": {"name": "x"}}, {"enabled": True}):
        assert problem(root.post(path, bad)) == (400, "invalid-input")
    assert problem(root.post(path, {"rule": rule(meter, ABSENT)})) == (404, "device-not-found")
    assert root.get(path).json["total"] == 0


def test_what_is_not_there(root: Gateway, fleet: Fleet) -> None:
    one = f"{BASE}/automations/{ABSENT}"
    for reply in (
        root.get(one),
        root.get(f"{one}/runs"),
        root.put(f"{one}/enabled", {"enabled": True}),
        root.delete(one),
    ):
        assert problem(reply) == (404, "automation-not-found")
    path = f"{BASE}/applications/{ABSENT}/automations"
    assert problem(root.get(path)) == (404, "application-not-found")
    assert problem(root.post(path, {"rule": {}})) == (404, "application-not-found")
