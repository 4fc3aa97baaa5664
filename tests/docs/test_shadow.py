"""docs/shadow.md: every operation with its AWS calls, the errors, the topics."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.core.admission import Admitted
from chalicelib.dialects.shadow import errors, login
from chalicelib.dialects.shadow.device import KINDS
from chalicelib.dialects.shadow.routes import api
from tests.conftest import Calls
from tests.docs.markdown import doc, rows, section
from tests.support.fleet import make_fleet
from tests.support.gateway import Gateway, Reply
from tests.support.shadow_api import TOKEN, Thing, add_thing, log_in

PAGE = doc("shadow.md")
SERVICE = "/iot-platform/device-shadow-server/v1"
CALL = re.compile(r"`([A-Z]+ /\S+)`")
JSON_OF = f"{SERVICE}/{{part}}/json/filed/{{act}}"

SCENES: dict[str, Callable[[Thing], Reply]] = {
    f"GET {SERVICE}/get": lambda thing: thing.read(),
    f"POST {SERVICE}/reported": lambda thing: thing.report({"power": "on"}),
    f"POST {SERVICE}/desired": lambda thing: thing.desire({"power": "on"}),
    f"DELETE {SERVICE}/clean": lambda thing: thing.clean(),
}
for part in ("desired", "reported"):
    for act, scene in {
        "update": lambda thing, part=part: thing.put(part, "setting", "a", 1),
        "delete": lambda thing, part=part: thing.cut(part, "setting", "x"),
        "update/batch": lambda thing, part=part: thing.put_all(part, [("setting", "a", 1)]),
    }.items():
        SCENES["PUT " + JSON_OF.format(part=part, act=act)] = scene
    SCENES[f"DELETE {SERVICE}/{part}"] = lambda thing, part=part: thing.delete(
        part, "setting", 1_700_000_000_001
    )


def told() -> dict[str, tuple[str, int]]:
    """Section and the first number of AWS calls, by operation."""
    found = {}
    for row in rows(section(PAGE, "## Operations")):
        call = CALL.search(row[1])
        if call:
            found[call[1]] = row[0], int(re.match(r"\d+", row[2])[0])  # type: ignore[index]
    return found


def test_every_operation_is_told_and_no_other() -> None:
    held = {
        f"{each.method} {each.path}": each.source.removeprefix("device shadow ").replace("Polything", "ours")
        for each in api.operations
    }
    assert {call: number for call, (number, _) in told().items()} == held


@pytest.fixture
def thing(aws: None) -> Thing:
    fleet = make_fleet()
    made = add_thing(fleet, log_in(fleet))
    made.report({"setting": {"x": 1}})
    made.desire({"setting": {"x": 1}})
    return made


@pytest.mark.parametrize("operation", sorted(SCENES))
def test_calls_are_as_told(operation: str, thing: Thing, calls: Calls) -> None:
    calls.clear()
    reply = SCENES[operation](thing)
    assert reply.json["code"] == 0, reply.body
    assert len(calls.made) == told()[operation][1], calls.made


def test_a_token_costs_what_is_told(aws: None, calls: Calls) -> None:
    fleet = make_fleet()
    calls.clear()
    assert Gateway().post(TOKEN, {"key": fleet.application, "secret": fleet.secret}).status == 200
    assert len(calls.made) == told()[f"POST {TOKEN}"][1]
    assert told().keys() == {*SCENES, f"POST {TOKEN}"}


def test_every_code_is_told_and_no_other() -> None:
    shown = {row[0] for row in rows(section(PAGE, "## Errors"))}
    faults = [
        api.fault(kind, operation)
        for operation in api.operations
        for kind in (*operation.raises, *api.defaults)
    ]
    held = {fault.code for fault in (*faults, errors.INTERNAL)}
    assert shown == {code for code in held if int(code) >= 900000 or code == "500"}
    text = section(PAGE, "## Errors")
    assert all(code in text for code in held)
    assert not held & {"900011", "900012"}


def test_topics_and_login_are_those_of_the_policy() -> None:
    publish, subscribe, _ = login.topics(Admitted("d", "t", "{deviceId}", False))
    shown = re.findall(r"^\| `(shadow/v1/\S+)` \| ([a-z ]+) \|", PAGE, re.MULTILINE)
    assert [topic for topic, way in shown if way == "device to cloud"] == publish
    assert [topic for topic, way in shown if way == "cloud to device"] == subscribe
    assert set(login.UP) == set(KINDS)
    assert login.claim("shadow_" + "a" * 32, "a" * 32, "secret") is not None


def test_a_repeat_costs_one_more(thing: Thing, calls: Calls) -> None:
    more: dict[str, Any] = {"messageId": "m"}
    thing.desire({"power": "on"}, **more)
    calls.clear()
    thing.desire({"power": "on"}, **more)
    assert len(calls.made) == told()[f"POST {SERVICE}/desired"][1] + 1
