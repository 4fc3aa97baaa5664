"""Topic matching against a plain reading of the rules, and the index against matching."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.local.broker.topics import SubscriptionIndex, matches, valid_filter, valid_topic

# Few names, so that filters and topics often meet.
names = st.sampled_from(["", "a", "b", "$sys"])
topics = st.lists(names, min_size=1, max_size=5).map("/".join).filter(bool)
filters = st.builds(
    lambda parts, tail: "/".join([*parts, *tail]),
    st.lists(st.one_of(names, st.just("+")), max_size=4),
    st.sampled_from([[], ["#"]]),
).filter(bool)


def reference(wanted: list[str], levels: list[str], *, parent: bool) -> bool:
    """Matching as the specification tells it, one level at a time."""
    if wanted == ["#"]:
        return bool(levels) or parent
    if not wanted or not levels:
        return not wanted and not levels
    return wanted[0] in ("+", levels[0]) and reference(wanted[1:], levels[1:], parent=parent)


def expected(topic_filter: str, topic: str, *, parent: bool) -> bool:
    if topic.startswith("$") and topic_filter[0] in "+#":
        return False
    return reference(topic_filter.split("/"), topic.split("/"), parent=parent)


@given(filters, topics, st.booleans())
def test_matching_agrees_with_the_specification(topic_filter: str, topic: str, parent: bool) -> None:
    assert valid_filter(topic_filter)
    wanted = expected(topic_filter, topic, parent=parent)
    assert matches(topic_filter, topic, hash_matches_parent=parent) is wanted


@given(
    st.lists(st.tuples(st.sampled_from("xyz"), filters, st.integers(0, 1)), max_size=12),
    st.sets(st.integers(0, 11)),
    topics,
    st.booleans(),
)
def test_the_index_agrees_with_matching(
    added: list[tuple[str, str, int]], removed: set[int], topic: str, parent: bool
) -> None:
    index = SubscriptionIndex(hash_matches_parent=parent)
    held: dict[tuple[str, str], int] = {}
    for client_id, topic_filter, qos in added:
        index.add(topic_filter, client_id, qos)
        held[client_id, topic_filter] = qos
    for number in removed:
        if number < len(added) and held.pop(added[number][:2], None) is not None:
            index.remove(added[number][1], added[number][0])
    wanted: dict[str, int] = {}
    for (client_id, topic_filter), qos in held.items():
        if matches(topic_filter, topic, hash_matches_parent=parent):
            wanted[client_id] = max(qos, wanted.get(client_id, 0))

    assert index.subscribers(topic) == wanted
    for client_id, topic_filter in held:
        index.remove(topic_filter, client_id)
    assert index._root.children == {}


@pytest.mark.parametrize(
    ("topic_filter", "topic", "matched"),
    [
        ("sensor/#", "sensor/", True),
        ("sensor/#", "sensor/temperature/room1", True),
        ("sensor/#", "sensor", False),
        ("#", "a", True),
        ("#", "$aws/events", False),
        ("+/events", "$aws/events", False),
        ("$aws/#", "$aws/events", True),
        ("$aws/+/x", "$aws/events/x", True),
        ("/+", "/a", True),
        ("+", "/a", False),
        ("+/+", "/a", True),
        ("a/+/c", "a//c", True),
        ("a/+", "a/b/c", False),
        ("A", "a", False),
    ],
)
def test_iot_cores_examples(topic_filter: str, topic: str, matched: bool) -> None:
    assert matches(topic_filter, topic) is matched


def test_mqtts_hash_matches_the_parent() -> None:
    assert matches("sensor/#", "sensor", hash_matches_parent=True)
    assert matches("+/#", "sensor", hash_matches_parent=True)
    assert not matches("sensor/+/#", "sensor", hash_matches_parent=True)


@pytest.mark.parametrize("invalid", ["", "a#", "#/a", "a/#/b", "a+", "+a/b", "a/b+", "##", "++", "a\0"])
def test_invalid_filters(invalid: str) -> None:
    assert not valid_filter(invalid)


@pytest.mark.parametrize("invalid", ["", "a/+", "#", "a\0"])
def test_invalid_topics(invalid: str) -> None:
    assert not valid_topic(invalid)
    assert valid_topic("/a b/ü/$x")
