"""The last retained message of each topic."""

from __future__ import annotations

from collections.abc import Iterator

from infra.local.broker.session import Message
from infra.local.broker.topics import is_wildcard, matches


class RetainedMessages:
    """Kept in memory: a local broker starts without them."""

    def __init__(self) -> None:
        self._messages: dict[str, tuple[Message, int]] = {}

    def store(self, message: Message, now_ms: int) -> None:
        """Keep the message, or forget the topic's when the payload is empty."""
        if message.payload:
            self._messages[message.topic] = (message, now_ms)
        else:
            self._messages.pop(message.topic, None)

    def get(self, topic: str) -> tuple[Message, int] | None:
        """The topic's message and when it was stored, in milliseconds."""
        return self._messages.get(topic)

    def topics(self) -> list[str]:
        """All topics with a retained message, sorted."""
        return sorted(self._messages)

    def matching(self, topic_filter: str, *, wildcards: bool, hash_matches_parent: bool) -> Iterator[Message]:
        """What a new subscription gets; IoT Core gives wildcard filters nothing (`wildcards` false)."""
        if not is_wildcard(topic_filter):
            found = self._messages.get(topic_filter)
            if found is not None:
                yield found[0]
        elif wildcards:
            for topic, (message, _) in list(self._messages.items()):
                if matches(topic_filter, topic, hash_matches_parent=hash_matches_parent):
                    yield message
