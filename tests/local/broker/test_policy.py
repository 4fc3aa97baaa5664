"""Policy evaluation, statement by statement."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.local.broker.policy import Policy, PolicyError, compact_json, read_policy
from tests.local.broker.support import ARN, allow, deny


def policy(*statements: Any, client_id: str = "dev-1") -> Policy:
    return read_policy([{"Statement": list(statements)}], client_id=client_id, prefix=ARN)


def test_nothing_is_allowed_by_default() -> None:
    empty = policy()
    assert not empty.may_connect([])
    assert not empty.may_publish("a", retain=False)
    assert not empty.may_receive("a")
    assert not empty.may_subscribe("a")


def test_each_right_is_its_own() -> None:
    publisher = policy(allow("iot:Publish", resource=f"{ARN}topic/a"))
    assert publisher.may_publish("a", retain=False)
    assert not publisher.may_publish("a", retain=True)
    assert not publisher.may_receive("a")
    subscriber = policy(allow("iot:Subscribe", resource=f"{ARN}topicfilter/a/+"))
    assert subscriber.may_subscribe("a/+")
    # A policy does not read a filter's wildcards: `+` covers `+`, not `b`.
    assert not subscriber.may_subscribe("a/b")
    assert not policy(allow("iot:Subscribe", resource=f"{ARN}topic/a")).may_subscribe("a")
    receiver = policy(allow("iot:Receive", resource=f"{ARN}topic/a"))
    assert receiver.may_receive("a")


def test_an_explicit_deny_wins_in_any_order_and_document() -> None:
    rules = [allow("iot:Publish"), deny("iot:Publish", resource=f"{ARN}topic/a/*")]
    for ordered in (rules, rules[::-1]):
        documents = [{"Statement": statement} for statement in ordered]
        both = read_policy(documents, client_id="x", prefix=ARN)
        assert both.may_publish("b", retain=False)
        assert not both.may_publish("a/b", retain=False)


@pytest.mark.parametrize(
    ("pattern", "topic", "covered"),
    [
        ("a/*", "a/b/c", True),
        ("a/*", "a/", True),
        ("a/*", "a", False),
        ("a/?", "a/b", True),
        ("a/?", "a/", False),
        ("a/?", "a/bc", False),
        ("*", "anything/at all", True),
        ("a.c", "abc", False),
        ("a/+", "a/b", False),
        ("${iot:ClientId}/up", "dev-1/up", True),
        ("${iot:clientid}/up", "dev-1/up", True),
        ("${iot:ClientId}/up", "dev-2/up", False),
        ("${iot:Connection.Thing.ThingName}", "", False),
        ("${iot:Connection.Thing.ThingName}*", "a", False),
        ("${*}", "*", True),
        ("${*}", "a", False),
        ("${?}${$}", "?$", True),
    ],
)
def test_resources(pattern: str, topic: str, covered: bool) -> None:
    assert (
        policy(allow("iot:Publish", resource=f"{ARN}topic/{pattern}")).may_publish(topic, retain=False)
        is covered
    )


@pytest.mark.parametrize("client_id", ["*", "?", "a*", "${*}", "a+", "[a]", "\\"])
def test_a_client_id_is_never_a_wildcard(client_id: str) -> None:
    own = policy(allow("iot:Publish", resource=f"{ARN}topic/${{iot:ClientId}}/up"), client_id=client_id)
    assert own.may_publish(f"{client_id}/up", retain=False)
    assert not own.may_publish("abc/up", retain=False)
    assert not own.may_publish("x/up", retain=False)


@pytest.mark.parametrize(
    ("action", "covered"),
    [("iot:Publish", True), ("IOT:publish", True), ("iot:*", True), ("*", True), ("iot:P*", True),
     ("iot:Pub", False), ("iot:?ublish", True), ("s3:*", False)],
)  # fmt: skip
def test_actions(action: str, covered: bool) -> None:
    assert policy(allow(action)).may_publish("a", retain=False) is covered


@pytest.mark.parametrize(
    ("operator", "values", "attributes", "allowed"),
    [
        ("ForAllValues:StringEquals", ["PersistentConnect"], [], True),
        ("ForAllValues:StringEquals", ["PersistentConnect"], ["PersistentConnect"], True),
        ("ForAllValues:StringEquals", ["PersistentConnect"], ["PersistentConnect", "LastWill"], False),
        ("ForAllValues:StringEquals", "LastWill", ["LastWill"], True),
        ("ForAllValues:StringNotEquals", ["PersistentConnect"], ["LastWill"], True),
        ("ForAllValues:StringNotEquals", ["PersistentConnect"], ["PersistentConnect"], False),
        ("ForAnyValue:StringEquals", ["PersistentConnect"], [], False),
        ("ForAnyValue:StringEquals", ["PersistentConnect"], ["PersistentConnect", "LastWill"], True),
        ("ForAnyValue:StringEquals", ["PersistentConnect"], ["LastWill"], False),
        ("ForAnyValue:StringNotEquals", ["PersistentConnect"], ["PersistentConnect", "LastWill"], True),
        ("StringEquals", ["LastWill"], ["PersistentConnect", "LastWill"], True),
        ("StringEquals", ["LastWill"], [], False),
        ("StringNotEquals", ["LastWill"], ["PersistentConnect", "LastWill"], False),
        ("StringNotEquals", ["LastWill"], [], True),
        ("ForAllValues:StringLike", ["Last*"], ["LastWill"], True),
        ("ForAllValues:StringNotLike", ["Last*"], ["LastWill"], False),
    ],
)
def test_connect_attributes(operator: str, values: Any, attributes: list[str], allowed: bool) -> None:
    condition = {operator: {"iot:ConnectAttributes": values}}
    assert policy(allow("iot:Connect", Condition=condition)).may_connect(attributes) is allowed


def test_a_deny_on_an_attribute_leaves_the_rest() -> None:
    """AWS's own example of "everything but persistent sessions"."""
    condition = {"ForAnyValue:StringEquals": {"iot:ConnectAttributes": ["PersistentConnect"]}}
    mixed = policy(allow("iot:Connect"), deny("iot:Connect", Condition=condition))
    assert mixed.may_connect([])
    assert mixed.may_connect(["LastWill"])
    assert not mixed.may_connect(["PersistentConnect", "LastWill"])


def test_all_conditions_must_hold() -> None:
    conditions = {
        "StringEquals": {"iot:ClientId": "dev-1"},
        "ForAllValues:StringEquals": {"iot:ConnectAttributes": "LastWill"},
    }
    statement = allow("iot:Connect", Condition=conditions)
    assert policy(statement).may_connect(["LastWill"])
    assert not policy(statement).may_connect(["PersistentConnect"])
    assert not policy(statement, client_id="dev-2").may_connect(["LastWill"])


@pytest.mark.parametrize(
    "statement",
    [
        {"Effect": "Maybe", "Action": "*", "Resource": "*"},
        {"Effect": "Allow", "Action": "*"},
        {"Effect": "Allow", "Resource": "*"},
        {"Effect": "Allow", "Action": [], "Resource": "*"},
        {"Effect": "Allow", "Action": [1], "Resource": "*"},
        {"Effect": "Allow", "NotAction": "*", "Resource": "*"},
        {"Effect": "Allow", "Action": "*", "NotResource": "*"},
        allow(Condition={"Bool": {"iot:ConnectAttributes": "true"}}),
        allow(Condition={"ForSomeValues:StringEquals": {"iot:ConnectAttributes": "LastWill"}}),
        allow(Condition={"StringEquals": {"iot:SourceIp": "127.0.0.1"}}),
        allow(Condition={"StringEquals": []}),
        allow(Condition=[]),
        "Allow",
        None,
    ],
    ids=str,
)
def test_what_cannot_be_evaluated_is_refused(statement: Any) -> None:
    with pytest.raises(PolicyError):
        policy(statement)


@pytest.mark.parametrize("document", ["{", "[]", [], 1, None, "1"])
def test_what_is_no_document_is_refused(document: Any) -> None:
    with pytest.raises(PolicyError):
        read_policy([document], client_id="x", prefix=ARN)


def test_compact_json_counts_no_white_space() -> None:
    assert compact_json('{ "a" : [ 1 ] }') == compact_json({"a": [1]}) == '{"a":[1]}'


@given(st.text("ab*?/", max_size=6), st.text("ab/", max_size=6))
def test_wildcards_agree_with_a_slow_reading(pattern: str, topic: str) -> None:
    def covers(wanted: str, text: str) -> bool:
        if not wanted:
            return not text
        if wanted[0] == "*":
            return any(covers(wanted[1:], text[cut:]) for cut in range(len(text) + 1))
        return bool(text) and wanted[0] in ("?", text[0]) and covers(wanted[1:], text[1:])

    granted = policy(allow("iot:Receive", resource=f"{ARN}topic/{pattern}"))
    assert granted.may_receive(topic) is covers(pattern, topic)


def test_decisions_are_remembered_but_bounded() -> None:
    granted = policy(allow("iot:Receive", resource=f"{ARN}topic/*7"))
    for number in [*range(10_000), *range(10_000)]:
        assert granted.may_receive(str(number)) is (number % 10 == 7)
    assert len(granted._decisions) <= 4096
