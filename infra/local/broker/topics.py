"""Topic names and topic filters: what is valid, what matches, and an index of subscriptions."""

from __future__ import annotations

from collections.abc import Iterator

WILDCARDS = frozenset("+#")


def is_wildcard(topic_filter: str) -> bool:
    """Whether a valid filter matches more than the one topic it spells."""
    return not WILDCARDS.isdisjoint(topic_filter)


def valid_topic(topic: str) -> bool:
    """Whether a PUBLISH may name it: not empty, no wildcard, no NUL."""
    return bool(topic) and not is_wildcard(topic) and "\0" not in topic


def valid_filter(topic_filter: str) -> bool:
    """Whether `+` and `#` stand alone in their level and `#` only in the last."""
    if not topic_filter or "\0" in topic_filter:
        return False
    levels = topic_filter.split("/")
    for index, level in enumerate(levels):
        if len(level) > 1 and is_wildcard(level):
            return False
        if level == "#" and index != len(levels) - 1:
            return False
    return True


def matches(topic_filter: str, topic: str, *, hash_matches_parent: bool = False) -> bool:
    """Whether a valid filter matches a topic.

    A wildcard in the first level never matches a topic that starts with `$`. IoT Core differs from
    MQTT in that `a/#` does not match `a`; `hash_matches_parent` gives MQTT's meaning.
    """
    if topic.startswith("$") and topic_filter[:1] in WILDCARDS:
        return False
    wanted = topic_filter.split("/")
    levels = topic.split("/")
    if wanted[-1] == "#":
        head = wanted[:-1]
        enough = len(levels) >= len(head) if hash_matches_parent else len(levels) > len(head)
        return enough and _levels_match(head, levels)
    return len(wanted) == len(levels) and _levels_match(wanted, levels)


def _levels_match(wanted: list[str], levels: list[str]) -> bool:
    return all(want in ("+", level) for want, level in zip(wanted, levels, strict=False))


class _Node:
    __slots__ = ("children", "here")

    def __init__(self) -> None:
        self.children: dict[str, _Node] = {}
        self.here: dict[str, int] = {}


class SubscriptionIndex:
    """Who subscribed to what, looked up by topic in the number of its levels, not of its subscribers."""

    def __init__(self, *, hash_matches_parent: bool) -> None:
        self._root = _Node()
        self._hash_matches_parent = hash_matches_parent

    def add(self, topic_filter: str, client_id: str, qos: int) -> None:
        """Subscribe, or change the QoS of a subscription."""
        node = self._root
        for level in topic_filter.split("/"):
            node = node.children.setdefault(level, _Node())
        node.here[client_id] = qos

    def remove(self, topic_filter: str, client_id: str) -> None:
        """Unsubscribe; the branch goes with its last subscriber, so churn leaves nothing behind."""
        path = [self._root]
        levels = topic_filter.split("/")
        for level in levels:
            path.append(path[-1].children[level])
        del path[-1].here[client_id]
        for parent, level, node in zip(path[-2::-1], levels[::-1], path[:0:-1], strict=True):
            if node.children or node.here:
                return
            del parent.children[level]

    def subscribers(self, topic: str) -> dict[str, int]:
        """Client id to the highest QoS of its matching subscriptions: one delivery each."""
        found: dict[str, int] = {}
        for node in self._matching(topic.split("/"), reserved=topic.startswith("$")):
            for client_id, qos in node.here.items():
                if qos > found.get(client_id, -1):
                    found[client_id] = qos
        return found

    def _matching(self, levels: list[str], *, reserved: bool) -> Iterator[_Node]:
        nodes = [self._root]
        for index, level in enumerate(levels):
            following: list[_Node] = []
            for node in nodes:
                children = node.children
                if level in children:
                    following.append(children[level])
                if index == 0 and reserved:
                    continue
                if "+" in children:
                    following.append(children["+"])
                if "#" in children:
                    yield children["#"]
            nodes = following
        for node in nodes:
            if self._hash_matches_parent and "#" in node.children:
                yield node.children["#"]
            yield node
