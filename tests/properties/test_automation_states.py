"""What events make of an automation's conditions, against a model that keeps every value."""

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core import automation_rules, automation_states
from chalicelib.core.automation_rules import Rule
from chalicelib.core.automation_states import News, States

DEVICES = ("a", "b", "c")
LEVEL = msgspec.json.encode(["Meter", "level"]).decode()
AT = 1_700_000_000_000

values = st.tuples(st.sampled_from(DEVICES), st.integers(0, 3))
stories = st.lists(values, max_size=25)


def rule_of(logic: str, count: int) -> Rule:
    conditions = [
        {
            "type": "property",
            "id": device,
            "device": device,
            "service": "Meter",
            "property": "level",
            "operator": "ge",
            "value": 2,
        }
        for device in DEVICES[:count]
    ]
    rule: dict[str, Any] = {"name": "n", "logic": logic, "conditions": conditions}
    rule["actions"] = [{"type": "notification", "text": "t"}]
    return automation_rules.parse(msgspec.json.encode(rule), AT)


def news(story: list[tuple[str, int]]) -> list[tuple[int, News]]:
    return [(AT + at, News(device, {LEVEL: (value, AT + at)})) for at, (device, value) in enumerate(story)]


def told(rule: Rule, states: States, said: list[tuple[int, News]]) -> tuple[States, list[int]]:
    """The states after it, and when the automation started."""
    started = []
    for at, each in said:
        verdict = automation_states.judge(rule, states, each, at)
        states = verdict.states
        if verdict.reasons:
            started.append(at)
    return states, started


def expected(logic: str, count: int, story: list[tuple[str, int]]) -> list[int]:
    last = dict.fromkeys(DEVICES[:count], 0)
    started = []
    for at, (device, value) in enumerate(story):
        if device not in last:
            continue
        turned = last[device] < 2 <= value
        last[device] = value
        if turned and (logic == "any" or all(each >= 2 for each in last.values())):
            started.append(AT + at)
    return started


@given(st.sampled_from(("all", "any")), st.integers(1, 3), stories)
def test_it_starts_at_the_edges_and_nowhere_else(
    logic: str, count: int, story: list[tuple[str, int]]
) -> None:
    assert told(rule_of(logic, count), {}, news(story))[1] == expected(logic, count, story)


@given(st.sampled_from(("all", "any")), st.integers(1, 3), stories, st.integers(0, 24), st.integers(0, 24))
def test_what_comes_again_changes_nothing(
    logic: str, count: int, story: list[tuple[str, int]], first: int, length: int
) -> None:
    rule, said = rule_of(logic, count), news(story)
    states, _ = told(rule, {}, said)
    assert told(rule, states, said[first : first + length]) == (states, [])


@given(st.sampled_from(("all", "any")), st.integers(1, 3), stories)
def test_the_reasons_are_what_holds(logic: str, count: int, story: list[tuple[str, int]]) -> None:
    rule, states = rule_of(logic, count), States()
    for at, each in news(story):
        verdict = automation_states.judge(rule, states, each, at)
        states = verdict.states
        ids = [reason.condition.id for reason in verdict.reasons]
        assert ids in ([], [each.device] if logic == "any" else list(DEVICES[:count]))
        assert all(reason.value >= 2 and reason.at <= at for reason in verdict.reasons)
        assert automation_states.read(automation_states.text_of(states)) == states
