"""The operator's command line: making automations, what it prints of them and of their runs."""

import json
from pathlib import Path
from typing import Any

import pytest

from chalicelib.core import applications, automations
from tests.docs.markdown import FENCE, doc, section
from tests.infra.test_admin import ABSENT, Operator
from tests.support.automations import House, daily, level, notify, set_level, status, want_level
from tests.support.clock import FakeClock
from tests.support.fleet import make_fleet
from tests.support.queues import WorkQueue


@pytest.fixture
def operator(capsys: pytest.CaptureFixture[str]) -> Operator:
    return Operator(capsys)


@pytest.fixture
def house(aws: None, clock: FakeClock) -> House:
    return House(make_fleet(), clock, WorkQueue(clock))


@pytest.fixture
def rule(tmp_path: Path) -> Path:
    return tmp_path / "rule.json"


def write(path: Path, **given: Any) -> Path:
    path.write_text(json.dumps({"name": "too full", **given}), encoding="utf-8")
    return path


def test_from_a_file_to_a_run(operator: Operator, house: House, rule: Path) -> None:
    meter, valve = house.add("meter"), house.add("valve")
    write(rule, conditions=[level(meter)], actions=[set_level(valve), notify("look")])
    of = ("--application", house.fleet.application)
    made = operator.json("automation", "create", *of, "--file", rule)
    assert (made["name"], made["state"]) == ("too full", "enabled")
    assert made["application"] == made["author"] == house.fleet.application
    assert made["rule"]["conditions"][0]["device"] == meter
    assert operator.json("automation", "show", made["id"]) == made
    assert operator.json("automation", "list", *of) == {"total": 1, "page": 0, "automations": [made]}
    house.report(meter, level=85)
    house.settle()
    [run] = operator.json("automation", "runs", made["id"])["runs"]
    assert run["status"] == "DONE"
    assert run["reasons"][0]["value"] == 85
    first, second = run["results"]
    assert first["action"] == "1"
    assert first["command"].startswith(valve)
    assert second == {"action": "2"}
    assert operator.json("automation", "runs", made["id"], "--page", 1) == {"total": 1, "page": 1, "runs": []}


def test_words_say_it_too(operator: Operator, house: House, rule: Path) -> None:
    meter = house.add("meter")
    moment = {"type": "moment", "at": "2030-01-01T00:00:00Z"}
    write(
        rule,
        logic="any",
        conditions=[level(meter), status(meter, "OFFLINE"), daily("07:30", "Europe/Berlin"), moment],
        actions=[set_level(meter), want_level(meter), notify("look")],
        window={"from": "06:00", "to": "22:00", "zone": "Europe/Berlin"},
    )
    line = ("automation", "create", "--application", house.fleet.application, "--file", rule)
    assert operator.run(*line, "--disabled") == 0
    for words in (
        "state        disabled",
        "when any of",
        f"[1] Meter.level of {meter} ge 80",
        f"[2] {meter} becomes OFFLINE",
        "[3] 07:30 Europe/Berlin on MON TUE",
        "[4] 2030-01-01T00:00:00+00:00 once",
        "from 06:00 to 22:00 (Europe/Berlin)",
        f"[1] command Meter.SET_LEVEL {{'value': 10}} to {meter}",
        f"[2] desire Meter {{'level': 20}} of {meter}",
        "[3] notify: look",
    ):
        assert words in operator.out
    ident = operator.out.split()[1]
    assert operator.run("automation", "runs", ident) == 0
    assert operator.out == "it has no run of the last fifteen days here\n"
    assert operator.json("automation", "enable", ident)["state"] == "enabled"
    house.clock.at = 1_700_042_400_000  # 10:00 UTC
    house.report(meter, level=85)
    house.settle()
    assert operator.run("automation", "runs", ident) == 0
    assert f"because [1] Meter.level of {meter} ge 80: 85" in operator.out
    assert "[3] notify: look: done" in operator.out
    assert operator.json("automation", "disable", ident)["state"] == "disabled"
    assert operator.run("automation", "list", "--application", house.fleet.application) == 0
    assert operator.out.splitlines()[1].split() == [ident, "disabled", *operator.out.split()[6:]]
    assert operator.run("automation", "delete", ident) == 0
    assert operator.out == f"automation {ident} is deleted\n"
    assert operator.refused("automation", "show", ident) == f"polything: automation not found: {ident}\n"


def test_what_is_wrong_is_one_line_with_the_field(
    operator: Operator, house: House, rule: Path, tmp_path: Path
) -> None:
    meter = house.add("meter")
    line = ("automation", "create", "--application", house.fleet.application, "--file")
    write(rule, conditions=[level(meter, "ge", "80")], actions=[notify()])
    assert operator.refused(*line, rule) == "polything: conditions[0].value of ge must be numbers\n"
    write(rule, conditions=[level(meter)], actions=[set_level(meter, 101)])
    assert "actions[0].paras.value" in operator.refused(*line, rule)
    write(rule, conditions=[{**level(meter), "unit": "%"}], actions=[notify()])
    assert "conditions[0] is refused: Object contains unknown field `unit`" in operator.refused(*line, rule)
    write(rule, conditions=[level(ABSENT)], actions=[notify()])
    assert operator.refused(*line, rule) == f"polything: device not found: {ABSENT}\n"
    rule.write_bytes(b"\xff{")
    assert "rule is not JSON" in operator.refused(*line, rule)
    assert "cannot be read" in operator.refused(*line, tmp_path / "absent.json")
    write(rule, conditions=[level(meter)], actions=[notify()])
    assert "application not found" in operator.refused(*line[:2], "--application", ABSENT, "--file", rule)
    for verb in ("show", "enable", "disable", "delete", "runs"):
        assert operator.refused("automation", verb, ABSENT) == f"polything: automation not found: {ABSENT}\n"


def test_an_application_without_any(operator: Operator, house: House) -> None:
    assert operator.run("automation", "list", "--application", house.fleet.application) == 0
    assert operator.out == f"{applications.find(house.fleet.application).name} has no automation here\n"


def test_the_example_of_the_document_is_taken(operator: Operator, house: House, rule: Path) -> None:
    blocks = FENCE.findall(section(doc("admin.md"), "## First automation"))
    given = json.loads(next(text for kind, text in blocks if kind == "json"))
    given["conditions"][0]["device"] = house.add("meter")
    given["actions"][0]["device"] = house.add("valve")
    rule.write_text(json.dumps(given), encoding="utf-8")
    made = operator.json("automation", "create", "--application", house.fleet.application, "--file", rule)
    assert automations.find(made["id"]).rule.name == given["name"]
