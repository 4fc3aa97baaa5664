"""IoT policies as IoT Core evaluates them: default deny, explicit Deny wins, variables, connect attributes.

Supported: Effect, Action, Resource (both with `*` and `?`), the variable `${iot:ClientId}`, and conditions
with the operators of `_OPERATORS` on the keys of `_KEYS`. Anything else raises PolicyError when the policy
is read: a policy half understood would let the local cloud allow what AWS forbids.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

CONNECT = "iot:Connect"
PUBLISH = "iot:Publish"
RETAIN_PUBLISH = "iot:RetainPublish"
SUBSCRIBE = "iot:Subscribe"
RECEIVE = "iot:Receive"

PERSISTENT_CONNECT = "PersistentConnect"
LAST_WILL = "LastWill"

_CONNECT_ATTRIBUTES = "iot:ConnectAttributes"
_CLIENT_ID = "iot:ClientId"
_KEYS = {key.lower(): key for key in (_CONNECT_ATTRIBUTES, _CLIENT_ID)}
_STATEMENT_FIELDS = frozenset({"Sid", "Effect", "Action", "Resource", "Condition"})
_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_MAX_CACHED_DECISIONS = 4096

_Values = tuple[str, ...]
_Attributes = Mapping[str, _Values]


class PolicyError(Exception):
    """The authorizer answered a policy this broker cannot evaluate."""


@dataclass(frozen=True, slots=True)
class _Condition:
    quantifier: str
    operator: str
    key: str
    values: _Values

    def holds(self, attributes: _Attributes) -> bool:
        present = attributes[self.key]
        compare = _OPERATORS[self.operator]
        outcomes = [compare(value, self.values) for value in present]
        # IAM: without a quantifier a positive operator needs one match, a negated one needs no match.
        if self.quantifier == "ForAllValues" or (not self.quantifier and "Not" in self.operator):
            return all(outcomes)
        return any(outcomes)


@dataclass(frozen=True, slots=True)
class _Statement:
    allow: bool
    actions: _Values
    resources: _Values
    conditions: tuple[_Condition, ...]

    def applies(self, action: str, resource: str, attributes: _Attributes) -> bool:
        return (
            any(_pattern(pattern.lower()).fullmatch(action.lower()) for pattern in self.actions)
            and any(self._covers(pattern, resource, attributes) for pattern in self.resources)
            and all(condition.holds(attributes) for condition in self.conditions)
        )

    @staticmethod
    def _covers(pattern: str, resource: str, attributes: _Attributes) -> bool:
        compiled = _resource_pattern(pattern, attributes[_CLIENT_ID][0])
        return compiled is not None and compiled.fullmatch(resource) is not None


@dataclass(slots=True)
class Policy:
    """The rights of one connection. `prefix` is `arn:aws:iot:<region>:<account>:`."""

    statements: tuple[_Statement, ...]
    client_id: str
    prefix: str
    _decisions: dict[tuple[str, str], bool] = field(default_factory=dict)

    def may_connect(self, attributes: Iterable[str]) -> bool:
        """Whether the client may connect with these connect attributes."""
        return self._decide(CONNECT, f"{self.prefix}client/{self.client_id}", tuple(attributes))

    def may_publish(self, topic: str, *, retain: bool) -> bool:
        """Whether it may publish there; a retained message needs a second right."""
        return self._topic(PUBLISH, topic) and (not retain or self._topic(RETAIN_PUBLISH, topic))

    def may_receive(self, topic: str) -> bool:
        """Whether messages of this topic may be delivered to it."""
        return self._topic(RECEIVE, topic)

    def may_subscribe(self, topic_filter: str) -> bool:
        """Whether it may use this filter; its wildcards are plain characters to the policy."""
        return self._decide(SUBSCRIBE, f"{self.prefix}topicfilter/{topic_filter}", ())

    def _topic(self, action: str, topic: str) -> bool:
        key = (action, topic)
        decision = self._decisions.get(key)
        if decision is None:
            if len(self._decisions) >= _MAX_CACHED_DECISIONS:
                self._decisions.clear()
            decision = self._decide(action, f"{self.prefix}topic/{topic}", ())
            self._decisions[key] = decision
        return decision

    def _decide(self, action: str, resource: str, connect_attributes: _Values) -> bool:
        attributes = {_CLIENT_ID: (self.client_id,), _CONNECT_ATTRIBUTES: connect_attributes}
        allowed = False
        for statement in self.statements:
            if statement.applies(action, resource, attributes):
                if not statement.allow:
                    return False
                allowed = True
        return allowed


def read_policy(documents: Iterable[object], *, client_id: str, prefix: str) -> Policy:
    """The policy of the authorizer's `policyDocuments`, each an object or its JSON. Raises PolicyError."""
    statements = tuple(statement for document in documents for statement in _statements(document))
    return Policy(statements, client_id, prefix)


def compact_json(document: object) -> str:
    """The document without white space: what AWS counts against its length. Raises PolicyError."""
    return json.dumps(_loaded(document), separators=(",", ":"))


def _loaded(document: object) -> Mapping[str, Any]:
    if isinstance(document, str):
        try:
            document = json.loads(document)
        except ValueError as error:
            raise PolicyError(f"a policy document is not JSON: {error}") from error
    if not isinstance(document, Mapping):
        raise PolicyError("a policy document is not an object")
    return document


def _statements(document: object) -> list[_Statement]:
    raw = _loaded(document).get("Statement")
    listed = raw if isinstance(raw, list) else [raw]
    return [_statement(item) for item in listed]


def _statement(raw: object) -> _Statement:
    if not isinstance(raw, Mapping):
        raise PolicyError("a policy statement is not an object")
    unknown = sorted(set(raw) - _STATEMENT_FIELDS)
    if unknown:
        raise PolicyError(f"policy statement fields not supported: {', '.join(unknown)}")
    if raw.get("Effect") not in ("Allow", "Deny"):
        raise PolicyError(f"policy Effect {raw.get('Effect')!r} is neither Allow nor Deny")
    return _Statement(
        allow=raw["Effect"] == "Allow",
        actions=_strings(raw.get("Action"), "Action"),
        resources=_strings(raw.get("Resource"), "Resource"),
        conditions=tuple(_conditions(raw.get("Condition", {}))),
    )


def _conditions(raw: object) -> Iterable[_Condition]:
    if not isinstance(raw, Mapping):
        raise PolicyError("a policy Condition is not an object")
    for operator, keys in raw.items():
        quantifier, _, name = operator.rpartition(":")
        if quantifier not in ("", "ForAllValues", "ForAnyValue") or name not in _OPERATORS:
            raise PolicyError(f"policy condition operator {operator!r} is not supported")
        if not isinstance(keys, Mapping):
            raise PolicyError(f"policy condition {operator!r} is not an object")
        for key, values in keys.items():
            if key.lower() not in _KEYS:
                raise PolicyError(f"policy condition key {key!r} is not supported")
            yield _Condition(quantifier, name, _KEYS[key.lower()], _strings(values, key))


def _strings(raw: object, name: str) -> _Values:
    listed = raw if isinstance(raw, list) else [raw]
    if not listed or not all(isinstance(item, str) for item in listed):
        raise PolicyError(f"policy {name} is not a string or a list of strings")
    return tuple(listed)


def _equals(value: str, allowed: _Values) -> bool:
    return value in allowed


def _like(value: str, allowed: _Values) -> bool:
    return any(_pattern(pattern).fullmatch(value) for pattern in allowed)


_OPERATORS: dict[str, Callable[[str, _Values], bool]] = {
    "StringEquals": _equals,
    "StringNotEquals": lambda value, allowed: not _equals(value, allowed),
    "StringLike": _like,
    "StringNotLike": lambda value, allowed: not _like(value, allowed),
}


@lru_cache(maxsize=4096)
def _pattern(pattern: str) -> re.Pattern[str]:
    return re.compile(_wildcards(pattern), re.DOTALL)


def _wildcards(text: str) -> str:
    return "".join({"*": ".*", "?": "."}.get(character) or re.escape(character) for character in text)


@lru_cache(maxsize=4096)
def _resource_pattern(pattern: str, client_id: str) -> re.Pattern[str] | None:
    """None when the pattern holds a variable without a value: IoT Core then matches nothing.

    A variable's value is matched literally, so a client id with `*` in it widens no policy.
    """
    # IAM's own escapes for the three characters that are otherwise special.
    known = {_CLIENT_ID.lower(): client_id, "*": "*", "?": "?", "$": "$"}
    pieces: list[str] = []
    position = 0
    for variable in _VARIABLE.finditer(pattern):
        value = known.get(variable[1].lower())
        if value is None:
            return None
        pieces += _wildcards(pattern[position : variable.start()]), re.escape(value)
        position = variable.end()
    pieces.append(_wildcards(pattern[position:]))
    return re.compile("".join(pieces), re.DOTALL)
