"""Callbacks: what is sent to an app's URL, and the queues it waits in.

`callbacks.fifo` holds first attempts, in order for each device and subscription;
`callback-retries` what failed or whose target is slow or down; `callback-dlq` what was given up,
with the reason. A message there that is moved back to the retries is tried once more. `forwarded.fifo`
holds what rules forward to no URL; the operator reads it.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from .. import metrics
from ..aws import addresses, queues
from ..aws.queues import Message
from . import clock
from .errors import CallbackRefused

FIRST = "callbacks.fifo"
RETRIES = "callback-retries"
GIVEN_UP = "callback-dlq"
FORWARDED = "forwarded.fifo"
MOST_BYTES = 256 * 1024  # of a message, and of all messages of one call
RESOLVE_WITHIN = 4.0  # s, while an app waits for its subscription
NO_BODY = msgspec.Raw(b"null")


class Notification(msgspec.Struct, frozen=True):
    """What a dialect makes of an event. `body` is JSON text; `url` where it needs no subscription;
    `product` where forwarding rules of that product, not subscriptions, say who is told.
    """

    notify_type: str
    body: bytes
    url: str | None = None
    product: str | None = None


class Delivery(msgspec.Struct, frozen=True, omit_defaults=True):
    """One notification on its way to one URL.

    `id` stays the same over all tries. `subscription` is empty where the URL came with a command.
    `rule` is the forwarding rule it is made for: where it goes is what that says by then.
    `maker` is the application whose URL it is, where that acts for the owner. `tries` were made; `late`
    ones are no longer in order. `queued` in ms; `reason` of the last failure.
    """

    id: str
    owner: str
    source: str
    dialect: str
    notify_type: str
    url: str
    queued: int
    body: msgspec.Raw
    subscription: str = ""
    maker: str = ""
    rule: str = ""
    tries: int = 0
    late: bool = False
    reason: str = ""


def check_url(url: str, field: str = "callbackUrl") -> None:
    """Whether callbacks may be sent there: http or https, an explicit port, a public host that resolves.

    `field` names the URL where it is refused. Raises CallbackRefused. Source: Huawei 1.7.1, 1.9.1
    """
    try:
        addresses.addresses(addresses.endpoint(url), RESOLVE_WITHIN)
    except addresses.Refused as refused:
        raise CallbackRefused(f"{field} {refused}") from None


def read(text: str) -> Delivery:
    """Raises msgspec.DecodeError or ValidationError."""
    return msgspec.json.decode(text, type=Delivery)


def queue(deliveries: Iterable[Delivery]) -> None:
    """Put first attempts. The same delivery put again within five minutes is taken once."""
    fitting: list[Message] = []
    for delivery in deliveries:
        text = msgspec.json.encode(delivery).decode()
        if _size(text) > MOST_BYTES:
            give_up([(delivery, "the notification is too large for a queue")])
            continue
        line = delivery.subscription or delivery.rule or _digest(delivery.url)
        fitting.append(_in_order(delivery, text, line))
    _send(FIRST, fitting)


def forward(deliveries: Iterable[Delivery]) -> None:
    """Put what rules forward to the operator: the body, with the ids of rule and event.

    In order for each device and rule; the same put again within five minutes is taken once.
    """
    fitting: list[Message] = []
    for delivery in deliveries:
        body = msgspec.json.decode(delivery.body, type=dict[str, msgspec.Raw])
        named = {"rule_id": delivery.rule, "event_id": delivery.id, **body}
        text = msgspec.json.encode(named).decode()
        if _size(text) > MOST_BYTES:
            give_up([(delivery, "the notification is too large for a queue")])
            continue
        fitting.append(_in_order(delivery, text, delivery.rule))
    _send(FORWARDED, fitting)


def again(deliveries: Iterable[tuple[Delivery, int]]) -> None:
    """Put deliveries that come later, each after its delay in s."""
    _send(RETRIES, [Message(msgspec.json.encode(one).decode(), delay) for one, delay in deliveries])


def give_up(deliveries: Sequence[tuple[Delivery, str]]) -> None:
    """Keep deliveries that will not be made where the operator finds them, with the reason."""
    messages = []
    for delivery, reason in deliveries:
        metrics.count("CallbackGivenUp")
        kept = msgspec.structs.replace(delivery, reason=reason)
        text = msgspec.json.encode(kept).decode()
        if _size(text) > MOST_BYTES:
            text = msgspec.json.encode(msgspec.structs.replace(kept, body=NO_BODY)).decode()
        messages.append(Message(text))
    _send(GIVEN_UP, messages)


def undeliverable(owner: str, source: str, event: str, reason: str) -> None:
    """Keep the name of an event that no notification could be made of."""
    give_up([(Delivery(event, owner, source, "", "", "", clock.now(), NO_BODY), reason)])


def _in_order(delivery: Delivery, text: str, line: str) -> Message:
    """One group for each device and `line`, and one name over all repetitions."""
    group = _digest(f"{delivery.source}|{line}")
    return Message(text, group=group, duplicate=f"{delivery.id}-{line}")


def _send(queue: str, messages: Sequence[Message]) -> None:
    for batch in _batches(messages):
        queues.send(queue, batch)


def _batches(messages: Sequence[Message]) -> Iterator[list[Message]]:
    """As few calls as the queue's bounds on number and size allow, in order."""
    batch: list[Message] = []
    total = 0
    for message in messages:
        size = _size(message.body)
        if batch and (len(batch) == queues.BATCH or total + size > MOST_BYTES):
            yield batch
            batch, total = [], 0
        batch.append(message)
        total += size
    if batch:
        yield batch


def _size(text: str) -> int:
    return len(text.encode())


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
