"""Limits applied to topics, filters and messages: each answers what is wrong, or None."""

from __future__ import annotations

from infra.local.broker.limits import Limits

_READABLE_RESERVED = "$aws/"


def topic_problem(limits: Limits, topic: str) -> str | None:
    """Length and depth of a topic or a topic filter."""
    size = len(topic.encode())
    if size > limits.topic_bytes:
        return f"topic of {size} bytes, at most {limits.topic_bytes}"
    slashes = topic.count("/")
    if slashes > limits.topic_slashes:
        return f"topic with {slashes} slashes, at most {limits.topic_slashes}: {topic!r}"
    return None


def publish_problem(limits: Limits, topic: str, payload: bytes, qos: int) -> str | None:
    """What IoT Core refuses in a publish or a will before it asks the policy."""
    if qos > limits.publish_qos:
        return f"at QoS {qos}, at most {limits.publish_qos}"
    if limits.reserved_topics and topic.startswith("$"):
        return f"on the reserved topic {topic!r}"
    if len(payload) > limits.message_bytes:
        return f"of {len(payload)} bytes, at most {limits.message_bytes}"
    return topic_problem(limits, topic)


def filter_problem(limits: Limits, topic_filter: str) -> str | None:
    """What IoT Core refuses in a subscription before it asks the policy."""
    reserved = topic_filter.startswith("$") and not topic_filter.startswith(_READABLE_RESERVED)
    if limits.reserved_topics and reserved:
        return "a reserved topic"
    return topic_problem(limits, topic_filter)


def client_id_problem(limits: Limits, client_id: str, *, clean_session: bool) -> str | None:
    """What earns CONNACK 2."""
    if not client_id and not clean_session:
        return "no client id for a persistent session"
    if len(client_id.encode()) > limits.client_id_bytes:
        return f"client id longer than {limits.client_id_bytes} bytes"
    if client_id.startswith("$") and not limits.client_id_dollar:
        return "client id starts with $"
    return None
