"""A local stand-in for AWS IoT Core: MQTT 3.1.1 with custom authorizer, policies, lifecycle events, topic
rules, and the HTTP data plane. Never shipped to Lambda.

`server` starts it, `hub` holds its state and routes; a connection is a `link` (its bytes) and a `client`
(their meaning). `limits` is the one table of what IoT Core allows.
"""

from __future__ import annotations

from infra.local.broker.limits import AWS, LENIENT, Limits
from infra.local.broker.rules import RuleError, TopicRule, load_rules
from infra.local.broker.server import Broker

__all__ = ["AWS", "LENIENT", "Broker", "Limits", "RuleError", "TopicRule", "load_rules"]
